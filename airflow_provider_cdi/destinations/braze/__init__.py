"""Braze as a destination: five data types, each an engine port.

Importing this package imports neither pyarrow nor orjson, so that a DAG file can use :class:`BrazeLimits`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow_provider_cdi.destinations.braze.arguments import (
    DATA_TYPES,
    TRACK_TYPES,
    BrazeDataType,
    OnLongArray,
    OnUnknownField,
    check_braze_arguments,
)
from airflow_provider_cdi.destinations.braze.limits import BrazeLimits

if TYPE_CHECKING:
    from airflow_provider_cdi.engine.ports import Destination

__all__ = ["DATA_TYPES", "BrazeDataType", "BrazeLimits", "braze_destination"]


def braze_destination(
    data_type: str,
    *,
    limits: BrazeLimits = BrazeLimits(),  # noqa: B008 - frozen, so one for all calls is fine
    update_existing_only: bool = False,
    catalog: str | None = None,
    merge: bool = False,
    on_unknown_field: OnUnknownField = "stop",
    on_long_array: OnLongArray = "send",
    sends_contacts: bool = True,
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
    :param on_unknown_field: for ``catalog_items``: whether a field that the catalog does not have stops the sync, has
        its item rejected, or is left out. For the last two, tell the destination the fields
        (:meth:`~.catalogs.items.CatalogItems.learn_fields`) before it encodes.
    :param on_long_array: for ``attributes``: ``send`` sends an array of more elements than Braze keeps (500) and counts
        the row as ``truncated_by_braze``, ``reject`` makes a reject of it.
    :param sends_contacts: for ``attributes``: whether EMAIL and PHONE are sent as attributes of a user whom another
        column identifies. Where ``payload_columns`` say what is sent, they are not.
    :param now: seconds since the epoch; compared with Braze's rate-limit reset.
    :raises ConfigurationError: for an unknown data type, or an argument that does not go with it.
    """
    check_braze_arguments(
        {
            "data_type": data_type,
            "limits": limits,
            "update_existing_only": update_existing_only,
            "catalog": catalog,
            "merge": merge,
            "on_long_array": on_long_array,
            "on_unknown_field": on_unknown_field,
        }
    )
    if data_type in TRACK_TYPES:
        from airflow_provider_cdi.destinations.braze.users import track_types
        from airflow_provider_cdi.destinations.braze.users.track import Track

        kind = {
            "attributes": track_types.attributes_type(on_long_array, takes_contacts=sends_contacts),
            "events": track_types.EVENTS,
            "purchases": track_types.PURCHASES,
        }[data_type]
        return Track(kind, limits, update_existing_only=update_existing_only, now=now)
    if catalog is not None:
        from airflow_provider_cdi.destinations.braze.catalogs.items import CatalogItems

        return CatalogItems(catalog, limits, merge=merge, on_unknown_field=on_unknown_field, now=now)
    from airflow_provider_cdi.destinations.braze.users.deletes import UserDeletes

    return UserDeletes(limits, now=now)
