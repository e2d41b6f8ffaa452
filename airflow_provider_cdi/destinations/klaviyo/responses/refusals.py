"""What to tell a person when Klaviyo refuses the sync itself: key, scope, list, revision, host."""

from __future__ import annotations

import re

from airflow_provider_cdi.destinations import statuses
from airflow_provider_cdi.destinations.klaviyo.endpoints import Endpoint
from airflow_provider_cdi.destinations.klaviyo.responses.error_bodies import ApiError, read_errors, sentence
from airflow_provider_cdi.destinations.statuses import Service
from airflow_provider_cdi.engine.verdicts import Response
from airflow_provider_cdi.exceptions import DestinationRefused

#: Nothing was applied, because of a row or of the request as a whole.
REFUSALS = statuses.REFUSALS | {409}

_REQUEST_ID = re.compile(r"[0-9A-Za-z-]{8,64}", re.ASCII)
_REVISION = re.compile(r"\d{4}-\d{2}-\d{2}(\.pre)?", re.ASCII)
_KEYS_PAGE = "Settings > API keys in Klaviyo"

#: Status -> what it means and what to do. ``{scopes}`` are those of the endpoint.
_SENTENCES = {
    401: (
        "the private key is missing, wrong or revoked. Compare the connection's password with the private keys "
        f"(pk_…) under {_KEYS_PAGE}."
    ),
    403: (
        "the key may not do this. It needs the scopes {scopes}; a key keeps the scopes it was created with, so create "
        f"a new one under {_KEYS_PAGE}. If it has them, the account's plan does not include this."
    ),
    404: (
        "what the request names does not exist, or there is no such path. Check list_ids= and list_id= of the sync, "
        "and that the host of the connection is Klaviyo's API (https://a.klaviyo.com), without a path."
    ),
    405: "the method is not allowed here. Check that the host of the connection is Klaviyo's API.",
    410: (
        "this revision of the API, or this endpoint of it, is retired. Raise revision in the connection's extra, or "
        "upgrade this package."
    ),
}
_REDIRECT = (
    "the host redirects elsewhere, which Klaviyo's API never does. Check that the host of the connection is "
    "Klaviyo's API (https://a.klaviyo.com)."
)
#: Who answers.
KLAVIYO = Service("Klaviyo", _REDIRECT, _SENTENCES)
_WHOLE_REQUEST = (
    "it concerns the request, not one of its rows. Check list_ids=, list_id= and the other arguments of the sync, and "
    "the revision in the connection's extra."
)
#: What Klaviyo says, with 400 or 404, of a list that is not there.
_NO_LIST = re.compile(r"\blist\b.* (was not found|does not exist)", re.IGNORECASE)
_LIST_IS_GONE = (
    "this account has no such list. Correct list_ids= or list_id= of the sync: a list that is made again has another "
    "id, which stands in its address in Klaviyo."
)


#: Klaviyo's words for a contract that was not kept, whose fault no row is: klaviyo-api-node#67, formie#1986.
_CONTRACT = re.compile(
    r"['`\"]?(?P<field>[\w.$\[\]-]+)['`\"]? is (?P<what>not a valid|a required) field for the resource "
    r"['`\"]?(?P<resource>[\w.-]+)"
)


def refusal(answer: Response, endpoint: Endpoint) -> DestinationRefused:
    """Make the error for an answer that concerns the sync as a whole."""
    status, errors = answer.status, read_errors(answer.body)
    said = f" ({sentence(errors[0])})" if errors and errors[0].detail else ""
    is_list_gone = bool(errors) and _NO_LIST.search(errors[0].detail) is not None
    whole = _WHOLE_REQUEST if status in REFUSALS and (status != 413 or errors) else ""
    fault = KLAVIYO.refused(
        status,
        endpoint.family,
        is_own=bool(errors),
        advice=_LIST_IS_GONE if is_list_gone else whole,
        said=said,
        scopes=" and ".join(endpoint.scopes),
    )
    return DestinationRefused(f"{fault}{_trace(answer)}").of_kind("missing" if is_list_gone else fault.kind)


def contract_refusal(answer: Response, endpoint: Endpoint, error: ApiError) -> DestinationRefused | None:
    """Make the error for a member that Klaviyo does not take, or misses: all rows would be refused for it.

    :return: None when the error is about something else.
    """
    found = _CONTRACT.search(error.detail)
    if found is None:
        return None
    verb = "takes no" if found["what"] == "not a valid" else "misses the"
    revision = answer.headers.get("x-klaviyo-api-revision", "")
    served = f"the revision {revision}" if _REVISION.fullmatch(revision) else "the revision of the connection"
    return DestinationRefused(
        f"Klaviyo {verb} field {found['field']!r} of {found['resource']!r} in {endpoint.family} under {served}. No row "
        "is at fault for that, so none was rejected, and all stay due. Put a newer revision into the connection's "
        f"extra (or none), leave out the argument that sends the field, or upgrade this package.{_trace(answer)}"
    )


def _trace(answer: Response) -> str:
    request = answer.headers.get("x-klaviyo-req-id", "")
    return f" Klaviyo's support finds the request by its id {request}." if _REQUEST_ID.fullmatch(request) else ""
