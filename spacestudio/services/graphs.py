"""Scene graphs from files: whether they are possible, what follows from them, and their minimal form."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spacestudio.domain.graph import Relation, SpatialGraph
from spacestudio.errors import GraphError, InputError
from spacestudio.formats.door import read_json, reason
from spacestudio.formats.records import write_json
from spacestudio.formats.skg import ACCEPTED, read_skg
from spacestudio.reasoning.absent import absent_clashes
from spacestudio.reasoning.consistency import (
    clashes,
    derivation,
    explain,
    first_clash,
    implied,
    redundant,
    repairs,
)
from spacestudio.relations.words import parse_phrase, statement, to_phrase
from spacestudio.services.arrange import unique_names

Triple = tuple[Any, ...]
"""[subject id, phrase, object id] of a file."""


@dataclass(frozen=True, eq=False)
class Read:
    """One row of a graph file: its place, and its graph (None with the `problem` why not).

    Attributes:
        left_out: how many of its triples could not be used.
    """

    index: int
    graph: SpatialGraph | None
    problem: str = ""
    left_out: int = 0


@dataclass(frozen=True, eq=False)
class Checked:
    """One graph's verdict; `conflict` lists the triples [subject id, phrase, object id] as they stand in the file."""

    index: int
    consistent: bool
    conflict: list[list[Any]]
    words: str
    problem: str = ""


@dataclass(frozen=True)
class Clash:
    """Triples of a file that can't hold together, why not, and the ways out in words."""

    conflict: list[list[Any]]
    words: str
    repairs: list[str]


@dataclass(frozen=True)
class Derived:
    """What need not be stored: [id, phrase, id], the file's triples it follows from, and both in words."""

    triple: list[Any]
    because: list[list[Any]]
    words: str


def graphs_in(file: Path) -> tuple[list[Read], list[str]]:
    """Every row of an SKG file, and what reading lost.

    Raises:
        GraphError: it is no such file.
    """
    found = read_skg(file)
    problems = iter(found.errors)
    rows = [
        Read(k, graph, "" if graph is not None else next(problems).removeprefix(f"Graph {k} "), found.left_out[k])
        for k, graph in enumerate(found.graphs)
    ]
    return rows, list(found.warnings)


def checked(row: Read) -> Checked:
    """Whether a graph's relations can hold together, and if not the fewest triples that can't, none of them needless."""
    if row.graph is None:
        return Checked(row.index, False, [], "", row.problem)
    graph = row.graph
    found = _conflicts(graph)
    if not found:
        return Checked(row.index, True, [], "possible")
    clash = first_clash(_holding(graph, found[0]))
    return Checked(row.index, False, [list(t) for t in found[0]], explain(clash, unique_names(graph)))


def all_clashes(row: Read) -> list[Clash]:
    """Every clash found in a graph, the fewest triples first; the first is that of `checked`."""
    if row.graph is None:
        return []
    names, out = unique_names(row.graph), []
    for triples in _conflicts(row.graph):
        clash = first_clash(_holding(row.graph, triples))
        ways = [way.words for way in repairs(clash, names)]
        out.append(Clash([list(t) for t in triples], explain(clash, names), ways))
    return out


def consequences(row: Read) -> list[Derived]:
    """What follows from a graph and is not said in it; nothing of one that is impossible."""
    if row.graph is None or first_clash(row.graph):
        return []
    said = {r.triple: r for r in row.graph}
    out = []
    for r in implied(row.graph, every=True):
        because = [said[(s, predicate, o)] for s, predicate, o in r.evidence["implied_by"]]
        out.append(_derived(row.graph, r, because))
    return out


def redundancies(row: Read) -> list[Derived]:
    """What a graph says and need not say; nothing of one that is impossible."""
    if row.graph is None or first_clash(row.graph):
        return []
    return [_derived(row.graph, r, because) for r, because in redundant(row.graph)]


def write_reduced(file: Path, rows: Iterable[Read], out: Path) -> list[str]:
    """An SKG file with each possible graph in its minimal form, all else as it stands; what was kept whole, and why.

    Ids and phrases stay as they are in the file. Of a triple of several predicates only those go that follow from the rest.

    Raises:
        InputError: nothing can be written there.
    """
    data = read_json(file, GraphError, ACCEPTED)
    told, thinned = [], list(data) if isinstance(data, list) else [data]
    for row in rows:
        if row.graph is None:
            told.append(f"graph {row.index} is written as it stands: it can't be read")
        elif first_clash(row.graph):
            told.append(f"graph {row.index} is written as it stands: its relations can't hold together")
        else:
            thinned[row.index] = _thinned(thinned[row.index], row.graph)
    try:
        write_json(thinned if isinstance(data, list) else thinned[0], out)
    except (OSError, ValueError) as error:
        raise InputError(f"“{out}” can't be written ({reason(error)})", next_step="Choose another place") from None
    return told


def doubts(graph: SpatialGraph) -> list[str]:
    """What consistency says nothing about: objects that must not appear and yet do, and relations that no rule knows."""
    names = unique_names(graph)
    unknown = [statement(r, names) for r in graph if r.family == "other"]
    absent = [clash.words(names) for clash in absent_clashes(graph)]
    return [*absent, *(f"not checked: {words}" for words in unknown)]


def _conflicts(graph: SpatialGraph) -> list[list[Triple]]:
    """The triples of each clash, none of them needless; the fewest first, no set twice."""
    found: dict[frozenset[Triple], list[Triple]] = {}
    for clash in clashes(graph):
        triples = _needed(graph, _triples(clash))
        found.setdefault(frozenset(triples), triples)
    return sorted(found.values(), key=len)


def _derived(graph: SpatialGraph, r: Relation, because: Iterable[Relation]) -> Derived:
    """`r` as the file says it, or as it would."""
    because, part = list(because), r.evidence.get("part", "")
    phrase = part if parse_phrase(part) == (r.predicate,) else to_phrase(r.predicate)
    subject, _, object_ = r.evidence.get("triple", (graph.ids.index(r.subject), "", graph.ids.index(r.object)))
    words = derivation(r, because, unique_names(graph))
    return Derived([subject, phrase, object_], [list(t) for t in _triples(because)], words)


def _thinned(row: dict[str, Any], graph: SpatialGraph) -> dict[str, Any]:
    """The row of a file without the parts of its triples that follow from the others."""
    gone = {r.triple for r, _ in redundant(graph)}
    needed: dict[str, set[str]] = {}
    for r in graph:
        needed.setdefault(json.dumps(r.evidence["triple"]), set()).update([r.predicate] if r.triple not in gone else [])
    triples = []
    for triple in row.get("objects_kg", []):
        text = json.dumps(triple)
        if text not in needed:
            alone, *_ = read_skg(row | {"objects_kg": [triple]}).graphs
            if alone is None or not alone.relations:  # no triple at all; else it only repeats others
                triples.append(triple)
        elif phrase := _phrase_of(triple[1], needed[text]):
            triples.append([triple[0], phrase, triple[2]])
    return row | {"objects_kg": triples} if triples else row


def _phrase_of(phrase: str, needed: set[str]) -> str:
    """The parts of a phrase that say something needed and not said before; `needed` loses what they say.

    They stay as they are, but where half of one goes: of "upper left of" the left is "on the left of".
    """
    parts, whole = [], True
    for part in filter(str.strip, phrase.split(",")):
        pieces = re.split(r"\s+and\s+", part.strip(), flags=re.IGNORECASE)
        if parse_phrase(part) != tuple(p for piece in pieces for p in parse_phrase(piece)):
            pieces = [part.strip()]
        own: list[str] = []
        for piece in pieces:
            says = parse_phrase(piece)
            still = [predicate for predicate in says if predicate in needed]
            own += [piece] if len(still) == len(says) else [to_phrase(predicate) for predicate in still]
            needed.difference_update(still)
        parts += [" and ".join(own)] if own else []
        whole &= own == pieces
    return phrase if whole else ", ".join(parts)


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
