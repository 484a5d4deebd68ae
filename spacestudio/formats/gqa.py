"""GQA's scene graphs: {image id: {width, height, objects: {id: {name, x, y, w, h, attributes, relations}}}}, px.

Hudson and Manning, "GQA" (CVPR 2019). Read for what proximity needs: the objects, and which is in front of or behind which.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from spacestudio.domain.boxes import Box
from spacestudio.domain.graph import Relation, SpatialGraph
from spacestudio.domain.objects import SceneObject, fresh_id
from spacestudio.errors import FormatError
from spacestudio.formats.door import read_json, reason
from spacestudio.formats.records import Record

ACCEPTED = "GQA scene graphs: {image id: {width, height, objects: {id: {name, x, y, w, h, relations}}}}"
DEPTH = ("in front of", "behind")


class _Relation(Record):
    name: str
    object: str


class _Object(Record):
    name: str = Field(min_length=1)
    x: float
    y: float
    w: float = Field(gt=0)
    h: float = Field(gt=0)
    attributes: tuple[str, ...] = ()
    relations: tuple[_Relation, ...] = ()


class _Scene(Record):
    width: int = Field(ge=1, le=1_000_000)
    height: int = Field(ge=1, le=1_000_000)
    objects: dict[str, Any]


@dataclass(frozen=True, eq=False)
class GqaScene:
    """One picture: its id, which is its file's stem, its size in px, and its objects with their relations in depth."""

    id: str
    width: int
    height: int
    graph: SpatialGraph


def read_gqa(path: Path) -> tuple[list[GqaScene], list[tuple[str, str]]]:
    """The scenes of a file, and (item, why) for each scene or object that could not be read.

    Raises:
        FormatError: no such file, or no scene in it.
    """
    data = read_json(path, FormatError, ACCEPTED)
    if not isinstance(data, dict):
        raise FormatError(f"“{path.name}” is no object of scenes", ACCEPTED)
    scenes: list[GqaScene] = []
    problems: list[tuple[str, str]] = []
    for image_id, item in data.items():
        try:
            scenes.append(_scene(str(image_id), _Scene.model_validate(item), problems))
        except ValidationError as error:
            problems.append((str(image_id), f"no scene graph ({reason(error)})"))
    if not scenes:
        raise FormatError(f"“{path.name}” holds no scene graph", ACCEPTED)
    return scenes, problems


def _scene(image_id: str, row: _Scene, problems: list[tuple[str, str]]) -> GqaScene:
    objects: dict[str, SceneObject] = {}
    relations: list[tuple[str, _Relation]] = []
    taken: set[str] = set()
    for object_id, item in row.objects.items():
        try:
            o = _Object.model_validate(item)
        except ValidationError as error:
            problems.append((f"{image_id}, object {object_id}", reason(error)))
            continue
        box = Box.from_xywh((o.x, o.y, o.w, o.h)).clipped(row.width, row.height)
        if not box.area:
            problems.append((f"{image_id}, object {object_id}", "its box lies outside the picture"))
            continue
        own = fresh_id(o.name, taken)
        taken.add(own)
        objects[object_id] = SceneObject(own, o.name, box, o.attributes, origin="file")
        relations += [(own, r) for r in o.relations if r.name in DEPTH]
    stated = {
        (subject, r.name, objects[r.object].id): None
        for subject, r in relations
        if r.object in objects and objects[r.object].id != subject
    }
    said = [Relation(s, p, o, "depth", "camera", origin="person") for s, p, o in stated]
    return GqaScene(image_id, row.width, row.height, SpatialGraph.of(objects.values(), said))
