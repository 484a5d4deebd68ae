"""Files to reports: the published figures to the printed digit, a perfect answer at 100, and files that are no good."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spacestudio.domain.boxes import Box
from spacestudio.domain.grounded import Grounded, Mention, Predicate
from spacestudio.errors import InputError
from spacestudio.formats.asv2 import encode
from spacestudio.services.scores import SCORERS
from tests.support import DATA, needs_data

GOLDEN = DATA / "golden" / "psg"

QUESTIONS: dict[str, list[dict[str, Any]]] = {
    "psg": [
        {"question_id": k, "image": f"{k}.jpg", "width": 640, "height": 480,
         "relation_tuples": [["cup", [10, 20, 110, 220], "bed", [300, 100, 500, 400], "on"]]} for k in range(3)
    ],
    "predcls": [
        {"question_id": k, "image": "i.jpg", "subj": k, "obj": "bed", "correct_option": ["on"]} for k in range(3)
    ],
    "crpe": [
        {"question_id": k, "image": "i.jpg", "category": "subj", "correct_option": "ABCD"[k], "text": "?"} for k in range(4)
    ],
    "grounding": [
        {"question_id": k, "image": "i.jpg", "width": 640, "height": 480, "bbox": [10, 20, 110, 220], "category": "a",
         "text": "the cup"} for k in range(3)
    ],
    "choice": [
        {"question_id": k, "image": "i.jpg", "question": "?", "options": ["cup", "bed"], "answer": "AB"[k % 2], "pair": k // 2,
         "category": "c"} for k in range(4)
    ],
}  # fmt: skip
CUP, BED = (to.to_padded_999(640, 480) for to in (Box(10, 20, 110, 220), Box(300, 100, 500, 400)))
SAID = (
    f"The <ref>cup</ref><box>[{list(CUP)}]</box> is <pred>on</pred><box>[{list(CUP)}]</box><box>[{list(BED)}]</box> the "
    f"<ref>bed</ref><box>[{list(BED)}]</box>."
)
ANSWERS: dict[str, list[dict[str, Any]]] = {
    "psg": [{"question_id": k, "text": SAID} for k in range(3)],
    "predcls": [{"question_id": k, "text": ["on", "in"], "scores": [-0.5, -0.7]} for k in range(3)],
    "crpe": [{"question_id": k, "text": "ABCD"[k]} for k in range(4)],
    "grounding": [{"question_id": k, "text": f"[{list(CUP)}]"} for k in range(3)],
    "choice": [{"question_id": k, "text": ("The answer is A", "bed")[k % 2]} for k in range(4)],
}
MAIN = {"psg": "recall", "predcls": "R@20", "crpe": "subj", "grounding": "accuracy", "choice": "accuracy"}


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows) + "\n", encoding="utf-8")
    return path


def scored(name: str, folder: Path, questions: list[Any], answers: list[Any], **chosen: Any) -> dict[str, Any]:
    """What `score NAME --json` prints."""
    scorer = SCORERS.load(name)
    files = {"questions": write(folder / "q.jsonl", questions), "answers": write(folder / "a.jsonl", answers)}
    value = scorer.json(scorer.score(files, {c.name: c.default for c in scorer.choices} | chosen))
    return json.loads(json.dumps(value))


@needs_data
@pytest.mark.parametrize("with_synonyms", [True, False])
def test_psg_prints_the_published_figures(with_synonyms):
    expected = json.loads((GOLDEN / "expected.json").read_text())
    scorer = SCORERS.load("psg")
    files = {"questions": GOLDEN / "questions.jsonl", "answers": GOLDEN / "answers.jsonl"}
    files |= {"synonyms": DATA / "asv2" / "synonyms.txt"} if with_synonyms else {}
    found = scorer.json(scorer.score(files, {"as_published": True, "lemmas": True}))
    assert found["as_published"] is True and found["n_images"] == 200
    if with_synonyms:
        assert {name: found[name] for name in expected["as_published"]} == expected["as_published"]
        assert found["per_predicate"] == expected["per_predicate_recall"]
    else:
        assert any("synonyms" in note for note in found["notes"])
    exact = scorer.json(scorer.score(files, {"as_published": False, "lemmas": True}))
    assert exact["recall"] > found["recall"], "names of several words can match"
    assert exact["intervals"]["recall"][0] < exact["recall"] < exact["intervals"]["recall"][1]


@needs_data
def test_a_perfect_answer_has_100_although_the_text_rounds(tmp_path):
    questions = [json.loads(line) for line in (GOLDEN / "questions.jsonl").read_text().splitlines()]
    assert any(" " in row[0] for q in questions for row in q["relation_tuples"]), "names of several words"
    answers = [{"question_id": q["question_id"], "text": told(q)} for q in questions]
    report = scored("psg", tmp_path, questions, answers)
    assert (report["recall"], report["mean_recall"], report["correct_format_ratio"]) == (100, 100, 1)
    assert report["intervals"]["recall"] == [100, 100]
    assert scored("psg", tmp_path, questions, answers, as_published=True)["recall"] < 100


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["cup", "traffic light", "sky-other-merged", "t-shirt"]),
            st.tuples(*[st.floats(0, 640, width=32)] * 4),
            st.sampled_from(["cups", "wall-brick"]),
            st.tuples(*[st.floats(0, 640, width=32)] * 4),
            st.sampled_from(["on", "In front  of"]),
        ),
        min_size=1, max_size=12,
    )
)  # fmt: skip
def test_any_perfect_answer_has_100(tmp_path, rows):
    gold = [[s, list(Box.spanning(*a).xyxy), o, list(Box.spanning(*b).xyxy), p] for s, a, o, b, p in rows]
    question = {"question_id": 1, "width": 640, "height": 640, "relation_tuples": gold}
    assert scored("psg", tmp_path, [question], [{"question_id": 1, "text": told(question)}])["recall"] == 100


def told(question: dict[str, Any]) -> str:
    """An answer that states every true tuple."""
    boxes: dict[str, Box] = {}
    spans: list[Any] = []
    for k, (subject, one, object_, other, predicate) in enumerate(question["relation_tuples"]):
        ends = f"s{k}", f"o{k}"
        boxes |= {ends[0]: Box(*one), ends[1]: Box(*other)}
        spans += [
            Mention(subject, ends[:1]),
            " is ",
            Predicate(predicate, ends[:1], ends[1:]),
            " the ",
            Mention(object_, ends[1:]),
            ". ",
        ]
    return encode(Grounded(tuple(spans)), boxes, question["width"], question["height"])


@pytest.mark.parametrize("name", MAIN)
def test_right_answers_have_100(name, tmp_path):
    report = scored(name, tmp_path, QUESTIONS[name], ANSWERS[name])
    assert report[MAIN[name]] == 100
    assert report["notes"] == [] or name in ("psg", "grounding")
    assert report["definition"] and not report["worst"]


@pytest.mark.parametrize("name", MAIN)
def test_what_is_missing_counts_as_wrong_and_is_named(name, tmp_path):
    report = scored(
        name, tmp_path, QUESTIONS[name], [*ANSWERS[name][:-1], ANSWERS[name][0] | {"question_id": "stranger"}, '{"cut']
    )
    assert report[MAIN[name]] < 100
    assert (report["n_unanswered"], report["n_unknown_ids"], report["n_bad_lines"]) == (1, 1, 1)
    notes = "\n".join(report["notes"])
    assert "stranger" in notes and str(QUESTIONS[name][-1]["question_id"]) in notes and "a.jsonl, line" in notes


@pytest.mark.parametrize("name", [name for name in MAIN if name != "choice"])
def test_as_published_does_not_notice_what_is_missing(name, tmp_path):
    if name == "crpe":
        questions = [q | {"question_id": f"{q['question_id']}{turn}"} for turn in "ab" for q in QUESTIONS[name]]
        answers = [a | {"question_id": f"{a['question_id']}a"} for a in ANSWERS[name]]
    else:
        questions, answers = QUESTIONS[name], ANSWERS[name][:2]
    report = scored(name, tmp_path, questions, answers, as_published=True)
    assert report["as_published"] and report["n_unanswered"] > 0
    if name != "predcls":  # the last of the picture's triples is dropped
        assert report[MAIN[name]] == 100


@pytest.mark.parametrize("name", MAIN)
def test_answers_of_another_benchmark_are_refused_or_score_nothing(name, tmp_path):
    strangers = [row | {"question_id": f"x{k}"} for k, row in enumerate(ANSWERS[name])]
    report = scored(name, tmp_path, QUESTIONS[name], strangers)
    assert (report[MAIN[name]], report["n_unanswered"]) == (0, len(QUESTIONS[name]))
    if name != "choice":
        with pytest.raises(InputError, match="Nothing can be scored"):
            scored(name, tmp_path, QUESTIONS[name], strangers, as_published=True)


def test_psg_notes_where_the_published_script_would_stop(tmp_path):
    answers = [*ANSWERS["psg"][:2], {"question_id": 2, "text": "<ref>cup</ref><box>5</box>"}]
    report = scored("psg", tmp_path, QUESTIONS["psg"], answers, as_published=True)
    assert (report["n_stopped"], report["n_images"]) == (1, 2)


def test_choice_names_questions_without_a_right_option(tmp_path):
    odd = QUESTIONS["choice"][0] | {"question_id": "odd", "answer": "table"}
    report = scored("choice", tmp_path, [*QUESTIONS["choice"], odd], ANSWERS["choice"])
    assert report["n_unusable_questions"] == 1 and any("odd" in note for note in report["notes"])
    assert (report["accuracy"], report["pair_accuracy"], report["n_pairs"]) == (100, 100, 2)
    with pytest.raises(InputError, match="letter"):
        scored("choice", tmp_path, [odd], ANSWERS["choice"])


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.just(10**400), st.floats(), st.text(max_size=12), st.just([]), st.just({}),
    st.lists(st.one_of(st.floats(), st.integers(), st.text(max_size=4), st.none()), max_size=5), st.just([[1, 2, 3, 4]]),
    st.just("<ref>cup</ref><box>[[1,2,3,4]]</box><pred>on</pred><box>[[1,2,3,4],[5"), st.just("(A"), st.just("<" * 300),
)  # fmt: skip


@pytest.mark.parametrize("as_published", [False, True])
@pytest.mark.parametrize("name", MAIN)
@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_lines_end_in_a_report_or_one_line(name, as_published, tmp_path, data):
    rows = {"q": [dict(row) for row in QUESTIONS[name]], "a": [dict(row) for row in ANSWERS[name]]}
    for some in rows.values():
        for row in some:
            if data.draw(st.booleans()):
                row[data.draw(st.sampled_from(sorted(row)))] = data.draw(VALUES)
    lines = {which: [json.dumps(row) for row in some] for which, some in rows.items()}
    for some in lines.values():
        k = data.draw(st.integers(0, len(some) - 1))
        some[k] = some[k][: data.draw(st.integers(0, len(some[k])))] + data.draw(st.sampled_from(["", "\x00", "]}", "\n"]))
    chosen = {"as_published": as_published} if name != "choice" else {}
    report, line = {MAIN[name]: 0}, ""
    try:
        report = scored(name, tmp_path, lines["q"], lines["a"], **chosen)
    except InputError as error:
        line = str(error)
    assert "\n" not in line
    assert 0 <= (report[MAIN[name]] or 0) <= 100


@pytest.mark.parametrize("name", MAIN)
def test_order_does_not_matter(name, tmp_path):
    answers = ANSWERS[name][:]
    answers[0] = answers[0] | ({"text": ["in"], "scores": [0.1]} if name == "predcls" else {"text": "nothing"})
    before = scored(name, tmp_path, QUESTIONS[name], answers)
    random.Random(3).shuffle(answers)
    assert scored(name, tmp_path, QUESTIONS[name], answers) == before


@pytest.mark.parametrize("name", SCORERS)
def test_words_name_no_commands(name):
    scorer = SCORERS.load(name)
    words = [part.help for part in (*scorer.files, *scorer.choices)]
    assert not [
        said for said in words if "--" in said or "docs/" in said or "captions sheet" in said or "questions prox" in said
    ]
