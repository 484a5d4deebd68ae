"""The graph canvas as a person uses it: arrows, names, several at once, contradictions, placement, fingers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from spacestudio.domain.sample import Sample
from spacestudio.services.studio import Studio
from tests.browser.steps import (
    DESK,
    PHONE,
    Point,
    Screen,
    answered,
    choose,
    drag,
    eventually,
    middle,
    open_example,
    place,
    reads,
    rows,
    screens,
    shows,
    toast,
    wait_rows,
)

pytestmark = pytest.mark.browser


def start(page: Any, served: tuple[str, Studio], screen: Screen = DESK) -> tuple[Studio, str, Sample]:
    """The coffee example on the Graph tab: a cup, a spoon and a plate."""
    opened = open_example(page, served, tab="Graph", screen=screen)
    page.wait_for_selector(node("cup-1"))
    wait_rows(page, "relations", least=2)
    into_view(page)
    return opened


def into_view(page: Any) -> None:
    page.evaluate("document.querySelector('#graph svg.ed-canvas').scrollIntoView({ block: 'center' })")


def node(object_id: str) -> str:
    return f"#graph .ge-node[data-node={object_id}]"


def body(object_id: str) -> str:
    return f"{node(object_id)} .body"


def stands(page: Any, object_id: str, spot: Any) -> None:
    """Wait until a node stands at a point, or anywhere else where that is a function."""
    eventually(page, lambda: middle(page, body(object_id)), spot)


def draw_arrow(page: Any, source: str, relation: str, target: str) -> None:
    """Pull an arrow from one node to another and choose what it says."""
    into_view(page)
    page.mouse.move(*middle(page, body(source)))
    page.locator(f"{node(source)} .grip").wait_for()
    drag(page, middle(page, f"{node(source)} .grip"), middle(page, body(target)))
    page.locator("#graph .ed-pop select:focus").select_option(relation)
    words = f"{source[:-2]} {relation} {target[:-2]}, true"
    page.wait_for_selector(f"#graph .ge-edge.sel[aria-label^='{words}']:not([data-edge^=new])")


def chosen_row(page: Any, *words: str) -> None:
    """Wait until the table's marked row says these words."""

    def marked() -> list[list[str]]:
        return [row[1 : len(words) + 1] for row in rows(page, "relations") if "▸" in row[0]]

    eventually(page, marked, [list(words)])


def count_nodes(page: Any, n: int) -> None:
    expect(page.locator("#graph .ge-node")).to_have_count(n)


@screens
def test_an_arrow_is_drawn_and_table_and_form_follow(page: Any, served: tuple[str, Studio], screen: Screen) -> None:
    studio, owner, sample = start(page, served, screen)
    for control in page.locator("#graph button, #graph svg.ed-canvas, #graph .ge-node, #graph .ge-edge").all():
        assert control.get_attribute("aria-label") or control.inner_text().strip()
    hrefs = eventually(
        page,
        lambda: page.eval_on_selector_all("#graph .ge-node image", "all => all.map(i => i.getAttribute('href') ?? '')"),
        lambda all_: len(all_) == 3 and all(href.startswith("data:image/jpeg;base64,") for href in all_),
    )
    assert len(set(hrefs)) == 3

    draw_arrow(page, "cup-1", "right of", "plate-1")
    said = studio.open(owner, sample.id).graph.relation("cup-1", "plate-1", "direction", "image")
    assert said is not None
    assert (said.predicate, said.origin) == ("right of", "person")
    chosen_row(page, "cup", "right of", "plate")
    shows(page, "reason", "Set by a person")

    # a click in the table chooses the arrow
    other = next(row for row in rows(page, "relations") if row[2] == "on" and "person" not in " ".join(row))
    page.locator("#relations [data-testid^=cell-]", has_text="on").filter(has_not_text="person").first.click()
    page.wait_for_selector(f"#graph .ge-edge.sel[aria-label^='{other[1]} on {other[3]}']")
    chosen_row(page, other[1], "on", other[3])
    reads(page, "subject", other[1])
    reads(page, "object", other[3])

    # and the canvas the row: its arrow comes first
    page.locator("#graph .ge-edge[aria-label^='cup right of plate']").focus()
    chosen_row(page, "cup", "right of", "plate")
    page.keyboard.press("Delete")  # takes the correction back
    page.wait_for_selector("#graph .ge-edge[aria-label^='cup right of plate']", state="detached")


@screens
def test_a_name_and_attributes_are_given_and_taken_back(page: Any, served: tuple[str, Studio], screen: Screen) -> None:
    studio, owner, sample = start(page, served, screen)
    choose(page, "subject", "cup")
    into_view(page)
    page.mouse.dblclick(*middle(page, body("cup-1")))
    page.locator("#graph").get_by_label("Name", exact=True).fill("mug")
    page.locator("#graph").get_by_label("Attributes, comma-separated").fill("white,  small")
    page.locator("#graph .ed-pop button", has_text="Save").click()
    page.wait_for_selector(f"{node('cup-1')}[aria-label='white small mug']")
    shows(page, "relations", "white small mug")
    reads(page, "subject", "white small mug")  # the choice stays, by its new name
    assert (o := studio.open(owner, sample.id).graph["cup-1"]).label == "mug"
    assert o.attributes == ("white", "small")

    page.locator(node("cup-1")).focus()
    page.keyboard.press("F2")
    page.locator("#graph").get_by_label("Name", exact=True).wait_for()
    expect(page.locator("#graph").get_by_label("Attributes, comma-separated")).to_have_value("white, small")
    page.keyboard.press("Tab")
    page.keyboard.type("red")
    page.keyboard.press("Escape")  # gives up
    expect(page.locator("#graph .ed-pop input:visible")).to_have_count(0)
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
    expect(page.locator("#relations")).not_to_contain_text("spoon")
    assert studio.open(owner, sample.id).graph.ids == ("plate-1",)
    page.keyboard.press("Control+z")
    count_nodes(page, 3)
    eventually(page, lambda: studio.open(owner, sample.id).graph.ids, sample.graph.ids)

    # a rectangle around all, and by keys
    canvas = place(page, "#graph svg.ed-canvas")
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
    expect(page.locator("#graph .ge-edge.s-conflict")).to_have_count(3)
    stage, shown = (place(page, css) for css in ("#graph .ed-stage", "#graph .ge-clash"))
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
    toast(page, way.rstrip("."))
    expect(page.locator("#graph .ge-edge.s-conflict")).to_have_count(0)
    eventually(page, lambda: len(studio.open(owner, sample.id).clashes), 0)
    page.keyboard.press("Control+z")
    page.wait_for_selector("#graph .ge-edge.s-conflict")
    eventually(page, lambda: len(studio.open(owner, sample.id).clashes), 1)


@screens
def test_nodes_are_placed_freely_and_back(page: Any, served: tuple[str, Studio], screen: Screen) -> None:
    start(page, served, screen)
    ids = ("cup-1", "spoon-1", "plate-1")
    picture = page.locator("#graph .ge-picture")
    in_picture = {i: middle(page, body(i)) for i in ids}
    expect(picture).to_be_visible()
    page.click("#graph [data-cmd=free]")
    expect(picture).to_be_hidden()
    arranged = {i: middle(page, body(i)) for i in ids}
    assert arranged != in_picture

    spot = (arranged["cup-1"][0] + 30, arranged["cup-1"][1] + 50)
    drag(page, arranged["cup-1"], spot)
    stands(page, "cup-1", pytest.approx(spot, abs=3))
    page.keyboard.press("p")
    expect(picture).to_be_visible()
    for i in ids:
        stands(page, i, pytest.approx(in_picture[i], abs=1))
    page.keyboard.press("p")
    expect(picture).to_be_hidden()
    stands(page, "cup-1", pytest.approx(spot, abs=3))  # where the person left it

    page.keyboard.press("Alt+ArrowLeft")
    stands(page, "cup-1", pytest.approx((spot[0] - 10, spot[1]), abs=3))
    page.keyboard.press("a")
    for i in ids:
        stands(page, i, pytest.approx(arranged[i], abs=2))
    page.click("#graph [data-cmd=in]")
    stands(page, "cup-1", lambda spot: spot != pytest.approx(arranged["cup-1"], abs=1))
    page.locator(node("cup-1")).focus()
    page.keyboard.press("f")
    stands(page, "cup-1", pytest.approx(arranged["cup-1"], abs=2))


def test_panels_are_filled_when_unfolded_and_follow_edits(page: Any, served: tuple[str, Studio], tmp_path: Path) -> None:
    studio, owner, sample = start(page, served)
    assert rows(page, "ruled") == []
    page.locator("#rules-panel button").first.click()
    expect(page.locator("#ruled")).to_contain_text("plate")
    page.locator(node("cup-1")).focus()
    page.keyboard.press("F2")
    page.locator("#graph").get_by_label("Name", exact=True).fill("mug")
    page.keyboard.press("Enter")
    expect(page.locator("#ruled")).to_contain_text("mug")
    page.locator("#absent-panel button").first.click()
    page.locator("#absent input:visible, #absent textarea:visible").fill("zebra")
    with answered(page):
        page.click("#set-absent")
    page.locator("#rules-panel button").first.click()  # folded, and filled anew when it is unfolded again
    expect(page.locator("#ruled")).to_be_hidden()
    page.keyboard.press("Control+z")
    reads(page, "absent", "")
    assert not studio.open(owner, sample.id).graph.negative_objects
    page.keyboard.press("Control+z")
    page.wait_for_selector(f"{node('cup-1')}[aria-label='cup']")
    page.locator("#rules-panel button").first.click()
    expect(page.locator("#ruled")).to_contain_text("cup")
    expect(page.locator("#ruled")).not_to_contain_text("mug")

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
    start(page, served, PHONE)
    page.click("#graph [data-cmd=free]")
    expect(page.locator("#graph .ge-picture")).to_be_hidden()
    into_view(page)
    hand = page.context.new_cdp_session(page)

    def touch(kind: str, *fingers: Point) -> None:
        points = [{"x": x, "y": y, "id": k} for k, (x, y) in enumerate(fingers)]
        hand.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    at = middle(page, body("cup-1"))
    touch("touchStart", at)
    for k in range(1, 5):
        touch("touchMove", (at[0] + 8 * k, at[1] + 10 * k))
    touch("touchEnd")
    page.wait_for_selector(f"{node('cup-1')}.sel")
    stands(page, "cup-1", pytest.approx((at[0] + 32, at[1] + 40), abs=3))

    canvas = place(page, "#graph svg.ed-canvas")
    x, y = canvas["x"] + canvas["width"] / 2, canvas["y"] + 30
    apart = [middle(page, body(i)) for i in ("cup-1", "plate-1")]
    touch("touchStart", (x - 30, y))
    touch("touchStart", (x - 30, y), (x + 30, y))
    for k in range(1, 6):
        touch("touchMove", (x - 30 - 6 * k, y), (x + 30 + 6 * k, y))
    touch("touchEnd")

    def distance(pair: list[Point]) -> float:
        return float(sum((a - b) ** 2 for a, b in zip(*pair, strict=True)) ** 0.5)

    eventually(
        page,
        lambda: distance([middle(page, body(i)) for i in ("cup-1", "plate-1")]),
        pytest.approx(2 * distance(apart), rel=0.1),
    )
