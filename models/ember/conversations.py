"""Conversations: questions put one after another, sometimes below a system message, and stories."""

import itertools
from collections import Counter, defaultdict

import topics
from grammar import capitalised, expand, expand_all, is_held_out, plain, typed
from topics import small_talk, stories

SYSTEM_TEXTS = (
    "You are a helpful assistant.", "You are Ember, a small helpful assistant.",
    "You are Ember, the small model in Hearth.", "You are a friendly assistant. Answer briefly.",
    "Be brief and friendly.", "Answer in one sentence.", "You help people who use Hearth.",
    "You are a polite assistant.", "Answer the user's questions.", "You are a helpful, honest assistant.",
    "Keep your answers short.", "You are Ember. You run on the user's own machine.",
    "You are an assistant that answers questions about Hearth.",
)
NAME_SYSTEM_TEXTS = (
    "The user's name is {}.", "You talk to {}.", "You are a helpful assistant. The user's name is {}.",
    "The name of the user is {}.",
)
NAMES = (
    "Anna", "Tom", "Maria", "Peter", "Lucy", "David", "Sara", "Mark", "Julia", "Simon", "Eva", "Daniel", "Laura",
    "Adam", "Helen", "Robert", "Alice", "Martin", "Emily", "Michael", "Nina", "Chris", "Sofia", "James", "Olga",
    "John", "Kate", "Lukas", "Vera", "Henry", "Irene", "George", "Paula", "Victor", "Diana", "Oliver", "Lena",
    "Frank", "Monica", "Ali", "Fatima", "Chen", "Yuki", "Ivan", "Priya", "Omar", "Carla", "Pedro", "Ingrid", "Noah",
    "Mia", "Elias", "Zoe", "Ravi", "Amara", "Hannah", "Jonas", "Ella", "Karl", "Ruth",
)
MY_NAME = expand_all(
    [
        "my name is {}(.|)", "I am called {}(.|)", "(hi|hello|hey), (I am|I'm|my name is) {}(.|)",
        "you can call me {}(.|)", "(please |)call me {}(.|)", "I'm {}(.|)", "this is {}(.|)", "{} is my name(.|)",
    ],
)
ASK_NAME = expand_all(
    [
        "what is my name?", "do you (know|remember) my name?", "who am I?", "what am I called?", "say my name.",
        "what was my name( again|)?", "can you tell me my name?", "what did I say my name was?",
    ],
)
AGAIN = expand_all(
    [
        "(can you|could you|please) (say that again|repeat that)", "say that again(, please|)",
        "repeat that(, please|)", "once more(, please|)", "what did you say?", "pardon, what was that?",
        "I did not get that", "(please |)say it once more",
    ],
)
JOINTS = (
    "", "", "", "", "and ", "now ", "next question: ", "another question: ", "and another thing: ",
    "one more question: ", "ok, and ", "thanks. ", "fine. ", "also, ", "then ",
)

# What is asked about what was just spoken of: {what came before: ((wordings, the family that answers), ...)}.
MODEL_FOLLOW_UPS = (
    (["and how do I (remove|delete) it( again|)?", "how (do|can) I (get rid of|remove|delete) it( later|)?"], "rm"),
    (["and (then|) how do I run it?", "how (do|can) I (start|use|run) it (then|now|)?"], "run"),
    (["how (do|can) I (see|list) (all of them|what I have|all my models)?", "and how do I (list|see) them?"], "list"),
    (["how (do|can) I stop it?", "and how do I (stop|unload) it( again|)?"], "stop"),
    (["how (do|can) I update it( later|)?", "and how do I update it?"], "update"),
    (["where is it (stored|kept|saved)?", "and where is it (stored|kept|on my disk)?"], "where models are"),
    (["can I make it smaller?", "and how do I make it smaller?", "how can I (quantise|shrink) it?"], "quantise"),
    (["how (do|can) I (see its details|learn more about it)?", "and how do I see its details?"], "show"),
    (["how (do|can) I (verify it|see whether it is damaged)?", "and how do I check it( for damage|)?"], "verify"),
    (["how (do|can) I (copy|duplicate) it?", "and how do I give it another name?"], "cp"),
)
SERVER_FOLLOW_UPS = (
    (["on which port( is that|)?", "and which port (does it use|is it)?", "at which address?"], "port"),
    (["can I change (that|the port)?", "and how do I change the port?", "how do I use another one?"], "change port"),
    (["can (other machines|others|my phone) (use|reach) it?", "and how do other machines reach it?"], "lan"),
    (["which APIs does it (have|speak)?", "and which clients can use it?"], "apis"),
    (["do I need a key( for it| for that|)?", "and does it want a key?"], "need a key"),
    (["does it support TLS?", "and how do I encrypt it?"], "tls"),
)
KEY_FOLLOW_UPS = (
    (["how (do|can) I (see|list) them?", "and how do I list them?"], "key list"),
    (["how (do|can) I (revoke|delete) (it|one)( again|)?", "and how do I (revoke|end) it?"], "key revoke"),
    (["can it expire?", "and how do I make it expire?"], "key expiry"),
    (["can I limit it?", "and how do I limit it?"], "key limits"),
    (["which scopes does it have?", "and what may it do?"], "scopes"),
)
ABOUT_FOLLOW_UPS = (
    (["is it (free|open source)?", "and what does it cost?", "which licence does it have?"], "licence"),
    (["does it (work|run) offline?", "and does it need the internet?"], "offline"),
    (["does it send my data anywhere?", "and is my data safe with it?"], "privacy"),
    (["which models (can it run|does it run)?", "and which models does it support?"], "architectures"),
    (["which (language|programming language) is it written in?", "and what is it written in?"], "language"),
    (["which commands does it have?", "and how do I see its commands?"], "help"),
    (["does it run on (Windows|a Mac|Linux)?", "and on which systems does it run?"], "systems"),
)
FOLLOW_UPS = {
    "pull": MODEL_FOLLOW_UPS, "run": MODEL_FOLLOW_UPS, "create": MODEL_FOLLOW_UPS, "pull hf": MODEL_FOLLOW_UPS,
    "serve": SERVER_FOLLOW_UPS, "key create": KEY_FOLLOW_UPS, "what is hearth": ABOUT_FOLLOW_UPS,
}


class Writer:
    """Writes conversations from one source of chance; of held-out wordings and stories only, or of the others only."""

    def __init__(self, rng, seed, held_out):
        self.rng = rng
        self.seed = seed
        self.held_out = held_out
        self.split = Split(seed)
        self.asked = Counter()  # questions by (topic, family)
        self.kinds = Counter()  # conversations by kind
        self._families = defaultdict(lambda: defaultdict(list))
        self._by_family = {}
        for number, intent in enumerate(topics.INTENTS):
            self._families[intent.topic][intent.family].append(number)
            if intent.topic.startswith("hearth"):
                self._by_family[intent.family] = intent
        self._names = [name for name in NAMES if is_held_out(seed, name) == held_out]
        self._turns = {}
        self._topic_names = tuple(topics.TOPICS)
        self._topic_weights = list(itertools.accumulate(share for share, _ in topics.TOPICS.values()))
        self._family_choices = {}
        for topic in self._topic_names:
            families = list(self._families[topic]) + [family for at, family in topics.MADE if at == topic]
            weights = [topics.family_weight(topic, family, len(self._families[topic][family])) for family in families]
            self._family_choices[topic] = (families, list(itertools.accumulate(weights)))

    def _next_of(self, topic, family):
        """The family's intents in turn, so that all of them are asked equally often."""
        waiting = self._turns.setdefault((topic, family), [])
        if not waiting:
            waiting.extend(self._families[topic][family])
            self.rng.shuffle(waiting)
        return waiting.pop()

    def _wording(self, number):
        trained, held = self.split[number]
        return self.rng.choice(held if self.held_out and held else trained)

    def question(self, topic=None, family=None, begins=True):
        """(what is typed, the answer, the intent); a held-out wording if the intent has one and this writes of those"""
        rng = self.rng
        if topic is None:
            topic = rng.choices(self._topic_names, cum_weights=self._topic_weights)[0]
        if family is None:
            families, weights = self._family_choices[topic]
            family = rng.choices(families, cum_weights=weights)[0]
        self.asked[topic, family] += 1
        if (topic, family) in topics.MADE:
            # Of what is made anew each time, a part of what could be made is held out.
            while True:
                intent = topics.MADE[topic, family](rng)
                wording = rng.choice(intent.wordings)
                if is_held_out(self.seed, wording) == self.held_out:
                    return typed(rng, wording, intent, begins), intent.answer, intent
        number = self._next_of(topic, family)
        intent = topics.INTENTS[number]
        return typed(rng, self._wording(number), intent, begins), intent.answer, intent

    def families(self, topic):
        return self._family_choices[topic][0]

    def _typed_out_of(self, wordings, like):
        """One of a few fixed wordings, as typed; held-out conversations have these in common with the others."""
        return typed(self.rng, self.rng.choice(wordings), like)

    # Each of the following makes the turns of a conversation: [what is asked, what is answered, ...].

    def single(self):
        text, answer, _ = self.question()
        return [text, answer]

    def mixed(self):
        turns = []
        for turn in range(self.rng.choice((2, 2, 3))):
            text, answer, intent = self.question(begins=turn == 0)
            if turn and intent.adorned:
                joint = self.rng.choice(JOINTS)
                if joint and not text.startswith("I ") and not text.isupper():
                    text = capitalised(joint) + text[:1].lower() + text[1:]
            turns += [text, answer]
        return turns

    def follow_up(self):
        before = self.rng.choice(tuple(FOLLOW_UPS))
        intent = self._by_family[before]
        text, answer, _ = self.question(intent.topic, before)
        turns = [text, answer]
        for patterns, family in self.rng.sample(FOLLOW_UPS[before], self.rng.choice((1, 1, 2))):
            wording = self.rng.choice(expand(self.rng.choice(patterns)))
            turns += [typed(self.rng, wording, _PLAIN), self._by_family[family].answer]
            self.asked[self._by_family[family].topic, family] += 1
        return turns

    def closing(self):
        """A question, then thanks or a goodbye."""
        text, answer, _ = self.question()
        (last, reply, _) = self.question(
            "small talk",
            self.rng.choice(("thanks", "thanks", "thanks", "bye", "ok", "praise")),
        )
        return [text, answer, last, reply]

    def opening(self):
        """A greeting, then a question."""
        (first, reply, _) = self.question(
            "small talk",
            self.rng.choice(("hello", "hello", "good morning", "good evening", "how are you")),
        )
        text, answer, _ = self.question(begins=False)
        return [first, reply, text, answer]

    def again(self):
        text, answer, _ = self.question()
        return [text, answer, self._typed_out_of(AGAIN, _PLAIN), answer]

    def _name(self):
        return self.rng.choice(self._names)

    def naming(self):
        """The name that was told is known later in the conversation."""
        name = self._name()
        turns = [
            self._typed_out_of(MY_NAME, _PLAIN).replace("{}", name),
            f"Nice to meet you, {name}. What can I do for you?",
        ]
        if self.rng.random() < 0.4:
            text, answer, _ = self.question(begins=False)
            turns += [text, answer]
        if self.rng.random() < 0.8:
            turns += [self._typed_out_of(ASK_NAME, _PLAIN), f"Your name is {name}."]
        return turns

    def _is_usable_story(self, hero, thing):
        return is_held_out(self.seed, f"{hero} and {thing}") == self.held_out

    def story(self):
        hero, helper, thing, text = stories.tell(self.rng, is_usable=self._is_usable_story)
        turns = [typed(self.rng, stories.asked_for(self.rng, hero, helper, thing), _PLAIN), text]
        if self.rng.random() < 0.12:
            turns += [
                self._typed_out_of(expand_all(stories.MORE), _PLAIN),
                stories.tell(self.rng, is_usable=self._is_usable_story)[3],
            ]
        elif self.rng.random() < 0.06:
            last, reply, _ = self.question("small talk", self.rng.choice(("thanks", "praise")))
            turns += [last, reply]
        return turns

    def plain_story(self):
        """A story that nobody asked for: plain English to learn from."""
        return [None, stories.tell(self.rng, is_usable=self._is_usable_story)[3]]

    def conversation(self):
        """The messages of one conversation."""
        kind = self.rng.choices(tuple(KINDS), weights=KINDS.values())[0]
        self.kinds[kind] += 1
        turns = getattr(self, kind)()
        messages = []
        if kind != "plain_story" and self.rng.random() < 0.08:
            if kind in ("single", "mixed") and self.rng.random() < 0.25:
                name = self._name()
                messages.append({"role": "system", "content": self.rng.choice(NAME_SYSTEM_TEXTS).format(name)})
                known = [self._typed_out_of(ASK_NAME, _PLAIN), f"Your name is {name}."]
                turns = known + turns if kind == "mixed" else known
            else:
                messages.append({"role": "system", "content": self.rng.choice(SYSTEM_TEXTS)})
        for index, text in enumerate(turns):
            if text is not None:
                messages.append({"role": "assistant" if index % 2 else "user", "content": text})
        return messages


# How often there is a conversation of each kind.
KINDS = {
    "single": 700, "mixed": 150, "follow_up": 45, "closing": 20, "opening": 20, "again": 15, "naming": 20,
    "story": 34, "plain_story": 10,
}

# Typed like an intent without a greeting.
_PLAIN = next(intent for intent in small_talk.INTENTS if not intent.adorned)


class Split(dict):
    """One wording in eight of each intent is held out: {number of the intent: (those to train on, those held out)}."""

    def __init__(self, seed):
        super().__init__()
        self._seed = seed

    def __missing__(self, number):
        wordings = topics.INTENTS[number].wordings
        held = [wording for wording in wordings if plain(wording) and is_held_out(self._seed, wording)]
        away = set(held)
        trained = [wording for wording in wordings if wording not in away]
        # An intent of a few wordings may have all of them held out by chance: then it is trained on them.
        self[number] = (trained, held) if trained else (held, [])
        return self[number]
