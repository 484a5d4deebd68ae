"""The floor and the objects' boxes, whichever library finds them."""

from __future__ import annotations

import pytest

from spacestudio.geometry import open3d_room
from spacestudio.services.lift import survey
from spacestudio.services.studio import Studio
from tests.services.conftest import OWNER


@pytest.mark.parametrize("open3d", [True, False])
def test_objects_have_boxes_with_and_without_open3d(
    open3d: bool, studio: Studio, sample_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not open3d:
        monkeypatch.setattr(open3d_room, "_load", lambda: (None, "not here: see packages.txt"))
    elif open3d_room.available() is not None:
        pytest.skip(open3d_room.available() or "")
    s = studio.open(OWNER, sample_id)
    found = survey(s)
    assert found is not None
    assert found.backend.startswith("open3d" if open3d else "numpy")
    assert bool(found.note) is not open3d
    assert [p.id for p in found.placed] == ["ball-1", "lamp-1"]
    for p in found.placed:
        assert p.sides[0] >= p.sides[1] >= p.sides[2] >= 0
        assert 0.1 < p.sides[0] < 3
    assert {run.stage: run.engine for run in s.provenance}["cloud"] == "numpy"
