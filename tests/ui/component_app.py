"""A page with both editors whose truth lives in Python, as in the studio; the tests drive it, and people may look at it.

`python tests/ui/component_app.py [port]` shows it.
"""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any

import gradio as gr
from skimage import data

from spacestudio.ui.components.box_editor import BoxEditor
from spacestudio.ui.components.graph_editor import GraphEditor
from spacestudio.ui.theme import CSS, theme

RELATIONS = ["left of", "right of", "above", "below", "in front of", "behind", "on", "inside", "near", "far from"]
HOSTILE = [
    "<img src=x onerror=window.__pwned=1>",
    "${window.__pwned=2}",
    "{{constructor.constructor('window.__pwned=3')()}}",
    "`window.__pwned=4`",
]


def first_boxes() -> dict[str, Any]:
    boxes = [
        {"id": "cup", "label": "cup", "x0": 165, "y0": 75, "x1": 470, "y1": 345, "note": "detected, score 0.91"},
        {"id": "spoon", "label": "spoon", "x0": 385, "y0": 235, "x1": 540, "y1": 385, "note": ""},
        {"id": "saucer", "label": "saucer", "x0": 90, "y0": 40, "x1": 560, "y1": 390, "note": "drawn by hand"},
    ]
    return {"rev": 1, "key": "coffee", "image": data.coffee(), "boxes": boxes}


def first_graph() -> dict[str, Any]:
    places = {
        "cup": ("cup", 0.52, 0.5), "spoon": ("spoon", 0.78, 0.8), "saucer": ("saucer", 0.28, 0.75), "coffee": ("coffee", 0.5, 0.42),
        "foam": ("milk foam", 0.47, 0.36), "handle": ("cup handle", 0.76, 0.42), "table": ("wooden table top", 0.12, 0.2), "light": ("reflection of a lamp", 0.85, 0.12),
    }  # fmt: skip
    nodes = [
        {"id": i, "label": label, "x": x, "y": y, "color": c}
        for (i, (label, x, y)), c in zip(places.items(), COLORS, strict=True)
    ]
    rows = [
        ("cup", "saucer", "on", "contact", "true", "measured"), ("saucer", "table", "on", "contact", "true", "measured"),
        ("spoon", "cup", "right of", "horizontal", "true", "measured"), ("cup", "spoon", "behind", "depth", "undecided", "measured"),
        ("coffee", "cup", "inside", "containment", "true", "corrected"), ("foam", "coffee", "on", "contact", "true", "measured"),
        ("handle", "cup", "right of", "horizontal", "true", "measured"), ("light", "table", "above", "vertical", "true", "stale"),
        ("handle", "spoon", "above", "vertical", "true", "measured"), ("cup", "table", "right of", "horizontal", "true", "measured"),
        ("spoon", "saucer", "inside", "containment", "false", "in conflict"), ("light", "handle", "left of", "horizontal", "false", "measured"),
        ("saucer", "spoon", "left of", "horizontal", "true", "wanted"), ("foam", "light", "left of", "horizontal", "true", "measured"),
    ]  # fmt: skip
    edges = [
        {
            "id": f"e{i}",
            "source": s,
            "target": t,
            "relation": r,
            "family": f,
            "verdict": v,
            "state": st,
            "note": "margin 0.12 of the width",
        }
        for i, (s, t, r, f, v, st) in enumerate(rows)
    ]
    return {"rev": 1, "key": "coffee", "background": data.coffee(), "nodes": nodes, "edges": edges}


COLORS = ["#56b4e9", "#e69f00", "#33c19b", "#8a5a2b", "#f0e442", "#9db8ff", "#c98b4e", "#e59cc6"]


class Truth:
    """One visitor's documents and everything the page sent."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.boxes, self.graph = first_boxes(), first_graph()
        self.edits: list[Any] = []
        self.picks: list[Any] = []
        self.refuse = False
        self.serial = 0

    def edit_box(self, evt: gr.EventData) -> Any:
        edit = BoxEditor.read(evt)
        self.edits.append(edit)
        if not self.refuse:
            self.boxes = copy.deepcopy(self.boxes) | {"rev": self.boxes["rev"] + 1}
            boxes = self.boxes["boxes"]
            place = dict(zip(("x0", "y0", "x1", "y1"), edit.box, strict=True))
            box = next((b for b in boxes if b["id"] == edit.id), None)
            if edit.op == "add":
                self.serial += 1
                boxes.append({"id": f"obj-{self.serial}", "label": edit.label} | place)
                return gr.update(value=self.boxes, selected=f"obj-{self.serial}")
            if box is None:
                raise gr.Error("That box is gone.", print_exception=False)
            if edit.op == "delete":
                boxes.remove(box)
            else:
                box |= {"label": edit.label} if edit.op == "label" else place
        return gr.update(value=self.boxes)

    def edit_graph(self, evt: gr.EventData) -> Any:
        edit = GraphEditor.read(evt)
        self.edits.append(edit)
        self.graph = graph = copy.deepcopy(self.graph) | {"rev": self.graph["rev"] + 1}
        if edit.op == "relate":
            old = next((e for e in graph["edges"] if e["id"] == edit.id), None)
            if old:
                old |= {"relation": edit.relation, "state": "corrected"}
            else:
                self.serial += 1
                graph["edges"].append(
                    {
                        "id": f"r{self.serial}",
                        "source": edit.source,
                        "target": edit.target,
                        "relation": edit.relation,
                        "state": "corrected",
                    }
                )
        if edit.op == "unrelate":
            graph["edges"] = [e for e in graph["edges"] if e["id"] != edit.id]
        if edit.op == "rename":
            next(n for n in graph["nodes"] if n["id"] == edit.id)["label"] = edit.label
        if edit.op == "delete":
            graph["nodes"] = [n for n in graph["nodes"] if n["id"] != edit.id]
            graph["edges"] = [e for e in graph["edges"] if edit.id not in (e["source"], e["target"])]
        return graph

    def pick_box(self, evt: gr.EventData) -> Any:
        pick = BoxEditor.read_pick(evt)
        self.picks.append(pick)
        return gr.update(selected=pick or ""), gr.update(selected=pick or "")

    def pick_graph(self, evt: gr.EventData) -> Any:
        pick = GraphEditor.read_pick(evt)
        self.picks.append(pick)
        return gr.update(selected=pick or ""), gr.update(selected=pick or "")

    def hostile(self) -> Any:
        self.boxes = copy.deepcopy(self.boxes) | {"rev": self.boxes["rev"] + 1}
        self.graph = copy.deepcopy(self.graph) | {"rev": self.graph["rev"] + 1}
        for i, text in enumerate(HOSTILE):
            self.boxes["boxes"].append(
                {"id": f"h{i}", "label": text, "x0": 10, "y0": 60 + 70 * i, "x1": 60, "y1": 110 + 70 * i, "note": text}
            )
            self.graph["nodes"][i]["label"] = text
            self.graph["edges"][i] |= {"relation": text, "note": text}
        hint = " ".join(HOSTILE)
        return gr.update(value=self.boxes, mode_hint=hint, labels=HOSTILE), gr.update(
            value=self.graph, mode_hint=hint, relations=HOSTILE
        )


def build(truth: Truth, tabs: bool = True) -> gr.Blocks:
    """The page: two tabs, or both editors below one another."""
    with gr.Blocks(title="Both editors", analytics_enabled=False) as demo:
        with gr.Tab("Boxes") if tabs else gr.Column():
            boxes = BoxEditor(
                lambda: truth.boxes, labels=["cup", "spoon", "saucer", "table"], elem_id="boxes",
                mode_hint="Correct: say where the objects are. Questions and exports follow.",
            )  # fmt: skip
        with gr.Tab("Graph") if tabs else gr.Column():
            graph = GraphEditor(
                lambda: truth.graph,
                relations=RELATIONS,
                elem_id="graph",
                mode_hint="Correct: the picture already shows this.",
            )
        light: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        boxes.edit(truth.edit_box, None, boxes, trigger_mode="multiple", **light)
        boxes.pick(truth.pick_box, None, [boxes, graph], trigger_mode="always_last", **light)
        graph.edit(truth.edit_graph, None, graph, trigger_mode="multiple", **light)
        graph.pick(truth.pick_graph, None, [boxes, graph], trigger_mode="always_last", **light)
        gr.Button("Hostile", elem_id="hostile").click(truth.hostile, None, [boxes, graph], **light)
        gr.Button("Change", elem_id="change").click(lambda: gr.update(mode="change"), None, graph, **light)
    return demo


def launch(demo: gr.Blocks, **options: Any) -> str:
    """Starts the page on this machine; its address."""
    settings = {
        "server_name": "127.0.0.1",
        "quiet": True,
        "ssr_mode": False,
        "run_history": False,
        "footer_links": [],
        "show_error": False,
    }
    settings |= {"theme": theme(), "css": CSS, "prevent_thread_lock": True}
    _, url, _ = demo.launch(**(settings | options))
    return str(url)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    launch(
        build(Truth(), tabs=False), server_port=int(sys.argv[1]) if len(sys.argv) > 1 else 7897, prevent_thread_lock=False
    )
