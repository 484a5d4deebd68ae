"""Data and small scenes the tests share. Outside data is optional: `SPACE_STUDIO_TEST_DATA`, default ../shared/data."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from spacestudio.domain.boxes import Box
from spacestudio.domain.camera import Camera
from spacestudio.domain.depth import DepthMap
from spacestudio.domain.graph import Frame
from spacestudio.domain.measurements import Measurements
from spacestudio.domain.objects import SceneObject
from spacestudio.geometry.measure import with_depth_stats
from spacestudio.relations.family import Family, Pairs

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("SPACE_STUDIO_TEST_DATA") or ROOT.parent / "shared" / "data")
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"no test data at {DATA}; set SPACE_STUDIO_TEST_DATA")

HOSTILE = "<img src=x onerror=alert(1)>&amp;\"'${7*7}{{7*7}}"
"""A label that must show as text everywhere."""


@cache
def coffee(width: int = 600, height: int = 400) -> NDArray[np.uint8]:
    """(H, W, 3) uint8: a cup of coffee on a table, bundled with scikit-image."""
    from PIL import Image
    from skimage import data

    return np.asarray(Image.fromarray(data.coffee()).resize((width, height), Image.Resampling.BILINEAR))


@cache
def motorcycle() -> tuple[NDArray[np.uint8], DepthMap]:
    """(500, 741, 3) uint8 and its measured disparity, bundled with scikit-image."""
    from skimage import data

    left, _, disparity = data.stereo_motorcycle()
    return left, DepthMap.of(disparity, "disparity", "stereo_motorcycle")


def disc(height: int, width: int, x: float, y: float, radius: float) -> NDArray[np.bool_]:
    """(H, W) bool: a filled circle, px."""
    v, u = np.mgrid[:height, :width]
    return ((u - x) ** 2 + (v - y) ** 2) <= radius**2


def small_scene(height: int = 48, width: int = 64) -> tuple[NDArray[np.uint8], DepthMap, Camera, tuple[SceneObject, ...]]:
    """A made picture of two discs before a slanted wall: image, metric depth, camera, objects with masks."""
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 2] = np.linspace(60, 200, width).astype(np.uint8)[None, :]
    depth = np.repeat(np.linspace(4.0, 5.0, width, dtype=np.float32)[None, :], height, 0)
    objects = []
    for name, label, x, y, r, z, color in (
        ("ball-1", "ball", 0.30, 0.6, 0.18, 1.5, (220, 40, 40)),
        ("lamp-1", "lamp", 0.72, 0.4, 0.15, 2.8, (240, 220, 60)),
    ):
        mask = disc(height, width, x * width, y * height, r * height)
        image[mask], depth[mask] = color, z
        box = Box.around(mask)
        assert box is not None
        objects.append(SceneObject(name, label, box, mask=mask))
    known = DepthMap.of(depth, "metric", "made")
    return image, known, Camera.from_fov(width, height, 60), with_depth_stats(tuple(objects), known)


def margins(f: Family, m: Measurements, frame: Frame) -> dict[str, NDArray[np.float64]]:
    """Predicate -> (N, N) margins of a family's rule, each ordered pair by itself; NaN on the diagonal."""
    n = len(m)
    a, b = np.nonzero(~np.eye(n, dtype=bool))
    out = {}
    with np.errstate(invalid="ignore", divide="ignore"):
        for predicate, column in f.margins(Pairs(m, a, b), frame).items():
            out[predicate] = np.full((n, n), np.nan)
            out[predicate][a, b] = column
    return out
