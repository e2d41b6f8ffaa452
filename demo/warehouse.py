"""The sample warehouse: a shop's tables in DuckDB, with what real tables have.

Ties (a load stamps all its rows alike), nested values, NULLs, and exactly six bad rows.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that breaks its contract.

    :param dag_id: whose source it is in.
    :param identifier: whose row it is.
    :param code: of its reject.
    :param is_sent: whether it stands in a request that was accepted: Braze takes such a request and names the row
        in its answer, Klaviyo refuses the request and gets the other rows again.
    """

    dag_id: str
    identifier: str
    code: str
    is_sent: bool = False


BAD_ROWS = (
    BadRow("braze_attributes_every_15_minutes", "c-0412", "payload_not_json"),  # a brace is missing
    BadRow("braze_attributes_every_15_minutes", "c-0777", "braze_email_invalid", is_sent=True),
    BadRow("braze_purchases_daily", "c-0333", "currency_invalid"),  # NULL
    BadRow("klaviyo_profiles_hourly", "customer-113 at example.com", "email_invalid"),
    BadRow("klaviyo_profiles_hourly", "customer-115@example.com", "phone_invalid"),  # not in E.164
    BadRow("klaviyo_profiles_hourly", "customer-116@example.com", "klaviyo_phone_ineligible"),  # nobody has such a one
)
LOCK_SECONDS = 20.0

_TABLES = """
create schema marketing;

-- Loaded in eight lots of 250 rows, which share one UPDATED_AT each.
create table marketing.users_attributes as
select
    cast($start as timestamp) - to_days(cast(8 - i // 250 as integer)) as UPDATED_AT,
    format('c-{:04d}', i) as EXTERNAL_ID,
    cast(to_json({
        email: format('customer-{}@example.com', i),
        first_name: ['Ada', 'Bo', 'Chen', 'Dina', 'Emre'][1 + i % 5],
        loyalty_tier: case when i % 9 <> 0 then ['basic', 'silver', 'gold'][1 + i % 3] end,
        points: i * 7 % 500,
        interests: ['shoes', 'coats', 'bags', 'hats'][1:1 + i % 4],
        home: {city: ['Seoul', 'Lyon', 'Turin'][1 + i % 3], floor: i % 12}
    }) as varchar) as PAYLOAD
from range(2000) r(i);

create table marketing.products as
select
    format('p-{:03d}', i) as id,
    cast($start as timestamp) - to_days(20) as updated_at,
    format('Product {}', i) as title,
    cast(19.90 + i as decimal(10, 2)) as price,
    i % 7 <> 0 as in_stock,
    case when i % 4 <> 0 then {width_mm: 100 + i, height_mm: 40} end as dimensions,
    false as deleted
from range(120) r(i);

create table marketing.visits as
select
    format('c-{:04d}', i * 7 % 2000) as customer_id,
    cast($start as timestamp) - to_minutes(cast(5 * (i // 2) + 1 as integer)) as visited_at,
    format('p-{:03d}', i % 120) as product_id,
    ['phone', 'tablet', 'desktop', null][1 + i % 4] as device
from range(2400) r(i);

create table marketing.order_lines as
select
    format('o-{:04d}', i) as order_id,
    format('c-{:04d}', i) as external_id,
    cast($start as timestamp) - to_hours(cast(i // 10 + 1 as integer)) as updated_at,
    format('p-{:03d}', i % 120) as sku,
    ['USD', 'EUR', 'KRW'][1 + i % 3] as currency,
    cast(19.90 + i % 120 as decimal(10, 2)) as unit_price,
    1 + i % 3 as quantity,
    case when i % 5 = 0 then 'WELCOME' end as coupon
from range(900) r(i);

create table marketing.erasure_requests as
select
    format('c-{:04d}', 1900 + i) as customer_id,
    cast($start as timestamp) - to_days(3) as approved_at
from range(24) r(i);

-- The numbers are those that Ofcom keeps free for films. Loaded in five lots of 200 rows.
create table marketing.customers as
select
    cast($start as timestamp) - to_days(cast(5 - i // 200 as integer)) as updated_at,
    format('customer-{}@example.com', i) as email,
    case when i % 3 <> 0 then format('+447700{}', 900000 + i) end as phone_number,
    format('c-{:04d}', i) as external_id,
    ['Ada', 'Bo', 'Chen', 'Dina', 'Emre'][1 + i % 5] as first_name,
    ['Seoul', 'Lyon', 'Turin'][1 + i % 3] as city,
    case when i % 9 <> 0 then ['basic', 'silver', 'gold'][1 + i % 3] end as loyalty_tier,
    ['shoes', 'coats', 'bags', 'hats'][1:1 + i % 4] as interests,
    case when i % 4 <> 0 then cast(19.90 + i % 120 as decimal(10, 2)) end as last_order___total,
    case when i % 4 <> 0 then ['USD', 'EUR', 'KRW'][1 + i % 3] end as last_order___currency
from range(1000) r(i);
"""

_BREAK = """
update marketing.users_attributes set PAYLOAD = rtrim(PAYLOAD, '}') where EXTERNAL_ID = 'c-0412';
update marketing.users_attributes set PAYLOAD = replace(PAYLOAD, '@example.com', '') where EXTERNAL_ID = 'c-0777';
update marketing.order_lines set currency = null where external_id = 'c-0333';
update marketing.customers set email = replace(email, '@', ' at ') where external_id = 'c-0113';
update marketing.customers set phone_number = replace(phone_number, '+44', '0') where external_id = 'c-0115';
update marketing.customers set phone_number = '+15550100116' where external_id = 'c-0116';
"""

#: DAG -> whose rows it sends, one line a row.
_WHOSE = {
    "braze_attributes_every_15_minutes": "select EXTERNAL_ID from marketing.users_attributes",
    "braze_events_hourly": "select customer_id from marketing.visits",
    "braze_purchases_daily": "select external_id from marketing.order_lines",
    "braze_catalog_monthly": "select id from marketing.products",
    "braze_user_deletes_weekly": "select customer_id from marketing.erasure_requests",
    "klaviyo_profiles_hourly": "select email from marketing.customers",
}
DAGS = tuple(_WHOSE)


def make_warehouse(path: Path, start: datetime) -> dict[str, Counter[str]]:
    """Make the warehouse.

    :param path: where the file is to be; there must be none.
    :param start: the moment before which everything is stamped, in UTC and without a zone.
    :return: for each DAG, whose rows its source holds and how many of each.
    """
    with connect(path) as database:
        for statement in (_TABLES + _BREAK).split(";"):
            if statement.strip():
                _run(database, statement, start)
        return {dag: Counter(row[0] for row in database.execute(query).fetchall()) for dag, query in _WHOSE.items()}


def without_unsent(rows: Mapping[str, Counter[str]]) -> dict[str, Counter[str]]:
    """Take out the bad rows that stand in no accepted request.

    :param rows: see :func:`make_warehouse`.
    """
    unsent = [bad for bad in BAD_ROWS if not bad.is_sent]
    return {dag: keys - Counter(bad.identifier for bad in unsent if bad.dag_id == dag) for dag, keys in rows.items()}


def connect(path: Path) -> duckdb.DuckDBPyConnection:
    """Open the warehouse for writing; wait while others read it.

    :raises duckdb.IOException: when it stays locked.
    """
    import duckdb

    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            return duckdb.connect(str(path))
        except duckdb.IOException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def _run(database: duckdb.DuckDBPyConnection, statement: str, start: datetime) -> None:
    database.execute(statement, {"start": start} if "$start" in statement else None)
