"""The files between the stages of SKG2Data (SEEDS 2.2), from scenes to checked questions; any may come from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field, ValidationError

from spacestudio.errors import FormatError
from spacestudio.formats.door import MAX_JSON_MB, read_bytes, read_json, reason
from spacestudio.formats.records import Record, write_json

Row = dict[str, Any]
MAX_SCENE = 200
"""Characters of a scene's name that are read."""


class _Kept(Record):
    model_config = ConfigDict(extra="allow", frozen=True)

    scene: str = ""


class _Objects(_Kept):
    scene: str
    objects: list[str]


class _Graph(_Kept):
    chosen_objects: list[str] = Field(min_length=1)


class _Boxes(_Graph):
    resp: str


class _Images(_Graph):
    img: str


class _Pair(Record):
    model_config = ConfigDict(extra="allow", frozen=True)

    question: str
    answer: str


class _Questions(_Images):
    qa: list[_Pair]


SHAPES: dict[str, tuple[type[_Kept], str]] = {
    "objects.json": (_Objects, "{scene, objects: […]}"),
    "skg.json": (_Graph, "{scene, chosen_objects, attributes, negative_objects, objects_kg}"),
    "skg_boxes.json": (_Boxes, "rows of skg.json with resp, the text of a layout"),
    "skg_images.json": (_Images, "rows of skg_boxes.json with img, the folder of the row's pictures"),
    "data.json": (_Questions, "rows of skg_images.json with qa: [{question, answer}]"),
    "data_filtered.json": (_Questions, "rows of skg_images.json with qa: [{question, answer}]"),
}
"""Published name of a file -> the shape of its rows, and that in words."""


def read_scenes(path: Path) -> list[str]:
    """The scenes of a text file, one a line, each once.

    Raises:
        FormatError: no such file, no text, or no line.
    """
    raw = read_bytes(path, MAX_JSON_MB * 1_000_000, FormatError, "a text file with one scene a line")
    lines = (" ".join(line.split())[:MAX_SCENE] for line in raw.decode("utf-8-sig", "replace").splitlines())
    scenes = list(dict.fromkeys(line for line in lines if line))
    if not scenes:
        raise FormatError(f"“{path.name}” names no scene", "one scene a line")
    return scenes


def read_rows(path: Path, like: str) -> tuple[list[Row], list[str]]:
    """The rows of a stage's file as they stand, and a line for each that has another shape and was left out.

    Args:
        path: the file.
        like: the published name of such a file, a key of `SHAPES`.

    Raises:
        FormatError: no such file, or no list of rows.
    """
    shape, words = SHAPES[like]
    data = read_json(path, FormatError, f"a list of {words}", finite=True)
    data = [data] if isinstance(data, dict) else data
    if not isinstance(data, list):
        raise FormatError(f"“{path.name}” is no list of rows", f"a list of {words}")
    rows, problems = [], []
    for number, row in enumerate(data):
        try:
            shape.model_validate(row)
        except ValidationError as error:
            problems.append(f"Row {number} of “{path.name}” was left out ({reason(error)}).")
        else:
            rows.append(row)
    return rows, problems


def read_texts(path: Path) -> dict[str, str]:
    """What to know of each scene, by the scene's name ({scene: text}).

    Raises:
        FormatError: no such file, or another shape.
    """
    accepted = "a JSON object {scene: text}"
    data = read_json(path, FormatError, accepted)
    if not isinstance(data, dict) or not all(isinstance(text, str) for text in data.values()):
        raise FormatError(f"“{path.name}” is no such object", accepted)
    return dict(data)


def write_stage(rows: list[Any], path: Path) -> Path:
    """A stage's file, written beside and moved into place; scenes as lines of text, all else as JSON."""
    part = path.with_name(f".{path.name}.part")
    if path.suffix == ".txt":
        part.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8", newline="\n")
    else:
        write_json(rows, part)
    part.replace(path)
    return path
