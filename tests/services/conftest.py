"""A studio over a temporary folder, with one small measured sample."""

from __future__ import annotations

from pathlib import Path

import pytest

from spacestudio.engines.protocols import Detection
from spacestudio.formats.pictures import Picture
from spacestudio.services.begin import Ready, Recipe
from spacestudio.services.payloads import to_png
from spacestudio.services.studio import Studio
from tests.support import small_scene

OWNER = "owner-of-these-tests-0001"


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path / "data")


@pytest.fixture
def sample_id(studio: Studio) -> str:
    image, depth, camera, objects = small_scene(240, 320)
    ready = Ready([Detection(o.label, o.box, 1.0, o.mask) for o in objects], "made")
    return studio.add_picture(OWNER, Picture(image, to_png(image), "balls.png", ()), recipe=Recipe(depth, camera, ready))
