"""Who stands for whom: the best assignment of things to places, each place used once. Exact while small, bounded beyond."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

KEEP = 5040
"""So many partial assignments are kept at a time: with no more the result is exact, as for seven things of one kind."""
STEPS = 200_000
"""So many are looked at in one step; with very many places fewer are kept."""

OUTLOOK = 10_000_000
"""Places looked at in one step when counting what a partial assignment leaves free."""

Tie = tuple[int, int, NDArray[np.int8]]
"""Things a and b, and (P + 1, P + 1) the sign of what is asked between them, by their places; the last is missing."""


def assign(choices: Sequence[Sequence[int]], merits: NDArray[np.int64], ties: Sequence[Tie] = ()) -> tuple[int, ...]:
    """The place of each thing, or -1 where none is left for it.

    As many things as possible get a place. Of the ways to do so, the one with the largest sum of merits (the columns
    compared in turn), the earliest in order of places when equal. Things are placed one by one and the best partial
    assignments kept, of equal ones those that leave most open. When some were dropped the result is improved by exchanging
    two places, or one for a free one, while that helps; it need not be the best then (ours).

    Args:
        choices: for each of N things the places it may take, ascending, of P.
        merits: (N, P + 1, 5) of each thing at each place, the last one for missing. A tie adds to columns 2 (signs above 0)
            and 3 (minus signs below 0).
        ties: between two things.
    """
    size = merits.shape[1]
    spare = len(choices) - most(choices)
    picks, sums = np.zeros((1, 0), np.int64), np.zeros((1, merits.shape[2]), np.int64)
    used = np.zeros((1, size), bool)  # its last column, missing, is never used up
    narrowed = False
    for k, places in enumerate(choices):
        options = np.array([*places, -1])
        rows, columns = np.nonzero(~used[:, options])
        taken = options[columns]
        allowed = (picks[rows] < 0).sum(1) + (taken < 0) <= spare
        if allowed.any():  # else a narrowed search came to a dead end, and more is missing than need be
            rows, taken = rows[allowed], taken[allowed]
        picks = np.column_stack((picks[rows], taken))
        sums = sums[rows] + merits[k, taken] + _tied(picks, [t for t in ties if max(t[:2]) == k], merits.shape[2])
        keep = max(1, min(KEEP, STEPS // len(options)))
        if len(picks) > keep and k + 1 < len(choices):
            ahead = _outlook(picks, used[rows], [t for t in ties if min(t[:2]) <= k < max(t[:2])])
            ranked = np.column_stack((sums[:, :4], ahead, sums[:, 4:]))
            best = np.sort(_order(ranked)[:keep])  # in order of places again, which settles what is equal
            picks, sums, rows, narrowed = picks[best], sums[best], rows[best], True
        used = used[rows]
        used[np.arange(len(used)), picks[:, -1]] = True
        used[:, -1] = False
    found = picks[_order(sums)[0]]
    return tuple((_improved(found, choices, merits, ties) if narrowed else found).tolist())


def most(choices: Sequence[Sequence[int]]) -> int:
    """How many things can have a place at once (augmenting paths)."""
    owner: dict[int, int] = {}
    held: dict[int, int] = {}
    for k in range(len(choices)):
        queue, came_from = [k], dict[int, int]()
        for thing in queue:
            for place in choices[thing]:
                if place not in came_from:
                    came_from[place] = thing
                    if place in owner:
                        queue.append(owner[place])
                        continue
                    _shift(k, place, came_from, owner, held)
                    queue.clear()
                    break
    return len(owner)


def _shift(k: int, place: int, came_from: dict[int, int], owner: dict[int, int], held: dict[int, int]) -> None:
    """Give each thing on the path from k the place it found; the last place was free."""
    while True:
        thing = came_from[place]
        before = held.get(thing)
        owner[place], held[thing] = thing, place
        if thing == k or before is None:
            return
        place = before


def _order(sums: NDArray[np.int64]) -> NDArray[np.intp]:
    """Rows, best first; equal ones stay in order."""
    return np.lexsort(-sums.T[::-1])


def _tied(picks: NDArray[np.int64], ties: Sequence[Tie], columns: int) -> NDArray[np.int64]:
    """(B, columns) what the ties add to B assignments."""
    out = np.zeros((len(picks), columns), np.int64)
    for a, b, signs in ties:
        sign = signs[picks[:, a], picks[:, b]]
        out[:, 2] += sign > 0
        out[:, 3] -= sign < 0
    return out


def _outlook(picks: NDArray[np.int64], used: NDArray[np.bool_], ties: Sequence[Tie]) -> NDArray[np.int64]:
    """(B,) how many free places would still fulfil ties to things not placed yet; 0 where that takes too long to count.

    `used` is from before the last pick; the ties are those with one end placed.
    """
    out = np.zeros(len(picks), np.int64)
    most_ties = OUTLOOK // used.size
    if most_ties:
        free = ~used
        free[np.arange(len(picks)), picks[:, -1]] = False
        for a, b, signs in ties[:most_ties]:
            placed, ways = (a, signs) if a < picks.shape[1] else (b, signs.T)
            out += ((ways > 0)[picks[:, placed]] & free).sum(1)
    return out


def _improved(
    picks: NDArray[np.int64], choices: Sequence[Sequence[int]], merits: NDArray[np.int64], ties: Sequence[Tie]
) -> NDArray[np.int64]:
    """The assignment after the exchanges that help most, one at a time; no more of them than 4 for each thing."""
    n, size = len(choices), merits.shape[1]
    allowed = np.zeros((n, size), bool)
    allowed[:, -1] = True
    for k, places in enumerate(choices):
        allowed[k, list(places)] = True
    things = np.arange(n)

    def worth(rows: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.asarray(merits[things, rows].sum(1) + _tied(rows, ties, merits.shape[2]))

    for _ in range(4 * n):
        free = [p for p in range(size - 1) if p not in set(picks.tolist())]
        others = [_moved(picks, {a: picks[b], b: picks[a]}) for a in range(n) for b in range(a)
                  if allowed[a, picks[b]] and allowed[b, picks[a]]]  # fmt: skip
        others += [_moved(picks, {a: p}) for a in range(n) for p in free if allowed[a, p]]
        rows = np.array([picks, *others])
        best = _order(worth(rows))[0]
        if best == 0:
            break
        picks = rows[best]
    return picks


def _moved(picks: NDArray[np.int64], places: dict[int, int]) -> NDArray[np.int64]:
    out = picks.copy()
    out[list(places)] = list(places.values())
    return out
