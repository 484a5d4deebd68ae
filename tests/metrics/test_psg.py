"""Open-ended scene graphs: what counts as found, by both definitions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spacestudio.domain.boxes import Box
from spacestudio.metrics.names import Names, one_meaning
from spacestudio.metrics.psg import PUBLISHED, Picture, score

A, B, C = (10.0, 20.0, 110.0, 220.0), (300.0, 100.0, 500.0, 400.0), (50.0, 300.0, 250.0, 470.0)


def grid(box, width=640, height=480):
    return tuple(float(v) for v in Box(*box).to_padded_999(width, height))


def stated(subject, one, object_, other, predicate):
    return (subject,), grid(one), (object_,), grid(other), predicate


def picture(gold, said, name="p"):
    return Picture(name, f"{name}.jpg", 640, 480, tuple(gold), tuple(said), True)


def recall(gold, said, names=None, **settings):
    return score([picture(gold, said)], names, **settings)["recall"].value


GOLD = ("cup", A, "traffic light", B, "beside")


def test_a_name_of_two_words_counts_whole_unless_as_published():
    said = stated("cup", A, "traffic light", B, "beside")
    assert recall([GOLD], [said]) == 100
    words = (("cup",), said[1], ("traffic", "light"), said[3], "beside")
    report = score([picture([GOLD], [words])], as_published=True)
    assert report["recall"].value == 0
    assert report["num_pred_tuples"].value == 2, "each word is a tuple of its own"


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (stated("cup", A, "traffic light", B, "beside"), True),
        (stated("Cup", A, "Traffic lights", B, "Beside"), True),
        (stated("cup", A, "traffic light", B, "on"), False),
        (stated("mug", A, "traffic light", B, "beside"), False),
        (stated("cup", B, "traffic light", A, "beside"), False),
        (stated("traffic light", B, "cup", A, "beside"), False),
        (stated("cup", (10, 20, 110, 110), "traffic light", B, "beside"), False),
        (stated("cup", (10, 20, 110, 160), "traffic light", B, "beside"), True),
    ],
)
def test_what_counts_as_found(said, found):
    assert recall([GOLD], [said]) == 100 * found


def test_one_statement_finds_one_tuple_unless_as_published():
    twins = [("cup", A, "bed", B, "on"), ("cup", (12.0, 22.0, 112.0, 222.0), "bed", B, "on")]
    once = [stated("cup", A, "bed", B, "on")]
    assert recall(twins, once) == 50
    assert recall(twins, once * 9) == 50, "saying it again does not help"
    assert recall(twins, [*once, stated("cup", (14, 24, 114, 224), "bed", B, "on")]) == 100
    assert recall(twins, once, as_published=True) == 100


def test_best_matching_moves_what_fits_elsewhere():
    near, far = (10.0, 20.0, 110.0, 120.0), (40.0, 20.0, 140.0, 120.0)
    gold = [("cup", near, "bed", B, "on"), ("cup", far, "bed", B, "on")]
    middle = (25.0, 20.0, 125.0, 120.0)  # fits both
    for said in ([middle, near], [near, middle], [far, middle], [middle, far]):
        assert recall(gold, [stated("cup", box, "bed", B, "on") for box in said]) == 100


def test_synonyms_hold_on_both_sides():
    names = Names(one_meaning([["person", "man", "lady"]]))
    assert recall([("man", A, "bed", B, "on")], [stated("lady", A, "bed", B, "on")], names) == 100
    assert recall([("man", A, "bed", B, "on")], [stated("lady", A, "bed", B, "on")]) == 0


def test_a_box_of_two_names_may_be_meant_twice():
    gold = [("cup", A, "sky-other-merged", B, "in"), ("cup", A, "tree-merged", B, "in")]
    said = (("cup",), grid(A), ("sky", "tree"), grid(B), "in")
    assert recall(gold, [said]) == 50
    assert recall(gold, [said, said]) == 100
    assert score([picture(gold, [said] * 5)]).counts["n_stated"] == 2


def test_a_true_tuple_that_stands_twice_counts_once_unless_as_published():
    assert score([picture([GOLD, GOLD], [])]).counts["n_tuples"] == 1
    assert score([picture([GOLD, GOLD], [])], as_published=True).counts["n_tuples"] == 2


def test_a_box_too_small_for_the_grid_is_found_where_it_lies():
    speck = (300.0, 200.0, 300.1, 200.1)
    assert recall([("cup", speck, "bed", B, "on")], [stated("cup", speck, "bed", B, "on")]) == 100


def test_mean_recall_is_over_predicates():
    gold = [("cup", A, "bed", B, "on"), ("cup", A, "bed", B, "in"), ("cup", C, "bed", B, "on"), ("bed", B, "cup", C, "on")]
    report = score([picture(gold, [stated("cup", A, "bed", B, "on")])])
    assert report["recall"].value == 25
    assert report["mean_recall"].value == pytest.approx(100 * (1 / 3 + 0) / 2)
    assert {row[0]: row[1:] for row in report.tables[0].rows} == {"on": (pytest.approx(100 / 3), 1, 3), "in": (0, 0, 1)}


def test_pictures_do_not_lend_each_other_tuples():
    both = [picture([GOLD], [], "a"), picture([], [stated("cup", A, "traffic light", B, "beside")], "b")]
    assert score(both)["recall"].value == 0
    assert [item.id for item in score(both).worst] == ["a"]
    assert "cup beside traffic light" in score(both).worst[0].words


def test_nothing_at_all():
    report = score([])
    assert report["recall"].value is None and report.counts["n_images"] == 0
    assert report.published == PUBLISHED
    assert score([picture([], [])], as_published=True)["mean_recall"].value is None


@pytest.mark.parametrize("box", [(1e300, -1e300, 1e308, 1e308), (5.0, 5.0, 1.0, 1.0), (0.0, 0.0, 0.0, 0.0)])
@pytest.mark.parametrize("as_published", [True, False])
def test_odd_boxes_are_not_found_and_do_no_harm(box, as_published):
    gold = [("cup", box, "bed", B, "on"), ("cup", A, "bed", B, "on")]
    assert recall(gold, [stated("cup", A, "bed", B, "on")], as_published=as_published) == 50


def test_more_pictures_narrow_the_interval():
    rng = np.random.default_rng(0)
    hit, miss = picture([GOLD], [stated("cup", A, "traffic light", B, "beside")]), picture([GOLD], [])
    many = [replace(hit if rng.random() < 0.5 else miss, id=str(k)) for k in range(400)]
    few = score(many[:40])["recall"]
    lots = score(many)["recall"]
    assert 0 < lots.high - lots.low < few.high - few.low < 60
