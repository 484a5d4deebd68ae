"""What long work has done so far: one JSON line an item, on disk before the next item is begun."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from spacestudio.errors import InputError
from spacestudio.formats.door import reason
from spacestudio.formats.records import line

Row = dict[str, Any]


def digest(value: Any) -> str:
    """16 hex digits that tell a value from others: of bytes as they are, of anything else as a line of JSON."""
    data = value if isinstance(value, bytes) else line(value).encode()
    return hashlib.blake2b(data, digest_size=8).hexdigest()


class Ledger:
    """A JSON Lines file of `{"key": …, …}` rows that is appended to, and read again when the work goes on.

    The first line holds the settings: work with others does not go on in the same file. A last line that was cut off, as a
    kill leaves it, is dropped, and its item is done again.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        """Open or begin a ledger.

        Raises:
            InputError: it was begun with other settings, it is no ledger, or it can't be written.
        """
        self.path = path
        self._rows: dict[str, Row] = {}
        head = json.loads(line({"settings": dict(settings)}))
        try:
            whole = self._whole_lines()
            if whole:
                self._read(whole, head)
            path.parent.mkdir(parents=True, exist_ok=True)
            kept = "".join(line(row) + "\n" for row in ([head, *self._rows.values()]))
            if not whole or kept.encode() != path.read_bytes():
                part = path.with_name(f".{path.name}.part")
                part.write_text(kept, encoding="utf-8", newline="\n")
                part.replace(path)
        except OSError as error:
            raise InputError(f"“{path}” can't be used ({reason(error)})", next_step="Choose another folder") from None

    def _whole_lines(self) -> list[str]:
        if not self.path.exists():
            return []
        text = self.path.read_bytes().decode("utf-8", "replace")
        return text.split("\n")[:-1]

    def _read(self, lines: list[str], head: Row) -> None:
        rows: list[Any] = []
        for number, text in enumerate(lines):
            try:
                rows.append(json.loads(text))
            except ValueError:
                if number < len(lines) - 1:
                    raise InputError(f"Line {number + 1} of “{self.path.name}” is no JSON", next_step=_ANEW) from None
        if not rows or not isinstance(rows[0], dict) or not isinstance(rows[0].get("settings"), dict):
            raise InputError(f"“{self.path.name}” is no list of work that was begun here", next_step=_ANEW)
        if rows[0] != head:
            old, new = rows[0]["settings"], head["settings"]
            other = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
            raise InputError(f"The work in “{self.path.parent}” was begun with another {', '.join(other)}", next_step=_ANEW)
        for row in rows[1:]:
            if not isinstance(row, dict) or not isinstance(row.get("key"), str):
                raise InputError(f"A row of “{self.path.name}” has no key", next_step=_ANEW)
            self._rows[row["key"]] = row

    def __contains__(self, key: str) -> bool:
        return key in self._rows

    def __getitem__(self, key: str) -> Row:
        return self._rows[key]

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows.values())

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, key: str, row: Mapping[str, Any]) -> Row:
        """Append a row and have it on disk; a key that is there already gets the new row."""
        made = {"key": key, **row}
        with self.path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(line(made) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._rows[key] = json.loads(line(made))
        return self._rows[key]

    def end(self) -> None:
        """Take the file away, and its folder when nothing else is in it: the work has come to its end."""
        self.path.unlink(missing_ok=True)
        if not any(self.path.parent.iterdir()):
            self.path.parent.rmdir()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Nothing is left to do: every row is on disk."""


_ANEW = "Give the same settings to go on, or another folder to begin anew"
