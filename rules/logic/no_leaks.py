"""Object to text that leaked from somewhere else than the audio and the question.

Three kinds. A provider's error or a tool's JSON: Step-Audio-R1 still emits the error payload of a teacher's API
(stepfun-ai/Step-Audio-R1 issue 12), because its training data held it. Markup of a chat template. And the answer
itself: a trace that says the correct choice was marked, bold or in the metadata reasons from the leak, not from the
sound (one published trace: "C ... with a double asterisk, maybe indicating it's correct").
"""

import re

from mgrd.rulebook import Trace, example

_PAYLOAD = re.compile(
    r"""\{\s*"(?:error|model|role|name|arguments|tool|tool_calls?|function|prompt|status(?:_code)?|code|messages|object)"\s*:"""
    r"""|"(?:finish_reason|prompt_tokens|status_code|tool_calls|arguments)"\s*:"""
    r"|<tool_call>|<function[=_]|\bTraceback \(most recent call last\)"
    r"|\b(?:RateLimit|APIConnection|BadRequest|InternalServer|Timeout)Error\b|\bHTTP(?:/\d\.\d)? (?:4|5)\d\d\b"
    r"|\b(?:rate limit|quota) exceeded\b"
)
_MARKUP = re.compile(
    r"<\|(?!THINK_)[A-Za-z_]+\|>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>|<audio_(?:patch|start|end)>",
    re.IGNORECASE,
)
_RIGHT = r"(?:correct|right|gold|true|intended)"
_ANSWER = re.compile(
    r"\b(?:bold(?:ed|face)?|highlighted|underlined|starred|asterisked)\s+(?:option|choice|answer|one|text)\b"
    r"|\b(?:is|was|are|has been|appears?)\s+(?:in bold|highlighted|starred|bolded|marked)\b[^.,;]{0,40}\b"
    + _RIGHT
    + r"\b(?! (?:hand|foot|ear|side|channel|speaker)\b)"
    r"|\bdouble asterisks?\b|\bmarked as (?:the )?" + _RIGHT + r"\b"
    r"|\b(?:answer key|ground[- ]truth|gold(?:en)? (?:answer|label)|reference answer)\b"
    r"|\b(?:metadata|file ?name|prompt|instructions?|dataset|annotations?)\s+(?:\w+\s+){0,3}?"
    r"(?:says?|states?|shows?|gives?|indicates?|lists?|contains?|reveals?)\s+(?:that\s+)?(?:the\s+)?(?:"
    + _RIGHT
    + r"\s+)?answer\s+(?:is|was|as)\b(?!\s+(?:one|either|among)\b)"
    r"|\b(?:metadata|file ?name|dataset|annotations?)\s+(?:gives?|lists?|contains?|reveals?|shows?)\s+the\s+"
    + _RIGHT
    + r"\s+answer\b"
    r"|\bthe (?:provided|given) (?:correct )?answer is\b"
    r"|标准答案|参考答案|正确答案(?:已经?)?(?:被)?(?:标|给出|提供|加粗)|加粗的?(?:选项|答案|那个|部分)|标(?:记|注)为正确"
    r"|元数据(?:中)?(?:显示|写|标)|文件名(?:中)?(?:显示|写|标|包含)",
    re.IGNORECASE,
)


def check(trace: Trace) -> str | None:
    """Object to payloads and markup anywhere in the completion, and to a leaked answer in the reasoning."""
    for kind, pattern, text in (
        ("a payload", _PAYLOAD, trace.completion),
        ("template markup", _MARKUP, trace.completion),
        ("a leaked answer", _ANSWER, trace.think),
    ):
        if found := pattern.search(text):
            around = text[max(found.start() - 20, 0) : found.end() + 20]
            return f"contains {kind}: {' '.join(around.split())!r}"
    return None


KEEP = [
    example("The bold brass entry at the start tells me it is a march.", response="A march."),
    example("The speaker reads a line of code with a curly brace.", response="A programmer."),
    example("The instructions say to give the answer. The prompt says to choose the best answer."),
    example("The prompt gives two options and the answer is the louder one.", response="the louder one"),
    example("The prompt says the answer is one of two, calm or excited.", response="calm"),
    example("The beat is marked by a snare, so the right answer is a march.", response="A march."),
    example("The melody is marked by runs of the right hand.", response="A piano."),
    example("She marks every beat with her foot, which gives the right tempo.", response="<RESPONSE>march</RESPONSE>"),
    example("正确的节奏很稳定，所以是进行曲。", response='{"answer": "进行曲"}'),
]
DROP = [
    example("The bold option must be right, so it is a march.", response="A march."),
    example("C is shown with a double asterisk, maybe indicating it's correct.", response="C"),
    example("The metadata says the correct answer is a march.", response="A march."),
    example("The prompt states that the answer is calm.", response="calm"),
    example("The file name contains the correct answer.", response="calm"),
    example("", completion='\n</think>\n{"model":"some-vision-provider","prompt":"listen to the audio"}'),
    example("Let me measure it. <tool_call> pitch </tool_call>", response="High."),
    example('{"error": {"code": 429, "message": "slow down"}}', response="High."),
    example("It is high.<|im_end|>", response="High."),
    example("加粗的选项应该是正确的，所以选B。", response="B"),
    example("标准答案是高音。", response="高音"),
]
