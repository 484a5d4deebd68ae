"""What must hold of the relations whatever the scene: mirrors, inverses, and the definitions written out pair by pair."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spacestudio.domain.boxes import Box
from spacestudio.domain.camera import Camera
from spacestudio.domain.depth import DepthMap
from spacestudio.domain.measurements import Measurements
from spacestudio.domain.objects import SceneObject
from spacestudio.geometry.measure import measure
from spacestudio.relations import FAMILIES
from spacestudio.relations.relate import VIEWS, Shot, family, inverse_of, judge, relate, relate_all, seen_from
from tests.support import margins

WIDTH, HEIGHT = 64, 32  # powers of two: shares of the picture are exact, so equal margins are equal bit by bit


@st.composite
def boxes(draw):
    x0, y0 = draw(st.integers(0, WIDTH - 1)), draw(st.integers(0, HEIGHT - 1))
    return Box(x0, y0, draw(st.integers(x0 + 1, WIDTH)), draw(st.integers(y0 + 1, HEIGHT)))


@st.composite
def scenes(draw, most=5):
    """Objects with masks that fill their boxes, some with holes, some without a mask."""
    objects = []
    for i, box in enumerate(draw(st.lists(boxes(), min_size=2, max_size=most))):
        mask = np.zeros((HEIGHT, WIDTH), bool)
        mask[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)] = True
        kind = draw(st.sampled_from(["full", "holes", "none"]))
        if kind == "holes":
            mask &= np.random.default_rng(draw(st.integers(0, 99))).random(mask.shape) < 0.7
        objects.append(SceneObject(f"o-{i}", "thing", box, mask=None if kind == "none" else mask))
    return tuple(objects)


@st.composite
def depths(draw):
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    values = rng.uniform(1, 9, (HEIGHT // 8, WIDTH // 8)).repeat(8, 0).repeat(8, 1).astype(np.float32)
    values += rng.normal(0, 0.05, values.shape).astype(np.float32)
    values[rng.random(values.shape) < draw(st.sampled_from([0.0, 0.1, 0.9]))] = np.nan
    return DepthMap.of(values, draw(st.sampled_from(["metric", "relative", "disparity"])))


CAMERA = Camera.assumed(WIDTH, HEIGHT)
SWAPPED = {"left of": "right of", "right of": "left of"}
TWINS = (SceneObject("o-0", "thing", Box(8, 8, 16, 16)), SceneObject("o-1", "thing", Box(8, 8, 16, 16)))


@given(scenes())
@example(TWINS)
def test_a_mirror_swaps_left_and_right_and_nothing_else(objects):
    mirrored = tuple(
        o.but(box=o.box.mirrored(WIDTH), mask=None if o.mask is None else o.mask[:, ::-1].copy()) for o in objects
    )
    seen = {r.key: r for r in relate(mirrored, measure(mirrored, WIDTH, HEIGHT, None, None))}
    stored = relate(objects, measure(objects, WIDTH, HEIGHT, None, None)).relations
    assert len(stored) == len(seen)
    for r in stored:
        other = seen[r.key]
        assert other.verdict == r.verdict
        assert other.margin == pytest.approx(r.margin, abs=1e-12)
        if r.family != "direction" or r.margin != 0:  # at margin 0 left and right are equally far from true
            assert other.predicate == SWAPPED.get(r.predicate, r.predicate)


@given(scenes(), st.none() | depths())
@example(TWINS, None)
def test_inverses_agree(objects, depth):
    graph = relate(objects, measure(objects, WIDTH, HEIGHT, depth, CAMERA))
    rows = {r.key: r for r in graph}
    for r in graph:
        back = rows[(r.object, r.subject, r.family, r.frame)]
        assert back.predicate == inverse_of(r.predicate)
        assert back.verdict == r.verdict
        assert back.margin == pytest.approx(r.margin, abs=1e-12)
        assert back.threshold == r.threshold


@given(scenes(), depths())
def test_one_relation_per_pair_family_and_frame(objects, depth):
    graph = relate(objects, measure(objects, WIDTH, HEIGHT, depth, CAMERA))
    keys = [r.key for r in graph]
    assert len(set(keys)) == len(keys)
    for name in FAMILIES:
        f = family(name)
        if f.stores_false and not f.needs_depth:
            pairs = [k for k in keys if k[2] == name and k[3] == "image"]
            assert len(pairs) == len(objects) * (len(objects) - 1)


@given(scenes(), depths())
def test_a_verdict_is_what_its_margin_says(objects, depth):
    variants = measure(objects, WIDTH, HEIGHT, depth, CAMERA)
    for r in relate(objects, variants):
        if r.margin >= r.threshold:
            assert r.verdict == "true" or "undecided_because" in r.evidence
        elif r.margin <= -r.threshold:
            assert r.verdict == "false" or "undecided_because" in r.evidence
        else:
            assert r.verdict == "undecided"


@given(scenes(), depths())
def test_a_verdict_survives_every_assumption(objects, depth):
    variants = measure(objects, WIDTH, HEIGHT, depth, CAMERA)
    about = [m.assumption.about for m in variants]
    ratios = [] if depth.kind == "metric" else ["far/near ratio"] * 2
    assert about == ["", *ratios, *["field of view"] * 2]
    given = replace(CAMERA, source="given")
    assert [m.assumption.about for m in measure(objects, WIDTH, HEIGHT, depth, given)] == ["", *ratios]
    for name in FAMILIES:
        f = family(name)
        for frame in f.frames:
            together = judge(f, variants, frame)
            alone = [judge(f, (v,), frame) for v in variants]
            for predicate, judged in together.items():
                for single in alone:
                    decided = judged.sign != 0
                    assert (single[predicate].sign[decided] == judged.sign[decided]).all()


# The definitions, one pair at a time.


@st.composite
def measurements(draw):
    n = draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    corner = rng.uniform(0, 0.9, (n, 2))
    table = np.concatenate((corner, corner + rng.uniform(0.01, 1, (n, 2)) * (1 - corner)), 1)
    if draw(st.booleans()) and n > 1:
        table[1] = table[0]
    center = rng.uniform([-3, -2, 1], [3, 2, 8], (n, 3))
    low, high = center - rng.uniform(0, 1, (n, 3)), center + rng.uniform(0, 1, (n, 3))
    if draw(st.booleans()):
        gone = rng.random(n) < 0.4
        center[gone] = low[gone] = high[gone] = np.nan
    z = np.stack((low[:, 2], center[:, 2], high[:, 2]), 1)
    contact = rng.uniform(0, 1, (n, n)) * (rng.random((n, n)) < 0.5)
    heights = None
    if draw(st.booleans()):
        heights = np.sort(rng.uniform(-0.2, 1, (n, 2)), axis=1)
        heights[rng.random(n) < 0.3] = np.nan
    return Measurements(table, np.array([640.0, 480.0]), z, center, low, high, contact, True, 0.0, heights)


def mean_distance(m, s, o):
    return (math.dist(m.center[s], (0, 0, 0)) + math.dist(m.center[o], (0, 0, 0))) / 2


def within(a, b):
    return b[0] <= a[0] and b[1] <= a[1] and a[2] <= b[2] and a[3] <= b[3]


def direction(m, s, o, frame):
    a, b = m.boxes[s], m.boxes[o]
    if frame == "image":
        left = (b[0] + b[2]) / 2 - (a[0] + a[2]) / 2
        above = (b[1] + b[3]) / 2 - (a[1] + a[3]) / 2
        if within(a, b) or within(b, a):
            left, above = (max(-0.0495, min(0.0495, v)) for v in (left, above))
    else:
        left = (m.center[o][0] - m.center[s][0]) / mean_distance(m, s, o)
        above = (m.center[o][1] - m.center[s][1]) / mean_distance(m, s, o)
    return {"left of": left, "right of": -left, "above": above, "below": -above}


def topology(m, s, o, frame):
    a, b = m.boxes[s], m.boxes[o]

    def inset(inner, outer):
        return min(inner[0] - outer[0], inner[1] - outer[1], outer[2] - inner[2], outer[3] - inner[3])

    shared = min(min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1]))
    return {"inside": inset(a, b), "surrounding": inset(b, a), "overlapping": shared, "separated": -shared}


def scale(m, s, o, frame):
    if frame == "image":
        (aw, ah), (bw, bh) = (((m.boxes[i][2:] - m.boxes[i][:2]) * m.size_px) for i in (s, o))
    else:
        (aw, ah), (bw, bh) = (np.maximum(m.high[i] - m.low[i], 1e-9)[:2] for i in (s, o))
    larger, wider, taller = math.log(math.sqrt(aw * ah) / math.sqrt(bw * bh)), math.log(aw / bw), math.log(ah / bh)
    return {
        "larger": larger, "smaller": -larger, "wider": wider, "narrower": -wider, "taller": taller, "shorter": -taller,
    }  # fmt: skip


def depth(m, s, o, frame):
    front = (m.center[o][2] - m.center[s][2]) / mean_distance(m, s, o)
    shared = min(m.high[s][2], m.high[o][2]) - max(m.low[s][2], m.low[o][2])
    shorter = max(min(m.high[s][2] - m.low[s][2], m.high[o][2] - m.low[o][2]), 1e-9)
    ordered = max(-0.0495, min(0.0495, front)) if shared / shorter > 0.75 else front
    return {"in front of": ordered, "behind": -ordered, "at the same depth": 0.0375 - abs(front)}


def distance(m, s, o, frame):
    apart = [max(m.low[o][k] - m.high[s][k], m.low[s][k] - m.high[o][k], 0) for k in range(3)]
    size = max((math.dist(m.low[s], m.high[s]) + math.dist(m.low[o], m.high[o])) / 2, 1e-9)
    gap = math.hypot(*apart) / size
    across, down, away = (abs(m.center[o][k] - m.center[s][k]) / size for k in range(3))
    return {"near": 0.75 - gap, "far": gap - 1.5, "beside": min(0.75 - gap, across - down, across - away)}


def support(m, s, o, frame):
    def on(upper, lower):
        middle = [(m.boxes[i][1] + m.boxes[i][3]) / 2 for i in (upper, lower)]
        gap = max(m.low[lower][2] - m.high[upper][2], m.low[upper][2] - m.high[lower][2])
        far = gap / mean_distance(m, upper, lower) > 0.35  # False when unknown
        if m.heights is not None:
            bottom, top = (h / mean_distance(m, upper, lower) for h in (m.heights[upper][0], m.heights[lower][1]))
            far = far or (bottom < 0.03 and top > 0.06) or bottom - top > 0.1
        return m.contact[upper][lower] - 0.4 if middle[0] < middle[1] and not far else -0.4

    return {"on": on(s, o), "under": on(o, s)}


BY_HAND = {
    "direction": direction, "topology": topology, "scale": scale, "depth": depth, "distance": distance, "support": support,
}  # fmt: skip


def frames_of(f):
    """Where it is stored, and where it can be judged besides."""
    return dict.fromkeys((*f.frames, "camera")) if f.name == "scale" else f.frames


def test_every_family_has_its_definition_here():
    assert list(BY_HAND) == list(FAMILIES)


@pytest.mark.parametrize("name", FAMILIES)
@given(m=measurements())
def test_margins_equal_the_definition_pair_by_pair(name, m):
    f = family(name)
    for frame in frames_of(f):
        found = margins(f, m, frame)
        assert set(found) == set(f.thresholds) == set(f.inverses)
        for s in range(len(m)):
            for o in range(len(m)):
                if s == o:
                    continue
                known = np.isfinite(m.center[[s, o]]).all()
                for predicate, margin in BY_HAND[name](m, s, o, frame).items():
                    if known or not (f.needs_depth or frame != "image"):
                        assert found[predicate][s, o] == pytest.approx(margin, abs=1e-9), (frame, predicate)
                    else:
                        assert np.isnan(found[predicate][s, o])


@pytest.mark.parametrize("name", FAMILIES)
def test_the_inverse_of_the_inverse_is_the_predicate(name):
    f = family(name)
    for predicate, inverse in f.inverses.items():
        assert f.inverses[inverse] == predicate
        assert f.thresholds[inverse] == f.thresholds[predicate]


@pytest.mark.parametrize("name", FAMILIES)
@given(m=measurements())
def test_the_margin_of_the_inverse_is_the_margin(name, m):
    f = family(name)
    for frame in frames_of(f):
        found = margins(f, m, frame)
        off = ~np.eye(len(m), dtype=bool)
        for predicate, inverse in f.inverses.items():
            np.testing.assert_allclose(found[predicate][off], found[inverse].T[off], atol=1e-12)


@given(st.lists(scenes(), max_size=5), depths(), st.integers(0, 2**5 - 1))
def test_many_pictures_at_once_give_what_each_gives_alone(pictures, depth, with_depth):
    shots = []
    for k, objects in enumerate(pictures):
        own = depth if with_depth >> k & 1 else None
        shots.append(
            Shot(objects[: 1 + 4 * (k != 2)], measure(objects[: 1 + 4 * (k != 2)], WIDTH, HEIGHT, own, CAMERA), str(k))
        )
    for shot, graph in zip(shots, relate_all(shots), strict=True):
        assert graph.relations == relate(shot.objects, shot.variants).relations
        assert graph.scene == shot.scene


@given(scenes(), depths())
def test_a_wavering_verdict_names_the_assumption_it_changes_with(objects, depth):
    variants = measure(objects, WIDTH, HEIGHT, depth, CAMERA)
    for r in relate(objects, variants):
        because = r.evidence.get("undecided_because", "")
        kept = [m for m in variants if not m.assumption.about or m.assumption.about not in because]
        alone = judge(family(r.family), kept, r.frame)[r.predicate]
        i, j = (next(k for k, o in enumerate(objects) if o.id == end) for end in (r.subject, r.object))
        assert not alone.wavers[i, j]
        if because:
            assert r.verdict == "undecided"
            assert judge(family(r.family), variants, r.frame)[r.predicate].wavers[i, j]


# In space: mirrors, scales, and the order in which things are told.


def views_of(objects, variants):
    graph = relate(objects, variants)
    return {view: {r.key[:3]: r for r in seen_from(view, objects, variants, graph)} for view in VIEWS}


def clear(r):
    """Not on the edge of a verdict, where rounding decides, nor at margin 0, where two predicates are equally far from true."""
    return abs(abs(r.margin) - r.threshold) > 1e-6 and abs(r.margin) > 1e-6


def assert_mirrored(found, r):
    assert found.margin == pytest.approx(r.margin, abs=1e-6)
    if clear(r) and "undecided_because" not in r.evidence and "undecided_because" not in found.evidence:
        assert (found.predicate, found.verdict) == (SWAPPED.get(r.predicate, r.predicate), r.verdict)


@given(scenes(), depths(), st.floats(10, 50))
def test_a_mirror_swaps_left_and_right_in_space_and_the_sides_one_looks_from(objects, depth, cx):
    camera = replace(CAMERA, cx=cx, source="given")
    flipped = replace(camera, cx=WIDTH - 1 - cx)  # pixel u is sampled at u, so the last column is the first one's mirror
    seen = tuple(o.but(box=o.box.mirrored(WIDTH), mask=None if o.mask is None else o.mask[:, ::-1].copy()) for o in objects)
    back = DepthMap(depth.values[:, ::-1].copy(), depth.kind, depth.valid[:, ::-1].copy())
    variants, mirrored = measure(objects, WIDTH, HEIGHT, depth, camera), measure(seen, WIDTH, HEIGHT, back, flipped)
    stored = {r.key: r for r in relate(objects, variants)}
    other = {r.key: r for r in relate(seen, mirrored)}
    assert {k for k in stored if k[2] != "support"} == {k for k in other if k[2] != "support"}
    assert {key for key, r in stored.items() if key[2] == "support" and clear(r)} <= set(other)
    for key in stored.keys() & other.keys():
        assert_mirrored(other[key], stored[key])
        assert other[key].evidence.get("metres") == pytest.approx(stored[key].evidence.get("metres"), abs=0.0011)
    here, there = views_of(objects, variants), views_of(seen, mirrored)
    for view, opposite in (("left", "right"), ("right", "left"), ("back", "back")):
        assert there[view].keys() == here[opposite].keys()
        for key, r in here[opposite].items():
            assert_mirrored(there[view][key], r)


@given(scenes(), depths(), st.sampled_from([0.25, 0.5, 2.0, 8.0]), st.booleans())
def test_a_scene_k_times_as_large_has_the_same_relations(objects, depth, k, assumed):
    """Metres alone grow with it; where depth has no unit there is nothing to grow."""
    camera = CAMERA if assumed else replace(CAMERA, source="given")
    larger = DepthMap(depth.values * np.float32(k), depth.kind, depth.valid)
    variants, grown = (measure(objects, WIDTH, HEIGHT, d, camera) for d in (depth, larger))
    before, after = relate(objects, variants).relations, relate(objects, grown).relations
    assert len(before) == len(after)
    for r, now in zip(before, after, strict=True):
        assert (now.key, now.predicate, now.verdict) == (r.key, r.predicate, r.verdict)
        if abs(r.margin) < 1e6:  # two things of one pixel have no size to measure a gap by
            assert now.margin == pytest.approx(r.margin, abs=1e-9)
        assert now.evidence.keys() == r.evidence.keys()
        if "metres" in r.evidence:
            assert depth.kind == "metric"
            assert now.evidence["metres"] == pytest.approx(k * r.evidence["metres"], abs=0.0006 * (1 + k))
    for view, seen in views_of(objects, variants).items():
        now = views_of(objects, grown)[view]
        assert {key: (r.predicate, r.verdict) for key, r in seen.items()} == {
            key: (r.predicate, r.verdict) for key, r in now.items()
        }


@given(scenes(), st.none() | depths(), st.randoms(use_true_random=False))
@example(TWINS, None, None)
def test_the_order_of_the_objects_does_not_matter(objects, depth, random):
    told = list(objects)[::-1] if random is None else random.sample(objects, len(objects))
    graphs = [relate(tuple(o), measure(tuple(o), WIDTH, HEIGHT, depth, CAMERA)) for o in (objects, told)]
    one, other = ({r.key: r for r in graph} for graph in graphs)
    assert one.keys() == other.keys()
    for key, r in one.items():
        now = other[key]
        assert (now.verdict, now.margin, now.threshold, now.evidence) == (r.verdict, r.margin, r.threshold, r.evidence)
        if r.margin != 0:  # at margin 0 a predicate and its inverse are equally far from true
            assert now.predicate == r.predicate
