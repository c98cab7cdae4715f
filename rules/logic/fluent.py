"""Object to text that is not language: broken encoding, stuttering, or words in no order.

A small or over-trained model can name the right cue in a sentence that says nothing, and a filter that only looks for
cues would teach more of it. Looks at neighbours of closed word classes, so it needs no dictionary; hurried, idiomatic
and transcribed language stays in (of 1,300 real English traces one in forty has a slip, one in four hundred two). A
short salad of real words goes unseen: a model-based judge can be stricter.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain, pairwise

from mgrd.rulebook import Trace, example

# The first two are of the third and fifth, for most tokens are plain words, commas and points.
_TOKEN = re.compile(
    r"[A-Za-z]++(?=[ ,.\n])|[,.]"
    r"|[^\W\d_\u4e00-\u9fff]+(?:['’][^\W\d_\u4e00-\u9fff]+)*|[\u4e00-\u9fff]|[^\s\w]|\d+"
)
_BROKEN = re.compile(
    r"[\u200b\u2060\ufeff]{2}|[\u0300-\u036f]{3}|[縺繧][\u3000-\uffff]"
    r"|[\ufffd\u0000-\u0008\u000b\u000c\u000e-\u001f\ue000-\uf8ff]"
)
_MAY_BE_BROKEN = re.compile(
    r"[\u200b\u2060\ufeff\u0300-\u036f縺繧\ufffd\u0000-\u0008\u000b\u000c\u000e-\u001f\ue000-\uf8ff]"
)
_MIXED = re.compile(r"[a-z][\u0400-\u04ff]|[\u0400-\u04ff][a-z]", re.IGNORECASE)  # not Greek: Δf and μPa are symbols
# Lower case only: GMAJ and LSTM are names. No vowel, six consonants in a row, or letters that neither English nor a
# romanised Chinese name joins.
_UNSPEAKABLE = re.compile(
    r"(?=[a-z]{4})(?:[b-df-hj-np-tv-xz]+|[a-z]*(?:[b-df-hj-np-tv-xz]{6}|q[b-df-hj-np-tv-xz]|[jv][bcdfghkmnpqtwxz]|"
    r"z[bcdfgjknpqrvwx]|[bcdfghjkmpqstvwz]x|[xzj][jqvk]|v[jqk]|[fgkpvw]j|[fgjkpvwx]z|[fgjkpvwz]q)[a-z]*)"
)

_NEVER_TWICE = (
    "the a an of is are was and to in on at with for it this its his her so but as from by hz khz db bpm 的 了 在"
    " 和 之 于 而 与 被"
)
_NO_NOUN = "of is are was were be and or but to at for with from by into it he she they we because therefore than if"
_VERBS = "would could should has had does did"
_NEVER_NEXT = (
    ("the their its my your", f"{_NO_NOUN} the an a this these those which who"),
    ("a an", "of is are was were and the a an it he she they because therefore this which who"),
    ("of into", "is are was were and of or because therefore he she they"),
    ("with from for to", "of therefore"),
    ("is are was were", "is are was were"),
    ("and or but", "and or"),
    ("the a an", "i we you them him us me very-and so-is"),
    ("to", "is are was were of and"),
    ("very", "the of is are and a an to it he she"),
    ("he she they we", "the of a an he she they we him them"),
    ("because", "is are was were and or"),
    ("the a an and or because their its my your every", ". ! ?"),
    ("the an of their its", ","),
    ("the a an", f"{_VERBS} are be was were than because therefore they he she we those some each her"),
    ("the", "there into from of"),
    ("of to in at for with from on", "been than"),
    ("of in at for with from", f"{_VERBS} be"),
    ("is are was were be been", f"{_VERBS} be"),
    ("be been", "is are was were of have"),
    ("to", f"{_VERBS} therefore because"),
    ("could would should", f"{_VERBS} to of is are was were"),
    ("not", f"{_VERBS} are was were"),
    ("very", "was were by from with in would could has had they because or"),
    ("their its my your", f"{_VERBS} have been they the a an"),
    ("every another", "the a an are were"),
    ("any these those", "the a an"),
    ("these those", "is was"),
    ("an", "other"),
    ("have has had", "would could should"),
)
"""Words, and what no grammar puts after them. Case counts on the right: "the A" and "a And" are names.

Not "the note it starts with is low", nor "the voice is of a man and of a mourner".
"""
_SPELT_SOUND = re.compile(r".*(.)\1\1.*|psst|pfft|hmph|tsktsk|shht", re.IGNORECASE)
_SOUNDING = frozenset(
    """beep bip bleep blip boop bop buh bah bam boing bang beat boom buzz bzz chirp choo chug clack clang clap click
    clink clip clop coo
    crack creak cuckoo ding dong drip drum dum ha haha hee hey ho honk hoo hoot hum knock la meow moo na neigh oink
    patter peep ping plink plop pop pow pum quack rap ring roar rumble slap snap splash squeak squeal step swish tap
    thud thump tick ting tock toot tweet whirr whoosh woof yip zap
    """.split()  # noqa: SIM905  (a list of words to read)
)
"""Words that stand for a sound, and are said as often as it comes."""

_STUTTERS = frozenset(_NEVER_TWICE.split())
_PAIRS = frozenset((a, b) for first, second in _NEVER_NEXT for a in first.split() for b in second.split())
_FIRST = frozenset(first for first, _ in _PAIRS)


_MOJIBAKE = re.compile(
    r"(?:[\u00c2-\u00c3\u00c5\u00d0\u00e2-\u00ef][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122"
    r"]"
    r"|\u00c2(?=[\s,.;:!?\u2019\"]))|锟斤拷|烫烫|屯屯|\\u[0-9a-f]{4}\\u[0-9a-f]{4}|(?:\\x[0-9a-f]{2}){2}"
    r"|(?:&#\d{2,5};){2}"
    r"|(?:%[0-9A-F]{2}){3}",
)
"""UTF-8 read as Latin-1, cp1252 or GBK, and characters left in their escapes: three of them are no slip."""
_LATIN_1 = re.compile("[\u00c2-\u00c5\u00d0\u00e2-\u00ef]")
_CYRILLIC = re.compile("[\u0400-\u04ff]")
_APART_TWO = re.compile(r"[ .,-][^\W\d_\u4e00-\u9fff][ .,-]{1,2}[^\W\d_\u4e00-\u9fff][ .,-]")
_DIGIT_LETTER = re.compile("[0-9][a-z]")
_DIGITS_BETWEEN = re.compile(r"\d[a-z]+\d+[a-z]+\d", re.IGNORECASE)
_SIX_SIGNS = re.compile(r"[^\w\s.…=_*#>|~+-]{6}")
"""What these four find, the costlier patterns after which they are named need."""
_APART = re.compile(r"(?:(?<=\s)|^)(?:[^\W\d_\u4e00-\u9fff][ .,-]{1,2}){9}")
"""Nine letters, each on its own; a melody spelt out is in capitals."""
_HACKED = re.compile(r"\b([a-z]{1,4})-\1-(?=\1)", re.IGNORECASE)
_RANDOM = re.compile(
    r"(?:[^\w\s.…=_*#>|~+-]){6}|(?=[\w@#$%^&*]{8})(?:[a-z0-9]*[@#$%^&][a-z0-9]+){3}|[A-Za-z]+\d+[a-z]+\d+[a-z]+\d+",
    re.IGNORECASE,
)
_CODE = ("%%%%", ";;;;", "$$$$", "@@@@", "&&&&", "^^^^", ");}", "); }", ");\n}", "});")
"""Of no prose: signs in a row, and the ends of blocks of code."""
_CASED = re.compile(r"\b(?:[a-z]+[A-Z]+[a-z]+[A-Z]\w*|[A-Z]+[a-z]+[A-Z]+[a-z]*[A-Z]\w*)\b")
_LEET = re.compile(
    r"(?<![\w.-])(?:[A-Za-z]+[0-9]+[a-z]+[a-z0-9]*|[0-9]+[a-z]+[0-9]+[a-z0-9]*|[0-9](?!st|nd|rd|th|s|k|x|ms|hz|khz"
    r"|db|bpm|min|am|pm)[a-z]{2,})(?![\w-])"
)
_NO_ONSET = re.compile(
    r"(?![bcfgkp][lr]|[dt]r|[dstg]w|[cgkprstwz]h|[gk]n|s[ckmnlpqtv]|t[sz]|p[st]|wr|qu|mc|ll|hm|mm|dj|ng|mb|nh|sr|ss"
    r"|bz|gb|gd|kp|pf|vl|vr|zl|zh|xh|mn)[bcdfghjklmnpqrstvwxz]{2}[a-z]+"
)
"""Two consonants that no English word begins with: transposed and reversed words have them."""
_NO_FIRST = (
    r"(?:的(?![确士话是])|了(?![解不却结])|们|着(?![急手眼重火凉装陆迷])|吗|呢(?![喃绒])"
    r"|吧(?![台嗒唧])|之(?![前后间所一类])"
    r"|得(?![到出知了以出益意])|地(?![面铁上下方板点址球名道区震毯])|(?:很|是|在|和|不|也|都|把"
    r"|被)(?=[，。；！？,;!?]))"
)
_NO_START = re.compile(rf"[，。；！？,;!?]\s*{_NO_FIRST}")
_NO_BEGINNING = re.compile(_NO_FIRST)
_NO_PAIR = re.compile(
    r"(?<![我你他她它咱人们孩员师生女男者客友众手民兵士家姐妹兄弟妈爸爷奶叔哥星手伴车乐唱学工])们"
    r"|[我你他她它]们[我你他她它]|吗(?=[\u4e00-\u9fff])(?![啡呢啊哈么])|(?<![执沉])着于|的于(?!是)"
    r"|的[很了着们吗]|了[的着们](?![的确])|很[的了着们听在和而]"
    r"|是[了着们在有](?=[的高低大小个声])"
    r"|在[的了着们](?![解])|和[的了着们]|而且[层的了，。]|[不没][了着们的](?![解得不])|所[的了很](?=[，。])|(?:因为"
    r"|所以|但是|而且|如果)[。！？]|[，。](?:[的了们])[，。]"
    r"|把[的了是]|被[的了是]|(?:很|把|被|和|并且)(?=[，。,])"
)
"""Function words of Chinese in places where they cannot stand."""
_SAID_TWICE = frozenset(
    "that had very no so really bye knock ha la na hey ho go come yes yeah okay ok well now more".split()  # noqa: SIM905
)


def check(trace: Trace, *, slips: int = 2, per_words: int = 60, longest: int = 30) -> str | None:
    """Object to broken characters, a word of more than `longest` letters, and to `slips` slips within `per_words`.

    A stutter or a unit without its number counts as two slips, an impossible pair of words as one, three unspeakable
    or
    doubled words as two; a slip counts where it stands, however long the rest of the text is.
    """
    if found := _garbled(trace.think, slips, per_words, longest):
        return found
    found = _garbled(trace.response, slips, per_words, longest) if len(trace.response) > 20 else None
    return None if found is None else f"{found}, in the response"


def _garbled(text: str, slips: int, per_words: int, longest: int) -> str | None:
    """What is garbled in a text, if anything."""
    if _MAY_BE_BROKEN.search(text) and (broken := _BROKEN.search(text)):
        return f"holds the broken character {broken[0]!r} after {text[max(broken.start() - 20, 0) : broken.start()]!r}"
    if not text.isascii() and _CYRILLIC.search(text) and (mixed := _MIXED.search(text)):
        return f"mixes scripts within a word: {text[max(mixed.start() - 10, 0) : mixed.end() + 10]!r}"
    may_be = any(sign in text for sign in ("\\", "%E", "%C", "%2", "&#", "锟", "烫", "屯")) or (
        not text.isascii() and _LATIN_1.search(text)
    )
    wrong = [match.start() for match in _MOJIBAKE.finditer(text)] if may_be else []
    if len(wrong) >= 3 or (wrong and text[wrong[0]] in "锟烫屯\\%&"):
        return f"is in a broken encoding: {text[max(wrong[0] - 10, 0) : wrong[0] + 30]!r}"
    if odd := next((sign for sign in _CODE if sign in text), None):
        return f"holds random characters: {odd!r}"
    if any(sign in text for sign in "@$^*~") and _may_be_random(text) and (random := _RANDOM.search(text)):
        return f"holds random characters: {random[0]!r}"
    spaced = text.split()
    if len(spaced) > 9 and _APART_TWO.search(text) and (apart := _APART.search(text)) and not apart[0].isupper():
        return f"spells its words apart: {apart[0]!r}"
    distinct = dict.fromkeys(spaced)
    capitals = " ".join(one for one in distinct if not (one.islower() or one.istitle()))
    if len(cased := sorted(set(_CASED.findall(capitals)))) >= 5:
        return f"mixes its capitals: {', '.join(map(repr, cased[:4]))}"
    if len(_DIGIT_LETTER.findall(text)) >= 4 and len(leet := sorted(set(_LEET.findall(" ".join(distinct))))) >= 4:
        return f"writes digits for letters: {', '.join(map(repr, leet[:4]))}"
    tokens = _TOKEN.findall(text)
    long = (one for one in tokens if len(one) > longest) if max(map(len, distinct), default=0) > longest else ()
    if too_long := next((word for word in long if word[0].isalpha() and word.isascii()), None):
        return f"holds a word of {len(too_long)} letters, {too_long[:30]!r}"
    small = "\n".join(tokens).lower().split("\n") if tokens else []  # faster than one by one
    if row := _row(tokens, small):
        return f"says {row[0]!r} {row[1]} times in a row"
    if len(tokens) < 12 and (thrice := _thrice(small)):
        return f"says {thrice!r} three times in a row, and little else"
    found = sorted([*_slips(tokens, small), *_chinese_slips(text)])
    start = 0
    weight = 0.0
    for end, (at, size, _) in enumerate(found):
        weight += size
        while at - found[start][0] > per_words:
            weight -= found[start][1]
            start += 1
        if weight >= slips - 0.01:
            shown = ", ".join(repr(said) for _, _, said in found[start : end + 1][:4])
            return f"is garbled in {end + 1 - start} places within {at - found[start][0] + 1} words: {shown}"
    return None


def _may_be_random(text: str) -> bool:
    """Whether a text has what random characters have: three of some signs, six in a row, digits between letters."""
    signs = sum(text.count(sign) for sign in "@#$%^&") >= 3
    return signs or _SIX_SIGNS.search(text) is not None or _DIGITS_BETWEEN.search(text) is not None


def _slips(tokens: list[str], small: list[str]) -> Iterator[tuple[int, float, str]]:
    """Where, how grave, and the words: what is said twice, pairs that no grammar joins, words nobody can say."""
    odd = set(filter(_oddity, set(tokens)))
    after = zip([*tokens[1:], ""], [*small[1:], ""], strict=False)
    hot = [
        at
        for at, (first, a, (second, b)) in enumerate(zip(tokens, small, after, strict=False))
        if a == b or (a in _FIRST and (a, second) in _PAIRS) or b in _UNITS or first in odd
    ]
    for at in hot:
        first, second = tokens[at], tokens[at + 1] if at + 1 < len(tokens) else ""
        a, b = small[at], second.lower()
        if a == b:
            # "what it is is a bell" and "that is is" are said
            if first != "A" and a in _STUTTERS and (small[at - 1] if at else "") not in ("it", "that"):
                yield at, 2.0, f"{first} {second}"
            elif len(a) > 1 and a.isascii() and a.isalpha() and a not in _SAID_TWICE and a not in _SOUNDING:
                yield at, 2 / 3, f"{first} {second}"
        elif ((first if first == "A" else a), second) in _PAIRS:
            yield at, 1.0, f"{first} {second}"
        if b in _UNITS and a in _NEAR:
            yield at, 2.0, f"{first} {second}"
        if first in odd:
            weight = _oddity(first)
            if weight == _ONSET:
                odd.discard(first)  # once, for it may be a name
            yield at, weight, first


_ONSET = 2 / 3


@lru_cache(maxsize=65536)  # traces repeat most of their words
def _oddity(word: str) -> float:
    """How grave a word is: nobody can say it, or no English word begins so; 0 for a word like others and for a name."""
    if len(word) < 2 or not (word.islower() and word.isascii()):
        return 0.0
    if len(word) > 2 and _NO_ONSET.fullmatch(word) and word not in _SOUNDING:
        return _ONSET
    if _UNSPEAKABLE.fullmatch(word) and not _SPELT_SOUND.fullmatch(word):
        return 1.0 if len(word) > 2 else 1 / 3
    return 0.0


def _chinese_slips(text: str) -> Iterator[tuple[int, float, str]]:
    """The same of Chinese, a character being a word, with what stammers."""
    for match in _HACKED.finditer(text) if _BETWEEN_HYPHENS.search(text) else ():
        if match[1].lower() in _SOUNDING:
            continue
        yield text.count(" ", 0, match.start()), 2 / 3, match[0]
    if not _HAN.search(text):
        return
    matches = [_NO_PAIR.finditer(text, run.start(), run.end()) for run in _HAN_RUN.finditer(text)]
    beginning = _NO_BEGINNING.match(text)
    for match in chain([beginning] if beginning else [], _NO_START.finditer(text), *matches):
        yield match.start(), 1.0, text[max(match.start() - 2, 0) : match.end() + 2]


_BETWEEN_HYPHENS = re.compile(r"-([a-z]{1,4})-\1", re.IGNORECASE)
_HAN = re.compile("[\u4e00-\u9fff]")
_HAN_RUN = re.compile("[\u4e00-\u9fff，。！？,]{2,}")
_UNITS = frozenset(("hz", "khz", "db", "bpm"))
_NEAR = frozenset(("about", "around", "near", "nearly", "roughly", "approximately"))


def _thrice(small: list[str]) -> str | None:
    """A word that stands three times in a row and is no sound, and nothing that is said so."""
    return next(
        (
            a
            for a, b, c in zip(small, small[1:], small[2:], strict=False)
            if a == b == c
            and a.isascii()
            and a.isalpha()
            and len(a) > 1
            and a not in _SOUNDING
            and a not in _SAID_TWICE
            and not _SPELT_SOUND.fullmatch(a)
        ),
        None,
    )


def _row(tokens: list[str], small: list[str], most: int = 7) -> tuple[str, int] | None:
    """An English word that is said more than `most` times in a row, but for sounds, spelt out or in one letter."""
    if "," in small:
        tokens, small = [one for one in tokens if one != ","], [one for one in small if one != ","]
    # a run of eight holds a stretch of four that begins at a multiple of four
    if not any(a == b == c == d for a, b, c, d in zip(small[::4], small[1::4], small[2::4], small[3::4], strict=False)):
        return None
    run = 1
    for first, second in pairwise([*tokens, ""]):
        if first.lower() == second.lower():
            run += 1
        elif run > most and len(first) > 1 and first.isalpha() and first.isascii() and first.lower() not in _SOUNDING:
            return first, run
        else:
            run = 1
    return None


KEEP = [
    example("He says: 100 %; then (a bell); then 50 %. It costs $$ or $5.", response="A shop."),
    example("他执着于节奏，打了吗啡，于是很慢。她问：“好吗？”", response="慢"),
    example("Three knocks.", response="Knock knock knock knock, then a bell."),
    example("Knock knock knock, and no answer.", response="A knock."),
    example("What they have would do for a waltz, and another to a march.", response="A waltz."),
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
    example("The pitch is low.", response="The The answer answ is is is of of the is a man."),
    example("The pitch );}} $$ is ;;;; low %%%% and the man speaks.", response="A man."),
    example("语速很快。", response="她速的快语快语是是速 速＃＆快快ﾃﾞ縺ｮ蛟､ 的她她语"),
    example("他笑着于声音拼得很快吗高兴的屏幕。", response="高兴"),
    example("flu flu flu flut", response="Flute"),
    example("Of rhythm steady the page. Could to an other the arguing have would, voice flat.", response="Reading"),
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
