"""The Evaluate tab without a browser: every scorer has room, its inputs are what it asks, its report is shown whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from spacestudio.metrics.report import Report, Table
from spacestudio.services.scores import SCORERS
from spacestudio.ui.tabs import evaluate as tab
from tests.services.tiny_scorer import tiny
from tests.support import HOSTILE

__all__ = ["tiny"]


@pytest.mark.parametrize("name", list(SCORERS))
def test_every_scorer_has_room_for_its_files_and_choices(name: str) -> None:
    for kind, wanted in tab.pools(SCORERS.load(name)).items():
        assert len(wanted) <= tab.MOST[kind], f"raise MOST[{kind!r}] for {name}"
    assert SCORERS[name].help.split()[0] in tab.about_words(name)


def test_inputs_say_what_the_scorer_asks_and_hold_its_defaults(tiny: str) -> None:
    offered = tab._offers(tiny)
    assert len(offered) == sum(tab.MOST.values())
    shown = [(u["label"], u["value"]) for u in offered if u["visible"]]
    assert shown == [
        ("Lines", None), ("More lines (optional)", None), ("Pictures (optional)", None),
        ("Strict", False), ("Most", 3), ("Least", 0.5), ("Split", "val"),
    ]  # fmt: skip
    assert all(not u["value"] for u in offered if not u["visible"])  # nothing of another scorer is left
    words = tab.about_words(tiny)
    assert "**Lines** (needed): JSON Lines" in words
    assert "As one ZIP file" in words


def given(tiny: str, lines: Path | None) -> list[Any]:
    held = {"Lines": str(lines) if lines else None, "Most": 4}
    return [held.get(u.get("label", ""), u["value"]) for u in tab._offers(tiny)]


def test_a_report_is_shown_whole_and_of_another_scorer_nothing(tiny: str, tmp_path: Path) -> None:
    lines = tmp_path / "lines.jsonl"
    lines.write_text("\n".join(json.dumps({"id": k, "right": k % 2 == 1, "image": ""}) for k in range(4)))
    scored = tab._score(tiny, None, *given(tiny, lines))
    assert scored is not None
    assert scored.report["right"].n == 4
    values = tab._drawn(tiny, scored)
    assert values[3] == [["right", "50.00 %", "10.00 – 90.00", "4"], ["none", "–", "–", "0"]]
    assert values[5]["label"] == "Published, not measured here: lines"
    assert values[8]["value"] == {
        "headers": ["kind", "n", "share", "low", "high"],
        "data": [["=1+1", "2", "0.5", "0.25", "0.75"], ["b", "1", "–", "–", "–"], ["c", "3", "1", "–", "–"]],
    }
    assert values[11]["value"] == [["0", "", "0.00", "<b>words</b>"], ["2", "", "0.00", "<b>words</b>"]]
    for path in values[13:]:
        assert Path(path).read_text("utf-8")
    assert tab._drawn("another", scored) == []


def test_what_cannot_be_scored_is_told_and_shows_nothing(tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(gr, "Warning", lambda words, **_: told.append(words))
    (bad := tmp_path / "bad.json").write_text("{")
    assert tab._score(tiny, None, *given(tiny, bad)) is None
    assert tab._score(tiny, None, *given(tiny, None)) is None
    assert "no valid JSON" in told[0]
    assert "No file was given" in told[1]
    assert not any(str(tmp_path) in line for line in told)


def test_text_from_files_stays_text_in_markdown() -> None:
    report = Report(HOSTILE, HOSTILE, (), {HOSTILE: 1}, notes=(HOSTILE,))
    for words in (tab.title_words(report), tab.counts_words(report, [HOSTILE])):
        assert "<img" not in words.replace("\\<", "")


def test_a_breakdown_that_is_not_there_is_nothing() -> None:
    scored = tab.Scored("x", Report("t", "d", (), tables=(Table("words", ("a", "b"), (("x", "y"),)),)), [], [])
    for place in (None, "7", "-1", "no"):
        assert tab._part(scored, place)[2] is None
    assert tab._part(None, "0")[2] is None
    table, chart, figure = tab._part(scored, "0")
    assert table["label"] == "words"
    assert figure is None
    assert not chart.visible
