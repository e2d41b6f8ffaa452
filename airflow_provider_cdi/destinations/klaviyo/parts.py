"""A conversation about a part of a batch: its verdict, told for the whole batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from airflow_provider_cdi.engine.ports import Answer, Ask, Refused, Settled, Unattributed, Verdict
from airflow_provider_cdi.engine.records import Rejection


def verdict_of_part(
    verdict: Verdict,
    places: Sequence[int],
    *,
    skipped: Mapping[int, str],
    rejected: Mapping[int, Rejection],
) -> Verdict:
    """Say what a verdict about some records of a batch means for the batch.

    :param verdict: about the part, whose places count from 0.
    :param places: the part's places in the batch.
    :param skipped: the outcome of the batch's other records, by place,
    :param rejected: and of these.
    """
    if isinstance(verdict, Ask):
        read = verdict.read

        def read_on(answer: Answer) -> Verdict:
            return verdict_of_part(read(answer), places, skipped=skipped, rejected=rejected)

        return Ask(verdict.request, read_on, verdict.wait, verdict.job)
    if isinstance(verdict, Settled):
        return Settled(
            {**rejected, **_moved(verdict.rejected, places)},
            {**skipped, **{places[place]: reason for place, reason in verdict.skipped.items()}},
        )
    if isinstance(verdict, Unattributed) and len(places) == 1:
        return Settled({**rejected, places[0]: verdict.rejection}, skipped)
    if isinstance(verdict, Refused) and verdict.named:
        return Refused(verdict.rejection, {**rejected, **_moved(verdict.named, places)})
    return verdict


def _moved(rejected: Mapping[int, Rejection], places: Sequence[int]) -> dict[int, Rejection]:
    return {places[place]: rejection for place, rejection in rejected.items()}
