"""Files of predictions -> reports. One scorer per file, one line here; its command and its place on the screen come by themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spacestudio.metrics.report import Report
from spacestudio.registry import Entry, Registry


@dataclass(frozen=True)
class Slot:
    """A file a scorer reads: its option name ("questions" is --questions), what it holds, whether it can be left out."""

    name: str
    help: str
    required: bool = True
    folder: bool = False


@dataclass(frozen=True)
class Choice:
    """A setting of a scorer: its option name ("as_published" is --as-published), help and default; its type is the default's.

    `options`, where there are any, are all that it may be, the default among them.
    """

    name: str
    help: str
    default: bool | int | float | str
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scorer:
    """One way to score.

    Attributes:
        name: as in `SCORERS`.
        files: what it reads.
        choices: its settings.
        score: (files by slot name, settings by name) -> report. Raises InputError when nothing can be scored; a bad item
            is counted and named in the report, the rest goes on.
        json: a report as `score NAME --json` prints it.
    """

    name: str
    files: tuple[Slot, ...]
    choices: tuple[Choice, ...]
    score: Callable[[Mapping[str, Path], Mapping[str, Any]], Report]
    json: Callable[[Report], dict[str, Any]]


SCORERS = Registry(
    "scorer",
    {
        "psg": Entry(
            "services.scores.psg:SCORER", "Open-ended scene graphs in grounded text: recall and mean recall.", "PSG"
        ),
        "predcls": Entry(
            "services.scores.predcls:SCORER", "Ranked predicates of given pairs: R@K and mR@K.", "PSG predicates"
        ),
        "crpe": Entry("services.scores.crpe:SCORER", "Relations as single choice, each with its options turned.", "CRPE"),
        "grounding": Entry(
            "services.scores.grounding:SCORER", "Whether the box answered is the one asked for.", "Grounding"
        ),
        "choice": Entry(
            "services.scores.choice:SCORER", "Multiple choice of any benchmark, also in pairs and turned.", "Multiple choice"
        ),
        "proximity": Entry(
            "services.scores.proximity:SCORER", "How deep, and which of two is closer, from free text.", "Proximity QA"
        ),
        "depth": Entry(
            "services.scores.depth:SCORER", "Depth maps against true ones: order of pixels, and errors.", "Depth maps"
        ),
        "visor": Entry(
            "services.scores.visor:SCORER",
            "Pictures made from prompts: are both objects there, and do they stand as asked?",
            "VISOR",
        ),
        "captions": Entry(
            "services.scores.captions:SCORER", "Captions that people judged: agreement per relation.", "Captions, judged"
        ),
    },
)


def flat_json(report: Report) -> dict[str, Any]:
    """Counts, then figures by name, then which definition, intervals and notes: the JSON of most scorers."""
    bounds = {f.name: [f.low, f.high] for f in report.figures if f.low is not None}
    return {
        **report.counts,
        **{f.name: f.value for f in report.figures},
        "as_published": report.as_published,
        "definition": report.definition,
        "intervals": bounds,
        "tables": [
            {"title": t.title, "columns": list(t.columns), "rows": [list(row) for row in t.rows]} for t in report.tables
        ],
        "worst": [vars(item) for item in report.worst],
        "notes": list(report.notes),
    }


__all__ = ["SCORERS", "Choice", "Entry", "Scorer", "Slot", "flat_json"]
