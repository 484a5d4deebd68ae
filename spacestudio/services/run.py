"""Asking a vision-language model about many pictures: each answer is kept as it comes, and a later run goes on there."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import spacestudio
from spacestudio.engines.language.talk import Counts, NoAnswer
from spacestudio.engines.protocols import Message
from spacestudio.errors import Cancelled, InputError, SpaceStudioError, Unavailable
from spacestudio.formats import predictions
from spacestudio.formats.door import below, counted, reason
from spacestudio.formats.ledger import Ledger, digest
from spacestudio.formats.pictures import read_picture
from spacestudio.formats.predictions import LONGEST, Question, QuestionT, Rows, naming, read_rows
from spacestudio.formats.records import line, write_lines
from spacestudio.services.converse import talk_with
from spacestudio.services.eye import Eye
from spacestudio.services.scores import SCORERS, Scorer

log = logging.getLogger(__name__)
Progress = Callable[[str], None]
Row = dict[str, Any]

STAND_IN = "geometry"
"""As an engine: the studio's own measurements answer, no model is asked."""
STANDS_IN = "No model was asked: the studio's own measurements answered. Agreement with them says nothing."
"""What a report notes then."""
ANSWERS = "answers.jsonl"
QUESTIONS = "questions.jsonl"
GIVE_UP = 3
"""Items in a row that an engine is unable to answer, after which no other is asked (ours)."""
REPORT = "report.json"
LEDGER = "ledger.jsonl"


@dataclass(frozen=True)
class Item:
    """One thing to ask.

    Attributes:
        id: as answers and questions name it.
        image: path of the picture below the folder, as answers name it.
        folder: where the pictures are.
        prompt: what is asked about it.
    """

    id: str
    image: str
    folder: Path
    prompt: str

    @property
    def path(self) -> Path:
        """Where the picture is.

        Raises:
            InputError: outside the folder; a file of questions must not send other pictures to a model.
        """
        found = below(self.folder, self.image)
        if found is None:
            raise InputError(f"The picture “{self.image}” lies outside {self.folder}", "a picture below that folder")
        return found


@dataclass(frozen=True)
class Answer:
    """What came of asking: a text, and what is wrong with it in a few words, "" when nothing."""

    text: str
    problem: str = ""


class Voice(Protocol):
    """Who answers.

    Attributes:
        name: as answers name it.
        facts: what it was set to, JSON values; answers of others are not continued.
    """

    name: str

    @property
    def facts(self) -> Mapping[str, Any]:
        """See above."""
        ...

    @property
    def counts(self) -> Counts:
        """What it took so far."""
        ...

    def __call__(self, item: Item) -> Answer:
        """Its answer.

        Raises:
            SpaceStudioError: it has none; Unavailable when it may be unable to answer anything.
        """
        ...


class Model:
    """A language model of the registry, shown the picture and asked in free text."""

    def __init__(self, engine: str, seed: int) -> None:
        self._talk = talk_with(engine, seed)
        self.name = str(self._talk.chat.settings.get("model") or engine)

    @property
    def facts(self) -> Mapping[str, Any]:
        """Engine, version, settings, seed."""
        chat = self._talk.chat
        return {"engine": chat.name, "version": chat.version, **chat.settings, "seed": self._talk.seed}

    @property
    def counts(self) -> Counts:
        """Calls, tokens, cost."""
        return self._talk.counts

    def __call__(self, item: Item) -> Answer:
        """One reply to the prompt and the picture.

        Raises:
            ImageError: the picture can't be read.
            NoAnswer, Unavailable: see `Talk.text`.
        """
        reply = self._talk.text([Message("user", item.prompt, read_picture(item.path, item.image).rgb)])
        problem = "cut off at the limit of tokens" if reply.cut else ""
        return Answer(reply.text[:LONGEST], problem or (f"longer than {LONGEST} characters" * (len(reply.text) > LONGEST)))


class Brought:
    """Answers that were made elsewhere, from a file."""

    name = "file"
    counts = Counts()

    def __init__(self, path: Path) -> None:
        self._path = path
        self._texts = {a.question_id: a.text for a in read_rows(path, predictions.Answer).items}
        self._digest = digest(path.read_bytes())

    @property
    def facts(self) -> Mapping[str, Any]:
        """Which file."""
        return {"engine": self.name, "model": self._path.name, "answers": self._digest, "seed": 0}

    def __call__(self, item: Item) -> Answer:
        """The file's answer; it may be empty.

        Raises:
            InputError: it has none.
        """
        if item.id not in self._texts:
            raise InputError(f"“{self._path.name}” has no answer to {item.id}")
        return Answer(self._texts[item.id], "" if self._texts[item.id] else "an empty answer")


class StandIn:
    """The studio's own measurements in place of a model; a subclass says how they answer an item."""

    name = STAND_IN

    def __init__(self, eye: Eye) -> None:
        self._eye, self.counts = eye, Counts()

    @property
    def facts(self) -> Mapping[str, Any]:
        """Which depth engine it measures with where there is no sample."""
        return {"engine": STAND_IN, "depth": self._eye.depth, "seed": 0}


def voice_of(engine: str, seed: int) -> Voice:
    """A language model by its engine's name, or the answers in a file.

    Raises:
        UnknownName, InputError, Unavailable: see `talk_with`.
        FormatError: the file holds no answers.
    """
    return Brought(Path(engine)) if engine.endswith(".jsonl") else Model(engine, seed)


@dataclass
class Run:
    """What a run came to.

    Attributes:
        rows: the items' answers, in the items' order.
        failed: (item, why) for those without a text.
        left: items that were not asked, since the engine could answer none of the `GIVE_UP` before them.
        resumed: how many answers an earlier run had.
        counts: what asking took in this run.
    """

    rows: list[Row] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    resumed: int = 0
    counts: Counts = field(default_factory=Counts)

    @property
    def whole(self) -> bool:
        """Whether every item has an answer."""
        return not self.failed and not self.left

    def report(self, name: str, voice: Voice, items: Sequence[Item], notes: Sequence[str]) -> dict[str, Any]:
        """How the report of a run begins: who was asked, and what came; the same answers give it again."""
        stands_in = voice.facts["engine"] == STAND_IN
        return {
            "run": name,
            "engine": dict(voice.facts),
            "stand_in": stands_in,
            "items": len(items),
            "answered": len(self.rows) - len(self.failed),
            "failed": [{"item": item, "error": error} for item, error in self.failed],
            "not_asked": self.left,
            "notes": [*((STANDS_IN,) if stands_in else ()), *notes],
        }


def ask(
    items: Sequence[Item], voice: Voice, settings: Mapping[str, Any], out: Path, tell: Progress = lambda line: None
) -> Run:
    """Ask about each item that has no answer yet.

    Answers stand in `<out>/answers.jsonl` as soon as they come: {question_id, image, text, model, seed, problem?}. What
    ended without a text is asked again by the next run.

    Args:
        items: what to ask; ids are unique.
        voice: who answers.
        settings: what else the answers depend on, JSON values.
        out: folder to write to.
        tell: hears of each item.

    Raises:
        InputError: the folder holds answers made with other settings, or can't be written.
    """
    told = {**settings, **voice.facts, "studio": spacestudio.__version__}
    run, silent = Run(), 0
    with Ledger(out / LEDGER, told) as ledger, _Answers(out / ANSWERS, ledger) as answers:
        for k, item in enumerate(items, 1):
            if item.id in ledger and ledger[item.id]["text"]:
                run.resumed += 1
                run.rows.append(_plain(ledger[item.id]))
                continue
            if silent == GIVE_UP:
                run.left.append(item.id)
                continue
            tell(f"{k}/{len(items)} {item.image}")
            answer, able = _answer(voice, item)
            silent = 0 if able else silent + 1
            row = {"question_id": item.id, "image": item.image, "text": answer.text, "model": voice.name}
            row |= {"seed": voice.facts.get("seed", 0)} | ({"problem": answer.problem} if answer.problem else {})
            answers.add(ledger.add(item.id, row))
            run.rows.append(row)
            if not answer.text:
                run.failed.append((item.id, answer.problem))
    run.counts = voice.counts
    return run


def _answer(voice: Voice, item: Item) -> tuple[Answer, bool]:
    """The voice's answer, an empty one with the reason where it has none; and whether it is able to answer at all."""
    try:
        return voice(item), True
    except Cancelled:
        raise
    except NoAnswer as none:
        return Answer("", none.why), True
    except SpaceStudioError as error:
        return Answer("", str(error)), not isinstance(error, Unavailable)
    except Exception as error:  # a defect of ours must not take the other items with it
        log.exception("%s failed unexpectedly", item.id)
        return Answer("", f"Unexpected {type(error).__name__}: {error}. Please report it."), True


def _plain(row: Mapping[str, Any]) -> Row:
    return {name: value for name, value in row.items() if name != "key"}


class _Answers:
    """The rows of a ledger as others read them: without its head, and without items that are to be asked again."""

    def __init__(self, path: Path, ledger: Ledger) -> None:
        try:
            write_lines((_plain(row) for row in ledger if row["text"]), path)
            self._file = path.open("a", encoding="utf-8", newline="\n")
        except OSError as error:
            raise InputError(f"“{path}” can't be written ({reason(error)})", next_step="Choose another folder") from None

    def add(self, row: Mapping[str, Any]) -> None:
        self._file.write(line(_plain(row)) + "\n")
        self._file.flush()

    def __enter__(self) -> _Answers:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def chosen(rows: Rows[QuestionT], limit: int | None) -> tuple[list[QuestionT], list[str]]:
    """The first questions of a file, each id once, and a note of what could not be read."""
    once: dict[str, QuestionT] = {}
    for question in rows.items:
        once.setdefault(question.question_id, question)
    notes = [naming(f"{counted(len(rows.problems), 'question')} can't be read", rows.problems)] if rows.problems else []
    return list(once.values())[:limit], notes


def scored(
    name: str, questions: Sequence[Question], out: Path, also: Mapping[str, Path], settings: Mapping[str, Any]
) -> dict[str, Any]:
    """The score of the answers in `out` by a scorer of the registry, as its command prints it; {"error"} when there is none.

    Args:
        name: in `SCORERS`.
        questions: those that were asked, which are written beside the answers.
        out: folder of the run.
        also: other files the scorer takes.
        settings: of the scorer, where not its defaults.
    """
    write_lines((q.model_dump(mode="json", exclude_none=True) for q in questions), out / QUESTIONS)
    scorer: Scorer = SCORERS.load(name)
    files = {"questions": out / QUESTIONS, "answers": out / ANSWERS, **also}
    try:
        return scorer.json(scorer.score(files, {c.name: c.default for c in scorer.choices} | dict(settings)))
    except InputError as error:
        return {"error": str(error)}
