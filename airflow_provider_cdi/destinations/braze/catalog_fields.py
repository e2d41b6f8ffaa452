"""Which fields a catalog has, out of Braze's list of catalogs."""

from __future__ import annotations

import json

from airflow_provider_cdi.destinations.statuses import kind_of_status
from airflow_provider_cdi.engine.verdicts import Ambiguous, Request, Response
from airflow_provider_cdi.exceptions import DestinationRefused, RetryLater

LIST_CATALOGS = Request("GET", "/catalogs", b"")
#: By Braze's table of statuses; 408 is undocumented and treated like a 5xx.
_TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})
_REFUSALS = {
    401: "refused the API key: check the key and that it belongs to this instance",
    403: "refused to list the catalogs: the API key needs the permission catalogs.get",
}


def fields_of_catalog(answer: Response, name: str, host: str) -> dict[str, str]:
    """Find a catalog in the answer to ``GET /catalogs``.

    :param name: the catalog's name, in its exact case.
    :param host: for messages.
    :return: field name -> Braze type, ``id`` included, in the catalog's order.
    :raises DestinationRefused: when there is no such catalog, or the key may not list catalogs.
    :raises RetryLater: when Braze was busy or out of order.
    """
    catalogs = _read_catalogs(answer, host)
    if name not in catalogs:
        existing = ", ".join(sorted(catalogs)) or "none"
        raise DestinationRefused(
            f"Braze at {host} has no catalog {name!r}; existing: {existing}. Create it in the dashboard "
            "under Data Settings > Catalogs, or name an existing one (upper and lower case matter)."
        ).of_kind("missing")
    return catalogs[name]


def read_fields(answer: Response, name: str) -> dict[str, str] | Ambiguous:
    """Read the answer to :data:`LIST_CATALOGS` inside of a run, in which it may be asked for again.

    :param name: the catalog's name.
    """
    if answer.status in _TRANSIENT:
        return Ambiguous(f"Braze answered {answer.status} to GET /catalogs")
    return fields_of_catalog(answer, name, "the host of the connection")


def _read_catalogs(answer: Response, host: str) -> dict[str, dict[str, str]]:
    if answer.status in _TRANSIENT:
        raise RetryLater(f"Braze at {host} did not list its catalogs (status {answer.status}): try later.")
    if answer.status != 200:
        why = _REFUSALS.get(answer.status, "refused to list the catalogs: check the connection's host")
        refused = DestinationRefused(f"Braze at {host} {why} (status {answer.status} to GET /catalogs).")
        raise refused.of_kind(kind_of_status(answer.status))
    try:
        return {
            catalog["name"]: {field["name"]: field["type"] for field in catalog["fields"]}
            for catalog in json.loads(answer.body)["catalogs"]
        }
    except (ValueError, KeyError, TypeError):
        raise DestinationRefused(
            f"{host} answered GET /catalogs with something that is not Braze's list of catalogs: "
            "check the connection's host and proxy."
        ) from None
