"""Questions and a model's answers, as JSON Lines: read line by line, paired by id, everything unfit counted and named.

The rows are those of the benchmarks' own files (SEEDS 1.5, 1.6); `choice` rows are ours (docs/EVALUATE.md). Keys that
are not named here are passed over.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BeforeValidator, Field, StrictStr, ValidationError, model_validator

from spacestudio.errors import FormatError
from spacestudio.formats.door import MAX_JSON_MB, counted, read_bytes, reason
from spacestudio.formats.records import Record

LONGEST = 100_000
"""Characters of an answer that are read; what a model says within 2048 tokens has a tenth of them."""
MAX_SYNONYMS = 10_000_000
"""Bytes of a file of synonyms."""
NAMED = 5
"""How many unfit lines or ids of a kind are named."""


def _as_text(value: Any) -> Any:
    """A whole number as text, so that 7 is "7"."""
    return str(value) if type(value) is int else value


def _unwrapped(value: Any) -> Any:
    """The box in a list of one box."""
    return value[0] if isinstance(value, list | tuple) and len(value) == 1 else value


Id = Annotated[StrictStr, BeforeValidator(_as_text)]
XYXY = tuple[float, float, float, float]
Side = Annotated[int, Field(gt=0, le=1_000_000)]
Text = Annotated[StrictStr, Field(max_length=LONGEST)]


class Question(Record):
    """What every question has."""

    question_id: Id
    image: str = ""


class Answer(Record):
    """What every answer has."""

    question_id: Id
    text: Text


class GraphQuestion(Question):
    """A picture and its true tuples: subject, its box, object, its box, predicate; boxes xyxy px of the picture."""

    width: Side
    height: Side
    relation_tuples: tuple[tuple[StrictStr, XYXY, StrictStr, XYXY, StrictStr], ...]


class PredicateQuestion(Question):
    """An ordered pair of things in a picture and the predicates that hold between them."""

    image: Annotated[str, Field(min_length=1)]
    subj: Id
    obj: Id
    correct_option: tuple[StrictStr, ...]


class PredicateAnswer(Record):
    """Predicates from the likeliest down, with their scores, larger is likelier."""

    question_id: Id
    text: tuple[StrictStr, ...]
    scores: tuple[float, ...]

    @model_validator(mode="after")
    def _as_many(self) -> PredicateAnswer:
        if len(self.text) != len(self.scores):
            raise ValueError(f"{len(self.text)} predicates in text, {len(self.scores)} scores")
        return self


class LetterQuestion(Question):
    """A CRPE question: its category, its letter, the options where they are given, and which rotations belong together."""

    category: StrictStr
    correct_option: StrictStr
    text: str = ""
    options: tuple[StrictStr, ...] = ()
    group: Id | None = None


class BoxQuestion(Question):
    """A thing to be found: its box, xyxy px of the picture."""

    width: Side
    height: Side
    bbox: Annotated[XYXY, BeforeValidator(_unwrapped)]
    category: StrictStr = "all"
    text: str = ""


class ChoiceQuestion(Question):
    """A question with options; `answer` is a letter or an option's text.

    Attributes:
        group: questions that are the same with their options turned.
        pair: questions that count only when all of them are right (MMVP).
        category: what figures are broken down by.
    """

    question: StrictStr = ""
    options: tuple[StrictStr, ...] = Field(min_length=2, max_length=26)
    answer: StrictStr
    group: Id | None = None
    pair: Id | None = None
    category: StrictStr = ""


RowT = TypeVar("RowT", bound=Record)
QuestionT = TypeVar("QuestionT", bound=Question)
AnswerT = TypeVar("AnswerT", bound=Record)


@dataclass(frozen=True)
class Rows(Generic[RowT]):
    """The rows of a file that could be read, in its order, and why others could not, each with its line's number."""

    name: str
    items: tuple[RowT, ...]
    problems: tuple[str, ...] = ()


def read_rows(path: Path, row: type[RowT]) -> Rows[RowT]:
    """The rows of a JSON Lines file (or of a JSON list); lines that are no such row are named and passed over.

    Raises:
        FormatError: the file can't be opened, is empty or too large, or none of its lines is such a row.
    """
    accepted = f"JSON Lines, an object a line with {', '.join(_required(row))}"
    raw = read_bytes(path, MAX_JSON_MB * 1_000_000, FormatError, accepted).removeprefix(b"\xef\xbb\xbf")
    items: list[RowT] = []
    problems: list[str] = []
    parts, word = (_listed(raw), "item") if raw.lstrip()[:1] == b"[" else (raw.split(b"\n"), "line")
    for number, part in enumerate(parts, 1):
        if not part.strip():
            continue
        try:
            items.append(row.model_validate_json(part))
        except (ValidationError, RecursionError) as problem:
            problems.append(f"{path.name}, {word} {number}: {reason(problem)}")
    if not items:
        raise FormatError(f"Nothing in “{path.name}” can be read ({problems[0] if problems else 'it is blank'})", accepted)
    return Rows(path.name, tuple(items), tuple(problems))


def _required(row: type[Record]) -> list[str]:
    return [name for name, field in row.model_fields.items() if field.is_required()]


def _listed(raw: bytes) -> Sequence[bytes]:
    """The items of a JSON list, each as JSON; the lines where it is none, so that each is told."""
    try:
        return [json.dumps(item).encode() for item in json.loads(raw)]
    except (ValueError, RecursionError):
        return raw.split(b"\n")


def read_synonyms(path: Path) -> list[list[str]]:
    """Groups of words that mean the same, a line each, separated by commas; the first stands for all (ASv2's synonyms.txt).

    Raises:
        FormatError: it can't be read.
    """
    accepted = "UTF-8 text with words of one meaning on a line, separated by commas"
    try:
        text = read_bytes(path, MAX_SYNONYMS, FormatError, accepted).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise FormatError(f"“{path.name}” is no UTF-8 text", accepted) from None
    return [[word.strip() for word in line.split(",")] for line in text.splitlines() if line.strip()]


@dataclass(frozen=True)
class Paired(Generic[QuestionT, AnswerT]):
    """Questions with their answers, None where there is none, and what did not fit.

    Attributes:
        pairs: what is scored.
        counts: n_questions, n_answers, n_unanswered, n_unknown_ids, n_duplicates, n_bad_lines.
        notes: a line for each kind of thing that did not fit, naming the first of them.
    """

    pairs: tuple[tuple[QuestionT, AnswerT | None], ...]
    counts: Mapping[str, int]
    notes: tuple[str, ...]


def paired(questions: Rows[QuestionT], answers: Rows[AnswerT], as_published: bool = False) -> Paired[QuestionT, AnswerT]:
    """Questions and answers by id ("7" is 7).

    Every question counts, unanswered ones too; of two questions with one id the first, of two answers the last.
    As published (SEEDS 1.6): every answer counts, twice where it stands twice; unanswered questions are not noticed; of two
    questions with one id the last.
    """
    asked: dict[str, QuestionT] = {}
    for question in questions.items:
        if as_published or question.question_id not in asked:
            asked[question.question_id] = question
    said = {_id(a): a for a in answers.items}
    lost = [i for i in asked if i not in said]
    unknown = [_id(a) for a in answers.items if _id(a) not in asked]
    twice = [i for rows in (questions.items, answers.items) for i, n in Counter(map(_id, rows)).items() if n > 1]
    pairs: Iterable[tuple[QuestionT, AnswerT | None]]
    if as_published:
        pairs = [(asked[_id(a)], a) for a in answers.items if _id(a) in asked]
    else:
        pairs = [(question, said.get(i)) for i, question in asked.items()]
    bad = (*questions.problems, *answers.problems)
    counts = {
        "n_questions": len(asked), "n_answers": len(answers.items), "n_unanswered": len(lost),
        "n_unknown_ids": len(unknown), "n_duplicates": len(twice), "n_bad_lines": len(bad),
    }  # fmt: skip
    missing = "not noticed, as published" if as_published else "counted as wrong"
    notes = (
        naming(counted(len(bad), "line") + " that can't be read, left out", bad),
        naming(counted(len(lost), "question") + f" without an answer, {missing}", lost),
        naming(counted(len(unknown), "answer") + " to a question that isn't there, left out", unknown),
        naming(counted(len(twice), "id") + " that stands more than once in a file", twice),
    )
    rows = (bad, lost, unknown, twice)
    return Paired(tuple(pairs), counts, tuple(note for note, some in zip(notes, rows, strict=True) if some))


def naming(what: str, items: Iterable[Any]) -> str:
    """ "3 answers are cut off: 7, 12, 30", with the first `NAMED` of them."""
    names = [str(item) for item in items]
    shown = "; ".join(name if len(name) <= 200 else name[:199] + "…" for name in names[:NAMED])
    return f"{what}: {shown}{' and more' if len(names) > NAMED else ''}"


def _id(row: Any) -> str:
    return str(row.question_id)
