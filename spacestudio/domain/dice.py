"""Choices by hash instead of by chance: the same for the same words, so that a scene keeps them when something is added."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TypeVar

T = TypeVar("T")


@lru_cache(maxsize=65_536)
def number(seed: int, *words: str) -> int:
    """A stable 64-bit number for these words; a picture asks for some thousands, the same after each edit."""
    text = "\x1f".join((str(seed), *words)).encode("utf-8", "replace")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")


def pick(choices: Sequence[T], seed: int, *words: str) -> T:
    """One of them, the same for the same words."""
    return choices[number(seed, *words) % len(choices)]


def shuffled(choices: Iterable[str], seed: int, *words: str) -> list[str]:
    """All of them in an order of their own for these words; each keeps its rank whatever stands beside it."""
    return sorted(choices, key=lambda c: number(seed, *words, c))
