"""Proximity QA scored (SEEDS 4.4): depths by their error, orders by accuracy, both by how many answers could be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spacestudio.metrics.correlation import spearman
from spacestudio.metrics.interval import bootstrap_ratio
from spacestudio.metrics.proximity_answers import Said, choice_said, depth_said
from spacestudio.metrics.report import Cell, Figure, Item, Report, Table

NEAR = 0.05
"""Truths below are left out of relative errors, which would divide by next to nothing (ours), and counted."""
WORST = 30
GAPS = (0.1, 0.2, 0.4)
"""Limits of the breakdown by how far apart the two are (ours)."""
FORMS = ("perception", "direct", "reasoned")
DEFINITION = (
    "ours: accuracy counts unreadable and missing answers as wrong, accuracy_valid leaves them out; errors "
    "are of depths in [0, 1], 0 nearest, over readable answers; chance tosses a coin between the two; intervals resample "
    "pictures"
)
NO_ROWS = "No rows are published that these figures could be held against: the paper's tables were not found."

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Question:
    """What was asked.

    Attributes:
        id, image: as in the set.
        form: "perception", "direct" or "reasoned".
        asked: "depth", "closer" or "farther".
        names: per object what it may be called, in the question's order.
        gold: a depth in [0, 1], or "first", "second" or "same".
        depths: per object, in [0, 1].
        tau: the tie band.
        pair: the same for a question and its twin with the names exchanged; "" for none.
        swapped: whether it is the twin.
    """

    id: str
    image: str
    form: str
    asked: str
    names: tuple[tuple[str, ...], ...]
    gold: float | str
    depths: tuple[float, ...]
    tau: float
    pair: str = ""
    swapped: bool = False


def read(question: Question, answer: str | None) -> Said:
    """What an answer says to a question."""
    if answer is None:
        return Said(None, "no answer")
    if question.form == "perception":
        return depth_said(answer, question.names)
    return choice_said(answer, question.names, question.asked, question.tau)


def score(
    pairs: Sequence[tuple[Question, str | None]], counts: Mapping[str, int] | None = None, notes: Sequence[str] = ()
) -> Report:
    """A report on questions with their answers, None where there is none.

    Args:
        pairs: what is scored.
        counts, notes: what was read and did not fit, told along.
    """
    questions = [q for q, _ in pairs]
    said = [read(q, answer) for q, answer in pairs]
    valid = np.array([s.value is not None for s in said], bool)
    clusters = np.unique([q.image for q in questions], return_inverse=True)[1] if pairs else np.empty(0, np.intp)
    ratio = _Ratio(clusters)
    ordering = np.array([q.form != "perception" for q in questions], bool)
    right = np.array([s.value == q.gold for q, s in zip(questions, said, strict=True)], bool) & ordering
    figures = [ratio.percent("validity", valid, np.ones_like(valid))]
    if ordering.any():
        figures += _orders(questions, said, valid, right, ordering, ratio)
    asked = _Stated.of(questions, said, "perception")
    if (~ordering).any():
        figures += asked.figures(ratio)
        within = asked.chosen(lambda q, p: abs(p - float(q.gold)) < q.tau)
        figures.append(ratio.percent("within_tau", within, ~ordering))
    reasons = Counter(s.why for s in said if s.value is None)
    found = {
        "n_questions": len(pairs), "n_images": int(clusters.max(initial=-1)) + 1, "n_valid": int(valid.sum()),
        "n_unreadable": sum(n for why, n in reasons.items() if why != "no answer"), "n_unanswered": reasons["no answer"],
        "n_too_near": int((asked.truth < NEAR).sum()),
    }  # fmt: skip
    return Report(
        "Proximity QA",
        DEFINITION,
        tuple(figures),
        {**(counts or {}), **found},
        tuple(_tables(questions, said, valid, right, ordering, reasons)),
        None,
        _worst(pairs, said),
        (*notes, NO_ROWS),
    )


class _Ratio:
    """Shares and means with intervals over pictures."""

    def __init__(self, clusters: NDArray[np.intp]) -> None:
        self._clusters = clusters

    def percent(self, name: str, hits: NDArray[np.bool_], total: NDArray[np.bool_]) -> Figure:
        """Share of `total` that are `hits`, in %."""
        return self.mean(name, (hits & total).astype(np.float64), total, "%", 100)

    def mean(self, name: str, values: Floats, total: NDArray[np.bool_], unit: str = "", times: float = 1) -> Figure:
        """Mean of the values where `total`."""
        n = int(total.sum())
        if not n:
            return Figure(name, None, 0, unit=unit)
        sums = [np.bincount(self._clusters, weights=np.where(total, v, 0)) for v in (values, np.ones(len(values)))]
        used = sums[1] > 0
        low, high = bootstrap_ratio(sums[0][used], sums[1][used]) or (None, None)
        value = float(values[total].mean()) * times
        if low is None or high is None:
            return Figure(name, value, n, unit=unit)
        return Figure(name, value, n, low * times, high * times, unit)


def _orders(
    questions: Sequence[Question],
    said: Sequence[Said],
    valid: NDArray[np.bool_],
    right: NDArray[np.bool_],
    ordering: NDArray[np.bool_],
    ratio: _Ratio,
) -> list[Figure]:
    """Accuracy, over all and form by form; chance; bias to the first-named; and consistency when the names are exchanged."""
    figures = [
        ratio.percent("accuracy", right, ordering),
        ratio.percent("accuracy_valid", right, ordering & valid),
    ]
    for form in FORMS[1:]:
        own = np.array([q.form == form for q in questions], bool)
        if own.any() and not own[ordering].all():
            figures.append(ratio.percent(f"accuracy_{form}", right, own))
    ordered = np.array([q.gold in ("first", "second") for q in questions], bool)
    figures.append(Figure("chance", 50.0 * int(ordered.sum()) / int(ordering.sum()), int(ordering.sum())))
    chose = np.array([s.value in ("first", "second") for s in said], bool) & ordering
    figures.append(ratio.percent("first_named", np.array([s.value == "first" for s in said], bool), chose))
    figures.append(ratio.percent("first_is_right", np.array([q.gold == "first" for q in questions], bool), ordered))
    twins = _twins(questions)
    if twins:
        both = np.zeros(len(questions), bool)
        agree = both.copy()
        for one, other in twins:
            both[one] = True
            agree[one] = {said[one].value, said[other].value} in ({"first", "second"}, {"same"})
        figures.append(ratio.percent("swap_consistency", agree, both))
    return figures


def _twins(questions: Sequence[Question]) -> list[tuple[int, int]]:
    """Rows of a question and of its twin with the names exchanged."""
    rows: dict[str, dict[bool, int]] = {}
    for row, q in enumerate(questions):
        if q.pair:
            rows.setdefault(q.pair, {}).setdefault(q.swapped, row)
    return [(found[False], found[True]) for found in rows.values() if len(found) == 2]


@dataclass(frozen=True, eq=False)
class _Stated:
    """Depths that answers state.

    Attributes:
        rows: (N,) which question each is of.
        told, truth: (N,) depths in [0, 1].
        questions: all of them.
    """

    rows: NDArray[np.intp]
    told: Floats
    truth: Floats
    questions: Sequence[Question]

    @classmethod
    def of(cls, questions: Sequence[Question], said: Sequence[Said], form: str) -> _Stated:
        """What answers of one form state: the depth asked for, or those given as a reason."""
        found: list[tuple[int, float, float]] = []
        for row, (q, s) in enumerate(zip(questions, said, strict=True)):
            if q.form == form == "perception":
                found += [(row, float(s.value), float(q.gold))] if s.value is not None else []
            elif q.form == form:
                found += [(row, d, t) for d, t in zip(s.depths, q.depths, strict=False) if d is not None]
        rows, told, truth = zip(*found, strict=True) if found else ((), (), ())
        return cls(np.array(rows, np.intp), np.array(told, np.float64), np.array(truth, np.float64), questions)

    def chosen(self, test: Callable[[Question, float], bool]) -> NDArray[np.bool_]:
        """(questions,) whether each one's depth passes."""
        out = np.zeros(len(self.questions), bool)
        for row, told in zip(self.rows.tolist(), self.told.tolist(), strict=True):
            out[row] = test(self.questions[row], told)
        return out

    @property
    def errors(self) -> dict[str, tuple[Floats, NDArray[np.bool_]]]:
        """Per measure the error of each depth, and where it can be told."""
        off = self.told - self.truth
        far, everywhere = self.truth >= NEAR, np.ones(len(off), bool)
        safe = np.where(far, self.truth, 1.0)
        return {"MSE": (off**2, everywhere), "AbsRel": (np.abs(off) / safe, far), "SqRel": (off**2 / safe, far)}

    def figures(self, ratio: _Ratio) -> list[Figure]:
        """MSE, RMSE, AbsRel, SqRel, Spearman's rho, and the RMSE of always saying the mean truth."""
        out = []
        for name, (errors, where) in self.errors.items():
            spread, known = np.zeros(len(self.questions)), np.zeros(len(self.questions), bool)
            spread[self.rows], known[self.rows] = errors, where
            figure = ratio.mean(name, spread, known)
            out.append(figure)
            if name == "MSE":
                out.append(Figure("RMSE", _root(figure.value), figure.n, _root(figure.low), _root(figure.high), ""))
        constant = float(self.truth.std()) if len(self.truth) else None
        return [
            *out,
            Figure("Spearman", spearman(self.told, self.truth), len(self.told), unit=""),
            Figure("RMSE_of_the_mean", constant, len(self.truth), unit=""),
        ]

    def row(self, form: str) -> tuple[Cell, ...]:
        """A row of the table of errors."""
        cells: dict[str, Cell] = {
            name: round(float(e[where].mean()), 6) if where.any() else None for name, (e, where) in self.errors.items()
        }
        rho = spearman(self.told, self.truth)
        mse, absolute, square = (cells[name] for name in ("MSE", "AbsRel", "SqRel"))
        rmse = round(float(mse) ** 0.5, 6) if mse is not None else None
        too_near = int((self.truth < NEAR).sum())
        return form, len(self.told), mse, rmse, absolute, square, None if rho is None else round(rho, 6), too_near


def _root(value: float | None) -> float | None:
    return None if value is None else float(np.sqrt(max(value, 0.0)))


def _tables(
    questions: Sequence[Question],
    said: Sequence[Said],
    valid: NDArray[np.bool_],
    right: NDArray[np.bool_],
    ordering: NDArray[np.bool_],
    reasons: Mapping[str, int],
) -> list[Table]:
    forms = np.array([q.form for q in questions])
    rows: list[tuple[Cell, ...]] = []
    for form in FORMS:
        own = forms == form
        if own.any():
            accuracy = _percent(right, own) if form != "perception" else None
            readable = _percent(right, own & valid) if form != "perception" else None
            rows.append((form, int(own.sum()), _percent(valid, own), accuracy, readable))
    tables = [Table("By type", ("type", "questions", "validity", "accuracy", "accuracy_valid"), tuple(rows))]
    stated = [found.row(form) for form in FORMS if len((found := _Stated.of(questions, said, form)).rows)]
    if stated:
        columns = ("type", "depths", "MSE", "RMSE", "AbsRel", "SqRel", "Spearman", "too near")
        tables.append(Table("Depths stated", columns, tuple(stated)))
    if ordering.any():
        tables += [_by_gap(questions, right, ordering), _confusion(questions, said)]
    if reasons:
        why = tuple(sorted(reasons.items(), key=lambda item: (-item[1], item[0])))
        tables.append(Table("Why answers don't count", ("reason", "answers"), why))
    return tables


def _by_gap(questions: Sequence[Question], right: NDArray[np.bool_], ordering: NDArray[np.bool_]) -> Table:
    """Accuracy by how far apart the two depths are."""
    gap = np.array([abs(q.depths[1] - q.depths[0]) if len(q.depths) == 2 else 0.0 for q in questions])
    tie = np.array([q.gold == "same" for q in questions], bool)
    limits = (0.0, *GAPS, np.inf)
    rows: list[tuple[Cell, ...]] = []
    for low, high in pairwise(limits):
        own = ordering & ~tie & (gap >= low - 1e-9) & (gap < high - 1e-9)
        name = f"{low:g} to {high:g}" if np.isfinite(high) else f"{low:g} and more"
        if own.any():
            rows.append((name if low else f"below {high:g}", int(own.sum()), _percent(right, own)))
    if (ordering & tie).any():
        rows.append(("about the same", int((ordering & tie).sum()), _percent(right, ordering & tie)))
    return Table("By difference of depth", ("difference", "questions", "accuracy"), tuple(rows))


def _confusion(questions: Sequence[Question], said: Sequence[Said]) -> Table:
    seen = Counter((q.gold, s.value) for q, s in zip(questions, said, strict=True) if q.form != "perception")
    golds = [gold for gold in ("first", "second", "same") if any(g == gold for g, _ in seen)]
    rows: list[tuple[Cell, ...]] = [
        (gold, *(seen[gold, value] for value in ("first", "second", "same", None))) for gold in golds
    ]
    return Table("Right answer by answer given", ("right", "first", "second", "same", "unreadable"), tuple(rows))


def _percent(hits: NDArray[np.bool_], total: NDArray[np.bool_]) -> float | None:
    n = int(total.sum())
    return round(100 * int((hits & total).sum()) / n, 4) if n else None


def _worst(pairs: Sequence[tuple[Question, str | None]], said: Sequence[Said]) -> tuple[Item, ...]:
    rows = []
    for at, ((q, answer), s) in enumerate(zip(pairs, said, strict=True)):
        if q.form == "perception":
            share = max(0.0, 1 - abs(float(s.value) - float(q.gold))) if s.value is not None else 0.0
        else:
            share = float(s.value == q.gold)
        if share < 1:
            rows.append((share, at, Item(q.id, q.image, round(share, 4), _words(q, answer, s))))
    return tuple(item for _, _, item in sorted(rows, key=lambda row: row[:2])[:WORST])


def _words(q: Question, answer: str | None, s: Said) -> str:
    wanted = _called(q, q.gold)
    if answer is None:
        return f"wanted {wanted}; no answer"
    text = " ".join(answer.split())
    shown = f"“{text[:120]}{'…' if len(text) > 120 else ''}”"
    return f"wanted {wanted}, read {_called(q, s.value)} from {shown}" if not s.why else f"wanted {wanted}; {s.why}: {shown}"


def _called(q: Question, value: Any) -> str:
    if value in ("first", "second"):
        return f"the {q.names[value == 'second'][0]}"
    return "about the same" if value == "same" else f"{value:.2f}"
