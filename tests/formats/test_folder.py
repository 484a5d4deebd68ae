from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacestudio.domain.depth import DepthMap
from spacestudio.domain.events import Event
from spacestudio.domain.sample import Sample
from spacestudio.errors import FormatError
from spacestudio.formats import folder as room
from spacestudio.formats.folder import compact_log, read_events, read_sample, read_samples, write_sample
from spacestudio.formats.pictures import read_picture
from tests.formats.made import full_sample, plain_sample


def plain(value: Any) -> Any:
    """Any value of a sample as something `==` can compare; numbers to 6 decimals."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if dataclasses.is_dataclass(value):
        return type(value).__name__, {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return [plain(v) for v in value]
    return value


def facts(s: Sample) -> dict[str, Any]:
    return {f.name: plain(getattr(s, f.name)) for f in dataclasses.fields(s) if f.name not in ("graph", "target")} | {
        name: None if graph is None else [plain(graph.objects), plain(graph.relations), graph.scene, graph.negative_objects]
        for name, graph in (("graph", s.graph), ("target", s.target))
    }


def content(folder: Path) -> dict[str, bytes]:
    return {f.relative_to(folder).as_posix(): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


@pytest.mark.parametrize("sample", [full_sample(), plain_sample()], ids=lambda s: s.id)
def test_everything_comes_back(sample: Sample, tmp_path: Path) -> None:
    folder = write_sample(sample, tmp_path)
    assert folder == tmp_path / sample.id
    before, after = facts(sample), facts(read_sample(folder))
    for name in before:
        assert after[name] == before[name], name


@pytest.mark.parametrize("kind", ["relative", "disparity"])
def test_other_kinds_of_depth_come_back(kind: Any, tmp_path: Path) -> None:
    sample = plain_sample()
    values = np.linspace(-1, 1, 600, dtype=np.float32).reshape(20, 30)
    valid = values > -0.9
    sample = sample.but(depth=DepthMap(np.where(valid, values, np.float32(0)), kind, valid, "cues"))
    assert facts(read_sample(write_sample(sample, tmp_path))) == facts(sample)


def test_the_same_sample_gives_the_same_bytes_and_so_does_what_was_read(tmp_path: Path) -> None:
    first = content(write_sample(full_sample(), tmp_path / "a"))
    assert content(write_sample(full_sample(), tmp_path / "b")) == first
    assert content(write_sample(read_sample(tmp_path / "a" / "made-0001"), tmp_path / "c")) == first
    write_sample(plain_sample("made-0001"), tmp_path / "a")  # an older one is replaced whole
    assert "cloud.ply" not in content(tmp_path / "a" / "made-0001")
    assert content(write_sample(full_sample(), tmp_path / "a")) == first
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["made-0001"]  # nothing is left beside


def test_the_files_are_those_of_the_design(tmp_path: Path) -> None:
    sample = full_sample()
    folder = write_sample(sample, tmp_path)
    assert set(content(folder)) == {
        "sample.json", "image.png", "input.jpg", "depth.npy", "depth.png", "cloud.ply", "graph.json", "events.jsonl",
        "masks/ball-1.png", "masks/lamp-1.png",
    }  # fmt: skip
    assert sample.depth is not None
    depth = np.load(folder / "depth.npy", allow_pickle=False)
    assert (depth.dtype, depth.shape) == (np.float32, (48, 64))
    assert np.array_equal(np.isnan(depth), ~sample.depth.valid)
    from PIL import Image

    preview = np.asarray(Image.open(folder / "depth.png"))
    assert preview.dtype == np.uint16
    assert np.array_equal(preview == 0, ~sample.depth.valid)
    assert (preview[sample.depth.valid].min(), preview.max()) == (1, 65535)
    assert set(np.unique(np.asarray(Image.open(folder / "masks/ball-1.png")))) == {0, 255}
    text = (folder / "sample.json").read_text()
    assert not {"NaN", "Infinity"} & set(text.replace('"', " ").split())
    row = json.loads(text)
    for key in (
        "schema_version",
        "id",
        "parent",
        "image",
        "camera",
        "depth",
        "objects",
        "layers",
        "layout",
        "target",
        "qa",
        "verdicts",
        "provenance",
        "warnings",
    ):
        assert key in row
    assert "2026-11-21" not in text  # clock times stand only in the log
    assert "2026-11-21" in (folder / "events.jsonl").read_text()
    assert row["objects"][0]["mask"] == "masks/ball-1.png"
    edge = json.loads((folder / "graph.json").read_text())["edges"][0]
    assert {"predicate", "frame", "margin", "verdict", "origin", "family", "evidence", "source", "target", "key"} <= set(
        edge
    )


def test_the_png_files_hold_no_clock(tmp_path: Path) -> None:
    folder = write_sample(full_sample(), tmp_path)
    for file in folder.rglob("*.png"):
        assert not {b"tIME", b"tEXt", b"eXIf"} & {file.read_bytes()[i : i + 4] for i in range(8, 200)}


def log(events: tuple[Event, ...]) -> bytes:
    return "".join(json.dumps(dataclasses.asdict(e), ensure_ascii=False) + "\n" for e in events).encode()


EVENTS = st.lists(
    st.builds(
        Event, st.integers(1, 10**6), st.text(min_size=1), st.dictionaries(st.text(), st.integers() | st.text() | st.none()),
        st.text(), st.text(), st.text(),
    ),
    max_size=4,
).map(tuple)  # fmt: skip


@given(events=EVENTS, data=st.data())
def test_a_log_cut_at_any_byte_reads_to_its_last_whole_line(events: tuple[Event, ...], data: st.DataObject) -> None:
    raw = log(events)
    cut = data.draw(st.integers(0, len(raw)))
    assert read_events(raw[:cut]) == events[: whole_lines(raw, cut)]


def whole_lines(raw: bytes, cut: int) -> int:
    """How many lines are whole, the last one with or without its newline."""
    return raw[: cut + 1].count(b"\n")


def test_our_own_log_cut_at_every_byte(tmp_path: Path) -> None:
    folder = write_sample(full_sample(), tmp_path)
    raw = (folder / "events.jsonl").read_bytes()
    whole = read_events(raw)
    assert whole == full_sample().events
    assert whole[1].payload == {"name": 'Zürich\n"quoted"'}
    for cut in range(len(raw)):
        assert read_events(raw[:cut]) == whole[: whole_lines(raw, cut)]
    (folder / "events.jsonl").write_bytes(raw[:-1])
    assert read_sample(folder).warnings == full_sample().warnings  # only the last newline is gone
    for cut in (len(raw) - 2, len(raw) - 20, raw.index(b"\n") + 1):
        (folder / "events.jsonl").write_bytes(raw[:cut])
        read = read_sample(folder)
        assert read.events == whole[: whole_lines(raw, cut)]
        (warning,) = read.warnings[len(full_sample().warnings) :]
        assert f"events.jsonl was cut off: {len(read.events)} of 3 events are there" in warning


DAMAGES = {
    "a line that is no event": (b"{nonsense\n", "events.jsonl has no event in line 2 (Invalid JSON"),
    "another shape": (b'{"seq": "?"}\n', "events.jsonl has no event in line 2 (seq: "),
    "a later version's event": (b'{"seq": 2, "kind": "sung"}\n', "events.jsonl has an unknown event in place 2 (“sung”)"),
    "an event in another's place": (b'{"seq": 1, "kind": "undo"}\n', "events.jsonl has the event number 1 in place 2"),
    "an event without its part": (
        b'{"seq": 2, "kind": "rename"}\n',
        "events.jsonl has a broken event in place 2 (“rename”)",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
@pytest.mark.parametrize("count", [3, None])
def test_a_damaged_log_is_read_as_far_as_it_goes(name: str, count: int | None, tmp_path: Path) -> None:
    folder = write_sample(full_sample(), tmp_path)
    lines = (folder / "events.jsonl").read_bytes().splitlines(keepends=True)
    damage, said = DAMAGES[name]
    (folder / "events.jsonl").write_bytes(lines[0] + damage + lines[2])
    change(folder, events=count)
    read = read_sample(folder)
    assert read.events == full_sample().events[:1]
    assert read.warnings[:-1] == full_sample().warnings
    assert read.warnings[-1].startswith(said)
    assert ("1 of 3 events are there" if count else "1 event before that are there") in read.warnings[-1]
    with pytest.raises(FormatError, match="a whole log"):
        compact_log(folder)


def test_a_missing_log_is_noticed_by_its_count(tmp_path: Path) -> None:
    folder = write_sample(full_sample(), tmp_path)
    (folder / "events.jsonl").unlink()
    assert "events.jsonl is missing: 0 of 3 events are there" in read_sample(folder).warnings[-1]
    change(folder, events=None)
    assert read_sample(folder).warnings == full_sample().warnings  # a folder from before the count


def test_compacting_a_folder_changes_its_log_and_the_count_alone(tmp_path: Path) -> None:
    folder = write_sample(full_sample(), tmp_path)
    before = content(folder)
    assert compact_log(folder) == (3, 1)
    after = content(folder)
    assert {name for name in before if before[name] != after.get(name)} == {"events.jsonl", "sample.json"}
    assert before["sample.json"].replace(b'"events": 3', b'"events": 1') == after["sample.json"]
    assert before["events.jsonl"].splitlines()[0] == after["events.jsonl"].strip()
    assert facts(read_sample(folder)) == facts(full_sample().but(events=full_sample().events[:1]))
    assert compact_log(folder) == (1, 1)
    assert content(folder) == after
    assert [p.name for p in tmp_path.iterdir()] == [folder.name]


def test_a_failure_while_compacting_keeps_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_sample(full_sample(), tmp_path)
    before = content(folder)

    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(room, "write_json", full_disk)
        with pytest.raises(FormatError, match="No space left"):
            compact_log(folder)
    assert content(folder) == before
    with monkeypatch.context() as patched:
        patched.setattr(room, "write_lines", full_disk)
        with pytest.raises(FormatError, match="No space left"):
            compact_log(folder)
    assert content(folder)["events.jsonl"] == before["events.jsonl"]
    assert facts(read_sample(folder)) == facts(full_sample())  # the log is longer than its count, and whole
    assert compact_log(folder) == (3, 1)


def change(folder: Path, **values: Any) -> None:
    path = folder / "sample.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


BREAKS = {
    "no sample.json": lambda f: (f / "sample.json").unlink(),
    "no image": lambda f: (f / "image.png").unlink(),
    "no graph": lambda f: (f / "graph.json").unlink(),
    "no depth": lambda f: (f / "depth.npy").unlink(),
    "no cloud": lambda f: (f / "cloud.ply").unlink(),
    "no mask": lambda f: (f / "masks" / "ball-1.png").unlink(),
    "no input": lambda f: (f / "input.jpg").unlink(),
    "cut json": lambda f: (f / "sample.json").write_bytes((f / "sample.json").read_bytes()[:200]),
    "cut image": lambda f: (f / "image.png").write_bytes((f / "image.png").read_bytes()[:-50]),
    "cut mask": lambda f: (f / "masks" / "ball-1.png").write_bytes((f / "masks" / "ball-1.png").read_bytes()[:-40]),
    "cut depth": lambda f: (f / "depth.npy").write_bytes((f / "depth.npy").read_bytes()[:-1]),
    "cut cloud": lambda f: (f / "cloud.ply").write_bytes((f / "cloud.ply").read_bytes()[:-1]),
    "depth of another size": lambda f: np.save(f / "depth.npy", np.ones((5, 5), np.float32)),
    "pickled depth": lambda f: np.save(f / "depth.npy", np.array([{}], dtype=object), allow_pickle=True),
    "mask of another size": lambda f: shutil.copy(
        write_sample(plain_sample(), f.parent / "p") / "masks/cup-1.png", f / "masks/ball-1.png"
    ),
    "newer": lambda f: change(f, schema_version=99),
    "an id that leads out": lambda f: change(f, id="../x"),
    "an object id that leads out": lambda f: change(
        f, objects=[{"id": "../../x", "label": "x", "box_xyxy_px": [0, 0, 1, 1]}]
    ),
    "an input that leads out": lambda f: change(f, input={"file": "../input.jpg", "name": "x"}),
    "other objects": lambda f: change(f, objects=[]),
    "another size": lambda f: change(f, image={"file": "image.png", "width": 5, "height": 5}),
    "a box inside out": lambda f: change(f, objects=[{"id": "a", "label": "x", "box_xyxy_px": [9, 0, 1, 1]}]),
    "a wrong verdict": lambda f: change(
        f, verdicts=[{"subject": "a", "object": "b", "predicate": "on", "verdict": "maybe"}]
    ),
    "a camera without focus": lambda f: change(f, camera={"fx": 0, "fy": 0, "cx": 0, "cy": 0, "source": "given"}),
    "a layout without order": lambda f: change(f, layout={"canvas": [5, 5], "boxes": {"a": [0, 0, 1, 1]}, "order": []}),
    "a target that is no graph": lambda f: change(f, target={"nodes": 5}),
    "a list": lambda f: (f / "sample.json").write_text("[1]"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_one_bad_folder_is_one_line_and_never_takes_others(name: str, tmp_path: Path) -> None:
    folder = write_sample(full_sample(), tmp_path)
    write_sample(plain_sample(), tmp_path)
    BREAKS[name](folder)
    if (tmp_path / "p").exists():
        shutil.rmtree(tmp_path / "p")
    with pytest.raises(FormatError) as caught:
        read_sample(folder)
    samples, problems = read_samples(tmp_path)
    assert [s.id for s in samples] == ["plain-0002"]
    assert problems == [str(caught.value)]
    assert "made-0001" in problems[0]
    assert "\n" not in problems[0]


def test_other_things_in_the_folder(tmp_path: Path) -> None:
    folder = write_sample(full_sample(), tmp_path)
    (tmp_path / "readme.txt").write_text("x")
    shutil.copytree(folder, tmp_path / ".made-0001.x.part")
    assert [s.id for s in read_samples(tmp_path)[0]] == ["made-0001"]
    assert [s.id for s in read_samples(folder)[0]] == ["made-0001"]
    shutil.copytree(folder, tmp_path / "twin")
    samples, problems = read_samples(tmp_path)
    assert len(samples) == 1
    assert "second time" in problems[0]
    assert read_samples(tmp_path / "nowhere")[0] == []
    assert "no folder" in read_samples(tmp_path / "nowhere")[1][0]


def test_a_wrapping_folder_is_entered_and_strange_ones_are_passed_over(tmp_path: Path) -> None:
    write_sample(full_sample(), tmp_path / "download" / "samples")
    assert [s.id for s in read_samples(tmp_path)[0]] == ["made-0001"]
    (tmp_path / "download" / "samples" / "notes").mkdir()
    assert read_samples(tmp_path / "download" / "samples")[1] == []


def test_a_failure_while_writing_keeps_the_older_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_sample(full_sample(), tmp_path)
    before = content(folder)

    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(room, "write_json", full_disk)
    with pytest.raises(FormatError, match="No space left"):
        write_sample(plain_sample("made-0001"), tmp_path)
    assert content(folder) == before
    assert [p.name for p in tmp_path.iterdir()] == ["made-0001"]


def test_nothing_stands_in_place_until_it_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []

    def watched(*args: Any) -> Path:
        seen.append([p.name for p in tmp_path.iterdir() if not p.name.startswith(".")])
        return write_json(*args)

    write_json = room.write_json
    monkeypatch.setattr(room, "write_json", watched)
    write_sample(full_sample(), tmp_path)
    assert seen == [[], []]  # graph.json and sample.json, the last files
    assert [p.name for p in tmp_path.iterdir()] == ["made-0001"]


def test_the_picture_is_stored_without_loss(tmp_path: Path) -> None:
    sample = full_sample()
    assert np.array_equal(read_picture(write_sample(sample, tmp_path) / "image.png").rgb, sample.image)


def test_numbers_are_rounded_and_nan_is_nothing(tmp_path: Path) -> None:
    s = plain_sample()
    r = dataclasses.replace(
        s.graph.relations[0], margin=0.123456789, evidence={"gap": float("nan"), "n": np.int64(3), "z": -1e-9}
    )
    folder = write_sample(s.but(graph=s.graph.but(relations=[r])), tmp_path)
    edge = json.loads((folder / "graph.json").read_text())["edges"][0]
    assert (edge["margin"], edge["evidence"]) == (0.123457, {"gap": None, "n": 3, "z": 0.0})
    assert "-0.0" not in (folder / "graph.json").read_text()
