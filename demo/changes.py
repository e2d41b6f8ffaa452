"""What happens in the shop between two runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from demo.warehouse import connect

ATTRIBUTES, EVENTS = "braze_attributes_every_15_minutes", "braze_events_hourly"
PURCHASES = "braze_purchases_daily"
CATALOG, DELETES = "braze_catalog_monthly", "braze_user_deletes_weekly"
PROFILES = "klaviyo_profiles_hourly"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that happens.

    :param dag_id: whose source it changes.
    :param words: what it is.
    :param sql: how it is done; ``$now`` and ``$tomorrow`` are moments.
    :param sent: whose rows the next run must send because of it, and no others.
    """

    dag_id: str
    words: str
    sql: str
    sent: tuple[str, ...] = ()


CHANGES = (
    Change(
        ATTRIBUTES,
        "c-0003 and c-0004 move to the gold tier",
        """update marketing.users_attributes
           set PAYLOAD = '{"loyalty_tier": "gold"}', UPDATED_AT = $now where EXTERNAL_ID in ('c-0003', 'c-0004')""",
        ("c-0003", "c-0004"),
    ),
    Change(
        ATTRIBUTES,
        "c-0412, whose payload was not JSON, is mended",
        """update marketing.users_attributes
           set PAYLOAD = rtrim(PAYLOAD, '}') || '}}', UPDATED_AT = $now where EXTERNAL_ID = 'c-0412'""",
        ("c-0412",),
    ),
    Change(
        ATTRIBUTES,
        "c-2000 arrives late, with the very timestamp of the watermark, which 250 rows share",
        """insert into marketing.users_attributes
           select max(UPDATED_AT), 'c-2000', '{"first_name": "Fay"}' from marketing.users_attributes
           where UPDATED_AT < $now""",
        ("c-2000",),
    ),
    Change(
        ATTRIBUTES,
        "c-2001 is stamped tomorrow, by a clock that is wrong",
        """insert into marketing.users_attributes values ($tomorrow, 'c-2001', '{"first_name": "Gil"}')""",
    ),
    Change(
        EVENTS,
        "c-0007 looks at two products",
        """insert into marketing.visits
           values ('c-0007', $now, 'p-001', 'phone'), ('c-0007', $now, 'p-002', 'phone')""",
        ("c-0007", "c-0007"),
    ),
    Change(
        CATALOG,
        "p-007 gets cheaper, p-110 is taken off the shelf",
        """update marketing.products set updated_at = $now, price = price - 5, deleted = id = 'p-110'
           where id = 'p-007' or (id = 'p-110' and not deleted)""",
        ("p-007", "p-110"),
    ),
    Change(
        DELETES,
        "c-1950 asks to be forgotten",
        "insert into marketing.erasure_requests values ('c-1950', $now)",
        ("c-1950",),
    ),
    Change(
        PROFILES,
        "customer-7 moves to Busan",
        "update marketing.customers set city = 'Busan', updated_at = $now where external_id = 'c-0007'",
        ("customer-7@example.com",),
    ),
    Change(
        PROFILES,
        "customer-115, whose phone number was not in E.164, is mended",
        """update marketing.customers
           set phone_number = '+447700900115', updated_at = $now where external_id = 'c-0115'""",
        ("customer-115@example.com",),
    ),
)


def apply_changes(path: Path, now: datetime) -> Mapping[str, Counter[str]]:
    """Change the warehouse.

    :param path: of the warehouse.
    :param now: the stamp of what changes, in UTC and without a zone.
    :return: for each DAG, whose rows the next run must send and how many of each.
    """
    moments = {"now": now, "tomorrow": now + timedelta(days=1)}
    expected: dict[str, Counter[str]] = {}
    with connect(path) as database:
        for change in CHANGES:
            used = {name: moment for name, moment in moments.items() if f"${name}" in change.sql}
            database.execute(change.sql, used)
            expected.setdefault(change.dag_id, Counter()).update(change.sent)
    return expected
