"""Depth & layers: the depth map, the layers from near to far, and where they are cut."""

from __future__ import annotations

from typing import Any

import gradio as gr

from spacestudio.domain.events import fold
from spacestudio.engines import DEPTH
from spacestudio.errors import InputError
from spacestudio.figures.depth import depth_figure, depth_image, to_reading
from spacestudio.figures.layers import layer_overlay, layer_strip
from spacestudio.geometry.layering import published_levels, purity
from spacestudio.relations.relate import family
from spacestudio.relations.words import read
from spacestudio.services import judge
from spacestudio.services.arrange import unique_names
from spacestudio.ui.components.choices import Choice, following
from spacestudio.ui.components.engines import engine_menu
from spacestudio.ui.components.layer_editor import LayerEditor
from spacestudio.ui.components.table import table as make_table
from spacestudio.ui.frame import EMPTY, Done, Frame, Look, View

STRIP_HINT = (
    "Near on the left, far on the right. Drag a cut to move it, double-click to add one, click an object to choose it. "
    "Keyboard: Tab, arrows, Delete, +."
)


def depth_tab(frame: Frame) -> None:
    """Build the tab."""
    empty = gr.Markdown(visible=False, elem_classes="empty")
    with gr.Row():
        with gr.Column(scale=1, min_width=320):
            plot = gr.Plot(show_label=False, elem_id="depth-plot")
        with gr.Column(scale=1, min_width=320):
            overlay = gr.ImageSlider(
                label="Picture | depth layers", elem_id="layer-overlay", interactive=False, format="png"
            )
    strip = LayerEditor(None, elem_id="layer-strip", mode_hint=STRIP_HINT)
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            table = make_table(
                {"layer": 14, "from – to": 28, "objects, nearest first (share of their pixels in the layer)": 58},
                "Layers",
                "layers",
            )
            gr.Markdown(
                "Layers divide the depth range: each object stands in one, by its median; a depth order you correct in the "
                "Graph tab moves the object it speaks of. Objects that reach into other layers show a low share.",
                elem_classes="quiet",
            )
            with gr.Accordion("Levels as SpaceSGG defines them", open=False, elem_id="levels-panel"):
                levels = make_table({"level": 12, "seed": 30, "also reach over its depth": 58}, "Levels", "levels")
        with gr.Column(scale=1, min_width=260):
            with gr.Row():
                first = Choice(
                    [], label="Correct the order", elem_id="order-subject", min_width=90, allow_custom_value=False
                )
                order = gr.Dropdown(
                    list(family("depth").predicates), value="in front of", label="is", elem_id="order-is", min_width=90
                )
                second = Choice([], label="the", elem_id="order-object", min_width=90, allow_custom_value=False)
            reorder = gr.Button("Correct this order", elem_id="reorder")
            engine = engine_menu(DEPTH, "Measure again with", "depth-again-engine")
            again = gr.Button("Measure depth again", elem_id="depth-again")
    frame.add(View("depth", [empty, plot, overlay, strip, table, levels, first, second], draw, [first, second]))
    frame.on(strip.edit, _cut, event_data=True, trigger_mode="multiple")
    frame.on(strip.pick, _picked, event_data=True, trigger_mode="multiple")
    frame.on(reorder.click, _reorder, [first, order, second])
    frame.on(again.click, _again, [engine], slow=True)


def draw(look: Look, first: str | None, second: str | None) -> list[Any]:
    """All views of depth."""
    s = look.sample
    if s is None or s.depth is None:
        why = "This sample has no depth. Give it a depth file in the Image tab, or measure it here." if s else EMPTY
        none = gr.update(choices=[], value=None)
        return [gr.update(value=why, visible=True), None, None, None, [], [], none, none]
    unit = " m" if s.depth.kind == "metric" else ""
    names, pure = unique_names(s.graph), purity(s.objects, s.depth, s.layers)
    rows = [
        [
            str(layer.index),
            " – ".join(f"{to_reading(s.depth, edge):.2f}" for edge in (layer.near, layer.far)) + unit,
            ", ".join(names[i] + (f" ({pure[i]:.0%})" if pure[i] == pure[i] else "") for i in layer.object_ids),
        ]
        for layer in s.layers
    ]
    levels = [
        [str(k), names[seed], ", ".join(names[i] for i in others) or "–"]
        for k, (seed, *others) in enumerate(published_levels(s.objects, s.depth), 1)
    ]
    tinted = layer_overlay(s.image, s.depth, s.layers, s.objects, look.selected) if s.layers else depth_image(s.depth)
    strip = layer_strip(s.layers, s.objects, s.depth, names, own=fold(s.events).cuts is not None)
    choices = [(names[o.id], o.id) for o in s.objects]
    ends = [following(choices, end) for end in (first, second)]
    return [
        gr.update(value="", visible=False),
        depth_figure(s.depth),
        (s.image, tinted),
        gr.update(value=strip | {"rev": look.rev, "key": s.id}, selected=look.selected, mode_hint=STRIP_HINT),
        rows,
        levels,
        *ends,
    ]


def _cut(look: Look, evt: gr.EventData) -> None:
    edit = LayerEditor.read(evt)
    s = look.opened()
    if s.depth is None:
        raise InputError("There is no depth to cut", next_step="Open a picture first")
    cuts = None if edit.op == "found" else list(edit.cuts)
    if fold(s.events).cuts != cuts:
        look.studio.act(look.visitor, s.id, lambda _: [("layers.cut", {"cuts": cuts})])


def _picked(look: Look, evt: gr.EventData) -> Done:
    return Done(selected=LayerEditor.read_pick(evt) or "")


def _reorder(look: Look, first: str | None, order: str, second: str | None) -> Done:
    s = look.opened()
    if not first or not second:
        raise InputError("The order is not complete", "two objects", "Choose both")
    look.studio.act(look.visitor, s.id, lambda x: judge.correct_relation(x, first, order, second))
    names = unique_names(s.graph)
    return Done(note=f"Corrected: {names[first]} is {read(order)} {names[second]}.")


def _again(look: Look, engine: str) -> Done:
    if look.sample is None:
        raise InputError("No sample is open", next_step="Drop a picture in the Image tab")
    look.studio.set_depth(look.visitor, look.sample.id, engine)
    return Done(note="Depth was measured again; what depends on it followed.")
