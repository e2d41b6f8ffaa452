"""Faults on demand: those that are set, and what they do to a call."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

from cdi_sandbox.api.call import Call
from cdi_sandbox.api.fault import FOR_THE_ENDPOINT, Fault, read_fault
from cdi_sandbox.api.json import Json


@dataclass(slots=True)
class InjectedFaults:
    """All that the faults do to one call.

    :param ending: the fault that decides how the call ends (``answer``, ``reset``, ``cut``, ``truncate``).
    :param wait: seconds before the answer.
    :param refused: identifier -> error type.
    :param inner: what the endpoint itself must let happen.
    """

    ending: Fault | None = None
    wait: float = 0.0
    refused: dict[str, str] = field(default_factory=dict)
    storage_full: bool = False
    inner: list[Fault] = field(default_factory=list)


class Faults:
    """The faults that are set."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._numbers = count(1)

    def add(self, wanted: Json) -> Fault:
        """Set one fault.

        :param wanted: its kind, selectors and details, as JSON has them.
        :raises ValueError: when it is no fault; the text says why.
        """
        fault = read_fault(wanted, next(self._numbers))
        self._faults.append(fault)
        return fault

    def remove(self, number: int) -> bool:
        """Take one fault back; False when there is none of this number."""
        before = len(self._faults)
        self._faults = [fault for fault in self._faults if fault.number != number]
        return len(self._faults) < before

    def clear(self) -> None:
        """Take all faults back."""
        self._faults = []

    def shown(self) -> list[Json]:
        """Show all faults with their counts."""
        return [fault.shown() for fault in self._faults]

    def inject(self, call: Call) -> InjectedFaults:
        """Say what happens to a call. Every matching fault counts it; the first ending wins."""
        injected = InjectedFaults()
        for fault in self._faults:
            if fault.matches(call.method, call.path, call.route, call.identifiers) and fault.hits():
                _add_to(injected, fault)
        return injected


def _add_to(injected: InjectedFaults, fault: Fault) -> None:
    if fault.kind == "delay":
        injected.wait += fault.details["seconds"]
    elif fault.kind == "refuse":
        injected.refused |= dict.fromkeys(fault.identifiers, fault.details["error"])
    elif fault.kind == "storage_full":
        injected.storage_full = True
    elif fault.kind in FOR_THE_ENDPOINT:
        injected.inner.append(fault)
    elif injected.ending is None:
        injected.ending = fault
