"""CRPE's single choice with turned options -> accuracy per category and overall."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spacestudio.formats.predictions import Answer, LetterQuestion, paired, read_rows
from spacestudio.metrics.crpe import Copy, score
from spacestudio.metrics.report import Report
from spacestudio.services.scores import Scorer, flat_json
from spacestudio.services.scores.shared import ANSWERS, AS_PUBLISHED, QUESTIONS


def _score(files: Mapping[str, Path], settings: Mapping[str, Any]) -> Report:
    as_published = bool(settings["as_published"])
    rows = paired(read_rows(files["questions"], LetterQuestion), read_rows(files["answers"], Answer), as_published)
    copies = [
        Copy(q.question_id, q.image, q.category, q.correct_option, q.options, q.group, a.text if a else None)
        for q, a in rows.pairs
    ]
    return score(copies, as_published, rows.counts, rows.notes)


SCORER = Scorer("crpe", (QUESTIONS, ANSWERS), (AS_PUBLISHED,), _score, flat_json)
