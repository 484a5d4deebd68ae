"""Where things go on a canvas, before there is a picture."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

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
        depths: object id -> distance from the camera, nearest 1.0, never falling along `order`; objects may share one.
            Empty: equal log steps along the order.

    Raises:
        ValueError: an order or depths that don't fit the boxes.
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
    depths: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if set(self.order) != set(self.boxes) or len(self.order) != len(self.boxes):
            raise ValueError("The depth order must name each box once")
        if self.depths:
            if set(self.depths) != set(self.boxes):
                raise ValueError("Depths must name each box, or none")
            distances = [self.depths[i] for i in self.order]
            if not all(0 < d < math.inf for d in distances) or any(b < a for a, b in pairwise(distances)):
                raise ValueError("Depths must be positive, finite, and never fall along the order")
