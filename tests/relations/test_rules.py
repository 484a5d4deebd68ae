"""The published rules against their definitions, written out pair by pair, and the corners of each by hand."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spacestudio.domain.boxes import Box
from spacestudio.domain.objects import SceneObject
from spacestudio.errors import UnknownName
from spacestudio.geometry.measure import measure
from spacestudio.relations.relate import family, inverse_of, judge
from spacestudio.relations.rules import RULE_SETS
from spacestudio.relations.rules.rule_set import RuleSet, related
from spacestudio.relations.rules.sg2im import eligible

VISOR, SG2IM, SSTD, OURS = (RULE_SETS.load(name) for name in ("visor", "sg2im", "sstd", "ours"))
ALL = [pytest.param(rules, id=rules.name) for rules in (VISOR, SG2IM, SSTD, OURS)]


def held(rules: RuleSet, s, o, size=(100, 100), centroids=(None, None)) -> set[str]:
    """The predicates that hold for one pair."""
    points = [None if c is None else [c] for c in centroids]
    return {p for p, yes in rules.holds([s], [o], size, *points).items() if yes[0]}


# The definitions of SEEDS 3.2, one pair at a time, in exact arithmetic.


def center(b):
    return Fraction(b[0] + b[2], 2), Fraction(b[1] + b[3], 2)


def visor(s, o, size, cs, co):
    (xs, ys), (xo, yo) = center(s), center(o)
    found = set()
    if xs < xo:
        found.add("left of")
    if xs > xo:
        found.add("right of")
    if ys < yo:
        found.add("above")
    if ys > yo:
        found.add("below")
    return found


def sector(cs, co, size):
    dx, dy = (Fraction(a - b) / side for a, b, side in zip(cs, co, size, strict=True))
    common = math.lcm(dx.denominator, dy.denominator)
    theta = math.atan2(int(dy * common), int(dx * common))
    if theta >= 3 * math.pi / 4 or theta <= -3 * math.pi / 4:
        return "left of"
    if -3 * math.pi / 4 <= theta < -math.pi / 4:
        return "above"
    if -math.pi / 4 <= theta < math.pi / 4:
        return "right of"
    assert math.pi / 4 <= theta < 3 * math.pi / 4
    return "below"


def sg2im(s, o, size, cs, co):
    if s[0] < o[0] and s[2] > o[2] and s[1] < o[1] and s[3] > o[3]:
        return {"surrounding"}
    if s[0] > o[0] and s[2] < o[2] and s[1] > o[1] and s[3] < o[3]:
        return {"inside"}
    return {sector(cs, co, size)}


def sstd(s, o, size, cs, co):
    t, (w, h) = Fraction(2, 100), size
    sx0, sx1, ox0, ox1 = (Fraction(v, w) for v in (s[0], s[2], o[0], o[2]))
    sy0, sy1, oy0, oy1 = (Fraction(v, h) for v in (s[1], s[3], o[1], o[3]))
    if sx0 - t <= ox0 and sx1 + t >= ox1 and sy0 - t <= oy0 and sy1 + t >= oy1:
        found = {"surrounding"}
    elif sx0 + t >= ox0 and sx1 - t <= ox1 and sy0 + t >= oy0 and sy1 - t <= oy1:
        found = {"inside"}
    else:
        found = {sector(center(s), center(o), size)}
    shared = max(0, min(sx1, ox1) - max(sx0, ox0)) * max(0, min(sy1, oy1) - max(sy0, oy0))
    ws, wo, hs, ho = sx1 - sx0, ox1 - ox0, sy1 - sy0, oy1 - oy0
    union = ws * hs + wo * ho - shared
    iou = shared / union if union else 0
    found.add("overlapping" if iou > 0 else "separated")
    for a, b, more, less in (
        (ws, wo, "wider", "narrower"),
        (hs, ho, "taller", "shorter"),
        (ws * hs, wo * ho, "larger", "smaller"),
    ):
        if a > b:
            found.add(more)
        if a < b:
            found.add(less)
    return found


def ours(s, o, size):
    """Shares and thresholds as floats, on pictures whose sides are powers of two, where shares are exact."""
    sx0, sy0, sx1, sy1 = (v / side for v, side in zip(s, size * 2, strict=True))
    ox0, oy0, ox1, oy1 = (v / side for v, side in zip(o, size * 2, strict=True))
    found = set()
    inset = min(sx0 - ox0, sy0 - oy0, ox1 - sx1, oy1 - sy1)
    outset = min(ox0 - sx0, oy0 - sy0, sx1 - ox1, sy1 - oy1)
    shared = min(min(sx1, ox1) - max(sx0, ox0), min(sy1, oy1) - max(sy0, oy0))
    measures = {"inside": inset, "surrounding": outset, "overlapping": shared, "separated": -shared}
    found |= {p for p, margin in measures.items() if margin >= 0.005}
    if inset < 0 and outset < 0:
        left, above = (ox0 + ox1) / 2 - (sx0 + sx1) / 2, (oy0 + oy1) / 2 - (sy0 + sy1) / 2
        offsets = {"left of": left, "right of": -left, "above": above, "below": -above}
        found |= {p for p, margin in offsets.items() if margin >= 0.05}
    (ws, hs), (wo, ho) = ((b[2] - b[0], b[3] - b[1]) for b in (s, o))
    tenth, both = Fraction(11, 10), Fraction(121, 100)  # an area counts by its square root
    found |= {"wider"} if ws >= tenth * wo else {"narrower"} if wo >= tenth * ws else set()
    found |= {"taller"} if hs >= tenth * ho else {"shorter"} if ho >= tenth * hs else set()
    found |= {"larger"} if ws * hs >= both * wo * ho else {"smaller"} if wo * ho >= both * ws * hs else set()
    return found


def on_the_edge(s, o):
    """A size is exactly a tenth more than the other: logarithms, rounded, may say either."""
    (ws, hs), (wo, ho) = ((b[2] - b[0], b[3] - b[1]) for b in (s, o))
    ties = ((ws, wo, 11, 10), (hs, ho, 11, 10), (ws * hs, wo * ho, 121, 100))
    return any(more * b == less * a or less * b == more * a for a, b, more, less in ties)


SIZES = [(100, 100), (50, 150), (64, 48), (7, 13)]
BY_HAND = [(VISOR, visor), (SG2IM, sg2im), (SSTD, sstd)]


@st.composite
def pairs(draw, sizes, least=0):
    """Pairs of boxes with whole corners, some of them next to each other or in a picture of few pixels, so that ties abound."""
    size = draw(st.sampled_from(sizes))
    reach = draw(st.sampled_from([4, 8, 64]))

    def box():
        x0, y0 = (draw(st.integers(0, min(reach, side) - least)) for side in size)
        return (x0, y0, *(draw(st.integers(v + least, min(reach, side))) for v, side in zip((x0, y0), size, strict=True)))

    many = draw(st.lists(st.tuples(st.builds(box), st.builds(box)), min_size=1, max_size=12))
    return size, [s for s, _ in many], [o for _, o in many]


@pytest.mark.parametrize(("rules", "by_hand"), BY_HAND, ids=lambda v: getattr(v, "name", ""))
@given(drawn=pairs(SIZES), data=st.data())
def test_each_rule_is_its_definition(rules, by_hand, drawn, data):
    size, subjects, objects = drawn
    points = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=len(subjects), max_size=len(subjects))
    own = data.draw(st.booleans())
    cs, co = (data.draw(points), data.draw(points)) if own else ([*map(center, subjects)], [*map(center, objects)])
    found = rules.holds(subjects, objects, size, *((cs, co) if own else ()))
    for i, (s, o) in enumerate(zip(subjects, objects, strict=True)):
        assert {p for p in rules.predicates if found[p][i]} == by_hand(s, o, size, cs[i], co[i]), (s, o)


@given(pairs([(64, 64), (128, 32)], least=1))
def test_ours_is_its_definition(drawn):
    size, subjects, objects = drawn
    found = OURS.holds(subjects, objects, size)
    for i, (s, o) in enumerate(zip(subjects, objects, strict=True)):
        if not on_the_edge(s, o):
            assert {p for p in OURS.predicates if found[p][i]} == ours(s, o, size), (s, o)


@pytest.mark.parametrize("rules", ALL)
@given(drawn=pairs(SIZES, least=1))
def test_one_of_a_group_at_most_and_in_the_stated_order(rules, drawn):
    size, subjects, objects = drawn
    found = rules.holds(subjects, objects, size)
    assert tuple(found) == rules.predicates == tuple(p for group in rules.groups.values() for p in group)
    for name, group in rules.groups.items():
        count = sum(found[p].astype(int) for p in group)
        assert (count <= 1).all()
        if name in ("placement", "overlap") and rules is not OURS:
            assert (count == 1).all()


@pytest.mark.parametrize("rules", ALL)
@given(drawn=pairs(SIZES, least=1))
def test_inverses_hold_but_for_the_ties_the_published_rules_break(rules, drawn):
    size, subjects, objects = drawn
    ahead, back = rules.holds(subjects, objects, size), rules.holds(objects, subjects, size)
    for i, (s, o) in enumerate(zip(subjects, objects, strict=True)):
        dx, dy = ((a - b) / Fraction(side) for a, b, side in zip(center(s), center(o), size, strict=True))
        now, then = ({p for p in rules.predicates if way[p][i]} for way in (ahead, back))
        odd = {rules.inverses[p] for p in now} ^ then
        if rules in (VISOR, OURS):
            assert not odd
        elif dx == dy == 0 and "right of" in now:
            assert {"right of"} == now & set(SG2IM.predicates) == then & set(SG2IM.predicates)
        elif dx == dy and not {"surrounding", "inside"} & now:
            assert {*(now & set(SG2IM.predicates)), *(then & set(SG2IM.predicates))} == {"left of", "below"}
        elif "surrounding" in now & then:
            assert rules is SSTD and odd == {"inside", "surrounding"}
        else:
            assert not odd


# Corners.

APART = {  # offset of the subject's centre from the object's, in a square picture -> the sector
    (-1, 0): "left of", (1, 0): "right of", (0, -1): "above", (0, 1): "below",
    (-1, -1): "left of", (-1, 1): "left of", (1, -1): "right of", (1, 1): "below", (0, 0): "right of",
    (-1001, -1002): "above", (-1002, -1001): "left of", (1002, 1001): "right of", (1001, 1002): "below",
}  # fmt: skip


@pytest.mark.parametrize(("offset", "predicate"), APART.items())
def test_exact_diagonals_go_left_or_with_the_clock(offset, predicate):
    o = (2000, 2000, 2010, 2010)
    s = (o[0] + offset[0], o[1] + offset[1], o[2] + offset[0], o[3] + offset[1])
    assert held(SG2IM, s, o, (4096, 4096)) == {predicate}
    if offset != (0, 0):
        assert predicate in held(SSTD, s, o, (40, 40))  # 2 % of 40 px is less than a step, so no containment here


@pytest.mark.parametrize("rules", [SG2IM, SSTD])
def test_diagonals_run_along_the_picture_s(rules):
    s, o = (20, 20, 30, 30), (60, 40, 70, 50)  # 40 px left, 20 px up, in a picture twice as wide as high
    assert "left of" in held(rules, s, o, (200, 100))
    assert "above" in held(rules, s, o, (202, 100))
    assert "below" in held(rules, o, s, (200, 100)), "and so the inverse is broken"
    assert "below" in held(rules, o, s, (202, 100))


def test_coincident_centres_are_right_of_both_ways():
    cross, beam = (40, 10, 60, 90), (10, 40, 90, 60)
    for rules in (SG2IM, SSTD):
        assert "right of" in held(rules, cross, beam) & held(rules, beam, cross)
    assert held(VISOR, cross, beam) == set()
    assert held(OURS, cross, beam) == {"overlapping", "narrower", "taller"}


def test_several_of_visor_s_hold_at_once():
    assert held(VISOR, (0, 0, 10, 10), (1, 1, 11, 11)) == {"left of", "above"}
    assert held(VISOR, (0, 0, 10, 10), (1, 0, 11, 10)) == {"left of"}
    assert held(VISOR, (0, 0, 10, 10), (0, 0, 10, 11)) == {"above"}, "half a pixel counts"


def test_containment_needs_all_four_sides():
    outer = (10, 10, 50, 50)
    assert held(SG2IM, (11, 11, 49, 49), outer) == {"inside"}
    assert held(SG2IM, outer, (11, 11, 49, 49)) == {"surrounding"}
    for inner in ((10, 11, 49, 49), (11, 10, 49, 49), (11, 11, 50, 49), (11, 11, 49, 50), outer):
        assert not {"inside", "surrounding"} & (held(SG2IM, inner, outer) | held(SG2IM, outer, inner))


def test_containment_with_a_tolerance():
    outer = (10, 10, 50, 50)
    assert "surrounding" in held(SSTD, outer, outer), "equal boxes both surround each other"
    for inner in ((8, 20, 30, 30), (20, 8, 30, 30), (20, 20, 52, 30), (20, 20, 30, 52)):
        assert "inside" in held(SSTD, inner, outer) and "surrounding" in held(SSTD, outer, inner)
    for inner in ((7, 20, 30, 30), (20, 7, 30, 30), (20, 20, 53, 30), (20, 20, 30, 53)):
        assert not {"inside", "surrounding"} & (held(SSTD, inner, outer) | held(SSTD, outer, inner))
    assert "surrounding" in held(SSTD, (11, 11, 49, 49), outer) & held(SSTD, outer, (11, 11, 49, 49)), "within it, both ways"


@pytest.mark.parametrize("side", [50, 150, 350, 500, 640, 1024])
def test_the_tolerance_is_met_at_exactly_two_percent(side):
    step = side // 50
    outer = (0, 0, 400, 400)
    assert "inside" in held(SSTD, (-step, 20, 300, 30), outer, (side, side))
    assert "inside" not in held(SSTD, (-step - 1, 20, 300, 30), outer, (side, side))


def test_touching_edges_are_separated():
    a = (10, 10, 20, 20)
    for b in ((20, 10, 30, 20), (10, 20, 20, 30), (20, 20, 30, 30), (40, 10, 50, 20), (12, 12, 12, 18)):
        assert "separated" in held(SSTD, a, b) & held(SSTD, b, a)
    assert "overlapping" in held(SSTD, a, (19, 19, 30, 30))


def test_ties_in_size_leave_no_relation():
    assert held(SSTD, (0, 0, 10, 20), (50, 50, 60, 70)) == {"left of", "separated"}
    assert held(SSTD, (0, 0, 10, 20), (50, 50, 70, 60)) == {"left of", "separated", "narrower", "taller"}
    thirds = held(SSTD, (10, 0, 20, 10), (20, 0, 30, 10), (30, 30))
    assert thirds == {"left of", "separated"}, "equal pixels are equal, though 2/3 - 1/3 and 1 - 2/3 are not as floats"


def test_centroids_move_the_sector_not_the_containment():
    s, o = (0, 0, 10, 10), (20, 0, 30, 10)
    assert held(SG2IM, s, o) == {"left of"}
    assert held(SG2IM, s, o, centroids=((5, 9), (5, 1))) == {"below"}
    assert held(SG2IM, (1, 1, 5, 5), (0, 0, 10, 10), centroids=((1, 1), (9, 9))) == {"inside"}
    assert held(SSTD, s, o, centroids=((5, 9), (5, 1))) == held(SSTD, s, o)
    assert [r.uses_centroids for r in (VISOR, SG2IM, SSTD, OURS)] == [False, True, False, False]


def test_sg2im_s_objects_and_pictures():
    def squares(*areas):
        return [(0, 0, 10, area / 10) for area in areas]

    assert eligible(squares(200, 201, 300, 1000), 100, 100).tolist() == [False, True, True, True]
    assert eligible(squares(200, 201, 300), 100, 100).tolist() == [False, False, False], "two are too few"
    assert eligible(squares(*[500] * 8, 200), 100, 100).tolist() == [True] * 8 + [False], "those left are counted"
    assert not eligible(squares(*[500] * 9), 100, 100).any(), "nine are too many"
    assert eligible([], 100, 100).shape == (0,)
    assert not eligible([(0, 0, 7, 2)] * 3, 35, 20).any(), "14 px² are exactly 2 % of 700"


# Shapes and the answer for one picture.


@pytest.mark.parametrize("rules", ALL)
@given(drawn=pairs(SIZES, least=1))
def test_a_picture_of_its_own_size_for_each_pair(rules, drawn):
    _, subjects, objects = drawn
    sizes = [SIZES[i % len(SIZES)] for i in range(len(subjects))]
    together = rules.holds(subjects, objects, sizes)
    for i, (s, o, size) in enumerate(zip(subjects, objects, sizes, strict=True)):
        assert {p for p in rules.predicates if together[p][i]} == held(rules, s, o, size)


@pytest.mark.parametrize("rules", ALL)
def test_no_pairs_and_one_object(rules):
    none = np.empty((0, 4))
    assert {p: v.shape for p, v in rules.holds(none, none, (10, 10)).items()} == dict.fromkeys(rules.predicates, (0,))
    assert related(rules, [], 10, 10) == related(rules, [(1, 1, 2, 2)], 10, 10) == []


@pytest.mark.parametrize("rules", ALL)
@given(drawn=pairs(SIZES, least=1))
@example(drawn=((64, 48), [(0, 0, 3, 3)] * 2, [(1, 1, 2, 2)] * 2))
def test_all_pairs_of_a_picture_in_order(rules, drawn):
    size, subjects, objects = drawn
    boxes = [*subjects, *objects][:5]
    places = range(len(boxes))
    expected = [
        (i, p, j)
        for i in places
        for j in places
        if i != j
        for p in rules.predicates
        if p in held(rules, boxes[i], boxes[j], size)
    ]
    found = related(rules, boxes, *size)
    assert found == expected
    assert all(type(i) is int and type(j) is int for i, _, j in found)


def test_all_pairs_of_a_picture_by_mask_centroids():
    boxes = [(0, 0, 10, 10), (20, 0, 30, 10)]
    assert related(SG2IM, boxes, 100, 100) == [(0, "left of", 1), (1, "right of", 0)]
    assert related(SG2IM, boxes, 100, 100, [(5, 9), (5, 1)]) == [(0, "below", 1), (1, "above", 0)]
    assert related(SG2IM, [], 100, 100, []) == []
    with pytest.raises(ValueError, match=r"Centroids must have the shape .* \(2, 2\), got \(3, 2\)"):
        related(SG2IM, boxes, 100, 100, [(5, 9), (5, 1), (0, 0)])


@pytest.mark.parametrize(
    ("given_", "word"),
    [
        (([[0, 0, 1]], [[0, 0, 1]], (1, 1)), "(P, 4)"),
        (([[0, 0, 1, 1]], [[0, 0, 1, 1]] * 2, (1, 1)), "(1, 4) and (2, 4)"),
        (([0, 0, 1, 1], [0, 0, 1, 1], (1, 1)), "(P, 4)"),
        (([[0, 0, 1, 1]] * 3, [[0, 0, 1, 1]] * 3, [(1, 1)] * 2), "size must have the shape (2,) or (3, 2), got (2, 2)"),
        (([[0, 0, 1, 1]], [[0, 0, 1, 1]], (1, 1), [[0]]), "Subject centroids"),
        (([[0, 0, 1, 1]], [[0, 0, 1, 1]], (1, 1), None, [[0]]), "Object centroids"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(given_, word):
    with pytest.raises(ValueError, match="shape") as refused:
        SG2IM.holds(*given_)
    assert word in str(refused.value)


def test_the_registry_names_them_and_speaks_our_predicates():
    assert {name: RULE_SETS.load(name).name for name in RULE_SETS} == {name: name for name in RULE_SETS}
    assert [len(r.predicates) for r in (VISOR, SG2IM, SSTD, OURS)] == [4, 6, 14, 14]
    for rules in (VISOR, SG2IM, SSTD, OURS):
        assert set(rules.inverses) == set(rules.predicates)
        assert all(rules.inverses[p] == inverse_of(p) for p in rules.predicates)
    assert set(OURS.predicates) == set(SSTD.predicates)
    assert set(OURS.predicates) == {p for name in ("direction", "topology", "scale") for p in family(name).predicates}
    with pytest.raises(UnknownName, match="sstd"):
        RULE_SETS["vg"]


@given(st.lists(pairs([(64, 32)], least=1).map(lambda drawn: Box(*drawn[1][0])), min_size=2, max_size=5))
def test_ours_says_what_the_graph_calls_true(boxes):
    objects = tuple(SceneObject(f"o-{i}", "thing", box) for i, box in enumerate(boxes))
    measured = measure(objects, 64, 32, None, None)
    expected = set()
    for name in ("direction", "topology", "scale"):
        for predicate, judged in judge(family(name), measured, "image").items():
            expected |= {(int(i), predicate, int(j)) for i, j in np.argwhere(judged.sign == 1)}
    found = related(OURS, [b.xyxy for b in boxes], 64, 32)
    assert set(found) == expected and len(found) == len(expected)
