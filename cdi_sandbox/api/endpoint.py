"""What an API consists of: its endpoints, and what comes before them. Both act on the state of one vendor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from cdi_sandbox.api.call import Call, Reply
from cdi_sandbox.api.json import Json

State = TypeVar("State")


@dataclass(frozen=True, slots=True)
class Endpoint(Generic[State]):
    """One call of an API.

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
    handle: Callable[[State, Call], Reply]
    objects: Callable[[Json], tuple[list[Json], list[str | None]]] | None = None
    max_bytes: int = 4 * 1024 * 1024
    oversize: tuple[int, str] = (413, "Request Entity Too Large")
    has_body: bool = True
    read: Callable[[Json], Json] | None = None


@dataclass(frozen=True, slots=True)
class VendorApi(Generic[State]):
    """What sets one vendor's API apart from another's before an endpoint is reached.

    :param authorize: checks key, rate and body and lets the endpoint answer; the endpoint is None for an unknown
        path or method.
    :param usual: the usual answer with a status, for faults that bring none.
    :param counts_routes: count requests under the route, not under each path with an id of its own.
    :param ignores_slash: take a path with a slash at the end for the one without.
    """

    authorize: Callable[[State, Call, Endpoint[State] | None], Reply]
    usual: Callable[[int], Reply]
    counts_routes: bool = False
    ignores_slash: bool = False
