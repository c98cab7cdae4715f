"""The commands that look: at traces, at clips, at texts, at figures of ours, at the checks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from mgrd import settings
from mgrd.cli.command import Quiet, command
from mgrd.cli.parameters import AudioRoot, Json, answer, existing, open_story
from mgrd.errors import EXIT_INTERRUPTED, MisusedError


@command("inspect")
def inspect_command(
    folder: Annotated[Path, typer.Argument(help="A run, a round, or a folder that filter wrote.")],
    rejected: Annotated[bool, typer.Option("--rejected", help="Only traces with an objection.")] = False,
    kept: Annotated[bool, typer.Option("--kept", help="Only traces that passed and were selected.")] = False,
    rule: Annotated[str | None, typer.Option(help="Only traces that this rule objects to.")] = None,
    check: Annotated[str | None, typer.Option(help="Only traces that this check objects to.")] = None,
    task: Annotated[str | None, typer.Option(help="Only traces of this task.")] = None,
    question: Annotated[str | None, typer.Option(help="Only traces of this question.")] = None,
    cue: Annotated[
        str | None, typer.Option(help="Only with a claim of this cue: pitch.level, or any of pitch.")
    ] = None,
    verdict: Annotated[
        Literal["contradicted", "supported", "unverifiable"] | None, typer.Option(help="Only with a claim judged so.")
    ] = None,
    search: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Only with TEXT in question, think text or response.")
    ] = None,
    id_: Annotated[str | None, typer.Option("--id", help="Only this trace.")] = None,
    sort: Annotated[
        Literal["state", "id", "question", "objections", "longest", "shortest"],
        typer.Option(help="Order; state: rejected, not selected, kept."),
    ] = "state",
    plain: Annotated[bool, typer.Option("--plain", help="Plain text also on a terminal.")] = False,
    stats: Annotated[bool, typer.Option("--stats", help="Counts alone, of the traces that match.")] = False,
    limit: Annotated[
        int, typer.Option("--limit", "-n", help="At most this many pages of plain text, or rows of --json.", min=1)
    ] = 20,
    audio_root: AudioRoot = None,
    json_: Json = False,
) -> None:
    """Look at traces and why they were rejected. Full screen on a terminal, else plain pages.

    In the viewer, ? lists the keys; what you mark there stays in marks.jsonl (docs/inspect.md).

    Example: mgrd inspect run --rejected --check true_to_waveform
    """
    from mgrd import viewer

    if rejected and kept:
        raise MisusedError("--rejected and --kept exclude each other; leave both out to see all traces")
    show: Literal["rejected", "kept", "all"] = "rejected" if rejected else "kept" if kept else "all"
    viewer.inspect(
        existing(folder, "folder"),
        viewer.Wanted(show, rule, check, task, question, cue, verdict, search, id_, sort, limit),
        text_only=plain,
        stats=stats,
        as_json=json_,
        audio_root=audio_root,
    )


@command("report")
def report_command(
    folder: Annotated[
        Path, typer.Argument(help="A run, a round, or a folder that filter or eval wrote.", metavar="RUN")
    ],
    to: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The file to write; default: report.html in RUN.", show_default=False),
    ] = None,
    audio_root: AudioRoot = None,
    json_: Json = False,
) -> None:
    """A run as one HTML file: figures, warnings, traces with sound. It needs no network.

    Example: mgrd report run -o report.html
    """
    from mgrd import report

    if to is not None and to.is_dir():
        raise MisusedError(f"-o {to}: is a folder; give a file, {to / report.NAME}")
    result = report.write(existing(folder, "folder"), to, audio_root=audio_root)
    answer(result, json_, report.lines(result))


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
        mapping=settings.mapping(map_),
        audio_root=audio_root,
        as_json=json_,
        calibrate=calibrate,
        praat=praat,
        story=open_story(quiet),
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
        answer(
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
        answer({"checks": listed}, json_, [f"{c['rule']:<12} {c['name']:<20} {c['summary']}" for c in listed])
        return
    found = [check for check in checks if check.name == name]
    if not found:
        raise MisusedError(f"there is no check {name}; there are {', '.join(check.name for check in checks)}")
    text = rulebook.describe(found[0])
    answer({"rule": found[0].rule, "name": name, "text": text}, json_, [text])
