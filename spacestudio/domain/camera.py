"""The pinhole camera: x right, y down, z forward."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from spacestudio.errors import CameraError

CameraSource = Literal["given", "assumed", "field of view", "model"]
ASSUMED_FOV_DEG = 60.0
"""Horizontal field of view taken when nothing is known (SEEDS 1.3, our default)."""


@dataclass(frozen=True, slots=True)
class Camera:
    """Pinhole intrinsics in px for a (width, height) px picture, and where they come from.

    Raises:
        CameraError: a focal length or size that is not positive and finite.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int
    source: CameraSource = "given"

    def __post_init__(self) -> None:
        numbers = (self.fx, self.fy, self.cx, self.cy, self.width, self.height)
        if not all(math.isfinite(v) for v in numbers) or min(self.fx, self.fy, self.width, self.height) <= 0:
            raise CameraError(
                f"These camera numbers can't be used: fx {self.fx}, fy {self.fy}, cx {self.cx}, cy {self.cy}",
                "positive focal lengths in pixels",
            )

    @classmethod
    def assumed(cls, width: int, height: int) -> Camera:
        """60° across, principal point in the middle, marked assumed."""
        return replace(cls.from_fov(width, height, ASSUMED_FOV_DEG), source="assumed")

    @classmethod
    def from_fov(cls, width: int, height: int, fov_deg: float) -> Camera:
        """From a horizontal field of view in degrees, 0 < fov < 180.

        Raises:
            CameraError: outside that range.
        """
        if not 0 < fov_deg < 180:
            raise CameraError(f"A field of view of {fov_deg}°", "more than 0 and less than 180 degrees")
        focal = width / (2 * math.tan(math.radians(fov_deg) / 2))
        return cls(focal, focal, width / 2, height / 2, width, height, "field of view")

    @property
    def is_assumed(self) -> bool:
        """True when nobody measured or stated it."""
        return self.source == "assumed"

    @property
    def fov_deg(self) -> float:
        """Horizontal field of view, degrees."""
        return math.degrees(2 * math.atan(self.width / (2 * self.fx)))
