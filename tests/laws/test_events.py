"""Undo and redo: whatever was done can be undone and brought back, and nothing else changes."""

import copy

from hypothesis import given
from hypothesis import strategies as st

from spacestudio.domain.events import KINDS, Event, effective, fold

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
