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
from spacestudio.ui.components.choices import Choice
from spacestudio.ui.components.table import table as make_table
from spacestudio.ui.frame import EMPTY, Done, Frame, Look, View
from spacestudio.ui.session import must_open, plain, shown

QUESTION = "Choose a question in the table."


def questions_tab(frame: Frame) -> None:
    """Build the tab."""
    with gr.Row():
        family = gr.Dropdown([("all families", ""), *FAMILIES], value="", label="Family", elem_id="qa-family", min_width=120)
        status = gr.Dropdown(
            [("any status", ""), *QA_STATUSES], value="", label="Status", elem_id="qa-status", min_width=120
        )
        mark = gr.Dropdown(
            [("any", ""), "stale", "in conflict", "edited"], value="", label="Marked", elem_id="qa-mark", min_width=120
        )
        text = gr.Textbox(label="Contains", elem_id="qa-text", max_length=100, min_width=120)
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            table = make_table(
                {"#": 6, "question": 46, "answer": 16, "family": 12, "status": 11, "marks": 9}, "Questions", "questions", 460
            )
            with gr.Row():
                accept_all = gr.Button("Accept all shown", elem_id="accept-all", min_width=120)
                reject_all = gr.Button("Reject all shown", elem_id="reject-all", min_width=120)
        with gr.Column(scale=2, min_width=300):
            question = gr.Textbox(label="Question", elem_id="question", lines=2, max_length=2000)
            answer = Choice([], label="Answer", elem_id="answer", allow_custom_value=True)
            fix = gr.Checkbox(
                label="Correct the graph too, so that the answer is true of it", value=True, elem_id="fix-graph"
            )
            proposal = gr.Markdown(elem_id="qa-proposal", elem_classes="quiet")
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
    key = gr.State("")
    count = gr.Markdown(elem_id="qa-count")
    filters: list[Any] = [family, status, mark, text]
    parts = [question, answer, facts, picture, key]
    frame.add(View("questions", [table, keys, count, *parts], draw, [*filters, key]))
    frame.redraw(filters)

    def pick(visitor: Any, sample_id: Any, rows: list[str], evt: gr.SelectData) -> list[Any]:
        return form(must_open(frame.studio, visitor, sample_id), rows[int(evt.row_value[0]) - 1])

    table.select(shown(pick), [frame.visitor, frame.sample, keys], parts, show_progress="hidden", api_visibility="private")
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
    for button, verdict in ((accept, "accepted"), (reject, "rejected"), (flag, "flagged")):
        frame.on(button.click, _judge(verdict), [key])
    for button, verdict in ((accept_all, "accepted"), (reject_all, "rejected")):
        frame.on(button.click, _judge(verdict), [keys])


def chosen_questions(s: Sample, family: str, status: str, mark: str, text: str) -> list[QAPair]:
    """The questions the filters leave."""
    return [
        p
        for p in s.qa
        if (not family or p.family == family)
        and (not status or p.status == status)
        and (not mark or p.mark == mark or (mark == "edited" and p.origin == "person"))
        and (not text or text.lower() in f"{p.question} {p.answer}".lower())
    ]


def draw(look: Look, family: str, status: str, mark: str, text: str, key: str) -> list[Any]:
    """The table of questions, and the chosen one while it is still asked."""
    s = look.sample
    blank = ["", gr.update(choices=[], value=None), QUESTION, None, ""]
    if s is None:
        return [[], [], EMPTY, *blank]
    pairs = chosen_questions(s, family, status, mark, text)
    rows = [[str(k), p.question, p.answer, p.family, p.status, _marks(p)] for k, p in enumerate(pairs, 1)]
    accepted = sum(p.status == "accepted" for p in s.qa)
    words = f"{len(pairs)} of {len(s.qa)} shown · {accepted} accepted"
    if not s.qa:
        words = (
            "No question yet: name two objects in the Image tab. Proposed regions are not asked about until they are named."
        )
    chosen = form(s, key) if any(p.key == key for p in s.qa) else blank
    return [rows, [p.key for p in pairs], words, *chosen]


def _marks(p: QAPair) -> str:
    return " · ".join(part for part in (p.mark, "edited" if p.origin == "person" else "") if part)


def form(s: Sample, key: str) -> list[Any]:
    """The form of one question, its facts and its objects."""
    p = judge.question_of(s, key)
    choices = list(p.options) or (["Yes", "No"] if p.answer in ("Yes", "No") else [p.answer])
    objects = [i for i in p.facts.get("objects", ()) if i in s.graph]
    picture = overlay(s.image, tuple(s.graph[i] for i in objects)) if objects else s.image
    return [p.question, gr.update(choices=choices, value=p.answer), facts_words(s, p), picture, key]


def facts_words(s: Sample, p: QAPair) -> str:
    """What an answer rests on, as Markdown."""
    names = unique_names(s.graph)
    lines = []
    for r in p.facts.get("relations", ())[:6]:
        subject, object_ = names.get(r["subject"], r["subject"]), names.get(r["object"], r["object"])
        line = f"{plain(subject)} **{plain(read(r['predicate']))}** {plain(object_)}: {plain(r['verdict'])}"
        frame = plain(r.get("frame", "image"))
        margin, needs = (
            plain(format(float(r.get(name, 0)), sign)) for name, sign in (("margin", "+.3f"), ("threshold", ".3f"))
        )
        line += f" ({frame} frame, " + (
            "set by a person)" if r.get("origin") == "person" else f"margin {margin}, needs {needs})"
        )
        lines.append(f"- {line}")
    for name, value in list(p.facts.get("numbers", {}).items())[:8]:
        lines.append(f"- {plain(name)}: {plain(value)}")
    if assumed := p.facts.get("assumed"):
        lines.append(f"- assumed: {plain('; '.join(map(str, assumed)))}")
    head = {
        "stale": "⚠ **Stale**: the facts changed since a person set this.",
        "in conflict": "⚠ **In conflict**: the graph says otherwise.",
    }
    return "\n".join(
        [head.get(p.mark, ""), "**Facts behind it**", *lines]
        if lines
        else [head.get(p.mark, "") or "No relation behind it."]
    )


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


def _save(look: Look, key: str, question: str, answer: str, fix: bool) -> Done:
    s = look.opened()
    if not key:
        raise InputError("No question is chosen", next_step="Click one in the table")
    acts = judge.edit_question(s, key, question, str(answer))
    note = "Saved."
    implied = judge.implied_correction(s, key, str(answer)) if answer != judge.question_of(s, key).answer else None
    if implied and fix:
        subject, predicate, object_, frame, verdict = implied
        acts += judge.correct_relation(s, subject, predicate, object_, verdict, frame)
        holds = {"true": "is", "false": "is not"}.get(verdict, "may be")
        names = unique_names(s.graph)
        note = f"Saved, and the graph corrected: {names[subject]} {holds} {read(predicate)} {names[object_]}."
    look.studio.act(look.visitor, s.id, lambda _: acts)
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
