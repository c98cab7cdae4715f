"""What a figure in a sentence is of: a pitch, a pause, a place in time, the clip's length; by the words beside it.

Knows no claims: mgrd.claims.values makes them.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from mgrd.claims.scene import Scene
from mgrd.claims.vocabulary import Term


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit, over tokens [i, j)."""

    i: int
    j: int
    value: float
    unit: str
    spoken: str
    """The unit as written, which for decibels says against what."""


def about(scene: Scene, one: Quantity) -> int:
    """Where the claim's span begins: at a word like `about` just before the number."""
    i = one.i
    while scene.listed("about", i - 1) or (scene.word(i - 1) in ("-", "−") and one.value < 0 and i == one.i):
        i -= 1
    return i


def meaning_of(scene: Scene, one: Quantity) -> str | None:
    """What a figure is of, worked out once."""
    if one.i not in scene.meanings:
        scene.meanings[one.i] = _read_meaning(scene, one)
    return scene.meanings[one.i]


_WHICH = frozenset("最长短其中均各")
"""Which of several a figure is of: `停顿3处,最长0.62秒`."""


def _read_meaning(scene: Scene, one: Quantity) -> str | None:
    """What the nearest naming word of the clause makes of a figure: `snr`, `gaps`, `brightness`, ..."""
    if (beside := _beside(scene, one)) is not None:
        return beside
    begin, end = clause_of(scene, one)
    near = [
        (abs(t.i - one.i) + (2 if t.i > one.i else 0), t.i, name)
        for t in scene.sound
        if t.entry.meanings and begin <= t.i < end and t.i != one.i
        for name in t.entry.meanings
        if name != "hum" or _is_of_the_hum(scene, one, t)
    ]
    fitting = [one_near for one_near in near if one_near[2] in _MEANINGS[one.unit]]
    meaning = min(fitting)[2] if fitting else None
    if meaning in (None, "lasting") and one.unit == "s" and _of_a_gap(scene, one, fitting):
        return "gaps"  # "a pause lasting 2 s"
    return meaning


def _is_of_the_hum(scene: Scene, one: Quantity, hum: Term) -> bool:
    """`a 50 Hz hum`, `a hum at 50 Hz`, but not `a hum under the voice at 120 Hz`."""
    if hum.i > one.i:
        return hum.i == one.j
    return not any(hum.j <= t.i < one.i and not _BEARERS.isdisjoint(t.entry.heads) for t in scene.sound)


_BEARERS = frozenset({"voice", "speaker", "tone_of_voice", "note"})


def clause_of(scene: Scene, one: Quantity) -> tuple[int, int]:
    """The clause of a figure; `空了一拍，大概0.6秒`: a bare figure is of what the clause before names."""
    begin, end = scene.clause(one.i)
    if scene.word(begin - 1) in (",", "，") and all(
        scene.listed("about", k) or scene.word(k) in _WHICH for k in range(begin, one.i)
    ):
        begin, _ = scene.clause(begin - 2)
    return begin, end


def _of_a_gap(scene: Scene, one: Quantity, fitting: list[tuple[int, int, str]]) -> bool:
    """Whether a length is of a pause that its clause, or the heading before it (`Pauses: one of 2 s`), names first."""
    if any(name == "gaps" and i < one.i for _, i, name in fitting):
        return True
    begin, _ = scene.clause(one.i)
    return scene.word(begin - 1) in (":", "：") and any(
        "values.gaps" in t.entry.marks and t.j == begin - 1 for t in scene.sound
    )


def _beside(scene: Scene, one: Quantity) -> str | None:
    """What the words beside a figure make of it: `120 Hz higher`, `± 3 Hz`, `the usual -23 LUFS`."""
    if one.unit == "st":
        spread = any(scene.listed("spread", k) for k in range(scene.clause(one.i)[0], one.i))
        return "difference" if spread else None  # "起伏不超过两个半音"
    if one.unit not in ("hz", "db"):
        return None
    i = about(scene, one)
    heard = scene.listed("typical", one.j) and not scene.listed("definite", i - 1)  # "115 Hz typical of a man"
    for t in scene.sound:
        marks = t.entry.meanings
        if not marks:
            continue
        after_it = 0 <= t.i - one.j <= 2 and scene.word(one.j) not in _APPOSING
        if "reference" in marks and (0 <= i - t.j <= 2 or (after_it and not heard)):
            return "reference"
        before = "difference_before" in marks and t.j == i
        after = "difference_after" in marks and t.i == one.j and not scene.listed("to", t.j)  # not "up to"
        if one.unit == "hz" and (before or after):
            return "difference"
    return None


_APPOSING = (",", "(", "—", "–")
"""Signs after which a figure is commented on: `115 Hz (typical for men)` was heard."""
EXTREMES = {"extreme_high": "highest", "extreme_low": "lowest", "reached": "reached"}
_MEANINGS: dict[str, tuple[str, ...]] = {
    "hz": ("brightness", "sampling", "modulation", "overtones", "hum", *EXTREMES),
    "db": ("snr", "noise", "dynamics", "comparing"),
    "s": ("gaps", "lasting", "reverb"),
    "bpm": (),
    "st": (),
    "syl_s": (),
    "wpm": (),
}
_CUES: dict[tuple[str, str | None], str] = {
    ("hz", None): "pitch.value",
    ("hz", "brightness"): "timbre.brightness",
    ("hz", "overtones"): "timbre.brightness",
    ("hz", "hum"): "pitch.value",
    ("hz", "modulation"): "pitch.range",
    ("hz", "difference"): "pitch.range",
    **{("hz", extreme): "pitch.value" for extreme in EXTREMES},
    ("db", None): "loudness.level",
    ("db", "snr"): "noise.level",
    ("db", "noise"): "noise.level",
    ("db", "dynamics"): "loudness.range",
    ("db", "comparing"): "loudness.trend",
    ("s", None): "time.duration",
    ("s", "lasting"): "time.duration",
    ("s", "gaps"): "pause.duration",
    ("s", "reverb"): "space.reverb",
    ("bpm", None): "tempo.value",
    ("st", None): "pitch.contour",
    ("st", "difference"): "pitch.range",
    ("syl_s", None): "rate.value",
    ("wpm", None): "rate.value",
}


def cue_of(scene: Scene, one: Quantity) -> str:
    """The cue that a figure is a value of."""
    meaning = meaning_of(scene, one)
    if one.unit == "s" and _is_silent_for(scene, one):
        return "pause.duration"
    if one.unit == "s" and is_position(scene, one.i, one.j) and not (meaning and _is_measured(scene, one.i)):
        return "time.position"
    return _CUES[one.unit, meaning]


def _is_silent_for(scene: Scene, one: Quantity) -> bool:
    """`0.7 s of silence separate them`, `the silence between them ends after a second`: a length, and no moment."""
    begin, end = scene.clause(one.i)
    gaps = [t for t in scene.sound if "gaps" in t.entry.meanings and begin <= t.i < end]
    before = about(scene, one) - 1
    if scene.word(before) == "by" and scene.listed("parting", before - 1):
        return True  # "separated by 0.8 s"
    if scene.word(one.j) in ("没", "无", "静") or (scene.word(one.j) == "的" and scene.word(one.j + 1) == "静"):
        return True  # "有0.9秒没有声音"
    if scene.listed("of", one.j) and any(one.j < t.i <= one.j + 3 for t in gaps):
        first = scene.word(before) == "after"  # "a tone starts after 2 s of silence"
        return not first or any(scene.listed("resuming", k) for k in range(begin, end))
    if scene.word(one.j) == "后" and any(scene.word(k) == "结" for k in (one.j + 1, one.j + 2)):
        return any(t.j <= one.i for t in gaps)  # "停顿在约一秒后结束"
    if scene.word(before) != "after" or not scene.listed("ending", before - 1):
        return False
    between = any(scene.word(k) == "between" for k in range(begin, before))
    return any(t.j < before and (between or scene.word(t.j - 1) != "silence") for t in gaps)


def is_position(scene: Scene, i: int, j: int | None = None) -> bool:
    """`at 2.5 s`, `around 0:04`, `the 3-second mark`, but not `lasts about 3 s`."""
    k = i - 1
    while scene.word(k) in ("[", "(", "~", "≈") or (scene.listed("about", k) and scene.listed("position", k - 1)):
        k -= 1
    if j is not None and (
        any(scene.listed("mark", m) for m in (j, j + 1)[: 1 if scene.word(j) in (",", "，", "、") else 2])
        or _is_way_in(scene, j)
    ):
        return True
    if j is not None and (_is_from_the_start(scene, i, j)):
        return True
    if (j is not None and "long" in (scene.word(j - 1), scene.word(j))) or (
        scene.word(k) == "by" and scene.listed("parting", k - 1)
    ):
        return False  # "a pause, about 0.8 s long", "separated by 0.8 s"
    if ":" in scene.word(i) and k < scene.sentence.i:
        return True  # "0:03-0:05 is just wind"
    if j is not None and not scene.listed("of", j) and (first := _listed_with(scene, i)) is not None:
        return is_position(scene, first)  # "at 2 s, 4 s and 7.5 s"
    if not scene.listed("position", k) or (scene.word(k) == "到" and scene.word(k - 1) in ("不", "达")):
        return False  # "持续不到两秒"
    # "a pause of about 3 s" is a length, "a pause around 3 s" a place
    return not scene.listed("about", k) or not (scene.listed("duration", k - 1) or is_lasting(scene, i))


def _listed_with(scene: Scene, i: int) -> int | None:
    """The first number of the list of times that the number at token i goes on with: `3` of `at 3 s, 5 s and 9 s`."""
    first = None
    for _ in range(_LISTED):
        k = i - 1
        while scene.word(k) in (",", "，", "、", "and", "or") or (k < i - 1 and scene.listed("about", k)):
            k -= 1
        seconds = scene.word(k) in _SECONDS
        if k == i - 1 or not scene.word(k - seconds)[:1].isdigit() or not (seconds or ":" in scene.word(k)):
            break
        first = i = k - seconds
    return first


_LISTED = 12
"""Times in a row that are read as one list."""
_SECONDS = frozenset({"s", "sec", "secs", "second", "seconds", "秒"})


def _is_measured(scene: Scene, i: int) -> bool:
    """`混响时间在 1.5 秒左右`: 在 after what is measured names its value, not its place."""
    begin, _ = scene.clause(i)
    k = i
    while scene.listed("about", k - 1) or scene.word(k - 1) == "了":
        k -= 1
    if any(not _LENGTHS.isdisjoint(t.entry.meanings) and k <= t.j <= i for t in scene.sound):
        return scene.word(i) >= "\u3400" or scene.word(k - 1) >= "\u3400"  # "停顿约1.2秒后"
    return scene.word(i - 1) == "在" and any(
        t.entry.marks.intersection(("values.gaps", "values.lasting", "values.reverb")) and begin <= t.i < i
        for t in scene.sound
    )


_LENGTHS = frozenset({"gaps", "lasting"})


def _is_from_the_start(scene: Scene, i: int, j: int) -> bool:
    """`1.2 s after the start`, `after it begins`, `开始后约1.2秒`."""
    if scene.word(j) == "after" and any(scene.listed("starting", k) for k in (j + 1, j + 2)):
        return not (scene.word(j + 3) == "of" and not scene.listed("clip", j + 5))
    while scene.listed("about", i - 1):
        i -= 1
    return "".join(scene.word(k) for k in range(i - 3, i)) == "开始后"


def _is_way_in(scene: Scene, j: int) -> bool:
    """`two seconds in`, `3 s later`, but not `two seconds in length`."""
    return scene.listed("way_in", j) and not scene.listed("measured_in", j + 1)


def is_lasting(scene: Scene, i: int) -> bool:
    """Whether the number at token i says how long something lasts."""
    if scene.word(i - 1) in (":", "：") and any("lasting" in t.entry.meanings and t.j == i - 1 for t in scene.sound):
        return True  # "Clip length: 00:09.6"
    return _read_meaning(scene, Quantity(i, i + 1, 0.0, "s", "s")) == "lasting"


def of_the_clip(scene: Scene, one: Quantity) -> bool:
    """`the clip lasts 4 s`, or `the duration is 4 s` where no sound is named that it could be of."""
    begin, end = scene.clause(one.i)
    if meaning_of(scene, one) != "lasting":
        return False
    return any(scene.listed("clip", k) for k in range(begin, end)) or _is_bare(scene, one, begin)


def _is_bare(scene: Scene, one: Quantity, begin: int) -> bool:
    subject = range(begin, about(scene, one))
    if scene.word(begin) >= "\u3400":
        led = "".join(scene.word(k) for k in subject)
        bare = led.startswith(("时长", "总时长", "总长", "全长")) and len(led) <= 6
    else:
        bare = len(subject) <= 5 and all(scene.listed("bare_length", k) for k in subject)
    near = range(begin - _BEFORE, scene.sentence.j)
    return bare and not any(
        (t.entry.event or t.entry.counted or t.entry.kind or t.entry.heads)
        and t.i in near
        and "lasting" not in t.entry.meanings
        for t in scene.text.sound[: bisect_left(scene.text.sound, near.stop, key=lambda t: t.i)][-_BEFORE:]
    )


_BEFORE = 40
"""Tokens before a length in which a sound may be named that it is of."""
