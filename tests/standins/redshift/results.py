"""Results in the form of Redshift's own protocol, version 2: type numbers, column metadata, binary numbers.

PostgreSQL has no SUPER and no VARBYTE, says less about a column, and writes a NUMERIC in groups of four digits where
Redshift writes one integer.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from standins.redshift.wire import message

JSONB, BYTEA, NUMERIC, NAME = 3802, 17, 1700, 19
SUPER, VARBYTE, VARCHAR = 4000, 6551, 1043
_REDSHIFT_TYPES = {JSONB: SUPER, BYTEA: VARBYTE, 25: VARCHAR}
#: Client protocol versions (redshift_connector.config.ClientProtocolVersion).
EXTENDED_METADATA, BINARY = 1, 2
#: A NUMERIC without precision, which Redshift has not: its computed numbers have up to 38 digits.
_NUMERIC_38_10 = (38 << 16 | 10) + 4
_NOT_A_NUMBER = 0xC000


@dataclass(frozen=True, slots=True)
class Described:
    """A RowDescription as Redshift says it, and which columns are numbers of which scale."""

    message: bytes
    scales: dict[int, int]


def described(body: bytes, protocol: int) -> Described:
    """Turn PostgreSQL's RowDescription into Redshift's.

    :param protocol: what client and server have agreed on.
    """
    (count,) = struct.unpack_from("!h", body)
    out, scales, at = [body[:2]], dict[int, int](), 2
    for place in range(count):
        end = body.index(b"\0", at) + 1
        table, number, oid, size, modifier, form = struct.unpack_from("!ihihih", body, end)
        if oid == NUMERIC:
            modifier = _NUMERIC_38_10 if modifier == -1 else modifier
            scales[place] = (modifier - 4) & 0xFFFF
        out.append(body[at:end])
        out.append(struct.pack("!ihihih", table, number, _REDSHIFT_TYPES.get(oid, oid), size, modifier, form))
        if protocol >= EXTENDED_METADATA:
            # Schema, table, column and catalog; nullable, searchable.
            out.append(b"\0\0\0\0" + struct.pack("!h", 1 | 1 << 12))
        at = end + 18
    return Described(message(b"T", b"".join(out)), scales)


def data_row(body: bytes, scales: dict[int, int]) -> bytes:
    """Turn a DataRow with PostgreSQL's binary NUMERICs into one with Redshift's.

    :param scales: digits after the point, by the column's place.
    """
    (count,) = struct.unpack_from("!h", body)
    out, at = [body[:2]], 2
    for place in range(count):
        (length,) = struct.unpack_from("!i", body, at)
        at += 4
        value = body[at : at + max(length, 0)]
        at += len(value)
        if length != -1 and place in scales:
            value = _scaled(value, scales[place])
            length = len(value)
        out.append(struct.pack("!i", length) + value)
    return message(b"D", b"".join(out))


def _scaled(value: bytes, scale: int) -> bytes:
    """Write a number as one integer of 16 bytes, ten to the ``scale`` times as large."""
    count, weight, sign, _ = struct.unpack_from("!hhHh", value)
    if sign == _NOT_A_NUMBER:
        raise ValueError("Redshift has no NUMERIC that is not a number")
    groups: Sequence[int] = struct.unpack_from(f"!{count}H", value, 8)
    # The first group counts 10000 to the weight, each further one a ten-thousandth of its neighbour.
    whole = sum(group * 10_000 ** (count - 1 - place) for place, group in enumerate(groups))
    shift = 4 * (weight - count + 1) + scale
    digits, rest = (whole * 10**shift, 0) if shift >= 0 else divmod(whole, 10**-shift)
    if rest:
        raise ValueError(f"a computed NUMERIC has more than {scale} digits after the point: cast it")
    return int(-digits if sign else digits).to_bytes(16, "big", signed=True)
