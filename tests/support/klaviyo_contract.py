"""Klaviyo's official SDK as a contract: what it says of each operation, and whether its models lose anything.

The SDK is generated from Klaviyo's own description of the API. Its models drop members that they do not know without a
word, so a body that merely parses proves nothing: what comes out again must be what went in.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, get_args
from urllib.parse import parse_qsl

#: The rooms of the SDK whose operations we use.
_APIS = ("accounts", "data_privacy", "events", "lists", "metrics", "profiles")
_SERIALIZER = re.compile(
    r"def _(?P<name>\w+)_serialize\((?P<text>.*?method='(?P<method>\w+)',\s*resource_path='(?P<path>[^']+)')", re.DOTALL
)
_QUERY = re.compile(r"_query_params\.append\(\('([^']+)'")
_FIRST_LIMITS = re.compile(r"\*Rate limits\*:<br>Burst: `(\d+)/s`<br>Steady: `(\d+)/m`")
_SCOPES = re.compile(r"\*\*Scopes:\*\* ((?:`[\w:-]+` ?)+)")
#: Parameters that are no body: identifiers, and what is optional.
_SIMPLE = re.compile(r"^\s+\w+: (?:Annotated\[)?(?:Strict\w+|Optional|Union)\b.*$", re.MULTILINE)
#: What the SDK adds by itself to what it is given.
_ITS_OWN = {"backfill": False, "historical_import": False}


@dataclass(frozen=True)
class Operation:
    """What the SDK says of one operation.

    :param rates: requests in a second and in a minute.
    :param parameters: those of the query.
    :param body: the model of its body; None for none.
    :param answers: status, or ``4XX``, -> the model of the answer; None for an empty one.
    """

    name: str
    rates: tuple[int, int]
    scopes: frozenset[str]
    parameters: frozenset[str]
    filters: Mapping[str, frozenset[str]]
    body: Any
    answers: Mapping[str, Any]

    def answer_model(self, status: int) -> Any:
        """Give the model of an answer.

        :raises KeyError: when the SDK knows no answer with this status.
        """
        return self.answers[str(status)] if str(status) in self.answers else self.answers[f"{status // 100}XX"]


@cache
def operations() -> Mapping[str, Operation]:
    """Read the SDK: ``"GET /api/profiles"`` -> the operation."""
    found = {}
    for api in _APIS:
        module = importlib.import_module(f"openapi_client.api.{api}_api")
        text = Path(str(module.__file__)).read_text()
        for match in _SERIALIZER.finditer(text):
            found[f"{match['method']} {match['path']}"] = _operation(module, text, match)
    return found


def operation_of(method: str, path: str) -> Operation:
    """Find the operation that a request is meant for."""
    bare = path.partition("?")[0].rstrip("/")
    for name, operation in operations().items():
        verb, _, template = name.partition(" ")
        if verb == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), bare):
            return operation
    raise LookupError(f"the SDK has no {method} {bare}")


def losses(model: Any, document: Any) -> list[str]:
    """Say what the SDK loses or changes of a document that it parses.

    :raises ValidationError: when it does not parse.
    """
    return list(_differences(document, _plain(model.from_dict(document)), ""))


def nested_model(annotation: Any) -> Any:
    """Give the model of the objects that a field holds; None when it holds none."""
    if hasattr(annotation, "model_fields"):
        return annotation
    return next(filter(None, map(nested_model, get_args(annotation))), None)


def unknown_parameters(operation: Operation, path: str) -> set[str]:
    """Name the parameters of a query that the SDK does not know, and the operators of its filter."""
    query = dict(parse_qsl(path.partition("?")[2]))
    unknown = query.keys() - operation.parameters
    for operator, field in re.findall(r"([a-z-]+)\(([\w.]+),", query.get("filter", "")):
        if operator not in operation.filters.get(field, ()):
            unknown |= {f"{operator}({field})"}
    return unknown


def _operation(module: Any, text: str, match: re.Match[str]) -> Operation:
    signature = re.search(rf"    def {match['name']}\(\s(.*?)\"\"\"(.*?)\"\"\"", text, re.DOTALL)
    mapped = re.search(rf"    def {match['name']}\(\s.*?_response_types_map[^{{]*\{{(.*?)\}}", text, re.DOTALL)
    assert signature, match["name"]
    assert mapped, match["name"]
    says = signature[2]
    limits, scopes = _FIRST_LIMITS.search(says), _SCOPES.search(says)
    assert limits, match["name"]
    assert scopes, match["name"]
    body = re.search(r"^\s+\w+: (?:Annotated\[)?([A-Z]\w+),", _SIMPLE.sub("", signature[1]), re.MULTILINE)
    answers = dict(re.findall(r"'(\w+)': \"?(\w+)\"?", mapped[1]))
    models = {status: None if name == "None" else _model(name) for status, name in answers.items()}
    return Operation(
        match["name"],
        (int(limits[1]), int(limits[2])),
        frozenset(re.findall(r"`([\w:-]+)`", scopes[1])),
        frozenset(_QUERY.findall(text, match.start(), _end_of(text, match))),
        _filters(says),
        getattr(module, body[1]) if body else None,
        models,
    )


def _end_of(text: str, match: re.Match[str]) -> int:
    following = text.find("\n    def ", match.start() + 1)
    return len(text) if following < 0 else following


def _filters(says: str) -> dict[str, frozenset[str]]:
    """Read "`id`: `any`, `equals` (string)<br>…"."""
    _, _, listed = says.partition("Allowed field(s)/operator(s):")
    fields = re.findall(r"`([\w.]+)`: ((?:`[a-z-]+`(?:, )?)+)", listed.partition("\n")[0])
    return {name: frozenset(re.findall(r"`([a-z-]+)`", operators)) for name, operators in fields}


def _model(name: str) -> Any:
    module = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
    return getattr(importlib.import_module(f"openapi_client.models.{module}"), name)


def _plain(thing: Any) -> Any:
    """Give what the SDK would send: its objects as dictionaries, all the way down."""
    if hasattr(thing, "to_dict"):
        thing = thing.to_dict()
    if isinstance(thing, Mapping):
        return {name: _plain(value) for name, value in thing.items()}
    return [_plain(value) for value in thing] if isinstance(thing, list) else thing


def _differences(ours: Any, theirs: Any, place: str) -> Iterator[str]:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        yield from _of_members(ours, theirs, place)
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for number, (mine, its) in enumerate(zip(ours, theirs, strict=True)):
            yield from _differences(mine, its, f"{place}/{number}")
    elif not _is_same(ours, getattr(theirs, "value", theirs)):
        yield f"{place} is {theirs!r} and not {ours!r}"


def _of_members(ours: dict[str, Any], theirs: dict[str, Any], place: str) -> Iterator[str]:
    for name, value in ours.items():
        if name in theirs:
            yield from _differences(value, theirs[name], f"{place}/{name}")
        elif value is not None:  # a NULL that the SDK leaves out is no loss
            yield f"{place}/{name} is lost"
    for name in theirs.keys() - ours.keys():
        if theirs[name] is not None and theirs[name] != _ITS_OWN.get(name):
            yield f"{place}/{name} is added"


def _is_same(ours: Any, theirs: Any) -> bool:
    if isinstance(theirs, datetime) and isinstance(ours, str):
        return datetime.fromisoformat(ours) == theirs
    if isinstance(theirs, date) and isinstance(ours, str):
        return date.fromisoformat(ours) == theirs
    return type(ours) is type(theirs) and bool(ours == theirs)
