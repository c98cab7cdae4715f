"""The page of one trace: what was asked and answered, every objection, the think text, and how the clip sounds.

The same pieces make the plain page and the full-screen one. Reads nothing from disk and decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from mgrd.claims.readings import shown
from mgrd.terminal import safe
from mgrd.viewer.clips import sounds_of
from mgrd.viewer.drawing import drawn, in_words
from mgrd.viewer.marks import Mark
from mgrd.viewer.texts import Wrapped, claim_lines, marked, one_line

if TYPE_CHECKING:
    from mgrd.audio.measure import Measurements

STATE_STYLES = {"rejected": "bold red", "not selected": "", "kept": "green"}
STATE_SIGNS = {"rejected": "x", "not selected": "~", "kept": "+"}
MARK_WORDS = {"right": "right", "kept_wrongly": "should not have passed", "rejected_wrongly": "should have passed"}

FIGURES = {
    "pitch": ("f0_median_hz", "f0_p10_hz", "f0_p90_hz", "f0_sd_st", "f0_slope_st_s", "f0_final_slope_st_s"),
    "loudness": ("loudness_lufs", "loudness_trend_db", "loudness_range_db"),
    "rate": ("syllable_rate_hz", "speech_s"),
    "pause": ("pause_count", "longest_pause_s", "pause_total_s"),
    "tempo": ("tempo_bpm", "pulse_strength"),
    "rhythm": ("onset_regularity", "pulse_strength"),
    "timbre": ("centroid_hz", "brightness_db"),
    "voice": ("f0_median_hz", "harmonicity_db"),
    "space": ("reverb_s",),
    "noise": ("snr_db", "noise_floor_dbfs"),
    "time": ("duration_s",),
    "event": ("event_count",),
    "source": ("speech_s", "voiced_s"),
}
"""The figures that claims of a family of cues are held against."""

INDENT = 2
CLAIMS = 200
"""Claims that are listed; what is left out is counted."""
SOUNDS = 4
"""Clips that are drawn; what is left out is counted."""
SIBLINGS = 12
"""Siblings that are listed; what is left out is counted."""


Pieces = list[RenderableType]


def parts(
    row: Mapping[str, Any],
    clips: Sequence[Measurements | str],
    others: Sequence[Mapping[str, Any]],
    marks: Sequence[Mark],
    *,
    number: int,
    objection: int | None = None,
    width: int | None = None,
) -> tuple[Pieces, Pieces, Pieces]:
    """The page from top to bottom: what decided, the think text, and what else there is.

    `clips` are the measurements of the trace's clips in their order, or why one has none.
    `objection` is the one in focus, of which the claim is shown in reverse. Pitch and level are drawn when there is a
    `width` to draw in, else told in words.
    """
    top = [title(row, number), *mark_lines(marks), facts(row), *objections(row, objection)]
    think: Pieces = []
    rest: Pieces = []
    if row["error"] is None:  # else an objection says why there is no text
        think = [
            Text("Think", style="bold"),
            indented(Wrapped(marked(row["think"], row["claims"], claim_meant(row, objection)))),
        ]
        rest = [Text("Response", style="bold"), indented(Wrapped(Text(safe(row["response"]) or "(none)")))]
    return top, think, [*rest, *evidence(row), *sound(row, clips, width), *sibling_lines(others)]


def indented(piece: RenderableType) -> RenderableType:
    """What belongs to the heading above it."""
    return Padding(piece, (0, 0, 0, INDENT))


def title(row: Mapping[str, Any], number: int) -> Text:
    """Number, id and state."""
    state = row["state"]
    return Text.assemble(
        (f"{number:,}. {one_line(row['trace_id'])}  ", "bold"),
        (state.upper(), STATE_STYLES[state]),
    )


def mark_lines(marks: Sequence[Mark]) -> Iterator[Text]:
    """What a person said of the trace."""
    for one in marks:
        about = f" ({safe(one.check)})" if one.check else ""
        note = f": {safe(one.note)}" if one.note else ""
        yield Text.assemble(("Marked ", "bold"), f"{MARK_WORDS[one.mark or 'right']}{about}{note}")


def facts(row: Mapping[str, Any]) -> RenderableType:
    """What was asked, what should have been answered, and what was."""
    heard = [f"{seconds:.1f} s" for seconds in row["heard_s"] or ()]
    paths = [safe(path) for path in row["audio"] or ()]
    named = [f"{path} ({heard[i]})" if i < len(heard) else path for i, path in enumerate(paths)]
    lines = {
        "Audio": ", ".join(named) or "(none)",
        "Task": safe(row["task"]),
        "Question": safe(row["question"]),
        "Choices": " | ".join(map(safe, row["choices"] or ())),
        "Gold": safe(row["answer"]) or "(none)",
        "Answer": answer(row),
        "Control": safe(row["control"]),
        "Finish": "" if row["finish_reason"] in (None, "stop") else row["finish_reason"],
    }
    grid = Table(box=None, show_header=False, pad_edge=False)
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in lines.items():
        if value:
            grid.add_row(name, Text(value))
    return grid


def answer(row: Mapping[str, Any]) -> str:
    """What a trace answers, and whether that is right."""
    verdict = {True: "  (right)", False: "  (wrong)", None: ""}[row["correct"]]
    return (safe(row["predicted"]) or "(could not be resolved)") + verdict


def objections(row: Mapping[str, Any], focus: int | None = None) -> Iterator[Text]:
    """Each objection with its reason, that in focus behind an arrow; why a trace that passed was not selected."""
    for number, one in enumerate(row["objections"]):
        name = f"{one['rule']}.{one['check']}"
        arrow = "> " if number == focus else ""
        yield Text.assemble((f"{arrow}Objection ", "bold red"), (name, "bold"), f": {safe(one['reason'])}")
    if row["not_kept"] is not None and row["passed"]:
        yield Text.assemble(("Passed, but not selected", "bold"), f": {safe(row['not_kept'])}")


def claim_meant(row: Mapping[str, Any], objection: int | None) -> int | None:
    """The number of the claim whose words the reason of an objection quotes, a contradicted one before others."""
    if objection is None or objection >= len(row["objections"]):
        return None
    reason = row["objections"][objection]["reason"]
    quoted = [
        (claim["verdict"] != "contradicted", number)
        for number, claim in enumerate(row["claims"] or (), 1)
        if claim["verdict"] and claim["text"] and claim["text"] in reason
    ]
    return min(quoted)[1] if quoted else None


def evidence(row: Mapping[str, Any]) -> Iterator[RenderableType]:
    """A line for each claim: what was measured, and why that decides it."""
    claims = row["claims"] or ()
    if claims:
        yield Text("Claims", style="bold")
    yield from (indented(line) for line in claim_lines(claims[:CLAIMS]))
    if len(claims) > CLAIMS:
        yield Text(f"  and {len(claims) - CLAIMS:,} more; --json has them all")


def sound(
    row: Mapping[str, Any], clips: Sequence[Measurements | str], width: int | None, *, curves_only: bool = False
) -> Iterator[RenderableType]:
    """How each clip sounds: the figures that the claims are about, unless `curves_only`, and pitch and level over time.

    The stretches of claims are drawn below a single clip only: of several, none of them says which it is about.
    """
    if not clips:
        yield Text.assemble(("Sound", "bold"), "  not drawn: the trace has no clip")
    claims = row["claims"] or ()
    for number, clip in enumerate(clips[:SOUNDS], 1):
        heading = "Sound" if len(clips) == 1 else f"Sound {number} of {len(clips)}"
        path = "" if len(clips) == 1 else f"  {safe(row['audio'][number - 1])}"
        if isinstance(clip, str):
            yield Text.assemble((heading, "bold"), f"{path}  not drawn: {safe(clip)}")
            continue
        yield Text.assemble((heading, "bold"), f"{path}  {clip.duration_s:.2f} s at {clip.sr} Hz")
        if not curves_only and (told := figures(clip, claims)):
            yield indented(Text(", ".join(told)))
        if width is None:
            yield from (indented(Text(line)) for line in in_words(clip))
        else:
            yield drawn(clip, claims if len(clips) == 1 else (), width)
    if len(clips) > SOUNDS:
        yield Text(f"  and {len(clips) - SOUNDS:,} more clips")


def figures(clip: Measurements, claims: Sequence[Mapping[str, Any]]) -> list[str]:
    """The figures of a clip that its claims with a verdict are about, each with its unit."""
    families = dict.fromkeys(claim["cue"].partition(".")[0] for claim in claims if claim["verdict"])
    names = dict.fromkeys(name for family in families for name in FIGURES.get(family, ()))
    return [
        f"{name} {shown(name, figure.value)}"
        for name in names
        if (figure := clip.figures.get(name)) is not None and figure.value is not None
    ]


def sibling_lines(others: Sequence[Mapping[str, Any]]) -> Iterator[Text]:
    """The other traces of the question: state, id, answer and the checks that object."""
    if others:
        yield Text(f"Other traces of this question: {len(others):,}", style="bold")
    for one in others[:SIBLINGS]:
        names = ", ".join(objection["check"] for objection in one["objections"])
        sign = f"  {STATE_SIGNS[one['state']]} {one['state']:<12}"
        ending = f": {names}" if names else ""
        yield Text.assemble(
            (sign, STATE_STYLES[one["state"]]), f"  {one_line(one['trace_id'])}  {answer(one)}{safe(ending)}"
        )
    if len(others) > SIBLINGS:
        yield Text(f"  and {len(others) - SIBLINGS:,} more")


def side_by_side(
    left: Mapping[str, Any], right: Mapping[str, Any], clips: Sequence[Measurements | str], width: int
) -> RenderableType:
    """Two traces of one question in two columns, section beside section: objections, think text, claims, the sound.

    `clips` are those of the left one, and of the right one too where it heard the same.
    """
    table = Table(box=None, show_header=False, pad_edge=False, expand=True, padding=(0, 1))
    for _ in range(2):
        table.add_column(ratio=1, overflow="fold")
    same = sounds_of(left) == sounds_of(right)
    heard = clips if same else ["it heard another clip; n and p lead to it"] * len(right["audio"] or ())
    each = max((width - 2) // 2, 1)
    for pair in zip(_sections(left, clips, each), _sections(right, heard, each), strict=True):
        table.add_row(*(Group(*section) for section in pair))
    return table


def _sections(row: Mapping[str, Any], clips: Sequence[Measurements | str], width: int) -> list[Pieces]:
    """What stands beside the same of another trace: each section begins on one line with the other's."""
    state = row["state"]
    head = Text.assemble((f"{STATE_SIGNS[state]} {state.upper()}", STATE_STYLES[state]), f"  {answer(row)}")
    return [
        [Text(one_line(row["trace_id"]), style="bold"), head, *objections(row), Text("")],
        [Text("Think", style="bold"), indented(Wrapped(marked(row["think"], row["claims"])))],
        [Text("Response", style="bold"), indented(Wrapped(Text(safe(row["response"]) or "(none)")))],
        [*evidence(row)],
        [*sound(row, clips, width, curves_only=True)],
    ]
