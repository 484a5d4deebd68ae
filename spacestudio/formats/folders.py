"""Sample folders: everything about each sample, as `analyze` writes it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from spacestudio.domain.sample import Sample
from spacestudio.errors import FormatError
from spacestudio.formats.folder import read_samples, sample_row, write_sample
from spacestudio.formats.format import Row


class Folders:
    """One folder per sample; nothing is lost."""

    name = "folders"

    def rows(self, samples: Sequence[Sample]) -> list[Row]:
        """Each sample.json."""
        return [sample_row(s) for s in samples]

    def write(self, samples: Sequence[Sample], folder: Path) -> list[Path]:
        """All folders; the files in them, in order."""
        written = [write_sample(s, folder) for s in samples]
        return [path for made in written for path in sorted(made.rglob("*")) if path.is_file()]

    def read(self, path: Path) -> list[Row]:
        """The sample.json of each folder that can be read.

        Raises:
            FormatError: none can.
        """
        samples, problems = read_samples(path)
        if not samples:
            raise FormatError(problems[0] if problems else f"No sample folder in {path.name}", "folders with a sample.json")
        return [sample_row(s) for s in samples]


FORMAT = Folders()
