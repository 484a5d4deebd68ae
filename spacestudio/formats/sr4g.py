"""Captions with explicit relations as Parquet, JSON Lines or WebDataset shards, written as they come, and read back.

The record is SEEDS 3.2's: image_id, file_name, caption, subject, relation, object, subject_box, object_box (x0, y0, x1, y1
px), rule_set, split. A file is written beside and moved into place by `finish`: an interrupted run leaves nothing that looks
whole.
"""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import ValidationError

from spacestudio.domain.captions import SPLITS, BoxTable, CaptionRows
from spacestudio.errors import FormatError
from spacestudio.formats.door import below, read_bytes, reason
from spacestudio.formats.records import Record, line, write_json
from spacestudio.formats.tallies import Tallies
from spacestudio.settings import settings

ACCEPTED = "a .parquet file, a .jsonl file, or a folder for WebDataset shards"
KEY = b"space_studio"
"""Of the Parquet file's metadata: what was drawn, how and with what, as JSON."""
ROW_GROUP = 1 << 17
"""Rows of a Parquet row group."""
SHARD_BYTES, SHARD_PICTURES = 256_000_000, 10_000
"""A shard is full at either."""

_BOX = pa.list_(pa.float64(), 4)
_TEXTS = ("file_name", "caption", "subject", "relation", "object", "rule_set", "split")


@dataclass(frozen=True, eq=False)
class Header:
    """What all rows share.

    Attributes:
        table: what the rows' places mean.
        relations: the names of the rows' relations.
        rule_set: what decided them.
        pictures: folder of the pictures, put into WebDataset shards; None leaves them out.
    """

    table: BoxTable
    relations: Sequence[str]
    rule_set: str
    pictures: Path | None = None


class Writer:
    """Takes rows, picture after picture, and becomes a file or folder when it is finished."""

    def __init__(self, out: Path, header: Header) -> None:
        self.out, self.header = out, header
        self.part = out.with_name(f".{out.name}.part")
        self.tallies = Tallies()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Whatever is not finished is removed."""
        if self.part.is_dir():
            shutil.rmtree(self.part)
        self.part.unlink(missing_ok=True)

    def write(self, rows: CaptionRows, captions: Sequence[str], which: NDArray[np.intp]) -> CaptionRows:
        """Add rows, of which row k says captions[which[k]]; those that could be written."""
        raise NotImplementedError

    def finish(self, about: Mapping[str, Any], card: str) -> list[Path]:
        """Move into place, with what there is to say about it; the files."""
        raise NotImplementedError

    def _moved(self, card: str) -> list[Path]:
        """The part in its place, and its card beside it, never over a README of another kind."""
        self.part.replace(self.out)
        beside = self.out.with_name("README.md")
        start = card[: card.index("\n", 4)]  # the first line of the header tells whose card it is
        if beside.exists() and not beside.read_text("utf-8", "replace").startswith(start):
            beside = self.out.with_name(f"{self.out.stem}.README.md")
        beside.write_text(card, encoding="utf-8", newline="\n")
        return [self.out, beside]


class ParquetWriter(Writer):
    """One file, `about` in its metadata under `KEY`."""

    def __init__(self, out: Path, header: Header) -> None:
        super().__init__(out, header)
        ids = header.table.image_ids
        whole = all(isinstance(i, int) for i in ids)
        self._ids = pa.array(ids if whole else [str(i) for i in ids], pa.int64() if whole else pa.string())
        self._files = pa.array(header.table.file_names, pa.string())
        self._waiting: list[pa.Table] = []
        texts = [(name, pa.string()) for name in _TEXTS]
        boxes = [("subject_box", _BOX), ("object_box", _BOX)]
        self._schema = pa.schema([("image_id", self._ids.type), *texts[:5], *boxes, *texts[5:]])
        self._file = pq.ParquetWriter(self.part, self._schema, compression="zstd")

    def __exit__(self, *_: object) -> None:
        self._file.close()
        super().__exit__()

    def write(self, rows: CaptionRows, captions: Sequence[str], which: NDArray[np.intp]) -> CaptionRows:
        """Add rows; a row group goes to the file when it is full."""
        table, strings = self.header.table, pa.string()
        names = pa.array(table.names, strings)
        columns = [
            self._ids.take(pa.array(rows.image)),
            self._files.take(pa.array(rows.image)),
            pa.array(captions, strings).take(pa.array(which)),
            names.take(pa.array(table.category[rows.subject])),
            pa.array(self.header.relations, strings).take(pa.array(rows.relation)),
            names.take(pa.array(table.category[rows.object])),
            _boxes(table.box_xyxy_px[rows.subject]),
            _boxes(table.box_xyxy_px[rows.object]),
            pa.repeat(self.header.rule_set, len(rows)),
            pa.array(SPLITS, strings).take(pa.array(rows.split)),
        ]
        self._waiting.append(pa.Table.from_arrays(columns, schema=self._schema))
        if sum(len(table) for table in self._waiting) >= ROW_GROUP:
            self._flush()
        return rows

    def finish(self, about: Mapping[str, Any], card: str) -> list[Path]:
        """The file and its card."""
        self._flush()
        self._file.add_key_value_metadata({KEY: line(about).encode()})
        self._file.close()
        return self._moved(card)

    def _flush(self) -> None:
        if self._waiting:
            self._file.write_table(pa.concat_tables(self._waiting), ROW_GROUP)
            self._waiting = []


def _boxes(boxes: NDArray[np.float64]) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(boxes.ravel()), type=_BOX)


class _Lines:
    """Records as JSON, put together from pieces that are written once."""

    def __init__(self, header: Header) -> None:
        self.header = header
        self._ends = [f', "rule_set": {line(header.rule_set)}, "split": {line(split)}}}' for split in SPLITS]

    @cached_property
    def _names(self) -> list[str]:
        return [line(name) for name in self.header.table.names]

    def of(self, rows: CaptionRows, captions: Sequence[str], which: NDArray[np.intp]) -> Iterator[str]:
        """One JSON object a row, in the record's order of fields."""
        table = self.header.table
        pictures, picture = np.unique(rows.image, return_inverse=True)
        heads = [self._head(i) for i in pictures.tolist()]
        said, names, relations = [line(c) for c in captions], self._names, [line(r) for r in self.header.relations]
        places, place = np.unique(np.concatenate((rows.subject, rows.object)), return_inverse=True)
        boxes = [line(box) for box in table.box_xyxy_px[places].tolist()]
        columns = (
            picture, which, table.category[rows.subject], rows.relation, table.category[rows.object],
            place[: len(rows)], place[len(rows) :], rows.split,
        )  # fmt: skip
        for p, c, s, r, o, s_box, o_box, split in zip(*(column.tolist() for column in columns), strict=True):
            yield (
                f'{heads[p]}, "caption": {said[c]}, "subject": {names[s]}, "relation": {relations[r]}, '
                f'"object": {names[o]}, "subject_box": {boxes[s_box]}, "object_box": {boxes[o_box]}{self._ends[split]}'
            )

    def _head(self, picture: int) -> str:
        table = self.header.table
        return f'{{"image_id": {line(table.image_ids[picture])}, "file_name": {line(table.file_names[picture])}'


class LinesWriter(Writer):
    """JSON Lines, with `about` in a card beside."""

    def __init__(self, out: Path, header: Header) -> None:
        super().__init__(out, header)
        self._lines = _Lines(header)
        self._file = self.part.open("w", encoding="utf-8", newline="\n")

    def __exit__(self, *_: object) -> None:
        self._file.close()
        super().__exit__()

    def write(self, rows: CaptionRows, captions: Sequence[str], which: NDArray[np.intp]) -> CaptionRows:
        """Add lines."""
        self._file.write("".join(text + "\n" for text in self._lines.of(rows, captions, which)))
        return rows

    def finish(self, about: Mapping[str, Any], card: str) -> list[Path]:
        """The file, its card, and `about` in NAME.card.json."""
        self._file.close()
        said = write_json(about, self.out.with_name(f"{self.out.stem}.card.json"))
        return [*self._moved(card), said]


class ShardsWriter(Writer):
    """WebDataset: a sample a picture, its captions in `.json`, the picture beside it where there is one.

    A shard holds pictures of one split, which its name begins with; `about` is in card.json.
    """

    def __init__(self, out: Path, header: Header) -> None:
        super().__init__(out, header)
        if out.is_file() or (out.is_dir() and any(out.iterdir())):
            raise FormatError(f"“{out}” holds something already", "a new or empty folder", "Choose another one")
        self._lines = _Lines(header)
        shutil.rmtree(self.part, ignore_errors=True)
        self.part.mkdir(parents=True)
        self._shards: dict[int, _Shard] = {}

    def __exit__(self, *_: object) -> None:
        for shard in self._shards.values():
            shard.close()
        super().__exit__()

    def write(self, rows: CaptionRows, captions: Sequence[str], which: NDArray[np.intp]) -> CaptionRows:
        """Add a sample for each picture; pictures that can't be had are left out and told of in `tallies`."""
        texts = list(self._lines.of(rows, captions, which))
        pictures, first, place = np.unique(rows.image, return_index=True, return_inverse=True)
        ends = [*first[1:].tolist(), len(rows)]
        added = [
            self._sample(picture, int(rows.split[start]), texts[start:end])
            for picture, start, end in zip(pictures.tolist(), first.tolist(), ends, strict=True)
        ]
        return rows.where(np.array(added, bool)[place])

    def _sample(self, picture: int, split: int, texts: list[str]) -> bool:
        table, folder = self.header.table, self.header.pictures
        image_id = table.image_ids[picture]
        key = f"{image_id:012d}" if isinstance(image_id, int) else f"{picture:012d}"
        members = {"json": f'{{"captions": [{", ".join(texts)}]}}'.encode()}
        if folder is not None:
            try:
                found = picture_in(folder, table.file_names[picture])
                limit = settings().max_upload_mb * 1_000_000
                members[found.suffix.lstrip(".").lower()] = read_bytes(found, limit, FormatError, "a picture")
            except FormatError as error:
                self.tallies.add("without_picture", "pictures that can't be had, left out", error.received)
                return False
        shard = self._shards.setdefault(split, _Shard(self.part, SPLITS[split]))
        shard.add(key, members)
        return True

    def finish(self, about: Mapping[str, Any], card: str) -> list[Path]:
        """The shards and the two cards."""
        for shard in self._shards.values():
            shard.close()
        write_json(about, self.part / "card.json")
        (self.part / "README.md").write_text(card, encoding="utf-8", newline="\n")
        if self.out.is_dir():
            self.out.rmdir()
        self.part.replace(self.out)
        return sorted(self.out.iterdir())


def picture_in(folder: Path, file_name: str) -> Path:
    """Where the picture of that name lies in a folder.

    Raises:
        FormatError: nowhere, or the name leads out of the folder.
    """
    found = below(folder, file_name)
    if found is None or not found.is_file():
        raise FormatError(f"“{file_name}” is not in {folder.name}", "pictures by the file names of the annotations")
    return found


class _Shard:
    """The shards of one split, one open at a time; members have no date and no owner."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._number, self._pictures, self._bytes = 0, 0, 0
        self._tar: tarfile.TarFile | None = None

    def add(self, key: str, members: Mapping[str, bytes]) -> None:
        """A sample: its members share the key."""
        if self._pictures >= SHARD_PICTURES or self._bytes >= SHARD_BYTES:
            self.close()
            self._number, self._pictures, self._bytes = self._number + 1, 0, 0
        if self._tar is None:
            path = self._folder / f"{self._name}-{self._number:06d}.tar"
            self._tar = tarfile.open(path, "w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115
        for suffix, content in members.items():
            info = tarfile.TarInfo(f"{key}.{suffix}")
            info.size = len(content)
            self._tar.addfile(info, io.BytesIO(content))
            self._bytes += len(content)
        self._pictures += 1

    def close(self) -> None:
        """Of the open shard."""
        if self._tar is not None:
            self._tar.close()
            self._tar = None


def writer(out: Path, header: Header) -> Writer:
    """The writer for that ending; a folder is written as WebDataset shards.

    Raises:
        FormatError: an ending nobody writes, or a folder that holds something.
    """
    kinds = {".parquet": ParquetWriter, ".jsonl": LinesWriter, "": ShardsWriter}
    if out.suffix.lower() not in kinds or (out.suffix and out.is_dir()):
        raise FormatError(f"“{out.name}” can't be written", ACCEPTED, "Choose one of these endings")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        return kinds[out.suffix.lower()](out, header)
    except OSError as error:
        raise FormatError(f"“{out}” can't be written ({reason(error)})", ACCEPTED, "Choose another place") from None


class Caption(Record):
    """A record, read back."""

    image_id: int | str
    file_name: str = ""
    caption: str
    subject: str
    relation: str
    object: str
    subject_box: tuple[float, float, float, float]
    object_box: tuple[float, float, float, float]
    rule_set: str = ""
    split: str = ""


def read_captions(path: Path) -> Iterator[Caption]:
    """The records of a .parquet or .jsonl file or a folder of shards, one by one.

    Raises:
        FormatError: no such file, or a record of another shape.
    """
    try:
        for place, row in enumerate(_raw(path)):
            try:
                yield Caption.model_validate(row)
            except ValidationError as error:
                raise FormatError(f"Record {place} of “{path.name}” can't be read ({reason(error)})", ACCEPTED) from None
    except (OSError, ValueError, KeyError, RecursionError, pa.ArrowException, tarfile.TarError) as error:
        raise FormatError(f"“{path.name}” holds no captions ({reason(error)})", ACCEPTED, "Check the path") from None


def _raw(path: Path) -> Iterator[Any]:
    if path.is_dir():
        for shard in sorted(path.glob("*.tar")):
            with tarfile.open(shard) as tar:
                for member in tar:
                    if member.name.endswith(".json") and (file := tar.extractfile(member)):
                        yield from _captions(json.load(file), member.name)
    elif path.suffix.lower() == ".parquet":
        with pq.ParquetFile(path) as parquet:
            for batch in parquet.iter_batches():
                yield from batch.to_pylist()
    else:
        with path.open(encoding="utf-8") as lines:
            yield from (json.loads(text) for text in lines if text.strip())


def _captions(row: Any, name: str) -> list[Any]:
    """The captions of a shard's member."""
    captions = row.get("captions") if isinstance(row, dict) else None
    if not isinstance(captions, list):
        raise FormatError(f"“{name}” holds no list of captions", ACCEPTED)
    return captions
