"""What was found in pictures made from prompts, column by column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spacestudio.domain.prompts import Bad


@dataclass(frozen=True, eq=False)
class Results:
    """N rows of a result file.

    Attributes:
        prompt, number: (N,) int64: the prompt's id, and which of its pictures.
        right: (N,) bool: `sra`, whether a pair of the objects found stands as asked.
        classes: N tuples of what was found.
        texts: N: the prompt's text, "" where the file has none.
        bad: what could not be read.
    """

    prompt: NDArray[np.int64]
    number: NDArray[np.int64]
    right: NDArray[np.bool_]
    classes: Sequence[tuple[str, ...]]
    texts: Sequence[str]
    bad: Bad = ()


@dataclass(frozen=True, eq=False)
class FoundBoxes:
    """M boxes found in N pictures.

    Attributes:
        prompt, number: (N,) int64: the prompt's id, and which of its pictures.
        size: (N, 2) width and height, px; NaN where the file does not state them.
        image: (M,) intp, the place of a box's picture.
        labels: M names.
        xyxy: (M, 4) px.
        score: (M,)
        complete: whether the file lists pictures in which nothing was found.
        bad: what could not be read.
    """

    prompt: NDArray[np.int64]
    number: NDArray[np.int64]
    size: NDArray[np.float64]
    image: NDArray[np.intp]
    labels: Sequence[str]
    xyxy: NDArray[np.float64]
    score: NDArray[np.float64]
    complete: bool
    bad: Bad = ()
