"""One box type and every convention it is written in. Origin top-left, x right, y down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CANVAS = 512
"""Side of SKG2Data's layout canvas in px (SEEDS 2.2)."""


@dataclass(frozen=True, slots=True)
class Box:
    """An axis-aligned box, corners (x0, y0) top-left and (x1, y1) bottom-right in picture px, x0 <= x1 and y0 <= y1."""

    x0: float
    y0: float
    x1: float
    y1: float

    def __post_init__(self) -> None:
        if not (self.x0 <= self.x1 and self.y0 <= self.y1):  # also refuses NaN
            raise ValueError(f"Box corners out of order: {self.xyxy}")

    @property
    def xyxy(self) -> tuple[float, float, float, float]:
        """(x0, y0, x1, y1) px."""
        return (self.x0, self.y0, self.x1, self.y1)

    @property
    def width(self) -> float:
        """px"""
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        """px"""
        return self.y1 - self.y0

    @property
    def area(self) -> float:
        """px²"""
        return self.width * self.height

    @property
    def center(self) -> tuple[float, float]:
        """(x, y) px"""
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2

    @classmethod
    def spanning(cls, x0: float, y0: float, x1: float, y1: float) -> Box:
        """The box between any two opposite corners."""
        return cls(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))

    @classmethod
    def around(cls, mask: NDArray[np.bool_]) -> Box | None:
        """The tight box of the true pixels of an (H, W) mask; None when there are none."""
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        if not len(rows):
            return None
        return cls(float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))

    def clipped(self, width: float, height: float) -> Box:
        """The part inside a (width, height) px picture; empty boxes stay on its edge."""
        x0, x1 = (min(max(v, 0.0), float(width)) for v in (self.x0, self.x1))
        y0, y1 = (min(max(v, 0.0), float(height)) for v in (self.y0, self.y1))
        return Box(x0, y0, x1, y1)

    def mirrored(self, width: float) -> Box:
        """The box in the picture flipped left to right."""
        return Box(width - self.x1, self.y0, width - self.x0, self.y1)

    def scaled(self, sx: float, sy: float) -> Box:
        """The box in the picture stretched by (sx, sy)."""
        return Box(self.x0 * sx, self.y0 * sy, self.x1 * sx, self.y1 * sy)

    def intersection(self, other: Box) -> float:
        """Shared area, px²."""
        w = min(self.x1, other.x1) - max(self.x0, other.x0)
        h = min(self.y1, other.y1) - max(self.y0, other.y0)
        return max(0.0, w) * max(0.0, h)

    def iou(self, other: Box) -> float:
        """Intersection over union in [0, 1]; 0 when both are empty."""
        union = self.area + other.area - self.intersection(other)
        return self.intersection(other) / union if union > 0 else 0.0

    def slices(self, width: int, height: int) -> tuple[slice, slice]:
        """Row and column slices of the pixels it touches in a (width, height) px picture; at least one pixel."""
        x0 = min(max(int(np.floor(self.x0)), 0), width - 1)
        y0 = min(max(int(np.floor(self.y0)), 0), height - 1)
        x1 = min(max(int(np.ceil(self.x1)), x0 + 1), width)
        y1 = min(max(int(np.ceil(self.y1)), y0 + 1), height)
        return slice(y0, y1), slice(x0, x1)

    # Conventions: COCO and Hugging Face use xywh px.

    @classmethod
    def from_xywh(cls, xywh: Sequence[float]) -> Box:
        """From COCO's [x, y, width, height] px."""
        x, y, w, h = xywh
        return cls(x, y, x + w, y + h)

    def to_xywh(self) -> tuple[float, float, float, float]:
        """COCO's [x, y, width, height] px."""
        return self.x0, self.y0, self.width, self.height

    @classmethod
    def from_canvas(cls, xywh: Sequence[float], width: float, height: float, canvas: float = CANVAS) -> Box:
        """From [x, y, width, height] on a square canvas (SKG2Data, LMD: 512)."""
        return cls.from_xywh(xywh).scaled(width / canvas, height / canvas)

    def to_canvas(self, width: float, height: float, canvas: float = CANVAS) -> tuple[float, float, float, float]:
        """[x, y, width, height] on a square canvas (SKG2Data, LMD: 512)."""
        return self.scaled(canvas / width, canvas / height).to_xywh()

    @classmethod
    def from_unit(cls, xyxy: Sequence[float], width: float, height: float) -> Box:
        """From xyxy in 0-1 (GLIGEN)."""
        return cls(*xyxy).scaled(width, height)

    def to_unit(self, width: float, height: float) -> tuple[float, float, float, float]:
        """xyxy in 0-1 (GLIGEN)."""
        return self.scaled(1 / width, 1 / height).xyxy

    @classmethod
    def from_percent(cls, xywh: Sequence[float], width: float, height: float) -> Box:
        """From [x, y, width, height] in percent (Label Studio)."""
        return cls.from_xywh(xywh).scaled(width / 100, height / 100)

    def to_percent(self, width: float, height: float) -> tuple[float, float, float, float]:
        """[x, y, width, height] in percent (Label Studio)."""
        return self.scaled(100 / width, 100 / height).to_xywh()

    @classmethod
    def from_padded_999(cls, xyxy: Sequence[float], width: int, height: int) -> Box:
        """From xyxy in 0-999 on the square-padded picture (ASv2, SEEDS 1.2)."""
        side, ox, oy = _padding(width, height)
        x0, y0, x1, y1 = (v / 999 * side for v in xyxy)
        return cls(x0 - ox, y0 - oy, x1 - ox, y1 - oy)

    def to_padded_999(self, width: int, height: int) -> tuple[int, int, int, int]:
        """xyxy integers 0-999 on the square-padded picture, truncated as published (ASv2, SEEDS 1.2)."""
        side, ox, oy = _padding(width, height)
        x0, y0, x1, y1 = self.xyxy
        return (
            int((x0 + ox) / side * 999),
            int((y0 + oy) / side * 999),
            int((x1 + ox) / side * 999),
            int((y1 + oy) / side * 999),
        )


def _padding(width: int, height: int) -> tuple[int, int, int]:
    """Side of the padded square and the picture's offset in it, px."""
    side = max(width, height)
    return side, (side - width) // 2, (side - height) // 2
