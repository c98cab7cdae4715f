"""Phrasings of the planted claims: [a|b] holds the deciding word of each side, {name} a value."""

import re

TEXTS: dict[str, tuple[list[str], list[str]]] = {
    # sides: high, low
    "pitch.level.voice": (
        [
            "The speaker's voice is noticeably [high|low] in pitch throughout the clip.",
            "I can hear someone talking in a [high-pitched|low-pitched] voice.",
            "The voice has a distinctly [high|deep] pitch, which stands out right away.",
            "The speech sits in a [high register|low register] from beginning to end.",
            "Acoustically, the speaker uses a [very high|very low] pitch here.",
            "The vocal pitch seems rather [high|low] overall, and the words are delivered steadily.",
            "Listening to the recording, the speaker has a [high, thin-pitched|deep, low-pitched] voice.",
            "The fundamental frequency of the voice is [high|low], in the [upper|lower] part of the range.",
            "The utterance is spoken at a [raised, high|lowered, deep] pitch.",
            "The voice in the audio is pitched quite [high up|low down].",
        ],
        [
            "说话人的音调明显偏[高|低]。",
            "这段语音的音高很[高|低]，一听就能听出来。",
            "说话者的嗓音[高亢尖细，音调很高|低沉，音调很低]。",
        ],
    ),
    "pitch.level.tone": (
        [
            "The tone in the recording is very [high|low] in pitch.",
            "A single [high-pitched|low-pitched] tone is playing.",
            "The sound is a [high|deep, low] electronic tone with no variation.",
            "The signal heard here is a [shrill, high-frequency|low-frequency] tone.",
            "The pitch of this sustained tone is extremely [high|low].",
            "The audio consists of a steady tone at a very [high|low] pitch.",
            "The sustained sound sits [far up in the treble|far down in the bass] in pitch.",
            "It is a [high-pitched whine|low-pitched drone] that continues through the clip.",
        ],
        ["这个持续音的音高非常[高|低]。", "音频里是一个音调很[高|低]的单音。", "可以听到一个[高音|低音]的电子音。"],
    ),
    # sides: second part higher, second part lower
    "pitch.level.compare": (
        [
            "The second sentence is spoken at a clearly [higher|lower] pitch than the first.",
            "In the second half, the voice is pitched noticeably [higher|lower] than in the first half.",
            "The pitch of the voice is [higher|lower] in the later part of the clip than at the start.",
            "Later on, the speech continues at a [higher|lower] pitch than before.",
            "The first half of the speech is [lower|higher] in pitch than the second half.",
            "Compared with the opening, the voice in the second part has been [raised|lowered] in pitch.",
            "The second part of the utterance has a much [higher|lower] pitch, so it contrasts with the first part.",
            "The opening part has a [lower|higher] pitch, whereas the closing part is pitched [higher|lower].",
            "The voice that we hear second sounds [higher-pitched|lower-pitched] than the one that we hear first.",
            "Between the two parts of the clip, the fundamental frequency of the voice goes [up|down] substantially.",
        ],
        [
            "后半段的音高明显比前半段[高|低]。",
            "第二句的音调比第一句要[高|低]得多。",
            "与开头相比，后面那部分说话的音调[更高|更低]。",
        ],
    ),
    "pitch.level.compare_tone": (
        [
            "The second tone is [higher|lower] than the first one.",
            "There are two tones, and the second is clearly [higher|lower] in pitch.",
            "The first tone has a [lower|higher] pitch than the second tone.",
            "Going from the first beep to the second, the pitch [goes up|goes down].",
            "The second beep sounds at a [higher|lower] pitch compared with the first.",
            "The two beeps differ in pitch: the second one is the [higher|lower] of the two.",
            "The tone that comes first is the [lower-pitched|higher-pitched] one.",
            "Of the two tones, the later one is [higher|lower] in pitch.",
        ],
        ["第二个音比第一个音[高|低]。", "前一个音的音高比后一个音[低|高]。", "两声提示音中，后一声的音调更[高|低]。"],
    ),
    "pitch.value.voice": (
        [
            "The median pitch of the voice is about {hz} Hz.",
            "The speaker's fundamental frequency sits at roughly {hz} Hz.",
            "The voice has an average F0 of approximately {hz} Hz.",
            "The pitch of the speech centres around {hz} Hz.",
            "Pitch analysis places the voice near {hz} Hz.",
            "The speech is produced with a fundamental of around {hz} Hz, typical of this recording as a whole.",
            "I estimate the speaker's pitch at {hz} Hz.",
            "The F0 of this voice is close to {hz} Hz on average.",
            "The speaking pitch comes out at about {hz} hertz.",
        ],
        ["说话人的基频大约是{hz}赫兹。", "嗓音的平均音高约为{hz} Hz。", "这段语音的基频在{hz}赫兹左右。"],
    ),
    "pitch.value.tone": (
        [
            "The tone has a frequency of about {hz} Hz.",
            "A steady tone at {hz} Hz can be heard.",
            "The pitch of the sustained tone is approximately {hz} Hz.",
            "The electronic tone sits at around {hz} hertz.",
            "The frequency of the tone is measured at {hz} Hz.",
            "What plays is a continuous {hz} Hz tone.",
            "The tone's pitch is roughly {hz} Hz and does not change.",
            "The fundamental of the sustained sound is near {hz} Hz.",
        ],
        ["这个单音的频率大约是{hz}赫兹。", "持续音的音高约为{hz} Hz。", "音频中的提示音在{hz}赫兹左右。"],
    ),
    "pitch.value.note": (
        [
            "The sustained tone is a {note}.",
            "The note being played is {note}.",
            "The pitch of the tone corresponds to {note}.",
            "I hear a single held note, a {note}.",
            "The tone is tuned to {note}.",
            "The sounding pitch is {note}, held without change.",
            "The tone matches the note {note}.",
            "The held pitch is the note {note}.",
        ],
        ["这个持续音的音高是{note}。", "听到的单音对应音符{note}。", "这个音是{note}。"],
    ),
    # sides: rises, falls
    "pitch.contour.end": (
        [
            "The pitch of the voice [rises|falls] at the end of the utterance.",
            "The sentence ends with a [rising|falling] intonation.",
            "At the very end, the speaker's pitch goes [up|down].",
            "The utterance finishes on [an upward|a downward] pitch movement.",
            "The final syllables [climb|drop] in pitch.",
            "The intonation [goes up|goes down] on the last words.",
            "There is a clear terminal [rise|fall] in pitch as the phrase closes.",
            "The voice [lifts upward|drops downward] in pitch at the end of the line.",
            "The last word is delivered with a [rising|falling] tone.",
            "The pitch does not [fall|rise] at the end; it moves [up|down].",
            "The closing contour is [rising, with a questioning upturn|falling, with a final downward drop].",
        ],
        [
            "句尾的音调明显[上扬|下降]。",
            "说话人在句末音高[升高|降低]。",
            "这句话以[升调|降调]结束。",
            "最后几个字的语调[往上走|往下走]。",
        ],
    ),
    # sides: up, down, steady
    "pitch.contour.glide": (
        [
            "The pitch of the tone [rises steadily|falls steadily|stays constant] over the clip.",
            "The sound [glides upward in pitch|glides downward in pitch|holds one unchanging pitch].",
            "The tone [slides up|slides down|remains level] in pitch from start to finish.",
            "The pitch [keeps going up|keeps going down|stays flat] throughout.",
            "What I hear is a [rising|falling|level] pitch, like a [siren starting|siren stopping|held test tone].",
            "The frequency of the sound [increases|decreases|does not change] over time.",
            "The tone's pitch contour is [ascending|descending|level].",
            "Over its whole length the sound [sweeps from low to high|sweeps from high to low|keeps the same pitch].",
            "The pitch [climbs|drops|holds steady] as the sound goes on.",
        ],
        [
            "这个音的音高[逐渐升高|逐渐降低|保持不变]。",
            "音调从头到尾[一直上升|一直下降|没有变化]。",
            "声音的音高[由低滑到高|由高滑到低|始终平稳]。",
        ],
    ),
    # sides: monotone, lively
    "pitch.range": (
        [
            "The speaker's delivery is [monotone, with almost no pitch movement|lively, with wide pitch movement].",
            "The intonation is [flat|highly varied] throughout the clip.",
            "The voice stays on [nearly one pitch|constantly changing pitches] the whole time.",
            "The speech has a [very narrow|very wide] pitch range.",
            "The intonation sounds [monotonous|expressive and animated], with a pitch that [hardly varies|swings].",
            "There is [very little|a great deal of] pitch variation in the speech.",
            "The speaker talks in a [monotone|sing-song intonation].",
            "The pitch contour is [flat and unvarying|full of large swings].",
            "The melody of the speech is [level and robotic|dramatic, with big ups and downs].",
            "The voice moves over a [tiny|large] pitch span from one word to the next.",
        ],
        [
            "说话人的语调[平淡，几乎没有起伏|起伏很大]。",
            "整段话的音高变化[非常小|非常大]。",
            "语调[单调平直|抑扬顿挫，高低变化明显]。",
        ],
    ),
    # sides: second part louder, second part quieter
    "loudness.level": (
        [
            "The second part is considerably [louder|quieter] than the first.",
            "The opening is [quiet|loud], while the second half is much [louder|softer].",
            "In the first half, the sound is [softer|louder] than in the second half.",
            "The volume is [higher|lower] in the latter half of the recording than in the former.",
            "Later on, the sound carries on [louder|quieter] than before.",
            "The first part is at a [lower|higher] volume than the second one.",
            "The later portion is clearly the [louder|quieter] one of the two.",
            "There is a marked [increase|decrease] in loudness between the first part and the second.",
            "Compared with the first part, the second is [much louder|nowhere near as loud].",
            "The energy of the second segment is well [above|below] that of the first segment.",
            "What comes second is [louder|fainter], and the contrast in volume is easy to hear.",
        ],
        [
            "后半段的音量明显比前半段[大|小]。",
            "第二部分听起来比第一部分[响亮得多|轻得多]。",
            "开头部分的声音较[轻|响]，后面部分较[响|轻]。",
        ],
    ),
    # sides: grows, fades
    "loudness.trend": (
        [
            "The sound gradually gets [louder|quieter] over the course of the clip.",
            "The volume [builds up|fades] steadily from beginning to end.",
            "There is a clear [crescendo|decrescendo] throughout the recording.",
            "The audio [starts soft and grows louder|starts loud and grows softer].",
            "The loudness steadily [increases|decreases] as the clip goes on.",
            "The sound [swells|dies away] towards the end.",
            "The level keeps [rising|dropping] until the clip ends.",
            "It [fades in|fades out] slowly over its whole length.",
            "The recording does not [fade out|build up]; it gets progressively [louder|softer].",
            "The volume seems to [grow|diminish] continuously.",
        ],
        ["音量从头到尾[逐渐增大|逐渐减小]。", "声音[越来越响|越来越轻]。", "整段录音的响度[持续上升|持续下降]。"],
    ),
    # sides: second faster, second slower
    "rate.level.compare": (
        [
            "The second sentence is spoken much [faster|slower] than the first.",
            "The speaker [speeds up|slows down] in the second part.",
            "The first utterance is delivered more [slowly|quickly] than the second.",
            "The pace of speech is [quicker|slower] in the second utterance.",
            "The speaker starts out [slow|fast] and then talks [faster|slower] in the later part.",
            "Compared with the first part, the speech in the second part is [more rapid|more drawn out].",
            "The speaking rate [increases|decreases] markedly from the first part to the second.",
            "The words come [faster|more slowly] the second time around.",
            "In the later part the delivery is [hurried|slow] compared with the opening.",
        ],
        ["第二句的语速比第一句[快|慢]很多。", "说话人后面说得比前面[快|慢]。", "后半部分的语速明显[加快|放慢]。"],
    ),
    # sides: fast, slow
    "rate.level.whole": (
        [
            "The speaker talks very [fast|slowly].",
            "The speech is delivered at a [rapid|slow] pace.",
            "The speaking rate is unusually [high|low] in this clip.",
            "The words are [rushed, one on top of the other|drawn out, each syllable stretched].",
            "The delivery is [hurried|slow and dragging].",
            "The pace of the speech is [extremely quick|extremely slow].",
            "The line is spoken at a [very brisk|very sluggish] speed.",
            "The speaker goes through the syllables [very quickly|very slowly].",
        ],
        ["说话人的语速非常[快|慢]。", "这段话说得很[急促，语速快|缓慢，语速慢]。", "语速明显偏[快|慢]。"],
    ),
    # sides: a pause, none
    "pause.presence": (
        [
            "[There is a clear pause|There is no pause] in the middle of the utterance.",
            "The speaker [stops for a moment before going on|speaks straight through without stopping].",
            "The speech [is interrupted by a silent pause|flows continuously without any pause].",
            "The sentence is delivered [with a noticeable break partway through|in one go, without a break].",
            "[A silent gap|No silent gap] separates the words in the middle of the line.",
            "The delivery is [broken up by a pause|continuous, with no pauses].",
            "The speaker [pauses midway through the line|does not pause anywhere in the line].",
            "I notice that the speech [halts briefly and then resumes|never halts from the first word to the last].",
            "The words [are split by a stretch of silence|follow each other with no silence between them].",
        ],
        [
            "句子中间[有一处明显的停顿|没有任何停顿]。",
            "说话人[中途停顿了一下才继续|一口气说完，没有停顿]。",
            "这句话[中间出现了静默|连贯流畅，中间没有静默]。",
        ],
    ),
    "pause.duration": (
        [
            "There is a pause of about {s} seconds in the middle.",
            "The speaker pauses for roughly {s} seconds before going on.",
            "The silence between the two parts of the speech lasts approximately {s} seconds.",
            "A {s}-second pause splits the utterance in two.",
            "The gap in the speech is around {s} seconds long.",
            "After the first words the speaker falls silent for about {s} s.",
            "The pause midway through the line has a length of {s} seconds.",
            "Speech resumes after a pause of {s} seconds.",
            "The speech breaks off, and the pause that follows takes about {s} seconds.",
        ],
        ["句子中间停顿了大约{s}秒。", "说话人停顿约{s}秒后继续。", "两段话之间的停顿约有{s}秒。"],
    ),
    # sides: noisy, clean
    "noise.level": (
        [
            "The recording is [noisy|clean].",
            "There is [strong background noise|no noticeable background noise] behind the speech.",
            "The voice is heard over [a loud hiss|a silent background].",
            "The audio has [a high|a very low] level of background noise.",
            "The speech is [masked by heavy static|captured cleanly, without static].",
            "The background is [full of noise|quiet and free of noise].",
            "The recording quality is [poor, with a constant rushing noise|clean, with no hiss or hum].",
            "[Constant noise|Hardly any noise] can be heard behind the voice.",
            "The signal is [buried in noise|free from background noise].",
        ],
        [
            "录音里[有很强的背景噪声|几乎没有背景噪声]。",
            "背景[噪音很大|很干净，没有噪音]。",
            "这段录音[很嘈杂|很干净]。",
        ],
    ),
    # sides: second brighter, second duller
    "timbre.brightness.compare": (
        [
            "The second part sounds [brighter|duller] than the first.",
            "The first part is [muffled|crisp] in comparison with the second, which is [crisper|muffled].",
            "The timbre becomes [brighter|darker] in the second half.",
            "In the later part, the sound is [sharper, with more treble|more muffled, with the treble gone].",
            "The tone colour of the second part is clearly [brighter|darker] than that of the opening.",
            "The opening is [dull and dark|bright and sharp] in timbre compared with what follows.",
            "The second half has [more|less] high-frequency energy than the first half.",
            "Compared with the first part, the timbre of the second is [sharper|more muffled].",
            "The first half sounds [duller|brighter] than the second half.",
        ],
        [
            "后半段的音色比前半段[更明亮|更暗淡]。",
            "第二部分听起来比第一部分[清脆|沉闷]。",
            "前一部分的音色[发闷|明亮]，后一部分则[明亮|发闷]。",
        ],
    ),
    # sides: bright, muffled
    "timbre.brightness.whole": (
        [
            "The voice sounds [bright and crisp|dull and muffled].",
            "The timbre is [very bright|very dark].",
            "The sound has a [sharp, treble-heavy|muffled, treble-less] quality.",
            "The recording sounds [crisp|muffled, as though behind a wall].",
            "The tone colour is [bright, with strong high frequencies|dark, with hardly any high frequencies].",
            "The speech comes through with a [bright|muffled] timbre.",
            "The sound is [sharp and brilliant|dull] in timbre.",
            "The audio has a [bright, piercing|dark, muted] timbre.",
        ],
        ["音色[明亮清脆|沉闷暗淡]。", "声音听起来[很亮，高频突出|很闷，缺少高频]。", "这段语音的音色偏[亮|暗]。"],
    ),
    # sides: male, female
    "voice.sex": (
        [
            "A [male|female] voice is speaking.",
            "The speaker is a [man|woman].",
            "The voice belongs to an adult [male|female].",
            "I hear a [man's|woman's] voice saying a short line.",
            "The clip features a single [male|female] speaker.",
            "A [man|woman] is talking in the recording.",
            "The voice sounds like that of a [man|woman].",
            "The speech comes from a [male|female] speaker, speaking alone.",
            "It is clearly a [man|woman] who is speaking here.",
            "The vocal characteristics are those of an adult [man|woman].",
        ],
        [
            "说话的是一位[男性|女性]。",
            "音频中是一个[男声|女声]。",
            "可以听到一名[男子|女子]在说话。",
            "这是[男性|女性]的嗓音。",
        ],
    ),
    # sides: reverberant, dry
    "space.reverb": (
        [
            "The voice is heard with [strong reverberation|hardly any reverberation].",
            "The recording sounds [very echoey|very dry].",
            "There is [a long reverb tail|no audible reverb tail] after the words.",
            "The acoustics are [those of a large, echoing hall|dry, with no echo].",
            "The sound is [drenched in reverb|dry and close, without reverb].",
            "Each phrase [rings on in a long echo|cuts off at once, with no echo].",
            "The space sounds [large and reverberant|acoustically dead].",
            "The speech has [a lot of|practically no] room reverberation.",
            "The acoustic environment seems [highly reverberant|dry, like a treated booth].",
        ],
        [
            "录音中的混响[很重|几乎没有]。",
            "声音[带有明显的回声|很干，没有回声]。",
            "空间感[很大，混响很长|很干，听不到混响]。",
        ],
    ),
    "tempo.value": (
        [
            "The tempo is about {bpm} BPM.",
            "The beat runs at roughly {bpm} beats per minute.",
            "The music moves at approximately {bpm} BPM.",
            "I measure a tempo of around {bpm} BPM.",
            "The pulse is steady at {bpm} beats per minute.",
            "The rhythm sits at about {bpm} bpm.",
            "The track has a tempo of {bpm} BPM.",
            "The tempo tracker puts the beat near {bpm} BPM, which fits what is heard.",
        ],
        ["音乐的速度大约是每分钟{bpm}拍。", "节拍速度约为{bpm} BPM。", "这段节奏的速度在{bpm} BPM左右。"],
    ),
    # sides: fast, slow
    "tempo.level": (
        [
            "The tempo of the music is [fast|slow].",
            "The beat is [very quick|very slow].",
            "The piece moves at a [rapid|slow] tempo.",
            "The rhythm goes at a [brisk, fast|slow, leisurely] tempo.",
            "This is a [fast-paced|slow-paced] beat.",
            "The music has a [high|low] tempo.",
            "The pulse of the track is [fast and driving|slow and unhurried].",
            "The beat is played at [an up-tempo, racing|a slow, plodding] pace.",
        ],
        ["音乐的速度很[快|慢]。", "节拍[急促，速度快|缓慢，速度慢]。", "这段音乐是[快|慢]节奏的。"],
    ),
    # sides: regular, irregular
    "rhythm.regularity": (
        [
            "The beat is [steady and regular|irregular].",
            "The strokes come at [even|uneven] intervals.",
            "The rhythm is [perfectly regular|erratic].",
            "The hits are [evenly spaced|unevenly spaced in time].",
            "The pulse is [constant, like a metronome|unsteady, with no constant pulse].",
            "The spacing of the beats is [uniform|random and uneven].",
            "The sounds repeat with [a steady|an unsteady, irregular] rhythm.",
            "The rhythm keeps [an even pulse|changing, with no even pulse].",
        ],
        ["节拍[稳定均匀|不规则]。", "敲击的间隔[均匀|时长时短，不均匀]。", "节奏[很规整|很不规律]。"],
    ),
    # sides: major, minor
    "music.mode": (
        [
            "The music is in a [major|minor] key.",
            "The harmony has a [major|minor] tonality.",
            "The chords establish a [major|minor] mode.",
            "The progression is in [major|minor].",
            "The piece sounds [major|minor] in mode.",
            "The tonality of the clip is clearly [major|minor].",
            "It is a cadence in a [major|minor] key.",
            "The passage uses [major|minor] tonality from the first chord to the last.",
        ],
        ["这段音乐是[大调|小调]。", "和声听起来属于[大调|小调]。", "乐曲的调式是[大调|小调]。"],
    ),
    "music.key": (
        [
            "The music is in the key of {key}.",
            "The piece is in {key}.",
            "The tonal centre is {tonic}; the key is {key}.",
            "The chord progression establishes {key} as the key.",
            "The key of this passage is {key}.",
            "The harmony resolves in {key}, which is the key of the clip.",
            "The cadence is played in {key}.",
            "Key detection gives {key}, and the chords agree with it.",
        ],
        ["这段音乐的调是{key}。", "乐曲的调性为{key}。", "和弦进行是在{key}上。"],
    ),
    "time.duration.clip": (
        [
            "The clip is about {s} seconds long.",
            "The whole recording lasts roughly {s} seconds.",
            "The audio has a total length of {s} seconds.",
            "The recording runs for approximately {s} seconds.",
            "The duration of the audio is around {s} seconds.",
            "This is a short clip of {s} seconds.",
            "In total, the clip lasts {s} seconds from start to finish.",
            "The file plays for about {s} s.",
        ],
        ["整段音频长约{s}秒。", "这段录音的时长大约是{s}秒。", "音频总长{s}秒左右。"],
    ),
    "time.duration.tone": (
        [
            "The beep lasts about {s} seconds.",
            "The tone sounds for roughly {s} seconds.",
            "The tone is held for approximately {s} seconds.",
            "The beep has a duration of {s} seconds.",
            "The tone goes on for around {s} seconds before it stops.",
            "The length of the tone is {s} seconds.",
            "The beep is heard for {s} s in all.",
            "The tone continues for about {s} seconds.",
        ],
        ["提示音持续了大约{s}秒。", "这个单音的长度约为{s}秒。", "蜂鸣声响了{s}秒左右。"],
    ),
    "time.position": (
        [
            "The {what} starts at about {s} seconds.",
            "At around {s} seconds the {what} can be heard.",
            "The {what} comes in {s} seconds into the clip.",
            "The {what} occurs at roughly {clock}.",
            "The {what} enters at {s} s.",
            "The onset of the {what} is at approximately {s} seconds.",
            "The {what} appears at the {s}-second mark.",
            "At {clock}, the {what} begins.",
            "The {what} is heard near {s} seconds.",
        ],
        ["{zh}大约在第{s}秒出现。", "在{s}秒左右可以听到{zh}。", "{zh}从{s}秒处开始。"],
    ),
    "time.position.half": (
        [
            "The {what} occurs in the [first|second] half of the clip.",
            "The {what} is heard close to the [beginning|end] of the recording.",
            "The {what} comes [early on|late] in the clip.",
        ],
        ["{zh}出现在音频的[前半段|后半段]。"],
    ),
    "event.count": (
        [
            "There are {n} {whats} in the clip.",
            "I count {n} {whats}.",
            "The {what} is heard {n} times.",
            "Exactly {n} {whats} can be heard.",
            "The audio contains {n} separate {whats}.",
            "The recording consists of {n} {whats} in a row.",
            "A series of {n} {whats} is heard.",
            "In total, {n} {whats} occur, one after the other.",
            "The {what} sounds {n} times in total.",
        ],
        ["一共有{zn}个{zh}。", "音频里可以听到{zn}次{zh}。", "我听到{zh}响了{zn}下。"],
    ),
    "event.order": (
        [
            "The {a} comes before the {b}.",
            "First the {a} is heard, and then the {b}.",
            "The {b} follows the {a}.",
            "The clip begins with the {a}, followed by the {b}.",
            "The {a} precedes the {b}.",
            "We hear the {a} first and the {b} afterwards.",
            "The {b} is heard after the {a}.",
            "The {a} is over before the {b} starts.",
            "Only after the {a} does the {b} come in.",
        ],
        ["先听到{za}，然后是{zb}。", "{za}出现在{zb}之前。", "{zb}是在{za}之后才出现的。"],
    ),
}


def phrasings(sheet: str, side: int, chinese: bool) -> list[str]:
    """The texts of a sheet with the words of one side filled in."""
    pick = lambda found: found.group(1).split("|")[side]  # noqa: E731
    return [re.sub(r"\[([^\[\]]*)\]", pick, text) for text in TEXTS[sheet][chinese]]
