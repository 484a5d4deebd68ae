"""A consistent graph nobody has seen a picture of gets a layout that shows it, or is told truly what does not fit.

The graphs are not read off a scene: relations are drawn at random and kept while they don't clash, so they ask for what
no hidden picture promises. Which of the two answers comes is settled by the layout read back, or by asking again.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacestudio.domain.graph import Relation, SpatialGraph
from spacestudio.domain.layout import Layout
from spacestudio.layouts.extract import extract, missing
from spacestudio.layouts.solver import LayoutInfeasible, Request, arrange
from spacestudio.reasoning.consistency import clashes
from spacestudio.relations import FAMILIES
from spacestudio.relations.relate import VIEWS, family, inverse_of
from tests.layouts.scenes import objects

SIZES = ((512, 512), (640, 480), (300, 500))


def sayable() -> list[tuple[str, str, str]]:
    """(family, predicate, frame): every predicate in every frame it can be said in."""
    found = []
    for name in FAMILIES:
        f = family(name)
        frames = (*f.frames, *VIEWS) if name in ("direction", "depth") else f.frames
        found += [(name, predicate, frame) for predicate in f.predicates for frame in frames]
    return [said for said in found if said[1] not in ("above", "below") or said[2] not in VIEWS]


def consistent(rng: np.random.Generator, n: int, count: int) -> SpatialGraph:
    """Up to `count` random relations over n objects, each kept only while nothing clashes; some said to be false."""
    things = objects([f"o{k}" for k in range(n)])
    kept: dict[tuple[str, str, str, str], Relation] = {}
    choices = sayable()
    for _ in range(3 * count):
        name, predicate, frame = choices[rng.integers(len(choices))]
        a, b = (f"o{k}" for k in rng.permutation(n)[:2])
        r = Relation(a, predicate, b, name, frame, verdict="true" if rng.random() < 0.8 else "false", origin="person")  # type: ignore[arg-type]
        if r.key in kept or (b, a, name, frame) in kept:
            continue
        if not clashes(SpatialGraph.of(things, [*kept.values(), r])):
            kept[r.key] = r
        if len(kept) == count:
            break
    return SpatialGraph.of(things, kept.values())


def assert_shown(layout: Layout, graph: SpatialGraph) -> None:
    """By its own rule each holds; and the graph a picture of this layout would have says nothing else."""
    assert missing(layout, graph) == ()
    stored = extract(layout)
    for r in graph:
        now = stored.relation(r.subject, r.object, r.family, r.frame)
        if now is not None and now.verdict == "true" and r.verdict == "true":
            assert now.predicate != inverse_of(r.predicate) or r.predicate == now.predicate, (r, now)
        if r.verdict == "false":
            assert now is None or (now.predicate, now.verdict) != (r.predicate, "true"), (r, now)
    assert not clashes(stored)
    for box in layout.boxes.values():
        assert 0 <= box.x0 < box.x1 <= layout.width
        assert 0 <= box.y0 < box.y1 <= layout.height
    depths = [layout.depths[i] for i in layout.order]
    assert depths == sorted(depths)


def assert_truly_infeasible(failure: LayoutInfeasible, graph: SpatialGraph, size: tuple[int, int]) -> None:
    """What is named does not fit by itself, and fits without any one of its members."""
    core = failure.core
    assert core, str(failure)
    assert {r.key for r in core} <= {r.key for r in graph}
    with pytest.raises(LayoutInfeasible) as again:
        arrange(Request(graph.but(relations=core), *size))
    assert {r.key for r in again.value.core} == {r.key for r in core}
    for r in core:
        fewer = graph.but(relations=[other for other in core if other is not r])
        assert missing(arrange(Request(fewer, *size)), fewer) == ()


@given(st.integers(0, 2**32 - 1), st.integers(2, 12), st.floats(0.3, 2.0), st.sampled_from(SIZES))
@settings(max_examples=settings().max_examples // 2)
def test_a_consistent_graph_gets_a_layout_or_a_true_reason(seed: int, n: int, density: float, size: tuple[int, int]) -> None:
    rng = np.random.default_rng(seed)
    graph = consistent(rng, n, max(1, round(n * density)))
    try:
        layout = arrange(Request(graph, *size, seed=seed % 1000))
    except LayoutInfeasible as failure:
        assert_truly_infeasible(failure, graph, size)
    else:
        assert_shown(layout, graph)
