"""What the check in depth asks of each warehouse, in the warehouse's own words.

The sample is a query of literals, so that nothing has to be written: 3,600 rows at ten times, and one column of every
type.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: Column -> what Braze would get of it; numbers as their digits.
EXPECTED: Mapping[str, Any] = {
    "c_text": "a \"quoted\" 'text' with ü, 漢字 and 🎁",
    "c_integer": "9007199254740993",
    "c_big_integer": "12345678901234567890123456789012345678",
    "c_decimal": "1234567890123456789012345678.0123456789",
    "c_float": "0.1",
    "c_boolean": True,
    "c_date": "2026-01-05",
    "c_json": {"a": ["1", {"b": "c"}]},
    "c_struct": {"a": "1", "b": "x"},
    "c_array": ["1", "2"],
    "c_map": {"x": "1"},
}
#: Ten times, each with as many rows.
SAMPLE_ROWS = 10 * 360

_TEXT = "'a \"quoted\" ''text'' with ü, 漢字 and 🎁'"
_ESCAPED_TEXT = "'a \"quoted\" \\'text\\' with ü, 漢字 and 🎁'"
_JSON, _STRUCT, _ARRAY, _MAP = '{"a": [1, {"b": "c"}]}', '{"a": 1, "b": "x"}', "[1, 2]", '{"x": 1}'


@dataclass(frozen=True, slots=True)
class Profile:
    """One warehouse.

    :param conn_types: types that the Airflow connection may have.
    :param rights: the least that the login must be allowed, for the report.
    :param packages: distributions whose versions the report names.
    :param version: query of the warehouse's version.
    :param zone: query of the session's zone.
    :param time: the finest type without zone.
    :param zoned: the finest type with zone.
    :param digits: digits of a second that they hold.
    :param time_text: the warehouse's own text of a time without zone, down to the last digit.
    :param zoned_text: the same of a time with zone, in UTC.
    :param literals: column of :data:`EXPECTED` -> SQL of its value.
    :param slow: query of ``updated_at, external_id, payload`` that runs for a minute at least.
    :param history: query that counts the statements with the tag ``{tag}`` in the warehouse's own history; None where
        there is none.
    :param after_write: statement that keeps what was written.
    :param missing: name of a table that is not there.
    """

    conn_types: tuple[str, ...]
    rights: str
    packages: tuple[str, ...]
    version: str
    zone: str
    time: str
    zoned: str
    digits: int
    time_text: str
    zoned_text: str
    literals: Mapping[str, str] = field(repr=False)
    slow: str = field(repr=False)
    history: str | None = None
    after_write: str | None = None
    missing: str = "cdi_no_such_table"

    def sample(self) -> str:
        """Return the sample as a query."""
        columns = {
            "updated_at": "z.moment",
            "changed_at": "z.zoned",
            "external_id": "'user-' || a.d || b.d || c.d || z.d",
            "payload": """'{"visits":' || a.d || '}'""",
            **self.literals,
        }
        selected = ", ".join(f"{value} as {name}" for name, value in columns.items())
        digits = f"{_digits(10)} a cross join {_digits(6)} b cross join {_digits(6)} c"
        return f"select {selected} from {digits} cross join {self._moments()} z"  # noqa: S608 - nothing of a user in it

    def _moments(self) -> str:
        """Ten times with their last digits filled; as literals, for not everyone reads a computed text as a time."""
        fraction = "123456789"[: self.digits - 1]
        rows = (
            f"select '{digit}' as d, cast('2026-01-05 09:00:0{digit}.{fraction}{digit}' as {self.time}) as moment, "
            f"cast('2026-01-05 09:00:0{digit}.{fraction}{digit}+02:00' as {self.zoned}) as zoned"
            for digit in range(10)
        )
        return f"({' union all '.join(rows)})"


def _digits(count: int) -> str:
    rows = " union all ".join(f"select '{digit}'" for digit in range(1, count))
    return f"(select '0' as d union all {rows})"


def _literals(
    text: str, *, big: str, decimal: str, json: str, floating: str = "double precision", **nested: str
) -> Mapping[str, str]:
    """Return the values; those of the types that a warehouse does not have are left out."""
    return {
        "c_text": text,
        "c_integer": "9007199254740993",
        "c_big_integer": f"cast('12345678901234567890123456789012345678' as {big})",
        "c_decimal": f"cast('1234567890123456789012345678.0123456789' as {decimal})",
        "c_float": f"cast('0.1' as {floating})",
        "c_boolean": "true",
        "c_date": "cast('2026-01-05' as date)",
        "c_json": json.format(_JSON),
        **{f"c_{name}": value for name, value in nested.items()},
    }


_POSTGRES_LITERALS = _literals(
    f"cast({_TEXT} as text)",
    big="numeric(38,0)",
    decimal="numeric(38,10)",
    json="cast('{}' as jsonb)",
    array="cast('{1,2}' as bigint[])",
)
_NUMBERS = "(with recursive n(i) as (select 1 union all select i + 1 from n where i < 3000) select i from n)"
_REDSHIFT_SLOW = (
    "select cast('2026-01-05 09:00:00' as timestamp) as updated_at, 'a' as external_id, "  # noqa: S608 - numbers
    f"cast(sum(a.i * b.i % 7) as varchar) as payload from {_NUMBERS} a, {_NUMBERS} b, {_NUMBERS} c"
)

PROFILES: Mapping[str, Profile] = {
    "snowflake": Profile(
        conn_types=("snowflake",),
        rights="USAGE on a warehouse; with --table: USAGE on its database and schema, SELECT on it",
        packages=("apache-airflow-providers-snowflake", "snowflake-connector-python"),
        version="select current_version()",
        zone="select to_varchar(to_timestamp_ltz('2026-01-05 09:00:00 +00:00'), 'YYYY-MM-DD HH24:MI:SS TZHTZM')",
        time="timestamp_ntz(9)",
        zoned="timestamp_tz(9)",
        digits=9,
        time_text="to_varchar({}, 'YYYY-MM-DD HH24:MI:SS.FF9')",
        zoned_text="to_varchar(convert_timezone('UTC', {}), 'YYYY-MM-DD HH24:MI:SS.FF9')",
        literals=_literals(
            _TEXT,
            big="number(38,0)",
            decimal="number(38,10)",
            floating="float",
            json="parse_json('{}')",
            struct=f"cast(parse_json('{_STRUCT}') as object)",
            array=f"cast(parse_json('{_ARRAY}') as array)",
            map=f"cast(parse_json('{_MAP}') as map(varchar, number))",
        ),
        slow="select cast('2026-01-05 09:00:00' as timestamp_ntz(9)) as updated_at, 'a' as external_id, "
        "cast(count(*) as varchar) as payload from table(generator(timelimit => 120))",
        history="select count(*) from table(information_schema.query_history_by_user(result_limit => 1000)) "
        "where query_tag = '{tag}'",
    ),
    "redshift": Profile(
        conn_types=("redshift",),
        rights="to connect to the database; with --table: USAGE on its schema, SELECT on it",
        packages=("apache-airflow-providers-amazon", "redshift-connector"),
        version="select version()",
        zone="select current_setting('timezone')",
        time="timestamp",
        zoned="timestamptz",
        digits=6,
        time_text="to_char({}, 'YYYY-MM-DD HH24:MI:SS.US')",
        zoned_text="to_char({}, 'YYYY-MM-DD HH24:MI:SS.US')",
        literals=_literals(
            f"cast({_TEXT} as varchar(200))",
            big="numeric(38,0)",
            decimal="numeric(38,10)",
            json="json_parse('{}')",
            struct=f"json_parse('{_STRUCT}')",
            array=f"json_parse('{_ARRAY}')",
        ),
        slow=_REDSHIFT_SLOW,
        history="select count(*) from sys_query_history where query_label = '{tag}'",
    ),
    "bigquery": Profile(
        conn_types=("gcpbigquery", "google_cloud_platform"),
        rights="roles/bigquery.jobUser and roles/bigquery.readSessionUser on the project; with --table: "
        "roles/bigquery.dataViewer on it",
        packages=("apache-airflow-providers-google", "google-cloud-bigquery", "google-cloud-bigquery-storage"),
        version="select 'BigQuery has none'",
        zone="select string(timestamp '2026-01-05 09:00:00+00:00')",
        time="datetime",
        zoned="timestamp",
        digits=6,
        time_text="format_datetime('%Y-%m-%d %H:%M:%E6S', {})",
        zoned_text="format_timestamp('%Y-%m-%d %H:%M:%E6S', {}, 'UTC')",
        literals=_literals(
            _ESCAPED_TEXT,
            big="bignumeric",
            decimal="bignumeric",
            floating="float64",
            json="json '{}'",
            struct="struct(1 as a, 'x' as b)",
            array="[1, 2]",
        ),
        slow="select datetime '2026-01-05 09:00:00' as updated_at, 'a' as external_id, "
        "cast(sum(mod(a * b, 7)) as string) as payload "
        "from unnest(generate_array(1, 1000000)) a cross join unnest(generate_array(1, 1000000)) b",
        # A name of one part needs a dataset in the connection, which not everybody has set.
        missing="cdi_no_such_dataset.cdi_no_such_table",
    ),
    "databricks": Profile(
        conn_types=("databricks",),
        rights="CAN USE on the SQL warehouse; with --table: USE CATALOG, USE SCHEMA and SELECT on it",
        packages=("apache-airflow-providers-databricks", "databricks-sql-connector"),
        version="select version()",
        zone="select cast(cast('2026-01-05 09:00:00+00:00' as timestamp) as string)",
        time="timestamp_ntz",
        zoned="timestamp",
        digits=6,
        time_text="date_format({}, 'yyyy-MM-dd HH:mm:ss.SSSSSS')",
        zoned_text="date_format({}, 'yyyy-MM-dd HH:mm:ss.SSSSSS')",
        literals=_literals(
            _ESCAPED_TEXT,
            big="decimal(38,0)",
            decimal="decimal(38,10)",
            floating="double",
            json="parse_json('{}')",
            struct="named_struct('a', 1, 'b', 'x')",
            array="array(1, 2)",
            map="map('x', 1)",
        ),
        slow="select cast('2026-01-05 09:00:00' as timestamp_ntz) as updated_at, 'a' as external_id, "
        "cast(sum(a.n * b.n % 7) as string) as payload from (select explode(sequence(1, 1000000)) as n) a "
        "cross join (select explode(sequence(1, 1000000)) as n) b",
        history="select count(*) from system.query.history where query_tags['cdi_sync_id'] = '{tag}'",
    ),
    "postgres": Profile(
        conn_types=("postgres",),
        rights="to connect to the database; with --table: USAGE on its schema, SELECT on it",
        packages=("apache-airflow-providers-postgres", "psycopg", "psycopg2-binary"),
        version="select version()",
        zone="select current_setting('timezone')",
        time="timestamp",
        zoned="timestamptz",
        digits=6,
        time_text="to_char({}, 'YYYY-MM-DD HH24:MI:SS.US')",
        zoned_text="to_char({}, 'YYYY-MM-DD HH24:MI:SS.US')",
        literals=_POSTGRES_LITERALS,
        slow="select timestamp '2026-01-05 09:00:00' as updated_at, 'a'::text as external_id, "
        "pg_sleep(120)::text as payload",
        after_write="commit",
    ),
    "duckdb": Profile(
        conn_types=("duckdb",),
        rights="to read the file",
        packages=("apache-airflow-providers-duckdb", "duckdb"),
        version="select version()",
        zone="select current_setting('TimeZone')",
        time="timestamp_ns",
        zoned="timestamptz",
        digits=9,
        time_text="strftime({}, '%Y-%m-%d %H:%M:%S.%n')",
        zoned_text="strftime({} at time zone 'UTC', '%Y-%m-%d %H:%M:%S.%f')",
        literals=_literals(
            _TEXT,
            big="decimal(38,0)",
            decimal="decimal(38,10)",
            floating="double",
            json="cast('{}' as json)",
            struct="{'a': 1, 'b': 'x'}",
            array="[1, 2]",
            map="map {'x': 1}",
        ),
        slow="select timestamp '2026-01-05 09:00:00' as updated_at, 'a' as external_id, "
        "sum(a.range * b.range % 7)::varchar as payload from range(10000000) a, range(10000000) b",
    ),
}
