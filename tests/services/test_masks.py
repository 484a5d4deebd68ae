"""Masks by hand: brush strokes and clicks as acts, their laws, and what the page may send."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import points_in_poly

from spacestudio.domain.boxes import Box
from spacestudio.domain.events import fold
from spacestudio.domain.objects import SceneObject
from spacestudio.domain.sample import Sample
from spacestudio.engines.segment.brush import alike, reach, stroke
from spacestudio.errors import InputError, NotFound
from spacestudio.figures.outlines import outline
from spacestudio.services import judge
from spacestudio.services.find import segment
from spacestudio.services.payloads import mask_of
from spacestudio.services.studio import Studio
from spacestudio.ui.components.box_editor import BoxEditor
from spacestudio.ui.tabs.image import mask_note
from tests.services.conftest import OWNER
from tests.support import coffee, disc, small_scene

H, W = 60, 80
POINT = st.tuples(st.floats(-20, W + 20), st.floats(-20, H + 20))
STROKE = st.tuples(st.lists(POINT, min_size=1, max_size=6), st.floats(0.5, 30))


def object_with(studio: Studio, sample_id: str, k: int = 0) -> tuple[Sample, SceneObject, NDArray[np.bool_]]:
    s = studio.open(OWNER, sample_id)
    o = s.objects[k]
    assert o.mask is not None
    return s, o, o.mask


# ---- strokes ---------------------------------------------------------------------------------------------------------


@given(POINT, st.floats(0.5, 30))
def test_a_dab_is_a_disc(point: tuple[float, float], radius: float) -> None:
    x, y = (np.floor(v) for v in point)
    assert np.array_equal(stroke(H, W, [point], radius), disc(H, W, x, y, radius))


@given(STROKE)
def test_a_stroke_covers_its_points_and_nothing_farther_than_its_radius(drawn: tuple[list[Any], float]) -> None:
    points, radius = drawn
    covered = stroke(H, W, points, radius)
    for x, y in points:
        if 0 <= x < W and 0 <= y < H:
            assert covered[int(y), int(x)]
    far = np.full((H, W), np.inf)
    v, u = np.mgrid[:H, :W]
    line = np.floor(points)
    for a, b in zip(line, line[1:] if len(line) > 1 else line, strict=False):
        along = b - a
        t = np.clip(((u - a[0]) * along[0] + (v - a[1]) * along[1]) / max(1e-9, along @ along), 0, 1)
        far = np.minimum(far, np.hypot(u - a[0] - t * along[0], v - a[1] - t * along[1]))
    assert not covered[far > radius + 1].any()
    assert covered[far <= radius - 1].all()


@given(STROKE, STROKE)
def test_painting_then_erasing_the_same_leaves_what_lay_outside(first: Any, second: Any) -> None:
    mask = disc(H, W, 40, 30, 12)
    covered = stroke(H, W, *first) | stroke(H, W, *second)
    after = (mask | covered) & ~covered
    assert np.array_equal(after, mask & ~covered)
    assert np.array_equal(stroke(H, W, *first), stroke(H, W, *first))


# ---- clicks ----------------------------------------------------------------------------------------------------------


@given(st.integers(0, 599), st.integers(0, 399))
def test_a_click_stays_near_and_says_the_same_twice(x: int, y: int) -> None:
    image = coffee()
    region = alike(image, None, (x, y))
    v, u = np.nonzero(region)
    assert region[y, x]
    assert np.hypot(u - x, v - y).max() <= reach(400, 600)
    assert np.array_equal(region, alike(image, None, (x, y)))
    allowed = disc(400, 600, 300, 200, 90)
    assert not (alike(image, None, (x, y), allowed) & ~allowed).any()


def test_a_click_on_a_ball_finds_the_ball_and_depth_divides_what_colour_does_not() -> None:
    image, depth, _, (ball, _) = small_scene(240, 320)
    assert ball.mask is not None
    x, y = (int(v) for v in ball.box.center)
    found = alike(image, depth, (x, y))
    assert (found & ball.mask).sum() / (found | ball.mask).sum() > 0.9
    grey = np.full_like(image, 128)
    assert (alike(grey, depth, (x, y)) & ~ball.mask).sum() == 0
    assert (alike(grey, None, (x, y)) & ~ball.mask).sum() > 0


# ---- acts ------------------------------------------------------------------------------------------------------------


def test_paint_erase_undo_and_all_that_follows(studio: Studio, sample_id: str) -> None:
    s, o, mask = object_with(studio, sample_id)
    x, y = o.box.x1, o.box.center[1]
    after = studio.act(OWNER, sample_id, lambda s: judge.paint_mask(s, o.id, [([(x, y), (x + 30, y)], 9.0)]))
    painted = after.graph[o.id]
    assert painted.mask is not None
    assert np.array_equal(painted.mask, mask | stroke(s.height, s.width, [(x, y), (x + 30, y)], 9.0))
    assert painted.box == Box.around(painted.mask)
    assert painted.box.x1 > o.box.x1 + 30
    assert painted.origin == "person"
    assert painted.depth != o.depth  # the wall is farther than the ball
    assert after.events[-1].kind == "object.edit"
    assert len(after.events) == len(s.events) + 1  # one act, one step
    saved = fold(after.events).objects[o.id]
    assert np.array_equal(mask_of(saved["mask"]), painted.mask)

    erased = studio.act(
        OWNER, sample_id, lambda s: judge.paint_mask(s, o.id, [([(x + 20, y), (x + 40, y)], 14.0)], add=False)
    )
    assert erased.graph[o.id].box.x1 < painted.box.x1
    studio.undo(OWNER, sample_id)
    back = studio.undo(OWNER, sample_id).graph[o.id]
    assert back.mask is not None
    assert np.array_equal(back.mask, mask)
    assert (back.box, back.depth) == (o.box, o.depth)


def test_a_relation_follows_a_painted_mask(studio: Studio, sample_id: str) -> None:
    s, ball, _ = object_with(studio, sample_id)
    lamp = s.objects[1]
    before = s.graph.relation(ball.id, lamp.id, "direction", "image")
    assert before is not None
    assert before.predicate == "left of"
    right = [([(s.width - 8.0, 8.0), (s.width - 8.0, s.height - 8.0)], 7.0)]
    left = [([(x, 120.0), (x, 170.0)], 24.0) for x in (55.0, 96.0, 135.0)]
    studio.act(OWNER, sample_id, lambda s: judge.paint_mask(s, ball.id, right))
    after = studio.act(OWNER, sample_id, lambda s: judge.paint_mask(s, ball.id, left, add=False))
    now = after.graph.relation(ball.id, lamp.id, "direction", "image")
    assert now is not None
    assert (now.predicate, now.verdict) != (before.predicate, before.verdict)


def test_grow_and_cut(studio: Studio, sample_id: str) -> None:
    s, o, mask = object_with(studio, sample_id)
    x, y = o.box.center
    with pytest.raises(InputError, match="already"):
        judge.grow_mask(s, o.id, (x, y))
    half = studio.act(OWNER, sample_id, lambda s: judge.paint_mask(s, o.id, [([(x + 30, y)], 30.0)], add=False))
    half_mask = half.graph[o.id].mask
    assert half_mask is not None
    grown = studio.act(OWNER, sample_id, lambda s: judge.grow_mask(s, o.id, (x + 20, y))).graph[o.id]
    assert grown.mask is not None
    assert grown.mask.sum() > half_mask.sum()
    assert (grown.mask & mask).sum() / (grown.mask | mask).sum() > 0.9
    with pytest.raises(InputError, match="not in the mask"):
        judge.grow_mask(half, o.id, (2, 2), add=False)
    wall = studio.act(OWNER, sample_id, lambda s: judge.grow_mask(s, o.id, (o.box.x1 + 12, y)))
    cut = studio.act(OWNER, sample_id, lambda s: judge.grow_mask(s, o.id, (o.box.x1 + 12, y), add=False))
    assert wall.graph[o.id].box.x1 > cut.graph[o.id].box.x1


def test_a_mask_never_becomes_empty_and_nothing_is_appended_for_nothing(studio: Studio, sample_id: str) -> None:
    s, o, _ = object_with(studio, sample_id)
    everything = [([(0, 0), (s.width, s.height)], 400.0)]
    with pytest.raises(InputError, match="delete the object") as refused:
        studio.act(OWNER, sample_id, lambda s: judge.paint_mask(s, o.id, everything, add=False))
    assert "2 × 2 px" in str(refused.value)
    assert judge.paint_mask(s, o.id, [([o.box.center], 3.0)]) == []
    assert judge.paint_mask(s, o.id, [([(-90.0, -90.0)], 3.0)]) == []
    with pytest.raises(NotFound):
        judge.paint_mask(s, "nobody", everything)
    for points, radius in ([], 3.0), ([(np.nan, 0.0)], 3.0), ([(1.0, 1.0)], np.inf), ([(1.0, 1.0)], 0.0):
        with pytest.raises(InputError):
            judge.paint_mask(s, o.id, [(points, radius)])
    with pytest.raises(InputError, match="inside the picture"):
        judge.grow_mask(s, o.id, (s.width + 1.0, 3.0))
    assert studio.open(OWNER, sample_id).events == s.events


def moved(studio: Studio, sample_id: str, object_id: str, xyxy: Sequence[float]) -> tuple[Sample, str]:
    """The sample after a box was moved, and what the person is told."""
    before = studio.open(OWNER, sample_id)
    after = studio.act(OWNER, sample_id, lambda s: judge.edit_object(s, object_id, xyxy=xyxy))
    return after, mask_note(before, after, object_id)


def test_a_moved_box_keeps_what_was_painted_inside_it_or_says_that_it_does_not(studio: Studio, sample_id: str) -> None:
    s, o, _ = object_with(studio, sample_id)
    fresh, note = moved(studio, sample_id, o.id, (o.box.x0 + 9, o.box.y0, o.box.x1 + 9, o.box.y1))
    made = fresh.graph[o.id].mask
    assert not note  # an engine's mask is simply made anew
    studio.undo(OWNER, sample_id)

    right = [([(o.box.x1, o.box.center[1]), (o.box.x1 + 30, o.box.center[1])], 9.0)]
    painted = studio.act(OWNER, sample_id, lambda s: judge.paint_mask(s, o.id, right)).graph[o.id]
    mask, box = painted.mask, painted.box
    assert mask is not None
    assert judge.is_painted(studio.open(OWNER, sample_id), o.id)

    near = Box(box.x0 + 9.5, box.y0, box.x1 + 9.5, box.y1)
    after, note = moved(studio, sample_id, o.id, near.xyxy)
    kept = after.graph[o.id].mask
    inside = np.zeros((s.height, s.width), bool)
    inside[near.slices(s.width, s.height)] = True
    assert kept is not None
    assert np.array_equal(kept, mask & inside)
    assert 0 < kept.sum() < mask.sum()
    assert after.graph[o.id].box == near
    assert not note
    again, note = moved(studio, sample_id, o.id, box.xyxy)  # it is the person's still
    assert np.array_equal(again.graph[o.id].mask, kept)  # type: ignore[arg-type]
    assert not note

    far = (s.width - 70, 8, s.width - 6, 70)
    after, note = moved(studio, sample_id, o.id, far)
    (expected,), _ = segment(s.image, s.depth, [Box(*far)])
    assert np.array_equal(after.graph[o.id].mask, expected)  # type: ignore[arg-type]
    assert note == "The mask painted by hand no longer fits the box and was made anew; Undo brings it back."
    assert not judge.is_painted(after, o.id)
    assert moved(studio, sample_id, o.id, box.xyxy)[1] == ""
    for _ in range(2):
        studio.undo(OWNER, sample_id)
    back = studio.open(OWNER, sample_id)
    assert np.array_equal(back.graph[o.id].mask, kept)  # type: ignore[arg-type]
    assert judge.is_painted(back, o.id)
    for _ in range(3):
        studio.undo(OWNER, sample_id)
    assert studio.open(OWNER, sample_id).graph[o.id].box == o.box
    assert not np.array_equal(made, kept)  # type: ignore[arg-type]


@given(st.integers(0, W - 4), st.integers(0, H - 4), st.integers(2, W), st.integers(2, H))
def test_half_of_a_painted_mask_decides(x: int, y: int, width: int, height: int) -> None:
    mask = disc(H, W, 40, 30, 12)
    box = Box(x, y, min(W, x + width), min(H, y + height))
    share = mask[box.slices(W, H)].sum() / mask.sum()
    kept = judge.inside(mask, box)
    assert (kept is not None) == (share >= 0.5)
    if kept is not None:
        assert not (kept & ~mask).any()
        assert kept.sum() == mask[box.slices(W, H)].sum()


def test_a_preview_says_that_a_painted_mask_goes(studio: Studio, sample_id: str) -> None:
    _, o, _ = object_with(studio, sample_id)
    studio.act(OWNER, sample_id, lambda s: judge.grow_mask(s, o.id, (o.box.x1 + 12, o.box.center[1])))
    told = studio.foresee(OWNER, sample_id, lambda s: judge.edit_object(s, o.id, xyxy=(2, 2, 30, 30))).words
    assert "the mask painted by hand is made anew" in told[0]
    assert judge.is_painted(studio.compact(OWNER, sample_id), o.id)  # a shorter log knows it too


# ---- outlines --------------------------------------------------------------------------------------------------------


def filled(path: str) -> NDArray[np.bool_]:
    """(H, W) bool: pixels whose centre lies inside a path, by even-odd."""
    v, u = np.mgrid[:H, :W] + 0.5
    inside = np.zeros(H * W, bool)
    for ring in path.removesuffix("Z").split("Z"):
        corners = np.array([p.split() for p in ring.removeprefix("M").split("L")], float)
        inside ^= points_in_poly(np.c_[u.ravel(), v.ravel()], corners)
    return inside.reshape(H, W)


@given(st.lists(STROKE, min_size=1, max_size=4))
def test_an_outline_is_the_mask_but_for_its_edge(strokes: list[Any]) -> None:
    mask = disc(H, W, 40, 30, 9)
    for k, (points, radius) in enumerate(strokes):
        mask = mask ^ stroke(H, W, points, min(radius, 9.0)) if k % 2 else mask | stroke(H, W, points, min(radius, 9.0))
    mask = ndimage.binary_opening(mask, np.ones((3, 3)))  # bits of a pixel or two are simplified away
    path = outline(mask, 5000)
    if not mask.any():
        assert not path
        return
    shown = filled(path)
    assert shown[ndimage.binary_erosion(mask, np.ones((3, 3)), border_value=1)].all()
    assert not shown[~ndimage.binary_dilation(mask, np.ones((3, 3)))].any()


def test_an_outline_is_bounded_and_traced_once() -> None:
    noise = np.random.default_rng(7).random((300, 400)) > 0.5
    path = outline(noise, 200)
    assert path.count("L") + path.count("M") <= 200
    noise.flags.writeable = False
    assert outline(noise, 100) is outline(noise, 100)
    assert outline(np.zeros((5, 5), bool)) == ""
    dot = np.zeros((5, 5), bool)
    dot[2, 3] = True
    assert outline(dot).startswith("M")


# ---- what the page may send ------------------------------------------------------------------------------------------

PAINT = {
    "op": "paint",
    "id": "cup-1",
    "box": [1, 2, 30, 40],
    "strokes": [{"points": [[1, 2], [3, 4]], "radius": 5}],
    "rev": 3,
}
GROW = {"op": "grow", "id": "cup-1", "box": [1, 2, 30, 40], "point": [5, 6], "add": False}


def test_strokes_and_places_are_read() -> None:
    paint = BoxEditor.read(gr.EventData(None, PAINT))
    assert (paint.strokes[0].points, paint.strokes[0].radius, paint.add) == (((1, 2), (3, 4)), 5, True)
    grow = BoxEditor.read(gr.EventData(None, GROW))
    assert (grow.point, grow.add) == ((5, 6), False)


@pytest.mark.parametrize(
    "payload",
    [
        PAINT | {"strokes": []},
        PAINT | {"strokes": [{"points": [], "radius": 5}]},
        PAINT | {"strokes": [{"points": [[1, 2]], "radius": 0}]},
        PAINT | {"strokes": [{"points": [[1, 2]], "radius": 501}]},
        PAINT | {"strokes": [{"points": [[1, 2]], "radius": float("nan")}]},
        PAINT | {"strokes": [{"points": [[1, float("inf")]], "radius": 5}]},
        PAINT | {"strokes": [{"points": [[1, 2, 3]], "radius": 5}]},
        PAINT | {"strokes": [{"points": [[1, 2]] * 2001, "radius": 5}]},
        PAINT | {"strokes": [{"points": [[1, 2]], "radius": 5}] * 21},
        PAINT | {"strokes": "M0 0"},
        PAINT | {"id": "../x"},
        PAINT | {"add": "perhaps"},
        GROW | {"point": None},
        GROW | {"point": [1, 2e9]},
        GROW | {"point": {"x": 1, "y": 2}},
    ],
)
def test_what_is_no_stroke_is_refused_in_one_line(payload: dict[str, Any]) -> None:
    with pytest.raises(gr.Error) as refused:
        BoxEditor.read(gr.EventData(None, payload))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("mask", ["M0 0L1 1Z<script>", "url(#x)", "M" + "0" * 40_001])
def test_only_outlines_travel_as_outlines(mask: str) -> None:
    box = {"id": "a", "label": "a", "x0": 0, "y0": 0, "x1": 5, "y1": 5, "mask": mask}
    with pytest.raises(gr.Error):
        BoxEditor(None).postprocess({"rev": 1, "key": "k", "boxes": [box]})
