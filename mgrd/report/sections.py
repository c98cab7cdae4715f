"""The sections of a report: of each, what was counted as a figure, and beside it the same as a table.

Takes facts, returns markup; None where there is nothing to show.
"""

from __future__ import annotations

from collections.abc import Sequence

from mgrd.report import figures
from mgrd.report.facts import MEASURES, RULES, Judged, Measure, Round, rates, training_of
from mgrd.report.html import Child, Html, details, number, percent, table, tag
from mgrd.report.marks import Score
from mgrd.report.signs import Sign

TITLES = {
    "accuracy": "Accuracy",
    "fully_grounded": "Fully grounded",
    "contradicted": "Contradicted by the waveform",
    "claims_supported": "Claims supported",
    "passed": "Passed all checks",
    "think_words": "Words of reasoning",
}
MEANINGS = {
    "accuracy": "Traces with the right answer, of those with a gold answer.",
    "fully_grounded": "At least one supported claim and none contradicted, of the traces made.",
    "contradicted": "At least one contradicted claim, of the traces made.",
    "claims_supported": "Supported of supported and contradicted claims.",
    "passed": "Traces without an objection, of all.",
    "think_words": "Mean of the traces made.",
}
KINDS = {"held-out": "held", "own": "own"}
"""The two tables of a round, and their class in style.css."""


def tables_of(one: Round) -> dict[str, Judged | None]:
    """A round's two tables of traces."""
    return {"held-out": one.held_out, "own": one.own}


def progress(rounds: Sequence[Round]) -> Html:
    """Six measures by round."""
    present = [kind for kind in KINDS if any(tables_of(one)[kind] for one in rounds)]
    words = {"held-out": "held-out questions", "own": "the round\u2019s own samples"}
    legend = tag(
        "p", [[_key(KINDS[kind]), tag("span", words[kind], class_="key")] for kind in present], class_="legend"
    )
    note = tag(
        "p",
        "Bars are 95\u202f% intervals from 1,000 resamples of the questions (bootstrap), as samples of one question are"
        " not independent.",
        class_="note",
    )
    cards = [card for name in MEASURES if (card := _measure_card(name, rounds, present))]
    head = ["Measure", "Traces", *(one.name for one in rounds)]
    rows = [
        [TITLES[name], words[kind], *(_interval(name, _found(one, kind, name)) for one in rounds)]
        for name in MEASURES
        for kind in present
    ]
    numbers = details("The same as a table", table(head, rows, texts=2, caption="Measures by round"))
    return tag("div", legend, tag("div", cards, class_="cards"), note, numbers)


def warnings(signs: Sequence[Sign], rounds: Sequence[Round], stop_when: Sequence[str]) -> Html:
    """The signs of the last round, warnings first; those of rounds before are in the table."""
    last = max((one.round for one in signs), default=0)
    shown = sorted((one for one in signs if one.round == last), key=lambda one: not one.warns)
    items = [
        tag(
            "li",
            tag(
                "strong",
                "Warning" if one.warns else "Quiet",
                class_="word " + ("contradicted" if one.warns else "quiet"),
            ),
            " ",
            tag("b", one.name.replace("_", " ")),
            ": ",
            one.text,
            ".",
        )
        for one in shown
    ]
    ends = (
        tag("p", "The run ends on ", ", ".join(stop_when), " ([run] stop_when).", class_="note") if stop_when else None
    )
    everything = [
        [f"Round {one.round}", one.name.replace("_", " "), "warning" if one.warns else "quiet", one.text]
        for one in signs
    ]
    if not items:
        return tag("p", "Nothing to compare yet: signs need a second round, or selection.", class_="note")
    return tag(
        "div",
        tag("ul", items, class_="signs"),
        ends,
        details("All rounds", table(["Round", "Sign", "State", "What was seen"], everything, texts=4, caption="Signs")),
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
        [tag("code", ".".join(name)), *(_bar(own.objections.get(name, 0), own.rows.height) for _, own in judged)]
        for name in order
    ]
    note = tag("p", "A trace with objections of several checks counts in each of their rows.", class_="note")
    return tag("div", table(["Check", *(name for name, _ in judged)], rows, caption="Traces objected to"), note)


def difficulty(rounds: Sequence[Round]) -> Html | None:
    """How many of a question's samples passed, over the questions of a round."""
    cards = []
    for one in rounds:
        if one.own is None:
            continue
        found = rates(one.own)
        most = max(all_ for _, all_ in found)
        bins = most + 1 if most <= 16 else 11
        counts = [0] * bins
        for passed, all_ in found:
            counts[round(passed / all_ * (bins - 1))] += 1
        told = f"Of {len(found):,} questions {counts[0]:,} had no sample pass and {counts[-1]:,} had all pass."
        ends = ("none", "all")
        drawn = figures.histogram(
            counts,
            title=f"{one.name}: samples that passed",
            told=told,
            ends=ends,
            below="share of a question\u2019s samples that passed",
        )
        rows = [[percent(i / (bins - 1), 0), number(count)] for i, count in enumerate(counts)]
        cards.append(
            tag("figure", tag("h3", one.name), tag("p", told, class_="told"), drawn,
                details("Numbers", table(["Passed", "Questions"], rows, caption="Questions by share passed")),
                class_="card")
        )  # fmt: skip
    return tag("div", cards, class_="cards") if cards else None


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
    rows: list[list[Child]] = [[tag("code", cue), *(_cue_cell(own, cue, top) for _, own in judged)] for cue in names]
    whole = [
        tag(
            "td",
            f"{own.sum('claims') / max(own.sum('made'), 1):.2f}",
            tag("small", f" {percent(_part(own.sum('supported'), own.sum('verified')), 0)}"),
            class_="n",
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


def training(rounds: Sequence[Round]) -> Html | None:
    """Loss over the steps of each round's training."""
    cards = []
    for one in rounds:
        made = training_of(one)
        losses = [float(loss) for loss in made.get("losses", ())]
        if not losses:
            continue
        held = [float(loss) for loss in made.get("held_out") or ()]
        drawn = [figures.Line("held", [(step + 1, loss) for step, loss in enumerate(losses)], marks=False)]
        if held:
            each = len(losses) / len(held)
            drawn.append(figures.Line("own", [((i + 1) * each, loss) for i, loss in enumerate(held)]))
        first, last = (
            sum(part) / len(part)
            for part in (losses[: max(1, len(losses) // 10)], losses[-max(1, len(losses) // 10) :])
        )
        told = f"From {first:.3f} to {last:.3f} (means of the first and last tenth of {len(losses):,} entries)."
        shape = figures.lines(
            drawn, title=f"{one.name}: loss", told=told, shown="{:.2g}".format, across="{:.0f}".format, below="step"
        )
        facts = [[name.replace("_", " "), str(made[name])] for name in _TRAINED if made.get(name) is not None]
        cards.append(
            tag(
                "figure",
                tag("h3", one.name),
                tag("p", told, class_="told"),
                shape,
                details("Numbers", table(["Figure", "Value"], facts, caption="Training")),
                class_="card",
            )
        )
    return tag("div", cards, class_="cards") if cards else None


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


def marked(found: Sequence[Score]) -> Html | None:
    """Precision and recall of each check, by the marks of people."""
    if not found:
        return None
    rows = [
        [tag("code", one.name) if i else one.name, number(one.rightly), number(one.wrongly), number(one.missed),
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
    return tag("div", table(head, rows, caption="Checks against marks"), note)


_TRAINED = (
    "traces",
    "steps",
    "epochs",
    "target_tokens",
    "left_out",
    "parameters",
    "trainable",
    "precision",
    "padding",
    "loss_held_out",
)
_COSTS = (
    ("tokens_per_survivor", "tokens a survivor", 0),
    ("accepted_per_hour", "survivors an hour of sampling", 0),
    ("accepted_per_gpu_hour", "survivors a GPU hour", 0),
)


def _measure_card(name: str, rounds: Sequence[Round], present: Sequence[str]) -> Html | None:
    drawn, said = [], []
    for kind in present:
        found = [
            (i if one.number is None else one.number, measure)
            for i, one in enumerate(rounds)
            if (measure := _found(one, kind, name))
        ]
        if not found:
            continue
        bounds = [None if one.low is None or one.high is None else (one.low, one.high) for _, one in found]
        drawn.append(figures.Line(KINDS[kind], [(at, one.value) for at, one in found], bounds))
        first, last = _value(name, found[0][1].value), _value(name, found[-1][1].value)
        said.append(f"{kind} {first} to {last}" if len(found) > 1 else f"{kind} {last}")
    if not drawn:
        return None
    told = f"{'; '.join(said)}."
    share = name != "think_words"
    shape = figures.lines(
        drawn,
        title=TITLES[name],
        told=told[:1].upper() + told[1:],
        shown=(lambda value: f"{100 * value:.0f} %") if share else "{:.4g}".format,
        across="{:.0f}".format if len(rounds) > 1 else lambda _: "",
        share=share,
        below="round" if len(rounds) > 1 else "",
    )
    return tag("figure", tag("h3", TITLES[name]), tag("p", MEANINGS[name], class_="told"), shape, class_="card")


def _funnel(one: Round) -> Html | None:
    if one.own is None:
        return None
    rows, whole = one.own.rows, one.own.rows.height
    steps = [("samples asked for", whole), ("made", one.own.sum("made"))]
    left = rows.filter("made")
    for rule in RULES:
        left = left.filter(~left.get_column(rule))
        steps.append((f"no objection of {rule}", left.height))
    passed = one.own.sum("passed")
    if passed != left.height:
        steps.append(("no other objection", passed))
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


def _found(one: Round, kind: str, name: str) -> Measure | None:
    judged = tables_of(one)[kind]
    return judged.measures.get(name) if judged else None


def _value(name: str, value: float) -> str:
    return f"{value:.1f}" if name == "think_words" else percent(value)


def _interval(name: str, found: Measure | None) -> Child:
    if found is None:
        return "\u2013"
    if found.low is None or found.high is None:
        return _value(name, found.value)
    low, high = (f"{end:.1f}" if name == "think_words" else f"{100 * end:.1f}" for end in (found.low, found.high))
    return [_value(name, found.value), tag("small", f" {low} to {high}")]


def _range(share: tuple[float, float, float] | None) -> Child:
    if share is None:
        return "\u2013"
    return [percent(share[0], 0), tag("small", f" {100 * share[1]:.0f} to {100 * share[2]:.0f}")]


def _key(kind: str) -> Html:
    mark = (
        tag("path", d="M6.5 2.5h7v7h-7Z", class_="mark own")
        if kind == "own"
        else tag("circle", cx="10", cy="6", r="4", class_=f"mark {kind}")
    )
    return tag(
        "svg",
        tag("path", d="M0 6H20", class_=f"line {kind}"),
        mark,
        viewBox="0 0 20 12",
        width="20",
        height="12",
        aria_hidden="true",
    )
