"""3D: the cloud, its boxes, and the scale of the scene."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from spacestudio.domain.camera import Camera
from spacestudio.domain.events import revision
from spacestudio.domain.graph import Relation
from spacestudio.domain.sample import Sample
from spacestudio.errors import InputError
from spacestudio.figures.cloud import BUDGET, ColorBy, cloud_figure
from spacestudio.formats.ply import write_ply
from spacestudio.geometry import open3d_room
from spacestudio.relations.words import statement
from spacestudio.services import judge
from spacestudio.services.arrange import unique_names
from spacestudio.services.payloads import camera_payload
from spacestudio.ui.components.cloud_tools import CloudTools, Viewpoint
from spacestudio.ui.components.table import table as make_table
from spacestudio.ui.frame import EMPTY, Done, Frame, Look, View
from spacestudio.ui.session import must_open, plain, shown

COLORS = [("photo", "photo"), ("layer", "layer"), ("object", "object")]
BELOW = "below the floor as estimated"
SUNKEN = (
    "Below the floor as estimated: the floor is one plane through the lowest large surface of the cloud. Where the ground "
    "slopes or has a step, or the depth is not exact there, an object seems to reach below it."
)
FEWEST, START = 2_000, 20_000
"""Points drawn in the browser: the least that can be asked for, and what is drawn unless asked."""


def space_tab(frame: Frame) -> None:
    """Build the tab."""
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            tools = CloudTools("cloud", elem_id="cloud-tools")
            plot = gr.Plot(show_label=False, elem_id="cloud")
        with gr.Column(scale=2, min_width=320):
            seen_from = gr.Markdown(elem_id="seen-from")
            seen = make_table({"relation": 46, "verdict": 27, "why": 27}, "What stands where", "seen", 300)
            color = gr.Radio(COLORS, value="photo", label="Colour by", elem_id="cloud-color")
            budget = gr.Slider(FEWEST, BUDGET, START, step=1000, label="Points drawn, at most", elem_id="cloud-budget")
    facts = gr.Markdown(elem_id="cloud-facts")
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            placed = make_table(
                {"object": 34, "sides of its turned box": 36, "lowest part": 30},
                "Objects in space (click one to choose it)",
                "placed",
                300,
            )
            sunken = gr.Markdown(elem_id="placed-note", elem_classes="quiet")
        with gr.Column(scale=2, min_width=320):
            with gr.Row():
                fov = gr.Number(
                    label="Horizontal field of view (degrees)", elem_id="fov", info="As the camera saw it", min_width=150
                )
                height = gr.Number(
                    label="Real height (m)", elem_id="known-height", info="Makes lengths metric", min_width=150
                )
            with gr.Row():
                set_fov = gr.Button("Use this field of view", elem_id="set-fov", min_width=150)
                set_height = gr.Button("Use this length", elem_id="set-height", min_width=150)
    with gr.Accordion("The full cloud, and its PLY file to download", open=False, elem_id="full-cloud-panel"):
        gr.Markdown("Every point, as the exported binary PLY. It may be large.")
        load = gr.Button("Open the full cloud", elem_id="full-cloud-open")
        model = gr.Model3D(label="Full cloud", elem_id="full-cloud", height=420, clear_color=(0.1, 0.1, 0.12, 1.0))
        file = gr.File(label="cloud.ply", interactive=False, elem_id="full-cloud-file", height=60)
    opened = gr.State("")
    outputs = [plot, facts, fov, height, seen_from, seen, placed, sunken, model, file]
    frame.add(View("space", outputs, draw, [color, budget, tools, opened]))
    frame.redraw([color, budget])
    frame.on(tools.turn, lambda look: None, trigger_mode="always_last")
    frame.on(tools.pick, _picked, event_data=True, trigger_mode="multiple")
    frame.on(placed.select, _row_picked, event_data=True)
    load.click(
        _full(frame),
        [frame.visitor, frame.sample],
        [model, file, opened],
        api_visibility="private",
        concurrency_id="work",
    )
    frame.on([set_fov.click, fov.submit], _set_fov, [fov])
    frame.on([set_height.click, height.submit], _set_height, [height])


def draw(look: Look, color: ColorBy, budget: float, view: Viewpoint, opened: str) -> list[Any]:
    """Cloud, its facts, and the relations as seen from a viewpoint.

    Args:
        look: the open sample.
        color: what the points' colours say.
        budget: most points drawn.
        view: where the cloud is seen from.
        opened: which full cloud is open, as `_cloud_key` names it; another one is closed.
    """
    s = look.sample
    if s is None or s.cloud is None:
        why = "This sample has no depth, so it has no cloud. Give it a depth file in the Image tab." if s else EMPTY
        return [None, why, None, None, "", [], [], "", None, None]
    figure = cloud_figure(
        s.cloud,
        s.objects,
        color_by=color,
        layers=s.layers,
        budget=int(np.clip(budget or START, FEWEST, BUDGET)),
        boxes=s.space.boxes,
        selected=look.selected,
        key=s.id,
    )
    names = unique_names(s.graph)
    relations = [r for r in relations_from(s, view) if not look.selected or look.selected in (r.subject, r.object)]
    rows = [[statement(r, names), r.verdict, view_why(r)] for r in relations]
    name = names.get(look.selected)
    label = f"Real height of “{name}” (m)" if name else "Real height (m); choose an object"
    fov = round(s.camera.fov_deg, 1) if s.camera else None
    return [
        figure,
        _facts(s),
        fov,
        gr.update(label=label, value=None, interactive=bool(name)),
        _seen_words(view, relations, name),
        rows[:200],
        (rows_placed := placed_rows(names, s)),
        SUNKEN if any(BELOW in row[2] for row in rows_placed) else "",
        *([gr.skip(), gr.skip()] if opened == _cloud_key(s) else [None, None]),
    ]


def relations_from(s: Sample, view: Viewpoint) -> list[Relation]:
    """What stands where as seen from a viewpoint, each pair once.

    From the front these are the camera's own relations, from above those of them that lie in the plane of the floor.
    """
    if view in s.views:
        return [r for r in s.views[view] if r.subject < r.object]
    flat = [r for r in s.graph if r.frame == "camera" and r.subject < r.object]
    return [r for r in flat if view != "top" or r.predicate not in ("above", "below")]


def _seen_words(view: Viewpoint, relations: list[Relation], name: str | None) -> str:
    """How many relations, and how many of them stand."""
    about = f" with “{plain(name)}”" if name else ""
    count = f"{len(relations)} relation{'' if len(relations) == 1 else 's'}{about}"
    open_ = sum(r.verdict == "undecided" for r in relations)
    return f"**Seen from the {view}**: {count}" + (f", {open_} of them undecided" if open_ else "")


def view_why(r: Relation) -> str:
    """The margin, or what leaves it open."""
    if r.origin == "person":
        return "set by a person"
    return str(r.evidence.get("undecided_because", f"{r.margin:+.2f}, needs {r.threshold:.2f}"))


def _facts(s: Sample) -> str:
    if s.cloud is None or s.camera is None or s.depth is None:
        return "No depth, no cloud."
    camera = "assumed" if s.camera.is_assumed else s.camera.source
    lengths = (
        "Lengths are metres."
        if s.depth.kind == "metric"
        else "Lengths are relative: far is assumed to be 10 times as far as near."
    )
    plane = s.space.floor
    floor = "no floor found: up is the camera's own up axis"
    if plane is not None:
        tilt = math.degrees(math.acos(min(1.0, -plane.normal[1])))
        floor = f"floor with {plane.share:.0%} of the points, up leans {tilt:.0f}° from the camera's"
    note = open3d_room.available()
    text = f"**{len(s.cloud):,}** points · camera {camera}, {s.camera.fov_deg:.0f}° across · {floor}"
    return f"{text} (by {plain(open3d_room.backend())}). {lengths}" + (f" {plain(note)}" if note else "")


def placed_rows(names: Mapping[str, str], s: Sample) -> list[list[str]]:
    """Each object's name, the sides of its turned box, and where its lowest part is, with their unit."""
    unit = "m" if s.cloud is not None and s.cloud.unit == "m" else "relative units"
    return [
        [
            names[object_id],
            " × ".join(f"{v:.2f}" for v in box.extent.tolist()) + f" {unit}",
            _lowest(s.space.heights.get(object_id), unit),
        ]
        for object_id, box in s.space.boxes.items()
    ]


def _lowest(heights: tuple[float, float] | None, unit: str) -> str:
    if heights is None:
        return "–"
    height = round(heights[0], 2)
    if height == 0:
        return "on the floor"
    return f"{abs(height):.2f} {unit} {'above the floor' if height > 0 else BELOW}"


def _cloud_key(s: Sample) -> str:
    """Names the cloud as it is now."""
    return f"{s.id} {len(s.cloud) if s.cloud is not None else 0} {revision(s.events)}"


def _picked(look: Look, evt: gr.EventData) -> Done:
    chosen = CloudTools.read_pick(evt)
    return Done(selected=chosen if chosen is not None and look.sample is not None and chosen in look.sample.graph else "")


def _row_picked(look: Look, evt: gr.SelectData) -> Done:
    chosen = {name: object_id for object_id, name in unique_names(look.opened().graph).items()}
    return Done(selected=chosen.get(str(evt.row_value[0]) if evt.row_value else "", ""))


def _full(frame: Frame) -> Any:
    def run(visitor: Any, sample_id: Any) -> tuple[str, str, str]:
        s = must_open(frame.studio, visitor, sample_id)
        if s.cloud is None:
            raise InputError("This sample has no cloud", next_step="Give it a depth map first")
        path = Path(tempfile.mkdtemp(prefix="cloud-")) / f"{s.id}.ply"
        write_ply(s.cloud, path)
        upright = path.with_name(f"{s.id}-view.ply")  # the viewer has y up and looks along -z
        write_ply(replace(s.cloud, points_camera=s.cloud.points_camera * np.array([1, -1, -1], np.float32)), upright)
        return str(upright), str(path), _cloud_key(s)

    return shown(run)


def _set_fov(look: Look, fov: float | None) -> Done:
    s = look.sample
    if s is None or not fov or not 1 <= fov <= 179:
        raise InputError(f"A field of view of {fov}", "degrees between 1 and 179")
    camera = Camera.from_fov(s.width, s.height, float(fov))
    look.studio.act(look.visitor, s.id, lambda _: [("camera", {"camera": camera_payload(camera)})])
    return Done(note=f"The camera now sees {fov:g}° across.")


def _set_height(look: Look, metres: float | None) -> Done:
    s = look.sample
    if s is None or not metres or metres <= 0:
        raise InputError("No length was given", "the object's real height in metres")
    if look.selected not in s.graph or s.depth is None or s.camera is None:
        raise InputError("No object with depth is selected", next_step="Click one in the cloud or in the list below it")
    look.studio.act(look.visitor, s.id, lambda x: judge.known_height(x, look.selected, float(metres)))
    return Done(note="Lengths are metres now, from the length you gave.")
