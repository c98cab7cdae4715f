"""What a job would do and take: before it (`--dry-run`: no weights, nothing written), and from a part (`--limit`).

Probes clips by their headers and counts tokens by the model's own processor on clips of silence as long as they are.
Knows nothing of what an engine does with a prompt.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from mgrd import engines, folders, prompts, shards, tables, urls, yields
from mgrd.audio.load import probe
from mgrd.engines import Sampling, messages
from mgrd.errors import InputError
from mgrd.generate.costs import counted, lasting
from mgrd.generate.job import Job, check_engine, check_shard, sample_seed
from mgrd.generate.ledger import read_ledger
from mgrd.options import Generate
from mgrd.progress import Story
from mgrd.questions import audio_base, read_questions, resolve_audio
from mgrd.questions.clips import absolute
from mgrd.settings import mapping
from mgrd.shards import WHOLE

COUNTED = 32
"""Questions whose prompts are counted, spread over all: the others are taken to be as long on average."""
ASSUMES = (
    "the first questions are like the others, and the machine and its settings stay the same",
    "a short run leaves an engine idle towards its end: more questions at once go faster",
)
SIDE_BY_SIDE = "all {} processes sample at the same time, each as fast as the mean of those that have"


def dry_run(
    questions: str,
    out: Path,
    model: Path | str,
    options: Generate,
    *,
    round_number: int = 0,
    audio_root: Path | None = None,
    story: Story | None = None,
) -> dict[str, Any]:
    """Say what `generate` would do, with the keys of docs/formats.md; loads no weights, decodes and writes nothing.

    Of a shard, only its questions are counted. Raises as `generate` does for options that do not go together.
    """
    check_engine(options)
    shard = check_shard(options, overwrite=False)
    with tempfile.TemporaryDirectory(prefix="mgrd-") as embedded:  # clips that lie in the questions' own file
        asked = read_questions(
            questions,
            audio_root=audio_root,
            mapping=mapping(options.map),
            audio_out=Path(embedded),
            limit=options.limit,
        )
        job = Job(out, model, options, round_number, absolute(audio_base(questions, audio_root)), shard)
        mine = job.mine(asked)
        rows = list(tables.rows_of(mine))
        clips = {given: resolve_audio(given, job.base, Path(embedded)) for row in rows for given in row["audio"]}
        lengths, size = _probed(clips, story or Story())
    refused = Counter(
        str(why).removeprefix(f"{given}: ") for given, why in lengths.items() if isinstance(why, InputError)
    )
    known = {given: length for given, length in lengths.items() if isinstance(length, float)}
    name = options.engine or engines.default_engine()
    prompt, window_s, tokens = _asked(job, name, asked.row(0, named=True), rows, known)
    wanted = job.wanted(mine, read_ledger(job.folder, mine))
    missing = int(wanted.get_column("missing").list.len().sum())
    before = counted(job.folder)
    each = before["completion_tokens"] / before["samples"] if before["samples"] else None
    return {
        "engine": name,
        "prompt": prompt,
        "questions": len(rows),
        "samples": len(rows) * options.samples,
        "there": len(rows) * options.samples - missing,
        "missing": missing,
        "clips": len(clips),
        "audio_bytes": size,
        "audio_s": round(sum(known.get(given, 0.0) for row in rows for given in row["audio"]), 2),
        "longest_s": round(max(known.values(), default=0.0), 2),
        "too_long": sum(length > window_s for length in known.values()),
        "unreadable": dict(sorted(refused.items())),
        "prompt_tokens": tokens,
        "completion_tokens_most": missing * options.max_tokens,
        "completion_tokens_expected": None if each is None else round(missing * each),
        "differs": _differs(job, asked),
    }


def dry_lines(found: Mapping[str, Any]) -> list[str]:
    """The same for people: the prompt first, as it is, then a figure a line."""
    prompt = found["prompt"]
    shown = prompt if isinstance(prompt, str) else json.dumps(prompt, ensure_ascii=False, indent=2)
    most, expected = found["completion_tokens_most"], found["completion_tokens_expected"]
    figures = {
        "engine": found["engine"],
        "questions": f"{found['questions']:,}",
        "samples": f"{found['samples']:,}: {found['there']:,} there, {found['missing']:,} to make",
        "clips": f"{found['clips']:,}, {sized(found['audio_bytes'])}; longest {found['longest_s']:g} s",
        "audio": f"{lasting(found['audio_s'])}, over all questions",
    }
    if found["prompt_tokens"] is not None:
        figures["prompt tokens"] = f"{found['prompt_tokens']:,}, each question once"
    told = "" if expected is None else f"; {expected:,} if they are as long as those that are there"
    figures["sampled tokens"] = f"at most {most:,}{told}"
    lines = [f"{name:>16}  {text}" for name, text in figures.items()]
    if found["too_long"]:
        lines.append(f"{found['too_long']:>16,}  clips are longer than the model hears: their questions will fail")
    lines += [f"{count:>16,}  clips cannot be read: {why}" for why, count in found["unreadable"].items()]
    if found["differs"]:
        lines.append(f"{'refused':>16}  what is there was made under other settings: {found['differs']}")
    return [shown.rstrip("\n"), "", *lines]


def _probed(clips: Mapping[str, Path], story: Story) -> tuple[dict[str, float | InputError], int]:
    """Seconds of every clip, from its header, or why it has none; and the bytes of all that are there."""
    found: dict[str, float | InputError] = {}
    size = 0
    with story.steps("Probing", len(clips), "clips") as step:
        for given, path in clips.items():
            try:
                size += len(urls.read(path)) if urls.is_url(path) else path.stat().st_size
                found[given] = probe(path, given)[0]
            except InputError as error:
                found[given] = error
            step()
    return found, size


def _asked(
    job: Job, engine: str, first: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], lengths: Mapping[str, float]
) -> tuple[Any, float, int | None]:
    """The prompt of `first`, the longest clip that is heard, and the tokens of all prompts (None: a server's)."""
    options = job.options
    text = prompts.render(options.prompt, first["question"], first["choices"])
    if engine == "server":
        preset = messages.PRESETS[options.preset] if options.preset else messages.PLAIN
        clips = [_silence(lengths.get(given, 0.0), messages.SR) for given in first["audio"]]
        audio = messages.audio_parts(clips, preset, as_url=options.audio_part == "audio_url")
        sampling = Sampling(options.temperature, options.top_p, options.max_tokens)
        together = min(options.samples, options.concurrency) if options.temperature > 0 else 1
        seed = sample_seed(options.seed, job.round_number, first["id"], 0)
        body = messages.body(str(job.model), text, audio, preset, sampling, seed, together)
        return _shortened(body), math.inf if preset.chunk_s else options.window, None
    from mgrd.engines.chat import render_chat, sampling_rate, window_s
    from mgrd.engines.models import check_model_folder, load_processor, quiet

    quiet()
    check_model_folder(Path(job.model), trust_remote_code=options.trust_remote_code)
    processor = load_processor(Path(job.model), trust_remote_code=options.trust_remote_code)
    heard = [row for row in rows if all(lengths.get(given, math.inf) <= window_s(processor) for given in row["audio"])]
    some = heard[:: max(1, -(-len(heard) // COUNTED))]
    counts = []
    for row in some:
        clips = [_silence(lengths[given], sampling_rate(processor)) for given in row["audio"]]
        said = render_chat(processor, prompts.render(options.prompt, row["question"], row["choices"]), len(clips))
        inputs = processor(
            text=[said],
            audio=clips,
            audio_kwargs={"sampling_rate": sampling_rate(processor)},
            return_tensors="pt",
        )
        counts.append(int(inputs["attention_mask"].sum()))
    tokens = round(sum(counts) / len(counts) * len(heard)) if counts else 0
    return render_chat(processor, text, len(first["audio"])), window_s(processor), tokens


def _silence(seconds: float, sr: int) -> np.typing.NDArray[np.float32]:
    return np.zeros(max(1, round(seconds * sr)), dtype=np.float32)


def _shortened(value: Any) -> Any:
    """A request's JSON with its audio cut to what tells of it."""
    if isinstance(value, dict):
        return {name: _shortened(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_shortened(one) for one in value]
    if isinstance(value, str) and len(value) > 500 and "UklGR" in value[:40]:
        return f"{value[:32]}... ({len(value):,} characters)"
    return value


def _differs(job: Job, asked: pl.DataFrame) -> str | None:
    """Which settings are others than those of what is there."""
    before = folders.read_manifest(job.out).get("generate", {}).get("identity")
    if before is None:
        return None
    now = job.identity(asked)
    return folders.differing({name: before[name] for name in before if name in now}, now) or None


def whole(job: Job, asked: pl.DataFrame, questions: int) -> dict[str, Any]:
    """What `questions` like the first ones, `asked`, would take in all; null where nothing tells.

    Tokens with a 95 % prediction interval from the spread over the questions that were asked (Student's t: those that
    were not asked are as many draws more). Hours are tokens by tokens per second so far, without and then with the
    engine's start; disk is bytes by tokens, and embedded clips by questions; their intervals are that of the tokens.
    Tokens per second and GPUs are those of all processes together, shards times `data_parallel`, each like the mean of
    those that have noted theirs: one that got none of the few questions noted nothing.
    """
    sampled = tables.read_table(job.folder, tables.TRACES, ["question_id", "completion_tokens"])
    each = sampled.group_by("question_id").agg(pl.col("completion_tokens").mean()).sort("question_id")
    mine = each.filter(pl.col("question_id").is_in(asked.get_column("id").to_list()))
    counts = mine.get_column("completion_tokens").fill_null(0.0).to_numpy() * job.options.samples
    tokens, half = _predicted(counts, questions)
    together = job.shard.count * job.options.data_parallel
    noted = _noted(job.folder, together)
    rates = [one["sampled_tokens"] / one["sampling_s"] for one in noted if one["sampling_s"]]
    speed = _mean(rates) * together
    gpus = _mean([one["gpus"] or 0 for one in noted]) * together
    calls = sum(one["calls"] for one in noted)
    here = int(sampled.get_column("completion_tokens").sum())
    size = sum(path.stat().st_size for path in tables.parts(job.folder))
    clips = sum(path.stat().st_size for path in (job.out / "audio").glob("*")) * questions / max(asked.height, 1)
    start_s = sum(one["engine_start_s"] for one in noted) / max(calls, 1)

    def hours(count: float) -> float | None:
        return round((start_s + count / speed) / 3600, 4) if speed else None

    def disk(count: float) -> int | None:
        return round(size * count / here + clips) if here else None

    bounds = None if half is None else [max(0.0, tokens - half), tokens + half]
    return {
        "questions": questions,
        "from_questions": len(counts),
        "samples": questions * job.options.samples,
        "tokens": round(tokens),
        "tokens_per_s": round(speed, 1) if speed else None,
        "hours": hours(tokens),
        "gpu_hours": round((hours(tokens) or 0.0) * gpus, 4) if gpus else None,
        "disk_bytes": disk(tokens),
        "intervals": {
            "tokens": bounds and [round(count) for count in bounds],
            "hours": bounds and [hours(count) for count in bounds],
            "disk_bytes": bounds and [disk(count) for count in bounds],
        },
        "assumes": [*ASSUMES, *([SIDE_BY_SIDE.format(together)] if together > 1 else [])],
    }


def _noted(folder: Path, together: int) -> list[dict[str, Any]]:
    """The metrics of the writers of a job in `together` pieces; of all writers when none of those has noted any."""
    found = [(shards.named(path.name) or WHOLE, tables.read_json(path)) for path in sorted(folder.glob(yields.METRICS))]
    return [one for shard, one in found if shard.count == together] or [one for _, one in found]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / max(len(values), 1)


def whole_lines(found: Mapping[str, Any]) -> list[str]:
    """The same for people."""
    spans = found["intervals"]

    def told(name: str, write: Callable[[float], str], unit: str = "") -> list[str]:
        if found[name] is None:
            return []
        span = f" ({' to '.join(map(write, spans[name]))})" if spans[name] else ""
        return [f"{write(found[name])}{unit}{span}"]

    figures = [
        *told("hours", lambda hours: lasting(hours * 3600)),
        *told("tokens", lambda tokens: f"{tokens:,.0f}", " tokens"),
        *told("disk_bytes", sized),
    ]
    gpus = "" if found["gpu_hours"] is None else f"; {found['gpu_hours']:,.1f} GPU hours"
    asked = f"All {found['questions']:,} questions ({found['samples']:,} samples), from {found['from_questions']:,}"
    return [f"{asked}: {'; '.join(figures)}{gpus}", *(f"  assumes: {one}" for one in found["assumes"])]


def sized(count: float) -> str:
    """Bytes as people read them: `14 kB`, `3.2 GB`; powers of 1000."""
    if count < 999.5:
        return f"{count:.0f} bytes"
    power = min(int(math.log10(count * 1.0005) / 3), 4)
    count /= 1000**power
    return f"{count:.{0 if count >= 99.5 else 1}f} {('kB', 'MB', 'GB', 'TB')[power - 1]}"


def _predicted(counts: np.typing.NDArray[np.float64], total: int) -> tuple[float, float | None]:
    """The sum over `total` questions when `counts` are those of some; half its 95 % interval, None from fewer than 2.

    The prediction interval of the sum of `rest` more draws: t s rest sqrt(1/n + 1/rest).
    """
    from scipy.special import stdtrit

    n = len(counts)
    rest = max(total - n, 0)
    mean = float(counts.mean()) if n else 0.0
    if not rest:
        return float(counts.sum()), 0.0
    if n < 2:
        return mean * total, None
    spread = float(counts.std(ddof=1)) * math.sqrt(1 / n + 1 / rest)
    return float(counts.sum()) + mean * rest, float(stdtrit(n - 1, 0.975)) * spread * rest
