"""How fast `mgrd filter` is, how much memory it takes, and whether ten times the traces cost ten times as much.

    mgrd bench filter               # everything: about an hour on two cores
    mgrd bench filter --size 0.2    # a fifth of all numbers of traces
    mgrd bench filter --only long   # one of the two kinds; --write updates docs/filter.md

*Short*: 100,000 traces of about 300 tokens. *Long*: 10,000 of about 3,000. Both are 8 samples a question over 5,000
clips, every fourth question in Chinese, and both also at a tenth of the traces, on one process and on two. A trace is
sentences drawn from parts (sentences.toml): what the clip sounds like, what was said, what follows, with about as many
claims for its words as published traces of agents have (67 in 1,000). A tenth says something that a check objects to,
a fifth answers wrong, most pass. Claims are drawn at random and so often wrong: true_to_waveform looks, and is left
out of what objects. The clips' measurements lie in the cache: sixteen synthetic clips of 10 s are
measured and stand for all 5,000 sounds.

Seconds are those of the whole command, its start and selection included; CPU seconds, of all its processes together,
hardly depend on how busy the machine is, and the ratios are theirs. Memory is the sum of the resident sets of all
its processes, looked at five times a second: pages that processes share count twice.

What it does not measure: measuring clips (`mgrd bench measure`), a slow disk, a model that extracts or judges.
"""

from __future__ import annotations

import argparse
import random
import re
import resource
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from page import show, write_section
from times import watched, where

from mgrd import tables
from mgrd.audio.cache import MEASUREMENTS, SAVE_EVERY, measure_files, to_row
from mgrd.audio.load import clip_of, survey
from mgrd.audio.measure import Measurements, measure

PAGE = Path(__file__).resolve().parents[1] / "docs" / "filter.md"
CLIPS, SAMPLES, PART = 5_000, 8, 256
SR, SECONDS = 16_000, 10
KINDS = {"short": (100_000, 300), "long": (10_000, 3_000)}
WORDS_A_TOKEN, SIGNS_A_TOKEN = 0.75, 1.3
"""Of English words and of Chinese characters, about."""

SENTENCES = tomllib.loads((Path(__file__).parent / "sentences.toml").read_text(encoding="utf-8"))
WRONG, FAULTY = 0.2, 0.1
"""Shares of traces with a wrong answer, and with something that another rule objects to."""

TIMES = {"s": (0.2, 5), "t": (5, 9.8)}
"""Slots of a time, in seconds."""
_SLOT = re.compile(r"\{(\w+)\}")
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
    for at in range(0, CLIPS, SAVE_EVERY):  # as measuring saves them: what is read at a time depends on it
        part = folder / "measurements.parts" / f"part-{at:06d}.parquet"
        tables.write_table(rows[at : at + SAVE_EVERY], part, MEASUREMENTS)
    assert not [*measure_files([], folder / "measurements.parquet")]  # appends what was saved
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
        answer = choices[1 - question % 2] if rng.random() < WRONG else gold
        think = _think(rng, language, answer, tokens)
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


def _think(rng: random.Random, language: str, answer: str, tokens: int) -> str:
    """A sound text of about so many tokens, or one with a fault in its middle."""
    parts, space = SENTENCES[language], " " if language == "en" else ""
    least = tokens * (WORDS_A_TOKEN if language == "en" else SIGNS_A_TOKEN)
    kept = {name: value for some in parts["kept"] for name, value in rng.choice(some).items()} | {"choice": answer}

    def value(slot: re.Match[str]) -> str:
        if slot[1] in TIMES:
            return f"{rng.uniform(*TIMES[slot[1]]):.1f}"
        return str(kept.get(slot[1]) or rng.choice(parts[slot[1]]))

    def drawn(form: str) -> str:
        """The form with its slots filled, and those of what fills them."""
        while "{" in form:
            form = _SLOT.sub(value, form)
        return form

    made: list[str] = []
    size = 0
    while size < least:
        sentence = drawn(rng.choice(parts["form"]))
        made.append(sentence[:1].upper() + sentence[1:])
        size += len(sentence.split()) if language == "en" else len(sentence)
    if rng.random() < FAULTY:
        fault = rng.choice(parts["fault"])
        made.insert(len(made) // 2, space.join([fault["text"]] * fault["times"]))
    return space.join([*made, drawn(rng.choice(parts["last"]))])


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
