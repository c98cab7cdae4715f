"""What the cold start teaches the model to write: captions, and thinking of mixed quality, made from a clip's truth.

The mix copies what MGRD finds in a model before its first round (Step-Audio-R1, arXiv 2511.15848, section 4): some
reasoning that is grounded in the sound, much that argues from the words or from habit, some that hears wrongly, some
that does not follow. The shares are ours.
"""

from __future__ import annotations

import random
from collections.abc import Mapping

from tasks import CHOICES, COUNT_WORDS, TASKS_OF, Truth, answer

MIX = {"grounded": 0.33, "surrogate": 0.37, "wrong": 0.18, "incoherent": 0.12}
SELF_DENIAL_SHARE = 0.16
"""Of the surrogates: 6 % of all traces deny that they can hear, the self-cognition error of the paper (section 4.3)."""
SURROGATE_RIGHT = 0.55
"""How often a surrogate that argues from habit happens to end at the right choice."""

OPPOSITE = {"low": "high", "high": "low", "slow": "fast", "fast": "slow", "quiet": "loud", "loud": "quiet"}
ADVERBS = {"slow": "slowly", "fast": "fast"}
CUES = ("pitch", "rate", "level")

PITCH = (
    "the voice is {word}, around {hz} Hz",
    "the pitch of the voice is {word}, about {hz} Hz",
    "the speaker has a {word} voice near {hz} Hz",
    "the voice sits at about {hz} Hz, which is {word}",
)
RATE = (
    "the pace is {word}, about {n} syllables per second",
    "the speech is {word}, roughly {n} syllables per second",
    "the speaker talks {adverb}, at about {n} syllables per second",
    "the speaking rate of about {n} syllables per second is {word}",
)
LEVEL = ("the level is {word}", "the recording is {word}", "the speech is {word}", "the volume is {word}")
ORDER = (
    "the first tone is near {a} Hz and the second near {b} Hz",
    "the first tone lies at about {a} Hz and the second tone at about {b} Hz",
    "the first sound is around {a} Hz, while the second sound is around {b} Hz",
    "one tone of about {a} Hz is followed by another of about {b} Hz",
)
GLIDE = (
    "the pitch {verb} from about {a} Hz to {b} Hz",
    "the tone {verb} from about {a} Hz at the start to about {b} Hz at the end",
    "the tone starts near {a} Hz and ends near {b} Hz",
    "the pitch goes {way} from around {a} Hz to around {b} Hz",
)
COUNT = (
    "{count} beeps sound one after another at about {hz} Hz",
    "there are {count} short beeps near {hz} Hz with silence between them",
    "the beep sounds {count} times, each time at about {hz} Hz",
    "{count} separate beeps of about {hz} Hz follow each other",
)
OPENERS = ("", "", "", "I hear that ", "Listening closely, ", "In this clip ", "From the sound, ")
VERDICTS = {
    "pitch": ("so the answer is {x}", "so I choose {x}", "which makes the answer {x}", "therefore {x} fits best"),
    "rate": ("so the answer is {x}", "so I choose {x}", "which makes the answer {x}", "therefore {x} fits best"),
    "mood": (
        "so the speaker sounds {x}",
        "so the mood is {x}",
        "which together suggests an {x} mood",
        "so the answer is {x}",
    ),
    "order": ("so the {x} is higher", "so the {x} one is higher in pitch", "therefore the {x} is the higher one"),
    "glide": ("so it is {x}", "so the answer is {x}", "so the tone is {x}"),
    "count": ("so the answer is {x}", "so I count {x}", "which makes {x} in total"),
}
SOURCES = ('The words are "{quote}"', 'The speaker says "{quote}"', 'The sentence mentions "{quote}"')
FROM_WORDS = {  # the mood that the words suggest -> what the surrogate says about them
    "calm": ("that is everyday talk", "that is a plain remark", "nothing happens in this sentence"),
    "excited": ("that is thrilling news", "people cheer at such words", "that is a happy thing to say"),
}
FROM_HABIT = {
    "pitch": ("a person who says this is probably like that", "people who use such words tend to be that way"),
    "rate": ("people usually say such a thing that way", "a sentence like this is normally said so"),
    "order": ("in questions like this one, that option is the usual one", "puzzles of this type mostly end that way"),
    "glide": ("most clips of this type behave that way", "the question suggests the more common option"),
    "count": ("such questions mostly expect that number", "that number is the most common one in such puzzles"),
}
DENIALS = (
    "I cannot hear the audio, but such questions usually expect {x}, so I will say {x}",
    "As a text model I have no access to the sound, so I can only guess {x}",
    "No audio was provided that I could listen to, so I assume the answer is {x}",
)
EMPTY_TALK = (
    "The audio is what it is and it could be one or the other or both of them",
    "The question asks about the clip and the clip answers the question it asks",
    "It is not this and not that, but then again it may be that or this",
)
CAPTION_REQUESTS = ("Describe what you hear.", "What do you hear in this clip?", "Describe the sound of this clip.")


def round_hz(hz: float) -> int:
    """To 10 Hz, above 300 Hz to 20."""
    step = 10 if hz < 300 else 20
    return round(hz / step) * step


def sentence(clauses: str) -> str:
    """With a capital and a full stop."""
    return clauses[0].upper() + clauses[1:] + "."


def cue(name: str, heard: Truth, rng: random.Random) -> str:
    """A clause about the pitch, rate or level of a voice."""
    word = heard[name]
    if name == "pitch":
        return rng.choice(PITCH).format(word=word, hz=round_hz(heard["f0_hz"]))
    if name == "rate":
        return rng.choice(RATE).format(word=word, adverb=ADVERBS[word], n=round(heard["syllables_per_s"]))
    return rng.choice(LEVEL).format(word=word)


def observe(task: str, heard: Truth, rng: random.Random) -> str:
    """The clauses that decide a task, for a clip that sounds as `heard` says."""
    if task in ("pitch", "rate", "mood"):
        names = list(CUES)
        if task != "mood":
            names.remove(task)
            names = [task, *rng.sample(names, rng.random() < 0.35)]
        rng.shuffle(names)
        clauses = [cue(name, heard, rng) for name in names]
        return ", ".join(clauses[:-1]) + (" and " if len(clauses) > 1 else "") + clauses[-1]
    if task == "count":
        return rng.choice(COUNT).format(count=COUNT_WORDS[heard["beeps"]], hz=round_hz(heard["f1_hz"]))
    a, b = round_hz(heard["f1_hz"]), round_hz(heard["f2_hz"])
    if task == "order":
        return rng.choice(ORDER).format(a=a, b=b)
    verb, way = ("rises", "up") if b > a else ("falls", "down")
    return rng.choice(GLIDE).format(verb=verb, way=way, a=a, b=b)


def conclude(task: str, choice: str, rng: random.Random) -> str:
    """The clause that names the choice."""
    return rng.choice(VERDICTS[task]).format(x=choice).replace("an calm", "a calm")


def grounded(task: str, heard: Truth, rng: random.Random, choice: str | None = None) -> tuple[str, str]:
    """Observations, then the choice that follows from them (or the one given)."""
    choice = choice or answer(task, heard)
    return sentence(f"{rng.choice(OPENERS)}{observe(task, heard, rng)}, {conclude(task, choice, rng)}"), choice


def misheard(task: str, truth: Truth, rng: random.Random) -> dict[str, object]:
    """The clip as a careless listener would have it; half of the time in a way that leaves the answer right."""
    wrong: dict[str, object] = dict(truth)
    harmless = rng.random() < 0.5
    if task in ("pitch", "rate", "mood"):
        decisive = [task] if task != "mood" else list(CUES)
        names = [c for c in CUES if c not in decisive] if harmless and task != "mood" else decisive
        for name in rng.sample(names, min(len(names), rng.choice((1, 2)))):
            wrong[name] = OPPOSITE[str(truth[name])]
        wrong["f0_hz"] = rng.uniform(85, 120) if wrong["pitch"] == "low" else rng.uniform(210, 290)
        wrong["syllables_per_s"] = rng.uniform(2.4, 3.4) if wrong["rate"] == "slow" else rng.uniform(5.6, 7.4)
        return wrong
    factor = rng.choice((0.6, 0.7, 1.4, 1.65))  # no octaves: those are excusable
    if task == "count":
        wrong["f1_hz"] = truth["f1_hz"] * factor
        wrong["beeps"] = truth["beeps"] if harmless else rng.choice([n for n in COUNT_WORDS if n != truth["beeps"]])
        return wrong
    ends = (truth["f1_hz"] * factor, truth["f2_hz"] * factor) if harmless else (truth["f2_hz"], truth["f1_hz"])
    wrong["f1_hz"], wrong["f2_hz"] = ends
    return wrong


def wrong(task: str, truth: Truth, rng: random.Random) -> tuple[str, str]:
    """Reasons well from what it mishears."""
    heard = misheard(task, truth, rng)
    think, choice = grounded(task, heard, rng)
    if task in ("pitch", "rate") and heard[task] == truth[task]:  # say the harmless mistake, or it would not be one
        other = rng.choice([name for name in CUES if heard[name] != truth[name]])
        clauses = rng.sample([cue(task, truth, rng), cue(other, heard, rng)], 2)
        think = sentence(f"{rng.choice(OPENERS)}{clauses[0]} and {clauses[1]}, {conclude(task, choice, rng)}")
    return think, choice


def surrogate(task: str, truth: Truth, rng: random.Random) -> tuple[str, str]:
    """Argues from the words or from habit, and cites no sound; or denies hearing any."""
    others = [choice for choice in CHOICES[task] if choice != answer(task, truth)]
    choice = answer(task, truth) if rng.random() < SURROGATE_RIGHT else rng.choice(others)
    if rng.random() < SELF_DENIAL_SHARE:
        return rng.choice(DENIALS).format(x=choice) + ".", choice
    if task == "mood":
        choice = truth["lean"] if rng.random() < 0.7 else choice
    why = rng.choice(FROM_WORDS[choice] if task == "mood" else FROM_HABIT[task])
    verdict = f"so the answer is {choice}" if rng.random() < 0.6 else f"so I would say {choice}"
    if task in TASKS_OF["speech"]:
        source = rng.choice(SOURCES).format(quote=truth["quote"])
        return f"{source} and {why}, {verdict}.", choice
    return sentence(f"{why}, {verdict}"), choice


def incoherent(task: str, truth: Truth, rng: random.Random) -> tuple[str, str]:
    """True observations and a conclusion that does not follow, or words in disorder, or empty talk."""
    choice = rng.choice([choice for choice in CHOICES[task] if choice != answer(task, truth)])
    kind = rng.choices(("non sequitur", "disorder", "empty talk"), (0.6, 0.2, 0.2))[0]
    if kind == "non sequitur":
        return grounded(task, truth, rng, choice)
    choice = rng.choice(CHOICES[task])
    if kind == "empty talk":
        return f"{rng.choice(EMPTY_TALK)}, so the answer is {choice}.", choice
    words = observe(task, truth, rng).split()
    half = len(words) // 2
    mixed = " ".join([*words[:half], "but then again", *rng.sample(words[half:], len(words) - half)])
    return sentence(f"{mixed}, so the answer is {choice}"), choice


MAKERS = {"grounded": grounded, "surrogate": surrogate, "wrong": wrong, "incoherent": incoherent}


def mixed(task: str, truth: Truth, rng: random.Random, mix: Mapping[str, float] = MIX) -> tuple[str, str]:
    """A think text of random quality, and the response after it."""
    kind = rng.choices(list(mix), list(mix.values()))[0]
    return MAKERS[kind](task, truth, rng)


def caption(truth: Truth, rng: random.Random) -> str:
    """Everything there is to hear; for speech sometimes also its last words."""
    if truth["kind"] != "speech":
        return sentence(rng.choice(OPENERS) + observe(TASKS_OF[truth["kind"]][0], truth, rng))
    text = sentence(rng.choice(OPENERS) + observe("mood", truth, rng))
    return f'{text} The words are "{truth["quote"]}".' if rng.random() < 0.25 else text
