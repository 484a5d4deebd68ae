"""What is asked of a layout, in the few forms the solver knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from spacestudio.domain.graph import Frame, Relation
from spacestudio.layouts.extract import frame_of
from spacestudio.relations.relate import VIEWS, family_of, turn_predicate

_CANON = {"right of": "left of", "below": "above", "behind": "in front of", "larger": "smaller", "wider": "narrower",
          "taller": "shorter", "surrounding": "inside", "under": "on"}  # fmt: skip

_SYMMETRIC = frozenset({"at the same depth", "as far to the side", "overlapping", "separated", "near", "beside", "far"})


@dataclass(frozen=True)
class Ask:
    """One asked relation in canonical form.

    Attributes:
        relation: as it was asked.
        predicate: left of, above, in front of, at the same depth, as far to the side (what the same depth becomes seen from
            a side), inside, overlapping, separated, smaller, narrower, shorter, near, beside, far or on.
        a, b: places of the canonical subject and object.
        frame: `image` or `camera`; what is asked from a side view is turned into the camera's frame.
        holds: asked to be true, or to be false.
        ranged: seen from the side this is a depth relation, so the two extents must not be shared.
    """

    relation: Relation
    predicate: str
    a: int
    b: int
    frame: Frame
    holds: bool
    ranged: bool = False

    @property
    def pair(self) -> tuple[int, int]:
        """The two places, smaller first."""
        return min(self.a, self.b), max(self.a, self.b)


def asks(relations: Iterable[Relation], places: Mapping[str, int]) -> tuple[Ask, ...]:
    """The relations that ask something a rule can measure; each statement once, whichever way round it is told."""
    out: dict[tuple[str, int, int, Frame, bool], Ask] = {}
    for r in relations:
        f = family_of(r.predicate)
        if f is None or r.verdict == "undecided":
            continue
        predicate, frame, ranged = r.predicate, frame_of(r), False
        if frame in VIEWS:
            turned = turn_predicate(predicate, 4 - VIEWS[frame]) or predicate
            if predicate == "at the same depth" and frame != "back":
                turned = "as far to the side"
            ranged = f.name == "depth" and turned in ("left of", "right of")
            predicate, frame = turned, "camera"
        a, b = places[r.subject], places[r.object]
        if predicate in _CANON:
            predicate, a, b = _CANON[predicate], b, a
        elif predicate in _SYMMETRIC:
            a, b = min(a, b), max(a, b)
        ask = Ask(r, predicate, a, b, frame, r.verdict == "true", ranged)
        key = (predicate, a, b, frame, ask.holds)
        if key not in out or ranged:
            out[key] = ask
    return tuple(out.values())
