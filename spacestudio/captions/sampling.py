"""Which side of a data set things are on, and which captions are kept so that relations or triplets are balanced.

Balancing takes two passes: one counts the captions, one keeps those drawn. The draw is a byte for each caption there is, so
the captions themselves are never held.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spacestudio.captions.sr4g import Sides
from spacestudio.domain.captions import SPLITS, BoxTable, CaptionRows

Balance = Literal["", "relation", "triplet"]
Ints = NDArray[np.int64]


def sides(
    pictures: NDArray[np.uint64], categories: NDArray[np.uint64], shares: Sequence[float], unseen: bool = False
) -> Sides:
    """Pictures into splits and, where the test is to be of unseen objects, categories into two halves.

    Args:
        pictures, categories: (I,) and (C,) a number of each that looks random.
        shares: of train, validation and test; not all of them zero.
        unseen: whether to halve the categories: the half with the lower numbers, and the odd one, is for training.
    """
    limits = np.cumsum(np.asarray(shares, np.float64))
    split = np.searchsorted(limits / limits[-1], (pictures >> np.uint64(11)) / 2.0**53, side="right").clip(
        0, len(SPLITS) - 1
    )
    rank = np.argsort(np.argsort(categories, kind="stable"))
    side = (rank >= (len(categories) + 1) // 2).astype(np.int64) if unseen else np.full(len(categories), -1)
    return Sides(split.astype(np.int64), side, pictures)


class Census:
    """How many captions of each split, relation, subject and object there are, counted as they come.

    Attributes:
        counts: number from `codes` -> captions.
        total, pictures: captions and pictures counted.
    """

    def __init__(self, table: BoxTable, relations: Sequence[str]) -> None:
        self._category, self._shape = table.category, (len(SPLITS), len(relations), len(table.names), len(table.names))
        self.counts: Counter[int] = Counter()
        self.total = self.pictures = 0

    def codes(self, rows: CaptionRows) -> Ints:
        """(K,) a number of each caption's split, relation, subject and object."""
        places = (rows.split, rows.relation, self._category[rows.subject], self._category[rows.object])
        return np.asarray(np.ravel_multi_index(places, self._shape), np.int64)

    def relation_codes(self, codes: Ints) -> Ints:
        """The number of split and relation alone, of numbers from `codes`."""
        return np.asarray(codes // (self._shape[2] * self._shape[3]), np.int64)

    def add(self, rows: CaptionRows) -> None:
        """Count some more."""
        codes, counts = np.unique(self.codes(rows), return_counts=True)
        self.counts.update(dict(zip(codes.tolist(), counts.tolist(), strict=True)))
        self.total += len(rows)
        self.pictures += len(np.unique(rows.image))

    def triplets(self) -> set[int]:
        """The different subjects, relations and objects, whatever the split."""
        _, relations, *names = self._shape
        count = relations * math.prod(names)
        return {code % count for code in self.counts}

    def sums(self) -> Ints:
        """(S, R) captions of each split and relation."""
        codes, counts = self.columns()
        sums = np.bincount(self.relation_codes(codes), counts, self._shape[0] * self._shape[1])
        return sums.astype(np.int64).reshape(self._shape[:2])

    def columns(self) -> tuple[Ints, Ints]:
        """(T,) the numbers met, sorted, and how often."""
        codes = np.array(sorted(self.counts), np.int64)
        return codes, np.array([self.counts[code] for code in codes.tolist()], np.int64)


class Draw:
    """Keeps as many captions of each relation and split as asked, drawn at random; shown them in the order of the census.

    Args:
        census: of all captions.
        balance: "relation": as many of each relation as of the rarest in its split. "triplet": so, and of a relation as
            evenly as possible from its triplets (subject, relation, object). "": only `limit` counts.
        limit: most captions of a relation in a split; None without limit.
        seed: of the draw.
    """

    def __init__(self, census: Census, balance: Balance, limit: int | None, seed: int) -> None:
        self._census, self._by_triplet = census, balance == "triplet"
        self._codes, counts = census.columns()
        wanted = np.full(census.sums().shape, np.iinfo(np.int64).max if limit is None else limit)
        if balance:
            sums = census.sums()
            rarest = np.where(sums > 0, sums, np.iinfo(np.int64).max).min(axis=1, keepdims=True)
            wanted = np.minimum(wanted, rarest)
        relation = census.relation_codes(self._codes)
        if self._by_triplet:
            parts = [np.flatnonzero(relation == r) for r in np.unique(relation)]
            taken = np.zeros(len(counts), np.int64)
            for part in parts:
                taken[part] = even(counts[part], int(wanted.flat[relation[part[0]]]))
        else:
            self._codes, place = np.unique(relation, return_inverse=True)
            counts = np.bincount(place, counts, len(self._codes)).astype(np.int64)
            taken = np.minimum(counts, wanted.ravel()[self._codes])
        self._next = np.cumsum(counts) - counts
        self._kept = np.ones(int(counts.sum()), bool)
        rng = np.random.default_rng(seed)
        for start, count, take in zip(self._next.tolist(), counts.tolist(), taken.tolist(), strict=True):
            if take < count:
                self._kept[start : start + count] = False
                self._kept[start + rng.choice(count, take, replace=False, shuffle=False)] = True

    def keep(self, rows: CaptionRows) -> CaptionRows:
        """The drawn ones of the next captions."""
        codes = self._census.codes(rows)
        stratum = np.searchsorted(self._codes, codes if self._by_triplet else self._census.relation_codes(codes))
        order = np.argsort(stratum, kind="stable")
        count = np.bincount(stratum, minlength=len(self._codes))
        first = np.cumsum(count) - count
        at = np.empty(len(rows), np.int64)
        at[order] = self._next[stratum[order]] + np.arange(len(rows)) - first[stratum[order]]
        self._next = self._next + count
        return rows.where(self._kept[at])


def even(counts: Ints, total: int) -> Ints:
    """(T,) at most `total` in all, as evenly as the counts allow; what can't be divided goes to the largest.

    >>> even(np.array([5, 1, 9]), 9).tolist()
    [4, 1, 4]
    """
    out = np.zeros(len(counts), np.int64)
    for done, place in enumerate(np.argsort(counts, kind="stable").tolist()):
        out[place] = min(int(counts[place]), total // (len(counts) - done))
        total -= int(out[place])
    return out
