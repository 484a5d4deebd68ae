"""What must not appear and does."""

from __future__ import annotations

from itertools import pairwise

import pytest

from spacestudio.domain.boxes import Box
from spacestudio.domain.graph import Relation, SpatialGraph
from spacestudio.domain.objects import SceneObject
from spacestudio.reasoning.absent import absent_clashes


def graph(things: dict[str, str], *absent: str) -> SpatialGraph:
    """`things`: id -> name, the last word its label."""
    objects = [SceneObject(i, name.split()[-1], Box(0, 0, 0, 0), tuple(name.split()[:-1])) for i, name in things.items()]
    ids = list(things)
    relations = [Relation(a, "near", b, "distance", "camera") for a, b in pairwise(ids)]
    return SpatialGraph.of(objects, relations, negative_objects=absent)


def test_how_many_and_which() -> None:
    found = absent_clashes(graph({"a": "black dog", "b": "cat", "c": "dog"}, "a Dog", "bird"))
    assert [(clash.objects, clash.name) for clash in found] == [(("a", "c"), "a Dog")]
    assert found[0].words({}) == "2 dogs are in the graph (a, c), and a Dog must not appear."
    (one,) = absent_clashes(graph({"a": "black cat", "b": "dog"}, "cats"))
    assert one.words({"a": "black cat"}) == "black cat is in the graph, and cats must not appear."


@pytest.mark.parametrize(
    ("name", "absent", "clash"),
    [
        ("dog", "Dogs", True),
        ("dogs", "a dog", True),
        ("box", "boxes", True),
        ("berry", "the berries", True),
        ("knife", "Knives.", True),
        ("person", "people", True),
        ("black cat", "cat", True),
        ("small black cat", "black cats", True),
        ("black cat", "white cat", False),
        ("cat", "black cat", False),
        ("cat", "cat bowl", False),
        ("bowl", "cat bowl", False),
        ("concat", "cat", False),
        ("glass", "glasses", False),
        ("glass", "glass", True),
        ("bus", "bu", False),
        ("dog", "  ", False),
    ],
)
def test_what_is_the_same_thing(name: str, absent: str, clash: bool) -> None:
    assert bool(absent_clashes(graph({"a": name}, absent))) == clash


def test_a_thing_excluded_twice_clashes_once() -> None:
    assert len(absent_clashes(graph({"a": "dog"}, "dog", "Dogs"))) == 1
    assert [c.name for c in absent_clashes(graph({"a": "red cup"}, "cup", "red cup"))] == ["cup", "red cup"]


@pytest.mark.parametrize("absent", [("dog",), ("Dogs", "a dog", "cat"), ("bird", "dog")])
def test_each_repair_ends_the_clash_and_leaves_the_others(absent: tuple[str, ...]) -> None:
    asked = graph({"a": "dog", "b": "black cat", "c": "brown dog"}, *absent)
    found = absent_clashes(asked)
    for clash in found:
        remove, allow = clash.repairs({})
        assert (remove.kind, allow.kind) == ("remove", "allow")
        assert "2 dogs" in remove.words or len(clash.objects) == 1
        for way in (remove, allow):
            rest = way.applied(asked)
            assert [c.objects for c in absent_clashes(rest)] == [c.objects for c in found if c != clash]
        assert allow.applied(asked).ids == asked.ids
        assert remove.applied(asked).negative_objects == asked.negative_objects
