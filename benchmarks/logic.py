"""What the logic checks object to: sound traces that should pass, flawed ones that should not, and what they cost.

    mgrd bench logic --data DIR          # needs taltech_traces.jsonl and mmar_human.jsonl; without it, own texts only
    mgrd bench logic --data DIR --list   # and every sound trace objected to, every flaw missed that is not blind
    mgrd bench logic --data DIR --write  # and update docs/logic.md

*Sound*: human rationales (MMAR) and published agent traces that end in the right answer (TalTech), wrapped as
`<think>...</think>answer`; honest revisions written for this. *Flawed*: 13 kinds of flaw, half of them planted in
TalTech traces; `meant` counts what the checks meant for the kind object to, `any` what any logic check does.
Both halves have been read, and so have the even rows of gold/logic/flaws-2.jsonl; its odd rows are blind. *Cost*:
CPU time of all checks on traces of about 3,000 tokens.

What it does not measure: whether a trace that passes is sound; a model-based judge is for that.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import importlib.util
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from page import folder, show, write_section
from times import where

from mgrd.answers import resolve
from mgrd.audio.load import clip_of
from mgrd.audio.measure import measure
from mgrd.claims import extract
from mgrd.rulebook import Trace, judge, load, verified_claims
from mgrd.traces import join, split

GOLD = Path(__file__).parent / "gold" / "logic"
PAGE = Path(__file__).resolve().parents[1] / "docs" / "logic.md"
MEANT = {
    "loops": {"no_loops"},
    "flipped_conclusion": {"concludes_its_answer", "endorses_one"},
    "leak": {"no_leaks"},
    "payload": {"no_leaks"},
    "truncated": {"not_truncated", "format"},
    "contradiction": {"no_contradiction"},
    "garble": {"fluent"},
    "drift": {"one_language"},
    "both_endorsed": {"endorses_one", "concludes_its_answer"},
    "all_rejected": {"endorses_one", "concludes_its_answer"},
    "answer_first": {"evidence_first"},
    "format": {"format", "not_truncated"},
    "length": {"length"},
}
"""The checks that are meant for each kind of flaw."""
TOKENS_A_WORD = 1.4


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSONL file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def half(name: str) -> str:
    """Open or sealed, by the parity of the hash of an id; the sealed half was read after its first figures."""
    return "sealed" if hashlib.sha256(name.encode()).digest()[-1] % 2 else "open"


def parity(name: str) -> str:
    """Of a row of the second set, whether its number is even (read) or odd (blind: only counted)."""
    return "odd" if int(name.removeprefix("fs")) % 2 else "even"


def trace(completion: str, row: dict[str, Any], finish_reason: str | None = "stop") -> Trace:
    """A completion as the filter would put it to the checks."""
    think, response = split(completion)
    resolved = resolve(response, row["choices"], row.get("answer"))
    return Trace(
        id=row["id"],
        think=think,
        response=response,
        completion=completion,
        question=row["question"],
        choices=row["choices"],
        answer=row.get("answer"),
        predicted=resolved.value,
        unresolved=None if resolved.value is not None else resolved.why,
        finish_reason=finish_reason,
        claims=verified_claims(think, []),
    )


def sound(data: Path | None) -> Iterator[tuple[str, list[Trace]]]:
    """What should pass: honest revisions in halves, human rationales, right agent traces."""
    revisions = read(GOLD / "revisions.jsonl")
    for name in ("open", "sealed"):
        yield (
            f"honest revisions, {name}",
            [trace(join(row["think"], row["response"]), row) for row in revisions if half(row["id"]) == name],
        )
    likely = [trace(join(row["think"], row["response"]), row) for row in contradictions(are=False)]
    yield "no contradictions, a later set", likely
    if data is None:
        return
    wrapped = "<think>{}</think>{}"
    rows = read(data / "mmar_human.jsonl")
    yield "human rationales (MMAR)", [trace(wrapped.format(row["thinking"], row["answer"]), row) for row in rows]
    right = [row for row in read(data / "taltech_traces.jsonl") if row["correct"]]
    yield "right agent traces (TalTech)", [trace(wrapped.format(row["trace"], row["predicted"]), row) for row in right]


def contradictions(*, are: bool) -> list[dict[str, Any]]:
    """Of the later blind set: what contradicts itself, or what only looks so."""
    return [row for row in read(GOLD / "contradictions.jsonl") if row["contradiction"] is are]


def flaws(data: Path | None) -> Iterator[tuple[dict[str, Any], Trace]]:
    """The flawed traces; those planted in published ones only where these are at hand."""
    spec = importlib.util.spec_from_file_location("plant", GOLD / "plant.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    real = {row["id"]: row for row in read(data / "taltech_traces.jsonl")} if data else {}
    for row in read(GOLD / "flaws.jsonl"):
        if "completion" in row:
            yield row, trace(row["completion"], row, row["finish_reason"])
        elif row["row"] in real:
            whole = real[row["row"]]
            completion, reason = module.plant(
                row["kind"], row["how"], whole["trace"], whole["predicted"], whole["choices"], whole["answer"]
            )
            yield row, trace(completion, whole, reason)


def second(data: Path | None) -> Iterator[tuple[dict[str, Any], Trace]]:
    """The second set: whole completions, and published traces in pieces: texts, and [start, end) of the trace.

    The trace is `<think>{trace}</think>{predicted}`.
    """
    real = {row["id"]: row for row in read(data / "taltech_traces.jsonl")} if data else {}
    for row in read(GOLD / "flaws-2.jsonl"):
        if "completion" in row:
            yield row, trace(row["completion"], row, row["finish_reason"])
        elif row["row"] in real:
            whole = real[row["row"]]
            base = f"<think>{whole['trace']}</think>{whole['predicted']}"
            text = "".join(piece if isinstance(piece, str) else base[slice(*piece)] for piece in row["pieces"])
            yield row, trace(text, whole, row["finish_reason"])


def cost(data: Path) -> list[str]:
    """CPU milliseconds that all checks of the three rules take, on published traces joined to about 3,000 tokens.

    Claims are found and held against the measurements of a clip, which are made before: a run has them in its cache.
    """
    checks = load()
    rows = read(data / "taltech_traces.jsonl")[:90]
    hum = 0.1 * np.sin(np.arange(10 * 16000) / 20) + 0.001 * np.random.default_rng(0).standard_normal(10 * 16000)
    measured = [measure(clip_of(hum.astype(np.float32), 16000))]
    traces, spent, warm = [], Counter[str](), True
    for at in [0, *range(0, len(rows), 3)]:
        think = "\n\n".join(row["trace"] for row in rows[at : at + 3])
        think = " ".join(think.split(" ")[: int(3000 / TOKENS_A_WORD)])
        start = time.process_time()
        claims = verified_claims(think, measured)
        spent["claims, found and verified"] += time.process_time() - start
        one = trace(f"<think>{think}</think>{rows[at + 2]['predicted']}", rows[at + 2])
        traces.append(dataclasses.replace(one, claims=claims, measurements=measured, heard_s=[10.0], correct=True))
        for check in checks:
            start = time.process_time()
            check(traces[-1])
            spent[check.name] += time.process_time() - start
        if warm:  # patterns are compiled, vocabularies read
            warm = False
            traces.clear()
            spent.clear()
    whole = sum(spent.values()) / len(traces)
    logic = sum(spent[check.name] for check in checks if check.rule == "logic") / len(traces)
    compiled = "compiled" if extract.__file__.endswith(".so") else "as Python, not compiled"
    return [
        f"{1000 * whole:.1f} ms a trace, {1 / whole:.0f} traces a second and core, the modules that find claims "
        f"{compiled} ({where()}); of it the logic checks {1000 * logic:.1f} ms:",
        "",
        *(f"- {name}: {1000 * value / len(traces):.1f} ms" for name, value in spent.most_common(6)),
    ]


def main() -> None:
    """Print the tables, or write them into docs/logic.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=folder, help="folder with taltech_traces.jsonl and mmar_human.jsonl")
    parser.add_argument("--list", action="store_true", help="print what sound traces are objected to, and flaws missed")
    parser.add_argument("--write", action="store_true", help="update docs/logic.md")
    parser.add_argument("--json", action="store_true", help="print one JSON object (docs/formats.md)")
    args = parser.parse_args()
    checks = [check for check in load() if check.rule == "logic"]
    passed = ["| sound traces | objected to | of | by |", "|---|---|---|---|"]
    for name, traces in sound(args.data):
        found = [(one, judge(one, checks)) for one in traces]
        bad = [(one, objections) for one, objections in found if objections]
        by = Counter(objection.check for _, objections in bad for objection in objections)
        shown = ", ".join(f"{check} {count}" for check, count in sorted(by.items()))
        passed.append(f"| {name} | {len(bad)} ({100 * len(bad) / len(traces):.1f} %) | {len(traces)} | {shown} |")
        if args.list:
            for one, objections in bad:
                reasons = "; ".join(f"{each.check}: {each.reason}" for each in objections)
                print(f"objected to {one.id}: {reasons}", file=sys.stderr)
    count: Counter[tuple[str, str, str]] = Counter()
    for row, one in flaws(args.data):
        names = {objection.check for objection in judge(one, checks)}
        key = row["kind"], half(row["id"])
        count[*key, "all"] += 1
        count[*key, "any"] += bool(names)
        count[*key, "own"] += bool(names & MEANT[row["kind"]])
        if args.list and not names & MEANT[row["kind"]]:
            print(f"missed {row['id']}: {row.get('how', one.completion[:200])!r}", file=sys.stderr)
    head = " | ".join(f"{name}, {what}" for name in ("open", "sealed") for what in ("meant", "any", "of"))
    caught = [f"| flaw | {head} |", "|---|---|---|---|---|---|---|"]
    total: Counter[tuple[str, str]] = Counter()
    for kind in MEANT:
        cells = []
        for name in ("open", "sealed"):
            for what in ("own", "any", "all"):
                cells.append(str(count[kind, name, what]))
                total[name, what] += count[kind, name, what]
        caught.append(f"| {kind} | {' | '.join(cells)} |")
    sums = [str(total[name, what]) for name in ("open", "sealed") for what in ("own", "any", "all")]
    caught.append(f"| all | {' | '.join(sums)} |")
    blind = [trace(join(row["think"], row["response"]), row) for row in contradictions(are=True)]
    names = [{objection.check for objection in judge(one, checks)} for one in blind]
    own = sum(bool(one & MEANT["contradiction"]) for one in names)
    caught.append(f"| contradiction, a later set, read since | | | | {own} | {sum(map(bool, names))} | {len(blind)} |")
    later: Counter[tuple[str, str, str]] = Counter()
    for row, one in second(args.data):
        found_by = {objection.check for objection in judge(one, checks)}
        key = row["kind"], parity(row["id"])
        later[*key, "own"] += bool(found_by & MEANT[row["kind"]])
        later[*key, "all"] += 1
    if later:
        columns = [(name, what) for name in ("even", "odd") for what in ("own", "all")]
        caught += ["", "| flaw of the second set | even (read), meant | of | odd (blind), meant | of |"]
        caught.append("|---|---|---|---|---|")
        for kind in sorted({kind for kind, _, _ in later}):
            caught.append(f"| {kind} | {' | '.join(str(later[kind, *column]) for column in columns)} |")
        sums = [str(sum(later[kind, *column] for kind in MEANT)) for column in columns]
        caught.append(f"| all | {' | '.join(sums)} |")
    sections = {"sound": passed, "flawed": caught}
    if args.data is not None:
        sections["cost"] = cost(args.data)
    show(sections, as_json=args.json)
    if args.write:
        for name, lines in sections.items():
            write_section(PAGE, f"logic {name}", lines)


if __name__ == "__main__":
    main()
