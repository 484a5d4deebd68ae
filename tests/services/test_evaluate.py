"""Scoring brought files: what reaches the scorer, what leaves as JSON and CSV, what is charted, whose picture is found."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spacestudio.errors import InputError, UnknownName
from spacestudio.metrics.report import Figure, Item, Table
from spacestudio.services.evaluate import as_csv, as_json, bars_of, evaluate, pictures_of, written
from tests.services.tiny_scorer import tiny
from tests.support import DATA, needs_data

__all__ = ["tiny"]


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    file = tmp_path / "lines.jsonl"
    rows = [{"id": k, "right": k % 2 == 1, "image": f"val/{k}.png"} for k in range(5)]
    file.write_text("\n".join(map(json.dumps, rows)))
    return file


def pngs(folder: Path, *names: str) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for k, name in enumerate(names):
        Image.fromarray(np.full((40, 600), 50 * k, np.uint8)).save(folder / name)
    return [folder / name for name in names]


def zipped(file: Path, *paths: Path, under: str = "") -> Path:
    with zipfile.ZipFile(file, "w") as archive:
        for path in paths:
            archive.write(path, f"{under}{path.name}")
    return file


def test_a_scorer_gets_its_files_and_settings_typed_as_their_defaults(tiny: str, lines: Path) -> None:
    report = evaluate(
        tiny, {"lines": lines, "more_lines": None}, {"strict": True, "most": 4.0, "least": None, "split": "dev"}
    )
    assert report.definition == "right lines of the first 4, split dev, 0.5 True"
    assert (report["right"].value, report["right"].n) == (50.0, 4)
    assert evaluate(tiny, {"lines": lines}, {})["right"].n == 3


def test_a_folder_comes_as_a_zip(tiny: str, lines: Path, tmp_path: Path) -> None:
    file = zipped(tmp_path / "p.zip", *pngs(tmp_path / "p", "a.png", "b.png"), under="inside/")
    assert evaluate(tiny, {"lines": lines, "pictures": file}, {}).counts["n_pictures"] == 2
    with pytest.raises(InputError, match="unpacked"):
        evaluate(tiny, {"lines": lines, "pictures": lines}, {})


def test_what_cannot_be_scored_is_one_line_without_a_folder(tiny: str, lines: Path, tmp_path: Path) -> None:
    (bad := tmp_path / "bad.json").write_text("not <json>")
    for files, words in (({}, "No file was given for: Lines"), ({"lines": bad}, "“bad.json” is no valid JSON")):
        with pytest.raises(InputError, match=words) as caught:
            evaluate(tiny, files, {})
        assert str(tmp_path) not in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError) as caught:
        evaluate(tiny, {"lines": tmp_path / "gone.json"}, {})
    assert str(tmp_path) not in str(caught.value)
    with pytest.raises(UnknownName):
        evaluate("no-such-scorer", {}, {})


def test_a_report_is_taken_along_as_json_and_csv(tiny: str, lines: Path) -> None:
    report = evaluate(tiny, {"lines": lines}, {})
    told = json.loads(as_json(tiny, report))
    assert told["n_lines"] == 5
    assert told["right"] == pytest.approx(100 / 3)
    rows = list(csv.reader(io.StringIO(as_csv(report))))
    assert ["right", str(100 / 3), "%", "10.0", "90.0", "3"] in rows
    assert ["n_lines", "5"] in rows
    assert ["'=1+1", "2", "0.5", "0.25", "0.75"] in rows  # no spreadsheet runs it
    assert ["'-a note"] in rows
    assert ["Published, not measured here: lines"] in rows
    assert ["0", "val/0.png", "0.0", "<b>words</b>"] in rows


def test_figures_are_read_with_unit_and_interval() -> None:
    assert written(Figure("a", 12.345, 9, 1.0, 20.06)) == ("12.35 %", "1.00 – 20.06")
    assert written(Figure("a", 9.9554, 9, unit="")) == ("9.955", "–")
    assert written(Figure("a", None, 0)) == ("–", "–")


def test_the_column_with_an_interval_or_fractions_is_charted(tiny: str, lines: Path) -> None:
    bars = bars_of(evaluate(tiny, {"lines": lines}, {}).tables[0])
    assert bars is not None
    assert (bars.names, bars.values, bars.axis, bars.title) == (("=1+1", "c"), (0.5, 1.0), "share", "By kind")
    assert (bars.lows, bars.highs) == ((0.25, None), (0.75, None))
    named = bars_of(Table("t", ("a", "x", "y", "y low", "y high"), (("one", 0.5, 2, 1, 3.5),)))
    assert named is not None
    assert (named.axis, named.values, named.lows, named.highs) == ("y", (2.0,), (1.0,), (3.5,))
    whole = bars_of(Table("t", ("a", "n"), tuple((str(k), k) for k in range(50))))
    assert whole is not None
    assert (len(whole.values), whole.axis, whole.title) == (20, "n", "t (first 20 of 50)")
    for empty in (Table("t", ("a", "b"), (("x", "y"),)), Table("t", ("a", "b"), ()), Table("t", ("n",), ((1,),))):
        assert bars_of(empty) is None


def test_pictures_of_the_worst_are_found_by_file_name(tmp_path: Path) -> None:
    items = [Item(str(k), image, 0.0, "") for k, image in enumerate(("val/A (1).png", "b.png", "c.png", "", "d.png"))]
    loose = pngs(tmp_path, "a1.png", "d.png")
    (tmp_path / "d.png").write_bytes(b"no picture")
    archive = zipped(tmp_path / "z.zip", *pngs(tmp_path / "in", "b.png"), under="deep/")
    (tmp_path / "not.zip").write_bytes(b"no archive")
    found, problems = pictures_of(items, [*loose, archive, tmp_path / "not.zip"])
    assert [item.id for _, item in found] == ["0", "1"]
    assert all(max(image.shape) == 240 for image, _ in found)
    assert [item.id for _, item in pictures_of([Item("7", "depth/d.npy", 0.0, "")], pngs(tmp_path / "d", "d.png"))[0]] == [
        "7"
    ]
    assert len(problems) == 2
    assert not any(str(tmp_path) in line for line in problems)
    assert pictures_of(items, []) == ([], [])


@needs_data
def test_the_published_scene_graph_figure_comes_out() -> None:
    golden = DATA / "golden" / "psg"
    expected = json.loads((golden / "expected.json").read_text())["as_published"]
    files = {"questions": golden / "questions.jsonl", "answers": golden / "answers.jsonl"}
    report = evaluate("psg", files, {"as_published": True})
    assert round(report["recall"].value or 0, 2) == expected["recall"]


def test_a_picture_is_told_by_its_folder_and_never_guessed(tmp_path: Path) -> None:
    archive = tmp_path / "samples.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for name in ("a", "b"):
            packed.write(pngs(tmp_path / name, "image.png")[0], f"set/{name}/image.png")
    items = [Item("1", "b/image.png", 0.0, ""), Item("2", "c/image.png", 0.0, ""), Item("3", "image.png", 0.0, "")]
    assert [item.id for _, item in pictures_of(items, [archive])[0]] == ["1"]
