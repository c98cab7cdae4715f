"""The sections of a report that are drawn: the figures, and beside each the same as a table.

Takes facts, returns markup; None where there is nothing to show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mgrd.report import figures
from mgrd.report.facts import CONTROLS, MEASURES, Judged, Measure, Round, rates, training_of
from mgrd.report.html import Child, Html, details, number, percent, table, tag
from mgrd.report.signs import NEEDS, Sign

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
KINDS = {
    "held-out": ("held", "held-out questions"),
    "own": ("own", "the round\u2019s own samples"),
    "swap": ("swap", "with another clip"),
    "silence": ("silence", "with silence"),
    "noise": ("noise", "with noise"),
}
"""The tables of a round, their class in style.css, and their name for people; the last three are controls of eval."""


def tables_of(one: Round) -> dict[str, Judged | None]:
    """A round's tables of traces."""
    return {"held-out": one.held_out, "own": one.own} | {name: one.controls.get(name) for name in CONTROLS}


def progress(rounds: Sequence[Round]) -> Html:
    """Six measures by round."""
    present = [kind for kind in KINDS if any(tables_of(one)[kind] for one in rounds)]
    keys = [tag("span", _key(KINDS[kind][0]), tag("span", KINDS[kind][1]), class_="key") for kind in present]
    legend = tag("p", keys, class_="legend")
    note = tag(
        "p",
        "Bars are 95\u202f% intervals over questions, as samples of one question are not independent: a bootstrap with "
        "1,000 resamples; Wilson\u2019s where each question has one sample.",
        class_="note",
    )
    cards = [card for name in MEASURES if (card := _measure_card(name, rounds, present))]
    head = ["Measure", "Traces", *(one.name for one in rounds)]
    rows = [
        [TITLES[name], KINDS[kind][1], *(_interval(name, _found(one, kind, name)) for one in rounds)]
        for name in MEASURES
        for kind in present
    ]
    numbers = details("The same as a table", table(head, rows, texts=2, caption="Measures by round"))
    return tag("div", legend, tag("div", cards, class_="cards"), note, numbers)


def hearing(rounds: Sequence[Round]) -> Html | None:
    """What each control takes away: the gain that comes from hearing, paired by question, with its interval."""
    told = [(one.name, (one.metrics.get("eval") or one.metrics).get("controls") or {}) for one in rounds]
    told = [(name, controls) for name, controls in told if controls]
    rows: list[list[Child]] = [
        [KINDS[control][1], TITLES[measure], *(_gain(controls.get(control, {}), measure) for _, controls in told)]
        for control in CONTROLS
        for measure in ("accuracy", "fully_grounded", "claims_supported")
        if any(control in controls for _, controls in told)
    ]
    if not rows:
        return None
    note = tag(
        "p",
        "Points more with the right audio than without it, on the same held-out questions; small: 95\u202f% interval. "
        "A model that learns to hear gains here; one that learns words gains in accuracy alone.",
        class_="note",
    )
    head = ["Against", "Measure", *(name for name, _ in told)]
    return tag("div", table(head, rows, texts=2, caption="What hearing gains"), note)


def _gain(control: Mapping[str, Any], measure: str) -> Child:
    found = (control.get("gain") or {}).get(measure) or {}
    if found.get("difference") is None:
        return "\u2013"
    between = found.get("interval")
    ends = tag("small", f" {100 * between[0]:+z.0f} to {100 * between[1]:+z.0f}") if between else None
    return [f"{100 * found['difference']:+z.1f}", ends]


def warnings(signs: Sequence[Sign], stop_when: Sequence[str]) -> Html:
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
        tag("p", "[run] stop_when ends the run on: ", ", ".join(stop_when), ".", class_="note") if stop_when else None
    )
    everything = [
        [str(one.round), one.name.replace("_", " "), "warning" if one.warns else "quiet", one.text] for one in signs
    ]
    unseen = [
        f"{name.replace('_', ' ')} (needs {NEEDS[name]})" for name in NEEDS if name not in {one.name for one in shown}
    ]
    return tag(
        "div",
        [tag("p", f"In round {last}:"), tag("ul", items, class_="signs")] if items else None,
        tag("p", f"Not seen: {', '.join(unseen)}.", class_="note") if unseen else None,
        ends,
        details("All rounds", table(["Round", "Sign", "State", "What was seen"], everything, texts=4, caption="Signs"))
        if items
        else None,
    )


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


def training(rounds: Sequence[Round]) -> Html | None:
    """Loss over the steps of each round's training; of one by reward, whose loss says nothing, the reward."""
    cards = []
    for one in rounds:
        made = training_of(one)
        what = "reward" if "rewards" in made else "loss"
        each = [float(value) for value in made.get("rewards") or made.get("losses", ())]
        if not each:
            continue
        held = [float(loss) for loss in made.get("losses_held_out") or ()]
        drawn = [figures.Line("held", [(step + 1, value) for step, value in enumerate(each)], marks=False)]
        if held:
            epoch = len(each) / len(held)
            drawn.append(figures.Line("own", [((i + 1) * epoch, loss) for i, loss in enumerate(held)]))
        tenth = max(1, len(each) // 10)
        first, last = (sum(part) / len(part) for part in (each[:tenth], each[-tenth:]))
        told = (
            f"{what.capitalize()} from {first:.3f} to {last:.3f} (means of the first and last tenth of {len(each):,} "
            "entries)."
        )
        shape = figures.lines(
            drawn, title=f"{one.name}: {what}", told=told, shown="{:.2g}".format, across="{:.0f}".format, below="step"
        )
        facts = [[name.replace("_", " "), _plain(made[name])] for name in _TRAINED if made.get(name) is not None]
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


_TRAINED = (
    "traces",
    "pairs",
    "questions",
    "steps",
    "epochs",
    "target_tokens",
    "left_out",
    "parameters",
    "trainable",
    "precision",
    "padding",
    "loss_held_out",
    "margin",
    "preferred",
    "correct_first",
    "correct_last",
    "think_first",
    "think_last",
    "no_signal",
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
        drawn.append(figures.Line(KINDS[kind][0], [(at, one.value) for at, one in found], bounds))
        first, last = _value(name, found[0][1].value), _value(name, found[-1][1].value)
        word = KINDS[kind][1] if kind in CONTROLS else kind
        said.append(f"{word} {first} to {last}" if len(found) > 1 else f"{word} {last}")
    if not drawn:
        return None
    told = f"{'; '.join(said)}."
    share = name != "think_words"
    shape = figures.lines(
        drawn,
        title=TITLES[name],
        told=told[:1].upper() + told[1:],
        shown=(lambda value: f"{100 * value:.0f} %") if share else figures.rounded,
        across="{:.0f}".format if len(rounds) > 1 else lambda _: "",
        share=share,
        below="round" if len(rounds) > 1 else "",
    )
    return tag("figure", tag("h3", TITLES[name]), tag("p", MEANINGS[name], class_="told"), shape, class_="card")


def _found(one: Round, kind: str, name: str) -> Measure | None:
    judged = tables_of(one)[kind]
    return judged.measures.get(name) if judged else None


def _plain(value: float | str) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _value(name: str, value: float) -> str:
    return f"{value:.1f}" if name == "think_words" else percent(value)


def _interval(name: str, found: Measure | None) -> Child:
    if found is None:
        return "\u2013"
    if found.low is None or found.high is None:
        return _value(name, found.value)
    low, high = (f"{end:.1f}" if name == "think_words" else f"{100 * end:.1f}" for end in (found.low, found.high))
    return [_value(name, found.value), tag("small", f" {low} to {high}")]


def _key(kind: str) -> Html:
    return tag(
        "svg",
        tag("path", d="M0 6H20", class_=f"line {kind}"),
        figures.mark(kind, 10, 6),
        viewBox="0 0 20 12",
        width="20",
        height="12",
        aria_hidden="true",
    )
