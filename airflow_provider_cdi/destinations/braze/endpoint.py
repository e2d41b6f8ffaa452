"""Where a request of Braze goes, and what is needed for it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a request goes.

    :param permission: what an API key needs for it.
    :param array: the array of the request that ``errors[].input_array`` must name; None where there is none.
    :param counter: the member of a success that counts the users it is about; empty where there is none.
    :param counts_rows: whether it counts each row, and not each user.
    """

    method: str
    path: str
    permission: str
    array: str | None = None
    counter: str = ""
    counts_rows: bool = False
