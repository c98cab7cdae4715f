"""Object when a question about the sound is decided by what is said.

Whether a speaker is calm or excited, how fast, how high or where something sounds is to be heard. A trace that settles
it by the meaning of the words ("the lyrics mention sadness") reasons over a transcript, even when it describes the
sound elsewhere (Step-Audio-R1, arXiv 2511.15848, sections 1 and 4.2). Words beside a sound that says the same are
fine: what counts is the evidence that decides, the last before the conclusion when a `but` sets words against sound.
"""

import re
from bisect import bisect_left

from mgrd.rulebook import Trace, example

PERCEPTUAL = frozenset(
    """sound sounds tone pitch voice voices loud loudness quiet volume fast slow slowly quickly pace speed rate tempo
    rhythm mood emotion emotional feeling feel calm excited beep beeps tones accent timbre intonation key instrument
    instruments music melody background noise noisy gender male female rising falling rise higher lower high low louder
    hear pause pauses attitude sarcastic angry happy sad""".split()  # noqa: SIM905  (a list of words to read)
)
PERCEPTUAL_ZH = "声音 语气 语调 音色 音调 语速 情绪 情感 节奏 音量 口音 歌声 听起来 背景音 乐器".split()  # noqa: SIM905

_TEXT = r"(?:words?|text|lyrics?|transcript|content|wording|phrase|sentence|meaning|message|line|script)"
_TRANSCRIPT = re.compile(
    rf"\b(?:the|her|his|their|these|those|spoken) (?:spoken )?{_TEXT}\b"
    r"|\b(?:transcript|lyrics|word choice|what (?:is|was|he|she) (?:being )?(?:said|says)|literally"
    r"|mentions?|mentioning|talks? about|talking about|says?|said|semantic\w*)\b"
    r"|“[^”\n]{1,300}”|\"[^\"\n]{1,300}\"|歌词|文本|文字|内容|台词|字面|说的话|转录",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"[^.!?。！？\n;；]+[.!?。！？\n;；]*")
_CONTRAST = re.compile(
    r"\b(?:but|however|yet|although|though|still|nevertheless|instead)\b|但|然而|不过", re.IGNORECASE
)
_CONCLUDES = re.compile(
    r"\b(?:so|therefore|thus|hence|means?|suggests?|indicates?|impl(?:y|ies)|conclu\w+|answer|must be|decid\w+|"
    r"calm|excited|happy|sad|angry|afraid|scared|fearful|nervous|anxious|tired|bored|joyful|cheerful|gentle|annoyed|"
    r"sarcastic|serious|neutral|disgusted|surprised|sadness|joy|anger|fear|excitement)\b"
    r"|所以|因此|说明|表明|意味|应该|平静|激动|高兴|开心|悲伤|难过|生气|愤怒|害怕",
    re.IGNORECASE,
)
"""Words that make evidence decide; a short message or a last word beside the sound decides nothing."""
_TURNS = re.compile(r"\s*(?:But|However|Yet)\b.*(?:[\"“]|\bmention)", re.DOTALL)
"""A sentence of its own that turns to what was said."""
_DECIDES = re.compile(
    r"\b(?:based on|judging by|going by|according to|given|by|from) (?:only |just )?"
    rf"(?:the |her |his |their |these )?(?:spoken )?{_TEXT}\b"
    rf"|\b(?:the |her |his |their |these ){_TEXT} (?:alone )?"
    r"(?:decides?|settles?|tells?|makes? it|points?|gives? it)",
    re.IGNORECASE,
)


def check(trace: Trace) -> str | None:
    """Object when the deciding evidence for a perceptual question is words alone."""
    asked = trace.question.lower()
    words = set(re.findall(r"[a-z]+", asked))
    if words.isdisjoint(PERCEPTUAL) and not any(word in asked for word in PERCEPTUAL_ZH):
        return None
    last = _last_words(trace)
    if last is None:
        return None
    text, contrasted, only = last
    if only:
        return f"the question is about the sound, and the only evidence is words: {_short(text)}"
    concludes = (
        _CONCLUDES.search(text)
        or _TURNS.match(text)
        or any(choice.casefold() in text.casefold() for choice in trace.choices or ())
    )
    if _DECIDES.search(text) or (contrasted and concludes):
        return f"the question is about the sound, and what decides is words: {_short(text)}"
    return None


def _last_words(trace: Trace) -> tuple[str, bool, bool] | None:
    """The words that are the last evidence, whether a contrast introduces them, and whether they are the only evidence.

    None where the last evidence is a sound, or there is none. Looks from the end; `but` splits a sentence.
    """
    starts = sorted(claim.start for claim in trace.claims if _is_heard(claim.modality, claim.cue))
    clauses = list(_CLAUSE.finditer(trace.think))
    for sentence in reversed(clauses):
        for begin, end, contrasted in reversed(_parts(sentence)):
            if bisect_left(starts, begin) < bisect_left(starts, end):
                return None
            part = trace.think[begin:end]
            if _TRANSCRIPT.search(part):
                return part, contrasted, not starts or starts[-1] < clauses[0].start()
    return None


def _parts(sentence: re.Match[str]) -> list[tuple[int, int, bool]]:
    """Where the parts of a sentence begin and end, and whether a contrast introduces them."""
    turns = [sentence.start() + turn.start() for turn in _CONTRAST.finditer(sentence[0])]
    begins = [sentence.start(), *turns]
    return [(begin, end, at > 0) for at, (begin, end) in enumerate(zip(begins, [*turns, sentence.end()], strict=True))]


def _is_heard(modality: str, cue: str) -> bool:
    return modality in ("asserted", "hedged") and not cue.startswith("time.")


def _short(text: str) -> str:
    text = " ".join(text.split())
    return repr(text if len(text) <= 100 else text[:99] + "…")


_MOOD = "Does the speaker sound calm or excited?"
KEEP = [
    example("The voice is low and slow, so the speaker is calm.", question=_MOOD),
    example("The words are cheerful, but the voice is low and slow, so calm.", question=_MOOD),
    example('He says "what a day" in a high, fast voice. So he is excited.', question=_MOOD),
    example("The voice is high. She also says 'great'. Excited.", question=_MOOD),
    example("The pitch rises, but by the last word the sentence has ended.", question=_MOOD),
    example("The pitch is low and the pace slow, but she says little.", question=_MOOD),
    example("The voice is low, though the message is short.", question=_MOOD),
    example("The transcript says the fee is ten dollars.", question="How much is the fee?"),
    example("", question=_MOOD),
]
DROP = [
    example('The words "a warm evening" are gentle, so the speaker is calm.', question=_MOOD),
    example("The lyrics mention sadness, so the mood is sad.", question="What is the mood of the music?"),
    example('The voice is low, but the words "what a win" are excited, so excited.', question=_MOOD),
    example('The voice is low. However, she says "what a win" twice.', question=_MOOD),
    example("The pitch is low and the pace is slow. Going by the words, she is excited.", question=_MOOD),
    example("歌词内容很悲伤，所以情绪是悲伤。", question="这段歌声的情绪是什么？"),
]
