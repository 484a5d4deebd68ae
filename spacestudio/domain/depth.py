"""Depth with an honest kind: metric, relative and disparity are different words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

DepthKind = Literal["metric", "relative", "disparity"]

FAR_NEAR_RATIO = 10.0
"""Assumed distance of the farthest point over the nearest one, where depth is not metric (ours)."""
RATIO_RANGE = (3.0, 30.0)
"""A 3D verdict that changes between these ratios is undecided (ours)."""


@dataclass(frozen=True, eq=False)
class DepthMap:
    """Distance along the camera's forward axis, per pixel.

    Attributes:
        values: (H, W) float32. `metric`: metres. `relative`: any unit. Both larger = farther. `disparity`: larger = nearer.
        kind: what the numbers mean.
        valid: (H, W) bool; False where nothing was measured.
        source: who made it, shown to the person ("estimate without a model", a file's name, a model's name).
    """

    values: NDArray[np.float32]
    kind: DepthKind
    valid: NDArray[np.bool_]
    source: str = ""

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape != self.valid.shape:
            raise ValueError(f"Depth wants two (H, W) arrays of one shape, got {self.values.shape} and {self.valid.shape}")
        if self.kind not in ("metric", "relative", "disparity"):
            raise ValueError(f"Depth kind is metric, relative or disparity, got {self.kind!r}")

    @classmethod
    def of(cls, values: NDArray[np.generic], kind: DepthKind, source: str = "") -> DepthMap:
        """From an (H, W) array; 0, the integer type's maximum, negative, NaN and inf are invalid.

        0 is a legal value of a floating-point relative map (its nearest point).
        """
        array = np.asarray(values, dtype=np.float32)
        valid = np.isfinite(array)
        if kind != "relative" or np.issubdtype(values.dtype, np.integer):
            valid &= array > 0
        if np.issubdtype(values.dtype, np.integer):
            valid &= values != np.iinfo(str(values.dtype)).max
        return cls(np.where(valid, array, np.float32(0)), kind, valid, source)

    @property
    def unit(self) -> str:
        """ "m" when metric, else "relative" or "disparity"."""
        return "m" if self.kind == "metric" else self.kind

    @property
    def polarity(self) -> str:
        """How to read `values`: "larger is farther" or "larger is nearer"."""
        return "larger is nearer" if self.kind == "disparity" else "larger is farther"

    def percentiles(self) -> tuple[float, float]:
        """The 1st and 99th percentile of the valid values; (0, 0) when none is valid."""
        return self._limits

    @cached_property
    def _limits(self) -> tuple[float, float]:
        values = self.values[self.valid]
        if not values.size:
            return 0.0, 0.0
        low, high = np.percentile(values, [1, 99])
        return float(low), float(high)

    def farness(self) -> NDArray[np.float32]:
        """(H, W) float32 in [0, 1], 0 nearest and 1 farthest between the 1st and 99th percentile; NaN where invalid."""
        return self.to_farness(self.values, self.valid)

    def to_farness(self, values: NDArray[np.float32], valid: NDArray[np.bool_] | bool = True) -> NDArray[np.float32]:
        """`farness` of any values on this map's scale."""
        low, high = self.percentiles()
        span = high - low
        scaled = np.clip((values - low) / span, 0, 1) if span > 0 else np.zeros_like(values)
        if self.kind == "disparity":
            scaled = 1 - scaled
        return np.where(valid, scaled, np.nan).astype(np.float32)

    def distance(self, ratio: float = FAR_NEAR_RATIO) -> NDArray[np.float32]:
        """(H, W) float32 distance along the forward axis; NaN where invalid.

        Metric: metres. Else the nearest point is at 1 and the farthest at `ratio`: relative maps are linear in
        distance, disparity maps linear in 1/distance (SEEDS 4.3), never 1/d of a relative map.
        """
        return np.where(self.valid, self.to_distance(self.values, ratio), np.nan).astype(np.float32)

    def to_distance(self, values: NDArray[np.float32], ratio: float = FAR_NEAR_RATIO) -> NDArray[np.float32]:
        """`distance` of any values on this map's scale."""
        if self.kind == "metric":
            return values
        farness = self.to_farness(values)
        if self.kind == "relative":
            return (1 + (ratio - 1) * farness).astype(np.float32)
        nearness = 1 - farness
        return (1 / (nearness * (1 - 1 / ratio) + 1 / ratio)).astype(np.float32)


@dataclass(frozen=True, slots=True)
class DepthStats:
    """Spread of a depth map over one object's mask, in the map's own values (its unit and polarity).

    The mask's edge is left out by 2 px where enough of it remains: depth is least certain there.
    """

    min: float
    p10: float
    median: float
    p90: float
    max: float

    @classmethod
    def of(cls, values: NDArray[np.float32]) -> DepthStats | None:
        """Of a flat array of valid values; None when it is empty."""
        if not values.size:
            return None
        return cls(*(float(v) for v in np.percentile(values, [0, 10, 50, 90, 100])))
