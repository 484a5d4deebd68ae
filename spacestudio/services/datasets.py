"""Data sets of sample folders: what is in them, what is there twice, what can be held out, what can be left out.

A folder is read one sample at a time; of each only a card is kept.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import networkx as nx

from spacestudio.domain.graph import Relation, SpatialGraph
from spacestudio.domain.sample import Sample
from spacestudio.errors import FormatError, InputError
from spacestudio.formats.folder import read_sample, sample_folders
from spacestudio.formats.records import write_json
from spacestudio.geometry.alike import NEAR, alike, fingerprint
from spacestudio.relations.relate import inverse_of
from spacestudio.relations.words import to_phrase

TOP = 20
"""Rows of a ranking that are shown."""


@dataclass(frozen=True, eq=False)
class Card:
    """What is kept of a sample while a data set is looked at.

    Attributes:
        id, folder: of the sample.
        scene: its scene's name in small letters; "" for a photo.
        called: what its objects are called, attributes included, in small letters, in the graph's order.
        labels: what its objects are, in the same order.
        relations: (subject place, predicate, object place, family), each pair and family once, one way round.
        look: perceptual hash of its picture.
        parent: the sample it was made from; "" for none.
        questions: how many questions of each family.
    """

    id: str
    folder: Path
    scene: str
    called: tuple[str, ...]
    labels: tuple[str, ...]
    relations: tuple[tuple[int, str, int, str], ...]
    look: int
    parent: str
    questions: Mapping[str, int] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The combination: what its objects are called, sorted."""
        return tuple(sorted(self.called))

    @property
    def families(self) -> frozenset[str]:
        """The kinds of its relations."""
        return frozenset(family for *_, family in self.relations)

    def shape(self, named: bool) -> nx.MultiDiGraph:
        """Its graph without ids, with or without what the objects are called."""
        graph = nx.MultiDiGraph()
        graph.add_nodes_from((k, {"name": name if named else ""}) for k, name in enumerate(self.called))
        graph.add_edges_from((s, o, {"predicate": p}) for s, p, o, _ in self.relations)
        return graph

    def outline(self, named: bool) -> tuple[Any, ...]:
        """What isomorphic graphs share: each object with its relations and their other ends, in order."""
        names = self.called if named else ("",) * len(self.called)
        ends: list[list[tuple[str, str, str]]] = [[] for _ in names]
        for s, p, o, _ in self.relations:
            ends[s].append((p, ">", names[o]))
            ends[o].append((p, "<", names[s]))
        return tuple(sorted((name, *sorted(own)) for name, own in zip(names, ends, strict=True)))


def card_of(sample: Sample, folder: Path) -> Card:
    """The card of a sample. Its relations are those that were asked of it; of a photo those that are true."""
    graph = sample.target if sample.target is not None and not sample.wished else sample.graph
    return Card(
        sample.id,
        folder,
        " ".join(graph.scene.casefold().split()),
        tuple(o.name.casefold() for o in graph.objects),
        tuple(o.label for o in graph.objects),
        _relations(graph),
        fingerprint(sample.image),
        sample.parent or "",
        dict(Counter(q.family for q in sample.qa)),
    )


def _relations(graph: SpatialGraph) -> tuple[tuple[int, str, int, str], ...]:
    places = {o.id: k for k, o in enumerate(graph.objects)}
    said = (_one_way(r, places) for r in graph if r.verdict == "true" and r.frame in ("image", "camera"))
    return tuple(dict.fromkeys(said))


def _one_way(r: Relation, places: Mapping[str, int]) -> tuple[int, str, int, str]:
    """Of a relation and its inverse the one whose predicate comes first in the alphabet, so that both ways are one."""
    s, o, back = places[r.subject], places[r.object], inverse_of(r.predicate)
    if back is not None and (back, o, s) < (r.predicate, s, o):
        return o, back, s, r.family
    return s, r.predicate, o, r.family


def cards(folder: Path) -> tuple[list[Card], list[str]]:
    """A card for each sample folder, in order of id, and a line for each that can't be read.

    Raises:
        InputError: there is none.
    """
    found: dict[str, Card] = {}
    problems = []
    for place in sample_folders(folder):
        try:
            card = card_of(read_sample(place), place)
        except FormatError as error:
            problems.append(str(error))
        else:
            if card.id in found:
                problems.append(f"“{place.name}” has the id of “{found[card.id].folder.name}”, and was left out.")
            found.setdefault(card.id, card)
    if not found and not problems:
        raise InputError(
            f"No sample folder in {folder}", "folders with a sample.json, as analyze, synthesize and skg write them"
        )
    return [found[i] for i in sorted(found)], problems


# What is in it


def statistics(found: Sequence[Card]) -> dict[str, Any]:
    """Counts like SKG2Data's Figure 3: objects and relations by how often they occur, objects a picture, scenes, questions.

    A relation counts as the phrase written for it; of a pair and its inverse one is counted.
    """
    labels = Counter(label.casefold() for card in found for label in card.labels)
    predicates = Counter(to_phrase(p) for card in found for _, p, _, _ in card.relations)
    families = Counter(family for card in found for *_, family in card.relations)
    questions: Counter[str] = Counter()
    for card in found:
        questions.update(card.questions)
    return {
        "samples": len(found),
        "scenes": len({card.scene for card in found if card.scene}),
        "distinct_objects": len(labels),
        "distinct_relations": len(predicates),
        "objects": dict(_ranked(labels)),
        "relations": dict(_ranked(predicates)),
        "relation_families": dict(_ranked(families)),
        "objects_per_picture": {str(k): n for k, n in sorted(Counter(len(card.labels) for card in found).items())},
        "questions": dict(_ranked(questions)),
    }


def _ranked(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


# What is there twice


def duplicates(found: Sequence[Card], near: int = NEAR, named: bool = True) -> dict[str, list[list[str]]]:
    """Groups of ids, two or more each: `graphs` that are isomorphic, and `images` that look alike.

    Args:
        found: the data set.
        near: bits in which hashes of like pictures may differ.
        named: whether isomorphic graphs must also be of the same things; False: the same up to names.
    """
    by_outline: dict[Any, list[Card]] = {}
    for card in found:
        by_outline.setdefault(card.outline(named), []).append(card)
    graphs: list[list[str]] = []
    for group in by_outline.values():
        classes: list[list[Card]] = []
        for card in group if len(group) > 1 else ():
            own = next((c for c in classes if _isomorphic(c[0], card, named)), None)
            classes.append([card]) if own is None else own.append(card)
        graphs += [[card.id for card in c] for c in classes if len(c) > 1]
    joined = _joined(len(found), alike([card.look for card in found], near))
    return {"graphs": graphs, "images": [[found[k].id for k in group] for group in joined if len(group) > 1]}


def _isomorphic(a: Card, b: Card, named: bool) -> bool:
    nodes = nx.algorithms.isomorphism.categorical_node_match("name", "")
    edges = nx.algorithms.isomorphism.categorical_multiedge_match("predicate", "")
    return bool(nx.is_isomorphic(a.shape(named), b.shape(named), node_match=nodes, edge_match=edges))


def without_duplicates(found: Sequence[Card], near: int = NEAR, named: bool = True) -> tuple[list[Card], list[Card]]:
    """Of every group of like pictures, and of like graphs, the first stays; those that stay, and those that go."""
    gone: set[str] = set()
    for groups in duplicates(found, near, named).values():
        for _, *rest in groups:
            gone.update(rest)
    return [c for c in found if c.id not in gone], [c for c in found if c.id in gone]


# What can be held out


@dataclass(frozen=True, eq=False)
class Split:
    """A data set in two parts that share no scene, no combination of objects, no picture that looks alike, and no parent.

    Attributes:
        train, holdout: cards in order of id.
        groups: how many groups that can't be separated there are.
    """

    train: tuple[Card, ...]
    holdout: tuple[Card, ...]
    groups: int


def split(found: Sequence[Card], share: float, seed: int = 0, near: int = NEAR) -> Split:
    """A holdout of at most `share` of the samples, in whole groups drawn by the seed.

    A group is what hangs together by a common scene, the same objects, a picture that looks alike, or parentage.

    Raises:
        InputError: everything hangs together, or no group is small enough.
    """
    pairs = alike([card.look for card in found], near)
    for key in (_scene, _combination, _parent):
        first: dict[Any, int] = {}
        pairs += [(first.setdefault(value, k), k) for k, card in enumerate(found) if (value := key(card))]
    places = {card.id: k for k, card in enumerate(found)}
    pairs += [(places[card.parent], k) for k, card in enumerate(found) if card.parent in places]
    groups = _joined(len(found), pairs)
    room, held = int(share * len(found)), set[int]()
    for group in sorted(groups, key=lambda g: hashlib.blake2b(f"{seed}:{found[g[0]].id}".encode()).digest()):
        if len(held) + len(group) <= room:
            held.update(group)
    if not held:
        smallest = min(len(g) for g in groups)
        raise InputError(
            f"No holdout of {room} of {len(found)} samples can be made: the smallest of {len(groups)} groups that share a "
            f"scene, objects or a picture has {smallest}",
            next_step=f"Give a share of at least {smallest / len(found):.3f}, or more scenes",
        )
    return Split(
        tuple(c for k, c in enumerate(found) if k not in held),
        tuple(c for k, c in enumerate(found) if k in held),
        len(groups),
    )


def _scene(card: Card) -> Any:
    return card.scene


def _combination(card: Card) -> Any:
    return card.names


def _parent(card: Card) -> Any:
    return card.parent


def leaks(train: Iterable[Card], holdout: Iterable[Card], near: int = NEAR) -> list[str]:
    """What two parts share, a line each; none for a clean split."""
    a, b = list(train), list(holdout)
    out = [f"scene: {name}" for name in sorted({c.scene for c in a} & {c.scene for c in b} - {""})]
    out += [f"objects: {', '.join(n)}" for n in sorted({c.names for c in a} & {c.names for c in b} - {()})]
    pairs = alike([c.look for c in (*a, *b)], near)
    out += [f"picture: {a[i].id} and {b[j - len(a)].id}" for i, j in pairs if i < len(a) <= j]
    out += [f"parent: {parent}" for parent in sorted({c.parent for c in a} & {c.parent for c in b} - {""})]
    parents = {(c.parent, c.id) for c in (*a, *b)}
    sides = {c.id: side for side, part in enumerate((a, b)) for c in part}
    return out + [f"parent: {p} of {c}" for p, c in sorted(parents) if p in sides and sides[p] != sides[c]]


def _joined(count: int, pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    graph = nx.Graph()
    graph.add_nodes_from(range(count))
    graph.add_edges_from(pairs)
    return sorted(sorted(part) for part in nx.connected_components(graph))


# What can be left out


def ablations(found: Sequence[Card], by: str, seed: int = 0) -> dict[str, list[Card]]:
    """Sets of one size to compare training with: all kinds of relations against none of one kind, or by number of objects.

    Args:
        found: the data set.
        by: "relations": `all`, and `without-FAMILY` for each family that some samples lack; "objects": `N-objects`.
        seed: draws which samples stand in each set.

    Raises:
        InputError: there is nothing to compare.
    """
    if by == "relations":
        families = sorted({family for card in found for family in card.families})
        pools = {"all": list(found)} | {f"without-{f}": [c for c in found if f not in c.families] for f in families}
    else:
        sizes = sorted({len(card.labels) for card in found})
        pools = {f"{n}-objects": [c for c in found if len(c.labels) == n] for n in sizes}
    pools = {name: pool for name, pool in pools.items() if pool}
    if len(pools) < 2:
        raise InputError(f"These {len(found)} samples leave nothing to compare by {by}", "samples that differ in it")
    size = min(len(pool) for pool in pools.values())

    def rank(name: str) -> Callable[[Card], bytes]:
        return lambda card: hashlib.blake2b(f"{seed}:{name}:{card.id}".encode()).digest()

    return {name: sorted(sorted(pool, key=rank(name))[:size], key=lambda c: c.id) for name, pool in pools.items()}


# On disk


def write_parts(parts: Mapping[str, Sequence[Card]], out: Path, facts: Mapping[str, Any], name: str) -> list[Path]:
    """A folder of sample folders for each part, hard-linked where the disk can, and a JSON file that names them.

    Raises:
        InputError: a part's folder is there already, or nothing can be written.
    """
    try:
        for part, found in parts.items():
            place = out / part
            if place.exists() and any(place.iterdir()):
                raise InputError(f"“{place}” is there already", "an empty folder", "Choose another folder")
            place.mkdir(parents=True, exist_ok=True)
            for card in found:
                shutil.copytree(card.folder, place / card.id, copy_function=_linked)
        listed = {part: [card.id for card in found] for part, found in parts.items()}
        return [write_json({**facts, **listed}, out / name), *(out / part for part in parts)]
    except OSError as error:
        raise InputError(
            f"“{out}” can't be written ({error.strerror or error})", next_step="Choose another folder"
        ) from None


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
