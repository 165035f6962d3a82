"""The text of Ember: the same from the same seed, without the questions of the test, true of Hearth's commands."""

import contextlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
import unittest.mock
from pathlib import Path

import commands
import generate
import topics
from grammar import a, expand, is_held_out, plain

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FILES = ("train.jsonl", "held_out.jsonl", "questions.jsonl")
SIZE_MB = 0.2
SEED = 7


def words_of(text):
    return re.findall(r"[a-z0-9]+|[^\sa-z0-9?!.,;:\"'`]", text.lower())


class GrammarTest(unittest.TestCase):
    def test_alternatives_nest_and_may_be_nothing(self):
        self.assertEqual(expand("a (b|c (d|e)|)?"), ("a b?", "a c d?", "a c e?", "a?"))

    def test_unbalanced_pattern_is_refused(self):
        for pattern in ("a (b", "a b)"):
            with self.assertRaises(ValueError):
                expand(pattern)

    def test_plain_text_has_neither_case_nor_punctuation(self):
        self.assertEqual(plain('Hi, Ember: what is "2.5 + 3"?'), "hi ember what is 2.5 + 3")

    def test_article_goes_by_the_first_letter(self):
        self.assertEqual((a("owl"), a("fox"), a("API key")), ("an owl", "a fox", "an API key"))

    def test_one_wording_in_eight_is_held_out_whatever_its_case(self):
        held = [n for n in range(8000) if is_held_out(SEED, f"what is {n}?")]
        self.assertLess(abs(len(held) - 1000), 120)
        self.assertTrue(all(is_held_out(SEED, f"WHAT IS {n}") for n in held))


class CommandsTest(unittest.TestCase):
    def source(self, path):
        return (ROOT / path).read_text(encoding="utf-8")

    def assert_defined(self, option, path):
        self.assertRegex(self.source(path), rf'[",]{option}[",]', f"{option} is not in {path}")

    def test_every_command_of_the_table_is_in_the_source(self):
        for command, (path, options) in commands.COMMANDS.items():
            for name in command.split():
                self.assertIn(f'"{name}"', self.source(path), f"hearth {command}")
            for option in options:
                self.assert_defined(option, path)

    def test_shared_options_of_the_table_are_in_the_source(self):
        parameters = self.source(commands.PARAMETERS_SOURCE)
        for option in commands.PARAMETERS - {"--stop"}:
            self.assertIn('"{}"'.format(option.removeprefix("--").replace("-", "_")), parameters)
        self.assert_defined("--stop", commands.PARAMETERS_SOURCE)
        for option in commands.CONSTRAINTS:
            self.assert_defined(option, commands.CONSTRAINTS_SOURCE)
        for option in commands.CACHE_TYPES | {"--num-thread", "--threads"}:
            self.assert_defined(option, commands.OPTIONS_SOURCE)
        for option in commands.COMMON:
            self.assert_defined(option, commands.COMMON_SOURCE)

    def test_every_command_of_the_program_is_in_the_table(self):
        declared = set()
        for path in (ROOT / "src/cli").rglob("*.cc"):
            declared |= set(re.findall(r'parser\.add_subcommand\(\s*"([a-z-]+)"', path.read_text(encoding="utf-8")))
        declared = {name for name in declared if not name.endswith("-process")} - {"create", "list"}
        self.assertGreater(len(declared), 20)
        self.assertEqual(declared - {command.split()[0] for command in commands.COMMANDS}, set())

    def test_every_command_in_an_answer_exists(self):
        problems = {intent.answer: commands.problems_of(intent.answer) for intent in topics.INTENTS}
        self.assertEqual({answer: found for answer, found in problems.items() if found}, {})
        self.assertGreater(sum("`hearth " in answer for answer in problems), 100)

    def test_wrong_commands_are_found(self):
        for answer in (
            "Use `hearth fetch NAME`.",
            "Use `hearth pull --colour NAME`.",
            "Use hearth pull NAME.",
            "Use `hearth --frobnicate`.",
            "Use `hearth key NAME`.",
            "Add `--frobnicate`.",
            "Use `rm -r`.",
        ):
            self.assertEqual(len(commands.problems_of(answer)), 1, answer)

    def test_presets_and_files_that_answers_name_are_there(self):
        presets = json.loads(self.source("CMakePresets.json"))
        self.assertIn("release", {preset["name"] for preset in presets["buildPresets"]})


class GeneratedTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.log = (cls.folder / "log").open("w+", encoding="utf-8")
        cls.addClassCleanup(cls.log.close)
        cls.elsewhere = subprocess.Popen(
            [
                sys.executable, "-B", HERE / "generate.py",
                f"--seed={SEED}", f"--size-mb={SIZE_MB}", f"--output={cls.folder / 'there'}",
            ],
            stdout=subprocess.DEVNULL,
            stderr=cls.log,
            env=os.environ | {"PYTHONHASHSEED": "12345"},
        )
        cls.addClassCleanup(cls.elsewhere.wait)
        generate.generate(cls.folder / "here", SEED, SIZE_MB * 1e6)
        read = {name: cls.lines(name) for name in FILES}
        cls.train = [line["messages"] for line in read["train.jsonl"]]
        cls.held_out = [line["messages"] for line in read["held_out.jsonl"]]
        cls.questions = read["questions.jsonl"]

    @classmethod
    def lines(cls, name):
        return [json.loads(line) for line in (cls.folder / "here" / name).read_text(encoding="ascii").splitlines()]

    def test_same_seed_gives_the_same_bytes_in_another_process(self):
        status = self.elsewhere.wait()
        self.log.seek(0)
        self.assertEqual((status, self.log.read()), (0, ""))
        for name in FILES:
            self.assertEqual(
                (self.folder / "here" / name).read_bytes(),
                (self.folder / "there" / name).read_bytes(),
                name,
            )

    def test_another_seed_gives_another_text(self):
        generate.generate(self.folder / "other", SEED + 1, 1e4)
        other = (self.folder / "other/train.jsonl").read_bytes()
        self.assertNotEqual(other, (self.folder / "here/train.jsonl").read_bytes()[: len(other)])

    def test_size_is_what_was_asked_for(self):
        size = sum(len(message["content"]) for messages in self.train for message in messages)
        self.assertLess(abs(size - SIZE_MB * 1e6), 5000)

    def test_conversations_have_their_shape(self):
        for messages in self.train + self.held_out:
            roles = "".join(message["role"][0] for message in messages)
            self.assertRegex(roles, "^(s?(ua)+|a)$")
            self.assertTrue(all(message["content"].strip() for message in messages), messages)

    def test_all_text_is_ascii_and_without_control_characters(self):
        for name in FILES:
            self.assertNotIn("\\u", (self.folder / "here" / name).read_text(encoding="ascii"))
        for messages in self.train + self.held_out:
            for message in messages:
                self.assertTrue(message["content"].isprintable(), message)

    def test_no_special_token_stands_in_the_text(self):
        special = json.loads((HERE / "special_tokens.json").read_text(encoding="ascii"))
        self.assertLessEqual({special["bos_token"], special["eos_token"]}, set(special["tokens"]))
        for name in FILES:
            text = (self.folder / "here" / name).read_text(encoding="ascii")
            self.assertEqual([token for token in special["tokens"] if token in text], [], name)

    def test_answers_are_short_but_for_stories(self):
        for messages in self.train + self.held_out:
            for message in messages:
                if message["role"] == "assistant" and len(message["content"]) > generate.LONGEST_ANSWER:
                    self.assertIn(len(message["content"].split()), range(60, 151), message)

    def test_there_are_500_different_questions_of_every_topic(self):
        self.assertEqual(len({question["question"] for question in self.questions}), 500)
        self.assertEqual({question["topic"] for question in self.questions}, set(topics.TOPICS))

    def test_no_question_stands_in_the_training_text(self):
        contents = [message["content"] for messages in self.train for message in messages]
        raw = "\n".join(contents)
        said = "\n".join(f" {' '.join(words_of(content))} " for content in contents)
        for question in self.questions:
            self.assertNotIn(question["question"], raw)
            self.assertNotIn(f" {' '.join(words_of(question['question']))} ", said)

    def test_held_out_stories_are_of_other_heroes_and_things(self):
        told = {messages[-1]["content"] for messages in self.train}
        stories = [messages for messages in self.held_out if len(messages[-1]["content"]) > generate.LONGEST_ANSWER]
        self.assertGreater(len(stories), 0)
        for messages in stories:
            self.assertNotIn(messages[-1]["content"], told)

    def test_sums_are_right(self):
        answers = [question["answer"] for question in self.questions]
        answers += [message["content"] for messages in self.train for message in messages]
        sums = re.findall(r"^(\d+) ([-+x]) (\d+) = (-?\d+)\.", "\n".join(answers), re.MULTILINE)
        self.assertGreater(len(sums), 100)
        for first, sign, second, result in sums:
            first, second = int(first), int(second)
            self.assertEqual(int(result), {"+": first + second, "-": first - second, "x": first * second}[sign])

    def test_no_wording_has_two_answers(self):
        generate.check_answers()

    def test_a_wording_with_two_answers_is_refused(self):
        intent = topics.INTENTS[0]
        twice = (intent,) + (intent.__class__("words", "twin", (intent.wordings[0].upper(),), "Another answer."),)
        with unittest.mock.patch.object(topics, "INTENTS", twice):
            with self.assertRaisesRegex(RuntimeError, "Another answer"):
                generate.check_answers()

    def test_a_size_out_of_range_is_a_usage_error(self):
        with unittest.mock.patch.object(sys, "argv", ["generate.py", "--output", "x", "--size-mb", "0"]):
            with contextlib.redirect_stderr(io.StringIO()) as told, self.assertRaises(SystemExit):
                generate.main()
        self.assertIn("expected a number from 0.01 to 1000, found 0", told.getvalue())


if __name__ == "__main__":
    unittest.main()
