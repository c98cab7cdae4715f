"""Stage 2: judge every trace, drop none, and write down why.

Part by part: what `judged/` holds under the same identity is not judged again, so a stopped job goes on with the same
command. Decides about single traces only; what needs all traces of a question is mgrd.selection's. Knows nothing of
what a check looks for.
"""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from concurrent.futures import Future
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from mgrd import consult, extractor, folders, tables, unfinished
from mgrd.asking import text_sha
from mgrd.claims import Claim, as_row, vocabulary
from mgrd.claims.by_model import ADDED, extraction
from mgrd.claims.calibration import FILE, Calibration, Corpus, find, read
from mgrd.consult import NOTHING, Panel, Said
from mgrd.errors import InputError, SettingsError, Stopped
from mgrd.matchers import decide, never_right
from mgrd.options import Filter, Matcher
from mgrd.progress import Story, stop
from mgrd.questions.clips import is_clip
from mgrd.rulebook import Check, Objection, Trace, fingerprint, judge, load, verified_claims
from mgrd.sources import Source, audio_notes, open_traces
from mgrd.traces import split
from mgrd.verdicts import corrected
from mgrd.workers import Pool, awaited, chosen_pool, cores, pool, to_measure

if TYPE_CHECKING:
    from mgrd.audio.measure import Measurements

Sounds = dict[str, str | InputError]
"""What is known of each clip, by its path as given: the audio_sha it is measured under, or why it is not."""
Heard = dict[str, "Measurements | str"]
"""What is known of each clip of a part, by its path as given: measurements, or why there are none."""
Asked = Callable[[Sequence[pl.DataFrame]], list[Said]]
"""What models said of the traces of some parts."""
_Parts = Iterator[tuple[str, pl.DataFrame, Heard, Said]]
"""Parts by name with all that judging them takes."""


def filter_traces(
    traces: Path,
    out: Path,
    options: Filter,
    *,
    check_options: Mapping[str, Mapping[str, Any]] | None = None,
    audio_root: Path | None = None,
    measurements: Path | None = None,
    overwrite: bool = False,
    story: Story | None = None,
) -> dict[str, Any]:
    """Judge every trace of `traces` (what `generate` wrote, or JSONL made elsewhere) into `out/judged`.

    `measurements` is the table of measurements to use and extend, by default `out/measurements.parquet`. Returns counts
    over all parts: traces, passed, failed (samples that generate could not make), unreadable (traces with a clip that
    cannot be measured), and judged (by this call); with a model that extracts also extracted, the lines of its answers
    that were added and those dropped, by reason; with one that judges also asked, by check how many verdicts it gave
    and why it gave none. Raises SettingsError when `out` holds work under another identity (unless `options.recheck`
    or `overwrite`), Stopped after SIGTERM with every finished part saved.
    """
    story = story or Story()
    book = _book(options, check_options)
    checks = load(book[0], without=book[1], options=book[2])
    vocabulary.check_files()  # before anything is measured
    table = measurements or out / "measurements.parquet"
    found = find(options.calibration, [table.parent, *([out.parent] if folders.rounds_of(out.parent) else []), out])
    calibration = None if found is None else read(found)
    source = open_traces(traces, audio_root, audio_out=out / "audio")
    panel = consult.chosen(options, [check.name for check in checks])
    identity = _identity(source, checks) | ({"calibration": calibration.sha} if calibration else {}) | panel.identity
    identity |= {"claims": "rules and a model"} if panel.extractor else {}
    identity |= {"matcher": options.matcher} if options.matcher != "ours" else {}
    rest = unfinished.told(traces, story)
    notes = audio_notes(out, source.base, source.audio_out) | rest
    notes["check_sha256"] = {
        f"{one.rule}.{one.name}": hashlib.sha256(one.path.read_bytes()).hexdigest() for one in checks
    }
    try:
        folders.open_stage(out, "filter", identity, overwrite=overwrite or options.recheck, notes=notes, story=story)
    except SettingsError as error:
        if "correctness.no_gold" in str(error):
            why = f"{error}; correctness.no_gold: --no-gold {options.no_gold} is another setting"
            raise SettingsError(why) from error
        raise
    if found is not None:
        _keep(found, out / FILE, story)
    folder = out / "judged"
    again = consult.lacking(source.frames(), out, panel) if options.recheck and panel else set()
    todo, needed = _todo(folder, source, story, again)
    processes, workers = chosen_pool(options.ray, options.workers)
    sounds = measured(source, needed, table, workers, story, processes)
    _warn_never_right(source, todo, options.matcher, story)
    asked = _ask(source, todo, out, panel, story)
    made = 0
    with story.steps("Judging", sum(todo.values()), "traces") as done:
        parts = _parts_heard(source, todo, sounds, table, asked, out)
        count = min(workers or cores(), len(todo))
        for name, judged in _judge_parts(parts, count, checks, book, calibration, options.matcher, processes):
            if panel.extractor:  # first: what is judged is not judged again
                told = judged.select("trace_id", "lines").explode("lines").drop_nulls().unnest("lines")
                tables.write_table(told, out / LINES / name, extractor.LINES)
            tables.write_table(judged, folder / name, tables.JUDGED)
            made += judged.height
            done(judged.height)
    result: dict[str, Any] = _counts(folder) | {"judged": made} | rest
    if panel.extractor:
        result["extracted"] = _extracted(folder, out / LINES)
        dropped = ", ".join(f"{n:,} {why}" for why, n in result["extracted"]["dropped"].items())
        story.note(f"{result['extracted']['added']:,} lines of the model's answers added; dropped: {dropped or 'none'}")
    if panel.checks:
        result["asked"] = consult.counts(folder, out)
    return result


LINES = "extracted/lines"
"""Under `out`: what became of the lines of a model's answers."""

_TOLD = pl.List(pl.Struct({name: kind for name, kind in extractor.LINES.items() if name != "trace_id"}))


def judge_rows(
    frame: pl.DataFrame,
    heard: Heard,
    checks: Sequence[Check],
    calibration: Calibration | None = None,
    said: Said = NOTHING,
    matcher: Matcher = "ours",
) -> pl.DataFrame:
    """Add the columns of `judged` to rows of traces; every row comes back, in order.

    With what an extractor `said`, its claims are judged too, and a column `lines` tells what became of its lines.
    """
    rows = [_judged(row, heard, checks, calibration, said, matcher) for row in tables.rows_of(frame)]
    schema = tables.JUDGED if said.extracted is None else tables.JUDGED | {"lines": _TOLD}
    # column by column: twice as fast as by row, for claims are many
    return pl.DataFrame([pl.Series(k, [row.get(k) for row in rows], dtype=t, strict=False) for k, t in schema.items()])


def _judged(
    row: dict[str, Any],
    heard: Heard,
    checks: Sequence[Check],
    calibration: Calibration | None,
    said: Said,
    matcher: Matcher,
) -> dict[str, Any]:
    if row["error"] is not None:
        failed = Objection("generate", "failed", " ".join(row["error"].split()))
        correct = None if row["answer"] is None else False
        added = {"predicted": None, "correct": correct, "objections": [asdict(failed)], "passed": False, "claims": []}
        return row | added
    think, response = split(row["completion"] or "")
    unread, readings = [], []
    for given in row["audio"]:
        reading = heard[given]
        if isinstance(reading, str):
            unread.append(Objection("filter", "unreadable", reading))
        else:
            readings.append(reading)
    _check_unchanged(row, heard)
    if unread:
        readings = []  # claims about one of several clips would be held against another
    try:
        decided = decide(response, row["choices"], row["answer"], matcher)
    except InputError as error:
        raise InputError(f"trace {row['trace_id']}: {error}") from error
    verdicts = (said.verdicts or {}).get(row["trace_id"], {})
    correct = corrected(decided.correct, verdicts)
    corpus = calibration.of(row["language"]) if calibration else None
    if said.extracted is None:
        claims = verified_claims(think, readings, corpus)
    else:
        claims, lines = _claims(think, readings, corpus, said.extracted)
        row = row | {"lines": [{"outcome": outcome, "lines": n} for outcome, n in sorted(lines.items())]}
    trace = Trace(
        id=row["trace_id"],
        think=think,
        response=response,
        completion=row["completion"] or "",
        question=row["question"],
        choices=row["choices"],
        answer=row["answer"],
        task=row["task"],
        language=row["language"],
        predicted=decided.predicted,
        unresolved=decided.why if decided.predicted is None else None,
        correct=correct,
        finish_reason=row["finish_reason"],
        claims=claims,
        measurements=readings,
        heard_s=row["heard_s"] or [],
        verdicts=verdicts,
    )
    objections = unread + judge(trace, checks)
    return row | {
        "think": think,
        "response": response,
        "audio_sha": [one.audio_sha for one in readings] or row["audio_sha"],
        "predicted": trace.predicted,
        "correct": correct,
        "objections": [asdict(objection) for objection in objections],
        "passed": not objections,
        "claims": [as_row(claim) for claim in trace.claims],
    }


def _claims(
    think: str, readings: Sequence[Measurements], corpus: Corpus | None, said: Mapping[str, str | InputError]
) -> tuple[list[Claim], dict[str, int]]:
    """The claims of the rules and of a model, verified, and what became of the lines of the model's answer."""
    from mgrd.claims.extract import extract
    from mgrd.claims.verify import verify

    found = extract(think)
    answer = said.get(text_sha(think))
    if not isinstance(answer, str):
        why = f"no answer: {answer}" if answer else "no answer"
        return verify(found, readings, corpus), {why: 1} if think else {}
    claims, lines = extraction(think, found, answer)
    return verify(claims, readings, corpus), dict(lines)


def _check_unchanged(row: dict[str, Any], heard: Heard) -> None:
    """A clip that is not the one that was sampled from would be held against what the model heard."""
    for given, sampled in zip(row["audio"], row["audio_sha"] or [], strict=False):
        reading = heard[given]
        if sampled is not None and not isinstance(reading, str) and reading.audio_sha != sampled:
            raise InputError(f"{given}: changed after trace {row['trace_id']} was sampled from it; restore the clip")


def measured(
    source: Source, given: Sequence[str], table: Path, workers: int | None, story: Story, processes: Pool = pool
) -> Sounds:
    """Measure every distinct clip once, by its path as given; what `table` holds already is not measured again."""
    from mgrd.audio.cache import measure_files

    paths = {name: source.clip(name) for name in given}
    if paths and not any(is_clip(path) for path in paths.values()):
        name, path = next(iter(paths.items()))
        count = f"none of the {len(paths):,} clips is there"
        raise InputError(f"{count}, e.g. {name} at {path}; name their folder with --audio-root")
    files = sorted(set(paths.values()))
    found: dict[Path, str | InputError] = {}
    with story.steps("Measuring", len(files), "clips") as done:
        for path, sound in measure_files(files, table, workers=to_measure(len(files), workers), processes=processes):
            _check_stop()
            found[path] = sound
            done(1)
        _check_stop()  # it may have ended for that
    return {name: found[path] for name, path in paths.items()}


def _todo(folder: Path, source: Source, story: Story, again: Set[str]) -> tuple[dict[str, int], list[str]]:
    """The parts that are not judged yet, or to be judged `again`, with their numbers of rows, and their clips.

    A judged part counts only with the traces that the source holds now: retried samples change a part.
    """
    todo: dict[str, int] = {}
    clips: set[str] = set()
    names = set()
    for name, frame in source.frames():
        names.add(name)
        path = folder / name
        same = path.exists() and tables.read_table(path, tables.JUDGED, _SAME).equals(frame.select(_SAME))
        if same and name not in again:
            continue
        todo[name] = frame.height
        clips.update(_clips(frame))
    for path in tables.parts(folder):
        if path.name not in names:
            folders.set_aside(path, story)
    return todo, sorted(clips)


_SAME = ["trace_id", "completion", "error"]


def _ask(source: Source, todo: Mapping[str, int], out: Path, panel: Panel, story: Story) -> Asked | None:
    """Have all models answer about the parts to judge; what reads the answers back, some parts at a time."""
    if not panel:
        return None
    return consult.consult(lambda: (frame for name, frame in source.frames() if name in todo), out, panel, story)


def _clips(frame: pl.DataFrame) -> set[str]:
    made = frame.filter(pl.col("error").is_null())
    return set(made["audio"].explode().drop_nulls().to_list())


Book = tuple[list[Path], list[str], dict[str, dict[str, Any]]]


def _book(options: Filter, check_options: Mapping[str, Mapping[str, Any]] | None) -> Book:
    """What `rulebook.load` is called with, in this process and in each worker."""
    own = [Path(options.rules)] if options.rules else []
    without = [*options.without, *([] if options.no_gold == "drop" else ["no_gold"])]
    return own, sorted(set(without)), {name: dict(values) for name, values in (check_options or {}).items()}


def _warn_never_right(source: Source, todo: Mapping[str, int], matcher: Matcher, story: Story) -> None:
    """Tell once when a public matcher cannot find any response right for some of the questions."""
    if matcher == "ours":
        return
    found: dict[str, str] = {}
    for name, frame in source.frames():
        for row in tables.rows_of(frame.select("question_id", "choices", "answer")) if name in todo else ():
            if why := never_right(row["choices"], row["answer"], matcher):
                found.setdefault(row["question_id"], why)
    if found:
        why = next(iter(found.values()))
        story.note(f"--matcher {matcher}: no response to {len(found):,} questions can be right, e.g. {why}")


def _identity(source: Source, checks: Sequence[Check]) -> dict[str, Any]:
    from mgrd.audio.measure import EXTRACTOR

    tuned = {check.name: check.options for check in checks if check.options}
    return {
        "traces": source.identity,
        "checks": [f"{check.rule}.{check.name}" for check in checks],
        "options": tuned,
        "rulebook": fingerprint(checks),
        "extractor": EXTRACTOR,
    }


def _keep(found: Path, mine: Path, story: Story) -> None:
    """A copy beside what is judged by it; another one that lies there is set aside."""
    content = found.read_bytes()
    if mine.exists() and mine.read_bytes() == content:
        return
    if mine.exists():
        folders.set_aside(mine, story)
    with tables.atomic(mine) as partial:
        partial.write_bytes(content)


PARTS_HEARD = 16
"""Parts that one pass over the table of measurements serves: of 256 traces, so that 4,096 clips are held at most."""


def _parts_heard(
    source: Source,
    todo: Mapping[str, int],
    sounds: Sounds,
    table: Path,
    asked: Asked | None,
    out: Path,
) -> _Parts:
    """The parts to judge, each with the measurements of its own clips and what models said of its traces."""
    frames = ((name, frame) for name, frame in source.frames() if name in todo)
    while some := deque(islice(frames, PARTS_HEARD)):
        yield from _together(some, sounds, table, asked, out)


def _together(
    some: deque[tuple[str, pl.DataFrame]], sounds: Sounds, table: Path, asked: Asked | None, out: Path
) -> _Parts:
    """What one pass over the table serves; each part is let go once it is taken, the rest at the end."""
    from mgrd.audio.cache import read_cache

    shas = {sound for _, frame in some for clip in _clips(frame) if isinstance(sound := sounds[clip], str)}
    readings = read_cache(table, shas)
    saids = deque(asked([frame for _, frame in some]) if asked else [NOTHING for _ in some])
    while some:
        (name, frame), said = some.popleft(), saids.popleft()
        told = {clip: sounds[clip] for clip in _clips(frame)}
        heard: Heard = {c: readings[s] if isinstance(s, str) else str(s) for c, s in told.items()}
        consult.keep(said, out, name)
        yield name, frame, heard, said


def _judge_parts(
    parts: _Parts,
    count: int,
    checks: Sequence[Check],
    book: Book,
    calibration: Calibration | None,
    matcher: Matcher,
    processes: Pool,
) -> Iterator[tuple[str, pl.DataFrame]]:
    """Judged parts in order, in this process or by `count` others that are never more than two parts each ahead."""
    if count <= 1:
        for name, frame, heard, said in parts:
            _check_stop()
            yield name, judge_rows(frame, heard, checks, calibration, said, matcher)
        return
    mine = [path.absolute() for path in book[0]]  # a process of a cluster works in another folder
    with processes(count, _start_worker, (mine, *book[1:])) as workers:
        ahead: deque[tuple[str, Future[pl.DataFrame]]] = deque()
        for name, frame, heard, said in parts:
            _check_stop()
            ahead.append((name, workers.submit(_judge_in_worker, frame, heard, calibration, said, matcher)))
            if len(ahead) >= 2 * count:
                first, future = ahead.popleft()
                yield first, awaited(future)
        while ahead:
            _check_stop()
            first, future = ahead.popleft()
            yield first, awaited(future)


_CHECKS: list[Check] = []
"""A worker's own checks: functions that were loaded from files cannot be sent to it."""


def _start_worker(book: Book) -> None:
    folders_, without, options = book
    _CHECKS[:] = load(folders_, without=without, options=options)


def _judge_in_worker(
    frame: pl.DataFrame, heard: Heard, calibration: Calibration | None, said: Said, matcher: Matcher
) -> pl.DataFrame:
    return judge_rows(frame, heard, _CHECKS, calibration, said, matcher)


def _check_stop() -> None:
    if stop():
        raise Stopped("stopped; the judged parts are saved, the same command goes on")


def _counts(folder: Path) -> dict[str, int]:
    counts: Counter[str] = Counter(traces=0, passed=0, failed=0, unreadable=0)
    for frame in tables.iter_parts(folder, tables.JUDGED, ["passed", "error", "objections"]):
        counts["traces"] += frame.height
        counts["passed"] += int(frame["passed"].sum())
        counts["failed"] += frame.height - frame["error"].null_count()
        has = pl.col("objections").list.eval(pl.element().struct.field("check") == "unreadable").list.any()
        counts["unreadable"] += int(frame.select(has.fill_null(value=False).sum()).item())
    return dict(counts)


def _extracted(judged: Path, lines: Path) -> dict[str, Any]:
    """What became of the lines of a model's answers, over all judged parts: added, and dropped by reason."""
    counts: Counter[str] = Counter()
    for path in tables.parts(judged):
        for outcome, n in tables.read_table(lines / path.name, extractor.LINES, ["outcome", "lines"]).iter_rows():
            counts[outcome] += n
    return {"added": counts.pop(ADDED, 0), "dropped": dict(sorted(counts.items()))}
