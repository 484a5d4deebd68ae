"""Masks from boxes and clicks: SAM and SAM 2 through transformers.

Kirillov et al., "Segment Anything", ICCV 2023, arXiv:2304.02643; Ravi et al., "SAM 2", ICLR 2025, arXiv:2408.00714.
Pictures are resized and normalised here, in torch, so the result does not depend on which image library is installed.
The networks compute in float32 everywhere. What a network made of a picture is kept and serves its next boxes and clicks.

Shapes: H, W of the picture; S side of the square a network sees; N boxes; K clicks.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import transformers

from spacestudio.domain.boxes import Box
from spacestudio.domain.depth import DepthMap
from spacestudio.engines.models import SHELF, Device, Weights, device, network_of, on_gpu, running
from spacestudio.engines.progress import tell
from spacestudio.engines.protocols import Image, Mask
from spacestudio.engines.segment.grabcut import ellipse

NEED = 3 << 30
"""Memory a network and its work take, in bytes: 0.4 GB of weights, the rest on the way."""
KEPT = 4
"""Pictures whose embedding is kept with a network; each takes 4 MB for SAM and 16 MB for SAM 2."""
AT_ONCE = 16
"""Boxes asked about at a time."""
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's pixels in [0, 1], as both papers normalise."""


@dataclass(eq=False)
class _Loaded:
    """A network, and what it made of the last pictures, by a hash of their bytes."""

    network: Any
    seen: OrderedDict[str, Any] = field(default_factory=OrderedDict)


class Sam:
    """SAM: sees the picture with its longer side at S px, padded to a square at its right or lower side."""

    name = "sam"
    title = "SAM"
    hub = "facebook/sam-vit-base"
    kinds: tuple[str, ...] = ("sam",)
    version = f"transformers {transformers.__version__}"
    architecture: Any = transformers.SamModel

    def __init__(self, model: str = "") -> None:
        self._weights = Weights.of(self.name, self.title, self.hub, model)
        self._device = Device(device().name, torch.float32)
        self._ellipses = 0

    @property
    def settings(self) -> Mapping[str, Any]:
        """The model, a folder by its last name; where and how precisely it ran; of the last boxes, how many masks are the
        ellipse in their box because the network gave nothing there."""
        return {"model": self._weights.name, **self._device.facts, "ellipses": self._ellipses}

    def segment(self, image: Image, depth: DepthMap | None, boxes: Sequence[Box]) -> list[Mask]:
        """One (H, W) bool mask per box, never empty, inside its box; where the network gives none, the ellipse in it.

        Raises:
            Unavailable: the weights can't be had or don't fit this engine, or memory ran out.
            Cancelled: the person stopped it.
        """
        height, width = image.shape[:2]
        self._ellipses, out = 0, []
        for start in range(0, len(boxes), AT_ONCE):
            tell(start / len(boxes), f"{self.title}: masks of {len(boxes)} objects")
            places = [box.slices(width, height) for box in boxes[start : start + AT_ONCE]]
            corners = [(float(x.start), float(y.start), float(x.stop), float(y.stop)) for y, x in places]
            for place, found in zip(places, self._asked(image, corners, (), ()), strict=True):
                mask = np.zeros((height, width), bool)
                mask[place] = found[place]
                if not mask.any():
                    mask[place] = ellipse(*mask[place].shape)
                    self._ellipses += 1
                out.append(mask)
        return out

    def click(
        self, image: Image, points: Sequence[tuple[float, float]], positive: Sequence[bool], box: Box | None = None
    ) -> Mask:
        """(H, W) bool: the thing that holds the positive points and not the others; may be empty.

        Of what one point alone may mean (a part, a larger part, the whole) it is what the network rates highest.

        Args:
            image: (H, W, 3) uint8.
            points: K of (x, y) in picture px, at least one.
            positive: K; whether the thing holds the point.
            box: round the thing, where it is known.

        Raises:
            Unavailable: the weights can't be had or don't fit this engine, or memory ran out.
            Cancelled: the person stopped it.
        """
        tell(None, f"{self.title}: what was clicked")
        corners = [] if box is None else [box.clipped(image.shape[1], image.shape[0]).xyxy]
        return self._asked(image, corners, points, positive)[0]

    @on_gpu(60)
    def _asked(
        self,
        image: Image,
        corners: Sequence[tuple[float, float, float, float]],
        points: Sequence[tuple[float, float]],
        positive: Sequence[bool],
    ) -> list[Mask]:
        """(H, W) bool for each of N boxes, or for the clicks, which may come with one box."""
        key = (self.name, self._weights.where, self._device.name)
        height, width = image.shape[:2]
        with SHELF.borrow(key, self._load, NEED) as loaded, running(self.title, f"{width} x {height} px"):
            side = int(loaded.network.config.prompt_encoder_config.image_size)
            rows, columns = self.seen(height, width, side)
            scale = torch.tensor([columns / width, rows / height], dtype=torch.float32)
            asked: dict[str, Any] = {}
            if corners:
                asked["input_boxes"] = (torch.tensor(corners).reshape(-1, 2, 2) * scale).reshape(1, -1, 4)
            if points:
                asked["input_points"] = (torch.tensor(points, dtype=torch.float32) * scale)[None, None]
                asked["input_labels"] = torch.tensor(positive, dtype=torch.int64)[None, None]
            out = loaded.network(
                image_embeddings=self._embedding(loaded, image, side),
                multimask_output=len(points) == 1 and not corners,
                **{name: value.to(self._device.name) for name, value in asked.items()},
            )
            best = out.iou_scores[0].argmax(-1)
            return [
                self._at_full_size(masks[int(k)].float(), height, width, side)
                for masks, k in zip(out.pred_masks[0], best, strict=True)
            ]

    def _embedding(self, loaded: _Loaded, image: Image, side: int) -> Any:
        """What the network makes of the picture; made once while it is among the last."""
        key = hashlib.blake2b(repr(image.shape).encode() + np.ascontiguousarray(image).tobytes()).hexdigest()
        if key not in loaded.seen:
            rows, columns = self.seen(image.shape[0], image.shape[1], side)
            pixels = as_seen(image, rows, columns, side).to(self._device.name)
            loaded.seen[key] = loaded.network.get_image_embeddings(pixels)
            while len(loaded.seen) > KEPT:
                loaded.seen.popitem(last=False)
        loaded.seen.move_to_end(key)
        return loaded.seen[key]

    def _load(self) -> _Loaded:
        """The network.

        Raises:
            Unavailable: with what failed, in one line.
        """
        folder = self._weights.folder()
        network = network_of(self._weights, folder, self.architecture, self.kinds, self.hub, self._device)
        return _Loaded(network)

    def seen(self, height: int, width: int, side: int) -> tuple[int, int]:
        """(rows, columns) a picture takes of the square of `side` px that the network sees."""
        scale = side / max(height, width)
        return max(1, int(height * scale + 0.5)), max(1, int(width * scale + 0.5))

    def _at_full_size(self, logits: torch.Tensor, height: int, width: int, side: int) -> Mask:
        """(H, W) bool of the (h, w) logits over the whole square."""
        rows, columns = self.seen(height, width, side)
        square = resized(logits[None, None], side, side)
        return np.asarray((resized(square[..., :rows, :columns], height, width)[0, 0] > 0).cpu().numpy())


class Sam2(Sam):
    """SAM 2: sees the picture stretched to a square."""

    name = "sam2"
    title = "SAM 2"
    hub = "facebook/sam2.1-hiera-tiny"
    kinds = ("sam2", "sam2_video")  # its authors publish one file for pictures and films
    architecture = transformers.Sam2Model

    def seen(self, height: int, width: int, side: int) -> tuple[int, int]:
        """The whole square."""
        return side, side

    def _at_full_size(self, logits: torch.Tensor, height: int, width: int, side: int) -> Mask:
        return np.asarray((resized(logits[None, None], height, width)[0, 0] > 0).cpu().numpy())


def as_seen(image: Image, rows: int, columns: int, side: int) -> torch.Tensor:
    """(1, 3, side, side) float32: the picture at (rows, columns), normalised, zeros to its right and below.

    Linear resizing that averages what it makes smaller; no rounding to whole levels in between.
    """
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255
    small = torch.nn.functional.interpolate(pixels, (rows, columns), mode="bilinear", align_corners=False, antialias=True)
    normal = (small - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(SPREAD).view(1, 3, 1, 1)
    return torch.nn.functional.pad(normal, (0, side - columns, 0, side - rows))


def resized(logits: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """(1, 1, height, width): logits between two sizes, linearly, as both papers' code does."""
    return torch.nn.functional.interpolate(logits, (height, width), mode="bilinear", align_corners=False)
