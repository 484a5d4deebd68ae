"""The whole loop as a person walks it: picture, depth, boxes, graph, new picture, questions, export."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks.startup import free_port
from spacestudio.services.studio import Studio
from tests.services.test_studio import correctable
from tests.support import DATA, motorcycle

pytestmark = pytest.mark.browser

CUT = {"motorcycle": (60, 95, 690, 470)}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Studio]]:
    from spacestudio.ui.build import build, launch_options

    studio = Studio(tmp_path_factory.mktemp("data"))
    demo = build(studio)
    own = {"server_name": "127.0.0.1", "server_port": free_port(), "blocked_paths": []}  # two workers must not meet
    options = launch_options(studio, prevent_thread_lock=True, quiet=True, **own)
    _, url, _ = demo.launch(**options)
    yield url, studio
    demo.close(verbose=False)


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


def shows(page: Any, elem_id: str, text: str) -> None:
    """Wait until an element says something."""
    page.wait_for_function(
        "([id, text]) => (document.getElementById(id)?.innerText ?? '').includes(text)", arg=[elem_id, text], timeout=60_000
    )


def status_has(page: Any, text: str) -> None:
    """Wait until the header says something, in its line or beside the undo buttons."""
    page.wait_for_function(
        "text => ['status', 'saved'].some(id => (document.getElementById(id)?.innerText ?? '').includes(text))",
        arg=text,
        timeout=60_000,
    )


def open_tab(page: Any, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()


def draw_box(page: Any, name: str, box: tuple[float, float, float, float], width: int) -> None:
    """Drag a box over the picture with the mouse, type its name, press Enter."""
    picture = page.locator("#boxes svg image").first
    picture.scroll_into_view_if_needed()
    left, top, wide = picture.evaluate("i => { const r = i.getBoundingClientRect(); return [r.left, r.top, r.width]; }")
    scale = wide / width
    x0, x1 = (left + v * scale for v in box[::2])
    y0, y1 = (top + v * scale for v in box[1::2])
    page.mouse.move(x0, y0)
    page.mouse.down()
    page.mouse.move((x0 + x1) / 2, (y0 + y1) / 2, steps=4)
    page.mouse.move(x1, y1, steps=4)
    page.mouse.up()
    page.keyboard.type(name)
    page.keyboard.press("Enter")
    shows(page, "objects", name)


def choose(page: Any, elem_id: str, option: str) -> None:
    field = page.locator(f"#{elem_id} input")
    field.click()
    field.fill(option)
    page.get_by_role("option", name=option, exact=True).first.click()


def rows(page: Any, elem_id: str) -> list[list[str]]:
    """The rows a table shows now."""
    found: list[tuple[int, str]] = page.evaluate(
        """id => [...document.querySelectorAll(`#${id} [data-testid^='cell-']`)].map(c => [Number(c.dataset.row), c.innerText.trim()])""",
        elem_id,
    )
    table: dict[int, list[str]] = {}
    for row, text in found:
        table.setdefault(row, []).append(text)
    return [table[row] for row in sorted(table)]


def wait_rows(page: Any, elem_id: str, test: str) -> None:
    """Wait until the number n of rows a table shows passes a test, such as "n > 4"."""
    page.wait_for_function(
        f"""id => {{ const n = new Set([...document.querySelectorAll(`#${{id}} [data-testid^='cell-']`)].map(c => c.dataset.row)).size; return {test}; }}""",
        arg=elem_id,
        timeout=60_000,
    )


def click_row(page: Any, elem_id: str, row: int) -> None:
    page.locator(f"#{elem_id} [data-testid=cell-{row}-1]").click()


def visitor_sample(studio: Studio, name: str) -> tuple[str, Any]:
    """The newest sample of that name over all visitors of this test's store."""
    from sqlalchemy import select
    from sqlalchemy.orm import Session

    from spacestudio.store.schema import SampleRow

    with Session(studio.database.engine) as session:
        row = session.scalars(select(SampleRow).where(SampleRow.name == name).order_by(SampleRow.row.desc())).first()
        assert row is not None
        return row.owner, studio.open(row.owner, row.id)


def test_the_whole_loop(
    page: Any, served: tuple[str, Studio], photo: tuple[Path, Path, dict[str, Any]], tmp_path: Path
) -> None:
    url, studio = served
    picture, depth, boxes = photo
    page.set_default_timeout(30_000)
    page.goto(url, wait_until="domcontentloaded")
    status_has(page, "Nothing is open yet")

    # a picture, dropped: the whole chain runs at once
    page.locator("#pictures input[type=file]").set_input_files(str(picture))
    status_has(page, "estimate without a model")
    # its own depth file
    page.get_by_text("Depth, camera and objects from files").click()
    page.locator("#depth-file input[type=file]").set_input_files(str(depth))
    status_has(page, "(m)")
    # proposals go, two things are drawn and named
    wait_rows(page, "objects", "n > 0")
    while count := len(rows(page, "objects")):
        click_row(page, "objects", 0)
        page.wait_for_function("() => document.querySelector('#object-label textarea, #object-label input').value !== ''")
        page.click("#object-delete")
        wait_rows(page, "objects", f"n < {count}")
        page.wait_for_function("() => document.querySelector('#object-label textarea, #object-label input').value === ''")
    with Image.open(picture) as opened:
        width = opened.width
    for name, box in boxes.items():
        draw_box(page, name, box, width)
    owner, sample = visitor_sample(studio, picture.stem)
    assert [o.label for o in sample.objects] == list(boxes)
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
    page.locator("#qa-text input, #qa-text textarea").first.fill(pair.question)
    wait_rows(page, "questions", "n === 1")
    click_row(page, "questions", 0)
    page.wait_for_function("q => document.querySelector('#question textarea').value === q", arg=pair.question)
    page.locator("#answer input").fill(flipped)
    page.keyboard.press("Enter")
    page.click("#qa-save")
    shows(page, "questions", "edited")
    page.locator("#qa-text input, #qa-text textarea").first.fill("")
    wait_rows(page, "questions", "n > 4")
    page.click("#accept-all")
    page.wait_for_function("() => /[1-9]\\d* accepted/.test(document.querySelector('#qa-count').innerText)")
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
    url, _ = served
    contexts = [browser.new_context(viewport={"width": 1280, "height": 800}) for _ in range(2)]
    first, second = (c.new_page() for c in contexts)
    first.goto(url, wait_until="domcontentloaded")
    status_has(first, "Nothing is open yet")
    first.locator("#scene textarea, #scene input").first.fill("kitchen")
    first.click("#make-scene")
    status_has(first, "picture: compositor")
    second.goto(url, wait_until="domcontentloaded")
    status_has(second, "Nothing is open yet")
    open_tab(second, "Data set")
    assert rows(second, "samples-table") == []
    first.reload(wait_until="domcontentloaded")
    status_has(first, "picture: compositor")
    for c in contexts:
        c.close()


def test_bad_files_get_one_clear_line(page: Any, served: tuple[str, Studio], tmp_path: Path) -> None:
    url, _ = served
    bad = tmp_path / "broken.png"
    bad.write_bytes(b"\x89PNG\r\n\x1a\n but no picture")
    page.goto(url, wait_until="domcontentloaded")
    status_has(page, "Nothing is open yet")
    page.locator("#pictures input[type=file]").set_input_files(str(bad))
    toast = page.locator(".toast-body, [data-testid=toast-body]").first
    toast.wait_for(timeout=20_000)
    text = toast.inner_text()
    assert "broken.png" in text
    assert "Traceback" not in text
    status_has(page, "Nothing is open yet")


def test_messages_arrows_and_reload(page: Any, served: tuple[str, Studio]) -> None:
    url, studio = served
    page.set_default_timeout(30_000)
    page.goto(url, wait_until="domcontentloaded")
    status_has(page, "Nothing is open yet")
    page.click("#example-kitchen")
    status_has(page, "picture: compositor")

    # a mistake is said on screen, and nothing changes
    page.locator("#object-box textarea, #object-box input").first.fill("a,b")
    page.click("#object-apply")
    page.locator("[data-testid=toast-body]", has_text="No object is selected").first.wait_for()

    # an arrow drawn with the keyboard corrects the graph, and the person sees what followed
    owner, sample = visitor_sample(studio, page.locator("#samples input").input_value())
    open_tab(page, "Graph")
    wait_rows(page, "relations", "n > 4")
    page.locator("#graph [data-node]").first.click(force=True)
    page.keyboard.press("r")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelectorAll('#graph select option').length > 10")
    page.locator("#graph select").first.select_option("above")
    page.keyboard.press("Enter")
    shows(page, "relations", "by person")  # a corrected relation has no measured margin
    corrected = [r for r in studio.open(owner, sample.id).graph if r.origin == "person"]
    assert {r.predicate for r in corrected} <= {"above", "below"}
    assert len(corrected) == 2

    # undo by button; a reload opens the same sample and tab
    page.click("#undo")
    page.wait_for_function("() => !document.getElementById('relations').innerText.includes('by person')")
    page.reload(wait_until="domcontentloaded")
    status_has(page, "picture: compositor")
    page.wait_for_function("() => document.querySelector('[role=tab][aria-selected=true]')?.innerText === 'Graph'")
    assert not [r for r in studio.open(owner, sample.id).graph if r.origin == "person"]


def test_an_edit_is_previewed_in_every_tab_then_applied(page: Any, served: tuple[str, Studio]) -> None:
    url, studio = served
    page.set_default_timeout(30_000)
    page.goto(url, wait_until="domcontentloaded")
    status_has(page, "Nothing is open yet")
    page.click("#example-coffee")
    status_has(page, "coffee")
    owner, sample = visitor_sample(studio, "coffee")
    open_tab(page, "Graph")
    wait_rows(page, "relations", "n > 3")

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
    page.wait_for_function("() => !document.getElementById('relations').innerText.includes('right of')")

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
        page.locator("[data-testid=toast-body]", has_text=f"{subject} is left of {object_}").first.wait_for()
    shows(page, "clashes", "Contradiction")
    page.locator("#repair input").click()
    page.get_by_role("option").first.click()
    page.click("#mend")
    page.wait_for_function("() => !(document.getElementById('clashes')?.innerText ?? '').includes('Contradiction')")
    assert not studio.open(owner, sample.id).clashes


def test_a_picture_is_checked_against_a_graph_file(page: Any, served: tuple[str, Studio], tmp_path: Path) -> None:
    url, _ = served
    asked = [{
        "scene": "breakfast", "chosen_objects": ["spoon", "plate", "dog"], "attributes": {}, "negative_objects": "",
        "objects_kg": [[0, "on the right of", 1], [2, "near", 1]],
    }]  # fmt: skip
    (tmp_path / "asked.json").write_text(json.dumps(asked))
    page.set_default_timeout(30_000)
    page.goto(url, wait_until="domcontentloaded")
    status_has(page, "Nothing is open yet")
    page.click("#example-coffee")
    status_has(page, "coffee")
    open_tab(page, "Graph")
    page.locator("#check-panel button").first.click()
    page.locator("#check-file input[type=file]").set_input_files(str(tmp_path / "asked.json"))
    shows(page, "check-words", "dog is not in the picture")
    verdicts = {row[0]: row[1] for row in rows(page, "checked")}
    assert verdicts["dog near plate"] == "✗ failed"
    assert verdicts["spoon right of plate"] in ("✓ verified", "? undecided")


def test_questions_are_edited_in_the_table_and_what_changed_is_found(page: Any, served: tuple[str, Studio]) -> None:
    url, studio = served
    page.set_default_timeout(30_000)
    page.goto(url, wait_until="domcontentloaded")
    status_has(page, "Nothing is open yet")
    page.click("#example-coffee")
    status_has(page, "coffee")
    owner, sample = visitor_sample(studio, "coffee")
    open_tab(page, "Questions")
    wait_rows(page, "questions", "n > 4")
    pair, flipped, _ = correctable(sample)
    page.locator("#qa-text input, #qa-text textarea").first.fill(pair.question)
    wait_rows(page, "questions", "n === 1")
    cell = page.locator("#questions [data-testid=cell-0-2]")
    cell.dblclick()
    page.keyboard.press("Control+a")
    page.keyboard.type(flipped)
    page.keyboard.press("Enter")
    shows(page, "questions", "edited")
    after = next(p for p in studio.open(owner, sample.id).qa if p.key == pair.key)
    assert (after.answer, after.origin, after.mark) == (flipped, "person", "")
    edits = [e for e in studio.open(owner, sample.id).events if e.kind == "qa.edit"]
    assert len(edits) == 1

    # what the last step changed can be looked at alone, and taken back as a whole
    page.locator("#qa-text input, #qa-text textarea").first.fill("")
    wait_rows(page, "questions", "n > 4")
    choose(page, "qa-mark", "changed by the last step")
    page.wait_for_function("() => /([1-9]\\d*) of \\d+ shown/.test(document.querySelector('#qa-count').innerText)")
    page.wait_for_function(
        """() => { const marks = [...document.querySelectorAll("#questions [data-testid^='cell-'][data-testid$='-5']")];
                   return marks.length && marks.every(c => c.innerText.includes('changed')); }"""
    )
    page.click("#undo")
    page.wait_for_function("() => document.querySelector('#qa-count').innerText.startsWith('0 of')")
