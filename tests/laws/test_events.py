"""Undo and redo: whatever was done can be undone and brought back, and nothing else changes.

Compaction: whatever counts stays, whoever did it. Cutting: what stands before the cut stays.
"""

import copy
import dataclasses
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spacestudio.domain.compaction import TOUCHES, compact
from spacestudio.domain.events import KINDS, STEPS, Event, State, Wants, effective, fold, revision, usable
from spacestudio.formats.folder import read_events

IDS = ("a-1", "b-1", "c-1")
ids = st.sampled_from(IDS)
pairs = st.permutations(IDS).map(lambda p: p[:2])
made = {"stage": "depth", "engine": "x", "version": "1", "settings": {}, "seed": None}


def thing(name):
    return {
        "id": name,
        "label": name,
        "attributes": [],
        "box_xyxy_px": [0, 0, 1, 1],
        "mask": None,
        "origin": "person",
        "score": 1,
    }


payloads = {
    "rename": st.builds(lambda n: {"name": n}, st.text(max_size=5)),
    "review": st.sampled_from([{"status": "accepted"}, {"status": "draft"}]),
    "depth": st.sampled_from(
        [{"run": made, "kind": "metric", "blob": "x"}, {"run": made, "kind": "relative", "camera": {"fx": 1}}]
    ),
    "camera": st.builds(lambda v: {"camera": v}, st.sampled_from([None, {"fx": 1.0}])),
    "scale": st.builds(lambda v: {"metres_per_unit": v}, st.sampled_from([None, 2.0])),
    "objects.add": st.builds(lambda i: {"objects": [thing(i)]}, ids),
    "object.edit": st.builds(lambda i, text: {"id": i, "label": text}, ids, st.text(max_size=3)),
    "object.delete": st.builds(lambda i: {"id": i}, ids),
    "relation.correct": st.builds(
        lambda p, w: {"subject": p[0], "object": p[1], "family": "direction", "frame": "image", "predicate": w, "verdict": "true"},
        pairs, st.sampled_from(["left of", "right of"]),
    ),
    "relation.release": st.builds(
        lambda p: {"subject": p[0], "object": p[1], "family": "direction", "frame": "image"}, pairs
    ),
    "layers.cut": st.sampled_from([{"cuts": None}, {"cuts": [0.2, 0.5]}]),
    "absent": st.builds(lambda n: {"names": n}, st.lists(st.sampled_from(["dog", "cat"]), unique=True)),
    "want.relation": st.builds(
        lambda p: {"subject": p[0], "predicate": "on", "object": p[1], "family": "support", "frame": "image"}, pairs
    ),
    "want.unrelate": st.builds(lambda p: {"subject": p[0], "object": p[1], "family": "support"}, pairs),
    "want.object": st.builds(lambda i: {"id": i, "label": "x", "attributes": []}, ids),
    "want.remove": st.builds(lambda i: {"id": i}, ids),
    "want.box": st.builds(lambda i: {"id": i, "box_xyxy_px": [0, 0, 2, 2]}, ids),
    "want.order": st.builds(lambda p: {"order": list(p)}, st.permutations(IDS)),
    "want.prompt": st.sampled_from([{"prompt": "p"}, {"background": "b"}]),
    "want.reset": st.just({}),
    "qa.edit": st.just({"key": "k", "question": "q", "answer": "a"}),
    "qa.status": st.sampled_from([{"keys": ["k"], "status": "accepted"}, {"keys": ["k", "l"], "status": "rejected"}]),
    "run": st.just(made),
}  # fmt: skip
edits = st.sampled_from(sorted(payloads)).flatmap(lambda kind: st.tuples(st.just(kind), payloads[kind]))
START = [
    ("created", {"name": "sample", "image": "d"}),
    ("objects.add", {"objects": [thing("a-1"), thing("b-1")]}),
]


def log(groups, *more):
    """Events of the making, then one group for each list of edits, then bare kinds such as undo."""
    rows = [(kind, payload, "") for kind, payload in START]
    for number, group in enumerate(groups):
        rows += [(kind, payload, f"g{number}") for kind, payload in group]
    rows += [(kind, {}, "") for kind in more]
    return [Event(i + 1, kind, payload, "me", "", group) for i, (kind, payload, group) in enumerate(rows)]


histories = st.lists(st.lists(edits, min_size=1, max_size=3), max_size=6)


def test_every_kind_is_tried():
    assert set(payloads) | {"created"} == set(KINDS)


@given(histories)
def test_undo_all_then_redo_all_changes_nothing(groups):
    times = len(groups)
    assert fold(log(groups, *["undo"] * times)) == fold(log([]))
    assert fold(log(groups, *["undo"] * times, *["redo"] * times)) == fold(log(groups))


@given(histories, st.integers(0, 8))
def test_each_undo_takes_back_the_last_group(groups, times):
    kept = groups[: max(0, len(groups) - times)]
    assert fold(log(groups, *["undo"] * times)) == fold(log(kept))


@given(histories, st.integers(0, 8), st.integers(0, 8))
def test_redo_brings_back_as_much_as_was_undone(groups, undos, redos):
    undone = min(undos, len(groups))
    kept = groups[: len(groups) - undone + min(redos, undone)]
    assert fold(log(groups, *["undo"] * undos, *["redo"] * redos)) == fold(log(kept))


@given(histories, st.lists(edits, min_size=1, max_size=2), st.integers(1, 4))
def test_a_new_edit_forgets_what_was_undone(groups, edit, undos):
    events = log(groups, *["undo"] * undos)
    events += [Event(len(events) + 1 + k, kind, p, "me", "", "new") for k, (kind, p) in enumerate(edit)]
    after = fold(events)
    events.append(Event(len(events) + 1, "redo"))
    assert fold(events) == after
    assert effective(events)[1] == []
    assert after == fold(log([*groups[: max(0, len(groups) - undos)], edit]))


@given(histories, st.lists(st.sampled_from(["undo", "redo"]), max_size=10))
def test_folding_leaves_the_events_alone(groups, more):
    events = log(groups, *more)
    before = copy.deepcopy(events)
    first, second = fold(events), fold(events)
    assert first == second
    assert events == before


@given(histories, st.lists(st.sampled_from(["undo", "redo"]), max_size=10))
def test_the_making_is_never_undone(groups, more):
    done, _ = effective(log(groups, *more))
    assert [(e.kind, e.payload) for e in done[: len(START)]] == START


@given(histories)
def test_pins_and_wants_speak_once_for_each_pair(groups):
    state = fold(log(groups))
    for s, o, family, frame in state.pins:
        assert (o, s, family, frame) not in state.pins
    for s, o, family in state.wants.relations:
        assert (o, s, family) not in state.wants.relations


# Compaction


STEP = st.sampled_from([(kind, {}) for kind in STEPS])
logs = st.lists(st.one_of(edits, edits, STEP), max_size=24).map(
    lambda acts: [
        Event(seq, kind, payload, f"author {seq}", f"2026-01-01T00:00:{seq:02}Z", group)
        for seq, (kind, payload, group) in enumerate(
            [*((kind, payload, "") for kind, payload in START), *((*act, f"g{n // 2}") for n, act in enumerate(acts))], 1
        )
    ]
)


def ordered(value):
    """A state as nested lists, so that the order of tables counts."""
    if isinstance(value, State | Wants):
        return [(f.name, ordered(getattr(value, f.name))) for f in dataclasses.fields(value)]
    if isinstance(value, dict):
        return [(k, ordered(v)) for k, v in value.items()]
    return value


def stamps(events):
    return [(e.kind, e.payload, e.author, e.time) for e in events]


@given(logs)
def test_a_compacted_log_says_the_same_in_the_same_order(events):
    before = copy.deepcopy(events)
    short = compact(events)
    assert ordered(fold(short)) == ordered(fold(events))
    assert events == before


@given(logs)
def test_a_compacted_log_is_a_part_of_the_log_without_steps_or_groups(events):
    short = compact(events)
    rest = iter(stamps(events))
    assert all(stamp in rest for stamp in stamps(short))  # each of them, in this order
    assert [e.seq for e in short] == list(range(1, len(short) + 1))
    assert not any(e.group or e.kind in STEPS for e in short)
    assert compact(short) == short


@given(logs)
def test_a_compacted_log_keeps_every_id_that_ever_counted(events):
    def used(log):
        return [e.payload for e in log if e.kind == "objects.add"]

    assert used(compact(events)) == used(effective(events)[0])


NEEDED = {"relation.correct", "want.relation", "want.box", "qa.edit", "qa.status", "rename"}
TAKING_BACK = {"relation.release", "want.unrelate", "want.reset"}


@given(logs)
def test_nothing_is_left_that_could_go(events):
    short = compact(events)
    said = ordered(fold(short))
    needless = {e.kind for e in short if ordered(fold([x for x in short if x is not e])) == said}
    assert not needless & (NEEDED - ({"rename"} if fold(events).name == "sample" else set()))
    assert not TAKING_BACK & {e.kind for e in short}


PIN = {"subject": "a-1", "object": "b-1", "family": "direction", "frame": "image", "predicate": "left of", "verdict": "true"}
BACK = PIN | {"subject": "b-1", "object": "a-1"}
RENAME, LABEL = ("rename", {"name": "x"}), ("object.edit", {"id": "a-1", "label": "cup"})
WISH = {"subject": "a-1", "predicate": "on", "object": "b-1", "family": "support", "frame": "image"}


@pytest.mark.parametrize(
    ("groups", "steps", "left"),
    [
        ([[RENAME], [RENAME], [("rename", {"name": "y"})]], [], ["rename"]),
        ([[("relation.correct", PIN)], [("relation.correct", BACK)]], [], ["relation.correct"]),
        ([[("relation.correct", PIN)], [("relation.release", BACK)]], [], []),
        ([[("relation.correct", PIN)], [("object.delete", {"id": "b-1"})]], [], ["object.delete"]),
        ([[LABEL], [("object.edit", {"id": "a-1", "label": "mug"})]], [], ["object.edit"]),
        ([[LABEL], [("object.edit", {"id": "a-1", "attributes": ["red"]})]], [], ["object.edit", "object.edit"]),
        ([[LABEL], [("object.delete", {"id": "a-1"})]], [], ["object.delete"]),
        ([[RENAME], [LABEL]], ["undo"], ["rename"]),
        ([[RENAME], [LABEL]], ["undo", "redo"], ["rename", "object.edit"]),
        ([[("want.relation", WISH)], [("want.prompt", {"prompt": "p"})], [("want.reset", {})]], [], []),
        ([[("want.object", {"id": "c-1", "label": "x", "attributes": []})], [("want.remove", {"id": "c-1"})]], [], []),
        ([[("want.remove", {"id": "a-1"})]], [], ["want.remove"]),
        ([[("layers.cut", {"cuts": [0.5]})], [("layers.cut", {"cuts": None})]], [], []),
        ([[("scale", {"metres_per_unit": 2.0})], [("depth", {"run": made, "blob": "y"})]], [], ["depth"]),
        ([[("qa.status", {"keys": ["k", "l"], "status": "accepted"})], [("qa.status", {"keys": ["k"], "status": "rejected"})]],
         [], ["qa.status", "qa.status"]),
        ([[("qa.status", {"keys": ["k"], "status": "accepted"})], [("qa.status", {"keys": ["k", "l"], "status": "rejected"})]],
         [], ["qa.status"]),
    ],
)  # fmt: skip
def test_what_is_spoken_over_goes(groups, steps, left):
    short = compact(log(groups, *steps))
    assert [e.kind for e in short] == ["created", "objects.add", *left]
    assert fold(short) == fold(log(groups, *steps))


def test_an_unknown_kind_keeps_itself_and_all_that_counted_when_it_happened():
    events = log([[RENAME], [("someone's own", {})], [("rename", {"name": "y"})], [("rename", {"name": "z"})]])
    assert [e.kind for e in compact(events)] == ["created", "objects.add", "rename", "someone's own", "rename"]


def test_only_known_kinds_are_ever_dropped():
    assert set(TOUCHES) <= set(KINDS)


def test_a_long_log_is_read_a_few_times_only(monkeypatch):
    groups = [
        [("object.edit", {"id": IDS[k % 2], "label": str(k)}), ("qa.edit", {"key": f"k{k % 50}"})] for k in range(2500)
    ]
    asked = []
    edit = TOUCHES["object.edit"]
    monkeypatch.setitem(TOUCHES, "object.edit", lambda p: asked.append(p) or edit(p))
    assert len(compact(log(groups))) == 2 + 2 + 50
    assert len(asked) < 2500 + 10


@given(logs)
def test_a_compaction_never_raises_the_revision(events):
    assert revision(compact(events)) <= revision(events)
    later = dataclasses.replace(events[-1], seq=len(events) + 1, time="2026-01-01T00:00:40+00:00")
    assert revision([*compact(events), later]) > revision(events)


@pytest.mark.parametrize("time", ["", "yesterday", "9999-12-31T23:59:59-23:00", "0001-01-01T00:00:00"])
def test_a_revision_takes_any_text_for_a_time(time):
    assert revision([Event(1, "created", {}, "", time), Event(2, "rename", {}, "", "1970-01-01T00:00:01Z")]) >= 1000


# Cutting


def lines(events):
    return "".join(json.dumps(dataclasses.asdict(e), ensure_ascii=False) + "\n" for e in events).encode()


@given(logs)
@example([Event(1, "created", {"name": "Zürich \u2028 {}", "image": "d"})])
def test_a_log_cut_at_any_byte_replays_to_its_last_whole_event(events):
    raw = lines(events)
    ends = [end for end, byte in enumerate(raw) if byte == 10]  # a whole line counts without its newline
    states = {}
    for cut in range(len(raw) + 1):
        read = read_events(raw[:cut])
        whole = sum(end <= cut for end in ends)
        if whole not in states:
            assert read == tuple(events[:whole])
            states[whole] = fold(read)
        else:
            assert len(read) == whole
    assert states[len(events)] == fold(events)


@given(logs, st.integers(0, 20), st.sampled_from([("no such kind", {}), ("rename", {}), ("objects.add", {"objects": 5})]))
def test_what_can_not_be_folded_ends_what_is_usable(events, at, bad):
    at = min(at, len(events))
    damaged = [*events[:at], Event(0, *bad), *events[at:]]
    assert usable(damaged) == tuple(events[:at])
    assert usable(events) == tuple(events)
