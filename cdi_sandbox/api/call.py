"""A request as the endpoints see it, and what they give back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cdi_sandbox.api.fault import Fault
from cdi_sandbox.api.json import Json


@dataclass(slots=True)
class Call:
    """One request.

    :param body: the parsed body; None when there is none.
    :param problem: why the body could not be read: ``syntax``, or ``size`` with only the size known.
    :param identifiers: whose object it is, one entry an object in the order of the request
        (``external_id:c-1``, ``user_alias:<label>:<name>``, ``id:s-1``); None where an object has none.
    :param refused: identifier -> error, from a fault that refuses single objects.
    :param storage_full: a fault says that the catalogs have no space left.
    :param injected: the other injected faults, which the endpoint itself must let happen.
    :param route: the path with names in braces, where there is an endpoint of it.
    :param counted_as: what it is counted under: its path, or the route where paths carry ids of the sandbox.
    :param revision: of the API that answers; only Klaviyo has any.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    params: Mapping[str, str]
    query: str
    raw: bytes
    size: int
    body: Json = None
    problem: str = ""
    identifiers: list[str | None] = field(default_factory=list)
    objects: list[Json] = field(default_factory=list)
    refused: Mapping[str, str] = field(default_factory=dict)
    storage_full: bool = False
    injected: Sequence[Fault] = ()
    route: str = ""
    counted_as: str = ""
    revision: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """What an accepted request will do once it is applied. Plain JSON, so that it can wait on disk."""

    kind: str
    content: Json


@dataclass(slots=True)
class Reply:
    """One answer.

    :param body: sent as JSON; a string or bytes as they are.
    :param change: what the request does, when it was accepted.
    :param accepted: identifiers of the objects that were accepted.
    """

    status: int
    body: Json
    change: Change | None = None
    accepted: list[str | None] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)


def success(status: int, **fields: Json) -> Reply:
    """Build the answer of a call that has nothing more to say than how much it took."""
    return Reply(status, {**fields, "message": "success"})


def failure(status: int, message: str) -> Reply:
    """Build an answer that says in one sentence why a whole request is refused."""
    return Reply(status, {"message": message})
