"""What depth networks are shown, and what their numbers mean: one row a family, none guessed.

A family is told by the network's configuration. Pictures are resized here and not by the library's processors: some of
those need torchvision, some make nothing of narrow pictures, and some show the network however many pixels come.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from PIL import Image as Pictures
from pydantic import BaseModel, BeforeValidator, Field

from spacestudio.domain.depth import DepthKind
from spacestudio.engines.protocols import Image

LONGEST = 4
"""A side the network sees, over the side it was made for, at most; a longer picture is squeezed (ours: bounds memory)."""
MOST_PX = 1_000_000
"""Pixels a network sees whose authors show it whole pictures (ours: bounds memory)."""


def _size(given: Any) -> Any:
    """Sides as old files write them, one number, as well as {"height", "width"}."""
    if isinstance(given, dict):
        short = given.get("shortest_edge")
        return given.get("height", short), given.get("width", short)
    return (given, given) if isinstance(given, int) else given


Side = Annotated[int, Field(ge=1, le=4096)]
Three = tuple[float, float, float]


class Processor(BaseModel):
    """What a model's preprocessor_config.json says; where it is silent, what its family does.

    Attributes:
        size: (rows, columns) the network sees.
        keep_aspect_ratio, ensure_multiple_of, size_divisor: how that is made to fit a picture.
        resample: Pillow's number of the filter.
        rescale_factor, image_mean, image_std: how a value in 0–255 becomes the network's.
    """

    do_resize: bool = True
    do_rescale: bool = True
    do_normalize: bool = True
    do_pad: bool | None = False
    size: Annotated[tuple[Side, Side], BeforeValidator(_size)] = (384, 384)
    keep_aspect_ratio: bool = False
    ensure_multiple_of: Annotated[float, Field(ge=0, le=256)] = 1
    size_divisor: Annotated[int, Field(ge=1, le=256)] | None = None
    resample: Annotated[int, Field(ge=0, le=5)] = 3
    rescale_factor: float = 1 / 255
    image_mean: Three = (0.5, 0.5, 0.5)
    image_std: Three = (0.5, 0.5, 0.5)

    @classmethod
    def of(cls, folder: Path, family: Family) -> Processor:
        """Of a model's folder.

        Raises:
            OSError, ValueError: no such file, or not of this shape.
        """
        said = cls.model_validate_json((folder / "preprocessor_config.json").read_bytes())
        return cls.model_validate({**family.silent, **said.model_dump(exclude_unset=True)})

    def numbers(self, pixels: torch.Tensor) -> torch.Tensor:
        """(3, h, w) values in 0–255 as the network wants them."""
        if self.do_rescale:
            pixels = pixels * self.rescale_factor
        if not self.do_normalize:
            return pixels
        return (pixels - torch.tensor(self.image_mean)[:, None, None]) / torch.tensor(self.image_std)[:, None, None]


@dataclass(frozen=True, eq=False)
class Shown:
    """What a network is shown of a picture.

    Attributes:
        pixels: (1, 3, h, w) float32.
        frame: (rows, columns) that the network's answer is brought to; None for the picture's size.
        corner: (row, column) of that frame where the picture begins.
        inner: (rows, columns) of that frame which show the picture.
    """

    pixels: torch.Tensor
    frame: tuple[int, int] | None = None
    corner: tuple[int, int] = (0, 0)
    inner: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Family:
    """One kind of depth network.

    Attributes:
        name: the configuration's `model_type`, and what tells its kinds apart.
        kind: what its numbers mean.
        show: makes what it sees of an (H, W, 3) uint8 picture.
        resizing: that, in words.
        silent: what its processor file may leave out.
        half: whether float16 is enough.
        canonical: its numbers are inverse depth that the field of view it sees turns into metres.
    """

    name: str
    kind: DepthKind
    show: Callable[[Image, Processor, Any], Shown]
    resizing: str
    silent: dict[str, Any]
    half: bool = True
    canonical: bool = False


def short_side(height: int, width: int, size: tuple[int, int], multiple: int) -> tuple[int, int]:
    """(rows, columns): the short side as long as `size`'s, both multiples, neither above LONGEST times as long."""
    short = min(size)
    scale = short / min(height, width)
    return _whole(min(height * scale, short * LONGEST), multiple), _whole(min(width * scale, short * LONGEST), multiple)


def least_change(height: int, width: int, size: tuple[int, int], multiple: int) -> tuple[int, int]:
    """(rows, columns): scaled by what is nearer 1 of the two scales that fit `size`, and bounded as `short_side`."""
    scale = min(size[0] / height, size[1] / width, key=lambda s: abs(1 - s))
    rows, columns = min(height * scale, size[0] * LONGEST), min(width * scale, size[1] * LONGEST)
    return _whole(rows, multiple), _whole(columns, multiple)


def own_size(height: int, width: int, multiple: int) -> tuple[int, int]:
    """(rows, columns): the picture's own, down to multiples, and scaled down to MOST_PX."""
    scale = min(1.0, math.sqrt(MOST_PX / (height * width)))
    rows, columns = height * scale, width * scale
    if max(rows, columns) > 4096:
        rows, columns = min(rows, 4096.0), min(columns, 4096.0)
    return max(1, int(rows) // multiple) * multiple, max(1, int(columns) // multiple) * multiple


def _whole(side: float, multiple: int) -> int:
    return max(1, round(side / multiple)) * multiple


def _resized(image: Image, rows: int, columns: int, resample: int) -> torch.Tensor:
    """(3, rows, columns) float32 in 0–255, by Pillow's filter."""
    seen = Pictures.fromarray(image)
    if seen.size != (columns, rows):
        seen = seen.resize((columns, rows), Pictures.Resampling(resample))
    return torch.from_numpy(np.asarray(seen).transpose(2, 0, 1).astype(np.float32))


def _patches(image: Image, like: Processor, config: Any) -> Shown:
    """Depth Anything: the short side as its authors have it, whole patches."""
    height, width = image.shape[:2]
    rows, columns = short_side(height, width, like.size, int(config.patch_size))
    return Shown(like.numbers(_resized(image, rows, columns, like.resample))[None])


def _dpt(image: Image, like: Processor, config: Any) -> Shown:
    """MiDaS and DPT: the size they were made for."""
    height, width = image.shape[:2]
    multiple = max(1, round(like.ensure_multiple_of))
    rows, columns = short_side(height, width, like.size, multiple) if like.keep_aspect_ratio else like.size
    return Shown(like.numbers(_resized(image, rows, columns, like.resample))[None])


def _padded(image: Image, like: Processor, config: Any) -> Shown:
    """DINOv2's depth heads: the whole picture with a margin of zeros that makes its patches whole."""
    rows, columns = own_size(image.shape[0], image.shape[1], 1)
    patch = like.size_divisor or int(config.backbone_config.patch_size)
    pixels = like.numbers(_resized(image, rows, columns, like.resample))
    down, across = -rows % patch, -columns % patch
    around = (across // 2, across - across // 2, down // 2, down - down // 2)
    padded = torch.nn.functional.pad(pixels, around)
    return Shown(padded[None], (rows + down, columns + across), (down // 2, across // 2), (rows, columns))


def _glpn(image: Image, like: Processor, config: Any) -> Shown:
    """GLPN: the whole picture, down to multiples of 32."""
    rows, columns = own_size(image.shape[0], image.shape[1], like.size_divisor or 32)
    return Shown(like.numbers(_resized(image, rows, columns, like.resample))[None])


def _zoe(image: Image, like: Processor, config: Any) -> Shown:
    """ZoeDepth: with a mirrored margin, which keeps the borders honest, and scaled as little as its size allows."""
    height, width = image.shape[:2]
    margin = (int(math.sqrt(height / 2) * 3), int(math.sqrt(width / 2) * 3)) if like.do_pad else (0, 0)
    framed = np.pad(image, ((margin[0], margin[0]), (margin[1], margin[1]), (0, 0)), mode="reflect")
    frame = (framed.shape[0], framed.shape[1])
    size = least_change(*frame, like.size, max(1, round(like.ensure_multiple_of)))
    pixels = torch.from_numpy(np.ascontiguousarray(framed.transpose(2, 0, 1))).float()[None]
    pixels = torch.nn.functional.interpolate(pixels, size, mode="bilinear", align_corners=True)
    return Shown(like.numbers(pixels[0])[None], frame, margin, (height, width))


def _squared(image: Image, like: Processor, config: Any) -> Shown:
    """Depth Pro: squeezed to its square, whatever the picture's sides."""
    pixels = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).float()[None]
    pixels = torch.nn.functional.interpolate(pixels, like.size, mode="bilinear", align_corners=False)
    return Shown(like.numbers(pixels[0])[None])


_IMAGENET: dict[str, Any] = {"image_mean": (0.485, 0.456, 0.406), "image_std": (0.229, 0.224, 0.225)}
_WHOLE_PATCHES: dict[str, Any] = {"size": (518, 518), **_IMAGENET}
_SHORT = f"short side as made for, whole patches, long side at most {LONGEST} times the short"
_OWN = f"the picture's own size, at most {MOST_PX / 1e6:.0f} megapixel"

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        # Yang et al., arXiv:2401.10891 and 2406.09414: inverse depth up to scale and shift; fine-tuned ones say metres.
        Family("depth_anything relative", "disparity", _patches, _SHORT, _WHOLE_PATCHES),
        Family("depth_anything metric", "metric", _patches, _SHORT, _WHOLE_PATCHES),
        # Lin et al., arXiv:2412.14015: depth between the limits of a sensor's, which nobody gives here.
        Family("prompt_depth_anything", "relative", _patches, _SHORT, {"size": (756, 756), **_IMAGENET}),
        # Ranftl et al., arXiv:2103.13413, trained as MiDaS: inverse depth up to scale and shift.
        Family("dpt", "disparity", _dpt, "the size it was made for", {}),
        # Oquab et al., arXiv:2304.07193: DPT heads trained on the metres of NYU and KITTI.
        Family("dpt on dinov2", "metric", _padded, f"{_OWN}, a margin up to whole patches", _IMAGENET),
        # Kim et al., arXiv:2201.07436: metres of NYU or KITTI.
        Family("glpn", "metric", _glpn, f"{_OWN}, multiples of 32", {"do_normalize": False, "resample": 2}, half=False),
        # Bhat et al., arXiv:2302.12288: metres. Its bins need float32.
        Family(
            "zoedepth", "metric", _zoe, f"scaled as little as fits, multiples, sides at most {LONGEST} times as made for",
            {"size": (384, 512), "keep_aspect_ratio": True, "ensure_multiple_of": 32, "do_pad": True}, half=False,
        ),
        # Bochkovskii et al., arXiv:2410.02073: metres, from inverse depth and the field of view it sees.
        Family("depth_pro", "metric", _squared, "squeezed to a square", {"size": (1536, 1536)}, canonical=True),
    )
}  # fmt: skip
"""What is known of each; a family that is not here is refused, since its numbers could mean anything."""


def family_of(config: Any) -> str:
    """The name in FAMILIES a transformers configuration would have, "" when it says none."""
    kind = str(getattr(config, "model_type", ""))
    if kind == "depth_anything":
        return f"{kind} {config.depth_estimation_type}"
    backbone = getattr(getattr(config, "backbone_config", None), "model_type", "")
    return f"{kind} on {backbone}" if kind == "dpt" and backbone == "dinov2" else kind


def answer(raw: torch.Tensor, shown: Shown, height: int, width: int) -> torch.Tensor:
    """(H, W) float32 of a network's (1, h, w) answer: bilinear, what is no part of the picture cut off."""
    values = raw[None].float()
    if shown.frame is not None:
        (top, left), (rows, columns) = shown.corner, shown.inner
        values = _bilinear(values, shown.frame)[..., top : top + rows, left : left + columns]
    return _bilinear(values, (height, width))[0, 0]


def _bilinear(values: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    if tuple(values.shape[-2:]) == size:
        return values
    return torch.nn.functional.interpolate(values, size, mode="bilinear", align_corners=False)
