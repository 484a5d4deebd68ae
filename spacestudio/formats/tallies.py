"""What a reader or writer leaves out or changes, collected as it goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from spacestudio.domain.captions import NAMED, Tally


class Tallies:
    """What was left out or changed, counted by kind, the first few named."""

    def __init__(self) -> None:
        self._kinds: dict[str, tuple[str, int, list[str]]] = {}

    def add(self, key: str, what: str, name: str) -> None:
        """One more."""
        _, count, named = self._kinds.get(key, (what, 0, []))
        self._kinds[key] = what, count + 1, [*named, name] if len(named) < NAMED else named

    def add_all(self, key: str, what: str, which: NDArray[np.bool_], name: Callable[[int], str]) -> None:
        """All those of a column that are True; `name` tells what a place is called."""
        if which.any():
            self._kinds[key] = what, int(which.sum()), [name(int(i)) for i in np.flatnonzero(which)[:NAMED]]

    def __iter__(self) -> Iterator[Tally]:
        return (Tally(key, what, count, tuple(named)) for key, (what, count, named) in self._kinds.items())
