"""A page's example traces: what was asked, what was heard, what was said, claim by claim, and who objected.

Draws what mgrd.report.examples has chosen; the colour of a verdict is never its only sign.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from mgrd.report import figures
from mgrd.report.examples import PLAYED_S, Example, Sound, spans
from mgrd.report.html import Child, Html, code, details, number, table, tag
from mgrd.viewer.clips import UNMEASURED

SIGNS = {"supported": "+", "contradicted": "\u2212", "unverifiable": "?"}
SHOWN = 6000
"""Characters of a think text."""


def gallery(examples: Sequence[Example]) -> Html:
    """All examples, a heading for each group."""
    shown: list[Child] = []
    for group, members in groupby(examples, key=lambda one: one.group):
        heading = "Kept" if group == "kept" else tag("span", "Rejected by ", code(group))
        shown.append(tag("h3", heading, class_="group"))
        shown.append(tag("div", [_card(one) for one in members], class_="traces"))
    return Html("".join(str(one) for one in shown))


def _card(example: Example) -> Html:
    row = example.row
    choices = [
        tag("li", choice, dir="auto", class_="gold" if choice == row["answer"] else None)
        for choice in row["choices"] or ()
    ]
    right = {True: "right", False: "wrong", None: "not scored"}[row["correct"]]
    facts = [
        ("Answer", [row["predicted"] or "could not be resolved", tag("span", f" {right}", class_=f"word {right}")]),
        ("Gold", row["answer"] or "none"),
        ("Task", row["task"] or "none"),
    ]
    return tag(
        "article",
        tag("h4", row["question"], dir="auto"),
        tag("p", tag("code", row["trace_id"]), class_="id"),
        tag("ul", choices, class_="choices") if choices else None,
        [_sound(sound, row["claims"] or (), only=len(example.sounds) == 1) for sound in example.sounds],
        tag("p", _marked(row["think"] or "", row["claims"] or ()), class_="think", dir="auto")
        if row["think"]
        else None,
        tag("dl", [[tag("dt", name), tag("dd", value, dir="auto")] for name, value in facts], class_="facts"),
        [_objection(one) for one in row["objections"] or ()],
        _claims(row["claims"] or ()),
        class_="trace",
    )


def _objection(one: Mapping[str, Any]) -> Html:
    return tag("p", code(f"{one['rule']}.{one['check']}"), " ", one["reason"], class_="objection")


def _sound(sound: Sound, claims: Sequence[Mapping[str, Any]], *, only: bool) -> Html:
    parts: list[Child] = []
    if sound.uri:
        parts.append(tag("audio", controls=True, preload="none", src=sound.uri, aria_label=f"Clip {sound.path}"))
    else:
        parts.append(tag("p", f"No sound: {sound.missing}", class_="note"))
    length = "" if sound.duration_s is None else f", {sound.duration_s:.1f} s"
    cut = f"; the first {PLAYED_S:g} s are played" if (sound.duration_s or 0) > PLAYED_S and sound.uri else ""
    if sound.measured:
        clip = sound.measured
        f0_hz, level_db = (clip.tracks[name].astype(np.float64) for name in ("f0_hz", "level_db"))
        f0_hz[f0_hz <= 0] = np.nan
        voiced = f0_hz[np.isfinite(f0_hz)]
        told = (
            f"Pitch from {voiced.min():.0f} to {voiced.max():.0f} Hz, median {np.median(voiced):.0f} Hz"
            if len(voiced)
            else "No pitch was found"
        ) + f", over {clip.duration_s:.1f} s; below it the level."
        drawn = spans(claims, clip) if only else []
        parts.append(figures.clip(f0_hz, level_db, clip.hop_s, drawn, title="Pitch and level of the clip", told=told))
    else:
        parts.append(tag("p", f"No curves: {UNMEASURED}", class_="note"))
    return tag("figure", *parts, tag("figcaption", f"{sound.path}{length}{cut}"), class_="clip")


def _marked(think: str, claims: Sequence[Mapping[str, Any]]) -> list[Child]:
    """The text with its judged claims marked; claims that overlap an earlier one are in the table only."""
    parts: list[Child] = []
    at = 0
    for claim in sorted(claims, key=lambda one: (one["start"], one["end"])):
        if not claim["verdict"] or claim["start"] < at or claim["end"] > SHOWN:
            continue
        sign = tag("sup", SIGNS.get(claim["verdict"], "?"), aria_label=claim["verdict"])
        parts += [
            think[at : claim["start"]],
            tag("mark", think[claim["start"] : claim["end"]], sign, class_=claim["verdict"]),
        ]
        at = claim["end"]
    parts.append(think[at:SHOWN])
    if len(think) > SHOWN:
        parts.append(tag("span", f" \u2026 and {len(think) - SHOWN:,} characters more", class_="note"))
    return parts


def _claims(claims: Sequence[Mapping[str, Any]]) -> Html | None:
    judged = [one for one in claims if one["verdict"]]
    if not judged:
        return None
    rows = [
        [one["text"], tag("span", SIGNS.get(one["verdict"], "?"), " ", one["verdict"], class_=f"word {one['verdict']}"),
         one["why"] or "", code(one["cue"]), number(one["z"], 1)]
        for one in judged
    ]  # fmt: skip
    head = ["Claim", "Verdict", "Evidence", "Cue", "z"]
    count = f"{len(judged)} claim{'s' * (len(judged) != 1)}, measured"
    return details(count, table(head, rows, texts=4))
