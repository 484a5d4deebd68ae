"""What every family of relations declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spacestudio.domain.graph import Frame
from spacestudio.geometry.measure import Measurements

Matrix = NDArray[np.float64]
Margins = Callable[[Measurements, Frame], Mapping[str, Matrix]]


@dataclass(frozen=True)
class Family:
    """Relations that answer one question about a pair; a graph stores one of them per ordered pair and frame.

    Attributes:
        name: as in `relations.FAMILIES`.
        frames: where its relations are stored.
        thresholds: predicate -> threshold on its margin, in the order they are tried.
        inverses: predicate -> the predicate of the reversed pair; itself when symmetric.
        margins: (measurements, frame) -> predicate -> (N, N) margins, subject first, NaN where it can't be measured.
        choose: "strongest" stores the largest margin, "first" the first true one, else the largest.
        stores_false: False drops pairs for which every predicate is false (nothing rests on nothing).
        needs_depth: True when it can't be measured without depth.
    """

    name: str
    frames: tuple[Frame, ...]
    thresholds: Mapping[str, float]
    inverses: Mapping[str, str]
    margins: Margins
    choose: Literal["strongest", "first"] = "strongest"
    stores_false: bool = True
    needs_depth: bool = False

    @property
    def predicates(self) -> tuple[str, ...]:
        """In the order they are tried."""
        return tuple(self.thresholds)


def differences(values: Matrix) -> Matrix:
    """(N,) to (N, N): object's value minus subject's."""
    return values[None, :] - values[:, None]


def pair_scale(m: Measurements) -> Matrix:
    """(N, N): mean distance of the two objects from the camera, the yardstick of 3D offsets; unchanged by turning."""
    reach = np.linalg.norm(m.center, axis=1)
    return np.asarray((reach[None, :] + reach[:, None]) / 2)
