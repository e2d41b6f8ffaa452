"""The Storage Read API over gRPC: a session on a result, and its rows as Arrow in one stream."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

import grpc
import pyarrow as pa
from google.cloud.bigquery_storage_v1 import types

from standins.bigquery.accounts import Accounts, check_may
from standins.bigquery.engine import LOCATION, Engine
from standins.bigquery.errors import ServiceError
from standins.bigquery.jobs import RESULTS, Jobs
from standins.bigquery.relay import Relay
from standins.bigquery.results import Result
from standins.control import Faults

_SERVICE = "google.cloud.bigquery.storage.v1.BigQueryRead"
_CODECS = {1: "lz4", 2: "zstd"}
#: Sessions that are remembered; the service forgets them after some hours.
KEPT = 8


@dataclass(frozen=True, slots=True)
class _Stream:
    result: Result
    columns: tuple[str, ...]
    codec: str | None


class Storage:
    """Answers the Storage Read API.

    :param engine: for tables that are no results.
    :param jobs: has the results.
    :param accounts: who may ask.
    :param faults: what goes wrong.
    :param relay: the way that connections come, to be cut.
    """

    def __init__(self, engine: Engine, jobs: Jobs, accounts: Accounts, faults: Faults, relay: Relay) -> None:
        self._engine = engine
        self._jobs = jobs
        self._accounts = accounts
        self._faults = faults
        self._relay = relay
        self._streams: dict[str, _Stream] = {}

    def handler(self) -> grpc.GenericRpcHandler:
        """Return what a gRPC server needs to serve it."""
        return grpc.method_handlers_generic_handler(
            _SERVICE,
            {
                "CreateReadSession": grpc.unary_unary_rpc_method_handler(
                    self._create_session,
                    types.CreateReadSessionRequest.deserialize,
                    types.ReadSession.serialize,
                ),
                "ReadRows": grpc.unary_stream_rpc_method_handler(
                    self._read_rows, types.ReadRowsRequest.deserialize, types.ReadRowsResponse.serialize
                ),
            },
        )

    def _create_session(
        self, request: types.CreateReadSessionRequest, context: grpc.ServicerContext
    ) -> types.ReadSession:
        try:
            self._check_caller(context, "bigquery.readsessions.create", request.parent)
            stream = self._stream(request.read_session)
        except ServiceError as error:
            context.abort(error.grpc_code, error.message)
        name = f"{request.parent}/locations/{LOCATION}/sessions/{uuid4().hex}"
        session = types.ReadSession(
            name=name,
            table=request.read_session.table,
            data_format=types.DataFormat.ARROW,
            arrow_schema={"serialized_schema": _schema(stream).serialize().to_pybytes()},
            read_options=request.read_session.read_options,
        )
        # An empty table has no stream at all.
        if stream.result.rows:
            self._remember(f"{name}/streams/0", stream)
            session.streams.append(types.ReadStream(name=f"{name}/streams/0"))
        return session

    def _stream(self, session: types.ReadSession) -> _Stream:
        _, project, _, dataset, _, table = session.table.split("/")
        if dataset != RESULTS:
            raise ServiceError("notFound", f"Not found: Table {project}:{dataset}.{table}: only results are served.")
        result = self._jobs.table(table)
        options = session.read_options
        wanted = tuple(options.selected_fields) or tuple(result.schema.names)
        codec = _CODECS.get(int(options.arrow_serialization_options.buffer_compression))
        return _Stream(result, wanted, codec)

    def _read_rows(
        self, request: types.ReadRowsRequest, context: grpc.ServicerContext
    ) -> Iterator[types.ReadRowsResponse]:
        try:
            self._check_caller(context, "bigquery.readsessions.getData", request.read_stream)
            stream = self._streams.get(request.read_stream)
            if stream is None:
                raise ServiceError("notFound", f"Not found: {request.read_stream}")
            yield from self._responses(stream, request.offset)
        except ServiceError as error:
            context.abort(error.grpc_code, error.message)

    def _responses(self, stream: _Stream, offset: int) -> Iterator[types.ReadRowsResponse]:
        schema: bytes | None = _schema(stream).serialize().to_pybytes()
        for batch in stream.result.batches(offset):
            if self._faults.take("short") is not None:
                return
            self._go_wrong()
            block = _block(batch.select(list(stream.columns)), stream.codec)
            response = types.ReadRowsResponse(
                arrow_record_batch={"serialized_record_batch": block}, row_count=batch.num_rows
            )
            if schema is not None:  # it comes once, with the first rows
                response.arrow_schema = types.ArrowSchema(serialized_schema=schema)
                schema = None
            yield response

    def _check_caller(self, context: grpc.ServicerContext, permission: str, on: str) -> None:
        refused = self._faults.take("unauthorized")
        if refused is not None:
            reason = "accessDenied" if refused.get("status") == 403 else "authError"
            raise ServiceError(reason, "Request had invalid authentication credentials.")
        headers = dict(context.invocation_metadata())
        authorization = headers.get("authorization")
        check_may(self._accounts.caller(authorization), permission, on)

    def _go_wrong(self) -> None:
        slow = self._faults.take("chunk_slow")
        if slow is not None:
            time.sleep(slow.get("seconds", 1.0))
        if self._faults.take("drop") is not None:
            self._relay.cut()
        if self._faults.take("chunk_503") is not None:
            raise ServiceError("backendError", "there was an error; please try again")
        if self._faults.take("expired") is not None:
            raise ServiceError("failedPrecondition", "request failed: session expired at 2026-01-01T00:00:00+00:00")

    def _remember(self, name: str, stream: _Stream) -> None:
        self._streams[name] = stream
        for old in list(self._streams)[:-KEPT]:
            del self._streams[old]


def _schema(stream: _Stream) -> pa.Schema:
    return pa.schema([stream.result.schema.field(name) for name in stream.columns])


def _block(batch: pa.RecordBatch, codec: str | None) -> bytes:
    """Write a batch as one message; only a whole stream can be compressed, so its second message is taken."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression=codec)) as writer:
        writer.write_batch(batch)
    messages = pa.ipc.MessageReader.open_stream(sink.getvalue())
    messages.read_next_message()
    block: bytes = messages.read_next_message().serialize().to_pybytes()
    return block
