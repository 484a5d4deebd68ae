"""Where things go on a canvas, before there is a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from spacestudio.domain.boxes import Box


@dataclass(frozen=True)
class Layout:
    """A plan for a picture.

    Attributes:
        width, height: of the canvas, px.
        boxes: object id -> box on the canvas, px.
        order: object ids, nearest first.
        names: object id -> what to draw there ("black cat").
        background: what is behind everything.
        prompt: the full prompt for text-to-image models.
        negative_prompt: what must not appear.
        notes: compromises the solver made, in plain words.
    """

    width: int
    height: int
    boxes: Mapping[str, Box]
    order: tuple[str, ...]
    names: Mapping[str, str] = field(default_factory=dict)
    background: str = ""
    prompt: str = ""
    negative_prompt: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if set(self.order) != set(self.boxes) or len(self.order) != len(self.boxes):
            raise ValueError("The depth order must name each box once")
