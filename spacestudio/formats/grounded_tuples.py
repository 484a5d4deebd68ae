"""The tuples that grounded answers state, for scorers: as `grounded_text.decode` reads them, or as published (SEEDS 1.6).

Most answers keep the grammar to the letter; those are read here, some hundred times faster than a whole `Decoded`. All
others go through `decode`, so both read the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from spacestudio.domain.boxes import Box
from spacestudio.formats.grounded_text import UNNAMED, decode, plain, to_grid

Quad = tuple[float, float, float, float]


class Stated(NamedTuple):
    """One related pair, with all names its two boxes have; boxes as the text says them, xyxy 0–999."""

    subject: tuple[str, ...]
    subject_box: Quad
    object: tuple[str, ...]
    object_box: Quad
    predicate: str


@dataclass(frozen=True)
class Reading:
    """What one answer states: its tuples in reading order, and whether its predicates' boxes pair up."""

    tuples: tuple[Stated, ...]
    well_formed: bool


_plain = lru_cache(maxsize=4096)(plain)
_STRICT = re.compile(r"<(ref|pred|box)>([^<]*)</\1>")
_TAGS = re.compile(r"(<[a-z]+>)([^<>\n]*)</[a-z]+>")


def read_tuples(text: str, width: int, height: int) -> Reading:
    """The tuples of `decode(text, width, height)`, on the grid and with every name of their boxes; never raises."""
    return _read_strictly(text) or _read_loosely(text, width, height)


def _read_loosely(text: str, width: int, height: int) -> Reading:
    decoded = decode(text, width, height)

    def named(label: str, box: Box) -> tuple[str, ...]:
        return decoded.names.get(box) or (label,)

    tuples = tuple(
        Stated(named(s, one), to_grid(one, width, height), named(o, other), to_grid(other, width, height), predicate)
        for s, one, o, other, predicate in decoded.tuples
    )
    return Reading(tuples, decoded.well_formed)


def _read_strictly(text: str) -> Reading | None:
    """The tuples of a text whose tags all pair up and whose boxes are all whole and in order; None for any other."""
    tags = _STRICT.findall(text)
    if 2 * len(tags) != text.count("<"):
        return None
    names: dict[Quad, dict[str, None]] = {}
    predicates: list[tuple[str, list[list[Quad]]]] = []
    known: dict[str, list[Quad] | None] = {}
    kind = said = ""
    for tag, inside in tags:
        if tag != "box":
            kind, said = tag, inside
            if tag == "pred":
                predicates.append((inside, []))
            continue
        quads = known[inside] if inside in known else known.setdefault(inside, _quads(inside))
        if quads is None or not kind:
            return None
        if kind == "pred":
            predicates[-1][1].append(quads)
        else:
            for quad in quads:
                names.setdefault(quad, {})[_plain(said)] = None
    called = {quad: tuple(some) for quad, some in names.items()}
    nameless = (UNNAMED,)
    tuples: list[Stated] = []
    for predicate, lists in predicates:
        words = _plain(predicate)
        tuples += [Stated(called.get(s, nameless), s, called.get(o, nameless), o, words) for s, o in _pairs(lists)]
    well_formed = all(_fit(lists) for _, lists in predicates) or all(map(_fit, _by_predicate(predicates).values()))
    return Reading(tuple(tuples), well_formed)


def _by_predicate(tags: Sequence[tuple[str, list[Any]]]) -> dict[str, list[Any]]:
    """The lists of all mentions of a predicate one after the other, as the published scorer counts them."""
    out: dict[str, list[Any]] = {}
    for predicate, lists in tags:
        out.setdefault(predicate, []).extend(lists)
    return out


def _pairs(lists: Sequence[list[Any]]) -> list[tuple[Any, Any]]:
    """Subjects and objects of consecutive lists; a list of one goes with each of the other, longer lists are cut."""
    out: list[tuple[Any, Any]] = []
    for subjects, objects in zip(lists[::2], lists[1::2], strict=False):
        if len(subjects) == len(objects) == 1:
            out.append((subjects[0], objects[0]))
        elif len(subjects) == 1:
            out += [(subjects[0], o) for o in objects]
        elif len(objects) == 1:
            out += [(s, objects[0]) for s in subjects]
        else:
            out += zip(subjects, objects, strict=False)
    return out


def _fit(lists: Sequence[list[Any]]) -> bool:
    """Whether all lists pair up, in number and in length."""
    if len(lists) == 2:
        s, o = len(lists[0]), len(lists[1])
        return s == o or 1 in (s, o)
    return len(lists) % 2 == 0 and all(_fit(lists[k : k + 2]) for k in range(0, len(lists), 2))


_WHOLE = "(0|[1-9][0-9]{0,2})"
_QUAD = re.compile(rf"\[{', ?'.join([_WHOLE] * 4)}\]")
_LIST = re.compile(rf"\[{_QUAD.pattern}(?:, ?{_QUAD.pattern})*\]")


def _quads(inside: str) -> list[Quad] | None:
    """Boxes of a list that is right to the letter: four whole numbers from 0 to 999 each, upper left corner first."""
    if not _LIST.fullmatch(inside):
        return None
    quads: list[Quad] = [(int(a), int(b), int(c), int(d)) for a, b, c, d in _QUAD.findall(inside)]
    for a, b, c, d in quads:
        if a > c or b > d:
            return None
    return quads


def read_as_published(text: str, synonyms: Mapping[str, str]) -> Reading | None:
    """The tuples as the published scorer takes them, each name split into its words; None where it would stop.

    Of a line, whatever stands between two pairs of angle brackets is a tag; boxes of all mentions of a predicate are paired
    together; a box is known by its JSON text; words are put in lower case (the published scorer's language model, which
    reduces them to their stems, is not used) and replaced by the first word of their line of synonyms.
    """
    objects: dict[str, list[Any]] = {}
    relations: dict[str, list[Any]] = {}
    kind, name = "<ref>", "Unknown"
    read: dict[str, Any] = {}
    try:
        for tag, inside in _brackets(text):
            if not tag.startswith("<box>"):
                kind, name = "<ref>" if tag.startswith("<ref>") else "<pred>", inside
                continue
            try:
                value = read[inside] if inside in read else read.setdefault(inside, json.loads(inside))
            except (ValueError, RecursionError):
                continue
            if kind == "<ref>":
                objects.setdefault(name, []).extend(value)
            else:
                relations.setdefault(name, []).append(value)
        called: dict[str, list[str]] = {}
        for name, boxes in objects.items():
            for box in boxes:
                called.setdefault(repr(box), []).append(name)
        return _published_pairs(relations, called, synonyms)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return None


def _published_pairs(
    relations: Mapping[str, list[Any]], called: Mapping[str, list[str]], synonyms: Mapping[str, str]
) -> Reading:
    tuples: list[Stated] = []
    words: dict[str, tuple[str, ...]] = {}
    for predicate, lists in relations.items():
        for pair in _pairs(lists):
            boxes = [_numbers(box) for box in pair]
            keys = [repr(box) for box in pair]
            for key in keys:
                if key not in words:
                    words[key] = _tokens(called.get(key, ()), synonyms)
            if boxes[0] and boxes[1]:
                tuples.append(Stated(words[keys[0]], boxes[0], words[keys[1]], boxes[1], predicate))
    return Reading(tuple(tuples), all(map(_fit, relations.values())))


def _brackets(text: str) -> list[tuple[str, str]]:
    """(what stands in the first pair of brackets, with them; what stands before the second) from left to right."""
    strict = _TAGS.findall(text)
    if 2 * len(strict) == text.count("<") == text.count(">"):
        return strict
    out = []
    for line in text.split("\n"):
        start = 0
        while True:
            first = line.find("<", start)
            second = line.find(">", first)
            third = line.find("<", second)
            last = line.find(">", third)
            if min(first, second, third, last) < 0:
                break
            out.append((line[first : second + 1], line[second + 1 : third]))
            start = last + 1
    return out


def _numbers(box: Any) -> Quad | None:
    """Four numbers, also in further brackets; None for anything else.

    Raises:
        ValueError: several boxes in one, at which the published scorer stops.
    """
    while isinstance(box, list) and len(box) == 1:
        box = box[0]
    if not isinstance(box, list) or not all(isinstance(v, int | float) for v in box) or len(box) % 4 or not box:
        return None
    a, b, c, d = map(float, box)
    return a, b, c, d


_TOKEN = re.compile(r"\w+(?:'\w+)?|[^\w\s]")


def _tokens(names: Sequence[str], synonyms: Mapping[str, str]) -> tuple[str, ...]:
    words = [token for name in names for token in _TOKEN.findall(name.lower())]
    return tuple(synonyms.get(word, word) for word in words) or ("Unknown",)
