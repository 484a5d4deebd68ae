"""What a sample starts with: what a file left out, what a drawing shows, what an assumed camera means."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from spacestudio.domain.boxes import Box
from spacestudio.domain.camera import Camera
from spacestudio.domain.depth import DepthMap
from spacestudio.domain.graph import SpatialGraph
from spacestudio.domain.layout import Layout
from spacestudio.domain.objects import SceneObject
from spacestudio.domain.sample import EngineRun, Sample
from spacestudio.engines.imagine.compositor import Compositor
from spacestudio.engines.protocols import Source
from spacestudio.formats.coco import read_coco
from spacestudio.formats.pictures import Picture
from spacestudio.services.begin import Ready, Recipe, from_render
from spacestudio.services.derive import Deriver
from spacestudio.services.intake import ready_from
from spacestudio.services.payloads import to_png
from spacestudio.services.studio import Studio
from spacestudio.store.blobs import MemoryBlobs
from tests.services.conftest import OWNER

GREY = np.full((120, 160, 3), 128, np.uint8)
FIELD_OF_VIEW = "Sideways lengths assume a 60° field of view: no camera was given."


def analysed(studio: Studio, recipe: Recipe) -> Sample:
    return studio.open(OWNER, studio.add_picture(OWNER, Picture(GREY, to_png(GREY), "a.png"), recipe=recipe))


def coco(tmp_path: Path, crowd: bool) -> Ready:
    rows = [{"image_id": 1, "category_id": 1, "bbox": [5 + 12 * n, 20, 9, 40], "iscrowd": 0} for n in range(13)]
    rows += [{"image_id": 1, "category_id": c, "bbox": [0, 90, 150, 20], "iscrowd": 1} for c in (1, 2)] if crowd else []
    path = tmp_path / "c.json"
    categories = [{"id": 1, "name": "person"}, {"id": 2, "name": "sheep"}]
    path.write_text(json.dumps({"images": [{"id": 1, "file_name": "a.png"}], "categories": categories, "annotations": rows}))
    return ready_from(read_coco(path), "c.json", "a.png", 160, 120)


def test_a_crowd_is_neither_counted_nor_absent(studio: Studio, tmp_path: Path) -> None:
    def keys(crowd: bool) -> set[str]:
        return {p.key for p in analysed(studio, Recipe(objects=coco(tmp_path, crowd))).qa}

    count, absent = "count:person:count:image:number", "existence:sheep:present:image:yes-no"
    assert count in keys(False)
    assert not keys(True) & {count, absent}
    assert coco(tmp_path, True).left_out == ("person", "sheep")


def test_metres_of_an_assumed_camera_are_said_to_be(studio: Studio) -> None:
    values = np.linspace(1, 5, GREY.shape[0] * GREY.shape[1], dtype=np.float32).reshape(GREY.shape[:2])
    metric, relative = DepthMap.of(values, "metric", "made"), DepthMap.of(values, "relative", "made")
    nothing = Ready([], "made")
    assert FIELD_OF_VIEW in analysed(studio, Recipe(metric, None, nothing)).warnings
    assert FIELD_OF_VIEW not in analysed(studio, Recipe(metric, Camera(150, 150, 80, 60, 160, 120), nothing)).warnings
    assert FIELD_OF_VIEW not in analysed(studio, Recipe(relative, None, nothing)).warnings


def test_objects_of_a_picture_have_the_attributes_it_shows() -> None:
    """Drawings those they show, cut-outs their own; the asked graph keeps them all."""
    mask = np.zeros(GREY.shape[:2], bool)
    mask[20:60, 20:60] = True
    cut = SceneObject("ball-1", "ball", Box(20, 20, 60, 60), ("light blue", "shiny"), mask)
    drawn = [
        SceneObject("boulder-1", "boulder", Box(0, 0, 0, 0), ("mossy",)),
        SceneObject("dog-1", "dog", Box(0, 0, 0, 0), ("spotted", "red")),
    ]
    asked = SpatialGraph.of([cut, *drawn])
    boxes = {"ball-1": Box(30, 20, 70, 60), "boulder-1": Box(80, 10, 120, 50), "dog-1": Box(90, 60, 140, 110)}
    layout = Layout(160, 120, boxes, tuple(boxes), {o.id: o.name for o in asked.objects})
    blobs = MemoryBlobs()
    rendered = Compositor().render(layout, Source(GREY, (cut,)))
    made_id, events = from_render(rendered, layout, asked, [EngineRun("image", "compositor")], blobs, "made")
    sample = Deriver(blobs).sample(made_id, events)
    assert {o.label: o.attributes for o in sample.objects} == {
        "ball": ("light blue", "shiny"), "boulder": (), "dog": ("red",),
    }  # fmt: skip
    assert sample.target is not None
    assert [o.attributes for o in sample.target.objects] == [("light blue", "shiny"), ("mossy",), ("spotted", "red")]
    assert not [p for p in sample.qa if "mossy" in p.question or "spotted" in p.question]
