"""A compacted sample is the same sample, in the studio and in its folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from spacestudio.domain.compaction import compact
from spacestudio.domain.events import STEPS, Event
from spacestudio.domain.sample import Sample
from spacestudio.formats.folder import read_sample, write_sample
from spacestudio.services import judge
from spacestudio.services.studio import PROJECT, Studio, can_step
from spacestudio.store.database import Moved
from tests.services.conftest import OWNER
from tests.services.test_studio import told
from tests.test_cli import loaded, run


def busy(studio: Studio, sample_id: str) -> Sample:
    """Six acts of which two count."""
    for predicate in ("right of", "left of", "above"):
        studio.act(OWNER, sample_id, lambda s, p=predicate: judge.correct_relation(s, "ball-1", p, "lamp-1"))
    studio.rename(OWNER, sample_id, "a")
    studio.rename(OWNER, sample_id, "b")
    studio.undo(OWNER, sample_id)
    return studio.open(OWNER, sample_id)


def test_a_compacted_sample_is_the_same_sample(studio: Studio, sample_id: str) -> None:
    before = busy(studio, sample_id)
    after = studio.compact(OWNER, sample_id)
    assert told(after) == told(before)
    assert after.events == compact(before.events)
    assert [e.kind for e in after.events[-2:]] == ["relation.correct", "rename"]
    assert {(e.kind, e.author, e.time) for e in after.events} <= {(e.kind, e.author, e.time) for e in before.events}
    assert can_step(after) == (False, False)
    assert studio.compact(OWNER, sample_id).events == after.events
    assert told(Studio(studio.data).open(OWNER, sample_id)) == told(before)
    (listed,) = studio.samples(OWNER)
    assert (listed.name, listed.events) == (before.name, len(after.events))


def test_work_goes_on_after_a_compaction(studio: Studio, sample_id: str) -> None:
    busy(studio, sample_id)
    short = studio.compact(OWNER, sample_id)
    renamed = studio.rename(OWNER, sample_id, "c")
    assert [e.seq for e in renamed.events] == list(range(1, len(short.events) + 2))
    assert told(studio.undo(OWNER, sample_id)) == told(short)
    assert studio.undo(OWNER, sample_id).events[-1].kind in STEPS  # nothing before can be undone
    assert told(studio.redo(OWNER, sample_id)) == told(renamed)


def test_no_window_is_served_a_log_of_the_same_length(studio: Studio, sample_id: str) -> None:
    """A log is compacted and grows again elsewhere until it is as long as the one another window has seen."""
    seen = busy(studio, sample_id)
    other = Studio(studio.data)
    short = other.compact(OWNER, sample_id)
    while len(other.open(OWNER, sample_id).events) < len(seen.events):
        other.rename(OWNER, sample_id, f"name {len(other.open(OWNER, sample_id).events)}")
    assert len(short.events) < len(seen.events)
    assert studio.open(OWNER, sample_id).name == other.open(OWNER, sample_id).name != seen.name
    with pytest.raises(Moved):
        studio.database.append(
            PROJECT, OWNER, sample_id, [Event(len(seen.events) + 1, "rename", {"name": "x"})], follows=seen.events[-1]
        )


def test_a_sample_made_again_under_its_old_id_is_not_the_old_one(studio: Studio, sample_id: str) -> None:
    events = studio.open(OWNER, sample_id).events
    studio.delete(OWNER, sample_id)
    fresh = [Event(1, "created", {**events[0].payload, "name": "another"}), *events[1:]]
    assert studio._create(OWNER, sample_id, fresh) == sample_id
    assert studio.open(OWNER, sample_id).name == "another"


def test_a_compacted_folder_is_the_same_sample(studio: Studio, sample_id: str, tmp_path: Path) -> None:
    s = busy(studio, sample_id)
    out = tmp_path / "samples"
    folder = write_sample(s, out)
    cut = write_sample(s.but(id="cut-0001"), out)
    (cut / "events.jsonl").write_bytes((cut / "events.jsonl").read_bytes()[:-9])
    damaged = (cut / "events.jsonl").read_bytes()
    done = run("compact", "--samples", out, "--json")
    assert done.returncode == 1
    value = loaded(done)
    short = compact(s.events)
    assert value["samples"] == [{"id": s.id, "folder": str(folder), "before": len(s.events), "after": len(short)}]
    (failed,) = value["failed"]
    assert failed["item"] == str(cut)
    assert "cut off" in failed["error"]
    assert (cut / "events.jsonl").read_bytes() == damaged
    assert read_sample(folder).events == short
    assert json.loads((folder / "sample.json").read_text())["events"] == len(short)
    other = Studio(tmp_path / "other")
    again = other.open(OWNER, other.bring(OWNER, read_sample(folder)))
    assert told(again) == told(s)
    assert again.events == short
    assert run("compact", "--samples", folder).stdout == f"{s.id}: {len(short)} -> {len(short)} events\n"


def test_a_folder_without_samples_is_one_line(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        done = run("compact", "--samples", path)
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
