"""Does `mgrd generate` keep vLLM busy? Tokens a second against bare AsyncLLM and against a question at a time.

    mgrd bench generate            # in the environment of `make test-vllm`: 64 questions x 8, some minutes
    mgrd bench generate --write    # also into docs/benchmarks.md
    mgrd bench generate -m MODEL --max-tokens 512   # on a GPU (benchmarks/gpu.sh makes a 7B model of random weights)

Three ways by turns, `--pairs` times, all on the same questions, seeds and engine settings, with caches emptied before
each; the ratios are of what ran one after the other, and their median is told.

- *mgrd*: the whole of `mgrd generate` with the engine loaded: reading questions, decoding clips, writing parts.
- *bare*: AsyncLLM given every request at once, n samples each, with clips decoded before the clock starts. On a GPU it
  is the same engine that mgrd feeds; on a CPU, where mgrd keeps vLLM's core in its own process, one beside it.
- *a question at a time*: vLLM's own `LLM.generate` as it is by default (its core in a process of its own), n samples a
  call, the next clip decoded and the next question asked when all samples of the last have ended; nothing written.

What it does not measure: loading a model and the canary that follows (both once a job), a slow disk, several GPUs.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from page import show, write_section
from times import where

from mgrd import engines, prompts
from mgrd.audio.load import load
from mgrd.engines import Request, open_engine
from mgrd.engines.chat import render_chat
from mgrd.engines.vllm.cores import Apart
from mgrd.generate import generate
from mgrd.generate.job import sample_seed
from mgrd.options import Generate
from mgrd.progress import Story

ROOT = Path(__file__).resolve().parents[1]
QUICKSTART = ROOT / "examples" / "quickstart"
QUESTIONS = QUICKSTART / "pool.jsonl"


def rows(options: Generate) -> list[dict[str, Any]]:
    """The questions that are asked."""
    lines = QUESTIONS.read_text(encoding="utf-8").splitlines()
    return list(itertools.islice(map(json.loads, lines), options.limit))


def asked(options: Generate, sr: int) -> list[Request]:
    """The requests that `mgrd generate` makes, with decoded clips."""
    found = []
    for row in rows(options):
        clip = load(QUESTIONS.parent / row["audio"])
        seeds = {n: sample_seed(options.seed, 0, row["id"], n) for n in range(options.samples)}
        text = prompts.render(options.prompt, row["question"], row["choices"])
        found.append(Request(row["id"], text, [clip.mono(sr)], [clip.sha], seeds))
    return found


def by_mgrd(engine: Any, model: Path, options: Generate, cached: list[tuple[int, int]]) -> tuple[int, float]:
    """Tokens and seconds of `mgrd generate`, with the engine loaded.

    `cached` is given, for every sample, how many of its prompt's tokens came from the prefix cache, and all of them.
    """
    opened = engines.open_engine
    engines.open_engine = lambda *_, **__: engine
    close, engine.close = engine.close, lambda: None
    completion = engine._completion

    def counted(*of: Any) -> Any:
        if (answer := of[1]).output is not None:
            cached.append((answer.output.num_cached_tokens or 0, len(answer.output.prompt_token_ids)))
        return completion(*of)

    engine._completion = counted
    try:
        with tempfile.TemporaryDirectory(prefix="mgrd-bench-") as out:
            began = time.perf_counter()
            made = generate(str(QUESTIONS), Path(out), model, options, story=Story(quiet=True))
            return made["tokens"], time.perf_counter() - began
    finally:
        engines.open_engine, engine.close, engine._completion = opened, close, completion


def sampled_as(request: Request, options: Generate) -> dict[str, Any]:
    """The sampling parameters of mgrd's own requests, as vLLM names them."""
    return {
        "n": len(request.seeds),
        "seed": request.seeds[0],
        "temperature": options.temperature,
        "top_p": options.top_p,
        "max_tokens": options.max_tokens,
    }


def bare(core: Apart, engine: Any, requests: list[Request], options: Generate) -> tuple[int, float]:
    """Tokens and seconds of AsyncLLM given everything at once."""
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    async def one(request: Request) -> int:
        params = SamplingParams(
            **sampled_as(request, options),
            logprobs=0,
            detokenize=False,  # as mgrd's own requests
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        prompt = {
            "prompt": render_chat(engine.processor, request.text, 1),
            "multi_modal_data": {"audio": [(request.clips[0], engine.sr)]},
            "multi_modal_uuids": {"audio": request.clip_ids},
        }
        tokens = 0
        async for output in core.engine.generate(prompt, params, f"bare-{next(_NAMES)}"):
            tokens += sum(len(made.token_ids) for made in output.outputs)
        return tokens

    async def everything() -> int:
        return sum(await asyncio.gather(*map(one, requests)))

    began = time.perf_counter()
    return core._run(everything()), time.perf_counter() - began


_NAMES = itertools.count()


def one_at_a_time(llm: Any, engine: Any, requests: list[Request], options: Generate) -> tuple[int, float]:
    """Tokens and seconds of a loop over `LLM.generate`, a question a call."""
    from vllm import SamplingParams

    began = time.perf_counter()
    tokens = 0
    for row, request in zip(rows(options), requests, strict=True):
        clip = load(QUESTIONS.parent / row["audio"]).mono(engine.sr)
        params = SamplingParams(**sampled_as(request, options))
        prompt = {
            "prompt": render_chat(engine.processor, request.text, 1),
            "multi_modal_data": {"audio": [(clip, engine.sr)]},
        }
        (output,) = llm.generate(prompt, params, use_tqdm=False)
        tokens += sum(len(made.token_ids) for made in output.outputs)
    return tokens, time.perf_counter() - began


def as_by_default(settings: dict[str, Any]) -> Any:
    """An LLM with the same engine settings, its core where vLLM puts it."""
    from vllm import LLM

    chosen = os.environ.pop("VLLM_ENABLE_V1_MULTIPROCESSING", None)
    try:
        return LLM(**settings)
    finally:
        if chosen is not None:
            os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = chosen


def empty(core: Any, engine: Any) -> None:
    """Forget prefixes and encoded clips, so that no way profits from the one before it."""
    forget = [engine.reset_prefix_cache, engine.reset_mm_cache]
    if hasattr(engine, "reset_encoder_cache"):
        forget.append(engine.reset_encoder_cache)
    for one in forget:
        if isinstance(core, Apart):
            core._run(one())
        else:
            one()


def measure(given: argparse.Namespace, told: Callable[[str], None]) -> list[str]:
    """The section of the page."""
    options = Generate(
        samples=given.samples,
        limit=given.questions,
        max_tokens=given.max_tokens,
        no_canary=True,
        engine="vllm",
        vllm=given.vllm,
        gpu_memory=given.gpu_memory,
        dtype=given.dtype,
    )
    engine: Any = open_engine("vllm", given.model, **engines.vllm_settings(options))
    beside = engine.core if isinstance(engine.core, Apart) else Apart(engine.settings)
    loop = as_by_default(engine.settings)
    requests = asked(options, engine.sr)
    rates: dict[str, list[float]] = {"mgrd": [], "bare": [], "a question at a time": []}
    cached: list[tuple[int, int]] = []
    for turn in range(given.pairs + 1):
        done: dict[str, tuple[int, float]] = {}
        ways: dict[str, Callable[[], Any]] = {
            "mgrd": lambda: by_mgrd(engine, given.model, options, cached),
            "bare": lambda: bare(beside, engine, requests, options),
            "a question at a time": lambda: one_at_a_time(loop, engine, requests, options),
        }
        order = list(ways)[:2][:: 1 if turn % 2 else -1] + list(ways)[2:]
        for way in order:
            emptied = {"mgrd": engine.core, "bare": beside}.get(way)
            empty(emptied, loop.llm_engine if emptied is None else emptied.engine)
            done[way] = ways[way]()
        told(", ".join(f"{way} {tokens} tokens in {s:.2f} s" for way, (tokens, s) in done.items()))
        if turn:  # the first is for warming up
            for way, (tokens, seconds) in done.items():
                rates[way].append(tokens / seconds)
    kind = type(engine.core).__name__
    if beside is not engine.core:
        beside.close()
    loop.llm_engine.engine_core.shutdown()
    engine.close()
    ratios = {way: [mine / other for mine, other in zip(rates["mgrd"], rates[way], strict=True)] for way in rates}
    lines = [
        f"`mgrd bench generate`: {given.questions} questions x {given.samples} samples of at most {given.max_tokens} "
        f"tokens, {given.pairs} turns, vLLM's core {'in process' if kind == 'InProcess' else 'in a process of its own'}"
        f" ({device()}; {where()}).",
        "",
        "| way | tokens/s, median | mgrd over it, median | least to most |",
        "|---|---|---|---|",
    ]
    for way, of in rates.items():
        ratio = ratios[way]
        cells = (
            ["", ""] if way == "mgrd" else [f"{statistics.median(ratio):.2f}", f"{min(ratio):.2f} to {max(ratio):.2f}"]
        )
        lines.append(f"| {' | '.join([way, f'{statistics.median(of):,.0f}', *cells])} |")
    share = sum(one for one, _ in cached) / sum(whole for _, whole in cached)
    return [*lines, "", f"Of the prompts' tokens, {share:.0%} came from the prefix cache."]


def device() -> str:
    """What the model runs on."""
    import torch

    return str(torch.cuda.get_device_name()) if torch.cuda.is_available() else "CPU"


def main() -> None:
    """Measure, print, and with --write update the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-m", "--model", type=Path, default=QUICKSTART / "model")
    parser.add_argument("--questions", type=int, default=64)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--max-tokens", type=int, default=96)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--vllm", action="append", default=[], metavar="KEY=VALUE", help="as of mgrd generate")
    parser.add_argument("--gpu-memory", type=float, default=0.9)
    parser.add_argument("--dtype", default=None)
    parser.add_argument("--write", action="store_true", help="update docs/benchmarks.md")
    parser.add_argument("--json", action="store_true", help="print one object: sections by name (docs/formats.md)")
    given = parser.parse_args()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    lines = measure(given, lambda line: print(line, file=sys.stderr, flush=True))
    show({"generate": lines}, as_json=given.json)
    if given.write:
        write_section(ROOT / "docs" / "benchmarks.md", "generate", lines)


if __name__ == "__main__":
    main()
