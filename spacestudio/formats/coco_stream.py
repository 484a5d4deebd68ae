"""COCO files of any size as columns of boxes: read row by row, so that memory grows with the boxes and not with the file."""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, TextIO

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from spacestudio.domain.captions import BoxTable, Tally
from spacestudio.errors import FormatError
from spacestudio.formats.coco import decode_rle
from spacestudio.formats.door import reason
from spacestudio.formats.records import DIGITS, Record
from spacestudio.formats.tallies import Tallies

ACCEPTED = "COCO instances or panoptic JSON with images {id, width, height}, annotations and categories"
CHUNK = 1 << 20
"""Characters read at once."""
MAX_ROW = 1 << 26
"""Longest single row, in characters."""
CLIPPED_PX = 0.5
"""A box that reaches out of its picture by more is told of; by less it is rounding."""

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()
_OUTLINE = re.compile(r'"segmentation"\s*:\s*\[[][0-9 .,eE+\n\r\t-]*\](?=\s*(?:,\s*"|\}))')
"""Polygons with what follows them, four fifths of a COCO file; inside a JSON string its quotes would be escaped."""
_Id = Annotated[int, Field(ge=-(1 << 63), lt=1 << 63)] | str


class _Image(Record):
    id: _Id
    width: int = Field(gt=0)
    height: int = Field(gt=0)
    file_name: str = ""


class _Category(Record):
    id: _Id
    name: str = Field(min_length=1)
    isthing: bool = True


class _Number(Record):
    model_config = Record.model_config | {"allow_inf_nan": True}


class _Annotation(_Number):
    image_id: _Id
    category_id: _Id
    id: _Id | None = None
    bbox: tuple[float, float, float, float] | None = None
    iscrowd: bool = False
    segmentation: Any = None


class _Text:
    """JSON from a file, one value at a time; polygons read as null unless they are wanted."""

    def __init__(self, file: TextIO, polygons: bool) -> None:
        self._file, self._polygons = file, polygons
        self._text, self._at = "", 0

    def next(self) -> str:
        """The next character that is no space; it stays.

        Raises:
            ValueError: there is none.
        """
        while True:
            self._at = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                raise ValueError("it ends too early")

    def take(self, accepted: str) -> str:
        """The next character, which must be one of these.

        Raises:
            ValueError: it is another.
        """
        found = self.next()
        if found not in accepted:
            raise ValueError(f"“{found}” where one of {' '.join(accepted)} is needed")
        self._at += 1
        return found

    def value(self) -> Any:
        """The next whole value.

        Raises:
            ValueError: it is no JSON, or longer than MAX_ROW.
        """
        self.next()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except ValueError:
                if len(self._text) - self._at > MAX_ROW or not self._more():
                    raise
            else:  # at the very end of what was read, a number may go on: "1", "1.", "1e+"
                if len(self._text) - end > 2 or not self._more():
                    self._at = end
                    return value

    def items(self) -> Iterator[Any]:
        """The values of a list, which stands next."""
        self.take("[")
        if self.next() == "]":
            self.take("]")
            return
        yield self.value()
        while self.take(",]") == ",":
            yield self.value()

    def _more(self) -> bool:
        """As much again as is not used yet, so that a long row is looked at few times; False at the end of the file."""
        added = self._file.read(max(CHUNK, len(self._text) - self._at))
        if not added:
            return False
        if not self._polygons:
            added = _OUTLINE.sub('"segmentation":null', added)
        self._text, self._at = self._text[self._at :] + added, 0
        return True


def rows(path: Path, polygons: bool = True) -> Iterator[tuple[str, int, Any]]:
    """Every row of every list at the top of a JSON object: (the list's name, place, row). Other values are passed over.

    Args:
        path: the file.
        polygons: False reads them as null, four times as fast.

    Raises:
        FormatError: no such file, no JSON, or no object.
    """
    called, key, place = f"“{path.name}”", "", 0
    try:
        with path.open(encoding="utf-8-sig") as file:
            text = _Text(file, polygons)
            if text.next() != "{":
                raise FormatError(f"{called} is no JSON object", ACCEPTED, "Choose the instances file")
            text.take("{")
            more = text.next() != "}"
            while more:
                key, place = str(text.value()), 0
                text.take(":")
                if text.next() == "[":
                    for place, row in enumerate(text.items()):
                        yield key, place, row
                else:
                    text.value()
                more = text.take(",}") == ","
    except OSError as error:
        raise FormatError(f"{called} can't be opened ({reason(error)})", ACCEPTED, "Check the path") from None
    except UnicodeDecodeError:
        raise FormatError(f"{called} is no UTF-8 text", ACCEPTED) from None
    except (ValueError, RecursionError) as error:
        at = f", after row {place:,} of {key}" if key else ""
        raise FormatError(f"{called} is no valid JSON{at} ({reason(error)})", ACCEPTED, "Export it again") from None


_WHOLE, _CROWD, _BARE = 0, 1, 2
"""States of an annotation: one thing, a crowd, without a box."""


class _Columns:
    """What the files said, before it is checked against each other; a place is a number given at first sight."""

    def __init__(self, centroids: bool) -> None:
        self.tallies = Tallies()
        self.images: dict[int | str, _Image] = {}
        self.categories: dict[tuple[int, int | str], _Category] = {}
        self.image_places: dict[int | str, int] = {}
        self.category_places: dict[tuple[int, int | str], int] = {}
        self.image, self.category, self.id = array("q"), array("q"), array("q")
        self.state, self.file, self.segment = array("b"), array("b"), array("b")
        self.numbers = array("d")  # x, y, width, height, centroid x, centroid y
        self._centroids = centroids

    def read(self, path: Path, file: int) -> None:
        """All rows of a file."""
        seen: set[int | str] = set()
        take = {
            "images": lambda row: self._image(_Image.model_validate(row), seen),
            "categories": lambda row: self._category(_Category.model_validate(row), file),
            "annotations": lambda row: self._annotation(row, file),
        }
        for key, place, row in rows(path, self._centroids):
            if key not in take:
                continue
            try:
                take[key](row)
            except ValidationError as error:
                own = row.get("id", place) if isinstance(row, dict) else place
                name = f"{_ONE[key]} {own} ({reason(error)})"
                self.tallies.add(f"broken_{key}", f"{key} that can't be read, left out", name)

    def _image(self, image: _Image, seen: set[int | str]) -> None:
        if image.id in seen:
            self.tallies.add("repeated_images", "images with an earlier one's id, left out", f"image {image.id}")
        seen.add(image.id)
        self.images.setdefault(image.id, image)

    def _category(self, category: _Category, file: int) -> None:
        if (file, category.id) in self.categories:
            what = "categories with an earlier one's id, left out"
            self.tallies.add("repeated_categories", what, f"category {category.id} ({category.name})")
        self.categories.setdefault((file, category.id), category)

    def _annotation(self, row: Any, file: int) -> None:
        """One annotation, or the segments of a panoptic one."""
        if not isinstance(row, dict) or not isinstance(row.get("segments_info"), list):
            self._box(_Annotation.model_validate(row), file)
            return
        for place, segment in enumerate(row["segments_info"]):
            try:
                said = segment | {"image_id": row.get("image_id")} if isinstance(segment, dict) else segment
                self._box(_Annotation.model_validate(said), file, 1)
            except ValidationError as error:
                name = f"segment {place} of image {row.get('image_id')} ({reason(error)})"
                self.tallies.add("broken_segments", "segments that can't be read, left out", name)

    def _box(self, box: _Annotation, file: int, segment: int = 0) -> None:
        self.image.append(self.image_places.setdefault(box.image_id, len(self.image_places)))
        self.category.append(self.category_places.setdefault((file, box.category_id), len(self.category_places)))
        self.id.append(box.id if isinstance(box.id, int) else -1)
        self.state.append(_CROWD if box.iscrowd else _BARE if box.bbox is None else _WHOLE)
        self.file.append(file)
        self.segment.append(segment)
        self.numbers.extend(box.bbox or _NOWHERE * 2)
        self.numbers.extend((centroid(box.segmentation) if self._centroids else None) or _NOWHERE)


_ONE = {"images": "image", "categories": "category", "annotations": "annotation"}
_NOWHERE = (np.nan, np.nan)


def read_boxes(
    coco: Path | None, panoptic: Path | None = None, centroids: bool = False
) -> tuple[BoxTable, tuple[Tally, ...]]:
    """The boxes of COCO files of any size, and what could not be used.

    A panoptic file beside an instances file adds its stuff (`isthing` 0), since its things are the instances; alone it gives
    all its segments. Names of stuff are cut at the first “-” ("wall-brick" is "wall"), as ASv2 does (SEEDS 1.6).

    Crowds and boxes that can't be used stay in the table, not `usable`: they tell that such a thing is in the picture.

    Args:
        coco: instances or panoptic JSON.
        panoptic: panoptic JSON.
        centroids: whether to find the masks' centroids, of polygons and run-length codes.

    Raises:
        FormatError: a file can't be read, or no box in them can be used.
    """
    columns = _Columns(centroids)
    files = [path for path in (coco, panoptic) if path is not None]
    for number, path in enumerate(files):
        columns.read(path, number)
    table = _table(columns, len(files) == 2)
    told = tuple(columns.tallies)
    if not table.usable.any():
        why = "; ".join(tally.line for tally in told) or "there are no annotations"
        raise FormatError(f"“{files[0].name}” has no box to speak of ({why})", ACCEPTED, "Choose the instances file")
    return table, told


def _table(columns: _Columns, both: bool) -> BoxTable:
    """Checked against each other and sorted by picture, in the order of the list of images."""
    tell, image_ids = columns.tallies.add_all, list(columns.images)
    called = _caller(columns)
    image, category, known = _known(columns, image_ids, both)
    raw = np.array(columns.numbers).reshape(-1, 6)
    repeated = _repeated(image, category, *raw[:, :4].T) & known
    tell("repeated_boxes", "annotations said before (image, category, box), left out", repeated, called)
    row = np.flatnonzero(known & ~repeated)
    row = row[np.argsort(image[row], kind="stable")]

    ids = np.array(columns.id, np.int64)
    owner = np.where(np.array(columns.segment, bool), image, -1)
    shared = np.zeros(len(ids), bool)
    shared[row] = _repeated(owner[row], ids[row], np.array(columns.file, np.int64)[row]) & (ids[row] >= 0)
    tell("repeated_ids", "annotations with an earlier one's id, kept", shared, called)

    sizes = np.array([(i.width, i.height) for i in columns.images.values()], np.float64).reshape(-1, 2)
    size, state = sizes[image[row]], np.array(columns.state)[row]
    with np.errstate(invalid="ignore", over="ignore"):
        box = np.round(np.concatenate((raw[row, :2], raw[row, :2] + raw[row, 2:4]), axis=1), DIGITS)
        inside = np.clip(box, 0, np.tile(size, 2))
        sides, seen = raw[row, 2:4], inside[:, 2:] - inside[:, :2]
        reach = np.abs(box - inside).max(axis=1, initial=0)
    usable = np.ones(len(row), bool)
    for key, what, wrong in (
        ("crowds", "crowd regions, left out", state == _CROWD),
        ("without_a_box", "annotations without a box, left out", state == _BARE),
        ("not_finite", "boxes that hold NaN or infinity, left out", ~np.isfinite(raw[row, :4]).all(axis=1)),
        ("flat", "boxes without area, left out", ~(sides > 0).all(axis=1)),
        ("outside", "boxes outside their picture, left out", ~(seen > 0).all(axis=1)),
    ):
        tell(key, what, wrong & usable, lambda i: called(row[i]))
        usable &= ~wrong
    tell(
        "clipped", "boxes that reach out of their picture, clipped", usable & (reach > CLIPPED_PX), lambda i: called(row[i])
    )

    middle = raw[row, 4:]
    middle = np.where(np.isfinite(middle), middle, (inside[:, :2] + inside[:, 2:]) / 2)
    return BoxTable(
        image_ids,
        [i.file_name for i in columns.images.values()],
        sizes,
        list(_names(columns)),
        np.searchsorted(image[row], np.arange(len(image_ids) + 1)),
        category[row],
        inside,
        middle,
        usable,
    )


def _known(
    columns: _Columns, image_ids: Sequence[int | str], both: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """(N,) place of each annotation's image and name, and whether both are known and it is asked for."""
    places = {image_id: place for place, image_id in enumerate(image_ids)}
    names = _names(columns)
    image = _looked_up([places.get(i, -1) for i in columns.image_places], columns.image)
    kinds = [columns.categories.get(key) for key in columns.category_places]
    category = _looked_up([-1 if kind is None else names.get(_spoken(kind), -1) for kind in kinds], columns.category)
    stuff = _looked_up([kind is None or not kind.isthing for kind in kinds], columns.category)
    asked = (np.array(columns.file) == 0) | (stuff != 0) | (not both)
    called = _caller(columns)
    strangers, unnamed = asked & (image < 0), asked & (image >= 0) & (category < 0)
    columns.tallies.add_all("unknown_images", "annotations of images the file does not list, left out", strangers, called)
    columns.tallies.add_all(
        "unknown_categories", "annotations of categories the file does not name, left out", unnamed, called
    )
    return image, category, asked & (image >= 0) & (category >= 0)


def _looked_up(values: Sequence[int], places: array[int]) -> NDArray[np.int64]:
    """The value at each place."""
    return np.array(values or [0], np.int64)[np.array(places, np.int64)]


def _names(columns: _Columns) -> dict[str, int]:
    """Spoken name -> its place, each name once."""
    spoken = dict.fromkeys(_spoken(category) for category in columns.categories.values())
    return {name: place for place, name in enumerate(filter(None, spoken))}


def _spoken(category: _Category) -> str:
    """What a category is called in a sentence."""
    name = " ".join(category.name.split())
    return name if category.isthing else name.split("-")[0]


def _caller(columns: _Columns) -> Callable[[int], str]:
    """What to call the annotation of a row."""
    seen = list(columns.image_places)

    def called(row: int) -> str:
        number = f" {columns.id[row]}" if columns.id[row] >= 0 else ""
        return f"annotation{number} of image {seen[columns.image[row]]}"

    return called


def _repeated(*keys: NDArray[Any]) -> NDArray[np.bool_]:
    """(N,) whether an earlier row has the same keys; NaN is like nothing."""
    order = np.lexsort(keys[::-1])
    same = np.logical_and.reduce([key[order[1:]] == key[order[:-1]] for key in keys])
    out = np.zeros(len(order), bool)
    out[order[1:][same]] = True
    return out


def centroid(segmentation: Any) -> tuple[float, float] | None:
    """Centre of mass of polygons (overlaps count twice) or of a run-length code's pixels, px; None for anything else.

    >>> centroid([[0, 0, 4, 0, 4, 2, 0, 2]])
    (2.0, 1.0)
    """
    if not segmentation:
        return None
    try:
        if isinstance(segmentation, dict):
            y, x = np.nonzero(decode_rle(segmentation))
            return (float(x.mean()) + 0.5, float(y.mean()) + 0.5) if len(x) else None
        areas, moments = zip(*(_moments(polygon) for polygon in segmentation), strict=True)
        weight = sum(areas)
        x, y = (sum(values) / weight for values in zip(*moments, strict=True))
    except (ValueError, TypeError, KeyError, OverflowError, ZeroDivisionError):
        return None
    return (x, y) if np.isfinite((x, y)).all() else None


def _moments(polygon: Any) -> tuple[float, tuple[float, float]]:
    """Area and first moments of a polygon x, y, x, y, …"""
    x, y = np.array(polygon, np.float64).reshape(-1, 2).T
    x2, y2 = np.roll(x, -1), np.roll(y, -1)
    cross = x * y2 - x2 * y
    area = cross.sum() / 2
    sign = 1.0 if area >= 0 else -1.0
    return sign * float(area), (sign * float(((x + x2) * cross).sum()) / 6, sign * float(((y + y2) * cross).sum()) / 6)
