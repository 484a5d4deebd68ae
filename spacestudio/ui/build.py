"""Reading this file reads the screen: one page, a header that is always there, tabs in the order of the loop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from spacestudio.services.studio import Studio
from spacestudio.settings import settings
from spacestudio.ui.components.choices import Choice
from spacestudio.ui.frame import Done, Frame, Look, header
from spacestudio.ui.session import browser_secret, new_visitor, shown
from spacestudio.ui.tabs.dataset import dataset_tab
from spacestudio.ui.tabs.depth import depth_tab
from spacestudio.ui.tabs.graph import graph_tab
from spacestudio.ui.tabs.image import image_tab
from spacestudio.ui.tabs.questions import questions_tab
from spacestudio.ui.tabs.regenerate import regenerate_tab
from spacestudio.ui.tabs.space import space_tab
from spacestudio.ui.theme import CSS, theme

SHORTCUTS = Path(__file__).resolve().parents[2] / "assets" / "studio.js"
TABS = (
    ("image", "Image", image_tab),
    ("depth", "Depth & layers", depth_tab),
    ("space", "3D", space_tab),
    ("graph", "Graph", graph_tab),
    ("regenerate", "Regenerate", regenerate_tab),
    ("questions", "Questions", questions_tab),
    ("dataset", "Data set", dataset_tab),
)


def build(studio: Studio) -> gr.Blocks:
    """The studio's page over a store."""
    page: gr.Blocks
    secret = browser_secret(studio.data)
    with gr.Blocks(title="Space Studio", analytics_enabled=False, fill_width=True, delete_cache=(3600, 86400)) as page:
        visitor = gr.BrowserState(None, storage_key="space-studio-visitor", secret=secret)
        place = gr.BrowserState(None, storage_key="space-studio-place", secret=secret)
        sample, selected, tab = gr.State(""), gr.State(""), gr.State(TABS[0][0])
        with gr.Row(elem_id="top", elem_classes="studio-header"):
            gr.HTML("<h1>Space Studio</h1>", apply_default_css=False, elem_id="title")
            samples = Choice([], label="Sample", elem_id="samples", min_width=180, scale=2)
            undo = gr.Button("↶ Undo", elem_id="undo", min_width=90, scale=0, interactive=False)
            redo = gr.Button("↷ Redo", elem_id="redo", min_width=90, scale=0, interactive=False)
            ask = gr.Checkbox(label="Preview edits", elem_id="ask", min_width=120, scale=0, container=False)
        status = gr.Markdown("Loading…", elem_id="status", elem_classes="status-bar")
        with gr.Column(visible=False, elem_id="draft", elem_classes="draft") as draft:
            followed = gr.Markdown(elem_id="followed")
            with gr.Row():
                apply = gr.Button("Apply", variant="primary", elem_id="apply-draft", min_width=90, scale=0)
                discard = gr.Button("Discard", elem_id="discard-draft", min_width=90, scale=0)
        parts = {"samples": samples, "status": status, "undo": undo, "redo": redo, "draft": draft, "followed": followed}
        frame = Frame(studio, visitor, sample, selected, tab, ask, place, header(parts))
        with gr.Tabs(elem_id="tabs") as tabs:
            for name, title, make in TABS:
                with gr.Tab(title, id=name, elem_id=f"tab-{name}") as opened:
                    make(frame)
                _draw_on_open(frame, opened, name)
        frame.on(samples.input, lambda look, chosen: Done(chosen or "", ""), [samples])
        frame.on(undo.click, _step("undo"))
        frame.on(redo.click, _step("redo"))
        frame.on(apply.click, _decide("apply"))
        frame.on(discard.click, _decide("discard"))
        frame.wire_all()
        controls = frame.inputs[len(frame.fixed) :]
        page.load(
            shown(_arrive(frame)),
            [visitor, place, *controls],
            [visitor, tab, tabs, *frame.outputs],
            show_progress="hidden",
            api_visibility="private",
        )
    page.queue(max_size=32, default_concurrency_limit=2)
    return page


def _draw_on_open(frame: Frame, opened: gr.Tab, name: str) -> None:
    def draw(visitor: Any, sample: Any, selected: Any, _tab: Any, _ask: Any, *controls: Any) -> list[Any]:
        if not visitor:  # the first tab opens before the visitor is known; arriving draws it
            return [name, *[gr.skip()] * len(frame.outputs)]
        return [name, *frame.drawn(visitor, sample, selected or "", name, controls)]

    frame.later(
        lambda: opened.select(
            shown(draw),
            frame.inputs,
            [frame.tab, *frame.outputs],
            queue=False,
            show_progress="hidden",
            api_visibility="private",
        )
    )


def _step(kind: str) -> Any:
    def run(look: Look) -> None:
        if look.sample is not None:
            getattr(look.studio, kind)(look.visitor, look.sample.id)

    return run


def _decide(what: str) -> Any:
    def run(look: Look) -> None:
        if look.sample is not None:
            getattr(look.studio, what)(look.visitor, look.sample.id)

    return run


def _arrive(frame: Frame) -> Any:
    """A visitor arrives or reloads: the sample and tab that were open are open again, else the newest sample."""

    def run(visitor: Any, place: Any, *controls: Any) -> list[Any]:
        known = visitor if isinstance(visitor, str) and visitor else new_visitor()
        kept = place if isinstance(place, dict) else {}
        frame.studio.welcome(known)
        listed = [entry.id for entry in frame.studio.samples(known)]
        open_id = kept.get("sample") if kept.get("sample") in listed else (listed[-1] if listed else "")
        tab = kept.get("tab") if kept.get("tab") in frame.views else TABS[0][0]
        return [known, tab, gr.Tabs(selected=tab), *frame.drawn(known, open_id or "", "", str(tab), controls)]

    return run


def launch_options(studio: Studio, **chosen: Any) -> dict[str, Any]:
    """What `launch` and the tests use: nothing is shown of other visitors, of the machine, or sent to other hosts."""
    root = Path(__file__).resolve().parents[2]
    options: dict[str, Any] = {
        "theme": theme(),
        "css": CSS,
        "head": f"<script>{SHORTCUTS.read_text('utf-8')}</script>" if SHORTCUTS.is_file() else "",
        "ssr_mode": False,
        "run_history": False,
        "enable_monitoring": False,
        "footer_links": [],
        "show_error": False,
        "max_file_size": f"{settings().max_upload_mb}mb",
        "blocked_paths": [str(root), str(studio.data)],
        "state_session_capacity": 200,
    }
    return options | chosen
