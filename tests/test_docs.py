"""Documentation that can fail: every registered name has its line, every command in the README exists."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

import pytest

from spacestudio.domain.graph import FRAMES, VERDICTS
from spacestudio.engines import ENGINES
from tests.support import ROOT
from tests.test_contracts import ENTRIES

DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.M))


def test_the_reference_is_fresh():
    done = subprocess.run([sys.executable, str(DOCS / "reference.py"), "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", ["REFERENCE.md", "ENGINES.md"])
def test_a_stale_page_is_noticed(page, tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "spacestudio").symlink_to(ROOT / "spacestudio")
    write = [sys.executable, shutil.copy(DOCS / "reference.py", tmp_path / "docs")]
    assert subprocess.run(write, capture_output=True).returncode == 0
    with (tmp_path / "docs" / page).open("a") as stale:
        stale.write("| `an-engine-that-was` |\n")
    done = subprocess.run([*write, "--check"], capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.strip() == f"docs/{page} is stale; run: make reference"


@pytest.mark.parametrize(("kind", "name"), ENTRIES)
def test_every_name_has_a_line(kind, name):
    assert f"`{name}`" in (DOCS / "REFERENCE.md").read_text(encoding="utf-8")
    assert kind not in ENGINES or f"`{name}`" in (DOCS / "ENGINES.md").read_text(encoding="utf-8")


def test_every_depth_family_is_told():
    declared = (ROOT / "spacestudio" / "engines" / "depth" / "families.py").read_text(encoding="utf-8")
    families = re.findall(r'Family\(\s*"([^"]+)", "(\w+)"', declared)
    assert len(families) >= 8
    told = (DOCS / "ENGINES.md").read_text(encoding="utf-8")
    for name, kind in families:
        assert f"| `{name}` | {'metres' if kind == 'metric' else kind}" in told


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_make_targets_named_in_the_docs_exist(page):
    assert set(re.findall(r"\bmake ([a-z]+)\b(?=[`\s·]|$)", _code(page))) <= TARGETS


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_commands_named_in_the_docs_exist(page):
    verbs = set(re.findall(r"python -m spacestudio ([a-z][a-z-]*)", _code(page)))
    if verbs:
        done = subprocess.run([sys.executable, "-m", "spacestudio", "--help"], capture_output=True, text=True, cwd=ROOT)
        assert done.returncode == 0, done.stderr
        missing = {v for v in verbs if not re.search(rf"\b{re.escape(v)}\b", done.stdout)}
        assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_files_named_in_the_docs_exist(page):
    for path in re.findall(r"`((?:spacestudio|tests|docs|benchmarks|assets)/[\w./-]+)`", page.read_text(encoding="utf-8")):
        assert (ROOT / path).exists(), f"{page.name} names {path}"


def test_the_conventions_name_every_frame_and_verdict():
    text = (DOCS / "CONVENTIONS.md").read_text(encoding="utf-8")
    assert all(f"`{word}`" in text for word in (*FRAMES, *VERDICTS))


def test_every_room_is_on_the_map():
    text = (DOCS / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rooms = sorted(p.parent.name for p in (ROOT / "spacestudio").glob("*/__init__.py"))
    assert all(f"`{room}`" in text for room in rooms)


@pytest.mark.parametrize(
    "word", ["picture", "layer", "object", "relation", "layout", "verdict", "correct", "change", "clash", "pin", "sample"]
)
def test_the_glossary_explains_the_words_of_the_screen(word):
    assert re.search(rf"^\*\*{word}\*\*", (DOCS / "GLOSSARY.md").read_text(encoding="utf-8"), re.M | re.I)


def test_every_requirement_says_what_it_is_for():
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-models.txt"):
        for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
            if line.strip() and not line.startswith(("#", "-")):
                assert re.fullmatch(r"[\w.\[\]-]+[<>=].*\S\s+# .{5,}", line), line


def _code(page) -> str:
    """What stands in backticks or code blocks."""
    text = page.read_text(encoding="utf-8")
    return "\n".join([*re.findall(r"```.*?```", text, re.S), *re.findall(r"`[^`\n]+`", text)])
