"""JSON shapes shared by the sample folder and node-link files, and how our JSON is written and lists of rows are read."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from spacestudio.domain.boxes import Box
from spacestudio.domain.depth import DepthStats
from spacestudio.domain.graph import Frame, Relation, RelationOrigin, SpatialGraph, Verdict
from spacestudio.domain.objects import ID_PATTERN, Origin, SceneObject, fresh_id
from spacestudio.errors import FormatError
from spacestudio.formats.door import read_json, reason
from spacestudio.formats.format import Row
from spacestudio.relations.relate import family_of
from spacestudio.relations.words import parse_phrase

DIGITS = 6
"""Decimals of every measured number in our files."""


class Record(BaseModel):
    """A row of a file from outside; unknown keys are passed over, NaN and inf are refused."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False, frozen=True)


def rows_in(path: Path, file: str, row: type[Record], accepted: str, things: str = "") -> list[Row]:
    """The rows of a JSON list or of JSON Lines, as JSON values: the keys that were there and that `row` knows.

    Args:
        path: the file, or the folder in which it is called `file`.
        file: see `path`.
        row: what each row is held against.
        accepted: what an error says is accepted.
        things: what the list holds ("records"), where it must be a list; without, a row by itself is read too.

    Raises:
        FormatError: no such file, no list, or a row of another shape.
    """
    path = path / file if path.is_dir() else path
    data = read_json(path, FormatError, accepted)
    if things and not isinstance(data, list):
        raise FormatError(f"“{path.name}” is no list of {things}", accepted)
    rows: list[Row] = []
    for place, item in enumerate(data if isinstance(data, list) else [data]):
        try:
            rows.append(row.model_validate(item).model_dump(mode="json", by_alias=True, exclude_unset=True))
        except ValidationError as error:
            raise FormatError(f"Row {place} of “{path.name}” can't be read ({reason(error)})", accepted) from None
    return rows


def clean(value: Any, digits: int | None = DIGITS) -> Any:
    """JSON value of `value`: floats rounded to `digits` decimals, NaN and inf as null, NumPy and tuples made plain."""
    if isinstance(value, str) or value is None or value is True or value is False:
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return float(value) if digits is None else round(float(value), digits) + 0.0
    if isinstance(value, int):
        return int(value)
    if isinstance(value, Mapping):
        return {str(k): clean(v, digits) for k, v in value.items()}
    if isinstance(value, np.generic | np.ndarray):
        return clean(value.tolist(), digits)
    if isinstance(value, Iterable):
        return [clean(v, digits) for v in value]
    return str(value)


def floats(values: Iterable[float]) -> list[float]:
    """The numbers of a box and the like: always written as floats, rounded."""
    return [round(float(v), DIGITS) + 0.0 for v in values]


def line(value: Any) -> str:
    """`value`, already clean, as JSON on one line."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def write_json(value: Any, path: Path) -> Path:
    """UTF-8 JSON with one line for each key and for each row of a table, so that a diff shows what changed."""
    path.write_text(_tables(value) + "\n", encoding="utf-8", newline="\n")
    return path


def write_lines(rows: Iterable[Any], path: Path) -> Path:
    """JSON Lines."""
    path.write_text("".join(line(row) + "\n" for row in rows), encoding="utf-8", newline="\n")
    return path


def _tables(value: Any, indent: str = "") -> str:
    if isinstance(value, list) and value and any(isinstance(item, dict | list) for item in value):
        return "[\n" + ",\n".join(f"{indent}  {line(item)}" for item in value) + f"\n{indent}]"
    if isinstance(value, dict) and value and not indent:
        return "{\n" + ",\n".join(f"  {line(k)}: {_tables(v, '  ')}" for k, v in value.items()) + "\n}"
    return line(value)


class StatsRecord(Record):
    """`DepthStats`."""

    min: float
    p10: float
    median: float
    p90: float
    max: float

    def value(self) -> DepthStats:
        """The domain value."""
        return DepthStats(self.min, self.p10, self.median, self.p90, self.max)


class NodeRecord(Record):
    """An object in a node-link file."""

    id: str | int
    label: str = ""
    attributes: tuple[str, ...] = ()
    box_xyxy_px: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    origin: Origin = "file"
    score: float = 1.0
    depth: StatsRecord | None = None
    mask: bool | str | None = None

    def value(self, taken: set[str]) -> SceneObject:
        """The object, with a fresh id where its own has other characters than ours."""
        label = self.label or str(self.id)
        own = _as_id(str(self.id))
        box = Box(*self.box_xyxy_px)
        depth = self.depth.value() if self.depth else None
        return SceneObject(own or fresh_id(label, taken), label, box, self.attributes, None, depth, self.origin, self.score)


class RelationRecord(Record):
    """A relation without its two ends."""

    predicate: str = Field(min_length=1)
    family: str = ""
    frame: Frame | None = None
    margin: float = 0.0
    threshold: float = 0.0
    verdict: Verdict = "true"
    origin: RelationOrigin = "person"
    evidence: dict[str, Any] = Field(default_factory=dict)

    def between(self, subject: str, object_: str) -> tuple[Relation, ...]:
        """The relations; family and frame follow the predicate where the file does not state them.

        Each part of a phrase such as "on the left of, near" is a relation of its own, with the phrase in its evidence. A
        phrase said to be false stays whole, as which part is false it does not say; unknown words are the person's own.
        """
        if self.family:
            return (self._relation(subject, object_, self.predicate, self.family, self.evidence),)
        parts = tuple(dict.fromkeys(parse_phrase(self.predicate)))
        if not parts or (self.verdict == "false" and len(parts) > 1):
            parts = (self.predicate,)
        evidence = {"phrase": self.predicate, **self.evidence} if len(parts) > 1 else self.evidence
        return tuple(self._relation(subject, object_, part, family_name(part), evidence) for part in parts)

    def _relation(self, subject: str, object_: str, predicate: str, family: str, evidence: Mapping[str, Any]) -> Relation:
        return Relation(
            subject, predicate, object_, family, self.frame or frame_of(family), self.margin, self.threshold, self.verdict,
            self.origin, evidence,
        )  # fmt: skip


class EndedRelationRecord(RelationRecord):
    """A relation in a list of its own."""

    subject: str
    object: str

    def value(self) -> Relation:
        """The domain value; a phrase of several parts, which only a file of another's making holds, stays whole."""
        parts = self.between(self.subject, self.object)
        return (
            parts[0]
            if len(parts) == 1
            else self._relation(self.subject, self.object, self.predicate, "other", self.evidence)
        )


class EdgeRecord(RelationRecord):
    """A relation as an edge of a node-link file."""

    source: str | int
    target: str | int


def family_name(predicate: str) -> str:
    """Name of a predicate's family; "other" for free words."""
    family = family_of(predicate)
    return family.name if family else "other"


def frame_of(family: str) -> Frame:
    """The frame a stated relation is meant in: depth and distance in the camera's, all others in the picture's."""
    return "camera" if family in ("depth", "distance") else "image"


def relation_row(r: Relation, ends: tuple[Literal["subject", "source"], Literal["object", "target"]]) -> dict[str, Any]:
    """JSON values of a relation, with its two ends under the given names."""
    return {
        ends[0]: r.subject, ends[1]: r.object, "predicate": r.predicate, "family": r.family, "frame": r.frame,
        "margin": clean(float(r.margin)), "threshold": clean(float(r.threshold)), "verdict": r.verdict, "origin": r.origin,
        "evidence": clean(r.evidence),
    }  # fmt: skip


def relation_rows(relations: Iterable[Relation]) -> list[dict[str, Any]]:
    """JSON values of relations in a list of their own."""
    return [relation_row(r, ("subject", "object")) for r in relations]


def stats_row(stats: DepthStats | None) -> dict[str, float] | None:
    """JSON values of `DepthStats`."""
    if stats is None:
        return None
    return {name: clean(float(getattr(stats, name))) for name in ("min", "p10", "median", "p90", "max")}


def to_node_link(graph: SpatialGraph) -> dict[str, Any]:
    """networkx' node-link data (`edges="edges"`) of a graph, relations in their own order; no masks, no depth."""
    keys: dict[tuple[str, str], int] = {}
    edges = []
    for relation in graph:
        ends = relation.subject, relation.object
        keys[ends] = key = keys.get(ends, -1) + 1
        edges.append(relation_row(relation, ("source", "target")) | {"key": key})
    nodes = [
        {
            "id": o.id, "label": o.label, "attributes": list(o.attributes), "box_xyxy_px": floats(o.box.xyxy),
            "origin": o.origin, "score": clean(float(o.score)),
        }
        for o in graph.objects
    ]  # fmt: skip
    about = {"scene": graph.scene, "negative_objects": list(graph.negative_objects)}
    return {"directed": True, "multigraph": True, "graph": about, "nodes": nodes, "edges": edges}


class _About(Record):
    scene: str = ""
    negative_objects: tuple[str, ...] = ()


class _NodeLink(Record):
    graph: _About = _About()
    nodes: list[NodeRecord]
    edges: list[EdgeRecord] = Field(default_factory=list)


_PREDICATE_NAMES = ("predicate", "relation", "label", "name")


def from_node_link(data: Any) -> SpatialGraph:
    """Back from `to_node_link`, or from anyone's node-link data; old files say `links` for `edges`.

    Raises:
        ValueError: what is wrong, in a few words.
    """
    if not isinstance(data, dict) or "nodes" not in data:
        raise ValueError("there is no list called nodes")
    edges = data.get("edges", data.get("links", []))
    if isinstance(edges, list):
        edges = [_with_predicate(edge) for edge in edges]
    about = data.get("graph")
    parsed = _NodeLink.model_validate({"graph": dict(about) if about else {}, "nodes": data["nodes"], "edges": edges})
    ids: dict[str, str] = {}
    objects: list[SceneObject] = []
    own = {str(n.id) for n in parsed.nodes}
    for node in parsed.nodes:
        if str(node.id) in ids:
            raise ValueError(f"two nodes are called {node.id}")
        objects.append(node.value(set(ids.values()) | own))
        ids[str(node.id)] = objects[-1].id
    relations: list[Relation] = []
    for edge in parsed.edges:
        ends = str(edge.source), str(edge.target)
        for end in ends:
            if end not in ids:
                raise ValueError(f"an edge names {end}, which is no node")
        relations += edge.between(ids[ends[0]], ids[ends[1]])
    return SpatialGraph.of(objects, relations, parsed.graph.scene, parsed.graph.negative_objects)


def _with_predicate(edge: Any) -> Any:
    if not isinstance(edge, dict) or "predicate" in edge:
        return edge
    name = next((n for n in _PREDICATE_NAMES if isinstance(edge.get(n), str)), None)
    return edge | {"predicate": edge[name]} if name else edge


def _as_id(text: str) -> str | None:
    return text if re.match(ID_PATTERN, text) else None
