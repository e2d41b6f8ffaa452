"""The service's HTTP interface, as far as the Python connector uses it."""

from __future__ import annotations

import gzip
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import anyio
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from standins.control import Faults
from standins.snowflake.accounts import Accounts
from standins.snowflake.faults import SnowflakeError
from standins.snowflake.queries import Queries, Query
from standins.snowflake.sessions import Session, Sessions

#: GS codes that the client acts on.
IN_PROGRESS, IN_PROGRESS_DETACHED = "333333", "333334"
SESSION_EXPIRED, SESSION_GONE, MASTER_EXPIRED = "390112", "390104", "390114"


class Service:
    """Answers requests.

    :param patience: seconds after which a statement that still runs is answered with "in progress".
    :param zone: the account's TIMEZONE, for sessions that set none.
    """

    def __init__(
        self, accounts: Accounts, sessions: Sessions, queries: Queries, faults: Faults, patience: float, zone: str
    ) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._queries = queries
        self._faults = faults
        self._patience = patience
        self._zone = zone

    def app(self) -> Starlette:
        """Return the application."""
        return Starlette(
            routes=[
                Route("/session/v1/login-request", self.login, methods=["POST"]),
                Route("/session/token-request", self.renew, methods=["POST"]),
                Route("/session", self.close, methods=["POST"]),
                Route("/session/heartbeat", self.heartbeat, methods=["POST"]),
                Route("/queries/v1/query-request", self.query, methods=["POST"]),
                Route("/queries/v1/abort-request", self.abort, methods=["POST"]),
                Route("/queries/{id}/abort-request", self.abort, methods=["POST"]),
                Route("/queries/{id}/result", self.result),
                Route("/monitoring/queries/{id}", self.monitor),
                Route("/results/{id}/{number:int}", self.chunk),
            ]
        )

    # --- sessions -----------------------------------------------------------------------------------

    async def login(self, request: Request) -> Response:
        if self._unauthorized("login"):
            return Response(status_code=403)
        login = (await _body(request))["data"]
        try:
            user = self._accounts.check(login, request.query_params.get("roleName"), str(uuid.uuid4()))
        except SnowflakeError as error:
            return _failed(error)
        asked = request.query_params
        current = {
            name: asked[key].upper() if asked.get(key) else None
            for name, key in (
                ("DATABASE", "databaseName"),
                ("SCHEMA", "schemaName"),
                ("WAREHOUSE", "warehouse"),
                ("ROLE", "roleName"),
            )
        }
        session = self._sessions.open(user, {"TIMEZONE": self._zone, **login.get("SESSION_PARAMETERS", {})}, current)
        return _done({**_tokens(session), "sessionId": session.number, "parameters": _parameters(session)})

    async def renew(self, request: Request) -> Response:
        session = self._sessions.by_master(_token(request))
        if session is None or (self._faults.take("renewal_refused") is not None):
            return _failed(
                SnowflakeError(MASTER_EXPIRED, "Authentication token has expired. The user must authenticate again.")
            )
        session.renew()
        return _done({**_tokens(session), "sessionToken": session.token, "sessionId": session.number})

    async def close(self, request: Request) -> Response:
        session = self._sessions.by_token(_token(request))
        if session is not None:
            self._sessions.close(session)
            await run_in_threadpool(self._queries.forget, session)
        return _done(None)

    async def heartbeat(self, request: Request) -> Response:
        return self._refusal(request) or _done(None)

    def _refusal(self, request: Request) -> Response | None:
        session = self._sessions.by_token(_token(request))
        if session is None:
            return _failed(SnowflakeError(SESSION_GONE, "User must login again to access the service."))
        if self._faults.take("expired") is not None:
            session.expired = True
        if session.expired:
            return _failed(SnowflakeError(SESSION_EXPIRED, "Session token has expired. Please renew."))
        return Response(status_code=401) if self._faults.take("unauthorized") is not None else None

    def _unauthorized(self, place: str) -> bool:
        return self._faults.take(f"unauthorized_{place}") is not None

    def _session(self, request: Request) -> Session:
        session = self._sessions.by_token(_token(request))
        assert session is not None
        return session

    # --- statements ---------------------------------------------------------------------------------

    async def query(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        order, session = await _body(request), self._session(request)
        text, bindings = order["sqlText"], order.get("bindings")
        if order.get("describeOnly"):
            try:
                stored = await run_in_threadpool(self._queries.describe, session, text, bindings)
            except SnowflakeError as error:
                return _failed(error)
            return _done({"queryId": str(uuid.uuid4()), "statementTypeId": 4096, **stored.answer("")})
        query = self._queries.start(session, text, bindings, request.query_params.get("requestId", ""))
        if order.get("asyncExec"):
            return _in_progress(query, IN_PROGRESS_DETACHED)
        return await self._answered(query, request)

    async def result(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        query = self._queries.get(request.path_params["id"])
        if query is None:
            return _failed(SnowflakeError("000709", "Statement not found", "02000"))
        return await self._answered(query, request)

    async def _answered(self, query: Query, request: Request) -> Response:
        if not await run_in_threadpool(query.wait, self._patience):
            return _in_progress(query, IN_PROGRESS)
        if query.error is not None:
            return _failed(query.error, query.id)
        assert query.stored is not None
        answer = await run_in_threadpool(query.stored.answer, f"{request.base_url}results/{query.id}")
        # 4096 is SELECT; 12288 is DML, for which the client does not expect the rows it is told about.
        current = query.session.current
        facts = {
            "parameters": _parameters(query.session),
            "queryId": query.id,
            "statementTypeId": 4096 if query.is_query else 12288,
            "finalDatabaseName": current.get("DATABASE"),
            "finalSchemaName": current.get("SCHEMA"),
            "finalWarehouseName": current.get("WAREHOUSE"),
        }
        return _done({**facts, **answer})

    async def monitor(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        query = self._queries.get(request.path_params["id"])
        if query is None:
            return _done({"queries": []})
        found = {"id": query.id, "status": query.status}
        if query.error is not None:
            found |= {"errorCode": query.error.code, "errorMessage": query.error.message}
        return _done({"queries": [found]})

    async def abort(self, request: Request) -> Response:
        query_id = request.path_params.get("id")
        request_id = None if query_id else (await _body(request)).get("requestId")
        is_found = await run_in_threadpool(lambda: self._queries.cancel(query_id=query_id, request_id=request_id))
        return (
            _done(None)
            if is_found
            else _failed(SnowflakeError("000605", "Identified SQL statement is not currently executing."))
        )

    # --- chunks -------------------------------------------------------------------------------------

    async def chunk(self, request: Request) -> Response:
        query = self._queries.get(request.path_params["id"])
        if query is None or query.stored is None or self._faults.take("link_expired") is not None:
            return Response("<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>", 403)
        if self._unauthorized("chunk"):
            return Response(status_code=401)
        if self._faults.take("chunk_503") is not None:
            return Response("SlowDown", 503)
        slow = self._faults.take("chunk_slow")
        if slow is not None:
            await anyio.sleep(slow.get("seconds", 1.0))
        content = await run_in_threadpool(query.stored.chunks[request.path_params["number"]].path.read_bytes)
        headers = {"Content-Encoding": "gzip", "Content-Length": str(len(content))}
        if self._faults.take("drop") is not None:
            return StreamingResponse(_broken(content), headers=headers)
        return Response(content, headers=headers, media_type="application/octet-stream")


async def _broken(content: bytes) -> AsyncIterator[bytes]:
    yield content[: len(content) // 2]
    raise ConnectionResetError("the connection is cut here on purpose")


async def _body(request: Request) -> dict[str, Any]:
    body = await request.body()
    if request.headers.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    found: dict[str, Any] = json.loads(body)
    return found


def _token(request: Request) -> str:
    return request.headers.get("Authorization", "").removeprefix('Snowflake Token="').removesuffix('"')


def _tokens(session: Session) -> dict[str, Any]:
    return {
        "token": session.token,
        "masterToken": session.master,
        "validityInSeconds": 3600,
        "masterValidityInSeconds": 14400,
    }


def _parameters(session: Session) -> list[dict[str, Any]]:
    told = {"AUTOCOMMIT": True, "CLIENT_PREFETCH_THREADS": 4, "CLIENT_TELEMETRY_ENABLED": False, **session.parameters}
    return [{"name": name, "value": value} for name, value in told.items()]


def _in_progress(query: Query, code: str) -> Response:
    facts = {"queryId": query.id, "getResultUrl": f"/queries/{query.id}/result", "queryAbortsAfterSecs": 300}
    # An order to run in the background has been carried out; one to bring the rows has not, yet.
    return JSONResponse({"data": facts, "code": code, "message": "Query execution in progress.", "success": True})


def _done(facts: Any) -> Response:
    return JSONResponse({"data": facts, "code": None, "message": None, "success": True})


def _failed(error: SnowflakeError, query_id: str | None = None) -> Response:
    facts = {"errorCode": error.code, "sqlState": error.state, "queryId": query_id}
    return JSONResponse({"data": facts, "code": error.code, "message": error.message, "success": False})
