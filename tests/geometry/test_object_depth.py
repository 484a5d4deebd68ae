"""Depth of an object in [0, 1]: 0 nearest whatever the map's polarity, from the mask or the middle of the box."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacestudio.domain.boxes import Box
from spacestudio.domain.depth import DepthMap
from spacestudio.domain.objects import SceneObject
from spacestudio.geometry.object_depth import depths_of
from spacestudio.geometry.resample import resampled
from tests.support import small_scene


def test_the_nearest_thing_is_at_0_for_every_kind_of_depth():
    _, depth, _, objects = small_scene()
    near = depths_of(objects, depth)
    metres = depth.values
    turned = DepthMap.of((1 / metres).astype(np.float32), "disparity", "turned")
    bare = [o.but(depth=None) for o in objects]
    disparity = depths_of(bare, turned)
    assert near.objects["ball-1"].depth01 == disparity.objects["ball-1"].depth01 == 0.0
    assert 0 < near.objects["lamp-1"].depth01 < 1 and 0 < disparity.objects["lamp-1"].depth01 < 1
    assert (near.kind, near.polarity) == ("metric", "larger is farther")
    assert (disparity.kind, disparity.polarity, disparity.source) == ("disparity", "larger is nearer", "turned")
    assert disparity.p1 < disparity.p99


def test_a_box_without_mask_is_measured_in_its_middle():
    values = np.full((40, 40), 10, np.float32)
    values[15:25, 15:25] = 2  # the middle half of the box below, all else is behind it
    values[0, 0] = 1
    depth = DepthMap.of(values, "metric")
    thing = SceneObject("cup-1", "cup", Box(10, 10, 30, 30))
    assert depths_of([thing], depth).objects["cup-1"].p90 == pytest.approx(1 / 9, abs=0.2)
    assert depths_of([thing], depth).objects["cup-1"].depth01 < 0.2
    whole = np.zeros((40, 40), bool)
    whole[10:30, 10:30] = True
    assert depths_of([thing.but(mask=whole)], depth).objects["cup-1"].depth01 == 1.0


def test_what_was_not_measured_is_left_out_and_the_valid_share_told():
    values = np.linspace(1, 5, 400, dtype=np.float32).reshape(20, 20)
    values[:, :5] = 0
    depth = DepthMap.of(values, "metric")
    mask = np.zeros((20, 20), bool)
    mask[5:15, 2:12] = True
    none = SceneObject("hole-1", "hole", Box(0, 0, 4, 20), mask=np.arange(20)[None, :].repeat(20, 0) < 4)
    found = depths_of([SceneObject("cup-1", "cup", Box(2, 5, 12, 15), mask=mask), none], depth)
    assert set(found.objects) == {"cup-1"}
    assert found.objects["cup-1"].valid == 0.7


@given(st.sampled_from(["metric", "relative", "disparity"]), st.integers(0, 2**32 - 1))
def test_depth_lies_within_its_range(kind, seed):
    rng = np.random.default_rng(seed)
    depth = DepthMap.of(rng.uniform(0.5, 9, (24, 32)).astype(np.float32), kind)
    x, y = rng.uniform(-5, 30, 2)
    d = depths_of([SceneObject("a", "a", Box(x, y, x + 9, y + 7))], depth).objects["a"]
    assert 0 <= d.p10 <= d.depth01 + 0.005 and d.depth01 <= d.p90 + 0.005 <= 1.005


def test_resampling_invents_no_depth():
    values = np.arange(1, 13, dtype=np.float32).reshape(3, 4)
    depth = DepthMap.of(values, "metric", "a")
    bigger = resampled(depth, 8, 6)
    assert bigger.values.shape == (6, 8) and set(bigger.values.ravel()) == set(values.ravel())
    assert np.array_equal(resampled(bigger, 4, 3).values, values) and resampled(depth, 4, 3) is depth
