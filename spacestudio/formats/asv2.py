"""All-Seeing v2: instruction rows whose answer is a scene in grounded text, made from a graph.

The text itself is `formats.grounded_text` (SEEDS 1.2).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Literal

from pydantic import Field

from spacestudio.domain.graph import Relation, SpatialGraph
from spacestudio.domain.grounded import Grounded, Mention, Predicate, Span
from spacestudio.domain.objects import SceneObject
from spacestudio.domain.sample import Sample
from spacestudio.formats.format import Row
from spacestudio.formats.grounded_text import GRID, UNNAMED, Decoded, Problem, Tuple5, decode, encode
from spacestudio.formats.llava import PLACEHOLDER
from spacestudio.formats.records import Record, rows_in, write_json
from spacestudio.formats.rows import article, image_file, write_image
from spacestudio.relations.words import read

FILE = "asv2.json"
ACCEPTED = "a JSON list of {id, image, width, height, conversations: [{from, value}]} with grounded text"
ASK = "Describe the scene: name each thing and say how the things stand to each other, with boxes."
"""The instruction of every row (ours)."""
MOST = 40
"""Relations told of one picture, the person's own first, then the surest, so that a row fits into 2048 tokens (ours)."""


class _Turn(Record):
    who: Literal["human", "gpt", "system"] = Field(alias="from")
    value: str


class _Row(Record):
    id: str | int
    image: str | None = None
    width: int | None = Field(default=None, ge=1, le=1_000_000)
    height: int | None = Field(default=None, ge=1, le=1_000_000)
    conversations: list[_Turn] = Field(min_length=1)
    meta: dict[str, str] | None = None


class Asv2:
    """`asv2.json` beside `images/`; samples without an object are left out."""

    name = "asv2"

    def rows(self, samples: Sequence[Sample]) -> list[Row]:
        """A row a sample: the instruction, and the scene in grounded text."""
        return [_row(s) for s in samples if s.objects]

    def write(self, samples: Sequence[Sample], folder: Path) -> list[Path]:
        """The list, and the pictures it names."""
        folder.mkdir(parents=True, exist_ok=True)
        return [write_json(self.rows(samples), folder / FILE), *(write_image(s, folder) for s in samples if s.objects)]

    def read(self, path: Path) -> list[Row]:
        """The rows of such a file.

        Raises:
            FormatError: no such file, or a row of another shape.
        """
        return rows_in(path, FILE, _Row, ACCEPTED, "rows")


def _row(s: Sample) -> Row:
    said = encode(scene_text(s.graph), {o.id: o.box for o in s.objects}, s.width, s.height)
    talk = [{"from": "human", "value": PLACEHOLDER + ASK}, {"from": "gpt", "value": said}]
    return {"id": s.id, "image": image_file(s), "width": s.width, "height": s.height, "conversations": talk}


def scene_text(graph: SpatialGraph) -> Grounded:
    """The scene in sentences: every object is named with its box, then how it stands to others (`told_relations`)."""
    if not graph.objects:
        return Grounded(("The picture shows nothing that was named.",))
    spans: list[Span] = ["The picture shows "]
    seen: set[str] = set()
    for k, o in enumerate(graph.objects):
        spans += [_joint(k, len(graph.objects)), _article(o, seen), Mention(_label(o), (o.id,))]
        seen.add(o.name)
    spans.append(".")
    for subject, told in groupby(told_relations(graph), key=lambda r: r.subject):
        spans += [f" The {_label(graph[subject])} ", *_sentence(subject, list(told), graph), "."]
    return Grounded(tuple(spans))


def _sentence(subject: str, told: Sequence[Relation], graph: SpatialGraph) -> Iterator[Span]:
    """ "is in front of the lamp and the cat, and beside the table"; a person's own words need no "is" but for "holding"."""
    phrases: dict[tuple[str, str], list[str]] = {}
    for r in told:
        words = read(r.predicate)
        verb = "is " if r.family != "other" or words.split(" ")[0].endswith("ing") else ""
        phrases.setdefault((verb, words), []).append(r.object)
    last = None
    for k, ((verb, words), objects) in enumerate(phrases.items()):
        yield f"{_joint(k, len(phrases))}{verb if verb != last else ''}"
        yield Predicate(words, (subject,), tuple(objects))
        yield "".join(f"{_joint(n, len(objects)) or ' '}the {_label(graph[o])}" for n, o in enumerate(objects))
        last = verb


def _joint(k: int, count: int) -> str:
    return "" if k == 0 else " and " if k == count - 1 else ", "


def _label(o: SceneObject) -> str:
    return o.label or UNNAMED


def _article(o: SceneObject, seen: set[str]) -> str:
    """What stands before the label: "a black ", for a second one of that name "another black "."""
    words = " ".join((*o.attributes, ""))
    if o.name in seen:
        return f"another {words}"
    return article(words + _label(o)).removesuffix(_label(o))


_FAMILIES = ("other", "support", "topology", "depth", "direction", "distance")
_FIRST = frozenset({"on", "inside", "in front of", "left of", "above"})
_SECOND = frozenset({"under", "surrounding", "behind", "right of", "below", "beside", "near"})


def told_relations(graph: SpatialGraph) -> list[Relation]:
    """The true relations worth saying, by subject; at most `MOST`.

    Each fact is said of one of its two directions. Where one thing rests on or lies inside the other, that alone is said of
    the pair; size in the picture, and that boxes overlap or not, is never said unless a person did.
    """
    place = {o.id: k for k, o in enumerate(graph.objects)}

    def preference(r: Relation) -> tuple[bool, bool, bool, bool, int, int]:
        said = r.origin == "person" and "said" in r.evidence
        return (
            r.origin != "person", not said, r.frame != "image", r.predicate not in _FIRST, place[r.subject], place[r.object]
        )  # fmt: skip

    facts: dict[tuple[frozenset[str], str], Relation] = {}
    for r in sorted(graph, key=preference):
        worth = r.origin == "person" or r.predicate in _FIRST or r.predicate in _SECOND
        if worth and r.verdict == "true" and r.frame in ("image", "camera"):
            facts.setdefault((frozenset((r.subject, r.object)), r.predicate if r.family == "other" else r.family), r)
    joined = {pair for pair, kind in facts if kind in ("support", "topology")}

    def rank(r: Relation) -> int:
        return _FAMILIES.index(r.family) if r.family in _FAMILIES else len(_FAMILIES)

    kept = [
        r for (pair, kind), r in facts.items()
        if r.origin == "person" or kind in ("support", "topology") or pair not in joined
    ]  # fmt: skip
    kept.sort(key=lambda r: (r.origin != "person", rank(r) > 2, -r.margin / r.threshold if r.threshold else 0.0))
    return sorted(kept[:MOST], key=lambda r: (place[r.subject], r.origin != "person", rank(r), place[r.object]))


FORMAT = Asv2()

__all__ = [
    "ASK", "FORMAT", "GRID", "Asv2", "Decoded", "Problem", "Tuple5", "decode", "encode", "scene_text", "told_relations",
]  # fmt: skip
