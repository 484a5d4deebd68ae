"""Figures of Proximity QA against their definitions, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from spacestudio.metrics.proximity import Question, score

NAMES = (("cup",), ("bowl",))


def order(gold, said, form="direct", asked="closer", image="a", pair="", swapped=False, depths=(0.1, 0.6)):
    q = Question(f"{image}{form}{pair}{swapped}{said}", image, form, asked, NAMES, gold, depths, 0.05, pair, swapped)
    return q, said


def depth(gold, said, image="a"):
    return Question(f"{image}{gold}", image, "perception", "depth", NAMES[:1], gold, (gold,), 0.05), said


def test_depths_by_their_error():
    report = score(
        [depth(0.5, "0.4"), depth(0.25, "0.5", "b"), depth(0.01, "0.11", "c"), depth(0.8, "far"), depth(1.0, None)]
    )
    mse = (0.1**2 + 0.25**2 + 0.1**2) / 3
    assert report["MSE"].value == pytest.approx(mse) and report["RMSE"].value == pytest.approx(mse**0.5)
    assert report["AbsRel"].value == pytest.approx((0.1 / 0.5 + 0.25 / 0.25) / 2), "0.01 is too near to divide by"
    assert report["SqRel"].value == pytest.approx((0.01 / 0.5 + 0.0625 / 0.25) / 2)
    assert report["AbsRel"].n == 2 and report.counts["n_too_near"] == 1
    assert report["Spearman"].value == pytest.approx(0.5)
    assert report["validity"].value == 60 and report["within_tau"].value == 0
    assert report["RMSE_of_the_mean"].value == pytest.approx(np.std([0.5, 0.25, 0.01]))
    assert (report.counts["n_unreadable"], report.counts["n_unanswered"], report.counts["n_images"]) == (1, 1, 3)
    low, high = report["MSE"].low, report["MSE"].high
    assert low is not None and low <= mse <= high and report["RMSE"].low == pytest.approx(low**0.5)


def test_orders_by_their_accuracy():
    report = score([
        order("first", "The cup."), order("first", "The bowl."), order("second", "the bowl", image="b"),
        order("same", "about the same", image="b", depths=(0.5, 0.52)), order("first", "no idea", "reasoned"),
        order("second", "cup 0.2, bowl 0.7", "reasoned", "farther"),
    ])  # fmt: skip
    assert report["accuracy"].value == pytest.approx(400 / 6) and report["accuracy_valid"].value == 80
    assert report["accuracy_direct"].value == 75 and report["accuracy_reasoned"].value == 50
    assert report["validity"].value == pytest.approx(500 / 6)
    assert report["chance"].value == pytest.approx(100 * 5 / 6 / 2)
    assert report["first_named"].value == 25 and report["first_named"].n == 4
    assert report["first_is_right"].value == 60
    tables = {t.title: t for t in report.tables}
    assert tables["By difference of depth"].rows == (("0.4 and more", 5, 60.0), ("about the same", 1, 100.0))
    assert tables["Right answer by answer given"].rows == (
        ("first", 1, 1, 0, 1),
        ("second", 0, 2, 0, 0),
        ("same", 0, 0, 1, 0),
    )
    assert tables["By type"].rows == (("direct", 4, 100.0, 75.0, 75.0), ("reasoned", 2, 50.0, 50.0, 100.0))
    stated = tables["Depths stated"].rows[0]
    assert stated[:3] == ("reasoned", 2, pytest.approx(0.01))


def test_a_model_that_always_says_the_first_is_seen_through():
    pairs = [
        order(gold, "the first one", image=str(k), pair=str(k), swapped=swapped)
        for k in range(10)
        for swapped, gold in ((False, "first"), (True, "second"))
    ]  # fmt: skip
    report = score(pairs)
    assert report["accuracy"].value == 50 == report["chance"].value
    assert report["first_named"].value == 100 and report["first_is_right"].value == 50
    assert report["swap_consistency"].value == 0 and report["swap_consistency"].n == 10


def test_twins_agree_when_they_name_one_object_or_a_tie():
    twin = [order("first", "cup", pair="p"), order("second", "second", pair="p", swapped=True)]
    assert score(twin)["swap_consistency"].value == 100
    tie = [order("first", "the same", pair="p"), order("second", "equally far", pair="p", swapped=True)]
    assert score(tie)["swap_consistency"].value == 100
    for one, other in (("cup", "?"), ("?", "?"), ("cup", "the same")):
        pair = [order("first", one, pair="p"), order("second", other, pair="p", swapped=True)]
        assert score(pair)["swap_consistency"].value == 0, (one, other)
    lonely = score([order("first", "cup", pair="p")])
    assert "swap_consistency" not in {f.name for f in lonely.figures}


def test_perfect_and_empty():
    perfect = score([depth(0.5, "0.50"), depth(0.7, "0.7"), order("first", "cup"), order("second", "bowl", "reasoned")])
    named = {f.name: f.value for f in perfect.figures}
    assert named["accuracy"] == named["validity"] == named["within_tau"] == 100 and named["RMSE"] == 0 and not perfect.worst
    empty = score([])
    assert empty["validity"].value is None and empty.counts["n_questions"] == 0
    silent = score([depth(0.5, None), order("first", None)])
    assert silent["accuracy"].value == silent["validity"].value == 0 and silent["MSE"].value is None
    assert silent["accuracy_valid"].value is None and silent["Spearman"].value is None
    assert any("No rows are published" in note for note in silent.notes) and silent.published is None


def test_the_worst_say_what_was_wanted_and_said():
    report = score([order("first", "the bowl"), depth(0.9, "0.1"), depth(0.5, "?"), order("same", None)])
    assert [item.score for item in report.worst] == sorted(item.score for item in report.worst)
    words = " | ".join(item.words for item in report.worst)
    assert "wanted the cup, read the bowl from “the bowl”" in words and "wanted 0.90, read 0.10" in words
    assert "no answer" in words and "it states no number" in words


def test_intervals_resample_pictures_not_questions():
    one = score(
        [order("first", "cup", image="a") for _ in range(20)] + [order("first", "bowl", image="b") for _ in range(20)]
    )
    assert (one["accuracy"].low, one["accuracy"].high) == (0, 100), "two pictures can't tell more"
    assert score([order("first", "cup")] * 5)["accuracy"].low is None
