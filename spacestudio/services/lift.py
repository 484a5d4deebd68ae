"""Space: the cloud's floor, and each object's turned box over it. Open3D where it can be used, NumPy else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spacestudio.domain.sample import Sample
from spacestudio.geometry import open3d_room

MIN_POINTS = 30
"""Fewer points make no box (ours)."""
MAX_POINTS = 20_000
"""Points the floor is looked for in."""


@dataclass(frozen=True)
class Placed:
    """One object in space: sides of its turned box, longest first, and how far its lowest part is above the floor.

    Lengths are in the cloud's unit; `above_floor` is None without a floor.
    """

    id: str
    sides: tuple[float, float, float]
    above_floor: float | None


@dataclass(frozen=True)
class Survey:
    """What was found in the cloud.

    Attributes:
        floor_share: share of the points on the floor plane; None when there is no floor.
        placed: objects with enough points.
        backend: "open3d 0.20.0" or "numpy".
        note: why Open3D was not used, in one line; "" when it was.
    """

    floor_share: float | None
    placed: tuple[Placed, ...]
    backend: str
    note: str


def survey(s: Sample) -> Survey | None:
    """The floor and the objects' boxes of a sample's cloud; None without a cloud."""
    if s.cloud is None:
        return None
    floor = open3d_room.floor_plane(open3d_room.thin(s.cloud, MAX_POINTS))
    placed = []
    for k, o in enumerate(s.objects):
        points = s.cloud.points_camera[s.cloud.object_index == k]
        if len(points) < MIN_POINTS:
            continue
        low, high = np.percentile(points, [2, 98], axis=0)  # stray pixels at the mask's edge are not the object
        own = points[((points >= low) & (points <= high)).all(1)]
        box = open3d_room.oriented_box(own if len(own) >= MIN_POINTS else points)
        longest, middle, shortest = sorted((float(v) for v in box.extent), reverse=True)
        above = float(np.percentile(floor.height(points), 2)) if floor is not None else None
        placed.append(Placed(o.id, (longest, middle, shortest), above))
    share = float(floor.share) if floor is not None else None
    return Survey(share, tuple(placed), open3d_room.backend(), open3d_room.available() or "")
