"""What is asked and answered, a module for each group of topics."""

from topics import arithmetic, facts, hearth_models, hearth_named, hearth_server, refusals, single_facts, small_talk, words

INTENTS = (
    hearth_models.INTENTS
    + hearth_server.INTENTS
    + hearth_named.INTENTS
    + small_talk.INTENTS
    + arithmetic.INTENTS
    + facts.INTENTS
    + single_facts.INTENTS
    + words.INTENTS
    + refusals.INTENTS
)

# Intents of which there are too many to list: {(topic, family): a function that makes one}.
MADE = {
    ("refusals", "large sum"): refusals.large_sum,
    ("words", "reverse"): words.reversed_list,
    ("unclear", "gibberish"): words.gibberish,
}

# How often a topic is asked, in parts of all questions, and how many of the test's questions it has.
TOPICS = {
    "hearth models": (150, 110), "hearth server": (150, 110), "hearth named": (40, 25), "small talk": (80, 45),
    "arithmetic": (380, 70), "facts": (270, 75), "definitions": (40, 20), "words": (60, 15), "unclear": (15, 5),
    "refusals": (110, 25),
}

# How often a family is asked within its topic. One that does not stand here counts 1, in facts its number of intents.
FAMILIES = {
    "addition": 36, "subtraction": 22, "subtraction below 0": 7, "multiplication": 11, "which is larger": 6,
    "which is smaller": 6, "after": 6, "before": 5, "even or odd": 6, "double": 3, "half": 3, "count": 5,
    "count down": 1, "sum of things": 5, "rest of things": 4, "spell": 4, "first letter": 2, "last letter": 2,
    "say": 3, "reverse": 4, "unclear": 1, "gibberish": 1, "large sum": 8, "unknown person": 3, "unknown subject": 4,
    "unknown task": 3, "unknown capital": 3, "wonder": 3,
}


def family_weight(topic, family, n_intents):
    return max(n_intents, 10) if topic == "facts" else FAMILIES.get(family, 1)
