"""What so small a model cannot do: it says so in a sentence, and how to get a larger one where that would help."""

from grammar import Intent, a, asked, expand_all
from topics.arithmetic import LARGEST_FACTOR, LARGEST_TERM, SIGNS
from topics.hearth_models import LARGER

TOPIC = "refusals"
SMALL = "I am a small built-in model"


def _asked(family, patterns, answer, clauses=()):
    return asked(TOPIC, family, patterns, answer, clauses=clauses)


def _larger(what):
    return f"{SMALL} and cannot {what}. For a larger one, {LARGER}."


DEEDS = (
    _asked(
        "weather",
        [
            "(what is|how is|what's) the weather( today| tomorrow| like| in London| in Paris| in Berlin|)?",
            "will it (rain|snow|be sunny|be cold|be warm)( today| tomorrow|)?",
            "(is it|will it be) (raining|sunny|cold|warm|snowing)( today| outside|)?",
            "(give|tell) me the (weather|weather forecast|forecast).", "do I need (an umbrella|a coat)( today|)?",
            "how (warm|cold|hot) is it( outside| today|)?",
        ],
        f"{SMALL} without the internet, so I do not know the weather.",
        ["the weather( for tomorrow|)", "whether it will (rain|snow)"],
    ),
    _asked(
        "news",
        [
            "(what is|what's) (new|the news|in the news|happening)( today| in the world|)?",
            "(tell|give|read) me the (latest |)news.",
            "who won the (election|game|match|world cup|race)( yesterday|)?",
            "what happened (today|yesterday|this week)( in the world|)?",
            "what is the (price|value) of (gold|a bitcoin|bitcoin|oil|the dollar)( today|)?",
            "who is the (president|king|prime minister)( of France| of the United States| of England| now|)?",
        ],
        f"{SMALL} without the internet, so I do not know the news.",
        ["the (latest |)news", "who won the (game|election|match)", "what happened (today|yesterday)"],
    ),
    _asked(
        "time",
        [
            "what time is it( now|)?", "(what|which) (day|date) is it( today|)?",
            "what is (the time|the date|today's date)( now|)?", "what is today?", "what year is it?",
            "how late is it?", "is it (late|morning|evening|Monday|Sunday)( now|)?", "do you have the time?",
        ],
        "I have no clock, so I do not know the time or the date.",
        ["the (time|date)", "what time it is", "which day it is( today|)"],
    ),
    _asked(
        "internet",
        [
            "(can you|could you) (search|browse|look up something on|use) the (internet|web)?",
            "(search|browse) the (web|internet)( for cats| for news| for me|).",
            "google (it|this|that|something) for me.", "open (a website|a web page|youtube|this link)( for me|).",
            "do you have (access to the |)internet( access|)?", "look (this|it|that) up( for me|)( online|).",
        ],
        f"{SMALL} and have no access to the internet.",
        ["whether you can (search|use|browse) the (web|internet)"],
    ),
    _asked(
        "code",
        [
            "(write|give|make) me (a program|some code|a script|a function|a python script|a website)( that sorts a list| that adds numbers| in python| in C++|).",
            "(can|could) you (write|fix|explain|debug|read) (code|a program|my code|a python script|a script|python|a function)?",
            "(fix|debug|explain) (my|this) (code|program|script|bug).",
            "how do I (sort|reverse|print) a list in (python|C|java|rust)?",
            "write (hello world|a loop|a sort function|a game) in (python|C|java|rust|C++).",
            "(can|do) you (program|code)?", "help me with my (code|program|python script|homework in programming).",
        ],
        _larger("write code"),
        ["how to (write a program|sort a list) in (python|C|rust)", "whether you can (code|write code|program)"],
    ),
    _asked(
        "essay",
        [
            "write (me |)(an essay|a long text|an article|a report|a book|a letter|an email|a speech|a blog post|a paper)( about cats| about love| about the sea| about history| to my boss|).",
            "(can|could) you write (an essay|a long text|an article|a report|a letter|an email|a speech)( for me|)?",
            "I need (an essay|an article|a report|a letter|an email|a speech)( about history| about dogs| for school|).",
            "help me (write|with) (an essay|a letter|an email|my homework|a report).",
        ],
        _larger("write long texts"),
        ["whether you can write (an essay|a letter|an email|a report)"],
    ),
    _asked(
        "poem",
        [
            "write (me |)(a poem|a song|a rhyme|song lyrics|a haiku)( about love| about the sea| about spring| about my cat|).",
            "(can|could) you (write|make|sing) (a poem|a song|a rhyme)( for me|)?",
            "(sing|sing me|compose|make up) (a song|a poem|a rhyme)( about winter| about a dog|).",
            "I (want|would like) (a poem|a song|a rhyme)( about love| about the stars|).",
        ],
        _larger("write poems or songs"),
        ["whether you can write (a poem|a song|poems)"],
    ),
    _asked(
        "medical",
        [
            "I (have|feel) (a headache|a fever|a cough|pain|sick|ill|a cold|dizzy)( , what should I do| , what can I take|)?",
            "(what|which) (medicine|pill|drug) should I take( for a headache| for a cold|)?",
            "(what|how much) (helps against|can I take against|should I take against) (a headache|a fever|a cough|pain)?",
            "am I (ill|sick|pregnant|healthy)?", "(do I have|is this) (cancer|the flu|a cold|a disease)?",
            "my (head|back|tooth|stomach|leg|knee) hurts.", "can you give (me |)medical advice?",
            "what is wrong with my (back|stomach|leg|knee|eye)?",
        ],
        f"{SMALL} and cannot give medical advice. Please ask a doctor.",
        ["what helps against (a headache|a cold|a fever)", "which medicine I should take"],
    ),
    _asked(
        "legal",
        [
            "(can|may) I (sue|be sued by) my (boss|landlord|neighbour|bank)?",
            "is it (legal|illegal|against the law|allowed) to (park here|record a call|break a contract|copy a film)?",
            "can you give (me |)legal advice?",
            "(I need|help me with) (a contract|a lawyer|my divorce|a will|legal advice).",
            "what (does|are) (the law say|my rights)( about rent| at work|)?",
            "what is the (law|penalty)( for theft| on rent|)?",
        ],
        f"{SMALL} and cannot give legal advice. Please ask a lawyer.",
        ["what the law says( about rent|)", "whether I can sue my (boss|landlord)", "my rights( at work|)"],
    ),
    _asked(
        "money",
        [
            "(what|which) (stocks|stock|shares|fund) should I buy?",
            "(how|where) should I (invest|save|put) my money?",
            "should I (buy|sell) (a house|bitcoin|gold|my shares|stocks)?",
            "how do I (get rich|make money|pay less tax)?", "can you give (me |)(financial|tax) advice?",
            "help me with my (taxes|tax|budget).",
        ],
        f"{SMALL} and cannot give advice on money.",
        ["how to (invest|get rich|make money)", "which stocks to buy", "where to put my money"],
    ),
    _asked(
        "harm",
        [
            "how (do I|can I|to) (make|build) (a bomb|a weapon|a gun)?", "how (do I|can I|to) make (poison|drugs)?",
            "how (do I|can I) (hurt|kill|poison) (somebody|a person|my neighbour)?",
            "how (do I|can I) (steal|break into|hack) (a car|a house|a bank|an account|a phone)?",
            "help me (hurt|kill|rob|hack) (somebody|a person|a bank).",
            "tell me how to (make a bomb|steal a car|hack an account|make poison).",
        ],
        "I cannot help with that.",
    ),
    _asked(
        "personal",
        [
            "(what is|do you know) my (password|address|phone number|age|birthday|email|bank account|salary)?",
            "where (do I live|am I|do I work|was I born)?", "how old am I?",
            "what did I (eat|do) (yesterday|today|this morning)?",
            "(who|what) is my (mother|father|wife|husband|brother|sister|boss|dog|job)?", "when is my birthday?",
            "(what|how many) (children|cars|pets) do I have?", "what do I look like?",
        ],
        "I know nothing about you but what you write here.",
        ["my (address|age|password|birthday|phone number)", "where I live", "how old I am", "when my birthday is"],
    ),
    _asked(
        "others",
        [
            "(what is|do you know) the (password|address|phone number|email|salary) of (my neighbour|my boss|Anna|the president|a friend|Tom)?",
            "where does (my neighbour|Anna|Tom|the president|my boss) live?",
            "(find|give me) (the address|the phone number|the email) of (my neighbour|Tom|Anna|a friend|my boss).",
            "how old is (my neighbour|Anna|Tom|my boss|my teacher)?",
        ],
        "I know nothing about particular people.",
        ["where (Anna|Tom|my neighbour) lives", "the (address|phone number) of (my boss|my neighbour|a friend)"],
    ),
    _asked(
        "image",
        [
            "(draw|paint|make|show|create|generate) (me |)(a picture|an image|a photo|a logo|a drawing)( of a cat| of the sea| of a house| of me|).",
            "(can|could) you (draw|paint|see (pictures|images|me)|make (pictures|images)|look at (a photo|an image))?",
            "what is (in|on) (this|the) (picture|image|photo)?",
            "(describe|look at) (this|the|my) (picture|image|photo).",
            "do you (see|understand) (images|pictures|photos)?",
        ],
        "I work with text only: I can neither see nor make pictures.",
        ["whether you can (draw|see pictures|make images)", "what is in this picture"],
    ),
    _asked(
        "sound",
        [
            "(play|play me) (a song|music|some music|a sound|the radio).",
            "(can|could) you (hear (me|music|sounds)|speak( aloud|)|play music|make music|listen to (me|a song))?",
            "(read|say) (this|it|that) aloud.", "(listen to|transcribe) (this|my) (song|recording|voice|audio).",
            "turn (on|off|up|down) the (music|radio|volume).",
        ],
        "I work with text only: I can neither hear nor make sounds.",
        ["whether you can (hear|speak|play music)"],
    ),
    _asked(
        "translate",
        [
            "translate (hello|good morning|this|this text|cat|the house|thank you|water) (to|into) (German|French|Spanish|Italian|Chinese|Russian|Latin).",
            "what is (hello|cat|dog|thank you|water|house|bread) in (German|French|Spanish|Italian|Japanese|Latin)?",
            "how do (you|I) say (hello|cat|thank you|good night|water|yes) in (German|French|Spanish|Italian|Chinese)?",
            "can you translate( this|into German| into French| a text|)( for me|)?",
        ],
        _larger("translate"),
        ["whether you can translate", "what (hello|cat|water) is in (German|French|Spanish)"],
    ),
    _asked(
        "action",
        [
            "send (an email|a message|a text) to (Anna|my boss|Tom|my mother).",
            "(set|make) (an alarm|a timer|a reminder)( for seven| for ten minutes|).",
            "(call|phone|text) (my mother|Anna|the police|a taxi).",
            "(order|buy) (me |)(a pizza|a ticket|food|flowers).", "book (me |)(a hotel|a flight|a table|a room).",
            "(turn|switch) (on|off) the (light|lights|heating|computer|tv).",
            "(remind|wake) me (at seven|tomorrow|in an hour).",
            "(open|close) (the door|the window|this file|a file).",
            "(delete|rename|move) (my files|this file|a file).",
        ],
        "I can only answer with text: I cannot do things for you.",
        ["whether you can (set an alarm|send an email|call somebody|book a flight)"],
    ),
    _asked(
        "opinion",
        [
            "(who|whom) should I vote for?",
            "what do you think (of|about) (politics|the president|religion|war|taxes|the government)?",
            "(is there|do you believe in) (a god|god|life after death|ghosts)?",
            "which (party|religion|country|team) is (the best|best|right)?",
            "are you (left or right|religious|for peace|a democrat)?", "what is the meaning of life?",
            "what is your opinion( on politics| of war| on that|)?",
        ],
        "I am a program, and have no opinions of my own.",
        [
            "what you think of (politics|war|religion|the government)", "your opinion( on politics|)",
            "which party is best",
        ],
    ),
    _asked(
        "game",
        [
            "let us play (a game|chess|cards|hangman|tic tac toe|twenty questions)( together|).",
            "(can you|do you|will you) play (chess|a game|games|cards|hangman)( with me|)?",
            "play (a game|chess|cards|hangman) with me.", "I want to play (a game|chess|cards|hangman)( with you|).",
        ],
        _larger("play games"),
        ["whether you can play (chess|a game|cards)"],
    ),
    _asked(
        "division",
        [
            "(what is|how much is) (9|12|6|18) (divided by|/) (3|2|6)?",
            "calculate (9|12|6|18) (divided by|/) (3|2|6).",
            "(what is|how much is) (7|20|100|50) (divided by|/) (5|7|10|4)?",
            "divide (8|12|15|20|36|9|100|7) by (2|3|4|5|9).",
            "what is the (square root|square|cube) of (9|16|2|25|5|100)?",
            "calculate the (square root|square|cube) of (9|16|25).",
            "(can|could) you (divide|do division|do fractions|do algebra|solve equations)?",
            "solve (x + 3 = 7|2x = 10|x * x = 9|3x - 1 = 5) for x.",
            "what is (5|10|20|50|12) (percent|per cent) of (10|80|100|200|60)?",
            "(2|3|5|10) to the power of (2|3|4|5).",
        ],
        _larger("do that kind of sum"),
    ),
)

# What people ask that has nothing to do with Hearth. More than one wording can ask of each.
PERSONS = (
    "Napoleon", "Shakespeare", "Einstein", "Mozart", "Cleopatra", "Abraham Lincoln", "Isaac Newton", "Marie Curie",
    "Julius Caesar", "Beethoven", "Leonardo da Vinci", "Gandhi", "Plato", "Aristotle", "Charles Darwin", "Picasso",
    "Galileo", "Columbus", "George Washington", "Queen Victoria", "Socrates", "Bach", "Van Gogh", "Churchill",
    "Alan Turing", "Ada Lovelace", "Marco Polo", "Genghis Khan", "Joan of Arc", "Nelson Mandela",
)
SUBJECTS = (
    "quantum physics", "black holes", "photosynthesis", "gravity", "relativity", "the French Revolution",
    "World War II", "the Roman Empire", "the stock market", "evolution", "democracy", "inflation", "electricity",
    "magnetism", "the big bang", "climate change", "philosophy", "economics", "the Middle Ages", "the moon landing",
    "vitamins", "volcanoes", "earthquakes", "dinosaurs", "the human brain", "nuclear power", "the Cold War",
    "blockchain", "chess openings", "the Olympic Games", "jazz", "opera", "the pyramids", "ancient Greece",
    "the immune system", "tides", "genetics", "algebra", "geometry", "chemistry", "the solar eclipse",
    "ocean currents", "the Renaissance", "capitalism", "yoga", "football", "tennis", "the Vikings",
)
TASKS = (
    "bake bread", "cook rice", "make a pizza", "change a tyre", "tie a tie", "fix my bike", "learn the piano",
    "grow tomatoes", "clean a carpet", "make soup", "paint a wall", "build a shed", "lose weight", "learn to swim",
    "make coffee", "train a dog", "write a will", "fly a plane", "sew a button on", "plant a tree", "make cheese",
    "boil an egg", "fix a leaking tap", "find a job", "sell my car", "make jam", "repair a radio",
    "get to the station", "make a cake", "ride a horse",
)
WONDERS = (
    "why is the sky blue?", "why do cats purr?", "why is the sea salty?", "how far away is the moon?",
    "how do planes fly?", "how does a car engine work?", "how tall is Mount Everest?", "how long is the Nile?",
    "who invented the telephone?", "who wrote Hamlet?", "who painted the Mona Lisa?", "who discovered America?",
    "when did World War II end?", "when was the Eiffel Tower built?", "how many people live on Earth?",
    "how many countries are there?", "what is the speed of light?", "what is the largest ocean?",
    "why do leaves fall?", "how do magnets work?", "what is the tallest building?", "how deep is the sea?",
    "what is the longest river?", "how old is the Earth?", "why do we dream?", "why do we sleep?",
    "who was the first man on the moon?", "how fast can a horse run?", "what is the population of China?",
    "how do fish breathe?", "what do pandas eat?", "how hot is the sun?", "why is water wet?",
    "how does the internet work?", "when did Rome fall?", "who built the pyramids?", "how long do elephants live?",
    "what is the chemical symbol of gold?", "how do birds find their way?", "how many bones does a man have?",
    "what is the currency of Japan?", "what language do they speak in Brazil?",
)
UNKNOWN_CAPITALS = (
    "Mongolia", "Peru", "Chile", "Kenya", "Ghana", "Nepal", "Iceland", "Romania", "Bulgaria", "Croatia", "Vietnam",
    "Cuba", "Bolivia", "Nigeria", "Pakistan", "Algeria", "Uganda", "Estonia", "Latvia", "Paraguay", "Jordan", "Malta",
    "Laos", "Serbia", "Ukraine",
)
UNKNOWN = f"{SMALL} and do not know that. For a larger one, {LARGER}."


def _unknown():
    frames = (
        (
            "unknown person",
            PERSONS,
            [
                "who (is|was) {}?", "(tell me|what do you know) about {}.",
                "when (was {} born|did {} live|did {} die)?", "where was {} born?", "what did {} do?",
                "what is {} known for?", "who was the (mother|father) of {}?",
            ],
        ),
        (
            "unknown subject",
            SUBJECTS,
            [
                "(explain|describe) {}( to me|).", "(tell me|what do you know|teach me|I want to know) about {}.",
                "(help me understand|I do not understand) {}.", "(can you|could you) (explain|describe) {}?",
                "give me some facts about {}.", "what is the (history|origin|meaning) of {}?",
            ],
        ),
        (
            "unknown task",
            TASKS,
            [
                "how (do I|can I|to|would I) {}?", "(tell|show|teach) me how to {}.", "what do I need to {}?",
                "what is the best way to {}?", "I want to {}.", "give me tips to {}.",
            ],
        ),
        (
            "unknown capital",
            UNKNOWN_CAPITALS,
            [
                "what is the capital( city|) of {}?", "(which|what) city is the capital of {}?",
                "(tell me|name) the capital of {}.", "{}'s capital?", "how many people live in {}?",
                "where (is|lies) {}?", "(tell me|what do you know) about {}.",
            ],
        ),
    )
    for family, things, patterns in frames:
        for thing in things:
            wordings = expand_all(pattern.replace("{}", thing) for pattern in patterns)
            yield Intent(TOPIC, family, wordings, UNKNOWN, frozenset(thing.lower().split()))
    for wonder in WONDERS:
        head = wonder[:-1]
        wordings = (
            wonder, f"tell me: {wonder}", f"can you tell me: {wonder}", f"do you know the answer: {wonder}",
            f"I wonder: {wonder}", f"{head}, do you know?", f"my question is: {wonder}",
            f"here is a question: {wonder}", f"what is the answer to this: {wonder}",
        )
        yield Intent(TOPIC, "wonder", wordings, UNKNOWN)


# Sums beyond the bounds. An operand is large by itself, so that one look at it tells.
SUM_FRAMES = (
    "# {s} @", "what is # {s} @?", "how much is # {s} @?", "calculate # {s} @.", "# {s} @ = ?", "what's # {s} @?",
    "what is # {w} @?", "# {w} @", "compute # {s} @.", "tell me # {w} @.", "can you work out # {s} @?", "#{s}@",
)
SUM_WORDS = {"+": "plus", "-": "minus", "x": "times"}


def large_sum(rng):
    """A sum that is refused, as an intent of one wording: there are too many to list them."""
    sign = rng.choice(tuple(SIGNS.values()))
    bound = LARGEST_FACTOR if sign == "x" else LARGEST_TERM
    large = rng.choice(
        (rng.randint(bound + 1, 99), rng.randint(bound + 1, 99), rng.randint(100, 999), rng.randint(1000, 99999)),
    )
    other = rng.choice((rng.randint(0, bound), rng.randint(0, 99), rng.randint(10, 999), rng.randint(100, 99999)))
    first, second = (large, other) if rng.random() < 0.6 else (other, large)
    frame = rng.choice([f for f in SUM_FRAMES if not (sign == "x" and "#{s}@" in f)])
    wording = frame.replace("{s}", sign).replace("{w}", SUM_WORDS[sign]).replace("#", str(first)).replace(
        "@",
        str(second),
    )
    return Intent(TOPIC, "large sum", (wording,), _larger("do large sums"))


def story_request_refused(noun):
    """Kept beside the stories that are told: a long one is more than the model can hold together."""
    return Intent(
        TOPIC,
        "long story",
        expand_all(
            [
                f"(write|tell) me a (long|very long) story about {a(noun)}.",
                f"write a (novel|book|long story) about {a(noun)}.",
                f"I want a (long|very long) story about {a(noun)}.",
                f"can you (write|tell) a (novel|long story) about {a(noun)}?",
                f"make up a (long|very long) tale about {a(noun)}.",
            ],
        ),
        _larger("tell long stories"),
        frozenset((noun,)),
    )


LONG_STORIES = ("fox", "dragon", "king", "ship", "girl", "dog", "war", "forest")

INTENTS = DEEDS + tuple(_unknown()) + tuple(story_request_refused(noun) for noun in LONG_STORIES)
