"""What both editors share: the words they accept, errors in one line, and pictures placed in Gradio's cache."""

from __future__ import annotations

import base64
import functools
import hashlib
import io
import os
import re
import tempfile
import threading
import time
import unicodedata
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import gradio as gr
import numpy as np
from gradio.data_classes import FileData
from PIL import Image
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationError

HERE = Path(__file__).parent
MAX_LABEL = 60
MAX_SHOWN = 200
THUMB_SIDE = 56
MAX_THUMBS = 600

_stamp_lock = threading.Lock()
_last_stamp = 0
_saved_arrays: dict[int, tuple[weakref.ref[np.ndarray], Path]] = {}
_thumbs: dict[tuple[int, tuple[float, ...]], tuple[weakref.ref[np.ndarray], str]] = {}
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
Model = TypeVar("Model", bound=BaseModel)


def _one_line(text: str) -> str:
    text = text.strip()
    if _BIDI.search(text) or any(unicodedata.category(c) in ("Cc", "Zl", "Zp", "Cs") for c in text):
        raise ValueError("a name is one line of plain text")
    return text


def _shown(text: object) -> object:
    """Text as it can be shown: whatever breaks lines or turns the writing direction becomes a space."""
    if not isinstance(text, str):
        return text
    kept = (" " if unicodedata.category(c) in ("Cc", "Zl", "Zp", "Cs") or _BIDI.match(c) else c for c in text)
    return " ".join("".join(kept).split())


Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
MaybeId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{0,64}$")]
Label = Annotated[str, Field(max_length=MAX_LABEL), AfterValidator(_one_line)]
Shown = Annotated[str, BeforeValidator(_shown), Field(max_length=MAX_SHOWN)]
Note = Annotated[str, BeforeValidator(_shown), Field(max_length=600)]
Color = Annotated[str, Field(pattern=r"^(#[0-9a-fA-F]{6})?$")]
Pixel = Annotated[float, Field(ge=-1e5, le=1e5, allow_inf_nan=False)]
Rev = Annotated[int, Field(ge=0, lt=2**53)]
Side = Annotated[int, Field(ge=1, le=100_000)]


def refused(error: ValidationError) -> NoReturn:
    """A validation error as one line on screen.

    Raises:
        gr.Error: always.
    """
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "edit"
    reason = first["msg"].removeprefix("Value error, ")
    raise gr.Error(f"The page sent something the studio can't use ({where}: {reason}).", print_exception=False) from None


def read_event(model: type[Model], evt: gr.EventData | Mapping[str, Any]) -> Model:
    """The payload of a custom event, validated.

    Raises:
        gr.Error: the payload is not what the editor sends; nothing of it was used.
    """
    payload = evt if isinstance(evt, Mapping) else getattr(evt, "_data", None)
    try:
        return model.model_validate(payload)
    except ValidationError as error:
        refused(error)


def next_stamp() -> int:
    """A number above all earlier ones, also after a restart.

    It lets the page notice every answer, even one that changes nothing, and drop answers that arrive out of order.
    """
    global _last_stamp
    with _stamp_lock:
        _last_stamp = max(_last_stamp + 1, time.time_ns() // 1000)
        return _last_stamp


def cached_picture(image: np.ndarray | FileData | str | Path | None, cache: str) -> tuple[FileData | None, int, int]:
    """A picture as a file the page may fetch, with its width and height.

    Args:
        image: (H, W, 3) uint8, or a picture file (its header is read, nothing else is accepted), or None.
        cache: Gradio's cache folder; equal pictures share one file.
    """
    if image is None:
        return None, 1, 1
    if isinstance(image, np.ndarray):
        return FileData(path=str(_saved_once(image, Path(cache))), mime_type="image/png"), image.shape[1], image.shape[0]
    path = Path(image.path if isinstance(image, FileData) else image)
    with Image.open(path) as opened:
        width, height = opened.size
    return FileData(path=str(path)), width, height


def _saved_once(image: np.ndarray, cache: Path) -> Path:
    """Where `image` is saved; a frozen array is hashed only the first time it is shown."""
    known = _saved_arrays.get(id(image))
    if known and known[0]() is image and not image.flags.writeable and known[1].exists():
        return known[1]
    path = _saved(image, cache)
    if not image.flags.writeable:
        for key in [key for key, (array, _) in list(_saved_arrays.items()) if array() is None]:
            _saved_arrays.pop(key, None)
        _saved_arrays[id(image)] = (weakref.ref(image), path)
    return path


def _saved(image: np.ndarray, cache: Path) -> Path:
    image = np.ascontiguousarray(image, dtype=np.uint8)
    digest = hashlib.blake2b(image.tobytes() + repr(image.shape).encode(), digest_size=20).hexdigest()
    path = cache.resolve() / digest / "picture.png"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, half_written = tempfile.mkstemp(dir=path.parent, suffix=".part")
        with os.fdopen(handle, "wb") as file:
            Image.fromarray(image).save(file, "PNG", compress_level=1)
        os.replace(half_written, path)
    return path


def thumbnail(image: np.ndarray, xyxy: tuple[float, float, float, float]) -> str:
    """A square cut of a picture around a box, 56 × 56 px, as a data address; "" where the box lies outside.

    Cuts of a frozen array are kept, the newest 600 of all visitors.

    Args:
        image: (H, W, 3) uint8.
        xyxy: the box, px.
    """
    key = (id(image), tuple(round(float(v), 1) for v in xyxy))
    known = _thumbs.get(key)
    if known and known[0]() is image and not image.flags.writeable:
        return known[1]
    text = _cut(image, xyxy)
    if not image.flags.writeable:
        while len(_thumbs) >= MAX_THUMBS:
            _thumbs.pop(next(iter(_thumbs)), None)
        _thumbs[key] = (weakref.ref(image), text)
    return text


def _cut(image: np.ndarray, xyxy: tuple[float, float, float, float]) -> str:
    height, width = image.shape[:2]
    x0, y0, x1, y1 = xyxy
    half = max(x1 - x0, y1 - y0, 8) / 2
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    left, right = (int(np.clip(v, 0, width)) for v in (x - half, x + half))
    top, bottom = (int(np.clip(v, 0, height)) for v in (y - half, y + half))
    if right - left < 2 or bottom - top < 2:
        return ""
    small = Image.fromarray(np.ascontiguousarray(image[top:bottom, left:right], dtype=np.uint8))
    scale = THUMB_SIDE / min(small.size)
    small = small.resize(
        (max(1, round(small.width * scale)), max(1, round(small.height * scale))), Image.Resampling.BILINEAR
    )
    dx, dy = (small.width - THUMB_SIDE) // 2, (small.height - THUMB_SIDE) // 2
    file = io.BytesIO()
    small.crop((dx, dy, dx + THUMB_SIDE, dy + THUMB_SIDE)).save(file, "JPEG", quality=82)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


@functools.cache
def template(name: str) -> dict[str, Any]:
    """The constant html, css and js of the editor called `name`, as arguments of `gr.HTML`."""
    return {
        "html_template": (HERE / f"{name}.html").read_text("utf-8"),
        "css_template": (HERE / "common.css").read_text("utf-8") + (HERE / f"{name}.css").read_text("utf-8"),
        "js_on_load": (HERE / "common.js").read_text("utf-8") + (HERE / f"{name}.js").read_text("utf-8"),
        "apply_default_css": False,
    }
