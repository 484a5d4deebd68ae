from __future__ import annotations

import json
import re
from collections import Counter

import pytest

from spacestudio.domain.boxes import Box
from spacestudio.domain.graph import Relation, SpatialGraph
from spacestudio.domain.grounded import Grounded, Mention, Predicate
from spacestudio.domain.objects import SceneObject
from spacestudio.formats import FORMATS
from spacestudio.formats.asv2 import GRID, MOST, decode, encode, scene_text, told_relations
from spacestudio.formats.grounded_text import LONGEST, Decoded
from spacestudio.formats.predictions import Answer, read_rows
from spacestudio.relations.relate import inverse_of
from tests.formats.made import full_sample
from tests.support import DATA, needs_data

FILES: dict[str, dict[str, int]] = {
    "conversation_000": {"handling": 4, "in front of": 1},
    "detailed_description_000": {},
    "detailed_description_002": {},
    "region_description_000": {"held by": 1, "behind": 1},
}
"""The published samples, and what each text relates beyond its annotation: synonyms, relations turned round, one more."""
CAPTIONED = re.compile(r"^\((.+?), (\[.+?\]), (.+?), (\[.+?\]), (.+)\)$", re.MULTILINE)
SIZE = 1000, 1000


def conversation(name: str) -> Decoded:
    return decode((DATA / "asv2" / f"{name}_conv.txt").read_text("utf-8"), *SIZE)


def box(*numbers: int) -> Box:
    return Box.from_padded_999(numbers, *SIZE)


def kinds(said: Decoded) -> list[str]:
    return [p.kind for p in said.problems]


def triples(graph: SpatialGraph) -> list[tuple[str, Box, str, str, Box]]:
    return [
        (graph[r.subject].label, graph[r.subject].box, r.predicate, graph[r.object].label, graph[r.object].box)
        for r in graph
    ]


# The published samples, both ways


@needs_data
@pytest.mark.parametrize("name", FILES)
def test_published_text_to_graph_to_text_to_the_same_graph(name: str) -> None:
    said = conversation(name)
    again = decode(encode(said.grounded, said.boxes, *SIZE), *SIZE)
    assert again.grounded == said.grounded
    assert triples(again.graph) == triples(said.graph)
    assert [(o.id, o.label, o.box) for o in again.graph.objects] == [(o.id, o.label, o.box) for o in said.graph.objects]
    told = SpatialGraph.of(said.graph.objects, [Relation(*r.triple, r.family, r.frame, origin="person") for r in said.graph])
    made = decode(encode(scene_text(told), {o.id: o.box for o in told.objects}, *SIZE), *SIZE)
    assert not made.problems and made.well_formed
    assert {(o.label, o.box) for o in made.graph.objects} == {(o.label, o.box) for o in told.objects}
    said_of_it = set(triples(made.graph))
    for s, one, predicate, o, other in triples(told):
        turned = (o, other, inverse_of(predicate), s, one)
        assert (s, one, predicate, o, other) in said_of_it or turned in said_of_it, (
            "one direction of a known predicate is enough"
        )


@needs_data
@pytest.mark.parametrize("name", FILES)
def test_what_the_annotation_and_the_text_both_relate_they_relate_alike(name: str) -> None:
    said = conversation(name)
    annotation = (DATA / "asv2" / f"{name}_caps.txt").read_text("utf-8")
    given = {
        (box(*json.loads(one)), box(*json.loads(other)), predicate)
        for _, one, _, other, predicate in CAPTIONED.findall(annotation)
    }
    stated = {(one, other, predicate) for _, one, _, other, predicate in said.tuples}
    both = given & stated
    assert len(both) >= min(len(given), 5), "most of what was given is said"
    assert Counter(predicate for _, _, predicate in stated - given) == FILES[name]
    placed = {box(*json.loads(quad)) for quad in re.findall(r"^\w+: (\[.+\])$", annotation, re.MULTILINE)}
    assert {o.box for o in said.graph.objects} <= placed


@needs_data
def test_the_published_slip_is_read_and_told() -> None:
    """conversation_000 closes a name as a predicate and lets an empty list follow."""
    said = conversation("conversation_000")
    assert "“remotes”" in "".join(p.words for p in said.problems)
    (slip,) = [p for p in said.problems if p.kind == "tag"]
    text = (DATA / "asv2" / "conversation_000_conv.txt").read_text("utf-8")
    assert text[slip.position :].startswith("</pred>")
    assert text.split("\n")[slip.line - 1][slip.column - 1 :].startswith("</pred>")
    remotes = [m for m in said.grounded.mentions if m.text == "remotes"]
    assert [len(m.objects) for m in remotes] == [2, 2]
    assert said.well_formed
    handling = [p for p in said.grounded.predicates if p.text == "handling"]
    assert [(len(p.subjects), len(p.objects)) for p in handling] == [(4, 4)]


@needs_data
def test_every_golden_answer_reads_as_the_published_scorer_reads_it() -> None:
    answers = read_rows(DATA / "golden/psg/answers.jsonl", Answer)
    said = [decode(answer.text, GRID, GRID) for answer in answers.items]
    published = json.loads((DATA / "golden/psg/expected.json").read_text("utf-8"))["as_published"]
    assert len(said) == 200 and not answers.problems and not any(item.problems for item in said)
    assert sum(item.well_formed for item in said) / 200 == published["correct_format_ratio"]
    words = sum(len(t[0].split()) * len(t[2].split()) for item in said for t in item.tuples)
    assert round(words / 200, 2) == published["num_pred_tuples"], "which counts a name of two words twice"


# Lists of boxes


def test_one_goes_with_each_and_as_many_go_pairwise() -> None:
    text = (
        "<ref>men</ref><box>[[0,0,1,1],[2,2,3,3]]</box> <pred>on</pred><box>[[0,0,1,1],[2,2,3,3]]</box><box>[[0,5,9,9]]</box> a "
        "<ref>rug</ref><box>[[0,5,9,9]]</box> <pred>facing</pred><box>[[0,0,1,1],[2,2,3,3]]</box><box>[[2,2,3,3],[0,0,1,1]]</box>"
    )
    said = decode(text, *SIZE)
    assert not said.problems
    assert [(r.triple, r.family, r.origin, r.verdict) for r in said.graph] == [
        (("men-1", "on", "rug-1"), "support", "model", "undecided"), (("men-2", "on", "rug-1"), "support", "model", "undecided"),
        (("men-1", "facing", "men-2"), "other", "model", "undecided"), (("men-2", "facing", "men-1"), "other", "model", "undecided"),
    ]  # fmt: skip
    assert said.grounded.predicates[0] == Predicate("on", ("men-1", "men-2"), ("rug-1",))
    assert said.tuples[0] == ("men", box(0, 0, 1, 1), "rug", box(0, 5, 9, 9), "on")


def test_unequal_lists_give_their_pairs_and_are_told() -> None:
    text = "<ref>cups</ref><box>[[0,0,1,1],[2,2,3,3],[4,4,5,5]]</box><pred>near</pred><box>[[0,0,1,1],[2,2,3,3],[4,4,5,5]]</box><box>[[2,2,3,3],[0,0,1,1]]</box>"
    said = decode(text, *SIZE)
    assert kinds(said) == ["lengths"] and "3 subjects and 2 objects; the first 2" in said.problems[0].words
    assert len(said.tuples) == 2 and not said.well_formed


def test_more_than_two_lists_pair_one_after_the_other() -> None:
    pair = "<box>[[0,0,1,1]]</box><box>[[2,2,3,3]]</box>"
    names = "<ref>a</ref><box>[[0,0,1,1]]</box><ref>b</ref><box>[[2,2,3,3]]</box>"
    assert [len(decode(f"{names}<pred>by</pred>{pair * n}", *SIZE).tuples) for n in (1, 2, 3)] == [1, 2, 3]
    odd = decode(f"{names}<pred>by</pred>{pair}<box>[[2,2,3,3]]</box>", *SIZE)
    assert kinds(odd) == ["lengths"] and len(odd.tuples) == 1 and not odd.well_formed


def test_a_box_that_cannot_be_read_does_not_shift_the_pairs() -> None:
    names = "<ref>a</ref><box>[[0,0,1,1],[2,2,3,3],[4,4,5,5],[6,6,7,7]]</box>"
    said = decode(f"{names}<pred>by</pred><box>[[0,0],[2,2,3,3]]</box><box>[[4,4,5,5],[6,6,7,7]]</box>", *SIZE)
    assert [(t[1], t[3]) for t in said.tuples] == [(box(2, 2, 3, 3), box(6, 6, 7, 7))]
    assert kinds(said) == ["numbers"]


def test_well_formed_counts_all_lists_of_a_predicate_together_as_published() -> None:
    names = "<ref>a</ref><box>[[0,0,1,1]]</box><ref>b</ref><box>[[2,2,3,3]]</box>"
    one = "<pred>by</pred><box>[[0,0,1,1]]</box>"
    assert not decode(f"{names}{one}", *SIZE).well_formed
    twice = decode(f"{names}{one} {one}", *SIZE)
    assert twice.well_formed, "two halves make a whole there"
    assert kinds(twice) == ["lengths", "lengths"] and not twice.tuples, "not here"
    assert not decode(f"{names}<pred>by</pred><box>[[0,0,1,1]]</box><box>[[2,2,3,x]]</box>", *SIZE).well_formed
    assert decode("no tags at all", *SIZE).well_formed


# What is wrong, and where

A = "<ref>a</ref><box>[[1,1,2,2]]</box>"


@pytest.mark.parametrize(
    ("text", "kind", "column", "words"),
    [
        ("<ref>a</ref>", "box", 1, "No box follows “a”"),
        ("<ref>a</ref><box>[]</box>", "box", 18, "empty"),
        ("<ref></ref><box>[[1,1,2,2]]</box>", "name", 1, "empty"),
        ("<ref>a<box>[[1,1,2,2]]</box>", "tag", 1, "never closed"),
        ("<ref>a</ref><box>[[1,1,2,2]]", "tag", 13, "never closed"),
        ("<ref>a</pred><box>[[1,1,2,2]]</box>", "tag", 7, "closed by </pred>"),
        (f"{A}</box>", "tag", 35, "closes nothing"),
        ("<box>[[1,1,2,2]]</box>", "box", 1, "follows no name"),
        ("<ref>a</ref> is at <box>[[1,1,2,2]]</box>", "box", 20, "Text stands between"),
        ("<ref>a</ref><box>[[1,1,2]]</box>", "numbers", 19, "four numbers, this one 3"),
        ("<ref>a</ref><box>[[1,1,2,2.5]]</box>", "numbers", 19, "whole numbers from 0 to 999"),
        ("<ref>a</ref><box>[[1,1,2,1000]]</box>", "numbers", 19, "whole numbers from 0 to 999"),
        ("<ref>a</ref><box>[[1,1,2,NaN]]</box>", "numbers", 19, "not four numbers"),
        ("<ref>a</ref><box>[[9,1,2,2]]</box>", "numbers", 19, "exchanged"),
        ("<ref>a</ref><box>[1,1,2,2]</box>", "box", 18, "what reads as boxes was taken"),
        ("<ref>a</ref><box>left side</box>", "box", 18, "nothing in it reads as a box"),
        (f"{A}<pred>on</pred><box>[[1,1,2,2]]</box><box>[[3,3,4,4]]</box>", "unknown", 78, "No name introduces"),
        (f"{A}<pred>on</pred><box>[[1,1,2,2]]</box><box>[[1,1,2,2]]</box>", "self", 56, "to itself"),
        (f"{A}<ref>b</ref><box>[[1,1,2,2]]</box>", "name", 35, "second name of what was called “a”"),
        (f"<ref>{'b' * (LONGEST + 1)}</ref><box>[[1,1,2,2]]</box>", "name", 1, "longer than"),
    ],
)  # fmt: skip
def test_each_malformation_is_told_with_its_place(text: str, kind: str, column: int, words: str) -> None:
    (problem,) = decode(f"One line.\n{text}", *SIZE).problems
    assert (problem.kind, problem.line, problem.column) == (kind, 2, column)
    assert words in problem.words
    assert str(problem).startswith(f"line 2, column {column}: ")


def test_what_could_be_read_is_kept() -> None:
    said = decode("<ref>cat</pred><box>[[-5,0,1200,7.9]</box> <pred>on<box>[[0,0,999,7]]</box><box>[[5,5,6,6]]", *SIZE)
    assert [(o.label, o.box) for o in said.graph.objects] == [("cat", box(0, 0, 999, 7)), ("unknown", box(5, 5, 6, 6))]
    assert [r.predicate for r in said.graph] == ["on"]
    assert decode("", *SIZE).grounded == Grounded()


def test_names_are_found_all_over_the_text_and_the_first_counts() -> None:
    said = decode(
        "<pred>over</pred><box>[[1,1,2,2]]</box><box>[[3,3,4,4]]</box> a <ref>tree</ref><box>[[3,3,4,4]]</box>, the <ref>sky</ref><box>[[1,1,2,2]]</box> or <ref>Sky</ref><box>[[1,1,2,2]]</box>",
        *SIZE,
    )
    assert not said.problems, "the same name in other letters is no second name"
    assert said.tuples[0][0] == "sky" and said.tuples[0][2] == "tree"
    assert said.names[box(1, 1, 2, 2)] == ("sky", "Sky")


def test_text_that_looks_like_a_tag_is_neutralised() -> None:
    text = Grounded(("write <ref>", Mention("a </ref><box>[[9,9,9,9]]</box>", ("x",)), "</box> 1 < 2"))
    said = encode(text, {"x": Box(0, 0, 500, 500)}, *SIZE)
    assert said == "write < ref><ref>a < /ref>< box>[[9,9,9,9]]< /box></ref><box>[[0, 0, 499, 499]]</box>< /box> 1 < 2"
    assert [m.objects for m in decode(said, *SIZE).grounded.mentions] == [("a-ref-box-9-9-9-9-box-1",)]


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [(640, 480, [0, 124, 999, 874]), (480, 640, [124, 0, 874, 999]), (500, 500, [0, 0, 999, 999])],
)
def test_the_grid_lies_on_the_padded_square(width: int, height: int, expected: list[int]) -> None:
    said = encode(Grounded((Mention("all", ("x",)),)), {"x": Box(0, 0, width, height)}, width, height)
    assert said == f"<ref>all</ref><box>[{expected}]</box>"


# Rows from a graph


def test_a_row_names_every_object_and_says_each_fact_once() -> None:
    (row,) = FORMATS.load("asv2").rows([full_sample()])
    assert (row["width"], row["height"]) == (64, 48)
    said = decode(row["conversations"][1]["value"], 64, 48)
    assert not said.problems and said.well_formed
    assert [o.label for o in said.graph.objects] == ["ball", "lamp", "cat"]
    text = said.grounded.plain
    assert text.startswith(
        "The picture shows a ball, a lamp and a black cat. The ball is in front of the lamp and the cat, left of"
    )
    assert "The lamp shines on the ball and is in front of the cat." in text
    for r in said.graph:
        turned = [o for o in said.graph if (o.object, o.subject) == (r.subject, r.object)]
        assert inverse_of(r.predicate) not in {o.predicate for o in turned}


def test_the_persons_own_come_first_and_never_what_is_false_or_dull() -> None:
    objects = [SceneObject(f"o{i}", "cup", Box(i * 10, 0, i * 10 + 9, 9)) for i in range(12)]
    measured = [
        Relation(a.id, predicate, b.id, family, "image", 0.5, 0.1)
        for a in objects for b in objects if a is not b
        for predicate, family in (("left of", "direction"), ("separated", "topology"), ("larger", "scale"), ("far", "distance"))
    ]  # fmt: skip
    own = Relation("o11", "holding", "o0", "other", origin="person")
    untrue = [
        Relation("o0", "on", "o1", "support", verdict="false"),
        Relation("o0", "in front of", "o1", "depth", "camera", verdict="undecided"),
    ]
    told = told_relations(SpatialGraph.of(objects, [*measured, own, *untrue]))
    assert len(told) == MOST and own in told
    assert {r.predicate for r in told} == {"left of", "holding"}
    assert "another cup and another cup." in scene_text(SpatialGraph.of(objects)).plain


def test_what_rests_on_or_lies_inside_something_needs_no_direction() -> None:
    a, b = SceneObject("cup", "cup", Box(4, 0, 6, 5)), SceneObject("table", "table", Box(0, 5, 10, 9))
    says = [
        Relation("cup", "above", "table", "direction", margin=1, threshold=0.1),
        Relation("table", "under", "cup", "support"),
        Relation("cup", "on", "table", "support"),
    ]
    assert scene_text(SpatialGraph.of((a, b), says)).plain == "The picture shows a cup and a table. The cup is on the table."
    assert scene_text(SpatialGraph.of(())).plain.startswith("The picture shows nothing")
