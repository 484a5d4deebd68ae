"""Proximity questions: right by the depths, balanced, and never against the picture's own graph."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacestudio.domain.boxes import Box
from spacestudio.domain.depth import DepthMap
from spacestudio.domain.objects import SceneObject
from spacestudio.geometry.object_depth import Depths, ObjectDepth, depths_of
from spacestudio.qa.known import known, truth
from spacestudio.qa.proximity import Recipe, also_called, compare, questions
from spacestudio.qa.scene import Scene
from tests.qa.made import PLAIN, fresh, graph_of, made, person_says, row, thing


def at(**depths: float) -> Depths:
    """Objects with these depths, flat and fully measured."""
    found = {i.replace("_", "-"): ObjectDepth(d, d, d, 1.0) for i, d in depths.items()}
    return Depths(found, "relative", "larger is farther", 0.0, 1.0, "made")


def cup_and_bowl() -> Scene:
    return graph_of([thing("cup-1", "cup", 20), thing("bowl-1", "bowl", 80)])


def drawn(labels, seed=0, kind="metric", factor=1.0):
    """A made scene, and its depths by the map it was drawn with."""
    rng = np.random.default_rng(seed)
    things = [
        (label, (), (3 + 10 * n, float(rng.uniform(0, 30)), 9, 12), float(rng.uniform(1, 5.5)))
        for n, label in enumerate(labels)
    ]
    scene = made(things, ids=[f"{label}-1" for label in labels], seed=seed).scene
    values = np.full((48, 64), 6.0, np.float32)
    for _, _, (x, y, w, h), z in things:
        values[Box(x, y, x + w, y + h).clipped(64, 48).slices(64, 48)] = z
    values *= np.float32(factor)
    depth = DepthMap.of((1 / values if kind == "disparity" else values).astype(np.float32), kind, "made")
    return scene, depths_of([o.but(depth=None) for o in scene.graph.objects], depth)


def asked_of(scene, depths, **recipe):
    return questions(scene, depths, Recipe(**recipe)).exchanges


def gold_name(exchange):
    """What the answer means: an object's id, "same", or a number."""
    gold, ids = exchange.facts["found"]["gold"], exchange.facts["objects"]
    return {"first": ids[0], "second": ids[-1]}.get(gold, gold)


# What is asked


def test_three_forms_in_the_papers_order():
    made_of = asked_of(cup_and_bowl(), at(cup_1=0.12, bowl_1=0.45))
    assert [e.facts["found"]["type"] for e in made_of] == ["perception", "perception", "direct", "reasoned"]
    for e in made_of:
        assert e.question.mentions and e.question.plain.strip() == e.question.plain
        assert {i for m in e.question.mentions for i in m.objects} == set(e.facts["objects"])
        assert e.facts["thresholds"] == {"tau": 0.05}
        assert e.facts["found"]["raw"] == {
            "kind": "relative", "polarity": "larger is farther", "p1": 0.0, "p99": 1.0, "source": "made"
        }  # fmt: skip
    assert {e.answer.plain for e in made_of[:2]} == {"0.12", "0.45"}
    assert all("0 (nearest)" in e.question.plain and "1 (farthest)" in e.question.plain for e in made_of[:2])
    direct, reasoned = made_of[2:]
    near_wanted = direct.facts["found"]["asked"] == "closer"
    assert direct.answer.plain == ("the cup" if near_wanted else "the bowl")
    assert "0.12" in reasoned.answer.plain and "0.45" in reasoned.answer.plain
    assert gold_name(reasoned) in ("cup-1", "bowl-1")
    winner = {"cup-1": "the cup", "bowl-1": "the bowl"}[gold_name(reasoned)]
    assert reasoned.answer.plain.endswith(f"{winner} is {reasoned.facts['found']['asked']} "
                                          f"{'to' if reasoned.facts['found']['asked'] == 'closer' else 'from'} the camera.")  # fmt: skip


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [(0.10, 0.15, "first"), (0.10, 0.14, "same"), (0.15, 0.10, "second"), (0.3, 0.35, "first"), (0.2, 0.2, "same"),
     (0.0, 1.0, "first"), (0.55, 0.6, "first"), (0.7, 0.75, "first")],
)  # fmt: skip
def test_the_tie_band_is_counted_in_the_decimals_that_are_told(one, other, said):
    assert compare(one, other, 0.05) == said
    mirrored = {"first": "second", "second": "first", "same": "same"}
    assert compare(other, one, 0.05) == mirrored[said]


def test_within_the_tie_band_they_are_about_the_same():
    direct, reasoned = asked_of(cup_and_bowl(), at(cup_1=0.30, bowl_1=0.33), forms=("direct", "reasoned"))
    assert direct.answer.plain == "about the same" and gold_name(direct) == "same"
    assert reasoned.answer.plain.endswith("both are at about the same distance from the camera.")
    assert (
        asked_of(cup_and_bowl(), at(cup_1=0.30, bowl_1=0.33), forms=("direct",), tau=0.02)[0].answer.plain
        != "about the same"
    )


def test_overlapping_ranges_are_left_out_unless_asked_for():
    wide = replace(at(), objects={"cup-1": ObjectDepth(0.2, 0.1, 0.5, 1.0), "bowl-1": ObjectDepth(0.6, 0.4, 0.7, 1.0)})
    asking = questions(cup_and_bowl(), wide, Recipe(forms=("direct",)))
    assert not asking.exchanges and asking.left_out == {"ranges of depth overlap": 1}
    assert len(asked_of(cup_and_bowl(), wide, forms=("direct",), overlapping=True)) == 1
    tie = replace(at(), objects={"cup-1": ObjectDepth(0.5, 0.1, 0.9, 1.0), "bowl-1": ObjectDepth(0.5, 0.2, 0.9, 1.0)})
    assert questions(cup_and_bowl(), tie, Recipe(forms=("direct",))).left_out == {"ranges of depth too wide for a tie": 1}


def test_hardly_measured_and_unnamed_objects_are_left_out_and_counted():
    scene = graph_of([thing("cup-1", "cup", 20), thing("region-1", "region 1", 50), thing("bowl-1", "bowl", 80)])
    depths = at(cup_1=0.1, region_1=0.5, bowl_1=0.9)
    depths = replace(depths, objects={**depths.objects, "bowl-1": ObjectDepth(0.9, 0.9, 0.9, 0.3)})
    asking = questions(scene, depths)
    assert [e.facts["objects"] for e in asking.exchanges] == [["cup-1"]]
    assert asking.left_out == {"no name of its own": 1, "too little depth": 1}


def test_two_cats_are_told_apart_or_not_spoken_of():
    two = graph_of([thing("cat-1", "cat", 10), thing("cat-2", "cat", 90)])
    said = " ".join(e.question.plain for e in asked_of(two, at(cat_1=0.1, cat_2=0.8)))
    assert "the leftmost cat" in said and "the rightmost cat" in said
    close = graph_of([thing("cat-1", "cat", 50), thing("cat-2", "cat", 51)])
    assert not asked_of(close, at(cat_1=0.1, cat_2=0.8))


def test_what_else_an_answer_may_call_them():
    two = graph_of([thing("cat-1", "cat", 10, 50, "black"), thing("cat-2", "cat", 90), thing("wine-1", "wine glass", 50)])
    k = known(two)
    assert {"cat on the left", "left cat", "left one", "leftmost one"} <= set(also_called(k, "cat-1", ["cat-1", "cat-2"]))
    assert not {"cat", "cats"} & set(also_called(k, "cat-1", ["cat-1", "cat-2"])), "both are cats"
    assert {"cat", "cats"} <= set(also_called(k, "cat-1", ["cat-1", "wine-1"]))
    assert {"wine glasses", "glass"} <= set(also_called(k, "wine-1", ["cat-1", "wine-1"]))


# The graph has the last word


def test_a_correction_overrules_the_measurement_and_its_numbers_are_not_told():
    scene, depths = drawn(["cup", "bowl"], seed=3)
    before = {gold_name(e) for e in asked_of(scene, depths, forms=("direct",))}
    near = min(depths.objects, key=lambda i: depths.objects[i].depth01)
    far = next(i for i in depths.objects if i != near)
    told = person_says(scene, far, "in front of", near)
    after = asked_of(fresh(told), depths)
    assert before and [e.facts["found"]["type"] for e in after] == ["direct"], (
        "no number, no reason that contradicts the person"
    )
    winner = far if after[0].facts["found"]["asked"] == "closer" else near
    assert gold_name(after[0]) == winner
    assert after[0].facts["relations"][0]["origin"] == "person"
    tied = asked_of(fresh(person_says(scene, far, "at the same depth", near)), depths, forms=("direct",))
    assert tied[0].answer.plain == "about the same"
    left_open = person_says(scene, far, "in front of", near, "undecided")
    assert not asked_of(fresh(left_open), depths, forms=("direct", "reasoned"))


def test_where_graph_and_tie_band_differ_nothing_is_asked():
    scene, depths = drawn(["cup", "bowl"], seed=3)
    near = min(depths.objects, key=lambda i: depths.objects[i].depth01)
    close = replace(depths, objects={i: ObjectDepth(0.5 + 0.01 * (i != near), 0.5, 0.5, 1.0) for i in depths.objects})
    asking = questions(scene, close, Recipe(forms=("direct", "reasoned")))
    assert not asking.exchanges and asking.left_out == {"the graph says otherwise": 1}


def test_nothing_is_asked_of_a_pair_in_a_clash():
    scene, depths = drawn(["cup", "bowl"], seed=3)
    clash = fresh(scene, distrusted=frozenset({("cup-1", "bowl-1", "depth", "camera")}))
    asking = questions(clash, depths, Recipe(forms=("direct", "reasoned")))
    assert not asking.exchanges and asking.left_out == {"in a clash": 1}


@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.05, 0.2]), st.booleans(), st.booleans())
def test_no_question_contradicts_the_graph(seed, tau, overlapping, correct):
    scene = row(PLAIN[:7], seed).scene
    values = np.full((48, 64), 6.0, np.float32)
    rng = np.random.default_rng(seed)
    for o in scene.graph.objects:  # depths drawn anew, so that graph and depths often differ
        values[o.box.clipped(64, 48).slices(64, 48)] = rng.uniform(1, 5)
    depths = depths_of([o.but(depth=None) for o in scene.graph.objects], DepthMap.of(values, "metric"))
    if correct:
        a, b = rng.permutation(scene.graph.ids)[:2]
        scene = fresh(person_says(scene, str(a), ("in front of", "at the same depth")[seed % 2], str(b)))
    k = known(scene)
    for e in asked_of(scene, depths, tau=tau, overlapping=overlapping, most=30, swapped=True):
        found, ids = e.facts["found"], e.facts["objects"]
        if found["type"] == "perception":
            for other in set(depths.objects) & set(k.names) - {ids[0]}:
                relation = k.stored(ids[0], other, "depth", "camera")
                own, its = depths.objects[ids[0]].depth01, depths.objects[other].depth01
                assert truth(relation, "in front of") is not True or own <= its
                assert truth(relation, "behind") is not True or own >= its
            continue
        relation = k.decided(*ids, "depth", "camera")
        answer = gold_name(e)
        closer = answer if found["asked"] == "closer" or answer == "same" else next(i for i in ids if i != answer)
        claim = "at the same depth" if closer == "same" else "in front of" if closer == ids[0] else "behind"
        assert truth(relation, claim) is True, (e.question.plain, e.answer.plain, relation)
        if found["type"] == "reasoned":
            shown = compare(*(depths.objects[i].depth01 for i in ids), tau)
            assert {"first": ids[0], "second": ids[1], "same": "same"}[shown] == closer


# Laws


@given(st.integers(0, 10**6))
def test_exchanging_the_names_exchanges_the_answer(seed):
    scene, depths = drawn(PLAIN[:5], seed)
    pairs: dict = {}
    for e in asked_of(scene, depths, swapped=True, forms=("direct", "reasoned")):
        found = e.facts["found"]
        pairs.setdefault((found["type"], found["pair"]), {})[found["swapped"]] = e
    for twins in pairs.values():
        one, other = twins[False], twins[True]
        assert one.facts["objects"] == other.facts["objects"][::-1]
        assert gold_name(one) == gold_name(other) and one.facts["found"]["asked"] == other.facts["found"]["asked"]
        if one.facts["found"]["gold"] != "same":
            assert {one.facts["found"]["gold"], other.facts["found"]["gold"]} == {"first", "second"}
        a, b = (known(scene).names[i].the for i in one.facts["objects"])
        mirrored = one.question.plain.replace(a, "\0").replace(b, a).replace("\0", b)
        assert mirrored == other.question.plain, "nothing but the order differs"


@given(st.integers(0, 10**6), st.sampled_from([0.25, 2.0, 1024.0]))
def test_the_unit_of_metres_does_not_matter(seed, factor):
    scene, depths = drawn(PLAIN[:5], seed)
    _, scaled = drawn(PLAIN[:5], seed, factor=factor)
    assert depths.objects == scaled.objects
    told, again = asked_of(scene, depths), asked_of(scene, scaled)
    assert [(e.question, e.answer) for e in told] == [(e.question, e.answer) for e in again]


@given(st.integers(0, 10**6))
def test_disparity_and_metres_of_one_scene_agree_on_the_order(seed):
    scene, metres = drawn(PLAIN[:5], seed)
    _, disparity = drawn(PLAIN[:5], seed, kind="disparity")
    bare = Scene(scene.graph.but(relations=[]), 64, 48, seed=seed)
    orders = []
    for depths in (metres, disparity):
        asked = asked_of(bare, depths, forms=("direct",), most=100)
        orders.append({e.facts["found"]["pair"]: (e.facts["found"]["asked"], gold_name(e)) for e in asked})
    both = [(orders[0][p], orders[1][p]) for p in orders[0].keys() & orders[1].keys()]
    for (asked, one), (wanted, other) in both:
        if "same" not in (one, other):
            assert (one == other) == (asked == wanted)


def test_positions_and_words_are_balanced_over_many_pictures():
    kinds, turns = Counter(), Counter()
    by_seed = Counter()
    for seed in range(200):
        scene, depths = drawn(PLAIN[:4], seed)
        for e in questions(scene, depths, Recipe(most=3), turns).exchanges:
            found = e.facts["found"]
            if found["gold"] in ("first", "second"):
                kinds[found["type"], found["gold"], found["asked"]] += 1
                turns[found["type"]] += 1
        for e in questions(scene, depths, Recipe(most=1, forms=("direct",))).exchanges:
            found = e.facts["found"]
            if found["gold"] in ("first", "second"):
                by_seed[found["gold"], found["asked"]] += 1
    for form in ("direct", "reasoned"):
        counts = [kinds[form, gold, asked] for gold in ("first", "second") for asked in ("closer", "farther")]
        assert min(counts) > 50 and max(counts) - min(counts) <= 1, counts
    assert len(by_seed) == 4 and min(by_seed.values()) > 0.15 * by_seed.total(), by_seed


def test_the_same_scene_asks_the_same():
    scene, depths = drawn(PLAIN[:5], 7)
    first = questions(scene, depths)
    assert questions(fresh(scene), depths) == first
    assert len({e.key for e in first.exchanges}) == len(first.exchanges)
    wordings = {
        e.question.plain.split(" the ")[0] for s in range(30) for e in asked_of(*drawn(PLAIN[:5], s), forms=("direct",))
    }
    assert len(wordings) >= 3, "paraphrases"


def test_a_hint_says_how_to_answer_and_changes_nothing_else():
    scene, depths = drawn(PLAIN[:5], 7)
    plain, hinted = asked_of(scene, depths), asked_of(scene, depths, hint=True)
    for one, other in zip(plain, hinted, strict=True):
        assert other.question.plain.startswith(f"{one.question.plain} ") and other.answer == one.answer
        pair = one.facts["found"]["type"] != "perception"
        assert ("about the same" in other.question.plain) == pair and other.key == one.key


def test_not_more_than_asked_for_and_not_only_ties():
    scene = graph_of([thing(f"{label}-1", label, 10 * n) for n, label in enumerate(PLAIN[:8])])
    flat = Depths({f"{label}-1": ObjectDepth(0.5, 0.5, 0.5, 1.0) for label in PLAIN[:8]}, "metric", "", 0, 1)
    assert len(asked_of(scene, flat, forms=("direct",))) == 2
    assert len(asked_of(scene, flat, forms=("perception",), most=3)) == 3
    assert questions(scene, Depths({}, "metric", "", 0, 1)).exchanges == ()


def test_an_estimate_without_a_model_is_told_as_an_assumption():
    scene = replace(cup_and_bowl(), depth_source="estimate without a model")
    assert all("estimate without a model" in e.facts["assumed"] for e in asked_of(scene, at(cup_1=0.1, bowl_1=0.8)))


def test_objects_unknown_to_the_depths_are_passed_over():
    scene = graph_of([SceneObject("cup-1", "cup", Box(0, 0, 5, 5))])
    assert questions(scene, at(bowl_1=0.4)).exchanges == ()
