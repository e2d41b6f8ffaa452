"""The type of what comes and goes as JSON."""

from __future__ import annotations

from typing import Any

Json = Any  # What orjson returns: the sandbox trusts no shape of it.
