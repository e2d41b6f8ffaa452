"""How many different keys there are, in bounded memory: exactly as long as they are few, then by an estimate."""

from __future__ import annotations

from hashlib import blake2b

#: Different keys that are counted exactly: their hashes take some 8 MB.
EXACT_UP_TO = 100_000
#: HyperLogLog: 2^14 registers tell the number with a standard error of 1.04 / 2^7, which is 0.8 %.
_REGISTER_BITS = 14
_REGISTERS = 1 << _REGISTER_BITS
_REST_BITS = 64 - _REGISTER_BITS
_ALPHA = 0.7213 / (1 + 1.079 / _REGISTERS)


class DistinctCount:
    """Counts different texts.

    By HyperLogLog (Flajolet et al., 2007) where there are many. Two texts of one hash count once, which with hashes of
    64 bits happens among 100,000 texts once in four billion counts.

    :param exact_up_to: how many are counted exactly; at least 50,000, below which the estimate has a bias.
    """

    def __init__(self, exact_up_to: int = EXACT_UP_TO) -> None:
        self._exact_up_to = exact_up_to
        self._hashes: set[int] = set()
        self._registers: bytearray | None = None

    @property
    def is_exact(self) -> bool:
        """Whether :attr:`number` is no estimate."""
        return self._registers is None

    @property
    def number(self) -> int:
        """How many different texts were added."""
        if self._registers is None:
            return len(self._hashes)
        return round(_ALPHA * _REGISTERS**2 / sum(2.0**-rank for rank in self._registers))

    def add(self, text: str) -> int:
        """Count a text, unless it was counted before.

        :return: its hash, evenly spread over 64 bits and the same on every machine.
        """
        number = int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
        if self._registers is not None:
            self._note(self._registers, number)
            return number
        self._hashes.add(number)
        if len(self._hashes) > self._exact_up_to:
            self._registers = bytearray(_REGISTERS)
            for known in self._hashes:
                self._note(self._registers, known)
            self._hashes.clear()
        return number

    @staticmethod
    def _note(registers: bytearray, number: int) -> None:
        place, rest = number >> _REST_BITS, number & ((1 << _REST_BITS) - 1)
        rank = _REST_BITS - rest.bit_length() + 1
        registers[place] = max(registers[place], rank)
