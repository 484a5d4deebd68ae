"""Graph: the picture's own relations, with verdicts and reasons; correct them, or ask a new picture for other ones."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
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
from spacestudio.services.verify import verify_picture, why
from spacestudio.ui.components.choices import Choice
from spacestudio.ui.components.graph_editor import GraphEditor
from spacestudio.ui.components.table import table as make_table
from spacestudio.ui.frame import EMPTY, Done, Frame, Look, View
from spacestudio.ui.session import must_open, plain, shown

SIGNS = {"true": "✓ true", "false": "✗ false", "undecided": "? undecided"}
SHOWN_FAMILIES = ["direction", "support", "depth"]
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
    table = make_table(
        {"#": 5, "subject": 15, "relation": 14, "object": 15, "frame": 8, "verdict": 16, "margin": 9, "needs": 8, "by": 10},
        "Relations",
        "relations",
        360,
    )
    with gr.Accordion("Where the picture and space disagree", open=False, elem_id="disagreements-panel"):
        disagree = make_table(
            {"objects": 22, "in the picture": 18, "in space": 18, "why": 42}, "Disagreements", "disagreements", 260
        )
    with gr.Accordion("What must not be there", open=False, elem_id="absent-panel"):
        absent_note = gr.Markdown(elem_id="absent-note", elem_classes="clash")
        with gr.Row():
            absent = gr.Textbox(
                label="Absent things",
                info="comma-separated; asked about with the answer No",
                elem_id="absent",
                max_length=1000,
            )
            set_absent = gr.Button("Correct", elem_id="set-absent", min_width=90, scale=0)
    with gr.Accordion("As published rule sets say", open=False, elem_id="rules-panel"):
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
        checked_words = gr.Markdown(elem_id="check-words")
        checked = make_table({"relation": 45, "verdict": 17, "margin": 12, "why": 26}, "Verdicts", "checked", 260)
    keys = gr.State([])
    picked = gr.State([])
    form = [subject, predicate, object_, verdict, why, picked]
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
                disagree,
                absent_note,
                absent,
                ruled,
            ],
            draw,
            [families, frames, only, subject, object_, picked, rules],
        )
    )
    frame.redraw([families, frames, only, rules])

    def fill(visitor: Any, sample_id: Any, key: tuple[str, ...] | None) -> list[Any]:
        return _form(must_open(frame.studio, visitor, sample_id), key) if key else [gr.skip()] * len(form)

    def pick(visitor: Any, sample_id: Any, rows: list[list[str]], evt: gr.SelectData) -> list[Any]:
        return fill(visitor, sample_id, tuple(rows[int(evt.row_value[0]) - 1]))

    def pick_edge(visitor: Any, sample_id: Any, rows: list[list[str]], evt: gr.EventData) -> list[Any]:
        chosen = GraphEditor.read_pick(evt) or ""
        return fill(visitor, sample_id, _key_of(chosen.removeprefix("edge:"), rows) if chosen.startswith("edge:") else None)

    quick: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    table.select(shown(pick), [frame.visitor, frame.sample, keys], form, **quick)
    editor.pick(shown(pick_edge), [frame.visitor, frame.sample, keys], form, **quick)
    frame.on(editor.pick, _node_picked, event_data=True, trigger_mode="always_last")
    frame.on(editor.edit, _edited, [keys], event_data=True, trigger_mode="multiple")
    frame.on([correct.click], _correct, [subject, predicate, object_, verdict])
    frame.on([change.click], _want, [subject, predicate, object_])
    frame.on([release.click], _release, [picked])
    frame.on([mend.click], _mend, [repair])
    frame.on([set_absent.click, absent.submit], _set_absent, [absent])
    asked.upload(
        shown(_check(frame)),
        [frame.visitor, frame.sample, asked],
        [checked_words, checked],
        show_progress="minimal",
        api_visibility="private",
    )


def _node_picked(look: Look, evt: gr.EventData) -> Done:
    chosen = GraphEditor.read_pick(evt) or ""
    return Done(selected=look.selected if chosen.startswith("edge:") else chosen)


def _form(s: Sample, key: tuple[str, ...]) -> list[Any]:
    """The form filled from the chosen relation, and its reason."""
    r = s.graph.relation(*key)  # type: ignore[call-arg]
    if r is None:
        raise InputError("This relation is gone", next_step="Choose one from the table")
    return [r.subject, r.predicate, r.object, r.verdict, reason_words(s, r, unique_names(s.graph)), list(key)]


def edge_id(key: Sequence[str]) -> str:
    """A stable short id for the place of a relation; it stays when filters change."""
    return hashlib.sha256("\n".join(key).encode()).hexdigest()[:16]


def _key_of(edge: str, rows: list[list[str]]) -> tuple[str, ...] | None:
    return next((tuple(row) for row in rows if edge_id(row) == edge), None)


def chosen_relations(s: Sample, families: list[str], frame: str, only: str, selected: str) -> list[Relation]:
    """The relations the filters leave, each pair once: the way the person said it, else the lower id first."""
    in_clash = {r.key for clash in s.clashes for r in clash}
    implied = {r.key for r, _ in redundant(s.graph)} if only in ("implied", "needed") else set()
    out: list[Relation] = []
    seen: set[tuple[frozenset[str], str, str]] = set()
    for r in sorted(s.graph, key=lambda r: (r.origin != "person", not r.evidence.get("said"), r.subject, r.object)):
        place = (frozenset((r.subject, r.object)), r.family, r.frame)
        if place in seen and inverse_of(r.predicate) is not None:
            continue
        if r.family not in families and r.family != "other" and r.origin != "person":
            continue
        if frame == "main" and (r.family, r.frame, r.origin) == ("direction", "camera", "geometry"):
            continue  # the picture's own directions say it already
        if (frame in ("image", "camera") and r.frame != frame) or (selected and selected not in (r.subject, r.object)):
            continue
        if (only == "undecided" and r.verdict != "undecided") or (only == "person" and r.origin != "person"):
            continue
        if (only == "clash" and r.key not in in_clash) or (only == "implied" and r.key not in implied):
            continue
        if only == "needed" and (r.key in implied or r.verdict == "undecided"):
            continue
        seen.add(place)
        out.append(r)
    return out


def draw(
    look: Look,
    families: list[str],
    frame: str,
    only: str,
    subject: str | None,
    object_: str | None,
    picked: list[str],
    rules: str,
) -> list[Any]:
    """Canvas, clashes and ways out, choices, the chosen relation's reason, the table, and what else the graph holds."""
    s = look.sample
    if s is None:
        none = gr.update(choices=[], value=None)
        return [None, EMPTY, none, none, "", [], [], [], gr.update(visible=False), none, [], "", "", []]
    rows = chosen_relations(s, families, frame, only, look.selected)
    names = unique_names(s.graph)
    in_clash = {r.key for clash in s.clashes for r in clash}
    nodes = [
        {"id": o.id, "label": o.name, "x": o.box.center[0] / s.width, "y": o.box.center[1] / s.height} for o in s.objects
    ]
    edges = [_edge(r, in_clash, names) for r in rows[:120]]
    table = [
        [
            str(k),
            names[r.subject],
            r.predicate,
            names[r.object],
            r.frame,
            SIGNS[r.verdict] + _state(r, in_clash),
            f"{r.margin:+.3f}" if r.origin == "geometry" else "–",
            f"{r.threshold:.3f}" if r.origin == "geometry" else "–",
            r.origin,
        ]
        for k, r in enumerate(rows, 1)
    ]
    choices = [(names[o.id], o.id) for o in s.objects]
    chosen = s.graph.relation(*picked) if len(picked) == 4 else None
    value = {"rev": look.rev, "key": s.id, "background": s.image, "nodes": nodes, "edges": edges}
    return [
        # every property goes along: a tab that was never open knows none of them yet
        gr.update(value=value, selected=look.selected, relations=PREDICATES, mode="correct"),
        clash_words(s),
        gr.update(choices=choices, value=subject if subject in names else None),
        gr.update(choices=choices, value=object_ if object_ in names else None),
        reason_words(s, chosen, names) if chosen else "",
        picked if chosen else [],
        table,
        [list(r.key) for r in rows],
        gr.update(visible=bool(s.clashes)),
        gr.update(choices=[(r.words, str(k)) for k, r in enumerate(ways_out(s))], value=None),
        disagreement_rows(s),
        absent_words(s),
        ", ".join(s.graph.negative_objects),
        ruled_rows(s, rules),
    ]


def reason_words(s: Sample, r: Relation, names: Mapping[str, str]) -> str:
    """Why this verdict, what it depends on, and what it follows from, as Markdown."""
    parts = [plain(reason(r, names))]
    if r.origin == "geometry" and (words := in_words(sensitivity(r, {i: k for k, i in enumerate(s.graph.ids)}, s.variants))):
        parts.append(plain(words))
    return "  \n".join(parts)


def ways_out(s: Sample) -> list[Repair]:
    """What would repair the first clash; the person's own corrections first."""
    if not s.clashes:
        return []
    return sorted(repairs(s.clashes[0], unique_names(s.graph)), key=lambda r: r.relation.origin != "person")


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
    chosen = RULE_SETS.load(rules)
    names = [unique_names(s.graph)[o.id] for o in s.objects]
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


def _edge(r: Relation, in_clash: set[tuple[str, str, str, str]], names: dict[str, str]) -> dict[str, Any]:
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
        "note": reason(r, names),
    }


def _state(r: Relation, in_clash: set[tuple[str, str, str, str]]) -> str:
    if r.key in in_clash:
        return " · in conflict"
    return " · stale" if r.evidence.get("pin") == "stale" else ""


def clash_words(s: Sample) -> str:
    """The first clashes in words, shortest first."""
    names = unique_names(s.graph)
    told = [f"⚠ **Contradiction.** {plain(explain(clash, names))}" for clash in s.clashes[:3]]
    more = len(s.clashes) - len(told)
    return "\n\n".join([*told, *([f"and {more} more"] if more > 0 else [])])


def _edited(look: Look, evt: gr.EventData, rows: list[list[str]]) -> Done | None:
    edit = GraphEditor.read(evt)
    s = look.opened()
    act = look.studio.act
    if edit.op == "relate":
        act(look.visitor, s.id, lambda x: judge.correct_relation(x, edit.source, edit.relation, edit.target))
    elif edit.op == "unrelate" and (key := _key_of(edit.id, rows)):
        r = s.graph.relation(*key)  # type: ignore[call-arg]
        if r is not None and r.origin == "person":
            act(look.visitor, s.id, lambda x: judge.release_relation(x, r))
            return Done(note="The correction is released; what is measured counts again.")
        if r is not None:
            act(look.visitor, s.id, lambda x: judge.correct_relation(x, r.subject, r.predicate, r.object, "false", r.frame))
    elif edit.op == "rename":
        act(look.visitor, s.id, lambda x: judge.edit_object(x, edit.id, label=edit.label))
    elif edit.op == "delete":
        act(look.visitor, s.id, lambda x: judge.delete_object(x, edit.id))
        return Done(selected="")
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


def _mend(look: Look, chosen: str | None) -> Done:
    s, ways = look.opened(), ways_out(look.opened())
    if not chosen or not chosen.isdigit() or int(chosen) >= len(ways):
        raise InputError("No way out is chosen", next_step="Choose one from the list")
    way = ways[int(chosen)]
    look.studio.act(look.visitor, s.id, lambda x: judge.repair(x, way))
    return Done(note=way.words)


def _set_absent(look: Look, text: str) -> None:
    look.studio.act(look.visitor, look.opened().id, lambda x: judge.set_absent(x, text))


def _check(frame: Frame) -> Any:
    """Verdicts of this picture against the first graph of a file; nothing of the sample changes."""

    def run(visitor: Any, sample_id: Any, path: str) -> tuple[str, list[list[str]]]:
        s = must_open(frame.studio, visitor, sample_id)
        graphs, notes = graphs_in(Path(path))
        asked = next((row.graph for row in graphs if row.graph is not None), None)
        if asked is None:
            raise InputError(graphs[0].problem, "a scene graph with at least one readable row")
        found = verify_picture(asked, s.graph, s.variants, by_id=False)
        names = unique_names(asked)
        rows = [
            [
                f"{names[r.subject]} {read(r.predicate)} {names[r.object]}",
                f"{SIGNS_OF[r.verdict]}",
                f"{r.margin:+.3f}",
                why(r),
            ]
            for r in found.relations
        ]
        words = ", ".join(f"{n} {outcome}" for outcome, n in found.counts.items())
        missing = [f"{names[i]} is not in the picture" for i in found.missing]
        unwanted = [f"{name} must not be there and is" for name in found.unwanted]
        more = ["Only the first graph of the file is checked here"] if len(graphs) > 1 else []
        return plain(
            ". ".join([f"{asked.scene or 'The graph'}: {words}", *missing, *unwanted, *more, *notes[:3]])
        ) + "\\.", rows

    return shown(run)


SIGNS_OF = {"true": "✓ verified", "false": "✗ failed", "undecided": "? undecided"}
