"""Braze's rate limits: so many requests in each window of time, a pool of endpoints each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests in each window of so many seconds; windows start on the clock."""

    requests: int
    seconds: int


# Braze: "API limits" and the endpoint pages, 2025/26.
RATES: Mapping[str, Rate] = {
    "track": Rate(3_000, 3),
    "bulk": Rate(50, 1),
    "sync": Rate(500, 60),
    "users": Rate(20_000, 60),  # delete, alias/new, alias/update, identify and merge share it
    "external_ids": Rate(1_000, 60),
    "export": Rate(250, 60),  # accounts that were opened since 2024-08-22
    "subscription": Rate(5_000, 60),
    "catalog_items": Rate(16_000, 60),
    "catalog_item": Rate(50, 60),
    "catalogs": Rate(50, 60),
    "cdi_list": Rate(50, 60),
    "cdi_status": Rate(100, 60),
    "cdi_sync": Rate(20, 60),
    # The MAU regime: per hour with a burst of three seconds. The values stand only in a customer's dashboard.
    "mau.hourly": Rate(250_000, 3_600),
    "mau.burst": Rate(3_000, 3),
}
