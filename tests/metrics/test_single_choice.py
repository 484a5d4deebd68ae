"""CRPE and multiple choice of any benchmark."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spacestudio.errors import InputError
from spacestudio.metrics import choice, crpe

OPTIONS = ("dog", "cat", "cup", "bed")


def turned(category, said, group=None, name="q"):
    """Four copies whose right letters are A, D, C, B."""
    return [
        crpe.Copy(f"{name}{k}", f"{name}.jpg", category, letter, (), group, text)
        for k, (letter, text) in enumerate(zip("ADCB", said, strict=True))
    ]


def test_all_four_turns_must_be_right():
    copies = [*turned("exist", "ADCB"), *turned("exist", "ADCA", name="r"), *turned("Predicate", "ADCB", name="s")]
    report = crpe.score(copies)
    assert (report["exist"].value, report["exist"].n, report["pred"].value) == (50, 2, 100)
    assert report["overall"].value is None, "subject and object are missing"
    assert {row[0]: row[1] for row in report.tables[0].rows} == {"exist": 87.5, "pred": 100}
    assert [item.score for item in report.worst] == [0.75]


def test_overall_is_the_mean_of_subject_predicate_and_object():
    copies = [
        copy
        for k, (category, said) in enumerate([("exist", "AAAA"), ("subj", "ADCB"), ("pred", "ADCB"), ("obj", "AAAA")])
        for copy in turned(category, said, name=f"q{k}-")
    ]
    assert crpe.score(copies)["overall"].value == pytest.approx(200 / 3)
    for row in crpe.PUBLISHED.rows:
        assert sum(float(v) for v in row[2:5]) / 3 == pytest.approx(row[5], abs=0.006), "as in the published rows"


def test_published_takes_letters_to_the_character():
    copies = turned("subj", ["A.", "(D)", "C. cup", "The answer is B"])
    assert crpe.score(copies)["subj"].value == 100
    report = crpe.score(copies, as_published=True)
    assert (report["subj"].value, report.counts["n_invalid"]) == (0, 4)
    assert crpe.score(turned("subj", "ADCB"), as_published=True)["subj"].value == 100


def test_groups_bring_scattered_copies_together():
    one, other = turned("subj", "ADCB", "g1"), turned("subj", "BBBB", "g2", "r")
    mixed = [copy for pair in zip(one, other, strict=True) for copy in pair]
    assert crpe.score(mixed)["subj"].value == 50
    assert crpe.score(mixed, as_published=True)["subj"].value == 0, "four that follow each other in the file"


def test_questions_of_two_options():
    def asked(group):
        rows = zip("ABAB", ("g1", "g1", "g2", "g2"), strict=True)
        return [
            crpe.Copy(f"q{k}", "q.jpg", "exist", letter, ("yes", "no"), own if group else None, letter)
            for k, (letter, own) in enumerate(rows)
        ]

    assert [crpe.score(asked(group))["exist"].n for group in (True, False)] == [2, 1]
    assert crpe.score(asked(True), as_published=True)["exist"].value == 100, "four that follow each other in the file"


def test_questions_that_lack_a_copy_are_counted():
    report = crpe.score([*turned("subj", "ADCB"), *turned("subj", "ADCB")[:3]])
    assert (report["subj"].value, report["subj"].n) == (100, 1)
    assert (report.counts["n_incomplete_groups"], report.counts["n_copies_left_out"]) == (1, 3)
    with pytest.raises(InputError, match="turned copies"):
        crpe.score(turned("subj", "ADCB")[:3])


def test_no_answer_is_wrong():
    assert crpe.score(turned("subj", ["A", "D", "C", None]))["subj"].value == 0


def asked(name, right, said, **more):
    return choice.Asked(name, f"{name}.jpg", more.pop("category", ""), OPTIONS, right, said, **more)


def test_invalid_and_missing_answers_are_wrong_and_told_apart():
    report = choice.score([asked("a", 0, "dog"), asked("b", 0, "B"), asked("c", 2, "who knows"), asked("d", 3, None)])
    assert (report["accuracy"].value, report["accuracy_valid"].value, report["chance"].value) == (25, 50, 25)
    assert (report.counts["n_invalid"], report["accuracy_valid"].n) == (1, 2)
    assert {item.id for item in report.worst} == {"b", "c", "d"}
    assert next(t for t in report.tables if t.columns[0] == "option").rows == (
        ("A", 1, 2), ("B", 1, 0), ("C", 0, 1), ("D", 0, 1), ("none", 2, 0)
    )  # fmt: skip


def test_a_pair_is_right_when_both_are():
    items = [
        asked("a", 0, "A", pair="1"),
        asked("b", 1, "B", pair="1"),
        asked("c", 0, "A", pair="2"),
        asked("d", 1, "A", pair="2"),
    ]
    report = choice.score(items)
    assert (report["accuracy"].value, report["pair_accuracy"].value, report["pair_chance"].value) == (75, 50, 6.25)
    assert report.counts["n_pairs"] == 2
    grouped = choice.score([replace(item, pair=None, group=item.pair) for item in items])
    assert grouped["group_accuracy"].value == 50 and grouped.counts["n_pairs"] == 0


def test_categories():
    items = [asked("a", 0, "A", category="left"), asked("b", 0, "A", category="left"), asked("c", 0, "B", category="far")]
    report = choice.score(items)
    assert report["category_mean"].value == 50
    assert [row[:4] for row in report.tables[0].rows] == [("left", 100, 2, 2), ("far", 0, 0, 1)]


@pytest.mark.parametrize(
    ("answer", "number"), [("A", 0), ("(c)", 2), ("cat", 1), ("Cup", 2), ("E", None), ("", None), ("A or B", None)]
)
def test_what_a_question_says_is_right(answer, number):
    assert choice.right_option(answer, OPTIONS) == number


def test_words_come_before_letters_in_a_questions_own_answer():
    assert choice.right_option("B", ("b", "a")) == 0
