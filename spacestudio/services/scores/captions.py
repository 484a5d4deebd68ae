"""A filled sheet of captions -> agreement per relation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spacestudio.formats.predictions import naming
from spacestudio.formats.sheet import read_sheet
from spacestudio.metrics.judgements import Judgement, score
from spacestudio.metrics.report import Report
from spacestudio.services.scores import Scorer, Slot, flat_json


def _score(files: Mapping[str, Path], settings: Mapping[str, Any]) -> Report:
    lines = read_sheet(files["sheet"])
    odd = [line.item for line in lines if line.verdict is None]
    judged = [
        Judgement(line.item, line.image_id, line.image, line.caption, line.relation, line.verdict)
        for line in lines
        if line.verdict
    ]
    counts = {"n_items": len(lines), "n_empty": sum(line.verdict == "" for line in lines), "n_invalid": len(odd)}
    notes = [naming("Verdicts that are none, left out", [f"item {item}" for item in odd])] if odd else []
    return score(judged, counts, notes)


SCORER = Scorer(
    "captions",
    (Slot("sheet", "Captions that people judged: a CSV table, a caption a line, its column verdict filled."),),
    (),
    _score,
    flat_json,
)
