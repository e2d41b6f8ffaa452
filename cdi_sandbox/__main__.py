"""``cdi-sandbox``: a local Braze and a local Klaviyo on a port."""

from __future__ import annotations

import argparse
import gc
import ipaddress
import sys
from collections.abc import Sequence
from pathlib import Path

import uvicorn

from cdi_sandbox.app import create_app
from cdi_sandbox.braze.endpoints import PERMISSIONS
from cdi_sandbox.klaviyo.endpoints import SCOPES
from cdi_sandbox.server import server_config
from cdi_sandbox.settings.klaviyo import DEFAULT_KLAVIYO_KEY
from cdi_sandbox.settings.sandbox import DEFAULT_KEY, ERROR_STYLES, KEEPS, REGIMES, Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted.

    :param arguments: of the command line.
    :return: exit code.
    """
    chosen = _parser().parse_args(arguments)
    try:
        app = create_app(_settings(chosen))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    if not _is_loopback(chosen.host):
        print(
            f"Careful: on {chosen.host} others can reach this sandbox, and /_sandbox/ asks for no key.",
            file=sys.stderr,
        )
    config = server_config(app, host=chosen.host, port=chosen.port)
    listener = config.bind_socket()
    listener.listen(config.backlog)  # who reads the address may call it at once
    host = f"[{chosen.host}]" if ":" in chosen.host else chosen.host
    port = listener.getsockname()[1]
    print(f"Braze sandbox: http://{host}:{port}/  (state as JSON: /_sandbox/state)", flush=True)
    print(f"Klaviyo sandbox: http://{host}:{port}/klaviyo", flush=True)
    # A million profiles make each full collection long, and there are no cycles worth collecting.
    gc.set_threshold(100_000, 50, 1_000)
    server = uvicorn.Server(config)
    server.run(sockets=[listener])
    return 0 if server.started else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cdi-sandbox",
        description="A local Braze and a local Klaviyo: they answer as documented, keep what they get, fail on demand.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8125, help="0 takes a free one (default: %(default)s)")
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="name under which clients reach it, beside localhost and addresses; repeatable",
    )
    parser.add_argument("--store", type=Path, metavar="FILE", help="SQLite file that survives a restart")
    parser.add_argument(
        "--key",
        action="append",
        default=[],
        metavar="NAME[:PERMISSION,...]",
        help=f"API key, with all permissions or these; repeatable (default: {DEFAULT_KEY})",
    )
    parser.add_argument(
        "--klaviyo-key",
        action="append",
        default=[],
        metavar="NAME[:SCOPE,...]",
        help=f"private key of Klaviyo, with all scopes or these; repeatable (default: {DEFAULT_KLAVIYO_KEY})",
    )
    parser.add_argument(
        "--job-seconds",
        type=float,
        nargs=2,
        metavar=("QUEUED", "PROCESSED"),
        help="how long a job of Klaviyo waits, and how long it is processed",
    )
    parser.add_argument("--apply-delay", type=float, metavar="SECONDS", help="until an accepted call has its effect")
    parser.add_argument("--latency", type=float, metavar="SECONDS", help="that every answer takes at least")
    parser.add_argument("--regime", choices=REGIMES, help="how rate limits are told")
    parser.add_argument("--error-style", choices=ERROR_STYLES, help="how refused objects are explained")
    parser.add_argument("--keep", choices=KEEPS, help="'counts' validates and counts, and keeps no profiles")
    return parser


def _settings(chosen: argparse.Namespace) -> Settings:
    settings = ("apply_delay", "latency", "regime", "error_style", "keep")
    changes = {name: getattr(chosen, name) for name in settings if getattr(chosen, name) is not None}
    if chosen.job_seconds is not None:
        changes["klaviyo"] = {"job_seconds": chosen.job_seconds}
    keys = dict(_key(text, PERMISSIONS) for text in chosen.key) or {DEFAULT_KEY: None}
    klaviyo_keys = dict(_key(text, SCOPES) for text in chosen.klaviyo_key) or {DEFAULT_KLAVIYO_KEY: None}
    names = frozenset([chosen.host, *chosen.allow_host])
    return Settings(keys=keys, klaviyo_keys=klaviyo_keys, host_names=names, store=chosen.store).changed(changes)


def _key(text: str, known: frozenset[str]) -> tuple[str, frozenset[str] | None]:
    name, colon, listed = text.partition(":")
    if not colon:
        return name, None
    permissions = frozenset(filter(None, listed.split(",")))
    unknown = permissions - known
    if unknown:
        raise ValueError(f"There is no permission {', '.join(sorted(unknown))}; there are: {', '.join(sorted(known))}.")
    return name, permissions


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


if __name__ == "__main__":
    sys.exit(main())
