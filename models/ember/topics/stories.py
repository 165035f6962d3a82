"""Short stories: a hero, a helper, a thing, a trouble and an end, and how they are asked for."""

from grammar import a, expand
from topics.characters import HEROES, THINGS, Telling
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


def tell(rng, hero=None, helper=None, thing=None, is_usable=lambda hero, thing: True):
    """A story of 60 to 150 words, as (hero, helper, thing or None, text); what is not given is chosen."""
    while True:
        plot = rng.choice(tuple(WITH_THING) if thing or rng.random() < 0.6 else WITHOUT_THING)
        if thing and thing not in WITH_THING[plot]:
            continue
        chosen = hero or rng.choice(HEROES)
        other = helper or rng.choice([kind for kind in HEROES if kind != chosen])
        the_thing = (thing or rng.choice(WITH_THING[plot])) if plot in WITH_THING else None
        if not is_usable(chosen, the_thing):
            if hero and (thing or not the_thing):
                raise ValueError(f"no story about {hero} and {thing} may be told")
            continue
        adjective = rng.choice(THINGS[the_thing].adjectives) if the_thing else ""
        telling = Telling(rng, chosen, other, the_thing, adjective)
        plot(telling)
        text = telling.text()
        if 60 <= len(text.split()) <= 150:
            return chosen, other, the_thing, text


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
