"""Inpainting: a photo in which only what an edit changed is painted anew; every other pixel stays as it is, byte for byte.

Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion Models", CVPR 2022, arXiv:2112.10752, the model tuned
for inpainting on Stable Diffusion 1.5. Ours: what it starts from is the compositor's picture of the layout, noised to 0.75,
so that things come to stand where they were asked to; and it sees the changed part and its surroundings only, so that a
large photo loses no detail.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import cv2
import diffusers
import numpy as np
from PIL.Image import fromarray

from spacestudio.domain.boxes import Box
from spacestudio.domain.layout import Layout
from spacestudio.domain.objects import SceneObject
from spacestudio.engines.imagine import diffusion
from spacestudio.engines.imagine.compositor import SAME_PX, Compositor
from spacestudio.engines.imagine.diffusion import SD, Diffusion, Loaded
from spacestudio.engines.models import on_gpu
from spacestudio.engines.protocols import Image, Mask, Rendered, Source
from spacestudio.errors import InputError, Unavailable

STRENGTH = 0.75
"""How far the start is noised: 1 forgets it."""
AROUND = 0.5
"""Surroundings that are seen on each side, as a share of the changed part's longer side."""


@dataclass(frozen=True, eq=False)
class Change:
    """What an edit changes in a photo.

    Attributes:
        start: (H, W, 3) uint8, the compositor's picture of it.
        mask: (H, W) bool, where it is another picture.
        painted: ids of the things that are new there, or elsewhere than in the photo.
        gone: names of the things that are there no more.
    """

    start: Image
    mask: Mask
    painted: tuple[str, ...]
    gone: tuple[str, ...]


class Inpaint(Diffusion):
    """Paints anew what an edit changed in a photo."""

    name = "inpaint"
    title = "Stable Diffusion inpainting"
    hub = "stable-diffusion-v1-5/stable-diffusion-inpainting"

    @property
    def settings(self) -> Mapping[str, Any]:
        """Model, device, and every parameter."""
        return {**super().settings, "strength": STRENGTH, "around": AROUND}

    def load(self) -> Loaded:
        """The pipeline, from the weights."""
        parts = diffusion.parts_of(self.weights, SD)
        if parts["unet"].config.in_channels != 9:
            raise Unavailable(
                f"“{self.weights.where}” is not made for inpainting", f"a model such as {self.hub}", self.weights.remedy
            )
        pipe = diffusers.StableDiffusionInpaintPipeline(
            **parts,
            safety_checker=None, feature_extractor=None, requires_safety_checker=False,
        )  # fmt: skip
        return diffusion.ready(pipe)

    def render(self, layout: Layout, source: Source | None = None, seed: int = 0) -> Rendered:
        """The photo with what the layout changes painted anew; nothing is loaded when it changes nothing.

        Raises:
            InputError: the photo has another size than the layout.
            Unavailable: there is no photo, the weights can't be had or don't fit this engine, or memory ran out.
            Cancelled: the person stopped it.
        """
        if source is None:
            raise Unavailable(
                "Inpainting changes a photo, and there is none", "a photo", "Choose another engine for new scenes"
            )
        height, width = source.image.shape[:2]
        if (width, height) != (layout.width, layout.height):
            raise InputError(
                f"The layout is {layout.width} x {layout.height} px and the photo {width} x {height}", "the same size"
            )
        change = changed(layout, source)
        if not change.mask.any():
            return Rendered(source.image.copy(), notes=("Nothing was asked that changes the picture.",))
        picture, notes = self.paint(layout, source.image, change, seed)
        return Rendered(picture, notes=tuple(notes))

    @on_gpu(60)
    def paint(self, layout: Layout, photo: Image, change: Change, seed: int) -> tuple[Image, list[str]]:
        """The (H, W, 3) photo with the change painted in, and what could not be done."""
        rows, columns = surroundings(change.mask)
        start, mask = change.start[rows, columns], change.mask[rows, columns]
        high, wide = mask.shape
        with self.borrowed(layout) as loaded:
            prompt, negative, notes = diffusion.prompts(loaded.pipe.tokenizer, described(layout, change))
            width, height = loaded.size(wide, high)
            seen = cv2.resize(mask.astype(np.uint8) * 255, (width, height), interpolation=cv2.INTER_NEAREST)
            with loaded.telling(int(self.steps * STRENGTH), wide, high):
                made = loaded.pipe(
                    prompt,
                    image=fromarray(diffusion.resized(start, width, height)),
                    mask_image=fromarray(seen),
                    negative_prompt=negative,
                    width=width,
                    height=height,
                    strength=STRENGTH,
                    num_inference_steps=self.steps,
                    guidance_scale=self.guidance,
                    generator=diffusion.noise(seed),
                    output_type="np",
                )
        out = photo.copy()
        out[rows, columns][mask] = diffusion.resized(diffusion.pixels(made), wide, high)[mask]
        return out, notes


def changed(layout: Layout, source: Source) -> Change:
    """What a layout of a photo's size changes in it.

    The mask holds the old masks of what moved or went, the new boxes of what moved or came, and wherever the compositor
    changes a pixel: what lay under a thing, its shadow, and what comes forward.
    """
    start = Compositor().render(layout, source).image
    stays = {o.id for o in source.objects if _stays(o, layout)}
    mask = np.asarray((start != source.image).any(2))
    for o in source.objects:
        if o.id not in stays:
            mask |= _place(o, mask.shape)
    painted = tuple(i for i in layout.order if i not in stays)
    for i in painted:
        mask[layout.boxes[i].slices(layout.width, layout.height)] = True
    names = {layout.names.get(i, i) for i in layout.boxes}
    gone = dict.fromkeys(o.name for o in source.objects if o.id not in stays and o.name not in names)
    return Change(start, mask, painted, tuple(gone))


def _stays(o: SceneObject, layout: Layout) -> bool:
    """Whether the layout has the same thing at the same place."""
    box = layout.boxes.get(o.id)
    if box is None or layout.names.get(o.id, o.name) != o.name:
        return False
    return max(abs(a - b) for a, b in zip(o.box.xyxy, box.xyxy, strict=True)) <= SAME_PX


def _place(o: SceneObject, shape: tuple[int, ...]) -> Mask:
    if o.mask is not None and o.mask.any():
        return o.mask
    out = np.zeros(shape, bool)
    out[o.box.slices(shape[1], shape[0])] = True
    return out


def surroundings(mask: Mask) -> tuple[slice, slice]:
    """Rows and columns of the changed part and what is around it."""
    box = Box.around(mask)
    assert box is not None
    by = AROUND * max(box.width, box.height)
    return Box(box.x0 - by, box.y0 - by, box.x1 + by, box.y1 + by).slices(mask.shape[1], mask.shape[0])


def described(layout: Layout, change: Change) -> Layout:
    """The layout with prompts for the changed part: what is new there comes first, and what is gone must not appear."""
    things = ", ".join(layout.names.get(i, i) for i in change.painted)
    unwanted = ", ".join(part for part in (layout.negative_prompt, *change.gone) if part)
    prompt = ". ".join(part for part in (things, layout.prompt or layout.background) if part)
    return replace(layout, prompt=prompt, negative_prompt=unwanted)
