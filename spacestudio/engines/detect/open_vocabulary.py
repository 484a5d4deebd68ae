"""Objects by their names: OWL-ViT, OWLv2 and Grounding DINO through transformers, asked for words a person chooses.

Minderer et al., "Simple Open-Vocabulary Object Detection with Vision Transformers", ECCV 2022, arXiv:2205.06230;
Minderer et al., "Scaling Open-Vocabulary Object Detection", NeurIPS 2023, arXiv:2306.09683; Liu et al., "Grounding DINO",
ECCV 2024, arXiv:2303.05499. The networks compute in float32 everywhere: half a precision would move corners by pixels.

Shapes: H, W of the picture; Q boxes a network proposes; L labels asked for; T tokens of a text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray

from spacestudio.domain.boxes import Box
from spacestudio.domain.depth import DepthMap
from spacestudio.engines.models import SHELF, Device, Weights, device, loading, network_of, on_gpu, running
from spacestudio.engines.progress import tell
from spacestudio.engines.protocols import Detection, Image
from spacestudio.errors import Unavailable
from spacestudio.geometry.duplicates import OTHER, SAME, without_duplicates

NEED = 3 << 30
"""Memory a detector and its work take, in bytes: 0.7 GB of weights, the rest on the way."""
LEAST = 1.0
"""A box is at least so many px wide and high."""
MOST = 100
"""Objects returned at most (COCO's evaluation counts as many)."""

Found = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.intp]]
"""(Q, 4) corners x0, y0, x1, y1 in picture px, (Q,) score in [0, 1], (Q,) place of the likeliest label."""


@dataclass(frozen=True)
class Asking:
    """How a detector is asked, and what counts as found.

    Attributes:
        query: the text a label is looked for by; {} stands for the label.
        threshold: scores above it count.
        same, other: see `without_duplicates`; 1 merges nothing.
        most: objects returned at most, the best.
    """

    query: str
    threshold: float
    same: float = SAME
    other: float = OTHER
    most: int = MOST


class TextDetector:
    """What the detectors have in common; a subclass says how a network is asked."""

    name: str
    title: str
    hub: str
    kinds: tuple[str, ...]
    """transformers' model types it can use."""
    asking: Asking
    version = f"transformers {transformers.__version__}"
    uses_labels = True

    def __init__(self, model: str = "", **asked: Any) -> None:
        """`asked` replaces fields of the class's `Asking`."""
        self._weights = Weights.of(self.name, self.title, self.hub, model)
        self._device = Device(device().name, torch.float32)
        self._asking = replace(self.asking, **asked)

    @property
    def settings(self) -> Mapping[str, Any]:
        """The model, a folder by its last name; where and how precisely it ran; how it was asked."""
        a = self._asking
        asked = {"query": a.query, "threshold": a.threshold, "same_label_iou": a.same, "other_label_iou": a.other}
        return {"model": self._weights.name, **self._device.facts, **asked, "most": a.most}

    def detect(self, image: Image, depth: DepthMap | None, labels: Sequence[str] = ()) -> list[Detection]:
        """Things of an (H, W, 3) uint8 picture that the labels name, best first; without labels nothing.

        Boxes lie inside the picture and are at least 1 px wide and high; duplicates are merged. A thing carries the
        label as it was written. Labels that differ in spaces or capitals only are one.

        Raises:
            Unavailable: the weights can't be had or don't fit this engine, or memory ran out.
            Cancelled: the person stopped it.
        """
        asked: dict[str, str] = {}
        for label in map(" ".join, map(str.split, labels)):
            asked.setdefault(label.casefold(), label)
        if not (names := [label for label in asked.values() if label]):
            return []
        tell(None, f"{self.title}: looking for {len(names)} things")
        corners, scores, which = self._look(image, names)
        height, width = image.shape[:2]
        corners = np.clip(np.round(corners.astype(np.float64), 2), 0, [width, height, width, height])
        wide = (corners[:, 2:] - corners[:, :2] >= LEAST).all(1)  # NaN is not
        places = np.flatnonzero(wide & (scores > self._asking.threshold))
        boxes = [Box(*(float(v) for v in corners[k])) for k in places]
        called = [names[which[k]] for k in places]
        kept = without_duplicates(boxes, called, scores[places].tolist(), self._asking.same, self._asking.other)
        return [Detection(called[k], boxes[k], round(float(scores[places[k]]), 4)) for k in kept[: self._asking.most]]

    @on_gpu(60)
    def _look(self, image: Image, names: Sequence[str]) -> Found:
        """Every box the network proposes."""
        key = (self.kinds[0], self._weights.where, self._device.name)
        size = f"{image.shape[1]} x {image.shape[0]} px"
        with SHELF.borrow(key, self._load, NEED) as (processor, network), running(self.title, size):
            return self._ask(processor, network, image, names)

    def _ask(self, processor: Any, network: Any, image: Image, names: Sequence[str]) -> Found:
        raise NotImplementedError

    def _load(self) -> tuple[Any, Any]:
        """Processor and network.

        Raises:
            Unavailable: with what failed, in one line.
        """
        folder, made = self._weights.folder(), transformers.AutoModelForZeroShotObjectDetection
        network = network_of(self._weights, folder, made, self.kinds, self.hub, self._device)
        with loading(self._weights):
            processor = transformers.AutoProcessor.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
        if len(processor.tokenizer) < network.config.text_config.vocab_size:  # the library invents an empty one
            raise Unavailable(f"“{self._weights.where}” lacks its vocabulary", next_step=self._weights.remedy)
        return processor, network

    def _pixels(self, processor: Any, image: Image) -> dict[str, torch.Tensor]:
        """The picture as the network sees it."""
        seen = processor.image_processor(images=image, return_tensors="pt", input_data_format="channels_last")
        return {name: value.to(self._device.name) for name, value in seen.items()}


class OwlViT(TextDetector):
    """OWL-ViT, asked for "a photo of a …", with duplicates merged. It sees the picture stretched to a square."""

    name = "owlvit"
    title = "OWL-ViT"
    hub = "google/owlvit-base-patch32"
    kinds = ("owlvit",)
    asking = Asking("a photo of a {}", 0.1)

    def _ask(self, processor: Any, network: Any, image: Image, names: Sequence[str]) -> Found:
        queries = [self._asking.query.replace("{}", name) for name in names]
        longest = network.config.text_config.max_position_embeddings
        text = processor.tokenizer(
            queries,
            padding="max_length",
            truncation=True,
            max_length=longest,
            split_special_tokens=True,
            return_tensors="pt",
        ).to(self._device.name)
        pixels = self._pixels(processor, image)["pixel_values"]
        out = network(input_ids=text["input_ids"], attention_mask=text["attention_mask"], pixel_values=pixels)
        score, which = torch.sigmoid(out.logits[0].float()).max(-1)
        corners = corners_of(out.pred_boxes[0].float()) * torch.tensor(self._scale(*image.shape[:2])).to(score.device)
        return corners.cpu().numpy(), score.cpu().numpy(), which.cpu().numpy()

    def _scale(self, height: int, width: int) -> tuple[float, float, float, float]:
        """Picture px of a box that spans all the network sees."""
        return float(width), float(height), float(width), float(height)


class Visor(OwlViT):
    """VISOR's detector as published: OWL-ViT, "a photo of a {obj}", scores above 0.1, nothing merged (SEEDS 3.4)."""

    name = "visor"
    title = "OWL-ViT as VISOR uses it"
    asking = Asking("a photo of a {}", 0.1, same=1.0, other=1.0, most=10_000)


class Owl2(OwlViT):
    """OWLv2, asked for "a photo of a …". It sees the picture padded to a square at its right or lower side."""

    name = "owlv2"
    title = "OWLv2"
    hub = "google/owlv2-base-patch16-ensemble"
    kinds = ("owlv2",)
    asking = Asking("a photo of a {}", 0.2)

    def _scale(self, height: int, width: int) -> tuple[float, float, float, float]:
        side = float(max(height, width))
        return side, side, side, side


class GroundingDino(TextDetector):
    """Grounding DINO, asked for many labels in one text, "a cat. a dog."; a longer list in several texts.

    A box has a probability for each token of the text. Its label is the one whose tokens have the highest mean, its score
    the highest of them, as its authors score boxes. Where several texts were needed, each gives its own boxes.
    """

    name = "grounding-dino"
    title = "Grounding DINO"
    hub = "IDEA-Research/grounding-dino-tiny"
    kinds = ("grounding-dino", "mm-grounding-dino")
    asking = Asking("a {}", 0.35)  # the authors' demonstration

    def _ask(self, processor: Any, network: Any, image: Image, names: Sequence[str]) -> Found:
        pixels = self._pixels(processor, image)
        texts = list(texts_of(processor.tokenizer, names, self._asking.query, network.config.max_text_len))
        found = []
        for k, (tokens, spans) in enumerate(texts):
            tell(k / len(texts), f"{self.title}: looking for {len(names)} things")
            out = network(**pixels, **tokens.to(self._device.name))
            chance = torch.sigmoid(out.logits[0].float()).cpu()
            mean = torch.stack([chance[:, span].mean(-1) for span in spans.values()], -1)
            best = torch.stack([chance[:, span].amax(-1) for span in spans.values()], -1)
            place = mean.argmax(-1)
            which = torch.tensor(list(spans))[place]
            score = best.gather(-1, place[:, None])[:, 0]
            found.append((corners_of(out.pred_boxes[0].float()).cpu(), score, which))
        if not found:
            return np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.intp)
        height, width = image.shape[:2]
        corners, score, which = (torch.cat(parts) for parts in zip(*found, strict=True))
        return (corners * torch.tensor([width, height, width, height])).numpy(), score.numpy(), which.numpy()


def texts_of(tokenizer: Any, names: Sequence[str], query: str, longest: int) -> Iterator[tuple[Any, dict[int, list[int]]]]:
    """Tokens of texts that together hold every name once, each with place of a name -> its places among the tokens.

    A text ends a name with a full stop, so a name's own stops and question marks are blanks. One without a token of its
    own, or too long for a text alone, can't be looked for and is left out.

    Args:
        names: N.
        query: with {} for a name.
        longest: T of a text at most.
    """
    before, _, after = query.partition("{}")
    parts = [" ".join(name.lower().replace(".", " ").replace("?", " ").split()) for name in names]
    waiting = [k for k, part in enumerate(parts) if part]
    while waiting:
        text, ranges = "", dict[int, tuple[int, int]]()
        taken, spans = None, dict[int, list[int]]()
        for k in waiting:
            start = len(text) + len(before)
            text += f"{before}{parts[k]}{after}. "
            ranges[k] = (start, start + len(parts[k]))
            tokens = tokenizer(
                text.strip(), return_tensors="pt", return_offsets_mapping=True, return_token_type_ids=True,
                split_special_tokens=True,
            )  # fmt: skip
            if tokens["input_ids"].shape[1] > longest:
                break
            offsets = tokens.pop("offset_mapping")[0].tolist()
            taken, spans = tokens, {n: _within(offsets, *ranges[n]) for n in ranges}
        done = set(spans) or {waiting[0]}
        waiting = [k for k in waiting if k not in done]
        if spans := {n: span for n, span in spans.items() if span}:
            yield taken, spans


def _within(offsets: Sequence[Sequence[int]], start: int, stop: int) -> list[int]:
    """Places of the tokens that are part of text[start:stop]."""
    return [k for k, (a, b) in enumerate(offsets) if a < b and start <= a and b <= stop]


def corners_of(boxes: torch.Tensor) -> torch.Tensor:
    """(..., 4) x0, y0, x1, y1 of (..., 4) middle x, middle y, width, height."""
    middle, half = boxes[..., :2], boxes[..., 2:] / 2
    return torch.cat([middle - half, middle + half], -1)
