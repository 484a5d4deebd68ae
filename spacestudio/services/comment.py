"""What language models say of a picture that is there: other wordings, doubts about questions, predicates of their own.

Facts are locked. A wording counts only if it still asks the same of the same things; a check may only drop or flag what it
was given; a predicate of theirs joins the graph undecided. Each function returns acts to append, and changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from spacestudio.domain.qa import QAPair
from spacestudio.domain.sample import Sample
from spacestudio.engines import LANGUAGE
from spacestudio.engines.language.scenes import Phrase, Said, Schema, wrong_pairs
from spacestudio.engines.language.talk import Counts, NoAnswer, Talk, messages_of
from spacestudio.errors import Unavailable
from spacestudio.qa.check import check, predicates_in
from spacestudio.qa.known import known
from spacestudio.qa.scene import Scene
from spacestudio.relations import FAMILIES
from spacestudio.relations.naming import clean, label_of, plural
from spacestudio.relations.relate import family, family_of
from spacestudio.relations.words import parse_phrase
from spacestudio.services.converse import run_of_talk, talk_with
from spacestudio.services.judge import Act, judge
from spacestudio.services.payloads import run_payload
from spacestudio.services.scene import scene_of_sample

AT_ONCE = 12
"""Questions in one conversation."""
GIVE_UP = 2
"""Conversations without an answer after which no other about this sample is begun."""
Sentence = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=400)]


@dataclass(frozen=True, eq=False)
class Comments:
    """What a model's comments come to.

    Attributes:
        acts: what to append to the sample's log, the engine's run among them; empty when nothing was asked.
        counts: what it took.
        words: what came of it, a line each.
    """

    acts: tuple[Act, ...] = ()
    counts: Counts = field(default_factory=Counts)
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """Language models to comment on a sample, by their engines' names; "" for none.

    Attributes:
        words: rewords questions.
        check: drops or flags questions the picture does not bear out.
        predicates: adds relations in its own words.
    """

    words: str = ""
    check: str = ""
    predicates: str = ""

    def ready(self) -> None:
        """Raise what keeps one of them from being asked.

        Raises:
            UnknownName, InputError: no such language model.
            Unavailable: it can't be asked.
        """
        for engine in filter(None, (self.words, self.check, self.predicates)):
            talk_with(engine)


class Worded(Schema):
    """One question in other words."""

    id: Said
    question: Sentence


class Wordings(Schema):
    """Questions in other words."""

    questions: list[Worded] = Field(max_length=4 * AT_ONCE)


class Doubt(Schema):
    """What the picture says of one question."""

    id: Said
    verdict: Literal["keep", "flag", "drop"]
    reason: Annotated[str, StringConstraints(strip_whitespace=True, max_length=300)]


class Doubts(Schema):
    """What the picture says of the questions."""

    questions: list[Doubt] = Field(max_length=4 * AT_ONCE)


class Seen(Schema):
    """One relation seen in the picture."""

    subject: Said
    relation: Phrase
    object: Said


class Sights(Schema):
    """Relations seen in the picture."""

    relations: list[Seen] = Field(max_length=40)


def commented(
    sample: Sample, wanted: Wanted, seed: int, add: Callable[[Sample, Sequence[Act], str], Sample]
) -> tuple[Sample, list[Comments]]:
    """The sample with all comments wanted: predicates first, then wordings, then the check of what stands there.

    Args:
        sample: what to comment on.
        wanted: by whom.
        seed: of the models' dice.
        add: the sample with acts appended by an author.

    Raises:
        InputError, UnknownName: there is no such language model. One that can't be asked is told in the comments' words.
    """
    made = []
    steps = (seen_between, wanted.predicates), (reworded, wanted.words), (doubted, wanted.check)
    for comment, engine in steps:
        if engine:
            try:
                made.append(comment(sample, engine, seed))
            except Unavailable as why:
                made.append(Comments(words=(f"{why} The sample is as it was without it.",)))
            if made[-1].acts:
                sample = add(sample, made[-1].acts, LANGUAGE.split(engine)[0])
    return sample, made


def reworded(sample: Sample, engine: str, seed: int = 0) -> Comments:
    """Other wordings for the questions nobody has touched; where one does not ask the same, the old wording stays.

    Raises:
        InputError: the engine is no language model.
        Unavailable: it can't be asked.
    """
    talk, scene = talk_with(engine, seed), scene_of_sample(sample)
    task = (
        "Put each question in DATA into other natural words. The answer must not change: keep every name under “keep” as it "
        "stands and in the same order, keep the relation asked and its direction, what is compared, every number and every "
        "choice, and whether it is asked of the picture, of the camera's view or from another side."
    )
    acts: list[Act] = []

    def ask(part: Mapping[str, QAPair]) -> None:
        rows = [{"id": i, "question": q.question, "keep": _traits(q, q.question, scene)["things"]} for i, q in part.items()]
        told: set[str] = set()
        for made in talk.ask(messages_of(task, {"questions": rows}, Wordings), Wordings).questions:
            pair, text = part.get(made.id), clean(made.question)
            if pair is None or made.id in told:
                talk.note("not given")
                continue
            told.add(made.id)
            if text == pair.question:
                continue
            if why := changed(pair, text, scene):
                talk.note(f"another {why}")
            else:
                acts.append(("qa.edit", _payload(pair, question=text, origin="model")))

    failed = _in_parts([q for q in sample.qa if _untouched(q)], ask)
    return _comments("wording", talk, acts, f"{_several(len(acts), 'question')} reworded", failed)


def doubted(sample: Sample, engine: str, seed: int = 0) -> Comments:
    """Questions the picture does not bear out, as a vision-language model sees it: dropped or flagged, each with a reason.

    Nothing else of a question changes; what a person has judged or written is not shown to the model.

    Raises:
        InputError: the engine is no language model.
        Unavailable: it can't be asked, or can't look at pictures.
    """
    talk = talk_with(engine, seed)
    task = (
        "Look at the picture and at the questions with their answers in DATA. For each id say keep, flag (doubtful, or a "
        "person would have to look) or drop (the answer is wrong for this picture, or the thing asked about can't be seen), "
        "with the reason in one short sentence. Change nothing and add nothing."
    )
    said: dict[str, list[tuple[QAPair, str]]] = {"flagged": [], "rejected": []}

    def ask(part: Mapping[str, QAPair]) -> None:
        rows = [{"id": i, "question": q.question, "options": [*q.options], "answer": q.answer} for i, q in part.items()]
        told: set[str] = set()
        found = talk.ask(messages_of(task, {"questions": rows}, Doubts, sample.image), Doubts)
        for doubt in found.questions:
            if doubt.id not in part or doubt.id in told:
                talk.note("not given")
            elif doubt.verdict != "keep" and not doubt.reason:
                talk.note("no reason")
            elif doubt.verdict != "keep":
                said["flagged" if doubt.verdict == "flag" else "rejected"].append((part[doubt.id], clean(doubt.reason)))
            told.add(doubt.id)

    failed = _in_parts([q for q in sample.qa if _untouched(q)], ask)
    acts: list[Act] = []
    for status, found in said.items():
        for kind, payload in judge(sample, [q.key for q, _ in found], status):
            reasons = {q.key: reason for q, reason in found}
            pairs = {key: {**pair, "reason": reasons[key]} for key, pair in payload["pairs"].items()}
            acts.append((kind, {**payload, "pairs": pairs}))
    told = f"{_several(len(said['rejected']), 'question')} dropped, {len(said['flagged'])} flagged"
    lines = [f"{status} “{q.question}” ({reason})" for status, found in said.items() for q, reason in found]
    return _comments("check", talk, acts, told, failed, lines)


def seen_between(sample: Sample, engine: str, seed: int = 0) -> Comments:
    """Relations in a vision-language model's own words between objects of the sample, undecided until a person says.

    What the studio measures itself, and pairs about which a person has said something of that kind, are left alone.

    Raises:
        InputError: the engine is no language model.
        Unavailable: it can't be asked, or can't look at pictures.
    """
    talk = talk_with(engine, seed)
    if len(sample.objects) < 2:
        return Comments()
    task = (
        "Look at the picture. Name what the objects in DATA have to do with each other beyond place and size, by their ids, "
        "such as holding, wearing, leaning against, part of: at most one relation for each pair, only what can be seen. "
        "Boxes are left, top, right, bottom as shares of the picture."
    )
    w, h = sample.width, sample.height
    rows = [
        {"id": o.id, "name": o.name, "box": [round(v / s, 3) for v, s in zip(o.box.xyxy, (w, h, w, h), strict=True)]}
        for o in sample.objects
    ]
    ids = frozenset(sample.graph.ids)
    acts: list[Act] = []
    try:
        found = talk.ask(
            messages_of(task, {"objects": rows}, Sights, sample.image),
            Sights,
            lambda said: wrong_pairs([(r.subject, r.object) for r in said.relations], ids),
        )
    except NoAnswer as why:
        return _comments("predicates", talk, (), "", str(why))
    for r in found.relations:
        predicates = parse_phrase(r.relation)
        own = [p for p in predicates if family_of(p) is None]
        ends = (r.subject, r.object), (r.object, r.subject)
        talk.note("measured already", len(predicates) - len(own))
        if own and any(sample.graph.relation(s, o, "other", "image") for s, o in ends):  # one place speaks for both ways
            talk.note("said already")
        elif own:
            payload = {"subject": r.subject, "predicate": clean(own[0])[:60], "object": r.object, "family": "other"}
            place = {"frame": "image", "verdict": "undecided", "measured": None, "origin": "model"}
            acts.append(("relation.correct", payload | place))
    return _comments("predicates", talk, acts, f"{_several(len(acts), 'predicate')} added, undecided", "")


def _comments(stage: str, talk: Talk, acts: Sequence[Act], told: str, failed: str, lines: Sequence[str] = ()) -> Comments:
    if not talk.counts.calls:
        return Comments()
    run = run_payload(run_of_talk(stage, talk))
    words = [f"{talk.chat.name}: {told}."] if told else []
    words += [f"{failed} The rest stays as it was."] if failed else []
    return Comments((*acts, ("run", run)), talk.counts, (*words, *lines))


def _several(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"


def _in_parts(pairs: Sequence[QAPair], ask: Any) -> str:
    """Ask about a few at a time; why not about all of them, "" when about all."""
    failed, times = "", 0
    for start in range(0, len(pairs), AT_ONCE):
        part = {f"q{start + k + 1}": q for k, q in enumerate(pairs[start : start + AT_ONCE])}
        try:
            ask(part)
        except NoAnswer as why:
            failed, times = str(why), times + 1
            if times == GIVE_UP:
                break
    return failed


def _untouched(pair: QAPair) -> bool:
    """Whether a person has neither judged nor written it."""
    return pair.status == "proposed" and pair.origin != "person" and not pair.mark


def _payload(pair: QAPair, **more: Any) -> dict[str, Any]:
    given = {"key": pair.key, "family": pair.family, "question": pair.question, "answer": pair.answer}
    return given | {"options": list(pair.options), "facts": dict(pair.facts)} | more


# Does a wording ask the same?

_SAYS: Mapping[str, str] = {
    "view": r"\b(?:camera|viewer)\b",
    "picture": r"\b(?:picture|image|photo|photograph)\b",
    "boxes": r"\bbounding box(?:es)?\b",
    "measure": r"\b(?:own|their|its) size\b",
    "centre": r"\bcent(?:er|re)\b",
    "near": r"\b(?:closer|nearer|closest|nearest)\b",
    "far": r"\b(?:farther|further|farthest|furthest)\b",
    "length": r"\bhow far\b|\bdistances?\b",
    "count": r"\bhow many\b|\bnumber of\b",
    "colour": r"\bcolou?rs?\b",
    "choice": r"\bor\b",
    "level": r"\bsame (?:depth|distance)\b",
    "open question": r"(?<!from )\b(?:which|what|where|how|who|whose|why|when)\b",
}
"""What a question may say besides its things and relation; a wording says as much of it."""
_ADDS_NOTHING = """
a about according an and any anywhere appear appears are area as at based be being between both by camera camera's can
center centre closer color colour compared contain contains could count counted depict depicted depicts described do
does fall falls farther find found from further give given going has have how i identify if image image's in include
includes is it its itself judging know lens lie lies like located location look looked looking looks many me measured
name nearer number object objects observed of on one or out own part parts perceived perspective photo photo's
photograph picture picture's place placed point position positioned present region relation relative respect say scene
section see seeing seen show shown shows sit sits situated size stand standing stands tell than that the their them
there these thing things this to true two up vantage view viewed viewer viewer's viewing viewpoint visible visually was
we were what when where whether which while whole with within word words would you your
"""
PLAIN = frozenset(_ADDS_NOTHING.split())
"""Words a wording may use that add nothing to what is asked (ours); the question's own words are allowed too."""
_SIDE = re.compile(r"\b(?:from|at) (?:the|its) (left|right|back)\b")
NEGATED = re.compile(r"\b(?:not|never|no|without)\b|n['’]t\b")
NUMBER = re.compile(r"\d+(?:\.\d+)?|\b(?:two|three|four|five|six|seven|eight|nine|ten)\b")


def changed(pair: QAPair, text: str, scene: Scene) -> str:
    """What of a question another wording changes, in a word or two; "" when it asks the same, so that the answer stays."""
    if text.count("?") != pair.question.count("?") or len(text) > 2 * len(pair.question) + 40:
        return "kind of text"
    before, after = _traits(pair, pair.question, scene), _traits(pair, text, scene)
    if differs := next((name for name in before if before[name] != after[name]), ""):
        return differs
    own = _words(pair.question, scene, pair)
    if any(w not in PLAIN and w not in own for w in _words(text, scene, pair)):
        return "word that may add something"
    return "" if check(pair.but(question=text), scene) == check(pair, scene) else "meaning"


def _words(text: str, scene: Scene, pair: QAPair) -> list[str]:
    """The words of a text besides the names of things."""
    return re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", _without(" ".join(text.casefold().split()), _names(scene, pair)))


def _names(scene: Scene, pair: QAPair) -> set[str]:
    """What a question may call the things of the scene, and the thing it asks about, also several of them."""
    k = known(scene)
    labels = {o.label for o in scene.graph.objects} | {str((pair.facts.get("found") or {}).get("label") or "")}
    names = {n.text for i in k.names if (n := k.names.get(i))} | {label_of(label) for label in labels if label_of(label)}
    return names | {plural(name) for name in names}


def _without(low: str, names: set[str]) -> str:
    for name in sorted(names, key=len, reverse=True):
        low = re.sub(rf"(?<!\w){re.escape(name.casefold())}(?!\w)", "…", low)
    return low


def _traits(pair: QAPair, text: str, scene: Scene) -> dict[str, Any]:
    """What a question asks, read off its words: two wordings that agree in all of it ask the same."""
    low, names = " ".join(text.casefold().split()), _names(scene, pair)
    things, rest = _spoken(low, names), _without(low, names)
    among = [p for name in FAMILIES for p in family(name).predicates]
    if pair.family not in ("relation", "viewpoint"):  # there "in" and "by" relate nothing
        among = [p for p in among if p not in ("inside", "beside")]
    side = sorted(_SIDE.findall(rest)) if pair.family == "viewpoint" else []
    words = {a for o in scene.graph.objects for a in o.attributes} | set(pair.options if pair.family == "attribute" else ())
    traits: dict[str, Any] = {
        "things": things,
        "relation": sorted(predicates_in(rest, among)),
        "side": side,
        "attribute": sorted(set(_spoken(rest, {w for w in words if w}))),
        "number": sorted(NUMBER.findall(rest)),
        "sense": len(NEGATED.findall(rest)) % 2,
    }
    says = {what: bool(re.search(pattern, rest)) for what, pattern in _SAYS.items()}
    return traits | says | ({"choice": False} if pair.family == "nearer" else {})


def _spoken(low: str, names: set[str]) -> list[str]:
    """Those of the names that a text in lower case says, in its order, the longest first where they overlap."""
    spots: dict[int, str] = {}
    for name in sorted(names, key=lambda n: (-len(n), n)):
        for match in re.finditer(rf"(?<!\w){re.escape(name.casefold())}(?!\w)", low):
            spots.setdefault(match.start(), name)
            low = f"{low[: match.start()]}{'…' * len(match[0])}{low[match.end() :]}"
    return [spots[at] for at in sorted(spots)]
