"""Chat rows for TRL and Hugging Face datasets: `metadata.jsonl` beside `images/`, and the same as Parquet."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field, ValidationError

from spacestudio.domain.sample import Sample
from spacestudio.errors import FormatError
from spacestudio.formats.door import read_json, reason
from spacestudio.formats.format import Row
from spacestudio.formats.pictures import png_bytes
from spacestudio.formats.records import Record, write_lines
from spacestudio.formats.rows import image_file, turns, write_image

ACCEPTED = "metadata.jsonl with file_names and messages: [{role, content}], or messages.parquet with images and messages"
FILE, PARQUET = "metadata.jsonl", "messages.parquet"
"""The name must not hold "train": `datasets` would take it for the only file of the split and find no pictures."""
_SCHEMA = pa.schema(
    [
        ("images", pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())]))),
        ("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
    ]
)
_FEATURES = {
    "images": {"feature": {"_type": "Image"}, "_type": "List"},
    "messages": {
        "feature": {"role": {"dtype": "string", "_type": "Value"}, "content": {"dtype": "string", "_type": "Value"}},
        "_type": "List",
    },
}
"""Tells `datasets` that the bytes are pictures."""


class _Message(Record):
    role: Literal["system", "user", "assistant", "tool"]
    content: str | list[dict[str, Any]]


class _Row(Record):
    file_names: list[str]
    messages: list[_Message] = Field(min_length=1)


class Messages:
    """One conversation a sample; samples without a question to export are left out."""

    name = "messages"

    def rows(self, samples: Sequence[Sample]) -> list[Row]:
        """`file_names` becomes the column `images` in datasets; the first user turn is about that picture."""
        rows: list[Row] = []
        for s in samples:
            said = turns(s)
            texts = [text for pair in said for text in pair]
            talk = [{"role": "assistant" if i % 2 else "user", "content": text} for i, text in enumerate(texts)]
            if talk:
                rows.append({"file_names": [image_file(s)], "messages": talk})
        return rows

    def write(self, samples: Sequence[Sample], folder: Path) -> list[Path]:
        """`metadata.jsonl`, the pictures it names, and `messages.parquet` with pictures and messages in one file."""
        folder.mkdir(parents=True, exist_ok=True)
        rows = self.rows(samples)
        named = {row["file_names"][0] for row in rows}
        shown = [s for s in samples if image_file(s) in named]
        pictures = [[{"bytes": png_bytes(s.image), "path": f"{s.id}.png"}] for s in shown]
        table = pa.table({"images": pictures, "messages": [row["messages"] for row in rows]}, schema=_SCHEMA)
        about = json.dumps({"info": {"features": _FEATURES}}).encode("ascii")
        parquet = folder / PARQUET
        pq.write_table(table.replace_schema_metadata({b"huggingface": about}), parquet)
        return [write_lines(rows, folder / FILE), parquet, *(write_image(s, folder) for s in shown)]

    def read(self, path: Path) -> list[Row]:
        """The rows of the JSON Lines file or of the Parquet file.

        Raises:
            FormatError: no such file, or a row of another shape.
        """
        file = path / FILE if path.is_dir() else path
        data = _from_parquet(file) if file.suffix == ".parquet" else read_json(file, FormatError, ACCEPTED)
        rows: list[Row] = []
        for place, item in enumerate(data if isinstance(data, list) else [data]):
            try:
                row = _Row.model_validate(item)
            except ValidationError as error:
                raise FormatError(f"Row {place} of “{file.name}” can't be read ({reason(error)})", ACCEPTED) from None
            rows.append(row.model_dump())
        return rows


def _from_parquet(file: Path) -> list[Row]:
    try:
        table = pq.read_table(file, columns=["images", "messages"]).to_pylist()
        return [
            {"file_names": [f"images/{i['path']}" for i in row["images"]], "messages": row["messages"]} for row in table
        ]  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        raise FormatError(f"“{file.name}” is no Parquet file with images and messages ({reason(error)})", ACCEPTED) from None


FORMAT = Messages()
