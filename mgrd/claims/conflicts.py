"""Two claims of one text that exclude each other: one thing said to be high and to be low, there and not there.

Reads what `extract` found and the sentences around it; what excludes what is data (`mgrd.opposites`). Two claims are
compared only when they speak of the same voice or sound and of the same part of the clip, and neither sentence sets
times, speakers or what others report side by side. It knows nothing of the waveform, and of no contradiction that
needs more than two claims.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import NamedTuple

from mgrd.claims import Claim
from mgrd.opposites import SIDES, is_of
from mgrd.stances import revised, sentences, words_of

_KEPT = 8
"""How many of the latest claims of one side are remembered."""

_MOST = 200
"""How many sounds and denials of sounds are compared: what has more is no argument."""

_OF_VOICE = frozenset(("pitch", "rate", "voice"))
_OF_CLIP = frozenset(("noise", "space", "tempo", "music", "rhythm", "time", "event", "pause", "source"))
"""Families that are said of a voice, or of the whole clip, where no other thing is named."""

_THINGS = {
    word: name
    for name, words in {
        "voice": "speaker voice speech person singer vocal vocals narrator he she his her him man woman boy girl male"
        " female talker vocalist delivery says speaks talks 说话 声音 嗓音 语速 男 女 他 她 人声 讲话 演唱",
        "child": "child kid baby toddler infant children 孩 童",
        "beat": "beat beats rhythm pulse 节奏 节拍 拍子",
        "music": "music song melody piece tune soundtrack 音乐 乐曲 旋律 曲子 歌曲 伴奏",
        "noise": "noise hiss hum static 噪声 噪音 杂音",
        "crowd": "crowd audience applause chatter murmur 人群 观众 掌声",
    }.items()
    for word in words.split()
} | {
    word: word
    for word in """guitar piano drum bass violin flute trumpet organ synth synthesizer cello saxophone harp choir
    orchestra band percussion cymbal snare dog cat bird engine car bell door phone rain wind water footstep siren train
    note chord laugh laughter laughing cough bang knock click alarm street traffic word sentence question answer
    phrase syllable instrument strings brass horn hat kick clarinet accordion banjo ukulele keyboard chime
    animal cow horse rooster thunder gunshot explosion explosions motor beep call growl vocalization 钢琴 吉他 鼓 贝斯
    小提琴 长笛 狗 猫 鸟 车 铃 雨 风 水 脚步 笑声 哭声 敲门 街""".split()  # noqa: SIM905
}
SEXES = {
    "male": frozenset("he his him man men male boy gentleman father husband 男 他".split()),  # noqa: SIM905
    "female": frozenset("she her hers woman women female girl lady mother wife 女 她".split()),  # noqa: SIM905
}
_LATIN = re.compile("[a-z]+")
_NAMED = re.compile(
    "[a-z]+|"
    + "|".join(sorted((word for word in (*_THINGS, "男", "女", "他", "她") if not word.isascii()), key=len)[::-1])
)
_SOUND = re.compile(r"\bthe\s+((?:[a-z]+\s+)?sound)\s+(?:is|has|was|gets|re)")
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{2,}|^[A-Z][a-z]+(?='s )")

_SET_APART = frozenset(
    """if when while until once then afterwards afterward later before sometimes often occasionally initially finally
    eventually subsequent subsequently next follow follows followed following prior become becomes becoming turns
    turned shift shifts shifted transition transitions switch switches change changes changed changing alternate
    alternates alternating unlike whereas versus vs compared than relative relatively contrast although though but
    however despite except unless or other another some both analysis analyses model models tool tools caption captions
    transcript transcription said claim claims claimed report reports reported described describe describes description
    labelled labeled listed mention mentions mentioned identify identifies identified according confidence confident
    estimate estimates estimated detected detects conflict conflicts conflicting contradict contradicts contradicted
    contradiction contradictory disagree disagrees disagreement inconsistent discrepancy ambiguous ambiguity mixed
    uncertain unclear usually normally generally interpretation interpretations interpret interpreted hypothesis expect
    expected instead rather successive successively across require requires required need needs incompatible oppose
    opposes fail fails failed lack lacks lacking foreign sounded felt guess guessed impression instinct assume assumed
    took ruled otherwise half double least most range ranges ranging peak peaks max maximum minimum reach reaches
    reaching climb climbs climbing lowest highest harmonic harmonics overtone overtones formant formants partial
    partials""".split()  # noqa: SIM905
)
"""Words of a sentence that sets times, voices or opinions side by side, or that looks back."""
SET_APART_HAN = re.compile(
    r"平时|通常|一般|平常|在这里|此[时刻]|如果|假如|当|然后|后来|之前|之后|有时|可能|也许|或|选项|比|相对|虽然|但|不过|然而|却"
    r"|而(?!且)|时候|接着|随后|转|变|起初|先|以为|似乎|好像|(?:选项|有人|一方)说(?!话)|声称|分析|报告|描述|模型|标注|矛盾|冲突"
    r"|不一致|另|其他|别的|最高|最低|峰|达到|谐波|泛音|倍|半|除了|还是|猜|印象"
)
_MARKS = re.compile(r"[?？\"“”]")
_PART = frozenset(
    """first second third fourth last final start beginning begin begins opening intro outro end ends ending middle
    early late verse chorus bridge section segment part word phrase sentence question reply left right foreground
    minute mark onset channel""".split()  # noqa: SIM905
)
PART_HAN = re.compile(
    r"第.|开头|开始|结尾|末|最后|中间|前|后(?!台)|[句曲]首|首[句字]|[一两二三]句|副歌|主歌|左(?!右)|(?<!左)右"
)
WHOLE = re.compile(
    r"\bfrom (?:the )?\w+ to (?:the )?(?:end|finish|last \w+)"
    r"|\b(?:after |between |in )?(?:each|every|all)(?: single| the)?"
    r" (?:words?|sentences?|phrases?|syllables?|while|notes?)"
    r"|(?:at|in) the background|从头到尾|自始至终|每[一]?[句个]",
    re.IGNORECASE,
)
_LOCAL = re.compile(r"\b(?:between|within|inside|during|after|amid|under|beneath)\b|期间|之间|中间", re.IGNORECASE)
SEVERAL = re.compile(
    r"(?<!no )\b(?:two|three|four|five|both|several|multiple|many|other|another|second|first|each|different|various)\s+"
    r"(?:\w+\s+){0,2}?(?:speakers?|voices?|people|persons?|men|women|singers?|characters?|talkers?|vocalists?"
    r"|participants?|interlocutors?|children|man|woman)\b"
    r"|\b(?:dialogue|conversation|interview\w*|duet|debate|exchange)\b"
    r"|[两二三四几多双].?(?:个|位|名)?(?:人|说话人|声音|歌手)|另一|对话|双方|第二[个位]|他们|她们|轮流",
    re.IGNORECASE,
)
_ALTERED = re.compile(
    r"\b(?:half|double|doubled|felt|feel|ambigu\w*|modulat\w*|octave|relative|section\w*|chang\w*)\b|倍|转调|半速",
    re.IGNORECASE,
)
_CLIP = re.compile(
    r"\b(?:clip|recording|audio|file|track|sample|excerpt|duration)\b|录音|音频|片段|全长|时长|总长", re.IGNORECASE
)
_ALL = re.compile(
    r"\bthere\s+(?:is|are|was|were)\b"
    r"|\b(?:hear|heard|count|counts|counted|contains?|exactly|only|total|in all|altogether)\b"
    r"|\bthe\s+(?:recording|clip|audio)\b|\b(?:the|all)\s+(?:two|three|four|five|six|seven|eight|nine|ten|\d+)\b"
    r"|一共|共有|总共|只有|有|听到|听见|数",
    re.IGNORECASE,
)
_UNSURE = re.compile(
    r"\b(?:might|may|could|perhaps|maybe|probably|likely|seem\w*|appear\w*)\b|可能|也许|似乎|好像|或许", re.IGNORECASE
)
DENIES = re.compile(
    r"\b(?:no|not|never|none|neither|nor|without|absence|absent|missing|free of|nothing|nobody|cannot)\b"
    r"|n't\b|不|没|无|未",
    re.IGNORECASE,
)
_OF_NOISE = re.compile(r"noise|background|recording|clip|audio|噪|杂音|干净|嘈杂", re.IGNORECASE)
_OF_PAUSE = re.compile(r"paus|stop|hesita|停", re.IGNORECASE)
_CALLS = dict.fromkeys(["shouts", "shouted", "shouting", "screams", "yells", "yelling"], "shouted") | dict.fromkeys(
    ["whispers", "whispering", "whispered", "murmurs", "murmuring"], "whispered"
)
_SPEECH = re.compile(r"\b(?:talk|speak)\w*|\bspeech$|说话|人声", re.IGNORECASE)
_SPEAKS = re.compile(r"\b(?:speak|talk|say|ask|tell|convers|announc)\w*|说|讲", re.IGNORECASE)
_CLAUSE = re.compile(r"[,;:，；、：]|\b(?:and|so|because|since|as|with)\b", re.IGNORECASE)
_WORDS = re.compile(r"[a-z]+|[\u4e00-\u9fff]", re.IGNORECASE)


class Conflict(NamedTuple):
    """Two claims that cannot both hold, in the order of the text."""

    first: Claim
    second: Claim


class _Said(NamedTuple):
    claim: Claim
    place: int
    sentence: str
    clause: str
    things: frozenset[str]
    sexes: frozenset[str]
    parts: frozenset[str]
    within: int
    """Where the claim begins in its sentence."""


def conflicts(think: str, claims: Iterable[Claim]) -> Iterator[Conflict]:
    """The pairs of `claims`, all of `think`, that exclude each other and of which neither is taken back."""
    groups: dict[str, list[tuple[Claim, str]]] = {}
    there: list[Claim] = []
    denied: list[Claim] = []
    for claim in claims:
        if claim.modality == "asserted" or (claim.modality == "hedged" and claim.kind == "value"):
            if claim.cue in ("source.presence", "loudness.level", "tempo.level") and (
                claim.polarity > 0 or claim.cue == "source.presence"
            ):
                (there if claim.polarity > 0 else denied).append(claim)
            for name, side in _sides(claim):
                groups.setdefault(name, []).append((claim, side))
    text: _Text | None = None
    for name, found in (*groups.items(), *_denials(there, denied)):
        if any(side != found[0][1] for _, side in found):
            text = text or _Text(think)
            yield from _within(name, found, text)


def _denials(there: list[Claim], denied: list[Claim]) -> Iterator[tuple[str, list[tuple[Claim, str]]]]:
    """For each thing that is said not to sound, where it is said to sound: `no dog` and `a dog barks`."""
    if not denied:
        return
    named = [(one, _content(one)) for one in there[:_MOST]]
    for claim in denied[:_MOST]:
        missing = _content(claim)
        same = [one for one, words in named if claim.asserts == one.asserts != "present" or is_of(missing, words)]
        if same:
            yield "source.presence", [(claim, "not"), *((one, "so") for one in same)]


def _content(claim: Claim) -> set[str]:
    return {word.removesuffix("s") for word in _WORDS.findall(claim.text.lower())} - _PLAIN


def _sides(claim: Claim) -> Iterator[tuple[str, str]]:
    """The scales that a claim stands on, each with the side that it takes."""
    cue, asserts, polarity = claim.cue, claim.asserts, claim.polarity
    if cue == "voice.quality" and asserts in _CALLS:
        cue, asserts = "loudness.level", _CALLS[asserts]
    if (claim.kind in ("level", "trend") or cue == "loudness.level") and cue in SIDES:
        for side, words in enumerate(SIDES[cue]):
            if asserts in words:
                yield (cue, str(side)) if polarity > 0 else (f"{cue} {side}", "not")
                if polarity > 0:
                    yield f"{cue} {side}", "so"
    elif claim.kind == "value" and claim.claimed_value is not None and cue in _TOLERANCE:
        if polarity > 0:
            yield cue, str(claim.claimed_value)
    elif cue == "event.count" and polarity > 0 and claim.kind in ("count", "level"):
        if asserts == "one" or (claim.claimed_value is not None and asserts.isdigit()):
            yield f"{cue} {_noun(claim)}", "1" if asserts == "one" else asserts
    elif cue == "voice.sex" and polarity > 0 and asserts in ("male", "female"):
        yield cue, asserts
        yield "speech.presence", "so"
    elif cue == "music.key" and polarity > 0 and " " in asserts and claim.kind == "level":
        yield cue, asserts
    elif cue == "pause.presence" or (cue == "pause.duration" and polarity > 0):
        yield "pause.presence", "so" if polarity > 0 else "not"
    elif cue == "source.presence" and (asserts == "speech" or (polarity < 0 and _SPEECH.search(claim.text))):
        yield "speech.presence", "so" if polarity > 0 else "not"


_TOLERANCE = {"pitch.value": 1.35, "tempo.value": 1.2, "time.duration": 1.25}
"""By what factor two figures of one thing must differ to exclude each other."""


class _Text:
    """The sentences of a text and what each claim is said of; worked out only for claims that may exclude another."""

    def __init__(self, think: str) -> None:
        self.think = think
        self.normal = think if think.isascii() else unicodedata.normalize("NFKC", think)
        self.sentences = sentences(think)
        self.starts: list[int] = []
        at = 0
        for one in self.sentences:
            at = self.normal.find(one, at)
            self.starts.append(at)
            at += len(one)
        self.words = words_of(think)

    @cached_property
    def several(self) -> bool:
        """Whether more than one speaker is spoken of."""
        return SEVERAL.search(self.normal) is not None

    @cached_property
    def sexes(self) -> frozenset[str]:
        """Of whom the text speaks."""
        words = frozenset[str]().union(*self.words, self.normal)
        return frozenset(sex for sex, known in SEXES.items() if not known.isdisjoint(words))

    def said(self, claim: Claim) -> _Said | None:
        """The claim in its sentence, or None when the sentence sets it apart from others."""
        at = claim.start
        if len(self.normal) != len(self.think):
            at = len(unicodedata.normalize("NFKC", self.think[:at]))
        place = max(0, bisect_right(self.starts, at) - 1)
        sentence = self.sentences[place][:400]
        within = at - self.starts[place]
        latin = sentence.isascii()
        apart = self.words[place] & _SET_APART
        if apart:
            apart = apart.difference(_LATIN.findall(claim.text.lower()))
            if apart and not (apart == {"while"} and "all the while" in sentence.lower()):
                return None
        if _MARKS.search(sentence) or not (latin or SET_APART_HAN.search(sentence) is None):
            return None
        if claim.modality == "hedged" and _UNSURE.search(sentence):
            return None
        cuts = [match.end() for match in _CLAUSE.finditer(sentence, 0, max(0, within))]
        end = _CLAUSE.search(sentence, min(len(sentence), within + len(claim.text.partition(", with")[0])))
        clause = sentence[cuts[-1] if cuts else 0 : end.start() if end else len(sentence)]
        if _LOCAL.search(WHOLE.sub(blank, clause)):
            return None
        before = sentence[cuts[-1] if cuts else 0 : within]
        if claim.polarity > 0 and DENIES.search(before):
            return None
        things, sexes = named(clause)
        if not things:
            things, sexes = named(sentence[: cuts[-1]] if cuts else "")
        parts = self.words[place] & _PART
        if parts:
            parts = frozenset(_LATIN.findall(WHOLE.sub(blank, sentence.lower()))) & _PART
        if not latin:
            parts |= frozenset(PART_HAN.findall(WHOLE.sub(blank, sentence)))
        return _Said(claim, place, sentence, clause, things, sexes, parts, within)


def blank(match: re.Match[str]) -> str:
    """White space in the place of what matched."""
    return " " * len(match[0])


def named(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """The things that a text names, voices as one, and the sexes of those who are named."""
    words = _NAMED.findall(text.lower())
    things = {_THINGS.get(word) or _THINGS.get(word.removesuffix("s")) for word in words} | set(_NAME.findall(text))
    things |= {match[1] for match in _SOUND.finditer(text.lower())}
    sexes = {sex for sex, known in SEXES.items() if not known.isdisjoint(words)}
    return frozenset(one for one in things if one), frozenset(sexes)


def _within(name: str, found: list[tuple[Claim, str]], text: _Text) -> Iterator[Conflict]:
    """The conflicts on one scale; what was taken back is forgotten."""
    kept: dict[str, list[_Said]] = {}
    for claim, side in sorted(found, key=lambda one: one[0].start):
        said = text.said(claim)
        if said is None:
            continue
        for other, earlier in kept.items():
            if other == side:
                continue
            for one in list(earlier):
                if one.place == said.place or not _exclude(name, one, said, other, side, text):
                    continue
                if revised(text.think, one.place, said.place):
                    earlier.remove(one)
                else:
                    yield Conflict(one.claim, claim)
        kept[side] = [*kept.get(side, ()), said][-_KEPT:]


def _exclude(name: str, one: _Said, other: _Said, side: str, opposite: str, text: _Text) -> bool:
    """Whether two claims of different sides of a scale speak of the same."""
    if name == "voice.sex" and _ONLY_ONE.search(text.normal):
        return True
    if name == "source.presence":
        return one.parts == other.parts and _there_and_not(one, other)
    if one.claim.scope != other.claim.scope or one.parts != other.parts:
        return False
    if (one.claim.t0_s, one.claim.t1_s) != (other.claim.t0_s, other.claim.t1_s):
        return False
    if (
        one.claim.scope == "span"
        and one.claim.t0_s is None
        and (name.partition(" ")[0] in _TOLERANCE or not one.things)
    ):
        return False
    family = name.partition(".")[0]
    if family == "noise" and not all(
        _OF_NOISE.search(said.clause) and said.things <= {"noise", "voice"} for said in (one, other)
    ):
        return False
    cue = name.partition(" ")[0]
    if cue == "event.count":
        return _counted(name, one, other)
    if cue == "voice.sex":
        return _of_one_person(one, other, text)
    if cue == "speech.presence":
        denied, there = (one, other) if one.claim.polarity < 0 else (other, one)
        return bool(_SPEAKS.search(there.sentence)) and not denied.clause.count("-")
    if cue == "pause.presence":
        return all(_OF_PAUSE.search(said.claim.text) for said in (one, other))
    if cue == "time.duration" and not (_CLIP.search(one.clause) and _CLIP.search(other.clause)):
        return False
    if cue in ("tempo.value", "music.key") and _ALTERED.search(text.normal):
        return False
    if cue in _TOLERANCE:
        a, b = sorted((float(side), float(opposite)))
        if one.claim.unit != other.claim.unit or a <= 0 or b / a < _TOLERANCE[cue]:
            return False
    return _same_thing(family, one, other, text)


def _same_thing(family: str, one: _Said, other: _Said, text: _Text) -> bool:
    if family in _OF_CLIP:
        return not one.things or not other.things or not one.things.isdisjoint(other.things)
    default = frozenset(("voice",)) if family in _OF_VOICE else frozenset()
    if family not in _OF_VOICE and not all(said.things or _CLIP.search(said.clause) for said in (one, other)):
        return False
    if (one.things or default) != (other.things or default):
        return False
    if "voice" in (one.things or default):
        if one.sexes and other.sexes:
            return one.sexes == other.sexes and len(one.sexes) == 1
        return not text.several and (one.sexes == other.sexes or len(text.sexes) == 1)
    return True


def _counted(name: str, one: _Said, other: _Said) -> bool:
    """Whether two counts are of all that is there of one kind."""
    return not name.endswith(" ") and (
        bool(_ALL.search(one.clause) and _ALL.search(other.clause))
        or (_after(one) == _after(other) != "" and bool(_ONLY.search(one.clause) or _ONLY.search(other.clause)))
    )


def _after(said: _Said) -> str:
    """What those who are counted do: the rest of the clause."""
    return said.clause.partition(said.claim.text)[2].strip(" .。")


_ONLY = re.compile(r"\b(?:only|just|exactly)\b|只|恰好", re.IGNORECASE)


_PERSONS = frozenset("person people speaker voice talker human 人 说话人".split())  # noqa: SIM905
_NOUN = re.compile(r"([a-z]+)\W*$|([\u4e00-\u9fff])[\u4e00-\u9fff]?$", re.IGNORECASE)


def _noun(claim: Claim) -> str:
    match = _NOUN.search(claim.text)
    if match is None:
        return ""
    word = (match[1] or match[2]).lower().removesuffix("s")
    return "person" if word in _PERSONS else word


_SPEAKER = re.compile(
    r"\b(?:speaker|voice|singer|narrator|person|talker|vocalist)(?:'s voice)?\s+(?:is|sounds|must be|was|belongs)"
    r"|\b(?:it|this|that|voice)\s+(?:is|belongs to)\b|说话人|说话者|声音|嗓音|歌手|这[位名个]",
    re.IGNORECASE,
)
_ONLY_ONE = re.compile(
    r"\b(?:only|just|exactly)\s+(?:one|a single)\s+(?:\w+ )?(?:speaker|person|voice|human)"
    r"|\ba single (?:speaker|person|voice)|\b(?:alone|monologue)\b|只有一(?:个|位|名)|独白",
    re.IGNORECASE,
)


def _of_one_person(one: _Said, other: _Said, text: _Text) -> bool:
    """Whether the sexes are those of one speaker, because there is no other or both are said of `the speaker`."""
    if text.several:
        return False
    found = [(_SPEAKER.search(said.sentence), said.within) for said in (one, other)]
    return all(match is not None and match.start() <= at for match, at in found)


_PLAIN = frozenset(
    """a an the is are was were of in on and with by no not any some this that it there at for to from can be hear
    heard one i audible clear clearly background sound sounds 的 有 没 在 着""".split()  # noqa: SIM905
)


def _there_and_not(one: _Said, other: _Said) -> bool:
    """Whether what is denied is what is there."""
    denied, there = (one, other) if one.claim.polarity < 0 else (other, one)
    return not DENIES.search(there.sentence) and bool(
        DENIES.search(denied.sentence[: denied.within + len(denied.claim.text)])
    )
