"""LMD+ on GLIGEN: each object is drawn alone in its box first, then all together, guided by attention.

Lian et al., "LLM-grounded Diffusion", TMLR 2024, arXiv:2305.13655, in the form and with the numbers SKG2Data uses
(SEEDS 2.2), written from that description:

1. Each object by itself, all steps, told by its box; its noise is the picture's own with a tenth of the foreground seed's
   in the box. Its latents at every step, its words' attention and, from the finished picture, its mask are kept.
2. All together, told by all boxes. During the first half of the steps the objects' masks hold their kept latents, the
   nearest on top. During the first 30 steps the latents are moved before each step, 4 to 1 times, so that each object's
   words attend to its box and not outside, and as they did when it was alone.

The seed of the background is the picture's, that of the foreground 123456789 above it.

Where the description leaves something open, this is ours: attention is that of the middle block and the first upward block
that has any; the loss is a sum over heads and a mean over layers and objects, without which its threshold of 5 would mean
nothing; a move is the gradient times 1 - ᾱ of the step. Departures: masks are made by Segment Anything (base) where it can
run, else by the built-in GrabCut, and the picture then says so; there is one mask an object, so none is chosen among several
by confidence, and one that overlaps its box by less than 0.25 is replaced by the box; objects are not moved to fit their
boxes better. A picture of n objects takes n + 1 times as long as one of GLIGEN's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import torch

from spacestudio.domain.boxes import Box
from spacestudio.domain.layout import Layout
from spacestudio.engines import SEGMENT
from spacestudio.engines.imagine import diffusion
from spacestudio.engines.imagine.diffusion import Loaded
from spacestudio.engines.imagine.gligen import BETA, MOST, Gligen, grounded
from spacestudio.engines.models import on_gpu
from spacestudio.engines.protocols import Image, Mask, Source
from spacestudio.errors import Unavailable
from spacestudio.settings import settings

FOREGROUND = 123456789
"""The foreground's seed is so far above the picture's."""
FROZEN = 0.5
"""Share of the steps in which the objects keep their own latents."""
BLEND = 0.1
"""Share of the foreground's noise in an object's box."""
INNER = (4,) * 5 + (3,) * 5 + (2,) * 10 + (1,) * 10
"""How often the latents are moved before each step."""
LOSS_SCALE, LOSS_THRESHOLD = 5.0, 5.0
TOP = 0.2
"""Share of the box's, and of the other, places whose attention counts: the strongest."""
INSIDE, OUTSIDE, AS_ALONE = 1.0, 4.0, 2.0
"""Weights: attention within the box, outside, and as when the object was alone."""
MASKS, BUILT_IN = "sam", "grabcut"
LEAST_IOU = 0.25

Maps = list[torch.Tensor]
"""Attention by layer: (heads, places, tokens)."""


class LmdPlus(Gligen):
    """A picture from boxes and phrases, object by object."""

    name = "lmd-plus"
    title = "LMD+"

    def __init__(self, model: str = "") -> None:
        """Weights named for GLIGEN serve it too, unless others are."""
        super().__init__(model or settings().model_of(self.name) or settings().model_of(Gligen.name))

    @property
    def settings(self) -> Mapping[str, Any]:
        """Model, device, and every parameter."""
        return {
            **super().settings,
            "frozen_step_ratio": FROZEN,
            "fg_blending_ratio": BLEND,
            "fg_seed_ahead": FOREGROUND,
            "inner_iterations": list(INNER),
            "loss_scale": LOSS_SCALE,
            "loss_threshold": LOSS_THRESHOLD,
            "top_p": TOP,
            "loss_weights": [INSIDE, OUTSIDE, AS_ALONE],
        }

    @on_gpu(120)
    def draw(self, layout: Layout, source: Source | None, seed: int) -> tuple[Image, list[str]]:
        """The picture at the network's size, and what could not be done."""
        with self.borrowed(layout) as loaded, torch.inference_mode(False), torch.no_grad():
            return _Drawing(self, loaded, layout, seed).made()


@dataclass(frozen=True, eq=False)
class _Said:
    """A prompt as the network reads it, and what it is told of where things are; unconditional first in each pair.

    Attributes:
        text: (2, tokens, channels).
        boxes, phrases, known: (2, 30, 4), (2, 30, channels) and (2, 30), as the network wants them.
        words: for each object the places of its words in the prompt.
    """

    text: torch.Tensor
    boxes: torch.Tensor
    phrases: torch.Tensor
    known: torch.Tensor
    words: tuple[tuple[int, ...], ...]

    def given(self, half: slice = slice(None)) -> dict[str, Any]:
        """What the network is called with, of both or of one of the pair."""
        where = {"boxes": self.boxes[half], "positive_embeddings": self.phrases[half], "masks": self.known[half]}
        return {"encoder_hidden_states": self.text[half], "cross_attention_kwargs": {"gligen": where}}


WORDS = slice(1, 2)
"""The half of a pair that reads the prompt."""


@dataclass(eq=False)
class _Alone:
    """An object drawn by itself.

    Attributes:
        latents: at the start and after each step, (1, 4, h, w) each.
        attention: before each guided step, its last word's attention by layer, (heads, places).
        mask: (1, 1, h, w) bool.
    """

    latents: list[torch.Tensor] = field(default_factory=list)
    attention: list[Maps] = field(default_factory=list)
    mask: torch.Tensor | None = None


class _Drawing:
    """One picture being drawn."""

    def __init__(self, engine: LmdPlus, loaded: Loaded, layout: Layout, seed: int) -> None:
        self.engine, self.loaded, self.layout, self.pipe = engine, loaded, layout, loaded.pipe
        self.places, self.notes = grounded(self.pipe.tokenizer, layout)
        self.width, self.height = loaded.size(layout.width, layout.height)
        self.device, self.dtype = self.pipe.unet.device, self.pipe.unet.dtype
        shape = (1, self.pipe.unet.config.in_channels, self.height // loaded.factor, self.width // loaded.factor)
        self.ground, self.front = (
            torch.randn(shape, generator=diffusion.noise(s)).to(self.device, self.dtype) for s in (seed, seed + FOREGROUND)
        )
        self.watch = _Watch(self.pipe.unet)
        self.segmenter = MASKS if MASKS in SEGMENT and not SEGMENT[MASKS].missing() else BUILT_IN

    def made(self) -> tuple[Image, list[str]]:
        """The picture, and what could not be done."""
        prompt, negative, notes = diffusion.prompts(self.pipe.tokenizer, self.layout)
        alone = [self._alone(k, negative) for k in range(len(self.places))]
        lacking = [phrase for phrase, _ in self.places if not _found(self.pipe.tokenizer, prompt, phrase)]
        if lacking:
            prompt, _ = diffusion.fitting(self.pipe.tokenizer, f"{', '.join(dict.fromkeys(lacking))}. {prompt}")
        said = self._said(prompt, negative, range(len(self.places)))
        return self._decoded(self._together(said, alone)), [*notes, *self.notes]

    # The two passes

    def _alone(self, k: int, negative: str) -> _Alone:
        phrase, box = self.places[k]
        prompt, _ = diffusion.fitting(self.pipe.tokenizer, f"{self.layout.background} with {phrase}")
        if not self.layout.background or not _found(self.pipe.tokenizer, prompt, phrase):
            prompt = phrase
        said = self._said(prompt, negative, [k])
        inside = self._inside(box, *self.ground.shape[2:])
        mixed = (BLEND * self.front + (1 - BLEND) * self.ground) / math.hypot(BLEND, 1 - BLEND)
        made = _Alone([torch.where(inside, mixed, self.ground)])
        latents = made.latents[0]
        last = said.words[0][-1:]
        with self._telling(k, phrase), self.watch.looking():
            for i, t in self._steps(bool(self.places)):
                latents = self._stepped(latents, t, said)
                made.latents.append(latents)
                if i < len(INNER):
                    halves = [m[m.shape[0] // 2 :] for m in self.watch.maps]  # of the pair, the one that read the prompt
                    made.attention.append([m[:, :, last].mean(2) for m in halves] if last else [])
        made.mask = self._mask(self._decoded(latents), box)
        del made.latents[self._frozen + 1 :]
        return made

    def _together(self, said: _Said, alone: Sequence[_Alone]) -> torch.Tensor:
        latents = self._overlaid(self.ground, alone, 0)
        with self._telling(len(alone), "all together" if alone else ""):
            for i, t in self._steps(bool(self.places)):
                if self.places and i < len(INNER):
                    latents = self._guided(latents, i, t, said, alone)
                latents = self._stepped(latents, t, said)
                if i < self._frozen:
                    latents = self._overlaid(latents, alone, i + 1)
        return latents

    @property
    def _frozen(self) -> int:
        return int(FROZEN * self.engine.steps)

    def _steps(self, told: bool) -> Iterator[tuple[int, Any]]:
        """Each step with its time; boxes count during the first ones."""
        self.pipe.scheduler.set_timesteps(self.engine.steps, device=self.device)
        until = int(BETA * self.engine.steps) if told else 0
        for i, t in enumerate(self.pipe.scheduler.timesteps):
            self.pipe.enable_fuser(i < until)
            yield i, t

    def _stepped(self, latents: torch.Tensor, t: Any, said: _Said) -> torch.Tensor:
        """One step with classifier-free guidance."""
        without, with_ = self.pipe.unet(torch.cat([latents] * 2), t, **said.given()).sample.chunk(2)
        made = self.pipe.scheduler.step(without + self.engine.guidance * (with_ - without), t, latents)
        return made.prev_sample  # type: ignore[no-any-return]

    def _overlaid(self, latents: torch.Tensor, alone: Sequence[_Alone], at: int) -> torch.Tensor:
        """The objects' own latents on the others', the farthest first."""
        for made in reversed(alone):
            assert made.mask is not None
            latents = torch.where(made.mask, made.latents[at], latents)
        return latents

    def _guided(self, latents: torch.Tensor, i: int, t: Any, said: _Said, alone: Sequence[_Alone]) -> torch.Tensor:
        """Latents moved so that words attend to their boxes, and as when their objects were alone."""
        spread = float(1 - self.pipe.scheduler.alphas_cumprod[int(t)])
        steady = 128.0 if self.dtype == torch.float16 else 1.0  # small gradients survive half precision
        for _ in range(INNER[i]):
            with torch.enable_grad(), self.watch.looking():
                seen = latents.detach().requires_grad_(True)
                self.pipe.unet(seen, t, **said.given(WORDS))
                loss = self._loss(self.watch.maps, said, [made.attention[i] for made in alone], alone)
                if loss is None or float(loss.detach()) <= LOSS_THRESHOLD:
                    break
                (gradient,) = torch.autograd.grad(loss * (LOSS_SCALE * steady), seen)
            latents = (latents.float() - spread * gradient.float() / steady).to(self.dtype)
        return latents

    def _loss(self, maps: Maps, said: _Said, then: Sequence[Maps], alone: Sequence[_Alone]) -> torch.Tensor | None:
        """How far attention is from where it should be; None when no object's words are in the prompt."""
        terms = []
        for layer, attention in enumerate(maps):
            shape = self._shape(attention.shape[1])
            for k, (_, box) in enumerate(self.places):
                if not said.words[k]:
                    continue
                a = attention.float()
                mine = a[:, :, said.words[k]].mean(2)
                inside = self._inside(box, *shape).reshape(-1)
                total = INSIDE * (1 - _top(mine[:, inside])) + OUTSIDE * _top(mine[:, ~inside])
                if then[k]:
                    mask = alone[k].mask
                    assert mask is not None
                    own = torch.nn.functional.adaptive_max_pool2d(mask.float(), shape).reshape(-1)
                    apart = (a[:, :, said.words[k][-1]] - then[k][layer].float()).abs()
                    total = total + AS_ALONE * (apart * own).mean(1)
                terms.append(total.sum())
        return torch.stack(terms).mean() if terms else None

    # Helpers

    def _said(self, prompt: str, negative: str, which: Sequence[int]) -> _Said:
        text, without = self.pipe.encode_prompt(prompt, self.device, 1, True, negative)
        places = [self.places[k] for k in which]
        boxes = torch.zeros(2, MOST, 4, device=self.device, dtype=self.dtype)
        phrases = torch.zeros(2, MOST, text.shape[2], device=self.device, dtype=self.dtype)
        known = torch.zeros(2, MOST, device=self.device, dtype=self.dtype)
        if places:
            tokens = self.pipe.tokenizer([p for p, _ in places], padding=True, return_tensors="pt").to(self.device)
            phrases[:, : len(places)] = self.pipe.text_encoder(**tokens).pooler_output
            boxes[:, : len(places)] = torch.tensor([b for _, b in places])
            known[1, : len(places)] = 1
        words, used = [], dict.fromkeys((p for p, _ in places), 0)
        for phrase, _ in places:
            found = _found(self.pipe.tokenizer, prompt, phrase)
            words.append(found[min(used[phrase], len(found) - 1)] if found else ())
            used[phrase] += 1
        return _Said(torch.cat([without, text]), boxes, phrases, known, tuple(words))

    def _inside(self, box: Sequence[float], high: int, wide: int) -> torch.Tensor:
        """(high, wide) bool: the cells of a grid over the picture that a box in [0, 1] covers, at least one."""
        x0, y0, x1, y1 = box
        left, up = min(int(x0 * wide), wide - 1), min(int(y0 * high), high - 1)
        right, down = max(left + 1, round(x1 * wide)), max(up + 1, round(y1 * high))
        out = torch.zeros(high, wide, dtype=torch.bool, device=self.device)
        out[up:down, left:right] = True
        return out

    def _shape(self, places: int) -> tuple[int, int]:
        """(rows, columns) of an attention map."""
        high, wide = self.ground.shape[2:]
        columns = max(1, round(math.sqrt(places * wide / high)))
        return places // columns, columns

    def _mask(self, picture: Image, box: Sequence[float]) -> torch.Tensor:
        """(1, 1, h, w) bool over the latents, of the object in its picture."""
        x0, y0, x1, y1 = box
        at = Box(x0 * self.width, y0 * self.height, x1 * self.width, y1 * self.height)
        found = self._segmented(picture, at)
        whole = np.zeros_like(found)
        whole[at.slices(self.width, self.height)] = True
        if (found & whole).sum() < LEAST_IOU * (found | whole).sum():
            found = whole
        high, wide = self.ground.shape[2:]
        small = cv2.resize(found.astype(np.float32), (wide, high), interpolation=cv2.INTER_AREA) > 0.5
        mask = torch.from_numpy(small).to(self.device) if small.any() else self._inside(box, high, wide)
        return mask[None, None]

    def _segmented(self, picture: Image, box: Box) -> Mask:
        try:
            return SEGMENT.make(self.segmenter).segment(picture, None, [box])[0]  # type: ignore[no-any-return]
        except Unavailable as why:
            if self.segmenter == BUILT_IN:
                raise
            self.notes.append(f"The objects' masks were made by GrabCut, because Segment Anything can't run: {why}")
            self.segmenter = BUILT_IN
            return self._segmented(picture, box)

    def _decoded(self, latents: torch.Tensor) -> Image:
        vae = self.pipe.vae
        made = vae.decode(latents / vae.config.scaling_factor, return_dict=False)[0][0].float()
        rgb = (made.nan_to_num() / 2 + 0.5).clamp(0, 1).permute(1, 2, 0).cpu().numpy()
        return np.asarray(np.rint(rgb * 255), np.uint8)

    def _telling(self, k: int, what: str) -> Any:
        steps = self.engine.steps
        whole = steps * (len(self.places) + 1)
        return self.loaded.telling(steps, self.layout.width, self.layout.height, k * steps, whole, what)


class _Watch:
    """Keeps the attention to words of the layers that are guided, as of the last call of the network."""

    def __init__(self, unet: Any) -> None:
        self.unet, self.maps = unet, list[torch.Tensor]()
        names = [n for n in unet.attn_processors if n.endswith("attn2.processor")]
        up = next((n.split(".")[1] for n in names if n.startswith("up_blocks.")), "")
        self.layers = [n for n in names if n.startswith(("mid_block.", f"up_blocks.{up}."))]

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Within, attention is kept; afterwards the network is as it was."""
        own = dict(self.unet.attn_processors)
        keepers = {name: _Keeper(self.maps, len(self.layers)) for name in self.layers}
        self.maps.clear()
        self.unet.set_attn_processor({**own, **keepers})
        try:
            yield
        finally:
            self.unet.set_attn_processor(own)


class _Keeper:
    """Attention as usual, computed so that it can be looked at."""

    def __init__(self, maps: Maps, most: int) -> None:
        self.maps, self.most = maps, most

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor,
        attention_mask: Any = None,
        **_: Any,
    ) -> torch.Tensor:
        query = attn.head_to_batch_dim(attn.to_q(hidden_states))
        key = attn.head_to_batch_dim(attn.to_k(encoder_hidden_states))
        value = attn.head_to_batch_dim(attn.to_v(encoder_hidden_states))
        weights = attn.get_attention_scores(query, key, attention_mask)
        if len(self.maps) == self.most:  # another call of the network has begun
            self.maps.clear()
        self.maps.append(weights)
        out = attn.to_out[0](attn.batch_to_head_dim(torch.bmm(weights, value)))
        return attn.to_out[1](out) / attn.rescale_output_factor  # type: ignore[no-any-return]


def _top(values: torch.Tensor) -> torch.Tensor:
    """(heads,): mean of the strongest share of (heads, places); 0 without places."""
    if not values.shape[1]:
        return values.new_zeros(values.shape[0])
    return values.topk(max(1, int(TOP * values.shape[1])), 1).values.mean(1)


def _found(tokenizer: Any, prompt: str, phrase: str) -> list[tuple[int, ...]]:
    """Where in a prompt's tokens a phrase stands, each time."""
    text, words = tokenizer(prompt).input_ids, tokenizer(phrase).input_ids[1:-1]
    n = len(words)
    return [tuple(range(i, i + n)) for i in range(len(text) - n + 1) if text[i : i + n] == words] if n else []
