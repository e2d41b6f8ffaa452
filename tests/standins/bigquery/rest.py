"""The REST API over TLS: tokens, jobs, results in pages, tables."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit
from uuid import uuid4

from standins.bigquery.accounts import Account, Accounts, GrantRefused, check_may
from standins.bigquery.engine import LOCATION, Engine
from standins.bigquery.errors import ServiceError
from standins.bigquery.jobs import RESULTS, Job, Jobs
from standins.bigquery.results import Result
from standins.bigquery.schema import cells
from standins.control import Faults

#: Rows of the largest page; the service stops at ten megabytes.
PAGE = 20_000

Query = dict[str, str]


class Rest:
    """What the REST API answers.

    :param engine: for tables that are no results.
    :param jobs: runs queries.
    :param accounts: who may ask.
    :param faults: what goes wrong.
    """

    def __init__(self, engine: Engine, jobs: Jobs, accounts: Accounts, faults: Faults) -> None:
        self._engine = engine
        self._jobs = jobs
        self._accounts = accounts
        self.faults = faults
        self._routes: tuple[tuple[str, re.Pattern[str], Callable[..., dict[str, Any]]], ...] = (
            ("POST", _path("/jobs"), self._insert),
            ("GET", _path("/jobs/([^/]+)"), self._get),
            ("POST", _path("/jobs/([^/]+)/cancel"), self._cancel),
            ("GET", _path("/queries/([^/]+)"), self._results),
            ("POST", _path("/queries"), self._query),
            ("GET", _path("/datasets/([^/]+)/tables/([^/]+)"), self._table),
            ("GET", _path("/datasets/([^/]+)/tables/([^/]+)/data"), self._rows),
            ("POST", _path("/datasets/([^/]+)/tables/([^/]+):testIamPermissions"), self._permissions),
        )

    def token(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Answer the token endpoint."""
        try:
            token = self._accounts.grant(form)
        except GrantRefused as error:
            return 400, {"error": "invalid_grant", "error_description": str(error)}
        return 200, {"access_token": token, "expires_in": 3599, "token_type": "Bearer"}

    def answer(self, method: str, path: str, query: Query, body: dict[str, Any], authorization: str | None) -> Any:
        """Answer one call.

        :raises ServiceError: when it fails.
        """
        self._go_wrong()
        caller = self._accounts.caller(authorization)
        for verb, pattern, handler in self._routes:
            found = pattern.fullmatch(path)
            if found and verb == method:
                return handler(caller, query, body, *found.groups())
        raise ServiceError("notFound", f"Not found: {method} {path}")

    def _go_wrong(self) -> None:
        if self.faults.take("token_expired") is not None:
            self._accounts.expire()
        refused = self.faults.take("unauthorized")
        if refused is not None and refused.get("status") == 403:
            raise ServiceError("accessDenied", "Access Denied: The account may not do this any more.")
        if refused is not None:
            raise ServiceError("authError", "Request had invalid authentication credentials.")

    # --- jobs -------------------------------------------------------------------------------------

    def _insert(self, caller: Account, _: Query, body: dict[str, Any], project: str) -> dict[str, Any]:
        check_may(caller, "bigquery.jobs.create", f"projects/{project}")
        reference = body.get("jobReference", {})
        _check_location(reference.get("location"))
        name = reference.get("jobId") or f"job_{uuid4().hex}"
        return self._jobs.insert(project, name, body["configuration"], caller).resource()

    def _get(self, _: Account, query: Query, __: dict[str, Any], ___: str, name: str) -> dict[str, Any]:
        return self._job(name, query).resource()

    def _cancel(self, _: Account, query: Query, __: dict[str, Any], ___: str, name: str) -> dict[str, Any]:
        self._job(name, query)
        return {"kind": "bigquery#jobCancelResponse", "job": self._jobs.cancel(name).resource()}

    def _query(self, caller: Account, query: Query, body: dict[str, Any], project: str) -> dict[str, Any]:
        settings = {key: body[key] for key in ("query", "queryParameters", "defaultDataset") if key in body}
        configuration = {"query": settings, "labels": body.get("labels", {}), "dryRun": body.get("dryRun", False)}
        check_may(caller, "bigquery.jobs.create", f"projects/{project}")
        job = self._jobs.insert(project, f"job_{uuid4().hex}", configuration, caller)
        page = {"maxResults": str(body.get("maxResults", PAGE)), "timeoutMs": str(body.get("timeoutMs", 10_000))}
        return self._results(caller, {**query, **page}, {}, project, job.name)

    def _results(self, _: Account, query: Query, __: dict[str, Any], ___: str, name: str) -> dict[str, Any]:
        job = self._job(name, query)
        answer = {"kind": "bigquery#getQueryResultsResponse", "jobReference": job.reference, "cacheHit": False}
        if not job.done.wait(int(query.get("timeoutMs", 10_000)) / 1000):
            return {**answer, "jobComplete": False}
        if job.error is not None:
            raise job.error
        schema = {"fields": [field.resource() for field in job.fields]}
        page = self._page(job.result, query) if job.result is not None else {"totalRows": "0"}
        return {**answer, **page, "jobComplete": True, "schema": schema, "totalBytesProcessed": str(job.bytes)}

    def _job(self, name: str, query: Query) -> Job:
        if query.get("location", LOCATION) != LOCATION:
            raise ServiceError("notFound", f"Not found: Job {self._engine.project}:{query['location']}.{name}")
        return self._jobs.find(name)

    # --- tables -----------------------------------------------------------------------------------

    def _table(
        self, caller: Account, _: Query, __: dict[str, Any], project: str, dataset: str, table: str
    ) -> dict[str, Any]:
        if dataset == RESULTS:
            fields, rows = self._jobs.table(table).fields, self._jobs.table(table).rows
        else:
            text = f"select * from `{project}`.`{dataset}`.`{table}`"
            translated = self._engine.understood(text, None, hidden=caller.hidden)
            with self._engine.connect() as connection:
                fields, rows = self._engine.describe(connection, translated), 0
        reference = {"projectId": project, "datasetId": dataset, "tableId": table}
        schema = {"fields": [field.resource() for field in fields]}
        return {"kind": "bigquery#table", "tableReference": reference, "schema": schema, "numRows": str(rows)}

    def _permissions(self, caller: Account, _: Query, body: dict[str, Any], *__: str) -> dict[str, Any]:
        return {"permissions": [one for one in body["permissions"] if one not in caller.lacks]}

    def _rows(self, _: Account, query: Query, __: dict[str, Any], ___: str, dataset: str, table: str) -> dict[str, Any]:
        if dataset != RESULTS:
            raise ServiceError("invalid", "This stand-in lists the rows of results only.")
        return self._page(self._jobs.table(table), query)

    def _page(self, result: Result, query: Query) -> dict[str, Any]:
        wanted = min(int(query.get("maxResults", PAGE)), PAGE)
        start = int(query.get("pageToken") or query.get("startIndex") or 0)
        if not wanted:  # without `rows`: an empty list would say that there are none
            return {"totalRows": str(result.rows)}
        self._go_wrong_in_page()
        rows: list[Any] = []
        for batch in result.batches(start):
            part = batch.slice(0, wanted - len(rows))
            columns = [cells(array, field) for array, field in zip(part.columns, result.fields, strict=True)]
            rows += [{"f": [{"v": value} for value in row]} for row in zip(*columns, strict=True)]
            if len(rows) >= wanted:
                break
        page: dict[str, Any] = {"totalRows": str(result.rows), "rows": rows}
        end = start + len(rows)
        return {**page, "pageToken": str(end)} if end < result.rows else page

    def _go_wrong_in_page(self) -> None:
        slow = self.faults.take("chunk_slow")
        if slow is not None:
            time.sleep(slow.get("seconds", 1.0))
        if self.faults.take("chunk_503") is not None:
            raise ServiceError("backendError", "Error encountered during execution. Retrying may solve the problem.")


def handler_of(rest: Rest) -> type[BaseHTTPRequestHandler]:
    """Return the class that serves the API over HTTP."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if urlsplit(self.path).path == "/token":
                self._send(*rest.token(dict(parse_qsl(body.decode()))))
            else:
                self._answer(json.loads(body or b"{}"))

        def _answer(self, body: dict[str, Any]) -> None:
            url = urlsplit(self.path)
            query = {key: values[-1] for key, values in parse_qs(url.query).items()}
            try:
                found = rest.answer(self.command, url.path, query, body, self.headers.get("Authorization"))
            except ServiceError as error:
                self._send(error.http_status, error.body())
            else:
                self._send(200, found, cut=bool(found.get("rows")) and rest.faults.take("drop") is not None)

        def _send(self, status: int, answer: Any, *, cut: bool = False) -> None:
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=UTF-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if cut else body)
            self.close_connection = self.close_connection or cut

        def log_message(self, *_: Any) -> None:
            """Keep the server's log for what matters."""

    return Handler


def _path(rest: str) -> re.Pattern[str]:
    return re.compile(rf"/bigquery/v2/projects/([^/]+){rest}")


def _check_location(location: str | None) -> None:
    if location not in {None, "", LOCATION}:
        raise ServiceError("notFound", f"Not found: The datasets of this query are not in the location {location}")
