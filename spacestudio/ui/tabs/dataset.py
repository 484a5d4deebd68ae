"""Data set: all samples, and the training files made of them."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import gradio as gr

from spacestudio.domain.events import effective
from spacestudio.domain.sample import Sample
from spacestudio.errors import InputError
from spacestudio.formats import FORMATS
from spacestudio.ui.components.choices import Choices
from spacestudio.ui.components.table import table as make_table
from spacestudio.ui.frame import NOTHING, Done, Frame, Look, View
from spacestudio.ui.session import shown, visitor_of


def dataset_tab(frame: Frame) -> None:
    """Build the tab."""
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            table = make_table(
                {"#": 5, "name": 25, "objects": 9, "accepted": 14, "review": 11, "made from": 16, "id": 20},
                "Samples (click to open)",
                "samples-table",
                360,
            )
        with gr.Column(scale=1, min_width=260):
            name = gr.Textbox(label="Name of the open sample", max_length=60, elem_id="sample-name")
            with gr.Row():
                rename = gr.Button("Rename", elem_id="sample-rename", min_width=90)
                delete = gr.Button("Delete…", elem_id="sample-delete", variant="stop", min_width=90)
            with gr.Row(visible=False) as really:
                sure = gr.Button("Yes, delete it for good", elem_id="sample-delete-sure", variant="stop", min_width=120)
                back = gr.Button("No, keep it", elem_id="sample-delete-no", min_width=90)
            review = gr.Radio(
                ["draft", "accepted", "rejected"], label="Review of the open sample", elem_id="sample-review", value="draft"
            )
            history = gr.Markdown(elem_id="history")
            shorten = gr.Button("Compact its history", elem_id="compact", min_width=120)
    with gr.Row():
        with gr.Column(scale=1, min_width=300):
            chosen = Choices([], label="Samples to export", elem_id="export-samples")
            form = gr.Dropdown(
                [(e.label or n, n) for n, e in FORMATS.items()],
                value=next(iter(FORMATS)),
                label="Format",
                elem_id="export-format",
            )
            about = gr.Markdown(elem_id="export-about")
            export = gr.Button("Export as ZIP", variant="primary", elem_id="export")
            file = gr.File(label="The export", interactive=False, elem_id="export-file", height=70)
        with gr.Column(scale=2, min_width=320):
            rows = gr.Code(
                label="Rows it would hold",
                language="json",
                elem_id="export-preview",
                interactive=False,
                lines=12,
                max_lines=24,
            )
    known = gr.State([])
    frame.add(View("dataset", [table, name, review, chosen, known, really, history], draw, [chosen, known]))
    frame.on(table.select, _open_row, event_data=True)
    frame.on([rename.click, name.submit], _rename, [name])
    delete.click(lambda: gr.Row(visible=True), None, really, show_progress="hidden", api_visibility="private")
    back.click(lambda: gr.Row(visible=False), None, really, show_progress="hidden", api_visibility="private")
    frame.on(sure.click, _delete)
    frame.on(review.input, _review, [review])
    frame.on(shorten.click, _compact)
    inputs = [frame.visitor, chosen, form]
    for control in (chosen.change, form.change):
        control(
            shown(lambda visitor, ids, name: _preview(frame, visitor, ids, name)),
            inputs,
            [about, rows],
            queue=False,
            show_progress="hidden",
            api_visibility="private",
        )
    export.click(
        shown(lambda visitor, ids, name: _export(frame, visitor, ids, name)),
        inputs,
        file,
        concurrency_id="work",
        concurrency_limit=1,
        api_visibility="private",
    )


def draw(look: Look, chosen: list[str], known: list[str]) -> list[Any]:
    """All samples of this visitor, and what may be exported."""
    listed = look.studio.summaries(look.visitor)
    rows = [
        [str(k), entry.name, str(entry.objects), str(entry.accepted), entry.review, entry.parent or "", entry.id]
        for k, entry in enumerate(listed, 1)
    ]
    choices = [(f"{entry.name} ({entry.id[-8:]})", entry.id) for entry in listed]
    s = look.sample
    ids = [entry.id for entry in listed]
    export = [i for i in ids if i in chosen or i not in known]  # new samples are chosen, others stay as they were
    return [
        rows,
        s.name if s else "",
        s.review if s else "draft",
        gr.update(choices=choices, value=export),
        ids,
        gr.Row(visible=False),
        history_words(s) if s else "",
    ]


def history_words(s: Sample) -> str:
    """How long the open sample's log is, and what of it still counts."""
    done, undone = effective(s.events)
    steps = len({e.group for e in done if e.group})
    again = sum(len(group) for group in undone)
    return f"History: {len(s.events)} events, {steps} steps can be undone" + (f", {again} events redone." if again else ".")


def _compact(look: Look) -> Done:
    s = look.opened()
    after = look.studio.compact(look.visitor, s.id)
    short = len(s.events) - len(after.events)
    note = f"{short} of {len(s.events)} events were superseded and are gone; what is left can't be undone."
    return Done(note=note if short else "Every event still counts; nothing was dropped.")


def _open_row(look: Look, evt: gr.EventData) -> Done:
    return Done(str(evt.row_value[-1]), "")


def _rename(look: Look, name: str) -> None:
    if look.sample is None:
        raise InputError("No sample is open", next_step="Click one in the table")
    look.studio.rename(look.visitor, look.sample.id, name)


def _delete(look: Look) -> Done:
    if look.sample is None:
        raise InputError("No sample is open", next_step="Click one in the table")
    look.studio.delete(look.visitor, look.sample.id)
    left = look.studio.samples(look.visitor)
    return Done(left[-1].id if left else NOTHING, "", f"“{look.sample.name}” was deleted.")


def _review(look: Look, status: str) -> None:
    if look.sample is None:
        raise InputError("No sample is open", next_step="Click one in the table")
    look.studio.act(look.visitor, look.sample.id, lambda s: [("review", {"status": status})])


def _preview(frame: Frame, visitor: Any, ids: list[str], name: str) -> tuple[str, str]:
    if not ids:
        return FORMATS[name].help, ""
    rows, count = frame.studio.preview(visitor_of(visitor), ids, name)
    text = json.dumps(rows, indent=1, ensure_ascii=False)
    if not count:
        return "No row: no question is accepted or proposed in the chosen samples.", ""
    more = f" Showing the first {len(rows)}." if count > len(rows) else ""
    return f"{FORMATS[name].help} **{count}** rows.{more}", text[:20_000]


def _export(frame: Frame, visitor: Any, ids: list[str], name: str) -> str:
    out = Path(tempfile.mkdtemp(prefix="export-")) / f"space-studio-{name}.zip"
    frame.studio.publish(visitor_of(visitor), ids, name, out)
    return str(out)
