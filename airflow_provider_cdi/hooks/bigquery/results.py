"""The result of a finished job as Arrow: through the Storage Read API, or page by page where that is closed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from decimal import Decimal
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_cdi.engine.rows.value_text import JSON_FIELD
from airflow_provider_cdi.hooks.sql.driver_codes import name_of
from airflow_provider_cdi.hooks.sql.driver_words import known_words

log = logging.getLogger(__name__)

#: How long the Storage Read API is tried before pages are read instead, and how long a broken stream is taken up
#: again, in seconds. The client's own limits are ten minutes and a day.
OPEN_SECONDS = 30.0
RESUME_SECONDS = 120.0
#: A connection that died without a word is noticed within a minute and a half; by itself gRPC waits a day.
_CHANNEL_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
]
#: Rows of a REST page: the client holds each as Python objects.
PAGE_ROWS = 5000

GOOGLES_ENDPOINT = "bigquerystorage.googleapis.com:443"

_LOSS = "Rows are read page by page instead, which costs this worker many times the CPU seconds."


class ResultReader:
    """Reads results in one stream, which keeps the order of ``ORDER BY``.

    :param project: the project that reads, and is billed.
    :param credentials: Google's.
    :param endpoint: of the Storage Read API, ``host:port``, or ``http://host:port`` without TLS; None for Google's.
    :param told: warnings that were given already, so that a run gives each of them once.
    """

    def __init__(self, project: str, credentials: Any, endpoint: str | None, told: set[str]) -> None:
        self._project = project
        self._credentials = credentials
        self._endpoint = endpoint
        self._told = told
        self._storage: Any = None

    def batches(self, job: Any) -> Iterator[pa.RecordBatch]:
        """Read all rows of a job that is done.

        :param job: the client's job, with an ``ORDER BY`` in its query.
        """
        for batch in self._opened(job) or self._pages(job):
            yield canonical(batch)

    def close(self) -> None:
        """Close the channel; a stream that is being read ends with an error."""
        if self._storage is not None:
            self._storage.transport.close()

    def _opened(self, job: Any) -> Iterator[pa.RecordBatch] | None:
        """Open a stream, up to its first rows; None when the Storage Read API cannot be used."""
        from google.api_core import exceptions

        stream = self._streamed(job)
        try:
            return chain([next(stream)], stream)
        except StopIteration:
            return iter(())
        except exceptions.Forbidden as error:
            self._tell(
                f"BigQuery refuses its Storage Read API in the project {self._project}. {_LOSS} Grant the account "
                f"roles/bigquery.readSessionUser there. BigQuery says: "
                f"{known_words(error) or name_of(error)}"
            )
        except (
            exceptions.NotFound,
            exceptions.RetryError,
            exceptions.ServiceUnavailable,
            exceptions.MethodNotImplemented,
            exceptions.Unauthorized,
        ) as error:
            self._tell(
                f"BigQuery's Storage Read API at {self._endpoint or GOOGLES_ENDPOINT} cannot be used "
                f"({type(error).__name__}). {_LOSS} Open the way to it, or set storage_endpoint in the connection's "
                "extra."
            )
        return None

    def _tell(self, warning: str) -> None:
        if warning not in self._told:
            self._told.add(warning)
            log.warning(warning)

    def _streamed(self, job: Any) -> Iterator[pa.RecordBatch]:
        self._storage = self._client()
        session = self._storage.create_read_session(
            parent=f"projects/{self._project}",
            read_session=_session_of(job.destination.to_bqstorage()),
            max_stream_count=1,
            retry=_retry(OPEN_SECONDS),
            timeout=OPEN_SECONDS,
        )
        schema = pa.ipc.read_schema(pa.py_buffer(session.arrow_schema.serialized_schema))
        for stream in session.streams:
            for message in self._storage.read_rows(stream.name, retry=_retry(RESUME_SECONDS)):
                block = pa.py_buffer(message.arrow_record_batch.serialized_record_batch)
                yield pa.ipc.read_record_batch(block, schema)

    def _pages(self, job: Any) -> Iterator[pa.RecordBatch]:
        pages: Iterator[pa.RecordBatch] = job.result(page_size=PAGE_ROWS).to_arrow_iterable()
        return pages

    def _client(self) -> Any:
        from google.cloud import bigquery_storage_v1
        from google.cloud.bigquery_storage_v1.services.big_query_read.transports import BigQueryReadGrpcTransport

        make: Any = bigquery_storage_v1.BigQueryReadClient
        channel = _channel(self._endpoint or GOOGLES_ENDPOINT, self._credentials)
        return make(transport=BigQueryReadGrpcTransport(channel=channel))


def _channel(endpoint: str, credentials: Any) -> Any:
    import grpc  # type: ignore[import-untyped]
    from google.cloud.bigquery_storage_v1.services.big_query_read.transports import BigQueryReadGrpcTransport

    if endpoint.startswith("http://"):  # an emulator, without TLS and credentials
        return grpc.insecure_channel(endpoint.removeprefix("http://"), _CHANNEL_OPTIONS)
    target = endpoint.removeprefix("https://")
    return BigQueryReadGrpcTransport.create_channel(target, credentials=credentials, options=_CHANNEL_OPTIONS)


def _session_of(table: str) -> Any:
    from google.cloud.bigquery_storage_v1 import types

    codec = types.ArrowSerializationOptions.CompressionCodec.LZ4_FRAME
    return types.ReadSession(
        table=table,
        data_format=types.DataFormat.ARROW,
        read_options={"arrow_serialization_options": {"buffer_compression": codec}},
    )


def _retry(seconds: float) -> Any:
    from google.api_core import exceptions
    from google.api_core.retry import Retry, if_exception_type

    passing = if_exception_type(exceptions.ServiceUnavailable, exceptions.DeadlineExceeded)
    return Retry(predicate=passing, initial=0.1, maximum=10.0, multiplier=1.5, timeout=seconds)


# --- what the engine wants otherwise -----------------------------------------------------------------------

_JSON_EXTENSION = b"google:sqlType:json"


def canonical(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Write decimals as they are said, and mark JSON inside structs and arrays, where it looks like text."""
    arrays = [_canonical(array, field) for array, field in zip(batch.columns, batch.schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)


def _canonical(array: pa.Array, field: pa.Field) -> pa.Array:
    if pa.types.is_decimal(array.type):
        return plain_decimals(array)
    wanted = _marked(field).type
    return array if wanted.equals(array.type, check_metadata=True) else array.cast(wanted)


def plain_decimals(array: pa.Array) -> pa.Array:
    """Write decimals as BigQuery shows them: all its decimals have 9 or 38 digits after the point, mostly zeros."""
    texts = array.cast(pa.string())
    if pc.any(pc.match_substring(texts, "E")).as_py():  # Arrow says 0E-9
        texts = pa.array([value and format(Decimal(value), "f") for value in texts.to_pylist()], pa.string())
    without_zeros = pc.replace_substring_regex(texts, r"(\.[0-9]*?)0+$", r"\1")
    return pc.replace_substring_regex(without_zeros, r"\.$", "")


def _marked(field: pa.Field) -> pa.Field:
    """Return the field with the JSON in it marked."""
    kind = field.type
    if pa.types.is_string(kind) and _is_json(field):
        return pa.field(field.name, kind, metadata=JSON_FIELD)
    if pa.types.is_list(kind):
        return field.with_type(_marked_list(kind, is_json=_is_json(field) or _is_json(kind.value_field)))
    if pa.types.is_struct(kind):
        return field.with_type(pa.struct([_marked(kind.field(place)) for place in range(kind.num_fields)]))
    return field


def _marked_list(kind: pa.DataType, *, is_json: bool) -> pa.DataType:
    item = kind.value_field
    # An item has no metadata that survives, so it takes a type that says what it is (since pyarrow 19).
    if is_json and pa.types.is_string(item.type) and hasattr(pa, "json_"):
        return pa.list_(pa.json_())
    return pa.list_(_marked(item))


def _is_json(field: pa.Field) -> bool:
    return bool((field.metadata or {}).get(b"ARROW:extension:name") == _JSON_EXTENSION)
