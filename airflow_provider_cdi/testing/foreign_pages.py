"""Answers that no service gave: a proxy's, a firewall's, a guest network's."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_cdi.engine.verdicts import Response

_NGINX = (
    b"<html>\r\n<head><title>400 Bad Request</title></head>\r\n<body>\r\n<center><h1>400 Bad Request</h1></center>\r\n"
    b"<hr><center>nginx/1.25.3</center>\r\n</body>\r\n</html>\r\n"
)
_WAF = b"<!DOCTYPE html><html><title>Attention Required! | Cloudflare</title><body>Ray ID: 8f</body></html>"
_PORTAL = b"<!DOCTYPE html><html><body><form action='/login'>Sign in to the guest network</form></body></html>"
_HTML = {"content-type": "text/html"}

#: Name -> a page that says nothing about any row.
FOREIGN_PAGES: Mapping[str, Response] = {
    **{f"nginx {status}": Response(status, _HTML, _NGINX) for status in (400, 404, 405, 407, 408, 409, 413, 422, 429)},
    **{f"gateway {status}": Response(status, _HTML, _NGINX) for status in (500, 502, 503, 504, 520, 522, 524)},
    **{f"firewall {status}": Response(status, _HTML, _WAF) for status in (400, 403, 406, 422, 451, 503)},
    **{f"sign in {status}": Response(status, _HTML, _PORTAL) for status in (200, 201, 202, 203)},
    "moved": Response(301, _HTML | {"location": "https://www.example.org/"}, _NGINX),
    "sign in elsewhere": Response(302, {"location": "https://login.example.org/"}, b""),
    "empty refusal": Response(400, {}, b""),
    "refusal in plain text": Response(400, {}, b"Bad Request"),
    "refusal that is null": Response(400, {}, b"null"),
    "refusal that is cut off": Response(400, {}, b'{"errors":[{"index":0,'),
}
