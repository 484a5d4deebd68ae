"""One truth: whatever a person did, a sample is what its log derives from scratch, with what the person said laid over it.

Random sequences of every act there is run on a studio whose caches are warm. Beside it stands a model of two stacks: what
undo must bring back, and what redo must.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, note, settings
from hypothesis import strategies as st

from spacestudio.domain.boxes import Box
from spacestudio.domain.camera import Camera
from spacestudio.domain.depth import DepthMap
from spacestudio.domain.events import fold
from spacestudio.domain.graph import VERDICTS, SpatialGraph
from spacestudio.domain.qa import QA_STATUSES
from spacestudio.domain.sample import Sample
from spacestudio.engines.protocols import Detection
from spacestudio.errors import SpaceStudioError
from spacestudio.formats.pictures import Picture
from spacestudio.geometry.measure import measure
from spacestudio.qa.relation import CANNOT_TELL
from spacestudio.reasoning.consistency import repairs
from spacestudio.relations.relate import relate
from spacestudio.services import judge
from spacestudio.services.begin import Ready, Recipe
from spacestudio.services.payloads import camera_payload, to_png
from spacestudio.services.studio import Studio
from tests.support import disc

OWNER = "owner-of-these-laws-00001"
WIDTH, HEIGHT = 160, 120
INVERSE = {
    "left of": "right of", "above": "below", "in front of": "behind", "inside": "surrounding", "larger": "smaller",
    "wider": "narrower", "taller": "shorter", "on": "under", **{
        same: same for same in ("at the same depth", "overlapping", "separated", "near", "beside", "far")
    },
}  # fmt: skip
INVERSE |= {b: a for a, b in INVERSE.items()}
WORDS = (*INVERSE, "smiling at")


def scene() -> tuple[np.ndarray, np.ndarray, list[Detection]]:
    """Five things on a floor before a wall: image, metres, what was found. Two are called the same, one is on another."""
    v = np.arange(HEIGHT, dtype=np.float32)[:, None].repeat(WIDTH, 1)
    depth = np.where(v < 50, 5.0, 5.0 - 3.6 * (v - 50) / (HEIGHT - 50)).astype(np.float32)
    image = np.stack((60 + v, 90 + v / 2, 200 - v), 2).astype(np.uint8)
    masks = {}
    for name, x0, y0, x1, y1, z in (
        ("table", 20, 60, 80, 110, 2.0),
        ("cup", 40, 44, 56, 61, 2.0),
        ("lamp", 120, 10, 140, 60, 4.2),
    ):
        masks[name, z] = np.zeros((HEIGHT, WIDTH), bool)
        masks[name, z][y0:y1, x0:x1] = True
    masks["ball", 1.6] = disc(HEIGHT, WIDTH, 104, 98, 14)
    masks["ball", 3.4] = disc(HEIGHT, WIDTH, 98, 66, 9)
    found = []
    for k, ((_, z), mask) in enumerate(sorted(masks.items(), key=lambda item: -item[0][1])):
        image[mask] = (40 * k + 20, 250 - 50 * k, 60 * (k % 3))
        depth[mask] = z
    for (name, _), mask in masks.items():
        box = Box.around(mask)
        assert box is not None
        found.append(Detection(name, box, 0.9, mask))
    return image, depth, found


def started(studio: Studio, kind: str) -> str:
    image, metres, found = scene()
    depth = DepthMap.of(metres if kind == "metric" else metres * 7 + 3, kind, "made")  # type: ignore[arg-type]
    camera = Camera(150, 150, 80, 60, WIDTH, HEIGHT) if kind == "metric" else None
    recipe = Recipe(depth, camera, Ready(found, "made"))
    return studio.add_picture(OWNER, Picture(image, to_png(image), f"{kind}.png", ()), recipe=recipe)


# What a person can do. Numbers choose among what is there at that moment.


def pick(options: Any, number: int) -> Any:
    options = list(options)
    return options[number % len(options)] if options else None


def pair_of(s: Sample, n: int) -> tuple[str, str]:
    ids = s.graph.ids
    if len(ids) < 2:
        return (ids or ("nobody",))[0], "nobody"
    a = n % len(ids)
    return ids[a], ids[(a + 1 + n // 7 % (len(ids) - 1)) % len(ids)]


def box_of(n: int) -> tuple[int, int, int, int]:
    x, y = n * 37 % (WIDTH - 30), n * 23 % (HEIGHT - 30)
    return x, y, x + 14 + n % 40, y + 12 + n % 33


def edited_question(s: Sample, n: int, follow: bool) -> list[judge.Act]:
    """Another answer to a question, with the correction of the graph it implies if `follow`."""
    pair = pick(s.qa, n)
    if pair is None:
        return []
    answers = [a for a in (*(pair.options or ("Yes", "No")), CANNOT_TELL) if a != pair.answer]
    answer = pick(answers, n // 5)
    acts = judge.edit_question(s, pair.key, f"{pair.question} Look well." if n % 3 == 0 else pair.question, answer)
    implied = judge.implied_correction(s, pair.key, answer) if follow else None
    if implied is not None:
        subject, predicate, object_, frame, verdict = implied
        acts += judge.correct_relation(s, subject, predicate, object_, verdict, frame)
    return acts


def reworded_question(s: Sample, n: int) -> list[judge.Act]:
    pair = pick(s.qa, n)
    return judge.edit_question(s, pair.key, f"Now then: {pair.question}", pair.answer) if pair else []


def corrected(s: Sample, n: int) -> list[judge.Act]:
    a, b = pair_of(s, n)
    return judge.correct_relation(s, a, pick(WORDS, n // 3), b, pick(VERDICTS, n // 2), pick((None, "camera", "image"), n))


def against_measurement(s: Sample, n: int) -> list[judge.Act]:
    """Say the opposite of something measured."""
    r = pick([r for r in s.graph if r.verdict == "true" and r.predicate in INVERSE], n)
    return judge.correct_relation(s, r.subject, INVERSE[r.predicate], r.object, "true", r.frame) if r else []


def released(s: Sample, n: int) -> list[judge.Act]:
    r = pick([r for r in s.graph if r.origin == "person"], n)
    return judge.release_relation(s, r) if r else []


def repaired(s: Sample, n: int) -> list[judge.Act]:
    clash = pick(s.clashes, n)
    way = pick(repairs(clash), n // 3) if clash else None
    return judge.repair(s, way) if way else []


def wanted(s: Sample, n: int) -> list[judge.Act]:
    a, b = pair_of(s, n)
    return judge.want_relation(s, a, pick(INVERSE, n // 3), b)


def moved_camera(s: Sample, n: int) -> list[judge.Act]:
    camera = pick((Camera.from_fov(WIDTH, HEIGHT, 40 + n % 50), Camera(200, 210, 70, 66, WIDTH, HEIGHT), None), n)
    return [("camera", {"camera": camera_payload(camera) if camera else None})]


def statuses(s: Sample, n: int) -> list[judge.Act]:
    chosen = [p.key for k, p in enumerate(s.qa) if k % 5 == n % 5]
    return judge.judge(s, chosen, pick(QA_STATUSES, n // 5))


ACTS: Mapping[str, Callable[[Sample, int], list[judge.Act]]] = {
    "add": lambda s, n: judge.add_object(s, pick(("cup", "dog", "ball"), n), box_of(n), pick(("", "red", "old, red"), n)),
    "label": lambda s, n: judge.edit_object(s, pair_of(s, n)[0], label=pick(("cup", "melon", "ball"), n)),
    "attributes": lambda s, n: judge.edit_object(s, pair_of(s, n)[0], attributes=pick(("red", "green, small", ""), n)),
    "move": lambda s, n: judge.edit_object(s, pair_of(s, n)[0], xyxy=box_of(n)),
    "delete": lambda s, n: judge.delete_object(s, pair_of(s, n)[0]),
    "correct": corrected,
    "overrule": against_measurement,
    "release": released,
    "repair": repaired,
    "absent": lambda s, n: judge.set_absent(s, pick((["cat"], "dog, zebra", [], "cup"), n)),
    "known height": lambda s, n: judge.known_height(s, pair_of(s, n)[0], 0.1 + n % 9),
    "answer": lambda s, n: edited_question(s, n, follow=False),
    "answer and correct": lambda s, n: edited_question(s, n, follow=True),
    "reword": reworded_question,
    "judge": statuses,
    "want relation": wanted,
    "want object": lambda s, n: judge.want_object(s, pick(("cat", "cup"), n), "", pick((None, pair_of(s, n)[0]), n)),
    "want box": lambda s, n: judge.want_box(s, pair_of(s, n)[0], box_of(n)),
    "want removal": lambda s, n: [("want.remove", {"id": pair_of(s, n)[0]})],
    "want order": lambda s, n: [("want.order", {"order": sorted(s.graph.ids, key=lambda i: hash_of(i, n))})],
    "want prompt": lambda s, n: [("want.prompt", {"prompt": f"prompt {n}"})],
    "want nothing": lambda s, n: [("want.reset", {})],
    "cut": lambda s, n: [("layers.cut", {"cuts": pick((None, [0.5], [0.2, 0.4, 0.8]), n)})],
    "camera": moved_camera,
    "review": lambda s, n: [("review", {"status": pick(("draft", "accepted", "rejected"), n)})],
    "rename": lambda s, n: [("rename", {"name": f"name {n % 4}"})],
}  # fmt: skip
STEPS = ("undo", "redo", "begin draft", "apply", "discard", "compact", "measure again", "find more")


def hash_of(text: str, n: int) -> int:
    return sum(ord(c) * (n % 97 + k) for k, c in enumerate(text)) % 101


# Everything of a sample, comparable.


def plain(value: Any) -> Any:
    """A value as nested tuples, equal exactly when the value is equal in everything."""
    if isinstance(value, SpatialGraph):
        return plain((value.objects, value.relations, value.scene, value.negative_objects))
    if isinstance(value, np.ndarray):
        return str(value.dtype), value.shape, value.tobytes()
    if is_dataclass(value):
        return type(value).__name__, *(plain(getattr(value, f.name)) for f in fields(value) if f.name != "events")
    if isinstance(value, Mapping):
        return tuple((k, plain(v)) for k, v in sorted(value.items(), key=lambda item: str(item[0])))
    if isinstance(value, (list, tuple)):
        return tuple(plain(v) for v in value)
    return "nan" if isinstance(value, float) and math.isnan(value) else value


def assert_same(found: Sample, expected: Sample) -> None:
    """Field by field; a failure names the field, and of rows the first that differs."""
    for f in fields(Sample):
        if f.name != "events" and plain(getattr(found, f.name)) != plain(getattr(expected, f.name)):
            one, other = getattr(found, f.name), getattr(expected, f.name)
            if isinstance(one, SpatialGraph) and isinstance(other, SpatialGraph):
                one, other = one.relations, other.relations
            rows = zip(one, other, strict=False) if isinstance(one, tuple) and isinstance(other, tuple) else [(one, other)]
            first = next(((a, b) for a, b in rows if plain(a) != plain(b)), (len(one), len(other)))
            pytest.fail(f"{f.name}: {first[0]!r} is not {first[1]!r}"[:2000])


# Derivation from scratch plus what the person said, in a few lines of its own.


def mark_of(measured: Any, said: tuple[str, str], then: Mapping[str, Any] | None) -> str:
    """How a correction stands to what is measured now, `then` being what was measured when it was made."""
    if measured is not None and (measured.predicate, measured.verdict) == said:
        return "agrees"
    if measured is None or then is None:
        return "stale" if (measured is None) != (then is None) else "overrules"
    same_fact = measured.predicate in (then["predicate"], INVERSE[then["predicate"]]) and measured.verdict == then["verdict"]
    weaker_by = abs(then["margin"]) - abs(measured.margin)
    return "overrules" if same_fact and weaker_by <= max(measured.threshold, 1e-9) else "stale"


def assert_pins_lie_on_measurement(s: Sample) -> None:
    variants = measure(s.objects, s.width, s.height, s.depth, s.camera, s.space.floor)
    measured = {r.key: r for r in relate(s.objects, variants)}
    expected = {key: (r.predicate, r.verdict, "geometry", None) for key, r in measured.items()}
    for (subject, object_, family, frame), pin in fold(s.events).pins.items():
        assert {subject, object_} <= set(s.graph.ids), "a correction outlived what it was about"
        ways = [(subject, object_, pin["predicate"])]
        if pin["predicate"] in INVERSE:
            ways.append((object_, subject, INVERSE[pin["predicate"]]))
        for a, b, predicate in ways:
            key, said = (a, b, family, frame), (predicate, pin["verdict"])
            expected[key] = (*said, "person", mark_of(measured.get(key), said, pin["measured"]))
    found = {r.key: (r.predicate, r.verdict, r.origin, r.evidence.get("pin")) for r in s.graph}
    assert len(found) == len(s.graph.relations), "two relations at one place"
    assert found == expected
    for r in s.graph:
        if r.origin == "person":
            now = measured.get(r.key)
            assert r.evidence["measured"] == (
                {"predicate": now.predicate, "margin": now.margin, "verdict": now.verdict} if now else None
            )
        else:
            assert (r.margin, r.threshold) == (measured[r.key].margin, measured[r.key].threshold)


def assert_questions_are_kept(s: Sample) -> None:
    state, asked = fold(s.events), {p.key: p for p in s.qa}
    assert len(asked) == len(s.qa), "two questions of one key"
    for key, edit in state.qa_edits.items():
        p = asked[key]
        assert (p.question, p.answer, p.origin) == (edit["question"], edit["answer"], "person")
        assert p.mark in ("", "stale", "in conflict")
    for key, judged in state.qa_status.items():
        if key in asked:
            assert asked[key].status == judged["status"]
        else:  # no longer asked: what was accepted or flagged must still be there
            assert judged["status"] not in ("accepted", "flagged"), key
    for key, p in asked.items():
        assert (p.origin == "person") == (key in state.qa_edits), key
        assert p.status == "proposed" or key in state.qa_status, key
        if p.mark:
            assert key in state.qa_edits or key in state.qa_status, key


# The law.


@dataclass
class Model:
    """What undo and redo must bring back: the samples before each act that can still be undone, and those undone."""

    done: list[Sample]
    undone: list[Sample] = field(default_factory=list)

    def acted(self, now: Sample) -> None:
        self.done.append(now)
        self.undone.clear()

    def undo(self) -> None:
        if len(self.done) > 1:
            self.undone.append(self.done.pop())

    def redo(self) -> None:
        if self.undone:
            self.done.append(self.undone.pop())


class Person:
    """One sample in a warm studio, and the model beside it."""

    def __init__(self, studio: Studio, sample: str) -> None:
        self.studio, self.sample = studio, sample
        self.model = Model([studio.open(OWNER, sample)])

    @property
    def now(self) -> Sample:
        return self.studio.open(OWNER, self.sample)

    def does(self, what: str, number: int) -> None:
        before = self.now.events
        try:
            match what:
                case "undo" | "redo":
                    held = self.studio._kept.drafts.get((OWNER, self.sample))
                    getattr(self.studio, what)(OWNER, self.sample)
                    if not (held and (held.steps or held.undone)):  # else it was an edit that waits
                        getattr(self.model, what)()
                    return
                case "begin draft":
                    self.studio.begin_draft(OWNER, self.sample)
                case "apply":
                    foreseen = self.studio.look(OWNER, self.sample)
                    assert_same(self.studio.apply(OWNER, self.sample), foreseen)
                case "discard":
                    self.studio.discard(OWNER, self.sample)
                case "compact":
                    was = self.now
                    assert_same(self.studio.compact(OWNER, self.sample), was)
                    self.model = Model([was])
                    return
                case "measure again":
                    kind = ("metric", "relative", "disparity")[number % 3]
                    values = scene()[1] * (1 + number % 2) + np.float32(0.1)
                    self.studio.set_depth(OWNER, self.sample, DepthMap.of(values, kind, f"again {number % 2}"))  # type: ignore[arg-type]
                case "find more":
                    self.studio.find_objects(OWNER, self.sample)
                case _:
                    self.studio.act(OWNER, self.sample, lambda s: ACTS[what](s, number))
        except SpaceStudioError as error:
            note(f"{what} {number}: {error}")
            assert self.now.events == before, "a refused act left something behind"
        if self.now.events != before:
            self.model.acted(self.now)


def fresh(studio: Studio) -> Studio:
    """The same store, nothing remembered."""
    return Studio(studio.data)


class Begun:
    def __init__(self, studio: Studio, first: Sample) -> None:
        self.studio, self.first = studio, first

    def __repr__(self) -> str:
        return "a studio with one sample"


@pytest.fixture(scope="module", params=["metric", "relative"])
def begun(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Begun:
    studio = Studio(tmp_path_factory.mktemp("studio"))
    return Begun(studio, studio.open(OWNER, started(studio, request.param)))


@given(st.lists(st.tuples(st.sampled_from([*ACTS, *STEPS]), st.integers(0, 10_000)), min_size=3, max_size=14))
@settings(max_examples=max(12, settings().max_examples // 5), phases=[Phase.explicit, Phase.reuse, Phase.generate])
def test_rederivation_equals_derivation_from_scratch_plus_what_was_said(begun: Begun, acts: list[tuple[str, int]]) -> None:
    studio, first = begun.studio, begun.first
    person = Person(studio, studio.database.create("default", OWNER, "law", first.events))
    for what, number in acts:
        person.does(what, number)
        now = person.now
        assert_same(now, person.model.done[-1])
        assert_pins_lie_on_measurement(now)
        assert_questions_are_kept(now)
    waiting = studio.draft(OWNER, person.sample)
    if waiting:
        assert_same(fresh(studio).deriver.sample(person.sample, waiting.after.events), waiting.after)
    last = person.now
    assert_same(fresh(studio).open(OWNER, person.sample), last)
    person.does("discard", 0)
    assert_same(person.now, last)
    while len(person.model.done) > 1:
        person.does("undo", 0)
        assert_same(person.now, person.model.done[-1])
    assert studio.undo(OWNER, person.sample).events == person.now.events, "nothing is left to undo"
    if not any(what == "compact" for what, _ in acts):
        assert_same(person.now.but(id=first.id), first)
    while person.model.undone:
        person.does("redo", 0)
    if last.events[-1].kind not in ("undo", "redo"):
        assert_same(person.now, last)
    assert_same(fresh(studio).open(OWNER, person.sample), person.now)


def test_a_correction_is_stale_once_nothing_is_measured_there_any_more(begun: Begun) -> None:
    studio = begun.studio
    sample = studio.database.create("default", OWNER, "gone", begun.first.events)
    studio.act(OWNER, sample, lambda s: judge.correct_relation(s, "cup-1", "on", "table-1", "undecided"))
    studio.act(OWNER, sample, lambda s: judge.correct_relation(s, "lamp-1", "on", "table-1", "false"))
    marks = {r.triple: r.evidence["pin"] for r in studio.open(OWNER, sample).graph if r.origin == "person"}
    assert set(marks.values()) == {"overrules"}
    s = studio.act(OWNER, sample, lambda s: judge.edit_object(s, "cup-1", xyxy=(120, 5, 140, 25)))
    assert s.graph.by_key["cup-1", "table-1", "support", "image"].evidence["measured"] is None
    assert_pins_lie_on_measurement(s)
    marks = {r.triple: r.evidence["pin"] for r in s.graph if r.origin == "person"}
    assert marks["cup-1", "on", "table-1"] == marks["table-1", "under", "cup-1"] == "stale"
    assert marks["lamp-1", "on", "table-1"] == "overrules"
