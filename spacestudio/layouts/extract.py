"""Layout -> graph, by the studio's own rules.

A layout has boxes and a distance per object, no pixels: an object is taken as a flat, filled rectangle at its distance, seen
by the assumed camera. So what the rules say of a layout is what they say of a picture that draws it exactly so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from spacestudio.domain.camera import Camera
from spacestudio.domain.depth import FAR_NEAR_RATIO, DepthStats
from spacestudio.domain.graph import Frame, Relation, SpatialGraph
from spacestudio.domain.layout import Layout
from spacestudio.domain.measurements import Measurements
from spacestudio.domain.objects import SceneObject
from spacestudio.relations.relate import VIEWS, Judged, family, family_of, judge, relate

REACH = 0.02
"""Share of the picture's height within which a lower rim touches what is below it (as in `geometry.measure`)."""


def depth_of(layout: Layout) -> dict[str, float]:
    """Object id -> distance along z, in the order nearest first.

    The layout's own `depths`, else equal log steps: the k-th of n (from 0) stands at 10 ** (k / (n - 1)), so the farthest is
    `FAR_NEAR_RATIO` times as far as the nearest.
    """
    if layout.depths:
        return {i: float(layout.depths[i]) for i in layout.order}
    steps = max(1, len(layout.order) - 1)
    return {i: float(FAR_NEAR_RATIO ** (k / steps)) for k, i in enumerate(layout.order)}


def measurements(layout: Layout) -> Measurements:
    """What the relation rules look at, N first in the order of `layout.boxes`."""
    depths = depth_of(layout)
    boxes = np.array([b.xyxy for b in layout.boxes.values()], np.float64).reshape(-1, 4)
    return measured(boxes, np.array([depths[i] for i in layout.boxes]), layout.width, layout.height)


def measured(boxes_px: NDArray[np.float64], z: NDArray[np.float64], width: int, height: int) -> Measurements:
    """The same from (N, 4) boxes in px and (N,) distances."""
    camera = Camera.assumed(width, height)
    size = np.array([width, height], np.float64)
    focal, middle = np.array([camera.fx, camera.fy]), np.array([camera.cx, camera.cy])

    def at(share: float) -> NDArray[np.float64]:
        """(N, 3) the points that far across and down each box, in the camera frame."""
        point = boxes_px[:, :2] * (1 - share) + boxes_px[:, 2:] * share
        return np.column_stack(((point - middle) / focal * z[:, None], z))

    return Measurements(
        boxes_px / np.tile(size, 2), size, np.column_stack((z, z, z)), at(0.5), at(0.1), at(0.9),
        _contact(boxes_px, height), False, FAR_NEAR_RATIO,
    )  # fmt: skip


def _contact(boxes: NDArray[np.float64], height: int) -> NDArray[np.float64]:
    """(N, N): share of i's lower edge over j, where that edge lies within j or within REACH above it."""
    reach = max(2.0, round(REACH * height))
    width = np.maximum(boxes[:, 2] - boxes[:, 0], 1e-9)
    shared = np.minimum(boxes[:, None, 2], boxes[None, :, 2]) - np.maximum(boxes[:, None, 0], boxes[None, :, 0])
    rim = boxes[:, None, 3]
    touches = (rim > boxes[None, :, 1] - reach) & (rim < boxes[None, :, 3])
    contact: NDArray[np.float64] = np.where(touches, np.maximum(shared, 0) / width[:, None], 0.0)
    np.fill_diagonal(contact, 0.0)
    return contact


def extract(layout: Layout, objects: Iterable[SceneObject] = ()) -> SpatialGraph:
    """The graph a picture drawn exactly like this layout would have.

    Args:
        objects: where labels and attributes come from; others are labelled by `layout.names`.
    """
    assumptions = ("the layout's depth order", "camera: 60° assumed")
    return relate(drawn(layout, objects), (measurements(layout),), assumptions=assumptions)


def drawn(layout: Layout, objects: Iterable[SceneObject] = ()) -> tuple[SceneObject, ...]:
    """The objects such a picture would have, in the order of `layout.boxes`; labels as in `extract`."""
    known = {o.id: o for o in objects}
    depths = depth_of(layout)
    return tuple(
        (known[i].but(mask=None) if i in known else SceneObject(i, layout.names.get(i, i), box)).but(
            box=box, depth=DepthStats(*[depths[i]] * 5), origin="render", score=1.0
        )
        for i, box in layout.boxes.items()
    )


def missing(layout: Layout, asked: Iterable[Relation]) -> tuple[Relation, ...]:
    """The asked relations this layout does not show; empty when it holds them all.

    Each predicate is judged by its own rule, not only the one a graph would store for the pair. One asked to be true must be
    true; one asked to be false must not be true; an undecided one, or a person's own words, asks nothing.
    """
    judges = Judges(measurements(layout), {i: k for k, i in enumerate(layout.boxes)})
    return tuple(r for r in asked if r.verdict != "undecided" and judges.holds(r) is False)


@dataclass
class Judges:
    """The rules' opinion of measured objects, each family asked once; `places` maps ids to rows of `m`.

    Attributes:
        m: under the stated assumption.
        places: object id -> row.
        others: the same objects under other assumptions; a verdict must survive them all.
    """

    m: Measurements
    places: Mapping[str, int]
    others: tuple[Measurements, ...] = ()

    @cached_property
    def _known(self) -> dict[tuple[str, Frame], dict[str, Judged]]:
        return {}

    def judged(self, r: Relation) -> Judged | None:
        """r's predicate over all pairs, in the frame it is judged in; None where no rule measures it."""
        f = family_of(r.predicate)
        if f is None:
            return None
        frame = frame_of(r)
        key = (f.name, frame)
        if key not in self._known:
            variants = (self.m, *self.others)
            if frame in VIEWS:
                variants = tuple(m.turned(VIEWS[frame]) for m in variants)
            self._known[key] = judge(family(f.name), variants, frame)
        return self._known[key][r.predicate]

    def sign(self, r: Relation) -> int | None:
        """1 true, 0 undecided, -1 false by the predicate's rule; None where no rule measures it or an object is absent."""
        judged = self.judged(r)
        if judged is None or r.subject not in self.places or r.object not in self.places:
            return None
        return int(judged.sign[self.places[r.subject], self.places[r.object]])

    def holds(self, r: Relation) -> bool | None:
        """Whether it is as asked; None where that can't be measured."""
        sign = self.sign(r)
        return None if sign is None else (sign > 0) == (r.verdict == "true")


def frame_of(r: Relation) -> Frame:
    """The frame a relation is judged in: its own where its family has it, else the family's first."""
    f = family_of(r.predicate)
    if f is None or r.frame in f.frames or (r.frame in VIEWS and f.name in ("direction", "depth")):
        return r.frame
    return f.frames[0]
