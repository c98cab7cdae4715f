"""How plain prose says that a thing is so, or the opposite: scales of two sides, their phrases in two languages. Data.

What claims do not tell, because no figure of the clip settles it or because it is an idiom ("the words tumble out"). In
English a phrase is of words: `a/b` is either, `stem*` any ending, `~` up to three words; Chinese phrases are patterns.
A phrase stands for its side; denied, it stands for the other where the scale `flips`.
"""

from __future__ import annotations

from typing import NamedTuple


class Scale(NamedTuple):
    """One thing that is so or not."""

    name: str
    about: str
    """`voice`: of one speaker; `speech`: the same, and the sentence must name speech; `clip`: of all"
    " that is heard."""
    flips: bool
    """Whether the denial of one side is the other."""
    english: tuple[str, str]
    """The phrases of each side, separated by commas."""
    chinese: tuple[str, str]


SCALES = (
    Scale(
        "anger",
        "voice",
        True,
        (
            "calm, calmly, composed, unruffled, serene, serenely, placid, placidly, relaxed, even-tempered,"
            " matter of fact,"
            " as even as, no heat in, keeps/kept/keeping his/her cool, without raising his/her voice, at ease,"
            " unbothered,"
            " perfectly even, mild-mannered, evenly and quietly, good-humoured, good-natured",
            "fury, furious, furiously, rage, raging, livid, seething, fuming, enraged, irate, anger, angry,"
            " angrily, snarl*,"
            " beside himself/herself, wrath, outrage*, loses/lost his/her temper, hysterical, hysterically, frantic,"
            " frantically, panic, panicked, panicking, agitated, explod* at, boiling with",
        ),
        (
            "平静|冷静|心平气和|不慌不忙|从容|淡定|没有一?[丝点]?(?:火气|怒气|怒意)|语气平和|波澜不惊|和颜悦色",
            "愤怒|怒火|暴怒|怒气冲冲|气冲冲|火冒三丈|大发雷霆|生气|气愤|恼火|怒不可遏|咆哮|暴跳如雷|歇斯底里|慌张|惊慌",
        ),
    ),
    Scale(
        "joy",
        "voice",
        True,
        (
            "delighted, overjoyed, beaming, cheerful, cheerfully, joy, joyful, happy, happily, elated, thrilled,"
            " gleeful,"
            " gleefully, in high spirits, full of joy, smiling, jubilant, merry, bubbly, over the moon",
            "sad, sadly, sadness, sorrow, sorrowful, grief, mournful, mournfully, heartbroken, weeping,"
            " dejected, gloomy,"
            " despondent, downcast, miserable, in tears, close to tears, despair*, melancholy, bereft, forlorn",
        ),
        (
            "开心|高兴|快乐|欢快|喜悦|兴高采烈|笑意|乐呵呵|喜气洋洋|眉飞色舞|欢天喜地|愉快",
            "难过|悲伤|伤心|悲痛|忧伤|沮丧|低落|哭腔|哽咽|忧郁|垂头丧气|凄凉|哀伤|失落",
        ),
    ),
    Scale(
        "pace",
        "speech",
        False,
        (
            "takes/taking/took his/her/its time, unhurried, unhurriedly, leisurely, drawl*, ponderous*, slowly,"
            " at a crawl,"
            " stretch* ~ vowels/words/syllables, wide/long gaps between, word by word, snail's pace, plod*, very"
            " slow,"
            " slow and, deliberate pace, dictation speed, lingers/lingering on every/each",
            "tumble/tumbles/tumbling out, no room to breathe, without ~ breath, rattl* off/through,"
            " rushes/rushing, races/racing"
            " through, hurried, hurriedly, rapid-fire, rapidly, machine-gun, breakneck, gabbl*, mile a minute,"
            " quickly,"
            " very fast, hardly/barely stops/pauses for breath, breathless pace, words trip/tripping over, at"
            " full tilt",
        ),
        (
            "慢条斯理|不紧不慢|慢悠悠|一字一[字句顿]|一个字一个字|慢慢地?(?:说|念|讲|往外)|拖长|语速(?:很|非常|十分|极|偏|特别)?慢"
            "|娓娓",
            "连珠炮|机关枪|语速(?:很|非常|十分|极|偏|特别|飞)?快|飞快|急促地?(?:说|念|讲)|一口气|滔滔不绝|几乎不给|来不及换气"
            "|争分夺秒|噼里啪啦地说",
        ),
    ),
    Scale(
        "fluency",
        "voice",
        True,
        (
            "fluent, fluently, without ~ hitch/stumble/pause/hesitation, never pauses/hesitates/falters/stumbles, not"
            " pause/hesitate/stumble once, smoothly and without",
            "hesitat*, stumbles/stumbling over, halting, haltingly, stammer*, stutter*, trips/tripping over,"
            " gropes/groping for,"
            " long pauses between/after/before, falters, faltering, stops/pauses after every/each",
        ),
        (
            "流畅|一气呵成|毫不停顿|没有(?:任何)?(?:停顿|卡顿|磕绊)|对答如流|脱口而出",
            "吞吞吐吐|结结巴巴|支支吾吾|断断续续|磕磕绊绊|停顿(?:很|非常)?多|犹犹豫豫|欲言又止|卡壳",
        ),
    ),
    Scale(
        "people",
        "clip",
        False,
        (
            "monologue, nobody/no-one but the/him/her, no one but the/him/her, nobody else, no one else, no"
            " second/other"
            " voice/speaker/person, only one/single voice/speaker/person, a single voice/speaker/person, the only"
            " voice/speaker/person, alone in the, one person only, by himself/herself, a lone speaker/voice",
            "pair of voices, two/three/four voices/speakers/people/men/women/talkers, second/other"
            " voice/speaker/man/woman/person/hiker/caller/guest"
            " keeps/answers/replies/responds/joins/interrupts/chimes/speaks/"
            "laughs/says/agrees, other hiker/guest/host/friend keeps, take/taking turns, back and forth,"
            " talk/talking over each"
            " other, answer/answering/answers him/her, they talk, they chat, the two of them, both of them",
        ),
        (
            "只有(?:[她他]|一[个位名人](?:\\w{0,4})?(?:在说|说话|人|讲|开口))|没有(?:别人|其他人|别的人|第二个人)|独白|自言自语|独自|一个人在"
            "|孤身",
            "[两二三四几多](?:个|位|名)(?:人|说话[人者]|男|女)|一唱一和|一问一答|另一[个位名](?:人|男|女|说话)|轮流|你一言我一语|交谈"
            "|人数.{0,4}[是为][两二三四]|此起彼伏地说|搭档",
        ),
    ),
    Scale(
        "room",
        "clip",
        True,
        (
            "bone dry, bone-dry, completely dry, utterly dry, dead room, acoustically dead, anechoic,"
            " stopping/stops/stop the"
            " instant/moment, stops/stop/stopping dead, cuts/cut off at once, no tail, no ring, deadened,"
            " padded, swallowed by",
            "hang/hangs/hanging in the air, echo, echoes, echoing, echoey, reverberant, reverberation, reverb,"
            " cavernous, bounces/"
            "bouncing/bounce off, ring/rings/ringing on, long tail/decay, lingers/linger for, swims/swimming in,"
            " reflections,"
            " resounds, washed in",
        ),
        (
            "收得很干|(?:声音|声|录音)(?:很|非常|极|十分)干|干巴巴|戛然而止|(?:说停就停)|吸音",
            "回响|回声|混响|拖着?[长]+的?尾音|尾音.{0,8}反射|来回反射|回荡|余音|绕梁|嗡嗡的?回|久久不散|空旷感",
        ),
    ),
    Scale(
        "background",
        "clip",
        True,
        (
            "nothing at all behind, there is nothing at all, pin-drop, dead silent, dead quiet, spotless,"
            " pristine, spotlessly"
            " clean, noise-free, silence behind, background is clean/silent/quiet/empty, studio-clean, perfectly"
            " clean,"
            " recording/clip/audio is completely/very/perfectly clean/quiet, silent background, not a sound behind",
            "machine hum, hum that/which/runs/under/beneath/behind/throughout, hiss/static/hum/noise"
            " throughout/that/which/runs/"
            "covers/under/beneath, din, racket, clamour, clamor, bustl*, hubbub, noisy,"
            " heavy/constant/loud/steady/strong"
            " hiss/static/hum/noise/rumble/buzz/drone/chatter, drones/droning, rumbl* under/beneath/behind, roar of,"
            " background noise/hum/hiss/chatter, hissing/humming/buzzing behind/under/beneath/throughout",
        ),
        (
            "杂音都没有|噪[声音]都没有|干净|鸦雀无声|静悄悄|万籁俱寂|(?:背景|环境)(?:很|非常|十分|极其|特别|一直|始终)*安静|安静得",
            "吵吵嚷嚷|嘈杂|喧闹|喧哗|人声鼎沸|吵闹|轰鸣|杂音|噪[声音]|嗡嗡(?:声|作响)|沸沸扬扬|闹哄哄|乱哄哄|嘶嘶声",
        ),
    ),
    Scale(
        "music",
        "clip",
        True,
        (
            "nothing musical, bare speech",
            "music, soundtrack, score, song, backing track, piano/guitar/violin/synth/string/drum"
            " loop, piano/guitar/violin/synthesizer/synth/orchestra/band/harp/organ"
            " plays/playing/accompanies/runs/beneath/under/"
            "behind",
        ),
        (
            "清唱|清读|无伴奏|干唱|纯人声",
            "音乐|伴奏|配乐|乐曲|曲子|伴到尾|伴着.{0,6}[琴曲]|(?:古筝|钢琴|吉他|小提琴|二胡|琵琶|笛子|琴)声?.{0,6}(?:伴|配|响|衬|铺|贯穿|流淌)",
        ),
    ),
    Scale(
        "pulse",
        "clip",
        True,
        (
            "regular as, like clockwork, metronom*, steady pulse/beat/rhythm, evenly spaced, dead even,"
            " dead-even, on the dot,"
            " strict time/beat/grid, perfectly regular/even/steady, precisely every, exactly every, rock-steady,"
            " unwavering beat",
            "irregular, irregularly, uneven, unevenly, erratic, erratically, random intervals, haphazard,"
            " haphazardly, all over the"
            " place, no pattern, free time, at random, without ~ pattern/pulse/order",
        ),
        (
            "精准地?隔|分毫不差|均匀|有规律|很规律|节奏稳定|整齐划一|像节拍器|不差(?:一)?[分毫秒]|规整",
            "忽长忽短|毫无规律|没有(?:任何|什么)?规律|杂乱|时快时慢|忽快忽慢|不规律|乱七八糟|参差不齐|随意",
        ),
    ),
    Scale(
        "mode",
        "clip",
        False,
        (
            "harmony/key/mode/tonality is ~ major, in a major key, a major key, in the major",
            "harmony/key/mode/tonality is ~ minor, in a minor key, a minor key, in the minor",
        ),
        ("大调", "小调"),
    ),
    Scale(
        "volume",
        "voice",
        False,
        (
            "barely/hardly/scarcely above a breath/whisper/murmur, under his/her breath, whisper*, hushed,"
            " murmur*, barely audible,"
            " hardly audible, mutter*, can hardly be heard, almost inaudible, in an undertone, very softly, very"
            " quietly",
            "shout*, yell*, bellow*, near clipping, close to clipping, top of his/her voice/lungs, full volume,"
            " deafening,"
            " booming, ear-splitting, scream*, roars, roaring, hollers, hollering, very loud, very loudly, full"
            " voice, peaking close",
        ),
        (
            "压低(?:了)?(?:声音|嗓)|耳语|轻声细语|小声|几乎听不[见到清]|悄悄|喃喃|窃窃",
            "大喊|大叫|大吼|怒吼|震耳|扯着嗓子|嗓门(?:很|非常)?大|声嘶力竭|大声|高声|吼",
        ),
    ),
    Scale(
        "register",
        "speech",
        False,
        (
            "deep voice, voice is ~ deep, way down, down in the chest, contralto, baritone, low-pitched,"
            " rumbling voice,"
            " gravelly, deep and, very deep, deep-voiced, low and deep, bass voice",
            "high and thin, shrill, squeaky, piping, falsetto, high-pitched, soprano, thin and high, high voice,"
            " voice is ~ high,"
            " very high, chirpy, mouse-like, how high",
        ),
        ("低沉|浑厚|粗犷|低音炮|粗哑", "又尖又细|尖细|尖利|高亢|尖锐|细嫩|尖声|纤细"),
    ),
    Scale(
        "age",
        "speech",
        False,
        (
            "elderly, in his/her seventies/eighties/sixties, pensioner, frail old, old man's, old woman's, aged"
            " voice, very old",
            "childish, child's voice, schoolboy, schoolgirl, toddler, in his/her teens/twenties, teenage,"
            " teenager, youngster,"
            " young boy's, young girl's",
        ),
        ("苍老|老态|年迈|老人家|古稀|上了年纪", "稚嫩|奶声奶气|童声|小孩子的|少年的|青涩"),
    ),
    Scale(
        "breath",
        "voice",
        True,
        (
            "breathing/breathes/breathe easily/normally/calmly/evenly/freely, sign of exertion-free, breath is"
            " even/calm/steady",
            "gasp*, panting, pants, out of breath, breathless, winded, puffing, wheez*, exertion, gulps/gulping"
            " for/air",
        ),
        (
            "呼吸(?:很|非常)?(?:平稳|均匀|平缓)|气息(?:很|非常)?(?:平稳|均匀)",
            "气喘|上气不接下气|喘着|喘气|气短|大口呼吸",
        ),
    ),
    Scale(
        "distortion",
        "clip",
        True,
        ("undistorted, distortion-free, crystal clear", "distort*, clipped throughout, crackl*, breaks up, overdriven"),
        ("没有爆音", "失真|破音|爆音|刺啦"),
    ),
    Scale(
        "course",
        "thing",
        False,
        (
            "pitch/frequency/tone/siren/note/whistle/hum rises/climbs/falls/drops/glides/sweeps/slides,"
            " goes/going steadily"
            " up/down, rises/climbs/falls/drops steadily, rises/climbs/falls/drops/keeps rising/climbing/falling",
            "pitch/frequency/tone/siren/note/whistle/hum ~ stays/remains/holds/keeps ~"
            " at/on/constant/flat/steady/level/same,"
            " never moves, never changes, does not move/change/vary, not move at all, same pitch/frequency"
            " throughout",
        ),
        (
            "(?:音高|音调|频率|声音)[^，,。]{0,6}(?:上升|升高|下降|降低|攀升|下滑)",
            "(?:音高|音调|频率)[^，,。]{0,6}(?:不变|恒定|没有变化|平直)",
        ),
    ),
    Scale(
        "ending",
        "voice",
        False,
        (
            "rises/lifts/climbs/goes/curls/turns ~ up/upward/upwards ~ end, rises/lifts/climbs at the/its/every"
            " end, upturn at the"
            " end, ends on a rise, ends on a rising, rising at the end, ends high",
            "falls/drops/sinks/goes/turns ~ down/downward/downwards ~ end, falls/drops/sinks at the/its/every"
            " end, ends on a fall,"
            " ends on a falling, falling at the end, ends low",
        ),
        (
            "(?:尾音|句尾|末尾|结尾)[^，,。]{0,5}(?:上扬|往上|升高|上挑)",
            "(?:尾音|句尾|末尾|结尾)[^，,。]{0,5}(?:下沉|往下|下降|下落|走低|回落)",
        ),
    ),
    Scale(
        "laughter",
        "voice",
        True,
        ("straight-faced, dead serious", "laugh*, chuckl*, giggl*, guffaw*, snigger*"),
        ("不苟言笑", "大笑|笑了|笑声|笑出声|嬉笑|哈哈"),
    ),
    Scale(
        "tears",
        "voice",
        True,
        ("dry-eyed", "cries, crying, sobs, sobbing, sob, weeps, weeping, whimper*"),
        ("没有流泪", "哭声|哭泣|啜泣|抽泣|哭着|痛哭"),
    ),
    Scale(
        "name",
        "voice",
        True,
        (
            "stays/remains anonymous, withholds his/her name, nameless",
            "gives/give/giving/states/mentions/mention/tells his/her name, introduces/introduce/introducing"
            " himself/herself,"
            " name is ~ given, says his/her name",
        ),
        ("不肯透露姓名|匿名", "自我介绍|报上(?:了)?(?:名字|姓名)|说(?:出|了)(?:自己的)?名字|自称"),
    ),
)
"""Two sides of one scale cannot both hold of one thing."""
