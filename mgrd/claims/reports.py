"""How analyses, tools and logs name what sounds: `liquid spill sounds`, `three distinct swings`, `speakers: 2`.

Reads the shape of a phrase where no vocabulary can list the words; knows no sources by name. English only.
"""

from __future__ import annotations

from collections.abc import Iterator

from mgrd.claims.scene import Scene

_NAMED = 4
"""Words before `sounds` that may name the sound."""
_PLURAL = 3
"""Words from a number to the plural that it counts."""


def coined(scene: Scene) -> Iterator[tuple[int, int]]:
    """Names that the words before `sound` coin: `coffee cup sounds`, `mechanical/electronic noises`."""
    for k in scene.all_listed("sound_nouns", 1):
        if scene.word(k)[:5] == "sound" and not _is_noun(scene, k):
            continue
        i, (begin, _) = k, scene.clause(k)
        while i > begin and k - i < _NAMED and _names(scene, i - 1):
            i -= 1 if scene.word(i - 1) != "/" else 2
        while i < k and (scene.listed("plain_sound", i) or not scene.word(i).isalpha()):
            i += 1
        acts = scene.word(i)[-3:] == "ing" and i + 1 < k and scene.listed("plain_sound", i + 1)  # "adding new sounds"
        if i < k and not acts and not scene.listed("definite", i - 1):
            yield i, k + 1


def _is_noun(scene: Scene, k: int) -> bool:
    """Whether `sounds` is no verb: a sign, or a word that may go on after a noun, follows it."""
    return not scene.word(k + 1)[:1].isalnum() or scene.listed("after_sound", k + 1)


def _names(scene: Scene, k: int) -> bool:
    word = scene.word(k)
    if word == "/":
        return scene.word(k - 1).isalpha()
    verb = any("around.introduces" in t.entry.marks and t.i <= k < t.j for t in scene.around) and word[-3:] != "ing"
    return (
        word.isascii()
        and word.isalpha()
        and word[-2:] != "ly"
        and not verb
        and not scene.listed("counting", k)
        and not any(scene.listed(name, k) for name in ("stop", "grammar", "joins", "determiners", "definite"))
    )


def unvoiced(scene: Scene) -> Iterator[tuple[int, int]]:
    """What a voice is said not to do: `not exactly singing`, `speech rather than singing`."""
    for k in scene.all_listed("voicing", 1):
        if scene.word(k + 1) in ("about", "to", "of"):
            continue
        i = k - 1
        while scene.listed("exactly", i):
            i -= 1
        if scene.word(i) in ("not", "isn't", "wasn't", "aren't", "weren't") or (
            scene.word(i) in ("than", "of") and scene.word(i - 1) in ("rather", "instead")
        ):
            yield i, k + 1


def is_identified(scene: Scene, i: int) -> bool:
    """Whether who stands at token i is said of a role: `the interviewer is male`, `whoever talks first is a kid`."""
    begin, _ = scene.clause(i)
    k = i - 1
    while k > begin and (scene.listed("indefinite", k) or scene.listed("exactly", k) or scene.word(k)[-2:] == "ly"):
        k -= 1
    if scene.word(k) not in ("is", "was", "are", "were", "be"):
        return False
    return any(scene.listed("role", m) or scene.listed("vocal", m) for m in range(max(begin, k - 8), k))


def counted(scene: Scene, i: int, j: int) -> int | None:
    """The token after what the number over [i, j) counts, where its noun is in no list: `nine distinct swings`."""
    if not scene.allowed("trace"):
        return None
    k = j
    while scene.listed("told_apart", k):
        k += 1
    apart = any(scene.listed("distinct", m) for m in range(j, k))
    for m in range(k, k + _PLURAL):
        word = scene.word(m)
        if not word.isalpha() or not word.isascii() or scene.listed("stop", m) or scene.listed("uncounted", m):
            return None
        if scene.listed("occurring", m) or (apart and word[-1] == "s" and word[-2:] != "ss"):
            return m + 1
    return None
