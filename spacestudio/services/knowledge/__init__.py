"""Knowledge to data, the stages of SKG2Data (SEEDS 2.2): scenes, objects, graphs, boxes, images, questions, check.

Each stage reads the file of the one before and writes its own, both in the published schema, so any of them may come from
elsewhere or be edited in between. A stage goes on where it was stopped, and an item whose input changed is made anew.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from spacestudio.engines import IMAGINE, LANGUAGE
from spacestudio.engines.language.talk import Counts
from spacestudio.errors import Cancelled, InputError, SpaceStudioError, Unavailable
from spacestudio.formats.door import reason
from spacestudio.formats.ledger import Ledger, digest
from spacestudio.formats.records import clean, write_json
from spacestudio.formats.skg_files import read_rows, read_scenes, write_stage
from spacestudio.services.converse import SOLVER, talk_with, total
from spacestudio.services.knowledge.pictures import boxes, images
from spacestudio.services.knowledge.questions import checked, questions
from spacestudio.services.knowledge.recipe import Made, Recipe, Work
from spacestudio.services.knowledge.words import graphs, most_used, objects, scenes, single

log = logging.getLogger(__name__)
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Stage:
    """One stage.

    Attributes:
        reads, writes: published names of the files.
        settings: fields of the recipe it depends on; work begun with others does not go on.
        make: one item -> what it came to.
        help: one sentence.
    """

    reads: str
    writes: str
    settings: tuple[str, ...]
    make: Callable[[Work, Any], Made]
    help: str


STAGES: Mapping[str, Stage] = {
    "scenes": Stage("", "scenes.txt", ("scenes", "language", "seed"), scenes, "Names of everyday places."),
    "objects": Stage("scenes.txt", "objects.json", ("language", "texts", "seed"), objects, "What to expect in each place."),
    "graphs": Stage(
        "objects.json", "skg.json", ("combinations", "language", "add_one_node", "seed"), graphs,
        "Two to four objects with attributes and relations that hold together.",
    ),
    "boxes": Stage("skg.json", "skg_boxes.json", ("layout", "seed"), boxes, "Layouts that satisfy every relation."),
    "images": Stage(
        "skg_boxes.json", "skg_images.json", ("image", "candidates", "retries", "looks", "seed"), images,
        "Pictures, kept when all that was asked is verified in them.",
    ),
    "qa": Stage("skg_images.json", "data.json", ("words", "seed"), questions, "Questions and answers of six kinds."),
    "check": Stage("data.json", "data_filtered.json", ("check", "seed"), checked, "Pairs that hold when checked anew."),
}  # fmt: skip
"""In the order of the pipeline."""
NOTES = 200
"""Notes of one stage that are kept."""


@dataclass
class StageReport:
    """What a stage did.

    Attributes:
        stage, file: which, and what it wrote.
        asked: items it was given.
        resumed: of these, done before.
        rows: written.
        repaired: statements changed or left out so that the rest holds.
        rejected: why -> how many were not used.
        failed: item and its one line.
        notes: what a person should know; at most `NOTES`.
        counts: what language models took, in all runs together.
    """

    stage: str
    file: Path
    asked: int = 0
    resumed: int = 0
    rows: int = 0
    repaired: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    failed: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)

    def to_json(self) -> dict[str, Any]:
        """As the command line prints it; what language models took only where one was asked."""
        told = {"language": self.counts.facts} if self.counts.calls else {}
        return {
            "stage": self.stage,
            "file": str(self.file),
            **{name: getattr(self, name) for name in ("asked", "resumed", "rows", "repaired")},
            "rejected": dict(sorted(self.rejected.items())),
            "failed": [{"item": item, "error": error} for item, error in self.failed],
            "notes": self.notes,
            **told,
        }

    @property
    def line(self) -> str:
        """For a person: "boxes: 50 asked, 48 rows (12 done before); rejected: 2 its relations clash"."""
        before = f" ({self.resumed} items done before)" if self.resumed else ""
        text = f"{self.stage}: {self.asked} asked, {self.rows} rows{before} -> {self.file}"
        said = [f"{n} {why}" for why, n in sorted(self.rejected.items())] + [f"{len(self.failed)} failed"] * bool(
            self.failed
        )
        return (
            text
            + (f"; repaired {self.repaired}" if self.repaired else "")
            + (f"; not used: {', '.join(said)}" if said else "")
        )


def run(
    names: Sequence[str], folder: Path, recipe: Recipe, source: Path | None = None, tell: Progress = lambda line: None
) -> list[StageReport]:
    """Some stages in the order of the pipeline; the first may read another file than the folder's own.

    Raises:
        InputError: no such stage, a file that can't be read, or work begun with other settings.
        UnknownName, Unavailable: an engine that is none, or can't be asked.
    """
    unknown = [name for name in names if name not in STAGES]
    if unknown or not names:
        raise InputError(f"No stage is called “{', '.join(unknown)}”", ", ".join(STAGES))
    _ready(names, recipe)
    reports: list[StageReport] = []
    for name in (n for n in STAGES if n in names):
        reports.append(run_stage(name, folder, recipe, source if not reports else None, tell))
        tell(reports[-1].line)
    return reports


def run_stage(
    name: str, folder: Path, recipe: Recipe, source: Path | None = None, tell: Progress = lambda line: None
) -> StageReport:
    """One stage over all its items: what was done before is kept, one bad item never takes the others with it."""
    stage = STAGES[name]
    report = StageReport(name, folder / stage.writes)
    items = _items(stage, source or folder / stage.reads, recipe, report)
    values = {s: getattr(recipe, s) for s in stage.settings}
    settings = {s: asdict(v) if hasattr(v, "__dataclass_fields__") else clean(v) for s, v in values.items()}
    rows: list[Any] = []
    folder.mkdir(parents=True, exist_ok=True)
    with Ledger(folder / "stages" / f"{name}.jsonl", settings) as ledger:
        for number, item in enumerate(items):
            rows += _one(ledger, stage.make, Work(folder, recipe, number), item, report, tell, len(items))
        if name == "graphs" and recipe.add_one_node:
            for k, (label, scene) in enumerate(most_used(rows)):
                make = _singly(label, scene)
                rows += _one(ledger, make, Work(folder, recipe, len(items) + k), f"one {label}", report, tell, 0)
    report.rows = len(rows)
    write_stage(rows, report.file)
    write_json(report.to_json(), folder / "stages" / f"{name}.json")
    return report


def _singly(label: str, scene: str) -> Callable[[Work, Any], Made]:
    return lambda work, _: single(work, label, scene)


def _ready(names: Sequence[str], recipe: Recipe) -> None:
    """Raise what keeps an engine of these stages from being asked."""
    IMAGINE[recipe.image]
    models = {recipe.language} if {"scenes", "objects", "graphs"} & set(names) else set()
    models |= {recipe.layout} - {SOLVER} if "boxes" in names else set()
    models |= {recipe.words} if "qa" in names else set()
    models |= {recipe.check} if "check" in names else set()
    for model in sorted(models - {""}):
        if not LANGUAGE[model].built_in or model != recipe.language:
            talk_with(model)


def _items(stage: Stage, file: Path, recipe: Recipe, report: StageReport) -> list[Any]:
    if not stage.reads:
        return [recipe.scenes]
    if stage.reads == "scenes.txt":
        found: list[Any] = list(read_scenes(file))
    else:
        found, problems = read_rows(file, stage.reads)
        report.failed += [(file.name, problem) for problem in problems]
    return found


def _one(
    ledger: Ledger,
    make: Callable[[Work, Any], Made],
    work: Work,
    item: Any,
    report: StageReport,
    tell: Progress,
    of: int,
) -> list[Any]:
    """The rows of one item, from the ledger when it was done before from the same input."""
    report.asked += 1
    key = f"{work.number}:{digest(clean(item, None))}"
    known = key in ledger
    if known:
        report.resumed += 1
        done = ledger[key]
    else:
        tell(f"{report.stage} {work.number + 1}/{max(of, work.number + 1)}")
        try:
            done = ledger.add(key, _row(make(work, item)))
        except (Unavailable, Cancelled):
            raise  # nothing further would come of the others either
        except SpaceStudioError as error:
            report.failed.append((f"item {work.number}", str(error)))
            return []
        except Exception as error:  # a defect of ours must not take the other items with it
            log.exception("item %s failed unexpectedly", work.number)
            report.failed.append((f"item {work.number}", f"Unexpected {type(error).__name__}: {reason(error)}"))
            return []
    report.repaired += done["repaired"]
    report.rejected.update(done["rejected"])
    report.notes += [f"item {work.number}: {note}" for note in done["notes"]][: NOTES - len(report.notes)]
    report.counts = total([report.counts, Counts(**done["counts"])])
    return list(done["rows"])


def _row(made: Made) -> dict[str, Any]:
    counts = made.counts.facts
    return {
        "rows": list(made.rows),
        "repaired": made.repaired,
        "rejected": dict(made.rejected),
        "notes": list(made.notes),
        "counts": counts,
    }


__all__ = ["STAGES", "Recipe", "Stage", "StageReport", "run", "run_stage"]
