"""Calling a command of ``airflow cdi`` in this process, against the warehouse and the sandbox of a lab."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from airflow_provider_cdi.cli.parser import make_parser


class LabCommand:
    def __init__(self, lab: Any, capsys: pytest.CaptureFixture[str]) -> None:
        self.lab, self._capsys = lab, capsys

    def __call__(self, line: str) -> tuple[int, str, str]:
        """Call ``airflow cdi …``; return the exit code and what was printed."""
        self._capsys.readouterr()
        line = line.removeprefix("airflow cdi ").removeprefix("python -m airflow_provider_cdi ")
        options = make_parser().parse_args(shlex.split(line))
        with pytest.raises(SystemExit) as ended:
            options.func(options)
        assert isinstance(ended.value.code, int)
        out, err = self._capsys.readouterr()
        return ended.value.code, out, err
