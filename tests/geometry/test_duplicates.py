"""Boxes that mean the same thing twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from spacestudio.domain.boxes import Box
from spacestudio.geometry.duplicates import OTHER, SAME, without_duplicates

PLACE = st.integers(0, 8).map(float)
BOX = st.tuples(PLACE, PLACE, PLACE, PLACE).map(lambda c: Box.spanning(*c))
FOUND = st.lists(st.tuples(BOX, st.sampled_from(["cup", "mug", "dog"]), st.floats(0, 1)), max_size=12)
LIMIT = st.sampled_from([0.0, 0.3, SAME, OTHER, 1.0])


def columns(found):
    return [row[0] for row in found], [row[1] for row in found], [row[2] for row in found]


@given(FOUND, LIMIT, LIMIT)
def test_what_stays_and_what_goes(found, same, other):
    boxes, labels, scores = columns(found)
    kept = without_duplicates(boxes, labels, scores, same, other)

    def clash(i, j):
        return boxes[i].iou(boxes[j]) > (same if labels[i] == labels[j] else other)

    order = sorted(range(len(found)), key=lambda k: -scores[k])
    assert kept == [k for k in order if k in kept], "best first; of equal scores the earlier"
    assert not any(clash(i, j) for n, i in enumerate(kept) for j in kept[:n])
    for gone in set(range(len(found))) - set(kept):
        assert any(clash(gone, k) and order.index(k) < order.index(gone) for k in kept), "a better one stands for it"


@given(FOUND)
def test_twice_is_once(found):
    boxes, labels, scores = columns(found)
    kept = without_duplicates(boxes, labels, scores)
    again = without_duplicates(*columns([found[k] for k in kept]))
    assert again == list(range(len(kept)))


@given(FOUND, st.randoms(use_true_random=False))
def test_order_does_not_matter_where_scores_differ(found, random):
    found = [(box, label, k / 16) for k, (box, label, _) in enumerate(found)]
    shuffled = random.sample(found, len(found))
    first = [found[k] for k in without_duplicates(*columns(found))]
    assert first == [shuffled[k] for k in without_duplicates(*columns(shuffled))]


@given(FOUND)
def test_limits_of_one_keep_all(found):
    boxes, labels, scores = columns(found)
    assert sorted(without_duplicates(boxes, labels, scores, 1.0, 1.0)) == list(range(len(found)))


def test_two_names_for_one_thing_keep_the_better_score():
    cup, mug = Box(10, 10, 50, 50), Box(10, 10, 50, 48)
    assert cup.iou(mug) > OTHER
    assert without_duplicates([cup, mug], ["cup", "mug"], [0.4, 0.6]) == [1]
    saucer = Box(10, 15, 50, 55)
    assert SAME < cup.iou(saucer) < OTHER
    assert without_duplicates([cup, saucer], ["cup", "saucer"], [0.4, 0.6]) == [1, 0], "a cup on its saucer stays"
    assert without_duplicates([cup, saucer], ["cup", "cup"], [0.4, 0.6]) == [1]
