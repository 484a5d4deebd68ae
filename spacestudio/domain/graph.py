"""The spatial knowledge graph: objects, and relations as columns."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from spacestudio.domain.boxes import Box
from spacestudio.domain.objects import SceneObject

if TYPE_CHECKING:
    import networkx as nx

Verdict = Literal["true", "false", "undecided"]
RelationOrigin = Literal["geometry", "model", "person"]
Frame = Literal["image", "camera", "left", "right", "back"]
VERDICTS: tuple[Verdict, ...] = ("true", "false", "undecided")
FRAMES: tuple[Frame, ...] = ("image", "camera", "left", "right", "back")


@dataclass(frozen=True, slots=True)
class Relation:
    """One statement about two objects, with its verdict and what it rests on.

    Attributes:
        subject, object: object ids.
        predicate: "left of", "in front of", … or a person's own words.
        family: "direction", "depth", …; "other" for a person's own words.
        frame: `image`, `camera`, or a viewpoint `left`, `right`, `back`.
        margin: signed; at least `threshold` makes it true, at most -`threshold` false, between is undecided.
        threshold: in the margin's unit.
        verdict: as decided, by geometry or by the person who overruled it.
        origin: who decided.
        evidence: what else it rests on (numbers, assumptions, what geometry measured before a correction).
    """

    subject: str
    predicate: str
    object: str
    family: str = "other"
    frame: Frame = "image"
    margin: float = 0.0
    threshold: float = 0.0
    verdict: Verdict = "true"
    origin: RelationOrigin = "geometry"
    evidence: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def key(self) -> tuple[str, str, str, str]:
        """(subject, object, family, frame): the place it takes in a graph; a graph holds one relation per place."""
        return self.subject, self.object, self.family, self.frame

    @property
    def triple(self) -> tuple[str, str, str]:
        """(subject, predicate, object)"""
        return self.subject, self.predicate, self.object


@dataclass(frozen=True, eq=False)
class Evidence(Sequence[Mapping[str, Any]]):
    """What R relations rest on besides their numbers; few kinds are shared by many, and a mapping is made when looked at.

    Attributes:
        kinds: the mappings there are.
        kind: (R,) int32, which one each relation has.
        metres: (R,) float64, a length the relation is about, added as "metres"; NaN where there is none.
    """

    kinds: tuple[Mapping[str, Any], ...]
    kind: NDArray[np.int32]
    metres: NDArray[np.float64]

    @classmethod
    def of(cls, items: Iterable[Mapping[str, Any]]) -> Evidence:
        """One mapping a relation."""
        kinds = tuple(items)
        return cls(kinds, np.arange(len(kinds), dtype=np.int32), np.full(len(kinds), np.nan))

    @classmethod
    def joined(cls, parts: Sequence[Evidence]) -> Evidence:
        """All of them, in order."""
        offsets = np.cumsum([0, *(len(p.kinds) for p in parts[:-1])])
        kind = np.concatenate([p.kind + offset for p, offset in zip(parts, offsets.tolist(), strict=True)])
        kinds = tuple(k for p in parts for k in p.kinds)
        return cls(kinds, kind.astype(np.int32), np.concatenate([p.metres for p in parts]))

    def rows(self, rows: NDArray[np.intp]) -> Evidence:
        """Those at these places, in their order."""
        return Evidence(self.kinds, self.kind[rows], self.metres[rows])

    def __len__(self) -> int:
        return len(self.kind)

    @overload
    def __getitem__(self, row: int) -> Mapping[str, Any]: ...
    @overload
    def __getitem__(self, row: slice) -> Evidence: ...
    def __getitem__(self, row: int | slice) -> Mapping[str, Any] | Evidence:
        if isinstance(row, slice):
            return Evidence(self.kinds, self.kind[row], self.metres[row])
        return self._mapping(int(self.kind[row]), float(self.metres[row]))

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return map(self._mapping, self.kind.tolist(), self.metres.tolist())

    def _mapping(self, kind: int, metres: float) -> Mapping[str, Any]:
        return self.kinds[kind] if math.isnan(metres) else {**self.kinds[kind], "metres": round(metres, 3)}


@dataclass(frozen=True, eq=False)
class RelationTable:
    """R relations as parallel columns, R first everywhere.

    Attributes:
        subject, object: (R,) int32, places in the graph's object list.
        predicate, family, frame, verdict, origin: (R,) str.
        margin, threshold: (R,) float64.
        evidence: R mappings.
    """

    subject: NDArray[np.int32]
    object: NDArray[np.int32]
    predicate: NDArray[np.str_]
    family: NDArray[np.str_]
    frame: NDArray[np.str_]
    margin: NDArray[np.float64]
    threshold: NDArray[np.float64]
    verdict: NDArray[np.str_]
    origin: NDArray[np.str_]
    evidence: Evidence

    def __post_init__(self) -> None:
        lengths = {name: len(value) for name, value in vars(self).items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"Relation columns want one length, got {lengths}")

    def __len__(self) -> int:
        return len(self.subject)

    def __getitem__(self, rows: NDArray[np.intp]) -> RelationTable:
        """The rows at these places, in their order."""
        columns = {f.name: getattr(self, f.name)[rows] for f in fields(self) if f.name != "evidence"}
        return RelationTable(**columns, evidence=self.evidence.rows(rows))

    @classmethod
    def joined(cls, tables: Sequence[RelationTable]) -> RelationTable:
        """All rows of at least one table, in order."""
        columns = {f.name: [getattr(table, f.name) for table in tables] for f in fields(cls)}
        evidence = Evidence.joined(columns.pop("evidence"))
        return cls(**{name: np.concatenate(parts) for name, parts in columns.items()}, evidence=evidence)


def _table(relations: Iterable[Relation], places: Mapping[str, int]) -> RelationTable:
    rows = list(relations)
    for row in rows:
        for end in (row.subject, row.object):
            if end not in places:
                raise ValueError(f"A relation names {end!r}, which is no object of this graph")
        if row.subject == row.object:
            raise ValueError(f"{row.subject!r} can't be related to itself")
    return RelationTable(
        np.array([places[r.subject] for r in rows], np.int32),
        np.array([places[r.object] for r in rows], np.int32),
        np.array([r.predicate for r in rows], np.str_),
        np.array([r.family for r in rows], np.str_),
        np.array([r.frame for r in rows], np.str_),
        np.array([r.margin for r in rows], np.float64),
        np.array([r.threshold for r in rows], np.float64),
        np.array([r.verdict for r in rows], np.str_),
        np.array([r.origin for r in rows], np.str_),
        Evidence.of(r.evidence for r in rows),
    )


@dataclass(frozen=True, eq=False)
class SpatialGraph:
    """Objects and the relations between them.

    Attributes:
        objects: in a stable order; ids are unique.
        table: the relations as columns.
        scene: name of the scene, may be empty.
        negative_objects: names of things that are absent.
    """

    objects: tuple[SceneObject, ...]
    table: RelationTable
    scene: str = ""
    negative_objects: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len({o.id for o in self.objects}) != len(self.objects):
            raise ValueError("Two objects share an id")

    @classmethod
    def of(
        cls,
        objects: Iterable[SceneObject],
        relations: Iterable[Relation] = (),
        scene: str = "",
        negative_objects: Iterable[str] = (),
    ) -> SpatialGraph:
        """From objects and relations.

        Raises:
            ValueError: an id used twice, a relation to an unknown object or to itself.
        """
        objects = tuple(objects)
        places = {o.id: i for i, o in enumerate(objects)}
        return cls(objects, _table(relations, places), scene, tuple(negative_objects))

    def __len__(self) -> int:
        return len(self.objects)

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Object ids, in order."""
        return tuple(o.id for o in self.objects)

    @cached_property
    def _own(self) -> Mapping[str, SceneObject]:
        return {o.id: o for o in self.objects}

    def __getitem__(self, object_id: str) -> SceneObject:
        return self._own[object_id]

    def __contains__(self, object_id: str) -> bool:
        return object_id in self._own

    @cached_property
    def relations(self) -> tuple[Relation, ...]:
        """The relations as rows."""
        t, ids = self.table, self.ids
        columns = (
            [ids[s] for s in t.subject.tolist()],
            t.predicate.tolist(),
            [ids[o] for o in t.object.tolist()],
            t.family.tolist(),
            t.frame.tolist(),
            t.margin.tolist(),
            t.threshold.tolist(),
            t.verdict.tolist(),
            t.origin.tolist(),
            t.evidence,
        )
        return tuple(map(Relation, *columns))

    @cached_property
    def by_key(self) -> Mapping[tuple[str, str, str, str], Relation]:
        """The relations by the place each takes; of several at one place the last."""
        return {(r.subject, r.object, r.family, r.frame): r for r in self.relations}

    def __iter__(self) -> Iterator[Relation]:
        return iter(self.relations)

    def relation(self, subject: str, object_: str, family: str, frame: str) -> Relation | None:
        """The relation at that place, or None."""
        return self.by_key.get((subject, object_, family, frame))

    def with_relations(self, relations: Iterable[Relation]) -> SpatialGraph:
        """A copy with these relations in their places; those at a free place come last."""
        given = {r.key: r for r in relations}
        if not given:
            return self
        place: dict[tuple[str, str, str, str], int] = {}
        stays: list[int] = []
        for row, key in enumerate(r.key for r in self.relations):
            if key in given:
                place[key] = row
            else:
                stays.append(row)
        end = len(self.table)
        added = _table(given.values(), {o.id: k for k, o in enumerate(self.objects)})
        rank = np.array([*stays, *(place.get(key, end) for key in given)], np.intp)
        order = np.argsort(rank, kind="stable")
        table = RelationTable.joined([self.table[np.array(stays, np.intp)], added])[order]
        graph = SpatialGraph(self.objects, table, self.scene, self.negative_objects)
        rows = [*(self.relations[row] for row in stays), *given.values()]
        vars(graph)["relations"] = tuple(rows[k] for k in order.tolist())  # known, so they need not be read off the table
        return graph

    def but(self, relations: Iterable[Relation] | None = None, **changes: Any) -> SpatialGraph:
        """A copy with other relations, objects, scene or negative objects."""
        objects = tuple(changes.pop("objects", self.objects))
        if relations is None:
            keep = {o.id for o in objects}
            relations = [r for r in self if r.subject in keep and r.object in keep]
        graph = SpatialGraph.of(objects, relations, self.scene, self.negative_objects)
        return replace(graph, **changes) if changes else graph

    def to_networkx(self) -> nx.MultiDiGraph[str]:
        """For editing, reasoning and node-link files; edge attributes never use source, target or key."""
        import networkx as nx  # wakes when a graph leaves or enters this way

        graph: nx.MultiDiGraph[str] = nx.MultiDiGraph(scene=self.scene, negative_objects=list(self.negative_objects))
        for o in self.objects:
            graph.add_node(
                o.id,
                label=o.label,
                attributes=list(o.attributes),
                box_xyxy_px=list(o.box.xyxy),
                origin=o.origin,
                score=o.score,
            )
        for r in self:
            graph.add_edge(
                r.subject,
                r.object,
                predicate=r.predicate,
                family=r.family,
                frame=r.frame,
                margin=r.margin,
                threshold=r.threshold,
                verdict=r.verdict,
                origin=r.origin,
                evidence=dict(r.evidence),
            )
        return graph

    @classmethod
    def from_networkx(cls, graph: nx.MultiDiGraph[str]) -> SpatialGraph:
        """Back from `to_networkx`; masks and depth, which it does not carry, are None."""
        objects = [
            SceneObject(
                str(i),
                str(d.get("label", i)),
                Box(*d.get("box_xyxy_px", (0, 0, 0, 0))),
                tuple(d.get("attributes", ())),
                origin=d.get("origin", "person"),
                score=float(d.get("score", 1.0)),
            )
            for i, d in graph.nodes(data=True)
        ]
        relations = [
            Relation(
                str(s),
                d["predicate"],
                str(o),
                d.get("family", "other"),
                d.get("frame", "image"),
                float(d.get("margin", 0.0)),
                float(d.get("threshold", 0.0)),
                d.get("verdict", "true"),
                d.get("origin", "person"),
                dict(d.get("evidence", {})),
            )
            for s, o, d in graph.edges(data=True)
        ]
        return cls.of(objects, relations, graph.graph.get("scene", ""), graph.graph.get("negative_objects", ()))
