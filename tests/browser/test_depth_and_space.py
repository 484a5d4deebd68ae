"""Depth & layers and 3D, as a person works in them: cuts by mouse and keyboard, viewpoints, clicks in the cloud."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr
import pytest

from spacestudio.services.studio import Studio
from spacestudio.ui.components.cloud_tools import CloudTools
from spacestudio.ui.components.layer_editor import LayerEditor
from tests.browser.test_walkthrough import open_tab, rows, served, shows, visitor_sample

__all__ = ["served"]
VIEWPORTS = {"light": {"width": 1440, "height": 900}, "dark": {"width": 390, "height": 844}}
STILL = """id => new Promise((done) => {
  let last = "", same = 0;
  const look = () => {
    const box = document.getElementById(id)?.getBoundingClientRect();
    const now = box ? [box.x, box.y, box.width, box.height].join(" ") : "";
    same = now && now === last ? same + 1 : 0;
    last = now;
    same > 10 ? done(true) : requestAnimationFrame(look);
  };
  look();
})"""
"""True once an element has kept its place for ten frames: a drag begun earlier would miss."""
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


@pytest.fixture(params=["light", "dark"])
def studio_page(request: Any, browser: Any, served: tuple[str, Studio]) -> Iterator[tuple[Any, Studio, bool]]:
    """A page with the motorcycle open (light on a desk, dark on a phone), the store, and whether it is a phone."""
    url, studio = served
    theme, phone = request.param, request.param == "dark"
    context = browser.new_context(viewport=VIEWPORTS[theme], has_touch=phone)
    context.set_default_timeout(60_000)
    page, errors = context.new_page(), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{url}?__theme={theme}", wait_until="domcontentloaded")
    shows(page, "status", "Nothing is open yet")
    page.click("#example-motorcycle")
    shows(page, "status", "motorcycle")
    yield page, studio, phone
    context.close()
    assert not errors


def go(page: Any, name: str, phone: bool) -> None:
    """Open a tab, also one that a narrow page hides behind its menu."""
    tab = page.get_by_role("tab", name=name, exact=True)
    if phone and not tab.is_visible():
        page.locator(".overflow-menu button").first.click()
    open_tab(page, name)


def cut_point(page: Any, number: int) -> tuple[float, float]:
    page.locator(f"#layer-strip [data-cut='{number}'] .grip").scroll_into_view_if_needed()
    page.evaluate(STILL, "layer-strip")
    box = page.locator(f"#layer-strip [data-cut='{number}'] .grip").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


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
    page.wait_for_function(
        "n => document.querySelector('#layer-strip .ed-status').innerText.startsWith(n + (n === 1 ? ' layer,' : ' layers')) "
        "|| (n === 1 && /^1 layer\\b/.test(document.querySelector('#layer-strip .ed-status').innerText))",
        arg=count,
    )
    page.wait_for_function(
        "n => new Set([...document.querySelectorAll(\"#layers [data-testid^='cell-']\")].map(c => c.dataset.row)).size === n",
        arg=count,
    )


@pytest.mark.browser
def test_cuts_are_moved_added_and_removed(studio_page: tuple[Any, Studio, bool]) -> None:
    page, studio, phone = studio_page
    go(page, "Depth & layers", phone)
    shows(page, "layers", "white tub")
    layers_say(page, 2)
    owner, sample = visitor_sample(studio, "motorcycle")

    def stored() -> list[float]:
        return [layer.near for layer in studio.open(owner, sample.id).layers[1:]]

    (found,) = stored()
    assert " m" in page.locator("#layer-strip .ed-status").inner_text()  # this depth is metric
    assert "Distance, m" in page.locator("#layer-strip svg").text_content()

    # the mouse, or a finger, drags a cut towards the camera: the layers follow in one act, which is undone in one
    x, y = cut_point(page, 0)
    drag(page, x, y, -60, phone)
    shows(page, "layer-strip", "set by a person")
    page.locator("#undo:enabled").wait_for()  # the strip shows an edit before it is kept
    (moved,) = stored()
    assert moved < found
    page.click("#undo")
    shows(page, "layer-strip", "found by themselves)")
    assert stored() == [found]

    # the keyboard moves it by steps, gathered into one act; plus adds one, Delete removes it
    page.locator("#layer-strip svg").focus()
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.getAttribute('aria-label')") == "Cut between layers 1 and 2"
    for _ in range(3):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("ArrowLeft")
    shows(page, "layer-strip", "set by a person")
    page.locator("#undo:enabled").wait_for()  # the strip shows an edit before it is kept
    low, high = sample.depth.percentiles()
    shows(page, "layers", f"{low + (found + 0.145) * (high - low):.2f}")
    assert stored() == [pytest.approx(found + 0.145, abs=1e-3)]
    page.keyboard.press("+")
    layers_say(page, 3)
    page.keyboard.press("Delete")
    layers_say(page, 2)
    assert len(stored()) == 1

    # a double click adds one where it is; the button gives the found layers back
    svg = page.locator("#layer-strip svg").bounding_box()
    page.mouse.dblclick(svg["x"] + svg["width"] - 40, svg["y"] + 50)
    layers_say(page, 3)
    assert max(stored()) > 0.85
    page.click("#layer-strip [data-cmd=auto]")
    shows(page, "layer-strip", "found by themselves)")
    assert stored() == [found]


@pytest.mark.browser
@pytest.mark.parametrize(("example", "unit"), [("motorcycle", " m"), ("coffee", "relative: 0 near – 1 far")])
def test_the_depth_under_the_pointer_says_its_unit(page: Any, served: tuple[str, Studio], example: str, unit: str) -> None:
    page.set_default_timeout(60_000)
    page.goto(served[0], wait_until="domcontentloaded")
    shows(page, "status", "Nothing is open yet")
    page.click(f"#example-{example}")
    shows(page, "status", example)
    open_tab(page, "Depth & layers")
    page.locator("#depth-plot .js-plotly-plot .nsewdrag").wait_for()
    page.evaluate(STILL, "depth-plot")
    page.locator("#depth-plot .nsewdrag").hover()
    page.wait_for_function(
        "unit => (document.querySelector('#depth-plot .hoverlayer')?.textContent ?? '').includes(unit)", arg=unit
    )


@pytest.mark.browser
def test_an_object_chosen_in_the_strip_is_chosen_in_space(studio_page: tuple[Any, Studio, bool]) -> None:
    page, _, phone = studio_page
    go(page, "Depth & layers", phone)
    shows(page, "layers", "white tub")
    bar = page.locator("#layer-strip [data-bar]", has_text="cardboard")
    bar.tap() if phone else bar.click()
    page.wait_for_function("() => document.querySelector('#layer-strip .le-bar.sel')?.textContent.includes('cardb')")
    go(page, "3D", phone)
    shows(page, "seen-from", "with “cardboard box”")
    page.wait_for_function(
        """() => { const p = document.querySelector('#cloud .js-plotly-plot'); if (!p?._fullData) return false;
        const boxes = p._fullData.filter((t) => t.mode === 'lines'), wide = boxes.filter((t) => t.line.width === 9);
        return wide.length === 1 && wide[0].name === 'cardboard box' && boxes.filter((t) => t.opacity < 1).length === boxes.length - 1; }"""
    )
    assert all("cardboard box" in row[0] for row in rows(page, "seen"))


@pytest.mark.browser
def test_viewpoints_clicks_and_the_budget(studio_page: tuple[Any, Studio, bool]) -> None:
    page, studio, phone = studio_page
    go(page, "3D", phone)
    page.wait_for_function("() => document.querySelector('#cloud .js-plotly-plot')?._fullLayout?.scene?._scene?.glplot")
    shows(page, "seen-from", "from the front")
    _, sample = visitor_sample(studio, "motorcycle")
    true_count = f"of {len(sample.cloud):,} points shown"
    assert true_count in page.locator("#cloud .gtitle").text_content()

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
    said = {"front": rows(page, "seen")}
    for name in ("left", "back", "right", "top"):
        page.click(f"#cloud-tools [data-view={name}]")
        shows(page, "seen-from", f"from the {name}")
        page.wait_for_function(
            "name => Math.abs(document.querySelector('#cloud .js-plotly-plot')._fullLayout.scene.camera.eye.x"
            " - document.querySelector('#cloud .js-plotly-plot').layout.meta.cameras[name].eye.x) < 1e-6",
            arg=name,
        )
        assert page.locator(f"#cloud-tools [data-view={name}]").get_attribute("aria-pressed") == "true"
        said[name] = rows(page, "seen")
    assert any("right of white tub" in row[0] for row in said["left"])
    assert any("left of white tub" in row[0] for row in said["front"])
    assert said["left"] != said["right"] and said["back"] != said["front"]
    assert not any("above" in row[0] or "below" in row[0] for row in said["top"])

    # a click on a point chooses its object; the camera stays where the person put it
    page.click("#cloud-tools [data-view=left]")
    shows(page, "seen-from", "from the left")
    page.locator("#cloud").scroll_into_view_if_needed()
    page.evaluate(STILL, "cloud")
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
