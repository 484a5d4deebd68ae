"""What people said of captions: agreement, overall and per relation (ours; VISOR reports human agreement too, SEEDS 3.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spacestudio.errors import InputError
from spacestudio.metrics.report import Item, Report, Table
from spacestudio.metrics.shares import WORST, share_of

DEFINITION = "agreement: the share of “agree” among captions judged “agree” or “disagree”; “unclear” is counted apart"


@dataclass(frozen=True)
class Judgement:
    """A caption a person judged: "agree", "disagree" or "unclear"."""

    item: str
    picture: str
    image: str
    caption: str
    relation: str
    verdict: str


def score(judgements: Sequence[Judgement], counts: Mapping[str, int], notes: Sequence[str] = ()) -> Report:
    """Agreement overall and per relation, each with its interval over pictures.

    Args:
        judgements: of which at least one agrees or disagrees.
        counts, notes: what the reader has to tell.

    Raises:
        InputError: nothing was judged.
    """
    told = [j for j in judgements if j.verdict != "unclear"]
    if not told:
        raise InputError("No caption was judged", "“agree” or “disagree” in the column verdict", "Fill the sheet first")
    rows = []
    for relation in dict.fromkeys(j.relation for j in judgements):
        own = [j for j in told if j.relation == relation]
        figure = share_of(relation, [j.verdict == "agree" for j in own], [j.picture for j in own])
        unclear = sum(j.relation == relation and j.verdict == "unclear" for j in judgements)
        rows.append((relation, figure.value, figure.low, figure.high, figure.n, unclear))
    overall = share_of("agreement", [j.verdict == "agree" for j in told], [j.picture for j in told])
    against = tuple(Item(j.item, j.image, 0.0, f"{j.caption}: disagree") for j in told if j.verdict == "disagree")
    return Report(
        "What people say of captions",
        DEFINITION,
        (overall,),
        {**counts, "n_unclear": len(judgements) - len(told)},
        (Table("Agreement per relation, %", ("relation", "agreement", "low", "high", "judged", "unclear"), tuple(rows)),),
        worst=against[:WORST],
        notes=tuple(notes),
    )
