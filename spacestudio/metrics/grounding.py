"""Grounding: whether the box answered is the box asked for, IoU > 0.5 (SEEDS 1.6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from spacestudio.metrics.overlap import iou
from spacestudio.metrics.report import Figure, Item, Report, Table
from spacestudio.metrics.shares import share_of, worst

XYXY = tuple[float, float, float, float]
GRID = 999
IOU = 0.5

AS_PUBLISHED = (
    "as published: IoU > 0.5 of the first [[x1,y1,x2,y2]] of the answer, in 32 bits; an answer without one is a box without "
    "size; questions without an answer are not noticed"
)
CORRECTED = (
    "corrected: IoU > 0.5 of the first box of the answer, [x1,y1,x2,y2] in single or double brackets, corners put in order; "
    "an answer without one, and a question without an answer, is wrong"
)


@dataclass(frozen=True)
class Find:
    """A thing to be found.

    Attributes:
        id, image, category: of its question.
        width, height: px of the picture.
        box: the true one, xyxy px.
        said: the one answered, xyxy 0–999; None where there is none.
    """

    id: str
    image: str
    category: str
    width: int
    height: int
    box: XYXY
    said: XYXY | None


def score(
    finds: Sequence[Find],
    as_published: bool = False,
    square: bool = True,
    counts: Mapping[str, int] | None = None,
    notes: Sequence[str] = (),
) -> Report:
    """Accuracy at IoU > 0.5, overall and per category, and the mean IoU.

    Args:
        finds: what is scored, at least one.
        as_published: the definition of SEEDS 1.6 with its defects.
        square: whether answers are on the square-padded picture, as ASMv2's are; else each axis has its own 0–999.
        counts, notes: what the reader has to tell.
    """
    kind = np.dtype(np.float32 if as_published else np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        true, said = (
            np.array(boxes, np.float64).astype(kind).reshape(-1, 4)
            for boxes in ([find.box for find in finds], [find.said or (0, 0, 0, 0) for find in finds])
        )
        sizes = np.array([(find.width, find.height) for find in finds], kind).reshape(-1, 2)
        side = sizes.max(1, keepdims=True) if square else sizes
        px = said / GRID * np.tile(side, 4 // side.shape[1]) - np.tile((side - sizes) // 2, 2)
    overlaps = iou(px, true)
    valid = np.array([find.said is not None for find in finds], bool)
    overlaps = np.where(valid, overlaps, 0)
    right = (overlaps > IOU).tolist()
    images, categories = [find.image for find in finds], [find.category for find in finds]
    rows = []
    for name in dict.fromkeys(categories):
        some = [k for k, own in enumerate(categories) if own == name]
        hits = sum(right[k] for k in some)
        rows.append((name, 100 * hits / len(some), hits, len(some)))
    figures = (
        share_of("accuracy", right, images),
        Figure("mean_iou", float(overlaps.mean()) if len(finds) else None, len(finds), unit=""),
    )
    return Report(
        "Grounding",
        AS_PUBLISHED if as_published else CORRECTED,
        figures,
        {"n_items": len(finds), "n_invalid": int((~valid).sum()), **(counts or {})},
        (Table("Accuracy per category", ("category", "accuracy", "right", "items"), tuple(rows)),),
        None,
        worst(_item(find, float(value), hit) for find, value, hit in zip(finds, overlaps, right, strict=True)),
        (*notes, f"Boxes are read {'on the square-padded picture' if square else 'on each axis of the picture'}, 0–999."),
        as_published,
    )


def _item(find: Find, overlap: float, right: bool) -> Item:
    said = "no box" if find.said is None else str([round(v) for v in find.said])
    return Item(find.id, find.image, 1.0 if right else overlap, f"IoU {overlap:.2f}, said {said}")
