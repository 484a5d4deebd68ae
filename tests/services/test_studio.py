"""The loop over a real store: correct, change, regenerate, question, undo, keep, publish."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spacestudio.domain.qa import QAPair
from spacestudio.domain.sample import Sample
from spacestudio.errors import ImpossibleGraph, InputError, NotFound, SpaceStudioError
from spacestudio.formats.folder import read_sample, write_sample
from spacestudio.services import judge
from spacestudio.services.studio import Studio
from spacestudio.store.database import Moved
from tests.services.conftest import OWNER


def told(s: Sample) -> tuple[object, ...]:
    """Everything derived, comparable."""
    return (
        s.name,
        s.review,
        tuple((o.id, o.name, o.box.xyxy) for o in s.objects),
        tuple((r.key, r.predicate, r.verdict, r.origin) for r in s.graph),
        tuple((p.key, p.question, p.answer, p.status, p.mark) for p in s.qa),
        tuple((layer.index, layer.object_ids) for layer in s.layers),
        tuple(r.triple for r in s.target) if s.target else None,
    )


def test_a_picture_fills_every_view(studio: Studio, sample_id: str) -> None:
    s = studio.open(OWNER, sample_id)
    assert [o.label for o in s.objects] == ["ball", "lamp"]
    assert s.cloud is not None
    assert len(s.cloud) == 240 * 320
    assert [layer.object_ids[0] for layer in s.layers] == ["ball-1", "lamp-1"]
    front = s.graph.relation("ball-1", "lamp-1", "depth", "camera")
    assert front is not None
    assert (front.predicate, front.verdict) == ("in front of", "true")
    left = s.graph.relation("ball-1", "lamp-1", "direction", "image")
    assert left is not None
    assert left.predicate == "left of"
    assert s.qa
    assert {run.stage for run in s.provenance} >= {"depth", "objects"}


def test_owners_never_see_each_other(studio: Studio, sample_id: str) -> None:
    assert studio.samples("someone-else-entirely-02") == []
    with pytest.raises(NotFound):
        studio.open("someone-else-entirely-02", sample_id)
    with pytest.raises(NotFound):
        studio.delete("someone-else-entirely-02", sample_id)
    assert studio.open(OWNER, sample_id).id == sample_id


def test_a_correction_overrules_is_explained_and_undone(studio: Studio, sample_id: str) -> None:
    before = studio.open(OWNER, sample_id)
    after = studio.act(OWNER, sample_id, lambda s: judge.correct_relation(s, "ball-1", "right of", "lamp-1"))
    r = after.graph.relation("ball-1", "lamp-1", "direction", "image")
    assert r is not None
    assert (r.predicate, r.verdict, r.origin, r.evidence["pin"]) == ("right of", "true", "person", "overrules")
    back = after.graph.relation("lamp-1", "ball-1", "direction", "image")
    assert back is not None
    assert (back.predicate, back.origin) == ("left of", "person")
    for p in after.qa:
        for fact in p.facts.get("relations", ()):
            pair = {fact["subject"], fact["object"]} == {"ball-1", "lamp-1"}
            if pair and fact["predicate"] in ("left of", "right of") and fact.get("frame") == "image":
                assert (fact["subject"] == "ball-1") == (fact["predicate"] == "right of")
    assert told(studio.undo(OWNER, sample_id)) == told(before)
    assert told(studio.redo(OWNER, sample_id)) == told(after)


def test_a_moved_box_makes_the_correction_stale(studio: Studio, sample_id: str) -> None:
    studio.act(OWNER, sample_id, lambda s: judge.correct_relation(s, "ball-1", "right of", "lamp-1"))
    moved = studio.act(OWNER, sample_id, lambda s: judge.edit_object(s, "ball-1", xyxy=(240, 60, 310, 130)))
    r = moved.graph.relation("ball-1", "lamp-1", "direction", "image")
    assert r is not None
    assert r.predicate == "right of"
    assert r.evidence["pin"] in ("agrees", "stale")


def test_contradicting_corrections_are_reported(studio: Studio, sample_id: str) -> None:
    studio.act(OWNER, sample_id, lambda s: judge.add_object(s, "box", (140, 100, 180, 140)))
    after = studio.act(
        OWNER,
        sample_id,
        lambda s: [
            *judge.correct_relation(s, "ball-1", "left of", "lamp-1"),
            *judge.correct_relation(s, "lamp-1", "left of", "box-1"),
            *judge.correct_relation(s, "box-1", "left of", "ball-1"),
        ],
    )
    assert after.clashes
    assert {end for r in after.clashes[0] for end in (r.subject, r.object)} == {"ball-1", "lamp-1", "box-1"}
    clashing = {r.key for c in after.clashes for r in c}
    for p in after.qa:
        assert not any(
            (f["subject"], f["object"]) in {k[:2] for k in clashing} and f["predicate"] == "left of"
            for f in p.facts.get("relations", ())
        )


def test_change_regenerate_verify_keep(studio: Studio, sample_id: str) -> None:
    before = studio.open(OWNER, sample_id)
    with pytest.raises(InputError, match="Nothing was asked"):
        studio.regenerate(OWNER, sample_id)
    wanted = studio.act(OWNER, sample_id, lambda s: judge.want_relation(s, "ball-1", "right of", "lamp-1"))
    assert told(wanted)[3:5] == told(before)[3:5], "a wish must not touch the picture's own graph or questions"
    assert [r.verdict for r in wanted.verdicts] == ["false"]
    candidate = studio.regenerate(OWNER, sample_id)
    assert [r.verdict for r in candidate.sample.verdicts] == ["true"]
    assert len(studio.samples(OWNER)) == 1, "a candidate is no sample before it is kept"
    kept = studio.open(OWNER, studio.keep(OWNER, sample_id, candidate.id))
    assert kept.parent == sample_id
    r = kept.graph.relation("ball-1", "lamp-1", "direction", "image")
    assert r is not None
    assert (r.predicate, r.verdict, r.origin) == ("right of", "true", "geometry")
    assert kept.qa
    assert told(studio.open(OWNER, sample_id)) == told(wanted)


def test_an_impossible_wish_is_explained(studio: Studio, sample_id: str) -> None:
    studio.act(OWNER, sample_id, lambda s: judge.add_object(s, "box", (140, 100, 180, 140)))
    for pair in (("ball-1", "lamp-1"), ("lamp-1", "box-1"), ("box-1", "ball-1")):
        s = studio.act(OWNER, sample_id, lambda s, pair=pair: judge.want_relation(s, pair[0], "left of", pair[1]))
    assert s.layout is None
    for word in ("ball", "lamp", "box"):
        assert word in s.problem
    with pytest.raises(InputError, match="left of"):
        studio.regenerate(OWNER, sample_id)
    assert not isinstance(SpaceStudioError("x"), ImpossibleGraph)


def correctable(s: Sample) -> tuple[QAPair, str, tuple[str, str, str, str, str]]:
    """A question, another answer to it, and the graph correction that would make that answer true."""
    for pair in s.qa:
        for answer in pair.options or ("Yes", "No"):
            if (
                pair.family == "relation"
                and answer != pair.answer
                and (implied := judge.implied_correction(s, pair.key, answer))
            ):
                return pair, answer, implied
    raise AssertionError("no question can be corrected")


def test_correcting_an_answer_corrects_the_graph(studio: Studio, sample_id: str) -> None:
    s = studio.open(OWNER, sample_id)
    pair, flipped, implied = correctable(s)
    acts = judge.edit_question(s, pair.key, pair.question, flipped)
    subject, predicate, object_, frame, verdict = implied
    after = studio.act(
        OWNER, sample_id, lambda x: acts + judge.correct_relation(x, subject, predicate, object_, verdict, frame)
    )
    edited = next(p for p in after.qa if p.key == pair.key)
    assert (edited.answer, edited.origin, edited.mark) == (flipped, "person", "")
    alone = studio.undo(OWNER, sample_id)
    assert next(p for p in alone.qa if p.key == pair.key).answer == pair.answer
    wrong = studio.act(OWNER, sample_id, lambda x: acts)
    assert next(p for p in wrong.qa if p.key == pair.key).mark == "in conflict"


def test_accepted_questions_are_exported_and_rejected_are_not(studio: Studio, sample_id: str, tmp_path: Path) -> None:
    s = studio.open(OWNER, sample_id)
    yes, no = s.qa[0], s.qa[1]
    studio.act(OWNER, sample_id, lambda x: judge.judge(x, [yes.key], "accepted"))
    studio.act(OWNER, sample_id, lambda x: judge.judge(x, [no.key], "rejected"))
    out = tmp_path / "rows.zip"
    studio.publish(OWNER, [sample_id], "llava", out)
    with zipfile.ZipFile(out) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".json"))
        rows = json.loads(archive.read(name))
    text = json.dumps(rows)
    assert yes.question in text
    assert no.question not in text
    assert rows[0]["conversations"][0]["value"].startswith("<image>\n")


def test_two_windows_do_not_overwrite_each_other(studio: Studio, sample_id: str) -> None:
    other = Studio(studio.data)
    stale = other.open(OWNER, sample_id)
    studio.act(OWNER, sample_id, lambda s: judge.correct_relation(s, "ball-1", "above", "lamp-1"))
    from spacestudio.domain.events import Event

    with pytest.raises(Moved):
        other.database.append("default", OWNER, sample_id, [Event(len(stale.events) + 1, "rename", {"name": "x"})])
    assert other.rename(OWNER, sample_id, "both").graph.relation("ball-1", "lamp-1", "direction", "image").origin == "person"  # type: ignore[union-attr]


def test_a_restart_loses_nothing(studio: Studio, sample_id: str) -> None:
    studio.act(OWNER, sample_id, lambda s: judge.correct_relation(s, "ball-1", "right of", "lamp-1"))
    before = told(studio.open(OWNER, sample_id))
    assert told(Studio(studio.data).open(OWNER, sample_id)) == before


def test_a_folder_brings_everything_back(studio: Studio, sample_id: str, tmp_path: Path) -> None:
    studio.act(OWNER, sample_id, lambda s: judge.correct_relation(s, "ball-1", "right of", "lamp-1"))
    s = studio.act(OWNER, sample_id, lambda s: judge.judge(s, [s.qa[0].key], "accepted"))
    folder = write_sample(s, tmp_path / "out")
    other = Studio(tmp_path / "other")
    back = other.open(OWNER, other.bring(OWNER, read_sample(folder)))
    assert told(back) == told(s)
    assert told(other.undo(OWNER, back.id)) == told(studio.undo(OWNER, sample_id))


def test_a_failed_act_appends_nothing(studio: Studio, sample_id: str) -> None:
    before = studio.open(OWNER, sample_id)
    for make in (
        lambda s: judge.add_object(s, "", (1, 1, 50, 50)),
        lambda s: judge.add_object(s, "cup", (1, 1, 2, 2)),
        lambda s: judge.add_object(s, "cup", (float("nan"), 1, 50, 50)),
        lambda s: judge.correct_relation(s, "ball-1", "left of", "ball-1"),
        lambda s: judge.correct_relation(s, "ball-1", "left of", "nobody"),
        lambda s: judge.want_relation(s, "ball-1", "besotted with", "lamp-1"),
        lambda s: judge.edit_question(s, "no such key", "?", "!"),
    ):
        with pytest.raises(SpaceStudioError):
            studio.act(OWNER, sample_id, make)
    assert studio.open(OWNER, sample_id).events == before.events


ACTS = st.sampled_from(
    ["right", "left", "unknown words", "rename", "move", "want", "accept", "undo", "redo", "delete", "add"]
)


@given(st.lists(ACTS, min_size=1, max_size=10))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_edits_and_undos_equal_derivation_from_the_log(studio: Studio, sample_id: str, acts: list[str]) -> None:
    made = studio.open(OWNER, sample_id)
    fresh = studio.database.create("default", OWNER, "again", made.events[: len([e for e in made.events if not e.group])])
    for act in acts:
        try:
            _apply(studio, fresh, act)
        except SpaceStudioError:
            continue
    now = studio.open(OWNER, fresh)
    assert told(Studio(studio.data).open(OWNER, fresh)) == told(now)
    while studio.undo(OWNER, fresh).events[-1].kind == "undo" and len(studio.open(OWNER, fresh).events) < 60:
        if not _undoable(studio, fresh):
            break
    assert told(studio.open(OWNER, fresh))[2:5] == told(made)[2:5]


def _undoable(studio: Studio, sample: str) -> bool:
    from spacestudio.services.studio import can_step

    return can_step(studio.open(OWNER, sample))[0]


def _apply(studio: Studio, sample: str, act: str) -> None:
    pair = "ball-1", "lamp-1"
    match act:
        case "undo" | "redo":
            getattr(studio, act)(OWNER, sample)
        case "right" | "left":
            studio.act(OWNER, sample, lambda s: judge.correct_relation(s, pair[0], f"{act} of", pair[1]))
        case "unknown words":
            studio.act(OWNER, sample, lambda s: judge.correct_relation(s, pair[0], "smiling at", pair[1]))
        case "rename":
            studio.act(OWNER, sample, lambda s: judge.edit_object(s, "ball-1", label="melon", attributes="green"))
        case "move":
            studio.act(OWNER, sample, lambda s: judge.edit_object(s, "ball-1", xyxy=(200, 20, 300, 120)))
        case "want":
            studio.act(OWNER, sample, lambda s: judge.want_relation(s, pair[0], "right of", pair[1]))
        case "accept":
            studio.act(OWNER, sample, lambda s: judge.judge(s, [s.qa[0].key], "accepted"))
        case "delete":
            studio.act(OWNER, sample, lambda s: judge.delete_object(s, "lamp-1"))
        case "add":
            studio.act(OWNER, sample, lambda s: judge.add_object(s, "box", (20, 20, 90, 90)))
