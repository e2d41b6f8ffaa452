"""Writes ``provider.yaml``, which Airflow's own providers have too: ``python docs/make_provider_yaml.py``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from airflow_provider_cdi import __version__
from airflow_provider_cdi.get_provider_info import get_provider_info

FILE = Path(__file__).parent.parent / "provider.yaml"
#: The day of the version, in seconds since 1970: Airflow's providers stamp the files of a build with it.
SOURCE_DATE_EPOCH = 1795910400
_HEAD = """# Made by docs/make_provider_yaml.py of what get_provider_info() says, which is what Airflow reads.
---
"""


class _Dumper(yaml.SafeDumper):
    """Writes each value where it stands, without anchors, and steps of a list to the right."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def text() -> str:
    """Return what the file holds."""
    info = {**get_provider_info(), "state": "ready"}
    info |= {"source-date-epoch": SOURCE_DATE_EPOCH, "versions": [__version__]}
    return _HEAD + yaml.dump(info, Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True)


if __name__ == "__main__":
    FILE.write_text(text())
