"""Spark behind the stand-in, where pyspark and Java are installed: the SQL of Databricks' own engine, untranslated.

It has no Delta (no ``create or replace table``) and one catalog, so the catalog's name is taken out of names.
"""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from standins.databricks.engine import CATALOG, SCHEMA, Column, Result, SessionSettings, StatementRefused, Stopped
from standins.databricks.orders import Orders

_CATALOG = re.compile(rf"(`{CATALOG}`|\b{CATALOG})\s*\.\s*", re.IGNORECASE)
_CONFIGURATION = {
    "spark.ui.enabled": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.session.timeZone": "UTC",
}


class SparkEngine:
    """One Spark on this machine.

    :param folder: where tables are kept.
    """

    def __init__(self, folder: str) -> None:
        builder = SparkSession.builder.master("local[2]").config(
            "spark.sql.warehouse.dir", str(Path(folder) / "tables")
        )
        for name, value in _CONFIGURATION.items():
            builder = builder.config(name, value)
        self._spark = builder.getOrCreate()
        self._orders = Orders()

    def statement(self, settings: SessionSettings) -> SparkStatement:
        """Return a statement in a session of its own; tables and views are shared."""
        return SparkStatement(self._spark.newSession(), settings, self._orders)

    def clear(self) -> None:
        """Drop tables and views."""
        for kind in ("view", "table"):
            for found in self._spark.sql(f"show {kind}s in {SCHEMA}").collect():
                self._spark.sql(f"drop {kind} if exists {SCHEMA}.`{found[1].replace('`', '``')}`")
        self._orders.forget()

    def load(self, name: str, path: str) -> None:
        """Make a table of a Parquet file; Spark reads no nanoseconds."""
        pq.write_table(pq.read_table(path), path, coerce_timestamps="us", allow_truncated_timestamps=True)
        self._spark.read.parquet(path).write.mode("overwrite").saveAsTable(_CATALOG.sub("", name))


class SparkStatement:
    """One statement."""

    def __init__(self, spark: SparkSession, settings: SessionSettings, orders: Orders) -> None:
        self._spark = spark
        self._settings = settings
        self._orders = orders
        self._tag = uuid.uuid4().hex
        self._stopped = threading.Event()

    def run(self, text: str, parameters: Sequence[Any]) -> Result:
        """Run it to its end."""
        if self._orders.take(text, self._settings):
            return Result([], pa.schema([]))
        self._orders.check_text_may_be_read(text, self._settings)
        self._spark.addTag(self._tag)
        try:
            return self._run(text, parameters)
        except PySparkException as error:
            if self._stopped.is_set():
                raise Stopped from None
            raise StatementRefused(str(error).split("\n;\n")[0], error.getSqlState() or "XX000") from None
        finally:
            self._spark.removeTag(self._tag)

    def stop(self) -> None:
        """Interrupt its jobs."""
        self._stopped.set()
        self._spark.interruptTag(self._tag)

    def close(self) -> None:
        """Do nothing: its result was whole, and goes with it."""

    def _run(self, text: str, parameters: Sequence[Any]) -> Result:
        self._spark.conf.set("spark.sql.session.timeZone", self._settings.zone)
        self._spark.sql(f"use `{self._settings.schema}`")
        found = self._spark.sql(_CATALOG.sub("", text), args=list(parameters) or None)
        columns = [Column(field.name, field.dataType.simpleString()) for field in found.schema.fields]
        if not columns:
            return Result([], pa.schema([]))
        table = _with_variants_as_text(found, columns).toArrow()
        return Result(columns, table.schema, iter(table.to_batches()))


def _with_variants_as_text(found: DataFrame, columns: Sequence[Column]) -> DataFrame:
    if not any(column.type == "variant" for column in columns):
        return found
    return found.selectExpr(*map(_as_arrow_can, columns))


def _as_arrow_can(column: Column) -> str:
    name = f"`{column.name.replace('`', '``')}`"
    return f"to_json({name}) as {name}" if column.type == "variant" else name
