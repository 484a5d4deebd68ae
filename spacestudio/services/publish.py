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
from spacestudio.formats.door import reason
from spacestudio.formats.format import Format
from spacestudio.services.tell import told


def publish(samples: Sequence[Sample], format_name: str, out: Path) -> list[Path]:
    """Write samples in a named format into a folder, or into a ZIP when `out` ends in .zip; the files written.

    Raises:
        InputError: no sample, the place is taken by a file, or nothing can be written there.
    """
    if not samples:
        raise InputError(
            "Nothing to export: no sample was chosen", "one or more samples", "Choose samples in the Data set tab"
        )
    form = FORMATS.load(format_name)
    if out.suffix.lower() != ".zip" and out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file", "a folder or a .zip file")
    try:
        return _write([told(s) for s in samples], form, out)
    except OSError as error:
        raise InputError(f"“{out}” can't be written ({reason(error)})", next_step="Choose another place") from None


def _write(samples: Sequence[Sample], form: Format, out: Path) -> list[Path]:
    if out.suffix.lower() != ".zip":
        out.mkdir(parents=True, exist_ok=True)
        return form.write(samples, out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / out.stem
        folder.mkdir()
        form.write(samples, folder)
        zip_folder(folder, out)
    return [out]


def preview(samples: Sequence[Sample], format_name: str, limit: int = 20) -> tuple[list[dict[str, Any]], int]:
    """The first rows an export would hold, and how many there are."""
    rows: list[dict[str, Any]] = FORMATS.load(format_name).rows([told(s) for s in samples])
    return rows[:limit], len(rows)
