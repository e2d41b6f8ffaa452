"""Partitions: one table read by several tasks, each person in exactly one of them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from airflow_provider_cdi.exceptions import ConfigurationError

#: The first eight hexadecimal digits of a digest are cut into equal ranges.
_RANGE = 1 << 32
_TEXT = re.compile(r"(\d+)/(\d+)")


@dataclass(frozen=True, slots=True)
class DigestRange:
    """The rows whose digest lies between two bounds.

    :param begin: the least that belongs to it, as a number.
    :param end: the least behind it.
    """

    begin: int
    end: int

    @property
    def lower(self) -> str:
        """The least digest that belongs to it, as eight hexadecimal digits."""
        return f"{self.begin:08x}"

    @property
    def upper(self) -> str | None:
        """The least digest behind it; None where none is."""
        return f"{self.end:08x}" if self.end < _RANGE else None

    def common(self, other: DigestRange) -> DigestRange:
        """Return the digests that belong to both.

        :param other: another range.
        """
        return DigestRange(max(self.begin, other.begin), min(self.end, other.end))

    def overlap(self, other: DigestRange) -> bool:
        """Whether some digests belong to both.

        :param other: another range.
        """
        common = self.common(other)
        return common.begin < common.end


@dataclass(frozen=True, slots=True)
class Partition:
    """One of several equal parts of a table, by a digest of the identifier.

    :param index: which one, from 0.
    :param of: how many there are.
    """

    index: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Partition:
        """Read ``"3/8"``.

        :raises ConfigurationError: when it is no partition.
        """
        found = _TEXT.fullmatch(text.strip())
        if found is None or int(found[1]) >= int(found[2]):
            raise ConfigurationError(
                f'partition is {text!r}; write it as "0/8" to "7/8" for eight partitions, or use partitions(8).'
            )
        return cls(int(found[1]), int(found[2]))

    @property
    def range(self) -> DigestRange:
        """Which digests belong to it."""
        return DigestRange(_RANGE * self.index // self.of, _RANGE * (self.index + 1) // self.of)

    @property
    def lower(self) -> str:
        """The least digest that belongs to it, as eight hexadecimal digits."""
        return self.range.lower

    @property
    def upper(self) -> str | None:
        """The least digest behind it; None for the last partition."""
        return self.range.upper


def partitions(count: int) -> list[str]:
    """Return all partitions of a table, for ``WarehouseToBrazeOperator.partial(...).expand(partition=...)``.

    :param count: how many. Each has a watermark of its own, so a later change of the number starts new
        syncs, unless ``airflow cdi state move --to-partitions`` takes the watermarks along.
    :raises ConfigurationError: when it is less than 1.
    """
    if count < 1:
        raise ConfigurationError(f"partitions({count}): there must be 1 or more.")
    return [f"{index}/{count}" for index in range(count)]
