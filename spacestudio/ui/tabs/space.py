"""3D: the cloud, its boxes, and the scale of the scene."""

from __future__ import annotations

import math
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import gradio as gr
import numpy as np

from spacestudio.domain.camera import Camera
from spacestudio.domain.graph import Relation
from spacestudio.domain.sample import Sample
from spacestudio.errors import InputError
from spacestudio.figures.cloud import cloud_figure
from spacestudio.formats.ply import write_ply
from spacestudio.geometry import open3d_room
from spacestudio.relations.words import statement
from spacestudio.services import judge
from spacestudio.services.arrange import unique_names
from spacestudio.services.payloads import camera_payload
from spacestudio.ui.components.table import table as make_table
from spacestudio.ui.frame import EMPTY, Done, Frame, Look, View
from spacestudio.ui.session import must_open, plain, shown

ColorBy = Literal["photo", "layer", "object"]
COLORS = [("photo", "photo"), ("layer", "layer"), ("object", "object")]


def space_tab(frame: Frame) -> None:
    """Build the tab."""
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            plot = gr.Plot(show_label=False, elem_id="cloud")
        with gr.Column(scale=1, min_width=260):
            color = gr.Radio(COLORS, value="photo", label="Colour by", elem_id="cloud-color")
            facts = gr.Markdown(elem_id="cloud-facts")
            fov = gr.Number(label="Horizontal field of view (degrees)", elem_id="fov")
            set_fov = gr.Button("Use this field of view", elem_id="set-fov")
            height = gr.Number(label="Real height (m)", elem_id="known-height", info="Makes lengths metric")
            set_height = gr.Button("Use this length", elem_id="set-height")
            view = gr.Radio(
                [("the left", "left"), ("the back", "back"), ("the right", "right")],
                value="left",
                label="Seen from",
                elem_id="view",
            )
            seen = make_table({"relation": 56, "verdict": 18, "why": 26}, "What stands where", "seen", 260)
    placed = make_table(
        {"object": 40, "sides of its turned box": 36, "above the floor": 24}, "Objects in space", "placed", 240
    )
    with gr.Accordion("The full cloud", open=False):
        gr.Markdown("Every point, as the exported binary PLY. It may be large.")
        load = gr.Button("Open the full cloud", elem_id="full-cloud-open")
        model = gr.Model3D(label="Full cloud", elem_id="full-cloud", height=420, clear_color=(0.1, 0.1, 0.12, 1.0))
        file = gr.File(label="cloud.ply", interactive=False, elem_id="full-cloud-file", height=60)
    frame.add(View("space", [plot, facts, fov, height, seen, placed, model, file], draw, [color, view]))
    frame.redraw([color, view])
    load.click(_full(frame), [frame.visitor, frame.sample], [model, file], api_visibility="private", concurrency_id="work")
    frame.on([set_fov.click, fov.submit], _set_fov, [fov])
    frame.on([set_height.click, height.submit], _set_height, [height])


def draw(look: Look, color: ColorBy, view: str) -> list[Any]:
    """Cloud, its facts, and the relations as seen from a viewpoint."""
    s = look.sample
    if s is None or s.cloud is None:
        why = "This sample has no depth, so it has no cloud. Give it a depth file in the Image tab." if s else EMPTY
        return [None, why, None, None, [], [], None, None]
    figure = cloud_figure(s.cloud, s.objects, color_by=color, layers=s.layers, boxes=s.space.boxes)
    names = unique_names(s.graph)
    rows = [
        [statement(r, names), r.verdict, view_why(r)]
        for r in s.views.get(view, ())
        if r.subject < r.object and (not look.selected or look.selected in (r.subject, r.object))
    ]
    name = names.get(look.selected)
    label = f"Real height of “{name}” (m)" if name else "Real height (m): select an object in the Image tab first"
    fov = round(s.camera.fov_deg, 1) if s.camera else None
    return [
        figure,
        _facts(s),
        fov,
        gr.update(label=label, value=None, interactive=bool(name)),
        rows[:200],
        _placed(names, s),
        None,
        None,
    ]


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


def _placed(names: dict[str, str], s: Sample) -> list[list[str]]:
    unit = " m" if s.cloud is not None and s.cloud.unit == "m" else ""
    rows = []
    for object_id, box in s.space.boxes.items():
        sides = " × ".join(f"{v:.2f}" for v in box.extent.tolist()) + unit
        height = s.space.heights.get(object_id)
        rows.append([names[object_id], sides, "–" if height is None else f"{height[0]:.2f}{unit}"])
    return rows


def _full(frame: Frame) -> Any:
    def run(visitor: Any, sample_id: Any) -> tuple[str, str]:
        s = must_open(frame.studio, visitor, sample_id)
        if s.cloud is None:
            raise InputError("This sample has no cloud", next_step="Give it a depth map first")
        path = Path(tempfile.mkdtemp(prefix="cloud-")) / f"{s.id}.ply"
        write_ply(s.cloud, path)
        upright = path.with_name(f"{s.id}-view.ply")  # the viewer has y up and looks along -z
        write_ply(replace(s.cloud, points_camera=s.cloud.points_camera * np.array([1, -1, -1], np.float32)), upright)
        return str(upright), str(path)

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
        raise InputError("No object with depth is selected", next_step="Select one in the Image tab first")
    look.studio.act(look.visitor, s.id, lambda x: judge.known_height(x, look.selected, float(metres)))
    return Done(note="Lengths are metres now, from the length you gave.")
