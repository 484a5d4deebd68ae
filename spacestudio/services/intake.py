"""Files at the door: pictures, depth, cameras, boxes, sample folders; read, matched to a picture, or refused."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from spacestudio.domain.camera import Camera
from spacestudio.domain.depth import DepthKind, DepthMap
from spacestudio.domain.sample import Sample
from spacestudio.engines.protocols import Detection
from spacestudio.errors import InputError
from spacestudio.formats.archive import unzip
from spacestudio.formats.cameras import read_camera
from spacestudio.formats.coco import CocoFile, left_out, objects_for, read_coco
from spacestudio.formats.depth_files import read_depth
from spacestudio.formats.folder import read_samples
from spacestudio.formats.pictures import read_picture
from spacestudio.services.begin import Ready, Recipe
from spacestudio.services.studio import Studio
from spacestudio.settings import settings

PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".avif", ".mpo"}
DEPTH_FILES = {".png", ".pgm", ".tif", ".tiff", ".npy", ".npz"}


def bring_file(studio: Studio, owner: str, path: Path, recipe: Recipe) -> list[str]:
    """A picture becomes one sample, a ZIP of sample folders one each; their ids.

    Raises:
        InputError: it can't be read.
    """
    if path.suffix.lower() != ".zip":
        return [studio.add_picture(owner, read_picture(path, path.name), recipe=recipe)]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        unzip(path, folder, settings().max_upload_mb * 8)
        return bring_folder(studio, owner, folder)


def bring_folder(studio: Studio, owner: str, folder: Path) -> list[str]:
    """Every sample folder below; their ids.

    Raises:
        InputError: there is none that can be read.
    """
    samples, problems = read_samples(folder)
    if not samples:
        found = problems[0] if problems else f"No sample folder in {folder.name}"
        raise InputError(found, "folders with a sample.json, as analyze and export write them")
    return [studio.bring(owner, sample) for sample in samples]


def depth_from(
    path: Path, kind: DepthKind | str | None, raw_units_per_metre: float | None, size: tuple[int, int]
) -> tuple[DepthMap, tuple[str, ...]]:
    """A depth file fitted to a (width, height) px picture, and what was assumed."""
    chosen: DepthKind | None = kind or None  # type: ignore[assignment]
    return read_depth(path, kind=chosen, raw_units_per_metre=raw_units_per_metre or None, size=size, name=path.name)


def camera_from(text: str, width: int, height: int, picture: str = "") -> tuple[Camera, tuple[str, ...]]:
    """A camera typed as fx,fy,cx,cy or held in a file, and what was assumed."""
    return read_camera(text, width, height, picture)


def coco_for(path: Path, sample: Sample) -> Ready:
    """The objects a COCO file holds for an open picture; the only picture of the file when names don't match."""
    name = sample.input[0] if sample.input else sample.name
    return ready_from(read_coco(path), path.name, name, sample.width, sample.height)


def detections_for(coco: CocoFile, file_name: str, width: int, height: int) -> tuple[list[Detection], list[str]]:
    """The objects a COCO file holds for one picture, and what was lost."""
    found, warnings = objects_for(coco, file_name, width, height)
    detections = [Detection(label, box, score, mask, tuple(attributes)) for label, box, mask, score, attributes in found]
    return detections, list(warnings)


def ready_from(coco: CocoFile, source: str, file_name: str, width: int, height: int) -> Ready:
    """A COCO file's objects for one picture, as a recipe takes them."""
    detections, warnings = detections_for(coco, file_name, width, height)
    return Ready(detections, source, tuple(warnings), left_out(coco, file_name, [d.label for d in detections]))


_KIND_WORDS = re.compile(r"(?<![a-z])(sync|colou?r|rgb|image|img|depth|left|disparity|disp|poses?)(?![a-z])")


def matching_stem(path: Path) -> str:
    """A file's stem without the words that tell pictures, depth and poses apart: "frame-000000.color" -> "frame-000000".

    >>> matching_stem(Path("sync_depth_00000.png")) == matching_stem(Path("rgb_00000.jpg"))
    True
    """
    bare = _KIND_WORDS.sub("", path.stem.lower().replace("_", " "))
    return re.sub(r"[\W_]+", " ", bare).strip()


def match_file(picture: Path, files: Sequence[Path]) -> Path | None:
    """The depth or pose file that goes with a picture, by name."""
    wanted = matching_stem(picture)
    found = [f for f in files if matching_stem(f) == wanted and f.resolve() != picture.resolve()]
    return found[0] if found else None
