"""Scene graphs from files, and whether they are possible."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spacestudio.domain.graph import Relation, SpatialGraph
from spacestudio.formats.skg import read_skg
from spacestudio.reasoning.consistency import absent_clashes, clashes, explain, first_clash
from spacestudio.relations.words import statement
from spacestudio.services.arrange import unique_names

Triple = tuple[Any, ...]
"""[subject id, phrase, object id] of a file."""


@dataclass(frozen=True, eq=False)
class Read:
    """One row of a graph file: its place, and its graph (None with the `problem` why not)."""

    index: int
    graph: SpatialGraph | None
    problem: str = ""


@dataclass(frozen=True, eq=False)
class Checked:
    """One graph's verdict; `conflict` lists the triples [subject id, phrase, object id] as they stand in the file."""

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
        Read(k, graph, "" if graph is not None else next(problems, "It can't be read."))
        for k, graph in enumerate(found.graphs)
    ]
    return rows, list(found.warnings)


def checked(row: Read) -> Checked:
    """Whether a graph's relations can hold together, and if not the fewest triples that can't, none of them needless."""
    if row.graph is None:
        return Checked(row.index, False, [], "", row.problem)
    graph = row.graph
    found = [_needed(graph, _triples(clash)) for clash in clashes(graph)]
    if not found:
        return Checked(row.index, True, [], "possible")
    fewest = min(found, key=len)
    clash = first_clash(_holding(graph, fewest))
    return Checked(row.index, False, [list(t) for t in fewest], explain(clash, unique_names(graph)))


def doubts(graph: SpatialGraph) -> list[str]:
    """What consistency says nothing about: objects that must not appear and yet do, and relations that no rule knows."""
    names = unique_names(graph)
    unknown = [statement(r, names) for r in graph if r.family == "other"]
    return [*absent_clashes(graph), *(f"not checked: {words}" for words in unknown)]


def _triples(relations: Iterable[Relation]) -> list[Triple]:
    """The file's triples that relations come from, each once."""
    return list(dict.fromkeys(tuple(r.evidence["triple"]) for r in relations))


def _holding(graph: SpatialGraph, triples: Collection[Triple]) -> SpatialGraph:
    """The graph with all that these triples say, and nothing else."""
    return graph.but(relations=[r for r in graph if tuple(r.evidence["triple"]) in triples])


def _needed(graph: SpatialGraph, triples: list[Triple]) -> list[Triple]:
    """Clashing triples without those that the clash does not need."""
    for triple in list(triples):
        fewer = [t for t in triples if t != triple]
        if first_clash(_holding(graph, fewer)):
            triples = fewer
    return triples
