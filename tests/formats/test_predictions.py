"""Question and answer files: every line that can't be used is named, the rest is read."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacestudio.domain.boxes import Box
from spacestudio.domain.grounded import Grounded, Mention, Predicate
from spacestudio.errors import FormatError
from spacestudio.formats.answer_boxes import box_as_published, box_in
from spacestudio.formats.asv2 import decode, encode
from spacestudio.formats.grounded_text import to_grid
from spacestudio.formats.grounded_tuples import _read_loosely, _read_strictly, read_as_published, read_tuples
from spacestudio.formats.predictions import Answer, ChoiceQuestion, GraphQuestion, paired, read_rows, read_synonyms
from tests.support import DATA, needs_data


def write(path, lines: Iterable[object]):
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines), encoding="utf-8")
    return path


def test_lines_that_are_no_answers_are_named(tmp_path):
    lines = [
        {"question_id": 1, "text": "yes"}, "", '{"question_id": 2, "text": "cut o', "[]", {"question_id": 3}, {"text": "no id"},
        {"question_id": 4, "text": 5}, {"question_id": None, "text": ""}, {"question_id": True, "text": ""},
        {"question_id": "b", "text": "no", "model_id": "m"}, '{"question_id": ' + "9" * 5000 + ', "text": ""}', "[" * 5000,
        {"question_id": 5, "text": "x" * 100_001},
    ]  # fmt: skip
    rows = read_rows(write(tmp_path / "a.jsonl", lines), Answer)
    assert [(row.question_id, row.text) for row in rows.items] == [("1", "yes"), ("b", "no")]
    assert [problem.split(":")[0] for problem in rows.problems] == [
        f"a.jsonl, line {k}" for k in (3, 4, 5, 6, 7, 8, 9, 11, 12, 13)
    ]
    assert "question_id: it is missing" in rows.problems[3]


def test_a_list_is_read_too_and_bytes_that_are_no_text_are_one_bad_line(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('\ufeff[{"question_id": 1, "text": "a"}, 7]', encoding="utf-8")
    rows = read_rows(path, Answer)
    assert len(rows.items) == 1 and rows.problems[0].startswith("a.json, item 2")
    path.write_bytes(b'{"question_id": 1, "text": "a"}\n{"question_id": 2, "text": "\xff\xfe"}\n')
    assert (len(read_rows(path, Answer).items), len(read_rows(path, Answer).problems)) == (1, 1)


@pytest.mark.parametrize("content", ["", "\n \n", "no json", "{}", "[1, 2", "[]", "\x00\xff"])
def test_a_file_of_nothing_is_refused_in_a_line(tmp_path, content):
    path = tmp_path / "a.jsonl"
    path.write_text(content)
    with pytest.raises(FormatError) as caught:
        read_rows(path, Answer)
    assert "\n" not in str(caught.value) and "question_id, text" in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"width": 0}, {"width": "wide"}, {"height": 10**30}, {"relation_tuples": [["a", [0, 0, 1, 1], "b", [0, 0, 1], "on"]]},
        {"relation_tuples": [["a", [0, 0, 1, float("nan")], "b", [0, 0, 1, 1], "on"]]},
        {"relation_tuples": [["a", [0, 0, 1, float("inf")], "b", [0, 0, 1, 1], "on"]]}, {"relation_tuples": {}},
        {"relation_tuples": [["a", [0, 0, 1, 1], 7, [0, 0, 1, 1], "on"]]},
    ],
)  # fmt: skip
def test_questions_with_wrong_values_are_refused_by_line(tmp_path, wrong):
    good = {"question_id": 1, "width": 4, "height": 3, "relation_tuples": []}
    rows = read_rows(write(tmp_path / "q.jsonl", [good, good | wrong]), GraphQuestion)
    assert len(rows.items) == 1 and rows.problems[0].startswith("q.jsonl, line 2: " + next(iter(wrong)))


def test_pairs_by_both_definitions(tmp_path):
    def question(number, text):
        return {"question_id": number, "question": text, "options": ["a", "b"], "answer": "A"}

    questions = read_rows(
        write(tmp_path / "q", [question(1, "first"), question("2", ""), question(1, "again")]), ChoiceQuestion
    )
    said = [{"question_id": k, "text": text} for k, text in (("1", "x"), (9, "y"), (1, "z"))]
    answers = read_rows(write(tmp_path / "a", said), Answer)
    ours = paired(questions, answers)
    assert [(q.question_id, q.question, a and a.text) for q, a in ours.pairs] == [("1", "first", "z"), ("2", "", None)]
    assert ours.counts == {
        "n_questions": 2, "n_answers": 3, "n_unanswered": 1, "n_unknown_ids": 1, "n_duplicates": 2, "n_bad_lines": 0
    }  # fmt: skip
    assert len(ours.notes) == 3 and any("9" in note for note in ours.notes)
    theirs = paired(questions, answers, as_published=True)
    assert [(q.question, a.text) for q, a in theirs.pairs] == [("again", "x"), ("again", "z")]


def test_synonyms(tmp_path):
    path = tmp_path / "s.txt"
    path.write_text("person, man ,woman\n\ncar,auto\n")
    assert read_synonyms(path) == [["person", "man", "woman"], ["car", "auto"]]
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FormatError, match="UTF-8"):
        read_synonyms(path)


# The tuples of grounded text: the quick reader and `decode` say the same

NAMES = st.sampled_from(["cup", "traffic light", "  two\n words ", "", "x" * 130, "unknown"])
QUADS = st.tuples(*[st.integers(0, 12)] * 4).map(
    lambda q: (min(q[0], q[2]), min(q[1], q[3]), max(q[0], q[2]), max(q[1], q[3]))
)
LISTS = st.lists(QUADS, min_size=1, max_size=3).map(lambda quads: f"<box>{json.dumps([list(q) for q in quads])}</box>")
PIECES = st.one_of(
    st.tuples(st.just("ref"), NAMES, st.lists(LISTS, max_size=2)),
    st.tuples(st.just("pred"), st.sampled_from(["on", "in", " On  top", ""]), st.lists(LISTS, max_size=4)),
).map(lambda p: f"<{p[0]}>{p[1]}</{p[0]}>{''.join(p[2])}")
ODD = st.sampled_from(
    ["<ref>", "</box>", "<box>[[1,2,3]]</box>", "<box>[1,2,3,4]</box>", "a < b", "<pred>on</ref>", "[[", "\n"]
)
BROKEN = st.sampled_from(["<box>[[9,9,1,1]]</box>", "<box>[[1,2,3,4000]]</box>", "<box>[[01,2,3,4]]</box>", "<box>[]</box>"])
TEXTS = st.lists(st.one_of(PIECES, PIECES, PIECES, ODD, BROKEN, st.just(", ")), max_size=12).map("".join)


def as_decoded(text, width, height):
    decoded = decode(text, width, height)
    return [
        (s, to_grid(a, width, height), o, to_grid(b, width, height), p) for s, a, o, b, p in decoded.tuples
    ], decoded.well_formed


@settings(deadline=None)
@given(TEXTS, st.sampled_from([(640, 480), (333, 500), (7, 7)]))
def test_the_quick_reader_says_what_decode_says(text, size):
    reading = read_tuples(text, *size)
    tuples, well_formed = as_decoded(text, *size)
    assert [(t.subject[0], t.subject_box, t.object[0], t.object_box, t.predicate) for t in reading.tuples] == tuples
    assert reading.well_formed == well_formed
    if (strict := _read_strictly(text)) is not None:
        assert strict == _read_loosely(text, *size), "with every name of each box"


def test_what_encode_writes_takes_the_quick_way():
    boxes = {"a": Box(10, 20, 110, 220), "b": Box(300.5, 100, 500, 400)}
    text = encode(
        Grounded((Mention("cup", ("a",)), " ", Mention("bed", ("b",)), " ", Predicate("on", ("a",), ("b",)))),
        boxes,
        640,
        480,
    )
    reading = _read_strictly(text)
    assert reading is not None and len(reading.tuples) == 1
    assert reading.tuples[0].subject_box == to_grid(boxes["a"], 640, 480)


@needs_data
def test_real_answers():
    for path in sorted((DATA / "asv2").glob("*.txt")):
        text = path.read_text(encoding="utf-8")
        assert [(t.subject[0], t.subject_box) for t in read_tuples(text, 640, 480).tuples] == [
            row[:2] for row in as_decoded(text, 640, 480)[0]
        ]
        assert read_as_published(text, {}) is not None


# The published reader, case by case as its source reads


@pytest.mark.parametrize(
    ("text", "tuples", "well_formed"),
    [
        ("", [], True),
        (
            "<ref>traffic light</ref><box>[[1,2,3,4]]</box><ref>Cup</ref><box>[[5,6,7,8]]</box>"
            "<pred>on</pred><box>[[1, 2,3,4]]</box><box>[[5,6,7,8]]</box>",
            [(("traffic", "light"), (1, 2, 3, 4), ("mug",), (5, 6, 7, 8), "on")],
            True,
        ),
        (
            "<pred>on</pred><box>[[1,2,3,4]]</box><box>[[5,6,7,8],[1,1,2,2]]</box>",
            [(("Unknown",), (1, 2, 3, 4), ("Unknown",), box, "on") for box in ((5, 6, 7, 8), (1, 1, 2, 2))],
            True,
        ),
        ("<pred>on</pred><box>[[1,2,3,4]]</box>", [], False),
        (
            "<pred>on</pred><box>[[1,2,3,4]]</box> and <pred>on</pred><box>[[5,6,7,8]]</box>",
            [(("Unknown",), (1, 2, 3, 4), ("Unknown",), (5, 6, 7, 8), "on")],
            True,
        ),
        (
            "<pred>on</pred><box>[[1,2,3,4],[2,2,3,3]]</box><box>[[5,6,7,8],[1,1,2,2],[3,3,4,4]]</box>",
            [(("Unknown",), a, ("Unknown",), b, "on") for a, b in (((1, 2, 3, 4), (5, 6, 7, 8)), ((2, 2, 3, 3), (1, 1, 2, 2)))],
            False,
        ),
        ("<pred>on</pred><box>[[1,2,3]]</box><box>[[5,6,7,8]]</box>", [], True),
        ("<pred>on</pred><box>[[1,2,3,4]</box><box>[[5,6,7,8]]</box><box>[[1,1,2,2]]</box>",
         [(("Unknown",), (5, 6, 7, 8), ("Unknown",), (1, 1, 2, 2), "on")], True),
        ("<pred>on\n</pred><box>[[1,2,3,4]]</box><box>[[5,6,7,8]]</box>", [], True),
        ("a < b <pred>on</pred><box>[[1,2,3,4]]</box><box>[[5,6,7,8]]</box>",
         [(("Unknown",), (1, 2, 3, 4), ("Unknown",), (5, 6, 7, 8), "on")], True),
    ],
)  # fmt: skip
def test_as_published(text, tuples, well_formed):
    reading = read_as_published(text, {"cup": "mug"})
    assert (list(reading.tuples), reading.well_formed) == (tuples, well_formed)


@pytest.mark.parametrize("text", ["<ref>a</ref><box>5</box>", "<pred>on</pred><box>5</box><box>[[1,2,3,4]]</box>"])
def test_where_the_published_script_stops(text):
    assert read_as_published(text, {}) is None


@settings(deadline=None)
@given(st.one_of(TEXTS, st.text(alphabet="<>/refpdbox[]0123, \n", max_size=200)))
def test_published_reading_never_fails(text):
    read_as_published(text, {})


def test_hostile_brackets_take_no_time():
    for text in (
        "<" * 100_000,
        "<ref>" * 20_000,
        "[" * 100_000,
        "<box>" + "[[1,2,3,4]," * 9000,
        "<>" * 50_000,
        "[ " * 50_000,
    ):
        read_tuples(text, 640, 480)
        read_as_published(text, {})
        box_in(text)
        box_as_published(text)


@pytest.mark.parametrize(
    ("text", "meant", "published"),
    [
        ("[[1, 2, 3, 4]]", (1, 2, 3, 4), (1, 2, 3, 4)), ("it is <box>[[9,2,3,4]]</box>", (3, 2, 9, 4), (9, 2, 3, 4)),
        ("[1,2,3,4]", (1, 2, 3, 4), None), ("(1,2,3,4)", (1, 2, 3, 4), None), ("[[1,2,3,4],[5,6,7,8]]", (1, 2, 3, 4), (1, 2, 3, 4)),
        ("nowhere", None, None), ("[[1,2,3]]", None, None), ("[[1,2,3,null]]", None, None), ("[[a]] [[1,2,3,4]]", (1, 2, 3, 4), None),
        ("[[1.5,2,3,4]]", (1.5, 2, 3, 4), (1.5, 2, 3, 4)),
    ],
)  # fmt: skip
def test_boxes_of_grounding_answers(text, meant, published):
    assert (box_in(text), box_as_published(text)) == (meant, published)
