"""Arguments that are checked: what can be known when the DAG is parsed then, the rest when the task starts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.transfers.arguments.checks import as_said, check_sync_arguments, known

if TYPE_CHECKING:
    from airflow.sdk.definitions.mappedoperator import OperatorPartial


class CheckedOperator(BaseOperator):
    """Refuses arguments that make no sense, of every sync and of its destination."""

    #: The arguments that say where the rows go.
    place_fields: ClassVar[tuple[str, ...]] = ()
    #: The data types whose rows count once more when they arrive once more.
    counted_data_types: ClassVar[frozenset[str]] = frozenset()
    #: Whose words the codes of its rejects are in: ``braze``, ``klaviyo`` or ``http``; empty for a destination of one's
    #: own, see :func:`~airflow_provider_cdi.destinations.cures.code_of`.
    vendor: ClassVar[str] = ""

    data_type: str
    source: str | None
    allow_repeats: bool
    is_dry_run: str | bool | None

    @classmethod
    @abstractmethod
    def check_own_arguments(cls, given: Mapping[str, Any]) -> None:
        """Refuse arguments of the destination that make no sense, or that do not go with the data type.

        :param given: name -> value, of all arguments; what is not known yet is left out.
        :raises ConfigurationError: it names the argument and what to give instead.
        """

    @classmethod
    def partial(cls, **given: Any) -> OperatorPartial:
        """Say what all instances of a mapped sync have in common, see :func:`~.assets.mapped_sync`."""
        cls._refuse_wrong(str(given.get("task_id")), known(given, cls._templated()))
        made: OperatorPartial = super().partial(**given)
        return made

    def check_arguments(self) -> None:
        """Refuse arguments that make no sense, when the DAG is parsed; templates are left to the start of the run.

        Each operator calls it at the end of its ``__init__``. What a mapped task is given is checked when it runs.
        """
        if not self.is_of_mapped_task:
            self._refuse_wrong(self.task_id, known(self._given(), self._templated()))

    @property
    def is_of_mapped_task(self) -> bool:
        """Whether the operator is one of the instances of a mapped task."""
        return bool(getattr(self, "_BaseOperator__from_mapped", False))

    def check_rendered(self) -> None:
        """Refuse arguments that make no sense, now that all are known."""
        for name in self.template_fields:
            setattr(self, name, as_said(getattr(self, name)))
        self._refuse_wrong(self.task_id, self._given())

    @classmethod
    def _templated(cls) -> set[str]:
        return {*cls.template_fields, "dry_run"}

    def _given(self) -> dict[str, Any]:
        # BaseOperator has a method of the name dry_run.
        return {**vars(self), "dry_run": self.is_dry_run}

    @classmethod
    def _refuse_wrong(cls, task_id: str, given: Mapping[str, Any]) -> None:
        try:
            cls.check_own_arguments(given)
            check_sync_arguments(given)
        except ConfigurationError as error:
            raise ConfigurationError(f"Task {task_id!r}: {error}") from None
