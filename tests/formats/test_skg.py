from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from spacestudio.domain.graph import Relation, SpatialGraph
from spacestudio.errors import FormatError, GraphError
from spacestudio.formats.skg import FORMAT, read_skg, to_row
from tests.formats.made import full_sample
from tests.support import DATA, needs_data


def scene(*triples: Any, **changes: Any) -> dict[str, Any]:
    return {
        "scene": "park", "chosen_objects": ["cat", "dog", "dog"], "attributes": {"0": "a black cat"}, "negative_objects": "",
        "objects_kg": list(triples),
    } | changes  # fmt: skip


def only(read: Any) -> SpatialGraph:
    (graph,) = read.graphs
    assert graph is not None
    return graph


@needs_data
def test_the_published_row() -> None:
    read = read_skg(DATA / "scene_graphs/skg_demo.json")
    graph = only(read)
    assert (read.warnings, read.errors, read.ids) == ((), (), [[0, 1]])
    assert [(o.id, o.label, o.attributes, o.origin) for o in graph.objects] == [
        ("cat-1", "cat", ("black",), "file"), ("dog-1", "dog", ("white",), "file"),
    ]  # fmt: skip
    assert (graph.scene, graph.negative_objects) == ("park", ("person",))
    assert [(r.triple, r.family, r.frame) for r in graph] == [
        (("cat-1", "left of", "dog-1"), "direction", "image"), (("cat-1", "near", "dog-1"), "distance", "camera"),
    ]  # fmt: skip
    assert [r.evidence["part"] for r in graph] == ["on the left of", "near"]
    assert {r.evidence["phrase"] for r in graph} == {"on the left of, near"}
    assert to_row(graph) == json.loads((DATA / "scene_graphs/skg_demo.json").read_text())[0]


@pytest.mark.parametrize(
    ("predicate", "family", "frame"),
    [("above", "direction", "image"), ("inside", "topology", "image"), ("on top of", "support", "image"), ("larger than", "scale", "image"),
     ("behind", "depth", "camera"), ("far from", "distance", "camera"), ("chasing", "other", "image")],
)  # fmt: skip
def test_each_phrase_goes_to_its_family_and_frame(predicate: str, family: str, frame: str) -> None:
    (r,) = only(read_skg(scene([0, predicate, 1])))
    assert (r.family, r.frame, r.verdict) == (family, frame, "true")
    assert r.evidence["part"] == predicate
    assert family != "other" or r.predicate == predicate


@pytest.mark.parametrize(
    ("triples", "kept", "word"),
    [
        ([["0", "above", "1"]], 1, ""),
        ([[0.0, "above", 1]], 1, ""),
        ([[0, "above", 1], [0, "above", 1]], 1, "second time"),
        ([[0, "above, on, above", 1]], 2, "second time"),
        ([[0, "left of", 1], [0, "on the left of", 1]], 1, "second time"),
        ([[0, "left of", 1], [0, "right of", 1]], 2, ""),
        ([[1, "above", 1]], 0, "itself"),
        ([[0, "above", 9]], 0, "no object"),
        ([[0, "above", -1]], 0, "no object"),
        ([[True, "above", 1]], 0, "no object"),
        ([["cat", "above", 1]], 0, "no object"),
        ([[None, "above", [1]]], 0, "no object"),
        ([[0, "above"]], 0, "no triple"),
        ([[0, 5, 1]], 0, "no triple"),
        (["above"], 0, "no triple"),
        ([[0, " , ", 1]], 0, "no relation"),
    ],
)  # fmt: skip
def test_what_can_be_read_is_read_with_a_word_on_the_rest(triples: list[Any], kept: int, word: str) -> None:
    read = read_skg(scene(*triples, [0, "near", 2]))
    assert len(only(read).relations) == kept + 1
    assert bool(read.warnings) == bool(word)
    assert all(word in w and w.startswith("Graph 0: ") and "\n" not in w for w in read.warnings)


def test_a_broken_row_is_named_and_takes_no_other() -> None:
    rows = [
        scene([0, "above", 1]),
        7,
        {"scene": "x"},
        scene(chosen_objects=[""]),
        scene(objects_kg="x"),
        scene([1, "on", 2]),
    ]
    read = read_skg(rows)
    assert [g is None for g in read.graphs] == [False, True, True, True, True, False]
    assert [e.split(" can't")[0] for e in read.errors] == [f"Graph {i}" for i in (1, 2, 3, 4)]
    assert read.ids == [[0, 1, 2], [], [], [], [], [0, 1, 2]]
    last = read.graphs[5]
    assert last is not None
    assert last.ids == ("cat-1", "dog-1", "dog-2")
    assert last.relations[0].triple == ("dog-1", "on", "dog-2")


@pytest.mark.parametrize(
    ("said", "words"),
    [("a black cat", ("black",)), ("A very old, grey cat", ("very", "old", "grey")), ("an old CAT with a hat", ("old",)), ("fluffy", ("fluffy",)),
     ("cat", ()), ("", ()), (None, ()), (5, ()), (["small", "black"], ("small", "black"))],
)  # fmt: skip
def test_attributes_are_the_words_before_the_label(said: Any, words: tuple[str, ...]) -> None:
    assert only(read_skg(scene(attributes={"0": said}))).objects[0].attributes == words


@pytest.mark.parametrize(
    ("value", "names"),
    [("person, red car", ("person", "red car")), (["person"], ("person",)), ("", ()), (None, ()), ([], ())],
)
def test_negative_objects_as_text_and_list(value: Any, names: tuple[str, ...]) -> None:
    assert only(read_skg(scene(negative_objects=value))).negative_objects == names


@pytest.mark.parametrize("content", ["", "[]", "5", "nope", "[[[["])
def test_no_graph_file_at_all(content: str, tmp_path: Path) -> None:
    path = tmp_path / "skg.json"
    path.write_text(content)
    with pytest.raises(GraphError) as caught:
        read_skg(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(FormatError):
        FORMAT.read(path)


def test_written_rows_hold_one_triple_a_pair_and_the_persons_word_first() -> None:
    row = to_row(full_sample().graph)
    pairs = [frozenset((t[0], t[2])) for t in row["objects_kg"]]
    assert len(pairs) == len(set(pairs)) == 3
    first = next(t for t in row["objects_kg"] if {t[0], t[2]} == {0, 1})
    assert first == [0, "in front of", 1]  # geometry says left of; the person spoke of depth
    assert row["attributes"]["2"] == "a black cat"
    assert list(row) == ["scene", "chosen_objects", "attributes", "negative_objects", "objects_kg"]


def test_only_true_relations_are_written_and_near_joins_a_direction() -> None:
    base = only(read_skg(scene()))
    a, b, c = base.ids
    graph = base.but(
        relations=[
            Relation(a, "left of", b, "direction", "image"),
            Relation(b, "right of", a, "direction", "image"),
            Relation(a, "near", b, "distance", "camera"),
            Relation(a, "above", c, "direction", "image", verdict="undecided"),
            Relation(b, "above", c, "direction", "image", verdict="false"),
            Relation(b, "behind", c, "depth", "left"),
        ]
    )
    assert to_row(graph)["objects_kg"] == [[0, "on the left of, near", 1]]


def test_a_graph_written_and_read_says_the_same() -> None:
    before = only(read_skg(scene([2, "on the left of, near", 0], [1, "chasing", 2], negative_objects="person, bus")))
    after = only(read_skg(to_row(before)))
    assert [r.triple for r in before] != []
    assert {r.triple for r in after} == {r.triple for r in before}
    assert [(o.id, o.name) for o in after.objects] == [(o.id, o.name) for o in before.objects]
    assert (after.scene, after.negative_objects) == (before.scene, before.negative_objects)


@pytest.mark.parametrize(
    ("phrase", "predicates"),
    [("in front of and to the left of", ["in front of", "left of"]), ("to the lower left of", ["left of", "below"]),
     ("upper right", ["right of", "above"]), ("to the left and above", ["left of", "above"]),
     ("behind and top-left of, near", ["behind", "left of", "above", "near"]), ("hugging and near", ["hugging and near"]),
     ("Mother and Child", ["Mother and Child"])],
)  # fmt: skip
def test_a_phrase_may_say_several_things_and_keeps_its_triple(phrase: str, predicates: list[str]) -> None:
    relations = only(read_skg(scene(["0", phrase, 1]))).relations
    assert [r.predicate for r in relations] == predicates
    assert all(r.evidence["triple"] == ["0", phrase, 1] for r in relations)
