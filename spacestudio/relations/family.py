"""What every family of relations declares, and the pairs its rules look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spacestudio.domain.graph import Frame
from spacestudio.domain.measurements import Measurements

Column = NDArray[np.float64]
"""(P,) one number a pair."""


class Side:
    """The subjects, or the objects, of P pairs; each quantity is gathered when a rule first looks at it.

    Attributes:
        rows: (P,) places in the measurements.
    """

    def __init__(self, m: Measurements, rows: NDArray[np.intp]) -> None:
        self._m, self.rows = m, rows

    def _gathered(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.ascontiguousarray(table.T).take(self.rows, axis=1)

    @cached_property
    def box(self) -> NDArray[np.float64]:
        """(4, P) x0, y0, x1, y1 as shares of the picture."""
        return self._gathered(self._m.boxes)

    @cached_property
    def center(self) -> NDArray[np.float64]:
        """(3, P) median point, camera frame; NaN without depth."""
        return self._gathered(self._m.center)

    @cached_property
    def low(self) -> NDArray[np.float64]:
        """(3, P) 10th percentile of the points per axis; NaN without depth."""
        return self._gathered(self._m.low)

    @cached_property
    def high(self) -> NDArray[np.float64]:
        """(3, P) 90th percentile of the points per axis; NaN without depth."""
        return self._gathered(self._m.high)

    @cached_property
    def reach(self) -> Column:
        """(P,) distance of the center from the camera."""
        return np.asarray(np.linalg.norm(self._m.center, axis=1)[self.rows])

    @cached_property
    def heights(self) -> NDArray[np.float64]:
        """(2, P) lowest and highest part above the floor; NaN where unknown."""
        if self._m.heights is None:
            return np.full((2, len(self.rows)), np.nan)
        return self._gathered(self._m.heights)


class Pairs:
    """P ordered pairs of measured objects, of one picture or of many.

    Attributes:
        a, b: subjects and objects.
        touch: (P,) share of a's lower rim that touches b; `touched`: of b's that touches a.
    """

    def __init__(
        self,
        m: Measurements,
        a: NDArray[np.intp],
        b: NDArray[np.intp],
        touch: Column | None = None,
        touched: Column | None = None,
    ) -> None:
        self._m, self.a, self.b = m, Side(m, a), Side(m, b)
        self.touch = m.contact[a, b] if touch is None else touch
        self.touched = m.contact[b, a] if touched is None else touched
        self.metric = m.metric

    def __len__(self) -> int:
        return len(self.touch)

    def __getitem__(self, part: slice) -> Pairs:
        """Some of the pairs."""
        return Pairs(self._m, self.a.rows[part], self.b.rows[part], self.touch[part], self.touched[part])

    @cached_property
    def scale(self) -> Column:
        """(P,) mean distance of the two from the camera, the yardstick of 3D offsets; unchanged by turning."""
        return (self.a.reach + self.b.reach) / 2


Margins = Callable[[Pairs, Frame], Mapping[str, Column]]


@dataclass(frozen=True)
class Family:
    """Relations that answer one question about a pair; a graph stores one of them per ordered pair and frame.

    Attributes:
        name: as in `relations.FAMILIES`.
        frames: where its relations are stored.
        thresholds: predicate -> threshold on its margin, in the order they are tried.
        inverses: predicate -> the predicate of the reversed pair, with the same threshold; itself when symmetric.
        margins: (pairs, frame) -> predicate -> (P,) margins, NaN where it can't be measured. The inverse predicate of the
            reversed pair must come out the same.
        choose: "strongest" stores the largest margin, "first" the first true one, else the largest.
        stores_false: False drops pairs for which every predicate is false (nothing rests on nothing).
        needs_depth: True when it can't be measured without depth.
        length: (pairs) -> (P,) the length it is about, in the cloud's unit; kept as evidence where that is metres.
    """

    name: str
    frames: tuple[Frame, ...]
    thresholds: Mapping[str, float]
    inverses: Mapping[str, str]
    margins: Margins
    choose: Literal["strongest", "first"] = "strongest"
    stores_false: bool = True
    needs_depth: bool = False
    length: Callable[[Pairs], Column] | None = None

    @property
    def predicates(self) -> tuple[str, ...]:
        """In the order they are tried."""
        return tuple(self.thresholds)

    @cached_property
    def limits(self) -> NDArray[np.float64]:
        """(K,) thresholds."""
        return np.array(list(self.thresholds.values()))

    @cached_property
    def inverse(self) -> NDArray[np.intp]:
        """(K,) place of each predicate's inverse."""
        return np.array([self.predicates.index(self.inverses[p]) for p in self.predicates])


UNTOLD = 0.99
"""A margin that may decide nothing is cut to this share of the threshold."""


def clipped(margin: Column, where: NDArray[np.bool_], threshold: float) -> Column:
    """The margin, cut to below the threshold where nothing may be decided."""
    limit = threshold * UNTOLD
    return np.where(where, np.clip(margin, -limit, limit), margin)


def stacked(f: Family, margins: Mapping[str, Column], out: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """(K, P) margins in the order of the family's predicates."""
    return np.stack([margins[p] for p in f.predicates], out=out)


def joined(ms: Sequence[Measurements]) -> Measurements:
    """The objects of many pictures as one table, each picture's own contact left out."""
    if len(ms) == 1:
        return ms[0]
    heights = None
    if any(m.heights is not None for m in ms):
        heights = np.concatenate([np.full((len(m), 2), np.nan) if m.heights is None else m.heights for m in ms])
    names = ("boxes", "z", "center", "low", "high")
    boxes, z, center, low, high = (np.concatenate([getattr(m, name) for m in ms]) for name in names)
    first = ms[0]
    empty = np.zeros((0, 0))
    return Measurements(
        boxes, first.size_px, z, center, low, high, empty, first.metric, first.ratio, heights, first.assumption
    )
