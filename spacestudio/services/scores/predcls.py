"""Ranked predicates of given pairs -> R@K and mR@K."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spacestudio.formats.predictions import PredicateAnswer, PredicateQuestion, paired, read_rows
from spacestudio.metrics.predcls import Pair, score
from spacestudio.metrics.report import Report
from spacestudio.services.scores import Scorer, flat_json
from spacestudio.services.scores.shared import ANSWERS, AS_PUBLISHED, QUESTIONS, nothing


def _score(files: Mapping[str, Path], settings: Mapping[str, Any]) -> Report:
    as_published = bool(settings["as_published"])
    rows = paired(
        read_rows(files["questions"], PredicateQuestion), read_rows(files["answers"], PredicateAnswer), as_published
    )
    pairs = [
        Pair(q.question_id, q.image, q.subj, q.obj, q.correct_option, tuple(zip(a.text, a.scores, strict=True)) if a else ())
        for q, a in rows.pairs
    ]
    if not any(pair.true for pair in pairs):
        nothing("no question with a correct_option has an answer", "correct_option with at least one predicate")
    return score(pairs, as_published, rows.counts, rows.notes)


SCORER = Scorer("predcls", (QUESTIONS, ANSWERS), (AS_PUBLISHED,), _score, flat_json)
