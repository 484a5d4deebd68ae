"""Grounded text as All-Seeing v2 writes it, read and written (SEEDS 1.2).

A name is `<ref>cup</ref><box>[[x1,y1,x2,y2],…]</box>`, a predicate `<pred>on</pred><box>subjects</box><box>objects</box>`;
boxes are integers 0–999 on the square-padded picture. Text is a model's as a rule, so reading never fails: what is wrong is
told with its place, and the rest is kept.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from spacestudio.domain.boxes import Box
from spacestudio.domain.graph import Relation, SpatialGraph
from spacestudio.domain.grounded import Grounded, Mention, Predicate, Span
from spacestudio.domain.objects import SceneObject, fresh_id
from spacestudio.formats.records import family_name, frame_of

GRID = 999
UNNAMED = "unknown"
"""What a box is called that no name introduced."""
LONGEST = 120
"""Characters of a label or predicate in the graph; the text keeps all (ours)."""

Tuple5 = tuple[str, Box, str, Box, str]
"""Subject's name and box px, object's name and box px, predicate."""
Kind = Literal["tag", "box", "numbers", "lengths", "unknown", "name", "self"]
Grid = tuple[int, int, int, int]


@dataclass(frozen=True)
class Problem:
    """Something wrong with a grounded text.

    Attributes:
        kind: "tag" (not closed, closes nothing), "box" (missing, empty, out of place), "numbers" (not four, no whole number,
            out of 0–999, out of order), "lengths" (lists that do not pair up), "unknown" (no name introduced the box),
            "name" (empty, too long, a second one of a box), "self" (related to itself).
        position: characters before it; `line` and `column` count from 1.
        words: in plain words, with what was made of it.
    """

    kind: Kind
    position: int
    line: int
    column: int
    words: str

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.words}"


@dataclass(frozen=True, eq=False)
class Decoded:
    """What a grounded text says.

    Attributes:
        grounded: the text as spans; encoded and decoded again it comes out the same.
        graph: one object a box, called by its first name; relations have origin "model" and verdict "undecided".
        tuples: every related pair in reading order, as scorers take them.
        problems: in reading order.
        well_formed: what the published correct_format_ratio counts: of every predicate, all of its box lists together are
            an even number and pair up in length, lists of one counting as any length (SEEDS 1.2, 1.6).
        names: all names of each box, in reading order.
    """

    grounded: Grounded
    graph: SpatialGraph
    tuples: tuple[Tuple5, ...]
    problems: tuple[Problem, ...]
    well_formed: bool
    names: Mapping[Box, tuple[str, ...]]

    @property
    def boxes(self) -> dict[str, Box]:
        """Id -> box px of everything the text points at, as `encode` takes them."""
        return {o.id: o.box for o in self.graph.objects}


_TAG = re.compile(r"<(/?)(ref|pred|box)>")


def encode(text: Grounded, boxes: Mapping[str, Box], width: int, height: int) -> str:
    """A grounded text with tags and boxes.

    Text that looks like a tag is neutralised by a space: "< ref>".

    Args:
        text: what to say.
        boxes: id -> box in px of the (width, height) picture; what lies outside the padded square is cut off.

    Raises:
        KeyError: the text points at an id without a box.
    """

    def listed(ids: Iterable[str]) -> str:
        return f"<box>{[list(to_grid(boxes[i], width, height)) for i in ids]}</box>"

    parts = []
    for span in joined(text.spans):
        match span:
            case str():
                parts.append(_quoted(span))
            case Mention():
                parts.append(f"<ref>{_quoted(span.text)}</ref>{listed(span.objects)}")
            case Predicate():
                parts.append(f"<pred>{_quoted(span.text)}</pred>{listed(span.subjects)}{listed(span.objects)}")
    return "".join(parts)


def _quoted(text: str) -> str:
    """Text that is not read as tags; pieces on both sides of a dropped tag may make a new one."""
    return _TAG.sub(r"< \1\2>", text)


def joined(spans: Iterable[Span]) -> Iterator[Span]:
    """The spans with neighbouring strings joined and empty ones left out."""
    text: list[str] = []
    for span in spans:
        if isinstance(span, str):
            text.append(span)
            continue
        if said := "".join(text):
            yield said
        text.clear()
        yield span
    if said := "".join(text):
        yield said


def to_grid(box: Box, width: int, height: int) -> Grid:
    """0–999 on the padded picture, truncated as published; a hair is added so that a box read from the grid stays there."""
    side = max(width, height)
    x0, y0, x1, y1 = (min(max(v, -side), 2 * side) + 1e-9 * side for v in box.xyxy)
    a, b, c, d = (min(max(v, 0), GRID) for v in Box(x0, y0, x1, y1).to_padded_999(width, height))
    return a, b, c, d


def decode(text: str, width: int, height: int) -> Decoded:
    """What a grounded text about a (width, height) px picture says; never raises, and takes time linear in its length.

    Boxes are px of the picture and may reach into its padding. Numbers out of 0–999 are moved to its ends, corners out of
    order are exchanged, unequal lists give the pairs they have, a box without a name is called "unknown": each is told.
    """
    reader = _Reader(text)
    reader.read()
    return _Meaning(reader, width, height).decoded()


class _Spot(NamedTuple):
    """A box as read, or None where it can't be, and where it stands."""

    grid: Grid | None
    position: int


@dataclass
class _Tag:
    """A name or a predicate and the box lists after it."""

    kind: str
    text: str
    position: int
    lists: list[list[_Spot]] = field(default_factory=list)


class _Reader:
    """Tags from left to right: `spans` holds text and tags, `lengths` what the published reader counts for predicates."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.spans: list[str | _Tag] = []
        self.lengths: dict[str, list[int]] = {}
        self.told: list[tuple[int, Kind, str]] = []

    def tell(self, kind: Kind, position: int, words: str) -> None:
        self.told.append((position, kind, words))

    def read(self) -> None:
        tags = list(_TAG.finditer(self.text))
        starts = [t.start() for t in tags] + [len(self.text)]
        last: _Tag | None = None
        self._say(self.text[: starts[0]])
        k = 0
        while k < len(tags):
            tag, inside = tags[k], self.text[tags[k].end() : starts[k + 1]]
            if tag[1]:
                self.tell("tag", tag.start(), f"{tag[0]} closes nothing; it was passed over")
                self._say(inside)
                k += 1
                continue
            closed = k + 1 < len(tags) and bool(tags[k + 1][1])
            if not closed:
                self.tell("tag", tag.start(), f"{tag[0]} is never closed; it was taken to end before the next tag")
            elif tags[k + 1][2] != tag[2]:
                self.tell("tag", tags[k + 1].start(), f"{tag[0]} is closed by {tags[k + 1][0]}; it was taken as {tag[0]}")
            if tag[2] == "box":
                self._box(last, tag, inside)
            else:
                last = _Tag(tag[2], inside, tag.start())
                self.spans.append(last)
            k += 1 + closed
            if closed:
                self._say(self.text[tags[k - 1].end() : starts[k]])

    def _say(self, text: str) -> None:
        if text:
            self.spans.append(text)

    def _box(self, last: _Tag | None, tag: re.Match[str], inside: str) -> None:
        if last is None:
            self.tell("box", tag.start(), "This box follows no name and no predicate; it was left out")
            return
        if isinstance(self.spans[-1], str):
            if self.spans[-1].strip():
                self.tell("box", tag.start(), f"Text stands between “{short(last.text)}” and this box of it")
            else:
                self.spans.pop()
        last.lists.append(self._spots(inside, tag.end()))
        length = _length(inside)
        if last.kind == "pred" and length is not None:
            self.lengths.setdefault(last.text, []).append(length)

    def _spots(self, inside: str, start: int) -> list[_Spot]:
        """The boxes of a list, None for those that can't be read, so that the others keep their places."""
        bare = "".join(inside.split())
        if bare == "[]":
            self.tell("box", start, "This list of boxes is empty")
            return []
        groups = list(_GROUP.finditer(inside))
        if "".join(_GROUP.sub("#", inside).split()) != f"[{','.join('#' * len(groups))}]":
            kept = "what reads as boxes was taken" if groups else "nothing in it reads as a box"
            self.tell("box", start, f"“{short(inside)}” is no list of boxes [[x1,y1,x2,y2],…]; {kept}")
        return [_Spot(self._grid(g[1], start + g.start()), start + g.start()) for g in groups]

    def _grid(self, numbers: str, position: int) -> Grid | None:
        parts = numbers.split(",")
        if len(parts) != 4:
            count = len(parts) if numbers.strip() else 0
            self.tell("numbers", position, f"A box has four numbers, this one {count}; it was left out")
            return None
        given = [float(part) for part in parts if _NUMBER.fullmatch(part)]
        if len(given) != 4:
            self.tell("numbers", position, f"“{short(numbers)}” are not four numbers; the box was left out")
            return None
        x0, y0, x1, y1 = (int(min(max(v, 0), GRID)) for v in given)
        if [x0, y0, x1, y1] != given:
            self.tell(
                "numbers", position, f"“{short(numbers)}” are not all whole numbers from 0 to {GRID}; they were made so"
            )
        if x0 > x1 or y0 > y1:
            self.tell(
                "numbers", position, f"“{short(numbers)}”: the first corner is not the upper left one; they were exchanged"
            )
        return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)


_GROUP = re.compile(r"\[([^\[\]]*)\]")
_NUMBER = re.compile(r"\s*[+-]?[0-9]{1,30}(?:\.[0-9]{0,30})?(?:[eE][+-]?[0-9]{1,3})?\s*")


def short(text: str) -> str:
    """At most 40 characters of it on one line, to be quoted."""
    text = " ".join(text[:200].split())
    return text if len(text) <= 40 else f"{text[:39]}…"


def _length(inside: str) -> int | None:
    """How many boxes the published reader counts: items of a JSON list; None where it passes the list over."""
    try:
        value = json.loads(inside)
    except (ValueError, RecursionError):
        return None
    return len(value) if isinstance(value, list) else None


def paired_lengths(lengths: Sequence[int]) -> bool:
    """Whether lists of these lengths pair up, as the published reader counts."""
    pairs = zip(lengths[::2], lengths[1::2], strict=False)
    return len(lengths) % 2 == 0 and all(s == o or 1 in (s, o) for s, o in pairs)


class _Meaning:
    """What was read as objects, relations and tuples."""

    def __init__(self, reader: _Reader, width: int, height: int) -> None:
        self.reader = reader
        self.tell: Callable[[Kind, int, str], None] = reader.tell
        self.size = width, height
        self.names: dict[Grid, dict[str, None]] = {}
        self.objects: dict[Grid, SceneObject] = {}
        self.counts: dict[str, int] = {}

    def decoded(self) -> Decoded:
        for tag in self.reader.spans:
            if isinstance(tag, _Tag):
                self._check_name(tag)
                if tag.kind == "ref":
                    self._introduce(tag)
        spans: list[Span] = []
        relations: dict[tuple[str, str, str], Relation] = {}
        tuples: list[Tuple5] = []
        for tag in self.reader.spans:
            if isinstance(tag, str):
                spans.append(tag)
            elif tag.kind == "ref":
                spans.append(Mention(tag.text, tuple(self._object(s.grid).id for s in self._listed(tag) if s.grid)))
            else:
                pairs, predicate = self._pairs(tag), plain(tag.text)
                spans.append(_predicate(tag, [(s.id, o.id) for s, o in pairs]))
                for s, o in pairs:
                    tuples.append((s.label, s.box, o.label, o.box, predicate))
                    if s.id != o.id:
                        r = _relation(s.id, o.id, predicate)
                        relations.setdefault(r.triple, r)
        graph = SpatialGraph.of(self.objects.values(), relations.values())
        names = {o.box: tuple(self.names.get(grid, ())) for grid, o in self.objects.items()}
        well = all(map(paired_lengths, self.reader.lengths.values()))
        grounded = Grounded(tuple(_quoted(span) if isinstance(span, str) else span for span in joined(spans)))
        return Decoded(grounded, graph, tuple(tuples), self._problems(), well, names)

    def _check_name(self, tag: _Tag) -> None:
        what = "name" if tag.kind == "ref" else "predicate"
        if not tag.text.strip():
            self.tell("name", tag.position, f"This {what} is empty")
        elif len(" ".join(tag.text.split())) > LONGEST:
            self.tell(
                "name", tag.position, f"This {what} is longer than {LONGEST} characters; the graph keeps its beginning"
            )
        if not tag.lists:
            self.tell("box", tag.position, f"No box follows “{short(tag.text)}”")

    def _listed(self, tag: _Tag) -> list[_Spot]:
        return [spot for spots in tag.lists for spot in spots]

    def _introduce(self, tag: _Tag) -> None:
        """Its boxes are called so; the first name of a box counts."""
        name = plain(tag.text)
        first = ""
        for spot in self._listed(tag):
            if spot.grid:
                known = self.names.setdefault(spot.grid, {})
                if name not in known:
                    first = first or next(iter(known), "")
                    known[name] = None
        if first.casefold() not in ("", name.casefold()):
            words = f"“{short(name)}” is a second name of what was called “{short(first)}”; the first was kept"
            self.tell("name", tag.position, words)

    def _object(self, grid: Grid) -> SceneObject:
        if grid not in self.objects:
            label = next(iter(self.names.get(grid, ())), UNNAMED)
            stem = fresh_id(label, frozenset()).removesuffix("-1")
            self.counts[stem] = self.counts.get(stem, 0) + 1
            box = Box.from_padded_999(grid, *self.size)
            self.objects[grid] = SceneObject(f"{stem}-{self.counts[stem]}", label, box, origin="model")
        return self.objects[grid]

    def _pairs(self, tag: _Tag) -> list[tuple[SceneObject, SceneObject]]:
        """Subjects and objects that go together; what does not is told."""
        lists = tag.lists
        if len(lists) % 2:
            self.tell(
                "lengths", tag.position, f"“{short(tag.text)}” has subjects without a list of objects; they were left out"
            )
        pairs = []
        for subjects, objects in zip(lists[::2], lists[1::2], strict=False):
            if len(subjects) != len(objects) and 1 not in (len(subjects), len(objects)):
                self.tell(
                    "lengths", tag.position,
                    f"“{short(tag.text)}” has {len(subjects)} subjects and {len(objects)} objects; the first "
                    f"{min(len(subjects), len(objects))} were paired",
                )  # fmt: skip
            self._know([*subjects, *objects])
            many = max(len(subjects), len(objects)) if subjects and objects else 0
            whole = [s * many if len(s) == 1 else s for s in (subjects, objects)]
            for s, o in zip(*whole, strict=False):
                if s.grid and o.grid:
                    if s.grid == o.grid:
                        self.tell(
                            "self", s.position, f"“{short(tag.text)}” relates a box to itself; the graph leaves it out"
                        )
                    pairs.append((self._object(s.grid), self._object(o.grid)))
        return pairs

    def _know(self, spots: Iterable[_Spot]) -> None:
        for spot in spots:
            if spot.grid and spot.grid not in self.names:
                self.tell(
                    "unknown", spot.position, f"No name introduces the box {list(spot.grid)}; it is called “{UNNAMED}”"
                )

    def _problems(self) -> tuple[Problem, ...]:
        ends = [m.start() for m in re.finditer("\n", self.reader.text)]
        out = []
        for position, kind, words in sorted(self.reader.told, key=lambda t: t[0]):
            line = bisect_left(ends, position)
            out.append(Problem(kind, position, line + 1, position - (ends[line - 1] if line else -1), words))
        return tuple(out)


def plain(text: str) -> str:
    """A name or predicate as the graph has it: one line, at most `LONGEST` characters, "unknown" for an empty one."""
    return " ".join(text.split())[:LONGEST].strip() or UNNAMED


def _predicate(tag: _Tag, pairs: Sequence[tuple[str, str]]) -> Predicate:
    """Its related pairs; a list of one stays one."""
    subjects, objects = tuple(s for s, _ in pairs), tuple(o for _, o in pairs)
    if pairs and len(tag.lists) < 4:
        subjects = subjects[:1] if len(tag.lists[0]) == 1 else subjects
        objects = objects[:1] if len(tag.lists[1]) == 1 else objects
    return Predicate(tag.text, subjects, objects)


def _relation(subject: str, object_: str, predicate: str) -> Relation:
    family = family_name(predicate)
    return Relation(
        subject, predicate, object_, family, frame_of(family), verdict="undecided", origin="model"
    )  # fmt: skip
