"""What a data set format must do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from spacestudio.domain.sample import Sample

Row = dict[str, Any]


class Format(Protocol):
    """One data set format. Law: `read(folder)` after `write(samples, folder)` equals `rows(samples)`."""

    name: str

    def rows(self, samples: Sequence[Sample]) -> list[Row]:
        """The records that would be written, JSON values; the screen's preview."""
        ...

    def write(self, samples: Sequence[Sample], folder: Path) -> list[Path]:
        """Write the data set under `folder`; the files written, in order. Same samples, same bytes."""
        ...

    def read(self, path: Path) -> list[Row]:
        """The records of a file or folder of this format.

        Raises:
            FormatError: what was received, what is accepted.
        """
        ...
