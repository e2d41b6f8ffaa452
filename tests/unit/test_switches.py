"""A row goes straight through the package: few switches between modules, from the cursor to its receipt."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

import switches

#: Of a run of one row, from beginning to end; there were 182 before the flow was cut anew.
MOST = 79
#: From the first batch of rows to the saved checkpoint, of 135 before.
MOST_OF_THE_ROW = 67


def test_a_row_takes_few_switches_between_modules():
    found = switches.trace()
    assert len(switches.visits(found.calls)) <= MOST
    assert len(switches.visits(found.of_the_row)) <= MOST_OF_THE_ROW
