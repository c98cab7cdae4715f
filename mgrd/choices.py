"""A piece of text and the choices in, the choices that it names out.

Three ways to name a choice, from strict to loose: to be it (`exact`), to begin with it (`opening`), to speak of it
(`mentions`). Knows nothing of where in a response an answer stands, nor of gold answers.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from mgrd.numerals import as_number, quantity, with_digits

TRIM = " \t\n\r\"'“”‘’`*_$.,;:!?。，；：！？「」『』《》【】"
_LABEL = r"(?:\(\s*([A-Za-z])\s*\)|\[\s*([A-Za-z])\s*\]|([A-Za-z])\s*[).:、,])"
_OWN_LABEL = re.compile(rf"\s*(?:{_LABEL}|\(?(\d+)[).、])\s*")
_ARTICLE = re.compile(r"^(?:an?|the)\s+(?=\S)")
_POLAR = ("yes", "no", "true", "false", "是", "否", "不是")


@dataclass(frozen=True, slots=True)
class Option:
    """One distinct choice; two choices with the same text are one."""

    index: int
    text: str
    """Without a label of its own: `Man` of `(A) Man`."""
    key: str
    labelled: str
    """The key with its own label, where the choices have labels."""
    pattern: re.Pattern[str]
    """Finds the key in folded text as whole words."""
    places: list[int]
    """Every place of this text among the choices."""


def options_of(choices: Sequence[str]) -> list[Option]:
    """The distinct choices, in order."""
    return _options_of(tuple(choices))


@lru_cache(maxsize=256)  # the samples of a question follow each other
def _options_of(choices: tuple[str, ...]) -> list[Option]:
    texts = [unicodedata.normalize("NFKC", choice) for choice in choices]
    labels = [_OWN_LABEL.match(text) for text in texts]
    are_labelled = all(
        label is not None and (label[4] == str(i + 1) or (label[1] or label[2] or label[3]) == chr(65 + i))
        for i, label in enumerate(labels)
    )
    options: dict[str, Option] = {}
    for i, (text, label) in enumerate(zip(texts, labels, strict=True)):
        bare = text[label.end() :] if are_labelled and label is not None and text[label.end() :] else text
        key = key_of(bare)
        if key not in options:
            options[key] = Option(i, bare.strip(), key, key_of(text), pattern_of(key), [])
        options[key].places.append(i)
    return list(options.values())


def key_of(text: str) -> str:
    """The form in which texts are compared: case, width, quotes, edges, articles, spaces and number words folded."""
    folded = _fold(text.strip(TRIM)).strip(TRIM)
    whole = re.fullmatch(r"\(([^()]*)\)|\[([^\[\]]*)\]|\{([^{}]*)\}", folded)  # `min7(*1)` keeps its brackets
    if whole is not None:
        folded = (whole[1] or whole[2] or whole[3] or "").strip(TRIM)
    return _ARTICLE.sub("", folded) or unicodedata.normalize("NFKC", text).strip()


def pattern_of(key: str) -> re.Pattern[str]:
    """Finds a key in folded text as whole words; a number is not found inside another number."""
    left = r"(?<![a-z0-9_#])(?<![a-z0-9]-)(?<!\d[.,:/])" if _is_latin(key[:1]) else ""
    right = r"(?![a-z0-9_#♯♭]|-[a-z0-9]|[.,:/]\d)" if _is_latin(key[-1:]) else ""
    return re.compile(left + re.escape(key) + right)


def _is_latin(character: str) -> bool:
    return character.isascii() and (character.isalnum() or character == "#")


def _fold(text: str, *, lone_one: bool = True) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold().replace("**", "")
    folded = folded.translate({ord("’"): "'", ord("‘"): "'", ord("“"): '"', ord("”"): '"'})
    # numbers before commas and articles: `1,000` and `a hundred` are one number each
    folded = with_digits(re.sub(r"\s+", " ", folded), lone_one=lone_one)
    return re.sub(r"\s*([,;|])\s*", r"\1 ", folded)


_ORDINALS = {"first": 0, "second": 1, "third": 2, "fourth": 3, "fifth": 4, "一": 0, "二": 1, "三": 2, "四": 3, "五": 4}
_ORDINAL = re.compile(
    r"(first|second|third|fourth|fifth|last) (?:option|choice|answer)|(最后一|第[一二三四五])个?(?:选项|选择)"
)
_OPTION_WORD = re.compile(r"^(?:options?|choices?|选项?)\s*", re.IGNORECASE)


def exact(text: str, options: list[Option]) -> list[int]:
    """The choice that `text` is: its text, its number, its letter, its place ("the second option"), its first clause.

    A choice's text beats a letter; only a letter in brackets that is also another choice's text is both.
    """
    key = key_of(text)
    if same := [option.index for option in options if key in (option.key, option.labelled)]:
        bracketed = re.fullmatch(r"\W*[(\[]\s*([A-Za-z])\s*[)\]]\W*", text)
        return sorted({*same, *(_at_letter(bracketed[1], options) if bracketed else ())})
    if ordinal := _ORDINAL.fullmatch(key):
        last = max(place for option in options for place in option.places)
        return _at(_ORDINALS.get((ordinal[1] or ordinal[2]).removeprefix("第"), last), options)
    if as_number(key) is not None and (same := _same_quantity(text, options)):
        return same
    bare = _OPTION_WORD.sub("", text.strip(TRIM + "()[]{}")).strip(TRIM + "()[]{}")
    if re.fullmatch(r"[A-Za-z]", bare):
        return _at_letter(bare, options)
    clause = [option.index for option in options if re.match(re.escape(key) + r"[,.;:]\s", option.key)]
    return clause if len(clause) == 1 and len(key) > 1 else []


def _same_quantity(text: str, options: list[Option]) -> list[int]:
    """The choice that is a number's value, in any unit; else the only one that is it as exactly as either is written.

    A number without a unit is read in the unit that all choices have.
    """
    said = quantity(unicodedata.normalize("NFKC", text).strip(TRIM + "()[]{}"))
    there = {option.index: found for option in options if (found := quantity(option.text.strip(TRIM)))}
    units = {number[1] for option in options if (number := as_number(option.key))}
    if said is None or not there:
        return []
    if not said.unit and len(there) == len(options) and len(units) == 1:
        said = quantity(f"{key_of(text)} {units.pop()}") or said
    same = [i for i, one in there.items() if replace(one, half_place=0).rounds_to(replace(said, half_place=0))]
    return same or [i for i, one in there.items() if one.rounds_to(said) or said.rounds_to(one)]


def _at_letter(letter: str, options: list[Option]) -> list[int]:
    return _at(ord(letter.upper()) - ord("A"), options)


def _at(place: int, options: list[Option]) -> list[int]:
    return [option.index for option in options if place in option.places]


_OPENING_LABEL = re.compile(rf"\W*?(?:options?\s+|choices?\s+)?{_LABEL}\s*", re.IGNORECASE)
_NEXT_LABEL = re.compile(
    r"\s*+(?:(?:and\b|or\b|[,&/和或及])\s*+)*+(?:options?\s+)?"
    r"(?:[(\[]([A-Z])[)\]]|(?<![A-Za-z])([A-Z])(?![\w#♯♭'-])(?:[).]|(?=\s*+(?:$|[,;:&/]|(?:and|or)\b))))"
)
_REVOKED = re.compile(
    r"\s*[\"'”’)*]*[?？吗]|"
    r"[\s\W]*(?:(?:(?:but|that|this|it|which|is (?:the|an?)|is|was|would|be|definitely|certainly|"
    r"clearly|surely|probably|actually|"
    r"just)\b|'s)[\s,]*){0,6}(?:wrong|incorrect|mistaken|untrue|unlikely|ruled out|eliminated|"
    r"distractor|no(?=\W*(?:$|[.,;!]))|"
    r"not(?=\W*(?:$|[.;!]))|not it\b|nope|kidding|scratch that|never mind|doubt\w*|i doubt|if|unless|maybe|perhaps|"
    r"possibly|or (?:so|more|less|something|something else)|plus|minus)(?![\w-])|"
    r"\W*(?:不对|错|不是\W*$|不,|不，)",
    re.IGNORECASE,
)
"""What right after a choice takes it back, asks it, or makes it a condition."""
_ENDS_HERE = re.compile(
    r"\s*[\"'”’)*]*(?:[.;:!(\n]|\s[-–—]|\s*,?\s*(?:because|since|as|so|given|based|due|for|which)\b|[。；：！（，])"
)
POLAR_END = (
    r"的?(?=\W*$|\s*[,.;:!?(\n，。；：！？（—–]|\s-|"
    r"\s(?:it|there|he|she|they|the|this|that|these|those|both|i|we|you|because|since|as|so|of course|indeed)\b)"
    r"(?!.*\W(?:yes|no|是的?|不是?)\W*$)"
)
"""What may follow a yes or a no that answers: not `no doubt`, `not sure`, `yes and no`, 不知道."""
_IS_POLAR = re.compile(POLAR_END, re.DOTALL)


def opening(text: str, options: list[Option]) -> list[int]:
    """The choice that `text` begins with, when what follows is another sentence or a reason.

    A label and the text of another choice are both named, and so are the labels of a list; a denied one is not.
    """
    label = _OPENING_LABEL.match(text)
    letter = label and (label[1] or label[2] or label[3])
    labelled = _at_letter(letter, options) if label and letter and (letter.isupper() or not label[3]) else []
    rest = text[label.end() :] if label and labelled else ""
    after = _beginning(rest, options)
    if label and label[0].endswith(":") and rest[:1].isalnum() and after != labelled:
        labelled = []  # the first letter of a chord, `B:maj/1`
    more = _next_labels(rest, labelled, options) if label and label[0].rstrip()[-1] in ",、)]" else []
    if labelled and after == labelled and not more:
        return labelled
    is_wrong = _NEGATED_AFTER.search(_fold(rest[:60])) or _IS_WRONG.match(rest) or _REVOKED.match(rest[:200])
    if not after and is_wrong:
        return []
    labelled += more
    # a choice's own text, `C` or `A:7/1`, beats a letter with a colon
    return _beginning(text, options) or sorted({*labelled, *after})


def _next_labels(text: str, named: list[int], options: list[Option]) -> list[int]:
    """The other choices of a list of letters: `B` of "A, B" and of "(A) calm, (B) excited", where `named` is calm."""
    own = "|".join(re.escape(option.text) for option in options if option.index in named)
    own_text = re.match(own, text, re.IGNORECASE)
    found, at = [], own_text.end() if own_text else 0
    while label := _NEXT_LABEL.match(text, at):
        found += _at_letter(label[1] or label[2], options)
        at = label.end()
    return found


def _beginning(text: str, options: list[Option]) -> list[int]:
    folded = _ARTICLE.sub("", _folded(text))
    fits = []
    for option in options:
        match = option.pattern.match(folded.removeprefix(option.labelled.removesuffix(option.key)))
        if match is None:
            continue
        rest = match.string[match.end() :]
        is_end = (not rest.strip(TRIM) or _ENDS_HERE.match(rest)) and not _REVOKED.match(rest[:200])
        is_all = _IS_POLAR.match(rest) if option.key in _POLAR else is_end
        if is_all:
            fits.append((len(option.key), option.index))
    return [max(fits)[1]] if fits else []


def _folded(text: str, *, lone_one: bool = True) -> str:
    return _fold(text.lstrip(TRIM + "()[]"), lone_one=lone_one).lstrip(TRIM + "()[]")


_NEGATED_BEFORE = re.compile(
    r"(?:\b(?:not(?! sure\b| certain\b| clear\b)|no|never|neither|nor|cannot|without|unlike|"
    r"rather than|instead of|than|exclud\w+|eliminat\w+|"
    r"rul(?:e[sd]?|ing) out|anything but|far from|(?:least|less) (?:likely|plausible|probable|fitting)|"
    r"(?:wrong|incorrect|false|worst|unlikely) (?:answer|choice|option)s?)|n't(?! (?:tell|say|know|decide)\b))\b"
    r"(?:(?!\bbut\b)[^.,;:!?]){0,24}$|"
    r"(?:不是|并非|而非|不选|不像|排除|没有|不太像|[不没](?!错)|非|错误的?(?:答案|选项|选择))[^,。;:!?]{0,4}$"
)
_NEGATED_AFTER = re.compile(
    r"^[^\w,.;:!?，。；：！？]{0,3}(?:(?!(?:since|because|as|and|but|or|so|while|if|[a-z])\b)\w+\s){0,2}?"
    r"(?:(?:is|are|was|were|does|do|did|can|could|would|seems?)\s*"
    r"(?:(?:clearly|an?|the)\s)?(?:not\b|n't|incorrect|wrong|false|unlikely|least\b|less likely|ruled out|"
    r"eliminated|excluded|be (?:ruled out|excluded|eliminated))|isn't|doesn't|wasn't|don't|can't|"
    r"(?:不对|不符|错误|可以排除|被排除|不正确|不太?可能))"
)
_IS_WRONG = re.compile(r"\W{0,3}(?:wrong|incorrect|false|unlikely|ruled out|不对|错误)(?=\W|$)", re.IGNORECASE)


def is_denied(text: str, start: int, end: int) -> bool:
    """Whether the words around `text[start:end]` (folded) deny it: "not X", "rather than X", "X can be ruled out"."""
    return bool(_NEGATED_BEFORE.search(text[max(start - 60, 0) : start]) or _NEGATED_AFTER.search(text[end : end + 60]))


_SENTENCE = re.compile(r"(?<=[.!?])(?<!\d\.)\s+|(?<=。)|(?<=[!?])(?=[A-Za-z\u3400-\u9fff])|\n\s*\n")
_DOUBT = re.compile(
    r"\b(?:not(?! only\b)|no(?! doubt\b)|never|neither|nor|none|nobody|nothing(?! but\b)|cannot|without|unlike|hardly|"
    r"barely|scarcely|doubt\w*|opposite|contrary|lacks?|lacking|refus\w+|fails?|far from|"
    r"(?<!or )less|least|either|whether|if|"
    r"unless|except\w*|exclud\w+|eliminat\w+|discard\w*|reject\w*|rul(?:e[sd]?|ing) out|out$|other than|rather than|"
    r"instead of|anything but|(?:all|every\w*|any\w*)\b[^,;]*\bbut|wrong\w*|incorrect\w*|mistak\w+|false\w*|untrue|"
    r"unlikely|improbable|implausible|distractors?|tempting|misleading|decoys?|would(?! say\b| be (?:the|an?)\b)|could|"
    r"might|may|maybe|perhaps|possibly|would have|supposed\w*|suppose|pretend\w*|seemingly|almost|nearly)\b|"
    r"(?<!no )\bdoubt|n't\b|[?？]|(?<!没)(?<!不)错|不(?!错)|没(?!错)|[非勿吗]|除了?|排除|如果|假如|要是|是否|怀疑|难说|"
    r"相反|反面|也许|可能|或"
)
"""Words of denial, doubt, exclusion, condition or question: a sentence with one says which choice it is not, if any."""
_TURNS = re.compile(r"\b(?:but|however|although|though|just kidding)\b|但|不过")
_BOUND = re.compile(
    r"\b(?:at (?:least|most)|(?:more|less|fewer|greater|larger|smaller|higher|lower) than|"
    r"(?<!more )or (?:more|less|fewer)|more(?! or less\b)|over|"
    r"under|above|below|up to|between|minimum|maximum|plus|minus|times)\b|"
    r"至少|至多|最多|最少|以上|以下|多于|少于|超过|不到"
)
_COMPUTES = (re.compile(r"[-+*/^±<>≤≥=×÷]\s*$"), re.compile(r"\s*(?:[+*/^%<>≤≥=×÷]|[-–]\s*\d)"))
"""What beside a number makes it another: a sign, arithmetic, a percent sign."""
_FRAME = re.compile(
    r"\b(?:is|are|was|were|be|been|sounds?|seems?|appears?|feels?|hears?|heard|suggests?|indicates?|"
    r"means?|of|like|as|from|"
    r"has|have|had|there|choose|pick|select|say|go with|points? to|contains?|features?|shows?|"
    r"conveys?|expresses|do|does|"
    r"did|i|we|they|he|she|it|nothing but)\b|'s\b|[\u4e00-\u9fff:,，;]"
)
_LITTLE = re.compile(
    r"(?:\W|\b(?:an?|the|very|most|likely|probably|clearly|definitely|options?|choices?|quite|so|just)\b)*"
)


def has_doubt(text: str) -> bool:
    """Whether a text has a word of denial, doubt, exclusion, condition or question."""
    return _DOUBT.search(text.casefold().replace("’", "'")) is not None


def is_bounded(text: str) -> bool:
    """Whether folded text has a bound ("at least"), which makes the number beside it another."""
    return _BOUND.search(text) is not None


def is_framed(before: str) -> bool:
    """Whether a name may follow these folded words: a verb that says so, or nothing but articles ("hot" is neither)."""
    return _FRAME.search(before) is not None or _LITTLE.fullmatch(before) is not None


def mentions(text: str, options: list[Option], *, is_statement: bool = False) -> list[int]:
    """The choices that a sentence of the text names outright; the longest wins where they overlap.

    A sentence that denies one choice may name another ("X rather than Y"); any other word of doubt in it leaves it
    unread, and so does a bound or arithmetic beside a number. Yes and no are never read off running text ("there is no
    music"); a capital alone, or "one", counts only in a text that states an answer.
    """
    is_whole = any(_SENTENCE.search(option.text) for option in options)
    sentences = [text] if is_whole else [part for part in _SENTENCE.split(text) if part]
    return sorted({index for part in sentences for index in _said_in(part, options, is_statement=is_statement)})


def _said_in(sentence: str, options: list[Option], *, is_statement: bool) -> set[int]:
    letters, undenied = _named_letters(sentence, options, is_statement=is_statement)
    folded = _folded(undenied, lone_one=is_statement)
    spans = [
        (match.start(), match.end(), option)
        for option in options
        # a single letter is looked for above, where its case can be seen
        if option.key not in _POLAR and not re.fullmatch(r"[a-z]", option.key)
        for match in option.pattern.finditer(folded)
    ]
    turn = max((match.start() for match in _TURNS.finditer(folded)), default=-1)
    is_bound = is_bounded(folded)
    named, unsure, reach, rest, at = set(letters), set(), 0, [], 0
    for start, end, option in sorted(spans, key=lambda span: (span[0], -span[1])):
        if end <= reach:  # it lies inside a longer one
            continue
        reach = end
        before = _NEGATED_BEFORE.search(folded[max(start - 60, 0) : start])
        after = _NEGATED_AFTER.search(folded[end : end + 60])
        begins = max(start - 60, 0) + before.start() if before else start
        rest.append(folded[at : max(begins, at)])
        at = end + (after.end() if after else 0)
        if before or after:
            continue
        unsure.add(option.index)
        is_number = option.key[:1].isdigit()
        around = folded[max(start - 20, 0) : start], folded[end : end + 20]
        if is_number and (_COMPUTES[0].search(around[0]) or _COMPUTES[1].match(around[1])):
            continue
        if is_number and is_bound:
            continue
        left = folded[max(start - 400, 0) : start]
        is_said = is_statement or is_framed(left) or re.search(r"\w", folded[end : end + 40])
        if is_said and end > turn:
            named.add(option.index)
    rest.append(folded[at:])
    if not named:
        return set()
    named |= unsure
    is_question = sentence.rstrip("\"'”’)* ").endswith(("?", "？"))
    is_doubted = len(named) == 1 and _DOUBT.search(" | ".join(rest)) is not None
    return set() if is_question or is_doubted else named


_NAMED_LETTER = re.compile(
    r"\(([A-Z])\)|\b(?:[Oo]ption|[Cc]hoice|选项)\s*([A-Z])\b|"
    r"(?<![\w#'])([A-Z])(?![\w#♯♭'-]|\s+(?:flat|sharp|natural|major|minor)\b)"
)
_NOUN_PHRASE = re.compile(r"\s+(?!or\b|and\b|is\b|because\b|since\b|as\b)[a-z]")


def _named_letters(text: str, options: list[Option], *, is_statement: bool) -> tuple[list[int], str]:
    """Choices named by a letter in brackets, after `option`, or by a capital that is no article; and what is left.

    What is left is the text without the denials of letters.
    """
    single = {option.text: option.index for option in options if re.fullmatch(r"[A-Z]", option.text)}
    named, rest, at = [], [], 0
    for match in _NAMED_LETTER.finditer(text):
        if match[3] in ("A", "I") and _NOUN_PHRASE.match(text, match.end()):
            continue
        left = max(match.start() - 60, 0)
        before = _NEGATED_BEFORE.search(text[left : match.start()].casefold())
        after = _NEGATED_AFTER.search(text[match.end() : match.end() + 60])
        is_wrong = _IS_WRONG.match(text, match.end()) if match[3] is None else None
        if before or after or is_wrong:
            rest.append(text[at : max(at, left + before.start() if before else match.start())])
            at = is_wrong.end() if is_wrong else match.end() + (after.end() if after else 0)
        elif match[3] and match[3] in single:
            named.append(single[match[3]])
        elif match[3] is None or is_statement:
            named += _at_letter(match[1] or match[2] or match[3], options)
    return named, " , ".join([*rest, text[at:]])
