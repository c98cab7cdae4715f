"""What programs write into a completion: errors of a provider, calls of tools, markup of chat templates, logs.

Patterns, and a cheap look for what each of them needs. Knows nothing of answers; an error that somebody in the clip
says or reads aloud is none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from mgrd.stances import spoken_before

_PAYLOAD = re.compile(
    r"""\{\s*["'](?:error|model|role|name|arguments|tool|tool_calls?|function|prompt|status(?:_code)?|code|messages?"
    r"|object|type"""
    r"""|detail|id|choices|content|input|parameters|request_id|action|prompt_?feedback|candidates|usage\w*"
    r"|retry_after|result|data)["']\s*:"""
    r"""|["'](?:finish_?reason|prompt_tokens|(?:total|completion|prompt)_?token\w*|status_code|error_code|error_msg"
    r"|tool_calls|arguments"""
    r"""|usage_?metadata|model_?version|request_?id|block_?reason|retry_after|tool_use_id|tool_input)["']\s*:"""
    r"|</?tool_(?:call|response|use|result|code|outputs?)s?>|</?function_(?:calls?|results?)>|<function[=_]|<invoke "
    r"|</?antml|```(?:json|tool_code|tool_outputs|bash)\b"
    r"|^Action(?: Input)?:\s|^Observation:\s*\{|\bTraceback \(most recent call last\)"
    r"|\bFile \"[^\"\n]{1,200}\", line \d"
    r"|\b(?:RateLimit|APIConnection|APIStatus|APITimeout|BadRequest|Authentication|PermissionDenied|InternalServer"
    r"|ServiceUnavailable|Connection|ReadTimeout|HTTP|Timeout|JSONDecode|OutOfMemory|Overloaded)Error\b"
    r"|<html\b|<!DOCTYPE|<\?xml|\bcurl -|\"error\":"
    r"|</?(?:div|span|br|script|body|head|table|tr|td|pre|speak|prosody|audio|img|observation|search|scratchpad|system"
    r"|assistant|user|human|instructions?|documents?)\b[^<>\n]{0,80}>"
    r"|\[/?(?:TOOL_CALLS?|TOOL_RESULTS?|AVAILABLE_TOOLS|SYSTEM_PROMPT|TOOL_CONTENT)\]"
    r"|^(?:Thought|Tool|Tool Call|Tool Output|Function Call|System|Assistant|Human|User)\s?:\s*(?=[{\[<])"
    r"|\bdata:(?:audio|image|application|text)/[\w.+-]+;base64|\d\d:\d\d[.,]\d{3}\s*-->|^WEBVTT\b"
    r"|\b(?:requests|urllib3|openai|anthropic|httpx|grpc|google\.api_core|botocore|aiohttp|java|torch|json)\."
    r"(?:\w+\.)*\w*(?:Error|Exception|Timeout)\b"
    r"|\b(?:Value|Type|Key|Index|Attribute|Runtime|Import|Module(?:NotFound)?|FileNotFound|NotFound|Syntax|Assertion|OS"
    r"|IO|UnicodeDecode|Memory|Name|BrokenPipe|Validation|Server|Client|Network|Axios|Fetch|Api|Decode)Error: \S"
    r"|\bHTTP/\d(?:\.\d)? \d{3}\b"
    r"|(?-i:\b(?:RESOURCE_EXHAUSTED|DEADLINE_EXCEEDED|PERMISSION_DENIED|INVALID_ARGUMENT|UNAUTHENTICATED"
    r"|FAILED_PRECONDITION|ECONNRESET|ECONNREFUSED|ETIMEDOUT|ENOENT|EPIPE)\b)|\brpc error: |\bgoroutine \d+ \["
    r"|\bcore dumped\b|\bffmpeg version\b|^Input #\d|\bexit(?:ed with)? (?:code|status):? \d"
    r"|^\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d"
    r"|\bchatcmpl-\w|\btoolu_\w",
    re.IGNORECASE | re.MULTILINE,
)
_OBJECT = re.compile(r"""\{\s*["'][\w. -]{1,40}["']\s*:\s*(?:["'{\[\d-]|(?:null|None|true|false|True|False)\b)""")
"""JSON of any keys: reasoning has none, though a response may be an object."""
_CHINESE_ERRORS = (
    r"内容审核(?:未通过|不通过)|(?:请求|(?:接口|模型|函数|工具)调用|调用(?:接口|模型|函数|工具))(?:已)?"
    r"(?:超时|过于频繁|失败|异常|被拒绝|被限流)|(?:服务(?:器)?|系统|模型|网关)(?:当前|暂时|目前)?(?:繁忙|内部错误|不可用|过载)"
    r"|接口(?:返回|调用)?(?:错误|失败|超时|限流)|(?:模型|函数|工具)返回(?:错误|失败|异常)"
    r"|(?:错误码|状态码|返回码|错误代码)[:：]?\s*-?\d|(?:配额|调用额度)(?:不足|已用完|已耗尽|超限)"
    r"|(?:输入|输出|提问|请求)(?:内容|文本|数据)?(?:可能)?(?:包含|含有|涉及|触发)了?(?:敏感|违规|不安全)"
    r"|(?:上下文|输入|文本)长度(?:超过|超出)|(?:鉴权|签名校验)失败"
)
_ERROR = re.compile(
    r"\bHTTP(?:/\d(?:\.\d)?)? (?:4|5)\d\d\b|\b(?:4\d\d|50[0-4]) (?:Bad Request|Unauthorized|Forbidden|Not Found"
    r"|Too Many Requests|Internal Server Error|Bad Gateway|Service Unavailable|Gateway Time-?out|Client Error"
    r"|Server Error)\b"
    r"|\b(?:error|status) code:? (?:4|5)\d\d\b|\b(?:rate limit|quota)(?: has been)? (?:exceeded|reached)\b"
    r"|\bexceeded your current quota\b|\bRate limit (?:reached|exceeded) for\b"
    r"|\bmaximum context length\b|\bdata: (?:\{|\[DONE\])|\[DONE\]|\binsufficient_quota\b|\b(?:invalid_request"
    r"|rate_limit|overloaded|server|authentication|api)_error\b|\bcontent_(?:filter|policy)\b"
    r"|\bCUDA out of memory\b|\bconnection (?:reset by peer|refused|timed out)\b|\bupstream (?:connect|request)"
    r"|\brequest timed out\b|\bMax retries exceeded\b"
    rf"|{_CHINESE_ERRORS}",
    re.IGNORECASE | re.MULTILINE,
)
_CHINESE_ERROR = re.compile(_CHINESE_ERRORS)
_HAN = re.compile("[\u4e00-\u9fff]")
_CHINESE_SIGN = re.compile(
    "审核|超时|失败|繁忙|异常|拒绝|限流|错误|不可用|过载|[态回]码|不足|用完|耗尽|超限|敏感|违规|不安全|长度超"
)
_MARKUP = re.compile(
    r"<\|(?!THINK_)/?[A-Za-z_]+[\d_]*\|>|<｜[^｜<>\n]{1,40}｜>|◁/?\w+▷|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>"
    r"|</?audio_(?:patch|start|end|\d+)>|<unk>|<pad>|<eos>|</?s>|<extra_id_\d+>",
    re.IGNORECASE,
)
_SIGNS = (
    "{", "[/", "[INST", "[DONE", "[TOOL", "[AVAIL", "[SYSTEM", "[20", "\n20", "◁", "\":", "':", "```", "rror:",
    "Action:", "Action Input:", "Observation:", 'File "', " Not Found", " not found", "-->", ";base64", "Input #",
)  # fmt: skip
_TAGS = (
    "<|", "<｜", "<<", "</", "<!", "<?", "<tool", "<func", "<start", "<end", "<audio", "<unk", "<pad", "<eos", "<s>",
    "<extra", "<invoke", "<html", "<div", "<span", "<br", "<script", "<body", "<head", "<table", "<td", "<tr", "<pre",
    "<speak", "<img", "<prosody", "<observ", "<search", "<scratch", "<sys", "<assist", "<user", "<human", "<instr",
    "<doc",
)  # fmt: skip
"""What begins with `<`, which few texts hold."""
_WORDS = frozenset(
    """traceback ratelimiterror apiconnectionerror apistatuserror apitimeouterror badrequesterror authenticationerror
    permissiondeniederror internalservererror serviceunavailableerror connectionerror
    readtimeouterror httperror timeouterror jsondecodeerror outofmemoryerror overloadederror http unauthorized
    forbidden gateway resource_exhausted deadline_exceeded unauthenticated ffmpeg
    quota insufficient_quota invalid_request_error rate_limit_error
    overloaded_error server_error authentication_error api_error content_filter content_policy cuda upstream retries
    html xml curl rpc grpc openai httpx aiohttp botocore urllib econnreset econnrefused etimedout enoent epipe
    permission_denied invalid_argument failed_precondition goroutine dumped exited chatcmpl toolu_ webvtt""".split()  # noqa: SIM905
)
_PHRASES = tuple(
    (frozenset(phrase.split()), phrase)
    for phrase in (
        "context length", "rate limit", "bad request", "too many requests", "internal server error",
        "service unavailable", "error code", "status code", "connection refused", "connection reset",
        "connection timed", "request timed", "client error", "server error",
    )
)  # fmt: skip
"""One of these signs, words or phrases is in every payload and in all markup: looking for them is cheap."""


def payload(completion: str, think: str, words: Sequence[AbstractSet[str]]) -> tuple[str, re.Match[str]] | None:
    """The first payload or template markup of a completion: its kind and where; None where there is none.

    `words`: the distinct words of its sentences (`mgrd.stances.words_of`).
    """
    outside = completion.replace("<think>", "").replace("</think>", "")
    small = outside.lower()
    has_sign = (
        any(sign in outside for sign in _SIGNS)
        or ("<" in outside and any(tag in outside for tag in _TAGS))
        or not all(map(_WORDS.isdisjoint, words))
        or any(phrase in small and own <= frozenset().union(*words) for own, phrase in _PHRASES)
    )
    for kind, pattern in (("a payload", _PAYLOAD), ("template markup", _MARKUP)):
        if has_sign and (found := pattern.search(completion)):
            return kind, found
    if "{" in think and (found := _OBJECT.search(think)):
        return "a payload", found
    if not has_sign and (completion.isascii() or not _HAN.search(completion) or not _CHINESE_SIGN.search(completion)):
        return None
    for error in (_ERROR if has_sign else _CHINESE_ERROR).finditer(completion):
        if not _heard(completion, error):
            return "a payload", error
    return None


def _heard(text: str, found: re.Match[str]) -> bool:
    """Whether an error is told of somebody in the clip, in the sentence that holds it."""
    before = _ENDS.split(text[max(found.start() - 200, 0) : found.start()])[-1]
    after = _ENDS.split(text[found.end() : found.end() + 80])[0]
    quoted = len(_OPENS.findall(before)) > len(_CLOSES.findall(before))
    return quoted or spoken_before(before, len(before)) or _ALOUD.search(before + " " + after) is not None


_ENDS = re.compile(r"[.!?](?=\s)|[。！？\n<>{}]")
_OPENS, _CLOSES = re.compile("[“「『]"), re.compile("[”」』]")
"""Of quotation marks; those of JSON are straight."""
_ALOUD = re.compile(
    r"\b(?:aloud|out loud|(?:flat|calm|low|soft|loud|robotic|recorded|synthetic|\w+['’]s) voice|announcement|spoken)\b"
    r"|语音|播报|念|说|告诉|抱怨|提示音",
    re.IGNORECASE,
)
