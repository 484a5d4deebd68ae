from __future__ import annotations

import hashlib
import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from spacestudio.errors import ImageError
from spacestudio.formats import pictures
from spacestudio.formats.pictures import png_bytes, read_picture, sample_id
from spacestudio.settings import Settings
from tests.support import DATA, coffee, needs_data

ODD = DATA / "adversarial"
SAYS = json.loads((ODD / "pillow_says.json").read_text()) if ODD.is_dir() else {}
REFUSED_HERE = {"pillow/crash-0da013a13571cc8eb457a39fee8db18f8a3c7127.tif"}
"""Its strips lie outside the file; whether libtiff forgives that depends on its version."""


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def photo(width: int = 60, height: int = 40) -> Image.Image:
    return Image.fromarray(coffee(width, height))


def with_limit(monkeypatch: pytest.MonkeyPatch, pixels: int) -> None:
    monkeypatch.setattr(pictures, "settings", lambda: Settings(max_pixels=pixels))


@needs_data
@pytest.mark.parametrize("name", sorted(SAYS))
def test_every_odd_file_is_read_upright_or_refused_in_one_line(name: str) -> None:
    if not SAYS[name].get("decodes") or name in REFUSED_HERE:
        with pytest.raises(ImageError, match="Accepted") as caught:
            read_picture(ODD / name)
        assert "\n" not in str(caught.value)
        assert Path(name).name in str(caught.value)
        return
    picture = read_picture(ODD / name)
    height, width, channels = picture.rgb.shape
    assert [width, height] == SAYS[name]["upright_size"]
    assert channels == 3
    assert picture.rgb.dtype == np.uint8
    assert picture.raw == (ODD / name).read_bytes()
    frames = SAYS[name]["frames"]
    assert any(f"first of {frames} frames" in w for w in picture.warnings) == (frames > 1)


def small(rgb: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(rgb).resize((48, 32), Image.Resampling.BOX), np.float32)


@needs_data
@pytest.mark.parametrize("other", ["Landscape_6.jpg"])
def test_exif_turned_photos_show_the_same_upright_content(other: str) -> None:
    upright = read_picture(ODD / "exif" / "Landscape_1.jpg").rgb
    turned = read_picture(ODD / "exif" / other).rgb
    assert upright.shape == turned.shape
    assert np.abs(small(upright) - small(turned)).mean() < 4
    assert np.abs(small(upright) - small(turned[::-1, ::-1])).mean() > 30  # the comparison can fail


@pytest.mark.parametrize("turn", range(1, 9))
def test_each_orientation_is_applied_once(turn: int) -> None:
    undo = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[
        turn
    ]  # Image.Transpose that stores the upright picture turned
    stored = photo() if undo is None else photo().transpose(undo)
    exif = Image.Exif()
    exif[0x0112] = turn
    for kind in ("PNG", "TIFF"):
        assert np.array_equal(read_picture(encoded(stored, kind, exif=exif)).rgb, np.asarray(photo()))


def test_alpha_lies_over_white_with_a_warning() -> None:
    rgba = np.zeros((2, 2, 4), np.uint8)
    rgba[0, 0] = 100, 50, 0, 255
    rgba[0, 1] = 100, 50, 0, 51  # 20 %
    picture = read_picture(encoded(Image.fromarray(rgba), "PNG"))
    assert picture.rgb[0, 0].tolist() == [100, 50, 0]
    assert picture.rgb[0, 1].tolist() == [224, 214, 204]
    assert picture.rgb[1, 1].tolist() == [255, 255, 255]
    assert any("white" in w for w in picture.warnings)
    rgba[..., 3] = 255
    assert read_picture(encoded(Image.fromarray(rgba), "PNG")).warnings == ()


def test_sixteen_bits_keep_their_high_byte_and_say_so() -> None:
    grey = np.array([[0, 255, 256], [32768, 65280, 65535]], np.uint16)
    picture = read_picture(encoded(Image.fromarray(grey), "PNG"))
    assert picture.rgb[..., 0].tolist() == [[0, 0, 1], [128, 255, 255]]
    assert any("16 bits" in w for w in picture.warnings)


def test_cmyk_palette_and_one_bit_are_read() -> None:
    cmyk = read_picture(encoded(photo().convert("CMYK"), "JPEG", quality=95))
    assert np.abs(cmyk.rgb.astype(int) - np.asarray(photo())).mean() < 6
    assert any("CMYK" in w for w in cmyk.warnings)
    palette = photo().quantize(256)
    assert np.array_equal(read_picture(encoded(palette, "PNG")).rgb, np.asarray(palette.convert("RGB")))
    assert set(np.unique(read_picture(encoded(photo().convert("1"), "PNG")).rgb)) == {0, 255}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM"])
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_file_cut_off_anywhere_is_refused(kind: str, share: float) -> None:
    raw = encoded(photo(24, 16), kind)
    with pytest.raises(ImageError):
        read_picture(raw[: int(share * len(raw))])


@given(
    raw=st.binary(max_size=64),
    head=st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"II*\0", b"BM", b"P6 9 9 255\n"]),
)
def test_noise_gives_an_image_error_and_nothing_else(raw: bytes, head: bytes) -> None:
    with pytest.raises(ImageError):
        read_picture(head + raw)


def png(width: int, height: int, rows: bytes, bits: int = 8, colour: int = 2) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def bomb(width: int, height: int) -> bytes:
    return png(width, height, b"")


def test_sixteen_bit_colours_say_that_they_were_reduced() -> None:
    picture = read_picture(png(1, 1, b"\0" + struct.pack(">HHH", 0x1234, 0x80FF, 0xFFFF), bits=16))
    assert picture.rgb.tolist() == [[[0x12, 0x80, 0xFF]]]
    assert any("16 bits" in w for w in picture.warnings)


def test_the_size_is_refused_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    for width, height in ((20000, 20000), (8000, 8000), (2**31 - 1, 2**31 - 1)):
        with pytest.raises(ImageError, match=r"too large|at most|no pixels"):
            read_picture(bomb(width, height), "bomb.png")
    with_limit(monkeypatch, 100)
    with pytest.raises(ImageError, match="10 × 11 = 110 pixels"):
        read_picture(bomb(10, 11))


def test_files_that_are_not_there_or_no_files(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    for path, word in ((tmp_path / "none.png", "opened"), (tmp_path, "folder"), (tmp_path / "empty.png", "empty")):
        with pytest.raises(ImageError, match=word):
            read_picture(path)
    with pytest.raises(ImageError, match="HEIC"):
        read_picture(b"\0\0\0\x18ftypheic" + b"\0" * 40, "phone.heic")


@pytest.mark.parametrize(
    ("stem", "clean"),
    [
        ("cat", "cat"),
        ("Café (1)", "Cafe-1"),
        ("日本", "image"),
        ("../../etc", "etc"),
        ("", "image"),
        ("a" * 99, "a" * 40),
        ("-_-", "image"),
    ],
)
def test_sample_ids_are_clean_and_name_the_bytes(stem: str, clean: str) -> None:
    assert sample_id(stem, b"x") == f"{clean}-{hashlib.sha256(b'x').hexdigest()[:8]}"


def test_png_bytes_round_trip() -> None:
    rgb = coffee(60, 40)
    assert np.array_equal(read_picture(png_bytes(rgb)).rgb, rgb)
    assert png_bytes(rgb) == png_bytes(rgb.copy())
