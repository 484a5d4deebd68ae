"""A question, its answer, and the facts it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

QAStatus = Literal["proposed", "accepted", "rejected", "flagged"]
QAMark = Literal["", "stale", "in conflict"]
QA_STATUSES: tuple[QAStatus, ...] = ("proposed", "accepted", "rejected", "flagged")


@dataclass(frozen=True)
class QAPair:
    """One spatial question.

    Attributes:
        key: family + object ids + predicate + frame + asked form; never numbers, answer or row.
        family: name in `qa.FAMILIES`.
        question, answer: as exported.
        options: for multiple choice, in the order shown; the answer is one of them.
        facts: what the answer rests on: relations, objects, numbers, thresholds.
        origin: "geometry" as derived, "model" in a language model's words, "person" once edited.
        status: where the review stands.
        mark: "stale" when a person's edit rests on facts that changed since; "in conflict" when it contradicts them.
    """

    key: str
    family: str
    question: str
    answer: str
    facts: Mapping[str, Any] = field(default_factory=dict, hash=False)
    options: tuple[str, ...] = ()
    origin: str = "geometry"
    status: QAStatus = "proposed"
    mark: QAMark = ""

    def but(self, **changes: Any) -> QAPair:
        """A copy with some fields changed."""
        return replace(self, **changes)
