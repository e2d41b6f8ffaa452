"""What the errors of Google's clients mean, and which step mends them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

from airflow_provider_cdi.hooks.sql.errors import AWAY, BROKEN, BUSY, COLUMN, ENDED, VALUES, Fault


class CredentialsUnusable(Exception):
    """The Airflow connection holds no credentials that could be tried.

    :param step: which step is wrong: ``key``, ``file``, ``default`` or ``project``.
    :param problem: in a few words, without any part of a key.
    """

    def __init__(self, step: str, problem: str) -> None:
        super().__init__(problem)
        self.step = step


class JobStopped(Exception):
    """The read was stopped from another thread."""


class IncompleteResult(Exception):
    """The stream ended before all rows of the result had come.

    :param expected: rows of the result.
    :param seen: rows that came.
    """

    def __init__(self, expected: int, seen: int) -> None:
        super().__init__(f"{seen} of {expected} rows came")


#: Names of the classes of Google's libraries, and of those above.
DRIVER_ERRORS = frozenset(
    {"GoogleAPIError", "GoogleAuthError", "RpcError", "CredentialsUnusable", "JobStopped", "IncompleteResult"}
)

_STEPS = {
    "key": Fault(
        "Its key cannot be used: put the whole JSON file of a service account's key into keyfile_dict, or name the "
        "file in key_path.",
        kind="connection",
    ),
    "file": Fault(
        "Its key file cannot be read: check that key_path exists on the worker and may be read there.",
        kind="connection",
    ),
    "default": Fault(
        "There are no default credentials: put a service account's key into the connection (keyfile_dict or "
        "key_path), or set GOOGLE_APPLICATION_CREDENTIALS on the worker.",
        kind="connection",
    ),
    "project": Fault('It names no project: set "project" in its extra.'),
}

_LOGIN = Fault(
    "Google refuses its credentials: make sure that the service account and its key still exist, and put a new key "
    "into keyfile_dict or key_path.",
    kind="connection",
)
#: BigQuery says the same of a table that is not there to those who may not know.
_FORBIDDEN = Fault(
    "The account may not read it, or it does not exist: check the name, and grant it roles/bigquery.dataViewer on the "
    "table or its dataset, and on those that a view reads.",
    kind="permission",
)

_MISSING = Fault(
    "It does not exist, or not there: check the name, its case, the project, and the location of the connection.",
    kind="missing",
)

#: What BigQuery says, the most telling first.
_BY_TEXT = tuple(
    (re.compile(pattern, re.IGNORECASE), fault)
    for pattern, fault in (
        (
            r"bigquery\.jobs\.create",
            Fault(
                "The account may run no queries: grant it roles/bigquery.jobUser in the connection's project.",
                kind="permission",
            ),
        ),
        (
            r"readsessions",
            Fault(
                "The account may not read results: grant it roles/bigquery.readSessionUser in the project.",
                kind="permission",
            ),
        ),
        (
            r"session (has )?expired",
            Fault("The result was not read in time: a new try reads it again.", passes=True, kind="transient"),
        ),
        (
            r"must be qualified with a dataset",
            Fault('Name it as dataset.table, or set "dataset" in the connection\'s extra.'),
        ),
        (r"not found: (table|dataset)", _MISSING),
        (r"^(\d{3} )?((GET|POST) \S+ )?Unrecognized name", COLUMN),
        (
            r"without a filter over column",
            Fault(
                "The table wants a filter on the column that it is partitioned by: read it by sql= with such a "
                "filter, or take require_partition_filter off."
            ),
        ),
        (
            r"bytes billed",
            Fault(
                "The query would read more than maximumBytesBilled allows: raise it in api_resource_configs.",
                kind="resources",
            ),
        ),
    )
)

_TOO_LARGE = Fault(
    "The result is too large to be sorted or kept in one piece: read it in partitions, or in windows of time "
    "(sync_mode=window).",
    kind="resources",
)

#: The reasons that BigQuery gives (cloud.google.com/bigquery/docs/error-messages).
_BY_REASON = {
    "quotaExceeded": Fault("The project's quota is used up: it may have room later.", passes=True, kind="resources"),
    "rateLimitExceeded": Fault(
        "The project asks too much at once: a new try may succeed.", passes=True, kind="resources"
    ),
    "stopped": Fault("The job was cancelled in BigQuery: a new try may succeed.", passes=True, kind="transient"),
    "resourcesExceeded": _TOO_LARGE,
    "responseTooLarge": _TOO_LARGE,
    "billingNotEnabled": Fault("The project has no billing account: enable billing for it.", kind="resources"),
    "backendError": ENDED,
    "internalError": ENDED,
    "tableUnavailable": ENDED,
}

#: Beginnings of messages about the statement; any other one may quote a row's value.
_ABOUT_STATEMENTS = re.compile(
    r"^(\d{3} )?((GET|POST) \S+ )?(Syntax error|Unrecognized name|Function not found|No matching signature|Duplicate)"
)

_BY_CLASS = {
    "Unauthorized": _LOGIN,
    "RefreshError": _LOGIN,
    "DefaultCredentialsError": _LOGIN,
    "Forbidden": _FORBIDDEN,
    "NotFound": _MISSING,
    "TransportError": AWAY,
    "ServerError": ENDED,
    "TooManyRequests": BUSY,
    "Aborted": ENDED,
    "Cancelled": ENDED,
    "RetryError": AWAY,
    "RpcError": AWAY,
    "IncompleteResult": AWAY,
    "JobStopped": AWAY,
}


def diagnose(error: BaseException) -> Fault | None:
    """Say what an error of Google's clients means.

    :param error: what they raised.
    :return: None when it is not theirs.
    """
    if isinstance(error, CredentialsUnusable):
        return _STEPS[error.step]
    text, names = str(error), [kind.__name__ for kind in type(error).__mro__]
    if "RefreshError" in names and getattr(error, "retryable", False):
        return AWAY
    by_text = (fault for pattern, fault in _BY_TEXT if pattern.search(text))
    by_reason = (_BY_REASON[reason] for reason in _reasons(error) if reason in _BY_REASON)
    by_class = (_BY_CLASS[name] for name in names if name in _BY_CLASS)
    found = next(chain(by_text, by_reason, by_class), None)
    if found is None and "BadRequest" in names:
        return BROKEN if _ABOUT_STATEMENTS.search(text) else VALUES
    return found


def _reasons(error: BaseException) -> Iterator[str]:
    for detail in getattr(error, "errors", None) or ():
        if isinstance(detail, dict) and "reason" in detail:
            yield str(detail["reason"])
