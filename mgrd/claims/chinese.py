"""What Chinese says by its grammar rather than by words that a list could hold.

Numerals (`三百来`), figures whose unit stands first (`每秒4个字`, `一分钟92拍`), strokes that a verb counts
(`敲了四下`), sources that the character 声 makes of any noun or imitation (`滋啦声`), and what a sentence says of a
voice or a rhythm by a word that is in no list (`嗓音像丝绸一样`). Knows no figures of the clip and no modality.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache

from mgrd.claims import Claim
from mgrd.claims.describe import Head
from mgrd.claims.scene import Scene

_DIGITS = {"零": 0, "一": 1, "二": 2, "两": 2, "俩": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}
_POWERS = {"十": 10, "百": 100, "千": 1000}
_NUMERALS = frozenset(_DIGITS) | frozenset(_POWERS)
_OVER = frozenset("来多几余")
"""After a round number: somewhat more than it."""

_STROKES = frozenset("下次声响遍记回")
"""Measure words of what sounds and is over."""

_MEASURED = _STROKES | frozenset("字拍词音")
_BETWEEN = frozenset("钟约少说顶多至最足不到能有念出得吐蹦怕")
"""Between a period and what is counted over it: `一分钟顶多一百来字`, `一秒钟少说七八个字`."""

_BEATS = range(40, 241)
"""Beats that are a tempo without a period: `也就六十来拍`."""

_ALL_ONE = frozenset("路直般样旦些点边口面块起共定会方致")
"""After 一: no number, as in `从 150 Hz 一路升到 260 Hz`."""

_LONGEST_SOURCE = 4
"""Characters before 声 that may name a source."""


def figures(scene: Scene, taken: Sequence[Claim]) -> list[Claim]:
    """Paces, tempos and counts of strokes that are not among the claims `taken` from the same sentence."""
    words = scene.text.words
    begin, end = scene.sentence.i, scene.sentence.j
    if not any(words[k] in _MEASURED or words[k].isdigit() for k in range(begin, end)):
        return []
    digits = [(k, k + 1, float(words[k])) for k in range(scene.sentence.i, scene.sentence.j) if _is_number(words[k])]
    numbers = sorted([*numerals(scene), *digits])
    return [*paced(scene, numbers), *_bare_tempos(scene, digits), *strokes(scene, numbers, taken)]


def _is_number(word: str) -> bool:
    return word.isascii() and word.replace(".", "", 1).isdigit() and len(word) < 8


def numerals(scene: Scene) -> list[tuple[int, int, float]]:
    """The numbers written in characters, as tokens [i, j) and value; `三四` counts as its first, `三百来` as 300."""
    found: list[tuple[int, int, float]] = []
    words, k, end = scene.text.words, scene.sentence.i, scene.sentence.j
    while k < end:
        if words[k] not in _NUMERALS:
            k += 1
            continue
        i = k
        while k < end and (words[k] in _NUMERALS or (words[k] == "点" and k + 1 < end and words[k + 1] in _DIGITS)):
            k += 1
        if k == i + 1 and words[i] == "一" and k < end and words[k] in _ALL_ONE:
            continue
        value = _value(tuple(words[i:k]))
        if k < end and words[k] in _OVER and words[k - 1] in _POWERS:
            k += 1
        if value is not None:
            found.append((i, k, value))
    return found


def is_unit(scene: Scene, i: int, j: int) -> bool:
    """Whether a number over tokens [i, j) measures nothing by itself: `前一秒`, `那一秒`, `一分钟92拍`."""
    if scene.listed("whichever", i - 1) or (scene.word(i - 1) == "隔" and scene.word(i - 2) == "每"):
        return True
    begins = scene.word(j) in ("秒", "分") and scene.word(i) == "一" and j == i + 1
    return begins and any(_is_number(scene.word(k)) or scene.word(k) in _NUMERALS for k in range(j + 1, j + 6))


@cache
def _value(characters: tuple[str, ...]) -> float | None:
    """`三百二十` as 320, `一点五` as 1.5, `两三` as 2."""
    whole, _, part = "".join(characters).partition("点")
    total, digit = 0, None
    for one in whole:
        if one in _POWERS:
            total += (1 if digit is None else digit) * _POWERS[one]
            digit = None
        elif digit is None:
            digit = _DIGITS[one]
    value = float(total + (digit or 0))
    if part:
        decimals = [str(_DIGITS[one]) for one in part if one in _DIGITS]
        return value + float("0." + "".join(decimals))
    return value


def paced(scene: Scene, numbers: Sequence[tuple[int, int, float]]) -> Iterator[Claim]:
    """Figures of pace and tempo whose unit stands first: `每分钟三百来字`, `一秒四个字`, `每分钟120拍`."""
    for i, j, value in numbers:
        begin, seconds = _period(scene, i)
        noun = j + 1 if scene.word(j) == "个" else j
        if seconds is None:
            if scene.word(j) == "拍" and value in _BEATS and not scene.listed("nth", i - 1):
                yield _figure(scene, i, j + 1, "tempo.value", value, "BPM")
            continue
        if scene.word(noun) in ("字", "音") and value:
            end = noun + (2 if scene.word(noun + 1) in ("节", "儿") else 1)
            yield _figure(scene, begin, end, "rate.value", value / seconds, "syl/s")
        elif scene.word(noun) == "词" and seconds == 60:
            yield _figure(scene, begin, noun + 1, "rate.value", value, "wpm")
        elif scene.word(noun) in ("拍", "下"):
            yield _figure(scene, begin, noun + 1, "tempo.value", value * 60 / seconds, "BPM")


def _bare_tempos(scene: Scene, numbers: Sequence[tuple[int, int, float]]) -> Iterator[Claim]:
    """A figure alone in the clause after one about the tempo: `速度不快，估计也就 80 多`, `节奏飞快，起码 160`."""
    for i, j, value in numbers:
        begin, end = scene.clause(i)
        alone = value in _BEATS and scene.word(begin - 1) in (",", "，") and j - begin <= 6 and end - j <= 3
        if not alone or not all(scene.word(k) >= "\u3400" for k in (*range(begin, i), *range(j, end))):
            continue
        before = scene.clause(begin - 2)
        if (j == end or scene.listed("or_so", j)) and any(
            "tempo" in t.entry.heads and before[0] <= t.i < before[1] for t in scene.sound
        ):
            yield _figure(scene, i, j, "tempo.value", value, "BPM")


def _period(scene: Scene, i: int) -> tuple[int, float | None]:
    """Where `每秒`, `一分钟` begins within a few tokens before i, and how many seconds it is."""
    for k in range(i - 1, max(scene.sentence.i, i - 7), -1):
        unit = scene.word(k)
        if unit not in ("秒", "分"):
            if not (unit in _BETWEEN or scene.listed("joins", k) or scene.listed("about", k)):
                return i, None
        elif scene.word(k - 1) in ("每", "一"):
            return k - 1, 60.0 if unit == "分" else 1.0
        else:
            return i, None
    return i, None


def _figure(scene: Scene, i: int, j: int, cue: str, value: float, unit: str) -> Claim:
    return scene.claim(i, j, cue, "value", "value", claimed=f"about {value:g} {unit}", claimed_value=value, unit=unit)


def strokes(scene: Scene, numbers: Sequence[tuple[int, int, float]], taken: Sequence[Claim]) -> Iterator[Claim]:
    """How often something sounds, by a measure word without a noun: `敲了四下`, `响了两次`, `是五下`."""
    starts = scene.text.starts
    for i, j, value in numbers:
        if scene.word(j) not in _STROKES or value < 1 or any(one.start <= starts[j] < one.end for one in taken):
            continue
        if scene.listed("nth", i - 1) or scene.listed("each", i - 1) or scene.listed("counted_by", j + 1):
            continue
        if any(scene.word(k) == "每" and scene.word(k + 1) in ("秒", "分") for k in range(scene.clause(i)[0], i)):
            continue  # "每秒振动440次"
        begin = _verb(scene, i)
        if begin is None or (value == 1 and not any(scene.listed("only", k) for k in range(begin - 2, i))):
            continue
        of = [t for t in scene.sound if t.j <= i and t.i >= scene.clause(i)[0] and "events.countable" in t.entry.marks]
        yield scene.claim(
            begin, j + 1, "event.count", "count", f"{value:g}", at=i,
            claimed=f"{value:g} {scene.word(j)}", claimed_value=value, unit="events" if of else "others",
        )  # fmt: skip


def _verb(scene: Scene, i: int) -> int | None:
    """Where the verb of sounding begins that a count at token i belongs to: `敲了`, `响了`, `一共`, `是`."""
    k = i - 1
    while k >= scene.sentence.i and (
        scene.word(k) in "了过着得有大概约好差不多共整足将近仅只总又才几乎" or scene.listed("about", k)
    ):
        k -= 1
    if scene.listed("struck", k):
        return k
    first, _ = scene.clause(i)
    if k < first and any(t.i < first and "events.sounding" in t.entry.marks for t in scene.sound):
        return first  # "狗叫了一通，大约七八声"
    return k + 1 if k + 1 < i and scene.word(i - 1) == "共" else None


def sources(scene: Scene) -> Iterator[tuple[int, int]]:
    """Tokens [i, j) of each `X声` or `X的声音` whose X is in no list of sounds: `滋啦声`, `拖椅子的声音`."""
    words, first, end = scene.text.words, scene.sentence.i, scene.sentence.j
    for i, j in scene.text.quoted_in(first, end):  # “咔”的一声
        k = next((k for k in range(j, min(j + 3, end)) if words[k] == "声"), None)
        if k is not None and j - i <= _LONGEST_SOURCE + 2 and all(words[m] in "的一地几两" for m in range(j, k)):
            yield i, k + 1
    named = {k for t in scene.sound for k in range(t.i, t.j)}
    for k in range(first + 1, end):
        if words[k] != "声" or (k in named and not _ends_in_sound(scene, k)):
            continue
        if scene.listed("not_sound", k + 1) and words[k - 1] != "的":
            continue
        i = k - 1 if words[k - 1] == "的" else k
        begin = i
        while begin > max(first, i - _LONGEST_SOURCE) and _names(scene, begin - 1) and begin - 1 not in named:
            begin -= 1
        if any(t.j == i for t in scene.parts):
            continue  # "第一部分的声音"
        if begin > first and begin - 1 in named and i - begin == 1:
            continue  # "玻璃碎掉的声音"
        if i - begin >= 1 and not (i - begin == 1 and i == k and scene.listed("not_source", begin)):
            yield begin, k + 1


def _ends_in_sound(scene: Scene, k: int) -> bool:
    """Whether token k opens the plain word 声音 or 声响, which names nothing by itself."""
    return any(t.i == k and t.j == k + 2 for t in scene.sound) and scene.word(k - 1) == "的"


def _names(scene: Scene, k: int) -> bool:
    """Whether a token may be part of a source's name."""
    word = scene.word(k)
    return word >= "\u3400" and not (scene.listed("stop", k) or scene.listed("not_source", k) or word in _NUMERALS)


_UNLISTED = {
    "manner": "voice.quality",
    "timbre": "timbre.brightness",
    "rate": "rate.level",
    "tempo": "rhythm.regularity",
    "pitch": "pitch.range",
    "loudness": "loudness.level",
}
"""What is said of a head by a word that no list has."""

_LIKE = frozenset("像跟如似")
_IDIOM = 4
"""Characters of most Chinese idioms."""


def unlisted(scene: Scene, here: Sequence[Head], described: Sequence[Claim]) -> Iterator[Claim]:
    """A head that is likened to something, or is so in a degree: `嗓子像砂纸磨过一样`, `嗓音很顺滑`, `节奏懒懒散散`."""
    done = -1
    for head in here:
        if scene.word(head.i) < "\u3400":
            continue
        begin, end = scene.clause(head.i)
        cue = _UNLISTED.get(head.name)
        named = "".join(scene.word(k) for k in range(head.i, head.j))
        if cue is None or head.implied or head.i < done or named in scene.vocabulary.lists["general_head"]:
            continue
        first, last = scene.text.starts[begin], scene.text.ends[end - 1]
        if any(one.start < last and first < one.end for one in described) or not _is_predicate(scene, head.j, end):
            continue
        if cue == "rate.level" and not any(scene.word(k) in _LIKE for k in range(head.j, end)):
            continue  # "字咬得特别重"
        done = end
        said = scene.text.raw[scene.text.starts[head.j] : last]
        yield scene.claim(head.i, end, cue, "presence" if cue == "voice.quality" else "level", said)


def _is_predicate(scene: Scene, i: int, end: int) -> bool:
    """Whether tokens [i, end) say how something is: a likeness, an adverb of degree with a word, 沙沙的, an idiom."""
    rest = [scene.word(k) for k in range(i, end)]
    if not all(word >= "\u3400" for word in rest):
        return False
    if rest and rest[-1] == "的":
        rest.pop()
    k = 0
    while k < len(rest) and k < _IDIOM and scene.listed("joins", i + k) and rest[k] not in _LIKE:
        k += 1
    if k < len(rest) - 1 and rest[k] in _LIKE:
        return rest[k] == "像" or rest[-1] in "的样般"
    degree = next((n for n in (2, 1) if "".join(rest[:n]) in scene.vocabulary.lists["intensifiers"]), 0)
    quality = "".join(rest[degree:])
    if quality[:2] in scene.vocabulary.lists["no_quality"] or quality[:1] in scene.vocabulary.lists["no_quality"]:
        return False
    doubled = k == 0 and len(rest) > 1 and (rest[-1] == rest[-2] or rest[0] == rest[1])
    if degree:
        return 1 <= len(quality) <= _IDIOM
    plain = not any(scene.listed("no_idiom", i + n) for n in range(len(rest)))
    return doubled or (len(quality) == _IDIOM and k == 0 and plain)


_TONES = frozenset({"语气", "口吻", "口气", "腔调"})
"""Nouns whose attribute says in what manner somebody speaks."""


def toned(scene: Scene, here: Sequence[Head], described: Sequence[Claim]) -> Iterator[Claim]:
    """The manner that an unlisted attribute names: `用一种命令下属似的口吻`, `充满挑战性的语气`."""
    starts = scene.text.starts
    for head in here:
        named = "".join(scene.word(k) for k in range(head.i, head.j))
        if named not in _TONES or head.name != "manner":
            continue
        k = head.i - 1
        while scene.word(k) in ("*", "“", "”"):
            k -= 1
        if scene.word(k) != "的":
            continue
        i, (begin, _) = k, scene.clause(head.i)
        while i > begin and i > k - 9 and not scene.listed("toned_by", i - 1) and scene.word(i - 1) >= "\u3400":
            i -= 1
        if k - i < 2 or not scene.listed("toned_by", i - 1):
            continue
        if any(one.start < starts[head.j - 1] and starts[i] < one.end for one in described):
            continue
        yield scene.claim(i, head.j, "voice.quality", "presence", scene.text.raw[starts[i] : starts[k]])


def settled(scene: Scene, found: Sequence[Claim]) -> list[Claim]:
    """The claims of a Chinese sentence with the cues that only the whole sentence tells.

    `不紧不慢` is a pace where somebody speaks and a tempo where music plays; what `听着` is said of without a voice is
    no voice's; a metre (`3/4拍`) is no regularity; `蹿到 210 赫兹` moves.
    """
    words = scene.text.words[scene.sentence.i : scene.sentence.j]
    lists = scene.vocabulary.lists
    music = not lists["of_music"].isdisjoint(words)
    speech = not lists["of_speech"].isdisjoint(words)
    kept: list[Claim] = []
    for one in found:
        if one.cue == "rhythm.regularity" and one.asserts == "metre":
            continue
        if one.cue == "rate.level" and music and not speech:
            kept.append(replace(one, cue="tempo.level"))
            continue
        if one.cue == "voice.quality" and music and not speech and lists["of_voice"].isdisjoint(words):
            continue
        kept.append(one)
        if one.cue == "pitch.value" and (moved := _moved(scene, one, found)) is not None:
            kept.append(moved)
    return kept


_BESIDE = 12
"""Characters from a movement that is told within which its goal tells no other."""


def _moved(scene: Scene, one: Claim, found: Sequence[Claim]) -> Claim | None:
    """The movement whose goal a pitch is: `猛地蹿到 210 赫兹`, `一路滑回 A3`."""
    j = bisect_left(scene.text.starts, one.start)
    for k in range(j, max(j - 4, scene.sentence.i), -1):
        if scene.word(k) not in ("到", "至", "上", "回"):
            continue
        rising = scene.listed("risen", k - 1)
        if any(scene.word(m) == "最" for m in range(k - 4, k)):
            return None  # "最高冲到390Hz" is an extreme
        if rising or scene.listed("fallen", k - 1):
            moved = scene.claim(k - 1, k + 1, "pitch.contour", "trend", "rising" if rising else "falling")
            near = (other for other in found if other.cue == "pitch.contour")
            told = any(other.start - _BESIDE < moved.end and moved.start < other.end + _BESIDE for other in near)
            return None if told else moved
    return None
