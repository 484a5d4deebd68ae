"""Depth and layer figures: values to read off, gaps, units, and pictures."""

import numpy as np
import pytest

from spacestudio.domain.depth import DepthMap
from spacestudio.figures.depth import WIDTH, depth_figure, depth_image
from spacestudio.figures.layers import layer_overlay, layer_strip
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
    assert "without depth" in figure.layout.title.text
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
    assert "100% without depth" in depth_figure(nothing).layout.title.text
    assert (depth_image(nothing) == NO_DEPTH).all()


def test_a_hostile_source_is_text():
    ramp = np.tile(np.linspace(1, 9, 64, dtype=np.float32), (32, 1))
    assert "<img" not in depth_figure(DepthMap.of(ramp, "metric", HOSTILE)).layout.title.text


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


def test_the_strip_orders_objects_near_to_far():
    _, depth, _, objects = small_scene()
    figure = layer_strip(layers_of(objects, depth), objects[::-1], depth)
    bars, medians, _ = figure.data
    assert list(bars.y) == ["ball-1", "lamp-1"]
    assert medians.x[0] == pytest.approx(1.5) and medians.x[1] == pytest.approx(2.8)
    assert figure.layout.xaxis.title.text == "Distance, m"


@pytest.mark.parametrize("kind", ["relative", "disparity"])
def test_the_strip_of_relative_depth_runs_from_0_to_1(kind):
    from spacestudio.geometry.measure import with_depth_stats

    _, metric, _, objects = small_scene()
    values = metric.values if kind == "relative" else 1 / metric.values
    depth = DepthMap.of(values, kind)
    objects = with_depth_stats(objects, depth)
    bars, medians, _ = layer_strip(layers_of(objects, depth), objects, depth).data
    assert list(bars.y) == ["ball-1", "lamp-1"]
    assert all(0 <= m <= 1 for m in medians.x)
    assert all(x >= 0 for x in bars.x)


def test_cuts_stand_where_layers_meet():
    _, depth, _, objects = small_scene()
    layers = layers_of(objects, depth, [0.25, 0.5])
    figure = layer_strip(layers, objects, depth)
    cuts = [s.x0 for s in figure.layout.shapes if s.type == "line"]
    low, high = depth.percentiles()
    assert cuts == pytest.approx([low + 0.25 * (high - low), low + 0.5 * (high - low)])


def test_the_histogram_adds_up():
    _, depth, _, objects = small_scene()
    assert layer_strip((), objects, depth).data[2].y.sum() == pytest.approx(1)


def test_no_layers_and_no_objects():
    _, depth, _, _ = small_scene()
    assert layer_strip((), (), depth).to_json()


def test_hostile_names_in_the_strip():
    _, depth, _, objects = small_scene()
    named = (objects[0].but(label=HOSTILE), objects[1])
    assert "\\u003cimg" not in layer_strip(layers_of(named, depth), named, depth).to_json()
