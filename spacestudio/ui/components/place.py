"""Where a person is: one word says whether it is saved, and the page's address follows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
from pydantic import BaseModel, ConfigDict, Field

from spacestudio.ui.components.payload import next_stamp, read_event

SAVED, PREVIEW = "saved", "preview, not applied"
EDITS = {"click", "submit", "edit", "upload"}
"""Events that may change a sample."""


class Wanted(BaseModel):
    """A sample and tab the address names, and the number of this wish."""

    model_config = ConfigDict(extra="ignore", strict=True)

    sample: str = Field("", max_length=200)
    tab: str = Field("", max_length=40)
    asked: int = Field(0, ge=0)


ARRIVES = """(...given) => {
  const kept = (key, empty) => { try { return localStorage.getItem(key) || empty; } catch { return empty; } };
  let place = null;
  try {
    place = JSON.parse(kept("space-studio-place", "null"));
    place = { ...place, ...JSON.parse(sessionStorage.getItem("space-studio-window") || "null") };
    place.question = sessionStorage.getItem("space-studio-question") || "";
  } catch { /* somebody else's */ }
  return [kept("space-studio-visitor", ""), place, ...given.slice(2)];
}"""
"""JavaScript the page runs as it arrives: the first two inputs become visitor and place, as browser and window keep them."""


def busy(word: str) -> str:
    """JavaScript the page runs as an edit leaves: it shows the word until the answer comes.

    An edit made while the page is still arriving waits for that, and leaves with the visitor's id as its first input.
    """
    return f"""async (...given) => {{
  while (!window.studioPlace?.arrived()) await new Promise((soon) => setTimeout(soon, 50));
  window.studioPlace.busy('{word}');
  return [window.studioVisitor(), ...given.slice(1)];
}}"""


class Visitor(gr.HTML):
    """Who looks: an unguessable id the browser keeps. Read as the page arrives, never while its parts are made."""

    def __init__(self) -> None:
        super().__init__(
            value="",
            html_template="<span></span>",
            js_on_load="""
                const keep = () => {
                  try { if (props.value) localStorage.setItem("space-studio-visitor", props.value); } catch {}
                };
                watch("value", keep);
                keep();
                window.studioVisitor = () => props.value;
            """,
            apply_default_css=False,
            visible="hidden",
            elem_id="visitor",
        )


class Place(gr.HTML):
    """Shows a value made by `at`; its "go" event asks for another place (see `read`)."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            value=None,
            html_template="<span class='place-word' role='status'></span>",
            js_on_load=Path(__file__).with_suffix(".js").read_text("utf-8"),
            apply_default_css=False,
            **kwargs,
        )

    @staticmethod
    def at(sample: str, tab: str, word: str, answers: int = 0, **more: Any) -> dict[str, Any]:
        """The value.

        Args:
            sample, tab: ids of what is open.
            word: whether it is saved.
            answers: which wish this answers (0: none).
            more: `selected` (id of the chosen object), `rev` (grows with every change), `undo` and `redo` (in words, what
                they would do), `by` and `done` (which control's event was handled, and whether it was not refused).
        """
        return {"sample": sample, "tab": tab, "word": word, "answers": answers, "stamp": next_stamp()} | more

    @staticmethod
    def read(evt: gr.EventData) -> Wanted:
        """The "go" event, validated; raises `gr.Error` otherwise."""
        return read_event(Wanted, evt)
