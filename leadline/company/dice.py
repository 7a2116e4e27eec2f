"""Seeded randomness in small coins: buffered draws from one numpy generator, and ids made from them.

Invariant: the same generator state gives the same draws. A scalar draw from numpy costs about a microsecond,
so every kind of draw is taken in blocks.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from math import exp, log
from typing import TypeVar

import numpy as np

T = TypeVar("T")
BLOCK = 8192


class Weights:
    """A finite distribution over values, given as {value: weight}."""

    __slots__ = ("sums", "total", "values")

    def __init__(self, weights: dict[str, float]) -> None:
        self.values = tuple(weights)
        self.sums = tuple(accumulate(weights.values()))
        self.total = self.sums[-1]


class Dice:
    """Scalar draws."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.random = self._uniform().__next__  # in [0, 1)
        self.normal = self._normal().__next__  # mean 0, standard deviation 1

    def _uniform(self) -> Iterator[float]:
        while True:
            yield from self.rng.random(BLOCK).tolist()

    def _normal(self) -> Iterator[float]:
        while True:
            yield from self.rng.standard_normal(BLOCK).tolist()

    def chance(self, probability: float) -> bool:
        return self.random() < probability

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self.random()

    def whole(self, low: int, high: int) -> int:
        """A whole number from `low` up to and without `high`."""
        return low + int((high - low) * self.random())

    def pick(self, values: Sequence[T]) -> T:
        return values[int(len(values) * self.random())]

    def weighed(self, weights: Weights) -> str:
        return weights.values[bisect_right(weights.sums, weights.total * self.random())]

    def wait(self, mean: float) -> float:
        """An exponential waiting time."""
        return -mean * log(1.0 - self.random())

    def count(self, mean: float) -> int:
        """A Poisson count; for the small means used here Knuth's product of uniforms is the fastest."""
        floor, product, count = exp(-mean), self.random(), 0
        while product > floor:
            product *= self.random()
            count += 1
        return count


class Ids:
    """Fresh vendor ids. Two runs with different `generation` never share a number."""

    def __init__(self, dice: Dice, *, generation: int = 0) -> None:
        self._dice = dice
        self._base = generation * 1000
        self._numbers: dict[str, int] = {}
        self._hex = self._stream().__next__  # 32 hex digits

    def _stream(self) -> Iterator[str]:
        while True:
            block = self._dice.rng.bytes(16 * 1024).hex()
            yield from (block[at : at + 32] for at in range(0, len(block), 32))

    def uuid(self) -> str:
        """A version 4 UUID."""
        h = self._hex()
        return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}"

    def token(self, length: int = 22) -> str:
        """Lower-case hex, at most 32 digits."""
        return self._hex()[:length]

    def ulid(self) -> str:
        """26 characters in the shape of a ULID."""
        return f"01H{self._hex()[:23].upper()}"

    def number(self, kind: str, first: int) -> int:
        """The next number of its kind; grows by uneven steps from `first`, as a busy vendor's ids do."""
        last = self._numbers.get(kind, first + self._base)
        self._numbers[kind] = number = last + self._dice.whole(1, 7)
        return number
