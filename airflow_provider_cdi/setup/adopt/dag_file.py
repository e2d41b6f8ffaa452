"""The DAG file of adopted syncs: a DAG each, ready to be saved among one's own."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

_COMMENT_CHARS = 110


@dataclass(frozen=True, slots=True)
class DagOfSync:
    """What the file says of one sync.

    :param dag_id: of its DAG.
    :param schedule: a cron expression, None for one that is started by hand.
    :param arguments: of the operator, without its ``task_id``.
    :param comments: sentences above it.
    """

    dag_id: str
    schedule: str | None
    arguments: Mapping[str, Any]
    comments: tuple[str, ...]


def dag_id_of(name: str, taken: Collection[str]) -> str:
    """Return the id of the DAG of an integration.

    :param name: of the integration.
    :param taken: ids that others have.
    """
    words = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    first = f"{words[:200] or 'integration'}_to_braze"
    ids = [first, *(f"{first}_{number}" for number in range(2, len(taken) + 3))]
    return next(one for one in ids if one not in taken)


def dag_file(dags: Iterable[DagOfSync], left_out: Iterable[str], *, at: datetime) -> str:
    """Write the file.

    :param dags: what is adopted.
    :param left_out: a sentence for each integration that is not.
    :param at: now.
    """
    made = list(dags)
    parts = [_HEAD.format(at=at.strftime("%Y-%m-%d %H:%M UTC"))]
    parts += [_comment(sentence) for sentence in left_out]
    if made:
        parts[1:1] = [_IMPORTS]
        parts += [_dag(one, at) for one in made]
    return "\n".join(parts)


def _dag(one: DagOfSync, at: datetime) -> str:
    arguments = "".join(f"        {name}={_literal(value)},\n" for name, value in one.arguments.items())
    return _DAG.format(
        comments="".join(_comment(sentence) for sentence in one.comments),
        dag_id=_literal(one.dag_id),
        schedule=_literal(one.schedule),
        year=at.year,
        month=at.month,
        day=at.day,
        arguments=arguments,
    )


def _literal(value: str | None) -> str:
    return "None" if value is None else json.dumps(value, ensure_ascii=False)


def _comment(sentence: str) -> str:
    """Write a sentence as comments, without what could end one: names are chosen by people."""
    lines, line = [], ""
    for word in "".join(char if char.isprintable() else " " for char in sentence).split():
        if line and len(line) + len(word) >= _COMMENT_CHARS:
            lines.append(line)
            line = ""
        line = f"{line} {word}" if line else word
    return "".join(f"# {text}\n" for text in [*lines, line])


_HEAD = '''"""Syncs taken over from Braze Cloud Data Ingestion, as they stood at {at}.

Before a DAG is unpaused its integration must be paused in Braze: both would send the same rows.
"""
'''

_IMPORTS = """from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from airflow_provider_cdi import WarehouseToBrazeOperator, sync_params
"""

_DAG = """
{comments}with DAG(
    dag_id={dag_id},
    schedule={schedule},
    start_date=datetime({year}, {month}, {day}, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,
    default_args={{"retries": 3, "retry_delay": timedelta(minutes=2)}},
    params=sync_params(),
    tags=["braze", "cdi"],
):
    WarehouseToBrazeOperator(
        task_id="sync",
{arguments}    )
"""
