"""What to tell a person when Braze refuses the sync itself: key, permission, path, host.

Nothing of the answer's body is quoted: Braze repeats the API key in its 401.
"""

from __future__ import annotations

from typing import Any

from airflow_provider_cdi.destinations.braze.endpoint import Endpoint
from airflow_provider_cdi.destinations.statuses import Service
from airflow_provider_cdi.exceptions import DestinationRefused

_KEYS_PAGE = "Settings > APIs and Identifiers in the Braze dashboard"

#: Status -> what it means and what to do. ``{permission}`` is that of the endpoint.
_SENTENCES = {
    400: (
        "it refuses the request as a whole, whatever its rows are: it could not read it, or finds more in it than it "
        "takes. Check what lies between (proxy, gateway), and the operator's limits (BrazeLimits)."
    ),
    401: (
        "the API key is not accepted. Either the key is wrong or revoked, or it belongs to another instance than "
        "this host (Braze answers the same to both), or it lacks the permission {permission}. "
        f"Compare key and REST endpoint with {_KEYS_PAGE}."
    ),
    403: (
        "the key is known, but may not do this. It needs the permission {permission}; a key keeps the permissions "
        f"it was created with, so create a new one under {_KEYS_PAGE}. If it has the permission, the plan does "
        "not include this endpoint, or the key's IP allowlist does not include this machine."
    ),
    404: (
        "there is no such path. Check that the host of the connection is the REST endpoint of your instance "
        "(https://rest.…), without a path."
    ),
}
_UNKNOWN_KEY = (
    "this host does not know the API key. The key is wrong or revoked, or it belongs to another instance than this "
    f"host (Braze answers the same to both). Compare key and REST endpoint with {_KEYS_PAGE}."
)
_REDIRECT = (
    "the host redirects elsewhere, which Braze's REST endpoints never do. Check that the host of the connection is "
    "the REST endpoint of your instance (https://rest.…), not the dashboard."
)
#: Who answers.
BRAZE = Service("Braze", _REDIRECT, _SENTENCES)


def refusal(status: int, body: Any, endpoint: Endpoint) -> DestinationRefused:
    """Make the error for an answer that concerns the sync as a whole.

    :param body: the answer's decoded JSON object, None when it is none; only looked at, never quoted.
    """
    advice = _UNKNOWN_KEY if status == 401 and "invalid api key" in _message(body) else ""
    request = f"{endpoint.method} {endpoint.path}"
    return BRAZE.refused(status, request, is_own=body is not None, advice=advice, permission=endpoint.permission)


def _message(body: Any) -> str:
    message = body.get("message") if isinstance(body, dict) else None
    return message.lower() if isinstance(message, str) else ""
