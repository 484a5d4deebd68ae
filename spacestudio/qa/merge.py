"""What a person said about questions, laid over what is derived; nothing is silently dropped, overwritten or kept."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from spacestudio.domain.qa import QA_STATUSES, QAMark, QAPair, QAStatus
from spacestudio.qa.check import check, holds_in_facts, plain, relations_of
from spacestudio.qa.keys import OWN
from spacestudio.qa.known import Known, known
from spacestudio.qa.scene import Scene
from spacestudio.relations.words import reversed_relation

Payload = Mapping[str, Any]


def merge(
    derived: Sequence[QAPair], edits: Mapping[str, Payload], statuses: Mapping[str, Any], scene: Scene
) -> tuple[QAPair, ...]:
    """The derived questions with edits and review acts, then what is no longer derived, then the person's own questions.

    Args:
        derived: from `ask`.
        edits: key -> {key, question?, answer?, options?, facts, family}; a key that starts with "own:" is a person's
            own question.
        statuses: key -> {"status", "answer"?, "question"?, …} as it stood when judged, or the status alone.
        scene: what the questions are derived from.

    An edited question is "in conflict" when the graph, unchanged since, says otherwise, and "stale" when the facts under
    it changed; it is neither when a change of the graph bore the person out. An edit whose question is no longer derived
    is kept, "stale"; so is an accepted or flagged question whose text the status carries. A rejected one is not shown, and
    stays rejected should it be asked again. A model's wording counts as long as the facts under it stay; then it is
    forgotten, and nothing is stale.
    """
    worded = {key: edit for key, edit in edits.items() if edit.get("origin") == "model"}
    edits = {key: edit for key, edit in edits.items() if key not in worded}
    derived = [_worded(pair, worded.get(pair.key)) for pair in derived]
    out = [_merged(pair, edits.get(pair.key), statuses.get(pair.key), scene) for pair in derived]
    present = {pair.key for pair in derived}
    gone = [key for key in edits if key not in present]
    for key in sorted(gone, key=lambda key: key.startswith(OWN)):
        pair = _rebuilt(key, edits[key])
        mark = _own_mark(pair, scene) if key.startswith(OWN) else _gone_mark(pair, scene)
        out.append(pair.but(mark=mark, status=_status(statuses.get(key))))
    for key, judged in statuses.items():
        if key not in present and key not in edits:
            snapshot = _snapshot(key, judged)
            if _status(judged) in ("accepted", "flagged") and snapshot.get("question"):
                out.append(_rebuilt(key, snapshot, "geometry").but(status=_status(judged), mark="stale"))
    return tuple(out)


def _worded(pair: QAPair, edit: Payload | None) -> QAPair:
    """The question in a model's words, if it still asks what they were made for."""
    facts = edit.get("facts") if edit else None
    if edit is None or not isinstance(facts, Mapping) or _claims(facts) != _claims(pair.facts):
        return pair
    same = edit.get("answer") == pair.answer and tuple(map(str, edit.get("options") or ())) == pair.options
    return pair.but(question=_text(edit.get("question")) or pair.question, origin="model") if same else pair


def _merged(pair: QAPair, edit: Payload | None, judged: Any, scene: Scene) -> QAPair:
    merged = pair
    if edit is not None:
        options = edit.get("options")
        merged = pair.but(
            question=_text(edit.get("question")) or pair.question,
            answer=_text(edit.get("answer")) or pair.answer,
            options=tuple(map(str, options)) if options is not None else pair.options,
            origin="person",
        )
        merged = merged.but(mark=_mark(merged, pair.facts, edit.get("facts"), scene))
    if judged is None:
        return merged
    snapshot = _snapshot(pair.key, judged)
    then = snapshot.get("answer")
    moved = isinstance(then, str) and _claim(then) != _claim(merged.answer)
    status = _status(judged)
    if moved and edit is None and status in ("accepted", "flagged") and snapshot.get("question"):  # what was judged stays
        return _rebuilt(pair.key, snapshot, "geometry").but(status=status, mark="stale")
    return merged.but(status=status, mark="stale" if moved and not merged.mark and status != "proposed" else merged.mark)


def _mark(edited: QAPair, now: Payload, then: Any, scene: Scene) -> QAMark:
    changed = isinstance(then, Mapping) and _claims(then) != _claims(now)
    if check(edited, scene) is not None:
        return "stale" if changed else "in conflict"
    if changed and isinstance(then, Mapping) and holds_in_facts(edited, then, scene) is not False:
        return "stale"
    return ""


def _own_mark(pair: QAPair, scene: Scene) -> QAMark:
    """A person's own question is stale once a relation or an object it rests on is no more what it was."""
    k = known(scene)
    objects = [i for i in pair.facts.get("objects") or () if isinstance(i, str)]
    if any(i not in k.objects for i in objects):
        return "stale"
    for then in relations_of(pair.facts):
        r = _now(k, then.subject, then.object, then.family, then.frame)
        if r != (then.predicate, then.verdict):
            return "stale"
    return "in conflict" if check(pair, scene) is not None else ""


def _gone_mark(pair: QAPair, scene: Scene) -> QAMark:
    """An edited question that is no longer asked: because a contradiction touches what it is about, or the facts changed."""
    k = known(scene)
    touched = (r.key for r in relations_of(pair.facts))
    return "in conflict" if any(not k.trusted(*key) for key in touched) else "stale"


def _now(k: Known, subject: str, object_: str, family: str, frame: str) -> tuple[str, str] | None:
    r = k.stored(subject, object_, family, frame)
    return (r.predicate, r.verdict) if r else None


def _rebuilt(key: str, payload: Payload, origin: str = "person") -> QAPair:
    """A question from what was written down about it."""
    facts = payload.get("facts")
    family = _text(payload.get("family")) or (key.split(":")[0] if not key.startswith(OWN) else "own")
    return QAPair(
        key,
        family,
        _text(payload.get("question")) or f"(The question “{key}” is no longer derived, and its wording was not kept.)",
        _text(payload.get("answer")),
        dict(facts) if isinstance(facts, Mapping) else {},
        tuple(map(str, payload.get("options") or ())),
        origin,
    )


def _status(judged: Any) -> QAStatus:
    """The status, wherever the payload keeps it; "proposed" for anything else."""
    word = judged.get("status") if isinstance(judged, Mapping) else judged
    return next((s for s in QA_STATUSES if s == word), "proposed")


def _snapshot(key: str, judged: Any) -> Payload:
    """What the question looked like when it was judged; empty when nobody wrote it down."""
    if not isinstance(judged, Mapping):
        return {}
    kept = judged.get("pairs", judged.get("pair"))
    if isinstance(kept, Mapping):
        kept = kept.get(key, kept)
    elif isinstance(kept, Sequence) and not isinstance(kept, str):
        kept = next((p for p in kept if isinstance(p, Mapping) and p.get("key") == key), None)
    return kept if isinstance(kept, Mapping) and ("question" in kept or "answer" in kept) else judged


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _claim(answer: str) -> str:
    """An answer without the measured lengths, which may drift within their range."""
    return re.sub(r"\d+(\.\d+)?\s*m\b", "… m", plain(answer))


def _claims(facts: Payload) -> tuple[frozenset[tuple[str, ...]], str]:
    """What facts say: relations with their verdicts, and what was read off the objects; never margins or lengths."""
    found = facts.get("found")
    read = sorted((str(n), str(v)) for n, v in found.items()) if isinstance(found, Mapping) else []
    rows = (r if r.subject < r.object else reversed_relation(r) or r for r in relations_of(facts))
    return frozenset((r.subject, r.predicate, r.object, r.frame, r.verdict) for r in rows), str(read)
