"""What excludes each other when said of one thing, for the check of contradictions: data, in two languages."""

OPPOSITES: tuple[tuple[str, ...], ...] = (
    ("young|a child's", "old|elderly|aged"),
    ("calm|relaxed|serene", "agitated|excited|angry|furious|tense|panicked|nervous"),
    ("happy|cheerful|joyful", "sad|sorrowful|depressed|miserable"),
    ("clear|crisp|intelligible", "muffled|unintelligible|garbled"),
    ("steady|constant|regular|unchanging|stable", "unsteady|irregular|changing|erratic|unstable"),
    ("audible|present", "inaudible|absent|missing"),
    ("mono|monophonic|monaural", "stereo|stereophonic"),
    ("indoors|inside|indoor", "outdoors|outside|outdoor"),
    ("near|close", "far away|distant|far"),
    ("hoarse|raspy|rough|creaky|breathy", "smooth|velvety|silky"),
    ("natural|human", "synthetic|synthesized|synthesised|artificial|computer-generated"),
    ("acoustic|unamplified", "electric|electronic|amplified"),
    ("in tune", "out of tune"),
    (
        "english",
        "french",
        "german",
        "spanish",
        "italian",
        "portuguese",
        "russian",
        "japanese",
        "korean",
        "mandarin",
        "cantonese",
        "arabic",
        "hindi",
        "dutch",
        "turkish",
        "swedish",
    ),
    ("morning", "noon|midday", "evening", "night"),
    ("a piano|piano solo", "a violin", "a guitar", "a flute", "a trumpet", "a cello", "drums"),
    ("in 2/4", "in 3/4", "in 4/4", "in 6/8", "in 5/4"),
    ("live", "studio recording"),
    ("alone|on his own|on her own|solo", "accompanied"),
    ("short|brief", "long|prolonged"),
    ("thin", "thick|full"),
    ("平静|放松|冷静", "激动|愤怒|紧张|慌张"),
    ("开心|高兴|欢快", "悲伤|难过|忧郁"),
    ("清晰|清亮", "模糊|浑浊|含糊"),
    ("亮", "暗淡|沉闷"),
    ("年轻|年幼", "年老|苍老|年迈"),
    ("稳定|平稳|均匀|不变", "起伏|波动|忽快忽慢|不稳"),
    ("单声道", "立体声"),
    ("室内", "室外|户外"),
    ("近", "远"),
    ("长", "短"),
)
"""One line a scale: its sides, whose words mean the same as far as contradictions go. Two sides cannot both hold.

Only what claims do not tell: what they do is in SIDES."""

SIDES: dict[str, tuple[frozenset[str], ...]] = {
    cue: tuple(frozenset(side.split("|")) for side in sides)
    for cue, sides in {
        "pitch.level": ("high", "low"),
        "pitch.range": ("wide", "narrow"),
        "pitch.contour": ("rising", "falling", "steady"),
        "loudness.level": ("loud|shouted", "quiet|soft|whispered"),
        "loudness.trend": ("rising", "falling", "steady"),
        "loudness.range": ("wide", "narrow"),
        "rate.level": ("fast", "slow"),
        "tempo.level": ("fast", "slow"),
        "rhythm.regularity": ("regular", "irregular"),
        "timbre.brightness": ("bright", "dark"),
        "noise.level": ("noisy", "clean"),
        "space.reverb": ("wet", "dry"),
        "music.mode": ("major", "minor"),
    }.items()
}
"""What claims of one cue exclude each other: the values (`Claim.asserts`) of each side."""

_MEMBERS = {
    "wind instrument|woodwind|woodwind instrument": "flute clarinet oboe bassoon saxophone trumpet trombone",
    "brass|brass instrument": "trumpet trombone tuba horn cornet",
    "string|string instrument|stringed instrument": "violin viola cello guitar harp banjo ukulele mandolin",
    "bowed string|bowed instrument": "violin viola cello",
    "percussion|percussion instrument": "drum snare cymbal tambourine marimba xylophone conga bongo timpani",
    "keyboard|keyboard instrument": "piano organ harpsichord accordion celesta synthesizer",
    "animal": "dog cat cow horse rooster sheep goat pig bird owl wolf",
    "vehicle": "car truck bus motorcycle train tram lorry scooter",
    "traffic": "car truck bus motorcycle lorry",
    "bell": "chime",
}
_KINDS: dict[str, frozenset[str]] = {
    member: frozenset(
        " ".join(sorted(kind.split()))
        for kinds, ones in _MEMBERS.items()
        if member in ones.split()
        for kind in kinds.split("|")
    )
    for members in _MEMBERS.values()
    for member in members.split()
}
"""Of what kinds a thing that sounds is: where there is none of a kind, there is none of its members."""


def is_of(missing: set[str], words: set[str]) -> bool:
    """Whether what is denied, in words, is what `words` name, or a kind of which it is."""
    kind = " ".join(sorted(missing))
    return bool(missing) and (missing <= words or any(kind in _KINDS.get(word, ()) for word in words))
