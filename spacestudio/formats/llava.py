"""LLaVA's instruction rows: one conversation a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from spacestudio.domain.sample import Sample
from spacestudio.formats.format import Row
from spacestudio.formats.records import Record, rows_in, write_json
from spacestudio.formats.rows import image_file, turns, write_image

ACCEPTED = "LLaVA's JSON list of {id, image, conversations: [{from, value}]}"
FILE = "llava.json"
PLACEHOLDER = "<image>\n"


class _Turn(Record):
    who: Literal["human", "gpt", "system"] = Field(alias="from")
    value: str


class _Row(Record):
    id: str | int
    image: str | list[str] | None = None
    conversations: list[_Turn] = Field(min_length=1)


class Llava:
    """`llava.json` beside `images/`; samples without a question to export are left out."""

    name = "llava"

    def rows(self, samples: Sequence[Sample]) -> list[Row]:
        """A row a sample; the first question carries the picture's placeholder."""
        rows: list[Row] = []
        for s in samples:
            said = turns(s)
            values = [value for pair in said for value in pair]
            if values:
                values[0] = PLACEHOLDER + values[0]
                talk = [{"from": "gpt" if i % 2 else "human", "value": v} for i, v in enumerate(values)]
                rows.append({"id": s.id, "image": image_file(s), "conversations": talk})
        return rows

    def write(self, samples: Sequence[Sample], folder: Path) -> list[Path]:
        """The list, and the pictures it names."""
        folder.mkdir(parents=True, exist_ok=True)
        rows = self.rows(samples)
        named = {row["id"] for row in rows}
        return [write_json(rows, folder / FILE), *(write_image(s, folder) for s in samples if s.id in named)]

    def read(self, path: Path) -> list[Row]:
        """The rows of a LLaVA file.

        Raises:
            FormatError: no such file, or a row of another shape.
        """
        return rows_in(path, FILE, _Row, ACCEPTED, "conversations")


FORMAT = Llava()
