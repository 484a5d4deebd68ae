"""As training text: the open sample told in a published style, each name and predicate linked to its boxes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from spacestudio.services.shown_text import text_payload
from spacestudio.services.tell import STYLES
from spacestudio.ui.components.grounded_text import GroundedText
from spacestudio.ui.frame import Done, Frame, Look
from spacestudio.ui.session import opened, shown, visitor_of


@dataclass(frozen=True)
class Panel:
    """A folded part of a tab: what it draws, and the controls it reads."""

    outputs: list[Any]
    controls: list[Any]


def formats_panel(frame: Frame) -> Panel:
    """Build the panel; the tab it stands in draws it with `panel_values`."""
    with gr.Accordion("As training text", open=False, elem_id="formats-panel") as panel:
        style = gr.Radio(
            [(entry.label or name, name) for name, entry in STYLES.items()],
            value=next(iter(STYLES), None),
            label="Style",
            elem_id="formats-style",
        )
        raw = gr.Checkbox(label="Raw text, as exported", elem_id="formats-raw")
        about = gr.Markdown(elem_id="formats-about", elem_classes="quiet")
        text = GroundedText(None, elem_id="grounded-text")
    unfolded = gr.State(False)
    outputs = [about, text]

    def fill(visitor: Any, sample_id: Any, selected: str, style: str | None, raw: bool) -> list[Any]:
        s = opened(frame.studio, visitor, sample_id)
        look = Look(frame.studio, visitor_of(visitor), s, selected or "")
        return [True, *panel_values(look, style, raw, True)]

    quick: dict[str, Any] = {"show_progress": "minimal", "api_visibility": "private"}
    given = [frame.visitor, frame.sample, frame.selected, style, raw]
    panel.expand(shown(fill), given, [unfolded, *outputs], **quick)
    panel.collapse(lambda: False, None, unfolded, **quick)
    frame.redraw([style, raw])
    frame.on(text.pick, _picked, event_data=True, trigger_mode="multiple")
    return Panel(outputs, [style, raw, unfolded])


def panel_values(look: Look, style: str | None, raw: bool, unfolded: bool) -> list[Any]:
    """Words about the style, and the text; a folded panel is left as it is, since it is filled when it is unfolded."""
    if not unfolded:
        return [gr.skip(), gr.skip()]
    if look.sample is None or style is None or style not in STYLES:
        return ["", None]
    value, count = text_payload(look.sample, style)
    of = f"the first {len(value['exchanges'])} of {count}" if count > len(value["exchanges"]) else str(count)
    said = "exchange" if count == 1 else "exchanges"
    words = f"{STYLES[style].help} Showing {of} {said}." if count else f"{STYLES[style].help} {nothing_told(style)}"
    return [words, gr.update(value=value | {"rev": look.rev}, selected=look.selected, raw=raw)]


DEEP = frozenset({"viewpoint", "proximity"})
"""Styles that tell of depth alone."""


def nothing_told(style: str) -> str:
    """Why a style has nothing to tell, and what to do."""
    depth = ", and give it depth" if style in DEEP else ""
    return f"Nothing of this picture can be told in this style yet: name two objects{depth}."


def _picked(look: Look, evt: gr.EventData) -> Done:
    chosen = GroundedText.read_pick(evt)
    return Done(selected=chosen if chosen is not None and look.sample is not None and chosen in look.sample.graph else "")
