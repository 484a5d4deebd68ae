"""Depth Anything V2 Small through transformers: inverse depth up to scale and shift, larger = nearer.

Yang et al., "Depth Anything V2", NeurIPS 2024, arXiv:2406.09414: affine-invariant inverse depth. The Small weights are
Apache-2.0; Base and Large are not. The registry imports this file, and with it torch, only when the engine is chosen.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from spacestudio.domain.boxes import Box
from spacestudio.domain.camera import Camera
from spacestudio.domain.depth import DepthMap
from spacestudio.engines.protocols import Image
from spacestudio.errors import Unavailable
from spacestudio.settings import settings

TITLE = "Depth Anything V2 Small"
HUB = "depth-anything/Depth-Anything-V2-Small-hf"
LONGEST = 4
"""The long side the network sees, over its short one, at most; a longer picture is squeezed (ours: bounds memory)."""
OFFLINE = "Go online once to download it (99 MB), or set SPACE_STUDIO_DEPTH_MODEL to a folder that holds its files"
_LOADING = threading.Lock()


class DepthAnything:
    """Relative nearness of every pixel, learned; no distances and no camera."""

    name = "depth-anything-v2-small"
    version = f"transformers {transformers.__version__}"

    def __init__(self) -> None:
        self._model = settings().depth_model.strip() or HUB
        self._device, self._dtype = device()

    @property
    def settings(self) -> Mapping[str, Any]:
        """The model, a folder by its last name; where and how precisely it ran."""
        model = Path(self._model).name if is_local(self._model) else self._model
        return {"model": model, "device": self._device, "dtype": str(self._dtype).removeprefix("torch.")}

    def estimate(self, image: Image, boxes: Sequence[Box] = ()) -> tuple[DepthMap | None, Camera | None]:
        """Disparity of an (H, W, 3) uint8 picture, at its own size; 0 is the farthest.

        Raises:
            Unavailable: the weights can't be had or don't fit this engine, or memory ran out.
        """
        with _LOADING:
            processor, model = load(self._model, self._device, self._dtype)
        height, width = image.shape[:2]
        rows, columns = network_size(height, width, processor.size["height"], model.config.patch_size)
        seen = {"size": {"height": rows, "width": columns}, "keep_aspect_ratio": False, "input_data_format": "channels_last"}
        try:
            pixels = processor(images=image, return_tensors="pt", **seen)["pixel_values"].to(self._device, self._dtype)
            with torch.inference_mode():
                raw = model(pixel_values=pixels).predicted_depth[None].float()
                raw = torch.nn.functional.interpolate(raw, (height, width), mode="bilinear", align_corners=True)
                values = raw[0, 0].cpu().numpy()
        except (MemoryError, RuntimeError) as why:
            if isinstance(why, RuntimeError) and "memory" not in str(why):
                raise
            step = "Close what else uses it, or choose another depth engine"
            raise Unavailable(
                f"{TITLE} ran out of memory ({self._device}) on {width} x {height} px", next_step=step
            ) from why
        valid = np.isfinite(values)
        return DepthMap(np.where(valid, values, np.float32(0)), "disparity", valid, TITLE), None


def device() -> tuple[str, torch.dtype]:
    """The fastest device there is, and the precision used on it."""
    if torch.cuda.is_available():
        return "cuda", torch.float16
    return ("mps" if torch.backends.mps.is_available() else "cpu"), torch.float32


def is_local(model: str) -> bool:
    """Whether `model` means a folder; else it is a name on the Hub."""
    path = Path(model).expanduser()
    return path.is_dir() or path.is_absolute() or model.startswith(".")


def network_size(height: int, width: int, short: int, patch: int) -> tuple[int, int]:
    """(rows, columns) the network sees: the short side is `short`, as its authors do, both multiples of `patch`."""
    scale = short / min(height, width)
    rows, columns = (max(1, round(min(side * scale, short * LONGEST) / patch)) * patch for side in (height, width))
    return rows, columns


@functools.cache
def load(model: str, device: str, dtype: torch.dtype) -> tuple[Any, Any]:
    """Image processor and network, once a process; a failure is not kept.

    Raises:
        Unavailable: with what failed, in one line.
    """
    folder = Path(model).expanduser()
    if is_local(model) and not folder.is_dir():
        raise Unavailable(f"{TITLE}: SPACE_STUDIO_DEPTH_MODEL is “{model}”, which is no folder", next_step=OFFLINE)
    where = str(folder) if is_local(model) else model
    safe = {"trust_remote_code": False, "local_files_only": is_local(model)}
    try:
        network, report = transformers.AutoModelForDepthEstimation.from_pretrained(
            where, use_safetensors=True, dtype=dtype, output_loading_info=True, **safe
        )
        processor = transformers.AutoImageProcessor.from_pretrained(where, **safe)
        network = network.to(device).eval()
    except Exception as why:  # the library raises a dozen unrelated kinds
        cause = (str(why).strip() or type(why).__name__).splitlines()[0].split(". ")[0]
        raise Unavailable(f"{TITLE} can't be loaded from “{model}”: {cause}", next_step=OFFLINE) from why
    # Without these two checks random numbers, or metres, would pass for disparity.
    if lacking := sorted(key for key in report["missing_keys"] if not key.endswith("mask_token")):
        raise Unavailable(f"“{model}” lacks {len(lacking)} weights of {TITLE}, {lacking[0]} first", next_step=OFFLINE)
    if network.config.model_type != "depth_anything" or network.config.depth_estimation_type != "relative":
        raise Unavailable(f"“{model}” is no relative Depth Anything model", f"{HUB}, or a folder that holds it")
    return processor, network
