"""The words with which a think text rejects a choice, all choices, or a choice that is a number: patterns alone.

Knows nothing of the choices; `mgrd.stances` applies them.
"""

from __future__ import annotations

import re

NO_BEFORE = re.compile(
    r"(?:\b(?:not|never|neither|nor|isn't|cannot be|can't be|rules? out|ruling out|ruled out|exclud\w+|eliminat\w+"
    r"|reject\w*|discard\w*|dismiss\w*"
    r"|unlike|rather than|instead of|no|wrong answer is)\b(?:(?!\b(?:but|only|just)\b)[^.,;:!?]){0,40}|"
    r"(?:不是|并非|不选|不像|不会是|不可能是?|排除|没有|没听到|不去|不在|不属于|谈不上|不能是|无关|都不是"
    r"|也不是)[^.。,，;:!?]{0,4}[\"“「]?)$",
    re.IGNORECASE,
)
NO_AFTER = re.compile(
    r"^[^\w.;!?。；！？]{0,4}(?:(?!(?:but|while|whereas|and|because|since)\b)[\w'-]+[^\w.;:!?。；！？]{1,3}){0,5}?(?:\b(?:not"
    r"|cannot"
    r"|never|wrong|incorrect|impossible|false|excluded|ruled\s+out|eliminated|rejected|unsupported|contradicted"
    r"|inconsistent|implausible|unlikely|dismissed|discarded|fails?|lacks?|lacking|none|neither|nowhere|absent"
    r"|out of the question|"
    r"no|goes|drops\s+out|out)\b|\w+n't\b)|^[^.;:!?。；！？]{0,20}?(?:排除|不对|不行|不符|不可能|不成立|错|没有|不合"
    r"|不是|不会|不像|不存在|不足|也不|都不"
    r"|并不|没)",
    re.IGNORECASE,
)
BUT_YES = re.compile(
    r"\b(?:not only|no contradict\w+"
    r"|not (?:contradict|exclude|eliminate|rule out|weaken|undermine)|no doubt"
    r"|not just|none but|no other|nothing but|wrong to)\b|不仅|毫无疑问|没错"
    r"|不错",
    re.IGNORECASE,
)
ONCE = re.compile(
    r"\b(?:until|looked|seemed|sounded|at first|initially|thought|believed|too (?:soon|early|hastily|quickly)"
    r"|told myself)\b|太早|以为|起初|本来",
    re.IGNORECASE,
)
"""A rejection of the past."""
NONE = re.compile(
    r"\b(?:none|neither|no(?:t)? (?:one|any|a single one)?)\s+(?:of\s+)?(?:the\s+|these\s+|those\s+)?(?:(?:four"
    r"|three|two|five|given|available|other|listed|offered|single|possible|provided)\s+){0,2}"
    r"(?:option|choice|answer|candidate|possibilit|of them)\w*\s+(?:(?:is|are|can be|could be|seems?)\s+(?:right"
    r"|correct|possible|supported|plausible|it|true|acceptable|left|valid)"
    r"|(?:really\s+|actually\s+)?(?:fits?|match\w*|works?|appl\w+|remains?|survives?|holds?|can\b|agrees?|suits?)"
    r"\b(?!\s+(?:\w+\s+)?(?:perfectly|exactly|fully|completely|entirely|precisely|ideally)\b))"
    r"|\b(?:all|every|each)(?:\s+(?:one\s+)?(?:of\s+)?(?:the\s+|these\s+)?|\s+)(?:(?:four|three|two|five|given"
    r"|available|listed|offered|single|possible|provided)\s+){0,2}(?:options?|choices?|answers?|candidates?)"
    r"\s+(?:(?:is|are|can be|must be|has been|have been|has to be)\s+)?(?:thus\s+|therefore\s+|all\s+)?(?:wrong"
    r"|incorrect|false|ruled out|excluded|eliminated|rejected|impossible|contradicted|unsupported|fails?)"
    r"|(?:选项|答案|四个|三个|两个|以上|上述|哪个|哪一个)[^。;,，]{0,8}(?:都|全|均|皆)[^。;,，]{0,3}(?:不|没|错|排除"
    r"|被排除|否)"
    r"|没有(?:一个|任何|哪个|哪一个)?(?:选项|答案)[^。;,，]{0,4}(?:符合|正确|对|成立|合适|能)|(?:全部|全都"
    r"|统统)(?:被)?排除",
    re.IGNORECASE,
)
NUMBER_BEFORE = re.compile(
    r"(?:^|[,;:，；：]\s*|\b(?:and|but|so|option|choice|answer|count of|number|选项?)\s+)(?:the\s+)?[\"'“(*]*$",
    re.IGNORECASE,
)
NUMBER_NO = re.compile(
    r"[\"'”)*]*\s*(?:(?:\w+\s+)?(?:(?:can|could|is|does|would|has|was|are|do)\s*(?:not|n't)\b|can't\b)"
    r"|(?:\w+\s+)?(?:can be|is|has to be|must be|would be|are|was|also)\s+(?:\w+\s+)?(?:ruled out|excluded|eliminated"
    r"|rejected|discarded|dismissed|wrong|incorrect|impossible|contradicted|unsupported|out\b|too \w+)"
    r"|[:：-]\s*(?:no\b|wrong|incorrect|不|错|排除)"
    r"|[个次人声位名下种]?[^。,，;]{0,4}(?:太多|太少|不对|不符|排除|不可能|错))",
    re.IGNORECASE,
)
NUMBER_NO_SIGNS = frozenset(
    """not cannot t ruled excluded eliminated rejected discarded dismissed wrong incorrect impossible contradicted
    unsupported out too no""".split()  # noqa: SIM905
)
