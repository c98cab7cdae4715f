"""The commands that evaluate a model and choose questions by what it could answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from mgrd import options as opts
from mgrd import settings
from mgrd.cli.command import Quiet, command
from mgrd.cli.parameters import (
    AudioRoot,
    CheckOptions,
    DryRun,
    Json,
    Measurements,
    Overwrite,
    answer,
    asked,
    existing,
    open_story,
)
from mgrd.errors import MisusedError


@command("eval")
def eval_command(
    *,
    questions: Annotated[
        str | None, typer.Argument(help="Held-out questions, in any form that generate reads.", show_default=False)
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            help="Folder of the audio language model; with --engine server, its name there.",
            show_default=False,
        ),
    ] = None,
    options: opts.Eval,
    judging: opts.Filter,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder to write to; default: eval-QUESTIONS-MODEL.", show_default=False),
    ] = None,
    compare: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            "--compare", metavar="A B", help="Sample nothing: paired differences of two evaluations, A less B."
        ),
    ] = None,
    check_option: CheckOptions = [],  # noqa: B006  (typer copies it)
    audio_root: AudioRoot = None,
    measurements: Measurements = None,
    dry_run: DryRun = False,
    ray: Annotated[
        str | None,
        typer.Option(
            "--ray", help="Sample and judge on a Ray cluster: auto, or HOST:PORT of its head.", show_default=False
        ),
    ] = None,
    overwrite: Overwrite = False,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Accuracy and grounding on questions that were not trained on.

    Example: mgrd eval heldout.jsonl -m run/round-02/model -k 4
    """
    from mgrd import evaluate, tables
    from mgrd.evaluate import benchmarks, pairs, rubrics

    if compare is not None:
        if questions is not None or model is not None or out is not None:
            raise MisusedError("--compare A B: takes no QUESTIONS, no -m and no -o; it reads two folders")
        found = pairs.compare(*(existing(path, "folder") for path in compare))
        answer(found, json_, list(pairs.compare_lines(found)))
        return
    if questions is None or model is None:
        raise MisusedError("give QUESTIONS and -m MODEL, or --compare A B")
    from mgrd.filter import filter_traces
    from mgrd.generate import estimate, generate
    from mgrd.questions import read_questions

    story = open_story(quiet)
    options, judging = replace(options, ray=ray), replace(judging, ray=ray)
    out = out or evaluate.default_folder(questions, model)
    if dry_run:
        wanted = opts.generated(options)
        plan = estimate.dry_run(
            questions, out, asked(model, wanted), wanted, audio_root=audio_root, overwrite=overwrite, story=story
        )
        again = [f"and as much again for each control: {', '.join(options.control)}"] if options.control else []
        answer(plan, json_, [*estimate.dry_lines(plan), *again])
        return
    folders: dict[str, Path] = {name: out / f"control-{name}" for name in sorted(set(options.control))}
    seconds = 0.0
    for control in (None, *sorted(set(options.control))):
        folder = out if control is None else folders[control]
        if control is not None:
            story.note(f"The same questions without their audio ({control}): {folder}")
            _share_clips(out, folder)
        wanted = opts.generated(options, control)
        made = generate(
            questions,
            folder,
            asked(model, wanted),
            wanted,
            audio_root=audio_root,
            only_these=True,
            overwrite=overwrite,
            story=story,
        )
        seconds += made["seconds"]
    if options.shard:
        note = "without --shard, when all shards are done, the same command judges them and has the figures"
        answer(made, json_, [f"{made['samples']:,} samples of shard {options.shard}: {folder / 'traces'}", note])
        return
    for folder in (out, *folders.values()):
        filter_traces(
            folder,
            folder,
            judging,
            check_options=settings.check_options(check_option),
            audio_root=audio_root,
            measurements=measurements or out / "measurements.parquet",
            overwrite=overwrite,
            story=story,
        )
    rows = read_questions(
        questions,
        audio_root=audio_root,
        mapping=settings.mapping(options.map),
        audio_out=out / "audio",
        limit=options.limit,
    )
    published = benchmarks.read_published(questions, rows.get_column("id").to_list())
    controls = {name: folder / "judged" for name, folder in folders.items()}
    scored = rubrics.scored(out, published, judging, story)
    result = evaluate.evaluation(out / "judged", controls, published, scored)
    tables.write_json(result, out / "metrics.json")  # without seconds: the same traces give the same file
    lines = [
        *evaluate.lines(result),
        *pairs.control_lines(result["controls"]),
        *benchmarks.benchmark_lines(result),
        f"{'written to':>20}  {out}",
    ]
    answer(result | {"seconds": round(seconds, 1)}, json_, lines)


def _share_clips(out: Path, folder: Path) -> None:
    """Embedded clips are written once, where the evaluation with the audio has them."""
    if (out / "audio").is_dir() and not (folder / "audio").exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "audio").symlink_to("../audio")


@command("questions")
def questions_command(
    questions: Annotated[str, typer.Argument(help="The questions to choose from, in any form that generate reads.")],
    traces: Annotated[
        list[Path],
        typer.Option(
            "--traces",
            help="What generate, filter or eval wrote of them, with the audio and under --control; may be given again.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write: .jsonl or .parquet.", show_default=False)],
    options: opts.Questions,
    audio_root: AudioRoot = None,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Choose questions by difficulty and audio necessity.

    Example: mgrd questions all.jsonl --traces eval-all-model -o chosen.jsonl --pass-rate 3/8 6/8 --necessity 0.25
    """
    from mgrd.questions import selecting

    found: dict[str, Any] = selecting.select_questions(
        questions,
        [existing(path, "traces") for path in traces],
        out,
        options,
        audio_root=audio_root,
        story=open_story(quiet),
    )
    answer(found, json_, list(selecting.lines(found)))
