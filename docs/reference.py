"""Writes docs/REFERENCE.md and docs/ENGINES.md from the registries: everything that is chosen by name.

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
from spacestudio.registry import ANY, Registry
from spacestudio.relations import FAMILIES as RELATIONS
from spacestudio.relations.rules import RULE_SETS
from spacestudio.services.scores import SCORERS
from spacestudio.services.tell import STYLES

HERE = Path(__file__).parent
HEAD = """# Reference

Everything chosen by name, written by `docs/reference.py` from the registries. The first engine of each table is the default.
What models need, weigh and may be used for stands in [ENGINES.md](ENGINES.md).
"""
ENGINES_HEAD = """# Engines

Written by `docs/reference.py` from the registries. Every stage has a built-in engine that needs no weights, no network and
no GPU; it is the default. The models below stand behind the same protocol (`spacestudio/engines/protocols.py`).

`python -m spacestudio engines` tells how things are on your machine: what is installed, whose weights are on this disk,
what would be downloaded, where it would run, and what to do about what can't run.

## Having a model

- **Packages:** `pip install -r requirements-models.txt`, in the environment the studio runs in.
- **Weights** come from the Hugging Face Hub when an engine is first used. The download tells how far it is, can be stopped,
  and is kept in the Hub's cache (`HF_HOME` moves it). No pickles and no code are fetched.
- **Other weights:** write them after the engine, `depth-pro:NAME` or `depth-pro:FOLDER`, or set them once for all:
  `SPACE_STUDIO_MODELS="depth-pro=/models/depth-pro,zoedepth=ORG/NAME"`. `NAME@REVISION` holds one revision.
- **No network:** bring a model's folder (what `hf download NAME --local-dir FOLDER` writes) and name it as above. With
  `HF_HUB_OFFLINE=1` the Hub is never asked.
- **Gated or private models:** accept their terms on their page, and set `HF_TOKEN`.
- **Licences** are those of the models' owners. Some forbid commercial use; the tables say so.

## Running it

- On CUDA and on Apple's GPUs networks compute in float16 where that is enough, else in float32; on the CPU in float32.
- A model is loaded once and shared by all visitors, one at a time. When memory is short, the longest unused goes first.
- On Hugging Face ZeroGPU, a GPU is borrowed for each call.
- What ran stands in a sample's provenance: model, version, device, precision and every parameter.
- Whatever goes wrong (no network, a gated model, a full disk, no memory) is one line with the next step, and the sample
  stays as it was.
- Tests run every engine's real loading and inference code on tiny models of random weights. How well the real weights do has
  not been measured here.

## Language models

`endpoint` talks to any OpenAI-compatible address (`SPACE_STUDIO_LANGUAGE_URL` and `_MODEL`), `hub` to a model that the Hub's
inference providers run, `transformers` to one on this machine. The key comes from `SPACE_STUDIO_LANGUAGE_KEY` or
`OPENAI_API_KEY` (the Hub's from `HF_TOKEN`) and goes nowhere but into the request. Replies must fit a JSON schema; they are
asked for again a bounded number of times (`_REPAIRS`, `_TRIES`, `_TIMEOUT_S`, `_PATIENCE_S`, `_TOKENS`), then the built-in
grammar takes over and the sample says so. Calls, tokens, rejections and, with `_PRICE_IN` and `_PRICE_OUT` per million
tokens, the cost are counted.

- `synthesize --language E` lets it write scenes; `--layout E` lets it propose places, which the solver repairs.
- `--words E`, `--check E` and `--predicates E` (also for `analyze`) word questions, drop or flag those that a picture does
  not bear out, and add undecided relations in open vocabulary.

## Depth by name

`depth-model:NAME` takes any depth model of transformers whose family is known, since nothing in a file tells what its
numbers mean:

| Family | Depth | What the network sees |
|---|---|---|
| `depth_anything relative` | disparity | short side as made for, whole patches, long side at most 4 times the short |
| `depth_anything metric` | metres | the same |
| `prompt_depth_anything` | relative: made for a sensor's depth as a prompt, which nobody gives | the same |
| `dpt` | disparity | the size it was made for |
| `dpt on dinov2` | metres | the picture's own size, at most 1 megapixel, a margin up to whole patches |
| `glpn` | metres | the picture's own size, at most 1 megapixel, multiples of 32 |
| `zoedepth` | metres | with a mirrored margin, scaled as little as its size allows |
| `depth_pro` | metres and the focal length; nothing beyond 10 km | squeezed to 1536 x 1536 px |

The answer is brought back to the picture's size by bilinear interpolation. Pictures are not tiled.
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
    parts += [table("Styles of training text", STYLES), table("Scorers", SCORERS)]
    return "\n".join(parts)


def table(title: str, registry: Registry) -> str:
    """One registry as a Markdown table."""
    rows = [f"## {title}", "", "| Name | What it is | Needs |", "|---|---|---|"]
    for name, entry in registry.items():
        weights = "" if entry.built_in else f"weights ({', '.join(v for v in (entry.size, entry.licence) if v)})"
        needs = ", ".join([*(f"`{need}`" for need in entry.needs), *([weights] if weights else [])])
        rows.append(f"| `{name}` | {cell(entry.help)} | {needs or 'nothing'} |")
    return "\n".join([*rows, ""])


def engines() -> str:
    """The page on engines: how to have and run them, and each with its weights."""
    parts = [ENGINES_HEAD]
    for stage, registry in ENGINES.items():
        rows = [
            f"## {STAGES.get(stage, stage.capitalize())}",
            "",
            "| Name | What it is | Weights | Size | Licence |",
            "|---|---|---|---|---|",
        ]
        for name, entry in registry.items():
            weights = "none" if entry.built_in else "you name them" if entry.model == ANY else f"`{entry.model}`"
            rows.append(f"| `{name}` | {cell(entry.help)} | {weights} | {entry.size} | {cell(entry.licence)} |")
        parts.append("\n".join([*rows, ""]))
    return "\n".join(parts)


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


PAGES = {"REFERENCE.md": reference, "ENGINES.md": engines}

if __name__ == "__main__":
    for name, write in PAGES.items():
        file, page = HERE / name, write()
        if "--check" not in sys.argv:
            file.write_text(page, encoding="utf-8")
            print(f"Wrote {file.relative_to(ROOT)}")
        elif not file.is_file() or file.read_text(encoding="utf-8") != page:
            sys.exit(f"docs/{name} is stale; run: make reference")
