"""Depth and layer figures: values to read off, gaps, units, and pictures."""

from dataclasses import replace

import numpy as np
import pytest

from spacestudio.domain.depth import DepthMap
from spacestudio.figures.depth import WIDTH, depth_figure, depth_image
from spacestudio.figures.layers import CHOSEN, layer_overlay, layer_strip
from spacestudio.figures.style import NO_DEPTH, layer_colors, rgb
from spacestudio.geometry.layering import layers_of
from tests.support import HOSTILE, motorcycle, small_scene


@pytest.fixture(scope="module")
def disparity() -> DepthMap:
    return motorcycle()[1]


def test_the_heat_map_is_thinned_and_keeps_the_pixels_places(disparity):
    (heat,) = depth_figure(disparity).data
    height, width = disparity.values.shape
    assert heat.z.shape[1] <= WIDTH
    assert heat.z.shape == (len(heat.y), len(heat.x))
    assert 0 <= heat.x[0] and heat.x[-1] < width and heat.y[-1] < height
    row, column = 40, 50
    assert heat.z[row, column] == pytest.approx(disparity.farness()[heat.y[row], heat.x[column]], nan_ok=True)


def test_gaps_stay_gaps(disparity):
    figure = depth_figure(disparity)
    assert np.isnan(figure.data[0].z).any()
    assert "no depth: " in figure.layout.title.text
    assert figure.layout.plot_bgcolor != figure.layout.paper_bgcolor


def test_metric_is_in_metres_and_the_rest_says_relative(disparity):
    metric = depth_figure(small_scene()[1])
    assert " m<br>" in metric.data[0].hovertemplate
    assert "relative" in depth_figure(disparity).data[0].hovertemplate


@pytest.mark.parametrize("kind", ["metric", "relative", "disparity"])
def test_near_is_bright_whatever_the_kind(kind):
    ramp = np.tile(np.linspace(1, 9, 64, dtype=np.float32), (32, 1))
    picture = depth_image(DepthMap.of(ramp, kind)).astype(int).sum(2)
    near, far = (picture[:, -1], picture[:, 0]) if kind == "disparity" else (picture[:, 0], picture[:, -1])
    assert (near > far).all()


def test_missing_depth_is_grey(disparity):
    picture = depth_image(disparity)
    assert picture.shape == (*disparity.values.shape, 3)
    assert (picture[~disparity.valid] == NO_DEPTH).all()


def test_nothing_valid_is_still_a_figure():
    nothing = DepthMap.of(np.zeros((8, 8), np.float32), "metric")
    assert "no depth: 100%" in depth_figure(nothing).layout.title.text
    assert (depth_image(nothing) == NO_DEPTH).all()


def test_each_pixel_is_tinted_by_its_layer():
    image, depth, _, objects = small_scene()
    layers = layers_of(objects, depth, [0.2, 0.6])
    picture = layer_overlay(np.full_like(image, 128), depth, layers).astype(float)
    farness = depth.farness()
    for layer, color in zip(layers, layer_colors(3), strict=True):
        inside = (farness >= layer.near) & (farness < layer.far)
        assert inside.any()
        assert np.abs(picture[inside] - (0.45 * 128 + 0.55 * np.array(rgb(color)))).max() <= 1.01


def test_objects_are_outlined_and_nothing_is_tinted_without_layers():
    image, depth, _, objects = small_scene()
    picture = layer_overlay(image, depth, (), objects)
    assert (picture[objects[0].mask] == 255).any()
    assert (picture[..., 0] == picture[..., 2]).all()


def test_the_selected_object_is_outlined_in_a_colour_of_its_own():
    image, depth, _, objects = small_scene()
    layers = layers_of(objects, depth)
    plain, chosen = (layer_overlay(image, depth, layers, objects, name) for name in ("", "lamp-1"))
    changed = (plain != chosen).any(2)
    assert changed.any() and not (changed & ~objects[1].mask).any()
    assert (chosen[changed] == rgb(CHOSEN)).all(1).any()
    assert not (plain == rgb(CHOSEN)).all(2).any()


def test_the_strip_orders_objects_by_layer_then_near_to_far():
    _, depth, _, objects = small_scene()
    layers = layers_of(objects, depth)
    strip = layer_strip(layers, objects[::-1], depth, {"ball-1": "red ball"})
    assert [(bar["id"], bar["label"], bar["layer"]) for bar in strip["objects"]] == [
        ("ball-1", "red ball", 1),
        ("lamp-1", "lamp", 2),
    ]
    assert "median 1.50 m" in strip["objects"][0]["note"] and "median 2.80 m" in strip["objects"][1]["note"]
    assert (strip["title"], strip["unit"]) == ("Distance, m", "m")
    moved = (replace(layers[0], object_ids=()), replace(layers[1], object_ids=("lamp-1", "ball-1")))
    assert [(bar["id"], bar["layer"]) for bar in layer_strip(moved, objects, depth)["objects"]] == [
        ("lamp-1", 2),
        ("ball-1", 2),
    ]


@pytest.mark.parametrize("kind", ["metric", "relative", "disparity"])
def test_the_strip_runs_from_near_to_far_whatever_the_kind(kind):
    from spacestudio.geometry.measure import with_depth_stats

    _, metric, _, objects = small_scene()
    depth = DepthMap.of(1 / metric.values if kind == "disparity" else metric.values, kind)
    objects = with_depth_stats(objects, depth)
    strip = layer_strip(layers_of(objects, depth), objects, depth)
    ball, lamp = strip["objects"]
    assert (ball["id"], lamp["id"]) == ("ball-1", "lamp-1")
    assert 0 <= ball["near"] <= ball["median"] <= ball["far"] < lamp["near"] <= lamp["median"] <= lamp["far"] <= 1
    assert (strip["low"], strip["high"]) == (depth.percentiles() if kind == "metric" else (0, 1))
    assert ("relative: 0 near – 1 far" in ball["note"]) == (kind != "metric")


def test_cuts_stand_where_layers_meet_and_each_layer_has_its_colour():
    _, depth, _, objects = small_scene()
    strip = layer_strip(layers_of(objects, depth, [0.25, 0.5]), objects, depth, own=True)
    assert strip["cuts"] == [0.25, 0.5] and strip["own"]
    assert [layer["index"] for layer in strip["layers"]] == [1, 2, 3]
    assert [layer["color"] for layer in strip["layers"]] == list(layer_colors(3))


def test_the_shares_add_up():
    _, depth, _, objects = small_scene()
    assert sum(layer_strip((), objects, depth)["shares"]) == pytest.approx(1)


def test_no_layers_no_objects_no_depth():
    _, depth, _, objects = small_scene()
    assert layer_strip((), (), depth)["objects"] == []
    strip = layer_strip((), [objects[0].but(depth=None), objects[1]], depth)
    assert strip["missing"] == 1 and [bar["layer"] for bar in strip["objects"]] == [0]
    nothing = layer_strip((), (), DepthMap.of(np.zeros((8, 8), np.float32), "metric"))
    assert sum(nothing["shares"]) == 0 and nothing["low"] == nothing["high"]


def test_the_strip_is_what_the_editor_takes():
    from spacestudio.ui.components.layer_editor import LayerEditor

    _, depth, _, objects = small_scene()
    named = (objects[0].but(label=HOSTILE), objects[1])
    value = LayerEditor().postprocess(layer_strip(layers_of(named, depth), named, depth) | {"rev": 3, "key": "a"})
    assert value is not None
    assert (value.rev, value.objects[0].label) == (3, HOSTILE)
