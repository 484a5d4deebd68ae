from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest

from spacestudio.errors import FormatError
from spacestudio.formats.archive import unzip, zip_folder


def tree(folder: Path) -> Path:
    for name, text in {
        "b.txt": "b" * 1000,
        "a/z.json": "{}",
        "a/é.txt": "é",
        "c.png": "x",
        ".hidden": "no",
        "a/.git/x": "no",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    one = zip_folder(tree(tmp_path / "one"), tmp_path / "1.zip")
    two = tree(tmp_path / "two")
    (two / "b.txt").touch()
    (two / "b.txt").chmod(0o600)
    assert zip_folder(two, tmp_path / "2.zip").read_bytes() == one.read_bytes()
    with zipfile.ZipFile(one) as archive:
        assert archive.namelist() == ["a/z.json", "a/é.txt", "b.txt", "c.png"]
        assert {i.date_time for i in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.testzip() is None


def test_what_is_packed_unpacks(tmp_path: Path) -> None:
    folder = tree(tmp_path / "in")
    files = unzip(zip_folder(folder, tmp_path / "x.zip"), tmp_path / "out")
    assert [f.relative_to(tmp_path / "out").as_posix() for f in files] == ["a/z.json", "a/é.txt", "b.txt", "c.png"]
    assert all(f.read_bytes() == (folder / f.relative_to(tmp_path / "out")).read_bytes() for f in files)


def test_a_zip_written_into_its_own_folder_does_not_hold_itself(tmp_path: Path) -> None:
    folder = tree(tmp_path / "in")
    zip_folder(folder, folder / "x.zip")
    with zipfile.ZipFile(folder / "x.zip") as archive:
        assert "x.zip" not in archive.namelist()


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/x", "C:\\x", "..\\x", "a/..", "\\\\host\\x"])
def test_nothing_leads_out_of_the_folder(name: str, tmp_path: Path) -> None:
    file = tmp_path / "x.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("good.txt", "x")
        archive.writestr(name, "x")
    with pytest.raises(FormatError, match="leads out"):
        unzip(file, tmp_path / "out")
    assert not (tmp_path / "out").exists()  # nothing was written
    assert not (tmp_path / "x").exists()


def test_links_are_refused_and_links_already_there_are_not_followed(tmp_path: Path) -> None:
    file = tmp_path / "x.zip"
    with zipfile.ZipFile(file, "w") as archive:
        info = zipfile.ZipInfo("link")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(FormatError, match="a link"):
        unzip(file, tmp_path / "out")
    (tmp_path / "out").mkdir()
    (tmp_path / "away").mkdir()
    (tmp_path / "out" / "d").symlink_to(tmp_path / "away")
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("d/x.txt", "x")
    with pytest.raises(FormatError, match="leads out"):
        unzip(file, tmp_path / "out")
    assert list((tmp_path / "away").iterdir()) == []


def test_bombs_are_refused_by_their_claim_and_by_what_they_hold(tmp_path: Path) -> None:
    file = tmp_path / "x.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(3_000_000))
    with pytest.raises(FormatError, match="at most 2 MB"):
        unzip(file, tmp_path / "out", limit_mb=2)
    assert unzip(file, tmp_path / "out", limit_mb=3)


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a", "1")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a", "2")
    with pytest.raises(FormatError, match="one name"):
        unzip(file, tmp_path / "out")


def test_every_cut_of_a_zip_is_refused(tmp_path: Path) -> None:
    raw = zip_folder(tree(tmp_path / "in"), tmp_path / "x.zip").read_bytes()
    for end in range(0, len(raw), 7):
        (tmp_path / "cut.zip").write_bytes(raw[:end])
        with pytest.raises(FormatError):
            unzip(tmp_path / "cut.zip", tmp_path / "out")


def test_no_folder_no_zip(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no folder"):
        zip_folder(tmp_path / "none", tmp_path / "x.zip")
    with pytest.raises(FormatError, match="can't be unpacked"):
        unzip(tmp_path / "none.zip", tmp_path / "out")
