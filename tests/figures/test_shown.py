"""The figures in a real browser: hostile names are text, nothing they say runs."""

import pytest

from spacestudio.domain.depth import DepthMap
from spacestudio.figures.cloud import cloud_figure
from spacestudio.figures.depth import depth_figure
from spacestudio.figures.layers import layer_strip
from spacestudio.geometry.layering import layers_of
from spacestudio.geometry.unproject import to_cloud
from tests.support import HOSTILE, small_scene

NAME = HOSTILE[:20]


@pytest.fixture
def figures():
    image, depth, camera, objects = small_scene()
    objects = (objects[0].but(label=NAME), objects[1].but(label="a %{x} & b"))
    cloud = to_cloud(image, depth, camera, objects)
    source = DepthMap(depth.values, depth.kind, depth.valid, NAME)
    layers = layers_of(objects, depth)
    return {
        "depth": depth_figure(source),
        "strip": layer_strip(layers, objects, depth),
        "cloud": cloud_figure(cloud, objects, "layer", layers),
    }


@pytest.mark.browser
@pytest.mark.parametrize("name", ["depth", "strip", "cloud"])
def test_names_are_text(page, figures, tmp_path, name):
    path = tmp_path / "figure.html"
    figures[name].write_html(path, include_plotlyjs=True)
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("dialog", lambda dialog: errors.append(dialog.message))
    page.goto(path.as_uri())
    page.wait_for_function("text => document.querySelector('.js-plotly-plot')?.textContent.includes(text)", arg=NAME)
    if name != "depth":
        assert "a %{x} & b" in page.text_content(".js-plotly-plot")
    assert page.locator(".js-plotly-plot img").count() == 0
    assert not errors
