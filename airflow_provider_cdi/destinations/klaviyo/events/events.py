"""The data type ``events``: in bulk, without a job, and each only once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pyarrow as pa
from pyarrow import types

from airflow_provider_cdi.destinations.columns import column, is_untyped
from airflow_provider_cdi.destinations.klaviyo.active_profiles import PeopleDestination
from airflow_provider_cdi.destinations.klaviyo.endpoints import CREATE_EVENTS, GET_PROFILES, rates_of
from airflow_provider_cdi.destinations.klaviyo.events.objects import (
    EventRow,
    amount_text,
    derived_id,
    event_text,
)
from airflow_provider_cdi.destinations.klaviyo.events.properties import check_event_properties
from airflow_provider_cdi.destinations.klaviyo.events.requests import (
    HEAD,
    TAIL,
    EventRecord,
    event_places,
    identifiers_of_event,
    request_body,
)
from airflow_provider_cdi.destinations.klaviyo.events.times import EVENT_TIME, EventTimes
from airflow_provider_cdi.destinations.klaviyo.identifiers import IDENTIFIERS, identify_rows
from airflow_provider_cdi.destinations.klaviyo.limits import KlaviyoLimits
from airflow_provider_cdi.destinations.klaviyo.people import new_profiles
from airflow_provider_cdi.destinations.klaviyo.phone_drops import drop_phones, event_without_phone
from airflow_provider_cdi.destinations.klaviyo.phones import Phones
from airflow_provider_cdi.destinations.klaviyo.properties import EXTRA, PropertyReader
from airflow_provider_cdi.destinations.klaviyo.responses.error_bodies import read_errors
from airflow_provider_cdi.destinations.klaviyo.responses.refusals import REFUSALS
from airflow_provider_cdi.destinations.klaviyo.responses.responses import failure_of, unexpected
from airflow_provider_cdi.destinations.klaviyo.responses.row_refusals import read_refusal
from airflow_provider_cdi.destinations.klaviyo.responses.sub_batches import verdict_of_part
from airflow_provider_cdi.destinations.klaviyo.texts import text_column
from airflow_provider_cdi.destinations.payload import PayloadBounds
from airflow_provider_cdi.destinations.structs import StructStyle, column_values
from airflow_provider_cdi.engine.ports import BatchLimits, Merge
from airflow_provider_cdi.engine.rows.records import Record, Rejection
from airflow_provider_cdi.engine.rows.table_contract import PAYLOAD, OtherColumns, TableContract
from airflow_provider_cdi.engine.verdicts import (
    BatchRejected,
    Completed,
    FollowUp,
    Request,
    Response,
    Throttled,
    Verdict,
)
from airflow_provider_cdi.exceptions import SourceError

METRIC_NAME, UNIQUE_ID, VALUE, VALUE_CURRENCY = "METRIC_NAME", "UNIQUE_ID", "VALUE", "VALUE_CURRENCY"

#: Why a row is not sent, or not again: events are write-once, so the first one stays.
DUPLICATE = "duplicate_event"
#: Klaviyo documents that a repeated unique id fails a request, and not in which words.
_REPEATED = re.compile(r"duplicate|already|not unique|repeated", re.IGNORECASE)
_CURRENCY = re.compile(r"[A-Za-z]{3}", re.ASCII)

_NO_METRIC = Rejection("metric_name_missing", "METRIC_NAME is empty, and there is no metric for such rows.")
_BAD_CURRENCY = Rejection("value_currency_invalid", "VALUE_CURRENCY is not three letters.")
_NO_NUMBER = Rejection("payload_type_unsupported", "VALUE holds something else than a number.")
#: What a number begins with where each value says itself what it is, and what is none and has a reason of its own.
_NUMBERS = frozenset("-0123456789#!")
_SILENT_DOMAIN = Rejection("email_domain_dropped", "Klaviyo drops events of addresses at this domain without an error.")


class Events(PeopleDestination):
    """A :class:`~airflow_provider_cdi.engine.ports.Destination` that records events.

    :param metric: the metric of rows without ``METRIC_NAME``; None when each row must name its own.
    :param backfill: whether events are recorded without setting off flows.
    :param other_columns: see :class:`~airflow_provider_cdi.engine.rows.table_contract.TableContract`.
    :param rate_share: the part of Klaviyo's rate limits to use.
    :param now: seconds since the epoch; events may lie only so far ahead of it.
    """

    def __init__(
        self,
        limits: KlaviyoLimits,
        phones: Phones,
        *,
        metric: str | None,
        backfill: bool,
        other_columns: OtherColumns,
        rate_share: float,
        now: Callable[[], float],
    ) -> None:
        self._limits = limits
        self._phones = phones
        self._metric = metric
        self._backfill = backfill
        #: Our part of Klaviyo's rate limits.
        self.rates = rates_of((CREATE_EVENTS, GET_PROFILES), rate_share)
        self._times = EventTimes(limits, now)
        needs_metric = (METRIC_NAME,) if metric is None else ()
        may_metric = () if metric is None else (METRIC_NAME,)
        #: The columns that the source must have.
        self.contract = TableContract(
            "events",
            identifiers=IDENTIFIERS,
            needs_payload=False,
            required=(EVENT_TIME, *needs_metric),
            optional=(*may_metric, UNIQUE_ID, VALUE, VALUE_CURRENCY),
            other_columns=other_columns,
            aliases=((PAYLOAD, "PROPERTIES"),),
        )
        bounds = PayloadBounds(self.limits.body_bytes, None, limits.event_nesting - 1)
        self._properties = PropertyReader(self.contract, bounds, allowed=frozenset({EXTRA}))

    @property
    def limits(self) -> BatchLimits:
        """How much fits into one request."""
        return BatchLimits(self._limits.events, self._limits.body_bytes - len(HEAD) - len(TAIL) - 1)

    def repeat_is_harmless(self, records: Sequence[Record]) -> bool:
        """Every event has a unique id, under which Klaviyo keeps the first."""
        return True

    def merge(self, older: Record, newer: Record) -> Merge | None:
        """Keep the first event: a repeat would not change it, and would have the whole request refused."""
        return Merge(older, newer, DUPLICATE)

    def encode(self, rows: pa.RecordBatch) -> list[Record | Rejection]:
        """Turn rows into events, or the reasons why they cannot be sent."""
        columns: Iterable[tuple[Any, ...]] = zip(
            identify_rows(rows, IDENTIFIERS, self._limits, self._phones),
            self._times.read(rows),
            self._properties.read(rows),
            _filled(rows, METRIC_NAME),
            _filled(rows, UNIQUE_ID),
            _filled(rows, VALUE_CURRENCY),
            _values(rows),
            strict=True,
        )
        return [_first_rejection(row) or self._encode_row(EventRow(*row)) for row in columns]

    def request(self, records: Sequence[Record]) -> Request:
        """Join events into one request, nested by profile."""
        return CREATE_EVENTS.request(request_body(records))

    @property
    def people_a_question(self) -> int:
        """About how many people one request asks."""
        return self._limits.lookup_ids

    def ask_who_is_new(self, records: Sequence[Record]) -> Verdict:
        """Begin to ask whom Klaviyo does not know: an event makes its profile."""
        return new_profiles(records, identifiers_of_event, self._limits.lookup_ids)

    def interpret_response(self, answer: Response, records: Sequence[Record]) -> Verdict:
        """Say what the answer means. An accepted request has an empty answer, and there is nothing to ask for."""
        if answer.status not in REFUSALS:
            return failure_of(answer, CREATE_EVENTS) or unexpected(answer, 202) or Completed()
        refused = read_refusal(answer, CREATE_EVENTS, records, event_places(records))
        if isinstance(refused, Throttled):
            return refused
        if self._phones.drops_bad:
            refused = drop_phones(refused, records, event_without_phone)
        return self._without_repeats(answer, refused, records)

    def _without_repeats(self, answer: Response, refused: BatchRejected, records: Sequence[Record]) -> Verdict:
        """Pass over events that Klaviyo says it has, and go on with the others."""
        repeats = _repeats(answer, records)
        if not repeats:
            return refused
        skipped = dict.fromkeys(repeats, DUPLICATE)
        rejected = {place: rejection for place, rejection in refused.named.items() if place not in repeats}
        left = [place for place in range(len(records)) if place not in skipped and place not in rejected]
        if not left:
            return Completed(rejected, skipped)
        rest = [records[place] for place in left]
        ask = FollowUp(self.request(rest), lambda answer: self.interpret_response(answer, rest))
        return verdict_of_part(ask, left, skipped=skipped, rejected=rejected)

    def _encode_row(self, row: EventRow) -> Record | Rejection:
        metric = row.metric or self._metric
        if metric is None:
            return _NO_METRIC
        fault = self._fault(row, metric)
        if fault is not None:
            return fault
        amount = amount_text(row.value, row.currency)
        if isinstance(amount, Rejection):
            return amount
        unique_id = row.unique_id or derived_id(row, metric, amount)
        event = event_text(row, metric, unique_id, amount)
        unique = f"{metric}\x1f{unique_id}"
        record = EventRecord(row.identity, event, unique, is_backfill=self._backfill)
        record.adjusted = row.identity.adjusted
        return record

    def _fault(self, row: EventRow, metric: str) -> Rejection | None:
        limits = self._limits
        if row.identity.values.get("email", "").rpartition("@")[2].lower() in limits.silent_domains:
            return _SILENT_DOMAIN
        if len(metric) > limits.metric_name_chars:
            return Rejection("metric_name_too_long", f"The metric has more than {limits.metric_name_chars} characters.")
        if row.unique_id is not None and len(row.unique_id) > limits.unique_id_chars:
            return Rejection("unique_id_too_long", f"UNIQUE_ID has more than {limits.unique_id_chars} characters.")
        if row.currency is not None and not _CURRENCY.fullmatch(row.currency):
            return _BAD_CURRENCY
        return check_event_properties(row.properties.text, limits)


def _values(rows: pa.RecordBatch) -> list[Any]:
    """Give the values of the column ``VALUE``.

    :raises SourceError: when it holds something else than numbers.
    """
    array = column(rows, VALUE)
    if array is None:
        return [None] * rows.num_rows
    if is_untyped(rows.schema.field(VALUE)):
        values = zip(rows.column(VALUE).to_pylist(), column_values(rows, VALUE, StructStyle()), strict=True)
        return [value if text is None or text[:1] in _NUMBERS else _NO_NUMBER for text, value in values]
    kind = array.type
    if not (types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind) or types.is_null(kind)):
        raise SourceError(f"Column VALUE has the type {kind}, and the value of an event is a number. Cast it.")
    return column_values(rows, VALUE, StructStyle())


def _filled(rows: pa.RecordBatch, name: str) -> list[str | Rejection | None]:
    """Give a column as text, blank text as None."""
    return [None if isinstance(text, str) and not text.strip() else text for text in text_column(rows, name)]


def _first_rejection(parts: Iterable[Any]) -> Rejection | None:
    return next((part for part in parts if isinstance(part, Rejection)), None)


def _repeats(answer: Response, records: Sequence[Record]) -> set[int]:
    """Name the records of which an answer 400 says that their unique id was used before."""
    find = event_places(records).find
    return {
        place
        for error in read_errors(answer.body)
        if error.pointer.endswith("/unique_id") and _REPEATED.search(error.detail)
        for place in find(error.pointer)
    }
