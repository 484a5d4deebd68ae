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
    form = [subject, predicate, object_, verdict, why, picked]
    frame.add(
        View(
            "graph",
            [editor, clash, subject, object_, why, picked, table, keys],
            draw,
            [families, frames, only, subject, object_, picked],
        )
    )
    frame.redraw([families, frames, only])

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


def _node_picked(look: Look, evt: gr.EventData) -> Done:
    chosen = GraphEditor.read_pick(evt) or ""
    return Done(selected=look.selected if chosen.startswith("edge:") else chosen)


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
        if only == "clash" and r.key not in in_clash:
            continue
        seen.add(place)
        out.append(r)
    return out


def draw(
    look: Look, families: list[str], frame: str, only: str, subject: str | None, object_: str | None, picked: list[str]
) -> list[Any]:
    """Canvas, clashes, choices, the chosen relation's reason, and the table."""
    s = look.sample
    if s is None:
        none = gr.update(choices=[], value=None)
        return [None, EMPTY, none, none, "", [], [], []]
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
    value = {"rev": len(s.events), "key": s.id, "background": s.image, "nodes": nodes, "edges": edges}
    return [
        # every property goes along: a tab that was never open knows none of them yet
        gr.update(value=value, selected=look.selected, relations=PREDICATES, mode="correct"),
        clash_words(s),
        gr.update(choices=choices, value=subject if subject in names else None),
        gr.update(choices=choices, value=object_ if object_ in names else None),
        plain(reason(chosen, names)) if chosen else "",
        picked if chosen else [],
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
        ways = ", or ".join(r.words.rstrip(".") for r in repairs(clash, names)[:3])
        lines.append(f"⚠ **Contradiction.** {plain(explain(clash, names))} To repair it: {plain(ways)}.")
    return "\n\n".join(lines)


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
