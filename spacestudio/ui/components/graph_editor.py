"""A scene graph over its picture: relate, change, remove, rename, delete, by mouse, finger or keyboard.

The truth lives in Python. The page sends each act as an "edit" and draws it at once; the handler answers with a new
value, which the page takes over. Where nodes are dragged to stays in the page.
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
    Rev,
    Shown,
    Side,
    cached_picture,
    next_stamp,
    read_event,
    refused,
    template,
)

Share = Annotated[float, Field(ge=-1, le=2, allow_inf_nan=False)]
Thumb = Annotated[str, Field(max_length=28_000, pattern=r"^(data:image/(png|jpeg);base64,[A-Za-z0-9+/=]+)?$")]
Relation = Annotated[Label, Field(min_length=1)]
Attribute = Annotated[Label, Field(min_length=1, max_length=30)]


class Node(BaseModel):
    """One object; `x`, `y` are where in the picture, 0 to 1; `label` is shown, `own` is it without attributes."""

    model_config = ConfigDict(extra="ignore")
    id: Id
    label: Shown = ""
    own: Shown = ""
    attributes: list[Shown] = Field(default_factory=list, max_length=20)
    x: Share = 0.5
    y: Share = 0.5
    color: Color = ""
    thumb: Thumb = ""


class Way(BaseModel):
    """One way out of a contradiction; the page sends its `id` back in a "repair"."""

    model_config = ConfigDict(extra="ignore")
    id: Id
    words: Note


class Clash(BaseModel):
    """A contradiction in words, with ways out of it."""

    model_config = ConfigDict(extra="ignore")
    words: Note
    ways: list[Way] = Field(default_factory=list, max_length=40)


class Edge(BaseModel):
    """One relation from `source` to `target`; `clash` is the place of its contradiction in the value's list, -1 for none."""

    model_config = ConfigDict(extra="ignore")
    id: Id
    source: Id
    target: Id
    relation: Shown
    family: Shown = ""
    verdict: Literal["true", "false", "undecided"] = "true"
    state: Literal["measured", "corrected", "stale", "in conflict", "wanted"] = "measured"
    note: Note = ""
    clash: int = Field(default=-1, ge=-1)


class GraphValue(GradioModel):
    """What travels to the page. `key` names the document: within one key the page ignores a lower `rev`."""

    rev: Rev = 0
    key: MaybeId = ""
    width: Side = 4
    height: Side = 3
    background: FileData | None = None
    nodes: list[Node] = Field(default_factory=list, max_length=500)
    edges: list[Edge] = Field(default_factory=list, max_length=1000)
    clashes: list[Clash] = Field(default_factory=list, max_length=40)
    stamp: int = 0

    @model_validator(mode="after")
    def _consistent(self) -> GraphValue:
        known = {node.id for node in self.nodes}
        if len(known) != len(self.nodes):
            raise ValueError("two nodes share one id")
        if len({edge.id for edge in self.edges}) != len(self.edges):
            raise ValueError("two relations share one id")
        for edge in self.edges:
            if edge.source not in known or edge.target not in known:
                raise ValueError(f"relation {edge.id} names an object that is not there")
            if edge.clash >= len(self.clashes):
                raise ValueError(f"relation {edge.id} names a contradiction that is not there")
        return self


class GraphEdit(BaseModel):
    """One act of the person; `rev` is the revision the person was looking at.

    "relate": `relation` from `source` to `target`; `id` is "new-<n>", or the edge whose relation was changed.
    "unrelate": edge `id` goes. "rename": node `id` gets `label`, and `attributes` unless they are None. "delete": node `id`
    goes, and those of `ids`, with their edges. "repair": the way out `id` is taken.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)
    op: Literal["relate", "unrelate", "rename", "delete", "repair"]
    id: Id
    ids: tuple[Id, ...] = Field(default=(), max_length=500)
    source: MaybeId = ""
    target: MaybeId = ""
    relation: Label = ""
    label: Label = ""
    attributes: tuple[Attribute, ...] | None = Field(default=None, max_length=8)
    rev: Rev = 0

    @model_validator(mode="after")
    def _complete(self) -> GraphEdit:
        if self.op == "relate" and not (self.source and self.target and self.relation and self.source != self.target):
            raise ValueError("a relation needs two different objects and a name")
        if self.op == "rename" and not self.label:
            raise ValueError("an object needs a name")
        return self


class GraphPick(BaseModel):
    """What the person selected: a node or an edge by id, or nothing (`kind` None)."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    kind: Literal["node", "edge"] | None = None
    id: Id | None = None

    @model_validator(mode="after")
    def _complete(self) -> GraphPick:
        if (self.kind is None) != (self.id is None):
            raise ValueError("a kind needs an id")
        return self


class GraphEditor(gr.HTML):
    """An editable scene graph.

    Value: `{"rev", "key", "background" (array or file), "nodes": [...], "edges": [...], "clashes": [...]}`, see `Node`,
    `Edge` and `Clash`; send a few hundred edges at most. Props, all settable with `gr.update`: `relations` (names),
    `selected` (a node's id, "edge:<id>", or "" for nothing: `gr.update` drops a None), `mode` ("correct" or "change"),
    `readonly`, `mode_hint`. Answer a "pick" with the same `selected`, so that page and Python agree.

        def on_edit(evt: gr.EventData):
            edit = GraphEditor.read(evt)
            ...                                   # one service call
            return new_value

        editor.edit(on_edit, None, editor, queue=False, show_progress="hidden", trigger_mode="multiple")
    """

    data_model = GraphValue

    def __init__(
        self,
        value: Mapping[str, Any] | None = None,
        *,
        relations: Sequence[str] = (),
        selected: str | None = None,
        mode: Literal["correct", "change"] = "correct",
        readonly: bool = False,
        mode_hint: str = "",
        **kwargs: Any,
    ) -> None:
        props = {
            "relations": list(relations),
            "selected": selected,
            "mode": mode,
            "readonly": readonly,
            "mode_hint": mode_hint,
        }
        self.__dict__.update(props)  # else gr.HTML takes these names for events, as they stand in quotes in the script
        super().__init__(value=value, **(template("graph_editor") | props | kwargs))

    def preprocess(self, payload: GraphValue | None) -> dict[str, Any] | None:  # type: ignore[override]
        """The value the page last received, with the picture as a path inside Gradio's cache."""
        if payload is None:
            return None
        return payload.model_dump() | {"background": payload.background.path if payload.background else None}

    def postprocess(self, value: Mapping[str, Any] | None) -> GraphValue | None:  # type: ignore[override]
        """A validated value, its picture in the cache."""
        if value is None:
            return None
        picture, width, height = cached_picture(value.get("background"), self.GRADIO_CACHE)
        if picture is None:
            width, height = value.get("width") or 4, value.get("height") or 3
        typed = {name: value[name] for name in ("rev", "key", "nodes", "edges", "clashes") if name in value}
        typed |= {"width": width, "height": height, "background": picture, "stamp": next_stamp()}
        try:
            return GraphValue.model_validate(typed)
        except ValidationError as error:
            refused(error)

    @staticmethod
    def read(evt: gr.EventData | Mapping[str, Any]) -> GraphEdit:
        """The "edit" event, validated; raises `gr.Error` with one line otherwise."""
        return read_event(GraphEdit, evt)

    @staticmethod
    def read_pick(evt: gr.EventData | Mapping[str, Any]) -> str | None:
        """What a "pick" event chose, as `selected` takes it: a node's id, "edge:<id>", or None.

        Raises:
            gr.Error: the event is malformed.
        """
        pick = read_event(GraphPick, evt)
        return f"edge:{pick.id}" if pick.kind == "edge" else pick.id
