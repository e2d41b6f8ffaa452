"""Where a sync without a watermark starts, and which rows at that very time somebody else has delivered."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from airflow_provider_cdi.engine.rows.watermark import Ties, Watermark
from airflow_provider_cdi.transfers.arguments.initial import Initial
from airflow_provider_cdi.transfers.runs.windows import read_moment

if TYPE_CHECKING:
    import pyarrow as pa

    from airflow_provider_cdi.engine.ports import Source
    from airflow_provider_cdi.engine.reading.source_clock import SourceClock

log = logging.getLogger(__name__)


class StartRequest(Protocol):
    """What was asked for."""

    @property
    def initial(self) -> str:
        """See :mod:`airflow_provider_cdi.transfers.arguments.initial`."""

    @property
    def clock(self) -> SourceClock:
        """What ``UPDATED_AT`` shows at a moment."""


def start_position(request: StartRequest, up_to: str) -> str | None:
    """Return the first position of a new sync; None for the beginning.

    :param up_to: for ``now``.
    :raises ConfigurationError: when it is no timestamp.
    """
    moment = Initial.parse(request.initial).moment
    if moment == "everything":
        return None
    return up_to if moment == "now" else read_moment(request.clock, moment, "initial")


def start_watermark(request: StartRequest, up_to: str, source: Source) -> Watermark | None:
    """Return the watermark of a new sync; None for the beginning.

    Where ``initial`` says how many rows at its time are delivered, and just so many are there, they are these: each is
    remembered by its hash, and one that comes later is sent. Where another number is there, nobody knows which of them
    are new, and all are sent: nothing is lost.

    :param up_to: for ``now``.
    :param source: asked for the rows at that time.
    """
    position = start_position(request, up_to)
    if position is None:
        return None
    delivered = Initial.parse(request.initial).delivered
    if delivered is None:
        return Watermark(position, Ties())  # no row at the position counts as delivered: those that carry it are sent
    at_position = _rows_at(source, position)
    if len(at_position.ties) == delivered:
        return at_position
    log.warning("%s", _OTHER_NUMBER.format(delivered=delivered, found=len(at_position.ties), position=position))
    return Watermark(position, Ties())


def _rows_at(source: Source, position: str) -> Watermark:
    """Read the rows at a position; the position comes back at the precision of the source."""
    from airflow_provider_cdi.engine.clean_up import closing
    from airflow_provider_cdi.engine.ports import Bounds
    from airflow_provider_cdi.engine.rows.row_hash import row_hashes

    found, ties = position, Ties()
    with closing(source.read(Bounds(since=position, up_to=position))) as batches:
        for rows in _filled(batches):
            found = _first_position(rows)
            for row_hash in row_hashes(rows):
                ties.add(row_hash)
    return Watermark(found, ties)


def _filled(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    return (rows for rows in batches if rows.num_rows)


def _first_position(rows: pa.RecordBatch) -> str:
    from airflow_provider_cdi.engine.rows.position import integers, position_of_stamp
    from airflow_provider_cdi.engine.rows.table_contract import UPDATED_AT

    stamps = rows.column(UPDATED_AT)
    return position_of_stamp(integers(stamps)[0], stamps.type.unit)


_OTHER_NUMBER = (
    "initial says that {delivered:,} rows stamped exactly {position} are delivered already, and {found:,} are there "
    "now. Which of them are new cannot be told, so all of them are sent: those that were delivered go out once more"
)
