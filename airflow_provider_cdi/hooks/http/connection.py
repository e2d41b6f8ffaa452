"""Reads the fields of a connection to an HTTP service; a bad one is named, its value is not shown."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from typing import Any

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.hooks.http.proxy import find_proxy
from airflow_provider_cdi.hooks.http.settings import (
    DEFAULT_CONNECT_TIMEOUT,
    DEFAULT_TIMEOUT,
    HttpSettings,
    find_ca_bundle,
)
from airflow_provider_cdi.version import __version__


def make_settings(base_url: str, headers: Mapping[str, str], secret: str, extra: Mapping[str, Any]) -> HttpSettings:
    """Complete what a service says about itself with the fields that all connections have in their extra.

    :param base_url: scheme, host and port.
    :param headers: sent with every request, the credentials among them.
    :param secret: what must never be seen.
    :param extra: of the connection.
    :raises ConfigurationError: when a field makes no sense.
    """
    return HttpSettings(
        base_url=base_url,
        headers={**headers, "User-Agent": f"airflow-provider-cdi/{__version__}"},
        secret=secret,
        ca_bundle=find_ca_bundle(base_url, read_text(extra, "ca_bundle")),
        proxy=find_proxy(base_url, read_text(extra, "proxy")),
        connect_timeout=read_seconds(extra, "connect_timeout", DEFAULT_CONNECT_TIMEOUT),
        timeout=read_seconds(extra, "timeout", DEFAULT_TIMEOUT),
        requests_per_second=read_number(extra, "requests_per_second", "a number of requests above 0"),
        rate_share=read_number(extra, "rate_share", "a part above 0 and up to 1, such as 0.8", most=1.0),
    )


def read_key(password: str | None, hint: str) -> str:
    """Return an API key without the space around it.

    :param hint: what to put there, for the message about an empty field.
    :raises ConfigurationError: when it is empty, or can be no key.
    """
    key = (password or "").strip()
    if not key:
        raise ConfigurationError(f"field 'password' is empty: {hint}")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigurationError("field 'password' holds characters that no API key has: copy the key again")
    return key


def read_text(extra: Mapping[str, Any], name: str) -> str | None:
    """Return a text of the extra without the space around it, None for an empty one.

    :raises ConfigurationError: when it is no text.
    """
    value = extra.get(name)
    if value is not None and not isinstance(value, str):
        raise ConfigurationError(f"field {name!r} in extra must be a text")
    return (value or "").strip() or None


def read_seconds(extra: Mapping[str, Any], name: str, default: float) -> float:
    """Return a time of the extra in seconds.

    :param default: for an empty field.
    :raises ConfigurationError: when it is no number above 0.
    """
    seconds = read_number(extra, name, "a number of seconds above 0")
    return default if seconds is None else seconds


def read_number(extra: Mapping[str, Any], name: str, wanted: str, most: float = sys.float_info.max) -> float | None:
    """Return a number of the extra, which may be written as a text; None for an empty field.

    :param wanted: what it must be, for the message.
    :param most: the greatest that makes sense.
    :raises ConfigurationError: when it is no number above 0, or a greater one.
    """
    value = extra.get(name)
    if value is None or value == "":
        return None
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 < number <= most:
        raise ConfigurationError(f"field {name!r} in extra must be {wanted}")
    return number
