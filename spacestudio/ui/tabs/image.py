"""Image: bring pictures, draw and name objects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from spacestudio.domain.events import fold
from spacestudio.domain.sample import Sample
from spacestudio.engines import DEPTH, DETECT, LANGUAGE, SEGMENT
from spacestudio.errors import InputError, SpaceStudioError
from spacestudio.figures.outlines import outline
from spacestudio.relations.naming import COCO
from spacestudio.services import judge
from spacestudio.services.begin import Recipe
from spacestudio.services.examples import example, examples
from spacestudio.services.intake import bring_file, camera_from, coco_for, depth_from
from spacestudio.ui.components.box_editor import BoxEditor
from spacestudio.ui.components.engines import engine_menu
from spacestudio.ui.components.table import table as make_table
from spacestudio.ui.frame import Done, Frame, Look, View
from spacestudio.ui.session import shown

LABELS = list(dict.fromkeys([*(label for group in COCO.values() for label in group), *LANGUAGE.load("grammar").labels()]))
"""Offered while a name is typed: COCO's, then the scene grammar's. Any other name may be typed."""
HINT = "Drag to draw a box, then type its name. Choose an object to paint its mask."
ANEW = "The mask painted by hand no longer fits the box and was made anew; Undo brings it back."
CORNERS = 24_000
"""Corners of all outlines together, so that a picture of many objects stays light."""


def image_tab(frame: Frame) -> None:
    """Build the tab."""
    with gr.Row(elem_classes="spread"):
        with gr.Column(scale=1, min_width=250):
            files = gr.File(
                label="Drop pictures (or sample folders as ZIP)", file_count="multiple", height=130, elem_id="pictures"
            )
            with gr.Accordion("Depth, camera and objects from files", open=False):
                depth_file = gr.File(label="Depth of the open picture", height=100, elem_id="depth-file")
                depth_kind = gr.Dropdown(
                    [
                        ("as the file says", ""),
                        ("metric", "metric"),
                        ("relative", "relative"),
                        ("disparity (larger = nearer)", "disparity"),
                    ],
                    value="",
                    label="Its numbers are",
                    elem_id="depth-kind",
                )
                depth_scale = gr.Number(
                    label="Raw units per metre", value=None, info="1000 for millimetres; 0: by the file's type"
                )
                camera_text = gr.Textbox(label="Camera", placeholder="fx, fy, cx, cy in px", max_length=4000)
                coco_file = gr.File(label="Objects from a COCO file", height=100, elem_id="coco-file")
            with gr.Accordion("Engines", open=False):
                depth_engine = engine_menu(DEPTH, "Depth", "depth-engine")
                object_engine = engine_menu(DETECT, "Objects", "object-engine")
                sought = gr.Textbox(
                    label="Look for",
                    info="comma-separated, for engines that find by name; empty: COCO's 80 names",
                    max_length=4000,
                    elem_id="look-for",
                )
                mask_engine = engine_menu(SEGMENT, "Masks", "mask-engine")
                scene_engine = engine_menu(LANGUAGE, "Scenes", "scene-engine")
            with gr.Group():
                scene = gr.Textbox(
                    label="Or name a scene", placeholder="a kitchen; empty for a surprise", max_length=200, elem_id="scene"
                )
                with gr.Row():
                    seed = gr.Number(label="Seed", value=7, precision=0, minimum=0, maximum=2**31, min_width=80)
                    imagine = gr.Button("Make the scene", elem_id="make-scene", min_width=120)
            gr.Markdown("Examples", elem_classes="eyebrow")
            with gr.Row(elem_classes="examples"):
                buttons = [
                    (name, gr.Button(entry.label, size="sm", elem_id=f"example-{name}", min_width=110))
                    for name, entry in examples().items()
                ]
        with gr.Column(scale=3, min_width=320):
            gr.Markdown("**Correct** Boxes here say what the picture already shows.", elem_classes="kind-correct")
            editor = BoxEditor(
                None,
                labels=LABELS,
                elem_id="boxes",
                mode_hint=HINT,
                masks=True,
            )
        with gr.Column(scale=1, min_width=340):
            table = make_table({"#": 7, "object": 26, "attributes": 24, "depth": 20, "id": 23}, "Objects", "objects", 320)
            label = gr.Textbox(label="Name", max_length=60, elem_id="object-label")
            attributes = gr.Textbox(
                label="Attributes", info="comma-separated: red, ceramic", max_length=200, elem_id="object-attributes"
            )
            with gr.Row():
                apply = gr.Button("Apply", variant="primary", elem_id="object-apply", min_width=80)
                delete = gr.Button("Delete object", elem_id="object-delete", min_width=80)
            box_text = gr.Textbox(label="Box x0, y0, x1, y1 (px)", max_length=80, elem_id="object-box")
            add = gr.Button("Add as a new object", elem_id="object-add")
            propose = gr.Button("Propose regions to name", elem_id="propose")
    frame.add(View("image", [editor, table, label, attributes, box_text], draw))

    found_by = [object_engine, sought, mask_engine]
    frame.on(files.upload, _add_pictures, [files, depth_engine, *found_by], slow=True, trigger_mode="multiple")
    frame.later(lambda: files.upload(shown(lambda: None), None, files, show_progress="hidden", api_visibility="private"))
    frame.on(depth_file.upload, _set_depth_file, [depth_file, depth_kind, depth_scale, camera_text], slow=True)
    frame.on(coco_file.upload, _add_coco, [coco_file], slow=True)
    frame.on([imagine.click, scene.submit], _imagine, [scene, seed, scene_engine], slow=True)
    for name, button in buttons:
        frame.on(button.click, _example(name), slow=True)
    frame.on(editor.edit, _edited, [mask_engine], event_data=True, trigger_mode="multiple")
    frame.on(editor.pick, _picked, event_data=True, trigger_mode="multiple")
    frame.on(table.select, _row_picked, event_data=True)
    frame.on(
        [apply.click, label.submit, attributes.submit, box_text.submit], _apply, [label, attributes, box_text, mask_engine]
    )
    frame.on(delete.click, _delete)
    frame.on(add.click, _add_typed, [label, attributes, box_text, mask_engine])
    frame.on(propose.click, _propose, found_by, slow=True)


def draw(look: Look) -> list[Any]:
    """Editor, table and form of the open sample."""
    s = look.sample
    if s is None:
        return [None, [], "", "", ""]
    said = fold(s.events).objects
    corners = min(max(CORNERS // max(1, len(s.objects)), 40), 500)
    boxes = [
        {
            "id": o.id,
            "label": o.label,
            **dict(zip(("x0", "y0", "x1", "y1"), o.box.xyxy, strict=True)),
            "mask": "" if o.mask is None else outline(o.mask, corners),
            "painted": bool(said.get(o.id, {}).get("painted")),
        }
        for o in s.objects
    ]
    value = {"rev": look.rev, "key": s.id, "image": s.image, "width": s.width, "height": s.height, "boxes": boxes}
    rows = [[str(k), o.label, ", ".join(o.attributes), depth_words(s, o), o.id] for k, o in enumerate(s.objects, 1)]
    chosen = next((o for o in s.objects if o.id == look.selected), None)
    form = (
        [chosen.label, ", ".join(chosen.attributes), ", ".join(f"{v:.0f}" for v in chosen.box.xyxy)]
        if chosen
        else ["", "", ""]
    )
    props: dict[str, Any] = {
        "selected": look.selected,
        "labels": LABELS,
        "mode_hint": HINT,
        "masks": True,
        "readonly": False,
    }
    return [gr.update(value=value, **props), rows, *form]


def depth_words(s: Any, o: Any) -> str:
    """ "1.23 m", or how far between nearest and farthest."""
    if o.depth is None:
        return "–"
    if s.depth.kind == "metric":
        return f"{o.depth.median:.2f} m"
    share = float(s.depth.to_farness(np.array([o.depth.median], np.float32))[0])
    return f"{share * 100:.0f} % far"


def _need(look: Look) -> Any:
    if look.sample is None:
        raise InputError("No sample is open", next_step="Drop a picture, pick an example, or name a scene")
    return look.sample


def _add_pictures(
    look: Look, files: list[str] | None, depth_engine: str, object_engine: str, sought: str | None, masks: str
) -> Done:
    recipe = Recipe(depth=depth_engine, objects=object_engine, labels=tuple((sought or "").split(",")), masks=masks)
    done, problems = [], []
    for path in files or []:
        try:
            done += bring_file(look.studio, look.visitor, Path(path), recipe)
        except SpaceStudioError as error:
            name = Path(path).name
            problems.append(str(error) if name in str(error) else f"{name}: {error}")
    for line in problems:
        gr.Warning(line, duration=12)
    if not done and problems:
        return Done()
    return Done(done[-1] if done else "", "", f"{len(done)} pictures added." if len(done) > 1 else "")


def _set_depth_file(look: Look, path: str, kind: str, scale: float | None, camera: str) -> Done:
    s = _need(look)
    depth, warnings = depth_from(Path(path), kind or None, scale, (s.width, s.height))
    given = camera_from(camera, s.width, s.height) if camera.strip() else None
    look.studio.set_depth(look.visitor, s.id, depth, given)
    return Done(note=" ".join(warnings))


def _add_coco(look: Look, path: str) -> Done:
    s = _need(look)
    ready = coco_for(Path(path), s)
    look.studio.act(look.visitor, s.id, lambda sample: judge.add_detections(sample, ready))
    return Done(note=" ".join([f"{len(ready.detections)} objects added.", *ready.warnings]))


def _imagine(look: Look, scene: str, seed: float | None, engine: str) -> Done:
    made, note = look.studio.imagined(look.visitor, scene.strip() or None, int(seed or 0), engine)
    return Done(made, "", note)


def _example(name: str) -> Any:
    def run(look: Look) -> Done:
        return Done(example(look.studio, look.visitor, name), "")

    return run


def _edited(look: Look, evt: gr.EventData, masks: str) -> Done | None:
    edit = BoxEditor.read(evt)
    s = _need(look)
    chosen: str | None = edit.id
    if edit.op == "add":
        after = look.studio.act(look.visitor, s.id, lambda x: judge.add_object(x, edit.label, edit.box, masks=masks))
        chosen = after.objects[-1].id
    elif edit.op == "delete":
        look.studio.act(look.visitor, s.id, lambda x: judge.delete_object(x, edit.id))
        chosen = ""
    elif edit.op == "label":
        look.studio.act(look.visitor, s.id, lambda x: judge.edit_object(x, edit.id, label=edit.label))
    elif edit.op == "paint":
        strokes = [(stroke.points, stroke.radius) for stroke in edit.strokes]
        look.studio.act(look.visitor, s.id, lambda x: judge.paint_mask(x, edit.id, strokes, edit.add))
    elif edit.op == "grow" and (point := edit.point):
        look.studio.act(look.visitor, s.id, lambda x: judge.grow_mask(x, edit.id, point, edit.add, masks))
    else:
        after = look.studio.act(look.visitor, s.id, lambda x: judge.edit_object(x, edit.id, xyxy=edit.box, masks=masks))
        return Done(selected=chosen, note=mask_note(s, after, edit.id))
    return Done(selected=chosen)


def mask_note(before: Sample, after: Sample, object_id: str) -> str:
    """What to say of an edit after which a mask painted by hand is gone; "" otherwise."""
    return ANEW if judge.is_painted(before, object_id) and not judge.is_painted(after, object_id) else ""


def _picked(look: Look, evt: gr.EventData) -> Done:
    return Done(selected=BoxEditor.read_pick(evt) or "")


def _row_picked(look: Look, evt: gr.SelectData) -> Done:
    s = _need(look)
    return Done(selected=str(evt.row_value[-1]) if evt.row_value[-1] in s.graph else "")


def _box_of(text: str) -> list[float] | None:
    if not text.strip():
        return None
    try:
        numbers = [float(part) for part in text.replace(";", ",").split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != 4:
        raise InputError(f"The box “{text}”", "four numbers: x0, y0, x1, y1 in px")
    return numbers


def _apply(look: Look, label: str, attributes: str, box: str, masks: str) -> Done:
    s = _need(look)
    if look.selected not in s.graph:
        raise InputError("No object is selected", next_step="Click one in the picture or the table")
    wanted = _box_of(box)
    before = s.graph[look.selected].box
    moved = wanted if wanted and any(abs(a - b) > 0.6 for a, b in zip(wanted, before.xyxy, strict=True)) else None
    after = look.studio.act(
        look.visitor, s.id, lambda x: judge.edit_object(x, look.selected, label, attributes, moved, masks)
    )
    return Done(note=mask_note(s, after, look.selected))


def _delete(look: Look) -> Done:
    s = _need(look)
    look.studio.act(look.visitor, s.id, lambda x: judge.delete_object(x, look.selected))
    return Done(selected="")


def _add_typed(look: Look, label: str, attributes: str, box: str, masks: str) -> Done:
    s = _need(look)
    wanted = _box_of(box)
    if wanted is None:
        raise InputError("No box was typed", "x0, y0, x1, y1 in px", "Type it, or draw the box in the picture")
    after = look.studio.act(look.visitor, s.id, lambda x: judge.add_object(x, label, wanted, attributes, masks))
    return Done(selected=after.objects[-1].id)


def _propose(look: Look, engine: str, sought: str | None, masks: str) -> Done:
    s = _need(look)
    after = look.studio.find_objects(look.visitor, s.id, engine, (sought or "").split(","), masks)
    fresh = len(after.objects) - len(s.objects)
    if not DETECT[engine].built_in:
        return Done(note=f"{fresh} objects found." if fresh else "Nothing of that was found that is not there yet.")
    return Done(note=f"{fresh} regions proposed: name them, or delete them." if fresh else "No further region stands out.")
