"""What a destination says of a sync: the connection, the place, the data type; the rest is the same for all."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from airflow_provider_cdi.engine.guards.delete_cap import DeleteCap
from airflow_provider_cdi.engine.guards.gates import Gates
from airflow_provider_cdi.engine.settings import DeliverySettings
from airflow_provider_cdi.transfers.runs.deferral import DeferrableSyncOperator

# A DAG file imports this module: what needs pyarrow or an HTTP library is imported when a task runs.
if TYPE_CHECKING:
    from airflow_provider_cdi.engine.ports import Destination
    from airflow_provider_cdi.hooks.http.hook import HttpHook
    from airflow_provider_cdi.hooks.http.transport import AiohttpTransport


class DestinationSide(DeferrableSyncOperator):
    """The part of a sync that knows where the rows go. One subclass per destination fills it in.

    It says :attr:`hook`, :meth:`make_destination` and
    :meth:`~airflow_provider_cdi.transfers.arguments.checked.CheckedOperator.check_own_arguments`, and changes of the
    rest what is different there.
    """

    #: How a sync delivers when the task does not say it.
    default_delivery: ClassVar[DeliverySettings] = DeliverySettings()
    #: Data types that delete: nobody may give their tasks another kind of run, unless the task says so, and how much
    #: one run may delete is capped.
    deleting_data_types: ClassVar[Sequence[str]] = ()
    delete_cap: DeleteCap | None = None
    max_rows: int | None = None
    max_share_of_source: float | None = None
    max_data_points: int | None = None
    max_new_profiles: int | None = None
    lock_run_choices: bool | None = None

    @property
    @abstractmethod
    def hook(self) -> HttpHook:
        """The connection. Made once: a subclass has a ``cached_property``."""

    @abstractmethod
    def make_destination(self, *, loads_history: bool) -> Destination:
        """Return the data type's contract, encoding and reading of answers.

        :param loads_history: whether the run reads rows of long ago (see :func:`.plan.loads_history`).
        """

    def destination_name(self) -> str:
        """Return where the rows go, without secrets; it is fixed for the life of a sync."""
        return self.hook.settings.base_url

    def counts_every_row(self) -> bool:
        """Return whether each row counts for itself, as an event does; else only the newest row of a key does."""
        return self.data_type in self.counted_data_types or self.data_type == "events"

    def prepare_destination(self, destination: Destination) -> None:
        """Ask what must be known before the first row is encoded; called when there are rows to send."""

    def make_transport(self) -> AiohttpTransport:
        """Return what sends requests, with as many connections as may be in flight."""
        return self.hook.transport(self.delivery.max_in_flight)

    def delivery_settings(self) -> DeliverySettings:
        """Return how to deliver; the pace is the task's own, else what the connection says."""
        settings = self.hook.settings
        return self.delivery.paced_by(settings.requests_per_second, settings.rate_share)

    @property
    def is_locked(self) -> bool:
        """Whether nobody may give a run another kind than the task's own; so it is for what deletes, by default."""
        return self._deletes if self.lock_run_choices is None else self.lock_run_choices

    def gates(self) -> Gates | None:
        """Return how much one run may send; None when that has no bound. What deletes always has one."""
        gates = Gates(
            max_rows=self.max_rows,
            max_share_of_source=self.max_share_of_source,
            max_data_points=self.max_data_points,
            max_new_profiles=self.max_new_profiles,
            delete_cap=(self.delete_cap or DeleteCap()) if self._deletes else None,
            may_pass=not self.is_locked,
        )
        return gates if gates.are_any else None

    @property
    def _deletes(self) -> bool:
        return self.data_type in self.deleting_data_types
