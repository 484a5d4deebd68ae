"""Writes docs/REFERENCE.md from the registries: every engine, relation, question family and format.

.venv/bin/python docs/reference.py [--check]
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from spacestudio.engines import ENGINES
from spacestudio.formats import FORMATS
from spacestudio.qa import FAMILIES as QUESTIONS
from spacestudio.registry import Registry
from spacestudio.relations import FAMILIES as RELATIONS
from spacestudio.relations.rules import RULE_SETS

FILE = Path(__file__).with_name("REFERENCE.md")
HEAD = """# Reference

Everything chosen by name, written by `docs/reference.py` from the registries. The first engine of each table is the default.
"""
STAGES = {
    "depth": "Depth engines",
    "objects": "Object engines",
    "masks": "Mask engines",
    "image": "Image engines",
    "scene": "Scene engines",
}


def reference() -> str:
    """The whole page."""
    parts = [HEAD]
    parts += [table(STAGES.get(stage, f"{stage.capitalize()} engines"), registry) for stage, registry in ENGINES.items()]
    parts += [relations(), rule_sets(), table("Question families", QUESTIONS), table("Formats", FORMATS)]
    return "\n".join(parts)


def table(title: str, registry: Registry) -> str:
    """One registry as a Markdown table."""
    rows = [f"## {title}", "", "| Name | What it is | Needs |", "|---|---|---|"]
    for name, entry in registry.items():
        weights = "" if entry.built_in else f"weights ({', '.join(v for v in (entry.size, entry.licence) if v)})"
        needs = ", ".join([*(f"`{need}`" for need in entry.needs), *([weights] if weights else [])])
        rows.append(f"| `{name}` | {cell(entry.help)} | {needs or 'nothing'} |")
    return "\n".join([*rows, ""])


def relations() -> str:
    """The families with their predicates, inverses, frames and thresholds."""
    rows = [
        "## Relations", "",
        "A margin of at least the threshold is true, of at most minus the threshold false, in between undecided.", "",
        "| Family | Predicate | Inverse | Frames | Threshold | What it is |", "|---|---|---|---|---|---|",
    ]  # fmt: skip
    for name, entry in RELATIONS.items():
        family = RELATIONS.load(name)
        for place, (predicate, threshold) in enumerate(family.thresholds.items()):
            words = cell(entry.help) if place == 0 else ""
            frames = ", ".join(family.frames)
            rows.append(f"| `{name}` | {predicate} | {family.inverses[predicate]} | {frames} | {threshold:.3g} | {words} |")
    return "\n".join([*rows, ""])


def rule_sets() -> str:
    """The published rule sets beside the studio's own, with the predicates of each."""
    rows = ["## Rule sets for boxes", "", "| Name | What it is | Relations |", "|---|---|---|"]
    rows += [f"| `{n}` | {cell(e.help)} | {', '.join(RULE_SETS.load(n).predicates)} |" for n, e in RULE_SETS.items()]
    return "\n".join([*rows, ""])


def cell(text: str) -> str:
    """`text` as it may stand in a table."""
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    page = reference()
    if "--check" in sys.argv:
        if not FILE.is_file() or FILE.read_text(encoding="utf-8") != page:
            sys.exit("docs/REFERENCE.md is stale; run: make reference")
    else:
        FILE.write_text(page, encoding="utf-8")
        print(f"Wrote {FILE.relative_to(ROOT)}")
