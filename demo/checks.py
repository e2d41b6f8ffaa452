"""What the demo proves while it shows it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from cdi_sandbox.server import SandboxServer

#: Paths of Braze that take data.
_BRAZE = ("/users/track", "/users/delete", "/catalogs/")
#: The path of Klaviyo that does.
_KLAVIYO = "/api/profile-bulk-import-jobs"


class Checks:
    """Compares what is with what should be, and goes on."""

    def __init__(self) -> None:
        self.passed = 0
        #: One sentence for each thing that is not as it should be.
        self.failures: list[str] = []

    def equal(self, what: str, found: Any, expected: Any) -> None:
        """Note whether the two are equal."""
        if found == expected:
            self.passed += 1
        elif isinstance(found, Counter) and isinstance(expected, Counter):
            self.failures.append(f"{what}: {_difference(found, expected)}.")
        else:
            self.failures.append(f"{what}: found {found!r}, expected {expected!r}.")


def received(sandbox: SandboxServer) -> Counter[str]:
    """Return whose objects the sandbox was sent since it started, and how many of each, from its own log.

    A request that Klaviyo refuses because of some of its rows does not count: the others come again without them.
    """
    keys: Counter[str] = Counter()
    for path in sandbox.state()["requests"]:
        log = sandbox.received(path)
        counts = log["received"] if path.startswith(_BRAZE) else log["accepted"] if path == _KLAVIYO else {}
        for named, objects in counts.items():
            keys[named.partition(":")[2]] += objects  # external_id:c-0007, email:customer-7@example.com
    return keys


def requests(sandbox: SandboxServer) -> int:
    """Return how many requests the sandbox got since it started, to any path of Braze and Klaviyo."""
    return sum(counts["requests"] for counts in sandbox.state()["requests"].values())


def _difference(found: Counter[str], expected: Counter[str]) -> str:
    extra, missing = sorted((found - expected).elements()), sorted((expected - found).elements())
    parts = [
        f"{len(keys):,} {what} ({', '.join(keys[:5])}{', ...' if len(keys) > 5 else ''})"
        for what, keys in (("too many", extra), ("missing", missing))
        if keys
    ]
    return " and ".join(parts)
