"""Clouds with Open3D and without."""

import subprocess
import sys

import numpy as np
import pytest

from spacestudio.domain.cloud import PointCloud
from spacestudio.geometry import open3d_room as room


def cloud(points, objects=None):
    points = np.asarray(points, np.float32)
    n = len(points)
    index = np.full(n, -1, np.int32) if objects is None else np.asarray(objects, np.int32)
    return PointCloud(points, np.arange(3 * n, dtype=np.uint32).astype(np.uint8).reshape(n, 3), index)


@pytest.fixture(params=["open3d", "numpy"])
def way(request, monkeypatch):
    """Both ways to run."""
    if request.param == "numpy":
        monkeypatch.setattr(room, "_load", lambda: (None, "switched off"))
    elif room.available() is not None:
        pytest.skip(room.available())
    return request.param


def turned(degrees):
    a = np.radians(degrees)
    return np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])


def street(tilt=0.0, seed=0):
    """A floor 1.5 below the camera with a wall behind it."""
    rng = np.random.default_rng(seed)
    floor = np.column_stack([rng.uniform(-2, 2, 4000), np.full(4000, 1.5), rng.uniform(2, 6, 4000)])
    wall = np.column_stack([rng.uniform(-2, 2, 5000), rng.uniform(-2, 1.5, 5000), np.full(5000, 6.0)])
    points = np.concatenate([floor, wall]) + rng.normal(0, 0.005, (9000, 3))
    return cloud(points @ turned(tilt).T)


def test_says_which_way_runs(way):
    assert room.backend().split()[0] == way
    assert (room.available() is None) == (way == "open3d")


def test_the_reason_is_one_line(monkeypatch):
    room._load.cache_clear()
    monkeypatch.setitem(sys.modules, "open3d", None)  # as if it could not be imported
    try:
        assert "packages.txt" in room.available()
        assert "\n" not in room.available()
        assert room.backend() == "numpy"
    finally:
        room._load.cache_clear()


def test_nothing_heavy_wakes_on_import():
    code = "import sys, spacestudio.geometry.open3d_room; sys.exit('open3d' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_environment_switches_it_off():
    code = "from spacestudio.geometry import open3d_room as r; print(r.backend()); print(r.available())"
    import os

    out = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "SPACE_STUDIO_OPEN3D": "false"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert out[0] == "numpy"
    assert "SPACE_STUDIO_OPEN3D" in out[1]


def test_clean_drops_what_floats_alone(way):
    body = street()
    stray = np.array([[0, -9, 30], [8, 8, 1], [-7, 3, 15]], np.float32)
    dirty = cloud(np.concatenate([body.points_camera, stray]))
    kept = room.clean(dirty)
    far = np.linalg.norm(kept.points_camera[:, None] - stray[None], axis=2).min(0) < 1e-6
    assert far.any() == (way == "numpy")
    assert len(kept) > 0.9 * len(dirty)
    assert len(room.clean(dirty[:3])) == 3


def test_a_large_cloud_is_cleaned_too(way, monkeypatch):
    monkeypatch.setattr(room, "CLEAN_SAMPLE", 2000)
    kept = room.clean(street())
    assert len(kept) > 0.85 * 9000


@pytest.mark.parametrize("most", [0, 1, 50, 1000, 8999, 9000, 20000])
def test_thin_keeps_own_points_and_repeats_itself(way, most):
    body = street()
    thinned, again = room.thin(body, most), room.thin(body, most)
    assert len(thinned) <= most or len(thinned) == len(body) <= most
    assert np.array_equal(thinned.points_camera, again.points_camera)
    if most in (50, 1000):
        assert len(thinned) > 0.7 * most
    rows = {p.tobytes(): c.tobytes() for p, c in zip(body.points_camera, body.colors, strict=True)}
    assert all(rows[p.tobytes()] == c.tobytes() for p, c in zip(thinned.points_camera, thinned.colors, strict=True))


def test_thin_is_even_where_points_crowd():
    if room.available() is not None:
        pytest.skip("a stride has no eye for crowds")
    rng = np.random.default_rng(0)
    crowd, rest = rng.uniform((0, 0, 2), (0.1, 0.1, 2.1), (9000, 3)), rng.uniform((-1, -1, 2), (1, 1, 4), (1000, 3))
    thinned = room.thin(cloud(np.concatenate([crowd, rest])), 500)
    assert (np.linalg.norm(thinned.points_camera - (0, 0, 2), axis=1) > 0.2).mean() > 0.7


@pytest.mark.parametrize("tilt", [-20, 0, 25])
def test_the_floor_is_found_and_points_up(way, tilt):
    body = street(tilt)
    plane = room.floor_plane(body)
    assert plane is not None
    normal = np.array(plane.normal)
    up = turned(tilt) @ (0, -1, 0)
    assert np.degrees(np.arccos(np.clip(normal @ up, -1, 1))) < 2
    assert normal[1] < 0
    assert plane.height(np.zeros((1, 3)))[0] == pytest.approx(1.5, abs=0.03)  # the camera's height
    assert 0.3 < plane.share < 0.6
    assert room.floor_plane(body) == plane


def test_no_floor_no_plane(way):
    rng = np.random.default_rng(1)
    wall = np.column_stack([rng.uniform(-2, 2, 3000), rng.uniform(-2, 2, 3000), np.full(3000, 4.0)])
    assert room.floor_plane(cloud(wall + rng.normal(0, 0.004, wall.shape))) is None
    assert room.floor_plane(cloud(np.zeros((10, 3)))) is None


@pytest.mark.parametrize("seed", range(4))
def test_a_turned_box_gets_its_own_sides(way, seed):
    rng = np.random.default_rng(seed)
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    points = rng.uniform(-0.5, 0.5, (3000, 3)) * (4.0, 2.0, 1.0)
    box = room.oriented_box(points @ rotation.T + (1, 2, 9))
    assert box.extent == pytest.approx((4, 2, 1), rel=0.06)
    assert box.center == pytest.approx((1, 2, 9), abs=0.1)
    assert np.linalg.det(box.rotation) == pytest.approx(1, abs=1e-6)
    inside = (points @ rotation.T + (1, 2, 9) - box.center) @ box.rotation
    assert (np.abs(inside) <= box.extent / 2 + 1e-9).all()
    assert np.linalg.norm(box.corners - box.center, axis=1) == pytest.approx(np.linalg.norm(box.extent) / 2)


@pytest.mark.parametrize(
    "points", [[[1, 2, 3]], [[0, 0, 1], [0, 0, 2]], [[0, 0, 1], [1, 0, 1], [0, 1, 1], [1, 1, 1], [0.5, 0.2, 1]]]
)
def test_flat_straight_and_single_points_have_a_box(way, points):
    box = room.oriented_box(np.array(points, np.float64))
    assert np.isfinite(box.corners).all()
    inside = (np.array(points) - box.center) @ box.rotation
    assert (np.abs(inside) <= box.extent / 2 + 1e-9).all()


def test_no_points_no_box():
    with pytest.raises(ValueError, match="one point"):
        room.oriented_box(np.empty((0, 3)))
