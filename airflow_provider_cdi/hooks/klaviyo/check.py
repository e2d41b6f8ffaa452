"""What a Klaviyo key may do, found out by requests that change nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from airflow_provider_cdi.destinations.json_bodies import json_object
from airflow_provider_cdi.destinations.statuses import kind_of_status
from airflow_provider_cdi.engine.verdicts import Request, Response
from airflow_provider_cdi.exceptions import DestinationRefused, NoAnswer, RetryLater
from airflow_provider_cdi.hooks.http.calls import TRANSIENT_STATUSES
from airflow_provider_cdi.hooks.http.probes import Probe, ProbeResult, Standing, findings_of, listed
from airflow_provider_cdi.hooks.klaviyo.revision import about_revision

ACCOUNTS = Request("GET", "/api/accounts", b"")


# Klaviyo's OpenAPI description: each of these reads asks for one scope. Nobody has the job of the last one: a key
# that may look finds none (404).
PROBES = (
    Probe("accounts:read", "the connection test and the field 'account'", ACCOUNTS),
    Probe(
        "profiles:read",
        "following imports",
        Request("GET", "/api/profiles?fields[profile]=created&page[size]=1", b""),
    ),
    # Without page[size]: lists have it since the revision 2026-04-15 only, and at most ten come anyway.
    Probe("lists:read", "following imports", Request("GET", "/api/lists?fields[list]=name", b"")),
    Probe(
        "subscriptions:read",
        "following suppressions",
        Request("GET", "/api/profile-suppression-bulk-create-jobs/01KAAAAAAAAAAAAAAAAAAAAAAA", b""),
    ),
)
#: Scopes that no read proves: a write would have to be tried, and Klaviyo has no write without effect.
UNPROVED: Mapping[str, str] = {
    "profiles:write": "profiles, consent",
    "lists:write": "profiles, consent",
    "events:write": "events",
    "subscriptions:write": "consent",
    "data-privacy:write": "privacy deletions",
}


@dataclass(frozen=True, slots=True)
class Account:
    """The account that a key belongs to.

    :param id: its public id.
    :param name: of the organization.
    :param is_test: whether it is a test account.
    """

    id: str
    name: str
    is_test: bool


def check_key(
    call: Callable[[Request], Response], host: str, *, revision: str, account: str | None = None
) -> tuple[bool, str]:
    """Send the probes and say what they prove.

    :param call: sends one request; may raise NoAnswer.
    :param host: for the sentences.
    :param revision: that is asked for.
    :param account: public id of the account that the key must belong to, None for any.
    :return: whether the key works, and what to know or to do.
    """
    findings: list[ProbeResult] = []
    try:
        for finding in findings_of(PROBES, call, read_probe):
            if finding.standing is Standing.FOREIGN:
                return False, foreign(finding, host)
            if finding.standing is Standing.UNAUTHORIZED:
                return False, bad_key(host)
            if finding.answer.status == 410:
                return False, retired(revision)
            findings.append(finding)
    except NoAnswer as fault:
        return False, f"No answer from Klaviyo: {fault.reason}."
    return _conclude(findings, host, revision, account)


def read_probe(answer: Response) -> Standing:
    """Tell what the answer to a probe says. Texts are not read, except that they must be Klaviyo's JSON."""
    if answer.status in TRANSIENT_STATUSES or answer.status >= 500:
        return Standing.UNCLEAR  # these come from the edge too, as HTML or empty
    fields = json_object(answer.body) or {}
    if "data" not in fields and "errors" not in fields:
        return Standing.FOREIGN
    by_status = {200: Standing.GRANTED, 404: Standing.GRANTED, 401: Standing.UNAUTHORIZED, 403: Standing.DENIED}
    return by_status.get(answer.status, Standing.UNCLEAR)


def account_of(answer: Response, host: str) -> Account:
    """Read the answer to ``GET /api/accounts``.

    :param host: for messages.
    :raises DestinationRefused: when the key is refused or may not tell.
    :raises RetryLater: when Klaviyo was busy or out of order.
    """
    standing = read_probe(answer)
    found = account_in(answer) if standing is Standing.GRANTED else None
    if found is not None:
        return found
    if standing is Standing.UNCLEAR:
        raise RetryLater(f"Klaviyo at {host} did not tell the key's account (status {answer.status}): try later.")
    why = {
        Standing.UNAUTHORIZED: bad_key(host),
        Standing.DENIED: (
            f"{host} does not tell the key's account: give the key the scope accounts:read, or empty the "
            "connection's field 'account'."
        ),
    }
    refused = DestinationRefused(
        why.get(standing, f"{host} answered GET /api/accounts (status {answer.status}) as Klaviyo does not: check it.")
    )
    raise refused.of_kind(kind_of_status(answer.status))


def _conclude(findings: list[ProbeResult], host: str, revision: str, account: str | None) -> tuple[bool, str]:
    granted, denied, unclear = (
        [each for each in findings if each.standing is standing]
        for standing in (Standing.GRANTED, Standing.DENIED, Standing.UNCLEAR)
    )
    if not granted and not denied:
        statuses = ", ".join(sorted({str(each.answer.status) for each in unclear}))
        return False, f"{host} was reached but gave no verdict on the key (status {statuses}): test again in a minute."
    found = account_in(findings[0].answer)
    if account is not None and found is not None and found.id != account:
        return False, f"{_names_account(found, host)} The connection's field 'account' names another, {account!r}."
    is_unprovable = account is not None and found is None
    sentences = [_names_account(found, host)]
    if is_unprovable:
        sentences.append("Runs will stop, because the field 'account' is filled and the key does not tell its account.")
    if denied:
        sentences.append(f"Not granted: {listed(denied)}.")
    if unclear:
        sentences.append(f"Not clear, test again later: {listed(unclear, with_status=True)}.")
    sentences.append(f"Not looked at, because only a write would prove it: {_unproved()}.")
    sentences += about_revision((granted + denied)[0].answer.headers, revision)
    return not is_unprovable, " ".join(sentences)


def _names_account(found: Account | None, host: str) -> str:
    if found is None:
        return f"{host} accepts the key; it does not tell the account's name (scope accounts:read)."
    kind = "the test account" if found.is_test else "the account"
    return f"{host} accepts the key of {kind} {found.name!r} ({found.id})."


def _unproved() -> str:
    return ", ".join(f"{scope} ({purpose})" for scope, purpose in UNPROVED.items())


def bad_key(host: str) -> str:
    """Say what a 401 means."""
    return (
        f"{host} was reached and refused the key (401): it is wrong or revoked. Copy the private key again, or make "
        "one under Settings > API keys; a public key does not work."
    )


def retired(revision: str) -> str:
    """Say what a 410 means."""
    return (
        f"Klaviyo no longer serves the API revision {revision} (410): empty the connection's field 'revision', or put "
        "a newer one there."
    )


def foreign(finding: ProbeResult, host: str) -> str:
    """Say that somebody else answers for Klaviyo."""
    return (
        f"Something answered for {host}, but not as Klaviyo's API does (status {finding.answer.status} to "
        f"GET {finding.probe.request.path.partition('?')[0]}, without Klaviyo's JSON): a proxy's or firewall's page, "
        "or a host that is not Klaviyo's."
    )


def account_in(answer: Response) -> Account | None:
    """Return the account that an answer to :data:`ACCOUNTS` names; None when it names none."""
    if answer.status != 200:
        return None
    try:
        thing = (json_object(answer.body) or {})["data"][0]
        attributes = thing["attributes"]
        name = attributes["contact_information"]["organization_name"]
        return Account(str(thing["id"]), str(name), bool(attributes.get("test_account")))
    except (KeyError, IndexError, TypeError):
        return None
