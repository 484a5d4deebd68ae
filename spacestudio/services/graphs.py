"""Scene graphs from files, and whether they are possible."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spacestudio.domain.graph import SpatialGraph
from spacestudio.formats.skg import read_skg
from spacestudio.reasoning.consistency import explain, first_clash
from spacestudio.services.arrange import unique_names


@dataclass(frozen=True, eq=False)
class Read:
    """One row of a graph file: its place, its graph (None with the `problem` why not), and its objects' ids in the file."""

    index: int
    graph: SpatialGraph | None
    problem: str
    ids: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Checked:
    """One graph's verdict; `conflict` lists [subject id, predicate, object id] as they stand in the file."""

    index: int
    consistent: bool
    conflict: list[list[Any]]
    words: str
    problem: str = ""


def graphs_in(file: Path) -> tuple[list[Read], list[str]]:
    """Every row of an SKG file, and what reading lost.

    Raises:
        GraphError: it is no such file.
    """
    found = read_skg(file)
    problems = iter(found.errors)
    rows = [
        Read(k, graph, "" if graph is not None else next(problems, "It can't be read."), tuple(ids))
        for k, (graph, ids) in enumerate(zip(found.graphs, found.ids, strict=True))
    ]
    return rows, list(found.warnings)


def checked(row: Read) -> Checked:
    """Whether a graph's relations can hold together, and if not a shortest irreducible clash."""
    if row.graph is None:
        return Checked(row.index, False, [], "", row.problem)
    clash = first_clash(row.graph)
    places = dict(zip(row.graph.ids, row.ids, strict=True))
    conflict = [[places[r.subject], r.evidence.get("phrase", r.predicate), places[r.object]] for r in clash]
    words = explain(clash, unique_names(row.graph)) if clash else "possible"
    return Checked(row.index, not clash, conflict, words)
