"""Record anew what the earlier version leaves behind: ``python -m upgrade.record [COMMIT]`` in ``tests/``."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from cdi_sandbox.server import SandboxServer
from upgrade.cases import CASES
from upgrade.old_version import COMMIT, KLAVIYO, RECORDED, OldVersion, Place, old_version


def record(version: OldVersion) -> dict[str, object]:
    """Run every case, and return what each left behind."""
    found: dict[str, object] = {}
    for case in CASES:
        with tempfile.TemporaryDirectory() as name, SandboxServer(klaviyo=dict(KLAVIYO)) as sandbox:
            place = Place(case, Path(name), sandbox)
            found[case.key] = version.run(place).to_json(place)
            print(case.key)
    return found


def main(commit: str = COMMIT) -> None:
    with tempfile.TemporaryDirectory() as name, old_version(Path(name), commit) as version:
        whole = {"commit": commit, "connections": version.connections, "cases": record(version)}
    RECORDED.write_text(json.dumps(whole, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
