"""SKG2Data's spatial knowledge graphs (SEEDS 2): read with a word on everything odd, written one triple a pair."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from spacestudio.domain.boxes import Box
from spacestudio.domain.graph import Relation, SpatialGraph
from spacestudio.domain.objects import SceneObject, fresh_id
from spacestudio.domain.sample import Sample
from spacestudio.errors import FormatError, GraphError
from spacestudio.formats.door import read_json
from spacestudio.formats.format import Row
from spacestudio.formats.records import family_name, frame_of, write_json
from spacestudio.formats.rows import article
from spacestudio.relations.relate import inverse_of
from spacestudio.relations.words import parse_phrase, to_phrase

ACCEPTED = "a list of {scene, chosen_objects, attributes, negative_objects, objects_kg: [[0, “on the left of, near”, 1]]}"
FILE = "skg.json"
LEFT_OUT = "was left out"
"""How a note on a triple that can't be used ends."""


class SkgFile(NamedTuple):
    """What an SKG file says; all lists of graphs run parallel to its rows.

    Attributes:
        graphs: a graph a row; None for a row that can't be read.
        warnings: what was left out or merged, naming the row.
        errors: one line for each row that can't be read.
        ids: for each row, the ids its objects have in the file, in the graph's order of objects.
        left_out: for each row, how many of its triples could not be used.
    """

    graphs: list[SpatialGraph | None]
    warnings: tuple[str, ...]
    errors: tuple[str, ...]
    ids: list[list[int]]
    left_out: list[int]


def read_skg(source: Path | Any) -> SkgFile:
    """The graphs of an SKG file or of its parsed content, one row or a list of rows.

    A relation keeps how the file put it in its evidence: `triple`, as it stands there, `phrase`, its whole text, and `part`,
    the piece between commas it comes from. Objects have no place yet: their boxes are empty.

    Raises:
        GraphError: no such file, no JSON, or no row at all.
    """
    data = read_json(source, GraphError, ACCEPTED, finite=True) if isinstance(source, Path) else source
    if isinstance(data, dict):
        data = [data]
    if not isinstance(data, list) or not data:
        raise GraphError(f"This scene graph file holds {type(data).__name__ if data else 'nothing'}", ACCEPTED)
    out = SkgFile([], (), (), [], [])
    warnings: list[str] = []
    errors: list[str] = []
    for place, row in enumerate(data):
        notes: list[str] = []
        try:
            graph, ids = _graph(row, notes)
        except ValueError as error:
            errors.append(f"Graph {place} can't be read: {error}.")
            graph, ids = None, []
        out.graphs.append(graph)
        out.ids.append(ids)
        out.left_out.append(sum(note.endswith(LEFT_OUT) for note in notes))
        warnings += [f"Graph {place}: {note}." for note in notes]
    return SkgFile(out.graphs, tuple(warnings), tuple(errors), out.ids, out.left_out)


def _graph(row: Any, notes: list[str]) -> tuple[SpatialGraph, list[int]]:
    if not isinstance(row, dict):
        raise ValueError(f"it is {type(row).__name__}, not an object with chosen_objects and objects_kg")
    names = row.get("chosen_objects")
    if not isinstance(names, list) or not all(isinstance(n, str) and n.strip() for n in names):
        raise ValueError("chosen_objects is no list of names")
    triples = row.get("objects_kg", [])
    if not isinstance(triples, list):
        raise ValueError("objects_kg is no list of triples")
    objects: list[SceneObject] = []
    for place, name in enumerate(names):
        label = " ".join(name.split())
        attributes = _adjectives(_said(row.get("attributes"), place), label)
        own = fresh_id(label, {o.id for o in objects})
        objects.append(SceneObject(own, label, Box(0, 0, 0, 0), attributes, origin="file"))
    relations = _relations(triples, [o.id for o in objects], notes)
    absent = row.get("negative_objects") or ()
    scene = row.get("scene") or ""
    return SpatialGraph.of(objects, relations, str(scene), _names(absent)), list(range(len(objects)))


def _names(value: Any) -> list[str]:
    """Names in a list or in a text with commas."""
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, list | tuple) else [value]
    return [name for part in parts if (name := " ".join(str(part).split()))]


def _said(attributes: Any, place: int) -> str:
    """What the row says about an object: a text such as "a black cat", or ""."""
    if isinstance(attributes, dict):
        value = attributes.get(str(place), attributes.get(place, ""))
    elif isinstance(attributes, list):
        value = attributes[place] if place < len(attributes) else ""
    else:
        value = ""
    return " ".join(str(v) for v in value) if isinstance(value, list) else value if isinstance(value, str) else ""


def _adjectives(text: str, label: str) -> tuple[str, ...]:
    """The words before the label: "a black cat" -> ("black",)."""
    text = re.sub(r"^(an?|the|some)\s+", "", " ".join(text.split()), flags=re.IGNORECASE)
    found = re.search(rf"(?:^|\s){re.escape(label)}(?:$|[\s,.;])", text, re.IGNORECASE)
    words = re.split(r"[\s,;.]+", text[: found.start()] if found else text)
    return tuple(word for word in words if word and word.lower() not in ("and", "a", "an", "the"))


def _relations(triples: list[Any], ids: list[str], notes: list[str]) -> list[Relation]:
    found: dict[tuple[str, str, str], Relation] = {}
    for triple in triples:
        if not isinstance(triple, list | tuple) or len(triple) != 3 or not isinstance(triple[1], str):
            notes.append(f"{_short(triple)} is no triple [id, “relation”, id] and {LEFT_OUT}")
            continue
        ends = _id(triple[0]), _id(triple[2])
        unknown = [t for t, end in zip(triple[::2], ends, strict=True) if end is None or not 0 <= end < len(ids)]
        if unknown:
            named = f"{_short(triple)} names {_short(unknown[0])}, which is no object ({_ids(len(ids))})"
            notes.append(f"{named}, and {LEFT_OUT}")
            continue
        subject, object_ = ids[ends[0] or 0], ids[ends[1] or 0]
        if subject == object_:
            notes.append(f"{_short(triple)} relates an object to itself and {LEFT_OUT}")
            continue
        parts = [part.strip() for part in triple[1].split(",") if part.strip()]
        if not parts:
            notes.append(f"{_short(triple)} states no relation and {LEFT_OUT}")
        for part, predicate in [(said, known) for said in parts for known in parse_phrase(said)]:
            family = family_name(predicate)
            said = {"triple": list(triple), "phrase": triple[1], "part": part}
            key = subject, predicate, object_
            if key in found:
                notes.append(f"{_short(triple)} says “{part}” a second time; it counts once")
            else:
                found[key] = Relation(subject, predicate, object_, family, frame_of(family), origin="person", evidence=said)
    return list(found.values())


def _id(value: Any) -> int | None:
    """0, "0" and 0.0 are ids; True and 0.5 are none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return int(value) if isinstance(value, str) and re.fullmatch(r"\s*\d{1,9}\s*", value) else None


def _ids(count: int) -> str:
    return f"ids 0–{count - 1} are accepted" if count > 1 else "only the id 0 is accepted" if count else "there is none"


def _short(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 80 else text[:79] + "…"


_ORDER = ("direction", "depth", "support", "topology", "distance", "scale")
"""Which measured relation speaks for a pair, when the person said nothing."""


def to_row(graph: SpatialGraph) -> Row:
    """SKG2Data's row of a graph: at most one triple a pair, true relations only, the person's before all others."""
    places = {o.id: i for i, o in enumerate(graph.objects)}
    pairs: dict[tuple[int, int], list[Relation]] = {}
    for r in graph:
        if r.verdict == "true" and r.frame in ("image", "camera"):
            a, b = places[r.subject], places[r.object]
            pairs.setdefault((min(a, b), max(a, b)), []).append(r)
    triples = [_triple(pairs[pair], places) for pair in sorted(pairs)]
    return {
        "scene": graph.scene,
        "chosen_objects": [o.label for o in graph.objects],
        "attributes": {str(i): article(o.name) for i, o in enumerate(graph.objects)},
        "negative_objects": ", ".join(graph.negative_objects),
        "objects_kg": [triple for triple in triples if triple],
    }


def _triple(relations: list[Relation], places: dict[str, int]) -> list[Any]:
    """[subject, phrase, object] of the relations of one pair, in either direction."""
    said = [r for r in relations if r.origin == "person"]
    if said:
        way = min({(places[r.subject], places[r.object]) for r in said})
        words = [r.predicate for r in said if (places[r.subject], places[r.object]) == way]
        back = [inverse_of(r.predicate) for r in said if (places[r.subject], places[r.object]) != way]
        return _phrased(way, [*words, *(w for w in back if w)])
    way = min((places[r.subject], places[r.object]) for r in relations)
    ahead = [r for r in relations if (places[r.subject], places[r.object]) == way]
    ahead.sort(key=lambda r: (_ORDER.index(r.family) if r.family in _ORDER else len(_ORDER), r.frame != "image"))
    words = [ahead[0].predicate]
    if ahead[0].family == "direction" and any(r.predicate in ("near", "beside") for r in ahead):
        words.append("near")
    return _phrased(way, words)


def _phrased(way: tuple[int, int], words: Iterable[str]) -> list[Any]:
    return [way[0], ", ".join(to_phrase(w) for w in dict.fromkeys(words)), way[1]]


class Skg:
    """`skg.json`, a row a sample."""

    name = "skg"

    def rows(self, samples: Sequence[Sample]) -> list[Row]:
        """The row of each sample's own graph."""
        return [to_row(s.graph) for s in samples]

    def write(self, samples: Sequence[Sample], folder: Path) -> list[Path]:
        """One file for all."""
        folder.mkdir(parents=True, exist_ok=True)
        return [write_json(self.rows(samples), folder / FILE)]

    def read(self, path: Path) -> list[Row]:
        """The rows of an SKG file as they stand in it, with only the five keys of the schema.

        Raises:
            FormatError: no SKG file, or a row that can't be read.
        """
        file = path / FILE if path.is_dir() else path
        data = read_json(file, FormatError, ACCEPTED)
        try:
            read = read_skg(data)
        except GraphError as error:
            raise FormatError(error.received, error.accepted, error.next_step) from None
        if read.errors:
            raise FormatError(f"“{file.name}”: {read.errors[0]}", ACCEPTED)
        rows = data if isinstance(data, list) else [data]
        keys = ("scene", "chosen_objects", "attributes", "negative_objects", "objects_kg")
        return [{k: row[k] for k in keys if k in row} for row in rows]


FORMAT = Skg()
