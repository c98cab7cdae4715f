"""Object to text that leaked from somewhere else than the audio and the question.

Three kinds. A provider's error or a tool's JSON: Step-Audio-R1 still emits the error payload of a teacher's API
(stepfun-ai/Step-Audio-R1 issue 12), because its training data held it. Markup of a chat template. And the answer
itself: a trace that says the correct choice was marked, given beside the question or stored in the metadata reasons
from the leak, not from the sound (one published trace: "C ... with a double asterisk, maybe indicating it's
correct"); so does one that says it must be written so as to arrive at a given answer, or hide that it knew it.
"""

import re
from collections.abc import Iterable

from mgrd.payloads import payload
from mgrd.rulebook import Trace, example
from mgrd.stances import sentences, spoken_before, words_of

_RIGHT = r"(?:correct|right|gold|true|intended|expected|reference|official)"
_SOURCE = (
    r"(?:metadata|file ?name|prompt|system message|user(?:'s)? (?:message|turn|prompt)|dataset|annotations?"
    r"|annotators?'?|json|sample|record|input|data ?sheet|spreadsheet|csv|manifest"
    r"|hint|key|label|solution|user|asker|instructions?|task description|question (?:itself|text|file)|test set"
    r"|answer sheet|few-shot|example|comment|template"
    r"|header|source file|id)"
)
_MARK = (
    r"(?:in bold(?:face)?|bold(?:ed|face)?|highlighted|underlined|starred|asterisked|ticked|checked off"
    r"|pre-?selected|circled|flagged"
    r"|in capitals|capitali[sz]ed|marked|tagged|check ?marks?|tick(?: mark)?s?|asterisks?|a star|✓|✔|✅|\(correct\)"
    r"|\[correct\])"
)
_KNOWS = (
    r"(?:know|knew|known|given|supplied|provided|told|shown|handed|revealed|leaked|disclosed|available|included"
    r"|attached)"
)
# Kinds of leaks: the stems of which a sentence has one (one of each, where `&` stands between) beside the sentences.
_LEAKS_BY_STEMS = (
    (
        "bold|highlight|underlin|star|tick|select|circled|flag|capital|mark|tag|asterisk|check|label|✓|✔|✅"
        "|correct)|correct]",
        r"\b(?:bold(?:ed|face)?|highlighted|underlined|starred|asterisked|ticked|pre-?selected|circled"
        r"|flagged)\s+(?:option|choice|answer|one|text)\b"
        rf"|\b(?:option|choice|answer|letter|(?-i:[B-H]))\b[^.;\n]{{0,60}}?\b(?:is|was|are|has been|had been|comes"
        rf"|stands|appears?|printed|carries|bears|has|with|shown|written|set"
        rf"|and)\s+(?:\w+\s+){{0,3}}?{_MARK}(?:\W[^.;\n]{{0,60}})?"
        rf"\b(?:{_RIGHT}|gives?\s+(?:it|that)\s+away|prompt|question|must be|so (?:it|that|this))\b(?! (?:hand|foot|ear"
        rf"|side|channel|speaker)\b)"
        rf"|\bin the (?:prompt|question|input|option list|list of (?:options|choices))\b[^.;\n]{{0,80}}?(?:\b(?:in bold"
        rf"|bold(?:ed|face)?|highlighted|underlined|starred|marked|asterisks?|check ?mark|tick)\b|✓|✔|✅|\(correct\))"
        r"|\b(?:is|was|are|has been|appears?)\s+(?:in bold|highlighted|starred|bolded|marked|flagged|ticked"
        r"|labell?ed)\b[^.,;]{0,40}\b" + _RIGHT + r"\b(?! (?:hand|foot|ear|side|channel|speaker)\b)"
        r"|\bdouble asterisks?\b|\b(?:marked|flagged|labell?ed|tagged) as (?:the )?"
        + _RIGHT
        + r"\b|\bcheck ?mark\b|[✓✔✅]|\(correct\)",
    ),
    (
        "answer|option|choice|label|solution|output|truth|gold|correct|as the|gt",
        r"\banswer (?:keys?|sheets?)\b(?=[^.;\n]{0,40}(?:\b(?:says?|shows?|lists?|gives?|has|states?|marks?"
        r"|names?|reads?"
        r"|confirms?|indicates?|agrees?|tells?|contains?|puts?|is (?-i:[A-H])\b)|[:=]))"
        r"|\b(?:according to|per|from|in|on|with|by|consult\w*|check\w*|know\w*|knew|saw|seen?|giv\w+|provided|have|had"
        r"|has|look\w* at|match\w*|using|us\w+|follow\w*|read\w*) (?:\w+ ){0,2}answer (?:keys?|sheets?)\b"
        r"|\b(?:ground[- ]truth|gold(?:en)?[-_ ](?:answer|label|text|standard|choice|option)"
        r"|reference (?:answer|solution|label)|model answer|solution key|official (?:answer|solution)"
        r"|expected (?:output|answer|label)|target (?:answer|label|output)|gold\s*[=:]|label\s*[=:]\s*\S"
        r"|correct_(?:answer|option|choice)|answer_(?:key|idx|index|gt|text)|is_correct|gt\s*[=:])"
        rf"|\b{_SOURCE}\b[^.;\n]{{0,40}}?\b"
        rf"(?:says?|said|states?|stated|stating|indicated|mentioned|confirms?|confirmed|told|noted|hints?|hinted|revealed"
        rf"|announced|supplied|provided|insists?|shows?|gives?|given|giving|indicates?|lists?|listing|contains?|containing|reveals?"
        rf"|ends? with|carries|marks?|marking|names?|has|holds?|includes?|puts?|identif\w+|specif\w+"
        rf"|tells?)\b(?:(?!\band\b|\bor\b|\boptions\b|\bchoices\b)[^.;\n]){{0,40}}?"
        rf"(?:(?:\b(?:that\s+)?(?:the\s+)?(?:{_RIGHT}\s+)?answer\s+(?:is|was|as|to be)\b(?!\s+(?:one|either|among)\b))"
        rf"|\b(?:the|its|a|this as)\s+{_RIGHT}\s+(?:answer|option|choice|label)\b(?!s)|[\"']?\banswer\b[\"']?\s*[:=]"
        rf"|\bas the {_RIGHT}\b)"
        rf"|\b(?:the|an?) (?:\w+ )?(?:provided|given|supplied|stored|leaked|known) (?:(?:correct|gold"
        rf"|final) )?(?:answer"
        rf"|label) (?:is|was|says|of)\b"
        rf"|\b{_RIGHT} (?:answer|option|choice)\b[^.,;\n]{{0,20}}? (?:is|was|has been|have been"
        rf"|had been) (?:already )?{_KNOWS}\b(?! (?:by|from|the) (?:the )?(?:evidence|audio|sound|speaker|dialogue"
        rf"|context|transcript|tempo|pitch))"
        r"|\b(?:expected|desired|required|intended|target) (?:output|answer|response|label|result|completion)\b"
        r"[^.,;\n]{0,20}? (?:is|was|has been|had been)\b"
        r"|\banswer(?:,)? (?:that )?(?:i|we) (?:am|are|was|were|have been|had been) (?:given|told|handed|shown"
        r"|supplied)\b"
        r"|\b(?:i|we) (?:already |happen to )(?:know|have|was told|were told|was given)\b[^.;\n]{0,20}\b(?:answer|label"
        r"|solution)\b|\bsince (?:i|we) (?:already )?know the (?:correct )?(?:answer|label)\b",
    ),
    (
        "know|knew|suppl|provid|given|seen|saw|told|advance|beforehand|looked|copied|had & must|should|can"
        "|may|do|will|would",
        r"(?<!he )(?<!they )\b(?:must|should|can|may|do|does|will|would)(?: no|n')?t?(?: not)? (?:let|notice|see|learn"
        r"|find out|realise|realize|reveal|mention|disclose|admit|give away|tell|show|say|betray|look like)\b"
        r"[^.;\n]{0,60}?\b(?:reader"
        r"|user|grader|answer|option|label|key|i|we)\b[^.;\n]{0,40}?\b(?:know|knew|known|supplied|provided|given|seen"
        r"|saw|was told|in advance|beforehand|looked|copied|had)\b",
    ),
    (
        "pretend|act as|make it look|to produce|to write|to construct|to come up|to create|to invent"
        "|to make up|to generate|to build|to craft|to give|to find|to justify|to rational|to end|to land|to arrive"
        "|written to|writing to|worded to|built to|constructed to|back from"
        "|backward from|backwards from|where this has|along with the",
        r"\b(?:pretend|act as (?:if|though)|make it look)\b[^.;\n]{0,50}\b(?:answer|deriv\w+|work\w* (?:it )?out|found"
        r"|heard|know|reason\w*|listen\w*)\b"
        r"|\b(?:need|have|ought|supposed|asked|instructed|told|want|required|going) to (?:produce|write|construct"
        r"|come up with|create|invent|make up|generate|build|craft|give|find)\b[^.;\n]{0,30}\b(?:reasoning|rationale"
        r"|justification|chain|explanation|thoughts?|evidence|reasons?|argument|analysis"
        r"|trace)\b[^.;\n]{0,30}\b(?:arrives?|leads?|ends?|reach\w*|supports?|lands?|concludes?|points?|justif\w+"
        r"|match\w*|fits?|towards?)\b(?! (?:(?:one|any|some|each|either|which|both) of |(?:with |to )?(?:the|what|my) "
        r"(?:sounds?|audio|clip|recording|evidence|voices?|question|options|choices|i hear|is heard)\b))"
        r"|\b(?:left|remains|task|job|goal|need|have|only|just|simply|merely)(?: now)?(?: is)? to (?:justify"
        r"|rationali[sz]e) (?:it|that|this|the (?:given|provided|correct|supplied|expected|known))\b"
        r"|\b(?:must|should|has to|have to|need to|needs to|make sure (?:that )?(?:the|my|this) \w+) (?:end|ends"
        r"|land|lands|arrive|arrives|finish|finishes) (?:up )?(?:at|on|with|in) (?:the )?(?:given|provided"
        r"|supplied|known|expected|stored|correct|right|gold)\b"
        r"|\b(?:written|writing|worded|built|constructed) to (?:match|fit|reach|arrive at|lead to|support"
        r"|justify) (?:it"
        r"|that|this|the)\b"
        r"|\b(?:work|working|reason|reasoning)(?:ing)? (?:back|backwards?) from (?:the|that|this|its) (?:known |given "
        r"|correct |final )?(?:answer|label|solution|choice)\b"
        r"|\bthat is where this has to (?:lead|end)\b|\b(?:go|going) along with the (?:annotation|label|key|hint)\b",
    ),
    (
        "the label|the key|the gold|the hint|the annotation|the answer & to the|per the|from the|ing the",
        r"\b(?:according to|per|from|following|checking|consulting|matching) the (?:label|key|gold|hint|annotation"
        r"|answer)\b(?! (?:choice|option)s?\b)",
    ),
    (
        "asterisk|tick|check|arrow|bold|underlin|a star|mark & has|have|with|carries|shows|bears|followed"
        "|preceded|next to|beside",
        r"\b(?:option|choice|answer|(?-i:[B-H]))\b[^.;\n]{0,25}?\b(?:has|have|with|carries|shows|bears|followed by"
        r"|preceded by|next to|beside)\s+(?:\w+\s+){0,2}?(?:asterisk|tick|check ?mark|arrow|bold|underlin\w+|a star\b"
        r"|mark\b)",
    ),
    (
        "the correct|the right|the true|the expected & answer|option|choice",
        r"\b(?:given|knowing|assuming|seeing|since|as) (?:that )?the (?:correct|right|true|expected) (?:answer|option"
        r"|choice) is\b(?! (?:the one|one|whichever|whatever|what|the (?:option|choice)) )",
    ),
    (
        "grader|rubric|reward|scoring|checker|evaluator",
        r"\b(?:graders?|rubric|reward model|scoring script|answer checker|evaluator) (?:wants?|expects?"
        r"|will|rewards?|accepts?|says?|requires?)\b",
    ),
    (
        ".wav|.mp3|.flac|.m4a|.ogg|.json|file name|filename|metadata",
        r"\b(?:file ?name|file is (?:named|called)|named|called|title of the file|id3|metadata|exif"
        r"|json)\b[^.;\n]{0,40}?\w\.(?:wav|mp3|flac|m4a|ogg|json)\b|\bfile ?names?\b(?! (?:is|are) (?:not|unknown))"
        r"|\bmetadata\b[^.;\n]{0,60}?(?:\banswer|\blabel|\bcorrect|\btag|\bgold|=|: )",
    ),
    (
        "told|tells|inform|instruct|system prompt|give|reveal|disclose|leak|spoil",
        r"\b(?:told|tells|informed|informs|instructed|instructs)(?: me| us)? (?:that )?(?:the )?(?:(?:correct"
        r"|right) (?:answer|option|choice)|(?-i:[B-H]) is|option \w is)\b|\b(?:the|my|this|your) system prompt\b"
        r"(?! (?:tone|sound|chime|voice|beep|bell|jingle))|\b(?:the )?(?:question"
        r"|prompt) (?:already |itself )?(?:gives? away|reveals?|discloses?|leaks?|spoils?) (?:the|its) (?:answer"
        r"|solution)\b",
    ),
    (
        "_label|-label|_id|-id|_name|-name|_answer|-answer",
        r"\b(?:class|category|emotion|gold|true|target)[_-](?:label|id|name|answer)\b",
    ),
    (
        "correct|answer & =|:",
        r"\bcorrect\s*[=:]\s*(?:true|1|yes"
        r"|[A-H]\b)|[\"']answer[\"']\s*[:=]",
    ),
    (
        "solution|at the|answer|dataset |corpus |database |catalogue |record |playlist |folder |directory ",
        r"\bsolution (?:manual|file|sheet)\b|\b(?:peek|look)(?:ed"
        r"|ing)? at the (?:answer|solution|key|label)s?\b"
        r"|\banswer (?:field|column|entry|slot|tag)\b|\b(?:dataset|corpus|database|catalogue|record|playlist|folder"
        r"|directory) (?:lists?|files?|labels?|tags?|categori[sz]es|puts?|has) (?:this|the) (?:clip|audio"
        r"|recording|file"
        r"|sample|item) (?:under|as|in)\b",
    ),
    (
        "answer|solution|label & shown|given|handed|told|sent|fed|answer was|before|above|previous",
        r"\b(?:was|were|been|am|are) (?:shown|given|handed|told|sent|fed) (?:\w+ ){0,2}?(?:answer|solution|label)\b"
        r"|\b(?:its|whose|the same) (?:gold |correct )?answer was (?-i:[A-H])\b|\b(?:example|demonstration"
        r"|question) (?:before|above)\b[^.;\n]{0,60}?\banswer\b|\bprevious (?:turn|example|run"
        r"|attempt)\b[^.;\n]{0,60}?\banswer\b",
    ),
)

_LEAKS = tuple(
    (tuple(tuple(stems.split("|")) for stems in needs.split(" & ")), re.compile(pattern, re.IGNORECASE))
    for needs, pattern in _LEAKS_BY_STEMS
)
_CHINESE_LEAK = re.compile(
    r"题目(?:已经?|里|中|都|也)?(?:给|写|标|告诉|提供|透露|暗示)(?:了|出|明)?[^。,，\n]{0,6}答案|对号|打钩|标注(?:是"
    r"|为|写|显示)|按(?:照)?(?:标注|标签|答案)"
    r"|系统提示(?![音声])|答案(?:就)?(?:写|藏|标|附)在|(?:出题人|评分|阅卷|判分)[^。\n]{0,8}(?:答案|要求|期望|认为)"
    r"|(?<=\w)\.(?:wav|mp3|flac)\b|既然(?:正确)?答案是"
    r"|已知(?:正确)?答案|答案已(?:经)?(?:给|标|提供|知)|元数据|文件名|提示里说|标签(?:是|为|写)"
    r"|(?:标准|参考)(?:答案|解答)|标准解|正确(?:答案|选项)(?:已经?)?(?:被)?(?:标|给|提供|加粗|写|附|放|藏)|(?:给|标"
    r"|写|附|提供)(?:出|明|上|好|了)*的?(?:正确|标准"
    r"|参考)?答案(?:是|为|就是|选|[“\"])|加粗的?(?:选项|答案|那个|部分)|标(?:记|注|成|示)[为了成]*[“\"]?正确"
    r"|(?:选项|答案|(?-i:[A-H]))[^。,，;；\n]{0,12}(?:加粗|打勾|打了勾|星号|高亮|下划线|标红|对勾|画了圈|后面写着)"
    r"|gold_?\w*[\"”]?\s*(?:[=:为是]|字段)"
    r"|(?:用户|提问者|出题人|出题者|题目|题干|指令|提示词?|系统消息|提示信息)[^。,，\n]{0,8}(?:告诉|告知|说了?|给出|给了?"
    r"|指出|透露|指明|提到|明确|暗示|表明|注明|提供)[^。,，\n]{0,8}(?:正确|标准|最终)?(?:答案|选项)"
    r"(?!中|里|之一|都|各|的(?:顺序|数量))(?:就)?(?:是|为|选|[:：“])"
    r"|(?:只|仅)(?:需要?|要|用|须|剩下?)[^。,，\n]{0,6}(?:补|编|凑|圆)[^。,，\n]{0,4}(?:理由|推理|过程|依据|解释)"
    r"|(?:给定|预期|期望|预设|既定|目标|官方)的?(?:正确)?(?:答案|输出)(?:就)?(?:是|为|[:：“])"
    r"|答案(?:已经|早就|早已|事先)(?:给|定|确定|知道)|真实标签|真值(?:是|为)"
    r"|(?:按|按照|照着?|根据|依照|参照|对照)(?:给定|给出|提供|已知)的?(?:正确)?答案"
    r"|(?:元数据|文件名|标签|提示词?|系统提示|数据集|样本|(?<!文字|转写|转录|通话|语音)记录|标注|字段|题干|题目"
    r"|答案栏|JSON|json)(?:里|中|信息"
    r"|文件|字段|上|末尾|后面|结果|本身|已经|的|文本|answer"
    r"|[_\w]{0,12})*(?:显示|写|标|包含|给出|注明|注着|说明了?答案|附|带|有答案|泄露|透露|告诉)"
    r"(?!了?[两三四五六几\d]?个?选项)"
    r"|(?:倒推|反推|倒着推|逆推|凑出?)[^。\n]{0,20}(?:理由|推理|过程|答案|依据)|(?:能|可以|要|去)(?:推|得|导|引)(?:到"
    r"|出)(?:这个|该|上述|此|那个)答案的?(?:过程|推理"
    r"|理由)|(?:已经|早就|事先|提前)(?:知道|看到|得知)(?:了)?(?:正确)?答案"
    r"|(?<![他她们人])不(?:能|要|可以?)(?:让|被)[^。\n]{0,10}(?:看出|发现|知道|察觉)|(?<![他她们人])假装[^。\n]{0,12}(?:听|推|分析|不知道)",
    re.IGNORECASE,
)

_OTHER = re.compile("[\u4e00-\u9fff✓✔✅]")
_LEAK_SIGNS = frozenset(
    """bold bolded boldface highlight highlighted underlined starred asterisked asterisk asterisks tick ticked ticks
    checkmark checkmarks check checked selected preselected circled flagged
    capitals capitalized capitalised marked tagged arrow user asker instructions justify rationalize desired required
    intended label labels labelled labeled gold golden truth sheet key
    keys reference solution expected target correct_answer correct_option correct_choice
    answer_key answer_idx answer_index answer_gt answer_text is_correct gt metadata filename filenames file prompt
    message turn dataset annotation annotations annotator annotators json sample
    record input datasheet spreadsheet csv manifest hint question test few example comment template header id provided
    supplied stored leaked given handed revealed disclosed included attached
    know knew knows known knowing told tells shown let reveal mention disclose admit betray notice pretend act produce
    write construct create invent generate build craft make give find written
    writing worded built constructed back backward backwards along lead end grader graders rubric reward scoring
    checker evaluator wav mp flac m ogg exif system informed informs instructed instructs
    class_label emotion_label gold_label true_label target_label category_label class_id class_name peek peeked looked
    looking look field column entry slot tag corpus database catalogue playlist
    folder directory sent fed assuming seeing since as official model star mark""".split()  # noqa: SIM905
)
"""One of them is in every English sentence that leaks, and most of these sentences also speak of one of the next."""
_ABOUT = frozenset(
    """answer answers option options choice choices label labels solution key reasoning rationale justification
    explanation chain thoughts trace gold correct right true metadata filename wav mp flac prompt
    grader rubric evaluator reward checker output justify rationalize correct_answer
    answer_key is_correct gt class_label emotion_label
    gold_label reference truth sheet annotation annotations user reader hint dataset letter
    asterisk asterisks told reference system""".split()  # noqa: SIM905
)


def check(trace: Trace) -> str | None:
    """Object to payloads and markup anywhere in the completion, and to a leaked answer in the reasoning."""
    written = payload(trace.completion, trace.think, (*words_of(trace.think), *words_of(trace.response)))
    if written is not None:
        return f"contains {written[0]}: {_around(written[1])}"
    for sentence, words in zip(sentences(trace.think), words_of(trace.think), strict=True):
        other = not sentence.isascii() and _OTHER.search(sentence) is not None
        may_leak = not (words.isdisjoint(_LEAK_SIGNS) or words.isdisjoint(_ABOUT)) or "correct)" in sentence
        if not (may_leak or other):
            continue
        small = sentence.lower()
        patterns = [pattern for needs, pattern in _LEAKS if all(any(s in small for s in stems) for stems in needs)]
        if other or any(stem in small for stem in (".wav", ".mp3", ".flac", "gold")):
            patterns.append(_CHINESE_LEAK)
        for start in range(0, len(sentence), 1500):  # what has no full stops is read in parts
            found = _first(patterns, sentence[start : start + 1700])
            if found and not spoken_before(found.string, found.start()):
                return f"contains a leaked answer: {_around(found)}"
    return None


def _first(patterns: Iterable[re.Pattern[str]], text: str) -> re.Match[str] | None:
    """The match that begins first."""
    found = [match for pattern in patterns if (match := pattern.search(text))]
    return min(found, key=re.Match.start, default=None)


def _around(found: re.Match[str]) -> str:
    around = found.string[max(found.start() - 20, 0) : found.end() + 20]
    return repr(" ".join(around.split())[:160])


KEEP = [
    example('A woman reads "status code 503" off a screen in a bored tone, so she works at a help desk.'),
    example("The caller says that his upload failed with HTTP 403 and sighs.", response="A complaint."),
    example("A recorded voice repeats: your request timed out. It never varies, so it is a machine."),
    example("The agent explains that the connection was refused, he says: connection refused, in a dull tone."),
    example("The tutor is a woman, and she tells the class that the answer sheet is in the blue folder."),
    example("The host announces that the correct answer is marked on the card, and people clap.", response="A quiz."),
    example("The system prompt chime of a train is heard twice.", response="A train."),
    example("广播里的女声说请求超时，请稍后再试，语气平淡，是客服录音。", response="客服录音"),
    example("The system is overloaded with echo, he says: the network error again.", response="A call."),
    example("The error rate of the model is 3 %. Thought: she is calm. User reviews are read.", response="calm"),
    example("客服说系统繁忙，请您稍后再试，然后是音乐。", response="客服录音"),
    example("The ratio {a: 1} of loud: soft is 2. INFO desk staff speak.", response="A desk."),
    example("The user asks which answer fits the sound best. The user wants one of the options."),
    example("The only thing left is to justify the low pitch, and the desired effect is calm.", response="calm"),
    example("题目给出了四个选项，其中答案只有一个。声音低沉，所以是男声。", response="男声"),
    example("屏幕提示“系统繁忙”，他叹了一口气，所以他很烦。", response="烦"),
    example("The bold brass entry at the start tells me it is a march.", response="A march."),
    example("The speaker reads a line of code with a curly brace.", response="A programmer."),
    example("The instructions say to give the answer. The prompt says to choose the best answer."),
    example("The prompt gives two options and the answer is the louder one.", response="the louder one"),
    example("The prompt says the answer is one of two, calm or excited.", response="calm"),
    example("The beat is marked by a snare, so the right answer is a march.", response="A march."),
    example("The melody is marked by runs of the right hand.", response="A piano."),
    example("She marks every beat with her foot, which gives the right tempo.", response="<RESPONSE>march</RESPONSE>"),
    example("正确的节奏很稳定，所以是进行曲。", response='{"answer": "进行曲"}'),
    example("文字记录给出了说话人的话，但声音很低，所以是男性。", response="男性"),
    example("I need to find evidence in the audio that supports one of the options."),
    example("I am asked to give an explanation that fits the sound. The voice is low."),
    example("Since the correct answer is the one that the sound supports, I listen."),
    example("The phone plays a system prompt, then a man speaks.", response="A man."),
    example("He should not let the user see how upset he is, since we know him."),
    example("手机的系统提示音响了一下。", response="手机"),
    example("他假装没听见她说话。", response="生气"),
]
DROP = [
    example("In the question option B is in bold and has a tick, which gives it away.", response="B"),
    example('The sample\'s JSON has "answer": "calm", so calm.', response="calm"),
    example("I already know the answer is calm, so I need to write a justification that leads to it.", response="calm"),
    example("The reader must not notice that the answer was supplied.", response="calm"),
    example("The label says calm. label: calm", response="calm"),
    example("Error code: 503 - {'error': {'message': 'overloaded'}}", response="High."),
    example("题目里写着答案是平静，我要写出能推到这个答案的过程。", response="平静"),
    example("The bold option must be right, so it is a march.", response="A march."),
    example("C is shown with a double asterisk, maybe indicating it's correct.", response="C"),
    example("The metadata says the correct answer is a march.", response="A march."),
    example("The prompt states that the answer is calm.", response="calm"),
    example("The file name contains the correct answer.", response="calm"),
    example("As the user has indicated that the correct answer is calm, the rest can be set aside.", response="calm"),
    example("The expected output has been given as calm, and what is left is to justify it.", response="calm"),
    example("The instructions stated that the right answer is calm.", response="calm"),
    example("用户已经告诉我正确选项是“平静”，我只需要补上理由。", response="平静"),
    example("预期输出是平静，只剩下补一个理由。", response="平静"),
    example('The voice is low. {"speaker": "A", "pitch": 110.2} So it is a man.', response="A man."),
    example("The voice is low. grpc.RpcError: DEADLINE_EXCEEDED. So it is a man.", response="A man."),
    example("2026-01-03 10:22:07 ERROR worker lost\nThe voice is low.", response="A man."),
    example("声音低沉。模型调用失败，所以是男声。", response="男声"),
    example("", completion='\n</think>\n{"model":"some-vision-provider","prompt":"listen to the audio"}'),
    example("Let me measure it. <tool_call> pitch </tool_call>", response="High."),
    example('{"error": {"code": 429, "message": "slow down"}}', response="High."),
    example("It is high.<|im_end|>", response="High."),
    example("加粗的选项应该是正确的，所以选B。", response="B"),
    example("标准答案是高音。", response="高音"),
]
