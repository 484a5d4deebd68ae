"""Text whose names and predicates point at objects: what the SpaceSGG formats write and the screen links to boxes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Mention:
    """A name and the objects it stands for, by id; "cups" may stand for several."""

    text: str
    objects: tuple[str, ...]


@dataclass(frozen=True)
class Predicate:
    """A predicate between objects, by id.

    Attributes:
        text: as read: "to the left of".
        subjects, objects: pairwise where both are as long; a list of one goes with each of the other (ASv2, SEEDS 1.2).
    """

    text: str
    subjects: tuple[str, ...]
    objects: tuple[str, ...]


Span = str | Mention | Predicate


@dataclass(frozen=True)
class Grounded:
    """A text as spans in reading order."""

    spans: tuple[Span, ...] = ()

    @property
    def plain(self) -> str:
        """The text without what it points at."""
        return "".join(span if isinstance(span, str) else span.text for span in self.spans)

    @property
    def mentions(self) -> tuple[Mention, ...]:
        """The names, in reading order."""
        return tuple(span for span in self.spans if isinstance(span, Mention))

    @property
    def predicates(self) -> tuple[Predicate, ...]:
        """The predicates, in reading order."""
        return tuple(span for span in self.spans if isinstance(span, Predicate))


Speaker = Literal["geometry", "model"]


@dataclass(frozen=True)
class Exchange:
    """A question and an answer about one picture, both grounded.

    Attributes:
        key: what it is about, the same whenever it is made again.
        question, answer: as exported.
        facts: what the answer rests on, as in `QAPair.facts`: relations, objects, numbers, thresholds, assumptions.
        origin: "geometry" as derived, "model" in a language model's words.
    """

    key: str
    question: Grounded
    answer: Grounded
    facts: Mapping[str, Any] = field(default_factory=dict, hash=False)
    origin: Speaker = "geometry"
