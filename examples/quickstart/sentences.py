"""Sentences for the speech clips, from small grammars whose words are split.

The splits fill the same patterns with different words.
`lean` is the mood that the words alone suggest; it has nothing to do with how the sentence is spoken.
"""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Sentence:
    """What is said, the two to four words that a listener would quote, and the mood the words suggest."""

    text: str
    quote: str
    lean: str


GRAMMARS = (
    ("calm", "{who} {did} the {calm} {thing}", " {where}"),
    ("calm", "here is the {calm} {thing}", " {where}"),
    ("calm", "{who} keeps a {calm} {thing}", " {where}"),
    ("calm", "there is a {calm} {thing}", " {where} {when}"),
    ("excited", "we just {won} the {wild} {thing}", " {when}"),
    ("excited", "look at that {wild} {thing}", " {where}"),
    ("excited", "{who} {won} a {wild} {thing}", " {when}"),
    ("excited", "what a {wild} {thing} we {won}", " {where}"),
)

TRAIN_WORDS = {
    "who": "my brother,the doctor,her teacher,our neighbour,a farmer,the captain,your mother,the baker,his sister,"
    "a student",
    "did": "painted,carried,opened,washed,borrowed,folded,noticed,mended,covered,counted",
    "won": "won,found,reached,rescued,conquered,invented",
    "calm": "old,little,quiet,wooden,grey,simple,woollen,empty,gentle,dusty",
    "wild": "amazing,giant,brilliant,golden,fantastic,roaring,stunning,crazy,burning,magic",
    "thing": "letter,bottle,table,garden,carpet,picture,window,basket,river,engine,trumpet,pony,rocket,island,medal",
    "where": "by the door,near the station,in the kitchen,behind the school,on the hill,under the bridge,"
    "at the harbour,in the valley,next to the market",
    "when": "today,this morning,on Monday,after dinner,before the rain,last winter,every evening,right now",
}
VALIDATION_WORDS = {
    "who": "the painter,our uncle,their daughter",
    "did": "lifted,polished,measured",
    "won": "captured,discovered",
    "calm": "narrow,pale,modest",
    "wild": "wonderful,mighty,shocking",
    "thing": "candle,pillow,dragon,castle",
    "where": "in the attic,beside the lake,at the corner",
    "when": "on Friday,tonight,at midnight",
}
HELDOUT_WORDS = {
    "who": "the driver,a pilot,my cousin,their landlord",
    "did": "ordered,ironed,repaired,emptied",
    "won": "collected,survived,unlocked",
    "calm": "plain,heavy,brown,ordinary",
    "wild": "incredible,thrilling,monstrous,dazzling",
    "thing": "pencil,blanket,camera,tunnel,tiger,palace",
    "where": "on the balcony,across the street,in the cellar,behind the church",
    "when": "on Sunday,in April,at noon,next summer",
}
WORDS = {
    "train": TRAIN_WORDS,
    "pool": TRAIN_WORDS,
    "validation": VALIDATION_WORDS,
    "heldout": HELDOUT_WORDS,
}


def sentence(split: str, rng: random.Random) -> Sentence:
    """A random sentence; the pool draws from the training grammar, so its sentences may but need not be new."""
    words = {slot: rng.choice(options.split(",")) for slot, options in WORDS[split].items()}
    lean, core, tail = rng.choice(GRAMMARS)
    text = core.format(**words)
    quote = " ".join(text.split()[-3:])
    return Sentence(text + (tail.format(**words) if rng.random() < 0.8 else ""), quote, lean)
