"""Depth & layers: the depth map, the layers from near to far, and where they are cut."""

from __future__ import annotations

from typing import Any

import gradio as gr

from spacestudio.domain.events import fold
from spacestudio.domain.sample import Sample
from spacestudio.engines import DEPTH
from spacestudio.errors import InputError
from spacestudio.figures.depth import depth_figure, depth_image
from spacestudio.figures.layers import layer_overlay, layer_strip
from spacestudio.geometry.layering import published_levels, purity
from spacestudio.relations.relate import family
from spacestudio.relations.words import read
from spacestudio.services import judge
from spacestudio.services.arrange import unique_names
from spacestudio.ui.components.choices import Choice
from spacestudio.ui.components.table import table as make_table
from spacestudio.ui.frame import EMPTY, Done, Frame, Look, View


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
    strip = gr.Plot(show_label=False, elem_id="layer-strip")
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            table = make_table(
                {"layer": 9, "from": 10, "to": 10, "objects, nearest first (share of their pixels in the layer)": 71},
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
            cuts = gr.Textbox(
                label="Cuts between layers",
                info="Shares from 0 nearest to 1 farthest, comma-separated; empty: found by themselves",
                elem_id="cuts",
                max_length=100,
            )
            cut = gr.Button("Cut here", elem_id="cut")
            with gr.Row():
                first = Choice(
                    [], label="Correct the order", elem_id="order-subject", min_width=90, allow_custom_value=False
                )
                order = gr.Dropdown(
                    list(family("depth").predicates), value="in front of", label="is", elem_id="order-is", min_width=90
                )
                second = Choice([], label="the", elem_id="order-object", min_width=90, allow_custom_value=False)
            reorder = gr.Button("Correct this order", elem_id="reorder")
            engine = gr.Dropdown(
                [(e.title, n) for n, e in DEPTH.items()], label="Measure again with", value=next(iter(DEPTH))
            )
            again = gr.Button("Measure depth again", elem_id="depth-again")
    frame.add(View("depth", [empty, plot, overlay, strip, table, cuts, levels, first, second], draw, [first, second]))
    frame.on([cut.click, cuts.submit], _cut, [cuts])
    frame.on(reorder.click, _reorder, [first, order, second])
    frame.on(again.click, _again, [engine], slow=True)


def draw(look: Look, first: str | None, second: str | None) -> list[Any]:
    """All views of depth."""
    s = look.sample
    if s is None or s.depth is None:
        why = "This sample has no depth. Give it a depth file in the Image tab, or measure it here." if s else EMPTY
        none = gr.update(choices=[], value=None)
        return [gr.update(value=why, visible=True), None, None, None, [], "", [], none, none]
    names, pure = unique_names(s.graph), purity(s.objects, s.depth, s.layers)
    rows = [
        [
            str(layer.index),
            f"{layer.near:.2f}",
            f"{layer.far:.2f}",
            ", ".join(names[i] + (f" ({pure[i]:.0%})" if pure[i] == pure[i] else "") for i in layer.object_ids),
        ]
        for layer in s.layers
    ]
    levels = [
        [str(k), names[seed], ", ".join(names[i] for i in others) or "–"]
        for k, (seed, *others) in enumerate(published_levels(s.objects, s.depth), 1)
    ]
    state_cuts = _set_cuts(s)
    overlay = (s.image, layer_overlay(s.image, s.depth, s.layers, s.objects) if s.layers else depth_image(s.depth))
    strip = layer_strip(s.layers, s.objects, s.depth)
    choices = [(names[o.id], o.id) for o in s.objects]
    ends = [gr.update(choices=choices, value=end if end in names else None) for end in (first, second)]
    return [gr.update(value="", visible=False), depth_figure(s.depth), overlay, strip, rows, state_cuts, levels, *ends]


def _set_cuts(s: Sample) -> str:
    """The cuts a person set, else nothing."""
    cuts = fold(s.events).cuts
    return ", ".join(f"{c:g}" for c in cuts) if cuts else ""


def _cut(look: Look, text: str) -> None:
    if look.sample is None or look.sample.depth is None:
        raise InputError("There is no depth to cut", next_step="Open a picture first")
    try:
        cuts = sorted({float(part) for part in text.split(",") if part.strip()})
    except ValueError:
        cuts = [-1.0]
    if any(not 0 < c < 1 for c in cuts) or len(cuts) > 12:
        raise InputError(f"The cuts “{text}”", "up to 12 numbers between 0 and 1, such as 0.3, 0.6")
    look.studio.act(look.visitor, look.sample.id, lambda s: [("layers.cut", {"cuts": cuts or None})])


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
