from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from spacestudio.services.graphs import Checked, checked, doubts, graphs_in


def written(tmp_path: Path, *triples: Any, **changes: Any) -> Path:
    path = tmp_path / "skg.json"
    path.write_text(json.dumps([{"chosen_objects": ["cup", "plate", "lamp"], "objects_kg": triples} | changes]))
    return path


def verdict(tmp_path: Path, *triples: Any) -> Checked:
    (row,), _ = graphs_in(written(tmp_path, *triples))
    return checked(row)


@pytest.mark.parametrize(
    ("triples", "conflict"),
    [
        ([[0, "left of, right of", 1]], [0]),
        ([[2, "on", 0], [0, "below, on", 2]], [1]),
        ([["0", "left of", "1"], ["1", "left of", "0"]], [0, 1]),
        ([[0, "left of", 1], [1, "left of", 2], [2, "near, left of", 0]], [0, 1, 2]),
        ([[0, "to the left of and above", 1], [1, "Upper left of", 0]], [0, 1]),
        ([[0, "left of", 1], [1, "left of", 2], [2, "left of", 0], [0, "far, near", 2]], [3]),
    ],
)
def test_the_conflict_is_the_files_own_triples_and_none_too_many(
    triples: list[Any], conflict: list[int], tmp_path: Path
) -> None:
    found = verdict(tmp_path, *triples)
    assert not found.consistent
    assert sorted(map(str, found.conflict)) == sorted(str(triples[k]) for k in conflict)
    assert "can't" in found.words


def test_a_possible_graph_has_no_conflict(tmp_path: Path) -> None:
    found = verdict(tmp_path, [0, "in front of and to the left of", 1], [1, "far from", 2])
    assert (found.consistent, found.conflict, found.words) == (True, [], "possible")


def test_what_consistency_leaves_open_is_said(tmp_path: Path) -> None:
    (row,), _ = graphs_in(written(tmp_path, [0, "chasing", 1], [0, "near", 1], negative_objects="lamp, car"))
    assert row.graph is not None
    assert checked(row).consistent
    absent, unknown = doubts(row.graph)
    assert "lamp" in absent and "must not appear" in absent
    assert unknown == "not checked: cup is chasing plate"
