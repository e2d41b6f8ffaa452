"""A real sshd of one's own: its keys, its configuration and its log lie in a folder that goes with it."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Self

from support.ports import free_port
from support.waiting import BOUND, wait_until

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")


def why_not() -> str | None:
    """Say why no server can be started here; None when one can."""
    return None if SSHD and shutil.which("ssh-keygen") else "no sshd and ssh-keygen (Debian: openssh-server)"


class SshdServer:
    """An SSH server on 127.0.0.1 that lets in this process's user with :attr:`key`. Use as a context manager."""

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="cdi-sshd-"))
        self.port = free_port()
        self.make_key("host_key")
        self.key = self.make_key("client_key").read_text()
        shutil.copy(self.folder / "client_key.pub", self.folder / "authorized_keys")
        self.host_key = (self.folder / "host_key.pub").read_text().rsplit(" ", 1)[0]
        if os.geteuid() == 0:
            # Where sshd keeps the chroot of what it trusts least; Debian's service makes it.
            Path("/run/sshd").mkdir(exist_ok=True)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self.folder)

    def make_key(self, name: str, passphrase: str = "") -> Path:
        """Make an Ed25519 key in the folder; its public half lies beside it."""
        path = self.folder / name
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-a", "1", "-N", passphrase, "-C", "cdi-test", "-f", str(path)],
            check=True,
        )
        return path

    def start(self, **options: str) -> None:
        """Start the server, with further lines of ``sshd_config``."""
        usual = {
            "Port": str(self.port),
            "ListenAddress": "127.0.0.1",
            "HostKey": str(self.folder / "host_key"),
            "AuthorizedKeysFile": str(self.folder / "authorized_keys"),
            "PidFile": "none",
            "StrictModes": "no",
            "UsePAM": "no",
            "PasswordAuthentication": "no",
            "KbdInteractiveAuthentication": "no",
        }
        config = self.folder / "sshd_config"
        # The first line of a name counts.
        config.write_text("".join(f"{name} {value}\n" for name, value in {**usual, **options}.items()))
        self._log = (self.folder / "log").open("ab")
        self.process = subprocess.Popen(
            [str(SSHD), "-D", "-e", "-f", str(config)], stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log
        )
        wait_until(lambda: self.process.poll() is not None or _answers(self.port), self.log)
        assert self.process.poll() is None, self.log()

    def kill(self) -> None:
        """End the server and every connection of it at once, as a machine that goes down."""
        for process in (*self.sessions(), self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self.process.wait()
        self._log.close()

    def sessions(self) -> list[int]:
        """Return the processes that serve a connection now, each after the one that started it."""
        found, left = list[int](), [self.process.pid]
        while left:
            children = _children(left.pop())
            found += children
            left += children
        return found

    def log(self) -> str:
        """Return what the server wrote down."""
        return (self.folder / "log").read_text(errors="replace")

    def connection(self, **fields: Any) -> dict[str, Any]:
        """Return an Airflow connection that works; ``extra`` is merged, a key with None is left out."""
        extra = {"private_key": self.key, "host_key": self.host_key, **fields.pop("extra", {})}
        usual = {"conn_type": "ssh", "host": "127.0.0.1", "port": self.port, "login": getpass.getuser()}
        return {**usual, **fields, "extra": {name: value for name, value in extra.items() if value is not None}}


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=BOUND) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def _children(process: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(one) for one in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    return []
