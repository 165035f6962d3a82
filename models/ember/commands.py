"""The commands and options that answers may name, and the source that defines each.

generate_test.py compares this table with the source, and every command in an answer with this table.
"""

import re
import shlex

# Options that every command has.
COMMON = {"--help", "--quiet", "--version"}
COMMON_SOURCE = "src/cli/command_line.cc"

# "command": (source file, options). A nested command has its parent before it. Options of `hearth run` whose name is
# a sampling parameter are made from that name in PARAMETERS_SOURCE, with "-" for "_".
PARAMETERS_SOURCE = "src/cli/parameters.cc"
PARAMETERS = {"--temperature", "--seed", "--num-predict", "--num-ctx", "--num-thread", "--top-k", "--top-p", "--stop"}
CACHE_TYPES = {"--cache-type-k", "--cache-type-v"}  # src/cli/options.cc
OPTIONS_SOURCE = "src/cli/options.cc"
CONSTRAINTS = {"--schema", "--grammar", "--regex", "--format"}  # src/cli/constraint.cc
CONSTRAINTS_SOURCE = "src/cli/constraint.cc"

OTHER_PROGRAMS = ("cmake --preset release", "cmake --build --preset release")

COMMANDS = {
    "run": ("src/cli/run.cc", {"--adapter", "--system", "--raw", "--verbose", "--json", "--template", "--chat-option"}),
    "serve": (
        "src/cli/serve.cc",
        {
            "--models", "--host", "--port", "--context", "--parallel", "--max-models", "--memory", "--keep-alive",
            "--tls-cert", "--tls-key", "--allow-host", "--allow-origin", "--require-key", "--share-models", "--no-audit",
            "--verify-key", "--offline", "--ca-file", "--limit-rate",
        },
    ),
    "pull": ("src/cli/client/transfer.cc", {"--from", "--insecure", "--json"}),
    "push": ("src/cli/client/transfer.cc", {"--insecure", "--json"}),
    "list": ("src/cli/client/list.cc", {"--json"}),
    "show": (
        "src/cli/client/show.cc",
        {"--modelfile", "--template", "--system", "--license", "--parameters", "--json"},
    ),
    "ps": ("src/cli/client/ps.cc", {"--json"}),
    "stop": ("src/cli/client/stop.cc", {"--json"}),
    "cp": ("src/cli/client/copy_remove.cc", {"--json"}),
    "rm": ("src/cli/client/copy_remove.cc", {"--json"}),
    "create": ("src/cli/create.cc", {"-f", "--copy", "--quantize", "--models", "--json"}),
    "history": ("src/cli/history.cc", {"--json"}),
    "rollback": ("src/cli/history.cc", {"--json"}),
    "diff": ("src/cli/diff.cc", {"--content", "--json"}),
    "sign": ("src/cli/sign.cc", {"--key", "--new-key", "--json"}),
    "export": ("src/cli/archive.cc", {"-o", "--force", "--json"}),
    "import": ("src/cli/archive.cc", {"--name", "--verify-key", "--json"}),
    "verify": ("src/cli/verify.cc", {"--verify-key", "--json"}),
    "gc": ("src/cli/gc.cc", {"--dry-run", "--min-age", "--keep-versions", "--json"}),
    "key create": ("src/cli/key.cc", {"--scope", "--expires", "--requests-per-minute", "--tokens-per-day", "--json"}),
    "key list": ("src/cli/key.cc", {"--json"}),
    "key revoke": ("src/cli/key.cc", {"--json"}),
    "key usage": ("src/cli/key.cc", {"--json"}),
    "audit verify": ("src/cli/audit.cc", {"--expect", "--json"}),
    "embed": ("src/cli/embed.cc", {"--json"}),
    "inspect": ("src/cli/inspect.cc", {"--context", "--json"}),
    "tokenize": ("src/cli/tokenize.cc", {"--file", "--json"}),
    "render": ("src/cli/render.cc", {"--context", "--json"}),
    "bench": ("src/cli/bench.cc", {"--prompt", "--gen", "--batch", "--json"}),
    "perplexity": ("src/cli/perplexity.cc", {"--context", "--json"}),
    "logits": ("src/cli/logits.cc", {"--tokens", "--out", "--json"}),
    "quantize": ("src/cli/quantize.cc", {"--type", "--force", "--allow-requantize", "--verbose", "--json"}),
    "train": ("src/cli/train.cc", {"--json"}),
    "finetune": (
        "src/cli/finetune.cc",
        {
            "--data", "--held-out", "--loss-on", "--output", "--rank", "--alpha", "--rslora", "--targets", "--steps",
            "--epochs", "--learning-rate", "--sequences", "--sequence-tokens", "--json",
        },
    ),
    "distill": ("src/cli/distill.cc", {"--weight", "--temperature", "--answers", "--json"}),
    "merge": ("src/cli/merge.cc", {"--type", "--force", "--json"}),
    "tokenizer train": (
        "src/cli/tokenizer.cc",
        {"--vocabulary", "--output", "--pre", "--special", "--bos", "--eos", "--chat-template", "--force", "--json"},
    ),
    "hardware": ("src/cli/hardware.cc", {"--json"}),
    "completion": ("src/cli/completion.cc", set()),
    "help": ("src/cli/command_line.cc", set()),
}


_SPAN = re.compile(r"`([^`]*)`")


def problems_of(answer):
    """What is wrong with the commands in an answer, a text each. Commands stand in backticks, and nothing else does."""
    names = "|".join(sorted({command.split()[0] for command in COMMANDS}))
    bare = re.findall(rf"\bhearth (?:{names})\b", _SPAN.sub("", answer))
    problems = [f"'{command}' outside of backticks" for command in bare]
    for span in _SPAN.findall(answer):
        words = shlex.split(re.sub(r"[<>|].*", "", span))
        if words[0] == "hearth":
            problems += _problems_of_command(words[1:])
        elif words[0].startswith("--"):
            known = set().union(*map(options_of, COMMANDS))
            unknown = [word for word in words if word.startswith("-") and word not in known]
            problems += [f"no command has the option {word}" for word in unknown]
        elif span not in OTHER_PROGRAMS:
            problems.append(f"'{span}' is no command of hearth")
    return problems


def _problems_of_command(words):
    options = [word for word in words if word.startswith("-") and word != "-"]
    if words[0].startswith("-"):
        return [f"hearth has no option {option}" for option in options if option not in COMMON]
    command = next((" ".join(words[:length]) for length in (2, 1) if " ".join(words[:length]) in COMMANDS), None)
    if command is None:
        return [f"there is no command '{' '.join(words[:2])}'"]
    return [f"hearth {command} has no option {option}" for option in options if option not in options_of(command)]


def options_of(command):
    """Every option that `hearth COMMAND` takes in an answer."""
    options = COMMANDS[command][1] | COMMON
    if command == "run":
        options = options | PARAMETERS | CONSTRAINTS | CACHE_TYPES
    if command == "serve":
        options = options | CACHE_TYPES | {"--num-thread"}
    if command in ("bench", "perplexity", "embed"):
        options = options | {"--num-thread"}
    if command in ("quantize", "train", "distill", "finetune", "merge"):
        options = options | {"--threads"}
    return options
