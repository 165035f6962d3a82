"""The plots of short stories: each says its sentences, of which every one has some variants, to a Telling."""

from grammar import a
from topics.characters import THINGS


def helping(t):
    """The thing gets the helper out of a trouble."""
    thing = THINGS[t.thing]
    names = {"h": t.hero.name, "x": t.helper.name}
    t.slots |= {
        "trouble": thing.trouble.format(**names),
        "rescue": thing.rescue.format(**names),
        "delight": thing.delight,
    }
    t.begin()
    t.say(
        "{h} had {athing}. {delight}, and {h} was (very proud|very fond) of it.",
        "{His} (greatest treasure|favourite thing) was {athing}. {delight}.",
    )
    t.say(
        "(one day|one evening|one morning) {h} heard (a cry for help|somebody call for help) {at} the {place}.",
        "(one day|one evening|one morning) a voice (called|cried) for help {at} the {place}.",
    )
    t.say(
        "it was {x}, {xkind} from (the neighbourhood|the other side of the valley|the next village). {trouble}.",
        "it came from {xkind} (named|called) {x}. {trouble}.",
    )
    t.say(
        '"(do not worry|do not be afraid|I am coming)," said {h}. "I (know what to do|can help you)."',
        '"(wait|hold on)!" (called|cried) {h}. "I (have just the right thing|know what will help)."',
    )
    t.say("{h} ran home (to fetch|and fetched) the {thing}.", "{h} (quickly|at once) went to get the {thing}.")
    t.say("then {rescue}.", "(as fast as {he} could|without waiting), {rescue}.")
    t.say(
        '"Thank you(, {h}|)," said {x}. "You are a true friend."',
        "{x} was so (glad|happy) that {xe} (laughed out loud|hugged {h}).",
        '"(without you|without your {thing}) I (would still be in trouble|would not have known what to do)," said {x}.',
    )
    t.say(
        "from that day on, {h} and {x} were (the best of friends|good friends).",
        "{h} smiled. The {thing} was worth even more to {him} now, because it had helped a friend.",
        "since then, the {thing} has always been ready for the next friend in need.",
    )


def losing(t):
    """The thing is lost and found."""
    t.slots["delight"] = THINGS[t.thing].delight
    t.begin()
    t.say(
        "{h} had {athing}. {delight}, and {he} took it everywhere.",
        "wherever {h} went, {he} took {his} {thing} along. {delight}.",
    )
    t.say(
        "(one day|one morning|one afternoon) {h} came home from the {place}, and the {thing} was gone.",
        "but (one day|one morning), after a walk to the {place}, {h} could not find the {thing}.",
    )
    t.say(
        "{He} looked under the bed and behind the door, but it was not there.",
        "{He} searched every corner of the house, but found only dust.",
        "{He} looked (here and there|high and low), but could not see it anywhere.",
    )
    t.say("{h} sat down and (began to cry|sighed).", "{h} was very sad, and did not know what to do.")
    t.say(
        "{x}, {xkind}, (came by|was passing by) and asked what was wrong.",
        "just then {xkind} (named|called) {x} came along the road and asked what was wrong.",
    )
    t.say('"I have lost my {thing}," said {h}. "(I cannot find it anywhere|I have looked everywhere)."')
    t.say(
        '"Let us (look for|find) it together," said {x}. "(We will go back the way you came|Two see more than one|Four eyes see more than two)."',
    )
    t.say(
        "so they walked (slowly|side by side) back to the {place} and looked (behind every stone|under every bush|in the tall grass).",
    )
    t.say(
        "(at last|suddenly|after a long time), {x} (saw|found) the {thing} (under a bush|behind a big stone|in the tall grass|beside an old fence).",
    )
    t.say(
        '{h} (jumped|laughed) for joy. "Thank you, {x}!"',
        '"Here it is!" (cried|called) {x}, and {h} hugged {xim}.',
    )
    t.say(
        "that evening they shared a (big pot of soup|warm supper|sweet cake), and {h} (never lost the {thing} again|took better care of the {thing} from then on).",
        "they walked home together, and {h} had (the {thing} and a new friend|found a friend as well as {a_thing}).",
    )


def mending(t):
    """The thing breaks and is mended."""
    t.slots["delight"] = THINGS[t.thing].delight
    t.begin()
    t.say(
        "{His} (grandmother|grandfather|uncle|aunt) had given {him} {athing}. {delight}.",
        "{h} owned {athing}, and {he} loved it. {delight}.",
    )
    t.say(
        "(one day|one windy day|one morning), {h} tripped over a stone {at} the {place}, and the {thing} (was broken|broke).",
        "but (one day|one morning) {h} was not careful, and the {thing} fell down and broke.",
    )
    t.say(
        '"(oh no|what have I done)!" (cried|said) {h}. "(Now it is good for nothing|It will never be the same again)."',
    )
    t.say(
        "{He} tried to mend it all day long, but {he} (could not do it|did not know how).",
        "{He} tried once, and {he} tried twice, but it (did not work|was too hard).",
    )
    t.say(
        "then {he} remembered {x}, {xkind} who could mend almost anything.",
        "then {xkind} (named|called) {x} knocked at the door. {x} was good at mending things.",
    )
    t.say('"(let me see|show me)," said {x}. "(This is not so bad|We can mend this). But you must help me."')
    t.say(
        "{h} held the pieces, and {x} worked (slowly and carefully|with a steady hand) until (it was dark|the stars came out).",
    )
    t.say(
        "in the end the {thing} was (whole again|as good as new).",
        "when they were done, the {thing} looked (better than before|as good as new).",
    )
    t.say(
        "{h} thanked {x} and gave {xim} (a jar of honey|a basket of apples|a warm loaf of bread).",
        '"How can I thank you?" asked {h}. "Come and see me sometimes," said {x}.',
    )
    t.say(
        "{h} had learned that (what is broken can often be mended|it is good to ask for help|nobody can do everything alone).",
    )


def returning(t):
    """A thing is found that belongs to somebody else."""
    t.begin()
    t.say(
        "(one day|one morning|one evening) {h} was {at} the {place} when {he} saw {athing} (in the grass|beside the road|under a tree).",
        "on the way to the {place}, {h} (found|came upon) {athing} (in the grass|beside the road).",
    )
    t.say(
        '"(what a beautiful|what a fine) {thing}," (said|thought) {h}. "(I would like to keep it|How I would like to have it)."',
    )
    t.say(
        "but then {h} thought of (the one who had lost it|its owner), who (must be looking for it|might be very sad).",
        "but {he} knew that it belonged to (somebody else|another).",
    )
    t.say('so {h} asked (everybody|everyone) {he} met. "(Is this your {thing}|Is this {thing} yours)?"')
    t.say(
        "(nobody knew|most shook their heads), and {h} was (almost ready to give up|getting tired).",
        "the first said no, and the second said no, but {h} (went on|did not give up).",
    )
    t.say(
        "(at last|in the end) {he} came to {x}, {xkind} who sat (by the road|at the window|on a bench) (with a sad face|and looked sad).",
    )
    t.say('"My {thing}!" (cried|called) {x}. "I have been looking for it (for three days|since yesterday|all week)."')
    t.say("{h} gave it back (with a smile|gladly), and felt warm inside.", "{h} was glad that {he} had not kept it.")
    t.say(
        "{x} invited {h} to (supper|tea|dinner), and they talked until (the moon rose|late in the evening).",
        "to say thank you, {x} baked a cake, and they ate it together.",
    )
    t.say(
        "(a found thing is nice|{a_thing} is nice), thought {h}, but a friend is (better|nicer still).",
        "{h} went home without {a_thing}, but with a new friend.",
    )


def giving(t):
    """The thing becomes a present."""
    t.slots["delight"] = THINGS[t.thing].delight
    t.begin()
    t.say(
        "{His} best friend was {x}, {xkind}. (Soon|Tomorrow) it would be {x}'s birthday.",
        "{x}, {xkind}, was {his} best friend, and {xis} birthday was near.",
    )
    t.say(
        '"What (can|shall) I give {xim}?" (thought|wondered) {h}. {He} had no money at all.',
        "{h} wanted to give {xim} something (nice|special), but {he} had (no money|only one coin).",
    )
    t.say(
        "so {he} went to the {place} and worked (for three days|all week|from morning to evening), (picking apples|carrying wood|pulling weeds|feeding the hens).",
    )
    t.say(
        "with the money that {he} earned, {he} bought {athing}. {delight}.",
        "in return {he} was given {athing}. {delight}.",
    )
    t.say(
        "on the way home it began to (rain|snow), but {h} kept the {thing} (under {his} coat|safe and dry).",
        "{h} wrapped it in (blue paper|a piece of cloth) and tied a (red|green) ribbon around it.",
    )
    t.say(
        "on the birthday, {x} opened the present, and {xis} eyes grew (big|wide).",
        "when the day came, {x} could hardly wait to open the present.",
    )
    t.say(
        '"({a_thing}|It is {a_thing})!" (cried|said) {x}. "(I have always wanted one|This is the best present of all)."',
    )
    t.say(
        "{h} was (tired|a little tired), but happier than {he} had ever been.",
        "{h} laughed, and {he} forgot how hard {he} had worked.",
    )
    t.say(
        "they (sang|played|danced) until the evening, and the {thing} was never far away.",
        "it is good to get a present, but that day {h} learned that it is even better to give one.",
    )


def sharing(t):
    """Food is shared, and kindness comes back."""
    t.begin()
    t.slots["afood"] = a(t.slots["food"])
    t.say(
        "(one day|one cold day|one morning) {h} packed {afood} and went for a (long walk|walk) to the {place}.",
        "(one day|one autumn day) {h} set out for the {place} with {afood}.",
    )
    t.say(
        "on the way {he} met {xkind} (named|called) {x}, who (looked thin and tired|had not eaten since yesterday|was very hungry).",
    )
    t.say('"(could you spare a bite|may I have a little of that)?" asked {x} (shyly|in a low voice).')
    t.say(
        "{h} was hungry too, but {he} gave {x} (the larger part|one half) of what {he} had.",
        '"Of course," said {h}. "(There is enough for two|We can share)."',
    )
    t.say("they sat in the (sun|shade|soft grass), ate together and told each other (stories|jokes).")
    t.say(
        "(later|in the evening), {h} lost the way, and it grew dark and cold.",
        "(a week later|in the winter), a storm blew, and {h} could not (find the way home|see the path).",
    )
    t.say(
        'then {he} heard a voice. "{h}! Come this way!" It was {x}.',
        "suddenly somebody called {his} name. It was {x}.",
    )
    t.say("{x} knew every (path|tree and every stone) and led {h} (safely home|home).")
    t.say('"You shared with me," said {x}, "(so I help you|and I did not forget it)."')
    t.say(
        "kindness had come back to {h}, as it (often does|so often does).",
        "since that day they have (always shared|shared) everything.",
    )


SKILLS = {
    "swim": ("in the river", "went under like a stone"),
    "sing": ("in the meadow", "only squeaked"),
    "dance": ("on the village green", "fell over {his} own feet"),
    "skate": ("on the frozen lake", "sat down hard on the ice"),
    "climb": ("in the old apple tree", "slid down again"),
    "whistle": ("behind the barn", "made no sound at all"),
    "paint": ("in the barn", "got more paint on {his} nose than on the paper"),
    "read": ("at the kitchen table", "mixed up all the letters"),
    "bake": ("in the kitchen", "burned the bread"),
    "row": ("on the lake", "went round in circles"),
}


def learning(t):
    """Something is hard, and is learned."""
    skill = t.rng.choice(tuple(SKILLS))
    where, failure = SKILLS[skill]
    t.slots |= {"skill": skill, "where": where, "failure": failure.format(**t.slots)}
    t.begin()
    t.say(
        "{h} wanted to learn to {skill}, more than anything else.",
        "there was one thing that {h} could not do: {he} could not {skill}.",
    )
    t.say(
        "(one day|one morning) {he} tried it {where}, but {he} {failure}.",
        "so {he} tried {where}. {He} {failure}.",
    )
    t.say("{He} tried again the next day, and {failure} again.", "the second time was no better.")
    t.say('"I will never learn to {skill}," (said|thought) {h}, and {he} (sat down on a stone|hung {his} head).')
    t.say("{x}, {xkind}, had seen it all. {Xe} came (closer|nearer) and (smiled|sat down beside {him}).")
    t.say(
        '"(When I was small|When I began|At first), I could not do it either," said {x}. "(Try a little every day|Go slowly, and do not give up)."',
    )
    t.say("so every (morning|evening|afternoon) they met {where}, and {x} showed {h} how it was done.")
    t.say(
        "(after a week|after many days|little by little), it went better, and one fine day {h} could {skill} (all alone|without any help).",
    )
    t.say('"(Look|See)!" (called|cried) {h}. "I can do it!" And {x} cheered.')
    t.say(
        "now {h} teaches others to {skill}, and {he} always says: do not give up.",
        "since then {h} has known that (hard things take time|nobody is born a master).",
    )


def noise(t):
    """What was feared in the night is harmless."""
    t.begin()
    t.say(
        "(one night|one stormy night|one dark night) {h} woke up, because there was a strange noise (at the door|at the window|behind the house).",
        "late (one night|one evening), {h} heard a strange noise (outside|behind the house|at the door).",
    )
    t.say("it went (tap, tap, tap|scratch, scratch, scratch|knock, knock, knock).")
    t.say(
        "{h} pulled the blanket over {his} head. (Was it a ghost|Was it a thief|Was it a monster)?",
        "{His} heart beat fast. (Was it a ghost|Was it a thief|Was it a monster)?",
    )
    t.say(
        "but the noise did not stop, and (at last|after a while) {h} took (heart|courage) and got up.",
        '"I must be brave," said {h}, and {he} got up.',
    )
    t.say("{He} went to the door on tiptoe, (counted to three|took a deep breath) and opened it.")
    t.say("there stood {xkind}, (wet and cold|shivering in the wind|with snow on {xis} head).")
    t.say(
        '"(I am sorry|Please excuse me)," said the {xk}. "I am {x}, and I have lost my way. (May I come in|Could I stay until the morning)?"',
    )
    t.say(
        "{h} laughed, for now {he} was not afraid (any more|at all).",
        '"Come in, come in," said {h}, and {his} fear was gone.',
    )
    t.say("{He} made (hot tea|a warm soup) and a bed (by the fire|beside the stove).")
    t.say(
        "in the morning the (sun was shining|wind was still), and {h} showed {x} the way home.",
        "they became (good friends|friends), and {x} often came back, but by day.",
    )


def planting(t):
    """A seed needs patience."""
    t.begin()
    t.say(
        "(one spring|one day in spring) {h} found a (small|brown|tiny) seed {at} the {place} and planted it (beside the house|in the garden).",
    )
    t.say("{He} (watered it every morning|gave it water each day), but nothing happened.")
    t.say(
        '"(Grow|Please grow)!" {he} told it, but the earth stayed (brown|bare).',
        "after a week there was still nothing to see but earth.",
    )
    t.say("{h} wanted to dig it up and (look|see what was wrong).")
    t.say(
        '"(Wait|Stop)," said {his} friend {x}, {xkind}. "(A seed has its own time|Good things take time). (Be patient|Give it water and wait)."',
    )
    t.say(
        "so {h} waited, through (rain and sun|wind and rain), and {he} (never forgot the water|watered it every day).",
    )
    t.say("(then, one morning|one fine morning), there was a (small|tiny) green leaf.")
    t.say("the leaf became a stem, and in summer a (tall sunflower|red rose) stood there, bright and beautiful.")
    t.say('"You were right," said {h} to {x}. "(It was worth the wait|I am glad that I waited)."')
    t.say(
        "in autumn they gathered the seeds, and the next year there was a whole garden.",
        "bees came from far away, and the two friends sat beside the flower and were happy.",
    )


# What may fall and break, and what is carried about and may be lost.
BREAKABLE = ("lantern", "umbrella", "flute", "drum", "kite", "clock", "basket", "broom")
LARGE = ("boat", "wagon", "ladder", "broom", "kettle", "spade", "clock")
SMALL = tuple(thing for thing in THINGS if thing not in LARGE)
FOUND = tuple(thing for thing in THINGS if thing not in ("boat", "ladder", "candle"))
WITH_THING = {helping: tuple(THINGS), losing: SMALL, mending: BREAKABLE, returning: FOUND, giving: tuple(THINGS)}
WITHOUT_THING = (sharing, learning, noise, planting)
