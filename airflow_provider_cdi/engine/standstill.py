"""Why no request of a run may leave although some are ready."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Standstill:
    """Why no request may leave.

    :param reason: what is used up, or who said so.
    :param seconds_left: until one may leave, as far as is known.
    """

    reason: str
    seconds_left: float
