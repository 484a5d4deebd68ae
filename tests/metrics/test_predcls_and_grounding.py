"""Predicate classification and grounding."""

from __future__ import annotations

import pytest

from spacestudio.metrics import grounding, predcls
from spacestudio.metrics.predcls import Pair


def pair(subject, true, ranked, image="i.jpg"):
    return Pair(f"{image}-{subject}", image, subject, "o", tuple(true), tuple(ranked))


def ranked(n, start=0):
    """n predicates, p0 the likeliest."""
    return [(f"p{k}", float(-k)) for k in range(start, start + n)]


@pytest.mark.parametrize(("place", "exact", "published"), [(0, 1, 1), (18, 1, 1), (19, 1, 0), (20, 0, 0)])
def test_the_twentieth_counts_unless_as_published(place, exact, published):
    pairs = [pair("s", [f"p{place}"], ranked(56))]
    assert predcls.score(pairs)["R@20"].value == 100 * exact
    assert predcls.score(pairs, as_published=True)["R@20"].value == 100 * published
    assert predcls.score(pairs, as_published=True)["R@50"].value == 100


def test_as_published_the_last_of_few_is_dropped_too():
    pairs = [pair("s", ["p1"], ranked(2))]
    assert predcls.score(pairs)["R@100"].value == 100
    assert predcls.score(pairs, as_published=True)["R@100"].value == 0


def test_triples_of_one_picture_are_ranked_together():
    strong, weak = pair("a", ["p0"], ranked(30)), pair("b", ["x"], [("x", -29.5)])
    assert predcls.score([strong, weak])["R@20"].value == 50
    apart = [strong, Pair("c", "other.jpg", "b", "o", ("x",), (("x", -29.5),))]
    assert predcls.score(apart)["R@20"].value == 100


def test_means_are_over_predicates_and_missing_answers_count():
    pairs = [pair("a", ["on"], [("on", 1.0)], "1"), pair("b", ["on"], [("on", 1.0)], "2"), pair("c", ["in"], [], "3")]
    report = predcls.score(pairs)
    assert report["R@20"].value == pytest.approx(200 / 3)
    assert report["mR@20"].value == 50
    assert [item.image for item in report.worst] == ["3"]
    assert [f.name for f in report.figures] == ["R@20", "R@50", "R@100", "mR@20", "mR@50", "mR@100"]


def test_what_is_said_twice_takes_one_place():
    doubled = [(word, score) for word, score in ranked(15) for _ in range(2)]
    assert predcls.score([pair("s", ["p14"], doubled)])["R@20"].value == 100
    assert predcls.score([pair("s", ["p14"], doubled)], as_published=True)["R@20"].value == 0


def find(box, said, width=640, height=480, category="ref"):
    return grounding.Find("q", "i.jpg", category, width, height, box, said)


def test_half_is_not_enough():
    whole = (0.0, 0.0, 640.0, 480.0)
    grid = (0.0, 80 / 640 * 999, 999.0, 560 / 640 * 999)
    half = (0.0, 80 / 640 * 999, 999 / 2, 560 / 640 * 999)
    report = grounding.score([find(whole, grid), find(whole, half), find(whole, None)])
    assert report["accuracy"].value == pytest.approx(100 / 3)
    assert report["mean_iou"].value == pytest.approx(0.5, abs=1e-6)
    assert report.counts["n_invalid"] == 1


def test_each_axis_of_its_own_where_nothing_is_padded():
    box, said = (0.0, 0.0, 640.0, 480.0), (0.0, 0.0, 999.0, 999.0)
    assert grounding.score([find(box, said)], square=False)["mean_iou"].value == pytest.approx(1)
    assert grounding.score([find(box, said)])["mean_iou"].value == pytest.approx(0.75)


def test_categories_of_grounding():
    hit, miss = (0.0, 0.0, 999.0, 999.0), (0.0, 0.0, 10.0, 10.0)
    box = (0.0, 0.0, 480.0, 480.0)
    report = grounding.score([find(box, hit, 480, 480, "a"), find(box, miss, 480, 480, "b")], as_published=True)
    assert [row[:2] for row in report.tables[0].rows] == [("a", 100), ("b", 0)]
