"""What a Braze key may do, found out by requests that change nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow_provider_cdi.destinations.json_bodies import json_object
from airflow_provider_cdi.engine.verdicts import Request, Response
from airflow_provider_cdi.exceptions import NoAnswer
from airflow_provider_cdi.hooks.http.probes import Probe, ProbeResult, Standing, findings_of, listed

#: A catalog that nobody has: the permission is checked before the catalog is looked for.
NO_SUCH_CATALOG = "airflow-provider-cdi-connection-test"


#: Empty lists and an unknown catalog: Braze answers 400 or 404 to a key that may, 401 or 403 to one that may
#: not. The permissions are the ones that the five data types need (Braze, "API overview", permissions).
PROBES = (
    Probe("users.track", "attributes, events, purchases", Request("POST", "/users/track", b"{}")),
    Probe("users.delete", "user_deletes", Request("POST", "/users/delete", b'{"external_ids":[]}')),
    Probe("catalogs.get", "catalog_items", Request("GET", "/catalogs", b"")),
    *(
        Probe(
            f"catalogs.{verb}_items",
            "catalog_items",
            Request(method, f"/catalogs/{NO_SUCH_CATALOG}/items", b'{"items":[]}'),
        )
        for verb, method in (("replace", "PUT"), ("update", "PATCH"), ("delete", "DELETE"))
    ),
)


def check_key(call: Callable[[Request], Response], host: str) -> tuple[bool, str]:
    """Send the probes and say what they prove.

    :param call: sends one request; may raise NoAnswer.
    :param host: for the sentences.
    :return: whether the key works for at least one permission, and what to know or to do.
    """
    try:
        findings = list(findings_of(PROBES, call, read_probe))
    except NoAnswer as fault:
        return False, f"No answer from Braze: {fault.reason}."
    if findings[-1].standing is Standing.FOREIGN:
        return False, foreign(findings[-1], host)
    return _conclude(findings, host)


def read_probe(answer: Response) -> Standing:
    """Tell what the answer to a probe says. Texts are not read, except that they must be Braze's JSON."""
    if answer.status == 429 or answer.status >= 500:
        return Standing.UNCLEAR  # these come from the edge too, as HTML or empty
    fields = json_object(answer.body) or {}
    if "message" not in fields and "error" not in fields:
        return Standing.FOREIGN
    if answer.status == 404:
        return Standing.GRANTED if _names_catalog(fields) else Standing.UNCLEAR
    by_status = {400: Standing.GRANTED, 401: Standing.UNAUTHORIZED, 403: Standing.DENIED}
    if 200 <= answer.status < 300:
        return Standing.GRANTED
    return by_status.get(answer.status, Standing.UNCLEAR)


def _conclude(findings: list[ProbeResult], host: str) -> tuple[bool, str]:
    granted = [each for each in findings if each.standing is Standing.GRANTED]
    denied = [each for each in findings if each.standing is Standing.DENIED]
    unauthorized = [each for each in findings if each.standing is Standing.UNAUTHORIZED]
    unclear = [each for each in findings if each.standing is Standing.UNCLEAR]
    if not granted and not denied:
        return False, bad_key(host) if unauthorized else no_verdict(unclear, host)
    # A key that is known elsewhere is alive: its 401s are missing permissions, as some accounts answer.
    missing = denied + unauthorized
    if not granted and not unclear:
        return False, (
            f"{host} knows the key, but it grants none of the permissions that this provider uses: "
            f"{listed(missing)}. Make a key with those you need under Settings > APIs and Identifiers."
        )
    return bool(granted), _permissions(granted, missing, unclear, host)


def _permissions(granted: list[ProbeResult], missing: list[ProbeResult], unclear: list[ProbeResult], host: str) -> str:
    sentences = [f"{host} accepts the key."]
    if granted:
        sentences.append(f"Granted: {listed(granted)}.")
    if missing:
        sentences.append(f"Not granted: {listed(missing)}.")
    if unclear:
        sentences.append(f"Not clear, test again later: {listed(unclear, with_status=True)}.")
    return " ".join(sentences)


def bad_key(host: str) -> str:
    """Say what a 401 to every probe means."""
    return (
        f"{host} was reached and refused the key (401). Braze gives the same answer to a wrong or revoked "
        "key and to a good key of another instance: compare the instance in your dashboard's address, then "
        "the key under Settings > APIs and Identifiers. Some accounts also answer so when every permission is "
        "missing."
    )


def no_verdict(unclear: list[ProbeResult], host: str) -> str:
    """Say that answers came, and none that speaks of the key."""
    statuses = ", ".join(sorted({str(each.answer.status) for each in unclear}))
    return (
        f"{host} was reached but gave no verdict on the key (status {statuses}). With 429 or 5xx test again "
        "in a minute; with another status check that the host is a Braze REST host."
    )


def foreign(finding: ProbeResult, host: str) -> str:
    """Say that somebody else answers for Braze."""
    request = finding.probe.request
    return (
        f"Something answered for {host}, but not as Braze's REST API does (status {finding.answer.status} to "
        f"{request.method} {request.path}, without Braze's JSON): a proxy's or firewall's page, or a host "
        "that is not a Braze REST host."
    )


def _names_catalog(fields: dict[str, Any]) -> bool:
    errors = fields.get("errors")
    return isinstance(errors, list) and any(
        isinstance(each, dict) and each.get("id") == "catalog-not-found" for each in errors
    )
