"""The asset that stands for a sync. Importing this costs nothing beyond the Airflow SDK."""

from __future__ import annotations

import hashlib
from urllib.parse import quote

from airflow.sdk import Asset

#: Signs that a name keeps beside letters and digits.
_KEPT = " .:/@+,=()"


def sync_asset(sync_id: str) -> Asset:
    """Return the asset of a sync: it carries the state, and other DAGs can be scheduled on it.

    :param sync_id: the sync's stable name.
    """
    name = ascii_name(sync_id)
    return Asset(name=f"cdi_sync:{name}", uri=f"x-cdi-sync://airflow-provider-cdi/{quote(name, safe='')}")


def ascii_name(name: str) -> str:
    """Return a name in ASCII: where Airflow's database is MySQL, names of assets and keys of states can be no other.

    :return: the name itself where it is ASCII; else with other signs as percent codes, and a digest, so that no two
        names become one.
    """
    if name.isascii():
        return name
    return f"{quote(name, safe=_KEPT)}~{hashlib.sha256(name.encode()).hexdigest()[:16]}"
