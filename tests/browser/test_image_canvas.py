"""The image canvas as a person uses it: masks shown, painted, erased, grown and cut; names searched; fingers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect

from spacestudio.domain.boxes import Box
from spacestudio.domain.sample import Sample
from spacestudio.services.studio import Studio
from tests.browser.steps import (
    DESK,
    PHONE,
    Point,
    Screen,
    drag,
    eventually,
    open_example,
    open_tab,
    place,
    reads,
    shows,
    toast,
)

pytestmark = pytest.mark.browser
WIDTH = 600
TINT = "#boxes [data-mask={}] .tint"


def start(page: Any, served: tuple[str, Studio], screen: Screen = DESK) -> tuple[Studio, str, Sample]:
    """The coffee example on the Image tab, its masks drawn."""
    opened = open_example(page, served, screen=screen)
    page.wait_for_selector(TINT.format("cup-1"))
    page.evaluate("document.querySelector('#boxes svg').scrollIntoView({ block: 'center' })")
    return opened


def pixels(page: Any, *points: Point) -> list[Point]:
    """Where pixels of the picture lie on screen."""
    shown = place(page, "#boxes image.be-picture")
    scale = shown["width"] / WIDTH
    return [(shown["x"] + x * scale, shown["y"] + y * scale) for x, y in points]


def draw(page: Any, *points: Point) -> None:
    """Drag the mouse over pixels of the picture."""
    drag(page, *pixels(page, *points))


def path_of(page: Any, object_id: str) -> str:
    return str(page.locator(TINT.format(object_id)).get_attribute("d"))


def wait_path(page: Any, object_id: str, old: str, same: bool = False) -> None:
    """Wait until the shape of a mask is another one (or the `same` again)."""
    shape = expect(page.locator(TINT.format(object_id)))
    (shape.to_have_attribute if same else shape.not_to_have_attribute)("d", old)


def take(page: Any, object_id: str) -> None:
    """Choose an object by its name on the picture."""
    page.locator(f"#boxes .be-pill[data-box={object_id}]").click()
    page.wait_for_selector(f"#boxes .be-shape.sel[data-mask={object_id}]")
    reads(page, "object-label", object_id.rsplit("-", 1)[0])


def mask_of(studio: Studio, owner: str, sample: Sample, object_id: str) -> np.ndarray:
    mask = studio.open(owner, sample.id).graph[object_id].mask
    assert mask is not None
    return mask


def test_paint_erase_grow_cut_toggle_and_undo(page: Any, served: tuple[str, Studio]) -> None:
    studio, owner, sample = start(page, served)
    before = mask_of(studio, owner, sample, "spoon-1")
    direction = sample.graph.relation("spoon-1", "cup-1", "direction", "image")
    assert direction is not None

    # with nothing chosen, the tool says what to do first, and a click chooses
    page.locator("#boxes svg").focus()
    page.keyboard.press("b")
    shows(page, "boxes", "Choose an object first")
    take(page, "spoon-1")
    shows(page, "boxes", "paint the mask of spoon")

    # a stroke is one act: mask, box, relation and undo button follow
    page.keyboard.press("]")
    first = path_of(page, "spoon-1")
    draw(page, (60, 330), (300, 340), (420, 330))
    wait_path(page, "spoon-1", first)
    expect(page.locator("#boxes .be-stroke")).to_have_count(0)
    painted = studio.open(owner, sample.id)
    mask = mask_of(studio, owner, sample, "spoon-1")
    assert mask.sum() > before.sum() + 2000
    assert (mask & before).sum() == before.sum()
    assert mask[330, 62]
    assert painted.graph["spoon-1"].box == Box.around(mask)
    assert len(painted.events) == len(sample.events) + 1
    followed = painted.graph.relation("spoon-1", "cup-1", "direction", "image")
    assert followed is not None
    assert (followed.predicate, followed.verdict, followed.margin) != (
        direction.predicate,
        direction.verdict,
        direction.margin,
    )
    page.wait_for_selector("#boxes [data-cmd=tool][data-tool=brush][aria-pressed=true]")  # the tool is still in hand

    # erase some of it
    second = path_of(page, "spoon-1")
    page.keyboard.press("e")
    draw(page, (50, 330), (200, 335))
    wait_path(page, "spoon-1", second)
    erased = mask_of(studio, owner, sample, "spoon-1")
    assert erased.sum() < mask.sum()
    assert not erased[330, 62]

    # undo by key, twice: the mask is as it was
    page.keyboard.press("Control+z")
    wait_path(page, "spoon-1", second, same=True)
    page.keyboard.press("Control+z")
    wait_path(page, "spoon-1", first, same=True)
    assert np.array_equal(mask_of(studio, owner, sample, "spoon-1"), before)

    # grow by a click on the plate, cut it away by another
    page.locator("#boxes svg").focus()
    page.keyboard.press("g")
    page.mouse.click(*pixels(page, (130, 230))[0])
    wait_path(page, "spoon-1", first)
    grown = mask_of(studio, owner, sample, "spoon-1")
    assert grown[230, 130]
    assert grown.sum() > before.sum()
    third = path_of(page, "spoon-1")
    page.keyboard.press("c")
    page.mouse.click(*pixels(page, (130, 230))[0])
    wait_path(page, "spoon-1", third)
    assert not mask_of(studio, owner, sample, "spoon-1")[230, 130]

    # masks off and on; V and Escape put the tool down
    page.keyboard.press("m")
    page.wait_for_selector("#boxes .be-shape", state="detached")
    page.keyboard.press("m")
    page.wait_for_selector("#boxes .be-shape.sel")
    page.keyboard.press("Escape")
    page.wait_for_selector("#boxes [data-cmd=tool][data-tool=select][aria-pressed=true]")
    page.wait_for_selector("#boxes .be-handle")

    # chosen here is chosen in the other tabs too
    open_tab(page, "Graph")
    page.wait_for_selector("#graph [data-node=spoon-1].sel")


def test_a_painted_mask_stays_while_its_box_moves_a_little(page: Any, served: tuple[str, Studio]) -> None:
    studio, owner, sample = start(page, served)
    take(page, "spoon-1")
    first = path_of(page, "spoon-1")
    page.keyboard.press("b")
    draw(page, (300, 300), (420, 330))
    wait_path(page, "spoon-1", first)
    page.keyboard.press("v")
    painted, outline = mask_of(studio, owner, sample, "spoon-1"), path_of(page, "spoon-1")

    box = studio.open(owner, sample.id).graph["spoon-1"].box
    x, y = box.center
    draw(page, (x, y), (x, y - 20))
    wait_path(page, "spoon-1", outline)
    kept, outline = mask_of(studio, owner, sample, "spoon-1"), path_of(page, "spoon-1")
    assert not (kept & ~painted).any()
    assert 2 * kept.sum() >= painted.sum()
    expect(page.locator("[data-testid=toast-body]", has_text="painted by hand")).to_have_count(0)

    draw(page, (x, y - 20), (100, 60))
    toast(page, "painted by hand no longer fits the box")
    wait_path(page, "spoon-1", outline)
    assert (mask_of(studio, owner, sample, "spoon-1") & ~painted).any()
    page.keyboard.press("Control+z")
    wait_path(page, "spoon-1", outline, same=True)
    assert np.array_equal(mask_of(studio, owner, sample, "spoon-1"), kept)


def test_a_mask_is_never_erased_wholly(page: Any, served: tuple[str, Studio]) -> None:
    studio, owner, sample = start(page, served)
    take(page, "spoon-1")
    before = path_of(page, "spoon-1")
    page.keyboard.press("e")
    page.locator("#boxes .be-size input").fill("180")
    shows(page, "boxes", "180 px")
    box = sample.graph["spoon-1"].box
    x, _ = box.center
    draw(page, (x, box.y0), (x, box.y1), (x + 30, box.y0))
    toast(page, "Nothing would be left of “spoon”")
    expect(page.locator("#boxes .be-stroke")).to_have_count(0)
    wait_path(page, "spoon-1", before, same=True)
    assert studio.open(owner, sample.id).events == sample.events


def test_names_are_searched_by_key_and_any_name_may_be_typed(page: Any, served: tuple[str, Studio]) -> None:
    studio, owner, sample = start(page, served)
    take(page, "cup-1")
    page.keyboard.press("F2")
    page.locator("#boxes .ed-pop input:focus").fill("glass")
    options = page.locator("#boxes [role=option]")
    names = eventually(page, options.all_inner_texts, lambda found: "wine glass" in found)
    assert all("glass" in name for name in names)
    for _ in range(names.index("wine glass") + 1):
        page.keyboard.press("ArrowDown")
    expect(page.locator("#boxes [role=option][aria-selected=true]")).to_have_text("wine glass")
    page.keyboard.press("Enter")
    shows(page, "objects", "wine glass")
    page.wait_for_selector("#boxes .be-box[data-box=cup-1]:focus")

    page.keyboard.press("Enter")
    page.locator("#boxes .ed-pop input:focus").fill("tazza rossa")
    expect(page.locator("#boxes [role=option]:visible")).to_have_count(0)
    page.keyboard.press("Enter")
    shows(page, "objects", "tazza rossa")

    page.keyboard.press("F2")
    page.locator("#boxes .ed-pop input:focus").fill("bow")
    page.locator("#boxes [role=option]", has_text="bowl").first.click()
    shows(page, "objects", "bowl")
    assert studio.open(owner, sample.id).graph["cup-1"].label == "bowl"


def touch(client: Any, kind: str, *points: tuple[float, float]) -> None:
    client.send(
        "Input.dispatchTouchEvent",
        {"type": kind, "touchPoints": [{"x": x, "y": y, "id": k} for k, (x, y) in enumerate(points)]},
    )


def test_one_finger_paints_two_fingers_zoom(browser: Any, served: tuple[str, Studio]) -> None:
    context = browser.new_context(has_touch=True, color_scheme="dark")
    page = context.new_page()
    studio, owner, sample = start(page, served, PHONE)
    client = context.new_cdp_session(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    bar, stage = (place(page, css) for css in ("#boxes .ed-bar", "#boxes .ed-stage"))
    assert bar["y"] + bar["height"] <= stage["y"]  # nothing of the toolbar lies over the picture
    for button in page.locator("#boxes .ed-bar button:visible").all():
        shown = button.bounding_box()
        assert shown["x"] >= 0
        assert shown["x"] + shown["width"] <= 390

    page.locator("#boxes .be-pill[data-box=cup-1]").tap()
    page.wait_for_selector("#boxes .be-shape.sel[data-mask=cup-1]")
    page.locator("#boxes [data-tool=brush]").tap()
    page.wait_for_selector("#boxes [data-tool=brush][aria-pressed=true]")
    before, scrolled = path_of(page, "cup-1"), page.evaluate("scrollY")
    at, *onward = pixels(page, *((40 + 20 * k, 100 + 3 * k) for k in range(9)))
    touch(client, "touchStart", at)
    for point in onward:
        touch(client, "touchMove", point)
    touch(client, "touchEnd")
    wait_path(page, "cup-1", before)
    assert mask_of(studio, owner, sample, "cup-1")[103, 62]
    assert page.evaluate("scrollY") == scrolled

    # two fingers: the view grows, nothing is painted
    events = studio.open(owner, sample.id).events
    wide = place(page, "#boxes image.be-picture")["width"]
    (ax, ay), (bx, by) = pixels(page, (250, 200), (350, 200))
    touch(client, "touchStart", (ax, ay))
    touch(client, "touchStart", (ax, ay), (bx, by))
    for k in range(1, 6):
        touch(client, "touchMove", (ax - 8 * k, ay), (bx + 8 * k, by))
    touch(client, "touchEnd")
    eventually(page, lambda: place(page, "#boxes image.be-picture")["width"], lambda now: now > 1.3 * wide)
    expect(page.locator("#boxes .be-stroke")).to_have_count(0)
    assert studio.open(owner, sample.id).events == events
    context.close()
