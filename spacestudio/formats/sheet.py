"""Sheets on which people judge captions: CSV for spreadsheets, HTML for browsers, and the filled CSV read back.

The HTML page shows each picture with its two boxes, is judged by mouse or keys, keeps what was chosen in the browser and
hands it out as the same CSV. It asks no other host for anything.
"""

from __future__ import annotations

import csv
import html
import io
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from spacestudio.errors import FormatError
from spacestudio.formats.door import read_bytes
from spacestudio.formats.spreadsheet import FORMULA, guarded, unguarded
from spacestudio.formats.sr4g import Caption

ACCEPTED = "a filled sheet: CSV with the columns item, image_id, relation and verdict (agree, disagree or unclear)"
COLUMNS = (
    "item", "image_id", "image", "caption", "subject", "subject_box", "relation", "object", "object_box", "rule_set",
    "split", "verdict", "note",
)  # fmt: skip
VERDICTS = {
    **dict.fromkeys(("agree", "agrees", "yes", "y", "true", "1"), "agree"),
    **dict.fromkeys(("disagree", "disagrees", "no", "n", "false", "0"), "disagree"),
    **dict.fromkeys(("unclear", "?", "cannot tell", "can't tell", "undecided"), "unclear"),
}
"""What people write -> the verdict it is."""
MAX_BYTES = 64_000_000


@dataclass(frozen=True)
class Judged:
    """A line of a filled sheet; `verdict` is "agree", "disagree", "unclear", "" where nothing stands, else None."""

    item: str
    image_id: str
    image: str
    caption: str
    relation: str
    verdict: str | None


def write_sheet(captions: Sequence[Caption], out: Path, pictures: Path | None) -> Path:
    """Write a .csv or .html sheet.

    Args:
        captions: to be judged, in this order.
        out: the sheet.
        pictures: folder of the pictures, which the sheet names relative to itself; None leaves their file names as they are.

    Raises:
        FormatError: another ending.
    """
    rows = [_row(number, caption, out, pictures) for number, caption in enumerate(captions, 1)]
    if out.suffix.lower() == ".csv":
        text = _csv(rows)
    elif out.suffix.lower() in (".html", ".htm"):
        text = _page(rows, captions)
    else:
        raise FormatError(f"“{out.name}” can't be written", "a sheet ending in .csv or .html", "Choose one of these")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8", newline="")
    return out


def _row(number: int, caption: Caption, out: Path, pictures: Path | None) -> dict[str, str]:
    image = os.path.relpath(pictures / caption.file_name, out.parent) if pictures else _here(caption.file_name)
    said = {
        name: str(getattr(caption, name))
        for name in ("image_id", "caption", "subject", "relation", "object", "rule_set", "split")
    }
    boxes = {name: " ".join(f"{v:g}" for v in getattr(caption, name)) for name in ("subject_box", "object_box")}
    return {"item": str(number), "image": image, "verdict": "", "note": "", **said, **boxes}


def _here(file_name: str) -> str:
    """A file name as a place below the sheet, so that no page asks a host or another folder for it."""
    return "./" + file_name.lstrip("/") if ADDRESS.match(file_name) else file_name


ADDRESS = re.compile(r"/|[A-Za-z][\w+.-]*:")
"""How a name begins that a browser takes for an address of its own: "//host/…", "http:…"."""


def _csv(rows: Sequence[dict[str, str]]) -> str:
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    table.writeheader()
    table.writerows({name: guarded(cell) for name, cell in row.items()} for row in rows)
    return text.getvalue()


def read_sheet(path: Path) -> list[Judged]:
    """The lines of a filled sheet.

    Raises:
        FormatError: no such file, or no such columns.
    """
    raw = read_bytes(path, MAX_BYTES, FormatError, ACCEPTED)
    try:
        text = raw.decode("utf-8-sig")
        first = text[: text.find("\n")]
        table = csv.DictReader(io.StringIO(text), delimiter=max(",;\t", key=first.count))  # spreadsheets choose their own
        if missing := {"item", "image_id", "relation", "verdict"} - set(table.fieldnames or ()):
            raise FormatError(f"“{path.name}” has no column {', '.join(sorted(missing))}", ACCEPTED)
        return [_judged(row) for row in table]
    except (UnicodeDecodeError, csv.Error) as error:
        raise FormatError(f"“{path.name}” is no CSV ({error})", ACCEPTED) from None


def _judged(row: dict[str, str | None]) -> Judged:
    said = unguarded(row.get("verdict") or "").strip().casefold()
    item, image_id, image, caption, relation = (
        unguarded(row.get(name) or "") for name in ("item", "image_id", "image", "caption", "relation")
    )
    return Judged(item, image_id, image, caption, relation, "" if not said else VERDICTS.get(said))


def _page(rows: Sequence[dict[str, str]], captions: Sequence[Caption]) -> str:
    items = "\n".join(_item(row, caption) for row, caption in zip(rows, captions, strict=True))
    data = json.dumps([[row[name] for name in COLUMNS] for row in rows], ensure_ascii=False).replace("<", "\\u003c")
    parts = {"COLUMNS": json.dumps(COLUMNS), "FORMULA": json.dumps(FORMULA), "DATA": data}
    parts |= {"NUMBER": str(len(rows)), "ITEMS": items}
    return re.sub("|".join(parts), lambda found: parts[found[0]], _PAGE)


def _item(row: dict[str, str], caption: Caption) -> str:
    """One picture with its boxes; the drawing takes the picture's own size when it is loaded."""
    boxes = "".join(
        f'<rect class="{name}" x="{x0:g}" y="{y0:g}" width="{x1 - x0:g}" height="{y1 - y0:g}"/>'
        for name, (x0, y0, x1, y1) in (("s", caption.subject_box), ("o", caption.object_box))
    )
    buttons = "".join(f'<button data-verdict="{v}">{v}</button>' for v in ("agree", "disagree", "unclear"))
    source = quote(row["image"].replace(os.sep, "/"))
    said = html.escape(row["caption"])
    names = f'<i class="s">{html.escape(row["subject"])}</i> <i class="o">{html.escape(row["object"])}</i>'
    return (
        f'<section tabindex="0"><div><img src="{source}" alt="" loading="lazy">'
        f'<svg viewBox="0 0 640 480">{boxes}</svg></div><p>{row["item"]}. <b>{said}</b> {names}</p><p>{buttons}</p>'
        "</section>"
    )


_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Captions to judge</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 1rem auto; padding: 0 1rem }
body { color: #222; background: #fff }
header { position: sticky; top: 0; background: #fff; padding: .5rem 0; border-bottom: 1px solid #ccc; z-index: 1 }
section { padding: 1rem; border: 2px solid transparent } section:focus { outline: none; border-color: #0072b2 }
div { position: relative } img { display: block; width: 100% }
svg { position: absolute; inset: 0; width: 100%; height: 100% }
rect { fill: none; stroke-width: 3; vector-effect: non-scaling-stroke } rect.s { stroke: #0072b2 }
rect.o { stroke: #e69f00; stroke-dasharray: 9 5 }
i.s { color: #0072b2 } i.o { color: #8a5f00 } i.s::before { content: "\\25a1 " } i.o::before { content: "\\2b1a " }
button { font: inherit; margin-right: .5rem; padding: .2rem .8rem }
button[aria-pressed=true] { background: #222; color: #fff }
</style>
<header><b id="done">0</b> of NUMBER judged. Does the caption hold in the picture? Keys: a agree, d disagree, u unclear.
<button id="save">Save CSV</button></header>
ITEMS
<script>
"use strict";
const columns = COLUMNS, rows = DATA, at = columns.indexOf("verdict");
const place = "captions:" + location.pathname;
const sections = [...document.querySelectorAll("section")];
const kept = JSON.parse(localStorage.getItem(place) || "{}");
function show(k) {
  for (const b of sections[k].querySelectorAll("button"))
    b.setAttribute("aria-pressed", String(b.dataset.verdict === rows[k][at]));
  document.getElementById("done").textContent = rows.filter(r => r[at]).length;
}
function judge(k, verdict) {
  rows[k][at] = verdict; kept[k] = [rows[k][columns.indexOf("caption")], verdict];
  localStorage.setItem(place, JSON.stringify(kept)); show(k);
  if (sections[k + 1]) { sections[k + 1].focus(); sections[k + 1].scrollIntoView({block: "center"}); }
}
sections.forEach((section, k) => {
  if (kept[k] && kept[k][0] === rows[k][columns.indexOf("caption")]) rows[k][at] = kept[k][1];
  const img = section.querySelector("img"), svg = section.querySelector("svg");
  const fit = () => img.naturalWidth && svg.setAttribute("viewBox", `0 0 ${img.naturalWidth} ${img.naturalHeight}`);
  img.addEventListener("load", fit); fit();
  section.addEventListener("click", e => e.target.dataset.verdict && judge(k, e.target.dataset.verdict));
  section.addEventListener("keydown", e => {
    const verdict = {a: "agree", d: "disagree", u: "unclear"}[e.key];
    if (verdict && !e.ctrlKey && !e.metaKey && !e.altKey) judge(k, verdict);
  });
  show(k);
});
document.getElementById("save").addEventListener("click", () => {
  const safe = v => FORMULA.some(start => v.replace(/^'+/, "").startsWith(start)) ? "'" + v : v;
  const cell = v => /[",\\n\\r]/.test(v) ? '"' + v.replaceAll('"', '""') + '"' : v;
  const text = [columns, ...rows].map(r => r.map(safe).map(cell).join(",")).join("\\n") + "\\n";
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], {type: "text/csv"})); link.download = "judged.csv"; link.click();
});
if (sections[0]) sections[0].focus();
</script>
</html>
"""
