"""Is there a …? As many present as absent things."""

from __future__ import annotations

from functools import lru_cache, partial

from spacestudio.domain.qa import QAPair
from spacestudio.qa.choose import NO, YES, Candidate, choose, pick, shuffled
from spacestudio.qa.keys import label_slug
from spacestudio.qa.known import Known, known
from spacestudio.qa.scene import Scene
from spacestudio.relations.naming import COCO, a, is_plural, label_of

CAP = 6
WORDINGS = (
    "{Be} there {a} in the picture?",
    "Does the picture show {a}?",
    "Can you see {a} in this picture?",
    "{Be} {a} visible in the picture?",
)
_SAME_THING = """
person: man woman boy girl child kid baby people lady guy player rider worker human pedestrian driver chef toddler men women
bicycle: bike cycle tricycle
motorcycle: motorbike scooter moped bike
car: automobile taxi cab sedan suv vehicle jeep van
truck: lorry van pickup vehicle
airplane: plane aeroplane jet aircraft
bus: coach minibus vehicle
train: tram locomotive railcar
boat: ship canoe kayak yacht ferry sailboat raft
bench: seat
couch: sofa settee loveseat
chair: armchair stool seat recliner sofa
bed: mattress crib cot
toilet: urinal
dining table: table desk
potted plant: plant flower houseplant tree cactus pot
tv: television monitor screen display
laptop: computer notebook screen
mouse: rat hamster
remote: controller control
cell phone: phone smartphone mobile telephone
keyboard: piano
refrigerator: fridge freezer
oven: stove cooker range microwave
microwave: oven
sink: basin tap
cup: mug glass teacup tumbler beaker
wine glass: glass goblet
bottle: flask jar vase
bowl: dish plate basin
vase: jar pot bottle urn
fork: cutlery
spoon: cutlery ladle
knife: cutlery blade
book: magazine novel notebook
clock: watch
teddy bear: bear toy plush
hair drier: hairdryer dryer
handbag: bag purse
backpack: bag rucksack
suitcase: luggage bag case
tie: necktie bow
umbrella: parasol
cat: kitten kitty
dog: puppy hound terrier
horse: pony foal mare
sheep: lamb goat ram
cow: bull calf cattle ox buffalo
bird: pigeon seagull duck chicken hen parrot eagle owl goose penguin swan sparrow crow
bear: polar grizzly
sports ball: ball football soccer basketball baseball tennis
frisbee: disc
donut: doughnut
sandwich: burger hamburger toast bun
hot dog: sausage
cake: cupcake pie pastry
pizza: pie
orange: fruit tangerine mandarin
apple: fruit
banana: fruit
carrot: vegetable
broccoli: vegetable
stop sign: sign
traffic light: light signal
skis: ski
snowboard: board
surfboard: board
skateboard: board longboard
tennis racket: racket racquet
baseball bat: bat
baseball glove: glove mitt
"""
SAME_THING = {thing: words.split() for thing, words in (row.split(": ") for row in _SAME_THING.strip().splitlines())}
"""Other words under which one of COCO's things may stand in the graph; then nobody says it is absent."""


def questions(scene: Scene) -> list[QAPair]:
    """Present labels (Yes), and things stated or taken to be absent (No), equally many.

    A COCO label counts as absent when every object of the graph is named and none may be that thing; the answer then
    says so in its assumptions. Objects never named prove nothing.
    """
    k = known(scene)
    candidates = [_candidate(scene, k, label, True) for label in k.names.groups]
    stated = [label_of(name) for name in scene.graph.negative_objects]
    absent = [label for label in dict.fromkeys(stated) if label and not _may_be_present(label.casefold(), k)]
    candidates += [_candidate(scene, k, label, False) for label in absent]
    taken = {c.key for c in candidates}
    if k.objects and k.complete:
        likely = [group for group in COCO.values() if any(label in k.names.groups for label in group)]
        for rank, label in enumerate(shuffled([c for group in COCO.values() for c in group], scene.seed, "absent")):
            if not _may_be_present(label, k):
                near = any(label in group for group in likely)
                c = _candidate(scene, k, label, False, 1 if near or rank < 20 else 2, assumed=True)
                candidates += [c] if c.key not in taken else []
    return choose(candidates, {YES: CAP // 2, NO: CAP // 2}, scene.seed, scene.kept, spread=0)


def _candidate(scene: Scene, k: Known, label: str, present: bool, tier: int = 0, assumed: bool = False) -> Candidate:
    key = f"existence:{label_slug(label)}:present:image:yes-no"
    return Candidate(key, key, YES if present else NO, partial(_pair, scene, k, key, label, present, assumed), tier)


def _pair(scene: Scene, k: Known, key: str, label: str, present: bool, assumed: bool) -> QAPair:
    ids = k.names.groups.get(label, [])
    shown = k.names.labels[ids[0]] if ids else label
    question = pick(WORDINGS, scene.seed, key).format(Be="Are" if is_plural(shown) else "Is", a=a(shown))
    notes = ["absent because every object of the graph is named and none is this"] if assumed else []
    facts = k.facts(ids, assumed=notes, found={"label": label, "present": present})
    return QAPair(key, "existence", question, YES if present else NO, facts)


def _may_be_present(label: str, k: Known) -> bool:
    """Whether a label of the graph, or of what was left out of it, says, or may say, this thing."""
    return not k.said.isdisjoint(_words_for(label))


@lru_cache(maxsize=1024)
def _words_for(label: str) -> frozenset[str]:
    others = {thing for thing, words in SAME_THING.items() if label in words}
    return frozenset({label, label.split()[-1], *SAME_THING.get(label, ()), *others})
