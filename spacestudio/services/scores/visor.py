"""Pictures made from prompts -> VISOR."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np

from spacestudio.domain.found import FoundBoxes
from spacestudio.domain.prompts import Bad, Prompt
from spacestudio.errors import InputError
from spacestudio.formats.predictions import naming
from spacestudio.formats.prompts import read_names, read_prompts
from spacestudio.formats.visor import read_detections
from spacestudio.metrics.report import Figure, Report, Table
from spacestudio.metrics.visor import (
    GENEVAL,
    GENEVAL_THRESHOLD,
    HEADLINES,
    PER_PROMPT,
    THRESHOLD,
    Pairing,
    Read,
    Triplet,
    columns_of,
    from_boxes,
    from_results,
    missing,
    score,
    share_of,
    with_empty,
)
from spacestudio.relations.rules import RULE_SETS
from spacestudio.services.prompts import sr2d
from spacestudio.services.scores import Choice, Scorer, Slot, flat_json
from spacestudio.services.scores.shared import nothing

SIZELESS = "visor"
"""The rule set that needs no size of the picture."""


def _score(files: Mapping[str, Path], settings: Mapping[str, Any]) -> Report:
    threshold, per_prompt, pairing = _checked(settings)
    whole = "prompts" in files
    prompts, bad = read_prompts(files["prompts"]) if whole else (sr2d(), ())
    found = read_detections(files["detections"])
    unseen = read_names(files["unseen"]) if "unseen" in files else ()
    captions, broken = _triplets(files["captions"]) if "captions" in files else (None, 0)
    notes = [*_unread("prompts", bad), *_unread("results", found.bad)]
    counts = {"n_results": len(found.prompt), "n_bad_lines": len(bad) + len(found.bad) + broken}
    tables: list[Table] = []
    figures: list[Figure] = []
    published = True
    if isinstance(found, FoundBoxes):
        published = (threshold, settings["rules"], pairing) == (THRESHOLD, "visor", "any")
        found, filled = _completed(found, prompts, per_prompt, whole)
        read = _judged(prompts, found, settings["rules"], pairing, threshold)
        tables, figures = _other_rules(prompts, found, pairing, threshold)
        notes += [*filled, f"A picture is right by {_by(settings)}.", GENEVAL_NOTE]
    else:
        read = from_results(prompts, found)
        notes.append("What is right is the file's own sra; detector, threshold and rule are those it was made with.")
    if not len(read.pictures.asked):
        nothing(
            "no picture belongs to a prompt that asks for a relation" + _why(read),
            "pictures called <id>_<k> by the ids of the prompts file, or of SR2D's prompts without one",
        )
    if broken:
        notes.append(f"Rows of captions that can't be read, left out: {broken:,}.")
    gone = missing(read, per_prompt, whole)
    counts |= {f"n_{tally.key}": tally.count for tally in (*read.left_out, gone)}
    notes += [tally.line + "." for tally in (*read.left_out, gone) if tally.count]
    notes += _per_prompt(read, per_prompt)
    report = score(read, unseen, captions)
    return replace(
        report,
        counts={**report.counts, **counts},
        tables=(*report.tables, *tables),
        figures=(*report.figures, *figures),
        as_published=published,
        definition=report.definition if published else f"the published shares, by {_by(settings)}",
        notes=tuple(notes),
    )


def _checked(settings: Mapping[str, Any]) -> tuple[float, int, Pairing]:
    """Threshold, pictures a prompt, pairing.

    Raises:
        InputError, UnknownName: one that can't be.
    """
    threshold, per_prompt, pairing = settings["threshold"], settings["per_prompt"], settings["pairing"]
    RULE_SETS[settings["rules"]]
    if not 0 <= threshold < 1:
        raise InputError(f"The threshold {threshold:g} was given", "0 or more, below 1")
    if not 1 <= per_prompt <= 1000:
        raise InputError(f"{per_prompt} pictures a prompt were given", "1 to 1000")
    if pairing not in get_args(Pairing):
        raise InputError(f"The pairing “{pairing}” was given", " or ".join(get_args(Pairing)))
    return threshold, per_prompt, pairing


def _triplets(path: Path) -> tuple[Mapping[Triplet, int], int]:
    from spacestudio.formats.triplets import read_triplets  # wakes pyarrow

    return read_triplets(path)


def _unread(what: str, bad: Bad) -> list[str]:
    return (
        [naming(f"{len(bad):,} {what} that can't be read, left out", [f"{item} ({why})" for item, why in bad])]
        if bad
        else []
    )


def _why(read: Read) -> str:
    return "".join(f"; {tally.line}" for tally in read.left_out if tally.count)


def _completed(found: FoundBoxes, prompts: Sequence[Prompt], per_prompt: int, whole: bool) -> tuple[FoundBoxes, list[str]]:
    """The boxes with pictures in which nothing was found, where the file can't list them."""
    if found.complete:
        return found, []
    seen = set(found.prompt.tolist())
    asked = [p for p in prompts if p.spatial and (whole or p.id in seen)]
    made = with_empty(found, asked, per_prompt)
    added = len(made.prompt) - len(found.prompt)
    return made, [
        f"A list of boxes can't name pictures without any: {added:,} pictures that it does not name count as empty."
    ] if added else []


def _judged(prompts: Sequence[Prompt], found: FoundBoxes, rules: str, pairing: Pairing, threshold: float) -> Read:
    if rules != SIZELESS and np.isnan(found.size).any():
        raise InputError(
            f"The rules “{rules}” need the size of every picture, and {int(np.isnan(found.size).any(1).sum()):,} have none",
            "a COCO file whose images carry width and height",
            f"Give such a file, or choose the rules “{SIZELESS}”",
        )
    return from_boxes(prompts, found, RULE_SETS.load(rules), pairing, threshold)


def _other_rules(
    prompts: Sequence[Prompt], found: FoundBoxes, pairing: Pairing, threshold: float
) -> tuple[list[Table], list[Figure]]:
    """The same pictures judged by every rule set that can judge them, and by GenEval's rule."""
    sized = not np.isnan(found.size).any()
    rows = []
    for name in RULE_SETS if sized else (SIZELESS,):
        read = from_boxes(prompts, found, RULE_SETS.load(name), pairing, threshold)
        columns = columns_of(read.pictures, len(read.prompts))
        rows.append((name, len(read.pictures.asked), *(share_of(columns, headline) for headline in HEADLINES)))
    geneval = from_boxes(prompts, found, GENEVAL, "best", GENEVAL_THRESHOLD).pictures
    share = 100 * float(geneval.right.mean()) if len(geneval.right) else None
    table = Table("The same pictures by other rules", ("rules", "images", *HEADLINES), tuple(rows))
    return [table] if sized else [], [Figure("geneval_position", share, len(geneval.right))]


def _by(settings: Mapping[str, Any]) -> str:
    pair = "any pair of boxes" if settings["pairing"] == "any" else "the pair of the best boxes"
    return f"the rules “{settings['rules']}” on {pair}, of those that score above {settings['threshold']:g}"


GENEVAL_NOTE = (
    f"geneval_position is GenEval's rule on the best box of each object above {GENEVAL_THRESHOLD:g}; its published figures "
    "are of another detector and other prompts."
)


def _per_prompt(read: Read, per_prompt: int) -> list[str]:
    made = np.bincount(read.pictures.asked)
    few, most = int(made[made > 0].min()), int(made.max())
    if few == most == per_prompt:
        return []
    return [f"Prompts have {few} to {most} pictures, not {per_prompt} each: VISOR_n counts those that are there."]


def _json(report: Report) -> dict[str, Any]:
    """The published figures first, to the two decimals that the published script prints."""
    head: dict[str, float | None] = {name: report.counts[name] for name in ("n_images", "n_prompts")}
    for name in HEADLINES:
        value = report[name].value
        head[name] = value if value is None else round(value, 2)
    return {**head, **{key: value for key, value in flat_json(report).items() if key not in head}}


SCORER = Scorer(
    "visor",
    (
        Slot("detections", "VISOR's results, a COCO file with scores, or a list of boxes by picture name."),
        Slot("prompts", "The prompts the pictures were made from, with their ids; without, SR2D's.", required=False),
        Slot("unseen", "Names of objects the model was not trained on, one a line.", required=False),
        Slot("captions", "Training captions or counts of them: subject, relation, object, count.", required=False),
    ),
    (
        Choice("threshold", "Boxes that score more count.", THRESHOLD),
        Choice("rules", "Rule set that judges boxes.", "visor", tuple(RULE_SETS)),
        Choice(
            "pairing",
            "Whether any pair of boxes may stand as asked, or the best of each object must.",
            "any",
            get_args(Pairing),
        ),
        Choice("per_prompt", "Pictures that belong to a prompt.", PER_PROMPT),
    ),
    _score,
    _json,
)
