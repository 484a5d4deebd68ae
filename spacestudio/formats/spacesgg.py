"""SpaceSGG's files (SEEDS 1.3, 1.4): the record its first stage should hand over, and the three texts of its second.

The texts are rows as the training scripts of LLaVA and ASv2 read them. No published script writes the record; its fields are
those that the published second stage reads, under its names where it has any (docs/SPACESGG.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from spacestudio.domain.camera import CameraSource
from spacestudio.domain.depth import DepthKind
from spacestudio.domain.sample import Sample
from spacestudio.formats.asv2 import FORMAT as ASV2
from spacestudio.formats.format import Row
from spacestudio.formats.grounded_text import encode, to_grid
from spacestudio.formats.llava import PLACEHOLDER
from spacestudio.formats.pictures import png_bytes
from spacestudio.formats.records import Record, StatsRecord, clean, floats, rows_in, stats_row, write_json
from spacestudio.formats.rows import caption, image_file, write_image
from spacestudio.geometry.intervals import ranges_of, record
from spacestudio.geometry.layering import published_levels

TURNS = {"comparison": 4, "viewpoint": 3}
"""Exchanges in one row at most, so that it fits the 2,048 tokens ASMv2 was trained with beside a picture's 576 (ours)."""


class Texts:
    """The exchanges of one style as conversations: a JSON list beside `images/`; samples without any are left out.

    Args:
        name: of the format.
        style: whose exchanges (`services.tell.STYLES`).
    """

    def __init__(self, name: str, style: str) -> None:
        self.name, self.style, self.file = name, style, f"{name}.json"

    def rows(self, samples: Sequence[Sample]) -> list[Row]:
        """A row for every few exchanges of a sample (`TURNS`), its id that of the sample, then with "-2", "-3", …"""
        return [row for s in samples for row in self._rows(s)]

    def _rows(self, s: Sample) -> Iterator[Row]:
        boxes = {o.id: o.box for o in s.objects}
        told, size = s.exchanges.get(self.style, ()), TURNS.get(self.style, 1)
        for part, start in enumerate(range(0, len(told), size), 1):
            talk: list[dict[str, str]] = []
            for exchange in told[start : start + size]:
                for who, said in (("human", exchange.question), ("gpt", exchange.answer)):
                    picture = "" if talk else PLACEHOLDER
                    talk.append({"from": who, "value": picture + encode(said, boxes, s.width, s.height)})
            own = s.id if part == 1 else f"{s.id}-{part}"
            row = {"id": own, "image": image_file(s), "width": s.width, "height": s.height, "conversations": talk}
            yield row | ({"meta": {"depth": s.depth.source}} if s.depth is not None else {})

    def write(self, samples: Sequence[Sample], folder: Path) -> list[Path]:
        """The list, and the pictures it names."""
        folder.mkdir(parents=True, exist_ok=True)
        rows = self.rows(samples)
        named = {row["image"] for row in rows}
        return [write_json(rows, folder / self.file), *(write_image(s, folder) for s in samples if image_file(s) in named)]

    def read(self, path: Path) -> list[Row]:
        """The rows of such a file.

        Raises:
            FormatError: no such file, or a row of another shape.
        """
        return ASV2.read(path / self.file if path.is_dir() else path)


DESCRIPTION = Texts("spacesgg-description", "description")
QA = Texts("spacesgg-qa", "comparison")
CONVERSATION = Texts("spacesgg-conversation", "viewpoint")


# The record

FILE = "spacesgg-record.json"
ACCEPTED = "a JSON list of {id, image, objects: {box: {label, box, mask, depth}}, levels, order_list, camera}"
Order = Literal[-1, 0, 1]
Numbers4 = tuple[float, float, float, float]


class _Object(Record):
    id: str
    label: str
    box: Numbers4
    mask: str | None = None
    depth: StatsRecord | None = None


class _Camera(Record):
    fx: float
    fy: float
    cx: float
    cy: float
    source: CameraSource


class _Depth(Record):
    kind: DepthKind
    unit: str
    polarity: str
    p1: float
    p99: float
    source: str = ""


class _Row(Record):
    id: str
    image: str
    width: int = Field(ge=1)
    height: int = Field(ge=1)
    caption_annotation: str
    objects: dict[str, _Object]
    depth: _Depth | None = None
    levels: list[list[str]]
    order_list: dict[str, tuple[Order, Order, Order]]
    order_list_world: dict[str, tuple[Order, Order, Order]] | None = None
    T_world_camera: Annotated[list[Numbers4], Field(min_length=4, max_length=4)] | None = None
    camera: _Camera | None = None


class Records:
    """`spacesgg-record.json` beside `images/` and `masks/`: a row a sample."""

    name = "spacesgg-record"

    def rows(self, samples: Sequence[Sample]) -> list[Row]:
        """The record of each sample."""
        return [record_row(s) for s in samples]

    def write(self, samples: Sequence[Sample], folder: Path) -> list[Path]:
        """The list, the pictures, and the masks of their objects."""
        folder.mkdir(parents=True, exist_ok=True)
        written = [write_json(self.rows(samples), folder / FILE)]
        for s in samples:
            written.append(write_image(s, folder))
            (folder / "masks" / s.id).mkdir(parents=True, exist_ok=True)
            for o in s.objects:
                if o.mask is not None:
                    file = folder / _mask_file(s, o.id)
                    file.write_bytes(png_bytes(o.mask.astype(np.uint8) * np.uint8(255)))
                    written.append(file)
        return written

    def read(self, path: Path) -> list[Row]:
        """The rows of a record file.

        Raises:
            FormatError: no such file, or a row of another shape.
        """
        return rows_in(path, FILE, _Row, ACCEPTED, "records")


def record_row(s: Sample) -> Row:
    """The first stage's record of a sample.

    Objects are keyed by their box as the texts write it, 0–999 on the padded square; of two equal boxes the second one's
    key ends in " #2". `order_list` has every ordered pair "key>other" in the camera frame: −1 left of, above, in front of;
    1 right of, below, behind; 0 undecided (`geometry.intervals`). Where the picture came with a pose, `order_list_world` has
    the same on the world's own axes: −1 before, 1 after on X, Y and Z, whichever of them points right or down.
    """
    keys = _keys(s)
    pose = _pose(s)
    levels = published_levels(s.objects, s.depth) if s.depth is not None else ()
    objects = {
        keys[o.id]: {
            "id": o.id, "label": o.label, "box": floats(o.box.xyxy), "depth": stats_row(o.depth),
            "mask": _mask_file(s, o.id) if o.mask is not None else None,
        }
        for o in s.objects
    }  # fmt: skip
    row = {
        "id": s.id, "image": image_file(s), "width": s.width, "height": s.height, "caption_annotation": caption(s),
        "objects": objects, "depth": _depth_row(s), "levels": [[keys[i] for i in level] for level in levels],
        "order_list": _orders(s, list(keys.values())), "camera": _camera_row(s),
    }  # fmt: skip
    if pose is None:
        return row
    return row | {"order_list_world": _orders(s, list(keys.values()), pose), "T_world_camera": clean(pose)}


def _keys(s: Sample) -> dict[str, str]:
    """Object id -> key, in the sample's order."""
    keys: dict[str, str] = {}
    for o in s.objects:
        own = str(list(to_grid(o.box, s.width, s.height)))
        same = sum(key.partition(" #")[0] == own for key in keys.values())
        keys[o.id] = f"{own} #{same + 1}" if same else own
    return keys


def _orders(s: Sample, keys: Sequence[str], pose: NDArray[np.float64] | None = None) -> dict[str, list[int]]:
    if s.depth is None or s.camera is None:
        return {}
    triples = record(*ranges_of(s.objects, s.depth, s.camera, pose)).tolist()
    pairs = ((i, j) for i in range(len(keys)) for j in range(len(keys)) if i != j)
    return {f"{keys[i]}>{keys[j]}": triples[i][j] for i, j in pairs}


def _pose(s: Sample) -> NDArray[np.float64] | None:
    """(4, 4) camera to world, where the picture came with one (`analyze --poses`)."""
    given = next((run.settings.get("T_world_camera") for run in s.provenance if run.stage == "pose"), None)
    return None if given is None else np.array(given, np.float64)


def _depth_row(s: Sample) -> Row | None:
    if s.depth is None:
        return None
    p1, p99 = s.depth.percentiles()
    return {
        "kind": s.depth.kind, "unit": s.depth.unit, "polarity": s.depth.polarity, "p1": clean(p1), "p99": clean(p99),
        "source": s.depth.source,
    }  # fmt: skip


def _camera_row(s: Sample) -> Row | None:
    if s.camera is None:
        return None
    c = s.camera
    numbers = zip(("fx", "fy", "cx", "cy"), floats((c.fx, c.fy, c.cx, c.cy)), strict=True)
    return {**dict(numbers), "source": c.source}


def _mask_file(s: Sample, object_id: str) -> str:
    return f"masks/{s.id}/{object_id}.png"


RECORD = Records()
