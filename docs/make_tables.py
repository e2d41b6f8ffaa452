"""Writes the pages that show what ``airflow cdi setup-sql`` prints: ``python docs/make_tables.py``."""

from __future__ import annotations

import re
from pathlib import Path

from airflow_provider_cdi.setup.sql.choice import DATA_TYPES, WAREHOUSES, contract_of, setup_class, setup_script
from airflow_provider_cdi.setup.sql.options import SetupOptions
from airflow_provider_cdi.setup.tables import create_table

DOCS = Path(__file__).parent
FOLDER = DOCS / "connections" / "tables"
COMMAND_PAGE = DOCS / "cli" / "setup-sql.md"
#: What a warehouse must be told, and names that make the example complete.
_EXAMPLE = {
    "bigquery": {"database": "my-project", "region": "EU"},
    "postgres": {"database": "shop", "schema": "marketing"},
    "duckdb": {"database": "warehouse.duckdb"},
}
_HEAD = """# Set-up of {title}

What [`airflow cdi setup-sql`](../../cli/setup-sql.md) prints. Its options are names, the kind of login, a view instead
of a table; the lines that begin with `--` are to be read, and what stands between `<` and `>` is to be filled in.

## The whole script

```sql
{script}```
{klaviyo}
## The tables of all data types

Every column that a data type knows. Leave out what you have no use for: `UPDATED_AT`, one identifier (an alias is two
columns) and what is `not null` are enough. Names match without regard to case; for others there is
[`columns=`](../../operators/warehouse_to_braze.md). A test runs each of these statements, the four vendors' ones in
stand-ins.
"""
_LEFT_BY_KLAVIYO = """
With `--destination klaviyo` it says one thing more, for those who had Klaviyo's own import:

```sql
{text}
```
"""
_MORE_COLUMNS = """
Every further column of `profiles` and `events` becomes a property under its own name.
"""
_OUTPUT = re.compile(r"(<!-- made by docs/make_tables.py -->\n```sql\n)(.*?)(```\n)", re.DOTALL)


def page(warehouse: str) -> str:
    """Return the page of one warehouse."""
    title, example = setup_class(warehouse).title, _example(warehouse, "braze", "attributes").as_sql()
    parts = [_HEAD.format(title=title, script=example, klaviyo=_klaviyo(warehouse))]
    for vendor, data_types in DATA_TYPES.items():
        more = _MORE_COLUMNS if vendor == "klaviyo" else ""
        parts.append(f"\n### {vendor.capitalize()}\n{more}")
        for name in data_types:
            statement = create_table(warehouse, contract_of(vendor, name), f"ingestion.{vendor}_{name}")
            parts.append(f"\n#### {vendor.capitalize()}: {name}\n\n```sql\n{statement};\n```\n")
    return "".join(parts)


def command_page(shown: str) -> str:
    """Return the command's page with the script that it shows made anew.

    :param shown: the page as it is.
    """
    made = _example("postgres", "braze", "attributes").as_sql()
    return _OUTPUT.sub(lambda found: f"{found[1]}{made}{found[3]}", shown)


def _example(warehouse: str, destination: str, data_type: str):
    given = _EXAMPLE.get(warehouse, {})
    return setup_script(SetupOptions(warehouse=warehouse, destination=destination, data_type=data_type, **given))


def _klaviyo(warehouse: str) -> str:
    steps = _example(warehouse, "klaviyo", "profiles").steps
    found = [step for step in steps if step.is_later]
    return "".join(_LEFT_BY_KLAVIYO.format(text=f"-- {step.title}\n{step.text}") for step in found)


if __name__ == "__main__":
    for name in WAREHOUSES:
        (FOLDER / f"{name}.md").write_text(page(name))
    COMMAND_PAGE.write_text(command_page(COMMAND_PAGE.read_text()))
