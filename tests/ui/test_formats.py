"""What the training texts say of a picture that has nothing to tell."""

from __future__ import annotations

import pytest

from spacestudio.domain.sample import Sample
from spacestudio.geometry.measure import measure
from spacestudio.relations.relate import relate
from spacestudio.services.tell import STYLES
from spacestudio.ui.tabs.formats import nothing_told
from tests.support import small_scene


@pytest.mark.parametrize("style", STYLES)
def test_depth_is_asked_for_where_a_style_tells_nothing_without_it(style):
    image, depth, camera, objects = small_scene(240, 320)
    flat = Sample("flat-1", "flat", image, relate(objects, measure(objects, 320, 240, None, None)))
    deep = Sample("deep-1", "deep", image, relate(objects, measure(objects, 320, 240, depth, camera)), depth, camera)
    tell = STYLES.load(style)
    assert tell(deep)
    assert ("depth" in nothing_told(style)) == (not tell(flat))
