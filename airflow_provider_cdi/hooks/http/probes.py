"""Finding out what a key may do: requests without effect, and what their answers say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from airflow_provider_cdi.engine.verdicts import Request, Response


@dataclass(frozen=True, slots=True)
class Probe:
    """A request without effect, whose answer tells whether a permission is there.

    :param permission: the vendor's name of it.
    :param purpose: what a sync needs it for.
    :param request: changes nothing, and asks for as little as can be.
    """

    permission: str
    purpose: str
    request: Request


class Standing(Enum):
    """What an answer says about the key and one permission."""

    GRANTED = "granted"
    DENIED = "denied"
    #: A dead key, a key of another place or, on some accounts, a missing permission.
    UNAUTHORIZED = "unauthorized"
    UNCLEAR = "unclear"
    #: Whoever answered, it was not the vendor's API.
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """One probe and what came of it."""

    probe: Probe
    answer: Response
    standing: Standing


def findings_of(
    probes: Iterable[Probe], call: Callable[[Request], Response], read: Callable[[Response], Standing]
) -> Iterator[ProbeResult]:
    """Send the probes one after the other; the last finding is a foreign one when somebody else answers.

    :param call: sends one request; may raise NoAnswer.
    :param read: tells what an answer says.
    """
    for probe in probes:
        answer = call(probe.request)
        finding = ProbeResult(probe, answer, read(answer))
        yield finding
        if finding.standing is Standing.FOREIGN:
            return


def listed(findings: Iterable[ProbeResult], *, with_status: bool = False) -> str:
    """Name the permissions, each with what needs it or with the status of its answer."""
    return ", ".join(
        f"{each.probe.permission} ({f'status {each.answer.status}' if with_status else each.probe.purpose})"
        for each in findings
    )
