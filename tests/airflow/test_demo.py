"""The demo proves what it shows. That it ends well is seen by `.ci/run`, which runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]
EXPECTS_TOO_MUCH = """
import sys
from collections import Counter
from pathlib import Path
from demo import tour
from demo.places import Places
apply_changes = tour.apply_changes
too_much = {"braze_purchases_daily": Counter(["c-0001"]), "klaviyo_profiles_hourly": Counter(["nobody@example.com"])}
tour.apply_changes = lambda path, now: apply_changes(path, now) | too_much
sys.exit(not tour.Tour(Places(Path(sys.argv[1]))).take())
"""


def test_demo_fails_and_says_why_when_the_sandbox_was_not_sent_what_it_should(tmp_path):
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", EXPECTS_TOO_MUCH, str(tmp_path / "demo")]
    done = subprocess.run(command, cwd=PROJECT, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    _, _, failures = done.stdout.partition("NOT AS EXPECTED:")
    assert failures.count("- ") == 2
    said = " ".join(failures.split())
    assert "braze_purchases_daily, second run: what the sandbox was sent: 1 missing (c-0001)." in said
    assert (
        "klaviyo_profiles_hourly, second run: what the sandbox was sent: 2 too many (customer-115@example.com, "
        "customer-7@example.com) and 1 missing (nobody@example.com)."
    ) in said
