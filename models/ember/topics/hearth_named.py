"""Questions that name a model: the answer has the same name in its command."""

from grammar import Intent, expand_all

TOPIC = "hearth named"

# Of Ollama's registry, each of an architecture that Hearth runs.
MODELS = (
    "qwen3", "qwen2.5", "llama3.1", "llama3.2", "gemma2", "gemma3", "mistral", "mixtral", "phi3", "phi4",
    "deepseek-r1", "smollm2", "tinyllama", "granite3.3", "olmo2", "gpt-oss", "starcoder2", "command-r",
)

# (what it is called, its wordings, the answer)
ASKED = (
    (
        "named pull",
        [
            "(how do I|how can I|how to) (pull|download|fetch|get|install) {m}?", "(pull|download|fetch|get) {m}.",
            "I want to (pull|download|get) {m}.", "tell me how to (pull|download|get) {m}.",
            "can you (pull|download|get) {m}( for me|)?",
        ],
        "Use `hearth pull {m}` while `hearth serve` runs.",
    ),
    (
        "named run",
        [
            "(how do I|how can I|how to) (run|start|use|try|chat with|talk to) {m}?", "(run|start) {m}.",
            "I want to (run|use|try|talk to) {m}.", "tell me how to (run|use|try) {m}.", "can I (run|use|try) {m}?",
        ],
        "Use `hearth run {m}` while `hearth serve` runs. It is pulled first if it is not there.",
    ),
    (
        "named rm",
        [
            "(how do I|how can I|how to) (remove|delete|get rid of|uninstall) {m}?", "(remove|delete|uninstall) {m}.",
            "I want to (remove|delete|get rid of) {m}.", "tell me how to (remove|delete) {m}.",
        ],
        "Use `hearth rm {m}`.",
    ),
    (
        "named show",
        [
            "(how do I|how can I|how to) (see the details of|look at|learn more about) {m}?",
            "show me (the details of|information about) {m}.", "I want to see the details of {m}.",
            "tell me how to (look at|learn more about) {m}.",
        ],
        "Use `hearth show {m}`.",
    ),
    (
        "named stop",
        [
            "(how do I|how can I|how to) (stop|unload) {m}?", "(stop|unload) {m}.", "I want to (stop|unload) {m}.",
            "(how do I|how can I) take {m} out of memory?", "tell me how to (stop|unload) {m}.",
        ],
        "Use `hearth stop {m}`.",
    ),
    (
        "named verify",
        [
            "(how do I|how can I|how to) (verify|check) {m}?", "(verify|check) {m}( for damage|).",
            "(how do I|how can I) see whether {m} is (damaged|intact)?", "I want to (verify|check) {m}.",
        ],
        "Use `hearth verify {m}`.",
    ),
    (
        "named rollback",
        [
            "(how do I|how can I|how to) (roll back {m}|roll {m} back|go back to the former version of {m})?",
            "roll back {m}.", "undo the update of {m}.", "I want the former version of {m}.",
        ],
        "Use `hearth rollback {m}`.",
    ),
    (
        "named export",
        [
            "(how do I|how can I|how to) (export {m}|write {m} to (one|a) file|save {m} as a file)?", "export {m}.",
            "I want to export {m}.", "tell me how to export {m}.",
        ],
        "Use `hearth export {m} -o FILE`.",
    ),
)

INTENTS = tuple(
    Intent(
        TOPIC,
        family,
        expand_all(pattern.replace("{m}", model) for pattern in patterns),
        answer.format(m=model),
        frozenset([model]),
    )
    for family, patterns, answer in ASKED
    for model in MODELS
)
