"""What every format must keep to: `read(folder)` after `write(samples, folder)` equals `rows(samples)`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pyarrow.parquet as pq
import pytest

from spacestudio.domain.graph import SpatialGraph
from spacestudio.domain.sample import Sample
from spacestudio.errors import FormatError, GraphError
from spacestudio.formats import FORMATS
from spacestudio.formats.node_link import read_graph
from spacestudio.formats.pictures import read_picture
from spacestudio.formats.rows import caption, chosen, turns
from tests.formats.made import full_sample, plain_sample

SETS: dict[str, list[Sample]] = {"two": [full_sample(), plain_sample()], "one": [plain_sample()], "none": []}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("samples", SETS.values(), ids=SETS.keys())
def test_what_is_written_reads_back(name: str, samples: list[Sample], tmp_path: Path) -> None:
    format_ = FORMATS.load(name)
    assert format_.name == name
    rows = format_.rows(samples)
    files = format_.write(samples, tmp_path / "a")
    json.dumps(rows, allow_nan=False)
    assert all(f.is_file() and f.is_relative_to(tmp_path / "a") for f in files)
    assert sorted(f for f in (tmp_path / "a").rglob("*") if f.is_file()) == sorted(files)
    if files and rows:
        assert format_.read(tmp_path / "a") == rows
    again = format_.write(samples, tmp_path / "b")
    assert [f.read_bytes() for f in files] == [f.read_bytes() for f in again]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", b"{", b"5", b'{"a": [1]}', b"[5]", b"ply\n", b"PAR1"])
def test_files_of_another_kind_are_refused_in_one_line(name: str, content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "x"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FormatError) as caught:
        FORMATS.load(name).read(path)
    assert "\n" not in str(caught.value)


def test_accepted_questions_are_taken_else_proposed_ones_never_marked_ones() -> None:
    full, plain = full_sample(), plain_sample()
    assert [q.key for q in chosen(full)] == ["k2", "k3"]
    assert [q.key for q in chosen(plain)] == ["q"]
    assert chosen(full.but(qa=full.qa[3:])) == []
    assert chosen(full.but(qa=(full.qa[0], *full.qa[3:]))) == [], "what was accepted is stale: nobody accepted the others"
    assert [q.key for q in chosen(full.but(qa=(full.qa[0], full.qa[5], full.qa[6])))] == ["k1"]


def test_options_are_lettered_in_question_and_answer() -> None:
    question, answer = turns(full_sample())[0]
    assert question == "Which is nearer?\nA. the ball\nB. the lamp\nAnswer with the option's letter."
    assert answer == "B. the lamp"


def test_llava_rows() -> None:
    rows = FORMATS.load("llava").rows(SETS["two"])
    assert [r["id"] for r in rows] == ["made-0001", "plain-0002"]
    assert [t["from"] for t in rows[0]["conversations"]] == ["human", "gpt", "human", "gpt"]
    first, *rest = [t["value"] for t in rows[0]["conversations"]]
    assert first.startswith("<image>\nWhich is nearer?")
    assert not any("<image>" in value for value in rest)


def test_a_sample_without_a_question_to_export_is_left_out(tmp_path: Path) -> None:
    silent = plain_sample().but(qa=())
    for name in ("llava", "messages"):
        files = FORMATS.load(name).write([silent, full_sample()], tmp_path / name)
        assert [f.name for f in files if f.suffix == ".png"] == ["made-0001.png"]


@pytest.mark.parametrize("name", ["llava", "messages", "coco", "imagefolder"])
def test_the_pictures_lie_where_the_rows_say(name: str, tmp_path: Path) -> None:
    format_ = FORMATS.load(name)
    format_.write(SETS["two"], tmp_path)
    for row, sample in zip(format_.rows(SETS["two"]), SETS["two"], strict=True):
        place = row.get("image") or row.get("file_name") or row["file_names"][0]
        assert place == f"images/{sample.id}.png"
        assert np.array_equal(read_picture(tmp_path / place).rgb, sample.image)


def test_the_parquet_file_carries_pictures_and_messages(tmp_path: Path) -> None:
    format_ = FORMATS.load("messages")
    format_.write(SETS["two"], tmp_path)
    table = pq.read_table(tmp_path / "messages.parquet")
    assert table.column_names == ["images", "messages"]
    row = table.to_pylist()[0]
    assert np.array_equal(read_picture(row["images"][0]["bytes"]).rgb, SETS["two"][0].image)
    assert row["messages"] == format_.rows(SETS["two"])[0]["messages"]
    features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    assert features["images"]["feature"]["_type"] == "Image"
    assert format_.read(tmp_path / "messages.parquet") == format_.rows(SETS["two"])
    assert "train" not in (tmp_path / "messages.parquet").name  # datasets would take it for the whole split


def test_captions_say_what_the_graph_says() -> None:
    assert caption(full_sample()) == "A ball in front of a lamp, above a black cat."
    assert caption(plain_sample()) == "An old orange plate to the right of a cup."
    alone = plain_sample().but(graph=plain_sample().graph.but(relations=[]))
    assert caption(alone) == "An old orange plate and a cup."
    assert caption(alone.but(graph=SpatialGraph.of(()))) == "A picture."


def edges(graph: nx.MultiDiGraph) -> list[Any]:
    return sorted(graph.edges(keys=True, data=True), key=repr)


def test_node_link_is_what_networkx_writes_and_reads(tmp_path: Path) -> None:
    sample = full_sample()
    (path,) = FORMATS.load("node-link").write([sample], tmp_path)
    assert path.name == "made-0001.graph.json"
    data = json.loads(path.read_text())
    theirs = nx.node_link_graph(data, edges="edges")
    ours = read_graph(path)
    assert edges(theirs) == edges(ours.to_networkx())
    assert {n: d["label"] for n, d in theirs.nodes(data=True)} == {o.id: o.label for o in sample.objects}
    assert [r.key for r in ours] == [r.key for r in sample.graph]  # in the same order


def test_node_link_of_others_is_read(tmp_path: Path) -> None:
    theirs = nx.MultiDiGraph()
    theirs.add_node("kitchen table")
    theirs.add_node(7, label="cup", attributes=["red"])
    theirs.add_edge(7, "kitchen table", label="on top of")
    theirs.add_edge(7, "kitchen table", relation="owned by")
    path = tmp_path / "g.json"
    path.write_text(json.dumps(nx.node_link_data(theirs, edges="links")))
    graph = read_graph(path)
    assert [(o.id, o.label) for o in graph.objects] == [("kitchen-table-1", "kitchen table"), ("7", "cup")]
    assert [(r.triple, r.family) for r in graph] == [
        (("7", "on", "kitchen-table-1"), "support"), (("7", "owned by", "kitchen-table-1"), "other"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [[], {}, {"nodes": [{}]}, {"nodes": [{"id": "a"}, {"id": "a"}]}, {"nodes": [{"id": "a"}], "edges": [{"source": "a", "target": "b", "predicate": "on"}]},
     {"nodes": [{"id": "a"}, {"id": "b"}], "edges": [{"source": "a", "target": "b"}]}, {"nodes": [{"id": "a"}], "edges": [{"source": "a", "target": "a", "predicate": "on"}]},
     {"nodes": [{"id": "a", "box_xyxy_px": [5, 0, 1, 1]}]}, {"nodes": 5}, {"nodes": [], "graph": 5}, {"nodes": [], "edges": 5},
     {"nodes": [{"id": "a", "score": float("nan")}]}],
)  # fmt: skip
def test_broken_node_link_is_refused_in_one_line(data: Any, tmp_path: Path) -> None:
    path = tmp_path / "g.json"
    path.write_text(json.dumps(data))
    with pytest.raises(GraphError) as caught:
        read_graph(path)
    assert "\n" not in str(caught.value)
