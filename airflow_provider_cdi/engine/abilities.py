"""What some destinations can besides: work on jobs, ask about people, count what is billed.

Each is a protocol of its own, which a destination satisfies or not; the engine asks for it with ``isinstance``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from airflow_provider_cdi.engine.rows.records import Record
from airflow_provider_cdi.engine.verdicts import FollowUp, Request, Verdict


@runtime_checkable
class JobDestination(Protocol):
    """A destination that works on requests later, as jobs."""

    def attach(self, job: str, records: Sequence[Record]) -> FollowUp:
        """Ask for a job that an earlier try has submitted for just these records."""
        ...


@runtime_checkable
class AskingDestination(Protocol):
    """A destination that may ask about people before it sends something about them."""

    def questions(self, records: Sequence[Record]) -> Sequence[Request]:
        """Return what it asks about them, as if each were known; none where it does not matter who is."""
        ...

    def request_to_known(self, records: Sequence[Record]) -> Request:
        """Join records into the request that follows when the answers speak against none of them."""
        ...


#: What Braze's older contracts bill, as destinations name it.
DATA_POINTS = "data_points"


@runtime_checkable
class CountedDestination(Protocol):
    """A destination whose vendor counts what is sent, for a bill or because it cannot be taken back."""

    @property
    def key_names(self) -> str:
        """What a record's key names, in the plural: ``people`` or ``items``."""
        ...

    def counted(self, records: Sequence[Record]) -> Mapping[str, int]:
        """Count what the records of one request do.

        :return: :data:`DATA_POINTS`, and what is taken away: a name such as ``users_deleted`` -> how many.
        """
        ...


@runtime_checkable
class KnowsPeople(Protocol):
    """A destination that can be asked which people it does not know yet."""

    @property
    def people_a_question(self) -> int:
        """About how many people one request asks, at best."""
        ...

    def ask_who_is_new(self, records: Sequence[Record]) -> Verdict:
        """Begin a conversation that changes nothing: whom would these records make, that is not there yet?

        :param records: as :meth:`~airflow_provider_cdi.engine.ports.Destination.encode` gave them; best each of another
            person.
        :return: the first question; the conversation ends with ``Completed``, of which ``skipped`` has the places of
            those who are new. It is that at once where none of the records can make anybody.
        """
        ...
