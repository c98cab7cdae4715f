"""How fast `mgrd filter` is, how much memory it takes, and whether ten times the traces cost ten times as much.

    mgrd bench filter               # everything: about an hour on two cores
    mgrd bench filter --size 0.2    # a fifth of all numbers of traces
    mgrd bench filter --only long   # one of the two kinds; --write updates docs/filter.md

*Short*: 100,000 traces of about 300 tokens. *Long*: 10,000 of about 3,000. Both are 8 samples a question over 5,000
clips, every fourth question in Chinese, and both also at a tenth of the traces, on one process and on two. A trace is
sentences drawn from a list: what the clip sounds like (right and wrong), what was said, doubts and revisions, so that
every step of judging has work to do. The clips' measurements lie in the cache: sixteen synthetic clips of 10 s are
measured and stand for all 5,000 sounds.

Seconds are those of the whole command, its start and selection included; CPU seconds, of all its processes together,
hardly depend on how busy the machine is, and the ratios are theirs. Memory is the sum of the resident sets of all
its processes, looked at five times a second: pages that processes share count twice.

What it does not measure: measuring clips (`mgrd bench measure`), a slow disk, a model that extracts or judges.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from page import show, write_section
from times import watched, where

from mgrd import tables
from mgrd.audio.cache import MEASUREMENTS, to_row
from mgrd.audio.load import clip_of, survey
from mgrd.audio.measure import Measurements, measure

PAGE = Path(__file__).resolve().parents[1] / "docs" / "filter.md"
CLIPS, SAMPLES, PART = 5_000, 8, 256
SR, SECONDS = 16_000, 10
KINDS = {"short": (100_000, 300), "long": (10_000, 3_000)}
WORDS_A_TOKEN, SIGNS_A_TOKEN = 0.75, 1.3
"""Of English words and of Chinese characters, about."""

EN = [
    "I listen to the {part} of the clip, from {s} seconds on.",
    "The pitch is {low}, around {hz} Hz, which is where a voice of this kind usually sits.",
    "The pitch {rises} by {db} semitones towards the end of the {part}.",
    "The voice is {quiet} and stays about {db} dB below the peak.",
    "The speaker talks {slow}, at about {rate} syllables per second.",
    "There is a pause of about {s} seconds after the {nth} phrase.",
    "Then I hear {count} {events} between {s} and {t} seconds.",
    "The background is {quiet} after {t} seconds, with no {event} that I could name.",
    'The speaker says "{said}" at {s} seconds and then stops.',
    "Wait, actually the {part} sounds {low}er than I first thought, nearer {hz} Hz, so I listen again.",
    "If it were {other}, I would expect {hz} Hz and {rate} syllables per second, and that is not what I hear.",
    "A {event} would usually sound {bright} and end within {s} seconds.",
    "The timbre is {bright} from {s} to {t} seconds, perhaps because of the room.",
    "Of the choices, {choice} fits the {part} at {s} seconds and {other} does not fit the {nth} phrase.",
    "The tempo is about {bpm} beats per minute in the {part}.",
    "The question asks about the {nth} phrase, so the {part} up to {t} seconds matters most.",
]
ZH = [
    "我先听这段音频的{part}，从{s}秒开始。",
    "音调{low}，大约{hz}赫兹，这类声音通常就在这个范围。",
    "到{part}，音调逐渐{rises}了大约{db}个半音。",
    "声音{quiet}，比峰值低大约{db}分贝。",
    "说话的人语速{slow}，每秒大约{rate}个音节。",
    "第{nth}句之后有大约{s}秒的停顿。",
    "在{s}秒到{t}秒之间我听到{count}次{events}。",
    "{t}秒以后背景{quiet}，没有我能说出名字的{event}。",
    "说话的人在{s}秒说“{said}”，然后停下来。",
    "等等，其实{part}听起来比我刚才想的更{low}，接近{hz}赫兹，我再听一遍。",
    "如果是{other}，音调应该在{hz}赫兹，每秒{rate}个音节，但我听到的不是这样。",
    "从{s}秒到{t}秒音色{bright}，也许是因为房间。",
    "在这些选项里，{choice}符合{part}的{s}秒处，而{other}不符合第{nth}句。",
]
SLOTS: dict[str, dict[str, list[str]]] = {
    "en": {
        "part": ["first part", "middle", "second half", "last part", "beginning", "end"],
        "low": ["low", "high"], "rises": ["rises", "falls"], "quiet": ["quiet", "loud", "steady"],
        "slow": ["slowly", "fast"], "bright": ["bright", "dark", "thin", "warm"],
        "nth": ["first", "second", "third", "fourth", "last"], "count": ["two", "three", "four"],
        "events": ["knocks", "beeps", "claps", "steps"], "event": ["knock", "door", "bell", "siren", "engine"],
        "said": ["the old window", "come in now", "nobody knows that", "we should leave early"],
    },
    "zh": {
        "part": ["开头", "中间", "后半段", "结尾"], "low": ["低", "高"], "rises": ["上升", "下降"],
        "quiet": ["很轻", "很响", "平稳"], "slow": ["很慢", "很快"], "bright": ["明亮", "低沉", "单薄", "温暖"],
        "nth": ["一", "二", "三", "四"], "count": ["两", "三", "四"], "events": ["敲门声", "提示音", "掌声"],
        "event": ["门声", "铃声", "警报", "引擎声"], "said": ["旧窗户", "现在进来", "谁也不知道", "我们早点走"],
    },
}  # fmt: skip
ASKED = {
    "en": ("Is the speaker calm or excited?", ["calm", "excited"]),
    "zh": ("说话的人是平静还是激动？", ["平静", "激动"]),
}


def clips(folder: Path) -> list[str]:
    """Write 5,000 short files, each another sound, and the table of what they would measure; returns their names."""
    import soundfile

    rng = np.random.default_rng(0)
    bases = [measure(clip_of(_sound(i, rng), SR)) for i in range(16)]
    names = [f"clips/{i:04d}.wav" for i in range(CLIPS)]
    (folder / "clips").mkdir(parents=True)
    rows = []
    for i, name in enumerate(names):
        soundfile.write(folder / name, rng.uniform(-0.5, 0.5, SR // 40), SR)
        base: Measurements = bases[i % len(bases)]
        rows.append(to_row(replace(base, audio_sha=survey(folder / name).sha)))
    tables.write_table(rows, folder / "measurements.parquet", MEASUREMENTS)
    return names


def _sound(number: int, rng: np.random.Generator) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Ten seconds of syllable-like pulses of a harmonic tone; pitch, pace and trend differ by the number."""
    t = np.arange(SR * SECONDS) / SR
    f0 = (90 + 20 * number) * 2 ** ((number % 3 - 1) * t / 40)
    phase = 2 * np.pi * np.cumsum(f0) / SR
    voice = sum(np.sin(k * phase) / k for k in range(1, 12))
    pulses = np.clip(np.sin(np.pi * (2 + number % 5) * t), 0, 1) * (t % 3 < 2.5)
    return (0.2 * voice * pulses + 1e-3 * rng.standard_normal(len(t))).astype(np.float32)


def traces(names: Sequence[str], count: int, tokens: int) -> Iterator[dict[str, Any]]:
    """Rows of traces as `generate` writes them, of `count // 8` questions."""
    rng = random.Random(tokens)
    for i in range(count):
        question, sample = divmod(i, SAMPLES)
        language = "zh" if question % 4 == 3 else "en"
        asked, choices = ASKED[language]
        gold = choices[question % 2]
        answer = gold if rng.random() < 0.7 else choices[1 - question % 2]
        think = _think(rng, language, answer, choices, tokens)
        yield dict.fromkeys(tables.TRACES) | {
            "trace_id": f"q{question:06d}.1.{sample}",
            "question_id": f"q{question:06d}",
            "round": 1,
            "sample": sample,
            "audio": [names[question % len(names)]],
            "question": asked,
            "choices": choices,
            "answer": gold,
            "task": ["mood", "pitch", "rate"][question % 3],
            "language": language,
            "completion": f"<think>\n{think}\n</think>\n{answer}",
            "think": think,
            "response": answer,
            "finish_reason": "stop",
            "completion_tokens": tokens,
            "logprob": -tokens * rng.uniform(0.2, 0.6),
            "heard_s": [float(SECONDS)],
        }


def _think(rng: random.Random, language: str, answer: str, choices: Sequence[str], tokens: int) -> str:
    slots = SLOTS[language]
    templates, space = (EN, " ") if language == "en" else (ZH, "")
    least = tokens * (WORDS_A_TOKEN if language == "en" else SIGNS_A_TOKEN)
    made, size = [], 0
    while size < least:
        values = {name: rng.choice(words) for name, words in slots.items()}
        values |= {"hz": rng.randint(80, 420), "db": rng.randint(3, 30), "rate": f"{rng.uniform(2, 8):.1f}"}
        values |= {"s": f"{rng.uniform(0.2, 5):.1f}", "t": f"{rng.uniform(5, 10):.1f}", "bpm": rng.randint(60, 180)}
        values |= {"choice": answer, "other": choices[1 - choices.index(answer)]}
        made.append(rng.choice(templates).format(**values))
        size += len(made[-1].split()) if language == "en" else len(made[-1])
    made.append(f"So the answer is {answer}." if language == "en" else f"所以答案是{answer}。")
    return space.join(made)


def lay_out(folder: Path, names: Sequence[str], count: int, tokens: int) -> None:
    """Write the parts of a case."""
    part: list[dict[str, Any]] = []
    number = 0
    for row in traces(names, count, tokens):
        part.append(row)
        if len(part) == PART:
            tables.write_table(part, folder / "traces" / f"part-{number:06d}.parquet", tables.TRACES)
            part, number = [], number + 1
    if part:
        tables.write_table(part, folder / "traces" / f"part-{number:06d}.parquet", tables.TRACES)


def run(root: Path, kinds: Sequence[str], size: float) -> list[dict[str, Any]]:
    """Every case: its traces, tokens, processes, seconds and peak bytes."""
    names = clips(root)
    found = []
    for kind in kinds:
        whole, tokens = KINDS[kind]
        for count in (int(whole * size / 10), int(whole * size)):
            case = root / f"{kind}-{count}"
            lay_out(case, names, count, tokens)
            for workers in (1, 2):
                out = root / f"{kind}-{count}-{workers}"
                words = ["filter", str(case), "-o", str(out), "--audio-root", str(root), "--workers", str(workers)]
                words += ["--measurements", str(root / "measurements.parquet"), "--per-question", "4", "--json"]
                # claims drawn at random are wrong; what passes is what selection works on
                words += ["--without", "true_to_waveform"]
                before = _cpu_s()
                seconds, peak = watched([sys.executable, "-m", "mgrd", *words], Path.cwd())
                one = {"kind": kind, "traces": count, "tokens": tokens, "processes": workers, "seconds": seconds}
                found.append(one | {"cpu_s": _cpu_s() - before, "bytes": peak, "where": where()})
                print(found[-1], file=sys.stderr)
    return found


def _cpu_s() -> float:
    """CPU seconds of all processes that this one started and that have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def lines(found: Sequence[dict[str, Any]]) -> list[str]:
    """The figures as a Markdown table, with the ratio of each case to its tenth."""
    made = [
        "| traces | tokens each | processes | seconds | traces a second | CPU seconds | peak memory "
        "| CPU, of a tenth | memory, of a tenth |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    tenth = {(one["kind"], one["processes"]): one for one in reversed(found)}
    for one in found:
        before = tenth[one["kind"], one["processes"]]
        ratios = ["", ""]
        if before is not one:
            ratios = [f"{one['cpu_s'] / before['cpu_s']:.1f} x", f"{one['bytes'] / max(before['bytes'], 1):.2f} x"]
        cells = [f"{one['traces']:,}", f"{one['tokens']:,}", str(one["processes"]), f"{one['seconds']:.0f}"]
        cells += [
            f"{one['traces'] / one['seconds']:,.0f}",
            f"{one['cpu_s']:.0f}",
            f"{one['bytes'] / 2**20:,.0f} MiB",
            *ratios,
        ]
        made.append(f"| {' | '.join(cells)} |")
    return [*made, "", f"On {found[-1]['where']}."]


def main() -> None:
    """Measure and print, and with --write update the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=float, default=1.0, help="share of all numbers of traces, at most 1")
    parser.add_argument("--only", choices=sorted(KINDS), help="one kind of traces")
    parser.add_argument("--write", action="store_true", help="update docs/filter.md")
    parser.add_argument("--json", action="store_true", help="print one JSON object (docs/formats.md)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mgrd-filter-") as scratch:
        made = lines(run(Path(scratch), [given.only] if given.only else list(KINDS), given.size))
    show({"filter": made}, as_json=given.json)
    if given.write:
        write_section(PAGE, "filter", made)


if __name__ == "__main__":
    main()
