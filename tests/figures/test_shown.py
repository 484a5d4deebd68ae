"""The figures in a real browser: hostile names are text, nothing they say runs."""

import pytest

from spacestudio.figures.cloud import cloud_figure
from spacestudio.geometry.layering import layers_of
from spacestudio.geometry.unproject import to_cloud
from tests.support import HOSTILE, small_scene

NAME = HOSTILE[:20]


@pytest.mark.browser
def test_names_are_text(page, tmp_path):
    image, depth, camera, objects = small_scene()
    objects = (objects[0].but(label=NAME), objects[1].but(label="a %{x} & b"))
    figure = cloud_figure(to_cloud(image, depth, camera, objects), objects, "layer", layers_of(objects, depth))
    path = tmp_path / "figure.html"
    figure.write_html(path, include_plotlyjs=True)
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("dialog", lambda dialog: errors.append(dialog.message))
    page.goto(path.as_uri())
    page.wait_for_function("text => document.querySelector('.js-plotly-plot')?.textContent.includes(text)", arg=NAME)
    assert "a %{x} & b" in page.text_content(".js-plotly-plot")
    assert page.locator(".js-plotly-plot img").count() == 0
    assert not errors
