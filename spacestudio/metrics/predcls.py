"""Predicate classification on PSG: the predicates of given pairs, ranked per picture; R@K and mR@K (SEEDS 1.6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from spacestudio.metrics.names import folded
from spacestudio.metrics.report import Figure, Item, Report, Table
from spacestudio.metrics.shares import bootstrap_recalls, share, worst

KS = (20, 50, 100)
Triple = tuple[str, str, str]

AS_PUBLISHED = (
    "as published: of a picture's triples the K with the highest scores, without the last of them (R@20 looks at 19); "
    "pairs without an answer are not noticed"
)
CORRECTED = (
    "corrected: of a picture's different triples the K with the highest scores, all of them; a true triple counts once; "
    "pairs without an answer were not found"
)


@dataclass(frozen=True)
class Pair:
    """A subject and an object in a picture.

    Attributes:
        id: of its question.
        image: its picture; triples of one picture are ranked together.
        subject, object: as the file tells them apart.
        true: the predicates that hold.
        ranked: stated predicates with their scores, larger is likelier; empty without an answer.
    """

    id: str
    image: str
    subject: str
    object: str
    true: Sequence[str]
    ranked: Sequence[tuple[str, float]]


def score(
    pairs: Sequence[Pair],
    as_published: bool = False,
    counts: Mapping[str, int] | None = None,
    notes: Sequence[str] = (),
) -> Report:
    """R@K and mR@K, K in {20, 50, 100}, pooled over pictures; mR@K is the mean over predicates.

    Args:
        pairs: what is scored, in the order that decides between equal scores.
        as_published: the definition of SEEDS 1.6 with its defects (1.7, 6).
        counts, notes: what the reader has to tell.
    """
    images: dict[str, list[Pair]] = {}
    for pair in pairs:
        images.setdefault(pair.image, []).append(pair)
    ranks: list[tuple[int, Triple, float]] = []
    for row, some in enumerate(images.values()):
        place, true = _places(some, as_published)
        ranks += [(row, triple, place.get(triple, np.inf)) for triple in true]
    predicates = {triple[2]: 0 for _, triple, _ in ranks}
    predicates = {predicate: k for k, predicate in enumerate(predicates)}
    there = np.zeros((len(images), len(predicates)))
    found = np.zeros((len(KS), *there.shape))
    for row, (_, _, predicate), rank in ranks:
        there[row, predicates[predicate]] += 1
        found[[rank < k for k in KS], row, predicates[predicate]] += 1
    figures, columns = [], []
    for k, hits in zip(KS, found, strict=True):
        shares = [100 * h / t for h, t in zip(hits.sum(0).tolist(), there.sum(0).tolist(), strict=True)]
        recall, mean = bootstrap_recalls(hits, there)
        figures.append(share(f"R@{k}", int(hits.sum()), int(there.sum()), recall))
        figures.append(share(f"mR@{k}", sum(shares) / 100, len(shares), mean))
        columns.append(shares)
    rows = [(word, *(column[k] for column in columns), int(there[:, k].sum())) for word, k in predicates.items()]
    return Report(
        "PSG, predicate classification",
        AS_PUBLISHED if as_published else CORRECTED,
        _kept_together(figures),
        {
            "n_images": len(images),
            "n_pairs": len(pairs),
            "n_triples": len(ranks),
            "n_predicates": len(rows),
            **(counts or {}),
        },
        (Table("Recall per predicate", ("predicate", *(f"R@{k}" for k in KS), "triples"), tuple(rows)),),
        None,
        worst(_items(list(images), ranks)),
        tuple(notes),
        as_published,
    )


def _kept_together(figures: Sequence[Figure]) -> tuple[Figure, ...]:
    """All R@K, then all mR@K."""
    return (*figures[::2], *figures[1::2])


def _places(pairs: Sequence[Pair], as_published: bool) -> tuple[dict[Triple, float], list[Triple]]:
    """Rank of each stated triple of a picture from 0, infinite for the one dropped as published, and its true triples."""
    stated = [((p.subject, p.object, word), value) for p in pairs for word, value in p.ranked]
    true = [(p.subject, p.object, word) for p in pairs for word in p.true]
    ordered = [triple for triple, _ in sorted(stated, key=lambda one: -one[1])]
    if not as_published:
        ordered = list(dict.fromkeys((s, o, folded(word)) for s, o, word in ordered))
        return {t: rank for rank, t in enumerate(ordered)}, list(dict.fromkeys((s, o, folded(word)) for s, o, word in true))
    place: dict[Triple, float] = {}
    for rank, triple in enumerate(ordered[:-1]):
        place.setdefault(triple, rank + 1)
    return place, true


def _items(images: Sequence[str], ranks: Iterable[tuple[int, Triple, float]]) -> list[Item]:
    """Pictures by their own recall at the largest K."""
    lost: dict[int, list[str]] = {}
    total: dict[int, int] = {}
    for row, (s, o, predicate), rank in ranks:
        total[row] = total.get(row, 0) + 1
        if rank >= KS[-1]:
            lost.setdefault(row, []).append(f"{s} {predicate} {o}")
    return [
        Item(images[row], images[row], 1 - len(some) / total[row], f"not within {KS[-1]}: {', '.join(some[:3])}")
        for row, some in lost.items()
    ]
