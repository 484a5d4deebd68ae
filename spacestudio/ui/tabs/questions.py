"""Questions: read, correct, accept or reject; each with the facts behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from spacestudio.domain.qa import QA_STATUSES, QAPair
from spacestudio.domain.sample import Sample
from spacestudio.errors import InputError
from spacestudio.figures.graph import overlay
from spacestudio.qa import FAMILIES
from spacestudio.relations.words import read
from spacestudio.services import judge
from spacestudio.services.arrange import unique_names
from spacestudio.services.shown_text import fact_lines
from spacestudio.services.verify import OUTCOMES, outcome, verify_questions
from spacestudio.ui.components.choices import Choice
from spacestudio.ui.components.table import table as make_table
from spacestudio.ui.frame import EMPTY, Done, Frame, Look, View
from spacestudio.ui.session import must_open, plain, shown
from spacestudio.ui.tabs.formats import formats_panel, panel_values

QUESTION = "Choose a question in the table."
CHANGED = "changed by the last step"
VERDICTS = [("any verdict", ""), *((outcome(v), v) for v in OUTCOMES)]


def questions_tab(frame: Frame) -> None:
    """Build the tab."""
    with gr.Row():
        family = gr.Dropdown([("all families", ""), *FAMILIES], value="", label="Family", elem_id="qa-family", min_width=120)
        status = gr.Dropdown(
            [("any status", ""), *QA_STATUSES], value="", label="Status", elem_id="qa-status", min_width=120
        )
        mark = gr.Dropdown(
            [("any", ""), "stale", "in conflict", "edited", (CHANGED, CHANGED)],
            value="",
            label="Marked",
            elem_id="qa-mark",
            min_width=120,
        )
        verdict = gr.Dropdown(VERDICTS, value="", label="By the graph", elem_id="qa-verdict", min_width=120)
        text = gr.Textbox(label="Contains", elem_id="qa-text", max_length=100, min_width=120)
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            table = make_table(
                {"#": 6, "question": 46, "answer": 16, "family": 12, "status": 11, "marks": 9},
                "Questions (double-click a question or an answer to edit it)",
                "questions",
                460,
                editable=("question", "answer"),
            )
            with gr.Row():
                accept_all = gr.Button("Accept all shown", elem_id="accept-all", min_width=110)
                reject_all = gr.Button("Reject all shown", elem_id="reject-all", min_width=110)
                flag_all = gr.Button("Flag all shown", elem_id="flag-all", min_width=110)
                reopen_all = gr.Button("Take all shown back", elem_id="reopen-all", min_width=110)
        with gr.Column(scale=2, min_width=300):
            question = gr.Textbox(label="Question", elem_id="question", lines=2, max_length=2000)
            answer = Choice([], label="Answer", elem_id="answer", allow_custom_value=True)
            fix = gr.Checkbox(
                label="Correct the graph too, so that the answer is true of it", value=True, elem_id="fix-graph"
            )
            proposal = gr.Markdown(elem_id="qa-proposal", elem_classes="quiet")
            with gr.Row():
                previous = gr.Button("‹ Previous", elem_id="qa-previous", min_width=70)
                following = gr.Button("Next ›", elem_id="qa-next", min_width=70)
            with gr.Row():
                save = gr.Button("Save", variant="primary", elem_id="qa-save", min_width=70)
                accept = gr.Button("Accept", elem_id="qa-accept", min_width=70)
                reject = gr.Button("Reject", elem_id="qa-reject", min_width=70)
                flag = gr.Button("Flag", elem_id="qa-flag", min_width=70)
            facts = gr.Markdown(QUESTION, elem_id="qa-facts")
            picture = gr.Image(
                label="The objects it speaks of", elem_id="qa-picture", interactive=False, format="png", buttons=[]
            )
    keys = gr.State([])
    key = gr.Textbox(visible="hidden", elem_id="qa-key", container=False)  # the page keeps it over a reload
    key.change(None, [key], None, js="key => { window.studioTyped?.question(key); }")
    frame.kept["question"] = key
    count = gr.Markdown(elem_id="qa-count")
    formats = formats_panel(frame)
    filters: list[Any] = [family, status, mark, verdict, text]
    parts = [question, answer, facts, picture, key]
    outputs = [table, keys, count, *parts, *formats.outputs]
    frame.add(View("questions", outputs, draw, [*filters, key, *formats.controls]))
    frame.redraw(filters)

    def pick(visitor: Any, sample_id: Any, rows: list[str], evt: gr.SelectData) -> list[Any]:
        return form(must_open(frame.studio, visitor, sample_id), rows[int(evt.row_value[0]) - 1])

    table.select(shown(pick), [frame.visitor, frame.sample, keys], parts, show_progress="hidden", api_visibility="private")
    for button, step in ((previous, -1), (following, 1)):
        button.click(
            shown(_beside(frame, step)),
            [frame.visitor, frame.sample, keys, key],
            parts,
            show_progress="hidden",
            api_visibility="private",
        )
    proposed = shown(lambda visitor, sample_id, key, answer, fix: _proposal(frame, visitor, sample_id, key, answer, fix))
    for changed in (answer.change, fix.change):
        changed(
            proposed,
            [frame.visitor, frame.sample, key, answer, fix],
            proposal,
            show_progress="hidden",
            api_visibility="private",
        )
    frame.on(save.click, _save, [key, question, answer, fix])
    for button, judged in ((accept, "accepted"), (reject, "rejected"), (flag, "flagged")):
        frame.on(button.click, _judge(judged), [key], trigger_mode="multiple")
    frame.on(table.edit, _edited, [keys, fix], event_data=True, trigger_mode="multiple")
    bulk = ((accept_all, "accepted"), (reject_all, "rejected"), (flag_all, "flagged"), (reopen_all, "proposed"))
    for button, judged in bulk:
        frame.on(button.click, _judge(judged), [keys])


def _beside(frame: Frame, step: int) -> Any:
    """The question before or after the chosen one among those shown; where none of them is chosen, the first."""

    def run(visitor: Any, sample_id: Any, rows: list[str], key: str) -> list[Any]:
        s = must_open(frame.studio, visitor, sample_id)
        if not rows:
            raise InputError("No question is shown", next_step="Choose other filters")
        at = rows.index(key) + step if key in rows else 0
        if not 0 <= at < len(rows):
            gr.Info("This is the first question shown." if step < 0 else "This is the last question shown.", duration=4)
        return form(s, rows[min(max(at, 0), len(rows) - 1)])

    return run


def changed_last(look: Look) -> frozenset[str]:
    """Keys of the questions that the last step asked anew or answered otherwise."""
    s = look.opened()
    before = look.studio.previous(look.visitor, s.id)
    was = {p.key: (p.question, p.answer, p.mark) for p in before.qa} if before else {}
    return frozenset(p.key for p in s.qa if before and was.get(p.key) != (p.question, p.answer, p.mark))


def chosen_questions(
    s: Sample, family: str, status: str, mark: str, verdict: str, text: str, changed: frozenset[str] = frozenset()
) -> list[QAPair]:
    """The questions the filters leave; a verdict is the one the sample's own graph gives the answer now."""
    given = {q.pair.key: q.verdict for q in verify_questions(s)} if verdict else {}
    return [
        p
        for p in s.qa
        if (not family or p.family == family)
        and (not status or p.status == status)
        and (
            not mark
            or p.mark == mark
            or (mark == "edited" and p.origin == "person")
            or (mark == CHANGED and p.key in changed)
        )
        and (not verdict or given.get(p.key) == verdict)
        and (not text or text.lower() in f"{p.question} {p.answer}".lower())
    ]


def draw(look: Look, family: str, status: str, mark: str, verdict: str, text: str, key: str, *formats: Any) -> list[Any]:
    """The table of questions, the chosen one while it is still asked, and the sample as training text."""
    s = look.sample
    blank = ["", gr.update(choices=[], value=None), QUESTION, None, ""]
    if s is None:
        return [[], [], EMPTY, *blank, *panel_values(look, *formats)]
    changed = changed_last(look)
    pairs = chosen_questions(s, family, status, mark, verdict, text, changed)
    rows = [[str(k), p.question, p.answer, p.family, p.status, _marks(p, changed)] for k, p in enumerate(pairs, 1)]
    accepted = sum(p.status == "accepted" for p in s.qa)
    words = f"{len(pairs)} of {len(s.qa)} shown · {accepted} accepted · {len(changed)} changed by the last step"
    if not s.qa:
        words = (
            "No question yet: name two objects in the Image tab. Proposed regions are not asked about until they are named."
        )
    chosen = form(s, key) if any(p.key == key for p in s.qa) else blank
    return [rows, [p.key for p in pairs], words, *chosen, *panel_values(look, *formats)]


def _marks(p: QAPair, changed: frozenset[str]) -> str:
    parts = (p.mark, "edited" if p.origin == "person" else "", "changed" if p.key in changed else "")
    return " · ".join(part for part in parts if part)


def form(s: Sample, key: str) -> list[Any]:
    """The form of one question, its facts and its objects."""
    p = judge.question_of(s, key)
    choices = list(p.options) or (["Yes", "No"] if p.answer in ("Yes", "No") else [p.answer])
    objects = [i for i in p.facts.get("objects", ()) if i in s.graph]
    picture = overlay(s.image, tuple(s.graph[i] for i in objects)) if objects else s.image
    return [p.question, gr.update(choices=choices, value=p.answer), facts_words(s, p), picture, key]


def facts_words(s: Sample, p: QAPair) -> str:
    """What an answer rests on, as Markdown."""
    lines = [f"- {plain(line)}" for line in fact_lines(s.graph, p.facts)]
    (told,) = verify_questions(s.but(qa=(p,)))
    lines.insert(0, f"- {outcome(told.verdict)} by the graph" + ("" if told.verdict == "true" else f": {plain(told.why)}"))
    head = {
        "stale": "⚠ **Stale**: the facts changed since a person set this.",
        "in conflict": "⚠ **In conflict**: the graph says otherwise.",
    }
    return "\n".join([head.get(p.mark, ""), "**Facts behind it**", "", *lines])


def _proposal(frame: Frame, visitor: Any, sample_id: Any, key: str, answer: Any, fix: bool) -> str:
    """What saving this answer would correct in the graph, before it is saved."""
    if not sample_id or not key or not answer:
        return ""
    s = must_open(frame.studio, visitor, sample_id)
    p = next((q for q in s.qa if q.key == key), None)
    if p is None or str(answer) == p.answer:
        return ""
    implied = judge.implied_correction(s, key, str(answer))
    if implied is None:
        return "Saving changes this answer alone: no correction of the graph would make it so."
    names = unique_names(s.graph)
    holds = {"true": "is", "false": "is not"}.get(implied[4], "may be")
    told = f"{plain(names[implied[0]])} **{holds} {plain(read(implied[1]))}** {plain(names[implied[2]])}"
    return f"Saving also corrects the graph: {told}." if fix else f"For this to be true of the graph: {told}."


def _edited(look: Look, evt: gr.EditData, keys: list[str], fix: bool) -> Done | None:
    """A cell of the table was typed in; the page may tell of one edit twice."""
    row, column = evt.index if isinstance(evt.index, (tuple, list)) else (evt.index, 0)
    if not 0 <= row < len(keys):
        return None
    p, typed = judge.question_of(look.opened(), keys[row]), " ".join(str(evt.value).split())
    if column == 1 and typed != p.question:
        return _save(look, p.key, typed, p.answer, fix)
    if column == 2 and typed != p.answer:
        return _save(look, p.key, p.question, typed, fix)
    return None


def _save(look: Look, key: str, question: str, answer: str, fix: bool) -> Done:
    s = look.opened()
    if not key:
        raise InputError("No question is chosen", next_step="Click one in the table")
    note = "Saved."
    implied = judge.implied_correction(s, key, str(answer)) if answer != judge.question_of(s, key).answer else None

    def acts(x: Sample) -> list[judge.Act]:
        own = judge.edit_question(x, key, question, str(answer))
        if not (own and implied and fix):
            return own
        return own + judge.correct_relation(x, implied[0], implied[1], implied[2], implied[4], implied[3])

    if implied and fix:
        subject, predicate, object_, _, verdict = implied
        holds = {"true": "is", "false": "is not"}.get(verdict, "may be")
        names = unique_names(s.graph)
        note = f"Saved, and the graph corrected: {names[subject]} {holds} {read(predicate)} {names[object_]}."
    look.studio.act(look.visitor, s.id, acts)
    return Done(note=note)


def _judge(status: str) -> Any:
    def run(look: Look, keys: str | Sequence[str]) -> Done:
        s = look.opened()
        chosen = [keys] if isinstance(keys, str) else list(keys)
        if not any(chosen):
            raise InputError("No question is chosen", next_step="Click one in the table")
        look.studio.act(look.visitor, s.id, lambda x: judge.judge(x, chosen, status))
        return Done(note=f"{len(chosen)} {status}.")

    return run
