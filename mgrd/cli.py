"""The `mgrd` command: every command, thin.

Options come from mgrd.options, work is done by the stages; mgrd.commands makes a command of each function.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

import mgrd
from mgrd import options as opts
from mgrd.commands import Quiet, Verbose, app, command
from mgrd.errors import EXIT_INTERRUPTED, EXIT_NOTHING_SURVIVED, MisusedError
from mgrd.terminal import json_line

Model = Annotated[Path, typer.Option("--model", "-m", help="Folder of the audio language model.", show_default=False)]
Asked = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        help="Folder of the audio language model; with --engine server, its name there.",
        show_default=False,
    ),
]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder to write to.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object (docs/formats.md).")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Set work made under other settings aside as .old-N.")]
AudioRoot = Annotated[
    Path | None, typer.Option("--audio-root", help="Folder that audio paths are relative to.", show_default=False)
]
Measurements = Annotated[
    Path | None,
    typer.Option(
        "--measurements",
        help="Table of measurements to use and extend; default: measurements.parquet where is written to.",
        show_default=False,
    ),
]
CheckOptions = Annotated[
    list[str], typer.Option("--check-option", help="NAME.KEY=VALUE: an option of one check; may be given again.")
]


def _answer(result: dict[str, Any], as_json: bool, lines: Sequence[str]) -> None:
    """Stdout carries the answer: one JSON object, or lines for people."""
    typer.echo(json_line(result) if as_json else "\n".join(lines))


def _existing(path: Path, what: str) -> Path:
    if not path.exists():
        raise MisusedError(f"{path}: no such {what}")
    return path


def _asked(model: str, options: opts.Generate) -> Path | str:
    return model if options.engine == "server" else _existing(Path(model), "model folder")


def _story(quiet: bool) -> Any:
    from mgrd.progress import Story

    return Story(quiet)


@app.callback(invoke_without_command=True)
def _mgrd(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    """Distil audio reasoning that is grounded in the sound: generate, filter, distill, repeat."""
    if version:
        typer.echo(f"mgrd {mgrd.__version__}")
        raise typer.Exit


@command("generate")
def generate_command(
    questions: Annotated[str, typer.Argument(help="JSONL, JSON, CSV, Parquet, or a Hugging Face dataset.")],
    model: Asked,
    out: Out,
    options: opts.Generate,
    round_number: Annotated[int, typer.Option("--round", help="Number of the round, part of every seed.", min=0)] = 0,
    audio_root: AudioRoot = None,
    overwrite: Overwrite = False,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Sample K traces per question; run again to go on.

    Example: mgrd generate questions.jsonl -m MODEL -o run/round-01 -k 8
    """
    from mgrd.generate import generate

    result = generate(
        questions,
        out,
        _asked(model, options),
        options,
        round_number=round_number,
        audio_root=audio_root,
        overwrite=overwrite,
        story=_story(quiet),
    )
    failures = [f"  failed {count}: {reason}" for reason, count in result["failures"].items()]
    made = f"{result['samples']:,} samples of {result['questions']:,} questions, {result['made']:,} of them new"
    _answer(result, json_, [f"{made}: {out / 'traces'}", *failures])


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

        found = comparison.compare(*(_existing(path, "folder") for path in compare))
        _answer(found, json_, list(comparison.lines(found)))
        return
    if traces is None or out is None:
        raise MisusedError("give TRACES and -o DIR, or --compare A B")
    from mgrd.filter import filter_traces
    from mgrd.selection import select

    judged = filter_traces(
        _existing(traces, "traces"),
        out,
        options,
        check_options=opts.check_options(check_option),
        audio_root=audio_root,
        measurements=measurements,
        overwrite=overwrite,
        story=_story(quiet),
    )
    result = judged | select(out, out, selection, majority=options.no_gold == "majority")
    lines = [f"{count:>8,}  {name}" for name, count in result["objections"].items()]
    lines += [f"{count:>8,}  passed, not kept: {step.replace('_', ' ')}" for step, count in result["left_out"].items()]
    lines.append(f"{result['survivors']:,} of {result['traces']:,} traces survive, {result['passed']:,} passed: {out}")
    _answer(result, json_, lines)
    if not result["survivors"]:
        raise typer.Exit(EXIT_NOTHING_SURVIVED)


@command("distill")
def distill_command(
    *,
    survivors: Annotated[
        list[Path], typer.Argument(help="Folders that filter wrote; several are trained on together.")
    ],
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
    folders = [_existing(path, "folder") for path in survivors]
    more: Any = {"audio_root": audio_root, "overwrite": overwrite, "story": _story(quiet)}
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
        result = distill(folders, _existing(model, "model folder"), out, options, **more)
    lines = [f"{key:>24}  {value}" for key, value in result.items()]
    _answer(result, json_, [*lines, f"{'written to':>24}  {written}"])


@command("eval")
def eval_command(
    questions: Annotated[str, typer.Argument(help="Held-out questions, in any form that generate reads.")],
    model: Asked,
    options: opts.Eval,
    judging: opts.Filter,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder to write to; default: eval-QUESTIONS-MODEL.", show_default=False),
    ] = None,
    check_option: CheckOptions = [],  # noqa: B006  (typer copies it)
    audio_root: AudioRoot = None,
    measurements: Measurements = None,
    overwrite: Overwrite = False,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Accuracy and grounding on questions that were not trained on.

    Example: mgrd eval heldout.jsonl -m run/round-02/model -k 4 writes eval-heldout-round-02
    """
    from mgrd import evaluate, tables
    from mgrd.filter import filter_traces
    from mgrd.generate import generate

    story = _story(quiet)
    out = out or evaluate.default_folder(questions, model)
    made = generate(
        questions,
        out,
        _asked(model, options),
        options,
        audio_root=audio_root,
        only_these=True,
        overwrite=overwrite,
        story=story,
    )
    filter_traces(
        out,
        out,
        judging,
        check_options=opts.check_options(check_option),
        audio_root=audio_root,
        measurements=measurements,
        overwrite=overwrite,
        story=story,
    )
    result = evaluate.metrics(out / "judged")
    tables.write_json(result, out / "metrics.json")  # without seconds: the same traces give the same file
    _answer(result | {"seconds": made["seconds"]}, json_, [*evaluate.lines(result), f"{'written to':>20}  {out}"])


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
    """N rounds of generate, filter, distill and eval. Run again to go on.

    Example: mgrd run examples/quickstart/config.toml -o run --rounds 2
    """
    from mgrd import evaluate
    from mgrd.rounds import nothing_survived, run

    result = run(
        _existing(config, "config"),
        out,
        rounds=rounds,
        audio_root=audio_root,
        overwrite=overwrite,
        story=_story(quiet),
        verbose=verbose,
    )
    if json_:
        _answer({"rounds": result}, True, [])
    else:
        evaluate.print_rounds(result)
    if nothing_survived(result):
        raise typer.Exit(EXIT_NOTHING_SURVIVED)


@command("inspect")
def inspect_command(
    folder: Annotated[Path, typer.Argument(help="A run, a round, or a folder that filter wrote.")],
    rejected: Annotated[bool, typer.Option("--rejected", help="Only traces with an objection.")] = False,
    kept: Annotated[bool, typer.Option("--kept", help="Only traces that passed.")] = False,
    check: Annotated[str | None, typer.Option(help="Only traces that this check objects to.")] = None,
    question: Annotated[str | None, typer.Option(help="Only traces of this question.")] = None,
    id_: Annotated[str | None, typer.Option("--id", help="Only this trace.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", help="At most this many pages.", min=1)] = 20,
    json_: Json = False,
) -> None:
    """Page through traces, their claims and objections. Each has its verdict and its numbers.

    Example: mgrd inspect run --rejected | less -R
    """
    from mgrd import viewer

    viewer.inspect(
        _existing(folder, "folder"),
        rejected=rejected,
        kept=kept,
        check=check,
        question=question,
        trace_id=id_,
        limit=limit,
        as_json=json_,
    )


@command("measure")
def measure_command(
    audio: Annotated[
        list[Path],
        typer.Argument(help="Clips; folders of clips; JSONL, JSON, CSV or Parquet with a column audio; runs."),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="Folder to keep measurements.parquet in; default: keep nothing.", show_default=False
        ),
    ] = None,
    from_: Annotated[float | None, typer.Option("--from", help="Figures from this second on.")] = None,
    to: Annotated[float | None, typer.Option("--to", help="Figures up to this second.")] = None,
    workers: Annotated[int | None, typer.Option("--workers", help="Processes; default: one per core.", min=1)] = None,
    map_: Annotated[list[str], typer.Option("--map", help="audio=THEIRS: a table's column of clips.")] = [],  # noqa: B006
    calibrate: Annotated[
        bool,
        typer.Option(
            "--calibrate",
            help="Also calibration.json: what low or fast is among these clips; takes 200 of one content.",
        ),
    ] = False,
    praat: Annotated[
        bool,
        typer.Option(
            "--praat", help="Also jitter, shimmer, HNR, CPPS by Praat, a clip at a time: needs 'mgrd[praat]'."
        ),
    ] = False,
    audio_root: AudioRoot = None,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Every acoustic figure of clips, with its error. A page for each of up to five, a line for each of more.

    Example: mgrd measure clip.wav --from 2 --to 4
    """
    from mgrd import listen, readout

    readout.measure(
        audio,
        out,
        listen.Stretch(from_, to),
        workers=workers,
        mapping=opts.mapping(map_),
        audio_root=audio_root,
        as_json=json_,
        calibrate=calibrate,
        praat=praat,
        story=_story(quiet),
    )


@command("check")
def check_command(
    text: Annotated[
        str,
        typer.Option(
            "--text",
            "-t",
            help="The text; - reads standard input; the name of a file that exists, the file.",
            show_default=False,
        ),
    ],
    audio: Annotated[
        list[Path],
        typer.Option("--audio", "-a", help="The clip; without one claims are found, not judged; may be given again."),
    ] = [],  # noqa: B006  (typer copies it)
    calibration: Annotated[
        str | None, typer.Option("--calibration", help="calibration.json of your own clips, or its folder.")
    ] = None,
    json_: Json = False,
) -> None:
    """What a text claims about a clip, and what the waveform says. Of <think> tags, what is in them.

    Example: mgrd check --audio clip.wav --text "The pitch rises at the end."
    """
    from mgrd import checking

    checking.print_check(checking.read_text(text), audio, calibration=calibration, as_json=json_)


@command("bench", passes_on=True)
def bench_command(
    name: Annotated[str | None, typer.Argument(help="A benchmark; without one they are listed.")] = None,
    arguments: Annotated[list[str], typer.Argument(help="Passed on to it; try --help.")] = [],  # noqa: B006
    json_: Json = False,
) -> None:
    """Rerun a published figure of ours. `--json` before or after its name.

    Example: mgrd bench claims --only extraction
    """
    from mgrd import bench

    if name is None:
        found = bench.listed()
        _answer(
            {"benchmarks": [{"name": one, "summary": summary} for one, summary in found.items()]},
            json_,
            [f"{one:<10} {summary}" for one, summary in found.items()],
        )
        return
    if code := bench.run(name, [*arguments, *(["--json"] if json_ else [])]):
        if code == EXIT_INTERRUPTED:
            typer.echo("Interrupted", err=True)
        raise typer.Exit(code)


@command("rules")
def rules_command(
    name: Annotated[str | None, typer.Argument(help="A check to explain.")] = None,
    rules: Annotated[str | None, typer.Option("--rules", help="Folder with checks of your own.")] = None,
    json_: Json = False,
) -> None:
    """List the checks of the three rules; explain one.

    Example: mgrd rules true_to_waveform
    """
    from mgrd import rulebook

    checks = rulebook.load([Path(rules)] if rules else [])
    if name is None:
        listed = [{"rule": c.rule, "name": c.name, "summary": c.doc.strip().splitlines()[0]} for c in checks]
        _answer({"checks": listed}, json_, [f"{c['rule']:<12} {c['name']:<20} {c['summary']}" for c in listed])
        return
    found = [check for check in checks if check.name == name]
    if not found:
        raise MisusedError(f"there is no check {name}; there are {', '.join(check.name for check in checks)}")
    text = rulebook.describe(found[0])
    _answer({"rule": found[0].rule, "name": name, "text": text}, json_, [text])


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    app(args=None if argv is None else list(argv), prog_name="mgrd")
