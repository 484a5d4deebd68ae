"""Relations in node-link files: one of ours comes back as it was; a phrase of another's becomes its parts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacestudio.domain.boxes import Box
from spacestudio.domain.graph import FRAMES, VERDICTS, Relation, SpatialGraph
from spacestudio.domain.objects import SceneObject
from spacestudio.errors import FormatError
from spacestudio.formats.records import EndedRelationRecord, Record, from_node_link, rows_in, to_node_link
from spacestudio.relations import FAMILIES
from spacestudio.relations.relate import family
from spacestudio.relations.words import to_phrase
from tests.formats.made import full_sample

KNOWN = [(predicate, name) for name in FAMILIES for predicate in family(name).predicates]


def graph_of(*edges: dict[str, Any]) -> SpatialGraph:
    nodes = [{"id": "cat-1"}, {"id": "dog-1"}]
    return from_node_link({"nodes": nodes, "edges": [{"source": "cat-1", "target": "dog-1"} | edge for edge in edges]})


def said(graph: SpatialGraph) -> list[tuple[str, str, str]]:
    return [(r.predicate, r.family, r.frame) for r in graph]


def again(graph: SpatialGraph) -> SpatialGraph:
    """Through a node-link file."""
    return from_node_link(json.loads(json.dumps(to_node_link(graph))))


@pytest.mark.parametrize(
    ("phrase", "relations"),
    [
        ("on the left of, near", [("left of", "direction", "image"), ("near", "distance", "camera")]),
        ("in front of and to the lower left of", [
            ("in front of", "depth", "camera"), ("left of", "direction", "image"), ("below", "direction", "image")]),
        ("on, chasing", [("on", "support", "image"), ("chasing", "other", "image")]),
        ("Barks at, near, looks at", [("Barks at", "other", "image"), ("near", "distance", "camera"), ("looks at", "other", "image")]),
        ("near, close to", [("near", "distance", "camera")]),
        ("next to", [("beside", "distance", "camera")]),
        ("salt and pepper of", [("salt and pepper of", "other", "image")]),
        (" , ", [(" , ", "other", "image")]),
    ],
)  # fmt: skip
def test_every_part_of_a_phrase_is_a_relation(phrase, relations):
    graph = graph_of({"predicate": phrase})
    assert said(graph) == relations
    assert {(r.verdict, r.origin) for r in graph} == {("true", "person")}
    assert [r.evidence for r in graph] == ([{"phrase": phrase}] if len(relations) > 1 else [{}]) * len(relations)
    assert again(graph).relations == graph.relations


def test_parts_share_what_the_edge_says():
    edge = {
        "relation": "left of, near",
        "margin": 0.5,
        "threshold": 0.1,
        "verdict": "undecided",
        "origin": "model",
        "frame": "camera",
    }
    graph = graph_of(edge | {"evidence": {"page": 3}})
    assert said(graph) == [("left of", "direction", "camera"), ("near", "distance", "camera")]
    for r in graph:
        assert (r.margin, r.threshold, r.verdict, r.origin) == (0.5, 0.1, "undecided", "model")
        assert r.evidence == {"phrase": "left of, near", "page": 3}


def test_a_false_phrase_stays_whole_since_it_does_not_say_which_part_is_false():
    assert said(graph_of({"predicate": "left of, near", "verdict": "false"})) == [("left of, near", "other", "image")]
    assert said(graph_of({"predicate": "close to", "verdict": "false"})) == [("near", "distance", "camera")]


def test_a_stated_family_settles_it():
    graph = graph_of({"predicate": "left of, near", "family": "other"}, {"predicate": "close", "family": "distance"})
    assert said(graph) == [("left of, near", "other", "image"), ("close", "distance", "camera")]


def test_a_verdict_row_is_one_relation():
    row = EndedRelationRecord(subject="a", object="b", predicate="close to")
    assert row.value().triple == ("a", "near", "b")
    row = EndedRelationRecord(subject="a", object="b", predicate="left of, near")
    assert (row.value().triple, row.value().family) == (("a", "left of, near", "b"), "other")


@pytest.mark.parametrize(("predicate", "name"), KNOWN)
def test_each_predicate_finds_its_family_from_its_phrase(predicate, name):
    (r,) = graph_of({"predicate": to_phrase(predicate)})
    assert (r.predicate, r.family) == (predicate, name)


relations = st.builds(
    lambda known, words, frame, verdict, margin: Relation(
        "cat-1",
        words or known[0],
        "dog-1",
        "other" if words else known[1],
        frame,
        margin,
        0.05,
        verdict,
        "person",
        {"said": words},
    ),
    st.sampled_from(KNOWN),
    st.sampled_from(["", "chasing", "left of, near", "Holds, and hugs", "près de"]),
    st.sampled_from(FRAMES),
    st.sampled_from(VERDICTS),
    st.integers(-100, 100).map(lambda v: v / 100),
)


@given(st.lists(relations, max_size=8))
def test_our_own_graphs_come_back(rows):
    objects = [SceneObject(i, i[:3], Box(0, 0, 1, 1), origin="file") for i in ("cat-1", "dog-1")]
    graph = SpatialGraph.of(objects, rows, "yard", ("bird",))
    back = again(graph)
    assert back.relations == graph.relations
    assert [(o.id, o.label, o.box) for o in back.objects] == [(o.id, o.label, o.box) for o in objects]
    assert (back.scene, back.negative_objects) == ("yard", ("bird",))


def test_a_full_sample_s_graph_comes_back_and_networkx_reads_it():
    data = to_node_link(full_sample().graph)
    assert to_node_link(from_node_link(data)) == data
    net = nx.node_link_graph(data, edges="edges")
    assert net.number_of_edges() == len(data["edges"])


class Named(Record):
    name: str
    size: int = 0


def test_a_list_of_rows_is_read_row_by_row(tmp_path: Path):
    file = tmp_path / "rows.json"
    file.write_text('[{"name": "cat", "other": 1}, {"name": "dog", "size": 2}]')
    expected = [{"name": "cat"}, {"name": "dog", "size": 2}]
    assert rows_in(file, "rows.json", Named, "rows", "rows") == rows_in(tmp_path, "rows.json", Named, "rows") == expected
    file.write_text('[{"name": "cat"}, {"size": 2}]')
    with pytest.raises(FormatError, match=r"Row 1 of “rows\.json” can't be read \(name: it is missing\)"):
        rows_in(file, "", Named, "rows")
    file.write_text('{"name": "cat"}')
    assert rows_in(file, "", Named, "rows") == [{"name": "cat"}], "a file of one line"
    with pytest.raises(FormatError, match=r"“rows\.json” is no list of cats"):
        rows_in(file, "", Named, "rows", "cats")
