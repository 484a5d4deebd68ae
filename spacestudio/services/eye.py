"""The studio's own look at a picture somebody else speaks of: its sample, its depth, and things measured where they say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from spacestudio.domain.boxes import Box
from spacestudio.domain.camera import Camera
from spacestudio.domain.depth import DepthMap
from spacestudio.domain.measurements import Measurements
from spacestudio.domain.objects import SceneObject
from spacestudio.domain.sample import Sample
from spacestudio.engines.protocols import Detection, Image
from spacestudio.errors import FormatError, InputError
from spacestudio.formats.door import read_json
from spacestudio.formats.folder import ACCEPTED, read_sample, sample_folders
from spacestudio.formats.pictures import read_picture
from spacestudio.geometry.measure import measure
from spacestudio.geometry.open3d_room import floor_plane
from spacestudio.geometry.unproject import to_cloud
from spacestudio.services.begin import Recipe, from_picture
from spacestudio.services.derive import Deriver
from spacestudio.services.estimate import estimate
from spacestudio.services.find import as_objects
from spacestudio.services.lift import Memo
from spacestudio.store.blobs import MemoryBlobs


class Eye:
    """Looks at pictures: through the sample folder made from them where there is one, else by analysing them.

    Attributes:
        depth: name of the depth engine for pictures without a sample.
        masks: name of the mask engine.
    """

    def __init__(self, samples: Path | None = None, depth: str = "cues", masks: str = "grabcut") -> None:
        """Over a folder of sample folders, or none.

        Raises:
            FormatError: there is no such folder.
        """
        self.depth, self.masks = depth, masks
        self._folders: dict[str, Path | None] = {}
        for folder in sample_folders(samples) if samples is not None else ():
            for name in dict.fromkeys(_called(folder)):
                self._folders[name] = None if name in self._folders else folder  # a name of two folders tells neither
        self._depths, self._samples = Memo(2), Memo(2)

    def folder(self, picture: Path) -> Path | None:
        """The sample folder made from a picture: the one the picture lies in, or one whose input was called the same.

        Raises:
            InputError: several folders' inputs were called so.
        """
        if (picture.parent / "sample.json").is_file():
            return picture.parent
        name = next((name for name in (picture.name, picture.stem) if name in self._folders), "")
        if name and self._folders[name] is None:
            raise InputError(f"Several samples are called “{name}”", "one sample of a picture", "Take the others away")
        return self._folders.get(name)

    def sample(self, picture: Path) -> Sample:
        """The sample of a picture.

        Raises:
            ImageError, FormatError: the picture, or its sample folder, can't be read.
            Unavailable: the depth engine can't run here.
        """
        return self._samples.get(picture, lambda: self._sample(picture))

    def _sample(self, picture: Path) -> Sample:
        if folder := self.folder(picture):
            return read_sample(folder)
        blobs = MemoryBlobs()
        made, events = from_picture(read_picture(picture, picture.name), Recipe(depth=self.depth), blobs)
        return Deriver(blobs).sample(made, events)

    def see(self, picture: Path) -> tuple[Image, DepthMap | None, Camera]:
        """The pixels of a picture, its depth and its camera."""
        return self._depths.get(picture, lambda: self._see(picture))

    def _see(self, picture: Path) -> tuple[Image, DepthMap | None, Camera]:
        image = read_picture(picture, picture.name).rgb
        height, width = image.shape[:2]
        if self.folder(picture):
            sample = self.sample(picture)
            if (sample.width, sample.height) == (width, height):
                return image, sample.depth, sample.camera or Camera.assumed(width, height)
        made = estimate(image, self.depth)
        return image, made.depth, made.camera or Camera.assumed(width, height)

    def measured(
        self, picture: Path, things: Sequence[tuple[str, Box]]
    ) -> tuple[tuple[SceneObject, ...], tuple[Measurements, ...]]:
        """Named boxes as objects with masks, measured under each assumption; each box has an area inside the picture."""
        image, depth, camera = self.see(picture)
        height, width = image.shape[:2]
        objects, _ = as_objects(image, depth, [Detection(label, box) for label, box in things], "model", self.masks)
        floor = floor_plane(to_cloud(image, depth, camera)) if depth is not None else None
        return objects, measure(objects, width, height, depth, camera, floor)


def _called(folder: Path) -> list[str]:
    """The names of the picture a sample folder was made from; none when it can't be read."""
    try:
        row = read_json(folder / "sample.json", FormatError, ACCEPTED)
    except FormatError:
        return []
    given = row.get("input") if isinstance(row, dict) else None
    names = [given.get("name") if isinstance(given, dict) else None, row.get("name") if isinstance(row, dict) else None]
    return [name for name in (*names, folder.name) if isinstance(name, str) and name]
