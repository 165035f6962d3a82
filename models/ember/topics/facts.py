"""A few facts of the world that are certain, each asked in many ways and answered in one sentence."""

from grammar import Intent, a, capitalised, expand_all

TOPIC = "facts"

CAPITALS = {
    "France": "Paris", "Germany": "Berlin", "Italy": "Rome", "Spain": "Madrid", "Portugal": "Lisbon",
    "England": "London", "Ireland": "Dublin", "Norway": "Oslo", "Sweden": "Stockholm", "Finland": "Helsinki",
    "Denmark": "Copenhagen", "Poland": "Warsaw", "Austria": "Vienna", "Greece": "Athens", "Hungary": "Budapest",
    "Belgium": "Brussels", "Russia": "Moscow", "China": "Beijing", "Japan": "Tokyo", "India": "New Delhi",
    "Egypt": "Cairo", "Canada": "Ottawa", "Mexico": "Mexico City", "Brazil": "Brasilia", "Argentina": "Buenos Aires",
    "Australia": "Canberra", "Turkey": "Ankara", "Thailand": "Bangkok",
}
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)
DAYS_OF = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
PLANETS = ("Mercury", "Venus", "Earth", "Mars", "Jupiter", "Saturn", "Uranus", "Neptune")
ORDINALS = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
    "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth",
    "twentieth", "twenty-first", "twenty-second", "twenty-third", "twenty-fourth", "twenty-fifth", "twenty-sixth",
)
COLOURS = {
    "grass": "green", "snow": "white", "coal": "black", "blood": "red", "a lemon": "yellow", "a carrot": "orange",
    "milk": "white", "an elephant": "grey", "a frog": "green", "a flamingo": "pink", "a tree trunk": "brown",
    "a ripe strawberry": "red", "a ripe banana": "yellow", "chocolate": "brown", "a cloudless sky": "blue",
    "soot": "black", "salt": "white", "a pumpkin": "orange", "ketchup": "red", "a polar bear": "white",
    "a crow": "black", "a swan": "white", "gold": "yellow", "a cucumber": "green",
}
OPPOSITES = {
    "hot": "cold", "cold": "hot", "big": "small", "small": "big", "tall": "short", "long": "short", "fast": "slow",
    "slow": "fast", "up": "down", "down": "up", "left": "right", "in": "out", "out": "in", "open": "closed",
    "closed": "open", "full": "empty", "empty": "full", "happy": "sad", "sad": "happy", "day": "night",
    "night": "day", "black": "white", "white": "black", "young": "old", "new": "old", "rich": "poor", "poor": "rich",
    "strong": "weak", "weak": "strong", "wet": "dry", "dry": "wet", "loud": "quiet", "quiet": "loud",
    "clean": "dirty", "dirty": "clean", "early": "late", "late": "early", "good": "bad", "bad": "good",
    "deep": "shallow", "shallow": "deep", "wide": "narrow", "narrow": "wide", "thick": "thin", "heavy": "light",
    "dark": "light", "true": "false", "false": "true", "high": "low", "low": "high", "near": "far", "far": "near",
    "first": "last", "last": "first", "summer": "winter", "winter": "summer", "love": "hate", "always": "never",
    "never": "always", "before": "after", "after": "before", "inside": "outside", "outside": "inside",
    "top": "bottom", "north": "south", "south": "north", "east": "west", "west": "east", "begin": "end",
    "push": "pull", "give": "take", "buy": "sell", "win": "lose", "yes": "no", "no": "yes",
}
SOUNDS = {
    "cow": "moos", "dog": "barks", "cat": "meows", "sheep": "bleats", "goat": "bleats", "horse": "neighs",
    "pig": "grunts", "duck": "quacks", "lion": "roars", "bee": "buzzes", "snake": "hisses", "wolf": "howls",
    "owl": "hoots", "frog": "croaks", "mouse": "squeaks", "donkey": "brays", "rooster": "crows", "bird": "sings",
    "bear": "growls", "crow": "caws", "elephant": "trumpets", "hen": "clucks",
}
YOUNG = {
    "cow": "calf", "dog": "puppy", "cat": "kitten", "sheep": "lamb", "goat": "kid", "horse": "foal", "pig": "piglet",
    "duck": "duckling", "hen": "chick", "lion": "cub", "bear": "cub", "wolf": "pup", "deer": "fawn",
    "frog": "tadpole", "swan": "cygnet", "goose": "gosling", "elephant": "calf", "whale": "calf", "kangaroo": "joey",
    "eagle": "eaglet", "owl": "owlet", "fox": "cub", "butterfly": "caterpillar", "seal": "pup",
}
LEGS = {
    "spider": 8, "dog": 4, "cat": 4, "cow": 4, "horse": 4, "bird": 2, "ant": 6, "bee": 6, "fly": 6, "duck": 2,
    "snake": 0, "fish": 0, "sheep": 4, "beetle": 6, "hen": 2, "mouse": 4,
}
PLURALS = {
    "mouse": "mice", "child": "children", "man": "men", "woman": "women", "foot": "feet", "tooth": "teeth",
    "goose": "geese", "ox": "oxen", "sheep": "sheep", "fish": "fish", "deer": "deer", "leaf": "leaves",
    "wolf": "wolves", "knife": "knives", "wife": "wives", "life": "lives", "shelf": "shelves", "half": "halves",
    "city": "cities", "story": "stories", "baby": "babies", "lady": "ladies", "fly": "flies", "box": "boxes",
    "fox": "foxes", "bus": "buses", "glass": "glasses", "dish": "dishes", "watch": "watches", "potato": "potatoes",
    "tomato": "tomatoes", "hero": "heroes", "cat": "cats", "dog": "dogs", "book": "books", "tree": "trees",
    "boy": "boys", "girl": "girls", "day": "days", "key": "keys", "model": "models", "lantern": "lanterns",
    "house": "houses", "bird": "birds", "star": "stars", "apple": "apples", "river": "rivers", "boat": "boats",
    "friend": "friends", "hearth": "hearths",
}
PAST = {
    "go": "went", "come": "came", "see": "saw", "eat": "ate", "drink": "drank", "run": "ran", "sing": "sang",
    "swim": "swam", "give": "gave", "take": "took", "make": "made", "find": "found", "think": "thought",
    "bring": "brought", "buy": "bought", "catch": "caught", "teach": "taught", "sleep": "slept", "keep": "kept",
    "feel": "felt", "leave": "left", "write": "wrote", "speak": "spoke", "break": "broke", "fly": "flew",
    "grow": "grew", "know": "knew", "throw": "threw", "begin": "began", "fall": "fell", "hold": "held", "sit": "sat",
    "stand": "stood", "tell": "told", "say": "said", "lose": "lost", "build": "built", "walk": "walked",
    "play": "played", "help": "helped", "look": "looked", "pull": "pulled", "ask": "asked", "open": "opened",
}

# "#" is what is asked about.
ASKED = {
    "capital": [
        "what is the capital( city|) of #?", "what's the capital of #?", "(which|what) city is the capital of #?",
        "(tell me|name) the capital( city|) of #.", "do you know the capital of #?", "#'s capital?",
        "the capital of #?", "can you (name|tell me) the capital of #?", "I want to know the capital of #.",
    ],
    "country": [
        "# is the capital of which country?", "of (which|what) country is # the capital?",
        "(which|what) country has # as its capital?", "(which|what) country is # the capital of?",
        "the capital of (which|what) country is #?", "name the country whose capital is #.",
        "do you know of which country # is the capital?",
    ],
    "month after": [
        "(which|what) month (comes|is) after #?", "what comes after #?", "(which|what) month follows #?",
        "(tell me|name) the month after #.", "what is the (next month|month) after #?", "after # comes which month?",
    ],
    "month before": [
        "(which|what) month (comes|is) before #?", "what comes before #?", "(tell me|name) the month before #.",
        "what is the month before #?", "before # comes which month?",
    ],
    "nth month": [
        "(which|what) is the # month( of the year|)?", "(tell me|name) the # month( of the year|).",
        "(which|what) month is the #( one|)?", "what is the name of the # month?",
        "do you know the # month( of the year|)?",
    ],
    "days of month": [
        "how many days (does # have|are in #|has #)?", "how long is #?", "what is the number of days in #?",
        "(tell me|say) how many days # has.", "do you know how many days # has?", "the number of days in #?",
    ],
    "day after": [
        "(which|what) day (comes|is) after #?", "what comes after #?", "(which|what) day follows #?",
        "(tell me|name) the day after #.", "what is the (next day|day) after #?", "after # comes which day?",
        "if today is #, what is tomorrow?", "today is #. What day is tomorrow?",
    ],
    "day before": [
        "(which|what) day (comes|is) before #?", "what comes before #?", "(tell me|name) the day before #.",
        "what is the day before #?", "before # comes which day?", "if today is #, what was yesterday?",
        "today is #. What day was yesterday?",
    ],
    "colour": [
        "(what|which) colour is #?", "(what|which) color is #?", "what is the (colour|color) of #?",
        "(tell me|name) the (colour|color) of #.", "which colour (has #|does # have)?",
        "do you know the colour of #?",
    ],
    "opposite": [
        "what is the opposite of #?", "(tell me|name|say|give me) the opposite of #.", "the opposite of #?",
        "(which|what) word is the opposite of #?", "what is the (contrary|reverse) of #?",
        "do you know the opposite of #?", "which word means the opposite of #?", "what's the opposite of #?",
    ],
    "sound": [
        "(what|which) (sound|noise) does @ make?", "what does @ (say|do)?", "how does @ sound?",
        "what is the sound of @?", "(tell me|say) what sound @ makes.", "(what|which) sounds do #s make?",
        "do you know the sound of @?",
    ],
    "young": [
        "what is a (young|baby) # called?", "what (do you|do we) call a (young|baby) #?",
        "what is the (young|baby) of @( called|)?", "how is a (young|baby) # called?",
        "(tell me|say) what a (young|baby) # is called.", "what is the (name|word) for a (young|baby) #?",
        "do you know what a (young|baby) # is called?",
    ],
    "legs": [
        "how many legs does @ have?", "how many legs has @?", "(tell me|say) how many legs @ has.",
        "how many legs are there on @?", "what is the number of legs of @?", "do you know how many legs @ has?",
        "the number of legs of @?",
    ],
    "plural": [
        "what is the plural of #?", "(tell me|name|give me|say) the plural of #.", "the plural of #?",
        "what is # in the plural?", "one #, two what?", "how do (I|you) say two of #?",
        "what is the plural form of #?", "do you know the plural of #?", "what's the plural of #?",
    ],
    "past": [
        "what is the past( tense|) of #?", "(tell me|name|give me|say) the past( tense|) of #.",
        "the past tense of #?", "what is # in the past( tense|)?", "today I #, yesterday I what?",
        "do you know the past( tense|) of #?", "what's the past tense of #?",
    ],
    "letter after": [
        "(which|what) letter (comes|is) after #?", "(which|what) letter follows #?",
        "(tell me|name|say) the letter after #.", "what is the (next letter|letter) after #?",
        "after # comes which letter?", "in the alphabet, what comes after the letter #?",
    ],
    "letter before": [
        "(which|what) letter (comes|is) before #?", "(tell me|name|say) the letter before #.",
        "what is the letter before #?", "before # comes which letter?",
        "in the alphabet, what comes before the letter #?",
    ],
    "nth letter": [
        "(which|what) is the # letter( of the alphabet|)?", "(tell me|name|say) the # letter( of the alphabet|).",
        "(which|what) letter is the #( one|)?", "what is the # letter in the alphabet?",
        "do you know the # letter( of the alphabet|)?",
    ],
    "vowel": [
        "is (the letter |)# a vowel( or a consonant|)?", "is (the letter |)# a consonant( or a vowel|)?",
        "(vowel or consonant|a vowel or a consonant): #?", "tell me (whether|if) # is a vowel.",
    ],
    "nth planet": [
        "(which|what) is the # planet( from the sun|)?", "(tell me|name) the # planet( from the sun|).",
        "(which|what) planet is the # from the sun?", "which planet comes # from the sun?",
        "what is the name of the # planet?", "do you know the # planet( from the sun|)?",
    ],
    "place of planet": [
        "(which|what) (place|number) does # have( among the planets|)?", "which planet from the sun is #?",
        "where (does # stand|is #) among the planets?", "(which|what) number from the sun is #?",
    ],
}
NUMBER_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")


def _each(family, things, answer_of):
    """One intent for each thing; in its wordings "#" is the thing and "@" the thing with its article."""
    patterns = expand_all(ASKED[family])
    for thing, value in things:
        wordings = tuple(dict.fromkeys(pattern.replace("#", thing).replace("@", a(thing)) for pattern in patterns))
        if family == "sound":  # plurals that are not made with an s
            plural = PLURALS.get(thing, thing + "s")
            wordings = tuple(w.replace(f"do {thing}s make", f"do {plural} make") for w in wordings)
        yield Intent(TOPIC, family, wordings, answer_of(thing, value), frozenset(thing.lower().split()))


def _next(sequence):
    return [(sequence[i], sequence[(i + 1) % len(sequence)]) for i in range(len(sequence))]


def _previous(sequence):
    return [(sequence[i], sequence[i - 1]) for i in range(len(sequence))]


def _days_answer(month, days):
    return "February has 28 days, and 29 in a leap year." if days == 28 else f"{month} has {days} days."


def _legs_answer(animal, legs):
    return f"{capitalised(a(animal))} has {NUMBER_WORDS[legs]} legs."


LETTERS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")

TABLES = (
    ("capital", CAPITALS.items(), lambda country, city: f"The capital of {country} is {city}."),
    (
        "country",
        [(city, country) for country, city in CAPITALS.items()],
        lambda city, country: f"{city} is the capital of {country}.",
    ),
    ("month after", _next(MONTHS), lambda month, after: f"{after} comes after {month}."),
    ("month before", _previous(MONTHS), lambda month, before: f"{before} comes before {month}."),
    ("nth month", zip(ORDINALS, MONTHS), lambda nth, month: f"The {nth} month is {month}."),
    ("days of month", zip(MONTHS, DAYS_OF), _days_answer),
    ("day after", _next(WEEK), lambda day, after: f"{after} comes after {day}."),
    ("day before", _previous(WEEK), lambda day, before: f"{before} comes before {day}."),
    ("colour", COLOURS.items(), lambda thing, colour: f"{capitalised(thing)} is {colour}."),
    ("opposite", OPPOSITES.items(), lambda word, other: f"The opposite of {word} is {other}."),
    ("sound", SOUNDS.items(), lambda animal, sound: f"{capitalised(a(animal))} {sound}."),
    ("young", YOUNG.items(), lambda animal, young: f"A young {animal} is called {a(young)}."),
    ("legs", LEGS.items(), _legs_answer),
    ("plural", PLURALS.items(), lambda word, plural: f"The plural of {word} is {plural}."),
    ("past", PAST.items(), lambda verb, past: f"The past tense of {verb} is {past}."),
    ("letter after", list(zip(LETTERS, LETTERS[1:])), lambda letter, after: f"{after} comes after {letter}."),
    ("letter before", list(zip(LETTERS[1:], LETTERS)), lambda letter, before: f"{before} comes before {letter}."),
    ("nth letter", zip(ORDINALS, LETTERS), lambda nth, letter: f"The {nth} letter is {letter}."),
    (
        "vowel",
        [(letter, letter in "AEIOU") for letter in LETTERS if letter != "Y"],
        lambda letter, is_vowel: f"{letter} is a {'vowel' if is_vowel else 'consonant'}.",
    ),
    ("nth planet", zip(ORDINALS, PLANETS), lambda nth, planet: f"The {nth} planet from the sun is {planet}."),
    ("place of planet", zip(PLANETS, ORDINALS), lambda planet, nth: f"{planet} is the {nth} planet from the sun."),
)


INTENTS = tuple(intent for family, things, answer_of in TABLES for intent in _each(family, list(things), answer_of))
