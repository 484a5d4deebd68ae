"""SDXL refinement: another engine's picture, repainted by the SDXL refiner at half strength.

Podell et al., "SDXL", arXiv:2307.01952, as SKG2Data uses it (SEEDS 2.2): resized to 1024 by Lanczos, image to image with
strength 0.5, the seed 7890 above the picture's. What must not appear goes into the negative prompt, not into the prompt as
"without" (SEEDS 2.4, 7). The repainted picture comes back at the layout's size, and what it shows is measured again.

`sdxl-refine:FIRST` names the engine that draws first ("sdxl-refine:compositor", "sdxl-refine:gligen:FOLDER"); LMD+ does when
none is named. The refiner's own weights are named by `SPACE_STUDIO_MODELS=sdxl-refine=NAME`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import diffusers
from PIL.Image import fromarray

from spacestudio.domain.layout import Layout
from spacestudio.engines import IMAGINE
from spacestudio.engines.imagine import diffusion
from spacestudio.engines.imagine.diffusion import Diffusion, Loaded
from spacestudio.engines.models import on_gpu
from spacestudio.engines.protocols import Image, Imaginer, Rendered, Source
from spacestudio.errors import InputError, Unavailable

FIRST = "lmd-plus"
"""Draws what is refined, as in SKG2Data."""
STRENGTH = 0.5
AHEAD = 7890
"""The refiner's seed is so far above the picture's."""


class Refine(Diffusion):
    """Another engine's picture, refined."""

    name = "sdxl-refine"
    title = "SDXL refiner"
    hub = "stabilityai/stable-diffusion-xl-refiner-1.0"
    guidance = 5.0

    def __init__(self, first: str = "") -> None:
        super().__init__()
        first = first or FIRST
        if IMAGINE.split(first)[0] == self.name:
            others = ", ".join(name for name in IMAGINE if name != self.name)
            raise InputError("A refined picture can't be refined again", others, "Name another engine after the colon")
        self.first: Imaginer = IMAGINE.make(first)

    @property
    def settings(self) -> Mapping[str, Any]:
        """Model, device, every parameter, and the engine that draws first with its own."""
        first = {"engine": self.first.name, "version": self.first.version, "settings": dict(self.first.settings)}
        return {**super().settings, "strength": STRENGTH, "seed_ahead": AHEAD, "first": first}

    def load(self) -> Loaded:
        """The pipeline, from the weights."""
        parts = diffusion.parts_of(self.weights, ("unet", "vae", "text_encoder_2", "tokenizer_2"))
        if parts["unet"].config.cross_attention_dim != parts["text_encoder_2"].config.hidden_size:
            raise Unavailable(
                f"“{self.weights.where}” is no SDXL refiner", f"a model such as {self.hub}", self.weights.remedy
            )
        pipe = diffusers.StableDiffusionXLImg2ImgPipeline(
            **parts, text_encoder=None, tokenizer=None,
            requires_aesthetics_score=True, force_zeros_for_empty_prompt=False, add_watermarker=False,
        )  # fmt: skip
        return diffusion.ready(pipe)

    def render(self, layout: Layout, source: Source | None = None, seed: int = 0) -> Rendered:
        """Draw the layout with the first engine and refine it; same layout, source and seed give the same bytes.

        Raises:
            Unavailable, InputError, Cancelled: from the first engine, and as every diffusion engine.
        """
        made = self.first.render(layout, source, seed)
        picture, notes = self.refine(layout, made.image, seed + AHEAD)
        picture = diffusion.resized(picture, layout.width, layout.height)
        return Rendered(picture, notes=tuple(dict.fromkeys([*made.notes, *notes])))

    @on_gpu(60)
    def refine(self, layout: Layout, picture: Image, seed: int) -> tuple[Image, list[str]]:
        """A picture of a layout refined, at the network's size, and what could not be done."""
        with self.borrowed(layout) as loaded:
            prompt, negative, notes = diffusion.prompts(loaded.pipe.tokenizer_2, layout)
            width, height = loaded.size(layout.width, layout.height)
            with loaded.telling(int(self.steps * STRENGTH), layout.width, layout.height, what="refining"):
                made = loaded.pipe(
                    prompt,
                    image=fromarray(diffusion.resized(picture, width, height)),
                    negative_prompt=negative,
                    strength=STRENGTH,
                    num_inference_steps=self.steps,
                    guidance_scale=self.guidance,
                    generator=diffusion.noise(seed),
                    output_type="np",
                )
        return diffusion.pixels(made), notes
