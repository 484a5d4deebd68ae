"""Boxes of many pictures as columns, and the captions drawn from them: millions of rows without millions of objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

SPLITS = ("train", "validation", "test")
NAMED = 3
"""Things named one by one before the rest is counted."""


@dataclass(frozen=True)
class Tally:
    """What was left out or changed, and why.

    Attributes:
        key: one word for it, as in the JSON.
        what: in words, "boxes without area, left out".
        count: how many.
        named: the first few.
    """

    key: str
    what: str
    count: int
    named: tuple[str, ...]

    @property
    def line(self) -> str:
        """ "boxes without area, left out: 5 (annotation 3 of image 9, … and 2 more)"."""
        rest = f" and {self.count - len(self.named):,} more" if self.count > len(self.named) else ""
        return f"{self.what}: {self.count:,} ({', '.join(self.named)}{rest})"


@dataclass(frozen=True, eq=False)
class BoxTable:
    """B boxes of I pictures in C categories, the boxes picture after picture.

    Attributes:
        image_ids, file_names: of each picture.
        size_px: (I, 2) width and height.
        names: of each category, each once.
        starts: (I + 1,) boxes of picture i are those from starts[i] up to starts[i + 1].
        category: (B,) place in `names`.
        box_xyxy_px: (B, 4), inside the picture; meaningless where not `usable`.
        centroid: (B, 2) px, of the mask where known, else of the box.
        usable: (B,) False for crowds and boxes that can't be used, which still tell that such a thing is there.
    """

    image_ids: Sequence[int | str]
    file_names: Sequence[str]
    size_px: NDArray[np.float64]
    names: Sequence[str]
    starts: NDArray[np.int64]
    category: NDArray[np.int64]
    box_xyxy_px: NDArray[np.float64]
    centroid: NDArray[np.float64]
    usable: NDArray[np.bool_]

    @property
    def image(self) -> NDArray[np.int64]:
        """(B,) place of each box's picture."""
        return np.repeat(np.arange(len(self.image_ids)), np.diff(self.starts))


@dataclass(frozen=True, eq=False)
class CaptionRows:
    """K captions as places in a `BoxTable`; all captions of a picture are in one such value, picture after picture.

    Attributes:
        image: (K,) pictures.
        subject, object: (K,) boxes.
        relation: (K,) places in the chosen relations.
        split: (K,) places in `SPLITS`.
        dropped: why pairs gave no caption -> how many relations.
    """

    image: NDArray[np.int64]
    subject: NDArray[np.int64]
    object: NDArray[np.int64]
    relation: NDArray[np.int64]
    split: NDArray[np.int64]
    dropped: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.image)

    def where(self, keep: NDArray[np.bool_]) -> CaptionRows:
        """Some of the rows."""
        return CaptionRows(
            self.image[keep], self.subject[keep], self.object[keep], self.relation[keep], self.split[keep], self.dropped
        )
