"""What an error of the Databricks connector, or of the hook's way to a token, means.

Databricks names an error class in square brackets and ends with the SQLSTATE
(``[TABLE_OR_VIEW_NOT_FOUND] … SQLSTATE: 42P01``); the service in front of it answers with HTTP codes.
"""

from __future__ import annotations

import re

from airflow_provider_cdi.hooks.sql.driver_codes import text_of
from airflow_provider_cdi.hooks.sql.errors import AWAY, BROKEN, BUSY, COLUMN, VALUES, Fault

#: Beside those of PEP 249: what Airflow's hook raises when no token can be had, urllib3's, Thrift's.
DRIVER_ERRORS = frozenset({"AirflowException", "HTTPError", "TException"})

MISSING = Fault(
    "It does not exist, or the login may not see it: check the name, its catalog and its schema, and that the login "
    "has USE CATALOG and USE SCHEMA on them.",
    kind="missing",
)
FORBIDDEN = Fault(
    "The login has no permission: grant it USE CATALOG, USE SCHEMA, and SELECT on the source.", kind="permission"
)
LOGIN = Fault(
    "The login is refused. A personal access token belongs in the connection's password, with the login empty. A "
    "service principal needs its client id as login, its OAuth secret as password, and "
    '"service_principal_oauth": true in the extra. Check that neither has expired.',
    kind="connection",
)
PATH = Fault(
    "There is no SQL warehouse or cluster at that address: copy host and http_path from its connection details "
    "into the connection's host and extra.",
    kind="missing",
)
CERTIFICATE = Fault(
    "The server's certificate is not trusted: check the connection's host, or name the authority's file as "
    "_tls_trusted_ca_file in the extra.",
    kind="connection",
)
BROKE_OFF = Fault(
    "The result broke off or its links have expired: a new try reads on from the last checkpoint. Where delivery is so "
    'slow that links expire again and again, set "use_cloud_fetch": false in the extra.',
    passes=True,
    kind="transient",
)
STORAGE = Fault(
    "The links to the result (Cloud Fetch) could not be reached: let the worker reach the workspace's cloud storage, "
    'or set "use_cloud_fetch": false in the extra.',
    passes=True,
    kind="connection",
)
OTHER_SIDE = Fault("Databricks could not run the query: look it up in the warehouse's query history.")
OTHER_SIDE_PASSES = Fault("Databricks ended the query by itself: a new try may succeed.", passes=True, kind="transient")

_STATE = re.compile(r"SQLSTATE:?\s*([0-9A-Z]{5})")
#: SQLSTATE, the longest prefix first.
_BY_STATE = (
    ("42501", FORBIDDEN),
    ("42P01", MISSING),
    ("42704", MISSING),
    ("42703", COLUMN),
    ("22", VALUES),
    ("42", BROKEN),
    ("0A", BROKEN),
    ("08", OTHER_SIDE_PASSES),
    ("40", OTHER_SIDE_PASSES),
    ("53", BUSY),
    ("57", OTHER_SIDE_PASSES),
    ("58", OTHER_SIDE_PASSES),
    ("HY008", OTHER_SIDE_PASSES),
    ("KD", OTHER_SIDE_PASSES),
    ("XX", OTHER_SIDE_PASSES),
)
#: The first that is found in the whole text. Older runtimes give no SQLSTATE.
_BY_TEXT = tuple(
    (re.compile(pattern, re.IGNORECASE), fault)
    for pattern, fault in (
        (r"certificate.verify.failed|certificateerror", CERTIFICATE),
        (r"http_path should be provided", PATH),
        (r"token authentication isn't configured|credentials aren't provided|status code: 40[0-3]\b", LOGIN),
        (r"invalid access token", LOGIN),
        (r"insufficient_permissions|permission_denied|insufficient privileges", FORBIDDEN),
        (r"table_or_view_not_found|schema_not_found|no_such_catalog|not_such_catalog", MISSING),
        (r"unresolved_column", COLUMN),
        (r"unresolved_routine|^undefined function", BROKEN),
        (r"invalid (session|operation)handle|closed server side|result batches must have been skipped", BROKE_OFF),
        (r"^http request (failed|error).*(max retries exceeded|connection broken|timed out)", STORAGE),
        (r"cloudfetch link has expired|^http request (failed|error)|failure to convert arrow", BROKE_OFF),
        (r"api requests to databricks failed", AWAY),
    )
)


class BrokenResult(OSError):
    """A result that was flowing stopped: a link expired, the session or the token did, the connection was cut."""


def diagnose(error: BaseException) -> Fault | None:
    """Say what an error means; None when nothing here knows."""
    if isinstance(error, BrokenResult):
        return BROKE_OFF
    text = text_of(error)
    state = _STATE.search(text)
    if state is not None:
        return next((fault for prefix, fault in _BY_STATE if state[1].startswith(prefix)), OTHER_SIDE)
    found = next((fault for pattern, fault in _BY_TEXT if pattern.search(text)), None)
    return found or _by_code(error) or _by_class(error)


def _by_code(error: BaseException) -> Fault | None:
    if is_login_refusal(error):
        return LOGIN
    return PATH if _http_code(error) in (400, 404) else None


def _by_class(error: BaseException) -> Fault | None:
    names = _class_names(error)
    if "ServerOperationError" in names:
        return OTHER_SIDE
    return AWAY if "HTTPError" in names else None


def is_login_refusal(error: BaseException) -> bool:
    """Whether the service refused the token that a request brought."""
    return _http_code(error) in (401, 403)


def is_tag_refusal(error: BaseException) -> bool:
    """Whether a session was refused because of its query tags, which are new and may not be there yet."""
    return "query_tags" in text_of(error).lower()


def is_broken_result(error: BaseException) -> bool:
    """Whether an error that came while rows were fetched may go away when the query is asked again.

    A refused token is among them: one of OAuth lives an hour, and the new try fetches a new one.
    The connector raises a plain RuntimeError for files that it cannot unpack.
    """
    return bool(_class_names(error) & {"RequestError", "HTTPError", "TException", "RuntimeError", "EOFError"})


def _http_code(error: BaseException) -> int | None:
    context = getattr(error, "context", None)
    code = context.get("http-code") if isinstance(context, dict) else None
    return code if isinstance(code, int) else None


def _class_names(error: BaseException) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}
