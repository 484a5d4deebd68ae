"""The graph canvas as a person uses it: arrows, names, several at once, contradictions, placement, fingers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from spacestudio.domain.sample import Sample
from spacestudio.services.studio import Studio
from tests.browser.test_walkthrough import choose, rows, served, shows, status_has, visitor_sample

__all__ = ["served"]
pytestmark = pytest.mark.browser

SCREENS = [("light", 1440, 900), ("dark", 390, 844)]
screens = pytest.mark.parametrize("screen", SCREENS, ids=lambda s: f"{s[0]}-{s[1]}")
Screen = tuple[str, int, int]
Point = tuple[float, float]


def start(page: Any, served: tuple[str, Studio], screen: Screen = SCREENS[0]) -> tuple[Studio, str, Sample]:
    """The coffee example on the Graph tab: a cup, a spoon and a plate."""
    url, studio = served
    theme, width, height = screen
    page.set_default_timeout(30_000)
    page.set_viewport_size({"width": width, "height": height})
    page.goto(f"{url}?__theme={theme}", wait_until="domcontentloaded")
    status_has(page, "Nothing is open yet")
    page.click("#example-coffee")
    status_has(page, "coffee")
    if width < 600:  # the last tabs wait in a menu
        page.locator(".overflow-menu > button").first.click()
        page.locator(".overflow-dropdown button", has_text="Graph").click()
    else:
        page.get_by_role("tab", name="Graph", exact=True).click()
    page.wait_for_selector(node("cup-1"))
    page.wait_for_function("() => document.querySelectorAll('#relations [data-testid^=cell-]').length > 8")
    into_view(page)
    return studio, *visitor_sample(studio, "coffee")


def into_view(page: Any) -> None:
    page.evaluate("document.querySelector('#graph svg.ed-canvas').scrollIntoView({ block: 'center' })")


def node(object_id: str) -> str:
    return f"#graph .ge-node[data-node={object_id}]"


def middle(page: Any, selector: str) -> Point:
    box = page.locator(selector).first.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page: Any, start: Point, end: Point) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2, steps=4)
    page.mouse.move(*end, steps=4)
    page.mouse.up()


def draw_arrow(page: Any, source: str, relation: str, target: str) -> None:
    """Pull an arrow from one node to another and choose what it says."""
    into_view(page)
    page.mouse.move(*middle(page, f"{node(source)} .body"))
    drag(page, middle(page, f"{node(source)} .grip"), middle(page, f"{node(target)} .body"))
    page.locator("#graph .ed-pop select:focus").select_option(relation)
    words = f"{source[:-2]} {relation} {target[:-2]}, true"
    page.wait_for_selector(f"#graph .ge-edge.sel[aria-label^='{words}']:not([data-edge^=new])")


def chosen_row(page: Any, *words: str) -> None:
    """Wait until the table's marked row says these words."""
    page.wait_for_function(
        """words => {
          const cells = [...document.querySelectorAll("#relations [data-testid^=cell-]")], mark = cells.find(c => c.innerText.includes("▸"));
          const row = mark && cells.filter(c => c.dataset.row === mark.dataset.row).map(c => c.innerText.trim());
          return row && words.every((word, i) => row[i + 1] === word);
        }""",
        arg=list(words),
    )


def count_nodes(page: Any, n: int) -> None:
    page.wait_for_function("n => document.querySelectorAll('#graph .ge-node').length === n", arg=n)


@screens
def test_an_arrow_is_drawn_and_table_and_form_follow(page: Any, served: tuple[str, Studio], screen: Screen) -> None:
    studio, owner, sample = start(page, served, screen)
    for control in page.locator("#graph button, #graph svg.ed-canvas, #graph .ge-node, #graph .ge-edge").all():
        assert control.get_attribute("aria-label") or control.inner_text().strip()
    hrefs = [image.get_attribute("href") for image in page.locator("#graph .ge-node image").all()]
    assert len(hrefs) == len(set(hrefs)) == 3
    assert all(str(href).startswith("data:image/jpeg;base64,") for href in hrefs)

    draw_arrow(page, "cup-1", "right of", "plate-1")
    said = studio.open(owner, sample.id).graph.relation("cup-1", "plate-1", "direction", "image")
    assert said is not None
    assert (said.predicate, said.origin) == ("right of", "person")
    chosen_row(page, "cup", "right of", "plate")
    shows(page, "reason", "Set by a person")

    # a click in the table chooses the arrow
    other = next(row for row in rows(page, "relations") if row[2] == "on")
    page.locator("#relations [data-testid^=cell-]", has_text="on").filter(has_not_text="person").first.click()
    page.wait_for_selector(f"#graph .ge-edge.sel[aria-label^='{other[1]} on {other[3]}']")
    chosen_row(page, other[1], "on", other[3])

    # and the canvas the row: its arrow comes first
    page.locator("#graph .ge-edge[aria-label^='cup right of plate']").focus()
    chosen_row(page, "cup", "right of", "plate")
    page.keyboard.press("Delete")  # takes the correction back
    page.wait_for_selector("#graph .ge-edge[aria-label^='cup right of plate']", state="detached")


@screens
def test_a_name_and_attributes_are_given_and_taken_back(page: Any, served: tuple[str, Studio], screen: Screen) -> None:
    studio, owner, sample = start(page, served, screen)
    page.mouse.dblclick(*middle(page, f"{node('cup-1')} .body"))
    page.locator("#graph").get_by_label("Name", exact=True).fill("mug")
    page.locator("#graph").get_by_label("Attributes, comma-separated").fill("white,  small")
    page.locator("#graph .ed-pop button", has_text="Save").click()
    page.wait_for_selector(f"{node('cup-1')}[aria-label='white small mug']")
    shows(page, "relations", "white small mug")
    assert (o := studio.open(owner, sample.id).graph["cup-1"]).label == "mug"
    assert o.attributes == ("white", "small")

    page.locator(node("cup-1")).focus()
    page.keyboard.press("F2")
    page.locator("#graph").get_by_label("Name", exact=True).wait_for()
    assert page.locator("#graph").get_by_label("Attributes, comma-separated").input_value() == "white, small"
    page.keyboard.press("Tab")
    page.keyboard.type("red")
    page.keyboard.press("Escape")  # gives up
    page.keyboard.press("Control+z")
    page.wait_for_selector(f"{node('cup-1')}[aria-label='cup']")
    assert studio.open(owner, sample.id).graph["cup-1"].attributes == sample.graph["cup-1"].attributes


@screens
def test_several_are_deleted_as_one_act(page: Any, served: tuple[str, Studio], screen: Screen) -> None:
    studio, owner, sample = start(page, served, screen)
    status = page.locator("#graph .ed-status")
    if screen[1] > 600:
        page.locator(node("cup-1")).click(position={"x": 20, "y": 12})
        page.keyboard.down("Shift")
        page.locator(node("spoon-1")).click(position={"x": 20, "y": 12})
        page.keyboard.up("Shift")
    else:
        page.click("#graph [data-cmd=several]")
        page.locator(node("cup-1")).click(position={"x": 20, "y": 12})
        page.locator(node("spoon-1")).click(position={"x": 20, "y": 12})
    status.filter(has_text="2 objects chosen").wait_for()
    page.keyboard.press("Delete")
    count_nodes(page, 1)
    page.wait_for_function("() => !document.getElementById('relations').innerText.includes('spoon')")
    assert studio.open(owner, sample.id).graph.ids == ("plate-1",)
    page.keyboard.press("Control+z")
    count_nodes(page, 3)
    assert studio.open(owner, sample.id).graph.ids == sample.graph.ids

    # a rectangle around all, and by keys
    canvas = page.locator("#graph svg.ed-canvas").bounding_box()
    page.keyboard.down("Shift")
    drag(page, (canvas["x"] + 4, canvas["y"] + 4), (canvas["x"] + canvas["width"] - 4, canvas["y"] + canvas["height"] - 4))
    page.keyboard.up("Shift")
    status.filter(has_text="3 objects chosen").wait_for()
    page.keyboard.press("Escape")
    status.filter(has_text="3 objects · ").wait_for()
    page.locator(node("cup-1")).focus()
    page.keyboard.press("Shift+ArrowRight")
    status.filter(has_text="2 objects chosen").wait_for()
    page.keyboard.press("Control+a")
    status.filter(has_text="3 objects chosen").wait_for()


@screens
def test_a_contradiction_is_told_at_the_arrow_and_mended_there(
    page: Any, served: tuple[str, Studio], screen: Screen
) -> None:
    studio, owner, sample = start(page, served, screen)
    draw_arrow(page, "cup-1", "right of", "plate-1")
    draw_arrow(page, "spoon-1", "left of", "plate-1")  # while the cup is measured left of the spoon
    card = page.locator("#graph .ge-clash")
    card.filter(has_text="can't all hold").wait_for()  # the arrow just drawn is chosen
    assert len(studio.open(owner, sample.id).clashes) == 1
    assert page.locator("#graph .ge-edge.s-conflict").count() == 3
    stage, shown = (page.locator(s).bounding_box() for s in ("#graph .ed-stage", "#graph .ge-clash"))
    assert stage["x"] <= shown["x"]
    assert shown["x"] + shown["width"] <= stage["x"] + stage["width"]
    assert stage["y"] <= shown["y"]
    assert shown["y"] + shown["height"] <= stage["y"] + stage["height"]

    page.keyboard.press("Escape")
    card.wait_for(state="hidden")
    page.locator("#graph .ge-edge.s-conflict").first.focus()
    card.wait_for()
    page.keyboard.press("Enter")  # to the first way out
    page.wait_for_selector("#graph .ge-clash button:focus")
    way = page.evaluate("document.activeElement.textContent")
    page.keyboard.press("Enter")
    page.wait_for_selector("#graph .ge-edge.s-conflict", state="detached")
    assert not studio.open(owner, sample.id).clashes
    page.locator("[data-testid=toast-body]", has_text=way.rstrip(".")).first.wait_for()
    page.keyboard.press("Control+z")
    page.wait_for_selector("#graph .ge-edge.s-conflict")
    assert len(studio.open(owner, sample.id).clashes) == 1


@screens
def test_nodes_are_placed_freely_and_back(page: Any, served: tuple[str, Studio], screen: Screen) -> None:
    start(page, served, screen)
    ids = ("cup-1", "spoon-1", "plate-1")
    picture = page.locator("#graph .ge-picture")
    in_picture = {i: middle(page, f"{node(i)} .body") for i in ids}
    assert picture.is_visible()
    page.click("#graph [data-cmd=free]")
    picture.wait_for(state="hidden")
    arranged = {i: middle(page, f"{node(i)} .body") for i in ids}
    assert arranged != in_picture

    spot = (arranged["cup-1"][0] + 30, arranged["cup-1"][1] + 50)
    drag(page, arranged["cup-1"], spot)
    assert middle(page, f"{node('cup-1')} .body") == pytest.approx(spot, abs=3)
    page.keyboard.press("p")
    picture.wait_for(state="visible")
    assert {i: middle(page, f"{node(i)} .body") for i in ids} == {i: pytest.approx(p, abs=1) for i, p in in_picture.items()}
    page.keyboard.press("p")
    picture.wait_for(state="hidden")
    assert middle(page, f"{node('cup-1')} .body") == pytest.approx(spot, abs=3)  # where the person left it

    page.keyboard.press("Alt+ArrowLeft")
    assert middle(page, f"{node('cup-1')} .body") == pytest.approx((spot[0] - 10, spot[1]), abs=3)
    page.keyboard.press("a")
    assert {i: middle(page, f"{node(i)} .body") for i in ids} == {i: pytest.approx(p, abs=2) for i, p in arranged.items()}
    page.click("#graph [data-cmd=in]")
    assert middle(page, f"{node('cup-1')} .body") != pytest.approx(arranged["cup-1"], abs=1)
    page.locator(node("cup-1")).focus()
    page.keyboard.press("f")
    assert middle(page, f"{node('cup-1')} .body") == pytest.approx(arranged["cup-1"], abs=2)


def test_panels_are_filled_when_unfolded_and_follow_edits(page: Any, served: tuple[str, Studio], tmp_path: Path) -> None:
    studio, owner, sample = start(page, served)
    assert rows(page, "ruled") == []
    page.locator("#rules-panel button").first.click()
    page.wait_for_function("() => document.getElementById('ruled').innerText.includes('plate')")
    page.locator(node("cup-1")).focus()
    page.keyboard.press("F2")
    page.locator("#graph").get_by_label("Name", exact=True).fill("mug")
    page.keyboard.press("Enter")
    page.wait_for_function("() => /mug/.test(document.getElementById('ruled').innerText)")
    page.locator("#absent-panel button").first.click()
    page.locator("#absent input:visible, #absent textarea:visible").fill("zebra")
    page.click("#set-absent")
    shows(page, "status", "coffee")
    page.locator("#rules-panel button").first.click()  # folded, and filled anew when it is unfolded again
    page.locator("#ruled").wait_for(state="hidden")
    page.keyboard.press("Control+z")
    page.wait_for_function("() => document.querySelector('#absent textarea, #absent input').value === ''")
    assert not studio.open(owner, sample.id).graph.negative_objects
    page.keyboard.press("Control+z")
    page.wait_for_selector(f"{node('cup-1')}[aria-label='cup']")
    page.locator("#rules-panel button").first.click()
    page.wait_for_function("() => /cup/.test(document.getElementById('ruled').innerText)")
    assert "mug" not in page.locator("#ruled").inner_text()

    # of a file with several graphs the person says which one the picture is checked against
    asked = [
        {"scene": scene, "chosen_objects": things, "attributes": {}, "negative_objects": "", "objects_kg": [[0, "near", 1]]}
        for scene, things in (("breakfast", ["dog", "plate"]), ("tea", ["cup", "cat"]))
    ]
    (tmp_path / "asked.json").write_text(json.dumps(asked))
    page.locator("#check-panel button").first.click()
    page.locator("#check-file input[type=file]").set_input_files(str(tmp_path / "asked.json"))
    shows(page, "check-words", "breakfast")
    shows(page, "checked", "dog near plate")
    choose(page, "check-which", "1: tea, 2 objects")
    shows(page, "check-words", "tea")
    shows(page, "checked", "cup near cat")


def test_fingers_drag_and_pinch(page: Any, served: tuple[str, Studio]) -> None:
    start(page, served, SCREENS[1])
    page.click("#graph [data-cmd=free]")
    into_view(page)
    hand = page.context.new_cdp_session(page)

    def touch(kind: str, *fingers: Point) -> None:
        points = [{"x": x, "y": y, "id": k} for k, (x, y) in enumerate(fingers)]
        hand.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    at = middle(page, f"{node('cup-1')} .body")
    touch("touchStart", at)
    for k in range(1, 5):
        touch("touchMove", (at[0] + 8 * k, at[1] + 10 * k))
    touch("touchEnd")
    page.wait_for_selector(f"{node('cup-1')}.sel")
    assert middle(page, f"{node('cup-1')} .body") == pytest.approx((at[0] + 32, at[1] + 40), abs=3)

    canvas = page.locator("#graph svg.ed-canvas").bounding_box()
    x, y = canvas["x"] + canvas["width"] / 2, canvas["y"] + 30
    apart = [middle(page, f"{node(i)} .body") for i in ("cup-1", "plate-1")]
    touch("touchStart", (x - 30, y))
    touch("touchStart", (x - 30, y), (x + 30, y))
    for k in range(1, 6):
        touch("touchMove", (x - 30 - 6 * k, y), (x + 30 + 6 * k, y))
    touch("touchEnd")
    wider = [middle(page, f"{node(i)} .body") for i in ("cup-1", "plate-1")]

    def distance(pair: list[Point]) -> float:
        return float(sum((a - b) ** 2 for a, b in zip(*pair, strict=True)) ** 0.5)

    assert distance(wider) == pytest.approx(2 * distance(apart), rel=0.1)
