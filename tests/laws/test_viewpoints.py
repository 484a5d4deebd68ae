"""Walking round the scene: four quarter turns bring one back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacestudio.domain.boxes import Box
from spacestudio.domain.graph import Relation, SpatialGraph
from spacestudio.domain.objects import SceneObject
from spacestudio.relations.relate import VIEWS, family, inverse_of, seen_from, turn_predicate
from tests.laws.test_relations import measurements
from tests.support import margins

HORIZONTAL = ("left of", "right of", "in front of", "behind")


@given(measurements(), st.integers(-8, 8))
def test_turns_add_up(m, quarter_turns):
    for name in ("center", "low", "high"):
        turned = getattr(m.turned(quarter_turns).turned(-quarter_turns), name)
        np.testing.assert_array_equal(turned, getattr(m, name))
        np.testing.assert_array_equal(getattr(m.turned(4), name), getattr(m, name))
        np.testing.assert_array_equal(getattr(m.turned(1).turned(1), name), getattr(m.turned(2), name))


@given(measurements(), st.integers(0, 3))
def test_turning_keeps_heights_sizes_and_order_of_ends(m, quarter_turns):
    turned = m.turned(quarter_turns)
    known = np.isfinite(m.center).all(1)
    assert (turned.low[known] <= turned.high[known]).all()
    np.testing.assert_array_equal(turned.center[:, 1], m.center[:, 1])
    np.testing.assert_array_equal(turned.boxes, m.boxes)


@pytest.mark.parametrize("predicate", HORIZONTAL)
def test_words_turn_like_points(predicate):
    assert turn_predicate(predicate, 4) == predicate
    assert turn_predicate(predicate, 2) == inverse_of(predicate)
    for turns in range(4):
        assert turn_predicate(inverse_of(predicate), turns) == inverse_of(turn_predicate(predicate, turns))


@pytest.mark.parametrize("predicate", ["above", "below", "near", "larger", "leans on"])
def test_other_words_do_not_turn(predicate):
    assert turn_predicate(predicate, 1) is None


@given(measurements(), st.sampled_from(list(VIEWS)), st.sampled_from(HORIZONTAL))
def test_margins_turn_like_words(m, view, predicate):
    """What is 10 % in front from the camera is 10 % to the right from the left side."""
    from dataclasses import replace

    points = replace(m, low=m.center, high=m.center)  # no extent: depth ranges never overlap
    before = {**margins(family("direction"), points, "camera"), **margins(family("depth"), points, "camera")}
    turned = points.turned(VIEWS[view])
    after = {**margins(family("direction"), turned, view), **margins(family("depth"), turned, view)}
    apart = ~np.eye(len(m), dtype=bool)
    np.testing.assert_allclose(after[turn_predicate(predicate, VIEWS[view])][apart], before[predicate][apart], atol=1e-12)


@given(measurements(), st.sampled_from(list(VIEWS)), st.sampled_from(HORIZONTAL))
def test_a_correction_turns_with_the_scene(m, view, predicate):
    if len(m) < 2 or not np.isfinite(m.center).all():
        return
    objects = tuple(SceneObject(f"o-{i}", "thing", Box(0, 0, 1, 1)) for i in range(len(m)))
    family_name = "direction" if predicate in ("left of", "right of") else "depth"
    said = Relation("o-0", predicate, "o-1", family_name, "camera", verdict="true", origin="person")
    seen = seen_from(view, objects, (m,), SpatialGraph.of(objects, [said]))
    mine = [r for r in seen if r.origin == "person"]
    assert [r.triple for r in mine] == [("o-0", turn_predicate(predicate, VIEWS[view]), "o-1")]
