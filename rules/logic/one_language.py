"""Object to a trace that changes its language midway.

Reinforcement learning without a language reward makes models drift (DeepSeek-R1, arXiv 2501.12948, section 2.2.4),
and
a reader of one language cannot follow the rest. What is quoted, in brackets, or among the words of the question and
its choices may be in any language: it is what was heard or asked. A trace wholly in another language than its
question
has not changed. Languages in Latin letters are told apart by their most frequent words, the others by their script.
"""

import re
from collections import Counter
from functools import lru_cache

from mgrd.rulebook import Trace, example
from mgrd.stances import sentences

_QUOTED = re.compile(
    r"\"[^\"\n]{0,600}\"|“[^”\n]{0,600}”|「[^」\n]{0,600}」|『[^』\n]{0,600}』|«[^»\n]{0,600}»|‘[^’\n]{0,600}’"
    r"|《[^》\n]{0,200}》"
    r"|'(?<!\w')[^'\n]{2,300}'(?!\w)|\([^()\n]{0,300}\)|（[^（）\n]{0,300}）|\*[^*\n]{1,200}\*|`[^`\n]{1,200}`"
)
_SCRIPTS = {
    "Chinese": "\u4e00-\u9fff",
    "Japanese": "\u3041-\u309f\u30a1-\u30fa",
    "Korean": "\uac00-\ud7af",
    "Cyrillic": "\u0400-\u04ff",
    "Greek": "\u03b1-\u03c9\u03ac-\u03ce",
    "Arabic": "\u0600-\u06ff",
    "Hebrew": "\u05d0-\u05ea",
    "Devanagari": "\u0900-\u097f",
    "Bengali": "\u0980-\u09ff",
    "Tamil": "\u0b80-\u0bff",
    "Thai": "\u0e00-\u0e7f",
}
_OTHER = re.compile(f"[{''.join(_SCRIPTS.values())}]")
_RUNS = {name: re.compile(f"[{letters}]") for name, letters in _SCRIPTS.items()}
_WORD = re.compile(r"[a-z\u00c0-\u024f\u1e00-\u1eff]+(?:['’][a-z\u00c0-\u024f]+)*")
"""In lower case."""
_FREQUENT = {
    "English": """
        the of and is are was were to in it that this with for as be on not or which by from at an has have but they
        he she there so because its their would could i you we can will more than into does do no if when then what
        his her these""",
    "Spanish": "el la los las de del que y en un una es por con para se no su al lo como más pero muy está son "
        "está hay habla ser porque esto este esta también ni sus",
    "French": "le la les des du de et est un une que qui dans pour pas sur avec ce il elle on se au aux par "
        "plus sont donc cette mais ou très où comme c'est n'est d'un d'une l'on",
    "German": "der die das und ist nicht ein eine zu den dem mit sich auf für von im es er sie auch aber wird "
        "man als wie nur noch so aus bei sind daher oder hört des damit",
    "Italian": "il lo la gli le di che è un una e per con non del della si in sono come più ma anche nel alla "
        "al dei questo questa quindi delle molto",
    "Portuguese": "o a os de do da que e em um uma é por com para não se no na dos das mais mas como também "
        "está são muito isso ou ao pela pelo portanto",
    "Dutch": "de het een en van is niet dat op te zijn met voor er maar die aan ook als door naar dus wordt om "
        "bij uit dan hij ze",
    "Polish": "i w nie na się że jest do z jak co ale o po tak za od jego są tylko przez więc oraz dla czy który która",
    "Turkish": "bir ve bu da de için ile çok olarak daha ama gibi olan var değil en kadar sonra bu şu ise ses yok",
    "Vietnamese": "là và của không có một những được trong cho này với các người đã từ khi để đó ra như thì nên",
    "Indonesian": "yang dan di itu dengan untuk tidak ini dari dalam adalah pada juga akan ada karena oleh jadi "
        "suara lebih saya sangat",
    "Swedish": "och att det som en på är av för med den till inte om ett har de men var han hon så från också eller",
    "Danish": "og at det som en på er af for med den til ikke om et har de men var han hun så fra også eller",
    "Finnish": "ja on ei se että mutta kun niin hän joka oli kuin myös sekä ovat tämä siis äänen ole",
    "Czech": "a je se na v že to s z do není ale jako za by i jsou tak jeho pro nebo tedy hlas",
    "Romanian": "și de în a la cu nu este o un pe că din pentru sunt se mai dar care sau deci foarte",
    "Hungarian": "a az és hogy nem is egy van ez de meg csak már mint vagy tehát hang ami nagyon",
    "pinyin": "shi de bu wo ni ta zhe na you mei hen suoyi yinwei danshi shuo",
}  # fmt: skip
_MARKS = {name: frozenset(word for word in words.split() if len(word) > 1) for name, words in _FREQUENT.items()}
_ENGLISH = _MARKS["English"]
_NOT_ENGLISH = frozenset().union(*_MARKS.values()) - _ENGLISH
_SPOKEN_IN = {
    word: [name for name, marks in _MARKS.items() if name != "English" and word in marks]
    for word in frozenset().union(*_MARKS.values())
}


def check(trace: Trace, *, letters: int = 8, words: int = 5) -> str | None:
    """Object to `letters` characters of another script, or a clause with `words` words of another language, unquoted.

    A Korean syllable or Chinese character counts as two letters.
    """
    bare = trace.think
    for known in (*(trace.choices or ()), trace.predicted or ""):
        if len(known) > 1:
            bare = bare.replace(known.strip(" ."), " ")
    bare = _QUOTED.sub(" , ", bare)
    bare = bare if bare.isascii() or not _RUNS["Chinese"].search(bare) else _SAID.sub(" , ", bare)
    bare = "\n".join(sentences(bare))
    scripts = Counter(
        {name: sum(1 for _ in run.finditer(bare)) for name, run in _RUNS.items()} if _OTHER.search(bare) else {}
    )
    latin = len(_WORD.findall(bare.lower())) if scripts else 0
    if scripts["Japanese"] > 3 and (found := _japanese(bare)):
        return found
    if scripts["Japanese"] > scripts["Chinese"] / 6:  # the Chinese characters of a Japanese text
        scripts["Japanese"] += scripts.pop("Chinese", 0)
    # in words: a Chinese word has one to two characters, one of an alphabet five letters
    sizes = {name: count / (1.6 if name in _PACKED else 5) for name, count in scripts.items()}
    main, most = max(sizes.items(), key=lambda one: one[1], default=("", 0))
    if latin < most:
        others = Counter({name: count for name, count in scripts.items() if name != main})
        return _other_script(bare, letters, others) or _english_in(bare, main, words)
    found = _other_script(bare, letters, scripts) or _chinese_grammar(bare, scripts) or _other_words(bare, words)
    mixed = (
        sum(len(_RUNS[main].findall(one)) > 1 < len(_WORD.findall(one)) for one in re.split(r"[\n,;]", bare.lower()))
        if main
        else 0
    )
    return found or (_english_in(bare, main, words) if mixed > 1 and most > latin / 3 else None)


_PACKED = ("Chinese", "Japanese", "Korean")


def _other_script(bare: str, letters: int, scripts: Counter[str]) -> str | None:
    """A sentence that is mostly in another script; words of it within a sentence are names or what was heard."""
    for name, count in scripts.most_common():
        weight = 2 if name in _PACKED else 1
        if count * weight < letters:
            break
        before = ""
        for line in bare.split("\n"):
            inside = _RUNS[name].findall(line)
            rest = sum(one.isalpha() for one in line) - len(inside)
            if len(inside) * weight >= letters and len(inside) * weight > rest and not _INTRODUCED.search(before):
                return f"turns to {name} at {line[:60]!r}"
            before = line
    return None


def _chinese_grammar(bare: str, scripts: Counter[str]) -> str | None:
    """Chinese words of grammar, each alone among Latin ones: what is named or was heard is no grammar."""
    if scripts["Chinese"] < 4:
        return None
    found = [match[1] for match in _AMONG_LATIN.finditer(bare)]
    if len(found) < 4 or len(set(found)) < 3:
        return None
    return f"mixes Chinese into its sentences: {', '.join(map(repr, dict.fromkeys(found)))}"


_AMONG_LATIN = re.compile(
    r"(?<=[A-Za-z,;] )(的|和|是|但是?|不|不是|没有|这个|那个|这些|因为|所以|如果|虽然|然后|而且|或者?|与|也|都|就|在"
    r"|了|很|带着|一个|有|被|把|从|到|说明|因此|可能|其实|由于|并且|还是|就是|应该|听起来|最|更|非常|比较|以及|包括|表示|提到"
    r"|对应|属于|[\u4e00-\u9fff]{2,8}的)(?= [A-Za-z])"
)
_INTRODUCED = re.compile(r"(?:[:：,]|\b(?:says?|said|sings?|asks?|lyrics?|translat\w+|transcri\w+))\W*$", re.IGNORECASE)


def _japanese(bare: str) -> str | None:
    """Whether some sentences are Japanese and some Chinese, which share their characters but for the kana."""
    kinds: dict[bool, str] = {}
    for line in bare.split("\n"):
        kana, han = len(_RUNS["Japanese"].findall(line)), len(_RUNS["Chinese"].findall(line))
        if kana >= 4 or (kana == 0 and han >= 8):
            kinds.setdefault(kana > 0, line)
    return f"mixes Chinese and Japanese: {kinds[False][:40]!r}, {kinds[True][:40]!r}" if len(kinds) == 2 else None


def _other_words(bare: str, least: int) -> str | None:
    """The first stretch of a Latin-script text that is in another language than the most of it."""
    bare = bare.lower()
    said = _WORD.findall(bare)
    main = _language(said)
    if main is None:
        return None
    if main != "English" and _hits(said, main) < 4:
        main = "English"  # a few words that look like another language do not make one
    foreign = _NOT_ENGLISH.intersection(said)
    run: list[str] = []  # neighbouring clauses of one other language add up
    for sentence in bare.split("\n"):
        # what has English words only is none of another language
        may_turn = main != "English" or any(word in sentence for word in foreign)
        clauses = _CLAUSE_ENDS.split(sentence) if may_turn else [""]
        for place, clause in enumerate(clauses):
            line = _WORD.findall(clause) if main != "English" or any(word in clause for word in foreign) else []
            found = _language(line) if len(line) >= 2 else None
            turns = found is not None and found != main and not _heard(clauses, place)
            run = [*run, *line] if turns else []
            other = _language(run)
            if (
                other is not None
                and other != main
                and _share(run, main) < 0.2
                and (
                    (len(run) >= least and _hits(run, other) >= 3)
                    or (other == "English" and len(run) >= 3 and _hits(run, other) >= 2)
                )
            ):
                return f"turns from {main} to {other} at {' '.join(run)[:60]!r}"
    return None


def _heard(clauses: list[str], place: int) -> bool:
    """Whether the clause before this one or the one after it says that this is speech or song."""
    beside = [*clauses[max(place - 1, 0) : place], *clauses[place + 1 : place + 2]]
    return not _TELLS.search(clauses[place]) and any(_TELLS.search(clause) for clause in beside)


_CLAUSE_ENDS = re.compile(r"[,;:–—]")
_TELLS = re.compile(
    r"\b(?:says?|said|sings?|sang|asks?|asked|shouts?|whispers?|repl(?:y|ies|ied)|answers|repeats?|calls out|lyrics?"
    r"|switch(?:es|ed)? (?:\w+ ){0,4}?to)\b",
    re.IGNORECASE,
)
_SAID = re.compile(
    r"(?<=[说唱喊问道念叫])[\s:：,，]{0,3}[A-Za-z\u00c0-\u024f][^\u4e00-\u9fff\u3000-\u303f，；.!?,;\n]{3,200}"
)
"""What somebody in the clip says, without quotation marks."""


def _english_in(bare: str, main: str, least: int) -> str | None:
    """English words of grammar among those of a text in another script."""
    for line in bare.split("\n"):
        words = _WORD.findall(line.lower())
        grammar = [word for word in words if word in _ENGLISH and len(word) > 1]
        is_sentence = _RUNS[main].search(line) is None
        if len(words) >= (4 if is_sentence else least) and len(set(grammar)) >= (2 if is_sentence else 3):
            return f"turns from {main} to English at {' '.join(words)[:60]!r}"
        other = _language(words) if len(words) >= least else None
        if other is not None and other not in ("English", "pinyin") and _hits(words, other) >= 3:
            return f"turns from {main} to {other} at {' '.join(words)[:60]!r}"
    return None


def _hits(words: list[str], language: str) -> int:
    return len({word for word in words if word in _MARKS[language]})


def _share(words: list[str], language: str) -> float:
    return sum(word in _MARKS[language] for word in words) / max(len(words), 1)


def _language(words: list[str]) -> str | None:
    """The language whose frequent words are most in `words`; English in doubt, None where there are none."""
    return _language_of(tuple(words[:400]))


@lru_cache(maxsize=4096)
def _language_of(words: tuple[str, ...]) -> str | None:
    english = sum(word in _ENGLISH for word in words)
    hits = Counter(name for word in words for name in _SPOKEN_IN.get(word, ()))
    other, count = max(hits.items(), key=lambda one: one[1], default=("", 0))
    if count > english and count >= 2:
        return other
    return "English" if english else None


KEEP = [
    example("The words 妈妈 and 我的 are clear, 提到 is not, and 非常 is long, so she is from the north."),
    example("The particle 的 is stressed, 了 is not, and 是 is long, so the speaker is from the north."),
    example(
        "He begins in English and then switches to German: ich weiß nicht, was du von mir willst, he says, and coughs."
    ),
    example("The lyrics are Spanish, no me dejes en la noche, porque te quiero, and the beat is slow."),
    example("一个女人先用中文打招呼，接着说 what are you doing with the bag，声音很尖。"),
    example('She says "no me digas, que no es verdad, hombre" and laughs, so she is surprised.'),
    example("The song is in Mandarin: the refrain is 月亮代表我的心 (Yuèliàng Dàibiǎo Wǒ de Xīn)."),
    example("说话人用英语说“I am so happy to see you”，语调上扬，所以是高兴。"),
    example("节奏是 Four on the Floor，BPM 约为 128，属于 House 风格。"),
    example("The opera is La Traviata, and Di Provenza il mar comes before the aria of Violetta."),
    example("La voz es grave y el hombre habla despacio, por lo que está triste."),  # wholly in Spanish
    example("The deep voice and the slow tempo de facto rule out a scherzo."),
]
DROP = [
    example(
        "Rugby 是 the 最接近的 match, 因为 the commentary is loud. The 逐渐升高的 excitement fits, 虽然 the crowd is."
    ),
    example("The beat 是 steady 和 the bass 是 low, 但是 the voice 不 moves. 所以 it 是 calm."),
    example("The voice is low. 说话人的语速很慢，所以他很难过。 So he is sad."),
    example("说话人的语速很慢。So the speaker is sad and he is tired of it. 所以是悲伤。"),
    example("The voice is low. La voz es grave y el hombre habla muy despacio. So he is sad."),
    example("The voice is low. Die Stimme ist tief und der Mann spricht sehr langsam. So he is sad."),
    example("The voice is low. Голос низкий, и он говорит медленно."),
    example("说话人的语速很慢，声音低沉。その声はとても低いです。所以是悲伤。"),
    example("敲门的人说 there is a package，要签收，the neighbor 不会 ask for that，hence 是快递员。"),
]
