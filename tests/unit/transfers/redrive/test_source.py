"""Which rows a run of rejects gives, and what it says of rejects for which it gives none."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
import pytest

from airflow_provider_cdi.engine.ports import Bounds
from airflow_provider_cdi.engine.rows.table_contract import TableContract
from airflow_provider_cdi.rejects.stored import StoredReject
from airflow_provider_cdi.transfers.redrive.due import Due
from airflow_provider_cdi.transfers.redrive.outcomes import RedriveOutcomes
from airflow_provider_cdi.transfers.redrive.source import RedriveSource
from airflow_provider_cdi.transfers.redrive.taking import take

CONTRACT = TableContract("events", ("EXTERNAL_ID", "EMAIL"))
AT = "2026-01-05T09:00:00.000000Z"


def reject(line, **identifier):
    return StoredReject(
        part="p", line=line, place="r", sync_id="s", run_id="r", map_index=-1, try_number=1, at=AT, outcome="rejected",
        code="x", reason="", identifier=identifier, updated_at=AT, payload="{}", columns={},
    )  # fmt: skip


class OneRow:
    """A source in which a row that had an address alone has got an id."""

    def read_keys(self, lookups):
        at = pa.array([datetime(2026, 1, 5, 9)], pa.timestamp("us"))  # noqa: DTZ001 - sources give UTC without a zone
        row = pa.record_batch({"UPDATED_AT": at, "EXTERNAL_ID": ["c-1"], "EMAIL": ["a@b.io"], "PAYLOAD": ['{"n": 1}']})
        for number, _ in enumerate(lookups):
            yield number, row

    def read(self, bounds):
        return iter(())


@pytest.mark.parametrize("every_row", [True, False])
def test_a_row_that_has_two_keys_by_now_is_given_once_and_every_reject_of_it_has_its_fate(every_row):
    rejects = take([reject(0, EMAIL="a@b.io"), reject(1, EXTERNAL_ID="c-1")], CONTRACT, stored=False).rejects
    outcomes = RedriveOutcomes(None)
    source = RedriveSource(OneRow(), CONTRACT, rejects, outcomes, Due(None), every_row=every_row)
    assert sum(batch.num_rows for batch in source.read(Bounds())) == 1
    outcomes.note_passed(["accepted"])
    outcomes.settle(1)
    assert dict(outcomes.fates) == {"accepted": 1, "newer_row": 1}
