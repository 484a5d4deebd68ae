"""VISOR: does a picture show both objects a prompt asks for, and do they stand as it says?

Gokhale et al. 2023, "Benchmarking Spatial Relationships in Text-to-Image Generation"; SEEDS 3.4. With N pictures of
P prompts that ask for a relation, b = both objects were found in a picture and r = a pair of them stands as asked:
OA = Σb / N, VISOR_uncond = Σ(b·r) / N, VISOR_cond = Σ(b·r) / Σb, VISOR_n = prompts with at least n right pictures / P.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from spacestudio.domain.captions import NAMED, Tally
from spacestudio.domain.found import FoundBoxes, Results
from spacestudio.domain.prompts import Prompt
from spacestudio.metrics.correlation import pearson, spearman
from spacestudio.metrics.interval import bounds_of_ratios, resampled
from spacestudio.metrics.names import folded
from spacestudio.metrics.report import Cell, Figure, Item, Report, Table
from spacestudio.metrics.shares import WORST, share
from spacestudio.relations.relate import inverse_of
from spacestudio.relations.rules.rule_set import BoxPairs, Held, RuleSet, centers
from spacestudio.relations.words import parse_phrase

Flags = NDArray[np.bool_]
Places = NDArray[np.intp]
Pairing = Literal["any", "best"]
Triplet = tuple[str, str, str]
THRESHOLD = 0.1
"""Boxes that score more count, as published."""
PER_PROMPT = 4
"""Pictures made of a prompt, as published."""


@lru_cache(maxsize=4096)
def predicate_of(relation: str) -> str:
    """A prompt's relation as a predicate of ours: "to the left of" -> "left of"; unknown words stay as they are."""
    return next(iter(parse_phrase(relation)), relation)


# What stands in the pictures


@dataclass(frozen=True, eq=False)
class Pictures:
    """What is known of N pictures.

    Attributes:
        asked: (N,) place of a picture's prompt among the prompts.
        number: (N,) which of the prompt's pictures.
        first, second: (N,) the object named first, and second, was found.
        both: (N,) both were.
        right: (N,) both were, and a pair stands as asked.
        reverse: (N,) both were, and a pair stands the opposite way, where there is one; None where that is not known.
    """

    asked: Places
    number: NDArray[np.int64]
    first: Flags
    second: Flags
    both: Flags
    right: Flags
    reverse: Flags | None = None


@dataclass(frozen=True, eq=False)
class Read:
    """Prompts and their pictures.

    Attributes:
        prompts: all that ask for a relation, by id, also those without a picture.
        pictures: of them.
        left_out: which pictures are not among them, and why.
    """

    prompts: Sequence[Prompt]
    pictures: Pictures
    left_out: Sequence[Tally]


UNASKED, UNKNOWN, OTHER, TWICE, UNJUDGED = "unasked", "unknown", "other_text", "twice", "unjudged"
MISSING = "missing"
REASONS = {
    UNASKED: "pictures of prompts that ask for no relation, left out",
    UNKNOWN: "pictures of prompts that are not among the prompts, left out",
    OTHER: "pictures whose text is not that of their prompt, left out",
    TWICE: "pictures given twice, of which the first counts",
    MISSING: "missing pictures, part of no share",
    UNJUDGED: "pictures of relations that the rules do not know, left out",
}


def from_results(prompts: Sequence[Prompt], results: Results) -> Read:
    """A result file held against its prompts, by id; its `sra` is believed."""
    kept, at, spatial, left_out = _matched(prompts, results.prompt, results.number, results.texts)
    classes = [results.classes[k] for k in kept.tolist()]
    places = at.tolist()
    one, other = [p.first for p in spatial], [p.second for p in spatial]
    first = np.fromiter((one[p] in c for p, c in zip(places, classes, strict=True)), bool, len(at))
    second = np.fromiter((other[p] in c for p, c in zip(places, classes, strict=True)), bool, len(at))
    both = first & second
    return Read(spatial, Pictures(at, results.number[kept], first, second, both, both & results.right[kept]), left_out)


def from_boxes(
    prompts: Sequence[Prompt], boxes: FoundBoxes, rules: RuleSet, pairing: Pairing = "any", threshold: float = THRESHOLD
) -> Read:
    """Boxes held against prompts by a rule set; names are compared without regard to case.

    Args:
        prompts: what was asked.
        boxes: what was found; those that score no more than `threshold` are passed over.
        rules: decide whether a pair stands as asked; pictures of relations it does not know are left out.
        pairing: "any" pair may stand as asked, as published, or only that of the "best" box of each object.
        threshold: as published 0.1.
    """
    kinds = {predicate: k for k, predicate in enumerate(rules.predicates)}
    opposite = np.array([kinds[rules.inverses[predicate]] for predicate in rules.predicates])
    kept, at, spatial, left_out = _matched(prompts, boxes.prompt, boxes.number)
    kind = np.array([kinds.get(predicate_of(p.relation), -1) for p in spatial], np.intp)
    judged = kind[at] >= 0
    left_out.append(_tally(UNJUDGED, boxes.prompt[kept[~judged]], boxes.number[kept[~judged]]))
    kept, at = kept[judged], at[judged]

    place = np.full(len(boxes.prompt), -1)
    place[kept] = np.arange(len(kept))
    picture = place[boxes.image]
    rows = np.flatnonzero((picture >= 0) & (boxes.score > threshold))
    rows = rows[np.lexsort((-boxes.score[rows], picture[rows]))]
    codes: dict[str, int] = {}
    label = np.array([codes.setdefault(folded(name), len(codes)) for name in boxes.labels], np.intp)[rows]
    wanted = np.array([[codes.get(folded(name), -1) for name in (p.first, p.second)] for p in spatial], np.intp)
    found = [rows[label == wanted[at[picture[rows]], end]] for end in (0, 1)] if len(rows) else [rows, rows]
    if pairing == "best":
        found = [some[np.unique(picture[some], return_index=True)[1]] for some in found]

    one, other = _pairs(picture, *found)
    held = rules.holds(boxes.xyxy[one], boxes.xyxy[other], boxes.size[boxes.image[one]])
    stands = np.stack([held[predicate] for predicate in rules.predicates])
    asked, pair = kind[at[picture[one]]], np.arange(len(one))
    against = stands[opposite[asked], pair] & (opposite[asked] != asked)
    return Read(
        spatial,
        Pictures(
            at,
            boxes.number[kept],
            first=_marked(len(kept), picture[found[0]]),
            second=_marked(len(kept), picture[found[1]]),
            both=_marked(len(kept), picture[one]),
            right=_marked(len(kept), picture[one[stands[asked, pair]]]),
            reverse=_marked(len(kept), picture[one[against]]),
        ),
        left_out,
    )


def with_empty(boxes: FoundBoxes, prompts: Sequence[Prompt], per_prompt: int) -> FoundBoxes:
    """The boxes, and each picture of the prompts that has none: a list of boxes can't name pictures without any."""
    ids = np.repeat(np.array([p.id for p in prompts], np.int64), per_prompt)
    numbers = np.tile(np.arange(per_prompt), len(prompts))
    new = ~np.isin(_code(ids, numbers), _code(boxes.prompt, boxes.number))
    size = np.concatenate((boxes.size, np.full((int(new.sum()), 2), np.nan)))
    prompt, number = np.concatenate((boxes.prompt, ids[new])), np.concatenate((boxes.number, numbers[new]))
    return replace(boxes, prompt=prompt, number=number, size=size, complete=True)


def _pairs(picture: Places, first: Places, second: Places) -> tuple[Places, Places]:
    """Every box of `first` with every box of `second` in the same picture; both in order of their pictures."""
    start = np.searchsorted(picture[second], picture[first], "left")
    count = np.searchsorted(picture[second], picture[first], "right") - start
    one = np.repeat(first, count)
    within = np.arange(len(one)) - np.repeat(np.cumsum(count) - count, count)
    other = second[np.repeat(start, count) + within]
    return one[one != other], other[one != other]


def _marked(count: int, places: Places) -> Flags:
    out = np.zeros(count, bool)
    out[places] = True
    return out


def _matched(
    prompts: Sequence[Prompt], ids: NDArray[np.int64], numbers: NDArray[np.int64], texts: Sequence[str] = ()
) -> tuple[Places, Places, Sequence[Prompt], list[Tally]]:
    """Rows of pictures whose prompts ask for a relation, the prompts' places, those prompts by id, what is left out."""
    prompts = sorted(prompts, key=lambda p: p.id)
    known = np.array([p.id for p in prompts], np.int64)
    asks = np.array([p.spatial for p in prompts], bool)
    at = np.searchsorted(known, ids).clip(max=len(known) - 1)
    unknown = known[at] != ids
    other = np.zeros(len(ids), bool)
    if texts:
        own = [p.text for p in prompts]
        said = (text == own[p] or not text for text, p in zip(texts, at.tolist(), strict=True))
        other = ~unknown & ~np.fromiter(said, bool, len(ids))
    twice = np.ones(len(ids), bool)
    twice[np.unique(_code(ids, numbers), return_index=True)[1]] = False
    kept = ~(unknown | other | twice)
    why = {UNASKED: kept & ~asks[at], UNKNOWN: unknown, OTHER: other & ~twice, TWICE: twice & ~unknown}
    rows = np.flatnonzero(kept & asks[at])
    left_out = [_tally(key, ids[some], numbers[some]) for key, some in why.items()]
    return rows, (np.cumsum(asks) - 1)[at[rows]], [p for p in prompts if p.spatial], left_out


def _code(ids: NDArray[np.int64], numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    return ids * 1_000_000 + numbers


def _tally(key: str, ids: NDArray[np.int64], numbers: NDArray[np.int64]) -> Tally:
    named = zip(ids[:NAMED].tolist(), numbers[:NAMED].tolist(), strict=True)
    return Tally(key, REASONS[key], len(ids), tuple(f"{i}_{k}" for i, k in named))


def _geneval(pairs: BoxPairs) -> Held:
    offset = centers(pairs.subject) - centers(pairs.object)
    sides = (pairs.subject + pairs.object)[:, 2:] - (pairs.subject + pairs.object)[:, :2]
    clear = np.maximum(np.abs(offset) - 0.1 * sides, 0) * np.sign(offset)
    length = np.maximum(np.hypot(*offset.T), np.finfo(float).tiny)
    x, y = np.where((np.abs(clear) < 1e-3).all(1), 0, clear.T / length)
    return {"left of": x < -0.5, "right of": x > 0.5, "above": y < -0.5, "below": y > 0.5}


GENEVAL = RuleSet(
    "geneval",
    {"horizontal": ("left of", "right of"), "vertical": ("above", "below")},
    {"left of": "right of", "right of": "left of", "above": "below", "below": "above"},
    _geneval,
)
"""GenEval's rule (Ghosh et al. 2023): centres apart by more than a tenth of the summed sides, mostly in that direction."""
GENEVAL_THRESHOLD = 0.3


# Figures

Columns = Mapping[str, NDArray[np.float64]]
PARTS = {
    "OA": ("both", "images"),
    "VISOR_uncond": ("right", "images"),
    "VISOR_cond": ("right", "both"),
    **{f"VISOR_{n}": (f"right_{n}", "prompts") for n in range(1, PER_PROMPT + 1)},
    "first_found": ("first", "images"),
    "second_found": ("second", "images"),
}
"""Name of a share -> what is divided by what."""
HEADLINES = tuple(PARTS)[: 3 + PER_PROMPT]


def columns_of(pictures: Pictures, prompts: int) -> Columns:
    """Of each prompt, (P,): images, first, second, both, right; as 0 or 1 whether n are right, and whether it has any."""
    flags = {"images": np.ones(len(pictures.asked), bool)}
    flags |= {name: getattr(pictures, name) for name in ("first", "second", "both", "right")}
    out = {name: np.bincount(pictures.asked, some, prompts) for name, some in flags.items()}
    enough = {f"right_{n}": (out["right"] >= n).astype(float) for n in range(1, PER_PROMPT + 1)}
    return out | enough | {"prompts": (out["images"] > 0).astype(float)}


def share_of(columns: Columns, name: str) -> float | None:
    """A share of `PARTS` over some prompts, in percent; None of nothing, and for more right pictures than any prompt has."""
    above, below = PARTS[name]
    if above.startswith("right_") and columns["images"].max(initial=0) < int(above[-1]):
        return None
    whole = float(columns[below].sum())
    return 100 * float(columns[above].sum()) / whole if whole else None


def bounds_of(columns: Columns) -> Mapping[str, tuple[float | None, float | None]]:
    """95 % percentile intervals of the shares, in percent, over prompts drawn with replacement; None below two prompts."""
    some = columns["images"] > 0
    if some.sum() < 2:
        return dict.fromkeys(PARTS, (None, None))
    drawn = resampled(np.stack([column[some] for column in columns.values()], 1))
    sums = dict(zip(columns, drawn.T, strict=True))
    out: dict[str, tuple[float | None, float | None]] = {}
    for name, (above, below) in PARTS.items():
        bounds = bounds_of_ratios(sums[above], sums[below])
        out[name] = (100 * bounds[0], 100 * bounds[1]) if bounds else (None, None)
    return out


def where(columns: Columns, chosen: NDArray[Any]) -> Columns:
    """Of some prompts only."""
    return {name: column[chosen] for name, column in columns.items()}


def score(read: Read, unseen: Collection[str] = (), captions: Mapping[Triplet, int] | None = None) -> Report:
    """VISOR of pictures, with breakdowns; interval and breakdowns over prompts.

    Args:
        read: prompts and pictures; prompts without a picture are no part of any share, as published.
        unseen: objects that a model was not trained on; empty for no such breakdown.
        captions: how often training captions say (subject, relation, object), in the prompts' or our words.
    """
    pictures = read.pictures
    columns = columns_of(pictures, len(read.prompts))
    there = np.flatnonzero(columns["images"] > 0)
    prompts, columns = [read.prompts[int(k)] for k in there], where(columns, there)
    predicates = [predicate_of(p.relation) for p in prompts]
    figures = _shares(columns)
    opposites, bias = _opposites(predicates, columns)
    twins, agreement = _twins(prompts, predicates, columns)
    figures += [_first_bias(columns), bias, agreement]
    if pictures.reverse is not None:
        ways = pictures.right & pictures.reverse
        figures.append(share("both_ways", float(ways.sum()), int(pictures.both.sum())))
    tables = [_by("By relation", "relation", predicates, columns), opposites, twins, _by_object(prompts, columns)]
    if unseen:
        strange = {folded(name) for name in unseen}
        groups = [("none", "one", "both")[sum(folded(n) in strange for n in (p.first, p.second))] for p in prompts]
        tables.append(_by("By how many of the objects are unseen", "unseen", groups, columns))
    if captions is not None:
        table, more = _frequency(prompts, predicates, columns, captions)
        tables.append(table)
        figures += more
    return Report(
        "VISOR",
        "as published: shares over the pictures that are there and the prompts that have one",
        tuple(figures),
        {"n_images": len(pictures.asked), "n_prompts": len(prompts)},
        tuple(table for table in tables if table.rows),
        PUBLISHED,
        _worst(read),
        as_published=True,
    )


def missing(read: Read, per_prompt: int, whole: bool) -> Tally:
    """The pictures that are not there.

    Args:
        read: prompts and pictures.
        per_prompt: pictures that belong to a prompt.
        whole: of every prompt, also of those without any picture; else only of those with one.
    """
    ids = np.array([p.id for p in read.prompts], np.int64)
    have = np.bincount(read.pictures.asked[read.pictures.number < per_prompt], minlength=len(ids))
    some = np.bincount(read.pictures.asked, minlength=len(ids)) > 0
    short = np.flatnonzero((have < per_prompt) & (some | whole))
    wanted = np.repeat(ids[short], per_prompt), np.tile(np.arange(per_prompt), len(short))
    gone = ~np.isin(_code(*wanted), _code(ids[read.pictures.asked], read.pictures.number))
    return _tally(MISSING, wanted[0][gone], wanted[1][gone])


def _shares(columns: Columns) -> list[Figure]:
    bounds = bounds_of(columns)
    return [
        Figure(name, share_of(columns, name), int(columns[below].sum()), *bounds[name]) for name, (_, below) in PARTS.items()
    ]


def _first_bias(columns: Columns) -> Figure:
    """How much oftener the object named first is found, in percentage points."""
    first, second = share_of(columns, "first_found"), share_of(columns, "second_found")
    value = None if first is None or second is None else first - second
    return Figure("first_bias", value, int(columns["images"].sum()), unit="points")


def _grouped(columns: Columns, groups: Sequence[str]) -> dict[str, Columns]:
    """Name of a group -> the columns of its prompts, in the order in which the groups first come."""
    names: dict[str, int] = {}
    place = np.array([names.setdefault(name, len(names)) for name in groups], np.intp)
    order = np.argsort(place, kind="stable")
    ends = np.searchsorted(place[order], np.arange(len(names) + 1))
    return {name: where(columns, order[a:b]) for name, (a, b) in zip(names, pairwise(ends), strict=True)}


def _by(title: str, what: str, groups: Sequence[str], columns: Columns) -> Table:
    """The shares of each group of prompts."""
    rows = []
    for name, own in sorted(_grouped(columns, groups).items()):
        bounds = bounds_of(own)["VISOR_cond"]
        counts = int(own["images"].sum()), int(own["prompts"].sum())
        rows.append((name, *counts, *(share_of(own, h) for h in HEADLINES), *bounds))
    head = (what, "images", "prompts", *HEADLINES, "VISOR_cond low", "VISOR_cond high")
    return Table(title, head, tuple(rows))


def _by_object(prompts: Sequence[Prompt], columns: Columns) -> Table:
    """Of each object, wherever it is named: how often it is found, first and second, and the shares of its prompts."""
    first, second = (_grouped(columns, [getattr(p, end) for p in prompts]) for end in ("first", "second"))
    none = {name: column[:0] for name, column in columns.items()}
    rows = []
    for name in sorted({*first, *second}):
        one, other = first.get(name, none), second.get(name, none)
        either = {key: np.concatenate((one[key], other[key])) for key in columns}
        shares = (share_of(either, key) for key in ("OA", "VISOR_uncond", "VISOR_cond"))
        found = share_of(one, "first_found"), share_of(other, "second_found")
        rows.append((name, int(either["images"].sum()), *found, *shares))
    return Table("By object", ("object", "images", *list(PARTS)[-2:], *HEADLINES[:3]), tuple(rows))


def _opposites(predicates: Sequence[str], columns: Columns) -> tuple[Table, Figure]:
    """Relations beside their inverses, and the mean difference of VISOR_cond, in percentage points (SEEDS 3.6)."""
    groups = _grouped(columns, predicates)
    rows: list[tuple[Cell, ...]] = []
    gaps = []
    for one in sorted(groups):
        other = inverse_of(one)
        if other is None or other <= one or other not in groups:
            continue
        a, b = share_of(groups[one], "VISOR_cond"), share_of(groups[other], "VISOR_cond")
        gap = None if a is None or b is None else abs(a - b)
        rows.append((one, other, a, b, gap))
        gaps += [] if gap is None else [gap]
    head = ("relation", "opposite", "VISOR_cond", "VISOR_cond of the opposite", "difference")
    mean = float(np.mean(gaps)) if gaps else None
    return Table("Opposite relations", head, tuple(rows)), Figure("opposite_bias", mean, len(gaps), unit="points")


def _twins(prompts: Sequence[Prompt], predicates: Sequence[str], columns: Columns) -> tuple[Table, Figure]:
    """How alike prompts that mean the same are treated: "a cup above a dog" and "a dog below a cup" (ours).

    With p and q the shares right among the pictures of each that show both objects, agreement is p·q + (1 - p)·(1 - q): the
    chance that a picture of one and a picture of the other are both right or both wrong. Prompts without such a picture are
    left out.
    """
    shown = np.flatnonzero(columns["both"] > 0)
    right = columns["right"] / np.maximum(columns["both"], 1)
    means = {(folded(prompts[k].first), predicates[k], folded(prompts[k].second)): k for k in shown.tolist()}
    agree: dict[tuple[str, str], list[float]] = {}
    for (first, predicate, second), k in means.items():
        opposite = inverse_of(predicate)
        twin = means.get((second, opposite, first)) if opposite else None
        if opposite and twin is not None and (predicate, first) < (opposite, second):
            p, q = right[k], right[twin]
            agree.setdefault((predicate, opposite), []).append(p * q + (1 - p) * (1 - q))
    rows = tuple((*pair, len(chances), 100 * float(np.mean(chances))) for pair, chances in sorted(agree.items()))
    every = [chance for chances in agree.values() for chance in chances]
    head = ("relation", "the other way round", "pairs of prompts", "agreement")
    figure = Figure("consistency", 100 * float(np.mean(every)) if every else None, len(every))
    return Table("Prompts that mean the same", head, rows), figure


def _frequency(
    prompts: Sequence[Prompt], predicates: Sequence[str], columns: Columns, captions: Mapping[Triplet, int]
) -> tuple[Table, list[Figure]]:
    """Does a prompt's share rise with how often training captions say the same? Spearman, and Pearson of log(1 + count)."""
    said: dict[Triplet, int] = {}
    for (subject, relation, object_), number in captions.items():
        triplet = folded(subject), predicate_of(folded(relation)), folded(object_)
        said[triplet] = said.get(triplet, 0) + number
    asked = ((folded(p.first), predicate, folded(p.second)) for p, predicate in zip(prompts, predicates, strict=True))
    counts = np.fromiter((said.get(triplet, 0) for triplet in asked), np.float64, len(prompts))
    rows: list[tuple[Cell, ...]] = []
    figures = []
    for name in HEADLINES[:3]:
        above, below = PARTS[name]
        some = columns[below] > 0
        shares = columns[above][some] / columns[below][some]
        ranked, straight = spearman(counts[some], shares), pearson(np.log1p(counts[some]), shares)
        rows.append((name, len(shares), int((counts[some] > 0).sum()), ranked, straight))
        figures += [
            Figure(f"spearman_{name}", ranked, len(shares), unit=""),
            Figure(f"pearson_log_{name}", straight, len(shares), unit=""),
        ]
    head = ("share", "prompts", "said in captions", "Spearman", "Pearson of log(1 + count)")
    return Table("Frequency in training captions", head, tuple(rows)), figures


def _worst(read: Read) -> tuple[Item, ...]:
    """Pictures that are wrong: first those with both objects, of the prompts that went worst."""
    pictures = read.pictures
    wrong = np.flatnonzero(~pictures.right)
    hits = np.bincount(pictures.asked, pictures.right, len(read.prompts))
    order = np.lexsort((pictures.number[wrong], pictures.asked[wrong], hits[pictures.asked[wrong]], ~pictures.both[wrong]))
    items = []
    for k in wrong[order[:WORST]].tolist():
        prompt = read.prompts[int(pictures.asked[k])]
        name = f"{prompt.id}_{pictures.number[k]}"
        items.append(Item(name, f"{name}.png", 0.0, f"{prompt.text}: {_seen(prompt, pictures, k)}"))
    return tuple(items)


def _seen(prompt: Prompt, pictures: Pictures, k: int) -> str:
    if pictures.both[k]:
        return "both found, and no pair stands so"
    found = [name for name, seen in ((prompt.first, pictures.first[k]), (prompt.second, pictures.second[k])) if seen]
    return f"only {found[0]} found" if found else "neither found"


PUBLISHED = Table(
    "Published, OWL-ViT above 0.1 on SR2D",
    ("model", *HEADLINES),
    (
        ("GLIDE", 3.36, 1.98, 59.06, 6.72, 1.02, 0.17, 0.03),
        ("GLIDE+CDM", 10.17, 6.43, 63.21, 20.07, 4.69, 0.83, 0.11),
        ("DALLE-mini", 27.10, 16.17, 59.67, 38.31, 17.50, 6.89, 1.96),
        ("CogView2", 18.47, 12.17, 65.89, 33.47, 11.43, 3.22, 0.57),
        ("DALLE-v2", 63.93, 37.89, 59.27, 73.59, 47.23, 23.26, 7.49),
        ("SD", 29.86, 18.81, 62.98, 46.60, 20.11, 6.89, 1.63),
        ("SD+CDM", 23.27, 14.99, 64.41, 39.44, 14.56, 4.84, 1.12),
        ("SD 2.1", 47.83, 30.25, 63.24, 64.42, 35.74, 16.13, 4.70),
    ),
)
