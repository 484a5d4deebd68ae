"""Picture against space: scenes made to disagree in one way each, and the rules written out pair by pair."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacestudio.domain.boxes import Box
from spacestudio.domain.camera import Camera
from spacestudio.domain.depth import DepthMap
from spacestudio.domain.layout import Layout
from spacestudio.domain.objects import SceneObject
from spacestudio.geometry.measure import measure
from spacestudio.layouts.extract import extract, measurements
from spacestudio.reasoning.disagreement import KINDS, Disagreement, disagreements
from spacestudio.relations.relate import relate, with_pins

SIDE = 512
SCENES = {
    # what disagrees, and two boxes xyxy px with their distances
    "sideways": ((280, 240, 320, 280), 4.0, (320, 200, 360, 330), 1.0),
    "height": ((240, 280, 280, 320), 4.0, (200, 320, 330, 360), 1.0),
    "size": ((40, 200, 140, 300), 1.0, (330, 230, 390, 290), 4.0),
    "overlap": ((150, 150, 250, 250), 1.0, (200, 150, 300, 250), 3.0),
    "inside": ((220, 220, 260, 260), 1.0, (150, 150, 350, 350), 3.0),
    "near": ((180, 220, 240, 280), 1.0, (250, 220, 310, 280), 8.0),
}


def layout(boxes: dict[str, tuple[float, ...]], distances: dict[str, float]) -> Layout:
    order = tuple(sorted(boxes, key=lambda i: distances[i]))
    return Layout(SIDE, SIDE, {i: Box(*b) for i, b in boxes.items()}, order, depths=distances)


def found(scene: Layout, pins: dict[tuple[str, str, str, str], dict[str, str]] | None = None) -> tuple[Disagreement, ...]:
    return disagreements(with_pins(extract(scene), pins or {}), (measurements(scene),))


def two(kind: str, level: bool = False) -> Layout:
    a, za, b, zb = SCENES[kind]
    return layout({"a": a, "b": b}, {"a": 1.0 if level else za, "b": 1.0 if level else zb})


def random_scene(seed: int, n: int) -> Layout:
    rng = np.random.default_rng(seed)
    corners, sizes, z = rng.uniform(0, 350, (n, 2)), rng.uniform(20, 160, (n, 2)), np.exp(rng.uniform(0, 2, n))
    boxes = {f"o{k}": (*corners[k], *(corners[k] + sizes[k])) for k in range(n)}
    return layout(boxes, {f"o{k}": float(z[k]) for k in range(n)})


scenes = st.builds(random_scene, st.integers(0, 2**32 - 1), st.integers(2, 7))


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_appears_where_depth_makes_it_and_not_at_one_depth(kind: str) -> None:
    assert kind in {d.kind for d in found(two(kind))}
    assert found(two(kind, level=True)) == ()


def test_the_reason_says_what_is_seen_what_is_so_and_why() -> None:
    said = {kind: next(d for d in found(two(kind)) if d.kind == kind).reason({"a": "cup", "b": "lamp"}) for kind in KINDS}
    assert said["sideways"].startswith(
        "In the picture the cup is 7.8 % of the width left of the lamp; in space the cup is right"
    )
    assert said["sideways"].endswith("because the cup is 4.0 times as far away.")
    assert "7.8 % of the height above the lamp" in said["height"] and "below it" in said["height"]
    assert said["height"].endswith(
        "the cup is 4.0 times as far away, and what is farther off on the ground is drawn higher."
    )
    assert "the cup is 1.67 times as large as the lamp; in space the lamp is 2.40 times as large as the cup" in said["size"]
    assert "do not touch, the cup is in front" in said["overlap"] and said["overlap"].endswith("only hidden by the cup.")
    assert "the cup lies inside the lamp" in said["inside"] and "in front of it" in said["inside"]
    assert "far apart" in said["near"] and "0.12 times their size" in said["near"]


def test_under_a_ceiling_the_nearer_thing_is_drawn_higher() -> None:
    scene = layout({"a": (240, 150, 280, 190), "b": (200, 190, 330, 230)}, {"a": 1.0, "b": 4.0})
    (d,) = (d for d in found(scene) if d.kind == "height")
    assert (d.subject, d.image.predicate, d.space.predicate, d.nearer) == ("a", "above", "below", "a")
    assert "overhead" in d.reason({})


def test_what_rests_on_a_thing_touches_it() -> None:
    scene = two("overlap")
    on = {("b", "a", "support", "image"): {"predicate": "on", "verdict": "true"}}
    assert "overlap" in {d.kind for d in found(scene)}
    assert "overlap" not in {d.kind for d in found(scene, on)}


def test_a_correction_is_the_truth_of_its_frame() -> None:
    scene, key = two("sideways"), ("a", "b", "direction")
    for frame, predicate in (("camera", "left of"), ("image", "right of")):
        pins = {(*key, frame): {"predicate": predicate, "verdict": "true"}}
        assert "sideways" not in {d.kind for d in found(scene, pins)}
    for verdict in ("false", "undecided"):
        pins = {(*key, "camera"): {"predicate": "right of", "verdict": verdict}}
        assert "sideways" not in {d.kind for d in found(scene, pins)}
    level = two("sideways", level=True)
    (d,) = found(level, {(*key, "camera"): {"predicate": "right of", "verdict": "true"}})
    assert (d.kind, d.space.predicate, d.space.origin) == ("sideways", "right of", "person")
    assert "right of the b, as a person says" in d.reason({})
    (d,) = found(level, {(*key, "camera"): {"predicate": "left of", "verdict": "false"}})
    assert (d.space.predicate, d.space.verdict) == ("left of", "false")
    depth = {("a", "b", "depth", "camera"): {"predicate": "at the same depth", "verdict": "true"}}
    assert "inside" not in {d.kind for d in found(two("inside"), depth)}


def test_a_verdict_that_an_assumption_overturns_is_no_disagreement() -> None:
    for kind in KINDS:
        scene = two(kind)
        m = measurements(scene)
        flat = measurements(two(kind, level=True))
        graph = extract(scene)
        assert kind not in {d.kind for d in disagreements(graph, (m, flat))}
        assert kind in {d.kind for d in disagreements(graph, (m, m))}


def test_without_depth_nothing_disagrees_and_other_measurements_are_refused() -> None:
    objects = tuple(SceneObject(i, i, Box(*box)) for i, box in (("a", (0, 0, 40, 40)), ("b", (20, 0, 300, 40))))
    variants = measure(objects, SIDE, SIDE, None, None)
    assert disagreements(relate(objects, variants), variants) == ()
    with pytest.raises(ValueError, match="measurements of 2 objects for a graph of 1"):
        disagreements(relate(objects, variants).but(objects=objects[:1]), variants)


def test_relative_depth_is_said_to_be_assumed() -> None:
    values = np.full((SIDE, SIDE), 1.0, np.float32)
    a, za, b, zb = SCENES["overlap"]
    objects = []
    for name, box, z in (("b", b, zb), ("a", a, za)):
        x0, y0, x1, y1 = (int(v) for v in box)
        values[y0:y1, x0:x1] = z
        objects.append(SceneObject(name, name, Box(*box)))
    values[int(b[1]) : int(b[3]), 250:300] = 8.0  # the far end of the scale
    masks = {o.id: np.zeros((SIDE, SIDE), bool) for o in objects}
    masks["a"][150:250, 150:250] = True
    masks["b"][150:250, 250:300] = True
    drawn = tuple(o.but(mask=masks[o.id]) for o in objects)
    camera = Camera.from_fov(SIDE, SIDE, 60)
    for depth_kind in ("relative", "metric"):
        variants = measure(drawn, SIDE, SIDE, DepthMap.of(values, depth_kind), camera)
        (d,) = (d for d in disagreements(relate(drawn, variants), variants) if d.kind == "overlap")
        assert ("assumed: far/near ratio 10" in d.reason({})) == (depth_kind == "relative")
        assert (d.subject, d.object) == ("a", "b")


@given(scenes)
def test_each_pair_and_kind_once_in_a_stable_order(scene: Layout) -> None:
    listed = found(scene)
    assert listed == found(scene)
    places = {i: k for k, i in enumerate(scene.boxes)}
    keys = [(*sorted((places[d.subject], places[d.object])), KINDS.index(d.kind)) for d in listed]
    assert keys == sorted(set(keys))
    for d in listed:
        assert d.image.verdict == "true"
        text = d.reason({})
        assert d.subject in text and d.object in text and text.endswith(".")
        assert d.nearer in (d.subject, d.object, "")
        assert d.times > 1 or math.isnan(d.times)


@given(scenes)
def test_a_mirror_swaps_left_and_right_and_nothing_else(scene: Layout) -> None:
    swapped = {"left of": "right of", "right of": "left of"}
    mirrored = replace(scene, boxes={i: b.mirrored(SIDE) for i, b in scene.boxes.items()})

    def told(d: Disagreement, swap: dict[str, str]) -> tuple[object, ...]:
        sides = (d.image, d.space)
        predicates = [swap.get(s.predicate, s.predicate) for s in sides]
        return d.subject, d.object, d.kind, *predicates, *(round(s.margin, 9) for s in sides), d.nearer

    assert [told(d, {}) for d in found(mirrored)] == [told(d, swapped) for d in found(scene)]


@given(scenes)
def test_a_flat_scene_at_one_depth_has_none(scene: Layout) -> None:
    assert found(replace(scene, depths=dict.fromkeys(scene.boxes, 1.0))) == ()


@given(scenes)
def test_the_rules_written_out_pair_by_pair(scene: Layout) -> None:
    """With numbers of its own: x = (u - cx) z / f for the centre, size z / f for the extents."""
    focal, expected = SIDE / 2 / math.tan(math.radians(30)), set()
    points, sizes = {}, {}
    for i, b in scene.boxes.items():
        z = scene.depths[i]
        points[i] = ((b.center[0] - SIDE / 2) / focal * z, (b.center[1] - SIDE / 2) / focal * z, z)
        sizes[i] = (b.width * z, b.height * z)
    for i, j in permutations(scene.boxes, 2):
        p, q, a, b = points[i], points[j], scene.boxes[i], scene.boxes[j]
        mean = (math.hypot(*p) + math.hypot(*q)) / 2
        nested = any(
            s.x0 >= t.x0 and s.y0 >= t.y0 and s.x1 <= t.x1 and s.y1 <= t.y1 for s, t in ((a, b), (b, a))
        )  # a box within the other has no direction
        for axis, kind in enumerate(("sideways", "height")):
            drawn, real = (b.center[axis] - a.center[axis]) / SIDE, (q[axis] - p[axis]) / mean
            if not nested and drawn >= 0.05 and real <= -0.05:
                expected.add((frozenset((i, j)), kind))
        (w, h), (v, g) = sizes[i], sizes[j]
        drawn_sizes = (a.area / b.area) ** 0.5, a.width / b.width, a.height / b.height
        real_sizes = (w * h / v / g) ** 0.5, w / v, h / g
        if any(d >= 1.1 and r <= 1 / 1.1 for d, r in zip(drawn_sizes, real_sizes, strict=True)):
            expected.add((frozenset((i, j)), "size"))
        inset = min(a.x0 - b.x0, a.y0 - b.y0, b.x1 - a.x1, b.y1 - a.y1) / SIDE
        if inset >= 0.005 and abs(q[2] - p[2]) / mean >= 0.05:
            expected.add((frozenset((i, j)), "inside"))
    listed = {(frozenset((d.subject, d.object)), d.kind) for d in found(scene)}
    assert {item for item in listed if item[1] in ("sideways", "height", "size", "inside")} == expected
    for i, j in combinations(scene.boxes, 2):
        a, b = scene.boxes[i], scene.boxes[j]
        if (frozenset((i, j)), "overlap") in listed:
            assert a.intersection(b) > 0
        if (frozenset((i, j)), "near") in listed:
            gap = math.hypot(max(a.x0 - b.x1, b.x0 - a.x1, 0), max(a.y0 - b.y1, b.y0 - a.y1, 0))
            assert gap <= (math.hypot(a.width, a.height) + math.hypot(b.width, b.height)) / 4
