"""Boxes answered -> accuracy at IoU > 0.5."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spacestudio.formats.answer_boxes import box_as_published, box_in
from spacestudio.formats.predictions import Answer, BoxQuestion, paired, read_rows
from spacestudio.metrics.grounding import Find, score
from spacestudio.metrics.report import Report
from spacestudio.services.scores import Choice, Scorer, flat_json
from spacestudio.services.scores.shared import ANSWERS, AS_PUBLISHED, QUESTIONS, nothing


def _score(files: Mapping[str, Path], settings: Mapping[str, Any]) -> Report:
    as_published, square = bool(settings["as_published"]), bool(settings["square_pad"])
    rows = paired(read_rows(files["questions"], BoxQuestion), read_rows(files["answers"], Answer), as_published)
    read = box_as_published if as_published else box_in
    finds = [
        Find(q.question_id, q.image, q.category, q.width, q.height, q.bbox, read(a.text) if a else None)
        for q, a in rows.pairs
    ]
    if not finds:
        nothing("no answer belongs to a question", "question_id of a question in each answer")
    return score(finds, as_published, square, rows.counts, rows.notes)


SCORER = Scorer(
    "grounding",
    (QUESTIONS, ANSWERS),
    (AS_PUBLISHED, Choice("square_pad", "Boxes are 0–999 on the square-padded picture, as ASMv2's are.", True)),
    _score,
    flat_json,
)
