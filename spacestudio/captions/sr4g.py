"""Captions with an explicit relation between two objects of a picture, from boxes, as SR4G draws them from COCO (SEEDS 3.1).

The fourteen relations, filters and splits are the defaults of SEEDS 3.2, since the paper's own are not published.
Many pictures are looked at together: a batch is all ordered pairs of boxes of some pictures, laid out picture by picture as
an n × n grid, so that the reversed pair of a pair is found by its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spacestudio.captions.sr2d import phrase, sentence
from spacestudio.domain.captions import SPLITS, BoxTable, CaptionRows
from spacestudio.relations.naming import a, clean, is_plural, is_uncounted
from spacestudio.relations.rules.rule_set import BoxPairs, Held, RuleSet

Instances = Literal["one", "agree", "any"]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

TYPES: Mapping[str, tuple[str, ...]] = {
    "projective": ("left of", "right of", "above", "below"),
    "topological": ("surrounding", "inside", "overlapping", "separated"),
    "scale": ("wider", "narrower", "taller", "shorter", "larger", "smaller"),
}
"""The three groups of the fourteen (SEEDS 3.2)."""

MIN_SHARE = 0.01
"""Objects must cover more than this share of the picture. SEEDS 3.2 suggests 1 to 2 %; sg2im takes 2 %, SSTD no filter."""
MAX_BOXES = 1000
"""A picture with more boxes gives no captions: its pairs would fill the memory."""
PAIRS = 32_768
"""Ordered pairs looked at together."""


@dataclass(frozen=True)
class Choice:
    """Which captions are drawn.

    Attributes:
        rules: what decides which relations hold.
        relations: those asked for, of the rules' own.
        margin: how far from turning over, as a share of the picture's side: a centre must be off by that much, a size larger
            by twice that share, a box nested, shared or apart by a tenth of it. The studio's own rules are at 0.05; 0 adds
            nothing.
        min_share: boxes must cover more than this share of the picture.
        instances: "one": a category counts where the picture has exactly one of it, crowds, small and unusable boxes
            included. "agree": where the relation holds between all instances of the two; the largest of each are told.
            "any": every instance for itself.
        inverse: whether both orders of a pair are told; else one, by a coin thrown from the picture's number.
    """

    rules: RuleSet
    relations: tuple[str, ...]
    margin: float = 0.0
    min_share: float = MIN_SHARE
    instances: Instances = "one"
    inverse: bool = True


@dataclass(frozen=True, eq=False)
class Sides:
    """Which side of the data set things are on.

    Attributes:
        split: (I,) place in `SPLITS` of each picture.
        side: (C,) 0 for categories of training, 1 for those of testing; all -1 when every split has all of them.
        coin: (I,) uint64, a number of each picture that looks random.
    """

    split: Ints
    side: Ints
    coin: NDArray[np.uint64]

    def admitted(self, table: BoxTable) -> Bools:
        """(B,) whether a box's category belongs to its picture's split."""
        wanted = (self.split == SPLITS.index("test")).astype(np.int64)
        side = self.side[table.category]
        admitted: Bools = (side < 0) | (side == wanted[table.image])
        return admitted


def relation_names(asked: Sequence[str]) -> tuple[str, ...]:
    """Relations of names and of the words of `TYPES`, each once."""
    return tuple(dict.fromkeys(name for word in asked for name in TYPES.get(word, (word,))))


@lru_cache(maxsize=1 << 17)
def spoken(relation: str, subject: str, object_: str) -> str:
    """The caption of two names (templates: SEEDS 3.2).

    >>> spoken("left of", "hour glass", "skis")
    'an hour glass to the left of skis'
    """
    return sentence(noun(subject), phrase(relation), noun(object_))


@lru_cache(maxsize=4096)
def noun(name: str) -> str:
    """With its article by sound, "an umbrella"; plurals and what is not counted without one, "skis", "grass"."""
    label = clean(name)
    return label if is_plural(label) or is_uncounted(label) else a(label)


def eligible(table: BoxTable, choice: Choice, sides: Sides) -> tuple[Bools, dict[str, int]]:
    """(B,) which boxes are told of, and how many others are not, by reason."""
    image, split = table.image, sides.admitted(table)
    width, height = (table.box_xyxy_px[:, 2:] - table.box_xyxy_px[:, :2]).T
    large = width * height > choice.min_share * table.size_px.prod(axis=1)[image]
    crowded = (np.diff(table.starts) > MAX_BOXES)[image]
    clear = np.ones(len(image), bool)
    if choice.instances != "any":
        group, size = _groups(image, table.category)
        blocked = np.bincount(group, ~table.usable, len(size)) > 0
        clear = ~(blocked | (size > 1))[group] if choice.instances == "one" else ~blocked[group]
    reasons, left = {}, table.usable.copy()
    for name, good in (("small", large), ("crowded", ~crowded), ("ambiguous", clear), ("other_side", split)):
        reasons[name] = int((left & ~good).sum())
        left &= good
    return left, reasons


def extract(table: BoxTable, told: Bools, choice: Choice, sides: Sides) -> Iterator[CaptionRows]:
    """All captions, some whole pictures at a time, in the table's order; of a pair in the order of `choice.relations`.

    A relation is told of a pair only when the rules say its inverse of the reversed pair: where published rules contradict
    themselves on ties (see their files), nothing is told, and `dropped` counts it under "contradicted".

    Args:
        table: the boxes.
        told: (B,) which are told of, from `eligible`.
        choice, sides: what is drawn.
    """
    image = table.image
    judged = table.usable if choice.instances == "agree" else told
    hero = _heroes(table, image, told) if choice.instances == "agree" else np.arange(len(image))
    row = np.flatnonzero(judged & (hero >= 0))
    count = np.bincount(image[row], minlength=len(table.image_ids))
    ends = np.cumsum(count)
    for first, last in _cuts(count**2):
        rows = row[ends[first] - count[first] : ends[last - 1]]
        if len(rows):
            yield _batch(table, image, rows, hero, choice, sides)


def _batch(table: BoxTable, image: Ints, row: Ints, hero: Ints, choice: Choice, sides: Sides) -> CaptionRows:
    """The captions of the boxes of some whole pictures."""
    a, b, back = _grid(image[row])
    s, o = row[a], row[b]
    different = table.category[s] != table.category[o]
    holds, contradicted = _holds(table, image, s, o, back, choice)
    holds &= different
    contradicted &= different
    if choice.instances == "agree":
        cell = _chiefs(image[row], np.searchsorted(row, hero[row]), a, b)
        for held in holds:
            held[cell[~held]] = False
            held &= cell == np.arange(len(cell))
    if not choice.inverse:
        low, high = np.minimum(table.category[s], table.category[o]), np.maximum(table.category[s], table.category[o])
        coin = _mixed(sides.coin[image[s]] ^ _mixed((low * len(table.names) + high).astype(np.uint64)))
        holds &= (coin >> np.uint64(63)).astype(bool) == (s < o)
    pair, relation = np.nonzero(holds.T)
    at = image[s[pair]]
    return CaptionRows(at, s[pair], o[pair], relation, sides.split[at], {"contradicted": int(contradicted.sum())})


def _holds(table: BoxTable, image: Ints, s: Ints, o: Ints, back: Ints, choice: Choice) -> tuple[Bools, Bools]:
    """(R, P) which of the asked relations hold both ways, and which only one way."""
    boxes, points = table.box_xyxy_px, table.centroid
    pairs = BoxPairs.of(boxes[s], boxes[o], table.size_px[image[s]], points[s], points[o])
    found = choice.rules.rule(pairs)
    one_way = np.stack([found[name] for name in choice.relations])
    other_way = np.stack([found[choice.rules.inverses[name]] for name in choice.relations])[:, back]
    holds = one_way & other_way
    if choice.margin > 0:
        far = _beyond(pairs, choice.margin)
        holds &= np.stack([far[name] for name in choice.relations])
    return holds, one_way & ~other_way


def _beyond(pairs: BoxPairs, margin: float) -> Held:
    """Relation -> (P,) whether, should it hold, it is that far from turning over; as `Choice.margin` says."""
    across, down = (np.abs(pairs.subject_centroid - pairs.object_centroid) / pairs.size >= margin).T
    (s_low, s_high), (o_low, o_high) = (
        (box.reshape(-1, 2, 2) / pairs.size[:, None]).swapaxes(0, 1) for box in (pairs.subject, pairs.object)
    )
    tenth = margin / 10
    inside = np.minimum(s_low - o_low, o_high - s_high).min(axis=1) >= tenth
    surrounding = np.minimum(o_low - s_low, s_high - o_high).min(axis=1) >= tenth
    strip = np.abs((np.minimum(s_high, o_high) - np.maximum(s_low, o_low)).min(axis=1)) >= tenth
    s_size, o_size = s_high - s_low, o_high - o_low
    more, less = np.maximum(s_size, o_size), np.minimum(s_size, o_size)
    wide, tall = (more >= (1 + 2 * margin) * less).T
    s_area, o_area = s_size.prod(axis=1), o_size.prod(axis=1)
    large = np.maximum(s_area, o_area) >= (1 + 2 * margin) ** 2 * np.minimum(s_area, o_area)
    measured = (across, across, down, down, surrounding, inside, strip, strip, wide, wide, tall, tall, large, large)
    return dict(zip((name for names in TYPES.values() for name in names), measured, strict=True))


def _chiefs(image: Ints, chief: Ints, a: Ints, b: Ints) -> Ints:
    """(P,) for each pair of a grid the place of the pair of their groups' chiefs.

    Args:
        image, chief: (N,) of each box.
        a, b: (P,) from `_grid`.
    """
    along = np.arange(len(image)) - np.searchsorted(image, image)
    return np.searchsorted(a, chief[a]) + along[chief[b]]


def _groups(image: Ints, category: Ints) -> tuple[Ints, Ints]:
    """(B,) the group of each box, of one picture and category, and how many boxes each group has."""
    _, group, size = np.unique(image * (category.max(initial=0) + 1) + category, return_inverse=True, return_counts=True)
    return group, size


def _heroes(table: BoxTable, image: Ints, told: Bools) -> Ints:
    """(B,) the largest box told of in each box's group, the first of equals; -1 where none is told of."""
    group, size = _groups(image, table.category)
    area = np.where(told, np.prod(table.box_xyxy_px[:, 2:] - table.box_xyxy_px[:, :2], axis=1), -1.0)
    order = np.lexsort((-np.arange(len(area)), area, group))
    best = order[np.cumsum(size) - 1]
    return np.where(told[best], best, -1)[group]


def _cuts(load: Ints) -> Iterator[tuple[int, int]]:
    """Ranges of pictures with about `PAIRS` pairs each."""
    total = np.cumsum(load)
    first = 0
    while first < len(load):
        done = total[first - 1] if first else 0
        last = max(int(np.searchsorted(total, done + PAIRS, side="right")), first + 1)
        yield first, last
        first = last


def _grid(image: Ints) -> tuple[Ints, Ints, Ints]:
    """All ordered pairs within each picture, a box with itself included: (P,) subject, object, place of the reversed pair.

    Args:
        image: (N,) the picture of each box, sorted.
    """
    first = np.searchsorted(image, image)
    count = np.searchsorted(image, image, side="right") - first
    begin = np.cumsum(count) - count
    subject = np.repeat(np.arange(len(image)), count)
    object_ = np.arange(len(subject)) - begin[subject] + first[subject]
    return subject, object_, begin[object_] + subject - first[object_]


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Numbers that look random, the same for the same values (the finalizer of SplitMix64)."""
    with np.errstate(over="ignore"):
        values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return values ^ (values >> np.uint64(31))
