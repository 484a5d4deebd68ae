"""The HTML sheet in a real browser: judged by keys and mouse, kept over a reload, handed out as the CSV that is read back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from spacestudio.formats.sheet import read_sheet
from spacestudio.services.caption_sheet import sheet
from spacestudio.services.captions import Wanted, draw
from tests.support import HOSTILE

pytestmark = pytest.mark.browser


@pytest.fixture
def page_file(tmp_path: Path) -> Path:
    rows = [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 20, 60, 40]},
        {"id": 2, "image_id": 1, "category_id": 2, "bbox": [100, 30, 80, 60]},
    ]
    data = {
        "images": [{"id": 1, "width": 200, "height": 100, "file_name": "odd name #1.png"}],
        "annotations": rows,
        "categories": [{"id": 1, "name": HOSTILE}, {"id": 2, "name": '=DATA "ITEMS", dog'}],
    }
    (tmp_path / "images").mkdir()
    Image.new("RGB", (200, 100), "white").save(tmp_path / "images" / "odd name #1.png")
    (tmp_path / "a.json").write_text(json.dumps(data))
    draw(Wanted(tmp_path / "a.json"), tmp_path / "c.jsonl")
    sheet(tmp_path / "c.jsonl", tmp_path / "s.html", 6, tmp_path / "images")
    sheet(tmp_path / "c.jsonl", tmp_path / "s.csv", 6, tmp_path / "images")
    return tmp_path / "s.html"


def test_judging_in_the_browser(page, page_file, tmp_path):
    alerts = []
    page.on("dialog", lambda dialog: (alerts.append(dialog), dialog.dismiss()))
    page.goto(page_file.as_uri())
    first = page.locator("section").first
    page.wait_for_function("document.querySelector('svg').getAttribute('viewBox') === '0 0 200 100'")
    empty = read_sheet(tmp_path / "s.csv")
    assert empty[0].caption in first.inner_text() and page.locator("section").count() == 6
    drawn, shown = first.locator("rect.s").bounding_box(), first.locator("img").bounding_box()
    boxes = {"60": (10, 20, 60, 40), "80": (100, 30, 80, 60)}[first.locator("rect.s").get_attribute("width")]
    scale = shown["width"] / 200
    assert drawn["x"] - shown["x"] == pytest.approx(boxes[0] * scale, abs=4)
    assert drawn["height"] == pytest.approx(boxes[3] * scale, abs=8)
    page.keyboard.press("a")
    page.keyboard.press("d")
    page.locator("section").nth(4).get_by_text("unclear").click()
    page.reload()
    assert page.locator("#done").inner_text() == "3" and not alerts
    assert page.locator("section").nth(1).locator("[aria-pressed=true]").inner_text() == "disagree"
    with page.expect_download() as waiting:
        page.locator("#save").click()
    waiting.value.save_as(tmp_path / "judged.csv")
    lines = read_sheet(tmp_path / "judged.csv")
    assert [line.verdict for line in lines] == ["agree", "disagree", "", "", "unclear", ""]
    assert [(line.item, line.caption, line.image) for line in lines] == [
        (line.item, line.caption, line.image) for line in empty
    ]
