"""What each assumption alone says of a relation agrees with the rules, and with the verdict that is stored."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spacestudio.domain.boxes import Box
from spacestudio.domain.camera import Camera
from spacestudio.domain.depth import DepthMap
from spacestudio.domain.graph import Relation
from spacestudio.domain.objects import SceneObject
from spacestudio.geometry.measure import measure
from spacestudio.relations.relate import relate
from spacestudio.relations.sensitivity import in_words, sensitivity

WIDTH, HEIGHT = 80, 60


def scene(seed, kind):
    rng = np.random.default_rng(seed)
    values = np.full((HEIGHT, WIDTH), 5, np.float32)
    values[0, 0], values[-1, -1] = 1, 9
    objects = []
    for k in range(3):
        x, y = rng.integers(0, WIDTH - 20), rng.integers(0, HEIGHT - 20)
        values[y : y + 18, x : x + 18] = rng.uniform(1, 9)
        objects.append(SceneObject(f"o-{k}", "thing", Box(x, y, x + 18, y + 18)))
    return tuple(objects), DepthMap.of(values, kind)


@given(st.integers(0, 10_000), st.sampled_from(["metric", "relative", "disparity"]), st.booleans())
def test_a_verdict_holds_if_it_holds_under_each_assumption(seed, kind, assumed):
    objects, depth = scene(seed, kind)
    camera = Camera.assumed(WIDTH, HEIGHT) if assumed else Camera(70, 70, 40, 30, WIDTH, HEIGHT)
    variants = measure(objects, WIDTH, HEIGHT, depth, camera)
    places = {o.id: k for k, o in enumerate(objects)}
    for r in relate(objects, variants):
        found = sensitivity(r, places, variants)
        if r.frame == "image" or len(variants) == 1:
            assert found == ()
            assert in_words(found) == ""
            continue
        assert [h.assumption for h in found] == [m.assumption for m in variants]
        assert found[0].margin == r.margin
        verdicts = {h.verdict for h in found}
        assert r.verdict == (verdicts.pop() if len(verdicts) == 1 else "undecided")
        assert all(h.assumption.words in in_words(found) for h in found)


def test_own_words_and_unknown_objects_depend_on_nothing():
    objects, depth = scene(1, "relative")
    variants = measure(objects, WIDTH, HEIGHT, depth, Camera.assumed(WIDTH, HEIGHT))
    places = {o.id: k for k, o in enumerate(objects)}
    assert sensitivity(Relation("o-0", "besotted with", "o-1", frame="camera"), places, variants) == ()
    assert sensitivity(Relation("o-0", "in front of", "o-9", "depth", "camera"), places, variants) == ()
