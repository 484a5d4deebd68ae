"""The box and graph editors: what Python receives for what a person does, and what neither may let through."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import gradio as gr
import numpy as np
import pytest
from gradio.data_classes import FileData

from spacestudio.ui.components.box_editor import BoxEditor
from spacestudio.ui.components.graph_editor import GraphEditor
from spacestudio.ui.theme import STYLESHEET
from tests.ui.component_app import HOSTILE

# Gradio's launch leaves a socket or loop to the garbage collector when the machine is busy.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

ADD = {"op": "add", "id": "new-1", "label": "cup", "box": [1, 2, 30, 40], "rev": 3}
RELATE = {"op": "relate", "id": "new-1", "source": "a", "target": "b", "relation": "on", "label": "", "rev": 3}


# ---- without a browser ---------------------------------------------------------------------------------------------


def test_read_returns_typed_edits() -> None:
    edit = BoxEditor.read(gr.EventData(None, ADD | {"extra": "ignored", "label": " cup "}))
    assert (edit.op, edit.id, edit.label, edit.box, edit.rev) == ("add", "new-1", "cup", (1, 2, 30, 40), 3)
    assert GraphEditor.read(RELATE).relation == "on"
    assert BoxEditor.read_pick({"id": None}) is None
    assert GraphEditor.read_pick({"kind": "edge", "id": "e1"}) == "edge:e1"
    assert GraphEditor.read_pick({"kind": None, "id": None}) is None


@pytest.mark.parametrize(
    "change",
    [
        {"op": "explode"}, {"id": "../etc/passwd"}, {"id": "a" * 65}, {"id": "a\n"}, {"id": None}, {"label": ""}, {"label": "x" * 61},
        {"label": "two\nlines"}, {"label": "a\u202eb"}, {"label": 3}, {"box": [0, 0, math.nan, 4]}, {"box": [0, 0, math.inf, 4]},
        {"box": [0, 0, 1e6, 4]}, {"box": [0, 0, 4]}, {"box": [5, 0, 4, 4]}, {"box": "0 0 4 4"}, {"rev": -1}, {"rev": 2**60},
    ],
)  # fmt: skip
def test_hostile_box_edits_are_refused_in_one_line(change: dict[str, Any]) -> None:
    with pytest.raises(gr.Error) as caught:
        BoxEditor.read(gr.EventData(None, ADD | change))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"op": "add"}, {"source": ""}, {"target": "a"}, {"relation": ""}, {"relation": "x\ty"}, {"source": "<b>"}, {"rev": "now"},
        {"op": "rename", "label": ""}, {"op": "delete", "id": ""}, {"relation": {"path": "settings.toml", "meta": {"_type": "gradio.FileData"}}},
    ],
)  # fmt: skip
def test_hostile_graph_edits_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(gr.Error):
        GraphEditor.read(RELATE | change)


@pytest.mark.parametrize("payload", [None, [], "add", 7, {}])
def test_payloads_of_another_shape_are_refused(payload: Any) -> None:
    for read in (BoxEditor.read, GraphEditor.read, GraphEditor.read_pick if payload else BoxEditor.read):
        with pytest.raises(gr.Error):
            read(gr.EventData(None, payload))


def test_values_are_validated_on_their_way_to_the_page(tmp_path: Any) -> None:
    editor = BoxEditor()
    editor.GRADIO_CACHE = str(tmp_path)
    image = np.zeros((4, 6, 3), np.uint8)
    image.flags.writeable = False
    box = {"id": "a", "label": "line\nbreak", "x0": 0, "y0": 0, "x1": 3, "y1": 3}
    first, second = (editor.postprocess({"image": image, "boxes": [box]}) for _ in range(2))
    assert first is not None
    assert second is not None
    assert (first.width, first.height, first.boxes[0].label) == (6, 4, "line break")
    assert first.image is not None
    assert first.image == second.image
    assert second.stamp > first.stamp
    assert editor.preprocess(first)["image"] == first.image.path  # type: ignore[index]
    for wrong in ({"id": "no spaces"}, {"x0": math.nan}, {"color": "red"}):
        with pytest.raises(gr.Error):
            editor.postprocess({"boxes": [box | wrong]})
    with pytest.raises(gr.Error, match="not there"):
        GraphEditor().postprocess({"nodes": [], "edges": [{"id": "e", "source": "a", "target": "b", "relation": "on"}]})
    with pytest.raises(gr.Error):
        GraphEditor().postprocess({"nodes": [{"id": "a", "thumb": "https://example.org/x.png"}]})


def test_only_pictures_pass_as_pictures(tmp_path: Any) -> None:
    secret = tmp_path / "settings.toml"
    secret.write_text("token = 1")
    with pytest.raises(OSError, match="cannot identify"):
        BoxEditor().postprocess({"image": FileData(path=str(secret))})


def test_nothing_of_a_person_stands_in_a_template() -> None:
    for editor in (BoxEditor(labels=["${x}"]), GraphEditor(relations=["{{x}}"])):
        for template in (editor.html_template, editor.css_template):
            assert not any(mark in template for mark in ("${", "{{", "`", "\\"))
        config = editor.get_config()
        assert config["selected"] is None  # not a listener made up by gr.HTML


# ---- in a browser --------------------------------------------------------------------------------------------------


def eventually(check: Callable[[], bool], page: Any, seconds: float = 5) -> None:
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, "it never happened"
        page.wait_for_timeout(20)


def screen(page: Any, x: float, y: float) -> tuple[float, float]:
    """Where a pixel of the picture lies on screen."""
    shown = page.locator("#boxes image.be-picture").bounding_box()
    return shown["x"] + x * shown["width"] / 600, shown["y"] + y * shown["height"] / 400


def drag(page: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    page.mouse.move(*end)
    page.mouse.up()


def middle(page: Any, selector: str) -> tuple[float, float]:
    box = page.locator(selector).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def last_op(truth: Any, op: str) -> Callable[[], bool]:
    return lambda: bool(truth.edits) and truth.edits[-1].op == op


@pytest.mark.browser
def test_draw_name_move_resize_nudge_rename_delete(component_page: Any) -> None:
    truth, page = component_page.truth, component_page()
    drag(page, screen(page, 20, 20), screen(page, 80, 100))
    page.locator("#boxes .ed-pop input:focus").wait_for()
    page.keyboard.type("napkin")
    assert not truth.edits  # published only with a name
    page.keyboard.press("Enter")
    page.wait_for_selector("#boxes [data-box=obj-1].sel:focus")  # Python's id, selection and focus kept
    assert (truth.edits[0].op, truth.edits[0].label, truth.edits[0].rev) == ("add", "napkin", 1)
    assert truth.edits[0].box == pytest.approx((20, 20, 80, 100), abs=1)

    drag(page, screen(page, 50, 60), screen(page, 70, 90))
    eventually(last_op(truth, "move"), page)
    assert truth.edits[-1].box == pytest.approx((40, 50, 100, 130), abs=1.5)
    drag(page, screen(page, 100, 130), screen(page, 140, 150))
    eventually(last_op(truth, "resize"), page)
    assert truth.edits[-1].box == pytest.approx((40, 50, 140, 150), abs=2)

    before = truth.edits[-1].box
    for keys in ("ArrowLeft", "ArrowLeft", "Shift+ArrowDown"):
        page.keyboard.press(keys)
    eventually(last_op(truth, "move"), page)  # three keys, one edit
    assert truth.edits[-1].box == pytest.approx((before[0] - 2, before[1] + 10, before[2] - 2, before[3] + 10))
    page.keyboard.press("Alt+ArrowRight")
    eventually(last_op(truth, "resize"), page)
    assert len(truth.edits) == 5

    page.mouse.dblclick(*screen(page, 80, 100))
    page.locator("#boxes .ed-pop input:focus").fill("paper napkin")
    page.keyboard.press("Enter")
    eventually(last_op(truth, "label"), page)
    page.wait_for_selector("#boxes [data-box=obj-1][aria-label='paper napkin']:focus")
    page.keyboard.press("Delete")
    eventually(last_op(truth, "delete"), page)
    page.wait_for_selector("#boxes .be-box[data-box=obj-1]", state="detached")
    assert [edit.id for edit in truth.edits[1:]] == ["obj-1"] * 6


@pytest.mark.browser
def test_a_box_is_drawn_inside_another_and_only_the_chosen_one_moves(component_page: Any) -> None:
    truth, page = component_page.truth, component_page()
    drag(page, screen(page, 200, 110), screen(page, 260, 170))  # on the cup, which nobody chose
    page.locator("#boxes .ed-pop input:focus").wait_for()
    page.keyboard.type("logo")
    page.keyboard.press("Enter")
    page.wait_for_selector("#boxes [data-box=obj-1].sel:focus")
    assert [edit.op for edit in truth.edits] == ["add"]
    assert truth.edits[0].box == pytest.approx((200, 110, 260, 170), abs=1)

    page.mouse.click(*screen(page, 300, 250))
    page.wait_for_selector("#boxes .be-box[data-box=cup].sel:focus")
    eventually(lambda: truth.picks[-1:] == ["cup"], page)
    start = screen(page, 300, 250)
    drag(page, start, (start[0] + 2, start[1] + 2))  # a trembling hand
    drag(page, start, screen(page, 310, 255))
    eventually(last_op(truth, "move"), page)
    assert (len(truth.edits), truth.edits[-1].id) == (2, "cup")
    assert truth.edits[-1].box == pytest.approx((175, 80, 480, 350), abs=1.5)

    page.keyboard.down("Shift")
    drag(page, screen(page, 300, 200), screen(page, 340, 240))
    page.keyboard.up("Shift")
    page.locator("#boxes .ed-pop input:focus").fill("rim")
    page.keyboard.press("Enter")
    eventually(lambda: len(truth.edits) == 3, page)
    assert (truth.edits[-1].op, truth.edits[-1].label) == ("add", "rim")


@pytest.mark.browser
def test_the_name_field_stays_in_sight_below_a_sticky_header(component_page: Any) -> None:
    page = component_page()
    page.evaluate("""() => {
      const bar = document.createElement("div");
      bar.className = "studio-header";
      bar.style.cssText = "position: sticky; top: 0; height: 60px";
      document.querySelector(".gradio-container").prepend(bar);
      document.body.style.minHeight = "3000px";
    }""")
    page.locator("#boxes .be-box[data-box=cup]").focus()
    page.evaluate("window.scrollBy(0, document.querySelector('[data-box=cup]').getBoundingClientRect().top - 50)")
    page.keyboard.press("Enter")
    shown = page.locator("#boxes .ed-pop").bounding_box()
    assert shown["y"] >= page.locator(".studio-header").bounding_box()["y"] + 60


@pytest.mark.browser
def test_tab_goes_from_the_canvas_to_what_is_in_it(component_page: Any) -> None:
    page = component_page()
    for tab, canvas, part in (("Boxes", "#boxes", "be-box"), ("Graph", "#graph", "ge-edge")):
        page.get_by_role("tab", name=tab).click()
        page.locator(f"{canvas} svg.ed-canvas").focus()
        page.keyboard.press("Tab")
        page.wait_for_function(f"() => document.activeElement.classList.contains('{part}')")  # no group in between


@pytest.mark.browser
def test_undo_and_redo_by_key_except_in_text_fields(page: Any) -> None:
    page.set_content(
        "<button id=undo onclick='done.push(1)'>u</button><button id=redo onclick='done.push(2)'>r</button>"
        "<input id=text><input id=check type=checkbox><script>var done = []</script>"
    )
    page.add_script_tag(content=(STYLESHEET.parent / "keys.js").read_text("utf-8"))
    for keys in ("Control+z", "Control+Shift+z", "Control+y", "z", "Control+a"):
        page.keyboard.press(keys)
    page.focus("#text")
    page.keyboard.press("Control+z")
    page.focus("#check")
    page.keyboard.press("Meta+z")
    assert page.evaluate("done") == [1, 2, 2, 1]


@pytest.mark.browser
def test_edits_made_in_a_burst_all_arrive_in_order(component_page: Any) -> None:
    truth, page = component_page.truth, component_page()
    for k in range(4):
        drag(page, screen(page, 20 + 15 * k, 8), screen(page, 30 + 15 * k, 20))
        page.keyboard.type(f"bean {k}")
        page.keyboard.press("Enter")
    page.keyboard.press("Shift+ArrowRight")  # moves the last one, whose real id Python has not told yet
    eventually(lambda: len(truth.edits) == 5, page)
    assert [edit.label for edit in truth.edits] == ["bean 0", "bean 1", "bean 2", "bean 3", "bean 3"]
    assert (truth.edits[-1].op, truth.edits[-1].id) == ("move", "obj-4")
    drag(page, screen(page, 300, 8), screen(page, 330, 30))
    page.keyboard.type("never")
    page.keyboard.press("Escape")
    truth.refuse = True  # Python answers with what it has: the page goes back
    page.locator("#boxes .be-box[data-box=spoon]").focus()
    page.keyboard.press("Delete")
    eventually(last_op(truth, "delete"), page)
    page.wait_for_selector("#boxes .be-box[data-box=spoon]")
    assert len(truth.edits) == 6
    assert page.locator("#boxes .be-box").count() == 7


@pytest.mark.browser
def test_selection_is_shared_and_survives_a_new_value(component_page: Any) -> None:
    truth, page = component_page.truth, component_page("dark")
    page.keyboard.press("Tab")
    page.locator("#boxes .be-box[data-box=spoon]").focus()
    eventually(lambda: truth.picks == ["spoon"], page)
    page.get_by_role("tab", name="Graph").click()  # mounted only now
    page.wait_for_selector("#graph .ge-node[data-node=spoon].sel")
    page.locator("#graph .ge-node[data-node=cup] .body").click(position={"x": 8, "y": 8})
    eventually(lambda: truth.picks[-1] == "cup", page)
    page.get_by_role("tab", name="Boxes").click()
    page.wait_for_selector("#boxes .be-box[data-box=cup].sel")
    page.click("#hostile")  # replaces both values
    page.wait_for_selector("#boxes [data-box=h0]")
    assert page.locator("#boxes .be-box[data-box=cup].sel").count() == 1
    page.keyboard.press("Escape")
    page.locator("#boxes svg.ed-canvas").press("Escape")
    eventually(lambda: truth.picks[-1] is None, page)
    page.get_by_role("tab", name="Graph").click()
    page.wait_for_selector("#graph .ge-node.sel", state="detached")


@pytest.mark.browser
def test_hostile_words_are_shown_as_words(component_page: Any) -> None:
    page = component_page()
    page.click("#hostile")
    page.wait_for_selector("#boxes [data-box=h3]")
    page.get_by_role("tab", name="Graph").click()
    page.wait_for_selector("#graph [data-node=cup]")
    shown = page.locator("#graph .ge-node title, #boxes .be-box title").all_text_contents()
    assert all(any(text in words for words in shown) for text in HOSTILE)
    assert HOSTILE[0] in page.locator("#graph .ed-hint").text_content()
    assert HOSTILE[1] in page.locator("#graph .ge-edge title").nth(1).text_content()
    page.locator("#graph .ge-edge[data-edge=e0]").focus()
    page.keyboard.press("Enter")
    assert page.locator("#graph .ed-pop option").first.text_content() in HOSTILE
    assert page.evaluate("window.__pwned") is None


@pytest.mark.browser
def test_relations_by_mouse(component_page: Any) -> None:
    truth, page = component_page.truth, component_page()
    page.get_by_role("tab", name="Graph").click()
    page.hover("#graph [data-node=light] .body")
    drag(page, middle(page, "#graph [data-node=light] .grip"), middle(page, "#graph [data-node=saucer] .body"))
    page.locator("#graph .ed-pop select:focus").select_option("above")
    page.wait_for_selector("#graph .ge-edge[data-edge=r1].sel")
    assert (truth.edits[0].op, truth.edits[0].source, truth.edits[0].target, truth.edits[0].relation) == (
        "relate",
        "light",
        "saucer",
        "above",
    )

    page.mouse.dblclick(*middle(page, "#graph .ge-tag[data-edge=e1]"))
    page.locator("#graph .ed-pop option", has_text="inside").click()
    eventually(lambda: truth.edits[-1].id == "e1", page)
    assert (truth.edits[-1].op, truth.edits[-1].relation) == ("relate", "inside")

    start = middle(page, "#graph [data-node=table] .body")
    drag(page, start, (start[0] + 40, start[1] + 60))
    assert middle(page, "#graph [data-node=table] .body") == pytest.approx((start[0] + 40, start[1] + 60), abs=3)
    page.mouse.dblclick(*middle(page, "#graph [data-node=table] .body"))
    page.locator("#graph .ed-pop input:focus").fill("bench")
    page.keyboard.press("Enter")
    eventually(last_op(truth, "rename"), page)
    page.wait_for_selector("#graph .ge-node[data-node=table][aria-label=bench]")
    assert middle(page, "#graph [data-node=table] .body") == pytest.approx(
        (start[0] + 40, start[1] + 60), abs=3
    )  # stays there
    page.click("#change")
    page.get_by_text("Change the picture").wait_for()
    assert len(truth.edits) == 3  # dragging is layout only


@pytest.mark.browser
def test_relations_by_keyboard_alone(component_page: Any) -> None:
    truth, page = component_page.truth, component_page("dark")
    page.get_by_role("tab", name="Graph").click()
    page.locator("#graph .ge-node[data-node=cup]").focus()
    page.keyboard.press("r")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("#graph .ge-node[data-node=spoon]:focus")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator("#graph .ed-pop select:focus").wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert not truth.edits  # arrows only look
    page.keyboard.press("Enter")
    page.wait_for_selector("#graph .ge-edge[data-edge=r1]:focus")
    edit = truth.edits[0]
    assert (edit.op, edit.source, edit.target, edit.relation) == ("relate", "cup", "saucer", "right of")
    page.keyboard.press("Enter")
    page.locator("#graph .ed-pop select:focus").press("End")
    page.keyboard.press("Enter")
    eventually(lambda: len(truth.edits) == 2, page)
    assert (truth.edits[1].id, truth.edits[1].relation) == ("r1", "far from")
    page.keyboard.press("Delete")
    eventually(last_op(truth, "unrelate"), page)
    page.wait_for_selector("#graph .ge-edge[data-edge=r1]", state="detached")
    page.locator("#graph .ge-node[data-node=foam]").focus()
    page.keyboard.press("Delete")
    eventually(last_op(truth, "delete"), page)
    page.wait_for_selector("#graph .ge-node[data-node=foam]", state="detached")
    page.wait_for_selector("#graph svg.ed-canvas:focus")
