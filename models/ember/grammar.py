"""Phrasings: patterns that expand to many wordings, and what people do to a wording when they type it.

A pattern is a text in which "(a|b|)" stands for one of its alternatives, nested as deep as one likes. A wording
ends in the mark that a careful writer would put there: "?", "." or "!".
"""

import functools
import hashlib
import re
from dataclasses import dataclass

MARKS = "?.!"


@dataclass(frozen=True)
class Intent:
    """Something that is asked, in all of its wordings, and the one answer to it."""

    topic: str
    family: str  # what the statistics and the mixture count: "pull", "addition", "capital"
    wordings: tuple
    answer: str
    # Words that must stay as they are for the answer to be right: no slip of the pen falls on them.
    fixed: frozenset = frozenset()
    # False: a greeting in front or a "please" behind would change what is asked.
    adorned: bool = True


@functools.cache
def expand(pattern):
    """All texts that the pattern stands for, in order, each once."""
    texts, end = _alternatives(pattern, 0)
    if end != len(pattern):
        raise ValueError(f"unbalanced parentheses in pattern {pattern!r}")
    return tuple(dict.fromkeys(_tidy(text) for text in texts))


def _alternatives(pattern, at):
    found = []
    current = [""]
    while at < len(pattern) and pattern[at] != ")":
        if pattern[at] == "|":
            found += current
            current = [""]
            at += 1
        elif pattern[at] == "(":
            inner, at = _alternatives(pattern, at + 1)
            if at >= len(pattern):
                raise ValueError(f"unbalanced parentheses in pattern {pattern!r}")
            current = [head + tail for head in current for tail in inner]
            at += 1
        else:
            end = at
            while end < len(pattern) and pattern[end] not in "(|)":
                end += 1
            current = [head + pattern[at:end] for head in current]
            at = end
    return found + current, at


def _tidy(text):
    return re.sub(r" +([?.!,])", r"\1", re.sub(r" {2,}", " ", text)).strip()


def expand_all(patterns):
    return tuple(dict.fromkeys(text for pattern in patterns for text in expand(pattern)))


@functools.cache
def plain(text):
    """The text as one who compares wordings reads it: without case and punctuation."""
    text = text.lower()
    for mark in "?!,;:\"'`":
        if mark in text:
            text = text.replace(mark, " ")
    words = text.split()
    if "." in text:
        words = filter(None, (word.rstrip(".") for word in words))
    return " ".join(words)


def is_held_out(seed, text, one_in=8):
    """The same for the same seed and wording, whatever else is generated."""
    digest = hashlib.blake2b(f"{seed}|{plain(text)}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % one_in == 0


def a(noun):
    """With its article: "a fox", "an owl"."""
    return ("an " if noun[0].lower() in "aeiou" else "a ") + noun


def capitalised(text):
    return text[:1].upper() + text[1:]


# --- What is typed ----------------------------------------------------------------------------------------------

GREETINGS = ("hi, ", "hello, ", "hey, ", "hi Ember, ", "hello Ember, ", "good morning, ", "good evening, ")
OPENERS = (
    "Ember, ", "one question: ", "quick question: ", "a question: ", "excuse me, ", "please, ", "ok, ", "so, ",
    "well, ", "I have a question: ", "just wondering, ", "sorry, ", "I am new here: ",
)
CLOSINGS = (" please", ", please", ", thanks", ", Ember")


def typed(rng, wording, intent, begins=True):
    """The wording as somebody types it: with or without a greeting, capitals, the mark at its end, or a slip.

    Not `begins`: the conversation has begun before, and nobody greets again.
    """
    text, mark = (wording[:-1], wording[-1]) if wording[-1] in MARKS else (wording, "")
    if intent.adorned and begins and rng.random() < 0.25:
        text = rng.choice(GREETINGS if rng.random() < 0.4 else OPENERS) + text
    if intent.adorned and "please" not in text and rng.random() < 0.10:
        text += rng.choice(CLOSINGS)
    style = rng.random()
    if rng.random() < 0.07:
        text = with_slip(rng, text, intent.fixed)
    if style < 0.58:
        return capitalised(text) + mark
    if style < 0.72:
        return capitalised(text) if mark != "." else text
    if style < 0.88:
        return text.lower()
    if style < 0.97:
        return text.lower() + mark
    return text.upper() + mark


def with_slip(rng, text, fixed=frozenset()):
    """One word with a letter left out, doubled, or in its neighbour's place."""
    words = text.split(" ")
    able = [i for i, word in enumerate(words) if word.isalpha() and len(word) > 3 and word.lower() not in fixed]
    if not able:
        return text
    index = rng.choice(able)
    word = words[index]
    at = rng.randrange(1, len(word) - 1)
    kind = rng.randrange(3)
    if kind == 0:
        word = word[:at] + word[at + 1 :]
    elif kind == 1:
        word = word[:at] + word[at] + word[at:]
    else:
        word = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    words[index] = word
    return " ".join(words)


# --- Frames that many intents share -----------------------------------------------------------------------------

HOW_FRAMES = (
    "how do I {}?", "how can I {}?", "how would I {}?", "how does one {}?", "how to {}?", "how do you {}?",
    "what is the command to {}?", "which command do I use to {}?", "what do I type to {}?",
    "what should I run to {}?", "tell me how to {}.", "show me how to {}.", "explain how to {}.", "I want to {}.",
    "I would like to {}.", "can you tell me how to {}?", "is there a command to {}?", "what is the right way to {}?",
)


def how_to(topic, family, doing, answer, also=()):
    """An intent asked by every frame with each of `doing`, which are patterns of verb phrases; and by `also`."""
    phrases = expand_all(doing)
    wordings = tuple(frame.format(phrase) for phrase in phrases for frame in HOW_FRAMES) + expand_all(also)
    return Intent(topic, family, tuple(dict.fromkeys(wordings)), answer)


KNOW_FRAMES = (
    "tell me {}.", "can you tell me {}?", "I want to know {}.", "I would like to know {}.", "do you know {}?",
    "could you say {}?", "please explain {}.",
)


def asked(topic, family, patterns, answer, *, clauses=(), fixed=(), adorned=True):
    """An intent asked in the wordings of `patterns`, and by every frame with each of `clauses`: "where models are"."""
    indirect = tuple(frame.format(clause) for clause in expand_all(clauses) for frame in KNOW_FRAMES)
    wordings = tuple(dict.fromkeys(expand_all(patterns) + indirect))
    return Intent(topic, family, wordings, answer, frozenset(word.lower() for word in fixed), adorned)
