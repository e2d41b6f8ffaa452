"""What a check must know of one kind of warehouse, as data; what is odd about it is a function in its own module."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_cdi.checks.sockets import Endpoint

if TYPE_CHECKING:
    from airflow_provider_cdi.checks.warehouse.subject import Subject


@dataclass(frozen=True, slots=True)
class Layout:
    """How a table lies in its warehouse, as far as reading by ``UPDATED_AT`` is concerned.

    :param kind: ``table``, or ``view`` and the like, which have no layout of their own.
    :param rows: about how many; None when nobody knows.
    :param is_ordered: whether the warehouse finds rows by ``UPDATED_AT`` without reading all; None when it cannot be
        seen.
    """

    kind: str
    rows: float | None = None
    is_ordered: bool | None = None


def _no_endpoints(subject: Subject) -> Sequence[Endpoint]:
    """Nothing is known of the driver's way."""
    return ()


@dataclass(frozen=True, slots=True)
class WarehouseProfile:
    """One kind of warehouse. SQL may hold ``{schema}``, ``{table}``, ``{relation}`` and ``{time}`` in texts.

    :param endpoints: where the client connects to, of a connection without a proxy and a tunnel.
    :param logs_in_when_asked: whether opening a connection proves nothing, because the client logs in with its first
        query.
    :param compute: a query that something must compute, with what computes in its first column.
    :param no_compute: what to do when its answer is NULL.
    :param schema: a query of one row: whether the schema exists, and whether the login may use it.
    :param grant_usage: what to do when it may not.
    :param excess: a query of the rights that the login has beyond reading, one a row.
    :param excess_of: the same, where no query tells.
    :param least: which rights are enough, for the advice.
    :param layout: a query of one row: the fields of :class:`Layout`.
    :param order_it: what to do when the rows are many and not ordered.
    :param many_rows: from how many rows on that matters.
    """

    endpoints: Callable[[Subject], Sequence[Endpoint]] = _no_endpoints
    logs_in_when_asked: bool = False
    compute: str = "select 1"
    no_compute: str = ""
    schema: str | None = None
    grant_usage: str = "Grant the login USAGE on the schema."
    excess: str | None = None
    excess_of: Callable[[Subject], Sequence[str]] | None = None
    least: str = "SELECT on the source and USAGE on its schema"
    layout: str | None = None
    order_it: str = ""
    many_rows: int = 100_000
