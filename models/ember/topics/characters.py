"""Who and what short stories are about, and the telling of one: its names and pronouns stay the same to the end."""

import re
from dataclasses import dataclass

from grammar import a, capitalised, expand

SHE = ("she", "her", "her", "herself")
HE = ("he", "him", "his", "himself")

# Kinds of characters, and the pronouns that they may have.
ANIMALS = (
    "fox", "rabbit", "bear", "owl", "mouse", "hedgehog", "cat", "dog", "duck", "squirrel", "frog", "turtle", "deer",
    "badger", "otter", "sparrow", "goat", "horse", "sheep", "robin", "beaver", "mole", "hare", "donkey", "pony",
    "wolf", "raven", "hen",
)
WOMEN = ("girl", "queen", "princess", "old woman", "fisherwoman", "shepherd girl")
MEN = ("boy", "king", "prince", "old man", "fisherman", "shepherd boy")
PEOPLE = ("baker", "farmer", "sailor", "miller", "gardener", "teacher", "tailor", "potter", "carpenter")
SHE_NAMES = (
    "Lily", "Rosa", "Mina", "Tilda", "Ruby", "Clara", "Nora", "Pia", "Emma", "Hazel", "Daisy", "Wanda", "Ada", "Ida",
    "Molly", "Greta",
)
HE_NAMES = (
    "Tom", "Finn", "Oskar", "Ben", "Hugo", "Max", "Felix", "Otto", "Jack", "Leo", "Sam", "Willy", "Theo", "Paul",
    "Rudi", "Anton",
)
TRAITS = (
    "kind", "clever", "brave", "shy", "cheerful", "curious", "quiet", "patient", "careful", "friendly", "gentle",
)

HOMES = (
    "in a small house at the edge of the forest", "near a quiet river", "at the foot of a green hill",
    "in a village by the sea", "beside an old mill", "under a big oak tree", "on a farm in the valley",
    "at the end of a long road", "close to a blue lake", "next to a little bridge",
)
PLACES = {
    "forest": "in", "meadow": "in", "garden": "in", "market": "at", "hill": "on", "valley": "in", "field": "in",
    "orchard": "in", "river bank": "on", "village green": "on",
}
FOODS = (
    "apple pie", "loaf of bread", "pot of soup", "honey cake", "basket of berries", "piece of cheese", "bag of nuts",
    "plum cake",
)


@dataclass(frozen=True)
class Thing:
    adjectives: tuple
    delight: str  # why the hero is fond of it
    trouble: str  # of somebody {x}, in which it helps
    rescue: str  # what the hero {h} does with it


THINGS = {
    "lantern": Thing(
        ("old", "little", "brass"),
        "It gave a warm yellow light",
        "{x} could not find the way home in the dark",
        "{h} held up the lantern and lit the path",
    ),
    "boat": Thing(
        ("small", "wooden", "blue"),
        "It was light and quick on the water",
        "{x} was stuck on an island in the lake",
        "{h} rowed the boat across the lake and brought {x} back",
    ),
    "bell": Thing(
        ("silver", "little", "old"),
        "It had a clear and happy sound",
        "{x} was lost in the fog",
        "{h} rang the bell until {x} had followed the sound home",
    ),
    "blanket": Thing(
        ("warm", "red", "soft"),
        "It was as soft as a cloud",
        "{x} was shivering in the snow",
        "{h} put the blanket around {x}",
    ),
    "map": Thing(
        ("old", "yellow", "large"),
        "It showed every road and every stream",
        "{x} did not know the way to the village",
        "{h} opened the map and showed {x} the right road",
    ),
    "umbrella": Thing(
        ("green", "big", "striped"),
        "No rain ever came through it",
        "{x} stood in the pouring rain without a coat",
        "{h} opened the umbrella and held it over them both",
    ),
    "ladder": Thing(
        ("long", "wooden", "strong"),
        "It reached up to the highest apples",
        "{x} could not get down from the roof",
        "{h} leaned the ladder against the wall and helped {x} down",
    ),
    "rope": Thing(
        ("strong", "long", "thick"),
        "It had never broken",
        "{x} had fallen into a deep hole",
        "{h} let down the rope and pulled {x} out",
    ),
    "flute": Thing(
        ("wooden", "little", "silver"),
        "It could sound like a bird",
        "{x} was too sad to come out and play",
        "{h} played a merry tune on the flute until {x} smiled",
    ),
    "basket": Thing(
        ("large", "round", "brown"),
        "It could hold a hundred apples",
        "{x} had dropped a whole load of apples on the road",
        "{h} gathered the apples in the basket and carried them home for {x}",
    ),
    "wagon": Thing(
        ("red", "little", "wooden"),
        "Its four wheels ran very smoothly",
        "{x} had a sore foot and could not walk",
        "{h} pulled {x} home in the wagon",
    ),
    "book": Thing(
        ("thick", "blue", "old"),
        "It was full of good stories",
        "{x} was ill in bed and very bored",
        "{h} read to {x} from the book all afternoon",
    ),
    "drum": Thing(
        ("big", "red", "round"),
        "It was as loud as thunder",
        "{x} was asleep by the river while the water rose",
        "{h} beat the drum until {x} woke up and ran to safety",
    ),
    "scarf": Thing(
        ("long", "woollen", "yellow"),
        "It was warm even in the coldest wind",
        "{x} had nothing warm to wear",
        "{h} shared the long scarf, so that it went around both their necks",
    ),
    "candle": Thing(
        ("white", "tall", "little"),
        "It smelled of honey",
        "{x} was afraid of the dark",
        "{h} lit the candle and sat down beside {x}",
    ),
    "kettle": Thing(
        ("copper", "round", "shiny"),
        "It whistled when the tea was ready",
        "{x} had come in from the cold with wet feet",
        "{h} filled the kettle and made a pot of hot tea",
    ),
    "broom": Thing(
        ("new", "good", "strong"),
        "It swept every corner clean",
        "{x} had spilled flour all over the floor",
        "{h} took the broom and swept the floor until it shone",
    ),
    "kite": Thing(
        ("red", "paper", "large"),
        "It flew higher than the birds",
        "{x} had nobody to play with",
        "{h} let {x} hold the string of the kite",
    ),
    "ball": Thing(
        ("green", "leather", "bright"),
        "It bounced higher than any other",
        "{x} sat alone at the edge of the field",
        "{h} threw the ball to {x} and called out to join the game",
    ),
    "hat": Thing(
        ("straw", "wide", "black"),
        "It kept off the sun and the rain",
        "{x} was dizzy from the hot sun",
        "{h} lent {x} the hat and led the way into the shade",
    ),
    "spade": Thing(
        ("good", "iron", "heavy"),
        "It cut through the hardest ground",
        "{x} was shut in by the deep snow",
        "{h} took the spade and dug a path to the door",
    ),
    "key": Thing(
        ("golden", "small", "rusty"),
        "Nobody knew what it was for",
        "{x} was locked in an old tower",
        "{h} tried the key, and the door of the tower opened",
    ),
    "net": Thing(
        ("fine", "long", "new"),
        "It was as light as a feather",
        "{x} had lost a hat in the pond",
        "{h} fished the hat out with the net",
    ),
    "clock": Thing(
        ("wooden", "old", "little"),
        "It was never a minute late",
        "{x} was always late for school",
        "{h} lent {x} the clock, and it rang at the right time",
    ),
}


@dataclass(frozen=True)
class Character:
    kind: str
    name: str
    pronouns: tuple

    @property
    def they(self):
        return self.pronouns[0]

    @property
    def them(self):
        return self.pronouns[1]

    @property
    def their(self):
        return self.pronouns[2]


HEROES = ANIMALS + WOMEN + MEN + PEOPLE


def _character(rng, kind, other=None):
    is_she = kind in WOMEN or (kind not in MEN and rng.random() < 0.5)
    names = [name for name in (SHE_NAMES if is_she else HE_NAMES) if other is None or name[0] != other.name[0]]
    return Character(kind, rng.choice(names), SHE if is_she else HE)


class Telling:
    """One story: who is in it, and the sentences so far."""

    def __init__(self, rng, hero, helper, thing):
        self.rng = rng
        self.hero = _character(rng, hero)
        self.helper = _character(rng, helper, self.hero)
        self.thing = thing
        self.trait = rng.choice(TRAITS)
        self.sentences = []
        place = rng.choice(tuple(PLACES))
        adjective = rng.choice(THINGS[thing].adjectives) if thing else ""
        h, x = self.hero, self.helper
        self.slots = {
            "h": h.name,
            "he": h.they,
            "him": h.them,
            "his": h.their,
            "He": capitalised(h.they),
            "His": capitalised(h.their),
            "x": x.name,
            "xe": x.they,
            "xim": x.them,
            "xis": x.their,
            "Xe": capitalised(x.they),
            "kind": h.kind,
            "xkind": a(x.kind),
            "xk": x.kind,
            "trait": self.trait,
            "home": rng.choice(HOMES),
            "place": place,
            "at": PLACES[place],
            "thing": thing,
            "athing": a(f"{adjective} {thing}") if thing else "",
            "a_thing": a(thing) if thing else "",
            "food": rng.choice(FOODS),
        }

    def say(self, *patterns):
        """One of the sentences that the patterns stand for."""
        text = self.rng.choice(expand(self.rng.choice(patterns))).format(**self.slots)
        text = re.sub(r'^"[a-z]', lambda start: start.group().upper(), text)
        self.sentences.append(capitalised(text))

    def begin(self):
        self.slots["atrait"] = a(f"{self.trait} {self.hero.kind}")
        self.say(
            "(once upon a time|long ago|once|in a faraway land), there was {atrait} (named|called) {h}, who lived {home}.",
            "{h} was {atrait} who lived {home}.",
            "there once was {atrait} (named|called) {h}. {He} lived {home}.",
        )

    def text(self):
        return " ".join(self.sentences)
