"""Boxes and masks on a picture: draw, move, resize, rename, delete, paint, by mouse, finger or keyboard.

The truth lives in Python. The page sends each act as an "edit" and draws it at once; the handler answers with a new
value, which the page takes over. See `BoxEditor` for the wiring.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import gradio as gr
from gradio.data_classes import FileData, GradioModel
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from spacestudio.ui.components.payload import (
    Color,
    Id,
    Label,
    MaybeId,
    Note,
    Pixel,
    Rev,
    Shown,
    Side,
    cached_picture,
    next_stamp,
    read_event,
    refused,
    template,
)

Outline = Annotated[str, Field(pattern=r"^[MLZ0-9. -]*$", max_length=40_000)]
MAX_POINTS = 2000
"""Of one brush stroke; the page thins longer ones."""


class Box(BaseModel):
    """One box in pixels of the picture; `color` may be empty (the editor then picks one by label).

    `mask` is the outline of the object's mask as an SVG path in picture px, "" for none; one that is `painted` by hand stays
    where it is while its box moves.
    """

    model_config = ConfigDict(extra="ignore")
    id: Id
    label: Shown = ""
    x0: Pixel
    y0: Pixel
    x1: Pixel
    y1: Pixel
    color: Color = ""
    note: Note = ""
    mask: Outline = ""
    painted: bool = False


class BoxValue(GradioModel):
    """What travels to the page. `key` names the document: within one key the page ignores a lower `rev`."""

    rev: Rev = 0
    key: MaybeId = ""
    width: Side = 1
    height: Side = 1
    image: FileData | None = None
    boxes: list[Box] = Field(default_factory=list, max_length=1000)
    stamp: int = 0


class Stroke(BaseModel):
    """Where a round brush went, and its radius, in px of the picture."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    points: tuple[tuple[Pixel, Pixel], ...] = Field(min_length=1, max_length=MAX_POINTS)
    radius: float = Field(ge=0.5, le=500, allow_inf_nan=False)


class BoxEdit(BaseModel):
    """One act of the person. `id` is "new-<n>" in an "add"; `rev` is the revision the person was looking at.

    "paint" carries `strokes` and "grow" a `point`; either takes away instead where `add` is false.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)
    op: Literal["add", "move", "resize", "label", "delete", "paint", "grow"]
    id: Id
    label: Label = ""
    box: tuple[Pixel, Pixel, Pixel, Pixel]
    rev: Rev = 0
    strokes: tuple[Stroke, ...] = Field(default=(), max_length=20)
    point: tuple[Pixel, Pixel] | None = None
    add: bool = True

    @model_validator(mode="after")
    def _complete(self) -> BoxEdit:
        if self.op == "paint" and not self.strokes:
            raise ValueError("painting needs a stroke")
        if self.op == "grow" and self.point is None:
            raise ValueError("growing needs a place")
        if self.op in ("add", "label") and not self.label:
            raise ValueError("a box needs a name")
        x0, y0, x1, y1 = self.box
        if self.op != "delete" and not (x0 < x1 and y0 < y1):
            raise ValueError("a box needs a width and a height")
        return self


class BoxPick(BaseModel):
    """What the person selected: a box's id, or None."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    id: Id | None = None


class BoxEditor(gr.HTML):
    """A picture with editable boxes.

    Value: `{"rev", "key", "image" (array or file), "boxes": [{"id", "label", "x0", "y0", "x1", "y1", "color", "note",
    "mask", "painted"}]}`. Props, all settable with `gr.update`: `labels`, `selected`, `readonly`, `mode_hint`, and `masks`:
    whether there are masks to show and, unless `readonly`, tools to paint them. Nothing selected is "": `gr.update`
    drops a None. Answer a "pick" with the same `selected`, so that page and Python agree.

        def on_edit(evt: gr.EventData):
            edit = BoxEditor.read(evt)
            ...                                   # one service call
            return gr.update(value=new_value, selected=edit_id)

        editor.edit(on_edit, None, editor, queue=False, show_progress="hidden", trigger_mode="multiple")
    """

    data_model = BoxValue

    def __init__(
        self,
        value: Mapping[str, Any] | None = None,
        *,
        labels: Sequence[str] = (),
        selected: str | None = None,
        readonly: bool = False,
        mode_hint: str = "",
        masks: bool = False,
        **kwargs: Any,
    ) -> None:
        props = {"labels": list(labels), "selected": selected, "readonly": readonly, "mode_hint": mode_hint}
        props["masks"] = masks
        self.__dict__.update(props)  # else gr.HTML takes these names for events, as they stand in quotes in the script
        super().__init__(value=value, **(template("box_editor") | props | kwargs))

    def preprocess(self, payload: BoxValue | None) -> dict[str, Any] | None:  # type: ignore[override]
        """The value the page last received, with the picture as a path inside Gradio's cache."""
        if payload is None:
            return None
        return payload.model_dump() | {"image": payload.image.path if payload.image else None}

    def postprocess(self, value: Mapping[str, Any] | None) -> BoxValue | None:  # type: ignore[override]
        """A validated value, its picture in the cache."""
        if value is None:
            return None
        image, width, height = cached_picture(value.get("image"), self.GRADIO_CACHE)
        if image is None:
            width, height = value.get("width") or 1, value.get("height") or 1
        typed = {name: value[name] for name in ("rev", "key", "boxes") if name in value}
        try:
            return BoxValue.model_validate(typed | {"width": width, "height": height, "image": image, "stamp": next_stamp()})
        except ValidationError as error:
            refused(error)

    @staticmethod
    def read(evt: gr.EventData | Mapping[str, Any]) -> BoxEdit:
        """The "edit" event, validated; raises `gr.Error` with one line otherwise."""
        return read_event(BoxEdit, evt)

    @staticmethod
    def read_pick(evt: gr.EventData | Mapping[str, Any]) -> str | None:
        """The chosen box's id, or None, from a "pick" event; raises `gr.Error` with one line when it is malformed."""
        return read_event(BoxPick, evt).id
