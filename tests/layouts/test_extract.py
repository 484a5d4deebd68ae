"""A layout read with the studio's own rules."""

from __future__ import annotations

import numpy as np
import pytest

from spacestudio.domain.boxes import Box
from spacestudio.domain.graph import Relation
from spacestudio.domain.layout import Layout
from spacestudio.layouts.extract import depth_of, extract, missing
from tests.layouts.scenes import hidden_scene, objects


def test_distances_without_depths_are_equal_log_steps() -> None:
    boxes = {i: Box(0, 0, 10, 10) for i in "abc"}
    assert depth_of(Layout(100, 100, boxes, ("b", "a", "c"))) == pytest.approx({"b": 1, "a": 10**0.5, "c": 10})
    assert depth_of(Layout(100, 100, boxes, ("b", "a", "c"), depths={"a": 1, "b": 1, "c": 4})) == {"b": 1, "a": 1, "c": 4}
    assert depth_of(Layout(100, 100, {"a": Box(0, 0, 1, 1)}, ("a",))) == {"a": 1.0}


@pytest.mark.parametrize("depths", [{"a": 1.0}, {"a": 2.0, "b": 1.0}, {"a": 0.0, "b": 1.0}, {"a": 1.0, "b": float("inf")}])
def test_depths_must_fit_the_order(depths: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="Depths"):
        Layout(100, 100, {"a": Box(0, 0, 1, 1), "b": Box(0, 0, 1, 1)}, ("a", "b"), depths=depths)


def test_what_a_simple_layout_shows() -> None:
    layout = Layout(
        400, 400, {"cup": Box(150, 120, 200, 210), "table": Box(50, 180, 350, 380), "lamp": Box(340, 20, 390, 120)},
        ("cup", "table", "lamp"), {"cup": "red cup"}, depths={"cup": 1.0, "table": 1.0, "lamp": 6.0},
    )  # fmt: skip
    graph = extract(layout)
    assert graph["cup"].label == "red cup"
    held = {(r.subject, r.predicate, r.object, r.frame) for r in graph if r.verdict == "true"}
    assert ("cup", "on", "table", "image") in held
    assert ("cup", "overlapping", "table", "image") in held
    assert ("cup", "at the same depth", "table", "camera") in held
    assert ("lamp", "behind", "cup", "camera") in held
    assert ("cup", "left of", "lamp", "image") in held
    assert ("cup", "near", "table", "camera") in held


def test_labels_come_from_the_objects_given() -> None:
    layout = Layout(100, 100, {"a": Box(0, 0, 10, 10)}, ("a",))
    (thing,) = objects(["a"])
    assert extract(layout, [thing.but(label="cat", attributes=("black",))])["a"].name == "black cat"


def test_missing_judges_each_predicate_by_its_own_rule() -> None:
    layout = Layout(100, 100, {"a": Box(0, 0, 20, 20), "b": Box(70, 60, 100, 100)}, ("a", "b"))
    both = [Relation("a", "left of", "b"), Relation("a", "above", "b")]  # a graph stores only the stronger of the two
    assert missing(layout, both) == ()
    wrong = Relation("a", "right of", "b")
    assert missing(layout, [*both, wrong]) == (wrong,)
    assert missing(layout, [Relation("a", "right of", "b", verdict="false"), Relation("a", "hugs", "b")]) == ()
    assert missing(layout, [Relation("a", "right of", "b", verdict="undecided")]) == ()
    same = Relation("a", "left of", "b", verdict="false")
    assert missing(layout, [same]) == (same,)


@pytest.mark.parametrize("seed", range(5))
def test_mirroring_swaps_left_and_right(seed: int) -> None:
    layout = hidden_scene(np.random.default_rng(seed), 6)
    mirrored = Layout(512, 512, {i: b.mirrored(512) for i, b in layout.boxes.items()}, layout.order, depths=layout.depths)
    swap = {"left of": "right of", "right of": "left of"}
    before = {(r.subject, swap.get(r.predicate, r.predicate), r.object, r.frame, r.verdict) for r in extract(layout)}
    after = {(r.subject, r.predicate, r.object, r.frame, r.verdict) for r in extract(mirrored)}
    assert {k for k in before if k[3] == "image"} == {k for k in after if k[3] == "image"}
