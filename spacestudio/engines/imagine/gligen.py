"""GLIGEN: a picture from boxes and what is in each.

Li et al., "GLIGEN: Open-Set Grounded Text-to-Image Generation", CVPR 2023, arXiv:2301.07093, on Stable Diffusion 1.4, with
SKG2Data's sampling (SEEDS 2.2): 512 x 512, DDIM, 50 steps, guidance 7.5, boxes heeded during the first 0.4 of the steps.
The weights are masterful/gligen-1-4-generation-text-box in the revision that has safetensors. SKG2Data used
gligen/diffusers-generation-text-box, whose safetensors lack the layers that read boxes, so it can't be loaded here.
diffusers keeps the pipeline among its deprecated ones; it is imported from the top, where it still stands.
Front and behind are not said to the model: a box has no depth.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import diffusers

from spacestudio.domain.layout import Layout
from spacestudio.engines.imagine import diffusion
from spacestudio.engines.imagine.diffusion import SD, Diffusion, Loaded
from spacestudio.engines.models import on_gpu
from spacestudio.engines.protocols import Image, Source
from spacestudio.errors import Unavailable

HUB = "masterful/gligen-1-4-generation-text-box@refs/pr/2"
MOST = 30
"""Boxes the model reads."""
BETA = 0.4
"""Share of the steps in which boxes count (scheduled sampling)."""

Places = list[tuple[str, list[float]]]
"""What is where: phrase, and box as xyxy in [0, 1]."""


class Gligen(Diffusion):
    """A picture from boxes and phrases."""

    name = "gligen"
    title = "GLIGEN"
    hub = HUB

    @property
    def settings(self) -> Mapping[str, Any]:
        """Model, device, and every parameter."""
        return {**super().settings, "scheduled_sampling_beta": BETA, "most_boxes": MOST}

    @property
    def key(self) -> tuple[str, str]:
        """The same weights serve LMD+."""
        return "gligen", self.weights.where

    def load(self) -> Loaded:
        """The pipeline, from the weights."""
        parts = diffusion.parts_of(self.weights, SD)
        if parts["unet"].config.attention_type != "gated":
            raise Unavailable(f"“{self.weights.where}” does not read boxes", f"a GLIGEN model such as {HUB}")
        pipe = diffusers.StableDiffusionGLIGENPipeline(
            **parts,
            safety_checker=None, feature_extractor=None, requires_safety_checker=False,
        )  # fmt: skip
        return diffusion.ready(pipe)

    @on_gpu(60)
    def draw(self, layout: Layout, source: Source | None, seed: int) -> tuple[Image, list[str]]:
        """The picture at the network's size, and what could not be done."""
        with self.borrowed(layout) as loaded:
            prompt, negative, notes = diffusion.prompts(loaded.pipe.tokenizer, layout)
            places, more = grounded(loaded.pipe.tokenizer, layout)
            width, height = loaded.size(layout.width, layout.height)
            with loaded.telling(self.steps, layout.width, layout.height):
                made = loaded.pipe(
                    prompt,
                    negative_prompt=negative,
                    width=width,
                    height=height,
                    num_inference_steps=self.steps,
                    guidance_scale=self.guidance,
                    gligen_phrases=[phrase for phrase, _ in places] or [""],
                    gligen_boxes=[box for _, box in places] or [[0.0, 0.0, 0.0, 0.0]],
                    gligen_scheduled_sampling_beta=BETA if places else 0.0,
                    generator=diffusion.noise(seed),
                    output_type="np",
                )
        return diffusion.pixels(made), notes + more


def grounded(tokenizer: Any, layout: Layout) -> tuple[Places, list[str]]:
    """What the model is told of where things are, nearest first, and a line on what it is not."""
    shown = [i for i in layout.order if layout.boxes[i].clipped(layout.width, layout.height).area > 0]
    places: Places = []
    for i in shown[:MOST]:
        box = layout.boxes[i].clipped(layout.width, layout.height)
        phrase, _ = diffusion.fitting(tokenizer, layout.names.get(i, i))
        x0, y0, x1, y1 = box.xyxy
        places.append((phrase, [x0 / layout.width, y0 / layout.height, x1 / layout.width, y1 / layout.height]))
    notes = []
    if len(shown) > MOST:
        rest = ", ".join(layout.names.get(i, i) for i in shown[MOST:])
        notes.append(f"The model reads {MOST} boxes; it was not told where to put the farthest: {rest}.")
    return places, notes
