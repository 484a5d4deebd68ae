"""What a question family may look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from spacestudio.domain.graph import Relation, SpatialGraph
from spacestudio.domain.sample import Layer


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture's own graph and what was computed beside it.

    Attributes:
        graph: with verdicts, corrections included.
        width, height: of the picture, px.
        views: viewpoint ("left", "right", "back") -> relations seen from there.
        layers: near to far.
        distances: object id -> (p10, median, p90) along z; metres when `metric`, else farness 0 nearest - 1 farthest.
        metric: whether distances are metres.
        depth_source: who made the depth; "" when there is none.
        distrusted: keys of relations in a clash; nothing is asked on them.
        kept: keys of questions a person has edited or judged; they are asked as long as the graph decides them.
        unlisted: labels of things the picture shows that are no objects of the graph (crowds, say); they are neither
            counted nor told apart nor called absent.
        seed: decides paraphrase, order of options and the balance of yes and no, together with each question's key.
    """

    graph: SpatialGraph
    width: int
    height: int
    views: Mapping[str, tuple[Relation, ...]] = field(default_factory=dict)
    layers: tuple[Layer, ...] = ()
    distances: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    metric: bool = False
    depth_source: str = ""
    distrusted: frozenset[tuple[str, str, str, str]] = frozenset()
    unlisted: frozenset[str] = frozenset()
    seed: int = 0
    kept: frozenset[str] = frozenset()
