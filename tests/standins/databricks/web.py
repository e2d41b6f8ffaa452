"""The HTTP side: Thrift posts, files behind links, and the token endpoint."""

from __future__ import annotations

import time
from collections.abc import Iterator

from databricks.sql.thrift_api.TCLIService import TCLIService
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.transport.TTransport import TMemoryBuffer

from standins.databricks.engine import WAREHOUSE
from standins.databricks.handler import Handler
from standins.databricks.logins import Logins
from standins.databricks.service import Service

_REASON = "x-databricks-reason-phrase"
_REQUEST_EXPIRED = '<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>'


def make_app(service: Service, logins: Logins) -> Starlette:
    """Return the application."""

    async def thrift(request: Request) -> Response:
        user = logins.user(request.headers.get("authorization"))
        refusal = service.take("unauthorized")
        if user is None or refusal is not None:
            status = int((refusal or {}).get("status", 403))
            return Response(status_code=status, headers={_REASON: "Invalid access token."})
        return await run_in_threadpool(_answer, service, user, await request.body())

    def file(request: Request) -> Response:
        return _file(service, request.path_params["name"])

    async def token(request: Request) -> Response:
        issued = logins.issue(request.headers.get("authorization"))
        if issued is None:
            error = {"error": "invalid_client", "error_description": "Client authentication failed"}
            return JSONResponse(error, status_code=401)
        return JSONResponse({"access_token": issued, "token_type": "Bearer", "expires_in": logins.lifetime})

    return Starlette(
        routes=[
            Route(f"/sql/1.0/warehouses/{WAREHOUSE}", thrift, methods=["POST"]),
            Route("/results/{name}", file),
            Route("/oidc/v1/token", token, methods=["POST"]),
        ]
    )


def _answer(service: Service, user: str, body: bytes) -> Response:
    handler = Handler(service, user)
    answer = TMemoryBuffer()
    TCLIService.Processor(handler).process(TBinaryProtocol(TMemoryBuffer(body)), TBinaryProtocol(answer))
    time.sleep(handler.fault.seconds)
    if handler.fault.status != 200:
        return Response(status_code=handler.fault.status, headers={"retry-after": "1"})
    return _body(answer.getvalue(), is_cut=handler.fault.is_cut)


def _file(service: Service, name: str) -> Response:
    if slow := service.take("chunk_slow"):
        time.sleep(float(slow.get("seconds", 1)))
    if service.take("chunk_503") is not None:
        return Response("Please reduce your request rate.", status_code=503)
    content = service.files.get(name)
    if content is None or service.take("expired") is not None:
        return Response(_REQUEST_EXPIRED, status_code=403)
    return _body(content, is_cut=service.take("drop") is not None)


def _body(content: bytes, *, is_cut: bool) -> Response:
    if not is_cut:
        return Response(content)

    def half() -> Iterator[bytes]:
        yield content[: len(content) // 2]
        raise ConnectionAbortedError("the fault that was asked for")

    return StreamingResponse(half(), headers={"content-length": str(len(content))})
