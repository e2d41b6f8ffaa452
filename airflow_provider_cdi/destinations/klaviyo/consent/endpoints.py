"""The operations of Klaviyo's API about consent and deletion: path, rate limits, scopes."""

from __future__ import annotations

from airflow_provider_cdi.destinations.klaviyo.endpoints import Endpoint

_CONSENT = ("lists:write", "profiles:write", "subscriptions:write")

SUBSCRIBE = Endpoint("POST", "/api/profile-subscription-bulk-create-jobs", "L", _CONSENT)
UNSUBSCRIBE = Endpoint("POST", "/api/profile-subscription-bulk-delete-jobs", "L", _CONSENT)
SUPPRESS = Endpoint("POST", "/api/profile-suppression-bulk-create-jobs", "L", ("profiles:write", "subscriptions:write"))
SUPPRESS_JOB = Endpoint("GET", "/api/profile-suppression-bulk-create-jobs/{id}", "L", ("subscriptions:read",))
UNSUPPRESS = Endpoint("POST", "/api/profile-suppression-bulk-delete-jobs", "L", ("subscriptions:write",))
UNSUPPRESS_JOB = Endpoint("GET", "/api/profile-suppression-bulk-delete-jobs/{id}", "L", ("subscriptions:read",))
DELETE_PROFILE = Endpoint("POST", "/api/data-privacy-deletion-jobs", "S", ("data-privacy:write",))
