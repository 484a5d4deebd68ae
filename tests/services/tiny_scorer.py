"""A scorer as small as one can be, registered for one test: the share of right lines in a file."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from spacestudio.errors import FormatError
from spacestudio.formats.door import read_json
from spacestudio.metrics.report import Figure, Item, Report, Table
from spacestudio.registry import Entry
from spacestudio.services.scores import SCORERS, Choice, Scorer, Slot, flat_json

NAME = "tiny"


def _score(files: Mapping[str, Path], chosen: Mapping[str, Any]) -> Report:
    rows = read_json(files["lines"], FormatError, "JSON Lines")
    kept = rows[: chosen["most"]]
    right = sum(row["right"] for row in kept)
    pictures = sum(1 for _ in files["pictures"].rglob("*.png")) if "pictures" in files else 0
    return Report(
        "Lines", f"right lines of the first {chosen['most']}, split {chosen['split']}, {chosen['least']} {chosen['strict']}",
        (Figure("right", 100 * right / len(kept), len(kept), 10.0, 90.0), Figure("none", None, 0)),
        {"n_lines": len(rows), "n_pictures": pictures},
        (Table("By kind", ("kind", "n", "share", "low", "high"),
               (("=1+1", 2, 0.5, 0.25, 0.75), ("b", 1, None, None, None), ("c", 3, 1.0, None, None))),),
        Table("Published: lines", ("method", "right"), (("they", 12.5),)),
        tuple(Item(str(row["id"]), row["image"], float(row["right"]), "<b>words</b>") for row in kept if not row["right"]),
        ("-a note",),
        bool(chosen["strict"]),
    )  # fmt: skip


SCORER = Scorer(
    NAME,
    (
        Slot("lines", "JSON Lines."),
        Slot("more_lines", "More of them.", required=False),
        Slot("pictures", "A folder.", required=False, folder=True),
    ),
    (Choice("strict", "Whether.", False), Choice("most", "How many.", 3), Choice("least", "Share.", 0.5), Choice("split", "Which.", "val")),
    _score,
    flat_json,
)  # fmt: skip


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> str:
    """The registered scorer's name."""
    module = ModuleType("spacestudio.tiny_scorer_of_a_test")
    module.SCORER = SCORER  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    entry = Entry("tiny_scorer_of_a_test:SCORER", "Right lines of a file.", "Tiny")
    monkeypatch.setitem(SCORERS._entries, NAME, entry)
    return NAME
