"""Relations as what an answer rests on: looked up by place, and as they stand in `QAPair.facts` and `Exchange.facts`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from spacestudio.domain.graph import Relation
from spacestudio.relations.relate import inverse_of
from spacestudio.relations.words import reversed_relation

Table = Mapping[tuple[str, str, str, str], Relation]
"""Relations by the place each takes, `Relation.key`."""


def fact(r: Relation) -> dict[str, Any]:
    """A relation as it stands in the facts of a question, JSON values."""
    return {
        "subject": r.subject, "predicate": r.predicate, "object": r.object, "family": r.family, "frame": r.frame,
        "verdict": r.verdict, "margin": finite(r.margin), "threshold": finite(r.threshold), "origin": r.origin,
    }  # fmt: skip


def finite(value: float) -> float:
    """Six digits after the point; 0 for what is no number."""
    return round(float(value), 6) if math.isfinite(value) else 0.0


def stored(table: Table, subject: str, object_: str, family: str, frame: str) -> Relation | None:
    """The relation between two objects as said of `subject`, from whichever side it is stored."""
    here = table.get((subject, object_, family, frame))
    there = table.get((object_, subject, family, frame))
    if here is None or there is None:
        return here or (reversed_relation(there) if there else None)
    agree = here.verdict == there.verdict and inverse_of(here.predicate) in (there.predicate, None)
    return here if agree else None
