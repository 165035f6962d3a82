"""Definitions, spelling, saying after, short lists turned round, and input that nobody could understand."""

import string

from grammar import Intent, a, capitalised, expand_all

TOPIC = "words"

# A noun that is counted ("+" before it: it has an article), and what it is.
DEFINED = {
    "+lantern": "a lamp that you can carry", "+river": "a long stream of water that flows to the sea",
    "+lake": "a large body of water with land all around it", "+island": "a piece of land with water all around it",
    "+mountain": "a very high piece of land", "+valley": "low land between hills",
    "+forest": "a large piece of land with many trees", "+desert": "a dry land where little grows",
    "+village": "a place with some houses, smaller than a town", "+city": "a large town",
    "+bridge": "a way over a river or a road", "+kettle": "a pot for boiling water",
    "+hammer": "a tool for driving nails", "+ladder": "two poles with steps between them, for climbing",
    "+clock": "a machine that shows the time", "+map": "a drawing of a land or a town",
    "+book": "many pages that are bound together", "+library": "a place where books are kept",
    "+school": "a place where children learn", "+bakery": "a place where bread is made",
    "+hospital": "a place where ill people are cared for", "+farmer": "a person who grows plants or keeps animals",
    "+baker": "a person who makes bread", "+sailor": "a person who works on a ship",
    "+doctor": "a person who heals the ill", "+teacher": "a person who teaches",
    "+shepherd": "a person who looks after sheep", "+king": "a man who rules a country",
    "+queen": "a woman who rules a country, or the wife of a king",
    "+umbrella": "a roof of cloth that you hold against the rain",
    "+candle": "a stick of wax that burns and gives light", "+feather": "one of the light parts that cover a bird",
    "+nest": "the home that a bird builds", "+orchard": "a piece of land with fruit trees",
    "+triangle": "a shape with three sides", "+square": "a shape with four equal sides and four right angles",
    "+circle": "a round shape", "+verb": "a word for what somebody does",
    "+noun": "a word for a person, a place or a thing", "+adjective": "a word that says what a thing is like",
    "+vowel": "one of the letters A, E, I, O and U", "+sentence": "a group of words that makes sense by itself",
    "+computer": "a machine that stores and works with data",
    "+program": "a list of instructions that a computer follows",
    "+server": "a program that answers requests of other programs", "+client": "a program that asks a server",
    "+language model": "a program that predicts which token comes next in a text",
    "+token": "a piece of text, such as a word or a part of one", "+prompt": "the text that you give to a model",
    "+GGUF file": "a file that holds a model's weights, its vocabulary and what else is needed to run it",
    "+chat template": "a rule that turns a conversation into the text that a model reads",
    "+context": "the text that a model can see at once", "+parameter": "a number in a model that training has set",
    "+vocabulary": "the list of all tokens that a model knows",
    "+tokenizer": "a part of a model that cuts text into tokens", "+seed": "a number that random choices start from",
    "+registry": "a server that keeps models for others to pull",
    "+blob": "a piece of data in a store, called by its digest",
    "+digest": "a short number that stands for the content of a file",
    "+Modelfile": "a text file that says how a model is made", "+API": "a way for programs to talk to each other",
    "+API key": "a secret text that shows a server who is asking",
    "+port": "a number that tells the programs of one machine apart on a network",
    "+GPU": "a processor that does many sums at once", "+CPU": "the main processor of a computer",
    "+terminal": "a window in which you type commands", "+command": "a line of text that tells a computer what to do",
    "+folder": "a place on a disk that holds files", "+password": "a secret word that lets you in",
    "+system prompt": "a text that tells a model how to behave, before all else",
    "+embedding": "a list of numbers that stands for the meaning of a text",
    "+encoder": "a model that turns text into numbers",
    "+KV cache": "the memory in which a model keeps what it has read",
    "+stop string": "a text at which a model ends its answer",
    "+signature": "a proof that somebody approved of some data",
    "+sandbox": "a closed place where a program can do no harm",
    "quantisation": "storing the weights of a model with fewer bits",
    "temperature": "a setting that says how freely a model chooses its tokens",
    "perplexity": "a measure of how well a model predicts a text",
    "training": "setting the weights of a model from examples", "inference": "computing an answer with a model",
    "software": "the programs that run on a computer", "hardware": "the parts of a computer that you can touch",
    "memory": "the part of a computer that holds what it works on",
    "streaming": "sending an answer piece by piece while it is made", "TLS": "a way to encrypt a connection",
    "JSON": "a text format for data that programs read", "safetensors": "a file format for the weights of models",
    "Ollama": "another program that runs language models",
    "Linux": "an operating system that anyone may use and change", "rain": "water that falls from clouds",
    "snow": "frozen water that falls from clouds in white flakes", "fog": "a cloud close to the ground",
    "wind": "moving air", "ash": "what is left when something has burned",
    "bread": "a food that is baked from flour and water", "honey": "a sweet food that bees make",
    "wool": "the hair of sheep", "kindness": "being good to others",
    "courage": "doing what is right although you are afraid",
    "friendship": "the bond between people who like and trust each other",
}
DEFINE = (
    "what is #?", "what's #?", "define @.", "what does @ mean?", "what does the word @ mean?",
    "explain (the word |)@.", "what is meant by #?", "tell me what # is.", "what do you call #?",
    "give me a definition of @.", "I do not know what # is.", "what is the meaning of @?",
    "can you (explain|define) @?", "do you know what # is?", "please explain what # is.",
)

SPELLED = (
    "cat", "dog", "house", "lantern", "river", "apple", "bread", "water", "fire", "ember", "hearth", "model",
    "friend", "school", "garden", "winter", "summer", "spring", "autumn", "yellow", "orange", "purple", "green",
    "black", "white", "brother", "sister", "mother", "father", "window", "table", "chair", "kitchen", "bridge",
    "mountain", "forest", "island", "letter", "number", "seven", "eight", "eleven", "twelve", "twenty", "market",
    "pencil", "silver", "village", "orchard", "drawer", "planet", "moon", "star", "cloud", "storm", "thunder",
    "rabbit", "horse", "sheep", "mouse", "turtle", "flower", "butter", "cheese", "sugar", "honey", "basket",
    "blanket", "candle", "mirror", "hammer", "ladder", "button", "pocket", "bottle", "ticket", "doctor", "farmer",
    "teacher", "baker", "happy", "quiet", "strong", "little", "large", "quick", "clever", "gentle", "bright", "early",
)
SPELL = (
    "(how do you|how do I|how to|can you) spell #?", "please spell #.", "spell #.", "spell the word #.",
    "how is # spelled?", "what letters are in #?", "tell me how to spell #.", "which letters does # have?",
    "give me the letters of #.", "spell # for me.",
)
STARTS = (
    "(which|what) letter does # (start|begin) with?", "with (which|what) letter does # (start|begin)?",
    "what is the first letter of #?", "tell me the first letter of #.", "first letter of #?",
    "(which|what) letter is the first in #?", "how does # begin?",
)
ENDS = (
    "(which|what) letter does # end with?", "with (which|what) letter does # end?", "what is the last letter of #?",
    "tell me the last letter of #.", "last letter of #?", "(which|what) letter is the last in #?", "how does # end?",
)
SAY = (
    "say #.", "repeat #.", "say the word #.", "repeat the word #.", "repeat after me: #", "say #, please.",
    "can you say #?", "just say #.", "write #.", "echo #", "please repeat: #", "only answer with #.",
    "can you repeat #?",
)
REVERSE = (
    "(reverse|turn round) this list: #", "(reverse|turn round|turn around): #",
    "(say|write|list) these in reverse( order|): #", "what is # in reverse( order|)?",
    "put these in reverse order: #", "(reverse|turn round) the list #.", "say # backwards, word by word.",
    "the words # in reverse order?",
)

UNCLEAR_ANSWER = "I did not understand that. Please ask it in another way."
UNCLEAR_TEXTS = (
    "...", "?", "??", "???", "!", "!!!", ".", "hmm", "hm", "uh", "um", "eh", "huh?", "what?", "blah", "blah blah",
    "blah blah blah", "the", "and", "of the", "and then the", "it is but", "123", "0 0 0", "-", "--", "abc", "xyz",
    "qwerty", "asdf", "asdf asdf", "asdfghjkl", "lorem ipsum", "foo bar", "the the the", "is was were", "if then but",
    "because of", "with without", "so that when", "purple because seven", "table is why not", "green ideas run under",
    "seven window the", "and and and", "how what", "why which", "to be of", "under over in", "dog dog why",
    "lantern because", "number the of", "can can can", "yes no yes no", "x", "y?", "k", "zz", "la la la", "ding dong",
    "beep", "boop", "tra la la", "what what what", "which of the", "from to from", "a a a a", "%%%", "###", "@@@",
    "&&", "$$$", "*", "()", ":)", ":(", ";-)", "<>", "/", "12 of the why", "blue seven run", "when the because",
    "into into", "me the it", "cat the under a", "who which when", "spoon spoon", "river of why of", "not not not",
)


def _definitions():
    patterns = expand_all(pattern for pattern in DEFINE if "call" not in pattern)
    for term, meaning in DEFINED.items():
        counted = term.startswith("+")
        term = term.removeprefix("+")
        noun = a(term) if counted else term
        if term == "city":  # "what is a city" only: the frames of facts ask for capitals
            continue
        wordings = tuple(dict.fromkeys(pattern.replace("#", noun).replace("@", term) for pattern in patterns))
        yield Intent(
            "definitions",
            "definition",
            wordings,
            f"{capitalised(noun)} is {meaning}.",
            frozenset(term.lower().split()),
        )


def _spelling():
    for family, frames in (("spell", SPELL), ("first letter", STARTS), ("last letter", ENDS)):
        patterns = expand_all(frames)
        for word in SPELLED:
            answer = {
                "spell": "-".join(word.upper()) + ".",
                "first letter": f"The first letter of {word} is {word[0].upper()}.",
                "last letter": f"The last letter of {word} is {word[-1].upper()}.",
            }[family]
            wordings = tuple(dict.fromkeys(pattern.replace("#", word) for pattern in patterns))
            yield Intent(TOPIC, family, wordings, answer, frozenset((word,)), family == "spell")


def _saying():
    patterns = expand_all(SAY)
    for word in SPELLED:
        yield Intent(
            TOPIC,
            "say",
            tuple(pattern.replace("#", word) for pattern in patterns),
            f"{capitalised(word)}.",
            frozenset((word,)),
            False,
        )


REVERSIBLE = (
    "cat", "dog", "bird", "fish", "horse", "apple", "pear", "bread", "milk", "red", "green", "blue", "sun", "moon",
    "star", "one", "two", "three", "four", "five", "tree", "river", "stone", "fire", "king", "queen",
)


def reversed_list(rng):
    """A list of two or three words to turn round, as an intent of all its wordings."""
    items = rng.sample(REVERSIBLE, rng.choice((2, 3, 3)))
    wordings = tuple(pattern.replace("#", ", ".join(items)) for pattern in expand_all(REVERSE))
    return Intent(TOPIC, "reverse", wordings, ", ".join(reversed(items)) + ".", frozenset(items), False)


def _letters(rng, alphabet, fewest, most):
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(fewest, most)))


def gibberish(rng):
    """What a cat walks over the keyboard, as an intent of one wording."""
    kind = rng.randrange(3)
    if kind == 0:
        text = " ".join(_letters(rng, string.ascii_lowercase, 3, 9) for _ in range(rng.randint(1, 4)))
    elif kind == 1:
        text = _letters(rng, rng.sample(string.ascii_lowercase, 3), 5, 14)
    else:
        text = " ".join(_letters(rng, "bcdfghjklmnpqrstvwxz", 2, 7) for _ in range(rng.randint(1, 3)))
    return Intent("unclear", "gibberish", (text,), UNCLEAR_ANSWER, frozenset(text.split()), False)


INTENTS = (
    tuple(_definitions()) + tuple(_spelling()) + tuple(_saying())
    + (Intent("unclear", "unclear", UNCLEAR_TEXTS, UNCLEAR_ANSWER, frozenset(), False),)
)
