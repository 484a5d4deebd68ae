"""Ready inputs of examples/examples.json, made or loaded on click: own scenes, and photos scikit-image carries."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, TypeAdapter

from spacestudio.domain.boxes import Box
from spacestudio.domain.camera import Camera
from spacestudio.domain.depth import DepthMap
from spacestudio.engines.protocols import Detection
from spacestudio.formats.pictures import Picture
from spacestudio.services.begin import Ready, Recipe
from spacestudio.services.payloads import to_png
from spacestudio.services.studio import Studio

FILE = Path(__file__).parents[2] / "examples" / "examples.json"


class Example(BaseModel):
    """What the button says, where it is from, and what it is made of: a bundled photo with boxes, or a scene with a seed."""

    label: str
    provenance: str
    photo: str = ""
    boxes: list[tuple[str, float, float, float, float]] = []
    scene: str = ""
    seed: int = 0


@functools.cache
def examples() -> Mapping[str, Example]:
    """Name -> example, in the order of the buttons."""
    return TypeAdapter(dict[str, Example]).validate_json(FILE.read_bytes())


def example(studio: Studio, owner: str, name: str) -> str:
    """Make an example; the new sample's id."""
    chosen = examples()[name]
    if chosen.scene:
        return studio.imagine(owner, chosen.scene, chosen.seed)
    ready = Ready([Detection(label, Box(*xyxy)) for label, *xyxy in chosen.boxes], "examples.json")
    rgb, recipe = _photo(chosen.photo, ready)
    return studio.add_picture(owner, Picture(rgb, to_png(rgb), f"{name}.png", ()), recipe=recipe)


def _photo(name: str, ready: Ready) -> tuple[NDArray[np.uint8], Recipe]:
    import skimage.data

    if name != "stereo_motorcycle":
        return np.ascontiguousarray(getattr(skimage.data, name)()[..., :3]), Recipe(objects=ready)
    left, _, disparity = skimage.data.stereo_motorcycle()
    return np.ascontiguousarray(left), motorcycle_recipe(disparity, ready)


def motorcycle_recipe(disparity: NDArray[np.float32], ready: Ready) -> Recipe:
    """Metric depth of the Middlebury 2014 pair from its (H, W) disparity, px.

    distance = focal x baseline / (disparity + dx), with the figures scikit-image's documentation gives.
    """
    focal, baseline_m, dx, cx, cy = 994.978, 0.193001, 31.086, 311.193, 254.877
    metres = focal * baseline_m / (np.where(np.isfinite(disparity), disparity, np.nan) + dx)
    height, width = metres.shape
    depth = DepthMap.of(metres.astype(np.float32), "metric", "true disparity (Middlebury 2014)")
    return Recipe(depth=depth, camera=Camera(focal, focal, cx, cy, width, height), objects=ready)
