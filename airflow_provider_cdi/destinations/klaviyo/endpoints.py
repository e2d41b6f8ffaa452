"""The operations of Klaviyo's API that are used: path, rate limits, and what the key must be allowed to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from airflow_provider_cdi.engine.ports import Rate
from airflow_provider_cdi.engine.verdicts import Request
from airflow_provider_cdi.exceptions import ConfigurationError

#: Klaviyo, "Rate limits, status codes, and errors": requests in any second and in any minute, an endpoint.
TIERS: Mapping[str, tuple[int, int]] = {
    "XS": (1, 15),
    "S": (3, 60),
    "M": (10, 150),
    "L": (75, 750),
    "XL": (350, 3_500),
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation. Its rate limits are its own, so it is a family of requests too.

    :param path: from the root of the host; ``{id}`` stands for what a request names.
    :param tier: of its rate limits, one of ``TIERS``.
    :param scopes: what a key needs for it.
    """

    method: str
    path: str
    tier: str
    scopes: tuple[str, ...]

    @property
    def family(self) -> str:
        """The rate budget of its requests."""
        return f"{self.method} {self.path}"

    def request(self, body: bytes = b"", *, name: str = "", query: Mapping[str, str] | None = None) -> Request:
        """Make a request.

        :param name: what stands for ``{id}`` in the path.
        :param query: parameters, not encoded yet.
        """
        path = self.path.replace("{id}", quote(name, safe=""))
        if query:
            path = f"{path}?{urlencode(query, quote_via=quote)}"
        return self.follow(path, body)

    def follow(self, path: str, body: bytes = b"") -> Request:
        """Make a request for a path that is encoded already, such as the link to a next page."""
        return Request(self.method, path, body, self.family)


IMPORT_PROFILES = Endpoint("POST", "/api/profile-bulk-import-jobs", "M", ("profiles:write", "lists:write"))
IMPORT_JOB = Endpoint("GET", "/api/profile-bulk-import-jobs/{id}", "M", ("profiles:read", "lists:read"))
IMPORT_ERRORS = Endpoint("GET", "/api/profile-bulk-import-jobs/{id}/import-errors", "M", ("profiles:read",))
UPSERT_PROFILE = Endpoint("POST", "/api/profile-import", "L", ("profiles:write",))
GET_PROFILES = Endpoint("GET", "/api/profiles", "L", ("profiles:read",))
ADD_TO_LIST = Endpoint("POST", "/api/lists/{id}/relationships/profiles", "M", ("lists:write", "profiles:write"))
CREATE_EVENTS = Endpoint("POST", "/api/event-bulk-create-jobs", "M", ("events:write",))


def rates_of(endpoints: Iterable[Endpoint], share: float) -> dict[str, tuple[Rate, Rate]]:
    """Give the budgets of some endpoints, by family.

    All integrations of an account that use private keys share Klaviyo's limits, hence the share.

    :param share: the part of Klaviyo's limits that is used, above 0 and up to 1.
    :raises ConfigurationError: when the share is not.
    """
    if not 0 < share <= 1:
        raise ConfigurationError(f"rate_share is {share!r}; give the part of Klaviyo's limits to use, such as 0.9.")
    budgets = {}
    for endpoint in endpoints:
        burst, steady = TIERS[endpoint.tier]
        budgets[endpoint.family] = (Rate(max(1, int(burst * share)), 1), Rate(max(1, int(steady * share)), 60))
    return budgets
