"""The Evaluate tab as somebody uses it who brings predictions: what is missing or broken is said, the report is shown and taken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from spacestudio.domain.boxes import Box
from spacestudio.domain.grounded import Grounded, Mention, Predicate
from spacestudio.formats.asv2 import encode
from spacestudio.services.evaluate import as_csv, as_json, evaluate
from spacestudio.services.scores import SCORERS
from spacestudio.services.studio import Studio
from tests.browser.steps import arrive, choose, eventually, open_tab, rows, screens, toast
from tests.browser.test_accessibility import findings
from tests.browser.test_looks import faults

pytestmark = pytest.mark.browser
CUP, PLATE = Box(40, 40, 120, 160), Box(20, 120, 260, 200)


@pytest.fixture
def brought(tmp_path: Path) -> dict[str, Path]:
    """Two pictures asked about, one answered rightly; the picture of the other; and a file that is none."""
    boxes = {"a": CUP, "b": PLATE}
    said = Grounded((Mention("cup", ("a",)), " and ", Mention("plate", ("b",)), ": ", Predicate("on", ("a",), ("b",)), "."))
    wrong = Grounded(
        (Mention("cup", ("a",)), " and ", Mention("plate", ("b",)), ": ", Predicate("under", ("a",), ("b",)), ".")
    )
    gold = [["cup", list(CUP.xyxy), "plate", list(PLATE.xyxy), "on"]]
    questions = [
        {"question_id": k, "image": f"{k}.png", "text": "?", "width": 320, "height": 240, "relation_tuples": gold}
        for k in (1, 2)
    ]
    answers = [{"question_id": k, "text": encode(text, boxes, 320, 240)} for k, text in ((1, said), (2, wrong))]
    files = {name: tmp_path / f"{name}.jsonl" for name in ("questions", "answers")}
    files["questions"].write_text("\n".join(map(json.dumps, questions)))
    files["answers"].write_text("\n".join(map(json.dumps, answers)))
    files |= {"broken": tmp_path / "broken.jsonl", "picture": tmp_path / "2.png"}
    files["broken"].write_text("not <b>json</b>")
    Image.fromarray(np.full((240, 320, 3), 90, np.uint8)).save(files["picture"])
    return files


def drop(page: Any, elem_id: str, file: Path) -> None:
    """Give a file to a place, instead of one that lies there; wait until it has arrived."""
    if page.locator(f"#{elem_id} [aria-label='Clear']").count():
        page.locator(f"#{elem_id} [aria-label='Clear']").first.click()
    page.locator(f"#{elem_id} input[type=file]").set_input_files(str(file))
    expect(page.locator(f"#{elem_id} .file-preview")).to_contain_text(file.stem)


@screens
def test_predictions_are_scored_beside_published_rows(
    page: Any, served: tuple[str, Studio], screen: tuple[str, int, int], brought: dict[str, Path]
) -> None:
    page.emulate_media(reduced_motion="reduce")
    arrive(page, served, screen)
    open_tab(page, "Evaluate")
    label = SCORERS["psg"].label or "psg"
    choose(page, "scorer", label)
    expect(page.locator("#scorer-about")).to_contain_text(SCORERS["psg"].help)

    # what is missing or no JSON is said in a line, without a place on the server
    page.click("#score")
    toast(page, "No file was given for: Questions, Answers")
    drop(page, "score-file-0", brought["questions"])
    drop(page, "score-file-1", brought["broken"])
    page.click("#score")
    toast(page, "Nothing in “broken.jsonl” can be read")
    expect(page.locator("#report")).to_be_hidden()
    assert "/tmp" not in page.inner_text("body")

    # the report: figures beside published rows, a breakdown with its chart, the worst with its picture
    drop(page, "score-file-1", brought["answers"])
    drop(page, "score-pictures", brought["picture"])
    page.click("#score")
    report = evaluate("psg", {name: brought[name] for name in ("questions", "answers")}, {})
    assert report["recall"].value == 50
    eventually(page, lambda: [row[:2] for row in rows(page, "report-figures")][:1], [["recall", "50.00 %"]])
    expect(page.locator("#report-published")).to_contain_text("Published, not measured here")
    expect(page.locator("#report-published [data-testid=cell-0-0]")).to_be_visible()
    expect(page.locator("#report-counts")).to_contain_text("2 images")
    expect(page.locator("#report-table [data-testid=cell-0-0]")).to_have_text("on")
    page.locator("#report-chart .main-svg").first.wait_for()
    expect(page.locator("#worst [data-testid=cell-0-0]")).to_have_text("2")
    expect(page.locator("#worst-pictures img")).to_have_count(1)
    for kind, text in (("json", as_json("psg", report)), ("csv", as_csv(report))):
        with page.expect_download() as saved:
            page.click(f"#report-{kind}")
        assert Path(saved.value.path()).read_text("utf-8") == text
    found = faults(page) + findings(page)
    assert not found, json.dumps(found, indent=1)

    # another scorer starts from nothing
    other = next(name for name in SCORERS if name != "psg")
    choose(page, "scorer", SCORERS[other].label or other)
    expect(page.locator("#scorer-about")).to_contain_text(SCORERS[other].help)
    expect(page.locator("#report")).to_be_hidden()
    expect(page.locator("#tab-evaluate .file-preview")).to_have_count(0)
