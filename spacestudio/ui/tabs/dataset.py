"""Data set: all samples, and the training files made of them."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from spacestudio.domain.events import effective
from spacestudio.domain.sample import Sample
from spacestudio.errors import InputError
from spacestudio.formats import FORMATS
from spacestudio.services.studio import Studio
from spacestudio.store.database import Listed
from spacestudio.ui.components.choices import Choices
from spacestudio.ui.components.table import table as make_table
from spacestudio.ui.frame import NOTHING, Done, Frame, Look, View
from spacestudio.ui.session import plain, shown, visitor_of

REVIEWS = {"accepted": "accept", "rejected": "reject", "flagged": "flag", "draft": "reopen"}
"""Review status of a sample, and what giving it to several is called."""
DELETE = "deleted"
PAGE = 24
"""Samples shown at once; only their logs are read."""
NAMED = 5
"""Samples named when many are asked about."""
PREVIEWED = 8
"""Samples the rows of an export are shown of; each has to be derived for that."""


def dataset_tab(frame: Frame) -> None:
    """Build the tab."""
    with gr.Row():
        text = gr.Textbox(label="Name contains", elem_id="samples-text", max_length=60, min_width=160)
        status = gr.Dropdown(
            [("any review", ""), *REVIEWS], value="", label="Review", elem_id="samples-status", min_width=120
        )
    with gr.Row():
        count = gr.Markdown(elem_id="samples-count")
        back_page = gr.Button("‹ Page", elem_id="samples-back", min_width=90, scale=0)
        next_page = gr.Button("Page ›", elem_id="samples-on", min_width=90, scale=0)
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            table = make_table(
                {"#": 6, "name": 25, "objects": 9, "accepted": 13, "review": 12, "made from": 15, "id": 20},
                "Samples (click to open)",
                "samples-table",
                360,
            )
            chosen = Choices([], label="Chosen on this page, to export or to judge together", elem_id="export-samples")
            with gr.Row():
                every = gr.Button("Choose all", elem_id="choose-all", min_width=90)
                found = gr.Button("Choose what the filter leaves", elem_id="choose-found", min_width=170)
                none = gr.Button("Choose none", elem_id="choose-none", min_width=90)
            with gr.Row():
                acts = {
                    status: gr.Button(f"{verb[0].upper()}{verb[1:]} the chosen…", elem_id=f"bulk-{status}", min_width=110)
                    for status, verb in REVIEWS.items()
                }
                acts[DELETE] = gr.Button("Delete the chosen…", elem_id="bulk-deleted", variant="stop", min_width=110)
            with gr.Column(visible=False, elem_id="bulk-ask", elem_classes="draft") as asking:
                asked = gr.Markdown(elem_id="bulk-words")
                with gr.Row():
                    do = gr.Button("Yes", elem_id="bulk-yes", variant="primary", min_width=90, scale=0)
                    leave = gr.Button("No", elem_id="bulk-no", min_width=90, scale=0)
        with gr.Column(scale=1, min_width=260):
            name = gr.Textbox(label="Name of the open sample", max_length=60, elem_id="sample-name")
            with gr.Row():
                rename = gr.Button("Rename", elem_id="sample-rename", min_width=90)
                delete = gr.Button("Delete…", elem_id="sample-delete", variant="stop", min_width=90)
            with gr.Row(visible=False) as really:
                sure = gr.Button("Yes, delete it for good", elem_id="sample-delete-sure", variant="stop", min_width=120)
                back = gr.Button("No, keep it", elem_id="sample-delete-no", min_width=90)
            review = gr.Radio(
                ["draft", "accepted", "rejected", "flagged"],
                label="Review of the open sample",
                elem_id="sample-review",
                value="draft",
            )
            history = gr.Markdown(elem_id="history")
            shorten = gr.Button("Compact its history…", elem_id="compact", min_width=120)
            with gr.Column(visible=False) as final:
                gr.Markdown("What was superseded is dropped, and **nothing done so far can be undone any more**.")
                with gr.Row():
                    compact = gr.Button("Yes, compact it", elem_id="compact-sure", variant="stop", min_width=110)
                    spare = gr.Button("No, keep it all", elem_id="compact-no", min_width=100)
    with gr.Row():
        with gr.Column(scale=1, min_width=300):
            form = gr.Dropdown(
                [(e.label or n, n) for n, e in FORMATS.items()],
                value=next(iter(FORMATS)),
                label="Format",
                elem_id="export-format",
            )
            about = gr.Markdown(elem_id="export-about")
            export = gr.Button("Export the chosen as ZIP", variant="primary", elem_id="export")
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
    page, marked, known, wish = gr.State(0), gr.State([]), gr.State([]), gr.State(None)
    listing = [count, table, chosen, page, marked, known, about, rows]
    own = [name, review, really, history, asking, final]
    frame.add(View("dataset", [*listing, *own], draw, [text, status, page, marked, known, form]))
    frame.redraw([text, status])
    frame.on(table.select, _open_row, event_data=True)
    frame.on([rename.click, name.submit], _rename, [name])
    quick: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    delete.click(lambda: gr.Row(visible=True), None, really, **quick)
    back.click(lambda: gr.Row(visible=False), None, really, **quick)
    frame.on(sure.click, _delete)
    frame.on(review.input, _review, [review])
    shorten.click(lambda: gr.Column(visible=True), None, final, **quick)
    spare.click(lambda: gr.Column(visible=False), None, final, **quick)
    frame.on(compact.click, _compact)

    def relist(how: str = "", step: int = 0) -> Any:
        """A handler that turns the page, or chooses all, what the filter leaves, none, or on this page what is ticked."""

        def run(
            visitor: Any, text: str | None, status: str, page: int, marked: list[str], ticked: list[str], form: str
        ) -> list[Any]:
            owner = visitor_of(visitor)
            listed = frame.studio.samples(owner)
            left = [entry.id for entry in found_samples(listed, text, status)]
            here = set(left[page * PAGE : (page + 1) * PAGE])
            choices = {"": marked, "all": [entry.id for entry in listed], "found": left, "none": []}
            choices["ticked"] = [i for i in marked if i not in here] + [i for i in ticked if i in here]
            listing = list_values(frame.studio, owner, text, status, page + step, choices[how])
            return [*listing, *_preview(frame.studio, owner, listing[4], form)]

        return shown(run)

    given = [frame.visitor, text, status, page, marked, chosen, form]
    back_page.click(relist(step=-1), given, listing, **quick)
    next_page.click(relist(step=1), given, listing, **quick)
    for listener, how in ((every.click, "all"), (found.click, "found"), (none.click, "none"), (chosen.input, "ticked")):
        listener(relist(how), given, listing, trigger_mode="always_last", **quick)
    for act, button in acts.items():
        ask = shown(lambda visitor, marked, act=act: _ask(frame, visitor, marked, act))
        button.click(ask, [frame.visitor, marked], [asking, asked, wish], **quick)
    leave.click(lambda: (gr.Column(visible=False), "", None), None, [asking, asked, wish], **quick)
    frame.on(do.click, _bulk, [wish], slow=True)
    inputs = [frame.visitor, marked, form]
    form.change(shown(lambda visitor, ids, name: _preview(frame.studio, visitor, ids, name)), inputs, [about, rows], **quick)
    export.click(
        shown(lambda visitor, ids, name: _export(frame, visitor, ids, name)),
        inputs,
        file,
        concurrency_id="work",
        concurrency_limit=1,
        api_visibility="private",
    )


def found_samples(listed: Sequence[Listed], text: str | None, status: str | None) -> list[Listed]:
    """The samples the filter leaves: the name, or the id, contains the text, and the review is that one."""
    wanted = (text or "").strip().casefold()
    return [
        entry
        for entry in listed
        if (not status or entry.review == status) and (wanted in entry.name.casefold() or wanted in entry.id.casefold())
    ]


def list_values(studio: Studio, visitor: str, text: str | None, status: str, page: int, marked: Sequence[str]) -> list[Any]:
    """Words, table, ticks, page, what is chosen and what is known: one page of the samples the filter leaves."""
    listed = studio.samples(visitor)
    found = found_samples(listed, text, status)
    page = min(max(page, 0), max(0, (len(found) - 1) // PAGE))
    start = page * PAGE
    now = found[start : start + PAGE]
    rows = [
        [str(k), entry.name, str(entry.objects), str(entry.accepted), entry.review, entry.parent or "", entry.id]
        for k, entry in enumerate(studio.summaries(visitor, now), start + 1)
    ]
    every = [entry.id for entry in listed]
    kept, names = set(marked), Counter(e.name for e in now)
    ids = [i for i in every if i in kept]
    ticks = gr.update(
        choices=[(e.name if names[e.name] == 1 else f"{e.name} ({e.id[-8:]})", e.id) for e in now],
        value=[e.id for e in now if e.id in kept],
    )
    return [count_words(start, len(now), len(found), len(every), len(ids)), rows, ticks, page, ids, every]


def count_words(start: int, now: int, found: int, every: int, chosen: int) -> str:
    """Which samples are shown, of how many, and how many are chosen."""
    if not every:
        return "No sample yet."
    among = f"{every} samples" if found == every else f"{found} that the filter leaves, {every} samples in all"
    which = f"{start + 1}–{start + now} of {among}" if now else f"The filter leaves none of {every} samples"
    return f"{which} · **{chosen}** chosen"


def draw(look: Look, text: str | None, status: str, page: int, marked: list[str], known: list[str], form: str) -> list[Any]:
    """A page of this visitor's samples, new ones chosen and others as they were, and rows an export would hold."""
    fresh = [entry.id for entry in look.studio.samples(look.visitor) if entry.id not in set(known)]
    s = look.sample
    listing = list_values(look.studio, look.visitor, text, status, page, [*marked, *fresh])
    return [
        *listing,
        *_preview(look.studio, look.visitor, listing[4], form),
        s.name if s else "",
        s.review if s else "draft",
        gr.Row(visible=False),
        history_words(s) if s else "",
        gr.Column(visible=False),
        gr.Column(visible=False),
    ]


def _ask(frame: Frame, visitor: Any, marked: list[str], act: str) -> tuple[Any, str, tuple[str, list[str]]]:
    """What would be done to how many, before it is; and what a Yes then means, whatever is chosen meanwhile."""
    wanted = set(marked)
    there = [entry for entry in frame.studio.samples(visitor_of(visitor)) if entry.id in wanted]
    if not there:
        raise InputError("No sample is chosen", next_step="Tick some below the table, or choose all")
    several = f"{len(there)} samples" if len(there) > 1 else "1 sample"
    more = f" and {len(there) - NAMED} more" if len(there) > NAMED else ""
    verb = "delete" if act == DELETE else REVIEWS[act]
    words = f"**{verb.capitalize()} {several}{' for good' if act == DELETE else ''}?** "
    names = plain(", ".join(entry.name for entry in there[:NAMED]))
    return gr.Column(visible=True), words + names + more, (act, [entry.id for entry in there])


def _bulk(look: Look, wish: tuple[str, list[str]] | None) -> Done:
    studio, visitor = look.studio, look.visitor
    if wish is None:
        raise InputError("Nothing was asked", next_step="Press one of the buttons above first")
    act, ids = wish
    if act != DELETE:
        changed = studio.review(visitor, ids, act)
        already = len(ids) - changed
        return Done(note=f"{changed} {act}." + (f" {already} needed no change." if already else ""))
    wanted = set(ids)
    gone = [entry.id for entry in studio.samples(visitor) if entry.id in wanted]
    for sample_id in gone:
        studio.delete(visitor, sample_id)
    if look.sample is None or look.sample.id not in wanted:
        return Done(note=f"{len(gone)} deleted.")
    left = studio.samples(visitor)
    return Done(left[-1].id if left else NOTHING, "", f"{len(gone)} deleted.")


def history_words(s: Sample) -> str:
    """How long the open sample's log is, and what of it still counts."""
    done, undone = effective(s.events)
    steps = len({e.group for e in done if e.group})
    again = sum(len(group) for group in undone)
    many = "1 step" if steps == 1 else f"{steps} steps"
    return f"History: {len(s.events)} events, {many} can be undone" + (f", {again} events redone." if again else ".")


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


def _preview(studio: Studio, visitor: Any, ids: list[str], name: str) -> tuple[str, str]:
    if not ids:
        return f"{FORMATS[name].help} No sample is chosen.", ""
    rows, count = studio.preview(visitor_of(visitor), ids[:PREVIEWED], name)
    text = json.dumps(rows, indent=1, ensure_ascii=False)
    of = f" of the first {PREVIEWED} of {len(ids)} chosen samples" if len(ids) > PREVIEWED else ""
    if not count:
        return f"No row{of}: no question is accepted or proposed in the chosen samples.", ""
    more = f" Showing the first {len(rows)}." if count > len(rows) else ""
    return f"{FORMATS[name].help} **{count}** rows{of}.{more}", text[:20_000]


def _export(frame: Frame, visitor: Any, ids: list[str], name: str) -> str:
    out = Path(tempfile.mkdtemp(prefix="export-")) / f"space-studio-{name}.zip"
    frame.studio.publish(visitor_of(visitor), ids, name, out)
    return str(out)
