"""Position in the frame: the part of a 3 × 3 grid over the picture in which an object's centre lies (ours)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

BAND = 0.03
"""Share of the picture's side around a line of the grid within which nothing is decided (ours)."""
ROWS, COLUMNS = ("top", "center", "bottom"), ("left", "center", "right")
CELLS = tuple("center" if row == column == "center" else f"{row} {column}" for row in ROWS for column in COLUMNS)
"""Row by row; the middle one is just "center"."""


@dataclass(frozen=True, eq=False)
class Positions:
    """Where N centres lie.

    Attributes:
        horizontal: (N,) str of `COLUMNS`.
        vertical: (N,) str of `ROWS`.
        cell: (N,) str of `CELLS`; for a centre outside the picture, here and above, the nearest part.
        margins: (N, 2) across and down, as shares of the sides: distance to the nearest line of the grid, or minus the
            distance to the picture where the centre lies outside; NaN where there is no centre.
        verdict: (N,) str: "true" when both margins reach `BAND`, else "undecided".
    """

    horizontal: NDArray[np.str_]
    vertical: NDArray[np.str_]
    cell: NDArray[np.str_]
    margins: NDArray[np.float64]
    verdict: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.cell)


def positions(boxes: ArrayLike) -> Positions:
    """Of the centres of (N, 4) xyxy boxes, as shares of the picture."""
    corners = np.asarray(boxes, np.float64).reshape(-1, 4)
    return positions_of_points((corners[:, :2] + corners[:, 2:]) / 2)


def positions_of_points(points: ArrayLike) -> Positions:
    """Of (N, 2) points (x, y), as shares of the picture."""
    xy = np.asarray(points, np.float64).reshape(-1, 2)
    outside = np.maximum(-xy, xy - 1)
    to_line = np.minimum(np.abs(xy - 1 / 3), np.abs(xy - 2 / 3))
    margins = np.where(outside > 0, -outside, to_line)
    column, row = np.minimum(np.clip(np.nan_to_num(xy), 0, 1) * 3, 2).astype(np.intp).T
    return Positions(
        np.array(COLUMNS)[column],
        np.array(ROWS)[row],
        np.array(CELLS)[row * 3 + column],
        margins,
        np.where((margins >= BAND).all(1), "true", "undecided"),
    )
