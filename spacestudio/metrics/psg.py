"""Open-ended scene-graph generation on PSG: recall and mean recall of the tuples that grounded answers state (SEEDS 1.6)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spacestudio.metrics.matching import matched
from spacestudio.metrics.names import Names, folded
from spacestudio.metrics.overlap import iou
from spacestudio.metrics.report import Figure, Item, Report, Table
from spacestudio.metrics.shares import WORST, recall_intervals, share

XYXY = tuple[float, float, float, float]
Gold = tuple[str, XYXY, str, XYXY, str]
Stated = tuple[tuple[str, ...], XYXY, tuple[str, ...], XYXY, str]

GRID = 999
"""Largest coordinate of a box in grounded text, on the square-padded picture (SEEDS 1.2)."""
IOU = 0.5
"""Both boxes of a tuple must overlap the true ones at least as much (SEEDS 1.6)."""
PER_PREDICATE = "Recall per predicate"

PUBLISHED = Table(
    "Published: PSG, open-ended",
    ("method", "tuples per picture", "recall", "mean_recall", "source"),
    (
        ("IMP", "20", 16.5, 6.5, "all-seeing-v2 README"),
        ("MOTIFS", "20", 20.0, 9.1, "all-seeing-v2 README"),
        ("VCTree", "20", 20.6, 9.7, "all-seeing-v2 README"),
        ("GPSNet", "20", 17.8, 7.0, "all-seeing-v2 README"),
        ("PSGFormer", "20", 18.6, 16.7, "all-seeing-v2 README"),
        ("TextPSG", "50", 4.8, None, "all-seeing-v2 README"),
        ("TextPSG", "100", 5.5, None, "all-seeing-v2 README"),
        ("ASMv2-13B", "9.2", 14.2, 10.3, "all-seeing-v2 README"),
        ("LLaVA-SpaceSGG-13B", None, 15.43, 13.23, "figure reported elsewhere, paper not seen"),
    ),
)
AS_PUBLISHED = (
    "as published: a true tuple is found if any stated tuple has its words and both boxes at IoU ≥ 0.5; stated names are "
    "split into words, so names of several words never match; one stated tuple may find many true ones; true names end at "
    "their first “-”; pictures without an answer are not noticed"
)
CORRECTED = (
    "corrected: a true tuple is found by a stated tuple of its own (best matching) with the same subject, object and "
    "predicate and both boxes at IoU ≥ 0.5 on the text's grid; names are whole, synonyms hold on both sides, a "
    "repeated tuple counts once, a picture without an answer found nothing"
)


@dataclass(frozen=True)
class Picture:
    """A picture that is scored.

    Attributes:
        id, image: of its question.
        width, height: px.
        gold: the true tuples: subject, its box, object, its box, predicate; boxes xyxy px of the picture.
        stated: the stated ones: all names of the subject, its box, all names of the object, its box, predicate; boxes as the
            text says them, xyxy 0–999 on the square-padded picture. As published, the words of the names.
        well_formed: whether the text's boxes pair up.
    """

    id: str
    image: str
    width: int
    height: int
    gold: Sequence[Gold]
    stated: Sequence[Stated]
    well_formed: bool


def score(
    pictures: Sequence[Picture],
    names: Names | None = None,
    as_published: bool = False,
    counts: Mapping[str, int] | None = None,
    notes: Sequence[str] = (),
) -> Report:
    """Recall, mean recall over predicates, share of well-formed answers, tuples stated per picture.

    Args:
        pictures: what is scored.
        names: how labels compare; corrected only.
        as_published: the definition of SEEDS 1.6 with its defects (1.7, 6).
        counts, notes: what the reader has to tell.
    """
    judged = _judge_as_published(pictures) if as_published else _judge_corrected(pictures, names or Names())
    words, column = _coded(judged.gold.predicate)
    totals = np.bincount(column, minlength=len(words)).tolist()
    hits = np.bincount(column[judged.found], minlength=len(words)).tolist()
    shares = [above / below for above, below in zip(hits, totals, strict=True)]
    recall, mean_recall = recall_intervals(judged.gold.picture, column, judged.found, len(pictures))
    n, well = len(pictures), sum(picture.well_formed for picture in pictures)
    figures = (
        share("recall", sum(hits), sum(totals), recall),
        share("mean_recall", sum(shares), len(shares), mean_recall),
        Figure("correct_format_ratio", well / n if n else None, n, unit=""),
        Figure("num_pred_tuples", judged.stated / n if n else None, n, unit=""),
    )
    own = {
        "n_images": n, "n_tuples": sum(totals), "n_found": sum(hits), "n_stated": judged.stated, "n_predicates": len(words)
    }  # fmt: skip
    rows = tuple((word, 100 * shares[k], hits[k], totals[k]) for k, word in enumerate(words))
    return Report(
        "PSG, open-ended scene-graph generation",
        AS_PUBLISHED if as_published else CORRECTED,
        figures,
        {**own, **(counts or {})},
        (Table(PER_PREDICATE, ("predicate", "recall", "found", "tuples"), rows),),
        PUBLISHED,
        _worst(pictures, judged),
        tuple(notes),
        as_published,
    )


@dataclass(frozen=True, eq=False)
class _Tuples:
    """T tuples of all pictures as columns.

    Attributes:
        picture: (T,) row of the picture.
        subject, object: a name, or all names.
        predicate: as compared.
        boxes: (T, 8) float64, the subject's xyxy and the object's.
        side, offset: (T, 1) and (T, 8) float64 px: the padded square's side, and the picture's offset in it.
    """

    picture: NDArray[np.intp]
    subject: Sequence[Any]
    object: Sequence[Any]
    predicate: Sequence[str]
    boxes: NDArray[np.float64]
    side: NDArray[np.float64]
    offset: NDArray[np.float64]

    @classmethod
    def of(cls, pictures: Sequence[Picture], rows: Sequence[Sequence[Any]]) -> _Tuples:
        picture = np.repeat(np.arange(len(rows)), [len(some) for some in rows])
        subject, one, object_, other, predicate = zip(*chain(*rows), strict=True) if len(picture) else ((),) * 5
        boxes = np.concatenate([_table(one), _table(other)], 1)
        sizes = np.array([(p.width, p.height) for p in pictures], np.float64).reshape(-1, 2)[picture]
        side = sizes.max(1, keepdims=True) if len(picture) else sizes[:, :1]
        return cls(picture, subject, object_, predicate, boxes, side, np.tile((side - sizes) // 2, 4))

    def rows(self, kept: Sequence[int]) -> _Tuples:
        """Some of them."""
        k = np.array(kept, np.intp)
        subject, object_, predicate = ([some[i] for i in kept] for some in (self.subject, self.object, self.predicate))
        return _Tuples(self.picture[k], subject, object_, predicate, self.boxes[k], self.side[k], self.offset[k])

    def folded(self) -> _Tuples:
        """Their predicates in lower case."""
        forms = {word: folded(word) for word in set(self.predicate)}
        return replace(self, predicate=[forms[word] for word in self.predicate])


def _table(boxes: Sequence[XYXY]) -> NDArray[np.float64]:
    """(T, 4)"""
    return np.fromiter(chain.from_iterable(boxes), np.float64, 4 * len(boxes)).reshape(-1, 4)


@dataclass(frozen=True, eq=False)
class _Judged:
    """True tuples, (T,) bool whether each was found, and how many tuples were stated."""

    gold: _Tuples
    found: NDArray[np.bool_]
    stated: int


def _judge_as_published(pictures: Sequence[Picture]) -> _Judged:
    gold, said = (_Tuples.of(pictures, rows) for rows in ([p.gold for p in pictures], [p.stated for p in pictures]))
    one, other = _candidates(gold, said, lambda name, words: name.split("-")[0] in words)
    with np.errstate(over="ignore", invalid="ignore"):
        true, told, side, offset = (v.astype(np.float32) for v in (gold.boxes, said.boxes, said.side, said.offset))
        px = told / np.float32(GRID) * side - offset
    found = np.zeros(len(gold.picture), bool)
    found[one[_close(true[one], px[other]).all(1)]] = True
    return _Judged(gold, found, sum(len(s) * len(o) for s, o in zip(said.subject, said.object, strict=True)))


def _judge_corrected(pictures: Sequence[Picture], names: Names) -> _Judged:
    """What the text can't tell apart counts once, on both sides; a box of two names may be meant twice."""
    gold = _on_grid(_Tuples.of(pictures, [p.gold for p in pictures]).folded())
    said = _Tuples.of(pictures, [p.stated for p in pictures]).folded()
    called = {name: names(name) for name in {*gold.subject, *gold.object}}
    meant = [_coded([called[name] for name in some])[1] for some in (gold.subject, gold.object)]
    gold = gold.rows(_unrepeated(gold, meant, np.ones(len(gold.picture))))
    meanings = [len(s) * len(o) for s, o in zip(said.subject, said.object, strict=True)]
    said = said.rows(_unrepeated(said, [], np.array(meanings)))
    one, other = _candidates(gold, said, names.same)
    true, told = gold.boxes[one], said.boxes[other]
    near = (_close(true, told) | _identical(true, told)).all(1)
    return _Judged(gold, matched(one[near], other[near], len(gold.picture)), len(said.picture))


def _on_grid(tuples: _Tuples) -> _Tuples:
    """The boxes as grounded text says them, so that rounding costs nothing: 0–999, truncated (SEEDS 1.2).

    A hair is added, as the writer of grounded text does, so that what was read from the grid stays there.
    """
    px = np.clip(tuples.boxes, -tuples.side, 2 * tuples.side) + 1e-9 * tuples.side + tuples.offset
    return replace(tuples, boxes=np.clip(np.trunc(px / tuples.side * GRID), 0, GRID))


def _unrepeated(tuples: _Tuples, names: Sequence[NDArray[np.intp]], most: NDArray[Any]) -> list[int]:
    """Rows that fewer than `most` earlier ones equal in picture, predicate, boxes on the grid and the given names.

    Only rows that share a sum of their multiplied columns, as equal rows do, are looked at one by one.
    """
    columns = (tuples.picture, _coded(tuples.predicate)[1], *names, tuples.boxes.astype(np.int64))
    table = np.ascontiguousarray(np.column_stack(columns), np.int64)
    sums = table @ np.random.default_rng(0).integers(1, 2**62, table.shape[1])
    _, back, times = np.unique(sums, return_inverse=True, return_counts=True)
    kept = times[back] == 1
    seen: Counter[bytes] = Counter()
    for row in np.flatnonzero(~kept).tolist():
        key = table[row].tobytes()
        kept[row] = seen[key] < most[row]
        seen[key] += 1
    return np.flatnonzero(kept).tolist()


def _candidates(
    gold: _Tuples, said: _Tuples, same: Callable[[str, tuple[str, ...]], bool]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """(C,) rows of both: all pairs of one picture with the same predicate, subject and object."""
    number = {word: k for k, word in enumerate(dict.fromkeys(chain(gold.predicate, said.predicate)))}
    ours, theirs = (
        some.picture * len(number) + np.array([number[word] for word in some.predicate], np.intp) for some in (gold, said)
    )
    order = np.argsort(theirs, kind="stable")
    start, stop = (np.searchsorted(theirs[order], ours, side) for side in ("left", "right"))
    count = stop - start
    one = np.repeat(np.arange(len(ours)), count)
    other = order[np.arange(len(one)) - np.repeat(np.cumsum(count) - count - start, count)]
    for column, names in ((gold.subject, said.subject), (gold.object, said.object)):
        alike = _alike(column, names, one, other, same)
        one, other = one[alike], other[alike]
    return one, other


def _alike(
    column: Sequence[str],
    names: Sequence[tuple[str, ...]],
    one: NDArray[np.intp],
    other: NDArray[np.intp],
    same: Callable[[str, tuple[str, ...]], bool],
) -> NDArray[np.bool_]:
    """(C,) whether `column[one]` and `names[other]` are the same, asked once for each two that meet."""
    words, codes = _coded(column)
    groups, group_codes = _coded(names)
    pairs, back = np.unique(codes[one] * len(groups) + group_codes[other], return_inverse=True)
    verdicts = [same(words[pair // len(groups)], groups[pair % len(groups)]) for pair in pairs.tolist()]
    return np.array(verdicts, bool)[back]


def _coded(column: Sequence[Any]) -> tuple[list[Any], NDArray[np.intp]]:
    """The different values in the order they come, and (T,) the row of each."""
    number = {value: k for k, value in enumerate(dict.fromkeys(column))}
    return list(number), np.array([number[value] for value in column], np.intp)


def _close(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.bool_]:
    """(C, 2) whether each of the two boxes in (C, 8) rows has an IoU of at least `IOU`."""
    return np.stack([iou(one[:, k : k + 4], other[:, k : k + 4]) >= IOU for k in (0, 4)], axis=1)


def _identical(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.bool_]:
    """(C, 2) whether each of the two boxes is the same, which without an area has no IoU."""
    same: NDArray[np.bool_] = (one == other).reshape(-1, 2, 4).all(2)
    return same


def _worst(pictures: Sequence[Picture], judged: _Judged) -> tuple[Item, ...]:
    """Pictures by their own recall, with the tuples that were not found."""
    gold, n = judged.gold, len(pictures)
    there = np.bincount(gold.picture, minlength=n)
    shares = np.bincount(gold.picture, judged.found, n) / np.maximum(there, 1)
    shares[there == 0] = 1
    items = []
    for row in np.lexsort((-there, shares))[:WORST].tolist():
        lost = np.flatnonzero((gold.picture == row) & ~judged.found).tolist()
        words = ", ".join(f"{gold.subject[t]} {gold.predicate[t]} {gold.object[t]}" for t in lost[:3])
        line = f"{len(lost)} of {there[row]} not found: {words}{' …' if len(lost) > 3 else ''}"
        if lost:
            items.append(Item(pictures[row].id, pictures[row].image, float(shares[row]), line))
    return tuple(items)
