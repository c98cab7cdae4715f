"""Object to a trace that denies hearing the audio it was given.

"Since I cannot listen to the clip" or "no audio was provided" is the self-cognition error that Step-Audio-R1 had to
train away (arXiv 2511.15848, section 4.2): the model takes itself for a text model and guesses. Such traces can be
right by luck, and a student learns the denial from them. Not making out something *in* the clip is no denial.
"""

import re
from itertools import chain

from mgrd.rulebook import Trace, example

_THING = r"(?:audio|clip|recording|audio file|sound file|sound clip|file|attachment)"
"""What was given, not `sound`: whatever is absent in the clip is a sound."""
_SOME = r"[^\S\n]++(?:[\w'’-]++[^\S\n]++){0,3}?"
"""At most three words, to stay linear in the text."""

_UNABLE = (
    r"\b(?:cannot|can['’]?t|can not|could not|couldn['’]t|unable to|not able to|no way to|not have the ability to)"
)
_PART = r"(?! (?:of|effect|event|from|in the|quality|like|that|coming|after|before|behind|between|during|clearly))"
"""`the recording of rain` is something in the clip, not the clip."""

_DENIALS = (
    # I cannot actually listen to the recording
    rf"{_UNABLE}{_SOME}(?:hear|listen to|access|process|play|perceive|open|receive|analy[sz]e)"
    rf"[^\S\n]++(?:(?:the|this|that|any|an|actual|your|provided|given|raw|attached)[^\S\n]++){{0,2}}"
    rf"{_THING}s?(?: files?| clips?)?{_PART}\b",
    rf"{_UNABLE}{_SOME}listen\b",
    # "it" may be a bell in the clip
    rf"{_UNABLE}[^\S\n]++(?:actually|directly|physically|literally)[^\S\n]++hear (?:it|this)\b",
    rf"\b(?:since|because|as) (?:i|we) {_UNABLE}{_SOME}hear (?:it|this)\b",
    # no audio was provided, the user did not provide the audio, I have no access to it
    rf"\bno (?:actual )?{_THING}s? (?:was|were|is|are|has been|have been) (?:actually )?"
    rf"(?:provided|given|attached|available|included|uploaded|supplied|present{_PART})\b",
    rf"\b(?:did|does|has|have|do)(?: not|n['’]t){_SOME}(?:provided?|attach(?:ed)?|upload(?:ed)?|shared?|included?)"
    rf"[^\S\n]++(?:(?:the|an|any|actual)[^\S\n]++){{0,2}}{_THING}s?(?! (?:of|effect|event|quality))\b",
    rf"\b(?:no|not have|don['’]t have|without|lack|lacking) (?:direct |any |actual ){{0,2}}access to "
    rf"(?:the |any |this )?(?:actual )?{_THING}",
    r"\b(?:absence|lack) of (?:the |any )?(?:actual )?(?:audio|clip|recording|file)s?(?: files?| clips?)?(?=[\s,.;]|$)"
    r"(?! (?:effects?|quality|from|of|in))",
    rf"\bwithout (?:actually |being able to ){{0,2}}(?:hear|hearing|listen to|listening to) "
    rf"(?:the |this |any )?(?:actual )?{_THING}{_PART}\b",
    rf"\bthe {_THING} (?:is|was) (?:not|n['’]t) (?:actually )?"
    r"(?:provided|attached|available|included|accessible|given)",
    r"\b(?:i|we) (?:only|just) have (?:access to )?(?:the |a )?(?:text|transcript|written|question|textual)\b",
    # as a text model
    r"\b(?:i am|i['’]m|as) an? (?:purely )?(?:text[- ]based|text[- ]only|text) (?:ai|model|assistant|language model)\b",
    r"\b(?:i am|i['’]m|as) an? (?:ai )?language model[^.\n]{0,60}\b(?:cannot|can['’]t|unable|not able|no ability)\b",
)
_IN_CHINESE = (
    "(?:无法|不能|没法|没有办法|听不了|没办法)(?:真正|直接|实际|亲自)?地?(?:听取|听到|收听|播放|访问|获取|处理|聆听|听)"
    "(?:这段|该|您的|你的|任何|实际的?|所?提供的?)?(?:音频|录音|声音文件|语音文件)",
    "听不(?:到|见|了)(?:这段|该|您的|你的|任何|实际的?|所?提供的?)?(?:音频|录音|声音文件|语音文件)(?![里中内上的])",
    "我们?(?:只有|只看得到|只能看到)(?:一份|一段)?(?:文字|文本|转录|转写)",
    "(?:没有|未|并未|并没有)(?:实际)?(?:提供|上传|附上|收到|给出)(?:任何|实际的?|相关)?(?:音频|录音|声音文件)",
    "(?:作为|我是)(?:一个|一款)?纯?(?:文本|文字|语言)类?(?:模型|ai|助手)",
    "(?:只能|仅能|只)(?:根据|依靠|依据|通过)所?(?:提供的)?(?:文本|文字)",
)
# Two, and over small letters: a branch that begins with a character, or any case, costs the others their fast search.
_DENIAL = re.compile("|".join(f"(?:{pattern})" for pattern in _DENIALS))
_CHINESE_DENIAL = re.compile("|".join(f"(?:{pattern})" for pattern in _IN_CHINESE))
_HAN = re.compile("[\u4e00-\u9fff]")
_CAPITALS = re.compile("[A-Z]+")
_REPORTED = re.compile(
    r"\b(?:speaker|man|woman|girl|boy|child|caller|host|singer|narrator|announcer|person|he|she|they)\s(?:\w+\s){0,2}?"
    r"(?:say|said|claim|complain|mention|explain|repl(?:y|ie)|add|tell|told|admit|apologi[sz]e)\w*\b[^.!?\n]*$"
)
_QUOTED = re.compile(r"“[^”\n]{0,300}”|\"[^\"\n]{0,300}\"|「[^」\n]{0,300}」")


def check(trace: Trace) -> str | None:
    """Object to a denial, in the reasoning or in the response; what a speaker says is nobody's denial."""
    for name, text in (("reasoning", trace.think), ("response", trace.response)):
        small = text.lower()
        if len(small) != len(text):
            small = _CAPITALS.sub(lambda letters: letters[0].lower(), text)
        own = _QUOTED.sub(lambda quoted: " " * len(quoted[0]), small)
        for denial in chain(_DENIAL.finditer(own), _CHINESE_DENIAL.finditer(own) if _HAN.search(own) else ()):
            if not _REPORTED.search(own[max(denial.start() - 80, 0) : denial.start()]):
                return f"the {name} denies hearing the clip: {text[denial.start() : denial.end()][:120]!r}"
    return None


KEEP = [
    example("I cannot hear any music in the background, only a voice."),
    example("I can't hear the words clearly, but the voice is low."),
    example("There is no sound of rain."),
    example('He says "I can\'t hear the audio" in an annoyed tone.'),
    example("No sound is present after two seconds."),
    example("I cannot hear any sound after the beep."),
    example("I can't hear any sound behind the voice."),
    example("I cannot hear the sound clearly."),
    example("I can't hear it rise, so it falls."),
    example("The audio does not include any sound of rain."),
    example("The speaker says that no recording was provided."),
    example("There may be a bell, but I can't hear it."),
    example("No audio is present after two seconds."),
    example("No audio effects were used; the voice is dry."),
    example("声音里听不到背景音乐。"),
    example("听不到录音里有别的说话人，只有一个男声。"),
    example(""),
]
DROP = [
    example("Since I can't listen to the audio, I have to rely on the context."),
    example("The user didn't provide audio, so I go by the usual meaning."),
    example("No audio was provided. I guess the answer is calm."),
    example("As a text-based model, I cannot process sound."),
    example("In the absence of actual audio, the second option is more plausible."),
    example("I am unable to hear the clip.", response="calm"),
    example("No audio was provided in the prompt."),
    example("The user did not attach the audio in the message."),
    example("Since I can't hear it, I have to guess."),
    example("I cannot process sounds, but no recording is available anyway."),
    example("The voice is calm.", response="I cannot actually listen to the recording, but calm."),
    example("我无法听取音频，只能猜测。"),
    example("用户没有提供音频，所以根据常识判断。"),
    example("我听不到音频，所以只能猜。"),
    example("我只有文字记录，按常理选择平静。"),
]
