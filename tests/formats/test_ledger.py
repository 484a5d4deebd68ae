"""What long work has done: kept line by line, read again after a kill, refused for other work."""

from __future__ import annotations

from pathlib import Path

import pytest

from spacestudio.errors import InputError
from spacestudio.formats.ledger import Ledger

SETTINGS = {"seed": 1, "engine": "a"}


def begun(folder: Path) -> Path:
    path = folder / "work" / "list.jsonl"
    with Ledger(path, SETTINGS) as ledger:
        ledger.add("one", {"value": 1})
        ledger.add("two", {"value": [1.5, None, "é"]})
    return path


def test_work_goes_on_where_it_stopped(tmp_path: Path) -> None:
    path = begun(tmp_path)
    with Ledger(path, SETTINGS) as ledger:
        assert "one" in ledger and "three" not in ledger and len(ledger) == 2
        assert ledger["two"] == {"key": "two", "value": [1.5, None, "é"]}
        ledger.add("three", {})
    assert [row["key"] for row in Ledger(path, SETTINGS)] == ["one", "two", "three"]


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_a_line_that_was_cut_off_is_done_again(tmp_path: Path, cut: int) -> None:
    path = begun(tmp_path)
    path.write_bytes(path.read_bytes()[:-cut])
    with Ledger(path, SETTINGS) as ledger:
        assert [row["key"] for row in ledger] == ["one"]
        ledger.add("two", {"value": 2})
    assert [row["key"] for row in Ledger(path, SETTINGS)] == ["one", "two"]


def test_a_key_said_again_counts_as_said_last(tmp_path: Path) -> None:
    path = begun(tmp_path)
    with Ledger(path, SETTINGS) as ledger:
        ledger.add("one", {"value": 7})
    assert Ledger(path, SETTINGS)["one"]["value"] == 7


def test_other_settings_are_refused_by_name(tmp_path: Path) -> None:
    path = begun(tmp_path)
    with pytest.raises(InputError, match="another engine"):
        Ledger(path, {"seed": 1, "engine": "b"})
    assert len(Ledger(path, SETTINGS)) == 2, "and nothing was lost by asking"


@pytest.mark.parametrize(
    "text",
    ["no json\nmore\n", "[]\n", '{"settings": 5}\n', '{"key": "one"}\n', '{"settings": {"seed": 1, "engine": "a"}}\n7\n'],
)
def test_what_is_no_ledger_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "list.jsonl"
    path.write_text(text)
    with pytest.raises(InputError):
        Ledger(path, SETTINGS)
    assert path.read_text() == text
