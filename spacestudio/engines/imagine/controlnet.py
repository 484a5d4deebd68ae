"""Depth ControlNet: a picture whose depth is the layout's own, so that front and behind are carried too.

Zhang et al., "Adding Conditional Control to Text-to-Image Diffusion Models", ICCV 2023, arXiv:2302.05543. The control image
is the depth of the compositor's picture of the same layout (and photo, where there is one), as disparity, near = white: what
both networks were trained on. Nothing of the photo is carried over but its depth.

Each engine is two models, base and control. `ENGINE:NAME` and `SPACE_STUDIO_MODELS=ENGINE=NAME` name the base,
`SPACE_STUDIO_MODELS=ENGINE-control=NAME` the control; both may stand in one line, with a comma between.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import diffusers
import numpy as np
from PIL.Image import fromarray

from spacestudio.domain.layout import Layout
from spacestudio.engines.imagine import diffusion
from spacestudio.engines.imagine.compositor import Compositor
from spacestudio.engines.imagine.diffusion import SD, SDXL, Diffusion, Loaded
from spacestudio.engines.models import Weights, on_gpu
from spacestudio.engines.protocols import Image, Source
from spacestudio.errors import Unavailable


class DepthControl(Diffusion):
    """A picture from a prompt and the layout's depth. The base of the two engines.

    Attributes:
        control_hub: the control's name on the Hub.
        scale: how much the control counts.
        parts: of the base model.
        pipeline: diffusers' class.
    """

    control_hub = ""
    scale = 1.0
    steps = 30
    parts: tuple[str, ...] = SD
    pipeline = "StableDiffusionControlNetPipeline"

    def __init__(self, model: str = "") -> None:
        super().__init__(model)
        self.control = Weights.of(f"{self.name}-control", f"{self.title} (control)", self.control_hub)

    @property
    def settings(self) -> Mapping[str, Any]:
        """Both models, device, and every parameter."""
        return {
            **super().settings,
            "control": self.control.name,
            "control_image": "disparity of the compositor's depth",
            "control_scale": self.scale,
        }

    @property
    def key(self) -> tuple[str, str, str]:
        """Both models."""
        return self.name, self.weights.where, self.control.where

    def load(self) -> Loaded:
        """The pipeline, from the weights of both."""
        parts = diffusion.parts_of(self.weights, self.parts)
        parts |= diffusion.parts_of(self.control, ("controlnet",), inside=False)
        wide = parts["unet"].config.cross_attention_dim
        if parts["controlnet"].config.cross_attention_dim != wide:
            raise Unavailable(
                f"“{self.control.where}” is a control for another kind of model than “{self.weights.where}”",
                f"a control whose text is {wide} wide, such as {self.control_hub}",
            )
        return diffusion.ready(getattr(diffusers, self.pipeline)(**parts, **self.without()))

    def without(self) -> Mapping[str, Any]:
        """What the pipeline is built without."""
        return {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}

    @on_gpu(60)
    def draw(self, layout: Layout, source: Source | None, seed: int) -> tuple[Image, list[str]]:
        """The picture at the network's size, and what could not be done."""
        with self.borrowed(layout) as loaded:
            prompt, negative, notes = diffusion.prompts(loaded.pipe.tokenizer, layout)
            width, height = loaded.size(layout.width, layout.height)
            control = cv2.resize(nearness(layout, source), (width, height), interpolation=cv2.INTER_LINEAR)
            with loaded.telling(self.steps, layout.width, layout.height):
                made = loaded.pipe(
                    prompt,
                    image=fromarray(np.repeat(control[..., None], 3, 2)),
                    negative_prompt=negative or None,
                    width=width,
                    height=height,
                    num_inference_steps=self.steps,
                    guidance_scale=self.guidance,
                    controlnet_conditioning_scale=self.scale,
                    generator=diffusion.noise(seed),
                    output_type="np",
                )
        return diffusion.pixels(made), notes


class DepthControlSD15(DepthControl):
    """On Stable Diffusion 1.5."""

    name = "depth-controlnet-sd15"
    title = "Depth ControlNet (SD 1.5)"
    hub = "stable-diffusion-v1-5/stable-diffusion-v1-5"
    control_hub = "lllyasviel/control_v11f1p_sd15_depth"


class DepthControlSDXL(DepthControl):
    """On Stable Diffusion XL."""

    name = "depth-controlnet-sdxl"
    title = "Depth ControlNet (SDXL)"
    hub = "stabilityai/stable-diffusion-xl-base-1.0"
    control_hub = "diffusers/controlnet-depth-sdxl-1.0"
    guidance = 5.0
    scale = 0.5
    parts = SDXL
    pipeline = "StableDiffusionXLControlNetPipeline"

    def without(self) -> Mapping[str, Any]:
        """What the pipeline is built without."""
        return {"add_watermarker": False}


def nearness(layout: Layout, source: Source | None = None) -> Image:
    """(H, W) uint8 of the layout's size: disparity of what the compositor would draw, 255 the nearest, 0 the farthest."""
    depth = Compositor().render(layout, source).depth
    assert depth is not None
    disparity = 1 / depth.distance()
    low, high = float(disparity.min()), float(disparity.max())
    return np.asarray(np.rint((disparity - low) / max(high - low, 1e-9) * 255), np.uint8)
