"""The published SKG example through the whole loop: in, edited, drawn anew, verified, and out in its own schema."""

from __future__ import annotations

import json
from pathlib import Path

from spacestudio.services import judge
from spacestudio.services.studio import Studio
from tests.services.conftest import OWNER
from tests.support import DATA, needs_data
from tests.test_cli import loaded, run


@needs_data
def test_the_published_graph_comes_in_is_changed_and_goes_out(studio: Studio, tmp_path: Path) -> None:
    source = DATA / "scene_graphs" / "skg_demo.json"
    (given,) = json.loads(source.read_text())
    (made,) = loaded(run("synthesize", "--graph", source, "--out", tmp_path / "in", "--json"))["samples"]
    run("export", "--samples", tmp_path / "in", "--format", "skg", "--out", tmp_path / "first")
    (first,) = json.loads((tmp_path / "first" / "skg.json").read_text())
    assert set(first) == set(given)
    assert {k: first[k] for k in given if k != "objects_kg"} == {k: given[k] for k in given if k != "objects_kg"}

    assert studio.offer(tmp_path / "in") == []
    studio.welcome(OWNER)
    (sample_id,) = [entry.id for entry in studio.samples(OWNER)]
    assert sample_id == made["id"]
    cat, dog = studio.open(OWNER, sample_id).graph.ids
    studio.act(OWNER, sample_id, lambda s: judge.want_relation(s, cat, "right of", dog))
    candidate = studio.regenerate(OWNER, sample_id)
    assert candidate.counts == {"verified": 1, "failed": 0, "undecided": 0}
    kept = studio.keep(OWNER, sample_id, candidate.id)
    studio.publish(OWNER, [kept], "skg", tmp_path / "out")
    (row,) = json.loads((tmp_path / "out" / "skg.json").read_text())
    assert set(row) == set(given) and row["chosen_objects"] == given["chosen_objects"]
    ((subject, said, object_),) = row["objects_kg"]
    assert (subject, object_) == (0, 1) and said.startswith("on the right of")
    checked = loaded(run("check-graph", tmp_path / "out" / "skg.json", "--json"))
    assert checked["graphs"][0]["consistent"]
