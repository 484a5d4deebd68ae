"""What the relation rules look at: all objects of a picture measured under one assumption, as arrays with N first."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Assumption:
    """What a measurement takes for granted.

    Attributes:
        about: what is varied: "" for the stated assumption, "far/near ratio" or "field of view".
        ratio: assumed distance of the farthest point over the nearest one; 0 for metric depth.
        fov_deg: horizontal field of view; the camera's own where it is not varied; 0 without a camera.
    """

    about: str = ""
    ratio: float = 0.0
    fov_deg: float = 0.0

    @property
    def words(self) -> str:
        """ "far/near ratio 3", "field of view 40°", or "what is stated"."""
        if self.about == "field of view":
            return f"{self.about} {self.fov_deg:g}°"
        return f"{self.about} {self.ratio:g}" if self.about else "what is stated"


@dataclass(frozen=True, eq=False)
class Measurements:
    """N objects measured under one assumption.

    Attributes:
        boxes: (N, 4) float64 xyxy as shares of the picture, 0-1.
        size_px: (2,) picture width and height.
        z: (N, 3) p10, median, p90 of the distance along z; NaN without depth.
        center: (N, 3) median point in the camera frame; NaN without depth.
        low, high: (N, 3) 10th and 90th percentile of the points, per axis; NaN without depth.
        contact: (N, N) share of object i's lower rim that touches or overlaps object j's mask.
        metric: True when z, center, low and high are metres.
        ratio: the far/near ratio assumed; 0 when metric.
        heights: (N, 2) lowest and highest part above the floor, in z's unit; NaN where unknown, None without a floor.
        assumption: what it takes for granted.
    """

    boxes: NDArray[np.float64]
    size_px: NDArray[np.float64]
    z: NDArray[np.float64]
    center: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    contact: NDArray[np.float64]
    metric: bool = False
    ratio: float = 0.0
    heights: NDArray[np.float64] | None = None
    assumption: Assumption = Assumption()

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def has_depth(self) -> bool:
        """Whether any object has a distance."""
        return bool(np.isfinite(self.z).any())

    def turned(self, quarter_turns: int) -> Measurements:
        """As seen after walking round the scene by quarter turns, to its left side first; four turns are the identity.

        From the left side what was near is on the right and what was on the left is near: (x, y, z) -> (-z, y, x).
        """
        m = self
        for _ in range(quarter_turns % 4):
            center, low, high = (_turn(a) for a in (m.center, m.low, m.high))
            m = replace(m, center=center, low=np.minimum(low, high), high=np.maximum(low, high))
        return m


def _turn(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(x, y, z) -> (-z, y, x): l' = -f and f' = l as in SEEDS 1.3(d)."""
    return np.stack((-points[:, 2], points[:, 1], points[:, 0]), 1)
