"""The cloud figure: how many points, in which colours, seen from where, with words that stay words."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from spacestudio.domain.cloud import PointCloud
from spacestudio.domain.objects import SceneObject
from spacestudio.figures.cloud import BUDGET, DIM, EDGES, box_corners, cameras, cloud_figure
from spacestudio.figures.style import plain
from spacestudio.geometry.layering import layers_of
from spacestudio.geometry.unproject import to_cloud
from tests.support import HOSTILE, coffee, small_scene


def big_cloud(n: int = 307_200) -> PointCloud:
    rng = np.random.default_rng(7)
    points = rng.uniform([-2, -1, 1], [2, 1, 6], (n, 3)).astype(np.float32)
    return PointCloud(points, rng.integers(0, 256, (n, 3), np.uint8), np.full(n, -1, np.int32), "m")


def points_of(figure) -> list:
    return [t for t in figure.data if t.mode == "markers"]


def test_at_most_the_budget_and_the_true_count_is_shown():
    figure = cloud_figure(big_cloud(), budget=12_000)
    shown = sum(len(t.x) for t in points_of(figure))
    assert shown <= 12_000
    assert figure.layout.title.text == f"{shown:,} of 307,200 points shown · metres"


def test_the_choice_of_points_never_changes():
    cloud = big_cloud(50_000)
    assert cloud_figure(cloud).to_json() == cloud_figure(cloud).to_json()


def test_full_budget_is_small_on_the_wire():
    assert len(cloud_figure(big_cloud(), budget=BUDGET).to_json()) < 800_000


def test_no_colour_string_per_point():
    (trace,) = points_of(cloud_figure(big_cloud()))
    assert trace.marker.color.dtype == np.uint8
    assert len(trace.marker.colorscale) <= 256


def test_photo_colours_are_near_the_true_ones():
    picture = coffee(300, 200)
    cloud = PointCloud(
        np.random.default_rng(0).uniform(1, 2, (60_000, 3)).astype(np.float32),
        picture.reshape(-1, 3),
        np.full(60_000, -1, np.int32),
    )
    (trace,) = points_of(cloud_figure(cloud, budget=60_000))
    table = np.array([[int(c[1][k : k + 2], 16) for k in (1, 3, 5)] for c in trace.marker.colorscale])
    error = np.abs(table[trace.marker.color].astype(int) - picture.reshape(-1, 3)).max(1)
    assert np.percentile(error, 95) <= 16


@pytest.mark.parametrize("color_by", ["photo", "layer", "object"])
@pytest.mark.parametrize("dark", [False, True])
def test_every_point_knows_its_object(color_by, dark):
    image, depth, camera, objects = small_scene()
    cloud = to_cloud(image, depth, camera, objects)
    figure = cloud_figure(cloud, objects, color_by, layers_of(objects, depth), dark=dark)
    index = np.concatenate([np.full(len(t.x), -1) if t.customdata is None else t.customdata for t in points_of(figure)])
    assert sorted(index.tolist()) == sorted(cloud.object_index.tolist())
    for trace in points_of(figure):
        assert trace.marker.color.max() <= trace.marker.cmax


def test_axes_are_right_forward_up():
    cloud = PointCloud(np.array([[1, 2, 3]], np.float32), np.zeros((1, 3), np.uint8), np.full(1, -1, np.int32))
    figure = cloud_figure(cloud)
    (trace,) = points_of(figure)
    assert (trace.x[0], trace.y[0], trace.z[0]) == (1, 3, -2)
    assert figure.layout.scene.zaxis.title.text == "up, relative"
    assert figure.layout.scene.aspectmode == "data"
    assert "relative units" in figure.layout.title.text


def test_the_eye_stands_behind_the_camera_and_looks_forward():
    image, depth, camera, objects = small_scene()
    scene = cloud_figure(to_cloud(image, depth, camera, objects)).layout.scene
    eye, aim = scene.camera.eye, scene.camera.center
    assert eye.y < aim.y
    assert (eye.x, eye.z) == pytest.approx((aim.x, aim.z))


def test_dragging_survives_a_redraw():
    figure = cloud_figure(big_cloud(100))
    assert figure.layout.uirevision == figure.layout.scene.uirevision == cloud_figure(big_cloud(50)).layout.uirevision


def test_the_selected_object_is_brought_out():
    image, depth, camera, objects = small_scene()
    cloud = to_cloud(image, depth, camera, objects)
    figure = cloud_figure(cloud, objects, selected="lamp-1", key="sample-1")
    boxes = {t.name: t for t in figure.data if t.mode == "lines"}
    assert boxes["lamp"].line.width > boxes["ball"].line.width
    assert boxes["lamp"].opacity == 1 and boxes["ball"].opacity == DIM
    assert {t.name: t.opacity for t in points_of(figure)} == {"background": DIM, "ball": DIM, "lamp": 1}
    assert {t.opacity for t in cloud_figure(cloud, objects).data} == {1}
    assert set(boxes["lamp"].customdata) == {1}
    assert (figure.layout.meta["key"], figure.layout.meta["ids"]) == ("sample-1", ["ball-1", "lamp-1"])


def test_each_viewpoint_looks_at_the_scene_from_its_side():
    image, depth, camera, objects = small_scene()
    seen = cameras(to_cloud(image, depth, camera, objects))
    assert list(seen) == ["front", "left", "back", "right", "top"]
    assert seen["left"]["eye"]["x"] < 0 < seen["right"]["eye"]["x"]
    assert seen["front"]["eye"]["y"] < 0 < seen["back"]["eye"]["y"]
    assert seen["top"]["eye"]["z"] > 0 > seen["top"]["eye"]["y"]  # forward is up on the screen
    for name in ("left", "back", "right", "top"):
        away = np.array(list(seen[name]["eye"].values()))
        assert np.abs(away).max() > 1  # outside the box Plotly draws, whose sides have geometric mean 1


def corners_of(points: NDArray[np.float32]) -> NDArray[np.float32] | None:
    n = len(points)
    return box_corners(PointCloud(points.astype(np.float32), np.zeros((n, 3), np.uint8), np.zeros(n, np.int32)), 0)


def test_a_box_spans_the_10th_to_90th_percentile():
    points = np.stack([np.linspace(0, 100, 101), np.linspace(0, 10, 101), np.linspace(5, 6, 101)], 1)
    corners = corners_of(points)
    np.testing.assert_allclose(corners.min(0), [10, 1, 5.1], rtol=1e-5)
    np.testing.assert_allclose(corners.max(0), [90, 9, 5.9], rtol=1e-5)


def test_a_box_has_twelve_edges_each_along_one_axis():
    corners = corners_of(np.random.default_rng(1).normal(size=(50, 3)))
    edges = [(a, b) for a, b in itertools.pairwise(EDGES) if a is not None and b is not None]
    assert len({frozenset(e) for e in edges}) == len(edges) == 12
    for a, b in edges:
        assert (corners[a] != corners[b]).sum() == 1


def test_hardly_any_points_make_no_box():
    assert corners_of(np.zeros((3, 3))) is None


def test_hostile_names_are_escaped_everywhere():
    image, depth, camera, objects = small_scene()
    objects = (objects[0].but(label=HOSTILE), objects[1].but(label="a %{x} b"))
    text = cloud_figure(to_cloud(image, depth, camera, objects), objects).to_json()
    assert "<img" not in text and "\\u003cimg" not in text
    assert "a %{x} b" not in text


def test_many_objects_share_a_trace():
    from spacestudio.domain.boxes import Box

    n = 300
    objects = [SceneObject(f"o-{i}", "thing", Box(0, 0, 1, 1)) for i in range(n)]
    cloud = PointCloud(
        np.random.default_rng(0).normal(size=(n * 20, 3)).astype(np.float32),
        np.zeros((n * 20, 3), np.uint8),
        np.repeat(np.arange(n, dtype=np.int32), 20),
    )
    for color_by in ("photo", "object", "layer"):
        assert len(cloud_figure(cloud, objects, color_by).data) < 100


def test_an_empty_cloud_is_a_figure():
    empty = PointCloud(np.empty((0, 3), np.float32), np.empty((0, 3), np.uint8), np.empty(0, np.int32))
    assert "0 of 0" in cloud_figure(empty).layout.title.text


def test_plain():
    assert plain("<b>%{x}&") == "&lt;b&gt;&#37;{x}&amp;"
