"""The whole loop as a person walks it: picture, depth, boxes, graph, new picture, questions, export."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from spacestudio.services.studio import Studio
from tests.browser.steps import (
    answered,
    arrive,
    at,
    choose,
    click_row,
    drag,
    eventually,
    field,
    open_example,
    open_tab,
    place,
    reads,
    rows,
    shows,
    status_has,
    toast,
    visitor_sample,
    wait_rows,
)
from tests.services.test_studio import correctable
from tests.support import DATA, motorcycle

pytestmark = pytest.mark.browser


@pytest.fixture
def photo(tmp_path: Path) -> tuple[Path, Path, dict[str, tuple[float, float, float, float]]]:
    """A real photo, its depth file, and two boxes a person would draw on it."""
    rgbd = DATA / "rgbd" / "redwood"
    if rgbd.is_dir():
        return (
            rgbd / "color" / "00000.jpg",
            rgbd / "depth" / "00000.png",
            {"chair": (30, 180, 260, 420), "lamp": (420, 60, 560, 260)},
        )
    image, disparity = motorcycle()
    Image.fromarray(image).save(tmp_path / "motorcycle.png")
    np.save(
        tmp_path / "motorcycle.npy",
        np.where(disparity.valid, 192.0 / (disparity.values + 31.086), np.nan).astype(np.float32),
    )
    return (
        tmp_path / "motorcycle.png",
        tmp_path / "motorcycle.npy",
        {"chair": (30, 180, 260, 420), "lamp": (420, 60, 560, 260)},
    )


def draw_box(page: Any, name: str, box: tuple[float, float, float, float], width: int) -> None:
    """Drag a box over the picture with the mouse, type its name, press Enter."""
    page.locator("#boxes svg image").first.scroll_into_view_if_needed()
    shown = place(page, "#boxes svg image")
    scale = shown["width"] / width
    x0, x1 = (shown["x"] + v * scale for v in box[::2])
    y0, y1 = (shown["y"] + v * scale for v in box[1::2])
    drag(page, (x0, y0), ((x0 + x1) / 2, (y0 + y1) / 2), (x1, y1))
    page.locator("#boxes .ed-pop input:focus").wait_for()
    page.keyboard.type(name)
    page.keyboard.press("Enter")
    shows(page, "objects", name)


def test_the_whole_loop(
    page: Any, served: tuple[str, Studio], photo: tuple[Path, Path, dict[str, Any]], tmp_path: Path
) -> None:
    picture, depth, boxes = photo
    studio = arrive(page, served)

    # a picture, dropped: the whole chain runs at once
    page.locator("#pictures input[type=file]").set_input_files(str(picture))
    status_has(page, "estimate without a model")
    # its own depth file
    page.get_by_text("Depth, camera and objects from files").click()
    page.locator("#depth-file input[type=file]").set_input_files(str(depth))
    status_has(page, "(m)")
    # proposals go, two things are drawn and named
    for left in reversed(range(len(wait_rows(page, "objects", least=1)))):
        click_row(page, "objects", 0)
        expect(field(page, "object-label")).not_to_have_value("")
        page.click("#object-delete")
        wait_rows(page, "objects", left)
        reads(page, "object-label", "")
    with Image.open(picture) as opened:
        width = opened.width
    for name, box in boxes.items():
        draw_box(page, name, box, width)
    owner, sample = visitor_sample(studio, picture.stem)
    eventually(page, lambda: [o.label for o in studio.open(owner, sample.id).objects], list(boxes))  # drawn before stored
    sample = studio.open(owner, sample.id)
    for o, box in zip(sample.objects, boxes.values(), strict=True):
        assert np.allclose(o.box.xyxy, box, atol=2.5)

    # layers and cloud
    open_tab(page, "Depth & layers")
    shows(page, "layers", "chair")
    page.wait_for_selector("#depth-plot .js-plotly-plot")
    open_tab(page, "3D")
    page.wait_for_selector("#cloud .js-plotly-plot")
    shows(page, "cloud-facts", "metres")

    # correct a relation
    open_tab(page, "Graph")
    shows(page, "relations", "left of")
    choose(page, "subject", "chair")
    choose(page, "predicate", "above")
    choose(page, "object", "lamp")
    page.click("#correct")
    shows(page, "relations", "person")
    corrected = studio.open(owner, sample.id).graph.relation("chair-1", "lamp-1", "direction", "image")
    assert corrected is not None
    assert (corrected.predicate, corrected.origin, corrected.verdict) == ("above", "person", "true")

    # ask another relation of a new picture, regenerate, keep
    choose(page, "subject", "chair")
    choose(page, "predicate", "right of")
    choose(page, "object", "lamp")
    page.click("#want")
    open_tab(page, "Regenerate")
    shows(page, "wanted", "right of")
    page.click("#regenerate")
    shows(page, "verdicts", "verified")
    page.click("#keep")
    status_has(page, "picture: compositor")
    _, kept = visitor_sample(studio, f"{picture.stem} changed")
    assert kept.parent == sample.id
    measured = kept.graph.relation("chair-1", "lamp-1", "direction", "image")
    assert measured is not None
    assert (measured.predicate, measured.verdict, measured.origin) == ("right of", "true", "geometry")
    assert studio.open(owner, sample.id).graph.relation("chair-1", "lamp-1", "direction", "image").predicate == "above"  # type: ignore[union-attr]

    # correct an answer of the new picture: the graph follows; accept everything
    open_tab(page, "Questions")
    shows(page, "questions", "chair")
    pair, flipped, implied = correctable(kept)
    field(page, "qa-text").fill(pair.question)
    wait_rows(page, "questions", 1)
    click_row(page, "questions", 0)
    reads(page, "question", pair.question)
    page.locator("#answer input").fill(flipped)
    page.keyboard.press("Enter")
    page.click("#qa-save")
    shows(page, "questions", "edited")
    field(page, "qa-text").fill("")
    wait_rows(page, "questions", least=5)
    page.click("#accept-all")
    expect(page.locator("#qa-count")).to_have_text(re.compile(r"[1-9]\d* accepted"))
    now = studio.open(owner, kept.id)
    after = next(p for p in now.qa if p.key == pair.key)
    assert (after.answer, after.origin, after.mark, after.status) == (flipped, "person", "", "accepted")
    fact = next(r for r in now.graph if (r.subject, r.predicate, r.object, r.frame) == implied[:4])
    assert (fact.verdict, fact.origin) == (implied[4], "person")

    # export what was accepted, and check it says what the screen said
    open_tab(page, "Data set")
    shows(page, "export-preview", "conversations")
    page.click("#export")
    link = page.locator("#export-file a[download]").first
    link.wait_for()
    with page.expect_download() as download:
        link.click()
    out = tmp_path / "export.zip"
    download.value.save_as(out)
    with zipfile.ZipFile(out) as archive:
        listed = archive.namelist()
        data = json.loads(archive.read(next(n for n in listed if n.endswith(".json"))))
        by_id = {row["id"]: row for row in data}
        assert set(by_id) == {sample.id, kept.id}
        said = by_id[kept.id]["conversations"]
        turns = {
            q["value"].removeprefix("<image>\n").split("\n")[0]: a["value"]
            for q, a in zip(said[::2], said[1::2], strict=True)
        }
        assert turns[pair.question] == flipped
        for p in now.qa:
            assert (p.status == "accepted") == (p.question in turns)
        image_name = next(n for n in listed if n.endswith(by_id[kept.id]["image"]))
        with archive.open(image_name) as f:
            assert np.array_equal(np.asarray(Image.open(f).convert("RGB")), kept.image)


def test_a_second_visitor_sees_nothing_of_the_first(browser: Any, served: tuple[str, Studio]) -> None:
    contexts = [browser.new_context(viewport={"width": 1280, "height": 800}) for _ in range(2)]
    first, second = (c.new_page() for c in contexts)
    arrive(first, served)
    field(first, "scene").fill("kitchen")
    first.click("#make-scene")
    status_has(first, "picture: compositor")
    arrive(second, served)
    open_tab(second, "Data set")
    assert rows(second, "samples-table") == []
    first.reload(wait_until="domcontentloaded")
    status_has(first, "picture: compositor")
    for c in contexts:
        c.close()


def test_bad_files_get_one_clear_line(page: Any, served: tuple[str, Studio], tmp_path: Path) -> None:
    bad = tmp_path / "broken.png"
    bad.write_bytes(b"\x89PNG\r\n\x1a\n but no picture")
    arrive(page, served)
    with answered(page):
        page.locator("#pictures input[type=file]").set_input_files(str(bad))
        toast(page, "broken.png")
    expect(page.locator("[data-testid=toast-body]", has_text="Traceback")).to_have_count(0)
    status_has(page, "Nothing is open yet")


def test_messages_arrows_and_reload(page: Any, served: tuple[str, Studio]) -> None:
    studio = arrive(page, served)
    page.click("#example-kitchen")
    status_has(page, "picture: compositor")

    # a mistake is said on screen, and nothing changes
    field(page, "object-box").fill("a,b")
    page.click("#object-apply")
    toast(page, "No object is selected")

    # an arrow drawn with the keyboard corrects the graph, and the person sees what followed
    expect(field(page, "samples")).not_to_have_value("")
    owner, sample = visitor_sample(studio, field(page, "samples").input_value())
    open_tab(page, "Graph")
    wait_rows(page, "relations", least=5)
    page.locator("#graph [data-node]").first.click(force=True)
    page.locator("#graph [data-node].sel").wait_for()
    page.keyboard.press("r")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.locator("#graph .ed-pop select:focus").select_option("above")
    page.keyboard.press("Enter")
    shows(page, "relations", "by person")  # a corrected relation has no measured margin
    corrected = [r for r in studio.open(owner, sample.id).graph if r.origin == "person"]
    assert {r.predicate for r in corrected} <= {"above", "below"}
    assert len(corrected) == 2

    # undo by button; a reload opens the same sample and tab
    page.click("#undo")
    expect(page.locator("#relations")).not_to_contain_text("by person")
    page.reload(wait_until="domcontentloaded")
    status_has(page, "picture: compositor")
    at(page, sample.id, "graph")
    assert not [r for r in studio.open(owner, sample.id).graph if r.origin == "person"]


def test_an_edit_is_previewed_in_every_tab_then_applied(page: Any, served: tuple[str, Studio]) -> None:
    studio, owner, sample = open_example(page, served, tab="Graph")
    wait_rows(page, "relations", least=4)

    # previewed: shown, counted, not stored
    page.locator("#ask input").check()
    choose(page, "subject", "cup")
    choose(page, "predicate", "right of")
    choose(page, "object", "plate")
    page.click("#correct")
    shows(page, "followed", "cup is right of plate")
    status_has(page, "preview, not applied")
    shows(page, "relations", "right of")
    assert not [r for r in studio.open(owner, sample.id).graph if r.origin == "person"]
    page.click("#discard-draft")
    status_has(page, "saved")
    expect(page.locator("#relations")).not_to_contain_text("right of")

    # applied as one step; two more corrections clash, and a way out is taken
    page.click("#correct")
    shows(page, "followed", "cup is right of plate")
    page.click("#apply-draft")
    status_has(page, "saved")
    page.locator("#ask input").uncheck()
    for subject, object_ in (("spoon", "plate"), ("cup", "spoon")):
        choose(page, "subject", subject)
        choose(page, "predicate", "left of")
        choose(page, "object", object_)
        page.click("#correct")
        toast(page, f"{subject} is left of {object_}")
    shows(page, "clashes", "Contradiction")
    page.locator("#repair input").click()
    page.get_by_role("option").first.click()
    page.click("#mend")
    expect(page.locator("#clashes", has_text="Contradiction")).to_have_count(0)
    assert not studio.open(owner, sample.id).clashes


def test_a_picture_is_checked_against_a_graph_file(page: Any, served: tuple[str, Studio], tmp_path: Path) -> None:
    asked = [{
        "scene": "breakfast", "chosen_objects": ["spoon", "plate", "dog"], "attributes": {}, "negative_objects": "",
        "objects_kg": [[0, "on the right of", 1], [2, "near", 1]],
    }]  # fmt: skip
    (tmp_path / "asked.json").write_text(json.dumps(asked))
    open_example(page, served, tab="Graph")
    page.locator("#check-panel button").first.click()
    page.locator("#check-file input[type=file]").set_input_files(str(tmp_path / "asked.json"))
    shows(page, "check-words", "dog is not in the picture")
    shown = eventually(page, lambda: rows(page, "checked"), lambda all_: any(row[0] == "dog near plate" for row in all_))
    verdicts = {row[0]: row[1] for row in shown}
    assert verdicts["dog near plate"] == "✗ failed"
    assert verdicts["spoon right of plate"] in ("✓ verified", "? undecided")


def test_questions_are_edited_in_the_table_and_what_changed_is_found(page: Any, served: tuple[str, Studio]) -> None:
    studio, owner, sample = open_example(page, served, tab="Questions")
    wait_rows(page, "questions", least=5)
    pair, flipped, _ = correctable(sample)
    field(page, "qa-text").fill(pair.question)
    wait_rows(page, "questions", 1)
    cell = page.locator("#questions [data-testid=cell-0-2]")
    cell.dblclick()
    page.locator("#questions textarea:focus, #questions input:focus").wait_for()
    page.keyboard.press("Control+a")
    page.keyboard.type(flipped)
    page.keyboard.press("Enter")
    shows(page, "questions", "edited")
    after = next(p for p in studio.open(owner, sample.id).qa if p.key == pair.key)
    assert (after.answer, after.origin, after.mark) == (flipped, "person", "")
    edits = [e for e in studio.open(owner, sample.id).events if e.kind == "qa.edit"]
    assert len(edits) == 1

    # what the last step changed can be looked at alone, and taken back as a whole
    field(page, "qa-text").fill("")
    wait_rows(page, "questions", least=5)
    choose(page, "qa-mark", "changed by the last step")
    expect(page.locator("#qa-count")).to_have_text(re.compile(r"[1-9]\d* of \d+ shown"))
    eventually(page, lambda: rows(page, "questions"), lambda all_: all_ and all("changed" in row[5] for row in all_))
    page.click("#undo")
    expect(page.locator("#qa-count")).to_have_text(re.compile(r"^\s*0 of"))
