"""Confidence intervals by resampling pictures: several items of one picture are not independent."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
ROUNDS = 1000
SEED = 0


FEW = 8
"""Rows are drawn by kind where there are this many times as many rows as kinds (ours)."""


def bootstrap_ratio(hits: ArrayLike, totals: ArrayLike, rounds: int = ROUNDS) -> tuple[float, float] | None:
    """95 % percentile interval of Σhits / Σtotals over N clusters resampled with replacement; None below two clusters.

    Args:
        hits, totals: (N,) numerator and denominator of each cluster (a picture, a prompt).
        rounds: resamples; those without any total are left out.
    """
    clusters = np.stack((np.asarray(hits, np.float64), np.asarray(totals, np.float64)), 1)
    return bounds_of_ratios(*resampled(clusters, rounds).T) if len(clusters) >= 2 else None


def resampled(clusters: Floats, rounds: int = ROUNDS) -> Floats:
    """(rounds, C) sums over N clusters drawn with replacement; same clusters, same draws.

    Equal clusters are drawn as one kind where there are many of each: how often each kind comes is multinomial, which is
    the same lot in far fewer draws (ours).

    Args:
        clusters: (N, C) finite, N at least 1.
        rounds: how often N are drawn.
    """
    n = len(clusters)
    kinds, count = np.unique(clusters, axis=0, return_counts=True)
    rng = np.random.default_rng(SEED)
    if FEW * len(kinds) <= n:
        return np.asarray(rng.multinomial(n, count / n, rounds) @ kinds)
    return np.stack([np.bincount(rng.integers(0, n, n, np.int32), minlength=n) @ clusters for _ in range(rounds)])


def bounds_of_ratios(above: Floats, below: Floats) -> tuple[float, float] | None:
    """The 2.5 % and 97.5 % percentiles of above / below, where below is more than nothing; None where it nowhere is."""
    there = below > 0
    if not there.any():
        return None
    low, high = np.percentile(above[there] / below[there], [2.5, 97.5])
    return float(low), float(high)
