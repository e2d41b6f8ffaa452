"""A sandbox in which something happens at the very request that a test names, however busy the machine is."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import Callable
from typing import Any

from cdi_sandbox.server import SandboxServer
from cdi_sandbox.settings.clock import Clock

#: Seconds by which the sandbox's sleep knows that a moment has come.
_MOMENT = 1e9


class SandboxOfMoments(SandboxServer):
    """A sandbox that stops, kills or restarts something while a request waits for its answer.

    Who looks from outside how many requests there were may look too late: a quick process has ended by then.
    """

    def __init__(self, **changes: Any) -> None:
        super().__init__(clock=Clock(sleep=self._sleep), **changes)
        self._acts: list[Callable[[], object]] = []

    def at_request(self, number: int, act: Callable[[], object], path: str = "/users/track") -> None:
        """Let something happen once, after so many further requests were applied and before the next one is answered.

        :param number: how many are answered before, from now on; another one is applied and waits.
        :param act: is called in the sandbox's own thread, which answers nobody meanwhile: it cannot ask the sandbox.
        :param path: where the requests come in.
        """
        self._acts.append(act)
        self.set_faults({"kind": "delay", "path": path, "after": number, "times": 1, "seconds": _MOMENT})

    def kill_at_request(self, number: int, process: subprocess.Popen[Any], path: str = "/users/track") -> None:
        """Let a process be killed by -9 after so many further requests, and return when it is gone."""
        self.at_request(number, process.kill, path)
        assert process.wait() == -signal.SIGKILL, "the try ended before it was killed"

    async def _sleep(self, seconds: float) -> None:
        if seconds < _MOMENT:
            await asyncio.sleep(seconds)
        else:
            self._acts.pop(0)()
