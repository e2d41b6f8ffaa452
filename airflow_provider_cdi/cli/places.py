"""Where an error came from, in words that hold no value of a row: classes, files, lines and code."""

from __future__ import annotations

from traceback import StackSummary, extract_tb

from airflow_provider_cdi.exceptions import CdiError


def places(error: BaseException) -> str:
    """Return the traceback of an error and of what caused it, without texts that are not ours.

    :param error: what was raised.
    """
    parts = [_place(one) for one in _causes(error)]
    return "\n\nwhich was the cause of\n\n".join(reversed(parts))


def _place(error: BaseException) -> str:
    kind = type(error)
    text = f"{kind.__module__}.{kind.__qualname__}" + (f": {error}" if isinstance(error, CdiError) else "")
    return "".join(StackSummary.from_list(extract_tb(error.__traceback__)).format()) + text


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in found:
        found.append(one)
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    return found
