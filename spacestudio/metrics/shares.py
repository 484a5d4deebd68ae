"""What scorers of right and wrong share: a share in percent as a figure, with an interval over pictures; the worst items."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spacestudio.metrics.interval import ROUNDS, SEED, bootstrap_ratio
from spacestudio.metrics.report import Figure, Item

WORST = 24
"""How many of the worst items a report lists."""
LARGEST = 30_000_000
"""Pictures times kinds of which a table is made."""
Bounds = tuple[float, float] | None
Rows = NDArray[np.intp]


def share(name: str, hits: float, total: int, bounds: tuple[float, float] | None = None) -> Figure:
    """Σhits / total in percent; None of nothing."""
    low, high = (100 * bounds[0], 100 * bounds[1]) if bounds else (None, None)
    return Figure(name, hits / total * 100 if total else None, total, low, high)


def share_of(name: str, right: Sequence[bool], clusters: Sequence[str]) -> Figure:
    """The share of N items that are right, with an interval over their clusters (pictures, or the items themselves).

    An item whose cluster is "" is a cluster of its own.
    """
    number: dict[str, int] = {}
    rows = [number.setdefault(cluster or f"\0{k}", len(number)) for k, cluster in enumerate(clusters)]
    totals = np.bincount(np.array(rows, np.intp), minlength=len(number))
    hits = np.bincount(np.array(rows, np.intp), np.array(right, np.float64), len(number))
    return share(name, sum(right), len(right), bootstrap_ratio(hits, totals))


def recall_intervals(picture: Rows, kind: Rows, found: NDArray[np.bool_], n: int) -> tuple[Bounds, Bounds]:
    """`bootstrap_recalls` of T things to be found in n pictures; of very many kinds only the pooled interval.

    Args:
        picture, kind: (T,) numbers from 0.
        found: (T,)
    """
    kinds = int(kind.max()) + 1 if len(kind) else 0
    if n * kinds > LARGEST:
        return bootstrap_ratio(np.bincount(picture, found, n), np.bincount(picture, minlength=n)), None
    hits, totals = np.zeros((2, n, kinds))
    np.add.at(totals, (picture, kind), 1)
    np.add.at(hits, (picture, kind), found)
    return bootstrap_recalls(hits, totals)


def bootstrap_recalls(hits: ArrayLike, totals: ArrayLike, rounds: int = ROUNDS) -> tuple[Bounds, Bounds]:
    """95 % percentile intervals of the pooled recall and of the mean of P recalls, over N pictures drawn with replacement.

    Args:
        hits, totals: (N, P) what was found and what there is of each kind in each picture.
        rounds: resamples; a kind that a resample has none of is left out of its mean. None below two pictures.
    """
    above, below = np.asarray(hits, np.float32), np.asarray(totals, np.float32)
    n, kinds = below.shape
    if n < 2 or below.sum() <= 0:
        return None, None
    rng = np.random.default_rng(SEED)
    table = np.concatenate((above, below), 1)
    pooled, means = [], []
    step = max(1, 1_000_000 // n)
    for start in range(0, rounds, step):
        some = min(step, rounds - start)
        drawn = rng.integers(0, n, (some, n), np.int32) + n * np.arange(some)[:, None]
        weights = np.bincount(drawn.ravel(), minlength=some * n).reshape(some, n).astype(np.float32)
        sums = weights @ table
        top, bottom = sums[:, :kinds].astype(np.float64), sums[:, kinds:].astype(np.float64)
        some_there = bottom.sum(1) > 0
        top, bottom = top[some_there], bottom[some_there]
        pooled.append(top.sum(1) / bottom.sum(1))
        means.append((top / np.maximum(bottom, 1)).sum(1) / (bottom > 0).sum(1))
    bounds = [np.percentile(np.concatenate(values), [2.5, 97.5]) for values in (pooled, means)]
    return (float(bounds[0][0]), float(bounds[0][1])), (float(bounds[1][0]), float(bounds[1][1]))


def worst(items: Iterable[Item]) -> tuple[Item, ...]:
    """The worst first, those not all right only, at most `WORST`."""
    return tuple(sorted((item for item in items if item.score < 1), key=lambda item: item.score)[:WORST])
