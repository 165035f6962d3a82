#!/usr/bin/env python3
"""How many of its questions a model answers in exactly the words that are right, greedily, one process a question.

    models/ember/measure.py HEARTH MODEL QUESTIONS [--wrong]

Prints a line for each topic, all of them, and the median time of a whole answer from the start of its process.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

LONGEST_ANSWER = 200  # tokens


def ask(hearth, model, question):
    """The answer, and the seconds that it took."""
    command = [hearth, "run", model, question, "--json", "--temperature", "0", "--num-predict", str(LONGEST_ANSWER)]
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    seconds = time.monotonic() - began
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stderr.strip()}")
    return json.loads(done.stdout)["response"], seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hearth", metavar="HEARTH", help="the program")
    parser.add_argument("model", metavar="MODEL", help="a GGUF file")
    parser.add_argument("questions", metavar="QUESTIONS", type=Path, help="lines of question, answer and topic")
    parser.add_argument("--wrong", action="store_true", help="print what was answered wrongly")
    options = parser.parse_args()

    questions = [json.loads(line) for line in options.questions.read_text(encoding="utf-8").splitlines()]
    with ThreadPoolExecutor(max(1, (os.cpu_count() or 2) // 2)) as threads:
        answers = list(threads.map(lambda question: ask(options.hearth, options.model, question["question"]), questions))
    asked, right = Counter(), Counter()
    for question, (answer, _) in zip(questions, answers):
        asked[question["topic"]] += 1
        if answer.strip() == question["answer"]:
            right[question["topic"]] += 1
        elif options.wrong:
            print(f"{question['question']!r}\n  expected {question['answer']!r}\n  found    {answer!r}")
    for topic, n in asked.items():
        print(f"{topic:<14} {right[topic]:>4} of {n:>4}")
    n_right = sum(right.values())
    seconds = statistics.median(seconds for _, seconds in answers)
    print(f"{'all':<14} {n_right:>4} of {len(questions):>4}: {100 * n_right / len(questions):.1f} %")
    print(f"median of whole answers: {seconds:.2f} s")


if __name__ == "__main__":
    main()
