"""Graph: the picture's own relations, with verdicts and reasons; correct them, or ask a new picture for other ones."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from spacestudio.domain.graph import Relation
from spacestudio.domain.objects import SceneObject
from spacestudio.domain.sample import Sample
from spacestudio.errors import InputError
from spacestudio.reasoning.absent import absent_clashes
from spacestudio.reasoning.consistency import Repair, explain, redundant, repairs
from spacestudio.reasoning.disagreement import disagreements
from spacestudio.relations import FAMILIES
from spacestudio.relations.relate import family, inverse_of
from spacestudio.relations.rules import RULE_SETS
from spacestudio.relations.rules.rule_set import related
from spacestudio.relations.sensitivity import in_words, sensitivity
from spacestudio.relations.words import read, reason, statement
from spacestudio.services import judge
from spacestudio.services.arrange import unique_names
from spacestudio.services.graphs import graphs_in
from spacestudio.services.verify import not_looked_for, outcome, verify_picture, why
from spacestudio.ui.components.choices import Choice, following
from spacestudio.ui.components.graph_editor import GraphEditor
from spacestudio.ui.components.payload import thumbnail
from spacestudio.ui.components.table import table as make_table
from spacestudio.ui.frame import EMPTY, Done, Frame, Look, View
from spacestudio.ui.session import must_open, opened, plain, shown

SIGNS = {"true": "✓ true", "false": "✗ false", "undecided": "? undecided"}
SHOWN_FAMILIES = ["direction", "support", "depth"]
COLUMNS = {"#": 7, "subject": 15, "relation": 18, "object": 17, "frame": 14, "verdict": 14, "margin": 15}
CHOSEN = "background: color-mix(in srgb, var(--studio-accent) 20%, transparent); font-weight: 600;"
MAX_EDGES, MAX_THUMBS, MAX_CLASHES, MAX_WAYS = 120, 80, 12, 8
PREDICATES = [p for name in FAMILIES for p in family(name).predicates]


def graph_tab(frame: Frame) -> None:
    """Build the tab."""
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            editor = GraphEditor(None, relations=PREDICATES, elem_id="graph", mode="correct")
        with gr.Column(scale=2, min_width=300):
            clash = gr.Markdown(elem_id="clashes", elem_classes="clash")
            with gr.Row(visible=False, elem_id="repairs") as repairing:
                repair = Choice([], label="A way out", elem_id="repair", min_width=180, allow_custom_value=False)
                mend = gr.Button("Do this", elem_id="mend", min_width=80, scale=0)
            with gr.Row():
                subject = Choice([], label="Subject", elem_id="subject", min_width=90, allow_custom_value=False)
                predicate = gr.Dropdown(
                    PREDICATES,
                    label="Relation",
                    elem_id="predicate",
                    min_width=110,
                    allow_custom_value=True,
                    info="or your own words",
                )
                object_ = Choice([], label="Object", elem_id="object", min_width=90, allow_custom_value=False)
            verdict = gr.Radio(
                [("is true", "true"), ("is false", "false"), ("can't be told", "undecided")],
                value="true",
                label="In this picture it",
                elem_id="verdict",
            )
            with gr.Row():
                correct = gr.Button("Correct", variant="primary", elem_id="correct", min_width=90)
                change = gr.Button("Ask of a new picture", elem_id="want", min_width=120)
                release = gr.Button("Release correction", elem_id="release", min_width=110)
            gr.Markdown(
                "**Correct**: the picture already shows it. **Ask of a new picture**: change; it goes to Regenerate."
            )
            table = make_table(COLUMNS, "Relations", "relations", 330)
            why = gr.Markdown(elem_id="reason")
    with gr.Row():
        families = gr.CheckboxGroup(list(FAMILIES), value=SHOWN_FAMILIES, label="Families", elem_id="families")
        frames = gr.Radio(
            [("main", "main"), ("in the picture", "image"), ("in 3D", "camera"), ("all", "")],
            value="main",
            label="Frame",
            elem_id="frames",
        )
        only = gr.Radio(
            [
                ("all", ""),
                ("undecided", "undecided"),
                ("corrected", "person"),
                ("clashing", "clash"),
                ("needed: nothing else implies it", "needed"),
                ("implied by others", "implied"),
            ],
            value="",
            label="Show",
            elem_id="only",
        )
    with gr.Accordion("Where the picture and space disagree", open=False, elem_id="disagreements-panel") as disagreeing:
        disagree = make_table(
            {"objects": 22, "in the picture": 18, "in space": 18, "why": 42}, "Disagreements", "disagreements", 260
        )
    with gr.Accordion("What must not be there", open=False, elem_id="absent-panel") as missing:
        absent_note = gr.Markdown(elem_id="absent-note", elem_classes="clash")
        with gr.Row():
            absent = gr.Textbox(
                label="Absent things",
                info="comma-separated; asked about with the answer No",
                elem_id="absent",
                max_length=1000,
            )
            set_absent = gr.Button("Correct", elem_id="set-absent", min_width=90, scale=0)
    with gr.Accordion("As published rule sets say", open=False, elem_id="rules-panel") as ruling:
        rules = gr.Radio(
            [(f"{name}: {entry.help}", name) for name, entry in RULE_SETS.items()],
            value=next(iter(RULE_SETS)),
            label="Rule set (to compare; nothing is changed)",
            elem_id="rules",
        )
        ruled = make_table({"subject": 35, "relation": 30, "object": 35}, "Relations by this rule set", "ruled", 260)
    with gr.Accordion("Check this picture against a scene graph", open=False, elem_id="check-panel"):
        asked = gr.File(
            label="SKG file (objects are matched by name)", file_types=[".json"], elem_id="check-file", height=90
        )
        which = Choice([], label="Graph of the file", elem_id="check-which", visible=False, allow_custom_value=False)
        checked_words = gr.Markdown(elem_id="check-words")
        checked = make_table({"relation": 40, "verdict": 18, "margin": 16, "why": 26}, "Verdicts", "checked", 260)
    checked_for = gr.State("")
    keys = gr.State([])
    picked, lead = gr.State([]), gr.State([])
    panels: dict[str, tuple[gr.Accordion, list[Any]]] = {
        "disagreements": (disagreeing, [disagree]),
        "absent": (missing, [absent_note, absent]),
        "rules": (ruling, [ruled]),
    }
    unfolded = {name: gr.State(False) for name in panels}
    frame.add(
        View(
            "graph",
            [
                editor,
                clash,
                subject,
                object_,
                why,
                picked,
                table,
                keys,
                repairing,
                repair,
                *(output for _, outputs in panels.values() for output in outputs),
                checked_words,
                checked,
            ],
            draw,
            [families, frames, only, subject, object_, picked, rules, lead, checked_for, *unfolded.values()],
        )
    )
    frame.redraw([families, frames, only, rules])

    def point(given: tuple[Any, ...], key: Sequence[str], node: str = "", first: bool = False) -> list[Any]:
        """Choose a relation (or an object, or nothing) here: canvas, table and form all show it."""
        visitor, sample_id, _, tab, _ = given[: len(frame.fixed)]
        controls = dict(zip(map(id, frame.inputs), given, strict=False))
        s = opened(frame.studio, visitor, sample_id)
        r = s.graph.relation(*key) if s is not None and len(key) == 4 else None
        controls[id(picked)] = list(r.key) if r else []
        if first:
            controls[id(lead)] = controls[id(picked)]
        values = [controls[id(control)] for control in frame.inputs[len(frame.fixed) :]]
        drawn = frame.drawn(visitor, sample_id or "", "" if r else node, tab, values)
        for end, chosen in ((subject, r.subject), (object_, r.object)) if r else ():
            at = frame.outputs.index(end)
            drawn[at] = drawn[at] | {"value": chosen}
        return [*drawn, r.predicate if r else gr.skip(), r.verdict if r else gr.skip(), controls[id(lead)]]

    def pick_row(evt: gr.SelectData, *given: Any) -> list[Any]:
        return point(given, given[-1][int(str(evt.row_value[0]).split()[-1]) - 1])

    def pick_part(evt: gr.EventData, *given: Any) -> list[Any]:
        chosen = GraphEditor.read_pick(evt) or ""
        if not chosen.startswith("edge:"):
            return point(given, (), chosen, first=True)
        s = opened(frame.studio, given[0], given[1])
        return point(given, _key_of(chosen.removeprefix("edge:"), s) if s else (), first=True)

    def connect() -> None:
        quick: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": 8}
        outputs = [*frame.outputs, predicate, verdict, lead]
        table.select(shown(pick_row), [*frame.inputs, keys], outputs, trigger_mode="always_last", **quick)
        editor.pick(shown(pick_part), frame.inputs, outputs, trigger_mode="always_last", **quick)

    frame.later(connect)
    frame.on(editor.edit, _edited, event_data=True, trigger_mode="multiple")
    frame.on([correct.click], _correct, [subject, predicate, object_, verdict])
    frame.on([change.click], _want, [subject, predicate, object_])
    frame.on([release.click], _release, [picked])
    frame.on([mend.click], _mend, [repair, picked])
    frame.on([set_absent.click, absent.submit], _set_absent, [absent])
    result: dict[str, Any] = {"show_progress": "minimal", "api_visibility": "private"}
    for name, (panel, outputs) in panels.items():
        fill, blank = shown(_unfold(frame, name)), [False, *BLANK[name]]
        panel.expand(fill, [frame.visitor, frame.sample, rules], [unfolded[name], *outputs], **result)
        panel.collapse(lambda blank=blank: blank, None, [unfolded[name], *outputs], **result)
    told = [which, checked_words, checked, checked_for]
    asked.upload(shown(_check(frame)), [frame.visitor, frame.sample, asked], told, **result)
    which.input(shown(_check(frame)), [frame.visitor, frame.sample, asked, which], told, **result)
    asked.clear(lambda: (gr.update(choices=[], value=None, visible=False), "", [], ""), None, told, **result)


def edge_id(key: Sequence[str]) -> str:
    """A stable short id for the place of a relation; it stays when filters change."""
    return hashlib.sha256("\n".join(key).encode()).hexdigest()[:16]


def _key_of(edge: str, s: Sample) -> tuple[str, ...]:
    return next((r.key for r in s.graph if edge_id(r.key) == edge), ())


def chosen_relations(s: Sample, families: list[str], frame: str, only: str, selected: str) -> list[Relation]:
    """The relations the filters leave, each pair once: the way the person said it, else the lower id first.

    What contradicts itself is shown whatever families and frames are chosen.
    """
    in_clash = clash_places(s)
    needless = redundant(s.graph) if only in ("implied", "needed") else ()
    # A stated relation's own inverse says nothing new: it is no discovery that it follows.
    implied = {r.key for r, because in needless if only == "needed" or not _backwards(r, because)}
    out: list[Relation] = []
    seen: set[tuple[frozenset[str], str, str]] = set()
    for r in sorted(s.graph, key=lambda r: (r.origin != "person", not r.evidence.get("said"), r.subject, r.object)):
        place = (frozenset((r.subject, r.object)), r.family, r.frame)
        if place in seen and inverse_of(r.predicate) is not None:
            continue
        clashes = r.key in in_clash
        if not clashes and r.family not in families and r.family != "other" and r.origin != "person":
            continue
        if not clashes and frame == "main" and (r.family, r.frame, r.origin) == ("direction", "camera", "geometry"):
            continue  # the picture's own directions say it already
        if not clashes and frame in ("image", "camera") and r.frame != frame:
            continue
        if selected and selected not in (r.subject, r.object):
            continue
        if (only == "undecided" and r.verdict != "undecided") or (only == "person" and r.origin != "person"):
            continue
        if (only == "clash" and not clashes) or (only == "implied" and r.key not in implied):
            continue
        if only == "needed" and (r.key in implied or r.verdict == "undecided"):
            continue
        seen.add(place)
        out.append(r)
    return out


def _backwards(r: Relation, because: Sequence[Relation]) -> bool:
    """Whether it follows only because the same was said of the reversed pair."""
    return [b.key for b in because] == [(r.object, r.subject, r.family, r.frame)]


def draw(
    look: Look,
    families: list[str],
    frame: str,
    only: str,
    subject: str | None,
    object_: str | None,
    picked: list[str],
    rules: str,
    lead: list[str],
    checked_for: str,
    *unfolded: bool,
) -> list[Any]:
    """Canvas, clashes and ways out, choices, the chosen relation's reason, the table, and what else the graph holds."""
    s = look.sample
    if s is None:
        none = gr.update(choices=[], value=None)
        blank = [value for values in BLANK.values() for value in values]
        return [None, EMPTY, none, none, "", [], [], [], gr.update(visible=False), none, *blank, "", []]
    every = chosen_relations(s, families, frame, only, "")
    every.sort(key=lambda r: look.selected not in (r.subject, r.object) if look.selected else list(r.key) != picked)
    rows = [r for r in every if not look.selected or look.selected in (r.subject, r.object)]
    rows.sort(key=lambda r: list(r.key) != lead)
    names = unique_names(s.graph)
    in_clash = clash_places(s)
    edges = [_edge(r, in_clash, names) for r in every[:MAX_EDGES]]
    chosen = s.graph.relation(*picked) if len(picked) == 4 else None
    arrow = "" if chosen is None else edge_id(chosen.key)
    table = [
        [
            f"▸ {k}" if list(r.key) == picked else str(k),
            names[r.subject],
            r.predicate,
            names[r.object],
            r.frame,
            SIGNS[r.verdict] + _state(r, in_clash),
            f"{r.margin:+.3f}" if r.origin == "geometry" else f"by {r.origin}",
        ]
        for k, r in enumerate(rows, 1)
    ]
    styling = [[CHOSEN if list(r.key) == picked else ""] * len(COLUMNS) for r in rows]
    choices = [(names[o.id], o.id) for o in s.objects]
    value = {
        "rev": look.rev,
        "key": s.id,
        "background": s.image,
        "nodes": [_node(s, o, k < MAX_THUMBS) for k, o in enumerate(s.objects)],
        "edges": edges,
        "clashes": [_clash(s, clash, names) for clash in s.clashes[:MAX_CLASHES]],
    }
    selected = look.selected or (f"edge:{arrow}" if any(e["id"] == arrow for e in edges) else "")
    return [
        # every property goes along: a tab that was never open knows none of them yet
        gr.update(value=value, selected=selected, relations=PREDICATES, mode="correct"),
        clash_words(s, picked),
        following(choices, subject),
        following(choices, object_),
        reason_words(s, chosen, names) if chosen else "",
        picked if chosen else [],
        {"headers": list(COLUMNS), "data": table, "metadata": {"display_value": table, "styling": styling}} if table else [],
        [list(r.key) for r in rows],
        gr.update(visible=bool(s.clashes)),
        gr.update(choices=[(r.words, str(k)) for k, r in enumerate(ways_out(s, picked))], value=None),
        *(v for name, seen in zip(PANELS, unfolded, strict=True) for v in panel_values(s, name, rules, seen)),
        *([gr.skip(), gr.skip()] if checked_for == s.id else ["", []]),
    ]


def reason_words(s: Sample, r: Relation, names: Mapping[str, str]) -> str:
    """Why this verdict, what it depends on, and what it follows from, as Markdown."""
    parts = [plain(reason(r, names))]
    if r.origin == "geometry" and (words := in_words(sensitivity(r, {i: k for k, i in enumerate(s.graph.ids)}, s.variants))):
        parts.append(plain(words))
    return "  \n".join(parts)


def clash_places(s: Sample) -> dict[tuple[str, str, str, str], int]:
    """Place of each relation that contradicts others, and of its inverse -> the first contradiction it is in."""
    found: dict[tuple[str, str, str, str], int] = {}
    for k, clash in enumerate(s.clashes):
        for r in clash:
            found.setdefault(r.key, k)
            if inverse_of(r.predicate) is not None:
                found.setdefault((r.object, r.subject, r.family, r.frame), k)
    return found


def clash_of(s: Sample, key: Sequence[str] = ()) -> tuple[Relation, ...]:
    """The contradiction a relation is in, else the first; empty without any."""
    if not s.clashes:
        return ()
    return s.clashes[clash_places(s).get(tuple(key), 0)]  # type: ignore[arg-type]


def ways_out(s: Sample, key: Sequence[str] = ()) -> list[Repair]:
    """What would repair `clash_of` that relation; the person's own corrections first."""
    return _ways(clash_of(s, key), unique_names(s.graph))


def _ways(clash: tuple[Relation, ...], names: Mapping[str, str]) -> list[Repair]:
    return sorted(repairs(clash, names), key=lambda r: r.relation.origin != "person") if clash else []


def way_id(way: Repair) -> str:
    """A short id of what a way out does; the same whenever it is worked out again."""
    new = way.replacement
    said = [*new.triple, new.verdict] if new else []
    return edge_id([way.kind, *way.relation.key, way.relation.predicate, way.relation.verdict, *said])


def _clash(s: Sample, clash: tuple[Relation, ...], names: Mapping[str, str]) -> dict[str, Any]:
    ways = [{"id": way_id(way), "words": _cut(way.words)} for way in _ways(clash, names)[:MAX_WAYS]]
    return {"words": _cut(explain(clash, names)), "ways": ways}


def _cut(words: str) -> str:
    return words if len(words) <= 600 else words[:599] + "…"


def _node(s: Sample, o: SceneObject, thumb: bool) -> dict[str, Any]:
    return {
        "id": o.id,
        "label": o.name[:200],
        "own": o.label,
        "attributes": list(o.attributes[:20]),
        "x": o.box.center[0] / s.width,
        "y": o.box.center[1] / s.height,
        "thumb": thumbnail(s.image, o.box.xyxy) if thumb else "",
    }


def panel_values(s: Sample, name: str, rules: str, unfolded: bool = True) -> list[Any]:
    """What a panel shows; a folded one is left as it is, since it is filled when it is unfolded."""
    return PANELS[name](s, rules) if unfolded else [gr.skip()] * len(BLANK[name])


def disagreement_rows(s: Sample) -> list[list[str]]:
    """Where the picture's plane and space say different things."""
    names = unique_names(s.graph)
    rows = []
    for d in disagreements(s.graph, s.variants) if s.variants else ():
        told = [f"{f.predicate}: {SIGNS[f.verdict]} ({f.margin:+.3f})" for f in (d.image, d.space)]
        rows.append([f"{names[d.subject]}, {names[d.object]}", *told, d.reason(names)])
    return rows


def absent_words(s: Sample) -> str:
    """Things that must not be there and are, with ways out."""
    names = unique_names(s.graph)
    return "\n\n".join(f"⚠ {plain(clash.words(names))}" for clash in absent_clashes(s.graph))


def ruled_rows(s: Sample, rules: str) -> list[list[str]]:
    """All relations of the boxes by a published rule set."""
    chosen, called = RULE_SETS.load(rules), unique_names(s.graph)
    names = [called[o.id] for o in s.objects]
    boxes = np.array([o.box.xyxy for o in s.objects], np.float64).reshape(-1, 4)
    centroids = np.array([_centroid(o) for o in s.objects], np.float64).reshape(-1, 2)
    return [
        [names[a], read(predicate), names[b]] for a, predicate, b in related(chosen, boxes, s.width, s.height, centroids)
    ]


def _centroid(o: SceneObject) -> tuple[float, float]:
    """Of the mask, px; of the box without one."""
    if o.mask is None or not o.mask.any():
        return o.box.center
    rows, columns = np.nonzero(o.mask)
    return float(columns.mean()) + 0.5, float(rows.mean()) + 0.5


def _edge(r: Relation, in_clash: Mapping[tuple[str, str, str, str], int], names: Mapping[str, str]) -> dict[str, Any]:
    state = (
        "in conflict"
        if r.key in in_clash
        else "stale"
        if r.evidence.get("pin") == "stale"
        else "corrected"
        if r.origin == "person"
        else "measured"
    )
    return {
        "id": edge_id(r.key),
        "source": r.subject,
        "target": r.object,
        "relation": r.predicate,
        "family": r.family,
        "verdict": r.verdict,
        "state": state,
        "note": _cut(reason(r, names)),
        "clash": k if (k := in_clash.get(r.key, -1)) < MAX_CLASHES else -1,
    }


def _state(r: Relation, in_clash: Mapping[tuple[str, str, str, str], int]) -> str:
    if r.key in in_clash:
        return " · in conflict"
    return " · stale" if r.evidence.get("pin") == "stale" else ""


def clash_words(s: Sample, key: Sequence[str] = ()) -> str:
    """The first clashes in words, shortest first; before them the one that relation is in."""
    names = unique_names(s.graph)
    own = clash_of(s, key)
    told = [
        f"⚠ **Contradiction.** {plain(explain(clash, names))}"
        for clash in itertools.islice(sorted(s.clashes, key=lambda clash: clash is not own), 3)
    ]
    more = len(s.clashes) - len(told)
    return "\n\n".join([*told, *([f"and {more} more"] if more > 0 else [])])


def _edited(look: Look, evt: gr.EventData) -> Done | None:
    edit = GraphEditor.read(evt)
    s = look.opened()
    act = look.studio.act
    if edit.op == "relate":
        act(look.visitor, s.id, lambda x: judge.correct_relation(x, edit.source, edit.relation, edit.target))
    elif edit.op == "unrelate" and (key := _key_of(edit.id, s)):
        r = s.graph.relation(*key)  # type: ignore[call-arg]
        if r is not None and r.origin == "person":
            act(look.visitor, s.id, lambda x: judge.release_relation(x, r))
            return Done(note="The correction is released; what is measured counts again.")
        if r is not None:
            act(look.visitor, s.id, lambda x: judge.correct_relation(x, r.subject, r.predicate, r.object, "false", r.frame))
    elif edit.op == "rename":
        act(look.visitor, s.id, lambda x: judge.edit_object(x, edit.id, edit.label, edit.attributes))
    elif edit.op == "delete":
        act(look.visitor, s.id, lambda x: judge.delete_objects(x, [edit.id, *edit.ids]))
        return Done(selected="")
    elif edit.op == "repair":
        return _repair(look, edit.id)
    return None


def _chosen(subject: str | None, predicate: str | None, object_: str | None) -> tuple[str, str, str]:
    if not (subject and predicate and object_):
        raise InputError(
            "The relation is not complete", "a subject, a relation and an object", "Choose all three, or a row of the table"
        )
    return subject, predicate, object_


def _correct(look: Look, subject: str, predicate: str, object_: str, verdict: str) -> Done:
    s, chosen = look.opened(), _chosen(subject, predicate, object_)
    after = look.studio.act(look.visitor, s.id, lambda x: judge.correct_relation(x, *chosen, verdict))
    r = next(r for r in after.graph if r.triple == chosen and r.origin == "person")
    return Done(note=f"Corrected: {statement(r, unique_names(after.graph))}.")


def _want(look: Look, subject: str, predicate: str, object_: str) -> Done:
    s, chosen = look.opened(), _chosen(subject, predicate, object_)
    after = look.studio.act(look.visitor, s.id, lambda x: judge.want_relation(x, *chosen))
    return Done(note=after.problem or "Asked of a new picture: see the Regenerate tab.")


def _release(look: Look, key: list[str]) -> Done:
    s = look.opened()
    r = s.graph.relation(*key) if len(key) == 4 else None
    if r is None or r.origin != "person":
        raise InputError("The chosen relation is not a correction", next_step="Choose one by “person” in the table")
    look.studio.act(look.visitor, s.id, lambda x: judge.release_relation(x, r))
    return Done(note="The correction is released; what is measured counts again.")


def _repair(look: Look, chosen: str) -> Done:
    """Take the way out of that id, whichever contradiction it is of."""
    s = look.opened()
    names = unique_names(s.graph)
    way = next((way for clash in s.clashes for way in _ways(clash, names) if way_id(way) == chosen), None)
    if way is None:
        raise InputError("This way out is gone", next_step="Choose an arrow in conflict again")
    look.studio.act(look.visitor, s.id, lambda x: judge.repair(x, way))
    return Done(note=way.words)


def _mend(look: Look, chosen: str | None, key: list[str]) -> Done:
    s, ways = look.opened(), ways_out(look.opened(), key)
    if not chosen or not chosen.isdigit() or int(chosen) >= len(ways):
        raise InputError("No way out is chosen", next_step="Choose one from the list")
    way = ways[int(chosen)]
    look.studio.act(look.visitor, s.id, lambda x: judge.repair(x, way))
    return Done(note=way.words)


def _set_absent(look: Look, text: str) -> None:
    look.studio.act(look.visitor, look.opened().id, lambda x: judge.set_absent(x, text))


def _unfold(frame: Frame, name: str) -> Any:
    """Note that a panel is unfolded, and fill it."""

    def run(visitor: Any, sample_id: Any, rules: str) -> list[Any]:
        s = opened(frame.studio, visitor, sample_id)
        return [True, *(BLANK[name] if s is None else panel_values(s, name, rules))]

    return run


def _check(frame: Frame) -> Any:
    """Verdicts of this picture against a graph of a file, the first unless another is chosen; the sample stays as it is."""

    def run(visitor: Any, sample_id: Any, path: str, which: str | None = None) -> tuple[Any, str, list[list[str]], str]:
        s = must_open(frame.studio, visitor, sample_id)
        none = gr.update(choices=[], value=None, visible=False)
        try:
            graphs, notes = graphs_in(Path(path))
        except InputError as error:
            return none, f"⚠ {plain(error)}", [], s.id
        whole = {str(row.index): row.graph for row in graphs if row.graph is not None}
        if not whole:
            return none, f"⚠ {plain(graphs[0].problem)}", [], s.id
        chosen = which if which in whole else next(iter(whole))
        asked = whole[chosen]
        choices = [(f"{k}: {graph.scene or 'no name'}, {len(graph)} objects", k) for k, graph in whole.items()]
        choice = gr.update(choices=choices, value=chosen, visible=len(graphs) > 1)
        found = verify_picture(asked, s.graph, s.variants, by_id=False, unsure=not_looked_for(s))
        names = unique_names(asked)
        rows = [
            [
                f"{names[r.subject]} {read(r.predicate)} {names[r.object]}",
                outcome(r.verdict),
                f"{r.margin:+.3f}" if r.threshold else "–",
                why(r),
            ]
            for r in found.relations
        ]
        related = {end for r in found.relations for end in (r.subject, r.object)}
        lone = [[names[i], outcome("undecided" if found.unsure else "false"), "–", "not found"] for i in found.missing]
        rows += [row for row, i in zip(lone, found.missing, strict=True) if i not in related]
        words = ", ".join(f"{n} {outcome}" for outcome, n in found.counts.items())
        missing = [f"{names[i]} {'was not found' if found.unsure else 'is not in the picture'}" for i in found.missing]
        missing += [found.unsure[0].upper() + found.unsure[1:]] if found.unsure and found.missing else []
        unwanted = [f"{name} must not be there and is" for name in found.unwanted]
        unread = len(graphs) - len(whole)
        more = [f"{unread} of the file's {len(graphs)} graphs can't be read"] if unread else []
        told = [f"{asked.scene or 'The graph'}: {words}", *missing, *unwanted, *more, *(n.rstrip(".") for n in notes[:3])]
        return choice, plain(". ".join(told)) + "\\.", rows, s.id

    return shown(run)


PANELS: Mapping[str, Callable[[Sample, str], list[Any]]] = {
    "disagreements": lambda s, rules: [disagreement_rows(s)],
    "absent": lambda s, rules: [absent_words(s), ", ".join(s.graph.negative_objects)],
    "rules": lambda s, rules: [ruled_rows(s, rules)],
}
"""What each panel below the table shows of a sample by a rule set; worked out only while the panel is unfolded."""
BLANK: Mapping[str, list[Any]] = {"disagreements": [[]], "absent": ["", ""], "rules": [[]]}
"""What a folded panel holds."""
