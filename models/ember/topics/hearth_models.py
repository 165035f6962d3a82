"""How models are run, fetched, kept and changed with Hearth's commands."""

from grammar import asked, how_to

TOPIC = "hearth models"
LARGER = "start `hearth serve`, then run `hearth run qwen3`"


def _how(family, doing, answer, also=()):
    return how_to(TOPIC, family, doing, answer, also)


def _asked(family, patterns, answer, clauses):
    return asked(TOPIC, family, patterns, answer, clauses=clauses)


RUNNING = (
    _how(
        "run",
        [
            "run a model", "start a model", "use a model", "ask a model (something|a question)",
            "give a model a prompt", "get an answer from a model",
        ],
        'Use `hearth run MODEL "PROMPT"`, for example `hearth run qwen3 "Why is the sky blue?"`.',
        ["what does hearth run do?", "what is hearth run for?"],
    ),
    _how(
        "session",
        [
            "chat with a model", "talk to a model", "begin a (session|chat|conversation)",
            "start (a chat|an interactive session)", "have a conversation with a model",
        ],
        "Use `hearth run MODEL` without a prompt: a session begins, in which you and the model take turns.",
    ),
    _how(
        "leave session",
        [
            "leave (a|the) (session|chat)", "end (a|the) (session|chat|conversation)", "quit (a|the) session",
            "get out of (the|a) (chat|session)",
        ],
        "Type /bye or press Ctrl-D.",
    ),
    _how(
        "clear session",
        [
            "make the model forget (the chat|what I said|what was said)", "clear (a|the) (session|chat|conversation)",
            "start over in (a|the) session",
        ],
        "Type /clear in the session: it forgets what was said so far.",
    ),
    _how(
        "session help",
        ["see the commands of a session", "get help in (a|the) (session|chat)", "list the commands (in|of) a chat"],
        "Type /? in the session.",
    ),
    _how(
        "run file",
        [
            "run a GGUF file from my disk", "use a (local model file|GGUF file that I have)",
            "run a model file without a server", "run a (GGUF file|model file)", "run a downloaded GGUF",
        ],
        'Give its path: `hearth run model.gguf "PROMPT"`. No server is needed for that.',
    ),
    _how(
        "run folder",
        [
            "run a (Hugging Face folder|folder from Hugging Face|safetensors model|model in safetensors)",
            "use a (model folder from Hugging Face|safetensors folder)",
        ],
        'Give the folder: `hearth run FOLDER "PROMPT"`. Hearth reads its safetensors as they are.',
    ),
    _how(
        "pipe",
        [
            "summarise a (file|text file)", "give a model a (file|text file) to read",
            "pipe a (file|text) into a model", "use a file as (the|a) prompt",
        ],
        'Send it through a pipe: `hearth run MODEL "Summarise:" < report.txt`.',
    ),
    _how(
        "system text",
        [
            "set a system (prompt|text|message)", "give a model a system (prompt|text|message)",
            "tell a model how to behave",
        ],
        'Use `hearth run MODEL --system "TEXT" "PROMPT"`.',
    ),
    _how(
        "temperature",
        [
            "set the temperature", "change the temperature", "make answers (more|less) random",
            "make the answer always the same",
        ],
        "Use `hearth run MODEL --temperature N`. With 0 it always takes the most probable token.",
    ),
    _how(
        "seed",
        ["set (a|the) seed", "fix the seed", "get the same (random|sampled) answer (again|twice)"],
        "Use `hearth run MODEL --seed N`: the same seed gives the same answer.",
    ),
    _how(
        "answer length",
        [
            "limit the length of (an answer|the answers)", "make answers shorter",
            "set the (number|limit) of tokens to generate", "stop a model after some tokens",
        ],
        "Use `hearth run MODEL --num-predict N`: it generates at most N tokens.",
    ),
    _how(
        "run context",
        ["set the context of hearth run", "run a model with a (longer|larger|bigger) context", "change num_ctx"],
        "Use `hearth run MODEL --num-ctx N`, where N counts tokens of prompt and answer together.",
    ),
    _how(
        "threads",
        [
            "set the number of threads", "use (more|fewer|less) threads",
            "limit the (threads|cores) that (Hearth|a model) uses",
        ],
        "Use `hearth run MODEL --num-thread N`. The default is one thread per physical core.",
    ),
    _how(
        "cache type",
        [
            "save memory of the (KV cache|cache)", "make the KV cache smaller", "quantise the KV cache",
            "change the type of the KV cache",
        ],
        "Use `--cache-type-k q8_0 --cache-type-v q8_0`: the cache then takes little more than half the memory.",
    ),
    _how(
        "raw",
        ["run a model without (a|its) (chat template|template)", "let a model continue a text", "use a base model"],
        'Use `hearth run MODEL --raw "TEXT"`: the model goes on with the text as it is.',
    ),
    _how(
        "thinking",
        ["turn off thinking", "stop a model from thinking", "switch (off thinking|thinking off)", "disable thinking"],
        "For a model file, use `hearth run model.gguf --chat-option enable_thinking=false`.",
    ),
    _how(
        "json answer",
        ["get the answer (as|in) JSON", "get a JSON object from a model", "make a model answer (in|with) JSON"],
        "Use `hearth run MODEL --format json`, or `--schema FILE` for a JSON schema.",
    ),
    _how(
        "schema",
        [
            "hold an answer to a (schema|JSON schema)", "make an answer follow a JSON schema",
            "get structured output", "use a JSON schema",
        ],
        "Use `hearth run MODEL --schema FILE`: the answer is JSON that is valid against that schema.",
        ["(does|can) Hearth (do|support) structured output?"],
    ),
    _how(
        "regex",
        ["make an answer match a (regular expression|regex)", "hold an answer to a (regex|regular expression)"],
        "Use `hearth run MODEL --regex REGEX`: all of the answer matches it.",
    ),
    _how(
        "grammar",
        [
            "hold an answer to a grammar", "use a (GBNF grammar|grammar file|grammar)",
            "make an answer follow a grammar",
        ],
        "Use `hearth run MODEL --grammar FILE`, where FILE has a grammar in GBNF.",
    ),
    _how(
        "verbose",
        ["see how fast (a model|an answer) is", "see tokens per second", "show the (speed|rates) of an answer"],
        "Use `hearth run MODEL --verbose`: it shows durations and rates after the answer.",
    ),
)

FETCHING = (
    _how(
        "pull",
        [
            "pull a model", "download a (new |)model", "fetch a model", "get a (new |)model", "install a model",
            "(add|load) a model from the registry",
        ],
        "Use `hearth pull NAME`, for example `hearth pull qwen3`, while `hearth serve` runs.",
        ["where do I get (models|a model) (from|)?", "what does hearth pull do?", "what is hearth pull for?"],
    ),
    _how(
        "pull hf",
        [
            "pull a model from Hugging Face", "download a (GGUF|model) from Hugging Face",
            "get a model (from|of) Hugging Face",
        ],
        "Use `hearth pull hf.co/USER/REPO:TYPE`, for example `hearth pull hf.co/bartowski/Llama-3.2-1B-Instruct-GGUF:Q4_K_M`.",
    ),
    _how(
        "pull from",
        [
            "pull a model from another (machine|computer)", "copy a model from (another|a second) machine",
            "get a model from a machine in my network",
        ],
        "Run `hearth serve --share-models` on that machine, then `hearth pull --from HOST NAME` here, with your key for it in HEARTH_FROM_KEY.",
    ),
    _how(
        "resume",
        ["(resume|continue) (a|an interrupted) (pull|download)", "go on with a broken download"],
        "Run `hearth pull NAME` again: it goes on from where it broke off.",
        [
            "what (happens|do I do) (if|when) (a|my) (pull|download) is interrupted?",
            "my download (broke off|stopped), what now?",
        ],
    ),
    _how(
        "update",
        ["update a model", "get the (newest|latest) version of a model", "refresh a model"],
        "Run `hearth pull NAME` again. The former version stays, and `hearth rollback NAME` goes back to it.",
    ),
    _how(
        "larger model",
        [
            "get a (larger|bigger|better|smarter|stronger) model", "use a (larger|bigger|better|smarter) model",
            "switch to a (larger|bigger|better) model", "get something (smarter|better) than you",
        ],
        "In one terminal start `hearth serve`, then run `hearth run qwen3` in another: it is pulled first.",
        [
            "(is there|do you know) a (larger|bigger|better|smarter) model?",
            "which (larger|bigger|better) model can I use?",
        ],
    ),
    _how(
        "small model",
        [
            "get a model for (a small machine|little memory)", "find a (model that needs little memory|small model)",
            "run a model with little memory",
        ],
        "With little memory, try `hearth run qwen3:0.6b` while `hearth serve` runs.",
        ["which model (fits|is good for) (a small machine|little memory)?"],
    ),
    _how(
        "limit rate",
        [
            "limit the speed of (downloads|pulls|a pull)", "make (pulls|downloads) slower",
            "limit the (rate|bandwidth) of pulls",
        ],
        "Start the server with `hearth serve --limit-rate 20M`: that is bytes per second of each pull or push.",
    ),
    _how(
        "push",
        [
            "push a model", "upload a model", "send a model to a registry", "publish a model",
            "share a model on a registry",
        ],
        "Name it with `hearth cp NAME HOST/NAMESPACE/MODEL`, then use `hearth push HOST/NAMESPACE/MODEL`.",
        ["what does hearth push do?"],
    ),
    _how(
        "export",
        [
            "export a model", "write a model to one file", "save a model as a file",
            "carry a model to a machine without (a |)network", "put a model on a USB stick",
            "move a model to an offline machine",
        ],
        "Use `hearth export NAME -o FILE`. On the other machine, `hearth import FILE` takes it in.",
        ["what does hearth export do?"],
    ),
    _how(
        "import",
        [
            "import a model", "take in an exported model", "read an exported model",
            "load a file that hearth export wrote",
        ],
        "Use `hearth import FILE`, where FILE is what `hearth export` wrote.",
        ["what does hearth import do?"],
    ),
)

KEEPING = (
    _how(
        "list",
        [
            "list (my |the |all |)models", "see (my|all|the) models", "see which models I have",
            "show (all|my) models", "find out what models (are here|I have)",
        ],
        "Use `hearth list`.",
        ["(which|what) models (do I have|are there|are installed|have I pulled)?", "what does hearth list do?"],
    ),
    _how(
        "ps",
        [
            "see which models are loaded", "list (the |)(loaded|running) models", "see what is in memory",
            "see what is running",
        ],
        "Use `hearth ps`.",
        ["(which|what) models are (loaded|running|in memory)( now|)?", "what does hearth ps do?"],
    ),
    _how(
        "stop",
        ["stop a model", "unload a model", "free the memory of a model", "take a model out of memory"],
        "Use `hearth stop NAME`: it unloads the model from the server's memory.",
        ["what does hearth stop do?"],
    ),
    _how(
        "show",
        [
            "show (a model|details of a model|information about a model)",
            "see (what is known of|the details of) a model", "learn more about a model", "look at a model",
        ],
        "Use `hearth show NAME`.",
        ["what does hearth show do?"],
    ),
    _how(
        "rm",
        ["remove a model", "delete a model", "get rid of a model", "uninstall a model", "erase a model"],
        "Use `hearth rm NAME`.",
        ["what does hearth rm do?"],
    ),
    _how(
        "cp",
        ["copy a model", "give a model (another|a second) name", "make a copy of a model", "duplicate a model"],
        "Use `hearth cp SOURCE DESTINATION`.",
        ["what does hearth cp do?"],
    ),
    _how(
        "rename",
        ["rename a model", "change the name of a model", "give a model a new name"],
        "Copy it with `hearth cp OLD NEW`, then remove the old name with `hearth rm OLD`.",
    ),
    _how(
        "verify",
        [
            "verify a model", "check (my models|a model) for damage", "find (damaged|broken) models",
            "see whether a model is damaged", "check that a model is intact",
        ],
        "Use `hearth verify NAME`: it reads every blob and names each one that is damaged or missing.",
        ["what does hearth verify do?"],
    ),
    _asked(
        "damaged",
        [
            "what do I do (with|about) a (damaged|broken|corrupt) model?",
            "(a|my) model is (damaged|broken|corrupt), what now?",
            "how (do|can) I repair a (damaged|broken|corrupt) model?",
        ],
        "Pull or create it again; `hearth verify NAME` then says whether it is whole.",
        [
            "what to do (with|about) a (damaged|broken|corrupt) model",
            "how to repair a (damaged|broken|corrupt) model",
        ],
    ),
    _how(
        "history",
        [
            "see the (history|versions|former versions) of a model", "see what a model's name stood for",
            "list the (old|former) versions of a model",
        ],
        "Use `hearth history NAME`.",
        ["what does hearth history do?"],
    ),
    _how(
        "rollback",
        [
            "go back to (the|a) former version of a model", "undo (an update|a pull)", "roll back a model",
            "roll a model back", "restore the (old|former) version of a model",
        ],
        "Use `hearth rollback NAME`: the name stands for the version before again.",
        ["what does hearth rollback do?"],
    ),
    _how(
        "diff",
        ["compare two models", "see what differs between two models", "find the differences (of|between) two models"],
        "Use `hearth diff A B`.",
        ["what does hearth diff do?"],
    ),
    _how(
        "gc",
        [
            "free disk space", "clean up the (store|disk)", "delete what no model needs",
            "get rid of unused (blobs|files)", "make room on the disk",
        ],
        "Use `hearth gc`. With `hearth gc --dry-run` it only says what would be deleted.",
        ["what does hearth gc do?"],
    ),
    _how(
        "old versions",
        [
            "delete (old|former) versions of models", "keep only the newest versions",
            "limit how many versions are kept",
        ],
        "Use `hearth gc --keep-versions N`: it keeps the newest N former versions of each model.",
    ),
    _how(
        "sign",
        ["sign a model", "put a signature on a model"],
        "Use `hearth sign NAME --key FILE`. A key is made with `hearth sign --new-key FILE`.",
        ["what does hearth sign do?"],
    ),
    _how(
        "signing key",
        ["make a key (to sign|for signing) (models|with)", "create a (signing key|key for signatures)"],
        "Use `hearth sign --new-key FILE`.",
    ),
    _how(
        "check signature",
        ["check (a|the) signature( of a model|)", "see whether a model is signed", "verify a signature"],
        "Use `hearth verify NAME --verify-key FILE`, where FILE is the public key.",
    ),
    _how(
        "create",
        [
            "create a model", "make a model from a (GGUF file|file)", "add a (GGUF file|file) to the store",
            "import a GGUF file into the store",
        ],
        "Use `hearth create NAME FILE`, for example `hearth create tiny tiny.gguf`.",
        ["what does hearth create do?"],
    ),
    _how(
        "modelfile",
        [
            "create a model from a Modelfile", "use a Modelfile", "build a Modelfile",
            "make a model with my own system text",
        ],
        "Use `hearth create NAME -f Modelfile`.",
    ),
    _how(
        "create folder",
        ["create a model from a (folder|Hugging Face folder)", "add a Hugging Face folder to the store"],
        "Use `hearth create NAME FOLDER`.",
    ),
    _how(
        "show modelfile",
        ["see the Modelfile of a model", "get a model's Modelfile", "print the Modelfile of a model"],
        "Use `hearth show NAME --modelfile`.",
    ),
    _how(
        "show template",
        ["see the (chat |)template of a model", "get a model's chat template"],
        "Use `hearth show NAME --template`.",
    ),
    _how(
        "show licence",
        ["see the licence of a model", "find the licence of a model", "read a model's licence"],
        "Use `hearth show NAME --license`.",
    ),
    _how(
        "quantise",
        [
            "quantise a model", "quantize a model", "make a model smaller", "shrink a model", "compress a model",
            "convert a model to (Q4_K_M|fewer bits)",
        ],
        "Use `hearth quantize SOURCE.gguf DESTINATION.gguf --type Q4_K_M`.",
        ["what does hearth quantize do?"],
    ),
    _how(
        "train",
        [
            "train a (small |new |tiny |)model", "train a model from (scratch|nothing)", "make a model of my own",
            "train a model on my (own |)(texts|files|documents)",
        ],
        "Use `hearth train RECIPE.json FOLDER`: it trains a small model from text, and goes on where it was stopped.",
        ["what does hearth train do?"],
    ),
    _how(
        "finetune",
        [
            "(fine-tune|finetune) a model", "teach a model my (own |)(texts|documents|files)",
            "adapt a model to my (texts|documents|files)", "train (an adapter|a LoRA)", "make (an adapter|a LoRA)",
        ],
        "Use `hearth finetune MODEL.gguf --data FOLDER`: it learns an adapter and leaves the model as it is.",
        ["what does hearth finetune do?", "can Hearth (fine-tune|finetune)( a model|)?"],
    ),
    _how(
        "adapter",
        ["use (an adapter|a LoRA)", "run a model with (an adapter|a LoRA)", "load (an adapter|a LoRA)"],
        "Use `hearth run MODEL.gguf --adapter ADAPTER`.",
    ),
    _how(
        "merge",
        [
            "merge (an adapter|a LoRA)( into a model|)", "put an adapter into a model",
            "make one model of a model and an adapter",
        ],
        "Use `hearth merge MODEL.gguf ADAPTER OUTPUT.gguf`.",
        ["what does hearth merge do?"],
    ),
    _how(
        "train a tokenizer",
        ["train a tokenizer", "make a tokenizer( of my own|)", "make a (vocabulary|BPE)( from my texts|)"],
        "Use `hearth tokenizer train FOLDER --vocabulary 4096 --output tokenizer.gguf`.",
        ["what does hearth tokenizer( train|) do?"],
    ),
    _asked(
        "quantisation types",
        [
            "(which|what) (types|quantisations|quantisation types) can Hearth (write|make)?",
            "(which|what) types (are there for|does) hearth quantize( take|)?",
            "to (which|what) types can (I|Hearth) quantise( a model|)?",
        ],
        "Types from Q2_K to Q8_0, and F16, BF16 and F32. `hearth help quantize` lists them.",
        ["(which|what) types Hearth can (write|make)", "to which types I can quantise a model"],
    ),
    _asked(
        "where models are",
        [
            "where are (my |the |)models (stored|kept|saved|put)?",
            "where does Hearth (store|keep|save|put) (its |)models?", "in (which|what) folder are (the |my |)models?",
            "where on (the|my) disk are (the |my |)models?", "where do (pulled|downloaded) models go?",
            "where (can|do) I find (my|the) models on (the|my) disk?",
        ],
        "In ~/.ollama/models if Ollama has its store there, else in ~/.local/share/hearth/models.",
        ["where (my |the |)models are( stored| kept| saved|)", "where Hearth (stores|keeps|puts) models"],
    ),
    _how(
        "models folder",
        [
            "change the (models folder|folder of (the |my |)models)", "keep models in another folder",
            "put models on another disk", "choose where models are (stored|kept)",
        ],
        "Set HEARTH_MODELS to the folder, or start `hearth serve --models FOLDER`.",
    ),
    _asked(
        "ollama store",
        [
            "can Hearth use (my |the |)(models of Ollama|Ollama models)?",
            "can I use my Ollama models( with Hearth|)?",
            "does Hearth (work with|read|use) (Ollama's|an Ollama) (store|models)?",
            "do I have to pull my Ollama models again?",
        ],
        "Yes. Hearth uses Ollama's store in ~/.ollama/models in place.",
        ["whether Hearth (reads|uses) Ollama's (store|models)", "whether I can use my Ollama models"],
    ),
)

INTENTS = RUNNING + FETCHING + KEEPING
