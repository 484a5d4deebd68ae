"""Regenerate: what a new picture should show, where things go, the picture made, and a verdict for each asked relation."""

from __future__ import annotations

from typing import Any

import gradio as gr

from spacestudio.domain.events import fold
from spacestudio.domain.graph import Relation
from spacestudio.domain.sample import Sample
from spacestudio.engines import IMAGINE, LANGUAGE
from spacestudio.errors import InputError
from spacestudio.relations.words import reason, statement
from spacestudio.services import judge
from spacestudio.services.arrange import prompts_of, unique_names
from spacestudio.ui.components.box_editor import BoxEditor
from spacestudio.ui.components.choices import Choice
from spacestudio.ui.components.table import table as make_table
from spacestudio.ui.frame import EMPTY, Done, Frame, Look, View
from spacestudio.ui.session import plain, shown
from spacestudio.ui.tabs.graph import PREDICATES
from spacestudio.ui.tabs.image import LABELS

HINT = "Where things go in the new picture. Drag to move; draw a box to add an object."


def regenerate_tab(frame: Frame) -> None:
    """Build the tab."""
    gr.Markdown(
        "**Change** Everything here is asked of a **new** picture; the open one and its questions stay as they are.",
        elem_classes="kind-change",
    )
    with gr.Row():
        with gr.Column(scale=2, min_width=320):
            canvas = BoxEditor(
                None,
                elem_id="layout",
                mode_hint=HINT,
            )
            problem = gr.Markdown(elem_id="problem", elem_classes="clash")
        with gr.Column(scale=2, min_width=320):
            with gr.Row():
                subject = Choice([], label="Subject", elem_id="want-subject", min_width=90)
                predicate = gr.Dropdown(PREDICATES, label="Relation", elem_id="want-predicate", min_width=110)
                object_ = Choice([], label="Object", elem_id="want-object", min_width=90)
            with gr.Row():
                ask = gr.Button("Ask for it", variant="primary", elem_id="want-ask", min_width=90)
                drop = gr.Button("Drop the wish", elem_id="want-drop", min_width=90)
            with gr.Row():
                label = gr.Textbox(
                    label="New object", placeholder="red cup", max_length=60, elem_id="want-label", min_width=110
                )
                add = gr.Button("Add it", elem_id="want-add", min_width=70)
                remove = gr.Button("Remove the subject", elem_id="want-remove", min_width=110)
            order = gr.Textbox(
                label="Depth order, nearest first", elem_id="want-order", max_length=1000, info="ids, comma-separated"
            )
            reset = gr.Button("Forget all changes", elem_id="want-reset")
            with gr.Accordion("Prompt and engine", open=False):
                prompt = gr.Textbox(label="Prompt", elem_id="prompt", max_length=2000)
                negative = gr.Textbox(label="Negative prompt", elem_id="negative", max_length=1000)
                set_prompt = gr.Button("Use these prompts")
                engine = gr.Dropdown([(e.title, n) for n, e in IMAGINE.items()], label="Engine", value=next(iter(IMAGINE)))
                seed = gr.Number(label="Seed", value=0, precision=0, minimum=0, maximum=2**31)
            make = gr.Button("Regenerate", variant="primary", elem_id="regenerate")
    wanted = make_table({"asked": 35, "now": 15, "why": 50}, "Asked, and how the open picture stands", "wanted")
    with gr.Row():
        with gr.Column(scale=2, min_width=320):
            slider = gr.ImageSlider(label="Before | after", elem_id="before-after", interactive=False, format="png")
        with gr.Column(scale=2, min_width=320):
            verdicts = make_table({"asked": 32, "verdict": 18, "why": 50}, "Verdicts in the new picture", "verdicts")
            which = Choice([], label="Candidate", elem_id="candidate")
            keep = gr.Button("Keep this one as a new sample", elem_id="keep", variant="primary")
    known = gr.State([])
    wishes = gr.State([])
    outputs = [
        canvas, problem, subject, object_, label, order, prompt, negative, wanted, wishes, slider, verdicts, which, known
    ]  # fmt: skip
    frame.add(View("regenerate", outputs, draw, [subject, object_, which, known]))
    frame.redraw([which])

    def fill(rows: list[list[str]], evt: gr.SelectData) -> list[str]:
        return rows[evt.index[0]]

    wanted.select(shown(fill), [wishes], [subject, predicate, object_], show_progress="hidden", api_visibility="private")
    frame.on(canvas.edit, _edited, event_data=True, trigger_mode="multiple")
    frame.on(canvas.pick, lambda look, evt: Done(selected=BoxEditor.read_pick(evt) or ""), event_data=True)
    frame.on(ask.click, _ask, [subject, predicate, object_])
    frame.on(drop.click, _drop, [subject, predicate, object_])
    frame.on([add.click, label.submit], _add, [label])
    frame.on(remove.click, _remove, [subject])
    frame.on(order.submit, _order, [order])
    frame.on(reset.click, lambda look: _act(look, lambda s: [("want.reset", {})]))
    frame.on(set_prompt.click, _prompt, [prompt, negative])
    frame.on(make.click, _make, [engine, seed], slow=True)
    frame.on(keep.click, _keep, [which])


def draw(look: Look, subject: str | None, object_: str | None, which: str | None, known: list[str]) -> list[Any]:
    """The layout, the wishes, and the chosen candidate: a new one as soon as it is made."""
    s = look.sample
    none = gr.update(choices=[], value=None)
    if s is None:
        return [None, EMPTY, none, none, "", "", "", "", [], [], None, [], none, []]
    target = s.target if fold(s.events).wants and s.target is not None else s.graph
    names = unique_names(target)
    choices = [(names[o.id], o.id) for o in target.objects]
    prompts = prompts_of(target)
    if s.layout is not None:
        prompts = {"prompt": s.layout.prompt, "negative_prompt": s.layout.negative_prompt}
    candidates = {c.id: c for c in look.studio.candidates(look.visitor, s.id)}
    fresh = [i for i in candidates if i not in known]
    chosen = candidates.get(fresh[-1] if fresh else which or "") or next(reversed(candidates.values()), None)
    slider = (s.image, chosen.sample.image) if chosen and chosen.sample.image.shape == s.image.shape else None
    return [
        gr.update(value=_canvas(s, look.rev), selected=look.selected, mode_hint=HINT, labels=LABELS),
        f"⚠ {plain(s.problem)}" if s.problem else "",
        gr.update(choices=choices, value=subject if subject in names else None),
        gr.update(choices=choices, value=object_ if object_ in names else None),
        "",
        ", ".join(s.layout.order if s.layout else _order_now(s)),
        prompts["prompt"],
        prompts["negative_prompt"],
        _rows(s.verdicts, names),
        [list(r.triple) for r in s.verdicts],
        slider,
        _rows(chosen.sample.verdicts, names) if chosen else [],
        gr.update(choices=[(f"Candidate {k}", i) for k, i in enumerate(candidates, 1)], value=chosen.id if chosen else None),
        list(candidates),
    ]


def _order_now(s: Sample) -> list[str]:
    layered = [i for layer in s.layers for i in layer.object_ids]
    return [*layered, *(o.id for o in s.objects if o.id not in layered)]


def _canvas(s: Sample, rev: int) -> dict[str, Any]:
    boxes = s.layout.boxes if s.layout else {o.id: o.box for o in s.objects}
    names = s.layout.names if s.layout else {o.id: o.name for o in s.objects}
    return {
        "rev": rev,
        "key": s.id,
        "image": s.image,
        "width": s.width,
        "height": s.height,
        "boxes": [
            {"id": i, "label": names.get(i, i)[:60], "x0": b.x0, "y0": b.y0, "x1": b.x1, "y1": b.y1}
            for i, b in boxes.items()
        ],
    }


def _rows(verdicts: tuple[Relation, ...], names: dict[str, str]) -> list[list[str]]:
    words = {"true": "✓ verified", "false": "✗ failed", "undecided": "? undecided"}
    rows = []
    for r in verdicts:
        asked = Relation(r.subject, r.predicate, r.object)
        why = r.evidence.get("because") or r.evidence.get("undecided_because") or reason(r, names)
        rows.append([statement(asked, names), words[r.verdict], f"{why}"])
    return rows


def _act(look: Look, make: Any) -> None:
    look.studio.act(look.visitor, look.opened().id, make)


def _edited(look: Look, evt: gr.EventData) -> Done | None:
    edit = BoxEditor.read(evt)
    s = look.opened()
    if edit.op == "add":
        acts: list[judge.Act] = judge.want_object(s, *_named(edit.label))
        acts += judge.want_box(s, acts[0][1]["id"], edit.box)
        _act(look, lambda _: acts)
        return Done(selected=acts[0][1]["id"])
    if edit.op == "delete":
        _act(look, lambda _: [("want.remove", {"id": edit.id})])
        return Done(selected="")
    if edit.op == "label":
        _act(look, lambda x: judge.want_object(x, *_named(edit.label), object_id=edit.id))
    else:
        _act(look, lambda x: judge.want_box(x, edit.id, edit.box))
    return Done(selected=edit.id)


def _named(text: str) -> tuple[str, list[str]]:
    """ "red cup" -> ("cup", ["red"]): the last words that name a known object are the label."""

    words = text.split()
    known = set(LANGUAGE.load("grammar").labels())
    for start in range(len(words)):
        if " ".join(words[start:]).lower() in known:
            return " ".join(words[start:]).lower(), words[:start]
    return text, []


def _ask(look: Look, subject: str | None, predicate: str | None, object_: str | None) -> Done:
    if not (subject and predicate and object_):
        raise InputError("The wish is not complete", "a subject, a relation and an object")
    after = look.studio.act(look.visitor, look.opened().id, lambda s: judge.want_relation(s, subject, predicate, object_))
    return Done(note=after.problem)


def _drop(look: Look, subject: str | None, predicate: str | None, object_: str | None) -> None:
    if not (subject and predicate and object_):
        raise InputError("No wish was chosen", "its subject, relation and object")
    family, _ = judge.place_of(predicate)
    _act(look, lambda s: [("want.unrelate", {"subject": subject, "object": object_, "family": family})])


def _add(look: Look, text: str) -> Done:
    acts = judge.want_object(look.opened(), *_named(judge.clean_label(text)))
    _act(look, lambda _: acts)
    return Done(selected=acts[0][1]["id"])


def _remove(look: Look, subject: str | None) -> None:
    if not subject:
        raise InputError("No object was chosen", next_step="Choose the subject first")
    _act(look, lambda s: [("want.remove", {"id": subject})])


def _order(look: Look, text: str) -> None:
    s = look.opened()
    ids = [part.strip() for part in text.split(",") if part.strip()]
    known = {o.id for o in (s.target or s.graph).objects}
    if set(ids) != known or len(ids) != len(known):
        raise InputError("This order does not name each object once", ", ".join(sorted(known)))
    _act(look, lambda _: [("want.order", {"order": ids})])


def _prompt(look: Look, prompt: str, negative: str) -> None:
    _act(look, lambda _: [("want.prompt", {"prompt": prompt, "negative_prompt": negative})])


def _make(look: Look, engine: str, seed: float | None) -> Done:
    candidate = look.studio.regenerate(look.visitor, look.opened().id, engine, int(seed or 0))
    counts = [sum(r.verdict == v for r in candidate.sample.verdicts) for v in ("true", "false", "undecided")]
    return Done(note=f"Made: {counts[0]} verified, {counts[1]} failed, {counts[2]} undecided.")


def _keep(look: Look, candidate: str | None) -> Done:
    if not candidate:
        raise InputError("There is nothing to keep yet", next_step="Regenerate first")
    made = look.studio.keep(look.visitor, look.opened().id, candidate)
    return Done(made, "", "Kept as a new sample; it is open now.")
