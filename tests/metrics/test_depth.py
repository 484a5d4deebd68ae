"""Depth maps against true ones: laws of the order, and figures worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacestudio.domain.depth import DepthMap
from spacestudio.metrics.depth import judge, score
from tests.support import motorcycle


def plane(height: int = 30, width: int = 40, near: float = 2, far: float = 20) -> np.ndarray:
    return np.linspace(far, near, height, dtype=np.float32)[:, None].repeat(width, 1)


def metric(values: np.ndarray) -> DepthMap:
    return DepthMap.of(values.astype(np.float32), "metric", "made")


def test_the_same_map_is_perfect():
    found = judge("a", metric(plane()), metric(plane()))
    assert found is not None and found.order == 1 and found.tied == found.ties > 0
    assert found.normalised == {"MSE": 0, "AbsRel": 0, "SqRel": 0}
    assert found.metric["AbsRel"] == found.metric["log10"] == 0 and found.metric["delta1"] == 1
    report = score([found])
    assert report["order"].value == report["order_with_ties"].value == report["metric_delta1"].value == 100


@given(st.integers(0, 10**6), st.floats(0.1, 50))
def test_order_and_normalised_errors_ignore_the_unit(seed, factor):
    rng = np.random.default_rng(seed)
    truth, guess = rng.uniform(1, 9, (2, 12, 15))
    one = judge("a", metric(truth), metric(guess))
    other = judge("a", metric(truth), metric(guess * factor))
    assert one is not None and other is not None
    assert one.agreed == other.agreed and one.normalised == pytest.approx(other.normalised, abs=1e-3)


def test_disparity_of_the_same_scene_is_in_perfect_order():
    truth = plane()
    disparity = DepthMap.of((1 / truth).astype(np.float32), "disparity")
    found = judge("a", metric(truth), disparity)
    assert found is not None and found.order == 1 and found.metric == {}, "1/d is no depth (SEEDS 4.3)"
    by_median = judge("a", metric(truth), disparity, align="median")
    assert by_median is not None and by_median.metric == {}
    fitted = judge("a", metric(truth), DepthMap.of((3 / truth + 0.4).astype(np.float32), "disparity"), align="affine")
    assert fitted is not None and fitted.metric["AbsRel"] < 1e-4 and fitted.metric["delta1"] == 1
    upside_down = judge("b", metric(truth), metric(1 / truth))
    assert upside_down is not None and upside_down.order == 0
    assert any("reverse order, b first" in note for note in score([upside_down]).notes)


def test_metric_errors_by_hand():
    truth, guess = np.array([[1.0, 2.0], [4.0, 8.0]]), np.array([[1.1, 2.0], [5.0, 16.0]])
    found = judge("a", metric(truth), metric(guess))
    assert found is not None
    assert found.metric["AbsRel"] == pytest.approx((0.1 + 0 + 0.25 + 1) / 4, abs=1e-6)
    assert found.metric["MSE"] == pytest.approx((0.01 + 0 + 1 + 64) / 4, abs=1e-5)
    assert found.metric["log10"] == pytest.approx((np.log10(1.1) + np.log10(1.25) + np.log10(2)) / 4, abs=1e-6)
    assert found.metric["delta1"] == 0.5, "1.25 itself is not below 1.25"
    scaled = judge("a", metric(truth), metric(guess * 7), align="median")
    same = judge("a", metric(truth), metric(guess), align="median")
    assert scaled is not None and same is not None and scaled.metric == pytest.approx(same.metric, rel=1e-5)


def test_sizes_holes_and_the_farthest_depth():
    truth = plane(55, 305)
    fine = judge("a", metric(truth), metric(plane(220, 160)))
    assert fine is not None and fine.pixels == 55 * 305 and fine.order is not None and fine.order > 0.99
    holes = truth.copy()
    holes[:, ::2] = 0
    assert judge("a", metric(holes), metric(truth)).pixels == 55 * 152  # type: ignore[union-attr]
    near = judge("a", metric(truth), metric(truth), farthest=10)
    assert near is not None and near.pixels == int((truth <= 10).sum())
    never = np.zeros_like(truth)
    never[0, 0] = 1
    assert judge("a", metric(truth), metric(never)) is None


def test_pairs_are_drawn_by_seed_and_name():
    rng = np.random.default_rng(0)
    truth, guess = metric(rng.uniform(1, 9, (30, 40))), metric(rng.uniform(1, 9, (30, 40)))
    again = [judge("a", truth, guess, pairs=500, seed=s) for s in (0, 0, 1)]
    assert again[0] == again[1] != again[2] and judge("b", truth, guess, pairs=500) != again[0]
    assert 0.4 < score([j for j in again if j])["order"].value / 100 < 0.6  # type: ignore[operator]


def test_ties_are_not_orders():
    flat = judge("a", metric(np.ones((5, 6)) * 3), metric(plane(5, 6)))
    assert flat is not None and flat.ordered == 0 and flat.order is None
    report = score([flat])
    assert report["order"].value is None and report.counts["n_ties"] == 5000


def test_a_real_disparity_against_itself_in_metres():
    _, disparity = motorcycle()
    metres = DepthMap(np.where(disparity.valid, 3979.911 * 193.001 / (disparity.values + 124.343), 0).astype(np.float32) / 1000,
                      "metric", disparity.valid)  # fmt: skip
    found = judge("motorcycle", metres, disparity, pairs=20_000)
    assert found is not None and found.order is not None and found.order > 0.999
    fitted = judge("motorcycle", metres, disparity, align="affine")
    assert fitted is not None and fitted.metric["AbsRel"] < 0.01
