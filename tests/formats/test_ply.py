from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spacestudio.domain.cloud import PointCloud
from spacestudio.errors import FormatError
from spacestudio.formats.ply import read_ply, write_ply
from tests.support import DATA, needs_data


def cloud(n: int = 5) -> PointCloud:
    rng = np.random.default_rng(0)
    return PointCloud(
        rng.normal(size=(n, 3)).astype(np.float32),
        rng.integers(0, 256, (n, 3), np.uint8),
        np.arange(n, dtype=np.int32) - 1,
        "m",
    )


HEADER = (
    b"ply\nformat binary_little_endian 1.0\nelement vertex 2\nproperty float x\nproperty float y\nproperty float z\n"
    b"property uchar red\nproperty uchar green\nproperty uchar blue\nproperty int object_id\nend_header\n"
)


def test_the_file_is_exactly_as_designed(tmp_path: Path) -> None:
    points = np.array([[1, 2, 3], [-1, 0.5, 8]], np.float32)
    two = PointCloud(points, np.array([[10, 20, 30], [255, 0, 1]], np.uint8), np.array([-1, 7], np.int32))
    body = b"".join(
        np.array(p, "<f4").tobytes() + bytes(c) + np.array(i, "<i4").tobytes()
        for p, c, i in zip(points, [(10, 20, 30), (255, 0, 1)], [-1, 7], strict=True)
    )
    assert write_ply(two, tmp_path / "a.ply").read_bytes() == HEADER + body


@pytest.mark.parametrize("n", [0, 1, 1000])
def test_what_was_written_comes_back(n: int, tmp_path: Path) -> None:
    before = cloud(n)
    after = read_ply(write_ply(before, tmp_path / "a.ply"), "m")
    for name in ("points_camera", "colors", "object_index"):
        assert np.array_equal(getattr(before, name), getattr(after, name))
        assert getattr(before, name).dtype == getattr(after, name).dtype
    assert after.unit == "m"


def test_every_cut_is_noticed(tmp_path: Path) -> None:
    raw = write_ply(cloud(3), tmp_path / "a.ply").read_bytes()
    for end in range(len(raw)):
        (tmp_path / "cut.ply").write_bytes(raw[:end])
        with pytest.raises(FormatError):
            read_ply(tmp_path / "cut.ply")


@needs_data
@pytest.mark.parametrize(
    ("file", "n", "second"),
    [
        ("sphere.ply", 642, None),
        ("test_sample_ascii.ply", 7, [0.053054, 8.38004, -0.198]),
        ("test_sample_custom.ply", 7, [0.053054, 8.38004, -0.198]),
    ],
)
def test_foreign_files(file: str, n: int, second: list[float] | None) -> None:
    c = read_ply(DATA / "ply" / file)
    assert len(c) == n
    assert set(c.object_index.tolist()) == {-1}
    if second:
        assert c.points_camera[1] == pytest.approx(second)
    else:
        assert np.linalg.norm(c.points_camera, axis=1) == pytest.approx(np.ones(n), abs=0.01)


def foreign(
    order: str, dtype: list[tuple[str, str]], rows: list[tuple[float, ...]], before: str = "", skip: bytes = b""
) -> bytes:
    words = {"f4": "float", "f8": "double", "u1": "uchar", "i4": "int", "u2": "ushort"}
    mark = {"binary_little_endian": "<", "binary_big_endian": ">"}.get(order, "")
    lines = ["ply", f"format {order} 1.0", "comment by hand", *([before] if before else []), f"element vertex {len(rows)}"]
    lines += [f"property {words[code]} {name}" for name, code in dtype]
    lines += ["element face 1", "property list uchar int vertex_indices", "end_header", ""]
    body = (
        np.array(rows, [(n, mark + c) for n, c in dtype]).tobytes()
        if mark
        else "\n".join(" ".join(map(str, r)) for r in rows).encode()
    )
    return "\n".join(lines).encode() + skip + body + b"\n3 0 1 2\n"


@pytest.mark.parametrize("order", ["ascii", "binary_little_endian", "binary_big_endian"])
def test_either_endianness_other_types_and_other_orders(order: str, tmp_path: Path) -> None:
    dtype = [
        ("nx", "f4"),
        ("blue", "u1"),
        ("z", "f8"),
        ("green", "u1"),
        ("x", "f8"),
        ("y", "f8"),
        ("red", "u1"),
        ("object_id", "i4"),
    ]
    rows = [(0, 3, 30, 2, 10, 20, 1, 4), (0, 6, 31, 5, 11, 21, 4, -1), (0, 6, float("nan"), 5, 11, 21, 4, -1)]
    (tmp_path / "a.ply").write_bytes(foreign(order, dtype, rows))
    c = read_ply(tmp_path / "a.ply")
    assert c.points_camera.tolist() == [[10, 20, 30], [11, 21, 31]]  # the point that is nowhere is left out
    assert c.colors.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert c.object_index.tolist() == [4, -1]


def test_d2ps_text_colours_and_float_colours(tmp_path: Path) -> None:
    xyz = [("x", "f4"), ("y", "f4"), ("z", "f4")]
    bgra = [("blue", "u1"), ("green", "u1"), ("red", "u1"), ("alpha", "u1")]
    (tmp_path / "a.ply").write_bytes(foreign("ascii", xyz + bgra, [(1.0, 2.0, 3.0, 81.0, 82.0, 83.0, 0)]))
    assert read_ply(tmp_path / "a.ply").colors.tolist() == [[83, 82, 81]]
    floats = [(n, "f4") for n in ("red", "green", "blue")]
    (tmp_path / "a.ply").write_bytes(foreign("binary_big_endian", xyz + floats, [(1, 2, 3, 0.0, 0.5, 1.0)]))
    assert read_ply(tmp_path / "a.ply").colors.tolist() == [[0, 128, 255]]


def test_elements_before_the_vertices_are_skipped(tmp_path: Path) -> None:
    xyz = [("x", "f4"), ("y", "f4"), ("z", "f4")]
    raw = foreign("binary_little_endian", xyz, [(1, 2, 3)], "element camera 2\nproperty double fx", bytes(16))
    (tmp_path / "a.ply").write_bytes(raw)
    assert read_ply(tmp_path / "a.ply").points_camera.tolist() == [[1, 2, 3]]


@pytest.mark.parametrize(
    "raw",
    [b"", b"plx\n", b"ply\n", b"ply\nformat ascii 1.0\nend_header\n", b"ply\nformat middle_endian 1.0\nelement vertex 0\nend_header\n",
     b"ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nend_header\n1\n",
     HEADER.replace(b"vertex 2", b"vertex 99999999999999"), HEADER.replace(b"vertex 2", b"vertex -1"),
     HEADER.replace(b"float y", b"float x"), HEADER.replace(b"float x", b"list uchar int x"), b"ply\n" + b"comment x\n" * 20000,
     b"ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\nproperty float z\nend_header\n1 2 z\n"],
)  # fmt: skip
def test_what_is_no_cloud_is_refused_in_one_line(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.ply").write_bytes(raw)
    with pytest.raises(FormatError) as caught:
        read_ply(tmp_path / "a.ply")
    assert "\n" not in str(caught.value)
