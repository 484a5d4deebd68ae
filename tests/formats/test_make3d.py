"""Make3D's MATLAB files, faithful ones and hostile ones."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from scipy.io import savemat

from spacestudio.errors import DepthError
from spacestudio.formats.make3d import read_any_depth, read_make3d


def grid(rows: int = 55, columns: int = 305) -> np.ndarray:
    """(rows, columns, 4) float64 as Make3D's: position in space, and the distance last."""
    y, x = np.mgrid[:rows, :columns]
    metres = 5 + 70 * (1 - y / rows)
    return np.stack((x * 0.1, y * 0.1, metres * 0.9, metres), -1)


def mat(compress: bool = False, **variables) -> bytes:
    out = io.BytesIO()
    savemat(out, variables or {"Position3DGrid": grid()}, do_compression=compress)
    return out.getvalue()


@pytest.mark.parametrize("compress", [False, True])
def test_the_fourth_channel_is_metres(tmp_path, compress):
    path = tmp_path / "depth_sph_corr-10.21op2-p-015t000.mat"
    path.write_bytes(mat(compress))
    depth = read_make3d(path)
    assert depth.values.shape == (55, 305) and depth.kind == "metric" and depth.valid.all() and depth.source == path.name
    assert np.allclose(depth.values, grid()[..., 3])
    fitted, notes = read_any_depth(path, size=(100, 80))
    assert fitted.values.shape == (80, 100) and notes == () and set(fitted.values.ravel()) <= set(depth.values.ravel())


def test_what_the_laser_did_not_reach_is_invalid():
    made = grid()
    made[0, 0, 3], made[1, 1, 3], made[2, 2, 3] = 0, -1, np.nan
    depth = read_make3d(mat(Position3DGrid=made))
    assert (~depth.valid).sum() == 3 and not depth.valid[0, 0]


def test_other_variables_beside_it_do_not_matter():
    rows = np.empty((1, 2), object)
    rows[0, 0], rows[0, 1] = "text", np.arange(3)
    depth = read_make3d(mat(Position3DGrid=grid(6, 7).astype(np.float32), cell=rows, note="a"))
    assert depth.values.shape == (6, 7)


def other_files(path):
    np.save(path.with_suffix(".npy"), np.ones((4, 5), np.float32))
    return read_any_depth(path.with_suffix(".npy"))[0].values.shape


def test_other_depth_files_are_read_as_ever(tmp_path):
    assert other_files(tmp_path / "d.x") == (4, 5)


def _element(kind: int, data: bytes) -> bytes:
    return struct.pack("<II", kind, len(data)) + data


HEAD = mat()[:128]
BOMB = HEAD + _element(15, zlib.compress(b"\0" * 100_000_000))
HOSTILE = {
    "empty": b"",
    "text": b"hello",
    "a picture": b"\x89PNG\r\n\x1a\n" + b"\0" * 500,
    "cut off": mat()[:3000],
    "cut off, packed": mat(True)[:900],
    "header alone": HEAD,
    "no such variable": mat(depthMap=np.ones((3, 4))),
    "another shape": mat(Position3DGrid=np.ones((3, 4))),
    "three channels": mat(Position3DGrid=np.ones((3, 4, 3))),
    "five channels": mat(Position3DGrid=np.ones((3, 4, 5))),
    "text as grid": mat(Position3DGrid="abc"),
    "a cell": mat(Position3DGrid=np.array([[1, "a"]], object)),
    "complex": mat(Position3DGrid=np.ones((3, 4, 4), complex)),
    "nothing valid": mat(Position3DGrid=np.zeros((3, 4, 4))),
    "a bomb": BOMB,
    "damaged packing": HEAD + _element(15, b"not zlib at all"),
    "absurd size": HEAD + struct.pack("<II", 14, 2**31) + b"\0" * 64,
    "7.3": b"MATLAB 7.3 MAT-file" + b" " * 105 + b"\0" * 200,
    "noise": HEAD + np.random.default_rng(0).bytes(5000),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_in_one_line(tmp_path, name):
    path = tmp_path / "x.mat"
    path.write_bytes(HOSTILE[name])
    with pytest.raises(DepthError) as caught:
        read_make3d(path)
    assert "\n" not in str(caught.value) and "x.mat" in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_claimed_size_is_not_allocated():
    made = bytearray(mat(Position3DGrid=np.ones((3, 4, 4))))
    at = made.index(struct.pack("<3i", 3, 4, 4))
    made[at : at + 12] = struct.pack("<3i", 2**20, 2**10, 4)
    with pytest.raises(DepthError):
        read_make3d(bytes(made), "big.mat")


def test_random_damage_never_escapes_as_another_error():
    whole = mat(Position3DGrid=grid(5, 6))
    rng, refused = np.random.default_rng(1), 0
    for _ in range(300):
        raw = bytearray(whole)
        for at in rng.integers(124, len(raw), rng.integers(1, 6)):
            raw[at] = int(rng.integers(256))
        try:
            assert read_make3d(bytes(raw), "x.mat").values.ndim == 2
        except DepthError:
            refused += 1
    assert refused > 20


def test_numbers_stored_the_other_way_round_and_as_integers():
    metres = np.arange(1, 25, dtype=np.int16).reshape(2, 3, 4)

    def element(kind: int, data: bytes) -> bytes:
        return struct.pack(">II", kind, len(data)) + data + b"\0" * (-len(data) % 8)

    inside = element(6, struct.pack(">II", 10, 0)) + element(5, struct.pack(">3i", 2, 3, 4))
    inside += element(1, b"Position3DGrid") + element(3, metres.astype(">i2").tobytes(order="F"))
    depth = read_make3d(b"MATLAB 5.0".ljust(124) + b"\x01\x00MI" + element(14, inside), "big-endian.mat")
    assert np.array_equal(depth.values, metres[..., 3])


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(DepthError, match=r"absent\.mat"):
        read_make3d(tmp_path / "absent.mat")
