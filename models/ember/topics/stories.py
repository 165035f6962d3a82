"""Short stories: a hero, a helper, a thing, a trouble and an end, and how they are asked for."""

from grammar import a, expand
from topics import plots
from topics.characters import HEROES, Telling
from topics.plots import WITH_THING, WITHOUT_THING

ONE_KIND = (
    "tell me a (short |)story about {hero}.", "(I want|I would like) a (short |)story about {hero}.",
    "can you tell me a (short |)story about {hero}?", "tell a (short |)story about {hero}.",
    "a story about {hero}, please.", "make up a story about {hero}.", "write a (short |)story about {hero}.",
    "do you know a story about {hero}?", "story about {hero}", "(please |)tell me about {hero} in a story.",
)
ANY = (
    "tell me a (short |good |nice |)story.", "can you tell me a (short |)story?",
    "(I want|I would like) (to hear |)a story.", "tell a story.", "a story, please.",
    "do you know a (good |short |)story?", "make up a story.", "write a (short |)story.",
    "tell me a (bedtime |good night |)story.", "please tell me a story.", "story", "tell me something nice.",
)
MORE = (
    "tell me another( story| one|).", "another( story| one|), please.", "(one more|and one more)( story|).",
    "another story.", "(again|more), please.", "can you tell me another( story| one|)?",
)


ROYAL = ("king", "queen", "prince", "princess")  # who do not work for a birthday present


def tell(rng, is_usable=lambda hero, thing: True):
    """A story of 60 to 150 words, as (hero, helper, thing or None, text); is_usable may refuse a hero and a thing."""
    while True:
        plot = rng.choice(tuple(WITH_THING) if rng.random() < 0.6 else WITHOUT_THING)
        hero, helper = rng.sample(HEROES, 2)
        thing = rng.choice(WITH_THING[plot]) if plot in WITH_THING else None
        if not is_usable(hero, thing) or (plot is plots.giving and hero in ROYAL):
            continue
        telling = Telling(rng, hero, helper, thing)
        plot(telling)
        text = telling.text()
        if 60 <= len(text.split()) <= 150:
            return hero, helper, thing, text


def asked_for(rng, hero, helper, thing):
    """A request that this story answers, in one of its wordings."""
    kind = rng.random()
    if kind < 0.15:
        return rng.choice(expand(rng.choice(ANY)))
    what = a(hero)
    if thing and kind < 0.65:
        what = rng.choice((f"{a(hero)} and {a(thing)}", f"{a(hero)} with {a(thing)}"))
    elif thing and kind < 0.72:
        what = a(thing)
    elif kind < 0.85:
        what = f"{a(hero)} and {a(helper)}"
    return rng.choice(expand(rng.choice(ONE_KIND))).replace("{hero}", what)
