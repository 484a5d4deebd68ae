"""Chosen samples -> training files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from spacestudio.domain.sample import Sample
from spacestudio.errors import InputError
from spacestudio.formats import FORMATS
from spacestudio.formats.archive import zip_folder


def publish(samples: Sequence[Sample], format_name: str, out: Path) -> list[Path]:
    """Write samples in a named format into a folder, or into a ZIP when `out` ends in .zip; the files written.

    Raises:
        InputError: no sample, or the place is taken by a file.
    """
    if not samples:
        raise InputError(
            "Nothing to export: no sample was chosen", "one or more samples", "Choose samples in the Data set tab"
        )
    form = FORMATS.load(format_name)
    if out.suffix.lower() != ".zip":
        if out.exists() and not out.is_dir():
            raise InputError(f"{out} is a file", "a folder or a .zip file")
        out.mkdir(parents=True, exist_ok=True)
        written: list[Path] = form.write(samples, out)
        return written
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / out.stem
        folder.mkdir()
        form.write(samples, folder)
        zip_folder(folder, out)
    return [out]


def preview(samples: Sequence[Sample], format_name: str, limit: int = 20) -> tuple[list[dict[str, Any]], int]:
    """The first rows an export would hold, and how many there are."""
    rows: list[dict[str, Any]] = FORMATS.load(format_name).rows(samples)
    return rows[:limit], len(rows)
