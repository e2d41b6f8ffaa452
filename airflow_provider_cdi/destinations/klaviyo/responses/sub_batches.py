"""A conversation about a part of a batch: its verdict, told for the whole batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TypeVar

from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.verdicts import BatchRejected, Completed, FollowUp, Response, Unattributed, Verdict

_Told = TypeVar("_Told")


def verdict_of_part(
    verdict: Verdict,
    places: Sequence[int],
    *,
    skipped: Mapping[int, str],
    rejected: Mapping[int, Rejection],
    mended: Mapping[int, Record] = MappingProxyType({}),
) -> Verdict:
    """Say what a verdict about some records of a batch means for the batch.

    :param verdict: about the part, whose places count from 0.
    :param places: the part's places in the batch.
    :param skipped: the outcome of the batch's other records, by place,
    :param rejected: and of these,
    :param mended: and what to send in the place of these.
    """
    if isinstance(verdict, FollowUp):
        read = verdict.read

        def read_on(answer: Response) -> Verdict:
            return verdict_of_part(read(answer), places, skipped=skipped, rejected=rejected, mended=mended)

        return FollowUp(verdict.request, read_on, verdict.wait, verdict.job)
    if isinstance(verdict, Completed):
        return Completed(
            {**rejected, **_moved(verdict.rejected, places)},
            {**skipped, **_moved(verdict.skipped, places)},
            {**mended, **_moved(verdict.mended, places)},
            remarks=verdict.remarks,
        )
    if isinstance(verdict, Unattributed):
        named = {**rejected, **_moved(verdict.named, places)}
        return Unattributed(named, {**mended, **_moved(verdict.mended, places)}, remarks=verdict.remarks)
    if isinstance(verdict, BatchRejected) and (verdict.named or verdict.mended):
        named = {**rejected, **_moved(verdict.named, places)}
        return BatchRejected(verdict.rejection, named, {**mended, **_moved(verdict.mended, places)})
    return verdict


def _moved(told: Mapping[int, _Told], places: Sequence[int]) -> dict[int, _Told]:
    return {places[place]: one for place, one in told.items()}
