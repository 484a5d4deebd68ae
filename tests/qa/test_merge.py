"""A person's word over derived questions: never lost, never silently kept."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacestudio.domain.qa import QAPair
from spacestudio.qa.ask import ask
from spacestudio.qa.check import answer_implies
from spacestudio.qa.merge import merge
from spacestudio.qa.scene import Scene
from tests.qa.made import PLAIN, Made, fresh, graph_of, person_says, row, thing
from tests.qa.test_ask import lawful, scenes


def edit_of(pair: QAPair, **changes: Any) -> dict[str, Any]:
    payload = {
        "key": pair.key, "family": pair.family, "question": pair.question, "answer": pair.answer,
        "options": list(pair.options), "facts": dict(pair.facts),
    }  # fmt: skip
    return payload | changes


def judged(pair: QAPair, status: str = "accepted") -> dict[str, Any]:
    return {**edit_of(pair), "status": status}


def by_key(pairs: tuple[QAPair, ...]) -> dict[str, QAPair]:
    found = {p.key: p for p in pairs}
    assert len(found) == len(pairs)
    return found


@pytest.fixture
def m() -> Made:
    return row(PLAIN[:6], 1)


def yes_no_about(scene: Scene, family: str = "direction") -> tuple[Scene, QAPair]:
    """A yes-no question of that family, under the first seed that asks one."""
    for seed in range(50):
        seeded = fresh(scene, seed=seed)
        for p in ask(seeded, ["relation"]):
            if p.key.endswith("yes-no") and p.facts["relations"][0]["family"] == family:
                return fresh(seeded, kept=frozenset({p.key})), p
    raise AssertionError("no such question")


@lawful
@given(scenes(2))
def test_nothing_said_changes_nothing(m: Made) -> None:
    derived = ask(m.scene)
    assert merge(derived, {}, {}, m.scene) == derived


@lawful
@given(scenes(2), st.data())
def test_an_edit_that_agrees_stays_unmarked(m: Made, data: st.DataObject) -> None:
    derived = ask(m.scene)
    if not derived:
        return
    pair = data.draw(st.sampled_from(derived))
    merged = by_key(
        merge(derived, {pair.key: edit_of(pair, question=f"{pair.question} Say.")}, {pair.key: "accepted"}, m.scene)
    )
    p = merged[pair.key]
    assert (p.origin, p.mark, p.status, p.answer) == ("person", "", "accepted", pair.answer)
    assert p.question.endswith("Say.")
    assert len(merged) == len(derived)


@lawful
@given(scenes(2), scenes(2), st.data())
def test_edits_are_never_dropped(before: Made, after: Made, data: st.DataObject) -> None:
    """Whatever the scene becomes."""
    asked = ask(before.scene)
    chosen = data.draw(st.lists(st.sampled_from(asked), unique_by=lambda p: p.key)) if asked else []
    edits = {p.key: edit_of(p) for p in chosen} | {
        "own:1": {"key": "own:1", "question": "Why?", "answer": "Because.", "family": "own"}
    }
    derived = ask(after.scene)
    merged = by_key(merge(derived, edits, {p.key: judged(p) for p in chosen}, after.scene))
    assert merged.keys() == {p.key for p in derived} | edits.keys()
    for key, edit in edits.items():
        assert (merged[key].question, merged[key].answer, merged[key].origin) == (edit["question"], edit["answer"], "person")
        if not key.startswith("own:") and key not in {p.key for p in derived}:
            assert merged[key].mark == "stale"
    for p in derived:
        if p.key not in edits:
            assert merged[p.key] == p


def test_an_edit_against_the_graph_is_in_conflict(m: Made) -> None:
    scene, pair = yes_no_about(m.scene)
    wrong = "No" if pair.answer == "Yes" else "Yes"
    merged = by_key(merge(ask(scene), {pair.key: edit_of(pair, answer=wrong)}, {}, scene))
    assert (merged[pair.key].answer, merged[pair.key].mark, merged[pair.key].origin) == (wrong, "in conflict", "person")


def test_an_edit_whose_correction_was_taken_over_is_fine(m: Made) -> None:
    scene, pair = yes_no_about(m.scene)
    answer = "No" if pair.answer == "Yes" else "Yes"
    implied = answer_implies(pair, answer, scene)
    assert implied is not None
    corrected = person_says(scene, *implied[:3], verdict=implied.verdict)
    merged = by_key(merge(ask(corrected), {pair.key: edit_of(pair, answer=answer)}, {}, corrected))
    assert (merged[pair.key].answer, merged[pair.key].mark) == (answer, "")


def test_an_edit_is_stale_when_the_verdict_under_it_changes(m: Made) -> None:
    scene, pair = yes_no_about(m.scene)
    r = pair.facts["relations"][0]
    changed = person_says(scene, r["object"], r["predicate"], r["subject"])
    merged = by_key(merge(ask(changed), {pair.key: edit_of(pair, question="Reworded?")}, {}, changed))
    assert (merged[pair.key].question, merged[pair.key].answer, merged[pair.key].mark) == ("Reworded?", pair.answer, "stale")


def test_margins_and_lengths_may_drift(m: Made) -> None:
    for pair in ask(m.scene):
        facts = {
            **pair.facts,
            "relations": [{**r, "margin": r["margin"] * 0.9, "origin": "person"} for r in pair.facts["relations"]],
        }
        facts["numbers"] = {"anything": 1.0}
        then = pair.answer.replace("1.", "1.9") if pair.key.endswith("distances") else pair.answer
        merged = by_key(merge(ask(m.scene), {}, {pair.key: {**judged(pair), "answer": then, "facts": facts}}, m.scene))
        assert merged[pair.key].mark == ""
        merged = by_key(merge(ask(m.scene), {pair.key: edit_of(pair, facts=facts)}, {}, m.scene))
        assert merged[pair.key].mark == ""


def test_a_relabelled_thing_makes_a_count_stale() -> None:
    two = graph_of([thing("a", "cat", 10), thing("b", "cat", 90), thing("c", "dog", 50)])
    three = graph_of([thing("a", "cat", 10), thing("b", "cat", 90), thing("c", "cat", 50)])
    pair = next(p for p in ask(two, ["count"]) if p.answer == "2")
    merged = by_key(merge(ask(three, ["count"]), {pair.key: edit_of(pair)}, {}, three))
    assert (merged[pair.key].answer, merged[pair.key].mark) == ("2", "stale")
    merged = by_key(merge(ask(three, ["count"]), {}, {pair.key: judged(pair)}, three))
    assert (merged[pair.key].answer, merged[pair.key].mark, merged[pair.key].status) == ("2", "stale", "accepted")


def test_statuses(m: Made) -> None:
    derived = ask(m.scene)
    first, second, third, fourth = derived[:4]
    merged = by_key(
        merge(
            derived,
            {},
            {
                first.key: "accepted", second.key: {"status": "rejected"}, third.key: {**judged(third), "answer": "something else"},
                fourth.key: "nonsense",
            },
            m.scene,
        )
    )  # fmt: skip
    assert merged[first.key].status == "accepted"
    assert merged[second.key].status == "rejected"
    assert (merged[third.key].status, merged[third.key].mark) == ("accepted", "stale")
    assert (merged[fourth.key].status, merged[fourth.key].mark) == ("proposed", "")


def test_an_accepted_question_that_is_gone_is_kept_with_its_text(m: Made) -> None:
    gone = QAPair(
        "relation:x-1:left of:y-1:image:yes-no", "relation", "Is the x left of the y?", "Yes", {"objects": ["x-1", "y-1"]}
    )
    derived = ask(m.scene)
    plain = {**judged(gone)}
    nested = {"status": "accepted", "pairs": {gone.key: edit_of(gone)}}
    listed = {"status": "accepted", "pairs": [edit_of(gone)]}
    for payload in (plain, nested, listed):
        kept = by_key(merge(derived, {}, {gone.key: payload}, m.scene))[gone.key]
        assert (kept.question, kept.answer, kept.status, kept.mark, kept.origin) == (
            gone.question,
            "Yes",
            "accepted",
            "stale",
            "geometry",
        )
    flagged = by_key(merge(derived, {}, {gone.key: judged(gone, "flagged")}, m.scene))[gone.key]
    assert (flagged.question, flagged.status, flagged.mark) == (gone.question, "flagged", "stale")
    for payload in ("accepted", {"status": "accepted"}, {**judged(gone, "rejected")}):
        assert merge(derived, {}, {gone.key: payload}, m.scene) == derived


def test_an_edit_without_text_is_still_shown(m: Made) -> None:
    merged = merge((), {"relation:x:y:z:image:yes-no": {"key": "…", "answer": "No"}}, {}, m.scene)
    assert merged[0].mark == "stale"
    assert "no longer derived" in merged[0].question
    assert merged[0].answer == "No"


def test_own_questions() -> None:
    m = row(("cup", "plate"), 0)
    r = next(r for r in m.scene.graph if r.family == "direction" and r.frame == "image" and r.verdict == "true")
    own = {
        "key": "own:1", "family": "own", "question": f"Is the cup {r.predicate} the plate?", "answer": "Yes",
        "facts": {"relations": [{"subject": r.subject, "predicate": r.predicate, "object": r.object}], "objects": [r.subject, r.object]},
    }  # fmt: skip

    def mark(scene: Scene, **changes: Any) -> tuple[str, str]:
        merged = by_key(merge(ask(scene), {"own:1": own | changes}, {"own:1": "accepted"}, scene))["own:1"]
        return merged.mark, merged.status

    assert mark(m.scene) == ("", "accepted")
    assert mark(m.scene, answer="No") == ("in conflict", "accepted")
    assert mark(person_says(m.scene, r.object, r.predicate, r.subject)) == ("stale", "accepted")
    assert mark(graph_of([thing("cup-1", "cup")])) == ("stale", "accepted")
    assert mark(m.scene, facts={}) == ("", "accepted")


def test_merging_twice_is_merging_once(m: Made) -> None:
    derived = ask(m.scene)
    edits = {derived[0].key: edit_of(derived[0], question="Say again?")}
    once = merge(derived, edits, {derived[1].key: "accepted"}, m.scene)
    assert merge(once, edits, {derived[1].key: "accepted"}, m.scene) == once
