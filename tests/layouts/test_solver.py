"""What is asked of a layout is found in it again; nothing moves that need not."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacestudio.domain.boxes import Box
from spacestudio.domain.graph import Relation, SpatialGraph
from spacestudio.layouts.extract import extract, missing
from spacestudio.layouts.solver import LayoutInfeasible, Request, arrange
from spacestudio.relations.relate import family_of
from tests.layouts.scenes import hidden_scene, objects, read_off

EVERY = [
    ("left of", "image"), ("right of", "image"), ("above", "image"), ("below", "image"), ("left of", "camera"), ("below", "camera"),
    ("in front of", "camera"), ("behind", "camera"), ("at the same depth", "camera"), ("inside", "image"), ("surrounding", "image"),
    ("overlapping", "image"), ("separated", "image"), ("larger", "image"), ("smaller", "image"), ("wider", "image"),
    ("narrower", "image"), ("taller", "image"), ("shorter", "image"), ("beside", "camera"), ("near", "camera"), ("far", "camera"),
    ("on", "image"), ("under", "image"), ("in front of", "left"), ("left of", "left"), ("behind", "back"), ("right of", "right"),
    ("at the same depth", "left"), ("at the same depth", "right"), ("at the same depth", "back"),
]  # fmt: skip


def said(subject: str, predicate: str, object_: str, verdict: str = "true", frame: str = "") -> Relation:
    f = family_of(predicate)
    name, default = (f.name, f.frames[0]) if f else ("other", "image")
    return Relation(subject, predicate, object_, name, frame or default, verdict=verdict, origin="person")  # type: ignore[arg-type]


def asked(n: int, *relations: Relation) -> SpatialGraph:
    return SpatialGraph.of(objects([f"o{k}" for k in range(n)]), relations)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 12), st.floats(0.3, 3))
def test_a_layout_shows_what_was_asked(seed: int, n: int, density: float) -> None:
    rng = np.random.default_rng(seed)
    graph = read_off(rng, hidden_scene(rng, n), max(1, round(n * density)), ("true", "false"))
    layout = arrange(Request(graph, 512, 512, seed=seed % 1000))
    assert missing(layout, graph) == ()
    for box in layout.boxes.values():
        assert 0 <= box.x0 < box.x1 <= 512
        assert 0 <= box.y0 < box.y1 <= 512


@pytest.mark.parametrize("verdict", ["true", "false"])
@pytest.mark.parametrize(("predicate", "frame"), EVERY)
@pytest.mark.parametrize("size", [(640, 480), (200, 640)])
def test_every_predicate_alone(predicate: str, frame: str, verdict: str, size: tuple[int, int]) -> None:
    graph = asked(3, said("o0", predicate, "o1", verdict, frame))
    layout = arrange(Request(graph, *size))
    assert missing(layout, graph) == ()


@pytest.mark.parametrize(
    "relations",
    [
        [said("o0", "on", "o1"), said("o0", "in front of", "o1"), said("o0", "separated", "o1")],
        [said("o0", "left of", "o1"), said("o1", "left of", "o2"), said("o0", "above", "o2")],
        [said("o0", "left of", "o1", "false"), said("o0", "right of", "o1", "false")],
        [said("o0", "larger", "o1"), said("o1", "wider", "o0")],
        [said("o0", "inside", "o1"), said("o2", "inside", "o1"), said("o0", "left of", "o2"), said("o0", "beside", "o2")],
        [said("o0", "on", "o1"), said("o1", "on", "o2"), said("o3", "under", "o2"), said("o0", "taller", "o2")],
        [said("o0", "far", "o1"), said("o0", "near", "o2"), said("o1", "near", "o2", "false"), said("o0", "behind", "o1")],
    ],
)
def test_relations_together(relations: list[Relation]) -> None:
    graph = asked(4, *relations)
    assert missing(arrange(Request(graph, 512, 512)), graph) == ()


def test_the_stored_direction_is_the_asked_one() -> None:
    graph = asked(4, said("o0", "left of", "o1"), said("o2", "above", "o0"), said("o3", "right of", "o1"))
    shown = extract(arrange(Request(graph, 640, 480)))
    for r in graph:
        stored = shown.relation(r.subject, r.object, r.family, r.frame)
        assert stored is not None
        assert (stored.predicate, stored.verdict) == (r.predicate, "true")


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_same_request_same_layout(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = read_off(rng, hidden_scene(rng, 6), 8)
    assert arrange(Request(graph, 512, 384, seed=7)) == arrange(Request(graph, 512, 384, seed=7))


def test_another_seed_another_layout() -> None:
    graph = asked(5, said("o0", "on", "o1"))
    assert arrange(Request(graph, 512, 512, seed=1)) != arrange(Request(graph, 512, 512, seed=2))


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 8))
def test_present_boxes_stay_when_nothing_is_asked(seed: int, n: int) -> None:
    there = hidden_scene(np.random.default_rng(seed), n)
    layout = arrange(Request(asked(n), 512, 512, present=there.boxes, present_order=there.order))
    assert layout.boxes == there.boxes
    assert layout.order == there.order
    assert layout.notes == () or all("hidden" in note for note in layout.notes)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(3, 8))
def test_one_changed_relation_moves_only_what_it_is_about(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    there = hidden_scene(rng, n)
    a, b = (f"o{k}" for k in rng.permutation(n)[:2])
    predicate = str(rng.choice(["left of", "right of", "above", "below", "wider", "shorter"]))
    layout = arrange(Request(asked(n, said(a, predicate, b)), 512, 512, present=there.boxes, present_order=there.order))
    moved = {i for i, box in layout.boxes.items() if box != there.boxes[i]}
    assert moved <= {a, b}
    held = not missing(there, [said(a, predicate, b)])
    assert (not moved) if held else moved


def test_new_things_find_room_beside_present_ones() -> None:
    there = {"o0": Box(20, 300, 200, 500), "o1": Box(300, 250, 480, 480)}
    layout = arrange(Request(asked(4, said("o2", "on", "o1"), said("o3", "left of", "o2")), 512, 512, present=there))
    assert {i: layout.boxes[i] for i in there} == there


def test_placed_boxes_stay_and_are_named_when_they_are_in_the_way() -> None:
    graph = asked(3, said("o0", "left of", "o1"), said("o2", "above", "o0"))
    placed = {"o0": Box(300, 200, 400, 300), "o1": Box(100, 200, 200, 300)}
    with pytest.raises(LayoutInfeasible) as clash:
        arrange(Request(graph, 512, 512, fixed=placed))
    assert [r.triple for r in clash.value.core] == [("o0", "left of", "o1")]
    assert set(clash.value.placed) == {"o0", "o1"}
    one = arrange(Request(graph, 512, 512, fixed={"o0": placed["o0"]}, present={"o1": placed["o1"]}))
    assert one.boxes["o0"] == placed["o0"]
    assert "o1 had to move." in one.notes


def test_an_asked_order_is_the_order() -> None:
    order = ("o2", "o0", "o3", "o1")
    assert arrange(Request(asked(4, said("o0", "on", "o1")), 512, 512, order=order)).order == order
    with pytest.raises(LayoutInfeasible) as clash:
        arrange(Request(asked(4, said("o1", "in front of", "o3"), said("o0", "left of", "o1")), 512, 512, order=order))
    assert [r.triple for r in clash.value.core] == [("o1", "in front of", "o3")]
    assert "depth order" in str(clash.value)


def test_depth_follows_what_is_asked_then_what_was_there() -> None:
    there = {f"o{k}": Box(100 * k, 100, 100 * k + 80, 200) for k in range(4)}
    layout = arrange(Request(asked(4, said("o3", "in front of", "o1")), 512, 512, present=there, present_order=tuple(there)))
    assert layout.order.index("o3") < layout.order.index("o1")
    assert layout.order[0] == "o0"
    assert layout.boxes == there
    level = arrange(Request(asked(3, said("o0", "at the same depth", "o2")), 512, 512))
    assert level.depths["o0"] == level.depths["o2"]


@pytest.mark.parametrize(
    ("relations", "core"),
    [
        ([said("o0", "inside", "o1"), said("o0", "left of", "o1"), said("o2", "above", "o0")], 2),
        ([said("o0", "inside", "o1"), said("o1", "in front of", "o0")], 2),
    ],
)
def test_what_does_not_fit_is_said(relations: list[Relation], core: int) -> None:
    with pytest.raises(LayoutInfeasible) as clash:
        arrange(Request(asked(3, *relations), 512, 512))
    assert len(clash.value.core) == core
    for k in range(core):
        rest = clash.value.core[:k] + clash.value.core[k + 1 :]
        arrange(Request(asked(3, *rest), 512, 512))


def test_a_row_too_long_for_the_canvas() -> None:
    row = [said(f"o{k}", "left of", f"o{k + 1}") for k in range(21)]
    with pytest.raises(LayoutInfeasible) as clash:
        arrange(Request(asked(22, *row, said("o3", "above", "o4")), 512, 512))
    assert 18 <= len(clash.value.core) <= 21
    assert all(r.predicate == "left of" for r in clash.value.core)


def test_own_words_ask_nothing_of_a_layout() -> None:
    layout = arrange(Request(asked(2, said("o0", "looking at", "o1")), 512, 512))
    assert layout.notes == ("“o0 is looking at o1” is in the prompt only: a layout can't show it.",)
    assert arrange(Request(asked(0), 512, 512)).boxes == {}


def test_importing_the_solver_leaves_ortools_asleep() -> None:
    code = "import sys, spacestudio.layouts.solver; sys.exit('ortools' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
