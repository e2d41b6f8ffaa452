"""What an error of Snowflake, or of its connector, means: by Snowflake's own number, not by its text.

.. seealso:: https://docs.snowflake.com/en/developer-guide/python-connector/python-connector-api#error
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from airflow_provider_cdi.hooks.sql.errors import AWAY, BROKEN, COLUMN, Fault

_MISSING = Fault(
    "It does not exist, or the role may not see it: check the name, its case, database and schema, and grant the "
    "role SELECT on it and USAGE on its database and schema.",
    kind="missing",
)
_FORBIDDEN = Fault(
    "The role lacks a privilege: grant it SELECT on the source, and USAGE on its database, its schema and the "
    "warehouse.",
    kind="permission",
)
_PASSWORD = Fault("The login is refused: check login and password of the connection.", kind="connection")
_LOGIN = Fault(
    "The login is refused: mend in Snowflake what LOGIN_HISTORY names, or the connection's fields.", kind="connection"
)
_KEY = Fault(
    "The key pair is refused: check login and account, and that the public key is registered "
    "(ALTER USER … SET RSA_PUBLIC_KEY).",
    kind="connection",
)
_KEY_FILE = Fault(
    "Its private key cannot be read: check private_key_content (the PEM file in base64) or private_key_file in the "
    "connection's extra, and that the connection's password is the key's passphrase.",
    kind="connection",
)
_TOKEN = Fault("The access token is refused or expired: put a new one into the connection.", kind="connection")
_ROLE = Fault(
    "The role cannot be used: check role in the connection's extra, and grant it to the login.", kind="permission"
)
_ADDRESS = Fault("A network policy refuses this machine's address: add it to the policy.", kind="connection")
_ACCOUNT = Fault(
    "No account answers there: check account, and region or host, in the connection's extra.", kind="connection"
)
_FIELDS = Fault("A field of the connection is empty: fill in login, the password or a private key, and account.")
_CERTIFICATE = Fault(
    "The server's certificate is not believed: if a proxy looks into the traffic, name its authority by the variable "
    "REQUESTS_CA_BUNDLE.",
    kind="connection",
)
_WAREHOUSE = Fault(
    "No warehouse computes for the connection: name one as warehouse in its extra, and grant the role USAGE on it.",
    kind="resources",
)
_NAMES = Fault("A name is not complete: put database into the connection's extra and schema into its field.")
_TIMEOUT = Fault(
    "Snowflake ended the statement at its time limit: raise STATEMENT_TIMEOUT_IN_SECONDS, or use a larger warehouse.",
    kind="resources",
)
_CUT_TIMES = Fault(
    "UPDATED_AT has nanoseconds and also a time outside the years 1677 to 2262, and the connector cannot tell both: "
    "cast it to timestamp_ntz(6) in a view, or leave those rows out there."
)
_QUOTA = Fault(
    "The warehouse's resource monitor has used up its quota: raise it, or wait for its next period.", kind="resources"
)
_STOPPED = Fault("Somebody stopped the statement in Snowflake: a new try may succeed.", passes=True, kind="transient")
_PART = Fault("Snowflake did not hand out a part of the result: a new try may succeed.", passes=True, kind="transient")

#: Snowflake's and the connector's numbers (snowflake/connector/errorcode.py, and the service's own).
_BY_NUMBER = {
    606: _WAREHOUSE,
    604: _STOPPED,
    630: _TIMEOUT,
    904: COLUMN,
    1003: BROKEN,
    2003: _MISSING,
    2043: _MISSING,
    3001: _FORBIDDEN,
    90073: _QUOTA,
    90105: _NAMES,
    90106: _NAMES,
    250003: AWAY,
    251001: _FIELDS,
    251005: _FIELDS,
    251006: _FIELDS,
    390100: _PASSWORD,
    390144: _KEY,
    390189: _ROLE,
    390192: _TOKEN,
    390303: _TOKEN,
    390318: _TOKEN,
    390422: _ADDRESS,
    390432: _ADDRESS,
    394300: _KEY,
    # A session that ended on the service's side, or a token that could not be renewed: a new connection has new ones.
    390103: AWAY,
    390104: AWAY,
    390111: AWAY,
    390112: AWAY,
    390113: AWAY,
    390114: AWAY,
    390115: AWAY,
}
#: A login fails under one number of the connector; Snowflake's number or sentence is in the text.
_LOGIN_NUMBERS = frozenset({250001, 250006, 251012, 540001})
_LOGIN_TEXTS = tuple(
    (re.compile(pattern, re.IGNORECASE), fault)
    for pattern, fault in (
        (r"by OKTA: 401", _PART),  # what the connector says of a chunk's link that is refused
        (r"incorrect username or password", _PASSWORD),
        (r"JWT token", _KEY),
        (r"(oauth|access) token", _TOKEN),
        (r"\brole\b", _ROLE),
        (r"IP.*not allowed|network policy", _ADDRESS),
        (r"account name", _ACCOUNT),
        (r"could not connect|timed? ?out|unavailable|retryable", AWAY),
    )
)
_INCOMPLETE = re.compile(r"HTTPS?ConnectionPool|Incomplete result", re.IGNORECASE)


class CutTimesError(Exception):
    """The connector gives times in microseconds that have nanoseconds."""


class UnreadableKeyError(Exception):
    """The private key of a connection cannot be read."""


_OWN: Mapping[type[BaseException], Fault] = {CutTimesError: _CUT_TIMES, UnreadableKeyError: _KEY_FILE}
#: Classes of errors to diagnose, beside those of PEP 249.
ERRORS = frozenset(kind.__name__ for kind in _OWN)


def diagnose(error: BaseException) -> Fault | None:
    """Say what an error means; None leaves it to the general table."""
    text, number = str(error), getattr(error, "errno", None)
    if type(error) in _OWN:
        return _OWN[type(error)]
    if "certificate verify failed" in text.lower() or "non-retryable ssl error" in text.lower():
        return _CERTIFICATE
    if isinstance(number, int) and (fault := _by_number(number, text)) is not None:
        return fault
    is_download = _INCOMPLETE.search(text) or "RequestException" in (kind.__name__ for kind in type(error).__mro__)
    return _PART if is_download else None


def _by_number(number: int, text: str) -> Fault | None:
    if number in _BY_NUMBER:
        return _BY_NUMBER[number]
    if number in _LOGIN_NUMBERS or number // 1000 == 390:
        return next((fault for pattern, fault in _LOGIN_TEXTS if pattern.search(text)), _LOGIN)
    if number // 1000 == 290:  # 290404 is HTTP 404
        return _ACCOUNT if "login-request" in text else _PART
    return None
