"""Members of requests that not every revision of Klaviyo's API has. Imports nothing that a DAG file should not.

Klaviyo refuses a member that the revision does not have, and with it every row of the request. So an argument that
needs one is refused before anything is sent.
"""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_cdi.exceptions import ConfigurationError

#: Member -> the first revision that has it. Source: Klaviyo's OpenAPI descriptions by revision (the branches of
#: klaviyo/openapi), and for 2026-10-15 its Python SDK 25.0.0. Whatever is not named here is older than any revision
#: that is still served.
SINCE: Mapping[str, str] = {
    "historical_import": "2024-07-15",
    "whatsapp": "2025-07-15",
    "push": "2026-01-15",
    "backfill": "2026-04-15",
    "open_tracking": "2026-04-15",
    "click_tracking": "2026-10-15",
}


def has_field(revision: str | None, field: str) -> bool:
    """Say whether a revision has a member.

    :param revision: a date, with ``.pre`` at its end for a beta; None for the newest.
    """
    return revision is None or revision[:10] >= SINCE.get(field, "")


def refuse_missing(revision: str | None, field: str, asked_by: str, instead: str) -> None:
    """Make sure that a revision has a member.

    :param asked_by: what needs it, as the beginning of a sentence: an argument, a column.
    :param instead: what to do without it.
    :raises ConfigurationError: when it has not; names the argument, the revision, and what to do.
    """
    if not has_field(revision, field):
        raise ConfigurationError(
            f"{asked_by} needs {field!r}, which Klaviyo's API has since the revision {SINCE[field]}, and the "
            f"connection asks for {revision}. Take 'revision' out of the connection's extra or raise it, or {instead}."
        )
