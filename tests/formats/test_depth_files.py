from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from spacestudio.errors import DepthError
from spacestudio.formats import depth_files, pictures
from spacestudio.formats.depth_files import read_depth
from spacestudio.settings import Settings
from tests.support import DATA, needs_data

MM = np.array([[0, 1000, 1500], [2000, 4000, 65535]], np.uint16)
METRES = [[0, 1, 1.5], [2, 4, 0]]
VALID = [[False, True, True], [True, True, False]]


def npy(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(array), allow_pickle=True)
    return buffer.getvalue()


def npz(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def picture(array: Any, kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(array)).save(buffer, kind)
    return buffer.getvalue()


def pgm(array: np.ndarray, highest: int = 65535, comment: str = "# a camera\n") -> bytes:
    height, width = array.shape
    return f"P5\n{comment}{width} {height}\n{highest}\n".encode() + array.astype(">u2" if highest > 255 else "u1").tobytes()


def plain_pgm(array: np.ndarray) -> bytes:
    return b"P2 %d %d 65535\n" % array.shape[::-1] + b" ".join(b"%d" % v for v in array.ravel())


FORMS = {
    "png": picture(MM, "PNG"),
    "tiff": picture(MM, "TIFF"),
    "pgm": pgm(MM),
    "pgm text": plain_pgm(MM),
    "npy": npy(MM),
    "npy big-endian": npy(MM.astype(">u2")),
    "npy by columns": npy(np.asfortranarray(MM)),
    "npy (H, W, 1)": npy(MM[..., None]),
    "npy (1, H, W)": npy(MM[None]),
    "npz": npz(arr_0=MM),
    "npz with one array of any name": npz(range_image=MM),
    "npz depth": npz(depth=MM, other=MM[:1]),
}


@pytest.mark.parametrize("form", FORMS)
def test_integers_are_millimetres_and_say_it_was_assumed(form: str) -> None:
    depth, notes = read_depth(FORMS[form])
    assert depth.kind == "metric"
    assert depth.valid.tolist() == VALID
    assert depth.values.tolist() == METRES
    assert depth.values.dtype == np.float32
    assert any("Assumed millimetres" in n and "reaches 4 m" in n for n in notes)


@pytest.mark.parametrize("form", FORMS)
def test_a_given_scale_is_used_and_nothing_assumed(form: str) -> None:
    depth, notes = read_depth(FORMS[form], raw_units_per_metre=5000)
    assert depth.values[1, 1] == pytest.approx(0.8)
    assert not any("ssumed" in n for n in notes)


def test_floats_are_metres_and_zero_nan_and_inf_are_nothing() -> None:
    array = np.array([[0, 1.5, np.nan], [np.inf, -1, 2.5]], np.float32)
    for raw in (npy(array), npy(array.astype(np.float64)), npy(array.astype(np.float16)), picture(array, "TIFF")):
        depth, notes = read_depth(raw)
        assert (depth.kind, depth.valid.tolist()) == ("metric", [[False, True, False], [False, False, True]])
        assert depth.values[1, 2] == 2.5
        assert any("Assumed metres" in n for n in notes)
    assert read_depth(npy(array), raw_units_per_metre=10)[0].values[1, 2] == 0.25
    assert any("look like millimetres" in n for n in read_depth(npy(array * 1000))[1])


@pytest.mark.parametrize("kind", ["relative", "disparity"])
def test_other_kinds_keep_their_numbers(kind: Any) -> None:
    depth, notes = read_depth(FORMS["png"], kind)
    assert depth.kind == kind
    assert depth.values[1, 1] == 4000
    assert notes == ()
    assert any("not used" in n for n in read_depth(FORMS["png"], kind, raw_units_per_metre=5)[1])


def test_eight_bits_are_relative_with_a_warning() -> None:
    grey = np.array([[0, 10], [200, 255]], np.uint8)
    for raw in (picture(grey, "PNG"), npy(grey), pgm(grey, 255), picture(np.repeat(grey[..., None], 3, 2), "PNG")):
        depth, notes = read_depth(raw)
        assert depth.kind == "relative"
        assert depth.valid.tolist() == [[False, True], [True, False]]
        assert depth.values[1, 0] == 200
        assert any("8-bit" in n for n in notes)
    assert read_depth(picture(grey, "PNG"), raw_units_per_metre=100)[0].values[1, 0] == 2


def test_what_is_called_disparity_is_disparity() -> None:
    array = np.array([[1.0, 2.0]], np.float32)
    for raw, name in ((npz(disparity=array), "a.npz"), (npy(array), "left_disp0.npy")):
        depth, notes = read_depth(raw, name=name)
        assert depth.kind == "disparity"
        assert any("called so" in n for n in notes)
        assert depth.farness().tolist() == [[1, 0]]


def test_a_pgm_with_a_small_maximum_is_not_stretched() -> None:
    depth, _ = read_depth(pgm(np.array([[700, 1400]], np.uint16), 4095))
    assert depth.values.tolist() == [[np.float32(0.7), np.float32(1.4)]]


def test_another_size_is_resampled_to_the_nearest_pixel() -> None:
    depth, notes = read_depth(FORMS["png"], size=(6, 4))
    assert depth.values.shape == (4, 6)
    assert depth.values[0].tolist() == [0, 0, 1, 1, 1.5, 1.5]
    assert set(np.unique(depth.values)) == {0, 1, 1.5, 2, 4}  # nothing in between was invented
    assert any("3 × 2 px" in n and "6 × 4 px" in n for n in notes)
    assert any("proportions" in n for n in read_depth(FORMS["png"], size=(9, 2))[1])
    with pytest.raises(DepthError, match="upright"):
        read_depth(FORMS["png"], size=(2, 3))


@given(w=st.integers(1, 9), h=st.integers(1, 9))
def test_nearest_is_the_pixel_under_the_centre_as_in_pillow(w: int, h: int) -> None:
    values = np.arange(1, 36, dtype=np.float32).reshape(5, 7)
    if (w, h) != (5, 7):
        expected = np.asarray(Image.fromarray(values).resize((w, h), Image.Resampling.NEAREST))
        assert read_depth(npy(values), size=(w, h))[0].values.tolist() == expected.tolist()


BROKEN = {
    "all zero": picture(np.zeros((4, 4), np.uint16), "PNG"),
    "all NaN": npy(np.full((4, 4), np.nan)),
    "all at the maximum": npy(np.full((4, 4), 65535, np.uint16)),
    "a photo": picture(np.arange(48, dtype=np.uint8).reshape(4, 4, 3), "PNG"),
    "objects": npy(np.array([{"a": 1}, None], dtype=object)),
    "text": npy(np.array([["a", "b"]])),
    "complex": npy(np.array([[1j]])),
    "one row": npy(np.arange(1, 5.0)),
    "a number": npy(np.float64(1.0)),
    "no rows": npy(np.zeros((0, 5))),
    "two maps": npy(np.ones((2, 5, 5))),
    "two arrays": npz(a=np.ones((2, 2)), b=np.ones((2, 2))),
    "no array": npz(),
    "cut off npy": npy(MM)[:-1],
    "cut off npz": npz(depth=MM)[:-40],
    "cut off png": picture(np.arange(1, 10001, dtype=np.uint16).reshape(100, 100), "PNG")[:-300],
    "cut off pgm": pgm(MM)[:-1],
    "pgm without numbers": b"P5 x y z",
    "pgm of a wild size": b"P5 999999999 999999999 65535\n\0\0",
    "pgm without a maximum": b"P5 3 2 0\n" + bytes(12),
    "empty": b"",
    "plain text": b"no depth at all",
    "noise": b"\x93NUMPY\x01\x00\xff\xff{{{{",
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_can_not_be_depth_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(DepthError) as caught:
        read_depth(BROKEN[name], name="d.x")
    assert "\n" not in str(caught.value)
    assert " object at 0x" not in str(caught.value)
    assert "d.x" in str(caught.value)


def test_claims_are_checked_before_memory_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000000), }"
    raw = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    for claim in (raw, zipped("depth.npy", raw)):
        with pytest.raises(DepthError, match="claims"):
            read_depth(claim)
    small = Settings(max_pixels=5)
    monkeypatch.setattr(depth_files, "settings", lambda: small)
    monkeypatch.setattr(pictures, "settings", lambda: small)
    for form in ("npy", "png", "pgm"):
        with pytest.raises(DepthError, match="at most 5 pixels"):
            read_depth(FORMS[form])


def zipped(name: str, data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, data)
    return buffer.getvalue()


@given(
    raw=st.binary(max_size=80),
    head=st.sampled_from([b"", b"\x93NUMPY\x01\x00", b"PK\x03\x04", b"P5 2 2 65535\n", b"P2 ", b"II*\0"]),
)
def test_noise_gives_a_depth_error_or_depth(raw: bytes, head: bytes) -> None:
    try:
        depth, _ = read_depth(head + raw)
    except DepthError as error:
        problem = str(error)
    else:
        problem = "" if depth.valid.any() else "nothing valid\n"
    assert "\n" not in problem


@pytest.mark.parametrize("scale", [0, -1, float("nan"), float("inf")])
def test_a_scale_is_a_positive_number(scale: float) -> None:
    with pytest.raises(DepthError, match="positive"):
        read_depth(FORMS["png"], raw_units_per_metre=scale)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(DepthError, match="metric, relative, disparity"):
        read_depth(FORMS["png"], "inverse")  # type: ignore[arg-type]


# The traps of published data (BASELINES 1)


@needs_data
def test_tum_has_5000_units_a_metre_and_the_assumed_reach_shows_it() -> None:
    path = DATA / "rgbd/other_formats/TUM_depth.png"
    wrong, notes = read_depth(path)
    assert any("reaches 46.7 m" in n for n in notes)
    right, _ = read_depth(path, raw_units_per_metre=5000)
    assert right.values.max() == pytest.approx(wrong.values.max() / 5)
    assert 1 < np.median(right.values[right.valid]) < 4  # a desk


@needs_data
def test_kitti_has_256_units_a_metre_and_is_mostly_empty() -> None:
    depth, notes = read_depth(DATA / "rgbd/kitti/depth_0000000050.png", raw_units_per_metre=256)
    assert depth.valid.mean() == pytest.approx(0.206, abs=0.001)
    assert any("79% of the depth map is empty" in n for n in notes)
    assert 60 < depth.values.max() < 90


def test_sun_turns_its_bits_by_three() -> None:
    millimetres = np.arange(800, 4800, dtype=np.uint16).reshape(40, 100)
    stored = (millimetres << 3) | (millimetres >> 13)
    _, notes = read_depth(picture(stored, "PNG"))
    assert any("SUN RGB-D" in n and "8000" in n for n in notes)
    assert np.array_equal(
        read_depth(picture(stored, "PNG"), raw_units_per_metre=8000)[0].values, millimetres / np.float32(1000)
    )
    assert not any("SUN" in n for n in read_depth(picture(millimetres, "PNG"))[1])


def test_nyu_pgm_holds_swapped_kinect_codes_and_no_millimetres() -> None:
    codes = np.linspace(400, 1000, 1200).astype(np.uint16).reshape(30, 40)
    codes[:3] = 2047
    depth, notes = read_depth(pgm(codes.byteswap()))
    assert depth.kind == "relative"
    assert any("Kinect" in n for n in notes)
    assert not any("Assumed" in n for n in notes)
    assert not depth.valid[:3].any()
    assert depth.values[3:].tolist() == codes[3:].tolist()


@needs_data
@pytest.mark.parametrize(
    ("path", "low", "high"),
    [
        ("rgbd/nyu/sync_depth_00000.png", 1.39, 6.625),
        ("rgbd/redwood/depth/00000.png", 0.955, 2.702),
        ("rgbd/seven_scenes/frame-000000.depth.png", 0.801, 3.493),
        ("rgbd/slambook_ch5/depth/1.pgm", 0.946, 9.823),
    ],
)
def test_published_millimetre_files(path: str, low: float, high: float) -> None:
    depth, _ = read_depth(DATA / path, raw_units_per_metre=1000, size=(640, 480))
    used = depth.values[depth.valid]
    assert (float(used.min()), float(used.max())) == (pytest.approx(low), pytest.approx(high))
    assert depth.source == Path(path).name


@needs_data
def test_the_motorcycle_is_disparity_and_knows_where_it_is_unknown() -> None:
    depth, _ = read_depth(DATA / "stereo/motorcycle_disp.npz")
    assert depth.kind == "disparity"
    assert depth.values.shape == (500, 741)
    assert 0.05 < 1 - depth.valid.mean() < 0.1
