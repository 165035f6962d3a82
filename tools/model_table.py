#!/usr/bin/env python3
"""Writes the measured part of docs/models.md from the results of model_golden_test.

    model_golden_test --gtest_filter='*EveryArchitecture*' --gtest_output=xml:RESULTS.xml
    model_table.py RESULTS.xml docs/models.md

The test records mean_kl_MODEL and max_kl_MODEL once for each kernel set that the machine runs. What stands between
the two markers of the page is replaced by a table of them.
"""

import sys
import xml.etree.ElementTree as ElementTree

BEGIN = "<!-- measured: begin -->\n"
END = "<!-- measured: end -->\n"
MEAN, MAX = "mean_kl_", "max_kl_"


def read_divergences(path):
    """{model: {kernel set: (mean, max)}}, of the models that have both, in the order of the file."""
    models = {}
    for case in ElementTree.parse(path).iter("testcase"):
        kernels = case.get("name").rsplit("/", 1)[-1]
        figures = {p.get("name"): p.get("value") for p in case.iter("property")}
        for name, mean in figures.items():
            model = name.removeprefix(MEAN)
            if name.startswith(MEAN) and MAX + model in figures:
                models.setdefault(model, {})[kernels] = (mean, figures[MAX + model])
    return models


def table(models):
    """A row a model; of the kernel sets the first and the last, which are the oracle and the fastest."""
    sets = list(next(iter(models.values())))
    shown = [sets[0], sets[-1]]
    lines = ["| model | " + " | ".join(f"mean, {s} | max, {s}" for s in shown) + " |", "|---|" + "---|" * 2 * len(shown)]
    for model, by_set in sorted(models.items()):
        lines.append(f"| {model} | " + " | ".join(f"{by_set[s][0]} | {by_set[s][1]}" for s in shown) + " |")
    return "\n".join(lines) + "\n"


def main(arguments):
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    results, page = arguments
    models = read_divergences(results)
    if not models:
        print(f"{results}: expected properties {MEAN}MODEL and {MAX}MODEL, found none", file=sys.stderr)
        return 1
    with open(page, encoding="utf-8") as file:
        text = file.read()
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        print(f"{page}: expected one pair of markers, {BEGIN.strip()} and {END.strip()}", file=sys.stderr)
        return 1
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    with open(page, "w", encoding="utf-8") as file:
        file.write(before + BEGIN + table(models) + END + after)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
