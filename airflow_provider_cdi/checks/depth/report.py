"""The report of a check in depth: Markdown that can be sent to a stranger."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_cdi.checks.findings import Finding, State

if TYPE_CHECKING:
    from airflow.sdk import Connection

#: Texts of a connection that are shorter hide nothing and stand in every other word.
_SHORTEST = 4


def report(
    warehouse: str, rights: str, versions: Mapping[str, str], findings: Sequence[Finding], names: Mapping[str, str]
) -> str:
    """Write the report.

    :param warehouse: which was checked.
    :param rights: what the login must be allowed for it.
    :param versions: of what is installed.
    :param findings: in their order.
    :param names: text -> what stands for it: whatever of the connection must not be shown.
    """
    failed = sum(one.state is State.FAILED for one in findings)
    installed = ", ".join(f"{name} {version}" for name, version in versions.items())
    lines = [
        f"# Check in depth of {warehouse}: {f'{failed} steps failed' if failed else 'passed'}",
        "",
        f"- {installed}",
        f"- Python {platform.python_version()} on {platform.system()} {platform.machine()}",
        f"- The login needs {rights}. Nothing more is asked of it, and nothing is written but with --create-in.",
        "",
        "| step | | seconds | what was found |",
        "|---|---|---|---|",
        *(_line(one, names) for one in findings),
        "",
    ]
    return "\n".join(lines)


def _line(finding: Finding, names: Mapping[str, str]) -> str:
    words = f"{finding.message} {finding.cure}".strip()
    for text in sorted(names, key=len, reverse=True):
        words = words.replace(text, names[text])
    words = words.replace("|", "\\|")
    return f"| {finding.step} | {finding.state.value} | {finding.seconds:.1f} | {words} |"


def names_of(connection: Connection, **more: str | None) -> dict[str, str]:
    """Return what of a connection must not be shown, a driver's words included.

    :param connection: every text in it, secret or not, is one.
    :param more: further texts by the word that stands for them.
    """
    fields = {
        "host": connection.host,
        "login": connection.login,
        "password": connection.password,
        "schema": connection.schema,
        **dict(_texts(connection.extra_dejson)),
        **more,
    }
    return {text: f"<{name}>" for name, text in fields.items() if text and len(text) >= _SHORTEST}


def _texts(extra: Mapping[str, Any], path: str = "extra") -> Iterator[tuple[str, str]]:
    for key, value in extra.items():
        name = f"{path}.{key}"
        if isinstance(value, Mapping):
            yield from _texts(value, name)
        elif isinstance(value, str):
            yield name, value
