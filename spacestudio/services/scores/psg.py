"""Open-ended scene-graph answers in grounded text -> recall and mean recall."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spacestudio.formats.grounded_tuples import Reading, read_as_published, read_tuples
from spacestudio.formats.predictions import Answer, GraphQuestion, naming, paired, read_rows, read_synonyms
from spacestudio.metrics.names import Names, one_meaning
from spacestudio.metrics.psg import PER_PREDICATE, Picture, score
from spacestudio.metrics.report import Report
from spacestudio.services.scores import Choice, Scorer, Slot, flat_json
from spacestudio.services.scores.shared import ANSWERS, AS_PUBLISHED, QUESTIONS, nothing

UNANSWERED = Reading((), well_formed=False)


def _score(files: Mapping[str, Path], settings: Mapping[str, Any]) -> Report:
    as_published, lemmas = bool(settings["as_published"]), bool(settings["lemmas"])
    groups = read_synonyms(files["synonyms"]) if "synonyms" in files else []
    last = {word: group[0] for group in groups for word in group}
    rows = paired(read_rows(files["questions"], GraphQuestion), read_rows(files["answers"], Answer), as_published)
    pictures, stopped = [], []
    for question, answer in rows.pairs:
        if answer is None:
            reading = UNANSWERED
        elif not as_published:
            reading = read_tuples(answer.text, question.width, question.height)
        elif published := read_as_published(answer.text, last):
            reading = published
        else:
            stopped.append(question.question_id)
            continue
        pictures.append(
            Picture(
                question.question_id, question.image, question.width, question.height,
                question.relation_tuples, reading.tuples, reading.well_formed,
            )
        )  # fmt: skip
    if not any(picture.gold for picture in pictures):
        nothing("no question with relation_tuples has an answer", "relation_tuples with at least one true tuple")
    notes = [*rows.notes]
    if stopped:
        notes.append(naming("Answers at which the published script would stop, left out", stopped))
    if as_published:
        notes.append(
            "Words are put in lower case; the language model by which the published script finds stems is not used."
        )
    if not groups:
        notes.append("No synonyms were given: “man” is not “person”. ASv2's are in its synonyms.txt.")
    names = Names(one_meaning(groups), lemmas)
    return score(pictures, names, as_published, {**rows.counts, "n_stopped": len(stopped)}, notes)


def _json(report: Report) -> dict[str, Any]:
    """The figures; as published to two decimals, as that script prints them."""
    shown = flat_json(report)
    per_predicate = {row[0]: row[1] for table in report.tables if table.title == PER_PREDICATE for row in table.rows}
    if report.as_published:
        shown |= {f.name: round(f.value, 2) for f in report.figures if f.value is not None}
        per_predicate = {word: round(float(recall or 0), 2) for word, recall in per_predicate.items()}
    return {**shown, "per_predicate": per_predicate}


SCORER = Scorer(
    "psg",
    (QUESTIONS, ANSWERS, Slot("synonyms", "Words of one meaning, a line each, separated by commas.", required=False)),
    (AS_PUBLISHED, Choice("lemmas", "Take plurals for their singulars (“trees” is “tree”); not as published.", True)),
    _score,
    _json,
)
