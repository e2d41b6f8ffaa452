"""Every data type of both destinations, for tests that hold for all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import get_args

from airflow_provider_cdi.destinations.braze import BrazeDataType, braze_destination
from airflow_provider_cdi.destinations.klaviyo import KlaviyoDataType, klaviyo_destination
from airflow_provider_cdi.engine.ports import Destination

_BRAZE = {
    f"braze-{name}": partial(braze_destination, name, catalog="products" if name == "catalog_items" else None)
    for name in get_args(BrazeDataType)
}
_KLAVIYO = {f"klaviyo-{name}": partial(klaviyo_destination, name) for name in get_args(KlaviyoDataType)}
#: Name -> what makes it.
DATA_TYPES: Mapping[str, Callable[[], Destination]] = {**_BRAZE, **_KLAVIYO}
