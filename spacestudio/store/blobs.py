"""Bytes by their SHA-256, on disk or in any place fsspec knows."""

from __future__ import annotations

import hashlib
import io

import fsspec
import numpy as np
from numpy.typing import NDArray

from spacestudio.errors import NotFound


class Blobs:
    """A folder of immutable files named by their content."""

    def __init__(self, url: str) -> None:
        self.fs, self.root = fsspec.core.url_to_fs(url)
        self.fs.makedirs(self.root, exist_ok=True)

    def _path(self, digest: str) -> str:
        return f"{self.root}/{digest[:2]}/{digest}"

    def put(self, data: bytes) -> str:
        """Keep the bytes; returns their hex SHA-256. Writing the same bytes twice is free."""
        digest = hashlib.sha256(data).hexdigest()
        path = self._path(digest)
        if not self.fs.exists(path):
            self.fs.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
            partial = f"{path}.{id(data):x}.part"
            self.fs.pipe_file(partial, data)
            self.fs.mv(partial, path)
        return digest

    def get(self, digest: str) -> bytes:
        """The bytes.

        Raises:
            NotFound: nothing is kept under that digest.
        """
        try:
            data: bytes = self.fs.cat_file(self._path(digest))
        except FileNotFoundError:
            raise NotFound(f"A file of this sample is missing from the store ({digest[:8]}…)") from None
        return data

    def put_array(self, array: NDArray[np.generic]) -> str:
        """Keep an array as NPY."""
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        return self.put(buffer.getvalue())

    def get_array(self, digest: str) -> NDArray[np.generic]:
        """An array kept by `put_array`."""
        array: NDArray[np.generic] = np.load(io.BytesIO(self.get(digest)), allow_pickle=False)
        return array


class MemoryBlobs(Blobs):
    """The same in memory, for work that ends with the process."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def put(self, data: bytes) -> str:
        """Keep the bytes; returns their hex SHA-256."""
        digest = hashlib.sha256(data).hexdigest()
        self._kept[digest] = data
        return digest

    def get(self, digest: str) -> bytes:
        """The bytes, or NotFound."""
        try:
            return self._kept[digest]
        except KeyError:
            raise NotFound(f"A file of this sample is missing ({digest[:8]}…)") from None

    def pour_into(self, other: Blobs) -> None:
        """Copy everything kept here."""
        for data in self._kept.values():
            other.put(data)
