"""Reading this file reads the screen: one page, a header that is always there, tabs in the order of the loop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from spacestudio.errors import InputError
from spacestudio.services.consequences import in_short, told
from spacestudio.services.studio import Studio
from spacestudio.settings import settings
from spacestudio.ui.components.choices import Choice
from spacestudio.ui.components.place import ARRIVES, Place, Visitor
from spacestudio.ui.frame import Done, Frame, Look, header
from spacestudio.ui.session import is_visitor, new_visitor, shown, visitor_of
from spacestudio.ui.tabs.dataset import dataset_tab
from spacestudio.ui.tabs.depth import depth_tab
from spacestudio.ui.tabs.evaluate import evaluate_tab
from spacestudio.ui.tabs.graph import graph_tab
from spacestudio.ui.tabs.image import image_tab
from spacestudio.ui.tabs.questions import questions_tab
from spacestudio.ui.tabs.regenerate import regenerate_tab
from spacestudio.ui.tabs.space import space_tab
from spacestudio.ui.theme import CSS, theme

ASSETS = Path(__file__).resolve().parents[2] / "assets"
SCRIPTS = ("keys.js", "studio.js")
OPEN = "Open one in the **Image** tab: drop it there, pick an example, or name a scene."
TABS = (
    ("image", "Image", image_tab, "**Start here.** Drop a picture below, pick an example, or name a scene."),
    ("depth", "Depth & layers", depth_tab, f"Here stands how far everything in a picture is. {OPEN}"),
    ("space", "3D", space_tab, f"Here a picture is seen as a cloud of points, from any side. {OPEN}"),
    ("graph", "Graph", graph_tab, f"Here stands what is left of, in front of or on what in a picture. {OPEN}"),
    ("regenerate", "Regenerate", regenerate_tab, f"Here a picture is asked for anew, with changes. {OPEN}"),
    ("questions", "Questions", questions_tab, f"Here stand questions about a picture, to accept, correct or reject. {OPEN}"),
    ("dataset", "Data set", dataset_tab, f"Here your pictures become a data set. {OPEN}"),
    ("evaluate", "Evaluate", evaluate_tab, ""),
)
"""Name, title, what builds it, and what it says while nothing is open ("" where it needs nothing open)."""


def build(studio: Studio) -> gr.Blocks:
    """The studio's page over a store."""
    page: gr.Blocks
    with gr.Blocks(title="Space Studio", analytics_enabled=False, fill_width=True, delete_cache=(3600, 86400)) as page:
        visitor = Visitor()
        sample, selected, tab = gr.State(None), gr.State(""), gr.State(TABS[0][0])
        with gr.Column(elem_id="head"):
            with gr.Row(elem_id="top", elem_classes="studio-header"):
                gr.HTML("<h1>Space Studio</h1>", apply_default_css=False, elem_id="title")
                previous = gr.Button("‹", elem_id="sample-previous", min_width=32, scale=0)
                samples = Choice(
                    [], label="Sample", elem_id="samples", min_width=140, scale=2, show_label=False, container=False
                )
                following = gr.Button("›", elem_id="sample-next", min_width=32, scale=0)
                undo = gr.Button("↶ Undo", elem_id="undo", min_width=64, scale=0, interactive=False)
                redo = gr.Button("↷ Redo", elem_id="redo", min_width=64, scale=0, interactive=False)
                address = Place(elem_id="saved")
                ask = gr.Checkbox(label="Preview edits", elem_id="ask", min_width=110, scale=0, container=False)
                gr.Button("? Keys", elem_id="help", min_width=70, scale=0)
            status = gr.Markdown("Loading…", elem_id="status", elem_classes="status-bar")
            with gr.Row(visible=False, elem_id="draft") as draft:
                with gr.Accordion("Not applied yet", open=False, elem_id="followed") as followed:
                    follows = gr.Markdown(elem_id="follows")
                apply = gr.Button("Apply", variant="primary", elem_id="apply-draft", min_width=60, scale=0)
                discard = gr.Button("Discard", elem_id="discard-draft", min_width=60, scale=0)
        notes = gr.Markdown(elem_id="notes", elem_classes="status-bar")
        seen = gr.State(0)
        parts = {
            "samples": samples,
            "status": status,
            "undo": undo,
            "redo": redo,
            "draft": draft,
            "followed": followed,
            "follows": follows,
            "notes": notes,
            "seen": seen,
        }
        frame = Frame(studio, visitor, sample, selected, tab, ask, address, header(parts))
        with gr.Tabs(elem_id="tabs") as tabs:
            for name, title, make, first in TABS:
                with gr.Tab(title, id=name, elem_id=f"tab-{name}") as opened:
                    if first:
                        frame.first_steps.append(gr.Markdown(first, visible=False, elem_classes="empty first-step"))
                    make(frame)
                _draw_on_open(frame, opened, name)
        frame.on(samples.input, lambda look, chosen: Done(chosen or "", ""), [samples])
        for button, step in ((previous, -1), (following, 1)):
            frame.on(button.click, _beside(step), js=None)
        frame.on(undo.click, _step("undo"), trigger_mode="multiple")  # a press while another is under way counts too
        frame.on(redo.click, _step("redo"), trigger_mode="multiple")
        ask.input(
            shown(_still_waits(studio)),
            [visitor, sample, ask],
            None,
            trigger_mode="always_last",
            show_progress="hidden",
            api_visibility="private",
        )
        frame.on(apply.click, _apply, [seen])
        frame.on(discard.click, _discard)
        address.go(
            shown(_go(frame)),
            frame.inputs,
            [frame.tab, tabs, *frame.outputs],
            show_progress="hidden",
            trigger_mode="multiple",
            concurrency_limit=1,
            api_visibility="private",
        )
        frame.wire_all()
        controls = frame.inputs[len(frame.fixed) :]
        page.load(
            shown(_arrive(frame)),
            [visitor, address, *controls],
            [visitor, tab, tabs, *frame.outputs],
            js=ARRIVES,
            show_progress="hidden",
            api_visibility="private",
        )
    page.queue(max_size=32, default_concurrency_limit=2)
    return page


def _draw_on_open(frame: Frame, opened: gr.Tab, name: str) -> None:
    def draw(
        request: gr.Request, visitor: Any, sample: Any, selected: Any, tab: Any, _ask: Any, *controls: Any
    ) -> list[Any]:
        # The first tab opens as the page arrives; and what opened a tab by itself has drawn it.
        if not visitor or sample is None or tab == name:
            return [gr.skip()] * (1 + len(frame.outputs))
        frame.tab_opened(request, name)
        return [name, *frame.drawn(visitor, sample, selected or "", name, controls)]

    frame.later(
        lambda: opened.select(
            shown(draw),
            frame.inputs,
            [frame.tab, *frame.outputs],
            queue=False,
            js="(...given) => (window.studioPlace?.arrived() ? given : [null, ...given.slice(1)])",
            show_progress="hidden",
            api_visibility="private",
        )
    )


def _beside(step: int) -> Any:
    """The sample before or after the open one."""

    def run(look: Look) -> Done:
        listed = [entry.id for entry in look.studio.samples(look.visitor)]
        if look.sample is None or look.sample.id not in listed:
            return Done(listed[-1] if listed else "", "")
        at = listed.index(look.sample.id) + step
        if not 0 <= at < len(listed):
            return Done(note="This is the first sample." if step < 0 else "This is the last sample.")
        return Done(listed[at], "")

    return run


def _step(kind: str) -> Any:
    done = {"undo": "Undone", "redo": "Done again"}[kind]

    def run(look: Look) -> Done | None:
        if (s := look.sample) is None:
            return None
        acts = look.studio.next_steps(look.visitor, s.id)[kind == "redo"]
        after = getattr(look.studio, kind)(look.visitor, s.id)
        words = in_short(told(acts, s, after) if kind == "undo" else told(acts, after, s))  # by the names without the step
        return Done(note=f"{done}: “{words}”." if words else f"{done}." if acts else "")

    return run


def _still_waits(studio: Studio) -> Any:
    """Edits are no longer to be previewed: one that waits is not lost, and is told of."""

    def run(visitor: Any, sample_id: Any, ask: bool) -> None:
        if not ask and sample_id and studio.draft(visitor_of(visitor), str(sample_id)):
            gr.Info("An edit still waits, and further ones join it: apply or discard it.", duration=8)

    return run


def _apply(look: Look, seen: int) -> Done:
    """Apply what this window shows; another window may have changed the preview since."""
    s = look.opened()
    if look.studio.draft(look.visitor, s.id) is None:
        raise InputError("No edit waits any more", next_step="Edit again")
    look.studio.apply(look.visitor, s.id, seen)
    return Done(note="Applied, as one step.")


def _discard(look: Look) -> Done:
    s = look.opened()
    waited = look.studio.draft(look.visitor, s.id)
    look.studio.discard(look.visitor, s.id)
    return Done(note="Discarded; the sample is as it was." if waited else "", alone=True)


NOT_HERE = "The sample of this link is not here: it was deleted, or is another visitor's."


def _arrive(frame: Frame) -> Any:
    """A visitor arrives or reloads: what the address names is opened, else what was open, else the newest sample."""

    def run(request: gr.Request, visitor: Any, place: Any, *controls: Any) -> list[Any]:
        known = visitor if is_visitor(visitor) else new_visitor()
        kept = place if isinstance(place, dict) else {}
        link = {name: str(request.query_params.get(name) or "") for name in ("sample", "tab")}
        frame.studio.welcome(known)
        listed = [entry.id for entry in frame.studio.samples(known)]
        newest = listed[-1] if listed else ""
        if link["sample"] and link["sample"] not in listed:
            gr.Warning(NOT_HERE + (" The newest one is open instead." if newest else ""), duration=12, title="Link")
            open_id = newest
        else:
            open_id = next((i for i in (link["sample"], kept.get("sample")) if i and i in listed), newest)
        tab = next((t for t in (link["tab"], kept.get("tab")) if t in frame.views), TABS[0][0])
        again = {k: v for k, v in kept.items() if isinstance(v, str) and len(v) <= 400 and kept.get("of") == open_id}
        given, found = dict(zip(frame.inputs[len(frame.fixed) :], controls, strict=True)), {}
        for name, control in frame.kept.items():
            found[control] = given[control] = again.get(name, given[control])
        drawn = frame.drawn(known, open_id, again.get("selected", ""), tab, list(given.values()))
        for control, value in found.items():
            place = frame.outputs.index(control)
            drawn[place] = value if drawn[place] == gr.skip() else drawn[place]
        return [known, tab, gr.Tabs(selected=tab), *drawn]

    return run


def _go(frame: Frame) -> Any:
    """The person went back or forward, or the connection came back: what the address names is opened."""
    count = len(frame.fixed)

    def run(request: gr.Request, evt: gr.EventData, *given: Any) -> list[Any]:
        wanted = Place.read(evt)
        visitor, sample_id, selected, tab, _ask = given[:count]
        listed = [entry.id for entry in frame.studio.samples(visitor_of(visitor))]
        open_id = wanted.sample if wanted.sample in listed else sample_id if sample_id in listed else (listed or [""])[-1]
        if wanted.sample and wanted.sample not in listed:
            gr.Warning(NOT_HERE, duration=8, title="Link")
        tab = wanted.tab if wanted.tab in frame.views else tab
        frame.tab_opened(request, tab)
        kept = (selected or "") if open_id == sample_id else ""
        return [tab, gr.Tabs(selected=tab), *frame.drawn(visitor, open_id, kept, tab, given[count:], wanted.asked)]

    return run


def launch_options(studio: Studio, **chosen: Any) -> dict[str, Any]:
    """What `launch` and the tests use: nothing is shown of other visitors, of the machine, or sent to other hosts."""
    root = Path(__file__).resolve().parents[2]
    options: dict[str, Any] = {
        "theme": theme(),
        "css": CSS,
        "head": "".join(f"<script>{(ASSETS / name).read_text('utf-8')}</script>" for name in SCRIPTS),
        "ssr_mode": False,
        "run_history": False,
        "enable_monitoring": False,
        "footer_links": [],
        "show_error": False,
        "max_file_size": f"{settings().max_upload_mb}mb",
        "blocked_paths": [str(root), str(studio.data)],
        "state_session_capacity": 10_000,
    }
    return options | chosen
