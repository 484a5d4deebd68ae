"""Graph: the picture's own relations, with verdicts and reasons; correct them, or ask a new picture for other ones."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import gradio as gr

from spacestudio.domain.graph import Relation
from spacestudio.domain.sample import Sample
from spacestudio.errors import InputError
from spacestudio.reasoning.consistency import explain, repairs
from spacestudio.relations import FAMILIES
from spacestudio.relations.relate import family, inverse_of
from spacestudio.relations.words import reason, statement
from spacestudio.services import judge
from spacestudio.services.arrange import unique_names
from spacestudio.ui.components.graph_editor import GraphEditor
from spacestudio.ui.components.table import table as make_table
from spacestudio.ui.frame import Done, Frame, Look, View
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
            with gr.Row():
                subject = gr.Dropdown([], label="Subject", elem_id="subject", min_width=90, allow_custom_value=False)
                predicate = gr.Dropdown(
                    PREDICATES,
                    label="Relation",
                    elem_id="predicate",
                    min_width=110,
                    allow_custom_value=True,
                    info="or your own words",
                )
                object_ = gr.Dropdown([], label="Object", elem_id="object", min_width=90, allow_custom_value=False)
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
            [("in the picture", "image"), ("in 3D", "camera"), ("both", "")], value="", label="Frame", elem_id="frames"
        )
        only = gr.Radio(
            [("all", ""), ("undecided", "undecided"), ("corrected", "person"), ("clashing", "clash")],
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
    keys = gr.State([])
    picked = gr.State([])
    outputs = [editor, clash, subject, object_, table, keys]
    frame.add(View("graph", outputs, lambda look: draw(look, SHOWN_FAMILIES, "", "")))

    def redraw(visitor: Any, sample_id: Any, selected: str, *chosen: Any) -> list[Any]:
        s = must_open(frame.studio, visitor, sample_id)
        return draw(Look(frame.studio, visitor, s, selected or ""), *chosen)

    for control in (families, frames, only):
        control.change(
            shown(redraw),
            [frame.visitor, frame.sample, frame.selected, families, frames, only],
            outputs,
            queue=False,
            show_progress="hidden",
            api_visibility="private",
        )

    def pick(visitor: Any, sample_id: Any, rows: list[list[str]], evt: gr.SelectData) -> list[Any]:
        s = must_open(frame.studio, visitor, sample_id)
        return _form(s, tuple(rows[int(evt.row_value[0]) - 1]))

    form = [subject, predicate, object_, verdict, why, picked]
    table.select(
        shown(pick), [frame.visitor, frame.sample, keys], form, queue=False, show_progress="hidden", api_visibility="private"
    )

    def pick_edge(visitor: Any, sample_id: Any, rows: list[list[str]], evt: gr.EventData) -> list[Any]:
        chosen = GraphEditor.read_pick(evt)
        s = must_open(frame.studio, visitor, sample_id)
        if chosen and chosen.startswith("edge:") and (key := _key_of(chosen.removeprefix("edge:"), rows)):
            return _form(s, key)
        return [gr.skip()] * len(form)

    editor.pick(
        shown(pick_edge),
        [frame.visitor, frame.sample, keys],
        form,
        queue=False,
        show_progress="hidden",
        api_visibility="private",
    )
    frame.on(editor.edit, _edited, [keys], event_data=True, trigger_mode="multiple")
    frame.on([correct.click], _correct, [subject, predicate, object_, verdict])
    frame.on([change.click], _want, [subject, predicate, object_])
    frame.on([release.click], _release, [picked])


def _form(s: Sample, key: tuple[str, ...]) -> list[Any]:
    """The form filled from the chosen relation, and its reason."""
    r = s.graph.relation(*key)  # type: ignore[call-arg]
    if r is None:
        raise InputError("This relation is gone", next_step="Choose one from the table")
    return [r.subject, r.predicate, r.object, r.verdict, plain(reason(r, unique_names(s.graph))), list(key)]


def edge_id(key: Sequence[str]) -> str:
    """A stable short id for the place of a relation; it stays when filters change."""
    return hashlib.sha256("\n".join(key).encode()).hexdigest()[:16]


def _key_of(edge: str, rows: list[list[str]]) -> tuple[str, ...] | None:
    return next((tuple(row) for row in rows if edge_id(row) == edge), None)


def chosen_relations(s: Sample, families: list[str], frame: str, only: str, selected: str) -> list[Relation]:
    """The relations the filters leave, each pair once: the way the person said it, else the lower id first."""
    in_clash = {r.key for clash in s.clashes for r in clash}
    out: list[Relation] = []
    seen: set[tuple[frozenset[str], str, str]] = set()
    for r in sorted(s.graph, key=lambda r: (r.origin != "person", r.subject, r.object)):
        place = (frozenset((r.subject, r.object)), r.family, r.frame)
        if place in seen and inverse_of(r.predicate) is not None:
            continue
        if r.family not in families and r.family != "other" and r.origin != "person":
            continue
        if (frame and r.frame != frame) or (selected and selected not in (r.subject, r.object)):
            continue
        if (only == "undecided" and r.verdict != "undecided") or (only == "person" and r.origin != "person"):
            continue
        if only == "clash" and r.key not in in_clash:
            continue
        seen.add(place)
        out.append(r)
    return out


def draw(look: Look, families: list[str], frame: str, only: str) -> list[Any]:
    """Canvas, clashes, choices and table."""
    s = look.sample
    if s is None:
        return [None, "", gr.update(choices=[]), gr.update(choices=[]), [], []]
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
            f"{r.margin:+.3f}",
            f"{r.threshold:.3f}",
            r.origin,
        ]
        for k, r in enumerate(rows, 1)
    ]
    choices = [(names[o.id], o.id) for o in s.objects]
    return [
        gr.update(
            value={"rev": len(s.events), "key": s.id, "background": s.image, "nodes": nodes, "edges": edges},
            selected=look.selected or "",
        ),
        clash_words(s),
        gr.update(choices=choices),
        gr.update(choices=choices),
        table,
        [list(r.key) for r in rows],
    ]


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
    """Each clash in words, with what would repair it."""
    if not s.clashes:
        return ""
    names = unique_names(s.graph)
    lines = []
    for clash in s.clashes[:3]:
        ways = "; ".join(r.words for r in repairs(clash)[:3])
        lines.append(f"⚠ **Contradiction.** {plain(explain(clash, names))} Repair: {plain(ways)}")
    return "\n\n".join(lines)


def _open(look: Look) -> Sample:
    if look.sample is None:
        raise InputError("No sample is open", next_step="Drop a picture in the Image tab")
    return look.sample


def _edited(look: Look, evt: gr.EventData, rows: list[list[str]]) -> Done | None:
    edit = GraphEditor.read(evt)
    s = _open(look)
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
    s, chosen = _open(look), _chosen(subject, predicate, object_)
    after = look.studio.act(look.visitor, s.id, lambda x: judge.correct_relation(x, *chosen, verdict))
    r = next(r for r in after.graph if r.triple == chosen and r.origin == "person")
    return Done(note=f"Corrected: {statement(r, unique_names(after.graph))}.")


def _want(look: Look, subject: str, predicate: str, object_: str) -> Done:
    s, chosen = _open(look), _chosen(subject, predicate, object_)
    after = look.studio.act(look.visitor, s.id, lambda x: judge.want_relation(x, *chosen))
    return Done(note=after.problem or "Asked of a new picture: see the Regenerate tab.")


def _release(look: Look, key: list[str]) -> Done:
    s = _open(look)
    r = s.graph.relation(*key) if len(key) == 4 else None
    if r is None or r.origin != "person":
        raise InputError("The chosen relation is not a correction", next_step="Choose one by “person” in the table")
    look.studio.act(look.visitor, s.id, lambda x: judge.release_relation(x, r))
    return Done(note="The correction is released; what is measured counts again.")
