"""Training text beside its picture: each name and predicate shows the boxes it points at, and each box its names.

Nothing is edited here. A "pick" event says which object was chosen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import gradio as gr
from gradio.data_classes import FileData, GradioModel
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from spacestudio.ui.components.box_editor import BoxPick
from spacestudio.ui.components.payload import (
    Color,
    Id,
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

Passage = Annotated[str, Field(max_length=100_000)]
"""Shown as it is, line breaks too."""


class PointedBox(BaseModel):
    """One object's box in pixels of the picture, its colour, and what is written on that colour."""

    model_config = ConfigDict(extra="ignore")
    id: Id
    label: Shown = ""
    x0: Pixel
    y0: Pixel
    x1: Pixel
    y1: Pixel
    color: Color = ""
    ink: Color = ""


class TextSpan(BaseModel):
    """Plain words, a name of `subjects`, or a predicate between `subjects` and `objects`, all by id."""

    model_config = ConfigDict(extra="ignore")
    text: Passage
    kind: Literal["", "name", "predicate"] = ""
    subjects: list[Id] = Field(default_factory=list, max_length=1000)
    objects: list[Id] = Field(default_factory=list, max_length=1000)


class TextPassage(BaseModel):
    """A text in reading order, and exactly what is exported of it."""

    model_config = ConfigDict(extra="ignore")
    spans: list[TextSpan] = Field(default_factory=list, max_length=10_000)
    raw: Passage = ""


class TextExchange(BaseModel):
    """A question and its answer, what the answer rests on, and whether a model worded it."""

    model_config = ConfigDict(extra="ignore")
    question: TextPassage
    answer: TextPassage
    facts: list[Note] = Field(default_factory=list, max_length=100)
    model: bool = False


class TextValue(GradioModel):
    """What travels to the page. `key` names the document: within one key the page ignores a lower `rev`."""

    rev: Rev = 0
    key: MaybeId = ""
    width: Side = 1
    height: Side = 1
    image: FileData | None = None
    boxes: list[PointedBox] = Field(default_factory=list, max_length=1000)
    exchanges: list[TextExchange] = Field(default_factory=list, max_length=200)
    stamp: int = 0


class GroundedText(gr.HTML):
    """The text beside its picture.

    Value: `services.shown_text.text_payload` with `rev`. Props, all settable with `gr.update`: `selected` ("" for nothing),
    `raw` (show what is exported, too).
    """

    data_model = TextValue

    def __init__(
        self,
        value: Mapping[str, Any] | None = None,
        *,
        selected: str | None = None,
        raw: bool = False,
        **kwargs: Any,
    ) -> None:
        props = {"selected": selected, "raw": raw}
        self.__dict__.update(props)  # else gr.HTML takes these names for events, as they stand in quotes in the script
        super().__init__(value=value, **(template("grounded_text") | props | kwargs))

    def preprocess(self, payload: TextValue | None) -> None:  # type: ignore[override]
        """Nothing: the text is made in Python and only shown by the page."""

    def postprocess(self, value: Mapping[str, Any] | None) -> TextValue | None:  # type: ignore[override]
        """A validated value, its picture in the cache."""
        if value is None:
            return None
        image, width, height = cached_picture(value.get("image"), self.GRADIO_CACHE)
        place = {"width": width, "height": height, "image": image, "stamp": next_stamp()}
        try:
            return TextValue.model_validate({**value, **place})
        except ValidationError as error:
            refused(error)

    @staticmethod
    def read_pick(evt: gr.EventData | Mapping[str, Any]) -> str | None:
        """The chosen object's id, or None, from a "pick" event; raises `gr.Error` with one line when it is malformed."""
        return read_event(BoxPick, evt).id
