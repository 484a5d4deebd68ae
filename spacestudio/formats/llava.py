"""LLaVA's instruction rows: one conversation a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from spacestudio.domain.sample import Sample
from spacestudio.errors import FormatError
from spacestudio.formats.door import read_json, reason
from spacestudio.formats.format import Row
from spacestudio.formats.records import Record, write_json
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
        file = path / FILE if path.is_dir() else path
        data = read_json(file, FormatError, ACCEPTED)
        if not isinstance(data, list):
            raise FormatError(f"“{file.name}” is no list of conversations", ACCEPTED)
        rows: list[Row] = []
        for place, item in enumerate(data):
            try:
                row = _Row.model_validate(item)
            except ValidationError as error:
                raise FormatError(f"Row {place} of “{file.name}” can't be read ({reason(error)})", ACCEPTED) from None
            rows.append(row.model_dump(by_alias=True, exclude_unset=True))
        return rows


FORMAT = Llava()
