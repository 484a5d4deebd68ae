"""The sample folder: one picture with everything true of it, as files anyone can open (DESIGN 6)."""

from __future__ import annotations

import io
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field, ValidationError

from spacestudio.domain.boxes import Box
from spacestudio.domain.camera import Camera, CameraSource
from spacestudio.domain.compaction import compact
from spacestudio.domain.depth import DepthKind, DepthMap
from spacestudio.domain.events import KINDS, Event, usable
from spacestudio.domain.graph import Relation, SpatialGraph
from spacestudio.domain.layout import Layout
from spacestudio.domain.objects import ID_PATTERN, Origin, SceneObject
from spacestudio.domain.qa import QAMark, QAPair, QAStatus
from spacestudio.domain.sample import SCHEMA_VERSION, EngineRun, Layer, Sample
from spacestudio.domain.space import OrientedBox, Plane, Space
from spacestudio.errors import FormatError, InputError
from spacestudio.formats.depth_files import load_npy
from spacestudio.formats.door import counted, read_bytes, read_json, reason
from spacestudio.formats.pictures import check_size, png_bytes, read_picture
from spacestudio.formats.ply import read_ply, write_ply
from spacestudio.formats.records import (
    EndedRelationRecord,
    Record,
    StatsRecord,
    clean,
    floats,
    from_node_link,
    relation_rows,
    stats_row,
    to_node_link,
    write_json,
    write_lines,
)
from spacestudio.settings import settings

ACCEPTED = "a sample folder written by analyze, synthesize or export"
_MARKS = ("sample.json", "graph.json", "events.jsonl")
"""A folder with one of these is meant as a sample."""
LAST_STEP = 65534
"""Steps of the 16-bit depth preview; 0 is left for invalid pixels."""


def write_sample(sample: Sample, out: Path) -> Path:
    """Write `<out>/<sample id>/`, replacing an older one; equal samples give equal bytes.

    The folder is written beside and moved into place, so that a half-written one is never seen.

    Returns:
        The folder.

    Raises:
        FormatError: it can't be written there.
    """
    final = out / sample.id
    if not re.match(ID_PATTERN, sample.id):
        raise FormatError(f"The sample id “{sample.id}”", "letters, digits, _ and -, 64 at most")
    try:
        out.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{sample.id}.", suffix=".part", dir=out))
    except OSError as error:
        raise FormatError(f"The folder “{out}” can't be written ({reason(error)})", next_step="Choose another one") from None
    try:
        part.chmod(0o755)
        _write(sample, part)
        _swap(part, final)
    except OSError as error:
        raise FormatError(f"The sample “{sample.id}” can't be written to “{out}” ({reason(error)})") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return final


def _swap(part: Path, final: Path) -> None:
    """Move `part` to `final`; an older `final` comes back if that fails, and goes away if it does not."""
    old = part.with_suffix(".old")
    if final.exists():
        final.rename(old)
    try:
        part.rename(final)
    except OSError:
        if old.exists():
            old.rename(final)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _write(s: Sample, folder: Path) -> None:
    (folder / "image.png").write_bytes(png_bytes(s.image))
    if s.depth is not None:
        _write_depth(s.depth, folder)
    if s.cloud is not None:
        write_ply(s.cloud, folder / "cloud.ply")
    for o in s.objects:
        if o.mask is not None:
            (folder / "masks").mkdir(exist_ok=True)
            (folder / "masks" / f"{o.id}.png").write_bytes(png_bytes(o.mask.astype(np.uint8) * np.uint8(255)))
    if s.input is not None:
        (folder / _input_file(s.input[0])).write_bytes(s.input[1])
    write_json(to_node_link(s.graph), folder / "graph.json")
    _write_events(s.events, folder / "events.jsonl")
    write_json(sample_row(s), folder / "sample.json")


def _write_events(events: Iterable[Event], path: Path) -> Path:
    return write_lines((_event_row(event) for event in events), path)


def _write_depth(depth: DepthMap, folder: Path) -> None:
    np.save(folder / "depth.npy", np.where(depth.valid, depth.values, np.float32(np.nan)), allow_pickle=False)
    steps = np.nan_to_num(depth.farness()) * LAST_STEP + 1
    (folder / "depth.png").write_bytes(png_bytes(np.where(depth.valid, np.round(steps), 0).astype(np.uint16)))


def _input_file(name: str) -> str:
    suffix = Path(name).suffix.lower()
    return "input" + (suffix if re.fullmatch(r"\.[a-z0-9]{1,8}", suffix) else ".bin")


def _event_row(event: Event) -> dict[str, Any]:
    return {
        "seq": event.seq, "kind": event.kind, "payload": clean(event.payload, None), "author": event.author,
        "time": event.time, "group": event.group,
    }  # fmt: skip


def sample_row(s: Sample) -> dict[str, Any]:
    """The content of sample.json: JSON values, floats rounded, no clock time."""
    return {
        "schema_version": SCHEMA_VERSION,
        "id": s.id,
        "name": s.name,
        "parent": s.parent,
        "review": s.review,
        "image": {"file": "image.png", "width": s.width, "height": s.height},
        "input": {"file": _input_file(s.input[0]), "name": s.input[0]} if s.input else None,
        "camera": _camera_row(s),
        "depth": _depth_row(s.depth),
        "cloud": {"file": "cloud.ply", "points": len(s.cloud), "unit": s.cloud.unit} if s.cloud is not None else None,
        "floor": _floor_row(s.space.floor),
        "objects": [_object_row(o, s.space) for o in s.objects],
        "layers": [
            {"index": x.index, "near": clean(float(x.near)), "far": clean(float(x.far)), "object_ids": list(x.object_ids)}
            for x in s.layers
        ],
        "layout": _layout_row(s.layout),
        "target_is": None if s.target is None else "a wish" if s.wished else "what it was made from",
        "target": _target_row(s),
        "qa": [_qa_row(q) for q in s.qa],
        "verdicts": relation_rows(s.verdicts),
        "clashes": [relation_rows(clash) for clash in s.clashes],
        "provenance": [
            {"stage": r.stage, "engine": r.engine, "version": r.version, "settings": clean(r.settings), "seed": r.seed}
            for r in s.provenance
        ],
        "warnings": list(s.warnings),
        "events": len(s.events),
    }


def _camera_row(s: Sample) -> dict[str, Any] | None:
    c = s.camera
    if c is None:
        return None
    row: dict[str, Any] = dict(zip(("fx", "fy", "cx", "cy"), floats((c.fx, c.fy, c.cx, c.cy)), strict=True))
    row["source"] = c.source
    return row if (c.width, c.height) == (s.width, s.height) else row | {"width": c.width, "height": c.height}


def _depth_row(depth: DepthMap | None) -> dict[str, Any] | None:
    if depth is None:
        return None
    p1, p99 = depth.percentiles()
    return {
        "kind": depth.kind, "unit": depth.unit, "polarity": depth.polarity, "p1": clean(p1), "p99": clean(p99),
        "source": depth.source,
    }  # fmt: skip


def _floor_row(floor: Plane | None) -> dict[str, Any] | None:
    if floor is None:
        return None
    return {"normal": floats(floor.normal), "offset": clean(floor.offset), "share": clean(floor.share)}


def _box_3d_row(object_id: str, space: Space) -> dict[str, Any] | None:
    """Camera frame, in the cloud's unit; the rotation's rows are those of the matrix whose columns are the box's axes."""
    box, heights = space.boxes.get(object_id), space.heights.get(object_id)
    if box is None:
        return None
    return {
        "center": floats(box.center.tolist()), "rotation": [floats(row) for row in box.rotation.tolist()],
        "extent": floats(box.extent.tolist()), "above_floor": floats(heights) if heights else None,
    }  # fmt: skip


def _object_row(o: SceneObject, space: Space) -> dict[str, Any]:
    return {
        "id": o.id, "label": o.label, "attributes": list(o.attributes), "box_xyxy_px": floats(o.box.xyxy),
        "mask": None if o.mask is None else f"masks/{o.id}.png", "depth": stats_row(o.depth), "origin": o.origin,
        "score": clean(float(o.score)), "box_3d": _box_3d_row(o.id, space),
    }  # fmt: skip


def _layout_row(layout: Layout | None) -> dict[str, Any] | None:
    if layout is None:
        return None
    return {
        "canvas": [layout.width, layout.height], "boxes": {i: floats(b.xyxy) for i, b in layout.boxes.items()},
        "order": list(layout.order), "names": dict(layout.names), "background": layout.background, "prompt": layout.prompt,
        "negative_prompt": layout.negative_prompt, "notes": list(layout.notes),
        "depths": {i: clean(float(d)) for i, d in layout.depths.items()},
    }  # fmt: skip


def _target_row(s: Sample) -> dict[str, Any] | None:
    """The target as node-link data; its objects say whether they keep the mask of the picture's object."""
    if s.target is None:
        return None
    row = to_node_link(s.target)
    own = {o.id: o.mask for o in s.objects}
    for node, o in zip(row["nodes"], s.target.objects, strict=True):
        mask = own.get(o.id)
        node["depth"] = stats_row(o.depth)
        node["mask"] = o.mask is not None and mask is not None and (o.mask is mask or np.array_equal(o.mask, mask))
    return row


def _qa_row(q: QAPair) -> dict[str, Any]:
    return {
        "key": q.key, "family": q.family, "question": q.question, "answer": q.answer, "options": list(q.options),
        "facts": clean(q.facts), "origin": q.origin, "status": q.status, "mark": q.mark,
    }  # fmt: skip


# Reading


class _Image(Record):
    width: int = Field(ge=1)
    height: int = Field(ge=1)


class _Input(Record):
    file: str = Field(pattern=r"^input\.[a-z0-9]{1,8}$")
    name: str


class _Camera(Record):
    fx: float
    fy: float
    cx: float
    cy: float
    source: CameraSource = "given"
    width: int | None = None
    height: int | None = None


class _Depth(Record):
    kind: DepthKind
    source: str = ""


class _Cloud(Record):
    unit: Literal["m", "relative"] = "relative"


Triple = tuple[float, float, float]


class _Floor(Record):
    normal: Triple
    offset: float
    share: float


class _Box3D(Record):
    center: Triple
    rotation: tuple[Triple, Triple, Triple]
    extent: Triple
    above_floor: tuple[float, float] | None = None


class _Object(Record):
    id: str = Field(pattern=ID_PATTERN)
    label: str
    attributes: tuple[str, ...] = ()
    box_xyxy_px: tuple[float, float, float, float]
    mask: str | None = None
    depth: StatsRecord | None = None
    origin: Origin = "file"
    score: float = 1.0
    box_3d: _Box3D | None = None


class _Layer(Record):
    index: int
    near: float
    far: float
    object_ids: tuple[str, ...]


class _Layout(Record):
    canvas: tuple[int, int]
    boxes: dict[str, tuple[float, float, float, float]]
    order: tuple[str, ...]
    names: dict[str, str] = Field(default_factory=dict)
    background: str = ""
    prompt: str = ""
    negative_prompt: str = ""
    notes: tuple[str, ...] = ()
    depths: dict[str, float] = Field(default_factory=dict)


class _QA(Record):
    key: str
    family: str
    question: str
    answer: str
    options: tuple[str, ...] | None = ()
    facts: dict[str, Any] = Field(default_factory=dict)
    origin: str = "geometry"
    status: QAStatus = "proposed"
    mark: QAMark = ""


class _Run(Record):
    stage: str
    engine: str
    version: str = ""
    settings: dict[str, Any] = Field(default_factory=dict)
    seed: int | None = None


class _Event(Record):
    seq: int
    kind: str
    payload: dict[str, Any] = Field(default_factory=dict)
    author: str = ""
    time: str = ""
    group: str = ""


class _Sample(Record):
    schema_version: int = Field(ge=1, le=SCHEMA_VERSION)
    id: str = Field(pattern=ID_PATTERN)
    name: str = ""
    parent: str | None = None
    review: Literal["draft", "accepted", "rejected", "flagged"] = "draft"
    image: _Image
    input: _Input | None = None
    camera: _Camera | None = None
    depth: _Depth | None = None
    cloud: _Cloud | None = None
    floor: _Floor | None = None
    objects: tuple[_Object, ...] = ()
    layers: tuple[_Layer, ...] = ()
    layout: _Layout | None = None
    target: dict[str, Any] | None = None
    target_is: Literal["a wish", "what it was made from"] | None = None
    qa: tuple[_QA, ...] = ()
    verdicts: tuple[EndedRelationRecord, ...] = ()
    clashes: tuple[tuple[EndedRelationRecord, ...], ...] = ()
    provenance: tuple[_Run, ...] = ()
    warnings: tuple[str, ...] = ()
    events: int | None = Field(None, ge=0)


def read_sample(folder: Path) -> Sample:
    """The sample of a folder, equal to the one written (numbers to 6 decimals; views are derived, so left out).

    A damaged log is read as far as it goes, and a warning says so: all but the history stands in the other files.

    Raises:
        FormatError: a file is missing, damaged, or says something else than the others; one line.
    """
    called = f"The sample folder “{folder.name}”"
    if not (folder / "sample.json").is_file():
        raise FormatError(f"{called} has no sample.json", ACCEPTED)
    try:
        return _read(folder)
    except InputError as error:
        raise FormatError(f"{called} can't be read: {error.received}", error.accepted, error.next_step) from None
    except (ValueError, TypeError, KeyError) as error:  # pydantic's is a ValueError
        raise FormatError(f"{called} can't be read: {reason(error)}", ACCEPTED) from None
    except OSError as error:
        raise FormatError(f"{called} lacks “{Path(str(error.filename or '')).name}” ({reason(error)})", ACCEPTED) from None


def sample_folders(path: Path) -> list[Path]:
    """The sample folders `read_samples` looks into, in order of name.

    Raises:
        FormatError: there is no such folder.
    """
    if (path / "sample.json").is_file():
        return [path]
    if not path.is_dir():
        raise FormatError(f"“{path}” is no folder", "a folder of sample folders")
    inside = sorted(f for f in path.iterdir() if f.is_dir() and not f.name.startswith((".", "__")))
    folders = [f for f in inside if any((f / mark).exists() for mark in _MARKS)]
    return sample_folders(inside[0]) if not folders and len(inside) == 1 else folders


def read_samples(path: Path) -> tuple[list[Sample], list[str]]:
    """All samples of a folder in order of name, and one line for each folder that can't be read.

    A folder that is itself a sample gives that one; one that holds nothing but another folder is entered. Hidden folders,
    half-written ones among them, and folders with none of our files are passed over.
    """
    try:
        folders = sample_folders(path)
    except FormatError as error:
        return [], [str(error)]
    samples: dict[str, Sample] = {}
    problems = []
    for folder in folders:
        try:
            sample = read_sample(folder)
        except FormatError as error:
            problems.append(str(error))
            continue
        if sample.id in samples:
            problems.append(str(FormatError(f"The folder “{folder.name}” holds the sample {sample.id} a second time")))
        else:
            samples[sample.id] = sample
    return list(samples.values()), problems


def damaged_logs(path: Path) -> dict[str, tuple[str, ...]]:
    """Sample id -> what is wrong with its log, for those of `read_samples` whose log is not whole."""
    out: dict[str, tuple[str, ...]] = {}
    with suppress(FormatError):
        for folder in sample_folders(path):
            with suppress(InputError, ValueError, OSError):
                row = _Sample.model_validate(read_json(folder / "sample.json", FormatError, ACCEPTED))
                if problem := _known_log(folder, row.events)[1]:
                    out.setdefault(row.id, (problem,))
    return out


def read_events(raw: bytes) -> tuple[Event, ...]:
    """The events of a log up to its last whole one: a log cut off at any byte, or damaged, is read as far as it goes."""
    return _log(raw)[0]


def _log(raw: bytes) -> tuple[tuple[Event, ...], str]:
    """The events up to the first line that is none, and what is wrong there; "" when nothing is.

    A last line without its newline is whole when it parses, else cut off.
    """
    events: list[Event] = []
    lines = raw.split(b"\n")
    for number, text in enumerate(lines, 1):
        if text.strip():
            try:
                e = _Event.model_validate_json(text)
            except ValidationError as error:
                cut = number == len(lines)
                return tuple(events), "was cut off" if cut else f"has no event in line {number} ({reason(error)})"
            events.append(Event(e.seq, e.kind, e.payload, e.author, e.time, e.group))
    return tuple(events), ""


def _known_log(folder: Path, expected: int | None) -> tuple[tuple[Event, ...], str]:
    """The events of a folder that this version can fold, and what is wrong with the next one; "" when nothing is."""
    path = folder / "events.jsonl"
    read, problem = _log(path.read_bytes()) if path.exists() else ((), "is missing" if expected else "")
    events = usable(read)
    if (place := _misplaced(events)) is not None:
        found = f"begins with “{events[0].kind[:40]}”, not with “created”"
        if events[place].seq != place + 1:
            found = f"has the event number {events[place].seq} in place {place + 1}"
        events, problem = events[:place], found
    elif len(events) < len(read):
        kind = read[len(events)].kind
        known = kind in KINDS
        problem = f"has {'a broken' if known else 'an unknown'} event in place {len(events) + 1} (“{kind[:40]}”)"
    elif not problem and len(events) < (expected or 0):
        problem = "was cut off"
    if not problem or (problem == "was cut off" and len(events) == expected):
        return events, ""
    if expected and len(events) >= expected:
        return events, f"events.jsonl {problem}: its {counted(len(events), 'event')} are there; what follows is not read."
    count = f"{len(events)} of {expected} events are" if expected else f"{counted(len(events), 'event')} before that are"
    return events, f"events.jsonl {problem}: {count} there; the rest is lost from the history, not from the sample."


def _misplaced(events: tuple[Event, ...]) -> int | None:
    """The first place whose event belongs elsewhere: they are numbered from 1, and the first is `created`."""
    if events and events[0].kind != "created":
        return 0
    return next((place for place, event in enumerate(events) if event.seq != place + 1), None)


def _rewrite(path: Path, write: Callable[[Path], Path]) -> None:
    """Replace a file in one step."""
    part = path.with_name(f".{path.name}.part")
    try:
        write(part)
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def compact_log(folder: Path) -> tuple[int, int]:
    """Shorten the log of a sample folder to what still counts, see `domain.compaction`; nothing else of it changes.

    Each of the two files is written beside and moved into place, the count first: a log longer than its count is whole.

    Returns:
        How many events there were, and how many are left.

    Raises:
        FormatError: it is no whole sample folder, or its log is not whole.
    """
    read_sample(folder)
    row = read_json(folder / "sample.json", FormatError, ACCEPTED)
    events, problem = _known_log(folder, row.get("events"))
    if problem:
        raise FormatError(f"The log of “{folder.name}” can't be compacted: {problem}", "a whole log")
    short = compact(events)
    if short == events:
        return len(events), len(events)
    try:
        _rewrite(folder / "sample.json", lambda part: write_json(row | {"events": len(short)}, part))
        _rewrite(folder / "events.jsonl", lambda part: _write_events(short, part))
    except OSError as error:
        raise FormatError(f"The log of “{folder.name}” can't be written ({reason(error)})") from None
    return len(events), len(short)


def _read(folder: Path) -> Sample:
    data = read_json(folder / "sample.json", FormatError, ACCEPTED)
    if not isinstance(data, dict):
        raise ValueError("sample.json holds no object {…}")
    version = data.get("schema_version")
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise FormatError(
            f"it was written by a newer version of the studio (schema_version {version})",
            f"schema_version up to {SCHEMA_VERSION}",
            "Update the studio",
        )
    row = _Sample.model_validate(data)
    image = read_picture(folder / "image.png").rgb
    size = row.image.width, row.image.height
    if image.shape[:2] != size[::-1]:
        raise ValueError(f"image.png is {image.shape[1]} × {image.shape[0]} px, sample.json says {size[0]} × {size[1]} px")
    objects = tuple(_object(o, folder, size) for o in row.objects)
    graph = from_node_link(read_json(folder / "graph.json", FormatError, ACCEPTED))
    if set(graph.ids) != {o.id for o in objects}:
        raise ValueError("graph.json and sample.json name different objects")
    events, problem = _known_log(folder, row.events)
    layout = _layout(row.layout) if row.layout else None
    target = _target(row.target, {o.id: o for o in objects}) if row.target is not None else None
    wished = row.target_is == "a wish"
    if row.target_is is None and target is not None:  # a folder written before that was told
        wished = layout is not None or any(o.mask is not None for o in target.objects)
    return Sample(
        id=row.id,
        name=row.name,
        image=image,
        graph=SpatialGraph.of(objects, graph, graph.scene, graph.negative_objects),
        depth=_depth(row.depth, folder, size) if row.depth else None,
        camera=_camera(row.camera, size) if row.camera else None,
        cloud=read_ply(folder / "cloud.ply", row.cloud.unit) if row.cloud else None,
        layers=tuple(Layer(x.index, x.near, x.far, x.object_ids) for x in row.layers),
        target=target,
        layout=layout,
        wished=wished,
        space=_space(row),
        verdicts=tuple(r.value() for r in row.verdicts),
        qa=tuple(_qa(q) for q in row.qa),
        review=row.review,
        parent=row.parent,
        provenance=tuple(EngineRun(r.stage, r.engine, r.version, r.settings, r.seed) for r in row.provenance),
        warnings=(*row.warnings, problem) if problem else row.warnings,
        clashes=tuple(_relations(clash) for clash in row.clashes),
        input=(row.input.name, _bytes(folder / row.input.file)) if row.input else None,
        events=events,
    )


def _space(row: _Sample) -> Space:
    floor = Plane(row.floor.normal, row.floor.offset, row.floor.share) if row.floor else None
    boxes, heights = {}, {}
    for o in row.objects:
        if o.box_3d is not None:
            told = o.box_3d.center, o.box_3d.rotation, o.box_3d.extent
            boxes[o.id] = OrientedBox(*(np.array(v, np.float64) for v in told))
            if o.box_3d.above_floor is not None:
                heights[o.id] = o.box_3d.above_floor
    return Space(floor, boxes, heights)


def _bytes(path: Path) -> bytes:
    return read_bytes(path, settings().max_pixels * 8 + 1_000_000, FormatError, ACCEPTED)


def _relations(rows: tuple[EndedRelationRecord, ...]) -> tuple[Relation, ...]:
    return tuple(r.value() for r in rows)


def _object(row: _Object, folder: Path, size: tuple[int, int]) -> SceneObject:
    mask = _mask(folder / "masks" / f"{row.id}.png", size) if row.mask is not None else None
    depth = row.depth.value() if row.depth else None
    return SceneObject(row.id, row.label, Box(*row.box_xyxy_px), row.attributes, mask, depth, row.origin, row.score)


def _mask(path: Path, size: tuple[int, int]) -> NDArray[np.bool_]:
    try:
        picture = Image.open(io.BytesIO(_bytes(path)), formats=("PNG",))
        check_size(picture.size, f"“{path.name}”")
        if picture.size != size:
            raise ValueError(f"the mask {path.name} is {picture.size[0]} × {picture.size[1]} px, its picture is not")
        return np.asarray(picture.convert("L")) > 127
    except (InputError, ValueError):
        raise
    except Exception as error:  # decoders raise anything
        raise ValueError(f"the mask {path.name} is damaged ({reason(error)})") from None


def _depth(row: _Depth, folder: Path, size: tuple[int, int]) -> DepthMap:
    values = load_npy(_bytes(folder / "depth.npy")).astype(np.float32)
    if values.shape != size[::-1]:
        raise ValueError(f"depth.npy has the shape {values.shape}, the picture {size[::-1]}")
    valid = np.isfinite(values)
    return DepthMap(np.where(valid, values, np.float32(0)), row.kind, valid, row.source)


def _camera(row: _Camera, size: tuple[int, int]) -> Camera:
    return Camera(row.fx, row.fy, row.cx, row.cy, row.width or size[0], row.height or size[1], row.source)


def _layout(row: _Layout) -> Layout:
    boxes: Mapping[str, Box] = {i: Box(*box) for i, box in row.boxes.items()}
    prompts = row.background, row.prompt, row.negative_prompt
    return Layout(*row.canvas, boxes, row.order, row.names, *prompts, row.notes, row.depths)


def _target(data: dict[str, Any], own: Mapping[str, SceneObject]) -> SpatialGraph:
    graph = from_node_link(data)
    masked = {str(node["id"]) for node in data["nodes"] if node.get("mask")}
    objects = [o.but(mask=own[o.id].mask) if o.id in masked and o.id in own else o for o in graph.objects]
    return graph.but(objects=objects)


def _qa(q: _QA) -> QAPair:
    return QAPair(q.key, q.family, q.question, q.answer, q.facts, q.options or (), q.origin, q.status, q.mark)
