"""A request as the endpoints see it, and what they give back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cdi_sandbox.http.faults import Fault
    from cdi_sandbox.world import World

Json = Any  # What orjson returns: the sandbox trusts no shape of it.


@dataclass(slots=True)
class Call:
    """One request.

    :param body: the parsed body; None when there is none.
    :param problem: why the body could not be read: ``syntax``, or ``size`` with only the size known.
    :param identifiers: whose object it is, one entry an object in the order of the request
        (``external_id:c-1``, ``user_alias:<label>:<name>``, ``id:s-1``); None where an object has none.
    :param refused: identifier -> error, from a fault that refuses single objects.
    :param storage_full: a fault says that the catalogs have no space left.
    :param struck: the other faults that the endpoint itself must let happen.
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
    struck: Sequence[Fault] = ()
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


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One call of the API.

    :param permission: what a key needs for it; several permissions are apart by spaces.
    :param pool: the rate limit it counts to.
    :param handle: checks the request and says what it does.
    :param objects: takes the objects out of a body, with their identifiers, for the counts.
    :param max_bytes: largest body (Braze: 4 MB).
    :param oversize: the answer to a larger one.
    :param has_body: whether it must come with JSON.
    :param read: takes a body as what it means, where that is not what it says.
    """

    method: str
    path: str
    permission: str
    pool: str
    handle: Callable[[World, Call], Reply]
    objects: Callable[[Json], tuple[list[Json], list[str | None]]] | None = None
    max_bytes: int = 4 * 1024 * 1024
    oversize: tuple[int, str] = (413, "Request Entity Too Large")
    has_body: bool = True
    read: Callable[[Json], Json] | None = None
