"""The service that the connector's own generated Thrift code calls: sessions, statements, results."""

from __future__ import annotations

import re
import uuid
from decimal import Decimal
from typing import Any

from databricks.sql.thrift_api.TCLIService import ttypes

from standins.databricks.columns import thrift_schema
from standins.databricks.engine import SessionSettings, StatementRefused, Stopped
from standins.databricks.operations import Operation
from standins.databricks.pieces import Pieces
from standins.databricks.service import HttpFault, Service

_OK = ttypes.TStatus(ttypes.TStatusCode.SUCCESS_STATUS)
_NO_TAGS = ttypes.TStatus(
    ttypes.TStatusCode.ERROR_STATUS,
    errorMessage="[CONFIG_NOT_AVAILABLE] Configuration QUERY_TAGS is not available. SQLSTATE: 42K0I",
)
_PROTOCOL = ttypes.TProtocolVersion.SPARK_CLI_SERVICE_PROTOCOL_V7
#: Seconds that an answer waits for a statement to end: at once, and at each poll.
PATIENCE, POLL_PATIENCE = 2.0, 0.2
_ZONES = frozenset({"timezone", "spark.sql.session.timezone"})
_NUMBERS = {"INT": int, "BIGINT": int, "SMALLINT": int, "TINYINT": int, "FLOAT": float, "DOUBLE": float}


class Handler:
    """Answers one request of one user."""

    def __init__(self, service: Service, user: str) -> None:
        self._service = service
        self._user = user
        #: What goes wrong with this answer.
        self.fault = HttpFault()

    # --- sessions -----------------------------------------------------------------------------------

    def OpenSession(self, request: Any) -> Any:
        """Open a session with the zone, the namespace and the tags that the client names."""
        settings = SessionSettings(self._user)
        names = {name.upper() for name in request.configuration or {}}
        if "QUERY_TAGS" in names and self._service.take("no_tags") is not None:
            return ttypes.TOpenSessionResp(status=_NO_TAGS, serverProtocolVersion=_PROTOCOL)
        for name, value in (request.configuration or {}).items():
            if name.lower() in _ZONES:
                settings.zone = value
            elif name.lower() == "query_tags":
                settings.tags = value
        space = request.initialNamespace
        settings.catalog = (space and space.catalogName) or settings.catalog
        settings.schema = (space and space.schemaName) or settings.schema
        handle = ttypes.TSessionHandle(_identifier(), _PROTOCOL)
        self._service.sessions[handle.sessionId.guid] = settings
        return ttypes.TOpenSessionResp(
            status=_OK, serverProtocolVersion=_PROTOCOL, sessionHandle=handle, canUseMultipleCatalogs=True
        )

    def CloseSession(self, request: Any) -> Any:
        """Forget a session and what it has left."""
        session = self._service.sessions.pop(request.sessionHandle.sessionId.guid, None)
        left = [name for name, operation in self._service.operations.items() if operation.session is session]
        for name in left:
            self._close(name)
        return ttypes.TCloseSessionResp(_OK)

    # --- statements ---------------------------------------------------------------------------------

    def ExecuteStatement(self, request: Any) -> Any:
        """Start a statement; a short one comes back with its end and its first rows."""
        session = self._service.sessions.get(request.sessionHandle.sessionId.guid)
        if session is None or self._expires("session"):
            self._service.sessions.pop(request.sessionHandle.sessionId.guid, None)
            return ttypes.TExecuteStatementResp(status=_invalid("SessionHandle", request.sessionHandle.sessionId))
        operation = self._operation(request, session)
        self._service.operations[operation.id] = operation
        operation.start(request.statement, _values(request.parameters or []), patience=PATIENCE)
        handle = ttypes.TOperationHandle(
            ttypes.THandleIdentifier(operation.id, operation.id), ttypes.TOperationType.EXECUTE_STATEMENT, True
        )
        direct = self._direct(operation, request.getDirectResults) if request.getDirectResults else None
        return ttypes.TExecuteStatementResp(_OK, handle, direct)

    def _operation(self, request: Any, session: SessionSettings) -> Operation:
        tags = (request.confOverlay or {}).get("query_tags") or session.tags
        operation = Operation(
            self._service.engine.statement(session),
            self._service.log.add(request.statement, tags),
            self._cut(request),
            session,
        )
        if slow := self._service.take("slow_states"):
            states = ttypes.TOperationState
            polls = int(slow.get("polls", 2))
            operation.waits = [states.PENDING_STATE] * polls + [states.RUNNING_STATE] * polls
        if (stall := self._service.take("stall")) is not None:
            operation.stalled = float(stall.get("seconds", 60))
        return operation

    def _cut(self, request: Any) -> Any:
        def cut(result: Any, schema: Any) -> Pieces:
            pieces = Pieces(result, schema, self._service.sizes, self._service.files, self._service.base)
            pieces.decide(may_link=bool(request.canDownloadResult), may_compress=bool(request.canDecompressLZ4Result))
            return pieces

        return cut

    def _direct(self, operation: Operation, wanted: Any) -> Any:
        status = self._status(operation, operation.state)
        if status.operationState != ttypes.TOperationState.FINISHED_STATE:
            return ttypes.TSparkDirectResults(operationStatus=status)
        metadata = self._metadata(operation)
        rows = self._rows(operation, wanted.maxRows, wanted.maxBytes)
        is_whole = not rows.hasMoreRows and not (operation.pieces and operation.pieces.linked)
        closed = ttypes.TCloseOperationResp(_OK) if is_whole else None
        if is_whole:
            self._close(operation.id)
        return ttypes.TSparkDirectResults(status, metadata, rows, closed)

    def GetOperationStatus(self, request: Any) -> Any:
        """Say how far a statement is."""
        operation = self._find(request)
        if operation is None:
            return ttypes.TGetOperationStatusResp(
                status=_invalid("OperationHandle", request.operationHandle.operationId)
            )
        return self._status(operation, operation.poll(POLL_PATIENCE))

    def _status(self, operation: Operation, state: int) -> Any:
        answer = ttypes.TGetOperationStatusResp(status=_OK, operationState=state, hasResultSet=True)
        if state == ttypes.TOperationState.ERROR_STATE:
            error = operation.error
            answer.displayMessage = answer.errorMessage = str(error)
            answer.sqlState = error.state if isinstance(error, StatementRefused) else None
        return answer

    def CancelOperation(self, request: Any) -> Any:
        """End a statement."""
        operation = self._find(request)
        if operation is not None:
            operation.cancel()
        return ttypes.TCancelOperationResp(_OK)

    def CloseOperation(self, request: Any) -> Any:
        """Forget a statement and its result."""
        self._close(request.operationHandle.operationId.guid)
        return ttypes.TCloseOperationResp(_OK)

    def _close(self, name: bytes) -> None:
        operation = self._service.operations.pop(name, None)
        if operation is not None:
            operation.close()

    def _find(self, request: Any) -> Operation | None:
        return self._service.operations.get(request.operationHandle.operationId.guid)

    # --- results ------------------------------------------------------------------------------------

    def GetResultSetMetadata(self, request: Any) -> Any:
        """Describe a result."""
        operation = self._find(request)
        if operation is None or operation.pieces is None:
            handle = request.operationHandle.operationId
            return ttypes.TGetResultSetMetadataResp(status=_invalid("OperationHandle", handle))
        return self._metadata(operation)

    def _metadata(self, operation: Operation) -> Any:
        kinds = ttypes.TSparkRowSetType
        pieces = operation.pieces
        assert pieces is not None
        return ttypes.TGetResultSetMetadataResp(
            status=_OK,
            schema=thrift_schema(operation.columns),
            resultFormat=kinds.URL_BASED_SET if pieces.linked else kinds.ARROW_BASED_SET,
            lz4Compressed=pieces.compressed,
            arrowSchema=operation.schema.serialize().to_pybytes(),
            isStagingOperation=False,
        )

    def FetchResults(self, request: Any) -> Any:
        """Return the next rows, or links to them."""
        operation = self._find(request)
        if operation is None or operation.pieces is None or operation.state != ttypes.TOperationState.FINISHED_STATE:
            handle = request.operationHandle.operationId
            return ttypes.TFetchResultsResp(status=_invalid("OperationHandle", handle))
        if not operation.pieces.linked and self._goes_wrong_before():
            handle = request.operationHandle.operationId
            return ttypes.TFetchResultsResp(status=_invalid("SessionHandle", handle))
        answer = self._rows(operation, request.maxRows, request.maxBytes)
        if not operation.pieces.linked:
            self._goes_wrong_after()
        answer.resultSetMetadata = self._metadata(operation)
        return answer

    def _goes_wrong_before(self) -> bool:
        """Let an answer with rows in it be refused, or wait, before any row is taken."""
        if self._service.take("chunk_503") is not None:
            self.fault.status = 503
        if slow := self._service.take("chunk_slow"):
            self.fault.seconds = float(slow.get("seconds", 1))
        return self.fault.status != 200 or self._expires("any")

    def _goes_wrong_after(self) -> None:
        """Let an answer with rows in it be cut, or lost by a proxy, when the rows are taken already."""
        self.fault.is_cut = self._service.take("drop") is not None
        if self._service.take("lost") is not None:
            self.fault.status = 502

    def _expires(self, what: str) -> bool:
        return self._service.take("expired" if what == "any" else f"expired_{what}") is not None

    def _rows(self, operation: Operation, max_rows: int, max_bytes: int) -> Any:
        with operation.lock:
            pieces = operation.pieces
            assert pieces is not None
            try:
                rows = pieces.next(max_rows, max_bytes, expired=pieces.linked and self._expires("link"))
                more = pieces.has_more
            except (StatementRefused, Stopped) as error:
                operation.error = error
                operation.finish("failed")
                status = ttypes.TStatus(ttypes.TStatusCode.ERROR_STATUS, errorMessage=str(error) or "canceled")
                return ttypes.TFetchResultsResp(status=status)
        if not more:
            operation.finish("finished")
        return ttypes.TFetchResultsResp(status=_OK, hasMoreRows=more, results=rows)


def _identifier() -> Any:
    return ttypes.THandleIdentifier(uuid.uuid4().bytes, uuid.uuid4().bytes)


def _invalid(kind: str, identifier: Any) -> Any:
    name = uuid.UUID(bytes=identifier.guid)
    return ttypes.TStatus(
        ttypes.TStatusCode.INVALID_HANDLE_STATUS, errorMessage=f"Invalid {kind}: {kind} [{name}]", sqlState="HY000"
    )


def _values(parameters: list[Any]) -> list[Any]:
    return [_value(parameter) for parameter in parameters]


def _value(parameter: Any) -> Any:
    if parameter.value is None:
        return None
    text = parameter.value.stringValue
    kind = re.split(r"\(", parameter.type.upper())[0]
    if kind == "DECIMAL":
        return Decimal(text)
    if kind == "BOOLEAN":
        return text.lower() == "true"
    return _NUMBERS.get(kind, str)(text)
