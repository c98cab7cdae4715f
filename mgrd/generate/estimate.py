"""What a job would do, before it (`--dry-run`): loads no weights and writes nothing.

Probes clips by their headers and counts tokens by the model's own processor on clips of silence as long as they are.
Knows nothing of what an engine does with a prompt.
"""

from __future__ import annotations

import io
import json
import math
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from mgrd import engines, folders, prompts, tables, urls
from mgrd.audio.load import probe, probe_opened
from mgrd.engines import Sampling, messages
from mgrd.errors import InputError
from mgrd.generate.clips import across_tasks, counts, in_parts, longest, swap_note, swaps
from mgrd.generate.costs import counted, lasting, sized
from mgrd.generate.job import Job, check_engine, check_shard, read_asked, sample_seed, widening
from mgrd.generate.ledger import read_ledger
from mgrd.generate.seen import Seen
from mgrd.options import Generate
from mgrd.progress import Story
from mgrd.questions import audio_base, resolve_audio
from mgrd.questions.clips import absolute

COUNTED = 32
"""Questions whose prompts are counted, spread over all: the others are taken to be as long on average."""


def dry_run(
    questions: str,
    out: Path,
    model: Path | str,
    options: Generate,
    *,
    round_number: int = 0,
    audio_root: Path | None = None,
    overwrite: bool = False,
    story: Story | None = None,
) -> dict[str, Any]:
    """Say what `generate` would do, with the keys of docs/formats.md; loads no weights, decodes and writes nothing.

    Of a shard, only its questions are counted. Raises as `generate` does for options that do not go together.
    """
    check_engine(options)
    shard = check_shard(options, overwrite=overwrite)
    with tempfile.TemporaryDirectory(prefix="mgrd-") as embedded:  # clips that lie in the questions' own file
        asked, every = read_asked(questions, options, audio_root, Path(embedded))
        job = Job(out, model, options, round_number, absolute(audio_base(questions, audio_root)), shard)
        mine = job.mine(asked)
        swapped = swaps(list(tables.rows_of(every))) if options.control == "swap" else {}
        rows = [row | {"audio": swapped.get(row["id"], row["audio"])} for row in tables.rows_of(mine)]
        strangers = across_tasks(mine, every, swapped) if swapped else 0
        names = dict.fromkeys(given for row in (*tables.rows_of(mine), *rows) for given in row["audio"])
        clips = {given: resolve_audio(given, job.base, Path(embedded)) for given in names}
        lengths, size = _probed(clips, story or Story())
    refused = Counter(
        str(why).removeprefix(f"{given}: ") for given, why in lengths.items() if isinstance(why, InputError)
    )
    known = {given: length for given, length in lengths.items() if isinstance(length, float)}
    name = options.engine or engines.default_engine()
    prompt, in_several, form, tokens = _asked(job, name, rows or list(tables.rows_of(asked.head(1))), known)
    ledger = read_ledger(
        job.folder, mine.clear() if overwrite else mine, without_failed=options.retry_failed
    )  # what is there is set aside to overwrite it
    missing = int(job.wanted(mine, ledger).get_column("missing").list.len().sum())
    before = counted(job.folder)
    each = before["completion_tokens"] / before["samples"] if before["samples"] else None
    too_long = [given for given, length in known.items() if length > form.window_s]
    return {
        "engine": name,
        "prompt": prompt,
        "prompt_in_parts": in_several,
        "questions": len(rows),
        "samples": len(rows) * options.samples,
        "there": len(rows) * options.samples - missing,
        "missing": missing,
        "clips": len(clips),
        "audio_bytes": size,
        "audio_s": round(sum(known.get(given, 0.0) for row in rows for given in row["audio"]), 2),
        "longest_s": round(max(known.values(), default=0.0), 2),
        "too_long": len(too_long),
        "parts": sum(form.parts([known[given] for given in too_long])) if form.longest else 0,
        "unreadable": dict(sorted(refused.items())),
        "changed": sorted(Seen(job.folder, job.writer, job.base).changed(ledger.shas)),
        "across_tasks": strangers,
        "prompt_tokens": tokens,
        "completion_tokens_most": missing * options.max_tokens,
        "completion_tokens_expected": None if each is None else round(missing * each),
        "differs": None if overwrite else _differs(job, every),
    }


def dry_lines(found: Mapping[str, Any]) -> list[str]:
    """The same for people: the prompt first, as it is, then a figure a line."""
    prompt = found["prompt"]
    several = found["prompt_in_parts"]
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
        then = f"given in {found['parts']:,} parts" if found["parts"] else "their questions will fail"
        lines.append(f"{found['too_long']:>16,}  {_clips_are(found['too_long'])} longer than the model hears: {then}")
    lines += [
        f"{count:>16,}  {'clip' if count == 1 else 'clips'} cannot be read: {why}"
        for why, count in found["unreadable"].items()
    ]
    if changed := found["changed"]:
        looks = "clip looks" if len(changed) == 1 else "clips look"
        lines.append(
            f"{len(changed):>16,}  {looks} otherwise than when first sampled, e.g. {changed[0]}: one that holds other "
            "sound stops the job"
        )
    if found["across_tasks"]:
        lines.append(f"{'note':>16}  {swap_note(found['across_tasks'], found['questions'])}")
    if found["differs"]:
        lines.append(f"{'refused':>16}  what is there was made under other settings: {found['differs']}")
    parts = [] if several is None else ["The first question whose clips are given in parts:", _prompt(several), ""]
    return [_prompt(prompt), "", *parts, *lines]


def _prompt(given: Any) -> str:
    return (given if isinstance(given, str) else json.dumps(given, ensure_ascii=False, indent=2)).rstrip("\n")


def _clips_are(count: int) -> str:
    return "clip is" if count == 1 else "clips are"


def _probed(clips: Mapping[str, Path], story: Story) -> tuple[dict[str, float | InputError], int]:
    """Seconds of every clip, from its header, or why it has none; and the bytes of all that are there."""
    found: dict[str, float | InputError] = {}
    size = 0
    with story.steps("Probing", len(clips), "clips") as step:
        for given, path in clips.items():
            try:
                if urls.is_url(path):
                    with urls.opened(path) as handle:
                        size += handle.seek(0, io.SEEK_END)
                        handle.seek(0)
                        found[given] = probe_opened(handle, given)
                else:
                    size += path.stat().st_size
                    found[given] = probe(path, given)[0]
            except InputError as error:
                found[given] = error
            step()
    return found, size


@dataclass(frozen=True)
class _Form:
    """How an engine is given clips."""

    sr: int
    window_s: float
    """The longest clip that is heard whole."""
    longest: int | None
    """The most samples of a part, where longer ones are cut."""

    def parts(self, lengths: Sequence[float]) -> list[int]:
        """In how many parts clips of so many seconds are given."""
        return counts([round(length * self.sr) for length in lengths], self.longest)

    def given(self, text: str, lengths: Sequence[float]) -> tuple[str, list[np.typing.NDArray[np.float32]]]:
        """The user's turn, and silence as long as each clip or part that goes with it."""
        clips = [np.zeros(max(1, round(length * self.sr)), dtype=np.float32) for length in lengths]
        heard = in_parts(clips, [""] * len(clips), self.longest)
        return prompts.in_parts(text, heard.parts), heard.clips


def _asked(
    job: Job, engine: str, rows: Sequence[Mapping[str, Any]], lengths: Mapping[str, float]
) -> tuple[Any, Any, _Form, int | None]:
    """The prompt of the first row, that of the first other one with clips in parts, and how clips are given.

    And the tokens of all prompts (None: a server's).
    """
    options = job.options

    def said(row: Mapping[str, Any], form: _Form) -> tuple[str, list[np.typing.NDArray[np.float32]]]:
        text = prompts.render(options.prompt, row["question"], row["choices"])
        return form.given(text, [lengths.get(given, 0.0) for given in row["audio"]])

    def shown(form: _Form, prompt: Callable[[Mapping[str, Any]], Any]) -> tuple[Any, Any]:
        given = (form.parts([lengths.get(one, 0.0) for one in row["audio"]]) for row in rows)
        first = next((number for number, parts in enumerate(given) if max(parts, default=1) > 1), 0)
        return prompt(rows[0]), prompt(rows[first]) if first else None

    if engine == "server":
        preset = messages.PRESETS[options.preset] if options.preset else messages.PLAIN
        window = math.inf if preset.chunk_s else options.window
        form = _Form(messages.SR, window, longest(job, messages.SR, window))
        sampling = Sampling(options.temperature, options.top_p, options.max_tokens)
        together = min(options.samples, options.concurrency) if options.temperature > 0 else 1

        def body(row: Mapping[str, Any]) -> Any:
            text, clips = said(row, form)
            audio = messages.audio_parts(clips, preset, as_url=options.audio_part == "audio_url")
            seed = sample_seed(options.seed, job.round_number, row["id"], 0)
            return _shortened(messages.body(str(job.model), text, audio, preset, sampling, seed, together))

        return *shown(form, body), form, None
    from mgrd.engines.chat import render_chat, sampling_rate, window_s
    from mgrd.engines.models import check_model_folder, load_processor, quiet

    quiet()
    check_model_folder(Path(job.model), trust_remote_code=options.trust_remote_code)
    processor = load_processor(Path(job.model), trust_remote_code=options.trust_remote_code)
    sr, window = sampling_rate(processor), window_s(processor)
    form = _Form(sr, window, longest(job, sr, window))
    limit_s = math.inf if form.longest else window
    heard = [row for row in rows if all(lengths.get(given, math.nan) <= limit_s for given in row["audio"])]
    some = heard[:: max(1, -(-len(heard) // COUNTED))]
    numbers = []
    for row in some:
        text, clips = said(row, form)
        inputs = processor(
            text=[render_chat(processor, text, len(clips))],
            audio=clips,
            audio_kwargs={"sampling_rate": sr},
            return_tensors="pt",
        )
        numbers.append(int(inputs["attention_mask"].sum()))
    tokens = round(sum(numbers) / len(numbers) * len(heard)) if numbers else 0

    def chat(row: Mapping[str, Any]) -> str:
        text, clips = said(row, form)
        return render_chat(processor, text, len(clips))

    return *shown(form, chat), form, tokens


def _shortened(value: Any) -> Any:
    """A request's JSON with its audio cut to what tells of it."""
    if isinstance(value, dict):
        return {name: _shortened(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_shortened(one) for one in value]
    if isinstance(value, str) and len(value) > 500 and "UklGR" in value[:40]:
        return f"{value[:32]}... ({len(value):,} characters)"
    return value


def _differs(job: Job, every: pl.DataFrame) -> str | None:
    """Which settings are others than those of what is there."""
    before = folders.read_manifest(job.out).get("generate", {}).get("identity")
    if before is None:
        return None
    now = job.identity(every)
    before = widening(job.options)(before, now)
    return folders.differing({name: before[name] for name in before if name in now}, now) or None
