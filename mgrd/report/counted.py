"""The sections of a report that are tables: what was counted, with bars where a share is meant.

Takes facts, returns markup; None where there is nothing to show.
"""

from __future__ import annotations

from collections.abc import Sequence

from mgrd.report.facts import RULES, Judged, Round
from mgrd.report.html import Child, Html, code, details, number, percent, table, tag
from mgrd.report.marks import Score
from mgrd.viewer.marks import unread_lines

_COSTS = (
    ("tokens_per_survivor", "tokens a survivor", 0),
    ("accepted_per_hour", "survivors an hour of sampling", 0),
    ("accepted_per_gpu_hour", "survivors a GPU hour", 0),
)


def funnel(rounds: Sequence[Round]) -> Html | None:
    """From the samples that were asked for to those that are trained on, rule after rule."""
    parts = [part for one in rounds if (part := _funnel(one))]
    return tag("div", parts, class_="cards wide") if parts else None


def objections(rounds: Sequence[Round]) -> Html | None:
    """What each check objects to, as a share of a round's traces."""
    judged = [(one.name, one.own) for one in rounds if one.own]
    names = {name for _, own in judged for name in own.objections}
    if not names:
        return None
    worst = {name: max(own.objections.get(name, 0) / own.rows.height for _, own in judged) for name in names}
    order = sorted(names, key=lambda name: (RULES.index(name[0]) if name[0] in RULES else 9, -worst[name], name))
    rows = [
        [code(".".join(name)), *(_bar(own.objections.get(name, 0), own.rows.height) for _, own in judged)]
        for name in order
    ]
    note = tag("p", "A trace with objections of several checks counts in each of their rows.", class_="note")
    return tag("div", table(["Check", *(name for name, _ in judged)], rows, caption="Traces objected to"), note)


def cues(rounds: Sequence[Round]) -> Html | None:
    """Claims a trace by cue and round, and how many of those with a verdict of yes or no are true."""
    judged = [(one.name, one.own) for one in rounds if one.own and one.own.cues]
    if not judged:
        return None
    names = sorted(
        {cue for _, own in judged for cue in own.cues},
        key=lambda cue: (-sum(_per_trace(own, cue) for _, own in judged), cue),
    )
    top = max(_per_trace(own, cue) for _, own in judged for cue in names)
    rows: list[list[Child]] = [[code(cue), *(_cue_cell(own, cue, top) for _, own in judged)] for cue in names]
    whole = [
        tag(
            "td",
            f"{own.sum('claims') / max(own.sum('made'), 1):.2f}",
            tag("small", f" {percent(_part(own.sum('supported'), own.sum('verified')), 0)}"),
            class_="n bar",
            style="--share:0%",
        )
        for _, own in judged
    ]
    rows.append([tag("b", "all cues"), *whole])
    note = tag(
        "p",
        "Claims a trace; small: supported of those supported or contradicted. More cues of which fewer are true is cue "
        "stuffing.",
        class_="note",
    )
    return tag("div", table(["Cue", *(name for name, _ in judged)], rows, caption="Cues a trace"), note)


def cost(rounds: Sequence[Round]) -> Html | None:
    """Seconds of each stage, speed, and what a survivor cost."""
    timed = [one for one in rounds if one.metrics.get("stages")]
    if not timed:
        return None
    rows: list[list[Child]] = []
    for stage in ("generate", "filter", "distill", "eval"):
        rows.append(
            [f"{stage}, seconds", *(number(one.metrics["stages"].get(stage, {}).get("seconds"), 0) for one in timed)]
        )
    rows.append(
        [
            "tokens sampled a second",
            *(number(one.metrics["stages"].get("generate", {}).get("tokens_per_s"), 0) for one in timed),
        ]
    )
    for name, words, places in _COSTS:
        rows.append([words, *(number((one.metrics.get("cost") or {}).get(name), places) for one in timed)])
    hours = [_per_hour(one) for one in timed]
    rows.append(["survivors an hour, all stages", *(number(hour, 0) for hour in hours)])
    told = [row for row in rows if any(cell != number(None) for cell in row[1:])]
    return table(["Figure", *(one.name for one in timed)], told, caption="Time and cost")


def marked(found: Sequence[Score], unread: Sequence[str]) -> Html | None:
    """Precision and recall of each check, by the marks of people; and which lines of their files are no marks."""
    lost = [tag("p", line, class_="note") for line in unread_lines(unread)]
    if not found:
        return tag("div", lost) if lost else None
    rows = [
        [code(one.name) if i else one.name, number(one.rightly), number(one.wrongly), number(one.missed),
         _range(one.precision), _range(one.recall)]
        for i, one in enumerate(found)
    ]  # fmt: skip
    head = ["Check", "Right", "Wrong", "Missed", "Precision", "Recall"]
    note = tag(
        "p",
        "Of the traces that people marked in mgrd inspect. Intervals are Wilson\u2019s, 95\u202f%; they hold for all "
        "traces only where the marked ones were picked at random.",
        class_="note",
    )
    return tag("div", table(head, rows, caption="Checks against marks"), note, lost)


def _funnel(one: Round) -> Html | None:
    if one.own is None:
        return None
    rows, whole = one.own.rows, one.own.rows.height
    steps = [("samples asked for", whole), ("made", one.own.sum("made"))]
    left = rows.filter("made")
    for rule in RULES:
        left = left.filter(~left.get_column(rule))
        steps.append((f"pass {rule}", left.height))
    passed = one.own.sum("passed")
    if passed != left.height:
        steps.append(("pass all checks", passed))
    if one.selection:
        steps.append(("kept: trained on", one.selection.survivors))
    shown = table(
        ["Step", "Traces"], [[name, _bar(count, whole)] for name, count in steps], caption=f"{one.name}: funnel"
    )
    asked = f"{rows.get_column('question_id').n_unique():,} questions"
    out = []
    if one.selection and one.selection.left_out:
        reasons = list(one.selection.left_out.items())
        more = [("other reasons", sum(count for _, count in reasons[12:]))] if len(reasons) > 12 else []
        listed = [[why, number(count)] for why, count in [*reasons[:12], *more]]
        out = [details("Passed, but not kept", table(["Reason", "Traces"], listed, caption="Left out by selection"))]
    return tag("figure", tag("h3", one.name), tag("p", asked, class_="told"), shown, out, class_="card")


def _bar(count: int, whole: int) -> Html:
    share = count / whole if whole else 0.0
    style = f"--share:{100 * share:.1f}%"
    return tag("td", tag("span", number(count), tag("small", f" {percent(share)}")), class_="n bar", style=style)


def _cue_cell(own: Judged, cue: str, top: float) -> Html:
    all_, supported, contradicted = own.cues.get(cue, (0, 0, 0))
    if not all_:
        return tag("td", "\u2013", class_="n")
    share = _part(supported, supported + contradicted)
    style = f"--share:{100 * _per_trace(own, cue) / top:.1f}%"
    return tag(
        "td",
        tag("span", f"{_per_trace(own, cue):.2f}", tag("small", f" {percent(share, 0)}")),
        class_="n bar",
        style=style,
    )


def _per_trace(own: Judged, cue: str) -> float:
    return own.cues.get(cue, (0, 0, 0))[0] / max(own.sum("made"), 1)


def _part(hits: int, of: int) -> float | None:
    return hits / of if of else None


def _per_hour(one: Round) -> float | None:
    seconds = sum(stage.get("seconds", 0) for stage in one.metrics["stages"].values())
    return one.selection.survivors / seconds * 3600 if one.selection and seconds else None


def _range(share: tuple[float, float, float] | None) -> Child:
    if share is None:
        return "\u2013"
    return [percent(share[0], 0), tag("small", f" {100 * share[1]:.0f} to {100 * share[2]:.0f}")]
