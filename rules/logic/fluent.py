"""Object to text that is not language: broken encoding, stuttering, or words in no order.

A small or over-trained model can name the right cue in a sentence that says nothing, and a filter that only looks for
cues would teach more of it. Looks at neighbours of closed word classes, so it needs no dictionary; hurried, idiomatic
and transcribed language stays in (of 1,300 real English traces one in forty has a slip, one in four hundred two). A
short salad with few function words goes unseen: a model-based judge can be stricter.
"""

import re
from functools import lru_cache
from itertools import pairwise

from mgrd.rulebook import Trace, example

_TOKEN = re.compile(r"[^\W\d_\u4e00-\u9fff]+(?:['’][^\W\d_\u4e00-\u9fff]+)*|[\u4e00-\u9fff]|[^\s\w]|\d+")
_BROKEN = re.compile(r"[\ufffd\u0000-\u0008\u000b\u000c\u000e-\u001f\ue000-\uf8ff]")
_MIXED = re.compile(r"[a-z][\u0400-\u04ff]|[\u0400-\u04ff][a-z]", re.IGNORECASE)  # not Greek: Δf and μPa are symbols
# Lower case only: GMAJ and LSTM are names. No vowel, six consonants in a row, or letters that neither English nor a
# romanised Chinese name joins.
_UNSPEAKABLE = re.compile(
    r"(?=[a-z]{4})(?:[b-df-hj-np-tv-xz]+|[a-z]*(?:[b-df-hj-np-tv-xz]{6}|q[b-df-hj-np-tv-xz]|[jv][bcdfghkmnpqtwxz]|"
    r"z[bcdfgjknpqrvwx]|[bcdfghjkmpqstvwz]x|[xzjv][jqvk]|[fgkpvw]j|[fgjkpvwx]z|[fgjkpvwz]q)[a-z]*)"
)

_NEVER_TWICE = (
    "the a an of is are was and to in on at with for it this its his her so but as from by hz khz db bpm 的 了 在 和"
)
_NO_NUMBER = re.compile(r"\b(?:about|around|near|nearly|roughly|approximately) (?:Hz|kHz|dB|BPM)\b", re.IGNORECASE)
"""A unit that waits for its number: evidence with a hole in it."""
_NO_NOUN = "of is are was were be and or but to at for with from by into it he she they we because therefore than if"
_NEVER_NEXT = (
    ("the their its my your", f"{_NO_NOUN} the an a this these those which who"),
    ("a an", "of is are was were and the a an it he she they because therefore this which who"),
    ("of into", "is are was were and of or because therefore he she they"),
    ("with from for to", "of therefore"),
    ("is are was were", "is are was were"),
    ("and or but", "and or"),
    ("the a an and or because their my your", ". ! ?"),
    ("the an of", ","),
)
"""Words, and what no grammar puts after them. Case counts on the right: "the A" and "a And" are names.

Not "the note it starts with is low", nor "the voice is of a man and of a mourner".
"""
_SPELT_SOUND = re.compile(r".*(.)\1\1.*|psst|pfft|hmph|tsktsk|shht", re.IGNORECASE)
_SOUNDING = frozenset(
    """beep bip bleep blip boop boing bang beat boom buzz bzz chirp choo chug clack clang clap click clink clip clop coo
    crack creak cuckoo ding dong drip drum dum ha haha hee hey ho honk hoo hoot hum knock la meow moo na neigh oink
    patter peep ping plink plop pop pow pum quack rap ring roar rumble slap snap splash squeak squeal step swish tap
    thud thump tick ting tock toot tweet whirr whoosh woof yip zap""".split()  # noqa: SIM905  (a list of words to read)
)
"""Words that stand for a sound, and are said as often as it comes."""

_STUTTERS = frozenset(_NEVER_TWICE.split())
_PAIRS = frozenset((a, b) for first, second in _NEVER_NEXT for a in first.split() for b in second.split())


def check(trace: Trace, *, slips: int = 2, per_words: int = 60, longest: int = 40) -> str | None:
    """Object to broken characters, a word of more than `longest` letters, and to more than one slip in `per_words`.

    A stutter or a unit without its number counts as two slips, an impossible pair of words as one, three unspeakable
    words as one; at least `slips`.
    """
    text = trace.think
    if broken := _BROKEN.search(text):
        return f"holds the broken character {broken[0]!r} after {text[max(broken.start() - 20, 0) : broken.start()]!r}"
    if mixed := _MIXED.search(text):
        return f"mixes scripts within a word: {text[max(mixed.start() - 10, 0) : mixed.end() + 10]!r}"
    tokens = _TOKEN.findall(text)
    words = [token for token in tokens if token[0].isalpha()]
    if too_long := next((word for word in words if len(word) > longest and word.isascii()), None):
        return f"holds a word of {len(too_long)} letters, {too_long[:30]!r}"
    if row := _row([token for token in tokens if token != ","]):
        return f"says {row[0]!r} {row[1]} times in a row"
    twice, pairs = _slips(tokens)
    twice += _NO_NUMBER.findall(text)
    noise = [word for word in words if _is_unspeakable(word)]
    sure = 2 * len(twice) + len(pairs)
    if sure + len(noise) >= slips and (sure + len(noise) / 3) * per_words > len(words):
        found = [*twice, *pairs, *noise]
        return f"is garbled in {len(found)} places of {len(words)} words: {', '.join(map(repr, found[:4]))}"
    return None


def _slips(tokens: list[str]) -> tuple[list[str], list[str]]:
    """Closed-class words said twice, and pairs that no grammar joins."""
    twice, pairs, before = [], [], ""
    for first, second in pairwise(tokens):
        a = first if first == "A" else first.lower()
        if a == second.lower():
            # "what it is is a bell" and "that is is" are said
            if a in _STUTTERS and before not in ("it", "that"):
                twice.append(f"{first} {second}")
        elif (a, second) in _PAIRS:
            pairs.append(f"{first} {second}")
        before = a
    return twice, pairs


def _row(tokens: list[str], most: int = 7) -> tuple[str, int] | None:
    """An English word that is said more than `most` times in a row, but for sounds, spelt out or in one letter."""
    run = 1
    for first, second in pairwise([*tokens, ""]):
        if first.lower() == second.lower():
            run += 1
        elif run > most and len(first) > 1 and first.isalpha() and first.isascii() and first.lower() not in _SOUNDING:
            return first, run
        else:
            run = 1
    return None


@lru_cache(maxsize=65536)  # a trace repeats most of its words
def _is_unspeakable(word: str) -> bool:
    return word.isascii() and _UNSPEAKABLE.fullmatch(word) is not None and not _SPELT_SOUND.fullmatch(word)


KEEP = [
    example("The voice is low and steady, which is why I think it is a man.", response="A man."),
    example("What it is is a bell. It rings ha ha ha, la la la, and so on.", response="A bell."),
    example("他说的是：“是是是，好的好的。”语速很快，所以他很着急。", response="着急"),
    example("Chords: Am7, D7, Gmaj7. So it is G major, and the A of the melody is a ninth.", response="G major"),
    example("The note it starts with is low and the note it moves to is high.", response="It rises."),
    example("The chord it resolves to is C and the one it starts from is G.", response="C"),
    example("The voice is of a man and the tone is of sadness.", response="A man."),
    example("I hear hmmm and then shhh, brrr and psst, so someone is cold and hiding.", response="Hiding."),
    example("I hear beep beep beep beep beep beep beep beep, eight beeps.", response="8"),
    example("The guzheng and the guqin play, then a mahjong tile is put down.", response="China"),
]
DROP = [
    example("The the pitch of is low of the and so the is a man.", response="A man."),
    example("the pitch is is low and and rises at the the end", response="A man."),
    example("Low of is the pitch, the and a man for is the.", response="A man."),
    example("The pitch \ufffd\ufffd is low.", response="A man."),
    example("The tone starts near Hz and ends near 700 Hz, so it rises.", response="It rises."),
    example("low low low low low low low low low, so it is a man.", response="A man."),
    example("音调是很低的的，所以是男声的的。", response="男声"),
    example("The ptchx rsess kwrtz at the blrgh of the wrdst, so it is a man."),
    example("The рitch is lоw.", response="A man."),  # Cyrillic letters inside English words
]
