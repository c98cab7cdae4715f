"""Make every clip of the quickstart: speech with espeak-ng, tones and beeps with numpy, and the questions about them.

    python make_clips.py train SCRATCH      11,100 clips and their truth, for cold_start.py (7 minutes, 140 MB)
    python make_clips.py committed          audio/*.ogg, pool.jsonl, validation.jsonl, heldout.jsonl, truth.jsonl

truth.jsonl is what the generator did: only cold_start.py (for its training texts) and benchmarks/truth.py read it,
never mgrd. Pitch is measured on the clean signal with Praat (praat-parselmouth, GPL: needed by this script alone),
syllables come from espeak's phonemes, tone frequencies from the synthesis. Needs espeak-ng 1.51, numpy, soundfile,
soxr, pyloudnorm and praat-parselmouth. The same arguments make the same clips; every clip has a random generator of
its own.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import parselmouth
import pyloudnorm
import soundfile
import soxr
from sentences import sentence
from tasks import TASKS_OF, answer, ask

HERE = Path(__file__).parent
SR = 16_000
MIN_S, MAX_S = 1.0, 3.5
SEED = 1

CLIPS = {  # split -> clips per kind
    "train": {"speech": 4800, "pair": 2400, "glide": 2400, "beeps": 1500},
    "pool": {"speech": 48, "pair": 32, "glide": 32, "beeps": 33},
    "validation": {"speech": 24, "pair": 16, "glide": 16, "beeps": 15},
    "heldout": {"speech": 48, "pair": 32, "glide": 32, "beeps": 33},
}

# Wide margins: a general listener calls a voice under 125 Hz low and one over 200 Hz high, and so on.
F0_HZ = {"low": (80, 118), "high": (210, 310)}
SYLLABLES_PER_S = {"slow": (2.3, 3.1), "fast": (5.7, 7.6)}
SYLLABLES = {"slow": (8, 10), "fast": (9, 18)}
LUFS = {"quiet": (-40.0, -36.0), "loud": (-19.0, -16.0)}
TONE_HZ = (200.0, 900.0)
PAIR_SEMITONES = (3.0, 12.0)
GLIDE_SEMITONES = (4.0, 14.0)

VOICES = {
    "validation": "f4,grandma,m5,Alex,miguel,Jacky",
    "heldout": "f2,shelby,Annie,m3,Andy,Nguyen,m8,travis,antonio",
    "train": "f1,f3,f5,anika,Alicia,Andrea,aunty,belinda,linda,steph,steph2,ed,Marco,Gene,Gene2,m1,m2,m4,m6,m7,adam,"
    "benjamin,boris,caleb,Denis,Diogo,edward,gustave,Henrique,Hugo,iven,iven3,john,kaukovalta,Lee,max,Mario,Michael,"
    "michel,Mike,norbert,pablo,paul,pedro,robert,sandro,victor,klatt,klatt2,klatt4,quincy,rob",
}
ACCENTS = {
    "train": "en-us,en-gb,en-gb-x-rp,en-gb-scotland",
    "validation": "en-us,en-gb-x-gbcwmd",
    "heldout": "en-us,en-029,en-gb-x-gbclan",
}
WPM_PER_SYLLABLE_RATE = 31.5
TEMPO = (0.8, 1.3)
"""Playing a voice faster or slower shifts pitch and formants together: more voices, none tied to one pitch."""

HARMONICS = {  # split -> amplitudes of the first partials
    "train": ((1,), (1, 0.4, 0.2), (1, 0, 0.33, 0, 0.2), (1, 0.7)),
    "validation": ((1, 0.2, 0.1, 0.05),),
    "heldout": ((1, 0.5, 0.3, 0.15), (1, 0, 0.2)),
}
BANDS = ("train", "validation", "train", "train", "heldout", "train")
"""Who may use a band of one semitone, repeating up the scale: the ends of pairs and glides and the beeps of the
validation and held-out clips are at frequencies where no training clip has one."""


def band(hz: float) -> str:
    """The split that a frequency belongs to."""
    return BANDS[int(12 * np.log2(hz / 55)) % len(BANDS)]


def source(split: str) -> str:
    """Whose voices and frequencies a split uses: rounds train on the pool, so it may share them with training."""
    return "train" if split == "pool" else split


def espeak(text: str, voice: str, pitch: int, wpm: int) -> np.ndarray:
    """The utterance at 16 kHz, without the silence around it."""
    command = ["espeak-ng", "-v", voice, "-p", str(pitch), "-s", str(wpm), "--stdout", text]
    wav = subprocess.run(command, capture_output=True, check=True).stdout
    samples = np.frombuffer(wav[44 : len(wav) // 2 * 2], dtype="<i2").astype(np.float64) / 32768
    loud = np.flatnonzero(np.abs(samples) > 0.02 * np.abs(samples).max())
    return soxr.resample(samples[loud[0] : loud[-1] + 1], 22_050, SR)


@cache
def syllables(word: str) -> int:
    """Vowels among espeak's phonemes; a diphthong or a syllabic consonant is one."""
    command = ["espeak-ng", "-q", "--ipa", "--sep=_", "-v", "en-us", word]
    phonemes = re.split(r"[_\s]+", subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    return sum(bool(re.search("[aeiouæɐɑɒɔəɚɛɜɝɪʊʌᵻ]", phoneme)) for phoneme in phonemes)


def f0_median(samples: np.ndarray) -> float:
    """Praat's median pitch of the voiced frames; nan where octave jumps or little voicing make it doubtful."""
    hz = parselmouth.Sound(samples, SR).to_pitch_ac(pitch_floor=60, pitch_ceiling=500).selected_array["frequency"]
    voiced = hz[hz > 0]
    if voiced.size < 0.4 * hz.size or np.percentile(voiced, 90) > 1.7 * np.percentile(voiced, 10):
        return float("nan")
    return float(np.median(voiced))


@cache
def usual_f0(variant: str, setting: int) -> float:
    """Where a voice lies at a pitch setting, on one sentence: a guess that spares tries, never the truth."""
    return f0_median(espeak("my sister found the old letter by the river", f"en-us+{variant}", setting, 150))


def within(value: float, span: tuple[float, float]) -> bool:
    """Whether a value lies in a closed range; nan does not."""
    return span[0] <= value <= span[1]


def uniform_in(span: tuple[float, float], rng: random.Random) -> float:
    """A random value, even on a logarithmic scale."""
    return float(np.exp(rng.uniform(*np.log(span))))


def speech(split: str, index: int, rng: random.Random) -> tuple[np.ndarray, dict[str, Any]]:
    """A spoken sentence; the eight combinations of pitch, rate and level take turns."""
    pitch, rate, level = list(product(F0_HZ, SYLLABLES_PER_S, LUFS))[index % 8]
    while True:
        said = sentence(split, rng)
        count = sum(syllables(word) for word in said.text.split())
        if not within(count, SYLLABLES[rate]):
            continue
        variant = rng.choice(VOICES[source(split)].split(","))
        voice = f"{rng.choice(ACCENTS[source(split)].split(','))}+{variant}"
        setting = rng.randrange(0, 50, 5) if pitch == "low" else rng.randrange(35, 100, 5)
        f0 = usual_f0(variant, setting)
        low, high = max(TEMPO[0], F0_HZ[pitch][0] / f0), min(TEMPO[1], F0_HZ[pitch][1] / f0)
        if not low < high:  # also when f0 is nan
            continue
        tempo = uniform_in((low, high), rng)
        wpm = round(WPM_PER_SYLLABLE_RATE * uniform_in(SYLLABLES_PER_S[rate], rng) / tempo)
        samples = soxr.resample(espeak(said.text, voice, setting, max(wpm, 80)), SR * tempo, SR)
        f0, per_s = f0_median(samples), count * SR / samples.size
        fits = within(f0, F0_HZ[pitch]) and within(per_s, SYLLABLES_PER_S[rate])
        if fits and samples.size < (MAX_S - 0.15) * SR:
            break
    truth = {
        "text": said.text,
        "quote": said.quote,
        "lean": said.lean,
        "voice": voice,
        "f0_hz": round(f0, 1),
        "pitch": pitch,
        "syllables": count,
        "syllables_per_s": round(per_s, 2),
        "rate": rate,
        "level": level,
    }
    return samples, truth


def tone(hz: float | np.ndarray, seconds: float, partials: tuple[float, ...]) -> np.ndarray:
    """A tone with soft edges; `hz` may change from sample to sample."""
    size = round(seconds * SR)
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(hz, size)) / SR
    wave = sum(gain * np.sin((k + 1) * phase) for k, gain in enumerate(partials))
    edge = np.minimum(1, np.minimum(np.arange(size), np.arange(size)[::-1]) / (0.02 * SR))
    return wave * edge


def frequency(split: str, rng: random.Random) -> float:
    """A frequency in a band of the split."""
    while True:
        hz = uniform_in(TONE_HZ, rng)
        if band(hz) == source(split):
            return hz


def interval(split: str, semitones: tuple[float, float], up: bool, rng: random.Random) -> tuple[float, float]:
    """Two frequencies of the split, that many semitones apart."""
    while True:
        low, high = sorted((frequency(split, rng), frequency(split, rng)))
        if semitones[0] <= 12 * np.log2(high / low) <= semitones[1]:
            return (low, high) if up else (high, low)


def pair(split: str, index: int, rng: random.Random) -> tuple[np.ndarray, dict[str, Any]]:
    """Two tones with a silence between them."""
    first, second = interval(split, PAIR_SEMITONES, bool(index % 2), rng)
    partials = rng.choice(HARMONICS[source(split)])
    gap = np.zeros(round(rng.uniform(0.25, 0.6) * SR))
    parts = [tone(first, rng.uniform(0.6, 1.1), partials), gap, tone(second, rng.uniform(0.6, 1.1), partials)]
    return np.concatenate(parts), {"f1_hz": round(first, 1), "f2_hz": round(second, 1)}


def glide(split: str, index: int, rng: random.Random) -> tuple[np.ndarray, dict[str, Any]]:
    """A tone that moves evenly, on the musical scale, from one frequency to another."""
    start, end = interval(split, GLIDE_SEMITONES, bool(index % 2), rng)
    seconds = rng.uniform(1.2, 2.8)
    track = np.geomspace(start, end, round(seconds * SR))
    samples = tone(track, seconds, rng.choice(HARMONICS[source(split)]))
    return samples, {"f1_hz": round(start, 1), "f2_hz": round(end, 1)}


def beeps(split: str, index: int, rng: random.Random) -> tuple[np.ndarray, dict[str, Any]]:
    """Two to four equal beeps, evenly spaced."""
    count, hz = 2 + index % 3, frequency(split, rng)
    one = tone(hz, rng.uniform(0.12, 0.28), rng.choice(HARMONICS[source(split)]))
    gap = np.zeros(round(rng.uniform(0.25, 0.5) * SR))
    return np.concatenate([one, *([gap, one] * (count - 1))]), {"beeps": count, "f1_hz": round(hz, 1)}


MAKERS = {"speech": speech, "pair": pair, "glide": glide, "beeps": beeps}


def finish(samples: np.ndarray, lufs: float, rng: random.Random) -> tuple[np.ndarray, float]:
    """Set the level, pad with a little silence, add noise more than 40 dB below; return what was reached in LUFS."""
    meter = pyloudnorm.Meter(SR)
    gain = 10 ** ((lufs - meter.integrated_loudness(samples)) / 20)
    samples = samples * min(gain, 0.97 / np.abs(samples).max())
    lead, tail = round(rng.uniform(0.02, 0.1) * SR), round(0.05 * SR)
    padded = np.pad(samples, (lead, max(tail, round(MIN_S * SR) - lead - samples.size)))
    noise = np.random.default_rng(rng.getrandbits(32)).standard_normal(padded.size)
    level = np.sqrt(np.mean(samples**2)) * 10 ** (-rng.uniform(42, 55) / 20)
    return padded + level * noise, float(meter.integrated_loudness(samples))


def make(job: tuple[Path, str, str, int]) -> dict[str, Any]:
    """Write one clip, return its truth."""
    warnings.filterwarnings("ignore", message="Possible clipped samples")  # pyloudnorm; finish() keeps the peak below 1
    folder, split, kind, index = job
    rng = random.Random(f"{SEED}/{split}/{kind}/{index}")
    while True:
        samples, truth = MAKERS[kind](split, index, rng)
        level = truth.get("level") or rng.choice(list(LUFS))
        samples, lufs = finish(samples, rng.uniform(*LUFS[level]), rng)
        if level == "quiet" or lufs > -22:  # a peaky voice cannot be made loud without clipping
            break
    name = f"{split}-{kind}-{index:04d}"
    path = folder / "audio" / f"{name}.ogg"
    soundfile.write(path, samples, SR, format="OGG", subtype="VORBIS", compression_level=0.6)
    seconds = round(samples.size / SR, 3)
    return {"id": name, "audio": f"audio/{name}.ogg", "split": split, "kind": kind, **truth, "level": level} | {
        "lufs": round(lufs, 1),
        "duration_s": seconds,
    }


def questions(split: str, truths: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """One question for a tone, two for a spoken sentence; the pairs of tasks take turns over blocks of eight clips."""
    rng = random.Random(f"{SEED}/{split}/questions")
    seen = 0
    for truth in truths:
        tasks = list(TASKS_OF[truth["kind"]])
        if truth["kind"] == "speech":
            tasks.pop(seen // 8 % 3)
            seen += 1
        for task in tasks:
            question, choices = ask(task, rng)
            row = {"id": f"{truth['id']}-{task}", "audio": truth["audio"], "question": question}
            yield row | {"choices": choices, "answer": answer(task, truth), "task": task}


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> None:
    """One object a line."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def main() -> None:
    """Make the splits that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["train", "committed"])
    parser.add_argument("folder", nargs="?", type=Path, default=HERE, help="where to write (default: here)")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    splits = ["train"] if arguments.what == "train" else ["pool", "validation", "heldout"]
    (arguments.folder / "audio").mkdir(parents=True, exist_ok=True)
    jobs = [
        (arguments.folder, split, kind, index)
        for split in splits
        for kind, count in CLIPS[split].items()
        for index in range(count)
    ]
    truths = []
    with ProcessPoolExecutor(arguments.workers) as pool:
        for truth in pool.map(make, jobs, chunksize=16):
            truths.append(truth)
            if len(truths) % 500 == 0:
                print(f"{len(truths)} of {len(jobs)} clips", flush=True)
    write_jsonl(arguments.folder / "truth.jsonl", truths)
    if arguments.what == "committed":
        for split in splits:
            rows = list(questions(split, [truth for truth in truths if truth["split"] == split]))
            random.Random(split).shuffle(rows)  # so that `--limit` takes a fair sample of the tasks
            write_jsonl(arguments.folder / f"{split}.jsonl", rows)
            print(f"{split}: {len(rows)} questions")


if __name__ == "__main__":
    main()
