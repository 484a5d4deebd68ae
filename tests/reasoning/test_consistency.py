"""Clashes, repairs, what follows and what can go, against checkers that share no code with the room."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacestudio.domain.boxes import Box
from spacestudio.domain.graph import Relation, SpatialGraph
from spacestudio.domain.layout import Layout
from spacestudio.domain.objects import SceneObject
from spacestudio.layouts.extract import extract
from spacestudio.reasoning.consistency import (
    MAX_CLASHES,
    clashes,
    derivation,
    explain,
    first_clash,
    implied,
    reduced,
    redundant,
    repairs,
)
from spacestudio.relations.relate import with_pins
from tests.reasoning.worlds import TURNED, deduced, drawn, facts, graph_of, observed, shown

NAMES = "abcdef"
AXES = {
    "left of": ("x", -1), "right of": ("x", 1), "above": ("y", -1), "below": ("y", 1), "in front of": ("z", -1),
    "behind": ("z", 1), "at the same depth": ("z", 0),
}  # fmt: skip


def graph(relations: list[Relation], n: int = 6, **more: object) -> SpatialGraph:
    return SpatialGraph.of([SceneObject(i, i, Box(0, 0, 0, 0)) for i in NAMES[:n]], relations, **more)  # type: ignore[arg-type]


def said(
    subject: str, predicate: str, object_: str, verdict: str = "true", frame: str = "image", **more: object
) -> Relation:
    return Relation(subject, predicate, object_, frame=frame, verdict=verdict, origin="person", **more)  # type: ignore[arg-type]


def triples(clash: tuple[Relation, ...]) -> set[tuple[str, str, str]]:
    return {r.triple for r in clash}


def can_hold(relations: tuple[Relation, ...]) -> bool:
    """Try every ranking of the objects on every axis."""
    for axis in "xyz":
        own = [r for r in relations if AXES[r.predicate][0] == axis]
        names = sorted({r.subject for r in own} | {r.object for r in own})
        rankings = (dict(zip(names, ranks, strict=True)) for ranks in product(range(len(names)), repeat=len(names)))
        if own and not any(all(_agrees(r, ranking) for r in own) for ranking in rankings):
            return False
    return True


def _agrees(r: Relation, ranking: dict[str, int]) -> bool:
    sign = np.sign(ranking[r.subject] - ranking[r.object])
    return bool((sign == AXES[r.predicate][1]) == (r.verdict == "true"))


relations_of_five = st.lists(
    st.builds(
        said,
        st.sampled_from("abcde"), st.sampled_from(sorted(AXES)), st.sampled_from("abcde"), st.sampled_from(["true", "true", "false"]),
    ).filter(lambda r: r.subject != r.object),
    min_size=2, max_size=8, unique_by=lambda r: (r.triple, r.verdict),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(relations_of_five)
def test_a_clash_is_reported_exactly_when_there_is_one_and_it_is_the_smallest(asked: list[Relation]) -> None:
    found = clashes(graph(asked))
    assert bool(found) == (not can_hold(tuple(asked)))
    for clash in found:
        assert not can_hold(clash)
        assert all(can_hold(clash[:k] + clash[k + 1 :]) for k in range(len(clash)))
    if found:
        smaller = (subset for size in range(len(found[0])) for subset in combinations(asked, size))
        assert all(can_hold(subset) for subset in smaller)


@settings(max_examples=60, deadline=None)
@given(st.permutations(NAMES), st.sampled_from(["left of", "above", "in front of"]), st.integers(2, 6), st.data())
def test_an_edge_back_along_a_path_closes_the_shortest_cycle(
    order: list[str], predicate: str, length: int, data: st.DataObject
) -> None:
    pairs = [(a, b) for a, b in combinations(range(6), 2) if b - a == 1 or data.draw(st.booleans())]
    asked = [said(order[a], predicate, order[b]) for a, b in pairs]
    assert clashes(graph(asked)) == ()
    back = said(order[length - 1], predicate, order[0])
    clash = first_clash(graph([*asked, back]))
    assert back in clash
    assert not can_hold(clash)
    assert all(can_hold(clash[:k] + clash[k + 1 :]) for k in range(len(clash)))
    assert len(clash) == 1 + _steps(pairs, length - 1)


def _steps(pairs: list[tuple[int, int]], end: int) -> int:
    best = {0: 0}
    for b in range(1, end + 1):
        best[b] = min(best[a] + 1 for a, c in pairs if c == b)
    return best[end]


@pytest.mark.parametrize(
    ("asked", "members"),
    [
        ([("a", "left of", "b"), ("b", "left of", "c"), ("c", "left of", "a")], 3),
        ([("a", "left of", "b"), ("a", "right of", "b")], 2),
        ([("a", "on", "b"), ("a", "below", "b")], 2),
        ([("a", "on", "b"), ("b", "on", "c"), ("c", "on", "a")], 3),
        ([("a", "under", "b"), ("a", "on", "b")], 2),
        ([("a", "inside", "b"), ("b", "inside", "c"), ("c", "inside", "a")], 3),
        ([("a", "inside", "b"), ("a", "wider", "b")], 2),
        ([("a", "surrounding", "b"), ("b", "larger", "a")], 2),
        ([("a", "narrower", "b"), ("b", "taller", "a"), ("a", "larger", "b")], 3),
        ([("a", "inside", "b"), ("b", "separated", "c"), ("a", "overlapping", "c")], 3),
        ([("a", "inside", "b"), ("b", "separated", "c"), ("a", "inside", "c")], 3),
        ([("a", "overlapping", "b"), ("b", "separated", "a")], 2),
        ([("a", "inside", "b"), ("b", "overlapping", "a")], 2),
        ([("a", "far", "b"), ("b", "near", "a")], 2),
        ([("a", "far", "b"), ("a", "beside", "b")], 2),
        ([("a", "far", "b"), ("a", "on", "b")], 2),
        ([("a", "inside", "b"), ("b", "inside", "c"), ("a", "far", "c")], 3),
        ([("a", "at the same depth", "b"), ("b", "at the same depth", "c"), ("a", "behind", "c")], 3),
    ],
)
def test_what_cannot_hold(asked: list[tuple[str, str, str]], members: int) -> None:
    clash = first_clash(graph([said(*triple) for triple in asked]))
    assert triples(clash) == set(asked)
    assert len(clash) == members
    for k in range(members):
        assert clashes(graph(list(clash[:k] + clash[k + 1 :]))) == ()


@pytest.mark.parametrize(
    "asked",
    [
        [("a", "inside", "b"), ("a", "left of", "b")],
        [("a", "on", "b"), ("a", "behind", "b")],
        [("a", "on", "b"), ("a", "separated", "b")],
        [("a", "overlapping", "b"), ("a", "far", "b")],
        [("a", "on", "b"), ("a", "inside", "b")],
        [("a", "left of", "b"), ("a", "above", "b"), ("a", "behind", "b")],
        [("a", "larger", "b"), ("b", "wider", "a")],
        [("a", "looking at", "b"), ("b", "looking at", "a")],
    ],
)
def test_what_can_hold(asked: list[tuple[str, str, str]]) -> None:
    assert clashes(graph([said(*triple) for triple in asked])) == ()


@pytest.mark.parametrize(
    ("n", "count", "predicates"),
    [
        (150, 900, "left of,above,behind,near,inside"),
        (300, 3000, "left of,above,behind,near,inside"),
        (200, 600, "inside,smaller,narrower,shorter,separated,overlapping"),
        (400, 400, "inside"),
    ],
)
def test_a_big_random_graph_is_answered_with_an_irreducible_clash(n: int, count: int, predicates: str) -> None:
    rng = np.random.default_rng(n)
    things = [SceneObject(f"o{i}", f"o{i}", Box(0, 0, 0, 0)) for i in range(n)]
    drawn = [(rng.choice(n, 2, replace=False), rng.choice(predicates.split(","))) for _ in range(count)]
    big = SpatialGraph.of(things, {r.triple: r for r in (said(f"o{a}", str(p), f"o{b}") for (a, b), p in drawn)}.values())
    found, first = clashes(big), first_clash(big)
    assert 0 < len(found) <= MAX_CLASHES and first == first_clash(big)
    assert len(found[0]) <= len(first)
    for clash in (first, *found[:8]):
        assert set(first_clash(big.but(relations=clash))) == set(clash)
        assert all(first_clash(big.but(relations=clash[:k] + clash[k + 1 :])) == () for k in range(len(clash)))


def test_the_shortest_of_many_rings_is_found_first() -> None:
    lengths = [40, 7, 23, 5, 64]
    rings = [[f"o{k}_{i}" for i in range(length)] for k, length in enumerate(lengths)]
    things = [SceneObject(i, i, Box(0, 0, 0, 0)) for ring in rings for i in ring]
    asked = [said(a, "inside", b) for ring in rings for a, b in zip(ring, [*ring[1:], ring[0]], strict=True)]
    assert [len(clash) for clash in clashes(SpatialGraph.of(things, asked))] == sorted(lengths)


def test_frames_are_kept_apart_and_side_views_turn_into_the_camera_frame() -> None:
    assert clashes(graph([said("a", "left of", "b"), said("a", "right of", "b", frame="camera")])) == ()
    from_left = said("a", "right of", "b", frame="left")  # what is in front is on the right, seen from the left
    assert clashes(graph([from_left, said("a", "in front of", "b", frame="camera")])) == ()
    assert len(first_clash(graph([from_left, said("a", "behind", "b", frame="camera")]))) == 2


def test_false_relations_count_only_when_asked() -> None:
    asked = graph([said("a", "left of", "b"), said("a", "left of", "b", "false")])
    assert len(first_clash(asked)) == 2
    assert clashes(asked, negative=False) == ()
    assert clashes(graph([said("a", "left of", "b", "undecided"), said("b", "left of", "a")])) == ()
    neither = [said("a", "in front of", "b", "false"), said("b", "in front of", "a", "false")]
    assert clashes(graph(neither)) == ()
    assert len(first_clash(graph([*neither, said("b", "at the same depth", "a", "false")]))) == 3


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 12))
def test_a_measured_graph_never_clashes_and_one_wrong_correction_is_found(seed: int, n: int) -> None:
    measured = extract(random_layout(np.random.default_rng(seed), n))
    assert clashes(measured) == ()
    ordered = [r for r in measured if r.predicate == "left of" and r.frame == "image" and r.verdict == "true"]
    if not ordered:
        return
    wrong = max(ordered, key=lambda r: r.margin)
    pinned = with_pins(measured, {wrong.key: {"predicate": "right of", "verdict": "true"}})
    for clash in clashes(pinned):
        assert any(r.origin == "person" for r in clash)
        assert all(clashes(pinned.but(relations=clash[:k] + clash[k + 1 :])) == () for k in range(len(clash)))


def test_measured_sameness_has_a_tolerance_and_orders_nothing() -> None:
    steps = [Relation(a, "at the same depth", b, "depth", "camera", 0.02, 0.0125) for a, b in ("ab", "bc", "cd")]
    assert clashes(graph([*steps, Relation("a", "in front of", "d", "depth", "camera", 0.06, 0.05)])) == ()


def random_layout(rng: np.random.Generator, n: int) -> Layout:
    corners = rng.uniform(0, 350, (n, 2))
    sizes = rng.uniform(20, 160, (n, 2))
    boxes = {f"o{k}": Box(*corners[k], *(corners[k] + sizes[k])) for k in range(n)}
    return Layout(512, 512, boxes, tuple(boxes))


def test_explained_in_one_sentence() -> None:
    names = {"a": "cup", "b": "plate", "c": "lamp"}
    clash = first_clash(graph([said("b", "left of", "c"), said("a", "left of", "b"), said("c", "left of", "a")]))
    assert explain(clash, names) == "plate is left of lamp, lamp is left of cup and cup is left of plate can't all hold."
    two = first_clash(graph([said("a", "far", "b"), said("a", "near", "b")]))
    assert explain(two, names) == "cup is far from plate and cup is near plate can't both hold."


@settings(max_examples=60, deadline=None)
@given(relations_of_five)
def test_every_repair_makes_the_clash_disappear(asked: list[Relation]) -> None:
    for clash in clashes(graph(asked)):
        ways = repairs(clash, {"a": "cup"})
        assert {w.relation for w in ways if w.kind == "drop"} == set(clash)
        for way in ways:
            rest = tuple(r for r in clash if r is not way.relation) + ((way.replacement,) if way.replacement else ())
            assert can_hold(rest)
            assert way.words.endswith(".")


def test_what_follows_and_what_can_be_left_out() -> None:
    chain = graph([said("a", "left of", "b", family="direction"), said("c", "right of", "b", family="direction")])
    (follows,) = implied(chain)
    assert follows.triple == ("a", "left of", "c")
    assert follows.evidence["implied_by"] == [["a", "left of", "b"], ["c", "right of", "b"]]
    full = chain.but(relations=[*chain, follows, said("b", "right of", "a", family="direction")])
    assert {r.triple for r in reduced(full)} == {r.triple for r in chain}


@settings(max_examples=60, deadline=None)
@given(relations_of_five)
def test_reducing_loses_nothing(asked: list[Relation]) -> None:
    asked = [r for r in asked if r.verdict == "true"]
    whole = graph(asked)
    if clashes(whole):
        return
    small = tuple(reduced(whole))
    for r in asked:  # the negation of whatever was dropped can't hold beside the rest
        opposite = said(r.subject, r.predicate, r.object, "false")
        assert r in small or not can_hold((*small, opposite))


seeds = st.integers(0, 2**32 - 1)


def any_graph(seed: int) -> SpatialGraph:
    """2 to 12 objects; one in two is made of relations that hold of something."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 13))
    if seed % 2:
        return observed(rng, n, int(rng.integers(2, 6 * n)))
    return drawn(rng, n, int(rng.integers(2, 3 * n + 4)), float(rng.choice([1.0, 0.9, 0.7])))


@given(seeds)
def test_three_objects_clash_exactly_when_no_world_shows_them(seed: int) -> None:
    rng = np.random.default_rng(seed)
    small = drawn(rng, 3, int(rng.integers(2, 10)), float(rng.choice([1.0, 0.8, 0.5])))
    ids = dict(zip(small.ids, "abc", strict=True))
    asked = [replace(r, subject=ids[r.subject], object=ids[r.object]) for r in small]
    assert shown(asked) == deduced(asked) == (not clashes(graph_of("abc", asked)))


@given(seeds)
def test_clashes_of_all_predicates_are_irreducible_and_each_repair_ends_one(seed: int) -> None:
    asked = any_graph(seed)
    found = clashes(asked)
    assert bool(found) == (not deduced(asked))
    for clash in found:
        assert not deduced(clash)
        assert all(deduced(clash[:k] + clash[k + 1 :]) for k in range(len(clash)))
        ways = repairs(clash)
        assert {w.relation for w in ways if w.kind == "drop"} == set(clash)
        for way in ways:
            rest = [r for r in clash if r is not way.relation]
            assert deduced([*rest, way.replacement] if way.replacement else rest)


@given(seeds)
def test_no_clash_is_shorter_than_the_first(seed: int) -> None:
    drawn_graph = any_graph(seed)
    asked = [r for r in drawn_graph if r.predicate not in ("smaller", "larger") and "same" not in r.predicate][:24]
    first = first_clash(drawn_graph.but(relations=asked))
    assert bool(first) == (not deduced(asked))
    assert all(deduced(few) for size in range(1, min(len(first), 4)) for few in combinations(asked, size))


@given(seeds)
def test_what_is_implied_follows_from_its_reasons(seed: int) -> None:
    asked = any_graph(seed)
    if not deduced(asked):
        return
    every = implied(asked, every=True)
    assert facts(every).isdisjoint(facts(asked))
    for r in every:
        reasons = [other for other in asked if list(other.triple) in r.evidence["implied_by"]]
        assert not deduced([*reasons, replace(r, verdict="false")])
    added = asked.but(relations=[*asked, *implied(asked)])
    assert clashes(added) == ()
    keys = [r.key for r in implied(asked)]
    assert len(set(keys)) == len(keys)


def told(asked: SpatialGraph) -> set[tuple[object, ...]]:
    """All that is said or follows."""
    return facts((*asked, *implied(asked, every=True)))


@given(seeds)
def test_reduced_keeps_all_that_follows_and_says_why_the_rest_could_go(seed: int) -> None:
    asked = any_graph(seed)
    if not deduced(asked):
        return
    small, gone = reduced(asked), redundant(asked)
    assert told(small) == told(asked)
    assert sorted(map(str, (*small, *(r for r, _ in gone)))) == sorted(map(str, asked))
    assert redundant(small) == ()
    for r, because in gone:
        opposite = replace(r, verdict="false" if r.verdict == "true" else "true")
        assert set(because) <= set(small)
        assert not deduced([*because, opposite])
        assert all(deduced([*because[:k], *because[k + 1 :], opposite]) for k in range(len(because)))


@given(seeds)
def test_reducing_an_impossible_graph_leaves_it_impossible(seed: int) -> None:
    asked = any_graph(2 * seed)
    small = reduced(asked)
    assert bool(clashes(small)) == bool(clashes(asked))
    for _, because in redundant(asked):
        assert because and set(because) <= set(small)


@pytest.mark.parametrize(
    ("asked", "gone"),
    [
        ([("a", "left of", "b"), ("b", "right of", "a")], [1]),
        ([("a", "left of", "b"), ("a", "left of", "c"), ("b", "left of", "c")], [1]),
        ([("a", "on", "b"), ("a", "above", "b")], [1]),
        ([("a", "smaller", "b"), ("a", "inside", "b"), ("b", "taller", "a")], [0, 2]),
        ([("a", "narrower", "b"), ("a", "smaller", "b"), ("a", "shorter", "b")], [1]),
        ([("a", "near", "b"), ("b", "beside", "a")], [0]),
        ([("a", "far", "b"), ("b", "far", "a")], [1]),
        ([("a", "inside", "b"), ("b", "inside", "c"), ("c", "surrounding", "a")], [2]),
        ([("a", "inside", "b"), ("b", "separated", "c"), ("c", "separated", "a")], [2]),
        ([("a", "at the same depth", "b"), ("b", "at the same depth", "c"), ("c", "at the same depth", "a")], [2]),
        ([("a", "at the same depth", "b"), ("a", "behind", "c"), ("b", "behind", "c")], [2]),
        ([("a", "left of", "b"), ("a", "above", "c"), ("b", "looking at", "a"), ("a", "looking at", "b")], []),
        ([("a", "left of", "b"), ("b", "left of", "c"), ("c", "left of", "a")], []),
    ],
)
def test_what_is_redundant(asked: list[tuple[str, str, str]], gone: list[int]) -> None:
    whole = graph([said(*triple) for triple in asked])
    assert [r.triple for r, _ in redundant(whole)] == [asked[k] for k in gone]


def test_a_redundant_relation_is_told_with_its_reasons() -> None:
    ((r, because),) = redundant(graph([said(a, "left of", b) for a, b in ("ab", "ac", "bc")]))
    words = derivation(r, because, {"a": "cup", "b": "plate", "c": "lamp"})
    assert words == "cup is left of lamp follows from cup is left of plate and plate is left of lamp."


def test_what_was_measured_is_not_let_stand_for_what_was_said() -> None:
    measured = [Relation(a, "inside", b, "topology", "image", 0.1, 0.005) for a, b in ("ab", "bc")]
    spoken = said("a", "inside", "c")
    assert redundant(graph([*measured, spoken])) == ()
    ((gone, _),) = redundant(graph([replace(r, origin="person") for r in measured] + [spoken]))
    assert gone == spoken


def test_a_turned_graph_keeps_its_verdict() -> None:
    for seed in range(40):
        asked = any_graph(seed)
        turned = {new: old for old, new in TURNED.items()} | TURNED
        back = [
            replace(r, subject=r.object, predicate=turned[r.predicate], object=r.subject) if r.predicate in turned else r
            for r in asked
        ]
        assert bool(clashes(asked)) == bool(clashes(asked.but(relations=back)))
