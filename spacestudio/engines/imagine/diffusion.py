"""What the diffusion engines share: parts loaded one by one, seeds, step previews, cancellation, and sizes.

Only what is needed is fetched and loaded: no safety checker, no pickles, no code. Nothing therefore looks at what a picture
shows before a person does; whoever offers these engines to the public answers for that, as the weights' licences ask.
All engines sample with DDIM (Song et al., arXiv:2010.02502), which draws no noise on the way: one seed, one picture.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import diffusers
import numpy as np
import torch
import transformers
from diffusers import DDIMScheduler

from spacestudio.domain.layout import Layout
from spacestudio.engines.models import ROOM, SHELF, Weights, device, loading, running, whole
from spacestudio.engines.progress import tell
from spacestudio.engines.protocols import Image, Rendered, Source
from spacestudio.errors import Unavailable

PARTS: Mapping[str, Any] = {
    "unet": diffusers.UNet2DConditionModel,
    "vae": diffusers.AutoencoderKL,
    "controlnet": diffusers.ControlNetModel,
    "text_encoder": transformers.CLIPTextModel,
    "text_encoder_2": transformers.CLIPTextModelWithProjection,
    "tokenizer": transformers.CLIPTokenizer,
    "tokenizer_2": transformers.CLIPTokenizer,
}
"""Part of a pipeline -> its class."""
SD = ("unet", "vae", "text_encoder", "tokenizer")
"""Parts of a Stable Diffusion 1.x model."""
SDXL = (*SD, "text_encoder_2", "tokenizer_2")
FULL = ("model", "diffusion_pytorch_model")
"""Names of weights in full precision; those in half have `.fp16` appended."""
LONGEST = 2
"""The long side drawn, over its short one, at most; a longer picture is squeezed (ours: the networks know no others)."""
PREVIEW = 256
"""Longer side of a step preview, px."""
MAX_SEED = 2**63


class Telling(DDIMScheduler):  # type: ignore[misc]
    """DDIM that tells of each step with a preview of where it leads; the listener may stop it there."""

    watch: Callable[[torch.Tensor], None] | None = None

    def step(self, *args: Any, **kwargs: Any) -> Any:
        """One step, told of when it is done."""
        made = super().step(*args, **kwargs)
        if self.watch is not None:
            self.watch(made[1] if isinstance(made, tuple) else made.pred_original_sample)
        return made


@dataclass(frozen=True, eq=False)
class Loaded:
    """A pipeline and what its latents look like: (channels + 1, 3) float32, latents and 1 -> RGB in [0, 1]."""

    pipe: Any
    colours: torch.Tensor

    @property
    def factor(self) -> int:
        """Pixels a latent pixel is wide."""
        return int(2 ** (len(self.pipe.vae.config.block_out_channels) - 1))

    @property
    def side(self) -> int:
        """Side of the square pictures it was trained on, px."""
        return int(self.pipe.unet.config.sample_size) * self.factor

    @property
    def multiple(self) -> int:
        """Sides it draws without a remainder at any scale are multiples of this, px."""
        return max(8, self.factor * int(2 ** (len(self.pipe.unet.config.down_block_types) - 1)))

    def size(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) it draws for a layout's: the same form and about the area it was trained on."""
        return network_size(width, height, self.side, self.multiple)

    @contextmanager
    def telling(self, steps: int, width: int, height: int, done: int = 0, total: int = 0, what: str = "") -> Iterator[None]:
        """Within, each step is told of.

        Args:
            steps: how many there will be.
            width, height: of the layout, px; previews have its form.
            done, total: steps before these, and of the whole picture; 0 for no others.
            what: of which part they are.
        """
        at = 0

        def watch(latents: torch.Tensor) -> None:
            nonlocal at
            at += 1
            words = f"{f'{what}, ' if what else ''}step {at} of {steps}"
            tell(min(1.0, (done + at) / (total or steps)), words, self.preview(latents, width, height))

        self.pipe.scheduler.watch = watch
        try:
            yield
        finally:
            self.pipe.scheduler.watch = None

    def preview(self, latents: torch.Tensor, width: int, height: int) -> Image:
        """What (1, channels, h, w) latents will roughly look like, in the form of a width x height layout."""
        seen = latents[0].detach().float().cpu()
        flat = seen.reshape(seen.shape[0], -1).T
        rgb = (flat @ self.colours[:-1] + self.colours[-1]).nan_to_num().clamp(0, 1)
        small = np.ascontiguousarray((rgb * 255).round().to(torch.uint8).numpy()).reshape(*seen.shape[1:], 3)
        scale = min(1.0, PREVIEW / max(width, height))
        shape = max(1, round(width * scale)), max(1, round(height * scale))
        return np.asarray(cv2.resize(small, shape, interpolation=cv2.INTER_LINEAR), np.uint8)


class Diffusion:
    """The base of the engines. One `render` draws one picture; what objects it shows must be measured afterwards.

    Attributes:
        hub: the weights' name on the Hub.
        steps, guidance: of sampling; the guidance is classifier-free.
    """

    name = ""
    title = ""
    version = f"diffusers {diffusers.__version__}"
    hub = ""
    steps = 50
    guidance = 7.5

    def __init__(self, model: str = "") -> None:
        self.weights = Weights.of(self.name, self.title, self.hub, model)

    @property
    def settings(self) -> Mapping[str, Any]:
        """Model, device, and every parameter."""
        return {
            "model": self.weights.name,
            **device().facts,
            "scheduler": "DDIM",
            "steps": self.steps,
            "guidance": self.guidance,
        }

    def render(self, layout: Layout, source: Source | None = None, seed: int = 0) -> Rendered:
        """Draw the layout; same layout, source and seed give the same bytes on the same device.

        Raises:
            Unavailable: the weights can't be had or don't fit this engine, or memory ran out.
            Cancelled: the person stopped it.
        """
        picture, notes = self.draw(layout, source, seed)
        return Rendered(resized(picture, layout.width, layout.height), notes=tuple(notes))

    def draw(self, layout: Layout, source: Source | None, seed: int) -> tuple[Image, list[str]]:
        """The picture at the network's size, and what could not be done."""
        raise NotImplementedError

    def load(self) -> Loaded:
        """The pipeline, from the weights."""
        raise NotImplementedError

    @property
    def key(self) -> tuple[Hashable, ...]:
        """What tells its loaded pipeline from others."""
        return self.name, self.weights.where

    @contextmanager
    def borrowed(self, layout: Layout) -> Iterator[Loaded]:
        """The pipeline for this thread alone; within, running out of memory is one line."""
        place = device()
        key = (*self.key, place.name, place.dtype)
        with (
            SHELF.borrow(key, lambda: self._loaded()) as loaded,
            running(self.title, f"{layout.width} x {layout.height} px"),
        ):
            yield loaded

    def _loaded(self) -> Loaded:
        with loading(self.weights):
            return self.load()


# Loading


def parts_of(weights: Weights, names: Sequence[str], inside: bool = True) -> dict[str, Any]:
    """The named parts of a model, each whole, on the device, and its scheduler.

    Half-precision files (`*.fp16.safetensors`) are fetched where there are some, for they are half as large.

    Args:
        inside: whether each part has a folder of its own; else the weights are one part, without a scheduler.

    Raises:
        Unavailable: a part is missing, broken, or lacks weights, or all are too large for this machine.
    """
    texts = [f"{name}/*" for name in names if name.startswith("tokenizer")]
    heads = [f"{name}/" if inside else "" for name in names if not name.startswith("tokenizer")]
    rest = [*texts, "scheduler/*.json", *(f"{head}config.json" for head in heads)]
    folder = weights.folder((*rest, *(f"{head}*model.fp16*safetensors*" for head in heads)))
    if not weights.local and not all(_files(folder / head) for head in heads):
        folder = weights.folder((*rest, *(f"{head}{name}.safetensors" for head in heads for name in FULL)))
    SHELF.make_room(int(ROOM * sum(_memory(file) for head in heads for file in _files(folder / head))))
    with loading(weights):
        made = {name: _part(weights, folder / name if inside else folder, name) for name in names}
        return {**made, "scheduler": _scheduler(folder / "scheduler")} if inside else made


HALF = ".fp16"


def _files(folder: Path) -> list[Path]:
    """The weights to read of a part: those of the device's precision, else the others; none when there are none."""
    found = sorted(f for name in FULL for f in folder.glob(f"{name}*.safetensors"))
    first = device().dtype == torch.float16
    by_half = {half: [f for f in found if (HALF in f.name) == half] for half in (True, False)}
    return by_half[first] or by_half[not first]


def _memory(file: Path) -> int:
    """Bytes the weights of a file take once they are loaded."""
    return file.stat().st_size * int(device().dtype.itemsize) // (2 if HALF in file.name else 4)


def _part(weights: Weights, folder: Path, name: str) -> Any:
    made = PARTS[name]
    if name.startswith("tokenizer"):
        if not folder.is_dir():
            raise Unavailable(f"“{weights.where}” has no {name} for {weights.title}", next_step=weights.remedy)
        return made.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    files = _files(folder)
    if not files:
        raise Unavailable(
            f"“{weights.where}” has no weights of {weights.title} in {name}", "safetensors files", weights.remedy
        )
    how: dict[str, Any] = {"use_safetensors": True, "local_files_only": True, "output_loading_info": True}
    how |= {"variant": "fp16"} if HALF in files[0].name else {}
    place = device()
    if name.startswith("text"):
        network, report = made.from_pretrained(folder, dtype=place.dtype, trust_remote_code=False, **how)
    else:
        network, report = made.from_pretrained(folder, torch_dtype=place.dtype, **how)
    whole(weights, report)
    return network.to(place.name).eval().requires_grad_(False)


def _scheduler(folder: Path) -> Telling:
    """DDIM with the noise the model was trained on, unclipped, its steps as Stable Diffusion counts them."""
    made: Telling = Telling.from_config(
        Telling.load_config(folder, local_files_only=True),
        clip_sample=False, set_alpha_to_one=False, steps_offset=1, timestep_spacing="leading",
    )  # fmt: skip
    return made


def ready(pipe: Any) -> Loaded:
    """The pipeline, quiet, and the colours of its latents."""
    pipe.set_progress_bar_config(disable=True)
    return Loaded(pipe, latent_colours(pipe.vae))


def latent_colours(vae: Any) -> torch.Tensor:
    """The linear map of latents to RGB that fits best what the model's own encoder makes of plain colours (ours).

    Returns (channels + 1, 3) float32: RGB in [0, 1] of a latent pixel with a 1 appended.
    """
    steps = torch.linspace(0, 1, 4)
    colours = torch.cartesian_prod(steps, steps, steps)
    factor = 2 ** (len(vae.config.block_out_channels) - 1)
    swatches = colours.T.reshape(1, 3, 8, 8).repeat_interleave(4 * factor, 2).repeat_interleave(4 * factor, 3)
    dtype = vae.dtype
    vae.to(torch.float32)  # half precision overflows in some encoders
    with torch.no_grad():
        latents = vae.encode((swatches * 2 - 1).to(vae.device)).latent_dist.mode()[0] * vae.config.scaling_factor
    vae.to(dtype)
    middle = latents.cpu().reshape(-1, 8, 4, 8, 4)[:, :, 1:3, :, 1:3].mean((2, 4)).reshape(latents.shape[0], -1).T
    known = torch.cat([middle, torch.ones(len(colours), 1)], 1)
    fitted: torch.Tensor = torch.linalg.lstsq(known, colours, driver="gelsd").solution
    return fitted


# Sizes, seeds and words


def network_size(width: int, height: int, side: int, multiple: int) -> tuple[int, int]:
    """(width, height) of the form of a layout and about side² px, in multiples; the long side at most twice the short."""
    form = float(np.clip(width / height, 1 / LONGEST, LONGEST)) ** 0.5
    wide, high = (max(1, round(side * f / multiple)) * multiple for f in (form, 1 / form))
    return wide, high


def resized(picture: Image, width: int, height: int) -> Image:
    """An (H, W, 3) uint8 picture at a size, by Lanczos, by area where it shrinks."""
    high, wide = picture.shape[:2]
    if (wide, high) == (width, height):
        return np.ascontiguousarray(picture)
    shrinks = width < wide and height < high
    made = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LANCZOS4)
    return np.asarray(made, np.uint8)


def noise(seed: int) -> torch.Generator:
    """Random numbers of a seed, drawn on the CPU so that every device draws the same."""
    return torch.Generator("cpu").manual_seed(seed % MAX_SEED)


def pixels(made: Any) -> Image:
    """The (H, W, 3) uint8 picture of a pipeline's answer in NumPy."""
    return np.asarray(np.rint(np.nan_to_num(made.images[0]) * 255), np.uint8)


def plain(text: str) -> str:
    """Text for a tokenizer: one line, without words that are signs to it."""
    return " ".join(text.replace("<|", "< |").replace("\0", " ").split())


def fitting(tokenizer: Any, text: str) -> tuple[str, bool]:
    """As much of a text as the text encoder reads, up to a whole word, and whether that is all of it."""
    text = plain(text)

    def fits(letters: int) -> bool:
        return bool(len(tokenizer(text[:letters]).input_ids) <= tokenizer.model_max_length)

    if fits(len(text)):
        return text, True
    low, high = 0, len(text) - 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return (text[:low].rpartition(" ")[0] or text[:low]), False


def prompts(tokenizer: Any, layout: Layout) -> tuple[str, str, list[str]]:
    """Prompt, negative prompt (the objects that must not appear), and a line for each that is too long for the model."""
    notes, out = [], []
    for what, text in (("prompt", layout.prompt or layout.background), ("negative prompt", layout.negative_prompt)):
        fits, all_of_it = fitting(tokenizer, text)
        out.append(fits)
        if not all_of_it:
            notes.append(f"The {what} is too long for the model; it read up to “{fits[-40:]}”.")
    return out[0], out[1], notes
