"""Sheets of captions: no cell is a formula, no picture is asked of another host, and what was written comes back."""

from __future__ import annotations

import csv
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacestudio.formats.sheet import read_sheet, write_sheet
from spacestudio.formats.spreadsheet import FORMULA, guarded, unguarded
from spacestudio.formats.sr4g import Caption

FORMULAS = ('=HYPERLINK("//host")', "+1", "-1", "@SUM(A1)", "\tx", "'=1", "'tis a cup", "cup")


def caption(text: str, file_name: str = "a.png") -> Caption:
    box = (-5.0, 1.0, 2.0, 3.0)
    return Caption(
        image_id=text, file_name=file_name, caption=text, subject=text, relation=text, object="dog", subject_box=box, object_box=box
    )  # fmt: skip


def test_no_cell_is_a_formula_and_all_come_back(tmp_path):
    path = write_sheet([caption(text) for text in FORMULAS], tmp_path / "s.csv", None)
    with path.open(encoding="utf-8", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert '\'=HYPERLINK("//host")' in cells and not any(cell.startswith(FORMULA) for cell in cells)
    assert [(line.caption, line.relation, line.image_id) for line in read_sheet(path)] == [(text,) * 3 for text in FORMULAS]


@given(st.text("'=+-@\t\rab", max_size=6))
def test_a_guard_is_taken_away_again(cell):
    assert unguarded(guarded(cell)) == cell and not guarded(cell).startswith(FORMULA)


@pytest.mark.parametrize(
    "name", ["//host/x.png", "/x.png", "///host/x.png", "http://host/x.png", "data:image/png,x", "C:x.png"]
)
def test_no_picture_is_asked_of_another_host(name, tmp_path):
    page = write_sheet([caption("cup", name)], tmp_path / "s.html", None).read_text(encoding="utf-8")
    (source,) = re.findall('<img src="([^"]*)"', page)
    assert source.startswith("./") and not source.startswith(".//") and ":" not in source
    assert read_sheet(write_sheet([caption("cup", name)], tmp_path / "s.csv", None))[0].image.startswith("./")


def test_a_plain_file_name_stays(tmp_path):
    assert read_sheet(write_sheet([caption("cup", "sub/a b.png")], tmp_path / "s.csv", None))[0].image == "sub/a b.png"
