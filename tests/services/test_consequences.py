"""What an edit does elsewhere is known before it is applied, and nothing more or less happens when it is."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spacestudio.errors import InputError, SpaceStudioError
from spacestudio.services import judge
from spacestudio.services.consequences import Consequences, consequences, in_short
from spacestudio.services.consequences import told as sentences
from spacestudio.services.studio import Studio
from tests.services.conftest import OWNER
from tests.services.test_studio import told


def test_a_preview_changes_nothing(studio: Studio, sample_id: str) -> None:
    before = studio.open(OWNER, sample_id)
    found = studio.foresee(OWNER, sample_id, lambda s: judge.correct_relation(s, "ball-1", "right of", "lamp-1"))
    assert found.consequences.relations
    assert studio.open(OWNER, sample_id).events == before.events
    assert told(studio.open(OWNER, sample_id)) == told(before)


def test_flipping_an_edge_tells_each_pair_once_and_the_questions_that_follow(studio: Studio, sample_id: str) -> None:
    found = studio.foresee(
        OWNER, sample_id, lambda s: judge.correct_relation(s, "ball-1", "right of", "lamp-1")
    ).consequences
    assert [(c.before, c.after) for c in found.relations] == [("ball is left of lamp", "ball is right of lamp")]
    assert found.questions
    assert all("ball" in c.before + c.after and "lamp" in c.before + c.after for c in found.questions)
    assert found.summary.startswith("1 relation and ")


def test_moving_a_box_marks_what_was_corrected(studio: Studio, sample_id: str) -> None:
    studio.act(OWNER, sample_id, lambda s: judge.correct_relation(s, "ball-1", "right of", "lamp-1"))
    found = studio.foresee(
        OWNER, sample_id, lambda s: judge.edit_object(s, "ball-1", xyxy=(120, 100, 200, 180))
    ).consequences
    assert [c.about for c in found.objects] == ["ball-1"]
    assert ("ball right of lamp: true", "overrules", "stale") in [(c.about, c.before, c.after) for c in found.corrections]
    assert "marked" in found.summary
    found = studio.foresee(OWNER, sample_id, lambda s: judge.delete_object(s, "ball-1")).consequences
    assert [(c.about, c.after) for c in found.corrections if "right of" in c.about] == [("ball right of lamp: true", "")]
    assert "went with it" in found.summary


def test_correcting_an_answer_tells_the_graph_correction(studio: Studio, sample_id: str) -> None:
    s = studio.open(OWNER, sample_id)
    other = {"Yes": "No", "No": "Yes"}
    p, implied = next(
        (q, found)
        for q in s.qa
        if q.family == "relation" and q.answer in other and (found := judge.implied_correction(s, q.key, other[q.answer]))
    )

    def acts(x: object) -> list[judge.Act]:
        fixed = judge.correct_relation(s, implied[0], implied[1], implied[2], implied[4], implied[3])
        return judge.edit_question(s, p.key, p.question, other[p.answer]) + fixed

    found = studio.foresee(OWNER, sample_id, acts).consequences
    assert len(found.relations) == 1
    assert any(p.question in c.before for c in found.questions)
    assert not found.clashes


def test_a_contradiction_is_foretold(studio: Studio, sample_id: str) -> None:
    studio.act(OWNER, sample_id, lambda s: judge.add_object(s, "cup", (10, 10, 60, 60)))
    studio.act(OWNER, sample_id, lambda s: judge.correct_relation(s, "ball-1", "left of", "lamp-1"))
    studio.act(OWNER, sample_id, lambda s: judge.correct_relation(s, "lamp-1", "left of", "cup-1"))
    found = studio.foresee(OWNER, sample_id, lambda s: judge.correct_relation(s, "cup-1", "left of", "ball-1")).consequences
    assert [(c.before, bool(c.after)) for c in found.clashes] == [("", True)]
    assert "contradicts itself" in found.summary


def test_a_wish_moves_the_layout_and_nothing_of_this_picture(studio: Studio, sample_id: str) -> None:
    studio.act(OWNER, sample_id, lambda s: judge.want_relation(s, "ball-1", "above", "lamp-1"))
    found = studio.foresee(OWNER, sample_id, lambda s: judge.want_relation(s, "ball-1", "right of", "lamp-1")).consequences
    assert found.layout
    assert not found.relations
    assert not found.questions


def test_a_draft_waits_is_seen_and_is_applied_as_one(studio: Studio, sample_id: str) -> None:
    stored = studio.open(OWNER, sample_id)
    studio.begin_draft(OWNER, sample_id)
    assert studio.draft(OWNER, sample_id) is None
    studio.act(OWNER, sample_id, lambda s: judge.correct_relation(s, "ball-1", "right of", "lamp-1"))
    studio.act(OWNER, sample_id, lambda s: judge.edit_object(s, "lamp-1", label="lantern"))
    assert studio.open(OWNER, sample_id).events == stored.events
    seen = studio.look(OWNER, sample_id)
    assert seen.graph["lamp-1"].label == "lantern"
    with pytest.raises(InputError, match="preview"):
        studio.regenerate(OWNER, sample_id)
    assert told(studio.apply(OWNER, sample_id)) == told(seen)
    assert studio.draft(OWNER, sample_id) is None
    assert told(studio.undo(OWNER, sample_id)) == told(stored)


def test_undo_in_a_draft_takes_its_last_edit_back_and_no_stored_one(studio: Studio, sample_id: str) -> None:
    stored = studio.act(OWNER, sample_id, lambda s: judge.edit_object(s, "lamp-1", label="lantern"))
    studio.begin_draft(OWNER, sample_id)
    first = studio.act(OWNER, sample_id, lambda s: judge.correct_relation(s, "ball-1", "right of", "lamp-1"))
    seen = studio.revision(OWNER, sample_id)
    studio.act(OWNER, sample_id, lambda s: judge.correct_relation(s, "ball-1", "behind", "lamp-1"))
    assert told(studio.undo(OWNER, sample_id)) == told(first)
    assert studio.steps(OWNER, sample_id) == (True, True)
    studio.redo(OWNER, sample_id)
    draft = studio.draft(OWNER, sample_id)
    assert draft is not None
    assert draft.words == ("Correct: ball is right of lantern.", "Correct: ball is behind lantern.")
    with pytest.raises(InputError, match="another window"):
        studio.apply(OWNER, sample_id, seen)
    studio.undo(OWNER, sample_id)
    studio.undo(OWNER, sample_id)
    studio.undo(OWNER, sample_id)
    assert studio.open(OWNER, sample_id).events == stored.events
    assert told(studio.look(OWNER, sample_id)) == told(stored)
    studio.redo(OWNER, sample_id)
    assert told(studio.apply(OWNER, sample_id, studio.revision(OWNER, sample_id))) == told(first)


def test_what_an_undo_takes_back_and_a_redo_brings_back_is_told(studio: Studio, sample_id: str) -> None:
    def told_steps() -> list[str]:
        s = studio.look(OWNER, sample_id)
        return [in_short(sentences(acts, s, s)) for acts in studio.next_steps(OWNER, sample_id)]

    made = told_steps()
    assert made[1] == ""
    studio.act(OWNER, sample_id, lambda s: judge.correct_relation(s, "ball-1", "right of", "lamp-1"))
    assert told_steps() == ["Correct: ball is right of lamp", ""]
    studio.act(OWNER, sample_id, lambda s: judge.edit_object(s, "ball-1", xyxy=(10, 10, 60, 60)))
    assert told_steps() == ["Move ball to 10, 10, 60, 60 px", ""]
    studio.undo(OWNER, sample_id)
    assert told_steps() == ["Correct: ball is right of lamp", "Move ball to 10, 10, 60, 60 px"]
    studio.undo(OWNER, sample_id)
    assert told_steps() == [made[0], "Correct: ball is right of lamp"]

    # of edits that wait, their own
    studio.begin_draft(OWNER, sample_id)
    studio.act(OWNER, sample_id, lambda s: judge.correct_relation(s, "ball-1", "behind", "lamp-1"))
    assert told_steps() == ["Correct: ball is behind lamp", ""]
    studio.undo(OWNER, sample_id)
    assert told_steps() == ["", "Correct: ball is behind lamp"]


def test_several_sentences_in_short() -> None:
    assert in_short(()) == ""
    assert in_short(("Remove cup.",)) == "Remove cup"
    assert in_short(("Remove cup.", "Add mug.", "Remove spoon.")) == "Remove cup and 2 more"


def test_a_discarded_draft_leaves_no_trace(studio: Studio, sample_id: str) -> None:
    stored = studio.open(OWNER, sample_id)
    for end in (studio.discard, studio.undo):
        studio.begin_draft(OWNER, sample_id)
        studio.act(OWNER, sample_id, lambda s: judge.delete_object(s, "ball-1"))
        end(OWNER, sample_id)
        assert studio.look(OWNER, sample_id).events == stored.events


def test_a_draft_on_a_sample_changed_since_is_not_applied(studio: Studio, sample_id: str) -> None:
    studio.begin_draft(OWNER, sample_id)
    studio.act(OWNER, sample_id, lambda s: judge.delete_object(s, "ball-1"))
    other = Studio(studio.data)
    changed = other.act(OWNER, sample_id, lambda s: judge.edit_object(s, "lamp-1", label="lantern"))
    with pytest.raises(InputError, match="another window"):
        studio.apply(OWNER, sample_id)
    assert studio.draft(OWNER, sample_id) is not None
    studio.discard(OWNER, sample_id)
    assert studio.look(OWNER, sample_id).events == changed.events


def test_reviewing_needs_no_draft(studio: Studio, sample_id: str) -> None:
    studio.begin_draft(OWNER, sample_id)
    s = studio.act(OWNER, sample_id, lambda x: judge.judge(x, [x.qa[0].key], "accepted"))
    assert studio.draft(OWNER, sample_id) is None
    assert s.qa[0].status == "accepted"
    assert studio.open(OWNER, sample_id).events == s.events


EDITS = st.sampled_from(["flip", "move", "rename", "delete", "wish", "front", "cut"])


@given(st.lists(EDITS, min_size=1, max_size=5))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_foreseen_is_what_follows(studio: Studio, sample_id: str, edits: list[str]) -> None:
    acts = {
        "flip": lambda s: judge.correct_relation(s, "ball-1", "right of", "lamp-1"),
        "move": lambda s: judge.edit_object(s, "ball-1", xyxy=(200, 20, 290, 90)),
        "rename": lambda s: judge.edit_object(s, "lamp-1", label="lantern"),
        "delete": lambda s: judge.delete_object(s, "lamp-1"),
        "wish": lambda s: judge.want_relation(s, "ball-1", "above", "lamp-1"),
        "front": lambda s: judge.correct_relation(s, "lamp-1", "in front of", "ball-1"),
        "cut": lambda s: [("layers.cut", {"cuts": [0.5]})],
    }
    for edit in edits:
        before = studio.open(OWNER, sample_id)
        try:
            foreseen = studio.foresee(OWNER, sample_id, acts[edit])
        except SpaceStudioError:
            continue
        after = studio.act(OWNER, sample_id, acts[edit])
        assert consequences(before, after) == foreseen.consequences
        assert bool(foreseen.consequences) == any(getattr(foreseen.consequences, f.name) for f in fields(Consequences))
        assert not consequences(after, studio.open(OWNER, sample_id))
