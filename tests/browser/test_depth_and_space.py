"""Depth & layers and 3D, as a person works in them: cuts by mouse and keyboard, viewpoints, clicks in the cloud."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import gradio as gr
import pytest
from playwright.sync_api import expect

from spacestudio.domain.sample import Sample
from spacestudio.services.studio import Studio
from spacestudio.ui.components.cloud_tools import CloudTools
from spacestudio.ui.components.layer_editor import LayerEditor
from tests.browser.steps import (
    DESK,
    PHONE,
    Screen,
    eventually,
    middle,
    open_example,
    open_tab,
    place,
    rows,
    shows,
    wait_rows,
)

AT = """id => {
  const plot = document.querySelector("#cloud .js-plotly-plot"), inner = plot._fullLayout.scene._scene;
  const p = inner.glplot.cameraParams, frame = plot.querySelector(".gl-container canvas").getBoundingClientRect();
  const times = (m, v) => [0, 1, 2, 3].map((i) => [0, 1, 2, 3].reduce((sum, k) => sum + m[4 * k + i] * v[k], 0));
  const drawn = [];
  for (const trace of plot._fullData.filter((one) => one.mode === "markers")) {
    for (let i = 0; i < trace.x.length; i++) {
      const at = [trace.x[i], trace.y[i], trace.z[i]].map((v, k) => v * inner.dataScale[k]);
      const [x, y, , w] = times(p.projection, times(p.view, times(p.model, [...at, 1])));
      const mine = trace.customdata ? plot.layout.meta.ids[trace.customdata[i]] === id : false;
      drawn.push({ w, mine, x: frame.left + ((x / w + 1) / 2) * frame.width, y: frame.top + ((1 - y / w) / 2) * frame.height });
    }
  }
  const near = (a, b) => Math.abs(a.x - b.x) < 9 && Math.abs(a.y - b.y) < 9;
  const others = drawn.filter((one) => !one.mine);
  const free = drawn.filter((one) => one.mine).sort((a, b) => a.w - b.w).find((one) => !others.some((other) => near(one, other)));
  return free && [free.x, free.y];
}"""
"""Where on the screen a point of an object is with no other object's points about it, by Plotly's own projection."""
CAMERA = "() => document.querySelector('#cloud .js-plotly-plot')._fullLayout.scene.camera.eye"


# ---- without a browser ---------------------------------------------------------------------------------------------


def test_cuts_are_read_as_typed_edits() -> None:
    edit = LayerEditor.read(gr.EventData(None, {"op": "cut", "cuts": [0.2, 0.5], "rev": 4, "more": 1}))
    assert (edit.op, edit.cuts, edit.rev) == ("cut", (0.2, 0.5), 4)
    assert LayerEditor.read({"op": "found"}).cuts == ()
    assert LayerEditor.read_pick({"id": "cup-1"}) == CloudTools.read_pick({"id": "cup-1"}) == "cup-1"
    assert LayerEditor.read_pick({"id": None}) is CloudTools.read_pick({"id": None}) is None


@pytest.mark.parametrize(
    "payload",
    [
        None, [], "cut", {}, {"op": "explode"}, {"op": "cut", "cuts": [0.5, 0.2]}, {"op": "cut", "cuts": [0.5, 0.5]},
        {"op": "cut", "cuts": [0]}, {"op": "cut", "cuts": [1]}, {"op": "cut", "cuts": [float("nan")]}, {"op": "cut", "cuts": "0.5"},
        {"op": "cut", "cuts": [0.5], "rev": -1}, {"op": "cut", "cuts": [k / 1000 for k in range(1, 999)]},
    ],
)  # fmt: skip
def test_hostile_cuts_are_refused_in_one_line(payload: Any) -> None:
    with pytest.raises(gr.Error) as caught:
        LayerEditor.read(gr.EventData(None, payload))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("payload", [None, 7, {"id": "../etc"}, {"id": "<b>"}, {"id": ["a"]}, {"id": "a" * 65}])
@pytest.mark.parametrize("read", [LayerEditor.read_pick, CloudTools.read_pick])
def test_hostile_picks_are_refused(read: Any, payload: Any) -> None:
    with pytest.raises(gr.Error):
        read(gr.EventData(None, payload))


def test_a_strip_is_validated_on_its_way_to_the_page() -> None:
    bar = {"id": "a", "label": "two\nlines", "near": 0.1, "median": 0.2, "far": 0.3}
    value = LayerEditor().postprocess({"cuts": [0.5], "objects": [bar], "path": "settings.toml"})
    assert value is not None
    assert (value.objects[0].label, hasattr(value, "path")) == ("two lines", False)
    with pytest.raises(gr.Error):
        LayerEditor().postprocess({"objects": [bar | {"far": float("inf")}]})


# ---- in a browser --------------------------------------------------------------------------------------------------


@pytest.fixture(params=[DESK, PHONE], ids=["desk", "phone"])
def opened(request: Any, browser: Any, served: tuple[str, Studio]) -> Iterator[tuple[Any, bool, Studio, str, Sample]]:
    """A page with the motorcycle open, whether it is a phone, and the store, the visitor and the sample."""
    screen: Screen = request.param
    phone = screen is PHONE
    context = browser.new_context(has_touch=phone)
    page, errors = context.new_page(), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page, phone, *open_example(page, served, "motorcycle", screen=screen)
    context.close()
    assert not errors


def cut_point(page: Any, number: int) -> tuple[float, float]:
    grip = f"#layer-strip [data-cut='{number}'] .grip"
    page.locator(grip).scroll_into_view_if_needed()
    return middle(page, grip)


def drag(page: Any, x: float, y: float, by: float, phone: bool) -> None:
    """Drag sideways, with a finger on a phone."""
    if not phone:
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + by, y, steps=6)
        return page.mouse.up()
    touch = page.context.new_cdp_session(page)
    for kind, at in [("touchStart", 0.0), *(("touchMove", by * k / 6) for k in range(1, 7)), ("touchEnd", None)]:
        points = [] if at is None else [{"x": x + at, "y": y}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def layers_say(page: Any, count: int) -> None:
    """Wait until the strip and the table both tell of so many layers."""
    expect(page.locator("#layer-strip .ed-status")).to_have_text(re.compile(rf"^\s*{count} layers?\b"))
    wait_rows(page, "layers", count)


@pytest.mark.browser
def test_cuts_are_moved_added_and_removed(opened: tuple[Any, bool, Studio, str, Sample]) -> None:
    page, phone, studio, owner, sample = opened
    open_tab(page, "Depth & layers")
    shows(page, "layers", "white tub")
    layers_say(page, 2)

    def stored() -> list[float]:
        return [layer.near for layer in studio.open(owner, sample.id).layers[1:]]

    (found,) = stored()
    expect(page.locator("#layer-strip .ed-status")).to_contain_text(" m")  # this depth is metric
    expect(page.locator("#layer-strip svg")).to_contain_text("Distance, m")

    # the mouse, or a finger, drags a cut towards the camera: the layers follow in one act, which is undone in one
    x, y = cut_point(page, 0)
    drag(page, x, y, -60, phone)
    shows(page, "layer-strip", "set by a person")
    page.locator("#undo:enabled").wait_for()  # the strip shows an edit before it is kept
    (moved,) = stored()
    assert moved < found
    page.click("#undo")
    shows(page, "layer-strip", "found by themselves)")
    page.locator("#undo:disabled").wait_for()
    assert stored() == [found]

    # the keyboard moves it by steps, gathered into one act; plus adds one, Delete removes it
    page.locator("#layer-strip svg").focus()
    page.keyboard.press("Tab")
    expect(page.locator("#layer-strip :focus")).to_have_attribute("aria-label", "Cut between layers 1 and 2")
    for _ in range(3):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("ArrowLeft")
    shows(page, "layer-strip", "set by a person")
    page.locator("#undo:enabled").wait_for()  # the strip shows an edit before it is kept
    low, high = sample.depth.percentiles()
    shows(page, "layers", f"{low + (found + 0.145) * (high - low):.2f}")
    eventually(page, stored, [pytest.approx(found + 0.145, abs=1e-3)])
    page.keyboard.press("+")
    layers_say(page, 3)
    page.keyboard.press("Delete")
    layers_say(page, 2)
    eventually(page, lambda: len(stored()), 1)

    # a double click adds one where it is; the button gives the found layers back
    svg = place(page, "#layer-strip svg")
    page.mouse.dblclick(svg["x"] + svg["width"] - 40, svg["y"] + 50)
    layers_say(page, 3)
    eventually(page, stored, lambda cuts: max(cuts) > 0.85)
    page.click("#layer-strip [data-cmd=auto]")
    shows(page, "layer-strip", "found by themselves)")
    eventually(page, stored, [found])


@pytest.mark.browser
@pytest.mark.parametrize(("example", "unit"), [("motorcycle", " m"), ("coffee", "relative: 0 near – 1 far")])
def test_the_depth_under_the_pointer_says_its_unit(page: Any, served: tuple[str, Studio], example: str, unit: str) -> None:
    open_example(page, served, example, "Depth & layers")
    x, y = middle(page, "#depth-plot .js-plotly-plot .nsewdrag")
    said = page.locator("#depth-plot .hoverlayer", has_text=unit)

    def told() -> bool:  # a pointer that rests says nothing to a plot that was drawn under it
        page.mouse.move(x - 3, y)
        page.mouse.move(x, y)
        page.wait_for_timeout(300)
        return bool(said.count())

    eventually(page, told, True)


@pytest.mark.browser
def test_an_object_chosen_in_the_strip_is_chosen_in_space(opened: tuple[Any, bool, Studio, str, Sample]) -> None:
    page, phone, *_ = opened
    open_tab(page, "Depth & layers")
    shows(page, "layers", "white tub")
    bar = page.locator("#layer-strip [data-bar]", has_text="cardboard")
    bar.tap() if phone else bar.click()
    page.wait_for_function("() => document.querySelector('#layer-strip .le-bar.sel')?.textContent.includes('cardb')")
    open_tab(page, "3D")
    shows(page, "seen-from", "with “cardboard box”")
    page.wait_for_function(
        """() => { const p = document.querySelector('#cloud .js-plotly-plot'); if (!p?._fullData) return false;
        const boxes = p._fullData.filter((t) => t.mode === 'lines'), wide = boxes.filter((t) => t.line.width === 9);
        return wide.length === 1 && wide[0].name === 'cardboard box' && boxes.filter((t) => t.opacity < 1).length === boxes.length - 1; }"""
    )
    eventually(page, lambda: rows(page, "seen"), lambda all_: all("cardboard box" in row[0] for row in all_))


@pytest.mark.browser
def test_viewpoints_clicks_and_the_budget(opened: tuple[Any, bool, Studio, str, Sample]) -> None:
    page, phone, _, _, sample = opened
    open_tab(page, "3D")
    page.wait_for_function("() => document.querySelector('#cloud .js-plotly-plot')?._fullLayout?.scene?._scene?.glplot")
    shows(page, "seen-from", "from the front")
    true_count = f"of {len(sample.cloud):,} points shown"
    expect(page.locator("#cloud .gtitle")).to_contain_text(true_count)

    # fewer points are drawn when asked, and the true count stays in sight
    slider = page.locator("#cloud-budget input[type=range]")
    slider.focus()
    page.keyboard.press("Home")
    page.wait_for_function(
        "text => { const t = document.querySelector('#cloud .gtitle')?.textContent ?? '';"
        " return t.includes(text) && Number(t.split(' ')[0].replaceAll(',', '')) <= 2000; }",
        arg=true_count,
    )

    # each viewpoint turns the camera at once, and the relations are those seen from there
    last = wait_rows(page, "seen", least=1)
    said = {"front": last}
    for name in ("left", "back", "right", "top"):
        page.click(f"#cloud-tools [data-view={name}]")
        shows(page, "seen-from", f"from the {name}")
        page.wait_for_function(
            "name => Math.abs(document.querySelector('#cloud .js-plotly-plot')._fullLayout.scene.camera.eye.x"
            " - document.querySelector('#cloud .js-plotly-plot').layout.meta.cameras[name].eye.x) < 1e-6",
            arg=name,
        )
        expect(page.locator(f"#cloud-tools [data-view={name}]")).to_have_attribute("aria-pressed", "true")
        said[name] = last = eventually(page, lambda: rows(page, "seen"), lambda now, last=last: now and now != last)
    assert any("right of white tub" in row[0] for row in said["left"])
    assert any("left of white tub" in row[0] for row in said["front"])
    assert said["left"] != said["right"] and said["back"] != said["front"]
    assert not any("above" in row[0] or "below" in row[0] for row in said["top"])

    # a click on a point chooses its object; the camera stays where the person put it
    page.click("#cloud-tools [data-view=left]")
    shows(page, "seen-from", "from the left")
    page.locator("#cloud").scroll_into_view_if_needed()
    place(page, "#cloud")
    eye = page.evaluate(CAMERA)
    x, y = page.evaluate(AT, "motorcycle-1")
    if phone:
        page.touchscreen.tap(x, y)
    else:
        page.mouse.move(x - 30, y - 30)
        page.mouse.move(x, y, steps=5)
        page.mouse.click(x, y)
    shows(page, "seen-from", "with “motorcycle”")
    page.wait_for_function(
        "() => document.querySelector('#cloud .js-plotly-plot')._fullData.some((t) => t.name === 'motorcycle' && t.line?.width === 9)"
    )
    page.wait_for_function(
        f"eye => {{ const now = ({CAMERA})(); return Math.abs(now.x - eye.x) + Math.abs(now.y - eye.y) < 1e-6; }}", arg=eye
    )
