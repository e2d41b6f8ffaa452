"""The check in depth of one connection: of the connection, of a table, of a table that is made for it."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

from airflow_provider_cdi.checks.depth.checked_warehouse import ATTRIBUTES, CheckedWarehouse, Rows, versions
from airflow_provider_cdi.checks.depth.profiles import PROFILES, Profile
from airflow_provider_cdi.checks.depth.report import names_of, report
from airflow_provider_cdi.checks.depth.steps import of_connection, of_rows
from airflow_provider_cdi.checks.findings import Finding, State
from airflow_provider_cdi.engine.rows.table_contract import TableContract
from airflow_provider_cdi.exceptions import CdiError, UsageError
from airflow_provider_cdi.hooks.connections import find_connection


class DepthCheck:
    """Checks one connection in depth.

    :param conn_id: of the warehouse; its type says which.
    :param table: a table or view to read too; a small one.
    :param contract: what the table's columns must be; None for those of Braze's attributes.
    :param create_in: a schema or dataset in which one table is created, read and dropped.
    :raises UsageError: when nothing is known of the connection's type.
    :raises ConfigurationError: when there is no such connection.
    """

    def __init__(
        self,
        conn_id: str,
        *,
        table: str | None = None,
        contract: TableContract | None = None,
        create_in: str | None = None,
    ) -> None:
        self._kind, self._profile = _profile(conn_id)
        self._table, self._contract, self._create_in = table, contract, create_in
        self._warehouse = CheckedWarehouse(conn_id, self._profile, f"cdi_check_{uuid4().hex[:8]}")

    def findings(self) -> Iterator[Finding]:
        """Take the steps."""
        yield from of_connection(self._warehouse)
        if self._table:
            contract = self._contract or ATTRIBUTES
            yield from of_rows(self._warehouse, Rows("your table", self._table, contract=contract))
        if self._create_in:
            yield from self._of_a_table(self._create_in)

    def report(self, findings: list[Finding]) -> str:
        """Write what was found as Markdown that can be sent to a stranger: names are replaced by words."""
        names = names_of(self._warehouse.connection, table=self._table, create_in=self._create_in)
        return report(self._kind, self._profile.rights, versions(self._profile), findings, names)

    def _of_a_table(self, schema: str) -> Iterator[Finding]:
        step, tag = "create and drop a table", self._warehouse.tag
        name = f"{schema}.{tag}"
        try:
            with self._warehouse.sample_table(name):
                yield from of_rows(self._warehouse, Rows("the sample, as a table", name, is_sample=True))
        except CdiError as error:
            # What of_rows finds never comes here: the table was not made, or not dropped.
            yield Finding(step, State.FAILED, 0.0, f"{error}", f"Look whether {tag} is there, and drop it.")
        else:
            yield Finding(step, State.OK, 0.0, "The sample's table was made and dropped.")


def _profile(conn_id: str) -> tuple[str, Profile]:
    kind = find_connection(conn_id).conn_type
    for name, profile in PROFILES.items():
        if kind in profile.conn_types:
            return name, profile
    raise UsageError(
        f"The connection {conn_id!r} has the type {kind!r}; a check in depth is there for {', '.join(PROFILES)}. "
        "Without --in-depth every SQL warehouse is checked."
    )
