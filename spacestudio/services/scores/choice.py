"""Multiple choice of any benchmark -> accuracy beside chance."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spacestudio.formats.predictions import Answer, ChoiceQuestion, naming, paired, read_rows
from spacestudio.metrics.choice import Asked, right_option, score
from spacestudio.metrics.report import Report
from spacestudio.services.scores import Scorer, flat_json
from spacestudio.services.scores.shared import ANSWERS, QUESTIONS, nothing


def _score(files: Mapping[str, Path], settings: Mapping[str, Any]) -> Report:
    rows = paired(read_rows(files["questions"], ChoiceQuestion), read_rows(files["answers"], Answer))
    asked, lost = [], []
    for q, a in rows.pairs:
        right = right_option(q.answer, q.options)
        if right is None:
            lost.append(q.question_id)
            continue
        said = a.text if a else None
        asked.append(Asked(q.question_id, q.image, q.category, q.options, right, said, q.pair, q.group))
    if not asked:
        nothing("no question's answer is a letter or one of its options", "answer: a letter, or the words of one option")
    told = [naming("Questions whose answer is no letter and no option, left out", lost)] if lost else []
    return score(asked, {**rows.counts, "n_unusable_questions": len(lost)}, (*rows.notes, *told))


SCORER = Scorer("choice", (QUESTIONS, ANSWERS), (), _score, flat_json)
