"""One fault that was asked for: what it does, and which calls it hits, counted and so the same every time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cdi_sandbox.api.json import Json

#: Kind -> the fields it has beside the selectors, with their defaults; ... marks a required one.
KINDS: Mapping[str, Mapping[str, Any]] = {
    # Answers with this status and body (a string as it is: HTML, broken JSON, nothing), applied or not.
    # Without a body it is the usual one: nothing for Braze, the error of this status for Klaviyo.
    "answer": {"status": ..., "body": None, "headers": {}, "content_type": None, "applied": False},
    # Resets the connection without an answer: before or after the request was applied.
    "reset": {"applied": ...},
    # Applies and answers, but sends half of the body and closes: the content length is not reached.
    "cut": {},
    # Applies and answers with a whole HTTP answer whose JSON stops in the middle.
    "truncate": {},
    # Handles the call, then waits so many seconds before the answer.
    "delay": {"seconds": ...},
    # Refuses the objects of ``identifiers`` within the answer, with this error type.
    "refuse": {"error": ...},
    # Braze: there is no space left for catalog items.
    "storage_full": {},
    # Klaviyo: the profiles of ``identifiers`` are taken, and fail later in the job, with this reason.
    "import_error": {"error": ...},
    # Klaviyo: the job names one more import error, whose payload is nobody's row.
    "stray_error": {"error": ..., "payload": None},
    # Klaviyo: the job stays in this status for ever.
    "stall": {"status": "processing"},
    # Klaviyo: the job is cancelled after so many profiles.
    "cancel": {"imported": 0},
    # Klaviyo: events are accepted and then vanish, all of them or those of ``identifiers``.
    "drop": {},
}
_IMPORTS = {"path": "/api/profile-bulk-import-jobs", "method": "POST"}
#: What the endpoint itself lets happen, and which calls it hits unless the fault says otherwise.
FOR_THE_ENDPOINT: Mapping[str, Mapping[str, str]] = {
    **dict.fromkeys(("import_error", "stray_error", "stall", "cancel"), _IMPORTS),
    "drop": {"path": "/api/event*", "method": "POST"},
}
_SELECTORS: Mapping[str, Any] = {
    "path": "*",
    "method": "*",
    "identifiers": [],
    "after": 0,
    "every": 1,
    "times": None,
}
_TYPES: Mapping[str, tuple[type, ...]] = {
    "path": (str,),
    "method": (str,),
    "identifiers": (list,),
    "after": (int,),
    "every": (int,),
    "times": (int, type(None)),
    "status": (int, str),
    "headers": (dict,),
    "content_type": (str, type(None)),
    "payload": (dict, type(None)),
    "imported": (int,),
    "applied": (bool,),
    "seconds": (int, float),
    "error": (str,),
}
_IDENTIFIER_KINDS = ("external_id:", "user_alias:", "braze_id:", "email:", "phone:", "phone_number:", "id:")


@dataclass(slots=True)
class Fault:
    """One fault that was asked for.

    Of the calls that match, the first ``after`` are spared; of the others every ``every``-th is hit, until
    ``times`` calls were hit.

    :param path: exact path, its beginning with a ``*`` at the end, or the path with names in braces as the
        endpoint is documented (``/api/profile-bulk-import-jobs/{id}/import-errors``).
    :param identifiers: only calls that carry one of them match; none stands for all calls.
    :param details: the fields of its kind, see ``KINDS``.
    """

    number: int
    kind: str
    path: str
    method: str
    identifiers: frozenset[str]
    after: int
    every: int
    times: int | None
    details: dict[str, Any]
    matched: int = 0
    hit: int = 0

    def matches(self, method: str, path: str, route: str, identifiers: Iterable[str | None]) -> bool:
        """Tell whether a call is one that the fault is about.

        :param route: the path with names in braces.
        :param identifiers: whose objects the call carries.
        """
        if self.method not in ("*", method):
            return False
        if self.path not in (path, route) and not self._is_beginning_of(path):
            return False
        return not self.identifiers or not self.identifiers.isdisjoint(identifiers)

    def concerns(self, identifier: str | None) -> bool:
        """Tell whether it is about an object of this identifier; without identifiers it is about all."""
        return not self.identifiers or identifier in self.identifiers

    def _is_beginning_of(self, path: str) -> bool:
        return self.path.endswith("*") and path.startswith(self.path[:-1])

    def hits(self) -> bool:
        """Count one more matching call, and tell whether it is hit."""
        self.matched += 1
        turn = self.matched - self.after
        if turn <= 0 or turn % self.every or self.hit == self.times:
            return False
        self.hit += 1
        return True

    def shown(self) -> Json:
        """Show the fault with its counts."""
        return {
            "id": self.number,
            "kind": self.kind,
            "path": self.path,
            "method": self.method,
            "identifiers": len(self.identifiers),
            "after": self.after,
            "every": self.every,
            "times": self.times,
            **self.details,
            "matched": self.matched,
            "hit": self.hit,
        }


def read_fault(wanted: Json, number: int) -> Fault:
    """Read a fault as JSON has it: its kind, selectors and details.

    :raises ValueError: when it is no fault; the text says why.
    """
    if not isinstance(wanted, dict) or wanted.get("kind") not in KINDS:
        raise ValueError(f"A fault is an object with a 'kind', one of: {', '.join(KINDS)}.")
    kind = wanted["kind"]
    known = {**_SELECTORS, **FOR_THE_ENDPOINT.get(kind, {}), **KINDS[kind]}
    for name, value in wanted.items():
        if name != "kind":
            _check(kind, name, value, known)
    missing = [name for name, default in known.items() if default is ... and name not in wanted]
    if missing:
        raise ValueError(f"A fault of kind {kind!r} needs {', '.join(missing)}.")
    if kind in ("refuse", "import_error") and not wanted.get("identifiers"):
        raise ValueError(f"A fault of kind {kind!r} needs the identifiers of the objects that it refuses.")
    values = {**known, **wanted}
    details = {name: values[name] for name in KINDS[kind]}
    selectors = {name: values[name] for name in _SELECTORS if name != "identifiers"}
    return Fault(
        number=number,
        kind=kind,
        identifiers=frozenset(values["identifiers"]),
        details=details,
        **selectors,
    )


def _check(kind: str, name: str, value: Json, known: Mapping[str, Any]) -> None:
    if name not in known:
        raise ValueError(f"A fault of kind {kind!r} has no {name!r}; it has: {', '.join(known)}.")
    types = _TYPES.get(name)
    if types and (not isinstance(value, types) or (isinstance(value, bool) and bool not in types)):
        raise ValueError(f"{name!r} of a fault cannot be {value!r}.")
    if name == "every" and value < 1:
        raise ValueError("'every' of a fault must be 1 or more.")
    if name == "status":
        _check_status(kind, value)
    if name == "identifiers" and not all(str(each).startswith(_IDENTIFIER_KINDS) for each in value):
        raise ValueError(f"Each identifier of a fault begins with one of: {' '.join(_IDENTIFIER_KINDS)}.")


def _check_status(kind: str, value: Json) -> None:
    if kind == "stall":
        if value not in ("queued", "processing"):
            raise ValueError("'status' of a fault of kind 'stall' must be queued or processing.")
    elif not isinstance(value, int) or not 200 <= value <= 599:
        raise ValueError("'status' of a fault must be a status of HTTP, 200 to 599.")
