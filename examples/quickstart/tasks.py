"""The six questions that the quickstart asks about a clip, and their answers from the clip's truth.

`truth` is a row that make_clips.py wrote: what the generator did. Nothing here reads audio.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

Truth = Mapping[str, Any]

CHOICES = {
    "pitch": ("low", "high"),
    "rate": ("slow", "fast"),
    "mood": ("calm", "excited"),
    "order": ("first", "second"),
    "glide": ("rising", "falling"),
    "count": ("two", "three", "four"),
}

TASKS_OF = {"speech": ("pitch", "rate", "mood"), "pair": ("order",), "glide": ("glide",), "beeps": ("count",)}
"""Which tasks a kind of clip can carry."""

COUNT_WORDS = {2: "two", 3: "three", 4: "four"}

PHRASINGS = {
    "pitch": (
        "Is the voice high or low in pitch?",
        "Does the speaker have a low or a high voice?",
        "Is the pitch of the voice high or low?",
        "How would you describe the pitch of this voice?",
        "Which fits the speaker's voice better, high or low?",
    ),
    "rate": (
        "Is the speech fast or slow?",
        "Does the speaker talk fast or slowly?",
        "Is the speaking rate slow or fast?",
        "How would you describe the pace of the speech?",
        "At what pace is this sentence spoken?",
    ),
    "mood": (
        "Does the speaker sound calm or excited?",
        "Is the speaker calm or excited?",
        "How does the speaker sound?",
        "Which mood does the voice convey?",
        "Judging by the voice, is the speaker excited or calm?",
    ),
    "order": (
        "Which tone is higher, the first or the second?",
        "Is the first or the second tone higher?",
        "Which of the two tones has the higher pitch?",
        "Two tones are played. Which one is higher?",
        "Of the two sounds, which one is higher in pitch?",
    ),
    "glide": (
        "Is the tone rising or falling?",
        "Does the pitch of the tone rise or fall?",
        "Which way does the pitch of this tone move?",
        "Is the pitch going up or down?",
        "How does the tone change over time?",
    ),
    "count": (
        "How many beeps are there?",
        "How many beeps do you hear?",
        "Count the beeps in this clip.",
        "What is the number of beeps?",
        "How often does the beep sound?",
    ),
}


def answer(task: str, truth: Truth) -> str:
    """The right choice; mood is the majority of high pitch, fast pace and loud level."""
    if task in ("pitch", "rate"):
        return str(truth[task])
    if task == "mood":
        aroused = (truth["pitch"] == "high") + (truth["rate"] == "fast") + (truth["level"] == "loud")
        return "excited" if aroused >= 2 else "calm"
    if task == "count":
        return COUNT_WORDS[truth["beeps"]]
    up = truth["f2_hz"] > truth["f1_hz"]
    if task == "order":
        return "second" if up else "first"
    return "rising" if up else "falling"


def ask(task: str, rng: random.Random) -> tuple[str, list[str]]:
    """A phrasing of the question, and its choices in a random order."""
    return rng.choice(PHRASINGS[task]), rng.sample(CHOICES[task], len(CHOICES[task]))
