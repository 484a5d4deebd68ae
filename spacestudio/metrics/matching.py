"""A best matching: as many as possible, each with a partner of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


def matched(one: NDArray[np.intp], other: NDArray[np.intp], n: int) -> NDArray[np.bool_]:
    """(n,) whether each of n things has a partner in a largest matching.

    Only where a thing or a partner has several to choose from is anything searched: for each such thing the shortest way to
    free a partner by moving others (augmenting paths, Berge 1957).

    Args:
        one, other: (E,) who may go with whom.
    """
    found = np.zeros(n, bool)
    if not len(one):
        return found
    alone = (np.bincount(one)[one] == 1) & (np.bincount(other)[other] == 1)
    found[one[alone]] = True
    choices: dict[int, list[int]] = {}
    for thing, partner in zip(one[~alone].tolist(), other[~alone].tolist(), strict=True):
        choices.setdefault(thing, []).append(partner)
    pairs = _Pairs(choices, {}, {})
    for thing in choices:
        found[thing] = pairs.place(thing)
    return found


@dataclass
class _Pairs:
    """Who may go with whom, and who does: partner -> owner, and owner -> partner."""

    choices: dict[int, list[int]]
    owner: dict[int, int]
    partner: dict[int, int]

    def place(self, thing: int) -> bool:
        """Gives a thing a partner, moving others where that frees one; whoever had a partner still has one."""
        asked_by: dict[int, int] = {}
        queue = [thing]
        for asking in queue:
            for partner in self.choices[asking]:
                if partner in asked_by:
                    continue
                asked_by[partner] = asking
                if partner not in self.owner:
                    self._move(partner, asked_by)
                    return True
                queue.append(self.owner[partner])
        return False

    def _move(self, free: int, asked_by: dict[int, int]) -> None:
        partner: int | None = free
        while partner is not None:
            taker = asked_by[partner]
            left = self.partner.get(taker)
            self.owner[partner], self.partner[taker] = taker, partner
            partner = left
