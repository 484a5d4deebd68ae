"""How two rows of numbers rise together: Pearson's correlation, and Spearman's of their ranks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def pearson(a: Floats, b: Floats) -> float | None:
    """Pearson's correlation of two (N,) arrays, in [-1, 1]; None below two values, or where either has no spread."""
    if len(a) < 2 or not np.ptp(a) or not np.ptp(b):
        return None
    return float(np.corrcoef(a, b)[0, 1])


def spearman(a: Floats, b: Floats) -> float | None:
    """Spearman's rank correlation of two (N,) arrays; None as for Pearson's."""
    return pearson(_ranks(a), _ranks(b))


def _ranks(values: Floats) -> Floats:
    """(N,) places in order; equal values share their mean place."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]
