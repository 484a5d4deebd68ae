"""A folder whose log was cut brings the same sample back, with the history up to the cut."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spacestudio.domain.depth import DepthMap
from spacestudio.domain.events import Event, fold
from spacestudio.domain.sample import Sample
from spacestudio.engines.protocols import Detection
from spacestudio.formats.folder import read_events, read_sample, sample_row, write_sample
from spacestudio.formats.pictures import Picture
from spacestudio.services import judge
from spacestudio.services.begin import Ready, Recipe
from spacestudio.services.bring import events_of
from spacestudio.services.derive import Deriver
from spacestudio.services.payloads import to_png
from spacestudio.services.studio import Studio
from spacestudio.store.blobs import MemoryBlobs
from tests.formats.made import full_sample
from tests.services.conftest import OWNER
from tests.services.test_studio import correctable, told
from tests.support import small_scene

NOT_IN_THE_FILE = ("events", "warnings", "layout")
"""Rows that follow from what only the log holds: its length, what is wrong with it, and boxes put by hand."""


def row(s: Sample) -> dict[str, Any]:
    return {key: value for key, value in sample_row(s).items() if key not in NOT_IN_THE_FILE}


def back(s: Sample) -> tuple[Sample, list[Event]]:
    """The sample as a store that never saw it makes it, and its log."""
    blobs = MemoryBlobs()
    events = events_of(s, blobs)
    return Deriver(blobs).sample(s.id, events), events


Make = Callable[[Sample], list[judge.Act]]
PAIR = "ball-1", "lamp-1"


def question(s: Sample, k: int) -> str:
    return s.qa[k].key


ACTS: list[Make | str] = [
    lambda s: [("rename", {"name": "Zürich"})],
    lambda s: judge.correct_relation(s, *(PAIR[0], "right of", PAIR[1])),
    lambda s: judge.correct_relation(s, *(PAIR[1], "smiling at", PAIR[0])),
    lambda s: judge.edit_object(s, "lamp-1", label="lantern", attributes="old"),
    lambda s: judge.judge(s, [question(s, 0), question(s, 1)], "accepted"),
    lambda s: judge.edit_question(s, question(s, 2), "What now?", s.qa[2].answer),
    "undo",
    lambda s: judge.judge(s, [question(s, 1)], "rejected"),
    "undo",
    "redo",
    lambda s: judge.add_object(s, "box", (20, 20, 90, 90)),
    lambda s: judge.add_object(s, "cup", (120, 20, 190, 90)),
    lambda s: judge.correct_relation(s, "box-1", "above", "ball-1"),
    lambda s: judge.delete_object(s, "cup-1"),
    lambda s: judge.edit_object(s, "box-1", xyxy=(30, 20, 100, 90)),
    lambda s: [("layers.cut", {"cuts": [0.3, 0.6]}), ("absent", {"names": []}), ("review", {"status": "accepted"})],
    lambda s: judge.want_relation(s, *(PAIR[0], "left of", PAIR[1])),
    lambda s: [("camera", {"camera": {"fx": 300.0, "fy": 301.0, "cx": 160.5, "cy": 120.0, "width": 320, "height": 240,
                                      "source": "given"}})],
    lambda s: judge.edit_question(s, correctable(s)[0].key, "Really?", correctable(s)[1]),
    lambda s: judge.judge(s, [s.qa[-1].key], "flagged"),
]  # fmt: skip


def play(studio: Studio, sample: str, acts: list[Make | str]) -> Sample:
    for act in acts:
        if isinstance(act, str):
            getattr(studio, act)(OWNER, sample)
        else:
            studio.act(OWNER, sample, act)
    return studio.open(OWNER, sample)


def cuts_of(raw: bytes) -> list[int]:
    """Every line boundary with the bytes beside it, thinned out, and both ends."""
    ends = [i + 1 for i, byte in enumerate(raw) if byte == 10]
    beside = [0, *(ends[k] + (-1, 0, 1)[k % 3] for k in range(len(ends)))]
    return sorted({min(max(0, cut), len(raw)) for cut in beside})


def test_a_whole_log_comes_back_as_it_was(studio: Studio, sample_id: str, tmp_path: Path) -> None:
    for k in range(len(ACTS)):
        s = play(studio, sample_id, ACTS[k : k + 1])
        read = read_sample(write_sample(s, tmp_path))
        again, events = back(read)
        assert tuple(events) == s.events
        assert told(again) == told(s)
        assert again.warnings == s.warnings


def test_a_log_cut_anywhere_brings_the_same_sample(studio: Studio, sample_id: str, tmp_path: Path) -> None:
    s = play(studio, sample_id, ACTS)
    folder = write_sample(s, tmp_path)
    raw = (folder / "events.jsonl").read_bytes()
    for cut in cuts_of(raw):
        (folder / "events.jsonl").write_bytes(raw[:cut])
        read = read_sample(folder)
        again, events = back(read)
        kept = read_events(raw[:cut])
        assert tuple(events[: len(kept)]) == kept == s.events[: len(kept)]
        assert [e.seq for e in events] == list(range(1, len(events) + 1))
        assert told(again) == told(s), cut
        assert row(again) == row(s), cut
        assert any("events.jsonl" in warning for warning in read.warnings) == (len(kept) < len(s.events))


@pytest.mark.parametrize("length", range(1, len(ACTS), 3))
def test_a_log_cut_within_its_last_acts_brings_the_same_sample(
    length: int, studio: Studio, sample_id: str, tmp_path: Path
) -> None:
    """Undos and redos last, too."""
    s = play(studio, sample_id, ACTS[:length])
    read = read_sample(write_sample(s, tmp_path))
    for keep in range(max(1, len(s.events) - 3), len(s.events)):
        again, _ = back(read.but(events=s.events[:keep]))
        assert told(again) == told(s)
        assert row(again) == row(s)


def test_a_lost_undo_is_an_undo_again(studio: Studio, sample_id: str, tmp_path: Path) -> None:
    before = studio.open(OWNER, sample_id)
    s = play(studio, sample_id, [ACTS[1], ACTS[5], "undo", "undo"])
    read = read_sample(write_sample(s, tmp_path))
    again, events = back(read.but(events=s.events[:-2]))
    assert [e.kind for e in events[-2:]] == ["undo", "undo"]
    assert told(again) == told(s) == told(before)
    redone, events = back(read_sample(write_sample(play(studio, sample_id, ["redo"]), tmp_path)).but(events=s.events))
    assert events[-1].kind == "redo"
    assert told(redone) == told(studio.open(OWNER, sample_id))


def test_what_is_caught_up_can_not_be_undone(studio: Studio, sample_id: str, tmp_path: Path) -> None:
    s = play(studio, sample_id, ACTS[:5])
    read = read_sample(write_sample(s, tmp_path)).but(events=s.events[:4])
    other = Studio(tmp_path / "other")
    made = other.bring(OWNER, read)
    assert told(other.open(OWNER, made)) == told(s)
    assert told(other.undo(OWNER, made)) == told(s)
    assert told(other.rename(OWNER, made, "on it goes"))[1:] == told(s)[1:]
    assert told(other.undo(OWNER, made)) == told(s)


@pytest.mark.parametrize("bad", [
    Event(9, "no such kind", {}), Event(9, "rename", {}), Event(9, "objects.add", {"objects": [{"id": "x"}]}),
    Event(9, "depth", {"run": {}, "blob": "x"}), Event(9, "relation.correct", {"subject": "ball-1"}),
    Event(9, "qa.edit", {"key": "never asked"}),
])  # fmt: skip
def test_an_event_that_only_looks_like_one_costs_nothing_but_history(
    bad: Event, studio: Studio, sample_id: str, tmp_path: Path
) -> None:
    s = play(studio, sample_id, ACTS[:6])
    read = read_sample(write_sample(s, tmp_path))
    again, _ = back(read.but(events=(*s.events[:5], bad, *s.events[5:])))
    assert told(again) == told(s)


def test_edited_files_are_believed_over_the_log(studio: Studio, sample_id: str, tmp_path: Path) -> None:
    s = play(studio, sample_id, ACTS[:3])
    folder = write_sample(s, tmp_path)
    sample = json.loads((folder / "sample.json").read_text())
    graph = json.loads((folder / "graph.json").read_text())
    sample["review"], sample["parent"], sample["objects"][0]["label"] = "rejected", "its-parent", "globe"
    graph["graph"]["negative_objects"] = ["dog"]
    for edge in graph["edges"]:
        if edge["predicate"] == "right of" and edge["origin"] == "person":
            edge["predicate"] = "above"
    (folder / "sample.json").write_text(json.dumps(sample))
    (folder / "graph.json").write_text(json.dumps(graph))
    again, events = back(read_sample(folder))
    assert tuple(events[: len(s.events)]) == s.events
    assert (again.review, again.parent, again.graph["ball-1"].label) == ("rejected", "its-parent", "globe")
    assert fold(events).absent == ["dog"]
    r = again.graph.relation(*PAIR, "direction", "image")
    assert r is not None
    assert (r.predicate, r.origin) == ("above", "person")
    assert [tuple(sorted(e.payload)) for e in events[len(s.events) :] if e.kind == "object.edit"] == [("id", "label")]


def test_objects_come_back_in_their_order(studio: Studio, sample_id: str, tmp_path: Path) -> None:
    s = play(studio, sample_id, [ACTS[1], ACTS[10]])
    read = read_sample(write_sample(s, tmp_path))
    turned = read.but(graph=replace(read.graph.but(relations=()), objects=read.objects[::-1]))
    again, events = back(turned)
    assert again.graph.ids == s.graph.ids[::-1]
    for o in again.objects:
        mask = s.graph[o.id].mask
        assert mask is not None
        assert np.array_equal(o.mask, mask)
    assert "object.delete" in {e.kind for e in events[len(s.events) :]}


@pytest.mark.parametrize("name", ["events.jsonl", "and the marks of what was said"])
def test_without_a_log_all_but_the_history_comes_back(name: str, studio: Studio, sample_id: str, tmp_path: Path) -> None:
    s = play(studio, sample_id, ACTS)
    read = read_sample(write_sample(s, tmp_path)).but(events=())
    if name != "events.jsonl":  # folders from before they were marked
        bare = [replace(r, evidence={k: v for k, v in r.evidence.items() if k != "said"}) for r in read.graph]
        read = read.but(graph=read.graph.but(relations=bare))
    again, events = back(read)
    assert told(again) == told(s)
    assert events[0].kind == "created"


def test_stale_marks_come_back_without_a_log(studio: Studio, sample_id: str, tmp_path: Path) -> None:
    s = studio.open(OWNER, sample_id)
    pair, flipped, _ = correctable(s)
    every = [p.key for p in s.qa]
    s = play(studio, sample_id, [
        lambda s: judge.edit_question(s, pair.key, pair.question, flipped),
        lambda s: judge.judge(s, every, "accepted"),
        lambda s: judge.correct_relation(s, *(PAIR[0], "right of", PAIR[1])),
        lambda s: judge.edit_object(s, "ball-1", xyxy=(230, 20, 310, 100)),
        lambda s: judge.delete_object(s, "lamp-1"),
        "undo",
    ])  # fmt: skip
    assert {p.mark for p in s.qa} >= {"stale"}
    read = read_sample(write_sample(s, tmp_path))
    assert told(back(read.but(events=()))[0]) == told(s)
    s = play(studio, sample_id, ["redo"])
    assert any(p.mark == "stale" and "lamp" in p.key for p in s.qa)
    read = read_sample(write_sample(s, tmp_path))
    assert told(back(read.but(events=()))[0]) == told(s)


def test_a_picture_made_of_a_graph_keeps_what_was_asked(studio: Studio, tmp_path: Path) -> None:
    s = studio.open(OWNER, studio.imagine(OWNER, None, 4))
    assert s.target is not None
    read = read_sample(write_sample(s, tmp_path))
    assert tuple(back(read)[1]) == s.events
    again, _ = back(read.but(events=()))
    assert told(again) == told(s)
    assert row(again) == row(s)
    wished = play(studio, s.id, [lambda s: judge.want_object(s, "cup"), lambda s: [("want.remove", {"id": s.graph.ids[0]})]])
    read = read_sample(write_sample(wished, tmp_path))
    for keep in range(len(wished.events) + 1):
        again, _ = back(read.but(events=wished.events[:keep]))
        assert told(again) == told(wished)
    assert wished.target is not None
    assert wished.target.ids != s.target.ids


@pytest.mark.parametrize("act", [("want.box", {"id": "ball-1", "box_xyxy_px": [200, 100, 280, 180]}),
                                 ("want.order", {"order": ["lamp-1", "ball-1"]})])  # fmt: skip
def test_a_wish_for_a_place_alone_comes_back(act: judge.Act, studio: Studio, sample_id: str, tmp_path: Path) -> None:
    s = studio.act(OWNER, sample_id, lambda s: [act])
    read = read_sample(write_sample(s, tmp_path))
    assert tuple(back(read)[1]) == s.events
    again, events = back(read.but(events=s.events[:-1]))
    assert told(again) == told(s)
    assert sample_row(again)["layout"] == sample_row(s)["layout"]
    assert events[-1].kind == act[0]


def test_a_known_length_survives_although_the_depth_it_scales_does_not(studio: Studio, tmp_path: Path) -> None:
    image, depth, _, objects = small_scene(120, 160)
    ready = Ready([Detection(o.label, o.box, 1.0, o.mask) for o in objects], "made")
    recipe = Recipe(DepthMap.of(depth.values, "relative", "made"), None, ready)
    made = studio.add_picture(OWNER, Picture(image, to_png(image), "far.png", ()), recipe=recipe)
    s = studio.act(OWNER, made, lambda s: judge.known_height(s, "ball-1", 0.4))
    assert s.depth is not None
    assert s.depth.kind == "metric"
    read = read_sample(write_sample(s, tmp_path))
    assert tuple(events_of(read, studio.blobs)) == s.events  # the store that has the depth
    again, events = back(read)
    assert tuple(events[:-1]) == s.events
    assert (events[-1].kind, events[-1].payload["kind"]) == ("depth", "metric")
    assert told(again) == told(s)
    assert again.depth is not None
    assert np.array_equal(again.depth.values, s.depth.values)


def test_any_whole_folder_can_be_brought(tmp_path: Path) -> None:
    s = full_sample()
    again, events = back(read_sample(write_sample(s, tmp_path)))
    assert (again.name, again.review, again.parent, again.graph.ids) == (s.name, s.review, s.parent, s.graph.ids)
    assert {e.kind for e in events} >= {"relation.correct", "qa.edit", "qa.status", "review"}
    assert tuple(back(read_sample(write_sample(again, tmp_path)))[1]) == again.events


def test_a_studio_offers_a_folder_with_a_cut_log(studio: Studio, sample_id: str, tmp_path: Path) -> None:
    s = play(studio, sample_id, ACTS[:5])
    folder = write_sample(s, tmp_path / "offered")
    raw = (folder / "events.jsonl").read_bytes()
    (folder / "events.jsonl").write_bytes(raw[: len(raw) // 2])
    shutil.copytree(folder, tmp_path / "offered" / "twin")
    other = Studio(tmp_path / "other")
    assert len(other.offer(tmp_path / "offered")) == 1  # the twin
    other.welcome(OWNER)
    assert told(other.open(OWNER, s.id)) == told(s)
