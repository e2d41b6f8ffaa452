"""The parts of a run that need nothing but its inputs."""

from __future__ import annotations

from airflow_provider_cdi.engine.outcome.ledger import Ledger
from airflow_provider_cdi.engine.outcome.reject_gate import RejectGate
from airflow_provider_cdi.engine.reading.slice_reader import SliceReader
from airflow_provider_cdi.engine.run_inputs import RunInputs


def reader_of(inputs: RunInputs) -> SliceReader:
    """Return what reads the slice, from its beginning or behind what an earlier try has handled."""
    return SliceReader(
        inputs.source,
        inputs.part,
        is_resumed=inputs.progress is not None,
        read_ahead=inputs.read_ahead,
        call_aside=inputs.call_aside,
        with_total=inputs.delete_cap is not None,
        late=inputs.late,
    )


def ledger_of(inputs: RunInputs) -> Ledger:
    """Return what follows the rows. Its gate is open when an earlier try of the run had come through."""
    part, before = inputs.part, inputs.totals_before
    gate = RejectGate(inputs.stop_if_all_rejected, is_open=before.rows_read > before.skipped)
    return Ledger(inputs.destination.contract, part.after, before, up_to=part.up_to, gate=gate)
