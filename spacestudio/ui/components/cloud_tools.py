"""Where the cloud is seen from, and which object was clicked in it.

Plotly's figures know neither; this toolbar, beside the figure it names, moves its camera, keeps the camera over redraws, and
tells Python about both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import gradio as gr
from gradio.data_classes import GradioModel
from pydantic import BaseModel, ConfigDict

from spacestudio.ui.components.payload import HERE, Id, read_event

Viewpoint = Literal["front", "left", "right", "back", "top"]


class CloudView(GradioModel):
    """Where the cloud is seen from."""

    view: Viewpoint = "front"


class CloudPick(BaseModel):
    """The object whose point or box was clicked; None: something else was."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    id: Id | None = None


class CloudTools(gr.HTML):
    """Five viewpoints of the figure with the element id `plot`, made by `figures.cloud.cloud_figure`.

    Value: `{"view": …}`. Events: "turn" when another viewpoint was chosen, "pick" when an object was clicked.
    """

    data_model = CloudView

    def __init__(self, plot: str, value: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        parts: dict[str, Any] = {
            "html_template": (HERE / "cloud_tools.html").read_text("utf-8"),
            "css_template": (HERE / "common.css").read_text("utf-8"),
            "js_on_load": (HERE / "cloud_tools.js").read_text("utf-8"),
            "apply_default_css": False,
        }
        self.plot = plot  # before gr.HTML sees the name
        super().__init__(value=value or {"view": "front"}, **(parts | {"plot": plot} | kwargs))

    def preprocess(self, payload: CloudView | None) -> Viewpoint:  # type: ignore[override]
        """The viewpoint."""
        return payload.view if payload else "front"

    def postprocess(self, value: Mapping[str, Any] | None) -> CloudView:  # type: ignore[override]
        """A validated value."""
        return CloudView.model_validate(value or {})

    @staticmethod
    def read_pick(evt: gr.EventData | Mapping[str, Any]) -> str | None:
        """The clicked object's id, or None, from a "pick" event; raises `gr.Error` with one line when it is malformed."""
        return read_event(CloudPick, evt).id
