"""Shares and their intervals."""

from __future__ import annotations

import numpy as np
import pytest

from spacestudio.metrics.interval import bootstrap_ratio
from spacestudio.metrics.shares import bootstrap_recalls, recall_intervals, share, share_of


def test_a_share_of_nothing_is_none():
    assert share("x", 0, 0).value is None
    assert share_of("x", [], []).value is None and share_of("x", [], []).low is None


def test_a_share_has_its_count():
    figure = share_of("x", [True, False, True, True], ["a", "a", "b", ""])
    assert (figure.value, figure.n) == (75.0, 4)
    assert figure.low is not None and 0 <= figure.low <= 75 <= figure.high <= 100


def test_items_of_one_picture_go_together():
    right = [True] * 50 + [False] * 50
    alone = share_of("x", right, [""] * 100)
    paired = share_of("x", right, [str(k // 25) for k in range(100)])
    assert paired.high - paired.low > 2 * (alone.high - alone.low), "four pictures say less than a hundred"


def test_recall_intervals():
    rng = np.random.default_rng(1)
    totals = rng.integers(0, 4, (300, 5))
    hits = rng.binomial(totals, 0.4)
    pooled, mean = bootstrap_recalls(hits, totals)
    assert pooled == pytest.approx(bootstrap_ratio(hits.sum(1), totals.sum(1)), abs=0.01), "two ways to one interval"
    assert mean[0] < (hits.sum(0) / totals.sum(0)).mean() < mean[1]
    assert bootstrap_recalls(hits, totals) == (pooled, mean), "the same again"


@pytest.mark.parametrize("spread", [0, 1e-9])
def test_equal_pictures_drawn_as_one_kind_are_the_same_lot(spread):
    rng = np.random.default_rng(3)
    totals = rng.integers(0, 5, 2000)
    hits = rng.binomial(totals, 0.3) + spread * rng.random(2000)
    rows = rng.integers(0, 2000, (1000, 2000))
    by_hand = np.percentile(hits[rows].sum(1) / totals[rows].sum(1), [2.5, 97.5])
    assert bootstrap_ratio(hits, totals) == pytest.approx(by_hand, abs=0.004)
    assert bootstrap_ratio(hits, totals) == bootstrap_ratio(hits, totals)
    assert bootstrap_ratio(hits, np.zeros(2000)) is None


def test_very_many_kinds_leave_the_pooled_interval(monkeypatch):
    rng = np.random.default_rng(2)
    picture, kind, found = rng.integers(0, 50, 400), rng.integers(0, 9, 400), rng.random(400) < 0.5
    pooled, mean = recall_intervals(picture, kind, found, 50)
    assert pooled and mean
    monkeypatch.setattr("spacestudio.metrics.shares.LARGEST", 100)
    few, none = recall_intervals(picture, kind, found, 50)
    assert few == pytest.approx(pooled, abs=0.02) and none is None


@pytest.mark.parametrize("shape", [(0, 0), (1, 3), (5, 0)])
def test_too_little_for_an_interval(shape):
    assert bootstrap_recalls(np.zeros(shape), np.zeros(shape)) == (None, None)
