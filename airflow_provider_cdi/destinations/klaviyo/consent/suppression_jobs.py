"""Waiting for a job of suppressions: from its counts to the outcome of each address.

A job says how many addresses it skipped, and not which. Where it skipped any, Klaviyo is asked how all of them stand.
An address that is not as wanted is a reject. The others are as wanted; as many of them as the job skipped without need
are counted as passed over. Which of them those are cannot be known, and makes no difference: the counts are exact, and
rows that are passed over are listed nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from airflow_provider_cdi.destinations.klaviyo.consent.guard import suppression_reasons
from airflow_provider_cdi.destinations.klaviyo.consent.lookups import CONSENT_QUERY
from airflow_provider_cdi.destinations.klaviyo.endpoints import Endpoint
from airflow_provider_cdi.destinations.klaviyo.identifiers import PersonRecord
from airflow_provider_cdi.destinations.klaviyo.responses.job_watch import JobWatch
from airflow_provider_cdi.destinations.klaviyo.responses.profile_questions import Found, ProfileQuestions
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.verdicts import Completed, FollowUp, Unattributed, Verdict

#: The only reason that these jobs give and take: Klaviyo leaves the others alone.
_BY_HAND = "USER_SUPPRESSED"
#: Looks at the addresses, and seconds between two, until what the job did shows in the profiles.
_LOOKS, _BETWEEN_LOOKS = 4, 10.0

_SKIPPED = Rejection("klaviyo_suppression_skipped", "Klaviyo: the job skipped the address, and it is not done.")

_NOT_SHOWN = "Klaviyo: a job of suppressions has done more than its addresses show"


class Goal(NamedTuple):
    """How an address should stand in the end.

    :param held: why an address that stood so before is passed over.
    """

    is_suppressed: bool
    held: str


class SuppressionJob(JobWatch):
    """One job that is asked for until it has ended.

    :param name: Klaviyo's id of it.
    :param records: what it works on.
    :param endpoint: where it is asked for.
    :param most_ids: addresses that one lookup asks about.
    :param when_gone: what to do when Klaviyo does not know the job any more.
    """

    def __init__(
        self,
        name: str,
        records: Sequence[Record],
        *,
        endpoint: Endpoint,
        goal: Goal,
        most_ids: int,
        when_gone: Callable[[], FollowUp],
    ) -> None:
        super().__init__(name, len(records), endpoint, when_gone)
        self._people = [_person(record) for record in records]
        self._goal = goal
        self._most_ids = most_ids
        self._looks = 0

    def _completed(self, state: Mapping[str, Any]) -> Verdict:
        skipped = state.get("skipped_count")
        if skipped == 0:
            return self._settled(state, "skipped_count")
        return self._look(skipped if isinstance(skipped, int) else None)

    def _look(self, skipped: int | None) -> Verdict:
        """Look how the addresses stand.

        :param skipped: how many of them the job skipped; None when it did not say.
        """
        self._looks += 1

        def settle(found: Found) -> Verdict:
            return self._settle(found, skipped)

        people = dict(enumerate(self._people))
        return ProfileQuestions("email", people, query=CONSENT_QUERY, most=self._most_ids, then=settle).next()

    def _settle(self, found: Found, skipped: int | None) -> Verdict:
        undone = [place for place in range(len(self._people)) if not self._is_done(found, place)]
        if skipped is not None and len(undone) > skipped:
            return self._look_again(skipped)
        done = sorted(set(range(len(self._people))).difference(undone))
        needless = 0 if skipped is None else skipped - len(undone)
        passed_over = done[len(done) - min(needless, len(done)) :]
        return Completed(dict.fromkeys(undone, _SKIPPED), dict.fromkeys(passed_over, self._goal.held))

    def _look_again(self, skipped: int) -> Verdict:
        """Wait for what the job says that it has done to show."""
        if self._looks >= _LOOKS:
            return Unattributed(remarks={_NOT_SHOWN: 1})
        verdict = self._look(skipped)
        if not isinstance(verdict, FollowUp):
            raise TypeError("a job has addresses")
        return FollowUp(verdict.request, verdict.read, _BETWEEN_LOOKS)

    def _is_done(self, found: Found, place: int) -> bool:
        if place in found.refused:
            return False
        reasons = [suppression_reasons(profile) for profile in found.profiles.get(place, ())]
        if not self._goal.is_suppressed:
            return not any(_BY_HAND in each for each in reasons)
        return bool(reasons) and all(_BY_HAND in each for each in reasons)


def _person(record: Record) -> PersonRecord:
    if not isinstance(record, PersonRecord):
        raise TypeError("only addresses of this destination are suppressed")
    return record
