"""From click to settled screen in a real Chromium: what a person waits for, against a one-button Gradio app.

    .venv/bin/python benchmarks/ui.py

The studio and the peer run as processes of their own and are clicked in turn in one browser, 1440 × 900. The clock starts
at the page's own pointer or key event and stops at the last change of the page before nothing is awaited from the server
and nothing has changed for 250 ms; messages that fade are left out. `FULL=1` repeats each act 40 times, else 12. Bytes, of
pages and the 3D tab, are what came over the wire. The peer's button returns one word: no click of
a Gradio page is faster than that.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.startup import free_port
from benchmarks.timing import ROOT, table
from tests import browser_setup

ROUNDS = 40 if os.environ.get("FULL") else 12
PEER = """import gradio as gr
with gr.Blocks() as demo:
    number, button = gr.State(0), gr.Button("Add", elem_id="add")
    said = gr.Markdown("0", elem_id="said")
    button.click(lambda n: (n + 1, str(n + 1)), number, [number, said], show_progress="hidden")
demo.launch(ssr_mode=False, quiet=True)
"""
WATCH = """(() => {
  const seen = { acted: 0, changed: 0, waiting: new Set() };
  window.seen = seen;
  for (const kind of ["pointerup", "keydown"])
    addEventListener(kind, () => { seen.acted = seen.changed = performance.now(); }, true);
  const real = window.fetch;
  window.fetch = async (...given) => {
    const url = String(given[0]?.url ?? given[0]), token = {};
    if (/\\/(queue\\/join|run\\/)/.test(url)) seen.waiting.add(token);
    try {
      const answer = await real(...given);
      if (/\\/queue\\/join/.test(url)) answer.clone().json().then((said) => {
        seen.waiting.delete(token);
        if (!done.delete(said.event_id)) seen.waiting.add(said.event_id);
      });
      else seen.waiting.delete(token);
      if (/\\/queue\\/data/.test(url)) follow(answer.clone());
      return answer;
    } catch (error) { seen.waiting.delete(token); throw error; }
  };
  const done = new Set();
  async function follow(answer) {
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done: over } = await reader.read();
      if (over) return;
      const lines = (rest + value).split("\\n");
      rest = lines.pop();
      for (const line of lines) {
        if (!line.startsWith("data:") || !line.includes("process_completed")) continue;
        const id = JSON.parse(line.slice(5)).event_id;
        if (!seen.waiting.delete(id)) done.add(id);
      }
    }
  }
  const quiet = (node) => (node.nodeType === 1 ? node : node.parentElement)?.closest(".toast-wrap, [data-testid^=toast]");
  new MutationObserver((all) => { if (all.some((one) => !quiet(one.target))) seen.changed = performance.now(); })
    .observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
})()"""
SETTLED = "() => !seen.waiting.size && performance.now() - seen.changed > 250"


@contextmanager
def serving(script: Path, folder: Path) -> Iterator[str]:
    """The address of an app in a process of its own.

    Raises:
        RuntimeError: it serves nothing within 90 s.
    """
    port = free_port()
    env = os.environ | {
        "GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_SERVER_PORT": str(port), "GRADIO_SERVER_NAME": "127.0.0.1",
        "HF_HUB_OFFLINE": "1", "GRADIO_TEMP_DIR": str(folder / "cache"), "SPACE_STUDIO_DATA": str(folder / "data"),
    }  # fmt: skip
    url, begin = f"http://127.0.0.1:{port}/", time.perf_counter()
    with (folder / f"{script.stem}.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, str(script)], cwd=ROOT, env=env, stdout=log, stderr=log)
    try:
        while process.poll() is None and time.perf_counter() - begin < 90:
            try:
                with urllib.request.urlopen(url, timeout=10):
                    break
            except OSError:
                time.sleep(0.05)
        else:
            raise RuntimeError(f"{script.name} served nothing; its log is {folder / script.stem}.log")
        yield url
    finally:
        process.kill()
        process.wait()


class Screen:
    """A page that tells how long an act took to settle, and what it brought over the wire."""

    def __init__(self, browser: Any, url: str) -> None:
        self.url = url
        self.context = browser.new_context(viewport={"width": 1440, "height": 900})
        self.context.add_init_script(WATCH)
        self.page = self.context.new_page()
        self.page.set_default_timeout(60_000)
        self.bytes = 0
        wire = self.context.new_cdp_session(self.page)
        wire.send("Network.enable")
        wire.on("Network.dataReceived", self._count)

    def _count(self, event: dict[str, Any]) -> None:
        self.bytes += int(event["encodedDataLength"])

    def arrive(self, ready: str) -> tuple[float, int]:
        """Open the page anew; milliseconds from the request until `ready`, a JavaScript test, holds; and bytes."""
        before = self.bytes
        self.page.goto(self.url, wait_until="commit")
        self.page.wait_for_function(ready, polling="raf")
        took = float(self.page.evaluate("() => performance.now()"))
        self.page.wait_for_function(SETTLED)
        return took, self.bytes - before

    def act(self, do: Callable[[], object], seen: str) -> tuple[float, int]:
        """Milliseconds from the act to the settled screen, and bytes; `seen` is a JavaScript test of what must show."""
        before = self.bytes
        do()
        self.page.wait_for_function(seen)
        self.page.wait_for_function(SETTLED)
        return float(self.page.evaluate("() => seen.changed - seen.acted")), self.bytes - before


Times = dict[str, list[tuple[float, int]]]


class Curator:
    """The studio, with two examples open, worked by mouse and keyboard."""

    def __init__(self, browser: Any, url: str) -> None:
        self.screen = Screen(browser, url)
        self.page = self.screen.page

    def arrive(self) -> tuple[float, int]:
        """To the first usable page: it says what to do, and takes a picture."""
        return self.screen.arrive(
            "() => document.querySelector('#pictures input[type=file]')"
            " && document.getElementById('status')?.innerText.includes('Nothing is open')"
        )

    def prepare(self) -> None:
        """Two samples; the coffee is open."""
        for name in ("chelsea", "coffee"):
            self.page.click(f"#example-{name}")
            self.page.wait_for_function(f"() => document.getElementById('status').innerText.includes('{name}')")
        self.page.wait_for_function(SETTLED)

    def tab(self, key: str, name: str) -> None:
        """Go to a tab and let it settle."""
        self.page.keyboard.press("Escape")
        self.page.evaluate("document.activeElement.blur()")
        self.page.keyboard.press(key)
        self.page.wait_for_function(f"() => document.getElementById('tab-{name}-button').ariaSelected === 'true'")
        self.page.wait_for_function(SETTLED)

    def at(self, object_id: str) -> tuple[float, float]:
        """Where an object's box lies on screen, its middle."""
        self.page.evaluate("document.querySelector('#boxes svg').scrollIntoView({ block: 'center' })")
        box = self.page.locator(f"#boxes .be-box[data-box={object_id}] rect").first.bounding_box()
        assert box is not None
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def select(self, turn: int) -> tuple[float, int]:
        """An object, by a click on its name in the picture."""
        name = ("cup", "spoon")[turn % 2]
        return self.screen.act(
            lambda: self.page.locator(f"#boxes .be-pill[data-box={name}-1]").click(),
            f"() => document.querySelector('#object-label textarea, #object-label input').value === '{name}'",
        )

    def move(self, turn: int) -> tuple[float, int]:
        """The chosen box, dragged by 8 px; the clock starts when the button is let go."""
        if not self.page.locator("#boxes .be-box.sel[data-box=spoon-1]").count():
            self.select(1)
        step = 8 if turn % 2 else -8

        def drag() -> None:
            x, y = self.at("spoon-1")
            self.page.mouse.move(x, y)
            self.page.mouse.down()
            self.page.mouse.move(x + step, y, steps=3)
            self.page.mouse.up()

        return self.screen.act(drag, "() => !document.querySelector('#undo').disabled")

    def flip(self, turn: int) -> tuple[float, int]:
        """A relation of the graph, corrected with its form."""
        word = ("left of", "right of")[turn % 2]
        for field, value in (("subject", "cup"), ("predicate", word), ("object", "plate")):
            place = self.page.locator(f"#{field} input")
            place.click()
            place.fill(value)
            self.page.get_by_role("option", name=value, exact=True).first.click()
        return self.screen.act(
            lambda: self.page.click("#correct"),
            "() => [...document.querySelectorAll('#graph .ge-edge')]"
            f".some((edge) => edge.ariaLabel.startsWith('cup {word} plate, true'))",
        )

    def undo(self, turn: int) -> tuple[float, int]:
        """The last act, by its button."""
        return self.screen.act(lambda: self.page.click("#undo"), "() => !document.querySelector('#redo').disabled")

    def accept(self, turn: int) -> tuple[float, int]:
        """The chosen question, by its key; choosing the next one is not timed."""
        before = self.page.input_value("#question textarea")
        self.page.keyboard.press("j")
        self.page.wait_for_function("old => document.querySelector('#question textarea').value !== old", arg=before)
        self.page.wait_for_function(SETTLED)
        cells = "[...document.querySelectorAll('#questions [data-testid^=cell-]')]"
        count = f"{cells}.filter((cell) => cell.innerText.trim() === 'accepted').length"
        had = self.page.evaluate(f"() => {count}")
        return self.screen.act(lambda: self.page.keyboard.press("a"), f"() => {count} > {had}")

    def switch(self, turn: int) -> tuple[float, int]:
        """To the other sample, by key, on the Image tab."""
        key, name = (("Shift+K", "chelsea"), ("Shift+J", "coffee"))[turn % 2]
        return self.screen.act(
            lambda: self.page.keyboard.press(key), f"() => document.getElementById('status').innerText.includes('{name}')"
        )

    def open_3d(self, turn: int) -> tuple[float, int]:
        """The 3D tab, from the Image tab."""
        self.tab("1", "image")
        return self.screen.act(
            lambda: self.page.get_by_role("tab", name="3D", exact=True).click(),
            "() => document.querySelector('#cloud .js-plotly-plot .gl-container canvas')",
        )


def walk(me: Curator, peer: Screen) -> Times:
    """All acts, the peer's click after each."""
    found: Times = {}
    first = me.arrive()
    me.prepare()
    count = 0

    def add() -> tuple[float, int]:
        nonlocal count
        count += 1
        return peer.act(
            lambda: peer.page.click("#add"), f"() => document.getElementById('said').innerText.trim() === '{count}'"
        )

    peer_first = peer.arrive("() => document.getElementById('add')")
    again = [me.screen.arrive("() => document.getElementById('status')?.innerText.includes('coffee')") for _ in range(3)]
    found["first 3D tab"] = [me.open_3d(0)]
    found["3D tab again"] = [me.open_3d(k) for k in range(4)]
    for title, key, tab, do in (
        ("select an object", "1", "image", me.select),
        ("move a box", "1", "image", me.move),
        ("flip a relation", "4", "graph", me.flip),
        ("undo", "4", "graph", me.undo),
        ("accept a question", "6", "questions", me.accept),
        ("switch sample", "1", "image", me.switch),
    ):
        me.tab(key, tab)
        do(0)  # what is needed once is fetched
        for turn in range(1, ROUNDS + 1):
            found.setdefault(title, []).append(do(turn))
            found.setdefault("peer: one word", []).append(add())
    found["first usable page"], found["peer: first page"], found["page again, a sample open"] = [first], [peer_first], again
    return found


def percentile(values: list[float], share: float) -> float:
    """The value below which a share of the values lies, by the nearest rank."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def main() -> None:
    """Serve both, walk, print percentiles."""
    from playwright.sync_api import sync_playwright

    if (chromium := browser_setup.find()) is None:
        raise SystemExit(f"ui: {browser_setup.missing()}")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        script = folder / "peer.py"
        script.write_text(PEER)
        with serving(ROOT / "app.py", folder) as ours, serving(script, folder) as theirs, sync_playwright() as play:
            browser = play.chromium.launch(executable_path=chromium, args=list(browser_setup.ARGS))
            found = walk(Curator(browser, ours), Screen(browser, theirs))
            browser.close()
    unit = statistics.median(t for t, _ in found["peer: one word"])
    rows = []
    for title, results in found.items():
        times = [t for t, _ in results]
        spread = (
            [f"{percentile(times, s):.0f} ms" for s in (0.5, 0.9, 0.99)]
            if len(times) > 3
            else [f"{min(times):.0f} ms", "", ""]
        )
        size = f"{statistics.median(n for _, n in results) / 1e3:.0f} kB" if "page" in title or "3D" in title else ""
        rows.append([title, *spread, f"{statistics.median(times) / unit:.1f} x", size])
    head = ["", "median", "90 %", "99 %", "to a click of the peer", "received"]
    print(table(f"From click to settled screen, {ROUNDS} times each, {os.cpu_count()} cores", head, rows))


if __name__ == "__main__":
    main()
