"""COCO: objects of annotation, panoptic and result files for the object door, and our samples as COCO detection."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as rle
from pydantic import Field, ValidationError

from spacestudio.domain.boxes import Box
from spacestudio.domain.sample import Sample
from spacestudio.errors import FormatError, ImageError
from spacestudio.formats.door import counted, read_json, reason
from spacestudio.formats.format import Row
from spacestudio.formats.pictures import read_picture
from spacestudio.formats.records import Record, clean, floats, write_json
from spacestudio.formats.rows import image_file, write_image
from spacestudio.settings import settings

ACCEPTED = "COCO instances, panoptic or detection results (image_id, category_id, bbox [x, y, width, height])"
NAMED = 3
"""Rows named one by one in a warning before the rest is counted."""

_T = TypeVar("_T", bound=Record)
Mask = NDArray[np.bool_]
Found = tuple[str, Box, Mask | None, float, tuple[str, ...]]
"""Label, box px, mask (H, W) or None, score in [0, 1], attributes."""


class _Image(Record):
    id: int | str
    file_name: str = ""
    width: int | None = Field(None, ge=0)
    height: int | None = Field(None, ge=0)


class _Category(Record):
    id: int
    name: str = Field(min_length=1)


class _Annotation(Record):
    image_id: int | str
    category_id: int
    bbox: tuple[float, float, float, float] | None = None
    segmentation: Any = None
    iscrowd: bool = False
    score: float = 1.0
    attributes: Any = None
    segment_id: int | None = None
    segment_file: str = ""


@dataclass(frozen=True, eq=False)
class CocoFile:
    """What a COCO file says, row by row checked.

    Attributes:
        name: of the file.
        folder: where it lies; panoptic pictures are looked for beside it.
        images: image id -> record.
        categories: category id -> name.
        annotations: image id -> its annotations, in the file's order.
        warnings: rows that were left out, and why.
        broken: image id -> labels of its broken annotations, "object" where nothing says which.
    """

    name: str
    folder: Path
    images: dict[int | str, _Image]
    categories: dict[int, str]
    annotations: dict[int | str, list[_Annotation]]
    warnings: tuple[str, ...] = ()
    broken: dict[int | str, list[str]] = field(default_factory=dict)

    def label(self, category_id: int) -> str:
        """What a category is called, by its number where the file does not name it."""
        return self.categories.get(category_id) or f"category {category_id}"


def read_coco(path: Path) -> CocoFile:
    """An annotation file (instances, keypoints, panoptic) or a bare list of annotations or results.

    A broken row is left out with a warning and never takes the others with it.

    Raises:
        FormatError: no such file, no JSON, or nothing in it that has a box or a mask (captions, labels).
    """
    data = read_json(path, FormatError, ACCEPTED)
    called = f"“{path.name}”"
    if isinstance(data, list):
        data = {"annotations": data}
    if not isinstance(data, dict) or not isinstance(data.get("annotations"), list):
        raise FormatError(f"{called} has no list of annotations", ACCEPTED, "Choose the instances file")
    notes: list[str] = []
    images = {r.id: r for r in _rows(_Image, data.get("images"), "image", notes)}
    categories = {r.id: r.name for r in _rows(_Category, data.get("categories"), "category", notes)}
    raw = list(_unfolded(data["annotations"]))
    if raw and not any(isinstance(r, dict) and (r.get("bbox") or r.get("segmentation")) for r in raw):
        what = "captions" if any(isinstance(r, dict) and "caption" in r for r in raw) else "annotations without boxes"
        raise FormatError(f"{called} holds {what}", ACCEPTED, "Choose the instances file")
    if raw and not any(isinstance(r, dict) and "image_id" in r for r in raw):
        raise FormatError(f"{called} does not say which picture its rows belong to (no image_id)", ACCEPTED)
    annotations: dict[int | str, list[_Annotation]] = {}
    strangers = 0
    bad: list[Any] = []
    for row in _rows(_Annotation, raw, "annotation", notes, bad):
        if images and row.image_id not in images:
            strangers += 1
        else:
            annotations.setdefault(row.image_id, []).append(row)
    if strangers:
        notes.append(f"{counted(strangers, 'annotation')} left out: the file has no such image id.")
    if not raw:
        notes.append(f"{called} has no annotations.")
    return CocoFile(path.name, path.parent, images, categories, annotations, tuple(notes), _labels(bad, categories))


def _labels(rows: Iterable[Any], categories: dict[int, str]) -> dict[int | str, list[str]]:
    """What rows that are no annotations were about, by image id."""
    out: dict[int | str, list[str]] = {}
    for row in rows:
        if isinstance(row, dict) and isinstance(row.get("image_id"), int | str):
            category = row.get("category_id")
            label = categories.get(category) if isinstance(category, int) else None
            out.setdefault(row["image_id"], []).append(label or "object")
    return out


def _rows(model: type[_T], rows: Any, noun: str, notes: list[str], broken: list[Any] | None = None) -> list[_T]:
    """The rows that are what they should be; the others are named in one warning and added to `broken`."""
    if rows is None:
        return []
    if not isinstance(rows, list):
        notes.append(f"The list of {noun} rows is no list and was left out.")
        return []
    good, bad = [], []
    for place, row in enumerate(rows):
        try:
            good.append(model.model_validate(row))
        except ValidationError as error:
            bad.append(f"{noun} {row.get('id', place) if isinstance(row, dict) else place} ({reason(error)})")
            if broken is not None:
                broken.append(row)
    if bad:
        rest = f" and {len(bad) - NAMED:,} more" if len(bad) > NAMED else ""
        notes.append(f"Left out: {', '.join(bad[:NAMED])}{rest}.")
    return good


def _unfolded(rows: list[Any]) -> Iterable[Any]:
    """Panoptic rows as one row a segment; others as they are."""
    for row in rows:
        if not isinstance(row, dict) or not isinstance(row.get("segments_info"), list):
            yield row
            continue
        for segment in row["segments_info"]:
            if isinstance(segment, dict):
                whose = {"image_id": row.get("image_id"), "segment_file": row.get("file_name", "")}
                yield segment | whose | {"segment_id": segment.get("id")}
            else:
                yield segment


def objects_for(coco: CocoFile, file_name: str, width: int, height: int) -> tuple[list[Found], tuple[str, ...]]:
    """The objects of one picture, and warnings.

    The picture is found by its file name, with or without folder and ending, else by the number its name ends in
    (000000000785.jpg is image 785). Boxes and masks stated for another size are scaled. Crowds are left out.

    Args:
        coco: from `read_coco`.
        file_name: of the picture.
        width, height: of the picture, px.
    """
    notes = list(coco.warnings)
    key = _image_id(coco, file_name)
    if key is None:
        return [], (*notes, f"“{coco.name}” has no picture called “{file_name}”.")
    image = coco.images.get(key)
    stated = (image.width or width, image.height or height) if image else (width, height)
    if stated[0] * stated[1] > settings().max_pixels:
        notes.append(f"“{coco.name}” states {stated[0]} × {stated[1]} px for this picture, which was not believed.")
        stated = width, height
    if stated != (width, height):
        notes.append(
            f"“{coco.name}” states {stated[0]} × {stated[1]} px, the picture has {width} × {height} px: boxes were scaled."
        )
    counts: Counter[str] = Counter()
    segments = _Segments(coco, notes)
    found: list[Found] = []
    for row in coco.annotations.get(key, []):
        if row.iscrowd:
            counts["crowd"] += 1
            continue
        mask = segments.mask(row) if row.segment_id is not None else _mask(row.segmentation, stated, counts)
        if mask is not None:
            mask = _resized(mask, width, height)
        box = _box(row, stated, (width, height), counts) if row.bbox else Box.around(mask) if mask is not None else None
        if box is None:
            counts["without a box"] += not row.bbox
            continue
        counts["unknown"] += row.category_id not in coco.categories
        score = min(max(row.score, 0.0), 1.0)
        found.append((coco.label(row.category_id), box, mask, score, _attributes(row.attributes)))
    return found, (*notes, *_told(counts))


def left_out(coco: CocoFile, file_name: str, found: Iterable[str]) -> tuple[str, ...]:
    """Labels the file has for one picture beyond the objects found: crowds, broken rows, boxes without area.

    Args:
        coco: from `read_coco`.
        file_name: of the picture, as for `objects_for`.
        found: the label of each object found.
    """
    if (key := _image_id(coco, file_name)) is None:
        return ()
    stated = Counter(coco.label(row.category_id) for row in coco.annotations.get(key, ()))
    return tuple(dict.fromkeys([*(stated - Counter(found)), *coco.broken.get(key, ())]))


def lists(coco: CocoFile, file_name: str) -> bool:
    """Whether the file speaks of that picture at all; named as for `objects_for`."""
    return _image_id(coco, file_name) is not None


def _told(counts: Counter[str]) -> list[str]:
    texts = {
        "crowd": ("crowd region", "left out"),
        "clipped": ("box", "reached out of the picture and clipped"),
        "flat": ("box", "without area left out"),
        "outside": ("box", "outside the picture left out"),
        "without a box": ("annotation", "without a box left out"),
        "damaged": ("mask", "damaged and left out, the box was kept"),
        "unknown": ("object", "of a category the file does not name"),
    }
    return [f"{counted(counts[key], noun)} {what}." for key, (noun, what) in texts.items() if counts[key]]


def _image_id(coco: CocoFile, file_name: str) -> int | str | None:
    wanted = PurePosixPath(file_name.replace("\\", "/"))
    names = {i.id: PurePosixPath(i.file_name.replace("\\", "/")) for i in coco.images.values() if i.file_name}
    for part in ("name", "stem"):
        for image_id, name in names.items():
            if getattr(name, part) == getattr(wanted, part):
                return image_id
    if not (digits := re.search(r"\d+$", wanted.stem)):
        return wanted.stem if wanted.stem in coco.annotations else None
    number = int(digits[0])
    record = coco.images.get(number)
    if record is None:
        return number if number in coco.annotations else None
    theirs = re.search(r"\d+$", PurePosixPath(record.file_name).stem)
    return number if not record.file_name or (theirs and int(theirs[0]) == number) else None


def _box(row: _Annotation, stated: tuple[int, int], size: tuple[int, int], counts: Counter[str]) -> Box | None:
    """The box in the picture, clipped to it; None when nothing is left."""
    assert row.bbox is not None
    x, y, w, h = row.bbox
    if w <= 0 or h <= 0:
        counts["flat"] += 1
        return None
    box = Box(x, y, x + w, y + h)
    inside = box.clipped(*stated)
    if inside.area <= 0:
        counts["outside"] += 1
        return None
    counts["clipped"] += max(abs(a - b) for a, b in zip(box.xyxy, inside.xyxy, strict=True)) > 0.5
    return inside if stated == size else inside.scaled(size[0] / stated[0], size[1] / stated[1])


def _mask(segmentation: Any, stated: tuple[int, int], counts: Counter[str]) -> Mask | None:
    """(H, W) of polygons (at the stated size) or a run-length code (at its own); None when there is none."""
    if not segmentation:
        return None
    try:
        mask = _polygons(segmentation, *stated) if isinstance(segmentation, list) else decode_rle(segmentation)
    except (ValueError, TypeError, KeyError, OverflowError):
        counts["damaged"] += 1
        return None
    return mask if mask.any() else None


def _polygons(polygons: list[Any], width: int, height: int) -> Mask:
    """Filled by pycocotools, corners kept inside the picture so that a wild one costs no memory."""
    corners = []
    for polygon in polygons:
        points = np.asarray(polygon, np.float64)
        if points.ndim != 1 or len(points) % 2 or not np.isfinite(points).all():
            raise ValueError("a polygon is a list x, y, x, y, …")
        if len(points) >= 6:
            points[0::2] = points[0::2].clip(0, width)
            points[1::2] = points[1::2].clip(0, height)
            corners.append(points.tolist())
    if not corners:
        raise ValueError("no polygon has three corners")
    return decode_rle(rle.merge(rle.frPyObjects(corners, height, width)))  # type: ignore[no-untyped-call]


def decode_rle(code: Any) -> Mask:
    """(H, W) bool of COCO's run-length code, its counts a list or COCO's text; column after column.

    Raises:
        ValueError, TypeError, KeyError: no such code, or its runs don't fill its size.
    """
    height, width = (int(v) for v in code["size"])
    counts = code["counts"]
    if isinstance(counts, str | bytes):
        counts = _counts(counts.encode("ascii") if isinstance(counts, str) else counts)
    runs = np.asarray(counts, np.int64)
    if min(height, width) < 1 or height * width > settings().max_pixels:
        raise ValueError("a mask of that size can't be")
    if runs.ndim != 1 or (runs < 0).any() or int(runs.sum()) != height * width:
        raise ValueError("the runs do not fill the mask")
    flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return np.ascontiguousarray(flat.reshape(width, height).T)


def _counts(text: bytes) -> list[int]:
    """Runs of COCO's text: six bits a character, each run from the third on as a difference to the one two before."""
    counts: list[int] = []
    at = 0
    while at < len(text):
        value = shift = 0
        more = True
        while more:
            if at >= len(text):
                raise ValueError("the text ends inside a number")
            bits = text[at] - 48
            if not 0 <= bits < 64:
                raise ValueError("a character outside COCO's alphabet")
            value |= (bits & 31) << shift
            more, at, shift = bool(bits & 32), at + 1, shift + 5
            if not more and bits & 16:
                value -= 1 << shift
            if shift > 60:
                raise ValueError("a number too long")
        counts.append(value + counts[-2] if len(counts) > 2 else value)
    return counts


def encode_rle(mask: Mask) -> dict[str, Any]:
    """COCO's run-length code of an (H, W) mask, counts as text."""
    code = rle.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": [int(v) for v in code["size"]], "counts": code["counts"].decode("ascii")}


def _resized(mask: Mask, width: int, height: int) -> Mask:
    h, w = mask.shape
    if (w, h) == (width, height):
        return mask
    rows = np.minimum(((np.arange(height) + 0.5) * h / height).astype(np.intp), h - 1)
    columns = np.minimum(((np.arange(width) + 0.5) * w / width).astype(np.intp), w - 1)
    return np.asarray(mask[np.ix_(rows, columns)])


class _Segments:
    """The panoptic pictures beside a file, each read once; a pixel's id is R + 256 G + 65536 B."""

    def __init__(self, coco: CocoFile, notes: list[str]) -> None:
        stem = Path(coco.name).stem
        self.folders = [coco.folder / name for name in (stem, f"{stem}_png", "panoptic_png", ".")]
        self.notes = notes
        self.read: dict[str, NDArray[np.uint32] | None] = {}

    def mask(self, row: _Annotation) -> Mask | None:
        """(H, W) of one segment; None when its picture is not there."""
        name = PurePosixPath(row.segment_file.replace("\\", "/")).name
        if name not in self.read:
            self.read[name] = self._ids(name)
        ids = self.read[name]
        mask = None if ids is None else ids == row.segment_id
        return mask if mask is not None and mask.any() else None

    def _ids(self, name: str) -> NDArray[np.uint32] | None:
        path = next((f / name for f in self.folders if name and (f / name).is_file()), None)
        if path is None or path.suffix.lower() != ".png":
            self.notes.append(f"The panoptic picture “{name}” is not beside the file: boxes only.")
            return None
        try:
            rgb = read_picture(path).rgb.astype(np.uint32)
        except ImageError as error:
            self.notes.append(f"{error.received}: boxes only.")
            return None
        return np.asarray(rgb[..., 0] + 256 * rgb[..., 1] + 65536 * rgb[..., 2], np.uint32)


def _attributes(value: Any) -> tuple[str, ...]:
    """Words of a list, or the names of what is true in a table (CVAT, Datumaro)."""
    if isinstance(value, dict):
        return tuple(str(k) for k, v in value.items() if v is True)
    if isinstance(value, list):
        return tuple(v for v in value if isinstance(v, str) and v)
    return (value,) if isinstance(value, str) and value else ()


# Our samples as COCO detection


class Coco:
    """COCO detection: one row a picture, its annotations in it. The file `annotations.json` beside `images/`."""

    name = "coco"

    def rows(self, samples: Sequence[Sample]) -> list[Row]:
        """Each picture's record with its annotations; `category` is the label of `category_id`."""
        labels = sorted({o.label for s in samples for o in s.objects})
        ids = {label: number for number, label in enumerate(labels, 1)}
        rows: list[Row] = []
        number = 0
        for place, s in enumerate(samples, 1):
            annotations = []
            for o in s.objects:
                number += 1
                area = o.box.area if o.mask is None else int(o.mask.sum())
                annotations.append(
                    {
                        "id": number, "image_id": place, "category_id": ids[o.label], "category": o.label,
                        "bbox": floats(o.box.to_xywh()), "area": clean(float(area)), "iscrowd": 0,
                        "segmentation": [] if o.mask is None else encode_rle(o.mask),
                        "attributes": list(o.attributes), "object_id": o.id, "score": clean(float(o.score)),
                    }
                )  # fmt: skip
            about = {"id": place, "width": s.width, "height": s.height, "file_name": image_file(s)}
            rows.append(about | {"annotations": annotations})
        return rows

    def write(self, samples: Sequence[Sample], folder: Path) -> list[Path]:
        """`annotations.json` and `images/<sample id>.png`, which `file_name` names."""
        rows = self.rows(samples)
        images = [{k: v for k, v in row.items() if k != "annotations"} for row in rows]
        annotations = [{k: v for k, v in a.items() if k != "category"} for row in rows for a in row["annotations"]]
        names = {a["category_id"]: a["category"] for row in rows for a in row["annotations"]}
        categories = [{"id": i, "name": names[i], "supercategory": ""} for i in sorted(names)]
        data = {
            "info": {"description": "Space Studio", "version": "1.0"}, "licenses": [], "images": images,
            "annotations": annotations, "categories": categories,
        }  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        return [write_json(data, folder / "annotations.json"), *(write_image(s, folder) for s in samples)]

    def read(self, path: Path) -> list[Row]:
        """The rows of our file, or of any COCO detection file; boxes and masks as they stand in it.

        Raises:
            FormatError: no COCO file.
        """
        file = path / "annotations.json" if path.is_dir() else path
        data = read_json(file, FormatError, ACCEPTED)
        if not isinstance(data, dict) or not all(isinstance(data.get(k), list) for k in ("images", "annotations")):
            raise FormatError(f"“{file.name}” lacks images or annotations", ACCEPTED)
        try:
            names = {c["id"]: c["name"] for c in data.get("categories", [])}
            rows = {image["id"]: image | {"annotations": []} for image in data["images"]}
            for a in data["annotations"]:
                own = {k: v for k, v in a.items() if k not in ("id", "image_id", "category_id")}
                row = {"id": a["id"], "image_id": a["image_id"], "category_id": a["category_id"]}
                rows[a["image_id"]]["annotations"].append(row | {"category": names.get(a["category_id"], "")} | own)
        except (KeyError, TypeError, AttributeError) as error:
            raise FormatError(f"“{file.name}” has a row that does not fit the others ({reason(error)})", ACCEPTED) from None
        return list(rows.values())


FORMAT = Coco()
