"""Ports that nobody takes between the moment they are chosen and the moment they are used, or left unused."""

from __future__ import annotations

import random
import socket
from pathlib import Path

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 10_000


def free_port() -> int:
    """Choose a port of 127.0.0.1 at which nobody listens.

    It lies below those that the system gives away: any connection and any server on port 0, of a test beside this one,
    could be given one of those a moment later.
    """
    given_away_from = int(_RANGE.read_text().split()[0]) if _RANGE.exists() else 32_768
    while True:
        port = random.SystemRandom().randrange(_LOWEST, given_away_from)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
