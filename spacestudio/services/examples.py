"""Ready inputs, each made or loaded on click: the project's own scenes, and photos scikit-image carries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from spacestudio.domain.boxes import Box
from spacestudio.domain.camera import Camera
from spacestudio.domain.depth import DepthMap
from spacestudio.engines.protocols import Detection
from spacestudio.formats.pictures import Picture
from spacestudio.services.begin import Ready, Recipe
from spacestudio.services.payloads import to_png
from spacestudio.services.studio import Studio

OWN = "drawn by a person for this example"


@dataclass(frozen=True)
class Example:
    """One example: what the button says, where it is from, and how its sample is made."""

    label: str
    provenance: str
    make: Callable[[Studio, str], str]


def _photo(name: str, boxes: Mapping[str, tuple[float, float, float, float]]) -> Callable[[Studio, str], str]:
    def make(studio: Studio, owner: str) -> str:
        import skimage.data

        rgb = np.ascontiguousarray(getattr(skimage.data, name)()[..., :3])
        return studio.add_picture(owner, _picture(name, rgb), recipe=Recipe(objects=_ready(boxes)))

    return make


def _motorcycle(studio: Studio, owner: str) -> str:
    """Middlebury 2014 left view; depth = focal x baseline / (disparity + dx), figures from skimage.data's documentation."""
    import skimage.data

    left, _, disparity = skimage.data.stereo_motorcycle()
    focal, baseline_m, dx = 994.978, 0.193001, 31.086
    metres = focal * baseline_m / (np.where(np.isfinite(disparity), disparity, np.nan) + dx)
    height, width = metres.shape
    recipe = Recipe(
        depth=DepthMap.of(metres.astype(np.float32), "metric", "true disparity (Middlebury 2014)"),
        camera=Camera(focal, focal, 311.193, 254.877, width, height, "given"),
        objects=_ready({"motorcycle": (60, 95, 690, 470)}),
    )
    return studio.add_picture(owner, _picture("motorcycle", np.ascontiguousarray(left)), recipe=recipe)


def _ready(boxes: Mapping[str, tuple[float, float, float, float]]) -> Ready:
    return Ready([Detection(label.rstrip("0123456789 "), Box(*xyxy)) for label, xyxy in boxes.items()], OWN)


def _picture(name: str, rgb: Any) -> Picture:
    return Picture(rgb, to_png(rgb), f"{name}.png", ())


def _scene(name: str, seed: int) -> Callable[[Studio, str], str]:
    return lambda studio, owner: studio.imagine(owner, name, seed)


EXAMPLES: Mapping[str, Example] = {
    "motorcycle": Example("Motorcycle, true depth", "Middlebury 2014 stereo pair, carried by scikit-image", _motorcycle),
    "coffee": Example("Coffee", "photo by Rachel Michetti, CC0, carried by scikit-image", _photo("coffee", {"cup": (172, 14, 416, 306), "spoon": (324, 64, 430, 328), "plate": (74, 20, 482, 392)})),
    "chelsea": Example("Chelsea the cat", "photo by Stefan van der Walt, CC0, carried by scikit-image", _photo("chelsea", {"cat": (45, 5, 445, 298)})),
    "astronaut": Example("Astronaut", "NASA, public domain, carried by scikit-image", _photo("astronaut", {"person": (85, 0, 480, 512), "helmet": (290, 300, 512, 512)})),
    "kitchen": Example("A kitchen", "made by Space Studio from its grammar", _scene("kitchen", 3)),
    "street": Example("A street", "made by Space Studio from its grammar", _scene("street", 5)),
    "park": Example("A park", "made by Space Studio from its grammar", _scene("park", 2)),
}  # fmt: skip


def example(studio: Studio, owner: str, name: str) -> str:
    """Make an example; the new sample's id."""
    return EXAMPLES[name].make(studio, owner)
