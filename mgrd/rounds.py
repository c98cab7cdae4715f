"""N rounds of generate, filter, distill and eval in one folder, every stage a process of its own.

Knows the order of the stages, their command lines and where a run keeps their parts; nothing about what a stage does.
`plan` is the whole run as data; what the run's manifest records as done is not started again.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from mgrd import engines, evaluate, folders, tables, yields
from mgrd.children import Children, mgrd_command
from mgrd.claims import calibration
from mgrd.config import STAGES, Config, check_flags, flags, read_config
from mgrd.errors import SettingsError
from mgrd.options import VLLM
from mgrd.progress import Story
from mgrd.questions import WORDS, audio_base, changed, fingerprint, read_questions
from mgrd.report import facts, signs
from mgrd.settings import mapping


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of one round."""

    round: int
    stage: str
    command: tuple[str, ...]
    output: Path
    """Exists when the stage is complete."""

    @property
    def name(self) -> str:
        """The step's key in the run's manifest, e.g. `round-01/filter`."""
        return f"{_round_name(self.round)}/{self.stage}"


def run(
    config: Path,
    out: Path,
    *,
    rounds: int | None,
    audio_root: Path | None = None,
    overwrite: bool,
    story: Story,
    verbose: bool = False,
) -> list[dict[str, Any]]:
    """Run what is missing of the rounds that `config` describes, and return the `metrics.json` of each, round 0 first.

    `audio_root` goes over the config's; `verbose` is passed on to the stages. Round 0 is the held-out evaluation of the
    first model. The run ends early after a round in which nothing survived (`nothing_survived`), and after one that
    shows a sign of `[run] stop_when`: its row has `stopped`, what was seen. Raises MisusedError before any work for
    what is wrong with the config, SettingsError when `out` was made under another identity, and Stopped,
    KeyboardInterrupt or MgrdError when a stage ended so.
    """
    made = read_config(config)
    if audio_root is not None:
        made = dataclasses.replace(made, run=dataclasses.replace(made.run, audio_root=str(audio_root.absolute())))
    count = made.run.rounds if rounds is None else rounds
    root = Path(made.run.audio_root) if made.run.audio_root else None
    with Children(out, story, max(made.generate.grace, made.eval.grace)) as children:
        names = mapping(made.generate.map)
        asked = read_questions(made.run.questions, audio_root=root, mapping=names, audio_out=out / "audio")
        identity, held_out = made.identity | {"run.questions": fingerprint(asked)}, None
        if made.eval.questions:
            names = mapping(made.eval.map)
            held_out = read_questions(made.eval.questions, audio_root=root, mapping=names, audio_out=out / "audio")
            identity["eval.questions"] = fingerprint(held_out)
        if (found := calibration.find(made.filter.calibration, [out])) is not None:
            identity["filter.calibration"] = calibration.read(found).sha
        try:
            _open(out, identity, overwrite, story)
        except SettingsError as error:
            told = "; ".join(_changed(out, asked, held_out))  # a hash of all questions does not say which it is
            raise SettingsError(f"{error}; {told}" if told else str(error)) from error
        with tables.atomic(out / "config.toml") as partial:
            partial.write_bytes(config.read_bytes())
        talk = [*(["--quiet"] if story.quiet else []), *(["--verbose"] if verbose else [])]
        steps = plan(made, out, count, audio_base(made.run.questions, root), talk)
        done: list[dict[str, Any]] = []
        for number in range(0 if made.eval.questions else 1, count + 1):
            _lay_out(asked, out, number, made)
            mine = [step for step in steps if step.round == number]
            done.append(_round(number, mine, out, made, children, story))
            if nothing_survived(done):
                story.note(f"Round {number}: no trace survived, there is nothing to train on; see mgrd inspect {out}")
                break
            if seen := _stops(out, number, made.run.stop_when):
                done[-1]["stopped"] = [f"{sign.name}: {sign.text}" for sign in seen]
                named = ", ".join(sign.name for sign in seen)
                for said in done[-1]["stopped"]:
                    story.note(f"Round {number}: {said}")
                story.note(
                    f"The run ends here, as [run] stop_when asks; without {named} in it the same command goes on"
                )
                break
    return done


def nothing_survived(rows: list[dict[str, Any]]) -> bool:
    """Whether the last round was left without survivors: exit code 3."""
    return bool(rows) and rows[-1]["filter"] is not None and rows[-1]["filter"]["survivors"] == 0


def _stops(out: Path, number: int, names: Sequence[str]) -> list[signs.Sign]:
    """The signs of these names that warn in round `number`, seen against those before it."""
    if not names or number == 0:  # nothing to compare with
        return []
    so_far = [one for one in facts.read_rounds(out) if one.number is not None and one.number <= number]
    return [sign for sign in signs.signs_of(so_far, names) if sign.warns]


def plan(config: Config, out: Path, rounds: int, base: Path, talk: Sequence[str] = ()) -> list[Step]:
    """Every step of a run in order, each with the options `talk`.

    `base` is the folder that the audio paths of the questions are relative to.
    """
    steps = []
    first = config.run.model
    judging = [*flags(config.filter), *check_flags(config.checks)]
    held_root = ["--audio-root", config.run.audio_root] if config.run.audio_root else []
    cache = ["--measurements", out / "measurements.parquet"]

    def add(number: int, stage: str, output: Path, *arguments: object) -> None:
        words = [*mgrd_command(config.python[stage]), stage, *arguments, "--json", *talk]
        steps.append(Step(number, stage, tuple(map(str, words)), output))

    def evaluate_model(number: int, model: object) -> None:
        if config.eval.questions:
            into = out / _round_name(number) / "eval"
            arguments = ["-m", model, "-o", into, *held_root, *cache, *flags(config.eval), *judging]
            add(number, "eval", into / "metrics.json", config.eval.questions, *arguments)

    evaluate_model(0, first)
    for number in range(1, rounds + 1):
        here = out / _round_name(number)
        last = out / _round_name(number - 1) / "model" if number > 1 else first
        root = ["--audio-root", base]
        sampling = dataclasses.replace(config.generate, map=[])  # the round's questions have our names already
        asked = [here / "questions.parquet", "-m", last, "-o", here, "--round", number]
        add(number, "generate", here / "traces", *asked, *root, *flags(sampling))
        choosing = [*judging, *flags(config.select)]
        add(number, "filter", here / "survivors.parquet", here, "-o", here, *root, *cache, *choosing)
        training = dataclasses.replace(config.distill, seed=(config.distill.seed + number) % 2**32)
        if _samples_with_vllm(config):
            opened = {name: getattr(config.generate, name) for name in VLLM}
            python = config.python["generate"]
            training = dataclasses.replace(training, engine="vllm", engine_python=python, **opened)
        sources = [out / _round_name(i) for i in range(1 if config.run.cumulate else number, number + 1)]
        start = last if config.run.distill_from == "last" else first
        add(number, "distill", here / "model", *sources, "-m", start, "-o", here, *root, *flags(training))
        evaluate_model(number, here / "model")
    return steps


def _samples_with_vllm(config: Config) -> bool:
    """Whether the rounds sample with vLLM, as far as is known here: another interpreter chooses its own default."""
    if config.generate.engine is None and config.python["generate"] == sys.executable:
        return engines.default_engine() == "vllm"
    return config.generate.engine == "vllm"


def slice_ids(ids: list[str], size: int | None, number: int, seed: int) -> set[str]:
    """The questions of round `number` (from 1): consecutive slices of one shuffled order, which wraps around."""
    if size is None or size >= len(ids):
        return set(ids)
    order = sorted(ids, key=lambda one: (hashlib.blake2b(f"{seed}\n{one}".encode()).digest(), one))
    start = (number - 1) * size
    return {order[position % len(order)] for position in range(start, start + size)}


def _round(
    number: int, steps: list[Step], out: Path, config: Config, children: Children, story: Story
) -> dict[str, Any]:
    """Run the missing steps of a round and return its metrics."""
    here = out / _round_name(number)
    path = here / "metrics.json"
    for step in steps:
        if not _is_done(step, out, config):
            path.unlink(missing_ok=True)  # it would tell of the work before
            story.note(f"Round {step.round}: {step.stage}")
            _run_step(step, out, children, _rests_on(step, out, config))
        if step.stage == "filter" and not _survivors(here):
            _set_later_work_aside(out, number, story)
            break
    if not path.exists():
        tables.write_json(_metrics(number, here, out), path)
    return dict(tables.read_json(path))


def _is_done(step: Step, out: Path, config: Config) -> bool:
    again = {
        "generate": config.generate.retry_failed,
        "filter": config.filter.recheck,
        "eval": config.eval.retry_failed,
    }
    done = folders.read_manifest(out).get("stages", {}).get(step.name, {}).get("done", False)
    return done and step.output.exists() and not again.get(step.stage)


def _rests_on(step: Step, out: Path, config: Config) -> str:
    """A digest of what the steps before made for this one; another one where they have made something else."""
    here, last = out / _round_name(step.round), out / _round_name(step.round - 1)
    used: list[Path] = []
    made: Any = None
    if step.stage == "generate":
        used = [last / "distill.json"]
    elif step.stage == "filter":  # more traces of the same are no other traces
        made = folders.read_manifest(here).get("generate", {}).get("identity")
    elif step.stage == "distill":
        rounds = range(1 if config.run.cumulate else step.round, step.round + 1)
        used = [out / _round_name(number) / "survivors.parquet" for number in rounds]
        used += [last / "distill.json"] if config.run.distill_from == "last" else []
    else:
        used = [here / "distill.json"]
    whole = hashlib.blake2b(json.dumps(made, sort_keys=True).encode(), digest_size=16)
    for path in used:
        whole.update(path.read_bytes() if path.exists() else b"")
    return whole.hexdigest()


def _set_later_work_aside(out: Path, number: int, story: Story) -> None:
    """Set aside what an earlier attempt made of round `number`, when traces of it had survived."""
    here = out / _round_name(number)
    stale = [here / part for part in folders.PARTS["distill"]]
    stale += [here / "eval" / part for part in folders.PARTS["eval"]]
    stale += [out / _round_name(later) for later in folders.rounds_of(out) if later > number]
    for path in stale:
        if path.exists():
            folders.set_aside(path, story)


def _run_step(step: Step, out: Path, children: Children, rests_on: str) -> None:
    """Run a step and record it, with the seconds of all its attempts.

    What it made of other work, before a step that it rests on was made again, is set aside first.
    """
    before = folders.read_manifest(out).get("stages", {}).get(step.name, {})
    if before.get("rests_on", rests_on) != rests_on:
        folder = step.output.parent
        for part in folders.PARTS[step.stage]:
            if (folder / part).exists():
                folders.set_aside(folder / part, children.story)
        before = {}
    record = {
        "done": False,
        "seconds": before.get("seconds", 0.0),
        "command": list(step.command),
        "rests_on": rests_on,
    }
    _record(out, step, record)
    started = time.monotonic()
    try:
        record["answer"] = children.call(step.command, f"round {step.round}, {step.stage}")
        record["done"] = True
    finally:
        record["seconds"] += round(time.monotonic() - started, 2)
        _record(out, step, record)


def _record(out: Path, step: Step, record: Mapping[str, Any]) -> None:
    """Write a step's record, and forget those of the steps that rest on it: they look for themselves what is left."""
    manifest = folders.read_manifest(out)
    stages = manifest.get("stages", {})
    if not record["done"] and step.stage != "eval":
        for name, other in stages.items():
            folder, stage = name.split("/")
            if (int(folder[6:]), STAGES.index(stage)) > (step.round, STAGES.index(step.stage)):
                other["done"] = False
    tables.write_json(manifest | {"stages": stages | {step.name: record}}, out / folders.MANIFEST)


def _metrics(number: int, here: Path, out: Path) -> dict[str, Any]:
    stages = folders.read_manifest(out).get("stages", {})
    mine = {name.split("/")[1]: record for name, record in stages.items() if name.startswith(f"{here.name}/")}
    judged, held_out, model = here / "judged", here / "eval" / "metrics.json", here / "model"
    return {
        "round": number,
        "model": str(model.relative_to(out)) if model.exists() else None,
        "eval": tables.read_json(held_out) if held_out.exists() else None,
        "filter": evaluate.metrics(judged) | {"survivors": _survivors(here)} if number else None,
        "cost": yields.cost(judged, _survivors(here), here) if number else None,
        "stages": {stage: _speed(stage, record, here) for stage, record in mine.items()},
    }


def _speed(stage: str, record: Mapping[str, Any], here: Path) -> dict[str, Any]:
    """Seconds over all attempts, loading included, and for generate the tokens sampled per such second."""
    found = {"seconds": round(record["seconds"], 2)}
    if stage == "generate" and record["seconds"]:
        tokens = tables.read_table(here / "traces", tables.TRACES, ["completion_tokens"]).sum().item() or 0
        found["tokens_per_s"] = round(tokens / record["seconds"], 1)
    return found


def _survivors(here: Path) -> int:
    return tables.read_table(here / "survivors.parquet", tables.TRACES, ["trace_id"]).height


def _open(out: Path, identity: Mapping[str, Any], overwrite: bool, story: Story) -> None:
    """Reopen the run's folder; what another run left there is set aside when `overwrite` says so.

    Clips and their measurements are known by their content, so they stay. A folder of another command is refused, also
    to `overwrite`: what it holds is laid out otherwise.
    """
    manifest = folders.read_manifest(out)
    if "run" not in manifest and (other := sorted(manifest.keys() & folders.PARTS.keys())):
        made_by = " and ".join(f"mgrd {name}" for name in other)
        raise SettingsError(f"{out} holds work of {made_by}, a round or an evaluation; give a run a folder of its own")
    before = manifest.get("run", {}).get("identity")
    if overwrite and (before is None or folders.differing(before, identity)):
        for number in folders.rounds_of(out):
            folders.set_aside(out / _round_name(number), story)
        if before is not None:  # last: until then the same command finds the same work to set aside
            folders.set_aside(out / folders.MANIFEST, story)
    folders.open_stage(out, "run", identity, overwrite=overwrite, story=story)


def _changed(out: Path, asked: pl.DataFrame, held_out: pl.DataFrame | None) -> Iterator[str]:
    """Which question of the run, and which held-out one, has other words than when it was first asked."""
    for number in folders.rounds_of(out):
        path = out / _round_name(number) / "questions.parquet"
        if path.exists() and (told := changed(asked, tables.read_table(path, tables.QUESTIONS, ["id", *WORDS]))):
            yield f"run.questions: {told}"
            break
    if held_out is not None:
        asked_of = tables.query(
            out / _round_name(0) / "eval" / "traces",
            tables.TRACES,
            ["question_id", *WORDS],
            lambda rows: rows.rename({"question_id": "id"}).unique("id", keep="any"),
        )
        if told := changed(held_out, asked_of):
            yield f"eval.questions: {told}"


def _lay_out(asked: pl.DataFrame, out: Path, number: int, config: Config) -> None:
    """Make a round's folder with what it asks, and with the run's embedded clips where its stages look for them."""
    here = out / _round_name(number)
    for stage_folder, clips in ((here, "../audio"), (here / "eval", "../../audio")):
        stage_folder.mkdir(parents=True, exist_ok=True)
        if (out / "audio").is_dir() and not (stage_folder / "audio").exists():
            (stage_folder / "audio").symlink_to(clips)
    path = here / "questions.parquet"
    if number and not path.exists():
        chosen = slice_ids(
            asked.get_column("id").to_list(), config.run.questions_per_round, number, config.generate.seed
        )
        tables.write_table(asked.filter(pl.col("id").is_in(chosen)), path, tables.QUESTIONS)


def _round_name(number: int) -> str:
    return f"round-{number:02d}"
