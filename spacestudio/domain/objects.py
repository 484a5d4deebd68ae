"""An object in a picture."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from spacestudio.domain.boxes import Box
from spacestudio.domain.depth import DepthStats

Origin = Literal["geometry", "model", "person", "file", "render"]
ID_PATTERN = r"^[A-Za-z0-9_-]{1,64}$"


@dataclass(frozen=True, eq=False)
class SceneObject:
    """One object; two "black cat"s are two objects.

    Attributes:
        id: stable, `[A-Za-z0-9_-]` only.
        label: what it is, singular.
        attributes: short adjectives, in order.
        box: in picture px.
        mask: (H, W) bool over the whole picture, or None before one was made.
        depth: spread of the depth map over the mask; None without valid depth there.
        origin: who put it here.
        score: confidence in [0, 1]; 1 for a person's.
    """

    id: str
    label: str
    box: Box
    attributes: tuple[str, ...] = ()
    mask: NDArray[np.bool_] | None = None
    depth: DepthStats | None = None
    origin: Origin = "person"
    score: float = 1.0

    def __post_init__(self) -> None:
        if not re.match(ID_PATTERN, self.id):
            raise ValueError(f"An object id uses letters, digits, _ and - (64 at most), got {self.id!r}")

    @property
    def name(self) -> str:
        """Attributes and label: "black cat"."""
        return " ".join((*self.attributes, self.label))

    def but(self, **changes: Any) -> SceneObject:
        """A copy with some fields changed."""
        return replace(self, **changes)


def fresh_id(label: str, taken: set[str] | frozenset[str]) -> str:
    """An id readable from the label and not in `taken`: "traffic-light-2"."""
    stem = re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-")[:40] or "object"
    number = 1
    while f"{stem}-{number}" in taken:
        number += 1
    return f"{stem}-{number}"
