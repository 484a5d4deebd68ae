"""score proximity: answers to a set of proximity questions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spacestudio.formats.predictions import Answer, paired, read_rows
from spacestudio.formats.proximity import ProximityQuestion
from spacestudio.metrics.proximity import Question, score
from spacestudio.metrics.report import Report
from spacestudio.services.scores import Scorer, Slot, flat_json


def _score(files: Mapping[str, Path], choices: Mapping[str, Any]) -> Report:
    asked = read_rows(files["questions"], ProximityQuestion)
    found = paired(asked, read_rows(files["answers"], Answer))
    return score([(_question(q), a.text if a else None) for q, a in found.pairs], found.counts, found.notes)


def _question(q: ProximityQuestion) -> Question:
    names = tuple((o.name, *o.synonyms) for o in q.objects)
    depths = tuple(o.depth01 for o in q.objects)
    return Question(q.question_id, q.image, q.type, q.asked, names, q.gold, depths, q.tau, q.pair_id, q.swapped)


SCORER = Scorer(
    "proximity",
    (
        Slot("questions", "Proximity questions with their objects and right answers, JSON Lines."),
        Slot("answers", "A model's answers: question_id and text, JSON Lines."),
    ),
    (),
    _score,
    flat_json,
)
