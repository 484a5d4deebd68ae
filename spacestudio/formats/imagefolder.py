"""Hugging Face imagefolder: pictures with captions and boxes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from spacestudio.domain.sample import Sample
from spacestudio.formats.format import Row
from spacestudio.formats.records import Record, floats, rows_in, write_lines
from spacestudio.formats.rows import caption, image_file, write_image

ACCEPTED = "metadata.jsonl with file_name, text and objects {bbox: [[x, y, width, height]], categories}"
FILE = "metadata.jsonl"


class _Objects(Record):
    bbox: list[tuple[float, float, float, float]]
    categories: list[str | int]


class _Row(Record):
    file_name: str
    text: str = ""
    objects: _Objects | None = None


class ImageFolder:
    """`metadata.jsonl` beside `images/`."""

    name = "imagefolder"

    def rows(self, samples: Sequence[Sample]) -> list[Row]:
        """A row a sample: picture, caption from its graph, boxes in px."""
        return [
            {
                "file_name": image_file(s),
                "text": caption(s),
                "objects": {
                    "bbox": [floats(o.box.to_xywh()) for o in s.objects],
                    "categories": [o.label for o in s.objects],
                },
            }
            for s in samples
        ]

    def write(self, samples: Sequence[Sample], folder: Path) -> list[Path]:
        """The rows, and the pictures they name."""
        folder.mkdir(parents=True, exist_ok=True)
        return [write_lines(self.rows(samples), folder / FILE), *(write_image(s, folder) for s in samples)]

    def read(self, path: Path) -> list[Row]:
        """The rows of a metadata.jsonl.

        Raises:
            FormatError: no such file, or a row of another shape.
        """
        return rows_in(path, FILE, _Row, ACCEPTED)


FORMAT = ImageFolder()
