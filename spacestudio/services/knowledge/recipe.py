"""What the stages of knowledge to data share: settings, and what making one item came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spacestudio.engines.language.talk import Counts
from spacestudio.services.converse import SOLVER
from spacestudio.services.imagine import AGAIN, Looks

Row = dict[str, Any]


@dataclass(frozen=True)
class Recipe:
    """How knowledge becomes data.

    Attributes:
        scenes: how many places.
        combinations: graphs of each scene.
        language: who writes scenes, objects and graphs.
        layout: the solver, or a language model that proposes boxes to it.
        image: the image engine.
        candidates: pictures made of each graph; the best is kept.
        retries: pictures made beside them at most, while a relation fails.
        looks: what measures a picture whose engine can't know what it drew.
        words: language model that rewords questions; "" for none.
        check: vision-language model that may drop questions; "" for none.
        texts: what to know of a scene, by its name (SKG2Data's `--rag_file`).
        add_one_node: also pictures of one object alone, in other attributes, for the three used most.
        seed: same seed, same bytes.
    """

    scenes: int = 10
    combinations: int = 5
    language: str = "grammar"
    layout: str = SOLVER
    image: str = "compositor"
    candidates: int = 1
    retries: int = AGAIN
    looks: Looks = field(default_factory=Looks)
    words: str = ""
    check: str = ""
    texts: Mapping[str, str] = field(default_factory=dict, hash=False)
    add_one_node: bool = False
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Made:
    """What one item came to.

    Attributes:
        rows: for the stage's file; none when everything was rejected.
        repaired: statements that were changed or left out so that the rest holds.
        rejected: why -> how many were not used.
        notes: what a person should know, a line each.
        counts: what language models took.
    """

    rows: tuple[Any, ...] = ()
    repaired: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    counts: Counts = field(default_factory=Counts)


@dataclass(frozen=True, eq=False)
class Work:
    """Where a stage works.

    Attributes:
        folder: holds the files of all stages, samples, and pictures.
        recipe: how.
        number: of the item, from 0.
    """

    folder: Path
    recipe: Recipe
    number: int

    @property
    def seed(self) -> int:
        """Of this item."""
        return self.recipe.seed + self.number
