"""The two AWS calls that hand out temporary passwords: for a cluster (XML) and for a workgroup (JSON)."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from standins.redshift.logins import Logins

CLUSTER, WORKGROUP = "cdi-cluster", "cdi-workgroup"
#: The AWS key that may call; every other one is refused.
ACCESS_KEY, SECRET_KEY = "AKIACDITESTCDITEST00", "not-a-real-secret-key"
_NAMESPACE = "http://redshift.amazonaws.com/doc/2012-12-01/"


def serve_aws(logins: Logins, *, serverless_user: str) -> int:
    """Serve GetClusterCredentials and GetCredentials and return the port.

    :param serverless_user: whom a workgroup's credentials are for; a real one takes the name of the caller's role.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            target = self.headers.get("X-Amz-Target")
            known = f"Credential={ACCESS_KEY}/" in self.headers.get("Authorization", "")
            answer = _serverless(body, logins, serverless_user, known) if target else _cluster(body, logins, known)
            self._answer(*answer, "application/x-amz-json-1.1" if target else "text/xml")

        def _answer(self, status: int, body: str, content_type: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Keep the server's log for what matters."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, name="aws", daemon=True).start()
    return server.server_port


def _cluster(body: str, logins: Logins, known: bool) -> tuple[int, str]:
    asked = {name: values[0] for name, values in parse_qs(body).items()}
    if not known:
        return 403, _xml_error("AccessDenied", f"User is not authorized to perform: redshift:{asked['Action']}")
    if asked["Action"] != "GetClusterCredentials":
        return 400, _xml_error("InvalidAction", f"{asked['Action']} is not part of this stand-in.")
    if asked.get("ClusterIdentifier") != CLUSTER:
        return 404, _xml_error("ClusterNotFound", f"Cluster {asked.get('ClusterIdentifier')} not found.")
    login, password, end = logins.temporary(asked["DbUser"])
    name = "GetClusterCredentials"
    return 200, (
        f'<{name}Response xmlns="{_NAMESPACE}"><{name}Result><DbUser>{login}</DbUser>'
        f"<DbPassword>{password}</DbPassword><Expiration>{datetime.fromtimestamp(end, UTC).isoformat()}</Expiration>"
        f"</{name}Result><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></{name}Response>"
    )


def _xml_error(code: str, text: str) -> str:
    return (
        f'<ErrorResponse xmlns="{_NAMESPACE}"><Error><Type>Sender</Type><Code>{code}</Code>'
        f"<Message>{text}</Message></Error><RequestId>1</RequestId></ErrorResponse>"
    )


def _serverless(body: str, logins: Logins, user: str, known: bool) -> tuple[int, str]:
    asked = json.loads(body)
    if not known:
        text = "User is not authorized to perform: redshift-serverless:GetCredentials"
        return 400, json.dumps({"__type": "AccessDeniedException", "message": text})
    if asked.get("workgroupName") != WORKGROUP:
        return 400, json.dumps({"__type": "ResourceNotFoundException", "message": "Workgroup not found."})
    login, password, end = logins.temporary(user)
    return 200, json.dumps({"dbUser": login, "dbPassword": password, "expiration": end, "nextRefreshTime": end})
