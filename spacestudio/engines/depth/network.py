"""Depth by a network of transformers: any whose family is declared, and some by name.

The registry imports this file, and with it torch, only when such an engine is chosen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray

from spacestudio.domain.boxes import Box
from spacestudio.domain.camera import Camera
from spacestudio.domain.depth import DepthKind, DepthMap
from spacestudio.engines.depth.families import FAMILIES, Family, Processor, answer, family_of
from spacestudio.engines.models import SHELF, Device, Weights, device, loading, on_gpu, running, whole
from spacestudio.engines.progress import tell
from spacestudio.engines.protocols import Image
from spacestudio.errors import Unavailable

SPARE = ("mask_token", "fusion_stage.layers.0.residual_layer1.")
"""Weights that may lack, since no forward pass uses them: training's mask, the second input of the first fusion layer."""

ENDLESS = 1e-4
"""Inverse metres below which nothing was measured: farther than 10 km is sky (the limit of Depth Pro's authors)."""
SAFELY: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}


class DepthModel:
    """Depth of any transformers model whose family is declared (`spacestudio/engines/depth/families.py`).

    What the network is shown of a picture, and what its numbers mean, its family says; both stand in the settings once
    it has run. The answer is brought back to the picture's size by bilinear interpolation.
    """

    name = "depth-model"
    version = f"transformers {transformers.__version__}"
    title = "The depth model"
    hub = ""
    families: tuple[str, ...] = tuple(FAMILIES)

    def __init__(self, model: str = "") -> None:
        self._weights = Weights.of(self.name, self.title, self.hub, model)
        self._facts: dict[str, Any] = {"model": self._weights.name, **device().facts}

    @property
    def settings(self) -> Mapping[str, Any]:
        """The model; where and how precisely it ran; after a run, its revision, its family and what it was shown."""
        return self._facts

    def estimate(self, image: Image, boxes: Sequence[Box] = ()) -> tuple[DepthMap | None, Camera | None]:
        """Depth of an (H, W, 3) uint8 picture, at its own size, and its camera where the model tells the field of view.

        Raises:
            Unavailable: the weights can't be had or are of another family, or memory ran out.
            Cancelled: the person stopped it.
        """
        folder = self._weights.folder()
        family = declared(self._weights, folder, self.families)
        tell(None, f"Loading {self.title}")
        SHELF.ready(*_shelf(self._weights, folder, family))
        tell(None, f"Measuring depth with {self.title}")
        seen = look(self._weights, folder, family, image)
        tell(1.0, f"Measuring depth with {self.title}")
        revision = {} if self._weights.local else {"revision": folder.name}
        self._facts = {"model": self._weights.name, **revision, **seen.facts}
        source = self.title if self.hub else self._weights.name
        camera = None if seen.focal_px is None else _camera(seen.focal_px, image)
        return DepthMap(seen.values, seen.kind, seen.valid, source), camera


class DepthAnything(DepthModel):
    """Relative nearness of every pixel, 0 the farthest. Yang et al., "Depth Anything V2", 2024, arXiv:2406.09414."""

    name = "depth-anything-v2-small"
    title = "Depth Anything V2 Small"
    hub = "depth-anything/Depth-Anything-V2-Small-hf"
    families = ("depth_anything relative",)


class DepthAnythingIndoor(DepthModel):
    """Metres indoors, up to 20: the same network, tuned on Hypersim."""

    name = "depth-anything-v2-indoor"
    title = "Depth Anything V2 Metric Indoor Small"
    hub = "depth-anything/Depth-Anything-V2-Metric-Indoor-Small-hf"
    families = ("depth_anything metric",)


class DepthAnythingOutdoor(DepthModel):
    """Metres outdoors, up to 80: the same network, tuned on Virtual KITTI."""

    name = "depth-anything-v2-outdoor"
    title = "Depth Anything V2 Metric Outdoor Small"
    hub = "depth-anything/Depth-Anything-V2-Metric-Outdoor-Small-hf"
    families = ("depth_anything metric",)


class DepthPro(DepthModel):
    """Metres and the focal length, from the field of view it sees. Bochkovskii et al., "Depth Pro", ICLR 2025."""

    name = "depth-pro"
    title = "Depth Pro"
    hub = "apple/DepthPro-hf"
    families = ("depth_pro",)


class ZoeDepth(DepthModel):
    """Metres, indoors and outdoors. Bhat et al., "ZoeDepth", 2023, arXiv:2302.12288."""

    name = "zoedepth"
    title = "ZoeDepth"
    hub = "Intel/zoedepth-nyu-kitti"
    families = ("zoedepth",)


@dataclass(frozen=True, eq=False)
class Seen:
    """What a network made of a picture: (H, W) values and where they hold, their kind, the focal length (px), facts."""

    values: NDArray[np.float32]
    valid: NDArray[np.bool_]
    kind: DepthKind
    focal_px: float | None
    facts: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Loaded:
    """A network, its family, and how its pictures are prepared."""

    network: Any
    family: Family
    processor: Processor
    where: Device


def declared(weights: Weights, folder: Path, families: tuple[str, ...]) -> str:
    """The family of the model in `folder`.

    Raises:
        Unavailable: it says none of `families`, or nothing that can be read.
    """
    with loading(weights):
        family = family_of(transformers.AutoConfig.from_pretrained(folder, **SAFELY))
    if family not in families:
        raise Unavailable(f"“{weights.where}” is {family}; {weights.title} can't use it", ", ".join(families))
    return family


@on_gpu(30)
def look(weights: Weights, folder: Path, family: str, image: Image) -> Seen:
    """What the network in `folder` sees in an (H, W, 3) uint8 picture.

    Raises:
        Unavailable: it can't be loaded, or memory ran out.
    """
    height, width = image.shape[:2]
    with SHELF.borrow(*_shelf(weights, folder, family)) as m, running(weights.title, f"{width} x {height} px"):
        shown = m.family.show(image, m.processor, m.network.config)
        out = m.network(pixel_values=shown.pixels.to(m.where.name, m.where.dtype))
        values = answer(out.predicted_depth, shown, height, width)
        kind, focal_px = m.family.kind, None
        if m.family.canonical:
            focal_px = focal_length(getattr(out, "field_of_view", None), width)
            kind = "metric" if focal_px else "relative"
            inverse = values * (width / focal_px if focal_px else 1.0)
            values = torch.where(inverse > ENDLESS, 1.0 / inverse.clamp(ENDLESS, 1 / ENDLESS), torch.inf)
        numbers = values.cpu().numpy().astype(np.float32)
    valid = np.isfinite(numbers)
    if kind == "metric":
        valid &= numbers > 0
    facts = {
        **m.where.facts,
        "family": m.family.name,
        "kind": kind,
        "resizing": m.family.resizing,
        "shown_px": [int(shown.pixels.shape[-1]), int(shown.pixels.shape[-2])],
    }
    return Seen(np.where(valid, numbers, np.float32(0)), valid, kind, focal_px, facts)


def focal_length(fov_deg: torch.Tensor | None, width: int) -> float | None:
    """Focal length in px of a picture `width` px wide, from its horizontal field of view; None when that is no angle."""
    if fov_deg is None:
        return None
    fov = float(fov_deg.float().flatten()[0])
    return 0.5 * width / math.tan(math.radians(fov) / 2) if 0 < fov < 180 else None


def _camera(focal_px: float, image: Image) -> Camera:
    height, width = image.shape[:2]
    return Camera(focal_px, focal_px, width / 2, height / 2, width, height, "model")


def _shelf(weights: Weights, folder: Path, family: str) -> tuple[tuple[str, ...], Callable[[], Loaded], int]:
    """The key, the loader and the need of a network, for `SHELF`."""
    where = device() if FAMILIES[family].half else replace(device(), dtype=torch.float32)

    def make() -> Loaded:
        with loading(weights):
            network, report = transformers.AutoModelForDepthEstimation.from_pretrained(
                folder, use_safetensors=True, dtype=where.dtype, output_loading_info=True, **SAFELY
            )
            whole(weights, report, lambda key: any(part in key for part in SPARE))
            processor = Processor.of(folder, FAMILIES[family])
            return Loaded(network.to(where.name).eval(), FAMILIES[family], processor, where)

    return ("depth", str(folder), *where.facts.values()), make, Weights.need(folder, where.dtype)
