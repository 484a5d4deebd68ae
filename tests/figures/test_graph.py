"""Objects on the picture, thumbnails and badges."""

import numpy as np
import pytest

from spacestudio.domain.boxes import Box
from spacestudio.domain.graph import VERDICTS, Relation
from spacestudio.domain.objects import SceneObject
from spacestudio.figures.graph import VERDICT_COLORS, overlay, side_by_side, thumbnail, thumbnails, verdict_badge
from spacestudio.figures.style import OBJECT_COLORS, ink_on, object_colors, rgb
from tests.support import HOSTILE, small_scene


def test_the_picture_itself_is_left_alone():
    image, _, _, objects = small_scene()
    before = image.copy()
    assert overlay(image, objects).shape == image.shape
    assert (image == before).all()


def test_masks_are_tinted_in_the_objects_colour():
    image = np.full((200, 300, 3), 100, np.uint8)
    mask = np.zeros((200, 300), bool)
    mask[60:190, 60:290] = True
    thing = SceneObject("thing-1", "t", Box(60, 60, 290, 190), mask=mask)
    inside = overlay(image, (thing,))[150, 200].astype(float)
    expected = 100 * 0.62 + np.array(rgb(object_colors(["thing-1"])["thing-1"])) * 0.38
    np.testing.assert_allclose(inside, expected, atol=1)
    assert (overlay(image, (thing,), masks=False)[150, 200] == 100).all()
    assert np.abs(overlay(image, (thing,), selected="other")[150, 200] - 100.0).max() < np.abs(inside - 100).max()


def test_the_chosen_object_stands_out():
    image, _, _, objects = small_scene(240, 320)
    assert (overlay(image, objects) != overlay(image, objects, selected="ball-1")).any()


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (20, 20), (480, 640), (2000, 3000)])
@pytest.mark.parametrize("label", ["cup", HOSTILE, "x" * 400, "日本\n語", ""])
def test_any_label_on_any_size(size, label):
    height, width = size
    image = np.zeros((*size, 3), np.uint8)
    thing = SceneObject("thing-1", label, Box(0, 0, width, height / 2))
    assert overlay(image, (thing,)).shape == image.shape


def test_a_box_beyond_the_picture_is_drawn_at_its_edge():
    image = np.zeros((50, 50, 3), np.uint8)
    assert overlay(image, (SceneObject("a", "a", Box(-500, 10, 900, 9000)),)).any()


def test_labels_grow_with_the_picture():
    def labelled(side: int) -> float:
        image = np.zeros((side, side, 3), np.uint8)
        drawn = overlay(image, (SceneObject("a", "cup", Box(side / 2, side / 2, side - 2, side - 2)),))
        return float((drawn[: side // 2 - 2].any(2)).mean())

    assert labelled(2000) == pytest.approx(labelled(500), rel=0.25)


def test_colours_belong_to_ids():
    assert object_colors(["cup-1", "plate-1"])["cup-1"] == object_colors(["cup-1"])["cup-1"]
    many = object_colors([f"cup-{i}" for i in range(len(OBJECT_COLORS))])
    assert len(set(many.values())) == len(OBJECT_COLORS)
    assert len(object_colors([f"cup-{i}" for i in range(50)])) == 50


@pytest.mark.parametrize("color", OBJECT_COLORS)
def test_labels_can_be_read(color):
    def luminance(c: str) -> float:
        channels = np.array(rgb(c)) / 255
        linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    light, dark = sorted((luminance(color), luminance(ink_on(color))), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_each_verdict_has_its_own_sign_word_class_and_colour():
    badges = [verdict_badge(Relation("a", "left of", "b", verdict=v)) for v in VERDICTS]
    assert [b.sign for b in badges] == ["✓", "✗", "?"]
    assert len({b.word for b in badges}) == len({b.css_class for b in badges}) == len(set(VERDICT_COLORS.values())) == 3


def test_thumbnails_shrink_and_never_grow():
    wide = np.zeros((100, 1000, 3), np.uint8)
    assert thumbnail(wide, 240).shape == (24, 240, 3)
    assert thumbnail(np.zeros((5, 7, 3), np.uint8)).shape == (5, 7, 3)
    assert thumbnail(np.zeros((1, 5000, 3), np.uint8)).shape == (1, 240, 3)
    assert len(thumbnails([wide, wide])) == 2


def test_side_by_side_matches_heights():
    both = side_by_side(np.zeros((100, 50, 3), np.uint8), np.full((50, 50, 3), 9, np.uint8), gap=4)
    assert both.shape == (100, 50 + 4 + 100, 3)
    assert (both[:, :50] == 0).all() and (both[:, 54:] == 9).all() and (both[:, 50:54] == 255).all()
