"""Braze as a destination: five data types, each an engine port.

Importing this package imports neither pyarrow nor orjson, so that a DAG file can use :class:`BrazeLimits`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, get_args

from airflow_provider_cdi.destinations.braze.limits import BrazeLimits
from airflow_provider_cdi.exceptions import ConfigurationError

if TYPE_CHECKING:
    from airflow_provider_cdi.engine.ports import Destination

__all__ = ["DATA_TYPES", "BrazeDataType", "BrazeLimits", "braze_destination"]

BrazeDataType = Literal["attributes", "events", "purchases", "user_deletes", "catalog_items"]
TRACK_TYPES = ("attributes", "events", "purchases")
DATA_TYPES: tuple[BrazeDataType, ...] = get_args(BrazeDataType)

#: Braze: catalogs, name.
_CATALOG_NAME = re.compile(r"[A-Za-z0-9_-]{1,250}", re.ASCII)


def braze_destination(
    data_type: str,
    *,
    limits: BrazeLimits = BrazeLimits(),  # noqa: B008 - frozen, so one for all calls is fine
    update_existing_only: bool = False,
    catalog: str | None = None,
    merge: bool = False,
    now: Callable[[], float] = time.time,
) -> Destination:
    """Make the destination of one data type.

    :param data_type: one of ``DATA_TYPES``.
    :param limits: what Braze allows, where it differs from the documented defaults.
    :param update_existing_only: Braze ignores rows of users that it does not know (attributes, events and
        purchases). A payload's own ``_update_existing_only`` goes before it.
    :param catalog: the catalog's name, for ``catalog_items``.
    :param merge: for ``catalog_items``: change the fields that the payload names, of items that exist, instead
        of replacing or creating the item.
    :param now: seconds since the epoch; compared with Braze's rate-limit reset.
    :raises ConfigurationError: for an unknown data type, or an argument that does not go with it.
    """
    _check_arguments(data_type, update_existing_only, catalog, merge)
    if data_type in TRACK_TYPES:
        from airflow_provider_cdi.destinations.braze import track

        kind = {"attributes": track.ATTRIBUTES, "events": track.EVENTS, "purchases": track.PURCHASES}[data_type]
        return track.Track(kind, limits, update_existing_only=update_existing_only, now=now)
    if catalog is not None:
        from airflow_provider_cdi.destinations.braze.catalog_items import CatalogItems

        return CatalogItems(catalog, limits, merge=merge, now=now)
    from airflow_provider_cdi.destinations.braze.user_deletes import UserDeletes

    return UserDeletes(limits, now=now)


def _check_arguments(data_type: str, update_existing_only: bool, catalog: str | None, merge: bool) -> None:
    if data_type not in DATA_TYPES:
        raise ConfigurationError(f"Unknown data type {data_type!r} for Braze. Use one of {', '.join(DATA_TYPES)}.")
    if data_type == "catalog_items":
        if catalog is None or not _CATALOG_NAME.fullmatch(catalog):
            raise ConfigurationError(
                f"The data type catalog_items needs the name of a catalog (letters, digits, _ and -), got {catalog!r}."
            )
    elif catalog is not None or merge:
        raise ConfigurationError(f"catalog and merge go with catalog_items only, not with {data_type}.")
    if update_existing_only and data_type not in TRACK_TYPES:
        raise ConfigurationError(f"update_existing_only does not go with {data_type}.")
