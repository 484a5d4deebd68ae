"""The floor, the objects' boxes and heights in space, whichever library finds them; and what a correction does to layers."""

from __future__ import annotations

import numpy as np
import pytest

from spacestudio.domain.boxes import Box
from spacestudio.domain.camera import Camera
from spacestudio.domain.depth import DepthMap
from spacestudio.engines.protocols import Detection
from spacestudio.formats.pictures import Picture
from spacestudio.geometry import open3d_room
from spacestudio.services import judge
from spacestudio.services.begin import Ready, Recipe
from spacestudio.services.payloads import to_png
from spacestudio.services.studio import Studio
from tests.services.conftest import OWNER


@pytest.mark.parametrize("open3d", [True, False])
def test_objects_have_boxes_with_and_without_open3d(
    open3d: bool, studio: Studio, sample_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not open3d:
        monkeypatch.setattr(open3d_room, "_load", lambda: (None, "not here: see packages.txt"))
    elif open3d_room.available() is not None:
        pytest.skip(open3d_room.available() or "")
    s = Studio(studio.data).open(OWNER, sample_id)
    assert list(s.space.boxes) == ["ball-1", "lamp-1"]
    for box in s.space.boxes.values():
        assert box.extent[0] >= box.extent[1] >= box.extent[2] >= 0
        assert 0.1 < box.extent[0] < 3
    engines = {run.stage: run.engine for run in s.provenance}
    assert engines["cloud"] == "numpy"
    assert engines["space"] == ("open3d" if open3d else "numpy")


def room(studio: Studio) -> str:
    """A floor 1.2 m below the camera, a crate standing on it and, on the crate, a can; a dog's box overlaps the crate.

    All boxes are front faces, filled; the dog stands on the floor and its sloppy mask ends on the crate's.
    """
    height, width = 240, 320
    camera = Camera(300, 300, 160, 60, width, height)
    v = np.arange(height)[:, None] + np.zeros(width)
    depth = np.where(v > 62, 1.2 * 300 / np.maximum(v - 60, 1), 9.0)
    depth = np.minimum(depth, 9.0).astype(np.float32)
    found = []
    for label, box, z in (
        ("crate", (100, 90, 180, 180), 3.0),  # bottom at 180: 1.2 * 300 / 120 = 3 m
        ("can", (130, 60, 150, 90), 3.05),  # ends where the crate begins
        ("dog", (165, 110, 230, 178), 3.06),
    ):
        x0, y0, x1, y1 = box
        mask = np.zeros((height, width), bool)
        mask[y0:y1, x0:x1] = True
        depth[y0:y1, x0:x1] = z
        found.append(Detection(label, Box(*box), 1.0, mask))
    image = np.full((height, width, 3), 120, np.uint8)
    recipe = Recipe(DepthMap.of(depth, "metric", "made"), camera, Ready(found, "made"))
    return studio.add_picture(OWNER, Picture(image, to_png(image), "room.png", ()), recipe=recipe)


def test_the_floor_tells_what_stands_on_it(studio: Studio) -> None:
    s = studio.open(OWNER, room(studio))
    assert s.space.floor is not None
    np.testing.assert_allclose(s.space.floor.normal, (0, -1, 0), atol=0.02)
    assert s.space.up == s.space.floor.normal
    assert s.space.heights["crate-1"][0] == pytest.approx(0, abs=0.05)
    assert s.space.heights["can-1"][0] == pytest.approx(0.9, abs=0.05)
    on = {(r.subject, r.object) for r in s.graph if r.predicate == "on" and r.verdict == "true"}
    assert on == {("can-1", "crate-1")}


def test_distances_are_metres_where_depth_is(studio: Studio) -> None:
    s = studio.open(OWNER, room(studio))
    r = s.graph.relation("can-1", "dog-1", "distance", "camera")
    assert r is not None
    a, b = (next(m for m in (s.variants[0],)).center[k] for k in (1, 2))
    assert 0 < r.evidence["metres"] < np.linalg.norm(a - b)


def test_a_corrected_depth_order_moves_the_object_it_speaks_of(studio: Studio, sample_id: str) -> None:
    layers = studio.open(OWNER, sample_id).layers
    assert [layer.object_ids for layer in layers] == [("ball-1",), ("lamp-1",)]
    s = studio.act(OWNER, sample_id, lambda x: judge.correct_relation(x, "lamp-1", "in front of", "ball-1"))
    assert [layer.object_ids for layer in s.layers] == [("lamp-1", "ball-1"), ()]
    s = studio.act(OWNER, sample_id, lambda x: judge.correct_relation(x, "ball-1", "in front of", "lamp-1"))
    assert [layer.object_ids for layer in s.layers] == [("ball-1",), ("lamp-1",)]
    assert studio.undo(OWNER, sample_id).layers[0].object_ids == ("lamp-1", "ball-1")
