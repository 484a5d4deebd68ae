"""What every rule set declares, the pairs it looks at, and its answer for one picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Held = Mapping[str, NDArray[np.bool_]]


@dataclass(frozen=True, eq=False)
class BoxPairs:
    """P ordered pairs of boxes, each pair in a picture of its own size.

    Attributes:
        subject, object: (P, 4) xyxy px.
        size: (P, 2) width and height of the picture, px.
        subject_centroid, object_centroid: (P, 2) px: of the masks where known, else the boxes' centres.
    """

    subject: Floats
    object: Floats
    size: Floats
    subject_centroid: Floats
    object_centroid: Floats

    @classmethod
    def of(
        cls,
        subject_xyxy_px: ArrayLike,
        object_xyxy_px: ArrayLike,
        size_px: ArrayLike,
        subject_centroid: ArrayLike | None = None,
        object_centroid: ArrayLike | None = None,
    ) -> BoxPairs:
        """From (P, 4) boxes, one (2,) size or (P, 2), and (P, 2) centroids.

        Raises:
            ValueError: shapes that do not fit each other.
        """
        subject, object_ = np.asarray(subject_xyxy_px, np.float64), np.asarray(object_xyxy_px, np.float64)
        if subject.ndim != 2 or subject.shape[1] != 4 or subject.shape != object_.shape:
            raise ValueError(f"Boxes of pairs want the shape (P, 4) twice, got {subject.shape} and {object_.shape}")
        return cls(
            subject,
            object_,
            _points(size_px, subject, "The picture's size"),
            centers(subject) if subject_centroid is None else _points(subject_centroid, subject, "Subject centroids"),
            centers(object_) if object_centroid is None else _points(object_centroid, object_, "Object centroids"),
        )


@dataclass(frozen=True)
class RuleSet:
    """Rules for ordered pairs of boxes in a picture.

    Attributes:
        name: as in `rules.RULE_SETS`.
        groups: group name -> its predicates; of a group, at most one holds for a pair.
        inverses: predicate -> the predicate of the reversed pair; itself when symmetric. Where published rules break this
            on ties, the head of their file says so.
        rule: pairs -> predicate -> (P,) bool.
        uses_centroids: True when mask centroids, where given, take the place of box centres.
    """

    name: str
    groups: Mapping[str, tuple[str, ...]]
    inverses: Mapping[str, str]
    rule: Callable[[BoxPairs], Held]
    uses_centroids: bool = False

    @property
    def predicates(self) -> tuple[str, ...]:
        """Group by group."""
        return tuple(predicate for group in self.groups.values() for predicate in group)

    def holds(
        self,
        subject_xyxy_px: ArrayLike,
        object_xyxy_px: ArrayLike,
        size_px: ArrayLike,
        subject_centroid: ArrayLike | None = None,
        object_centroid: ArrayLike | None = None,
    ) -> Held:
        """Which relations hold, for P pairs at once; memory grows with P alone, so millions go in chunks.

        Args:
            subject_xyxy_px, object_xyxy_px: (P, 4) boxes, px.
            size_px: (2,) or (P, 2) width and height of the picture, px.
            subject_centroid, object_centroid: (P, 2) mask centroids, px; box centres when None.

        Returns:
            predicate -> (P,) bool, in the order of `predicates`.

        Raises:
            ValueError: shapes that do not fit each other.
        """
        held = self.rule(BoxPairs.of(subject_xyxy_px, object_xyxy_px, size_px, subject_centroid, object_centroid))
        return {predicate: held[predicate] for predicate in self.predicates}


def related(
    rules: RuleSet, boxes_xyxy_px: ArrayLike, width: float, height: float, centroids: ArrayLike | None = None
) -> list[tuple[int, str, int]]:
    """All that holds in one picture: (subject, predicate, object), by subject, then object, then the rules' order.

    Args:
        rules: a rule set.
        boxes_xyxy_px: (N, 4) boxes, px; subjects and objects are told by their places in it.
        width, height: of the picture, px.
        centroids: (N, 2) mask centroids, px; box centres when None.

    Raises:
        ValueError: another number of centroids than of boxes.
    """
    boxes = np.asarray(boxes_xyxy_px, np.float64).reshape(-1, 4)
    subject, object_ = np.nonzero(~np.eye(len(boxes), dtype=bool))
    points = centers(boxes) if centroids is None else _points(np.reshape(centroids, (-1, 2)), boxes, "Centroids")
    held = rules.holds(boxes[subject], boxes[object_], (width, height), points[subject], points[object_])
    pairs, which = np.nonzero(np.stack([held[predicate] for predicate in rules.predicates], axis=1))
    names = (rules.predicates[k] for k in which)
    return list(zip(subject[pairs].tolist(), names, object_[pairs].tolist(), strict=True))


def centers(boxes: Floats) -> Floats:
    """(N, 4) xyxy to (N, 2)."""
    return (boxes[:, :2] + boxes[:, 2:]) / 2


def _points(values: ArrayLike, boxes: Floats, what: str) -> Floats:
    """(P, 2), one row repeated where only one is given."""
    points = np.asarray(values, np.float64)
    if points.shape not in ((2,), (len(boxes), 2)):
        raise ValueError(f"{what} must have the shape (2,) or ({len(boxes)}, 2), got {points.shape}")
    return np.broadcast_to(points, (len(boxes), 2))
