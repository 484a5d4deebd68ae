"""What was found in pictures made from prompts: VISOR's result files, and detections with boxes.

Gokhale et al. 2023, "Benchmarking Spatial Relationships in Text-to-Image Generation"; SEEDS 3.4. A picture of prompt
17 is called "17_0", "17_1", …; a name may carry folders and an ending.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import AliasChoices, Field, ValidationError

from spacestudio.domain.boxes import Box
from spacestudio.domain.found import FoundBoxes, Results
from spacestudio.domain.prompts import Prompt
from spacestudio.errors import FormatError
from spacestudio.formats.door import MAX_JSON_MB, read_bytes, read_json, reason
from spacestudio.formats.records import Record, clean, write_json

DETECTIONS = (
    'VISOR\'s results {"<id>_<k>": {"classes", "sra", "text", …}}, a COCO file, or a list '
    '[{"image_id": "<id>_<k>", "label", "bbox": [x, y, w, h], "score"}, …]'
)


def read_detections(path: Path) -> Results | FoundBoxes:
    """A result file, or boxes; a row that can't be read is named and left out.

    Raises:
        FormatError: no such file, none of these, or not one row of it can be read.
    """
    raw = read_bytes(path, MAX_JSON_MB * 1_000_000, FormatError, DETECTIONS)
    try:
        data = json.loads(raw, object_hook=_row)
    except (ValueError, RecursionError):
        data = read_json(path, FormatError, DETECTIONS)  # JSON Lines, or it tells what is wrong
    found: Results | FoundBoxes
    if isinstance(data, dict) and isinstance(data.get("images"), list):
        found = _of_coco(data)
    elif isinstance(data, dict):
        found = _results(data)
    elif isinstance(data, list):
        found = _boxes(data, {}, {}, complete=False)
    else:
        raise FormatError(f"“{path.name}” holds neither results nor detections", DETECTIONS)
    if not len(found.prompt):
        why = f" ({found.bad[0][0]}: {found.bad[0][1]})" if found.bad else ""
        raise FormatError(f"“{path.name}” holds no result of a picture called <id>_<k>{why}", DETECTIONS)
    return found


def _row(value: dict[str, Any]) -> Any:
    """A result as (sra, text, classes): small, and no other JSON value is a tuple; other objects as they are.

    Made while the file is parsed, so that its lists and numbers need not be kept.
    """
    classes = value.get("classes")
    return (value["sra"], value.get("text", ""), tuple(classes)) if type(classes) is list and "sra" in value else value


_PLAIN = re.compile(r"(?:[0-9]{1,12}_[0-9]{1,6}\n)+")
_NAME = re.compile(r"(?:.*[/\\])?(\d{1,12})_(\d{1,6})(?:\.\w{1,5})?")


def picture_of(name: str) -> tuple[int, int] | None:
    """Prompt id and number of a picture by its name, None when it is not called so.

    >>> picture_of("images/17_0.png")
    (17, 0)
    """
    found = _NAME.fullmatch(name)
    return (int(found[1]), int(found[2])) if found else None


def _results(data: dict[str, Any]) -> Results:
    text = "\n".join(data)
    plain = text.count("\n") == len(data) - 1 and bool(_PLAIN.fullmatch(text + "\n"))
    sound = plain and _sound(data.values())
    bad = () if sound else tuple((name, why) for name, row in data.items() if (why := _wrong(name, row)))
    for name, _ in bad:
        del data[name]
    numbers = _numbers(text) if plain and not bad else np.array([*map(picture_of, data)], np.int64)
    prompt, number = numbers.reshape(-1, 2).T
    right, texts, classes = ([*map(itemgetter(k), data.values())] for k in range(3))
    return Results(prompt, number, np.array(right, bool), classes, texts, bad)


def _numbers(text: str) -> NDArray[np.int64]:
    return np.fromstring(text.replace("\n", "_"), np.int64, sep="_")


def _sound(rows: Collection[Any]) -> bool:
    """Whether no row is wrong, told from all at once."""
    if set(map(type, rows)) != {tuple}:
        return False
    said = set(map(type, chain(map(itemgetter(1), rows), chain.from_iterable(map(itemgetter(2), rows)))))
    right = [*map(itemgetter(0), rows)]
    return said == {str} and set(map(type, right)) <= {int, bool} and set(right) <= {0, 1}


def _wrong(name: str, row: Any) -> str:
    """What is wrong with a row, "" when nothing is."""
    if picture_of(name) is None:
        return "its name is not <id>_<k>"
    if type(row) is not tuple:
        return "classes, a list, or sra is missing"
    right, text, classes = row
    if right not in (0, 1) or set(map(type, (text, *classes))) != {str}:
        return "sra is 0 or 1, text and classes are text"
    return ""


FARTHEST = 1e6
"""px beyond which no box reaches and no picture ends."""
Px = Annotated[float, Field(ge=-FARTHEST, le=FARTHEST)]


class _Image(Record):
    id: int | str
    file_name: str = ""
    width: float = Field(math.nan, gt=0, le=FARTHEST)
    height: float = Field(math.nan, gt=0, le=FARTHEST)


class _Category(Record):
    id: int | str
    name: str


class _Detection(Record):
    image_id: int | str = Field(validation_alias=AliasChoices("image_id", "file_name", "image"))
    label: int | str = Field(validation_alias=AliasChoices("label", "category", "category_name", "category_id", "name"))
    bbox: tuple[Px, Px, Px, Px]
    score: Px = 1.0


def _of_coco(data: Mapping[str, Any]) -> FoundBoxes:
    bad: list[tuple[str, str]] = []
    images = {row.id: row for _, row in _rows(_Image, data["images"], "image", bad)}
    names = {row.id: row.name for _, row in _rows(_Category, _list(data, "categories"), "category", bad)}
    return _boxes(_list(data, "annotations"), images, names, complete=True, bad=bad)


def _list(data: Mapping[str, Any], key: str) -> list[Any]:
    rows = data.get(key)
    return rows if isinstance(rows, list) else []


R = TypeVar("R", bound=Record)


def _rows(model: type[R], rows: Iterable[Any], what: str, bad: list[tuple[str, str]]) -> Iterator[tuple[int, R]]:
    """The rows that can be read, with their places."""
    for place, row in enumerate(rows):
        try:
            yield place, model.model_validate(row)
        except ValidationError as problem:
            bad.append((f"{what} {place}", reason(problem)))


def _boxes(
    rows: Sequence[Any],
    images: Mapping[int | str, _Image],
    names: Mapping[int | str, str],
    complete: bool,
    bad: list[tuple[str, str]] | None = None,
) -> FoundBoxes:
    """Detections by picture; a file that lists its images has one entry for each, else each picture that is named."""
    bad = [] if bad is None else bad
    pictures: dict[tuple[int, int], int] = {}
    sizes: list[tuple[float, float]] = []
    places: dict[int | str, int] = {}
    for key, image in images.items():
        picture = picture_of(image.file_name or str(key))
        if picture is None:
            bad.append((image.file_name or str(key), "its name is not <id>_<k>"))
        elif picture in pictures:
            bad.append((image.file_name or str(key), "the picture is listed twice"))
        else:
            places[key] = pictures[picture] = len(sizes)
            sizes.append((image.width, image.height))
    at, labels, corners, scores = [], [], [], []
    for place, row in _rows(_Detection, rows, "detection", bad):
        if not complete and row.image_id not in places:
            picture = picture_of(str(row.image_id))
            if picture is not None:
                places[row.image_id] = pictures.setdefault(picture, len(pictures))
        label = names.get(row.label, row.label)
        x, y, w, h = row.bbox
        if row.image_id not in places:
            bad.append((f"detection {place}", f"its picture {row.image_id} is not listed, or not called <id>_<k>"))
        elif not isinstance(label, str):
            bad.append((f"detection {place}", f"its category {label} has no name"))
        elif w < 0 or h < 0:
            bad.append((f"detection {place}", "its box has a negative side"))
        else:
            at.append(places[row.image_id])
            labels.append(label)
            corners.append((x, y, x + w, y + h))
            scores.append(row.score)
    prompt, number = np.array(list(pictures), np.int64).reshape(-1, 2).T
    size = np.array(sizes, np.float64).reshape(-1, 2) if complete else np.full((len(pictures), 2), np.nan)
    xyxy = np.array(corners, np.float64).reshape(-1, 4)
    return FoundBoxes(prompt, number, size, np.array(at, np.intp), labels, xyxy, np.array(scores), complete, tuple(bad))


# What a run writes


@dataclass(frozen=True)
class FoundPicture:
    """What was found in one picture.

    Attributes:
        prompt: what was asked.
        number: which of the prompt's pictures.
        file: where it lies, relative to the folder of the file that is written.
        width, height: px.
        found: (label, box, score), best first.
    """

    prompt: Prompt
    number: int
    file: str
    width: int
    height: int
    found: tuple[tuple[str, Box, float], ...]


def write_results(pictures: Sequence[FoundPicture], right: Sequence[bool], path: Path) -> Path:
    """VISOR's result file: what was found, centres in px, how many of the two objects, and `right` as sra."""
    rows = {}
    for p, holds in zip(pictures, right, strict=True):
        classes = [label for label, _, _ in p.found]
        rows[f"{p.prompt.id}_{p.number}"] = {
            "classes": classes,
            "centroid": [clean(box.center, 3) for _, box, _ in p.found],
            "recall": (p.prompt.first in classes) + (p.prompt.second in classes),
            "sra": int(holds),
            "text": p.prompt.text,
        }
    path.write_text(json.dumps(rows), encoding="utf-8", newline="\n")
    return path


def write_detections(pictures: Sequence[FoundPicture], path: Path) -> Path:
    """The boxes as a COCO file with scores; pictures without any are listed too."""
    names = sorted({name for p in pictures for name in (p.prompt.first, p.prompt.second)})
    ids = {name: number for number, name in enumerate(names, 1)}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, p in enumerate(pictures, 1):
        images.append({"id": number, "file_name": p.file, "width": p.width, "height": p.height})
        for label, box, score in p.found:
            row = {"id": len(annotations) + 1, "image_id": number, "category_id": ids[label]}
            annotations.append(row | {"bbox": clean(box.to_xywh(), 3), "score": clean(score)})
    categories = [{"id": number, "name": name} for name, number in ids.items()]
    return write_json({"images": images, "annotations": annotations, "categories": categories}, path)
