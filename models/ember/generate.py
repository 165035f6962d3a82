#!/usr/bin/env python3
"""Writes the text that Ember is trained on, and questions to test it with.

    models/ember/generate.py --output FOLDER [--seed N] [--size-mb MB]

FOLDER gets train.jsonl, held_out.jsonl and questions.jsonl, which README.md describes. The same seed and size give the
same bytes. Before it ends it makes sure that no question stands in the training text.
"""

import argparse
import json
import random
import re
from collections import Counter
from pathlib import Path

import topics
from conversations import Writer
from grammar import plain

DEFAULT_SIZE_MB = 12.0
HELD_OUT_SHARE = 0.04
LONGEST_ANSWER = 400  # characters, but for stories


def write_conversations(writer, path, size_bytes):
    """Conversations until their contents have `size_bytes`; returns them all."""
    conversations = []
    written = 0
    with path.open("w", encoding="ascii") as file:
        while written < size_bytes:
            messages = writer.conversation()
            conversations.append(messages)
            written += sum(len(message["content"]) for message in messages)
            file.write(json.dumps({"messages": messages}, separators=(",", ":")) + "\n")
    return conversations


def searchable(conversations):
    """All that is said in them, without case and punctuation, between line ends and spaces."""
    return "\n".join(f" {plain(message['content'])} " for messages in conversations for message in messages)


def make_questions(writer, trained_text, trained_raw):
    """Questions in wordings that are held out, as many of each topic as topics.TOPICS says.

    Each of its families has a turn, and then they come as often as in training.
    """
    questions = []
    seen = set()
    for topic, (_, wanted) in topics.TOPICS.items():
        families = writer.families(topic)
        found = 0
        for attempt in range(wanted * 200):
            if found == wanted:
                break
            text, answer, _ = writer.question(topic, families[attempt] if attempt < len(families) else None)
            key = plain(text)
            if not key or key in seen or f" {key} " in trained_text or text in trained_raw:
                continue
            seen.add(key)
            questions.append({"question": text, "answer": answer, "topic": topic})
            found += 1
        if found < wanted:
            raise RuntimeError(f"topic {topic}: expected {wanted} questions that training does not have, found {found}")
    return questions


def check_answers():
    """No wording may have two answers: exact comparison would be chance then."""
    answers = {}
    for intent in topics.INTENTS:
        for wording in intent.wordings:
            key = plain(wording) or wording
            if answers.setdefault(key, intent.answer) != intent.answer:
                raise RuntimeError(f"{wording!r} is answered {answers[key]!r} and {intent.answer!r}")
        if len(intent.answer) > LONGEST_ANSWER:
            raise RuntimeError(f"the answer of {intent.family!r} has {len(intent.answer)} characters")


def report(writer, conversations, questions):
    contents = [message["content"] for messages in conversations for message in messages]
    asked = {message["content"] for messages in conversations for message in messages if message["role"] == "user"}
    words = Counter(word for text in contents for word in re.findall(r"[a-z']+", text.lower()))
    n_asked = sum(message["role"] == "user" for messages in conversations for message in messages)
    n_frequent = sum(count >= 20 for count in words.values())
    by_topic = Counter()
    for (topic, _), count in writer.asked.items():
        by_topic[topic] += count
    lines = [
        f"{sum(map(len, contents)):,} bytes of text in {len(conversations):,} conversations",
        f"{n_asked:,} user messages, {len(asked):,} of them different",
        f"{len(words):,} different words, {n_frequent:,} of them twenty times and more",
        "conversations: " + ", ".join(f"{kind} {count:,}" for kind, count in writer.kinds.most_common()),
        "questions in training, by topic:",
    ]
    tested = Counter(question["topic"] for question in questions)
    for topic in topics.TOPICS:
        families = [(count, family) for (at, family), count in writer.asked.items() if at == topic]
        fewest, rarest = min(families, default=(0, "none"))
        intents = sum(intent.topic == topic for intent in topics.INTENTS)
        lines.append(
            f"  {topic:<14} {by_topic[topic]:>7,}  {intents:>5,} intents; rarest family: {rarest} ({fewest:,}); "
            f"{tested[topic]} test questions"
        )
    return "\n".join(lines)


def generate(folder, seed, size_bytes):
    """Writes the three files, and returns what there is to say of them."""
    folder.mkdir(parents=True, exist_ok=True)
    writer = Writer(random.Random(f"train {seed}"), seed, False)
    conversations = write_conversations(writer, folder / "train.jsonl", size_bytes)
    held_out = Writer(random.Random(f"held out {seed}"), seed, True)
    write_conversations(held_out, folder / "held_out.jsonl", size_bytes * HELD_OUT_SHARE)
    raw = "\n".join(message["content"] for messages in conversations for message in messages)
    asker = Writer(random.Random(f"questions {seed}"), seed, True)
    questions = make_questions(asker, searchable(conversations), raw)
    with (folder / "questions.jsonl").open("w", encoding="ascii") as file:
        for question in questions:
            file.write(json.dumps(question) + "\n")
    return report(writer, conversations, questions)


def main():
    parser = argparse.ArgumentParser(description="Writes the text that Ember is trained on.")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="where the files go")
    parser.add_argument("--seed", type=int, default=1, help="another seed gives another text (default: 1)")
    parser.add_argument(
        "--size-mb",
        type=float,
        default=DEFAULT_SIZE_MB,
        help=f"megabytes of training text (default: {DEFAULT_SIZE_MB:g})",
    )
    options = parser.parse_args()
    if not 0.01 <= options.size_mb <= 1000:
        parser.error(f"--size-mb: expected a number from 0.01 to 1000, found {options.size_mb:g}")
    check_answers()
    print(generate(options.output, options.seed, options.size_mb * 1e6))


if __name__ == "__main__":
    main()
