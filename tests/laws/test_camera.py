"""Projecting what was unprojected returns the pixel and its distance."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spacestudio.domain.camera import Camera
from spacestudio.domain.depth import DepthMap
from spacestudio.geometry.unproject import project, to_cloud, unproject

sizes = st.integers(1, 40)
lengths = st.floats(5, 5000)
distances = st.floats(0.125, 1000, width=32)


@st.composite
def cameras(draw):
    width, height = draw(sizes), draw(sizes)
    center = st.floats(-50, 100)
    return Camera(draw(lengths), draw(lengths), draw(center), draw(center), width, height)


@given(cameras(), distances, st.integers(0, 2**32 - 1))
def test_project_undoes_unproject(camera, most, seed):
    distance = np.random.default_rng(seed).uniform(most / 100, most, (camera.height, camera.width)).astype(np.float32)
    points = unproject(distance, camera)
    v, u = np.mgrid[: camera.height, : camera.width]
    np.testing.assert_allclose(project(points, camera), np.stack((u, v), -1), atol=1e-3)
    np.testing.assert_array_equal(points[..., 2], distance)


@given(cameras(), st.integers(0, 2**32 - 1))
def test_gaps_make_no_points(camera, seed):
    rng = np.random.default_rng(seed)
    values = rng.uniform(1, 9, (camera.height, camera.width)).astype(np.float32)
    values[rng.random(values.shape) < 0.3] = np.nan
    depth = DepthMap.of(values, "metric")
    cloud = to_cloud(np.zeros((*values.shape, 3), np.uint8), depth, camera)
    assert len(cloud) == depth.valid.sum()
    assert np.isfinite(cloud.points_camera).all()


@given(st.sampled_from(["relative", "disparity"]), st.floats(1.5, 50), st.integers(0, 2**32 - 1))
def test_relative_depth_runs_from_1_to_the_ratio(kind, ratio, seed):
    values = np.random.default_rng(seed).uniform(1, 9, (20, 30)).astype(np.float32)
    distance = DepthMap.of(values, kind).distance(ratio)
    assert distance.min() >= 1 - 1e-4
    assert distance.max() <= ratio * (1 + 1e-4)
    order = np.argsort(values.ravel())
    steps = np.diff(distance.ravel()[order])
    assert (steps <= 1e-4).all() if kind == "disparity" else (steps >= -1e-4).all()
