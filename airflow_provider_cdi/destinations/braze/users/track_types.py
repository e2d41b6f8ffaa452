"""The three arrays of ``POST /users/track``, and what sets them apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from airflow_provider_cdi.destinations.braze import column_forms
from airflow_provider_cdi.destinations.braze.arguments import OnLongArray
from airflow_provider_cdi.destinations.braze.limits import BrazeLimits
from airflow_provider_cdi.destinations.braze.users import attributes, events, purchases
from airflow_provider_cdi.engine.rows.records import Rejection
from airflow_provider_cdi.engine.rows.table_contract import TableContract


@dataclass(frozen=True, slots=True)
class TrackType:
    """One of the three arrays of ``/users/track``.

    :param contract: its columns; the contract's data type is also the name of the array.
    :param check: finds the first fault of a payload, given it decoded and as text; or what the report should count the
        row under (nothing, for nearly all).
    :param is_dated: an event: it needs a time, and null members are left out. Otherwise null removes.
    :param takes_contacts: whether EMAIL and PHONE columns that do not identify are sent as attributes; for attributes,
        not where the payload is built of columns, of which they may be some.
    :param flat_names: members that have rules of their own, even where they are plain values.
    :param forms: of the members of a payload that is built from columns.
    """

    contract: TableContract
    check: Callable[[dict[str, Any], bytes, BrazeLimits], Rejection | tuple[str, ...]]
    is_dated: bool
    takes_contacts: bool
    flat_names: frozenset[str] = frozenset()
    forms: Mapping[str, column_forms.Form] = field(default_factory=dict)


def attributes_type(on_long_array: OnLongArray, *, takes_contacts: bool) -> TrackType:
    """Return ``attributes``, see :func:`~airflow_provider_cdi.destinations.braze.braze_destination`."""
    return TrackType(
        attributes.CONTRACT,
        partial(attributes.check_attributes, rejects_long_arrays=on_long_array == "reject"),
        is_dated=False,
        takes_contacts=takes_contacts,
        flat_names=attributes.SUBSCRIPTION_FIELDS,
        forms=column_forms.ATTRIBUTES,
    )


EVENTS = TrackType(events.CONTRACT, events.check_event, is_dated=True, takes_contacts=False, forms=column_forms.EVENTS)

PURCHASES = TrackType(
    purchases.CONTRACT, purchases.check_purchase, is_dated=True, takes_contacts=False, forms=column_forms.PURCHASES
)
