"""A ``ProxyCommand`` of the worker's ``~/.ssh/config`` as a real socket.

paramiko's own class spins when its command ends, notices nothing of it, and leaves a zombie.
"""

from __future__ import annotations

import shlex
import socket
import subprocess
from typing import Any

#: Seconds that a command has to end by itself once its socket is closed, and once more when it is told to.
_ENDS_WITHIN = 2.0


class ProxyCommandSocket:
    """The end of a command that is spoken to through its standard input and output.

    Killed or not, our end is closed with our process, and the command finds the end of its input.

    :param command: as ``~/.ssh/config`` has it, placeholders filled in.
    :raises OSError: when it cannot be started.
    """

    def __init__(self, command: str) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            try:
                ends, quiet = theirs.fileno(), subprocess.DEVNULL
                self.process = subprocess.Popen(shlex.split(command), stdin=ends, stdout=ends, stderr=quiet)  # noqa: S603
            except BaseException:
                self._socket.close()
                raise

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def close(self) -> None:
        """Close the socket and wait for the command, which is ended where it does not end itself."""
        self._socket.close()
        for end in (self.process.terminate, self.process.kill):
            try:
                self.process.wait(_ENDS_WITHIN)
            except subprocess.TimeoutExpired:
                end()
            else:
                return
        self.process.wait()
