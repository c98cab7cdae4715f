"""The commands that make something: generate, filter, distill, eval, and run, which is all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mgrd import options as opts
from mgrd import settings
from mgrd.cli.command import Quiet, Verbose, command
from mgrd.cli.parameters import (
    Asked,
    AudioRoot,
    CheckOptions,
    DryRun,
    Json,
    Measurements,
    Out,
    Overwrite,
    answer,
    asked,
    existing,
    open_story,
)
from mgrd.errors import EXIT_NOTHING_SURVIVED, MisusedError
from mgrd.terminal import many


@command("generate")
def generate_command(
    questions: Annotated[str, typer.Argument(help="JSONL, JSON, CSV, Parquet, or a Hugging Face dataset.")],
    model: Asked,
    out: Out,
    options: opts.Generate,
    round_number: Annotated[int, typer.Option("--round", help="Number of the round, part of every seed.", min=0)] = 0,
    only_these: Annotated[bool, typer.Option("--only-these", hidden=True)] = False,
    audio_root: AudioRoot = None,
    dry_run: DryRun = False,
    overwrite: Overwrite = False,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Sample K traces per question; run again to go on.

    Example: mgrd generate questions.jsonl -m MODEL -o run/round-01 -k 8
    """
    from mgrd.generate import estimate, extrapolate, generate

    if dry_run:
        found = estimate.dry_run(
            questions,
            out,
            asked(model, options),
            options,
            round_number=round_number,
            audio_root=audio_root,
            overwrite=overwrite,
            story=open_story(quiet),
        )
        answer(found, json_, estimate.dry_lines(found))
        return
    result = generate(
        questions,
        out,
        asked(model, options),
        options,
        round_number=round_number,
        audio_root=audio_root,
        only_these=only_these,
        overwrite=overwrite,
        story=open_story(quiet),
    )
    failures = [f"  failed {count}: {reason}" for reason, count in result["failures"].items()]
    of = f"{many(result['samples'], 'sample')} of {many(result['questions'], 'question')}"
    made = f"{of}, {result['made']:,} of them new"
    whole = extrapolate.whole_lines(result["whole"]) if "whole" in result else []
    answer(result, json_, [f"{made}: {out / 'traces'}", *failures, *whole])


@command("filter")
def filter_command(
    *,
    traces: Annotated[
        Path | None, typer.Argument(help="What generate wrote, or JSONL: id, audio, question, completion.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder to write to.", show_default=False)] = None,
    options: opts.Filter,
    selection: opts.Select,
    check_option: CheckOptions = [],  # noqa: B006  (typer copies it)
    compare: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            "--compare", metavar="A B", help="Judge nothing: what two folders that filter wrote keep differently."
        ),
    ] = None,
    audio_root: AudioRoot = None,
    measurements: Measurements = None,
    overwrite: Overwrite = False,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Judge every trace, drop none, write why; then select survivors.

    Example: mgrd filter run/round-01 -o run/round-01
    """
    if compare is not None:
        if traces is not None or out is not None:
            raise MisusedError("--compare A B: takes no TRACES and no -o; it reads the two folders and writes nothing")
        from mgrd import compare as comparison

        found = comparison.compare(*(existing(path, "folder") for path in compare))
        answer(found, json_, list(comparison.lines(found)))
        return
    if traces is None or out is None:
        raise MisusedError("give TRACES and -o DIR, or --compare A B")
    from mgrd import tables, yields
    from mgrd.filter import filter_traces
    from mgrd.selection import select

    judged = filter_traces(
        existing(traces, "traces"),
        out,
        options,
        check_options=settings.check_options(check_option),
        audio_root=audio_root,
        measurements=measurements,
        overwrite=overwrite,
        story=open_story(quiet),
    )
    result = judged | select(out, out, selection, majority=options.no_gold == "majority")
    lines = [f"{count:>8,}  {name}" for name, count in result["objections"].items()]
    lines += [f"{count:>8,}  passed, not kept: {step.replace('_', ' ')}" for step, count in result["left_out"].items()]
    lines.append(f"{result['survivors']:,} of {result['traces']:,} traces survive, {result['passed']:,} passed: {out}")
    result["cost"] = yields.cost(out / "judged", result["survivors"], traces)
    tables.write_json(result["cost"], out / "judged" / yields.COST)
    if said := yields.line(result["cost"]):
        lines.append(f"A survivor cost: {said}")
    answer(result, json_, lines)
    if not result["survivors"]:
        raise typer.Exit(EXIT_NOTHING_SURVIVED)


@command("distill")
def distill_command(
    *,
    survivors: Annotated[
        list[Path] | None,
        typer.Argument(help="Folders that filter wrote; several are trained on together. None: --replay alone."),
    ] = None,
    model: Annotated[
        Path | None, typer.Option("--model", "-m", help="Folder of the model to train.", show_default=False)
    ] = None,
    out: Out,
    options: opts.Distill,
    exporting: opts.Export,
    audio_root: AudioRoot = None,
    overwrite: Overwrite = False,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Fine-tune on the survivors, or export them to a trainer.

    Example: mgrd distill run/round-01 -m MODEL -o run/round-01
    """
    from mgrd.distill import processes

    if options.qlora and (ranks := [path for path in survivors or [] if path.name.isdecimal() and not path.exists()]):
        raise MisusedError(
            f"--qlora {ranks[0]}: takes no number; give the adapters' rank with --lora {ranks[0]} --qlora"
        )
    folders = [existing(path, "folder") for path in survivors or []]
    if not folders and (options.replay is None or exporting.export is not None):
        raise MisusedError("give folders that filter wrote, or --replay FILE to train on that alone")
    if options.replay is not None:
        existing(Path(options.replay), "replay file")
    more: Any = {"audio_root": audio_root, "overwrite": overwrite, "story": open_story(quiet)}
    if exporting.export is not None:
        if model is not None:
            raise MisusedError("--export: trains nothing; leave out -m")
        from mgrd.exports import export

        written = out
        result = export(folders, out, exporting, options, **more)
    else:
        if model is None:
            raise MisusedError("give -m MODEL to train, or --export FORMAT for another trainer")
        if exporting != opts.Export():
            raise MisusedError("--push-to-hub and --license: only with --export")
        from mgrd.distill import distill

        written = out / "model"
        result = distill(folders, existing(model, "model folder"), out, options, **more)
    if processes.is_first():
        lines = [f"{key:>24}  {value}" for key, value in result.items()]
        answer(result, json_, [*lines, f"{'written to':>24}  {written}"])


@command("run")
def run_command(
    config: Annotated[
        Path, typer.Argument(help="TOML with the tables [run] [generate] [filter] [select] [distill] [eval].")
    ],
    out: Out,
    rounds: Annotated[int | None, typer.Option("--rounds", help="Number of rounds; over the config's.", min=1)] = None,
    audio_root: AudioRoot = None,
    overwrite: Overwrite = False,
    json_: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """N rounds of generate, filter, distill and eval, and a report. Run again to go on.

    Example: mgrd run examples/quickstart/config.toml -o demo-run
    """
    from mgrd import evaluate, report, yields
    from mgrd.rounds import nothing_survived, run

    story = open_story(quiet)
    result = run(
        existing(config, "config"),
        out,
        rounds=rounds,
        audio_root=audio_root,
        overwrite=overwrite,
        story=story,
        verbose=verbose,
    )
    story.note(f"Report: {report.write(out)['report']}")
    if json_:
        answer({"rounds": result}, True, [])
    else:
        evaluate.print_rounds(result)
        for line in yields.round_lines(result):
            typer.echo(line)
    if nothing_survived(result):
        raise typer.Exit(EXIT_NOTHING_SURVIVED)
