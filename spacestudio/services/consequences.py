"""What an edit does elsewhere, computed before it is applied: one sample before it, one after, and every difference told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from spacestudio.domain.events import fold
from spacestudio.domain.graph import Relation
from spacestudio.domain.sample import Sample
from spacestudio.reasoning.absent import absent_clashes
from spacestudio.reasoning.consistency import explain
from spacestudio.relations.words import read, statement
from spacestudio.services.arrange import unique_names

MOVED = 0.5
"""Boxes that move by less, in px, have not moved."""


@dataclass(frozen=True)
class Change:
    """One difference: what it is about, and how it was and is told; "" where it was not there, or is no more."""

    about: str
    before: str
    after: str


@dataclass(frozen=True)
class Consequences:
    """All differences between a sample before and after an edit.

    Attributes:
        objects: added, removed, renamed or moved.
        relations: of the picture's own graph; each pair told once.
        layers: objects that changed their layer.
        questions: those asked before and after with another wording, answer or mark.
        asked: questions that are asked anew, or no longer: what changed beside them gave or took their place.
        layout: boxes a new picture would have elsewhere, and whether there is a layout at all.
        verdicts: asked relations whose verdict in this picture changed.
        corrections: what a person set that became stale, in conflict or true again, or goes with what it was about.
        clashes: contradictions that appear or disappear.
    """

    objects: tuple[Change, ...] = ()
    relations: tuple[Change, ...] = ()
    layers: tuple[Change, ...] = ()
    questions: tuple[Change, ...] = ()
    asked: tuple[Change, ...] = ()
    layout: tuple[Change, ...] = ()
    verdicts: tuple[Change, ...] = ()
    corrections: tuple[Change, ...] = ()
    clashes: tuple[Change, ...] = ()

    def __bool__(self) -> bool:
        return any(getattr(self, f.name) for f in fields(self))

    @property
    def summary(self) -> str:
        """One short line; "" when nothing followed."""
        counted = [(len(self.relations), "relation"), (len(self.questions), "question")]
        changed = " and ".join(_counted(count, noun) for count, noun in counted if count)
        anew, gone = sum(bool(c.after) for c in self.asked), sum(not c.after for c in self.asked)
        asked = [f"{_counted(anew, 'question')} asked anew"] if anew else []
        asked += [f"{_counted(gone, 'question') if not anew else gone} no longer"] if gone else []
        parts = [
            f"{changed} changed" if changed else "",
            ", ".join(asked),
            f"{_counted(len(self.layout), 'box', 'boxes')} of the layout moved" if self.layout else "",
            "corrections that no longer match are marked" if any(c.after for c in self.corrections) else "",
            "corrections of what is gone went with it" if any(c.before and not c.after for c in self.corrections) else "",
            "⚠ the graph now contradicts itself" if any(c.after for c in self.clashes) else "",
        ]
        text = "; ".join(part for part in parts if part)
        return f"{text[0].upper()}{text[1:]}." if text else ""


def consequences(before: Sample, after: Sample) -> Consequences:
    """Every difference between the sample before an edit and after it, in a stable order."""
    if before is after:  # as after every act that only chooses or draws
        return Consequences()
    names = unique_names(before.graph) | unique_names(after.graph)
    return Consequences(
        _differences(_objects(before), _objects(after)),
        _relations(before, after, names),
        _differences(_layers(before, names), _layers(after, names)),
        *_questions_apart(before, after),
        _layout(before, after, names),
        _differences(_verdicts(before, names), _verdicts(after, names), only_common=True),
        _corrections(before, after, names),
        _differences(_clashes(before), _clashes(after)),
    )


Told = Mapping[Any, tuple[str, str]]
"""What there is by key: what it is about, and how it is told."""


def _differences(before: Told, after: Told, only_common: bool = False) -> tuple[Change, ...]:
    """What is told otherwise; with `only_common`, of what is there both times."""
    out = []
    for key in dict.fromkeys((*before, *after)):
        old, new = before.get(key, ("", "")), after.get(key, ("", ""))
        if old[1] != new[1] and not (only_common and (key not in before or key not in after)):
            out.append(Change(new[0] or old[0], old[1], new[1]))
    return tuple(out)


def _objects(s: Sample) -> Told:
    def told(o: Any) -> str:
        corners = ", ".join(f"{v:.0f}" for v in o.box.xyxy)
        return f"{o.name} at {corners} px"

    return {o.id: (o.id, told(o)) for o in s.objects}


def _relations(before: Sample, after: Sample, names: Mapping[str, str]) -> tuple[Change, ...]:
    """Relations of objects that are there both times; what an added or removed object brings or takes is counted with it."""
    out = []
    both = set(before.graph.ids) & set(after.graph.ids)
    old, new = before.graph.by_key, after.graph.by_key
    for key in dict.fromkeys((*old, *new)):
        subject, object_, family, frame = key
        if subject not in both or object_ not in both or _mentioned(old, new, key):
            continue
        was, now = old.get(key), new.get(key)
        if (was and (was.predicate, was.verdict)) != (now and (now.predicate, now.verdict)):
            about = f"{names[subject]}, {names[object_]}: {family}, {frame}"
            out.append(Change(about, *(statement(r, names) if r else "" for r in (was, now))))
    return tuple(out)


def _mentioned(old: Mapping[Any, Relation], new: Mapping[Any, Relation], key: tuple[str, str, str, str]) -> bool:
    """Whether the reversed pair tells it already: the way a person said it comes first, else the lower id."""
    back = key[1], key[0], *key[2:]
    if back not in old and back not in new:
        return False
    said = [bool((r := new.get(k) or old.get(k)) and r.evidence.get("said")) for k in (key, back)]
    return said[1] if said[0] != said[1] else key[0] > key[1]


def _layers(s: Sample, names: Mapping[str, str]) -> Told:
    return {i: (names[i], f"layer {layer.index}") for layer in s.layers for i in layer.object_ids if i in names}


def _questions_apart(before: Sample, after: Sample) -> tuple[tuple[Change, ...], tuple[Change, ...]]:
    """Questions told otherwise, and those that come or go."""
    old, new = ({p.key: (p.family, f"{p.question} – {p.answer}") for p in s.qa} for s in (before, after))
    changes = _differences(old, new)
    return tuple(c for c in changes if c.before and c.after), tuple(c for c in changes if not (c.before and c.after))


def _layout(before: Sample, after: Sample, names: Mapping[str, str]) -> tuple[Change, ...]:
    out = []
    old, new = (s.layout.boxes if s.layout else {} for s in (before, after))
    called = dict(names) | {i: n for s in (before, after) if s.layout for i, n in s.layout.names.items()}
    if before.layout is not None and after.layout is not None:
        for i in dict.fromkeys((*old, *new)):
            was, now = (boxes[i].xyxy if i in boxes else None for boxes in (old, new))
            if was is None or now is None or max(abs(a - b) for a, b in zip(was, now, strict=True)) > MOVED:
                out.append(Change(called.get(i, i), *(_px(xyxy) if xyxy else "" for xyxy in (was, now))))
    elif before.layout is None and after.layout is not None:  # against where things are now
        for i, box in after.layout.boxes.items():
            shown = after.graph[i].box if i in after.graph else None
            if shown is None or max(abs(a - b) for a, b in zip(shown.xyxy, box.xyxy, strict=True)) > MOVED:
                out.append(Change(called.get(i, i), "" if shown is None else _px(shown.xyxy), _px(box.xyxy)))
    if before.problem != after.problem:
        out.append(Change("the whole layout", before.problem or "possible", after.problem or "possible"))
    return tuple(out)


def _px(xyxy: Iterable[float]) -> str:
    return ", ".join(f"{v:.0f}" for v in xyxy) + " px"


def _verdicts(s: Sample, names: Mapping[str, str]) -> Told:
    called = dict(names) | (unique_names(s.target) if s.target else {})
    words = {"true": "verified", "false": "failed", "undecided": "undecided"}
    return {r.key: (statement(r, called), words[r.verdict]) for r in s.verdicts}


def _corrections(before: Sample, after: Sample, names: Mapping[str, str]) -> tuple[Change, ...]:
    """Marks that appear or change on what a person set before; and what is gone with its objects."""
    old, new = fold(before.events), fold(after.events)
    out = []
    for key, pin in old.pins.items():
        about = f"{names.get(key[0], key[0])} {pin['predicate']} {names.get(key[1], key[1])}: {pin['verdict']}"
        if key not in new.pins:
            if key[0] not in after.graph or key[1] not in after.graph:
                out.append(Change(about, "set by a person", ""))
            continue
        was, now = (_pin_state(s, key) for s in (before, after))
        if now != was and (now in ("stale", "in conflict") or was in ("stale", "in conflict")):
            out.append(Change(about, was, now))
    asked, asks = ({p.key: p for p in s.qa} for s in (before, after))
    for question in dict.fromkeys((*old.qa_edits, *old.qa_status)):
        p, q = asked.get(question), asks.get(question)
        if p is not None and q is None:
            out.append(Change(p.question, p.mark or p.status, ""))
        elif p is not None and q is not None and p.mark != q.mark:
            out.append(Change(q.question, p.mark or "agrees", q.mark or "agrees"))
    return tuple(out)


def _pin_state(s: Sample, key: tuple[str, str, str, str]) -> str:
    if any(r.key in (key, (key[1], key[0], *key[2:])) for clash in s.clashes for r in clash):
        return "in conflict"
    r = s.graph.by_key.get(key)
    return str(r.evidence.get("pin", "overrules")) if r else ""


def _clashes(s: Sample) -> Told:
    names = unique_names(s.graph)
    out: dict[Any, tuple[str, str]] = {
        frozenset(r.key for r in clash): ("contradiction", explain(clash, names)) for clash in s.clashes
    }
    return out | {clash.name: ("must not be there", clash.words(names)) for clash in absent_clashes(s.graph)}


def _counted(count: int, noun: str, many: str = "") -> str:
    return f"{count} {noun if count == 1 else many or noun + 's'}"


def told(acts: Iterable[tuple[str, Mapping[str, Any]]], before: Sample, after: Sample) -> tuple[str, ...]:
    """What acts themselves say, one sentence each; nothing for acts that are only notes of the pipeline."""
    graphs = [g for g in (before.graph, before.target, after.target, after.graph) if g is not None]
    names = {i: name for g in graphs for i, name in unique_names(g).items()}
    return tuple(words for kind, p in acts if (words := _told(kind, p, names)))


def _told(kind: str, p: Mapping[str, Any], names: Mapping[str, str]) -> str:
    def name(key: str) -> str:
        return names.get(p[key], p[key])

    def relation(verb: str) -> str:
        return f"{name('subject')} {verb} {read(p['predicate'])} {name('object')}"

    match kind:
        case "relation.correct":
            return f"Correct: {relation({'true': 'is', 'false': 'is not'}.get(p['verdict'], 'may or may not be'))}."
        case "relation.release":
            return f"Take back the correction of {name('subject')} and {name('object')} ({p['family']})."
        case "objects.add":
            listed = ", ".join(item["label"] for item in p["objects"])
            return f"Add {listed}." if listed else ""
        case "object.edit":
            parts = [f"call it {p['label']}"] if "label" in p else []
            parts += [f"attributes {', '.join(p['attributes']) or 'none'}"] if "attributes" in p else []
            parts += [f"box {_px(p['box_xyxy_px'])}"] if "box_xyxy_px" in p else ["another mask"] if "mask" in p else []
            parts += ["the mask painted by hand is made anew"] if p.get("painted") is False else []
            if "box_xyxy_px" in p and len(parts) == 1:
                return f"Move {name('id')} to {_px(p['box_xyxy_px'])}."
            return f"Change {name('id')}: {', '.join(parts)}." if parts else ""
        case "object.delete":
            return f"Remove {name('id')}."
        case "layers.cut":
            return (
                f"Cut the layers at {', '.join(f'{c:g}' for c in p['cuts'])}."
                if p["cuts"]
                else "Find the layers by themselves."
            )
        case "absent":
            return f"Must not be there: {', '.join(p['names']) or 'nothing'}."
        case "camera":
            return "Use another camera." if p["camera"] else "Assume the camera."
        case "scale":
            return "Measure lengths in metres." if p["metres_per_unit"] else "Take the known length back."
        case "depth":
            return f"Use another depth map ({p.get('source') or p['run']['engine']})."
        case "qa.edit":
            return f"Answer “{p['question']}” with “{p['answer']}”."
        case "qa.status":
            return f"{p['status'].capitalize()}: {_counted(len(p['keys']), 'question')}."
        case "want.relation":
            return f"Ask of a new picture: {relation('is')}."
        case "want.unrelate":
            return f"Ask no longer how {name('subject')} and {name('object')} stand."
        case "want.object":
            return f"Ask of a new picture: {' '.join((*p['attributes'], p['label']))}."
        case "want.remove":
            return f"Ask of a new picture: without {name('id')}."
        case "want.box":
            return f"Ask of a new picture: {name('id')} at {_px(p['box_xyxy_px'])}."
        case "want.order":
            return f"Ask of a new picture, nearest first: {', '.join(names.get(i, i) for i in p['order'])}."
        case "want.prompt":
            return "Ask for another prompt."
        case "want.reset":
            return "Forget all that was asked of a new picture."
        case "rename" | "review":
            return f"{kind.capitalize()}: {p.get('name') or p.get('status')}."
        case _:
            return ""


def in_short(words: Sequence[str]) -> str:
    """The first of several sentences and how many more there are, without a full stop; "" without any."""
    more = f" and {len(words) - 1} more" if len(words) > 1 else ""
    return f"{words[0].rstrip('.')}{more}" if words else ""


def lines(found: Consequences, most: int = 12) -> Iterable[tuple[str, tuple[Change, ...], int]]:
    """Heading, the first changes under it, and how many more there are, for each kind that has any."""
    titles = {
        "corrections": "Corrections touched", "clashes": "Contradictions", "objects": "Objects",
        "relations": "Relations", "layers": "Depth layers", "questions": "Questions",
        "layout": "Layout of a new picture", "verdicts": "Asked relations",
    }  # fmt: skip
    for name, title in titles.items():
        changes: tuple[Change, ...] = getattr(found, name)
        if changes:
            yield title, changes[:most], max(0, len(changes) - most)
