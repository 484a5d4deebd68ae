"""The pairwise record: the interval test and its opposites, of points in the camera frame or moved by a pose."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from spacestudio.domain.boxes import Box
from spacestudio.geometry.intervals import ranges_of, record
from spacestudio.geometry.measure import measure
from tests.support import small_scene

finite = st.floats(-100, 100, allow_nan=False).map(lambda v: round(v, 3))


@st.composite
def clouds(draw):
    """(N, P, 3) points of a few objects."""
    n = draw(st.integers(0, 6))
    return draw(hnp.arrays(np.float64, (n, 5, 3), elements=finite))


def ends(points):
    return points.min(1).reshape(-1, 3), points.max(1).reshape(-1, 3)


@given(clouds())
def test_the_record_is_the_interval_test_pair_by_pair(points):
    low, high = ends(points)
    found = record(low, high)
    assert found.dtype == np.int8 and found.shape == (len(points), len(points), 3)
    for i in range(len(points)):
        for j in range(len(points)):
            for axis in range(3):
                a, b = (low[i, axis], high[i, axis]), (low[j, axis], high[j, axis])
                assert found[i, j, axis] == (-1 if a[1] < b[0] else 1 if a[0] > b[1] else 0)


@given(clouds())
def test_reversed_pairs_say_the_opposite_and_nothing_relates_to_itself(points):
    found = record(*ends(points))
    np.testing.assert_array_equal(found, -found.transpose(1, 0, 2))
    assert not np.einsum("iik->ik", found).any()


def test_what_has_no_depth_is_undecided():
    low = np.array([[0.0, 0, 1], [5, 0, 2], [np.nan] * 3])
    found = record(low, low + 0.5)
    assert found[0, 1].tolist() == [-1, 0, -1] and not found[2].any() and not found[:, 2].any()


def test_ranges_are_those_the_graph_was_measured_with():
    _, depth, camera, objects = small_scene()
    low, high = ranges_of(objects, depth, camera)
    (m,) = measure(objects, camera.width, camera.height, depth, camera)[:1]
    np.testing.assert_allclose(low, m.low)
    np.testing.assert_allclose(high, m.high)
    assert record(low, high)[0, 1].tolist() == [-1, 1, -1], "the ball is left of, below and in front of the lamp"


def test_a_pose_moves_the_points_before_they_are_measured():
    _, depth, camera, objects = small_scene()
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = [[0, 0, -1], [0, 1, 0], [1, 0, 0]], [1.0, 2.0, 3.0]
    found = record(*ranges_of(objects, depth, camera, pose))
    left, up, front = np.moveaxis(record(*ranges_of(objects, depth, camera)), -1, 0)
    np.testing.assert_array_equal(found, np.stack((-front, up, left), -1), "seen from the left side (SEEDS 1.3 d)")
    slanted = np.eye(4)
    slanted[:3, :3] = [[0.6, 0, 0.8], [0, 1, 0], [-0.8, 0, 0.6]]
    wide = objects[0].but(mask=None, box=Box(0, 0, camera.width, camera.height))
    low, high = ranges_of((wide,), depth, camera, slanted)
    corners = np.stack([ranges_of((wide,), depth, camera)[k][0] for k in (0, 1)])
    boxed = np.array(np.meshgrid(*corners.T)).reshape(3, -1).T @ slanted[:3, :3].T
    assert (high - low)[0, 0] < np.ptp(boxed[:, 0]), "points are turned, not the box around them"


def test_an_object_without_valid_depth_has_no_range():
    _, depth, camera, objects = small_scene()
    blind = np.zeros_like(depth.valid)
    low, high = ranges_of(objects, type(depth)(depth.values, depth.kind, blind), camera)
    assert np.isnan(low).all() and np.isnan(high).all()
    assert ranges_of((), depth, camera)[0].shape == (0, 3)
