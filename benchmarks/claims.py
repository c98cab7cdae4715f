"""The public test of the acoustic rule: what it finds in texts, and whether the waveform's verdict is right.

    mgrd bench claims                       # what needs no data of others: the gold sentences, synthesised clips
    mgrd bench claims --data DIR            # also recorded speech, published traces and human rationales
    mgrd bench claims --final               # the sentences that development does not look at, for the page

Four tests. *Extraction*: claims found in gold sentences against those that readers marked (benchmarks/gold, whose
README says who wrote and labelled what). *Planted contradictions* (benchmarks/planted): true and flipped statements
about clips whose truth an edit, a file name or another tracker fixes before any verdict; an abstention is a miss.
*Swap*: the true statements on another clip of the same source. *Texts*: chains of pure text logic that should not pass,
and human rationales that should. Every share has a 95 % interval (Wilson).

What it does not measure: sentences in other languages, clips of music as it is published, or a real model's traces end
to end (benchmarks/loop.py does, with a small one).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import planted
from page import check_data, folder, share, show, write_section

from mgrd.audio.load import clip_of
from mgrd.audio.measure import Measurements, measure
from mgrd.claims import Claim
from mgrd.claims.extract import extract
from mgrd.claims.verify import verify
from mgrd.rulebook import Trace, judge, load, verified_claims
from mgrd.traces import split

GOLD = Path(__file__).parent / "gold"
PAGE = Path(__file__).resolve().parents[1] / "docs" / "grounding.md"
IS_COMPILED = not str(sys.modules["mgrd.claims.extract"].__file__).endswith(".py")
TRACE_CHARACTERS = 12_000
"""About 3,000 tokens of English."""
SWAP_SEED = 1

Span = tuple[int, int, str]
"""Where a claim stands, and its cue."""


# ---------------------------------------------------------------- extraction


@dataclass(frozen=True)
class Item:
    """A gold sentence with the claims that its readers agreed on; `also` holds what a span may be called."""

    id: str
    language: str
    text: str
    claims: list[Span]
    also: list[set[str]]
    negated: list[bool]


@dataclass
class Score:
    """Counts over items."""

    found: int = 0
    right: int = 0
    gold: int = 0
    met: int = 0
    """Of the gold ones; a family may meet a claim of another that it may also be called."""
    polarity: int = 0
    exact: int = 0

    def lines(self, name: str) -> str:
        """A row of the table."""
        return (
            f"| {name} | {self.gold} | {share(self.right, self.found)} | {share(self.met, self.gold)} "
            f"| {share(self.exact, self.met)} | {share(self.polarity, self.met)} |"
        )


def gold_items(*halves: str) -> list[Item]:
    """The gold sentences of some halves: `open`, `extra`, `sealed`, `unseen`."""
    found = [row for file in ("en.jsonl", "zh.jsonl") for row in rows(GOLD / file) if row["half"] in halves]
    return [_item(row, row["text"]) for row in found]


def published_items(data: Path, *, readers: int) -> list[Item]:
    """Sentences of published traces that so many readers have labelled; `data` holds their texts."""
    found = [row for row in rows(GOLD / "real.jsonl") if len(row["labels"]) == readers]
    traces = {
        (file, trace["id"]): trace.get("trace", trace.get("completion"))
        for file in {row["file"] for row in found}
        for trace in rows(data / file)
    }
    return [_item(row, traces[row["file"], row["row"]][row["start"] : row["end"]]) for row in found]


def _item(row: dict[str, Any], text: str) -> Item:
    return Item(
        row["id"],
        row["language"],
        text,
        [(c["start"], c["end"], c["cue"]) for c in row["claims"]],
        [{c["cue"], *c.get("or", [])} for c in row["claims"]],
        [c["negated"] for c in row["claims"]],
    )


def score(items: Iterable[Item]) -> tuple[Score, dict[str, Score], list[str]]:
    """Claims found against claims marked, in all and by family, and a line for each that differs.

    A found claim is right when it overlaps a marked one of the same family (the cue before the dot), one to one.
    """
    total, families, errors = Score(), defaultdict(Score), []
    for item in items:
        found = [one for one in extract(item.text) if one.modality in ("asserted", "hedged")]
        pairs = matched(found, item)
        for n, claim in enumerate(found):
            family = families[claim.cue.partition(".")[0]]
            for one in (total, family):
                one.found += 1
                one.right += n in pairs
            if n not in pairs:
                said = f"{claim.cue} {claim.text!r} ({claim.asserts})"
                errors.append(f"{item.id} found, not marked: {said} in {item.text!r}")
        for n, marked in enumerate(item.claims):
            of = (total, families[marked[2].partition(".")[0]])
            at = next((k for k, m in pairs.items() if m == n), None)
            for one in of:
                one.gold += 1
                one.met += at is not None
            if at is None:
                said = f"{marked[2]} {item.text[marked[0] : marked[1]]!r}"
                errors.append(f"{item.id} marked, not found: {said} in {item.text!r}")
                continue
            for one in of:
                one.exact += found[at].cue in item.also[n]
                one.polarity += (_denies(found[at])) == item.negated[n]
    return total, dict(sorted(families.items())), errors


def matched(found: Sequence[Claim], item: Item) -> dict[int, int]:
    """Found claim -> marked claim, one to one: exact cues first, then those of the same family."""
    pairs: dict[int, int] = {}
    for exact in (True, False):
        for n, claim in enumerate(found):
            for m, (start, end, _) in enumerate(item.claims):
                if n in pairs or m in pairs.values() or not (claim.start < end and start < claim.end):
                    continue
                named = {claim.cue} if exact else {claim.cue.partition(".")[0]}
                marked = item.also[m] if exact else {cue.partition(".")[0] for cue in item.also[m]}
                if named & marked:
                    pairs[n] = m
    return pairs


def _denies(claim: Claim) -> bool:
    return claim.polarity < 0 or claim.asserts in ("absent", "none")


def kappa(file: Path) -> str:
    """Cohen's kappa of the two readers: does an item hold a claim of a family, over all items and families."""
    pairs = []
    for row in rows(file):
        if len(row["labels"]) < 2:
            continue
        one, other = ({c["cue"].partition(".")[0] for c in labels} for labels in row["labels"])
        pairs += [(family in one, family in other) for family in FAMILIES]
    agreed = sum(a == b for a, b in pairs) / len(pairs)
    yes = [sum(pair[k] for pair in pairs) / len(pairs) for k in (0, 1)]
    chance = yes[0] * yes[1] + (1 - yes[0]) * (1 - yes[1])
    return f"{(agreed - chance) / (1 - chance):.2f}"


FAMILIES = frozenset({
    "pitch", "loudness", "rate", "pause", "tempo", "rhythm", "timbre", "voice", "space", "noise", "music", "time",
    "event", "source",
})  # fmt: skip


def developed(half: str, show: bool) -> list[str]:
    """The table of sentences that extraction is developed on, and with `show` every difference on stderr."""
    lines = list(HEAD)
    for language, items in by_language(gold_items(half)):
        total, families, errors = score(items)
        lines.append(total.lines(f"**{language}, {half}** ({len(items)})"))
        lines += [one.lines(f"{language}, {name}") for name, one in families.items()]
        if show:
            print(*errors, sep="\n", file=sys.stderr)
    return lines


def final(data: Path | None) -> list[str]:
    """The tables of sentences that development does not look at, never with their differences."""
    english, chinese = kappa(GOLD / "en.jsonl"), kappa(GOLD / "zh.jsonl")
    parts = [("sealed", gold_items("sealed")), ("unseen", gold_items("unseen"))]
    if data is not None:
        parts += [("published", published_items(data, readers=2))]
        parts += [("published, unseen", published_items(data, readers=1))]
    lines = list(HEAD)
    for name, given in parts:
        lines += [score(items)[0].lines(f"**{one}, {name}** ({len(items)})") for one, items in by_language(given)]
    lines += [f"\nKappa of the two readers of *sealed*: {english} English, {chinese} Chinese.\n", *HEAD]
    for language, items in by_language(gold_items("sealed", "unseen")):
        lines += [one.lines(f"{language}, {name}, *sealed* and *unseen*") for name, one in score(items)[1].items()]
    return lines


HEAD = ("| sentences | claims | precision | recall | exact cue | polarity |", "|---|---|---|---|---|---|")


def by_language(items: Sequence[Item]) -> Iterator[tuple[str, list[Item]]]:
    """The items of each language, the languages in order."""
    for language in sorted({item.language for item in items}):
        yield language, [item for item in items if item.language == language]


def speed(data: Path | None) -> list[str]:
    """Traces of 12,000 characters a second, from published traces when they are there, else from the gold sentences."""
    if data is None:
        texts, name = [item.text for item in gold_items("open") if item.language == "en"], "gold sentences"
    else:
        texts, name = [row["trace"] for row in rows(data / "taltech_traces.jsonl")], "published traces, joined"
    whole = "\n".join(texts)
    traces = [whole[i : i + TRACE_CHARACTERS] for i in range(0, len(whole) - TRACE_CHARACTERS, TRACE_CHARACTERS)][:150]
    extract(traces[0])
    rates = []
    for _ in range(3):
        begun = time.process_time()
        for trace in traces:
            extract(trace)
        rates.append(len(traces) / (time.process_time() - begun))
    how = "compiled (a wheel of `make wheel`)" if IS_COMPILED else "as in a checkout"
    return [f"Extraction, {how}: {statistics.median(rates):.0f} traces of 3,000 tokens a second on one core ({name})."]


# ---------------------------------------------------------------- planted contradictions


def outcome(claims: Sequence[Claim], cue: str) -> str:
    """`contradicted` when any claim of the text is; else `supported` when one of the cue's family is; else neither."""
    if any(claim.verdict == "contradicted" for claim in claims):
        return "contradicted"
    family = cue.partition(".")[0]
    if any(claim.verdict == "supported" and claim.cue.partition(".")[0] == family for claim in claims):
        return "supported"
    return "unverifiable"


def contradictions(data: Path | None, show: bool) -> list[str]:
    """The tables of planted contradictions and of the swap."""
    measured = {key: measure(clip_of(samples, sr)) for key, samples, sr in planted.clips(data)}
    cases = planted.cases(data)
    sealed = {case.id for case in cases if part(case) == "sealed"}
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for case in cases:
        judged = verify(extract(case.text), [measured[case.clip]])
        got = outcome(judged, case.cue)
        side = "true" if case.holds else "false"
        of = [(case.cue, "all"), ("all", case.source), ("all", "all")]
        for key in [*of, ("all", "all, sealed")] if case.id in sealed else of:
            counts[key][f"{side} {got}"] += 1
        if show and part(case) == "open" and got != ("supported" if case.holds else "contradicted"):
            why = "; ".join(f"{one.cue} {one.text!r}: {one.verdict} {one.why}" for one in judged)
            print(f"{case.id} {side} {got}: {case.text!r} [{case.truth}] -> {why or 'no claim'}", file=sys.stderr)
    lines = [
        "| cue | source | true: n | supported | falsely contradicted | false: n | caught | wrongly supported |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (cue, source), count in sorted(counts.items(), key=lambda one: (one[0][0] == "all", one[0])):
        true, false = _total(count, "true"), _total(count, "false")
        lines.append(
            f"| {cue} | {source} | {true} | {share(count['true supported'], true)} "
            f"| {share(count['true contradicted'], true)} | {false} | {share(count['false contradicted'], false)} "
            f"| {share(count['false supported'], false)} |"
        )
    return [*lines, "", *swap(cases, measured)]


def part(case: planted.Case) -> str:
    """`open` (clip and wording), `sealed` (neither) or `mixed`: verdicts were developed on the open part alone."""
    wording = "".join(sign for sign in case.text if not sign.isdigit())
    odd = {hashlib.sha256(words.encode()).digest()[-1] % 2 for words in (case.clip, wording)}
    return "mixed" if len(odd) == 2 else "sealed" if odd == {0} else "open"


def _total(count: Counter[str], side: str) -> int:
    return sum(n for name, n in count.items() if name.startswith(side))


def swap(cases: Sequence[planted.Case], measured: dict[str, Measurements]) -> list[str]:
    """The supported share of the true statements on their own clip and on another one of the same source, at random."""
    own, other, n = 0, 0, 0
    rng = random.Random(SWAP_SEED)
    by_source = {s: sorted({c.clip for c in cases if c.source == s}) for s in {c.source for c in cases}}
    for case in cases:
        if not case.holds:
            continue
        claims = extract(case.text)
        elsewhere = rng.choice([clip for clip in by_source[case.source] if clip != case.clip])
        n += 1
        own += outcome(verify(claims, [measured[case.clip]]), case.cue) == "supported"
        other += outcome(verify(claims, [measured[elsewhere]]), case.cue) == "supported"
    lost = 100 * (own - other) / n
    return [
        f"Swap: {share(own, n)} of {n} true statements are supported on their own clip, {share(other, n)} on another "
        f"one: {lost:.0f} points are lost."
    ]


# ---------------------------------------------------------------- texts


def texts(data: Path) -> list[str]:
    """Chains of text logic that pass the acoustic rule, and human rationales that rest on sound and are kept."""
    acoustic = [check for check in load() if check.rule == "acoustic"]
    cites = [check for check in acoustic if check.name == "cites_sound"]
    chains = rows(data / "soundmind_text_only.jsonl")
    logic = [_trace(split(row["trace"])[0] or row["trace"], row["question"]) for row in chains]
    passed = sum(not judge(trace, acoustic) for trace in logic)
    human = list(rows(data / "mmar_human.jsonl"))
    labels = list(rows(GOLD / "mmar.jsonl"))
    if [row["id"] for row in human] != [row["id"] for row in labels]:
        raise SystemExit(
            f"Error: {data / 'mmar_human.jsonl'}: its rows are not those that {GOLD / 'mmar.jsonl'} labels"
        )
    agreed = [row for row, label in zip(human, labels, strict=True) if label["sound"] == [True, True]]
    words = [row for row, label in zip(human, labels, strict=True) if label["sound"] == [False, False]]
    split_ = len(human) - len(agreed) - len(words)
    kept = sum(not judge(_trace(row["thinking"], row["question"]), cites) for row in agreed)
    kept_words = sum(not judge(_trace(row["thinking"], row["question"]), cites) for row in words)
    return [
        f"Text-only logic: {share(passed, len(logic))} of {len(logic)} chains pass the acoustic rule.",
        f"Human rationales that rest on sound (both readers): {share(kept, len(agreed))} of {len(agreed)} pass "
        f"`cites_sound`; of {len(words)} that rest on words alone {share(kept_words, len(words))} do. The readers "
        f"differ on {split_}, which are left out.",
    ]


def _trace(think: str, question: str) -> Trace:
    claims = verified_claims(think, [])
    return Trace(id="", think=think, response="", completion=think, question=question, claims=claims)


# ---------------------------------------------------------------- output


def rows(file: Path) -> Iterator[dict[str, Any]]:
    """The rows of a JSONL file."""
    with file.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


NEEDED = {
    "extraction": ("taltech_traces.jsonl", "step_audio_r1/traces.jsonl"),
    "planted": ("emodb", "fsdd"),
    "texts": ("soundmind_text_only.jsonl", "mmar_human.jsonl"),
    "speed": ("taltech_traces.jsonl",),
}
"""What each test reads of `--data`."""


def main() -> None:
    """Run the tests and print the page's sections."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=folder, help="folder with emodb/, fsdd/, taltech_traces.jsonl, ...")
    parser.add_argument("--half", choices=("open", "extra"), default="open", help="of the sentences to develop on")
    parser.add_argument("--final", action="store_true", help="the sentences that development does not look at")
    parser.add_argument("--only", choices=("extraction", "planted", "texts", "speed"), help="one of the tests")
    parser.add_argument("--show", action="store_true", help="every difference on stderr (not with --final)")
    parser.add_argument("--write", action="store_true", help="write the sections to docs/grounding.md")
    parser.add_argument("--json", action="store_true", help="print one object: sections by name (docs/formats.md)")
    given = parser.parse_args()
    if given.write and not PAGE.exists():
        parser.error("--write needs a checkout: its docs/grounding.md is what is written")
    if given.show and given.final:
        parser.error("--show with --final would open the sentences that development does not look at")
    if given.write and not given.final and given.only in (None, "extraction"):
        parser.error("--write of extraction needs --final: the page shows no other sentences")
    if given.only == "texts" and given.data is None:
        parser.error("--only texts needs --data: chains and rationales are others' texts")
    if given.data is not None:
        check_data(given.data, [name for test, names in NEEDED.items() if given.only in (None, test) for name in names])
    made: dict[str, list[str]] = {}
    if given.only in (None, "extraction"):
        made["extraction"] = final(given.data) if given.final else developed(given.half, given.show)
    if given.only in (None, "planted"):
        made["planted"] = contradictions(given.data, given.show)
    if given.only in (None, "texts") and given.data is not None:
        made["texts"] = texts(given.data)
    if given.only in (None, "speed"):
        made["speed, compiled" if IS_COMPILED else "speed"] = speed(given.data)
    show(made, as_json=given.json)
    if given.write:
        for name, lines in made.items():
            write_section(PAGE, f"claims {name}", lines)


if __name__ == "__main__":
    main()
