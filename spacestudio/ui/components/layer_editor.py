"""The layer strip: where the depth of a picture is cut into layers, by mouse, finger or keyboard.

The truth lives in Python. The page sends each act as an "edit" and draws it at once; the handler answers with a new
value, which the page takes over. Places are farness, 0 nearest and 1 farthest; the page reads them in the given unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import gradio as gr
from gradio.data_classes import GradioModel
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from spacestudio.ui.components.payload import Color, Id, MaybeId, Note, Rev, Shown, next_stamp, read_event, refused, template

MAX_CUTS = 200
Farness = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Inside = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
Reading = Annotated[float, Field(allow_inf_nan=False)]


class LayerBand(BaseModel):
    """A layer's number, 1 nearest, its colour, and what is written on that colour."""

    model_config = ConfigDict(extra="ignore")
    index: Annotated[int, Field(ge=1, le=10_000)]
    color: Color = ""
    ink: Color = ""


class Bar(BaseModel):
    """One object from its 10th to its 90th percentile; `layer` 0 is none."""

    model_config = ConfigDict(extra="ignore")
    id: Id
    label: Shown = ""
    layer: Annotated[int, Field(ge=0, le=10_000)] = 0
    near: Farness
    median: Farness
    far: Farness
    note: Note = ""


class LayerValue(GradioModel):
    """What travels to the page. `key` names the document: within one key the page ignores a lower `rev`.

    `low` and `high` are what a person reads at farness 0 and 1, in `unit`; `own` says that a person made the cuts.
    """

    rev: Rev = 0
    key: MaybeId = ""
    unit: Literal["m", ""] = ""
    title: Shown = ""
    low: Reading = 0.0
    high: Reading = 1.0
    digits: Annotated[int, Field(ge=0, le=4)] = 2
    own: bool = False
    missing: Annotated[int, Field(ge=0)] = 0
    cuts: list[Inside] = Field(default_factory=list, max_length=MAX_CUTS)
    layers: list[LayerBand] = Field(default_factory=list, max_length=MAX_CUTS + 1)
    shares: list[Farness] = Field(default_factory=list, max_length=512)
    objects: list[Bar] = Field(default_factory=list, max_length=1000)
    stamp: int = 0


class LayerEdit(BaseModel):
    """One act of the person: all cuts as they should be now, near to far, or "found": cut by themselves again."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    op: Literal["cut", "found"]
    cuts: tuple[Inside, ...] = Field(default=(), max_length=MAX_CUTS)
    rev: Rev = 0

    @model_validator(mode="after")
    def _in_order(self) -> LayerEdit:
        if any(a >= b for a, b in zip(self.cuts, self.cuts[1:], strict=False)):
            raise ValueError("cuts go from near to far")
        return self


class LayerPick(BaseModel):
    """What the person selected: an object's id, or None."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    id: Id | None = None


class LayerEditor(gr.HTML):
    """The strip.

    Value: `figures.layers.layer_strip` with `rev` and `key`. Props, all settable with `gr.update`: `selected`, `readonly`,
    `mode_hint`. Nothing selected is "".
    """

    data_model = LayerValue

    def __init__(
        self,
        value: Mapping[str, Any] | None = None,
        *,
        selected: str | None = None,
        readonly: bool = False,
        mode_hint: str = "",
        **kwargs: Any,
    ) -> None:
        props = {"selected": selected, "readonly": readonly, "mode_hint": mode_hint}
        self.__dict__.update(props)  # else gr.HTML takes these names for events, as they stand in quotes in the script
        super().__init__(value=value, **(template("layer_editor") | props | kwargs))

    def preprocess(self, payload: LayerValue | None) -> dict[str, Any] | None:  # type: ignore[override]
        """The value the page last received."""
        return None if payload is None else payload.model_dump()

    def postprocess(self, value: Mapping[str, Any] | None) -> LayerValue | None:  # type: ignore[override]
        """A validated value."""
        if value is None:
            return None
        try:
            return LayerValue.model_validate({**value, "stamp": next_stamp()})
        except ValidationError as error:
            refused(error)

    @staticmethod
    def read(evt: gr.EventData | Mapping[str, Any]) -> LayerEdit:
        """The "edit" event, validated; raises `gr.Error` with one line otherwise."""
        return read_event(LayerEdit, evt)

    @staticmethod
    def read_pick(evt: gr.EventData | Mapping[str, Any]) -> str | None:
        """The chosen object's id, or None, from a "pick" event; raises `gr.Error` with one line when it is malformed."""
        return read_event(LayerPick, evt).id
