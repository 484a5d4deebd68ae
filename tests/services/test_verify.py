"""What was asked against what is shown: pictures, layouts and questions."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacestudio.domain.boxes import Box
from spacestudio.domain.camera import Camera
from spacestudio.domain.depth import DepthMap
from spacestudio.domain.graph import Frame, Relation, SpatialGraph, Verdict
from spacestudio.domain.layout import Layout
from spacestudio.domain.measurements import Measurements
from spacestudio.domain.objects import SceneObject
from spacestudio.domain.qa import QAPair
from spacestudio.geometry.measure import measure
from spacestudio.layouts.solver import Request, arrange
from spacestudio.qa.relation import CANNOT_TELL
from spacestudio.relations.relate import family_of, inverse_of, relate, with_pins
from spacestudio.services import judge
from spacestudio.services.assign import assign, most
from spacestudio.services.studio import Studio
from spacestudio.services.verify import (
    Verification,
    match,
    to_json,
    verify,
    verify_layout,
    verify_picture,
    verify_questions,
    why,
)
from tests.layouts.scenes import NOWHERE, hidden_scene, read_off
from tests.services.conftest import OWNER
from tests.support import disc, small_scene

Picture = tuple[SpatialGraph, tuple[Measurements, ...]]


def says(subject: str, predicate: str, object_: str, frame: Frame | None = None, verdict: Verdict = "true") -> Relation:
    f = family_of(predicate)
    name, own = (f.name, f.frames[0]) if f else ("other", "image")
    return Relation(subject, predicate, object_, name, frame or own, verdict=verdict, origin="person")


def thing(id_: str, label: str, *attributes: str, box: Box = NOWHERE, score: float = 1.0) -> SceneObject:
    return SceneObject(id_, label, box, attributes, score=score)


def asks(objects: list[SceneObject], *relations: Relation, absent: tuple[str, ...] = ()) -> SpatialGraph:
    return SpatialGraph.of(objects, relations, negative_objects=absent)


def flat(*objects: SceneObject, width: int = 400, height: int = 300) -> Picture:
    """A picture without depth."""
    variants = measure(objects, width, height, None, None)
    return relate(objects, variants), variants


def balls() -> Picture:
    """A ball, near and on the left, and a lamp."""
    image, depth, camera, objects = small_scene(240, 320)
    variants = measure(objects, image.shape[1], image.shape[0], depth, camera)
    return relate(objects, variants), variants


def at(x: float, y: float = 100, size: float = 40) -> Box:
    return Box(x - size / 2, y - size / 2, x + size / 2, y + size / 2)


BALL, LAMP = thing("a", "ball"), thing("b", "Lamp")


# Relations


def test_a_picture_shows_what_its_graph_says() -> None:
    shown, variants = balls()
    asked = asks(
        [BALL, LAMP], says("a", "left of", "b"), says("a", "in front of", "b"), says("b", "in front of", "a"),
        says("a", "right of", "b", verdict="false"), says("a", "left of", "b", "right"), says("b", "far", "a", verdict="undecided"),
    )  # fmt: skip
    found = verify_picture(asked, shown, variants)
    assert found.match == {"a": "ball-1", "b": "lamp-1"}
    assert [r.verdict for r in found.relations[:4]] == ["true", "true", "false", "true"]
    assert found.relations[5].verdict == "undecided"
    assert found.counts == {"verified": 3 + (found.relations[4].verdict == "true"), "failed": 1 + (found.relations[4].verdict == "false"), "undecided": 1}  # fmt: skip
    assert not found.holds
    for r in found.relations[:3]:
        own = shown.relation(found.match[r.subject], found.match[r.object], r.family, r.frame)
        assert own is not None
        assert abs(r.margin) == pytest.approx(abs(own.margin))
        assert r.threshold == own.threshold
        assert r.evidence.get("asked") is None
    assert found.relations[3].evidence["asked"] == "false"
    assert found.relations[3].margin < 0
    assert verify(asked, shown, variants) == found.relations
    assert why(found.relations[0]) == f"margin {found.relations[0].margin:+.3f}, needs 0.050"
    assert "or less" in why(found.relations[3])


@pytest.mark.parametrize("frame", ["left", "back", "right"])
def test_viewpoints_are_judged_from_there(frame: Frame) -> None:
    shown, variants = balls()
    seen = {"left": ("right of", "in front of"), "back": ("behind", "right of"), "right": ("left of", "behind")}[frame]
    asked = asks([BALL, LAMP], *(says("a", predicate, "b", frame) for predicate in seen))
    assert [r.verdict for r in verify(asked, shown, variants)] == ["true", "true"]
    back = asks([BALL, LAMP], *(says("b", predicate, "a", frame) for predicate in seen))
    assert [r.verdict for r in verify(back, shown, variants)] == ["false", "false"]


def test_what_is_missing_fails_with_its_reason() -> None:
    shown, variants = balls()
    asked = asks([BALL, thing("c", "cup"), thing("d", "dog")], says("a", "left of", "c"), says("c", "near", "a"))
    found = verify_picture(asked, shown, variants)
    assert found.missing == ("c", "d")
    assert [r.verdict for r in found.relations] == ["false", "false"]
    assert why(found.relations[0]) == "cup not in the picture"
    assert found.counts["failed"] == 3, "two relations, and the dog no relation names"
    assert verify_picture(asks([thing("d", "dog")]), *flat()).counts == {"verified": 0, "failed": 1, "undecided": 0}
    assert verify_picture(asks([BALL]), shown, variants).holds


def test_what_must_not_appear_fails_when_it_does() -> None:
    shown, variants = balls()
    found = verify_picture(asks([BALL], absent=("Lamp", "a car", "ball pit")), shown, variants)
    assert found.unwanted == {"Lamp": ("lamp-1",)}
    assert found.counts == {"verified": 0, "failed": 1, "undecided": 0}
    assert to_json(found)["unwanted"] == [{"name": "Lamp", "objects": ["lamp-1"]}]
    cats = flat(thing("x", "cat", "white", box=at(50)))
    assert verify_picture(asks([], absent=("black cat",)), *cats).holds
    assert verify_picture(asks([], absent=("white cat",)), *cats).unwanted == {"white cat": ("x",)}
    assert not verify_picture(asks([], absent=("cat",)), *cats).holds


def test_undecided_says_why() -> None:
    shown, variants = flat(
        thing("a", "cup", box=at(100)), thing("b", "plate", box=at(115)),
        replace(thing("c", "lamp", box=at(300), score=0.2), origin="render"),
    )  # fmt: skip
    asked = asks(
        list(shown.objects), says("a", "left of", "b"), says("a", "chasing", "b"), says("a", "left of", "c"), says("a", "in front of", "b")
    )  # fmt: skip
    found = verify(asked, shown, variants)
    assert {r.verdict for r in found} == {"undecided"}
    margin, words, hidden, depth = (r.evidence["undecided_because"] for r in found)
    assert "lies within ±0.050" in margin
    assert words == "no rule measures this predicate"
    assert hidden == "lamp mostly hidden"
    assert found[2].margin > found[2].threshold, "the numbers are kept"
    assert depth == "no depth was measured there"


def test_a_verdict_that_rests_on_an_assumption_is_undecided() -> None:
    """Relative depth: how far apart two things are against the scene depends on the assumed far/near ratio."""
    height, width = 120, 160
    values = np.tile(np.linspace(0, 1, width, dtype=np.float32), (height, 1))
    masks = {"a": disc(height, width, 40, 60, 20), "b": disc(height, width, 120, 60, 20)}
    for (x, depth), mask in zip([(0.30, 0.30), (0.32, 0.32)], masks.values(), strict=True):
        values[mask] = depth + 0 * x
    objects = tuple(SceneObject(i, i, b, mask=m) for i, m in masks.items() if (b := Box.around(m)) is not None)
    depth_map, camera = DepthMap.of(values, "relative", "made"), Camera.from_fov(width, height, 60)
    variants = measure(objects, width, height, depth_map, camera)
    shown = relate(objects, variants)
    asked = asks(
        list(objects), *(says("a", p, "b", f) for p in ("in front of", "near", "far", "beside") for f in ("camera",))
    )
    wavering = [r for r in verify(asked, shown, variants) if "verdict changes" in str(r.evidence.get("undecided_because"))]
    alone = [verify(asked, shown, (m,)) for m in variants]
    differ = [len({found[k].verdict for found in alone}) > 1 for k in range(len(asked.relations))]
    assert any(differ)
    assert [r.predicate for r in wavering] == [r.predicate for r, d in zip(asked, differ, strict=True) if d]


def test_a_correction_counts_as_the_picture() -> None:
    shown, variants = balls()
    key = ("ball-1", "lamp-1", "direction", "image")
    pinned = with_pins(shown, {key: {"predicate": "right of", "verdict": "true"}})
    asked = asks(
        [BALL, LAMP], says("a", "right of", "b"), says("a", "left of", "b"), says("b", "left of", "a"),
        says("a", "left of", "b", "camera"), says("a", "right of", "b", verdict="false"), says("b", "right of", "a"),
    )  # fmt: skip
    found = verify(asked, pinned, variants)
    assert [r.verdict for r in found] == ["true", "false", "true", "true", "false", "false"]
    assert found[0].origin == "person"
    assert why(found[0]).startswith("a person says so; margin -")
    left_open = with_pins(shown, {key: {"predicate": "left of", "verdict": "undecided"}})
    assert [r.verdict for r in verify(asks([BALL, LAMP], says("a", "left of", "b")), left_open, variants)] == ["undecided"]
    own = with_pins(shown, {("ball-1", "lamp-1", "other", "image"): {"predicate": "rolls to", "verdict": "true"}})
    assert [r.verdict for r in verify(asks([BALL, LAMP], says("a", "rolls to", "b")), own, variants)] == ["true"]


# Who stands for whom


def test_an_id_and_label_in_both_stands_for_itself() -> None:
    shown, variants = flat(thing("cat-1", "cat", box=at(300)), thing("cat-2", "cat", box=at(100)))
    asked = asks([thing("cat-1", "cat"), thing("cat-2", "cat")], says("cat-1", "left of", "cat-2"))
    assert match(asked, shown, variants) == {"cat-1": "cat-1", "cat-2": "cat-2"}
    assert [r.verdict for r in verify(asked, shown, variants)] == ["false"]
    assert match(asked, shown, variants, by_id=False) == {"cat-1": "cat-2", "cat-2": "cat-1"}
    assert verify_picture(asked, shown, variants, by_id=False).holds
    renamed = asks([thing("cat-1", "dog")])
    assert match(renamed, shown, variants) == {}


def test_two_cats_are_taken_as_what_was_asked_needs_them() -> None:
    shown, variants = flat(
        thing("x", "cat", box=at(350)), thing("y", "cat", box=at(50)), thing("d", "dog", box=at(200)), thing("z", "car", box=at(20))
    )  # fmt: skip
    asked = asks(
        [thing("a", "Cat"), thing("b", "a cat"), thing("c", "dog")], says("a", "left of", "c"), says("c", "left of", "b")
    )
    found = verify_picture(asked, shown, variants)
    assert found.match == {"a": "y", "b": "x", "c": "d"}
    assert found.holds
    one = verify_picture(asks([thing("b", "cat"), thing("c", "dog")], says("b", "right of", "c")), shown, variants)
    assert one.match == {"b": "x", "c": "d"}


def test_attributes_tell_things_apart() -> None:
    shown, variants = flat(
        thing("w", "cat", "white", box=at(50)), thing("k", "cat", "black", box=at(350)), thing("d", "dog", box=at(200))
    )
    asked = asks([thing("a", "cat", "black"), thing("c", "dog")], says("a", "left of", "c"))
    assert match(asked, shown, variants)["a"] == "k"
    assert [r.verdict for r in verify(asked, shown, variants)] == ["false"]
    white = flat(thing("w", "cat", "white", box=at(50)))
    assert match(asks([thing("a", "cat", "black")]), *white) == {}, "a white cat is no black cat"
    plain = flat(thing("p", "cat", box=at(50)), thing("b", "black cat", box=at(90)))
    assert match(asks([thing("a", "cat", "black")]), *plain) == {"a": "b"}
    assert match(asks([thing("a", "cat", "black"), thing("b", "cat")]), *plain) == {"a": "b", "b": "p"}
    assert match(asks([thing("a", "kitten")]), *plain) == {}, "no synonyms"


def test_the_surest_detection_then_the_first_one() -> None:
    shown, variants = flat(
        thing("p", "cup", box=at(50), score=0.5), thing("q", "cup", box=at(150), score=0.9), thing("r", "cup", box=at(250), score=0.9)
    )  # fmt: skip
    assert match(asks([thing("a", "cup")]), shown, variants) == {"a": "q"}
    assert match(asks([thing("a", "cup"), thing("b", "cup")]), shown, variants) == {"a": "q", "b": "r"}


def test_a_given_match_is_followed() -> None:
    shown, variants = balls()
    asked = asks([BALL, LAMP], says("a", "left of", "b"))
    assert [r.verdict for r in verify(asked, shown, variants, {"a": "lamp-1", "b": "ball-1"})] == ["false"]
    with pytest.raises(ValueError, match="another shown object for each"):
        verify(asked, shown, variants, {"a": "lamp-1", "b": "lamp-1"})
    assert verify_picture(asked, shown, variants, {"a": "ball-1", "b": "gone"}).missing == ("b",)


COLOURS = ((), (), ("black",), ("white",), ("old",))


@st.composite
def crowds(draw: st.DrawFn) -> tuple[SpatialGraph, SpatialGraph, tuple[Measurements, ...]]:
    """Up to five asked and five shown objects of two labels, and relations between the asked ones."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def one(name: str, box: Box) -> SceneObject:
        label = ("cat", "dog")[int(rng.random() < 0.3)]
        return SceneObject(
            name, label, box, COLOURS[rng.integers(len(COLOURS))], score=round(float(rng.integers(5, 8)) / 10, 1)
        )

    places = [at(float(rng.uniform(20, 380)), float(rng.uniform(20, 280)), float(rng.uniform(15, 80))) for _ in range(5)]
    shown = [one(f"s{k}", places[k]) for k in range(rng.integers(1, 6))]
    asked = [one(f"a{k}", NOWHERE) for k in range(rng.integers(1, 6))]
    words = ("left of", "above", "larger", "separated", "right of", "chasing")
    pairs = [(a.id, b.id) for a in asked for b in asked if a is not b]
    relations = [
        says(*(pair[0], words[rng.integers(len(words))], pair[1]), verdict=("true", "true", "false")[rng.integers(3)])
        for pair in (pairs[k] for k in rng.integers(len(pairs), size=rng.integers(7)))
    ] if pairs else []  # fmt: skip
    return asks(asked, *{r.key: r for r in relations}.values()), *flat(*shown)


@settings(max_examples=150)
@given(crowds())
def test_the_match_is_the_best_of_all_assignments(
    crowd: tuple[SpatialGraph, SpatialGraph, tuple[Measurements, ...]],
) -> None:
    asked, shown, variants = crowd
    exclude = [{"black", "white"}, {"old", "new"}]

    def fits(a: SceneObject, s: SceneObject) -> bool:
        both = {*a.attributes, *s.attributes}
        return a.label == s.label and not any(pair <= both for pair in exclude)

    table: dict[tuple[int, int | None, int | None], str] = {}
    for k, r in enumerate(asked):
        for i, j in product((*range(len(shown)), None), repeat=2):
            if i is None or i != j:
                given_ = {r.subject: i, r.object: j}
                told = {end: shown.ids[p] for end, p in given_.items() if p is not None}
                table[k, i, j] = verify(asked, shown, variants, told)[k].verdict

    def merit(picked: tuple[int | None, ...]) -> tuple[float, ...]:
        places = dict(zip(asked.ids, picked, strict=True))
        pairs = [(o, shown.objects[p]) for o, p in zip(asked.objects, picked, strict=True) if p is not None]
        verdicts = [table[k, places[r.subject], places[r.object]] for k, r in enumerate(asked)]
        return (
            len(pairs), sum(len({*o.attributes} & {*s.attributes}) for o, s in pairs), verdicts.count("true"), -verdicts.count("false"),
            round(sum(s.score for _, s in pairs), 6), *(-len(shown) if p is None else -p for p in picked),
        )  # fmt: skip

    options = [[*(k for k, s in enumerate(shown.objects) if fits(o, s)), None] for o in asked.objects]
    ways = [w for w in product(*options) if len(set(taken := [p for p in w if p is not None])) == len(taken)]
    best = max(ways, key=merit)
    expected = {i: shown.ids[p] for i, p in zip(asked.ids, best, strict=True) if p is not None}
    assert match(asked, shown, variants) == expected


@pytest.mark.parametrize("every_pair", [True, False])
def test_twenty_chairs_in_a_row_are_matched_in_bounded_work(every_pair: bool) -> None:
    places = np.random.default_rng(5).permutation(20) * 66 + 33
    shown, variants = flat(*(thing(f"s{k}", "chair", box=at(float(x), size=8)) for k, x in enumerate(places)), width=1300)
    chairs = [thing(f"c{k}", "chair") for k in range(20)]
    asked = asks(
        chairs,
        *(says(f"c{a}", "left of", f"c{b}") for a in range(20) for b in range(a + 1, 20 if every_pair else min(a + 2, 20))),
    )
    found = verify_picture(asked, shown, variants)
    assert [found.match[o.id] for o in chairs] == [shown.ids[k] for k in np.argsort(places)]
    assert found.counts == {"verified": len(asked.relations), "failed": 0, "undecided": 0}


def test_what_there_are_too_few_of_is_missing() -> None:
    chairs = asks([thing(f"c{k}", "chair") for k in range(20)], says("c19", "right of", "c18"))
    found = verify_picture(chairs, *flat(thing("x", "chair", box=at(20)), thing("y", "chair", box=at(90))))
    assert sorted(found.match.values()) == ["x", "y"]
    assert found.match == {"c18": "x", "c19": "y"}


@given(st.lists(st.lists(st.integers(0, 5), unique=True).map(sorted), max_size=6))
def test_as_many_find_a_place_as_can(choices: list[list[int]]) -> None:
    ways = product(*([*places, None] for places in choices))
    largest = max(len(taken) for w in ways if len(set(taken := [p for p in w if p is not None])) == len(taken))
    assert most(choices) == largest
    merits = np.zeros((len(choices), 7, 5), np.int64)
    picked = assign([tuple(c) for c in choices], merits) if choices else ()
    assert sum(p >= 0 for p in picked) == largest
    assert all(p < 0 or p in places for p, places in zip(picked, choices, strict=True))


# Layouts


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1), st.integers(2, 6))
def test_a_layout_is_verified_by_the_graph_it_was_made_from(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    asked = read_off(rng, hidden_scene(rng, n), 2 * n, ("true", "false"))
    found = verify_layout(asked, arrange(Request(asked, 512, 512, seed=seed % 1000)))
    assert found.match == {i: i for i in asked.ids}
    for r, wanted in zip(found.relations, asked, strict=True):
        if wanted.verdict == "true":
            assert r.verdict == "true"
            assert r.margin >= r.threshold > 0
        else:
            assert r.verdict != "false", "a relation asked to be false may come out undecided, never true"


ROW = Layout(
    400, 300, {"a": at(60), "b": at(200), "c": at(340)}, ("a", "b", "c"), {"a": "cup", "b": "plate", "c": "lamp"},
    depths={"a": 1.0, "b": 1.0, "c": 3.0},
)  # fmt: skip


def named(found: Verification) -> dict[tuple[str, str, str], str]:
    return {r.triple: r.verdict for r in found.relations}


def test_a_moved_box_fails_what_it_breaks() -> None:
    asked = asks(
        [thing("a", "cup"), thing("b", "plate"), thing("c", "lamp")], says("a", "left of", "b"), says("b", "left of", "c"),
        says("a", "at the same depth", "b"), says("c", "behind", "a"), says("a", "likes", "b"), absent=("lamp",),
    )  # fmt: skip
    first, second, level, behind, words = asked.relations
    assert set(named(verify_layout(asked, ROW)).values()) == {"true", "undecided"}
    assert verify_layout(asked, ROW).unwanted == {"lamp": ("c",)}
    moved = verify_layout(asked, replace(ROW, boxes={**ROW.boxes, "a": at(260)}))
    assert named(moved) == {
        first.triple: "false",
        second.triple: "true",
        level.triple: "true",
        behind.triple: "true",
        words.triple: "undecided",
    }
    assert moved.relations[0].margin == pytest.approx(-60 / 400)
    nearer = verify_layout(asked, replace(ROW, order=("c", "a", "b"), depths={"a": 1.0, "b": 1.0, "c": 0.5}))
    assert named(nearer)[behind.triple] == "false"
    gone = verify_layout(
        asked, replace(ROW, boxes={"a": at(60), "b": at(200)}, order=("a", "b"), depths={"a": 1.0, "b": 1.0})
    )
    assert gone.missing == ("c",)
    assert why(gone.relations[1]) == "lamp not in the layout"


# Questions


def other_answers(pair: QAPair) -> list[str]:
    return [o for o in (pair.options or (("Yes", "No") if pair.answer in ("Yes", "No") else ())) if o != pair.answer]


def test_derived_questions_hold_and_other_answers_do_not(studio: Studio, sample_id: str) -> None:
    sample = studio.open(OWNER, sample_id)
    found = verify_questions(sample)
    assert [q.pair for q in found] == list(sample.qa)
    assert {q.verdict for q in found} == {"true"}
    flipped = [p.but(answer=other_answers(p)[0]) for p in sample.qa if other_answers(p)]
    assert len(flipped) > 5
    for q in verify_questions(sample.but(qa=tuple(flipped))):
        assert q.verdict == "false", q
        assert q.why.endswith(".")
    unread = verify_questions(sample.but(views={}))
    assert {q.verdict for q in unread} == {"true"}, "views that a folder does not hold are seen again"


def test_questions_that_can_not_be_checked_are_undecided(studio: Studio, sample_id: str) -> None:
    sample = studio.open(OWNER, sample_id)
    pair = next(p for p in sample.qa if p.family == "relation" and p.answer != CANNOT_TELL)
    (fact,) = pair.facts["relations"]
    ends = fact["subject"], fact["predicate"], fact["object"], "undecided", fact["frame"]
    opened = studio.act(OWNER, sample_id, lambda s: judge.correct_relation(s, *ends))
    own = QAPair("own:1", "own", "Is it pretty?", "Yes", origin="person")
    lost = pair.but(facts={"objects": ["gone-1"]})
    left, free, gone = verify_questions(opened.but(qa=(pair, own, lost)))
    assert left.verdict == "undecided"
    assert "does not decide" in left.why
    assert (free.verdict, free.why) == ("undecided", "It names no relation that could be checked.")
    assert gone.verdict == "false"


def test_inverse_relations_get_one_verdict() -> None:
    shown, variants = balls()
    for predicate in ("left of", "above", "larger", "in front of", "near", "separated"):
        back = inverse_of(predicate)
        assert back is not None
        asked = asks([BALL, LAMP], says("a", predicate, "b"), says("b", back, "a"))
        one, other = verify(asked, shown, variants)
        assert (one.verdict, one.margin) == (other.verdict, pytest.approx(other.margin))


def test_names_match_in_any_form() -> None:
    here = flat(thing("x", "person", box=at(30)), thing("y", "sports ball", box=at(90)))
    for person, ball in (("Persons", "sports balls"), ("people", "a sports-ball")):
        found = verify_picture(asks([thing("p", person), thing("q", ball)]), *here, by_id=False)
        assert found.match == {"p": "x", "q": "y"}
    for absent in ("people", "persons", "Sports balls"):
        assert not verify_picture(asks([], absent=(absent,)), *here).holds
    many = asks([thing("p", "person"), thing("q", "person")], says("p", "left of", "q"))
    assert why(verify_picture(many, *here, by_id=False).relations[0]) == "person not in the picture, only 1 found"


def test_what_nobody_named_is_no_proof_of_absence() -> None:
    here = flat(thing("x", "", box=at(30)))
    found = verify_picture(asks([thing("c", "cat"), thing("d", "dog")], says("c", "left of", "d")), *here, by_id=False)
    assert (found.relations[0].verdict, found.holds) == ("undecided", True)
    assert "without a name may be it" in why(found.relations[0])
    row = to_json(found)["relations"][0]
    assert row["margin"] is row["threshold"] is None
    bare = asks([thing("c", "cat")])
    assert verify_picture(bare, *flat(), unsure="and nobody looked").counts["undecided"] == 1
    assert verify_picture(bare, *flat()).counts["failed"] == 1
