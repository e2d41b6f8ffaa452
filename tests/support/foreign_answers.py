"""Answers that are no verdict on rows: of proxies and other services, and about a request as a whole."""

from __future__ import annotations

import gzip
import json
from typing import Any

from airflow_provider_cdi.engine.verdicts import Response


def a(status: int, body: Any = b"", **headers: str) -> Response:
    """Make an answer."""
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, text)


def of_klaviyo(detail: str, source: Any, status: int = 400, code: str = "invalid") -> Response:
    """Make an answer in Klaviyo's form."""
    error = {"id": "e", "status": status, "code": code, "title": "Invalid input.", "detail": detail, "source": source}
    return a(status, {"errors": [error | {"links": {}, "meta": {}}]})


NGINX = (
    b"<html>\r\n<head><title>400 Bad Request</title></head>\r\n<body>\r\n<center><h1>400 Bad Request</h1></center>\r\n"
    b"<hr><center>nginx/1.25.3</center>\r\n</body>\r\n</html>\r\n"
)
NGINX_413 = NGINX.replace(b"400 Bad Request", b"413 Request Entity Too Large")
WAF = b"<!DOCTYPE html><html><title>Attention Required! | Cloudflare</title><body>Ray ID: 8f</body></html>"
PORTAL = b"<!DOCTYPE html><html><body><form action='/login'>Sign in to the guest network</form></body></html>"
ROUTE_53 = {"Message": "Forbidden by policy"}
PROBLEM = {"type": "about:blank", "title": "Bad Request", "status": 400, "detail": "The request is malformed"}
SPRING = {"timestamp": "2026-01-05", "status": 400, "error": "Bad Request", "message": "JSON parse", "path": "/x"}
NEST = {"statusCode": 400, "message": "Unexpected token", "error": "Bad Request"}
CLOUDFLARE = {"success": False, "errors": [{"code": 1003, "message": "Direct access"}], "messages": [], "result": None}
GRAPHQL = {"errors": [{"message": "Bad request", "locations": [], "extensions": {}}]}
ASP = {"errors": {"$": ["'<' is an invalid start of a value."]}, "title": "One or more validation errors"}

#: No vendor gave these, to whichever endpoint: no row may have an outcome after them.
FOREIGN = {
    **{f"nginx {status}": a(status, NGINX, content_type="text/html") for status in (400, 409, 422)},
    "nginx 413": a(413, NGINX_413, content_type="text/html"),
    "nginx 413 as JSON": a(413, NGINX_413, content_type="application/json"),
    "waf 400": a(400, WAF),
    "waf 403": a(403, WAF),
    "waf 422": a(422, WAF),
    "waf 406": a(406, WAF),
    "waf 503": a(503, WAF, retry_after="5"),
    "empty 400": a(400),
    "empty 413": a(413),
    "empty 422": a(422),
    "blanks 400": a(400, b" \r\n"),
    "plain text 400": a(400, b"Bad Request"),
    "null 400": a(400, b"null"),
    "list 400": a(400, [{"index": 0, "type": "EMAIL_BAD_FORMAT"}]),
    "text 400": a(400, b'"Bad Request"'),
    "number 400": a(400, b"400"),
    "object without anything 400": a(400, {}),
    "cut off 400": a(400, b'{"errors":[{"type":"EMAIL_BAD_FORMAT","ind'),
    "packed 400": a(400, gzip.compress(b"{}"), content_encoding="gzip"),
    "not UTF-8 400": a(400, b'{"message":"\xff"}'),
    "with a mark 400": a(400, b"\xef\xbb\xbf" + b'{"message":"no"}'),
    "problem 400": a(400, PROBLEM, content_type="application/problem+json"),
    "problem 422": a(422, PROBLEM | {"status": 422}),
    "problem 413": a(413, PROBLEM | {"status": 413}),
    "spring 400": a(400, SPRING),
    "nest 400": a(400, NEST),
    "asp 400": a(400, ASP),
    "cloudflare's API 400": a(400, CLOUDFLARE),
    "graphql 400": a(400, GRAPHQL),
    "capital message 400": a(400, ROUTE_53),
    "a gateway's words for the status 400": a(400, {"message": "Bad Request"}),
    "a gateway's words for the status 422": a(422, {"message": "Unprocessable Entity"}),
    "errors of nothing 400": a(400, {"errors": [None, 7, [], {}]}),
    "no errors 400": a(400, {"errors": []}),
    "authorization 407": a(407, NGINX),
    "gateway 401": a(401, {"message": "Unauthorized"}),
    "unknown path 404": a(404, NGINX),
    "method 405": a(405, NGINX),
    "teapot 418": a(418, b"short and stout"),
    "legal 451": a(451, WAF),
    "moved 301": a(301, NGINX, location="https://www.example.org/"),
    "sign in 302": a(302, b"", location="https://login.example.org/"),
    "again 307": a(307, b"", location="/elsewhere"),
    "not modified 304": a(304),
    "portal 200": a(200, PORTAL, content_type="text/html"),
    "portal 202": a(202, PORTAL, content_type="text/html"),
    "portal 201": a(201, PORTAL),
    "empty 200": a(200),
    "empty 201": a(201),
    "empty 203": a(203),
    "empty 204": a(204),
    "empty 206": a(206),
    "other JSON 200": a(200, {"status": "ok"}),
    "other JSON 201": a(201, {"result": "created", "id": "J"}),
    "other JSON 202": a(202, {"accepted": True, "jobId": "J"}),
    "null 202": a(202, b"null"),
    "list 202": a(202, []),
    "cut off 202": a(202, b'{"data":{"id":"J'),
    "another resource 202": a(202, {"data": {"type": "session", "id": "J"}}),
    "changed on the way 203": a(203, {"message": "success", "data": {"type": "session", "id": "J"}}),
    "refusal in the clothes of a success 200": a(200, {"message": "Invalid API key"}),
    "errors without success 200": a(200, {"errors": [{"type": "EMAIL_BAD_FORMAT", "index": 0}]}),
    **{f"page {status}": a(status, NGINX) for status in (408, 425, 500, 502, 504, 520, 522, 524, 599)},
    "page 429": a(429, NGINX),
}

#: In the vendor's form, and about the request as a whole: its rows are not at fault either.
OF_THE_REQUEST = {
    "braze": {
        "could not be parsed": a(400, {"error": "Error while parsing request body. Please check your syntax."}),
        "could not be parsed, as message": a(400, {"message": "Error while parsing request body."}),
        "too many for ever": a(400, {"message": "Max Input Length Exceeded"}),
        "too many ids for ever": a(400, {"message": "The max number of ids per request was exceeded"}),
        "invalid request": a(400, {"message": "Invalid Request"}),
        "unknown key": a(401, {"message": "Invalid API Key"}),
        "no permission": a(403, {"message": "Access Denied"}),
        "unknown URL": a(404, {"message": "Invalid URL"}),
        "limit": a(429, {"message": "Rate limited"}),
        "content type": a(415, {"message": "Unsupported Media Type"}),
    },
    "klaviyo": {
        **{
            f"pointer {pointer!r}": of_klaviyo("Invalid input.", {"pointer": pointer})
            for pointer in ("/data", "/data/", "/data/type", "", "/data/relationships/list/data/id", "/")
        },
        "pointer to nothing of the request": of_klaviyo("Invalid input.", {"pointer": "/meta"}),
        "header": of_klaviyo("The revision is not valid.", {"header": "revision"}),
        "parameter": of_klaviyo("The parameter is not allowed.", {"parameter": "include"}),
        "no source": a(400, {"errors": [{"detail": "Invalid input."}]}),
        "sources without a place": of_klaviyo("Invalid input.", {}),
        "conflict 409": of_klaviyo("Conflict.", {"pointer": "/data/type"}, 422),
        "revision 410": of_klaviyo("Gone.", {"pointer": "/data/"}, 410, "gone"),
        "scope 403": of_klaviyo("The key is missing the scope.", {"pointer": "/data/"}, 403, "permission_denied"),
        "key 401": of_klaviyo("Missing or invalid private key.", {"pointer": "/data/"}, 401, "not_authenticated"),
        "path 404": of_klaviyo("Not found.", {"pointer": "/data/"}, 404, "not_found"),
        "not a valid field": of_klaviyo(
            "'backfill' is not a valid field for the resource 'event'.",
            {"pointer": "/data/attributes/profiles/data/0/attributes/backfill"},
        ),
        "a required field": of_klaviyo(
            "'tokens' is a required field for the resource 'push'.",
            {"pointer": "/data/attributes/events-bulk-create/data/0/attributes/events/data/0"},
        ),
        "a required field of the only row": of_klaviyo(
            "'email' is a required field for the resource 'profile'.", {"pointer": "/data/attributes/profile/data"}
        ),
    },
}
