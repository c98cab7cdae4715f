"""`mgrd report`: a run as one HTML file that needs no network, and its warning signs.

Reads what the stages wrote and writes one file; the same run gives the same bytes. Runs no model, judges no trace.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mgrd import tables
from mgrd.report import counted, examples, lineage, marks, sections
from mgrd.report.facts import Round, read_rounds
from mgrd.report.gallery import gallery
from mgrd.report.html import Child, Html, number, percent, tag
from mgrd.report.signs import Sign, signs_of
from mgrd.terminal import many
from mgrd.viewer.marks import unread_lines

NAME = "report.html"

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; media-src data:; img-src data:"
"""A browser that keeps it loads nothing from anywhere, whatever a trace says."""


def write(folder: Path, out: Path | None = None, *, audio_root: Path | None = None) -> dict[str, Any]:
    """Write the report of a run, a round or a stage's folder; by default into it, as report.html.

    Returns `report` (its path), `bytes`, `rounds`, `players` (clips that can be played), `unplayable` (clips shown
    without sound), `signs`, each with name, round, warns and text, and `marks`: of the filter as a whole and each check
    that people marked name, rightly, wrongly, missed, and precision and recall as [share, low, high] or null;
    `unread_marks`: lines of marks.jsonl that are no marks. Raises InputError where nothing was judged.
    """
    rounds = read_rounds(folder)
    signs = [sign for i in range(len(rounds)) for sign in signs_of(rounds[: i + 1])]
    shown = examples.load(examples.choose(rounds), audio_root)
    scores = marks.scores(rounds)
    unread = marks.unread(rounds)
    page = _page(folder, rounds, signs, shown, scores, unread)
    path = folder / NAME if out is None else out
    with tables.atomic(path) as partial:
        partial.write_text(page, encoding="utf-8", newline="\n")
    sounds = [sound for one in shown for sound in one.sounds]
    return {
        "report": str(path),
        "bytes": len(page.encode()),
        "rounds": len(rounds),
        "players": sum(sound.uri is not None for sound in sounds),
        "unplayable": sum(sound.uri is None for sound in sounds),
        "signs": [asdict(sign) for sign in signs],
        "marks": [asdict(one) | {"precision": one.precision, "recall": one.recall} for one in scores],
        "unread_marks": unread,
    }


def lines(result: dict[str, Any]) -> list[str]:
    """What `write` did, for people: the file, what cannot be played or read, and every warning of the last round."""
    size, players = f"{result['bytes'] / 1e6:.1f} MB", many(result["players"], "clip")
    mute = f", {many(result['unplayable'], 'clip')} without sound" if result["unplayable"] else ""
    last = max((sign["round"] for sign in result["signs"]), default=0)
    warned = [sign for sign in result["signs"] if sign["warns"] and sign["round"] == last]
    return [
        f"{result['report']}: {many(result['rounds'], 'round')}, {players} to play{mute}, {size}",
        *(f"Warning: round {sign['round']}, {sign['name'].replace('_', ' ')}: {sign['text']}" for sign in warned),
        *unread_lines(result["unread_marks"]),
    ]


def _page(
    folder: Path,
    rounds: Sequence[Round],
    signs: Sequence[Sign],
    shown: Sequence[examples.Example],
    scores: Sequence[marks.Score],
    unread: Sequence[str],
) -> str:
    title = f"mgrd report: {folder.resolve().name}"
    stops = lineage.stop_when(folder)
    parts: list[tuple[str, str, Child]] = [
        ("rounds", "Round by round", sections.progress(rounds)),
        ("hearing", "What hearing gains", sections.hearing(rounds)),
        ("signs", "Warning signs", sections.warnings(signs, stops)),
        ("funnel", "From asked to survived", counted.funnel(rounds)),
        ("objections", "Objections by check", counted.objections(rounds)),
        ("difficulty", "Difficulty", sections.difficulty(rounds)),
        ("cues", "Cues named", counted.cues(rounds)),
        ("training", "Training", sections.training(rounds)),
        ("cost", "Time and cost", counted.cost(rounds)),
        ("marks", "The checks against people\u2019s marks", counted.marked(scores, unread)),
        ("traces", "Traces", gallery(shown)),
        ("lineage", "Settings and lineage", lineage.lineage(folder, rounds)),
    ]
    parts = [part for part in parts if part[2]]
    links = tag("ul", [tag("li", tag("a", heading, href=f"#{name}")) for name, heading, _ in parts])
    body = [tag("section", tag("h2", heading), content, id=name) for name, heading, content in parts]
    style = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
    head = tag(
        "head",
        Html('<meta charset="utf-8"/>'),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name_="color-scheme", content="light dark"),
        tag("title", title),
        Html(f"<style>{style}</style>"),
    )
    top = tag(
        "header", tag("p", "mgrd report", class_="kicker"), tag("h1", folder.resolve().name), _summary(rounds, signs)
    )
    nav = tag("nav", links, aria_label="Contents")
    return "<!doctype html>\n" + tag("html", head, tag("body", top, nav, tag("main", body)), lang="en") + "\n"


def _summary(rounds: Sequence[Round], signs: Sequence[Sign]) -> list[Child]:
    """The run in a sentence, and four figures, first to last."""
    kind = "held-out" if any(one.held_out for one in rounds) else "own"
    judged = [found for one in rounds if (found := sections.tables_of(one)[kind])]
    traces = sum(one.own.rows.height for one in rounds if one.own)
    kept = sum(one.selection.survivors for one in rounds if one.selection)
    trained = [one for one in rounds if one.own]
    said = (
        f"{len(trained)} round{'s' * (len(trained) != 1)}, {traces:,} traces sampled, {kept:,} kept. The figures are "
        + (
            "of held-out questions, from the model before training to the last."
            if kind == "held-out"
            else "of the rounds\u2019 own samples."
        )
    )
    boxes = []
    for name in ("accuracy", "fully_grounded", "contradicted", "think_words"):
        values = [one.measures[name].value for one in judged if name in one.measures]
        if not values:
            continue
        shown = [number(value, 1) if name == "think_words" else percent(value) for value in (values[0], values[-1])]
        before = tag("span", f"from {shown[0]}", class_="before") if len(values) > 1 else None
        boxes.append(tag("div", tag("dt", sections.TITLES[name]), tag("dd", shown[1], before)))
    last = max((one.round for one in signs), default=0)
    warned = [one.name.replace("_", " ") for one in signs if one.warns and one.round == last]
    alarm = (
        tag(
            "p",
            tag("strong", "Warning"),
            f" in round {last}: {', '.join(warned)}. ",
            tag("a", "What was seen", href="#signs"),
            class_="alarm",
        )
        if warned
        else None
    )
    return [tag("p", said, class_="lead"), tag("dl", boxes, class_="boxes"), alarm]
