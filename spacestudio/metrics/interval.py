"""Confidence intervals by resampling pictures: several items of one picture are not independent."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

ROUNDS = 1000
SEED = 0


def bootstrap_ratio(hits: ArrayLike, totals: ArrayLike, rounds: int = ROUNDS) -> tuple[float, float] | None:
    """95 % percentile interval of Σhits / Σtotals over N clusters resampled with replacement; None below two clusters.

    Args:
        hits, totals: (N,) numerator and denominator of each cluster (a picture, a prompt).
        rounds: resamples; those without any total are left out.
    """
    above, below = np.asarray(hits, np.float64), np.asarray(totals, np.float64)
    n = len(above)
    if n < 2 or below.sum() <= 0:
        return None
    rng = np.random.default_rng(SEED)
    ratios = []
    step = max(1, 2_000_000 // n)
    for start in range(0, rounds, step):
        rows = rng.integers(0, n, (min(step, rounds - start), n))
        top, bottom = above[rows].sum(1), below[rows].sum(1)
        ratios.append(top[bottom > 0] / bottom[bottom > 0])
    low, high = np.percentile(np.concatenate(ratios), [2.5, 97.5])
    return float(low), float(high)
