"""Proximity questions asked of a vision-language model, and scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spacestudio.domain.boxes import Box
from spacestudio.domain.objects import SceneObject
from spacestudio.engines import DEPTH
from spacestudio.errors import InputError
from spacestudio.formats.ledger import digest
from spacestudio.formats.predictions import read_rows
from spacestudio.formats.proximity import ProximityQuestion
from spacestudio.formats.records import write_json
from spacestudio.geometry.object_depth import depths_of
from spacestudio.qa.proximity import SAME, WORDS, compare
from spacestudio.services.eye import Eye
from spacestudio.services.run import (
    REPORT,
    STAND_IN,
    Answer,
    Item,
    Progress,
    Run,
    StandIn,
    Voice,
    ask,
    chosen,
    scored,
    voice_of,
)


@dataclass(frozen=True)
class Options:
    """What to run.

    Attributes:
        engine: vision-language engine, also with :MODEL; or a .jsonl file of answers; or "geometry" for the studio's own
            measurements.
        questions: a question set.
        images: folder its pictures are below; the set's own folder when None.
        depth: depth engine of "geometry" for pictures that lie in no sample folder.
        limit: questions taken at most, the first; None for all.
        seed: of the model's dice.
    """

    engine: str
    questions: Path
    images: Path | None = None
    depth: str = "cues"
    limit: int | None = None
    seed: int = 0


class Measured(StandIn):
    """Answers from the studio's own depth of the picture, in place of a model."""

    def __init__(self, eye: Eye, questions: Sequence[ProximityQuestion]) -> None:
        super().__init__(eye)
        self._questions = {q.question_id: q for q in questions}

    def __call__(self, item: Item) -> Answer:
        """The depth of the objects asked about, or which is the nearer, in a sentence.

        Raises:
            ImageError, FormatError, Unavailable: see `Eye.see`.
            InputError: there is no depth where an object is, or the set does not say where that is.
        """
        question = self._questions[item.id]
        depths = self._depths(question, item)
        if question.asked == "depth":
            return Answer(f"{depths[0]:.2f}")
        nearer = compare(depths[0], depths[1], question.tau)
        wanted = nearer if question.asked == "closer" or nearer == "same" else {"first": "second", "second": "first"}[nearer]
        names = [o.name for o in question.objects]
        if question.type == "direct":
            return Answer(SAME if wanted == "same" else f"The {names[wanted == 'second']}.")
        because = (
            f"The relative depth of the {names[0]} is {depths[0]:.2f} and that of the {names[1]} is {depths[1]:.2f}, so "
        )
        if wanted == "same":
            return Answer(f"{because}both are at {SAME} distance from the camera.")
        return Answer(f"{because}the {names[wanted == 'second']} is {WORDS[question.asked]} the camera.")

    def _depths(self, question: ProximityQuestion, item: Item) -> list[float]:
        _, depth, _ = self._eye.see(item.path)
        known = {o.id: o for o in self._eye.sample(item.path).objects} if self._eye.folder(item.path) else {}
        found = []
        for k, o in enumerate(question.objects):
            thing = known.get(o.id)
            if thing is None and o.box_xyxy_px is not None:
                thing = SceneObject(f"asked-{k}", o.name, Box.spanning(*o.box_xyxy_px))
            measured = depths_of([thing], depth).objects if thing is not None and depth is not None else {}
            if thing is None or thing.id not in measured:
                raise InputError(
                    f"The {o.name} has no {'depth' if thing else 'box'} to be measured", "a box, and depth in it"
                )
            found.append(measured[thing.id].depth01)
        return found


def run(options: Options, out: Path, tell: Progress = lambda line: None) -> tuple[Run, dict[str, Any]]:
    """Ask every question that has no answer yet, and score; the run, and what `<out>/report.json` holds.

    Raises:
        InputError: questions that can't be read, or a folder of answers made with other options.
        UnknownName, Unavailable: the engine, or the depth engine, can't be asked.
    """
    DEPTH[options.depth]
    questions, notes = chosen(read_rows(options.questions, ProximityQuestion), options.limit)
    folder = options.images or options.questions.parent
    items = [Item(q.question_id, q.image, folder, q.question) for q in questions]
    voice: Voice = (
        Measured(Eye(depth=options.depth), questions)
        if options.engine == STAND_IN
        else voice_of(options.engine, options.seed)
    )
    told = {
        "run": "proximity", "questions": digest(options.questions.read_bytes()), "images": str(folder.resolve())
    }  # fmt: skip
    made = ask(items, voice, told, out, tell)
    report = made.report("proximity", voice, items, notes) | {"score": scored("proximity", questions, out, {}, {})}
    write_json(report, out / REPORT)
    return made, report


def lines(report: Mapping[str, Any]) -> list[str]:
    """A report to be read."""
    score = report["score"]
    numbers = {k: v for k, v in score.items() if isinstance(v, float | int) and not isinstance(v, bool)}
    told = [score["error"]] if "error" in score else [f"{k.replace('_', ' ')}: {v:.4g}" for k, v in numbers.items()]
    return [f"{report['answered']} of {report['items']} questions answered", *report["notes"], *told]
