"""Facts that stand alone: how many days a week has, which planet is the largest, what two colours make."""

from grammar import Intent, capitalised, expand_all
from topics.facts import LETTERS, MONTHS, PLANETS, TOPIC, WEEK

MIXED = {
    ("blue", "yellow"): "green", ("red", "yellow"): "orange", ("red", "blue"): "purple", ("black", "white"): "grey",
    ("red", "white"): "pink",
}
def _mixtures():
    frames = [
        "what do (# and @|@ and #) make?", "(what|which) colour do (# and @|@ and #) make( together| when mixed|)?",
        "(mix|if I mix|what if I mix) (# and @|@ and #)?", "what do I get from (# and @|@ and #)( paint|)?",
        "what happens when I mix (# and @|@ and #)?",
    ]
    for (first, second), mixed in MIXED.items():
        wordings = expand_all(frame.replace("#", first).replace("@", second) for frame in frames)
        yield Intent(
            TOPIC,
            "mixture",
            wordings,
            f"{capitalised(first)} and {second} make {mixed}.",
            frozenset((first, second)),
        )


# What is counted, and the answer; COUNT_FRAMES are put around the former.
COUNTS = (
    ("days are there in a week", "A week has seven days."),
    ("months are there in a year", "A year has twelve months."),
    ("days are there in a year", "A year has 365 days, and a leap year has 366."),
    ("hours are there in a day", "A day has 24 hours."),
    ("minutes are there in an hour", "An hour has 60 minutes."),
    ("seconds are there in a minute", "A minute has 60 seconds."),
    ("seasons are there in a year", "A year has four seasons: spring, summer, autumn and winter."),
    ("letters are there in the alphabet", "The alphabet has 26 letters."),
    ("vowels are there in the alphabet", "There are five vowels: A, E, I, O and U."),
    ("planets are there in the solar system", "The sun has eight planets."),
    ("sides are there in a triangle", "A triangle has three sides."),
    ("sides are there in a square", "A square has four sides."),
    ("sides are there in a hexagon", "A hexagon has six sides."),
    ("fingers are there on a hand", "A hand has five fingers, with the thumb."),
    ("wheels are there on a bicycle", "A bicycle has two wheels."),
    ("strings are there on a violin", "A violin has four strings."),
    ("centimetres are there in a metre", "A metre has 100 centimetres."),
    ("metres are there in a kilometre", "A kilometre has 1000 metres."),
    ("grams are there in a kilogram", "A kilogram has 1000 grams."),
    ("years are there in a century", "A century has 100 years."),
    ("things are there in a dozen", "A dozen is twelve."),
    ("legs are there on a table", "A table usually has four legs."),
)
SINGLE = (
    (
        [
            "name the (months|months of the year|twelve months).",
            "what are the (months|months of the year|names of the months|twelve months)?",
            "list the (months|twelve months|months of the year).", "can you (list|name|say) the months?",
            "tell me the (months|names of the months).",
        ],
        ", ".join(MONTHS[:-1]) + " and December.",
    ),
    (
        [
            "name the (days|days of the week|seven days).",
            "what are the (days of the week|names of the days|seven days)?",
            "list the (days|days of the week|seven days).", "can you (list|name|say) the days( of the week|)?",
            "tell me the (days of the week|names of the days).",
        ],
        ", ".join(WEEK[:-1]) + " and Sunday.",
    ),
    (
        [
            "name the (planets|eight planets).", "what are the (planets|names of the planets|eight planets)?",
            "list the (planets|eight planets).", "can you (list|name|say) the planets?",
            "tell me the (planets|names of the planets).", "which planets are there?",
        ],
        ", ".join(PLANETS[:-1]) + " and Neptune.",
    ),
    (
        [
            "name the (seasons|four seasons).", "what are the (seasons|four seasons|names of the seasons)?",
            "list the (seasons|four seasons).", "which seasons are there?",
            "can you (list|name|say) the( four|) seasons?", "tell me the( four|) seasons.",
        ],
        "Spring, summer, autumn and winter.",
    ),
    (
        [
            "(say|recite|write|list|tell me) the alphabet.", "what is the alphabet?",
            "what are the letters of the alphabet?", "(list|name|say) the letters( of the alphabet|).",
            "can you (say|recite|write) the alphabet?", "which letters are there?",
        ],
        ", ".join(LETTERS) + ".",
    ),
    (
        [
            "(which|what) is the largest planet?", "(which|what) planet is the (largest|biggest)?",
            "what is the (biggest|largest) planet( of the solar system|)?", "name the (largest|biggest) planet.",
            "do you know the (largest|biggest) planet?",
        ],
        "Jupiter is the largest planet.",
    ),
    (
        [
            "(which|what) is the smallest planet?", "(which|what) planet is the smallest?",
            "what is the smallest planet( of the solar system|)?", "name the smallest planet.",
            "do you know the smallest planet?",
        ],
        "Mercury is the smallest planet.",
    ),
    (
        [
            "(which|what) planet is (nearest|closest|next) to the sun?",
            "what is the (nearest|closest) planet to the sun?", "name the planet (nearest|closest) to the sun.",
            "which planet is the (nearest|closest) to the sun?",
        ],
        "Mercury is the planet nearest to the sun.",
    ),
    (
        [
            "(which|what) planet is (farthest|furthest) from the sun?",
            "what is the (farthest|furthest) planet( from the sun|)?",
            "name the planet (farthest|furthest) from the sun.",
            "which planet is the (farthest|furthest) from the sun?",
        ],
        "Neptune is the planet farthest from the sun.",
    ),
    (
        [
            "(which|what) (planet is red|is the red planet)?", "(which|what) planet is called the red planet?",
            "name the red planet.", "what is the red planet( called|)?", "do you know the red planet?",
            "tell me the name of the red planet.", "why is Mars called the red planet?",
        ],
        "Mars is called the red planet, because it looks red.",
    ),
    (
        [
            "(which|what) planet do we live on?", "on (which|what) planet (do we live|are we)?",
            "what is (our planet|the name of our planet)( called|)?", "where do people live in the solar system?",
            "which planet is (ours|our home)?", "name our planet.", "what planet is this?",
        ],
        "We live on the planet Earth.",
    ),
    (
        [
            "is the sun a (star|planet|star or a planet|planet or a star)?", "what (kind of thing |)is the sun?",
            "is the sun (really |)a star?", "tell me what the sun is.", "what sort of thing is the sun?",
        ],
        "The sun is a star.",
    ),
    (
        [
            "does the (sun go round the Earth|Earth go round the sun)?",
            "what goes round what, the sun or the Earth?",
            "(does|is it true that) the sun (move|moves) round the Earth?", "what does the Earth go round?",
            "around what does the Earth (go|move|turn)?",
        ],
        "The Earth goes round the sun.",
    ),
    (
        [
            "what does the moon go round?", "around what does the moon (go|move|turn)?",
            "does the moon go round the (Earth|sun)?", "what goes round the Earth?",
        ],
        "The moon goes round the Earth.",
    ),
    (
        [
            "where does the sun (rise|come up)?", "in which direction does the sun (rise|come up)?",
            "on which side does the sun (rise|come up)?", "does the sun rise in the (east|west)?",
            "tell me where the sun (rises|comes up).",
        ],
        "The sun rises in the east.",
    ),
    (
        [
            "where does the sun (set|go down)?", "in which direction does the sun (set|go down)?",
            "on which side does the sun (set|go down)?", "does the sun set in the (east|west)?",
            "tell me where the sun (sets|goes down).",
        ],
        "The sun sets in the west.",
    ),
    (
        [
            "(which|what) is the (coldest|cold) season?", "(which|what) season is (the coldest|cold)?",
            "when does it snow?", "in (which|what) season does it snow?", "name the coldest season.",
        ],
        "Winter is the coldest season.",
    ),
    (
        [
            "(which|what) is the (warmest|hottest) season?", "(which|what) season is the (warmest|hottest)?",
            "name the (warmest|hottest) season.", "in (which|what) season is it (warmest|hottest)?",
        ],
        "Summer is the warmest season.",
    ),
    (
        [
            "what is ice( made of|)?", "what does water become when it (freezes|is frozen)?",
            "what is frozen water( called|)?", "what do you call frozen water?", "what happens when water freezes?",
            "tell me what ice is.", "what becomes of water in the cold?",
        ],
        "Ice is frozen water.",
    ),
    (
        [
            "at what temperature does water (freeze|turn to ice)?", "when does water freeze?",
            "what is the freezing point of water?", "how cold must it be for water to freeze?",
            "tell me when water freezes.",
        ],
        "Water freezes at 0 degrees Celsius.",
    ),
    (
        [
            "at what temperature does water boil?", "when does water boil?", "what is the boiling point of water?",
            "how hot must water be to boil?", "tell me when water boils.", "how hot is boiling water?",
        ],
        "At sea level, water boils at 100 degrees Celsius.",
    ),
    (
        [
            "(where|from where) does milk come( from|)?", "what gives( us|) milk?", "which animal gives (us |)milk?",
            "who gives us milk?", "what animal does milk come from?", "tell me where milk comes from.",
        ],
        "Milk comes from cows, and from goats and sheep, too.",
    ),
    (
        [
            "(what|who) makes honey?", "where does honey come from?", "which animal makes honey?",
            "which animals make honey?", "from what animal do we get honey?", "tell me who makes honey.",
        ],
        "Bees make honey.",
    ),
    (
        [
            "where does wool come from?", "which animal gives (us |)wool?", "what gives us wool?",
            "from what animal do we get wool?", "tell me where wool comes from.", "who gives us wool?",
            "which animals give wool?",
        ],
        "Wool comes from sheep.",
    ),
    (
        [
            "(what|which) is the largest animal( of all| in the world|)?",
            "(what|which) animal is the (largest|biggest)?", "name the (largest|biggest) animal.",
            "what is the biggest animal( in the world|)?",
        ],
        "The blue whale is the largest animal.",
    ),
    (
        [
            "(what|which) is the tallest animal( of all| in the world|)?", "(what|which) animal is the tallest?",
            "name the tallest animal.", "which animal has the longest neck?", "what animal is tallest?",
        ],
        "The giraffe is the tallest animal.",
    ),
    (
        [
            "what (does|do) (a cow|cows) eat?", "what do cows (like to |)eat?", "which food do cows eat?",
            "tell me what (a cow eats|cows eat).", "what is the food of cows?",
        ],
        "Cows eat grass.",
    ),
    (
        [
            "where do (the |)fish live?", "in what do fish live?", "tell me where fish live.",
            "where does a fish live?",
        ],
        "Fish live in water.",
    ),
)
COUNT_FRAMES = (
    "tell me how many {}.", "do you know how many {}?", "can you tell me how many {}?", "I want to know how many {}.",
    "say how many {}.",
)


def _singles():
    for phrase, answer in COUNTS:
        things, place = phrase.split(" are there ")
        owner = place.split(" ", 1)[1]
        wordings = [frame.format(f"{things} there are {place}") for frame in COUNT_FRAMES]
        wordings += [
            f"how many {phrase}?", f"how many {things} does {owner} have?", f"how many {things} has {owner}?",
            f"what is the number of {things} {place}?", f"tell me how many {things} {owner} has.",
            f"how many {things} {place}?", f"do you know how many {things} {owner} has?",
        ]
        yield Intent(TOPIC, "counts", tuple(wordings), answer, frozenset(phrase.split()))
    for patterns, answer in SINGLE:
        yield Intent(TOPIC, "single facts", expand_all(patterns), answer)


INTENTS = tuple(_mixtures()) + tuple(_singles())
