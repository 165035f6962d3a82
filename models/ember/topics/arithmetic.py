"""Small sums, in digits and in words: up to 20 + 20, 20 - 20 and 10 x 10; comparing, counting, halves and doubles.

Sums beyond these bounds are refused (refusals.py), so that the border is sharp: an operand above the bound is one.
"""

import functools

from grammar import Intent, expand_all

TOPIC = "arithmetic"
LARGEST_TERM = 20
LARGEST_FACTOR = 10

SMALL = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)
TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")

# "#" is the first number, "@" the second.
FRAMES = {
    "addition": [
        "# (+|plus) @", "what is # (+|plus) @?", "what's # (+|plus) @?", "how much is # (+|plus|and) @?",
        "add # and @.", "add @ to #.", "what is the sum of # and @?", "(calculate|compute|work out) # (+|plus) @.",
        "can you add # and @?", "# + @ = ?", "what (do|does) # and @ make?", "tell me # plus @.",
        "what do you get (when you|if you) add # and @?", "#+@", "what is #+@?", "# + @ =",
        "what does # (+|plus) @ equal?", "(give me|find) the sum of # and @.",
    ],
    "subtraction": [
        "# (-|minus) @", "what is # (-|minus) @?", "what's # (-|minus) @?", "how much is # (-|minus) @?",
        "(subtract|take) @ from #.", "(calculate|compute|work out) # (-|minus) @.",
        "can you (subtract|take) @ from #?", "# - @ = ?", "tell me # minus @.", "what is # less @?",
        "what is left of # (when|if) you take away @?", "#-@", "what is #-@?", "# - @ =",
        "what does # (-|minus) @ equal?", "take @ away from #.", "what is the difference between # and @?",
    ],
    "multiplication": [
        "# (x|*|times) @", "what is # (x|*|times) @?", "what's # (x|*|times) @?", "how much is # (x|*|times) @?",
        "multiply # (by|and|with) @.", "what is # multiplied by @?", "what is the product of # and @?",
        "(calculate|compute|work out) # (x|*|times) @.", "can you multiply # (by|and) @?", "# x @ = ?",
        "tell me # times @.", "#x@", "#*@", "# x @ =", "what does # (x|times) @ equal?",
        "(give me|find) the product of # and @.",
    ],
}
SIGNS = {"addition": "+", "subtraction": "-", "multiplication": "x"}


def in_words(number):
    if number < 20:
        return SMALL[number]
    return TENS[number // 10] + (" " + SMALL[number % 10] if number % 10 else "")


@functools.cache
def _takes_words(frame):
    return not any(sign in frame for sign in ("+", "-", "*", "=", "#x", " x "))


def _fill(frames, first, second=None):
    """The frames with digits, and those without a sign or a bare "x" with words as well."""
    wordings = []
    for frame in frames:
        wordings.append(frame.replace("#", str(first)).replace("@", str(second)))
        if _takes_words(frame):
            wordings.append(
                frame.replace("#", in_words(first)).replace("@", "" if second is None else in_words(second)),
            )
    return tuple(dict.fromkeys(wordings))


def _words_of(*numbers):
    return frozenset(word for number in numbers for word in in_words(number).split())


def _result(kind, first, second):
    return {"addition": first + second, "subtraction": first - second, "multiplication": first * second}[kind]


def _sums():
    for kind, frames in FRAMES.items():
        largest = LARGEST_FACTOR if kind == "multiplication" else LARGEST_TERM
        patterns = expand_all(frames)
        for first in range(largest + 1):
            for second in range(largest + 1):
                usable = patterns
                if kind == "subtraction" and first < second:
                    # What lies between them and what is left are not negative; the difference is asked in this order.
                    usable = [p for p in patterns if "difference" not in p and "left of" not in p]
                answer = f"{first} {SIGNS[kind]} {second} = {_result(kind, first, second)}."
                family = "subtraction below 0" if kind == "subtraction" and first < second else kind
                yield Intent(TOPIC, family, _fill(usable, first, second), answer, _words_of(first, second))


COMPARED = (
    (
        "larger",
        [
            "(which|what) is (larger|bigger|greater|more|higher), # or @?",
            "(which|what) (number |one |)is (larger|bigger|greater|higher): # or @?",
            "what is the (larger|bigger|greater|higher) (number|one) of # and @?",
            "# or @, (which|what) is (larger|bigger|more|greater)?", "compare # and @.",
        ],
    ),
    (
        "smaller",
        [
            "(which|what) is (smaller|less|lower), # or @?",
            "(which|what) (number |one |)is (smaller|less|lower): # or @?",
            "what is the (smaller|lower) (number|one) of # and @?", "# or @, (which|what) is (smaller|less)?",
        ],
    ),
)


def _comparisons():
    for word, frames in COMPARED:
        patterns = expand_all(frames)
        for first in range(LARGEST_TERM + 1):
            for second in range(LARGEST_TERM + 1):
                if first == second:
                    continue
                low, high = sorted((first, second))
                answer = f"{high} is larger than {low}." if word == "larger" else f"{low} is smaller than {high}."
                yield Intent(
                    TOPIC,
                    f"which is {word}",
                    _fill(patterns, first, second),
                    answer,
                    _words_of(first, second),
                )


AFTER = [
    "(what|which number) (comes|is) (right |just |)after #?", "what is the (next number|number) after #?",
    "what follows #?", "(name|say|tell me) the number after #.", "(what|which number) comes next after #?",
]
BEFORE = [
    "(what|which number) (comes|is) (right |just |)before #?", "what is the number before #?",
    "(name|say|tell me) the number (right |just |)before #.",
]
DOUBLE = [
    "double #.", "what is (double|twice) #?", "what is the double of #?", "how much is (double|twice) #?",
    "can you double #?", "what do you get (when you|if you) double #?", "tell me (double|twice) #.",
]
HALF = [
    "(halve|half) #.", "what is half of #?", "what is (the half|one half) of #?", "how much is half of #?",
    "can you halve #?", "divide # in half.", "tell me half of #.", "what do you get (when you|if you) halve #?",
]
EVEN = [
    "is # (even or odd|odd or even|an even number|an odd number|even|odd)?",
    "tell me (whether|if) # is (even or odd|odd or even|even|odd).", "(even or odd|odd or even): #?",
]
COUNT_UP = [
    "count from # to @.", "count up from # to @.", "can you count from # to @?",
    "(say|list|write|give me) the numbers from # to @.", "please count from # to @.",
]
COUNT_TO = [
    "count to #.", "can you count to #?", "count up to #.", "(count from one to|count from 1 to) #.",
    "please count to #.", "I want you to count to #.",
]
COUNT_DOWN = [
    "count (down|backwards|back) from #.", "can you count (down|backwards|back) from #?",
    "count from # (down |)to 1.", "a countdown from #.",
]


def _numbers():
    for number in range(LARGEST_TERM * 5 + 1):
        if number < 100:
            yield Intent(
                TOPIC,
                "after",
                _fill(expand_all(AFTER), number),
                f"{number + 1} comes after {number}.",
                _words_of(number),
            )
            kind = "odd" if number % 2 else "even"
            yield Intent(
                TOPIC,
                "even or odd",
                _fill(expand_all(EVEN), number),
                f"{number} is {kind}.",
                _words_of(number),
            )
        if 1 <= number < 100:
            yield Intent(
                TOPIC,
                "before",
                _fill(expand_all(BEFORE), number),
                f"{number - 1} comes before {number}.",
                _words_of(number),
            )
    for number in range(LARGEST_TERM + 1):
        yield Intent(
            TOPIC,
            "double",
            _fill(expand_all(DOUBLE), number),
            f"Double {number} is {2 * number}.",
            _words_of(number),
        )
        yield Intent(
            TOPIC,
            "half",
            _fill(expand_all(HALF), 2 * number),
            f"Half of {2 * number} is {number}.",
            _words_of(2 * number),
        )


def _listed(numbers):
    return ", ".join(str(number) for number in numbers) + "."


def _counting():
    for last in range(3, LARGEST_TERM + 1):
        yield Intent(TOPIC, "count", _fill(expand_all(COUNT_TO), last), _listed(range(1, last + 1)), _words_of(last))
        if last <= 10:
            yield Intent(
                TOPIC,
                "count down",
                _fill(expand_all(COUNT_DOWN), last),
                _listed(range(last, 0, -1)),
                _words_of(last),
            )
        for first in range(2, last - 1):
            yield Intent(
                TOPIC,
                "count",
                _fill(expand_all(COUNT_UP), first, last),
                _listed(range(first, last + 1)),
                _words_of(first, last),
            )


THINGS = (
    "apples", "books", "coins", "eggs", "balls", "pears", "nuts", "cards", "stones", "shells", "flowers", "pens",
)
PEOPLE = ("I have", "Tom has", "Anna has", "a boy has", "a girl has", "you have")


def _stories():
    """Sums told with things; the answer shows the sum, then says it of the things."""
    for first in range(2, 13):
        for second in range(2, 9):
            for index, things in enumerate(THINGS):
                who = PEOPLE[(first + second + index) % len(PEOPLE)]
                get, give = ("get", "give") if who in ("I have", "you have") else ("gets", "gives")
                total = first + second
                asks = (
                    f"{who} {first} {things} and {get} {second} more. How many {things} are there now?",
                    f"there are {first} {things} in one box and {second} in another. How many {things} are there?",
                    f"{first} {things} and {second} more {things}: how many {things} are there?",
                )
                yield Intent(
                    TOPIC,
                    "sum of things",
                    asks,
                    f"{first} + {second} = {total}. There are {total} {things}.",
                    frozenset((things,)),
                )
                if first - second < 2:
                    continue
                left = first - second
                asks = (
                    f"{who} {first} {things} and {give} {second} away. How many {things} are left?",
                    f"there are {first} {things} and we take {second} away. How many {things} are left?",
                    f"of {first} {things}, {second} are lost. How many {things} are left?",
                )
                yield Intent(
                    TOPIC,
                    "rest of things",
                    asks,
                    f"{first} - {second} = {left}. There are {left} {things} left.",
                    frozenset((things,)),
                )


INTENTS = tuple(_sums()) + tuple(_comparisons()) + tuple(_numbers()) + tuple(_counting()) + tuple(_stories())
