"""Answers against the graph, and the corrections they imply."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacestudio.domain.graph import Relation
from spacestudio.domain.qa import QAPair
from spacestudio.qa.ask import ask
from spacestudio.qa.check import answer_implies, check, objects_of
from spacestudio.qa.scene import Scene
from spacestudio.relations.relate import VIEWS, family_of
from tests.qa.made import PLAIN, Made, fresh, graph_of, made, person_says, row, thing
from tests.qa.test_ask import lawful, scenes

CUP, PLATE = thing("cup-1", "cup", 20, 50, "red"), thing("plate-1", "plate", 80, 50)


def stated(predicate: str = "left of", verdict: str = "true", frame: str = "image") -> Scene:
    f = family_of(predicate)
    assert f is not None
    return graph_of([CUP, PLATE], [Relation("cup-1", predicate, "plate-1", f.name, frame, 1, 0.05, verdict)])  # type: ignore[arg-type]


def asks(
    predicate: str, answer: str, question: str = "", form: str = "yes-no", frame: str = "image", family: str = "relation"
) -> QAPair:
    key = f"{family}:cup-1:{predicate}:plate-1:{frame}:{form}"
    return QAPair(key, family, question or f"Is the cup {predicate} the plate?", answer, {"objects": ["cup-1", "plate-1"]})


@lawful
@given(scenes())
def test_derived_questions_hold(m: Made) -> None:
    for pair in ask(m.scene):
        assert check(pair, m.scene) is None


@lawful
@given(scenes(), st.data())
def test_other_answers_do_not(m: Made, data: st.DataObject) -> None:
    for pair in ask(m.scene):
        others = [o for o in (("Yes", "No") if pair.answer in ("Yes", "No") else pair.options) if o != pair.answer]
        if others:
            wrong = pair.but(answer=data.draw(st.sampled_from(others)))
            reason = check(wrong, m.scene)
            assert reason is not None
            assert reason.endswith(".")
            assert "\n" not in reason


@lawful
@given(scenes(), st.data())
def test_an_implied_correction_makes_the_answer_true(m: Made, data: st.DataObject) -> None:
    for pair in ask(m.scene, ["relation", "nearer"]):
        others = [o for o in (("Yes", "No") if pair.answer in ("Yes", "No") else pair.options) if o != pair.answer]
        if not others:
            continue
        answer = data.draw(st.sampled_from(others))
        implied = answer_implies(pair, answer, m.scene)
        assert implied is not None
        corrected = person_says(m.scene, *implied[:3], verdict=implied.verdict)
        assert check(pair.but(answer=answer), corrected) is None, (pair, implied)


def test_a_correction_from_a_viewpoint_goes_to_the_camera() -> None:
    from spacestudio.relations.relate import seen_from

    tried = 0
    for seed in range(6):
        m = row(PLAIN[:6], seed)
        for pair in ask(m.scene, ["viewpoint"]):
            answer = {"Yes": "No", "No": "Yes"}.get(pair.answer) or next(o for o in pair.options if o != pair.answer)
            implied = answer_implies(pair, answer, m.scene)
            assert implied is not None
            assert implied.frame == "camera"
            scene = person_says(m.scene, *implied[:3], verdict=implied.verdict)
            scene = with_views(scene, m, implied, seen_from)
            assert check(pair.but(answer=answer), scene) is None, (pair, implied)
            tried += 1
    assert tried > 20


def with_views(scene: Scene, m: Made, implied, seen_from) -> Scene:  # type: ignore[no-untyped-def]
    from spacestudio.relations.relate import with_pins

    f = family_of(implied.predicate)
    assert f is not None
    pin = {"predicate": implied.predicate, "verdict": implied.verdict, "measured": None}
    graph = with_pins(m.scene.graph, {(implied.subject, implied.object, f.name, implied.frame): pin})
    return replace(scene, graph=graph, views={v: seen_from(v, graph.objects, m.variants, graph) for v in VIEWS})


@pytest.mark.parametrize(
    ("predicate", "answer", "expected"),
    [
        ("left of", "No", ("cup-1", "right of", "plate-1", "image", "true")),
        ("larger", "No", ("cup-1", "smaller", "plate-1", "image", "true")),
        ("inside", "No", ("cup-1", "inside", "plate-1", "image", "false")),
        ("on", "no, it isn't", ("cup-1", "on", "plate-1", "image", "false")),
        ("left of", "It cannot be told from this picture.", ("cup-1", "left of", "plate-1", "image", "undecided")),
        ("left of", "Yes", None),
        ("left of", "maybe", None),
    ],
)
def test_implied(predicate: str, answer: str, expected: tuple[str, ...] | None) -> None:
    assert answer_implies(asks(predicate, "Yes"), answer, stated(predicate)) == expected


@pytest.mark.parametrize(
    ("predicate", "expected"),
    [
        ("in front of", ("cup-1", "behind", "plate-1", "camera", "true")),
        ("at the same depth", ("cup-1", "at the same depth", "plate-1", "camera", "false")),
        ("near", ("cup-1", "near", "plate-1", "camera", "false")),
    ],
)
def test_implied_in_the_cameras_frame(predicate: str, expected: tuple[str, ...]) -> None:
    assert answer_implies(asks(predicate, "Yes", frame="camera"), "No", stated(predicate, frame="camera")) == expected


def test_yes_to_a_no_names_the_predicate_asked() -> None:
    pair = asks("right of", "No")
    assert answer_implies(pair, "Yes", stated()) == ("cup-1", "right of", "plate-1", "image", "true")


def test_a_choice_names_the_new_predicate() -> None:
    pair = asks("direction", "left of", form="choice").but(options=("left of", "right of", "above", "below"))
    assert check(pair, stated()) is None
    for answer in ("above", "C", "C)", "it is above it"):
        assert answer_implies(pair, answer, stated()) == ("cup-1", "above", "plate-1", "image", "true")
    assert answer_implies(pair, "to the left of", stated()) is None


def test_an_open_question_decided_by_a_person() -> None:
    scene = stated("in front of", "undecided", "camera")
    pair = asks("in front of", "It cannot be told from this picture.", form="cannot-tell", frame="camera")
    assert check(pair, scene) is None
    assert answer_implies(pair, "behind", scene) == ("cup-1", "behind", "plate-1", "camera", "true")
    assert check(pair, stated("in front of", "true", "camera")) == "The graph says the cup is in front of the plate."


@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        (asks("left of", "Yes"), None),
        (asks("left of", "yes, it is."), None),
        (asks("left of", "No"), "The graph says the cup is left of the plate."),
        (asks("right of", "Yes"), "The graph says the cup is left of the plate."),
        (asks("above", "Yes"), "The graph says the cup is left of the plate, which does not decide this."),
        (asks("left of", "perhaps"), "This answer can't be read; expected Yes or No."),
        (asks("left of", "Yes", "Is the cup on the right of the plate?"), "The graph says the cup is left of the plate."),
        (asks("left of", "No", "Is the cup on the right of the plate?"), None),
        (asks("left of", "No", "Is the cup not left of the plate?"), None),
        (asks("left of", "Yes", "Does the plate have the cup on its side?"), "The graph says the cup is left of the plate."),
        (asks("left of", "No", "Is the plate left of the cup?"), None),
        (asks("left of", "Yes", "Seen in this picture, would you put the cup to the left of the plate?"), None),
        (asks("left of", "It can't be told."), "The graph says the cup is left of the plate."),
    ],
)  # fmt: skip
def test_reasons(pair: QAPair, expected: str | None) -> None:
    assert check(pair, stated()) == expected


def test_undecided_and_gone() -> None:
    assert check(asks("left of", "Yes"), stated(verdict="undecided")) == (
        "The graph does not decide how the cup and the plate stand to each other."
    )
    assert check(asks("left of", "Yes"), graph_of([CUP])) == "“plate-1” is no longer in the graph."
    assert check(asks("left of", "It cannot be told."), stated(verdict="undecided")) is None
    assert check(asks("left of", "No"), stated(verdict="false")) is None
    assert check(asks("left of", "Yes"), stated(verdict="false")) == "The graph says the cup is not left of the plate."


@pytest.mark.parametrize(
    ("key", "answer", "expected"),
    [
        ("existence:cup:present:image:yes-no", "Yes", None),
        ("existence:cup:present:image:yes-no", "No", "The graph has an object labelled “cup”."),
        ("existence:cup:present:image:yes-no", "dunno", "This answer can't be read; expected Yes or No."),
        ("existence:dog:present:image:yes-no", "Yes", "The graph has no object labelled “dog”."),
        ("count:cup:count:image:number", "one", None),
        ("count:cup:count:image:number", "There are 2", "The graph has 1 labelled “cup”."),
        ("count:cup:count:image:number", "some", "This answer can't be read; expected a number."),
        ("attribute:cup-1:red:image:yes-no", "Yes", None),
        ("attribute:cup-1:red:image:yes-no", "No", "The graph says of the cup: red."),
        ("attribute:cup-1:blue:image:yes-no", "No", None),
        ("attribute:cup-1:blue:image:yes-no", "Yes", "The graph says of the cup: red."),
        ("attribute:cup-1:blue:image:yes-no", "so so", "This answer can't be read; expected Yes or No."),
        ("attribute:cup-1:colour:image:open", "Red.", None),
        ("attribute:cup-1:colour:image:open", "blue", "The graph says of the cup: red."),
        ("position:cup-1:part:image:choice", "Center left", None),
        ("position:cup-1:part:image:choice", "middle-left", None),
        ("position:cup-1:part:image:choice", "top left", "The graph says the center of the cup is in the part “center left”."),
        ("own:1", "anything", None),
        ("custom:cup:x:image:y", "anything", None),
    ],
)  # fmt: skip
def test_questions_about_one_thing(key: str, answer: str, expected: str | None) -> None:
    assert check(QAPair(key, key.split(":")[0], "…?", answer), stated()) == expected
    assert answer_implies(QAPair(key, key.split(":")[0], "…?", answer), answer, stated()) is None


def test_a_center_on_a_line_is_not_placed() -> None:
    scene = graph_of([thing("cup-1", "cup", 34, 50)])
    pair = QAPair("position:cup-1:part:image:choice", "position", "Where?", "center left")
    assert check(pair, scene) == "The center of the cup lies too close to a line of the grid to say."
    assert check(pair.but(answer="somewhere"), scene).startswith("This answer can't be read")  # type: ignore[union-attr]


def test_nearer() -> None:
    scene = stated("in front of", frame="camera")
    pair = asks("closer", "the cup", "Which is closer, the cup or the plate?", "direct", "camera", "nearer")
    assert check(pair, scene) is None
    assert check(pair.but(answer="Cup"), scene) is None
    assert check(pair.but(answer="the plate"), scene) == "The graph says the cup is in front of the plate."
    assert check(pair.but(answer="the plate", question="Which is farther away, the cup or the plate?"), scene) is None
    assert check(pair.but(answer="neither"), scene) == "This answer can't be read; expected the cup or the plate."
    assert answer_implies(pair, "the plate", scene) == ("cup-1", "behind", "plate-1", "camera", "true")
    assert answer_implies(pair, "about the same", scene) == ("cup-1", "at the same depth", "plate-1", "camera", "true")
    assert answer_implies(pair, "neither", scene) is None
    open_ = stated("in front of", "undecided", "camera")
    assert check(pair, open_) == "The graph does not say which of the cup and the plate is nearer."


def test_lengths_are_checked() -> None:
    m = made([("cup", (), (5, 5, 10, 10), 1.2), ("plate", (), (40, 30, 10, 10), 2.5)], ids=["cup-1", "plate-1"])
    pair = asks(
        "closer", "The cup: about 1.2 m (± 0.1 m), the plate 2.5 m.", "Which is closer?", "distances", "camera", "nearer"
    )
    assert check(pair, m.scene) is None
    wrong = pair.but(answer="The cup: about 4 m (± 0.1 m) away.")
    assert check(wrong, m.scene) == "The answer says 4 m; measured 1.20 m and 2.50 m."
    assert answer_implies(pair, wrong.answer, m.scene) is None
    assert check(pair, fresh(m.scene, metric=False)) == "The answer speaks of metres, but this picture's depth is relative."


def test_orders() -> None:
    m = made(
        [(label, (), (2 + 12 * n, 10, 8, 8), 1.0 + n) for n, label in enumerate(("cup", "plate", "vase"))],
        ids=["c", "p", "v"],
    )
    pair = next(p for p in ask(m.scene, ["depth_order"]))
    assert pair.answer == "the cup, the plate, the vase"
    assert check(pair.but(answer="Cup < plate < vase"), m.scene) is None
    assert (
        check(pair.but(answer="plate, cup, vase"), m.scene)
        == "The graph says, from near to far: the cup, the plate, the vase."
    )
    assert (
        check(pair.but(answer="cup, plate"), m.scene)
        == "This answer can't be read; expected each of the objects once, nearest first."
    )
    assert answer_implies(pair, "plate, cup, vase", m.scene) == ("p", "in front of", "c", "camera", "true")
    assert answer_implies(pair, "vase, plate, cup", m.scene) is None
    assert answer_implies(pair, "cup, plate", m.scene) is None
    assert (
        check(pair, replace(m.scene, graph=m.scene.graph.but(relations=[])))
        == "The graph no longer puts all of these in one order."
    )


def test_own_questions_with_a_relation_are_checked() -> None:
    facts = {
        "relations": [{"subject": "cup-1", "predicate": "left of", "object": "plate-1"}],
        "objects": ["cup-1", "plate-1"],
    }
    pair = QAPair("own:7", "own", "Does the cup lie left of the plate?", "Yes", facts)
    assert check(pair, stated()) is None
    assert check(pair.but(answer="No"), stated()) == "The graph says the cup is left of the plate."
    assert objects_of(pair) == ["cup-1", "plate-1"]


def test_odd_facts_do_no_harm() -> None:
    pair = QAPair("own:8", "own", "?", "Yes", {"relations": ["x", {"subject": 1}], "objects": None})
    assert check(pair, stated()) is None
    assert answer_implies(pair, "No", stated()) is None
