"""What Hearth is; its server, keys and privacy; and the commands that look into models and machines."""

from grammar import asked, how_to

TOPIC = "hearth server"


def _how(family, doing, answer, also=()):
    return how_to(TOPIC, family, doing, answer, also)


def _asked(family, patterns, answer, clauses):
    return asked(TOPIC, family, patterns, answer, clauses=clauses)


ABOUT = (
    _asked(
        "what is hearth",
        [
            "what is Hearth?", "what does Hearth do?", "what is Hearth for?",
            "what (kind|sort) of (program|thing) is Hearth?", "tell me (about|what you know about) Hearth.",
            "explain (Hearth|what Hearth is).", "describe Hearth.",
            "what (can|could) I (do with Hearth|use Hearth for)?", "what (can|could) Hearth do( for me|)?",
        ],
        "Hearth is a program that runs and serves language models on your own hardware.",
        ["what Hearth (is|does)", "what Hearth is for"],
    ),
    _asked(
        "privacy",
        [
            "does (my |)(data|text) leave (the|this|my) (machine|computer)?",
            "is my data (private|safe)( with Hearth|)?",
            "does Hearth send (my |)(data|prompts|anything) (anywhere|to the cloud|to anyone|over the internet)?",
            "(are|do) my prompts (sent|go) (anywhere|to the cloud|to a server)?",
            "who (sees|can see|reads) (my|what I) (prompts|type|write)?",
            "does Hearth (spy on me|phone home|collect data)?", "is anything sent (to the cloud|over the internet)?",
        ],
        "Your data stays on your machine. Hearth connects only to the server that you name, and to where you pull from or push to.",
        [
            "whether my (data|prompts) (stay|stays) here", "where my data goes",
            "whether Hearth sends (my |)data anywhere",
        ],
    ),
    _asked(
        "offline",
        [
            "does Hearth (work|run) (offline|without (the |)internet|without a network)?",
            "can I use Hearth (offline|without (the |)internet)?", "do I need (the |)internet( to use Hearth|)?",
            "does Hearth need (the |)(internet|network)?",
        ],
        "Hearth works offline. It needs a network only to pull or push models.",
        ["whether Hearth (works|runs) (offline|without internet)", "whether I need (the |)internet"],
    ),
    _how(
        "forbid pulls",
        [
            "forbid pulls", "make the server stay offline", "stop the server from pulling (models|anything)",
            "run the server offline",
        ],
        "Start it with `hearth serve --offline`: it then pulls and pushes nothing.",
    ),
    _asked(
        "formats",
        [
            "(which|what) (formats|file formats|model formats|model files|files) (does Hearth (read|support|run|take)|can Hearth (read|run))?",
            "(which|what) (kind|kinds) of (model |)files (does|can) Hearth (run|read|take)?",
        ],
        "GGUF files, and Hugging Face folders with safetensors.",
        ["(which|what) (formats|files|model files) Hearth (reads|runs)"],
    ),
    _asked(
        "pickle",
        [
            "(does|can) Hearth (run|load|read) (pickled weights|pickle files|pytorch bin files)?",
            "are (pickled weights|pickle files) (supported|allowed)?",
        ],
        "No. Hearth refuses pickled weights; use GGUF files or safetensors.",
        ["whether Hearth (reads|loads) pickled weights", "what Hearth does with pickle files"],
    ),
    _asked(
        "architectures",
        [
            "(which|what) models (does Hearth (run|support)|can Hearth run)?",
            "(which|what) (architectures|model families) (does Hearth (know|support)|are supported)?",
            "can Hearth run (Llama|Qwen|Gemma|Mistral|Phi|DeepSeek)( models|)?",
        ],
        "Llama, Mistral, Qwen, Gemma, Phi, DeepSeek and others. `hearth inspect FILE` says whether a file runs.",
        ["(which|what) (models|architectures) Hearth (runs|supports|knows)"],
    ),
    _asked(
        "licence",
        [
            "(what|which) is the licence of Hearth?", "under (which|what) licence is Hearth?",
            "is Hearth (free|open source|free software)?", "what does Hearth cost?",
            "may I use Hearth (for free|at work|in my company)?",
        ],
        "Hearth is free software under the Apache License 2.0.",
        ["(which|what) licence Hearth has", "whether Hearth is (free|open source)", "what Hearth costs"],
    ),
    _asked(
        "language",
        [
            "(what|which) (language|programming language) is Hearth written in?",
            "in (which|what) (language|programming language) is Hearth (written|programmed)?",
            "is Hearth written in (C++|Rust|Go|Python)?",
        ],
        "Hearth is written in C++20.",
        ["(which|what) language Hearth is written in", "in what Hearth is written"],
    ),
    _asked(
        "systems",
        [
            "(does|can) (Hearth|it) run on (Windows|macOS|Mac|Linux|my system)?",
            "(which|what) (systems|operating systems) does Hearth (run on|support)?",
            "on (which|what) (system|operating system|systems) does Hearth run?",
        ],
        "Hearth is tested on Linux only.",
        ["on (which|what) systems Hearth runs", "whether Hearth runs on (Windows|Linux|a Mac)"],
    ),
    _asked(
        "name",
        [
            "what does the (name|word) Hearth mean?", "why is (it|Hearth|this program) called (Hearth|that)?",
            "what is a hearth?", "where does the (name|word) Hearth come from?",
            "what is the meaning of (Hearth|the name Hearth)?",
        ],
        "A hearth is the place in a house where the fire burns.",
        [
            "what the name Hearth means", "why it is called Hearth", "where the name Hearth comes from",
            "what a hearth is",
        ],
    ),
    _how(
        "help",
        [
            "get help", "see (all|the) commands", "list the commands( of Hearth|)", "find out what a command does",
            "see what Hearth can do",
        ],
        "Use `hearth help`, or `hearth help COMMAND` for one command.",
        ["(which|what) commands (are there|does Hearth have)?"],
    ),
    _how(
        "version",
        ["see the version( of Hearth|)", "find out which version I have", "print the version( of Hearth|)"],
        "Use `hearth --version`.",
        ["(which|what) version (of Hearth |)(is this|do I have)?"],
    ),
    _how(
        "json output",
        [
            "get (output|results) for (scripts|programs)", "use Hearth in a script",
            "get the output of a command as JSON",
        ],
        "Add `--json`: every command that prints a result then prints JSON.",
    ),
    _how(
        "quiet",
        ["make Hearth quiet", "hide (progress|notes|the progress)", "switch off notes and progress"],
        "Add `--quiet`: there are then no notes and no progress.",
    ),
    _how(
        "completion",
        [
            "complete (commands|command lines) in (bash|my shell)", "get (shell|bash|tab) completion",
            "set up completion",
        ],
        "Use `hearth completion bash`, or zsh or fish, which prints a script for your shell.",
    ),
    _how(
        "build",
        ["build Hearth( from source|)", "compile Hearth"],
        "Run `cmake --preset release`, then `cmake --build --preset release`.",
    ),
)

SERVING = (
    _how(
        "serve",
        [
            "start the server", "serve (models|a model)", "run the server", "start a server( for my models|)",
            "make models available to programs", "start Hearth as a server",
        ],
        "Use `hearth serve`. It answers at http://127.0.0.1:11434.",
        ["what does hearth serve do?", "what is hearth serve for?"],
    ),
    _asked(
        "port",
        [
            "(which|what) port does (Hearth|the server|hearth serve) (use|listen on|run on)?",
            "(what|which) is the port of (the server|Hearth)?",
            "on (which|what) port (is|does) the server( listen| run|)?", "what is the address of the server?",
            "where is the server?", "(at|on) (which|what) address does (Hearth|the server) (answer|listen)?",
            "what is the URL of the server?",
        ],
        "The server answers at http://127.0.0.1:11434.",
        ["(which|what) port the server uses", "at which address the server answers", "where the server (is|listens)"],
    ),
    _how(
        "change port",
        [
            "change the port( of the server|)", "use another port", "serve on (another port|port 8080)",
            "run the server on another port",
        ],
        "Use `hearth serve --port N`, for example `hearth serve --port 8080`.",
    ),
    _asked(
        "apis",
        [
            "(which|what) APIs (does (Hearth|the server) (speak|serve|have|support)|are (served|there|supported))?",
            "(is|does) Hearth (compatible with|support|speak) (OpenAI|Ollama|Anthropic|the OpenAI API|Ollama's API|the Anthropic API)?",
            "(can|do) (OpenAI|Ollama|Anthropic) clients (use|work with) Hearth?",
            "(which|what) clients can (use|talk to) (Hearth|the server)?",
        ],
        "Those of Ollama, OpenAI and Anthropic, all at the same address.",
        ["(which|what) APIs (Hearth|the server) (speaks|serves|has)", "which clients can use Hearth"],
    ),
    _how(
        "openai client",
        [
            "use Hearth with an OpenAI client", "connect an OpenAI client", "point the OpenAI library at Hearth",
            "use the OpenAI API of Hearth",
        ],
        "Give the client the base URL http://127.0.0.1:11434/v1.",
        ["what is the base URL for OpenAI( clients|)?"],
    ),
    _asked(
        "tools",
        [
            "(can|does) Hearth (do|support) (tool calls|tools|function calling)?",
            "are (tool calls|tools) supported?", "is function calling supported?",
            "can models call (tools|functions)( with Hearth|)?",
        ],
        "Yes. Tools are called in all three APIs, with arguments that are valid against their schemas.",
        ["whether Hearth (supports|does) (tools|tool calls|function calling)"],
    ),
    _how(
        "lan",
        [
            "let other machines (use|reach) the server", "allow other machines to use the server",
            "serve (to|for) my network", "reach the server from another (machine|computer)",
            "open the server to (the|my) network", "share the server with (others|my team)",
        ],
        "Use `hearth serve --host 0.0.0.0 --tls-cert FILE --tls-key FILE`, and make each user a key with `hearth key create NAME`.",
    ),
    _how(
        "tls",
        [
            "use TLS", "use HTTPS", "encrypt (the connection|connections) to the server",
            "give the server a certificate",
        ],
        "Use `hearth serve --tls-cert FILE --tls-key FILE`.",
    ),
    _how(
        "allow host",
        ["allow another (name|host name) of the server", "let the server be called by another name"],
        "Use `hearth serve --allow-host NAME`.",
    ),
    _how(
        "allow origin",
        ["allow a web page to use the server", "let a (web page|website) use the server", "set an allowed origin"],
        "Use `hearth serve --allow-origin URL`.",
    ),
    _how(
        "remote server",
        [
            "use a server on another machine", "connect to (another|a remote) server",
            "tell Hearth which server to use", "choose the server that commands talk to",
        ],
        "Set HEARTH_HOST to its address, and HEARTH_API_KEY to your key for it.",
    ),
    _asked(
        "no server",
        [
            "what does no server at http://127.0.0.1:11434 mean?", "why does it say (that there is |)no server?",
            "(hearth list|hearth pull|the command) says (that there is |)no server( at 127.0.0.1:11434|).",
        ],
        "No server is running. Start one with `hearth serve`.",
        ["what no server means", "why (it says|there is) no server", "what to do when there is no server"],
    ),
    _how(
        "server context",
        [
            "set the context of the server", "give the server a (larger|longer|bigger) context",
            "change the context length of the server",
        ],
        "Use `hearth serve --context N`. The default is 8192 tokens, or what the model was trained for.",
    ),
    _how(
        "parallel",
        [
            "answer (more|several) requests at once", "set how many answers a model works on( at once|)",
            "serve several users at once",
        ],
        "Use `hearth serve --parallel N`. The default is 8 answers at once of each model.",
    ),
    _how(
        "max models",
        [
            "load (several|more) models at once", "set how many models are loaded( at once|)",
            "limit the number of loaded models",
        ],
        "Use `hearth serve --max-models N`. The default is 3.",
    ),
    _how(
        "memory limit",
        ["limit the memory of the server", "set how much memory models may take", "make the server use less memory"],
        "Use `hearth serve --memory N`: all models together then take at most N GiB.",
    ),
    _how(
        "keep alive",
        ["keep a model (loaded|in memory)", "set how long a model stays loaded", "stop a model from being unloaded"],
        "Use `hearth serve --keep-alive 1h`. The default is 5m after the last request.",
        ["how long does a model stay (loaded|in memory)?"],
    ),
    _how(
        "health",
        ["check whether the server is (healthy|up|alive)", "check the health of the server"],
        "Ask for http://127.0.0.1:11434/health.",
    ),
    _how(
        "metrics",
        ["get metrics( of the server|)", "watch the server with Prometheus", "monitor the server"],
        "Ask for http://127.0.0.1:11434/metrics, which is in Prometheus' text format.",
    ),
    _how(
        "signed only",
        ["load only signed models", "let the server refuse unsigned models", "make the server check signatures"],
        "Use `hearth serve --verify-key FILE`, where FILE is the public key.",
    ),
)

KEYS = (
    _how(
        "key create",
        [
            "make (a key|an API key)", "create (a key|an API key)", "get an API key", "add a user",
            "give somebody access to the server",
        ],
        "Use `hearth key create NAME`. It prints the key once, so keep it.",
        ["what does hearth key create do?"],
    ),
    _how(
        "key list",
        ["list (the |all |my |)(API |)keys", "see (all|the|my) (API |)keys", "see who has a key"],
        "Use `hearth key list`. It shows no secrets.",
    ),
    _how(
        "key revoke",
        [
            "revoke (a key|an API key)", "delete (a key|an API key)", "end (a key|an API key)",
            "take away somebody's access", "remove a user",
        ],
        "Use `hearth key revoke ID`, with the id from `hearth key list`.",
    ),
    _how(
        "key usage",
        [
            "see (what a key was used for|how much a key was used)", "see the usage of (a key|keys)",
            "see who used how many tokens",
        ],
        "Use `hearth key usage`.",
    ),
    _how(
        "key expiry",
        ["make a key that expires", "let a key expire", "give a key an end date"],
        "Use `hearth key create NAME --expires 90d`.",
    ),
    _how(
        "key limits",
        ["limit (a key|what a key may do|the tokens of a key|the requests of a key)", "set a limit for a (user|key)"],
        "Use `hearth key create NAME --tokens-per-day N --requests-per-minute N`.",
    ),
    _asked(
        "scopes",
        [
            "(which|what) scopes (are there|does a key have|do keys have|can a key have)?",
            "what are (the |)scopes( of a key|)?", "what may a key do?",
        ],
        "The scopes are inference, manage and admin. Set them with `hearth key create NAME --scope inference,manage`.",
        ["(which|what) scopes (a key has|there are)", "what the scopes of a key are", "what a key may do"],
    ),
    _asked(
        "need a key",
        [
            "do I need (a key|an API key)?", "does (Hearth|the server) (need|want) (a key|an API key)?",
            "is (a key|an API key) needed?", "why does the server (want|ask for) a key?",
        ],
        "On your own machine no key is needed to run models as long as none was made. Other machines need one.",
        ["whether I need (a key|an API key)", "when a key is needed"],
    ),
    _how(
        "require key",
        ["make the server always ask for a key", "require a key on my own machine", "require keys"],
        "Use `hearth serve --require-key`.",
    ),
    _how(
        "audit",
        [
            "check the audit log", "check the log of requests", "see whether the log was changed",
            "verify the audit log",
        ],
        "Use `hearth audit verify`: it says whether a row was changed, moved or taken out.",
    ),
    _asked(
        "audit contents",
        [
            "what is in the (audit log|log of requests)?", "what does the (audit log|server) (record|log|remember)?",
            "(does|do) the (audit log|log|logs) (hold|contain|record) (prompts|my prompts|answers)?",
        ],
        "One row for each request, with time, key, route, model and status. The text of prompts and answers is not in it.",
        ["what is in the audit log", "what the server (logs|records|remembers)"],
    ),
    _asked(
        "sandbox",
        [
            "how (are|does Hearth keep) models (isolated|sealed|sandboxed)?",
            "is it safe to run a model( file|) (that I do not trust|from the internet)?",
            "what can a (model|bad model file|malicious model) do to my (machine|computer)?",
            "(are|is) (models|a model) (sealed|sandboxed|isolated)?",
        ],
        "In `hearth serve`, each model runs in a process of its own that is sealed by seccomp and Landlock before it reads the file.",
        ["how models are (sealed|sandboxed|isolated)", "whether models are (sealed|sandboxed|isolated)"],
    ),
)

LOOKING = (
    _how(
        "inspect",
        [
            "see what is in a model file", "see whether a model (runs|will run|fits)", "look into a GGUF file",
            "inspect a model( file|)", "see how much memory a model needs", "check whether Hearth runs a file",
        ],
        "Use `hearth inspect FILE`: it shows what is in the file, whether it runs and how much memory it takes.",
        ["what does hearth inspect do?", "how much memory does a model need?"],
    ),
    _how(
        "bench",
        [
            "measure the speed of a model", "benchmark a model", "find out how fast a model is",
            "test the speed of a model",
        ],
        "Use `hearth bench MODEL`.",
        ["what does hearth bench do?"],
    ),
    _how(
        "hardware",
        [
            "see my hardware", "see what (machine|hardware) (this is|I have)",
            "show the (processor|cores|memory) of this machine", "see what Hearth knows of (my|this) machine",
        ],
        "Use `hearth hardware`: it shows cores, kernels, memory and its speed, and GPUs.",
        ["what does hearth hardware do?"],
    ),
    _how(
        "perplexity",
        ["measure the perplexity of a model", "measure how well a model predicts a text", "compute perplexity"],
        "Use `hearth perplexity MODEL FILE`. Lower is better.",
        ["what does hearth perplexity do?"],
    ),
    _how(
        "tokenize",
        [
            "see the tokens of a text", "tokenize a text", "tokenise a text", "get (the |)token ids( of a text|)",
            "count the tokens of a text",
        ],
        'Use `hearth tokenize MODEL "TEXT"`: it prints the token ids.',
        ["what does hearth tokenize do?"],
    ),
    _how(
        "embed",
        [
            "turn (a text|texts) into (a vector|vectors)", "make embeddings", "compute (an embedding|embeddings)",
            "get (a vector|vectors) of texts",
        ],
        'Use `hearth embed MODEL "TEXT"`, where MODEL is an encoder such as nomic-embed-text.gguf.',
        ["what does hearth embed do?", "(can|does) Hearth (make|do) embeddings?"],
    ),
    _how(
        "render",
        [
            "see what a chat template (makes|writes)", "test a chat template", "try (out |)a chat template",
            "render a (chat |)template",
        ],
        "Use `hearth render TEMPLATE --context FILE.json`.",
        ["what does hearth render do?"],
    ),
    _how(
        "logits",
        [
            "get (the |)probabilities of the next token", "write next-token probabilities( to a file|)",
            "get (the |)logits( of a model|)",
        ],
        "Use `hearth logits MODEL --tokens IDS --out FILE`.",
        ["what does hearth logits do?"],
    ),
)

INTENTS = ABOUT + SERVING + KEYS + LOOKING
