"""Correlation of numbers and of their ranks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr, spearmanr

from spacestudio.metrics.correlation import pearson, spearman

PAIRS = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=30)


@given(PAIRS)
def test_both_are_scipys(pairs):
    one, other = (np.round(np.array(column), 2) for column in zip(*pairs, strict=True))
    if len(set(one)) < 2 or len(set(other)) < 2:
        assert spearman(one, other) is pearson(one, other) is None
    else:
        assert spearman(one, other) == pytest.approx(spearmanr(one, other).statistic)
        assert pearson(one, other) == pytest.approx(pearsonr(one, other).statistic)


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_have_none(count):
    assert spearman(np.ones(count), np.ones(count)) is pearson(np.ones(count), np.ones(count)) is None
