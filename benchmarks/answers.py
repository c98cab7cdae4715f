"""The public test of answer resolution: every form of every choice, published predictions, published traces.

    mgrd bench answers                  # hard choice lists of our own, in every form
    mgrd bench answers --data DIR       # also published questions, predictions and traces
    mgrd bench answers --data DIR --write

*Forms*: each choice of a question is given in each form that models use; the gold one must be resolved to the gold
answer, no wrong one may be counted correct. Letters are left out where the choices are themselves letters (a "C" among
G, D, E, C is a text). *Predictions*: free text of nine published models against a reader who had not seen this code
(benchmarks/gold/mmau_predictions.jsonl holds hashes of rows and choice numbers, no text). *Traces*: the published
verdicts on published traces. Shares have 95 % intervals (Wilson).

What it does not measure: free text without choices, and whether a model's answer follows from its reasoning
(benchmarks/logic.py).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from page import check_data, folder, share, show, write_section

from mgrd.answers import is_correct, resolve
from mgrd.choices import has_doubt, key_of
from mgrd.matchers import decide

GOLD = Path(__file__).parent / "gold" / "mmau_predictions.jsonl"
PAGE = Path(__file__).resolve().parents[1] / "docs" / "answers.md"

BY_TEXT = {
    "text": "{text}",
    "text in capitals": "{upper}",
    "The answer is X.": "The answer is {text}.",
    "Answer: X": "Answer: {text}",
    "<answer>": "<answer>{text}</answer>",
    "<RESPONSE>, on a line of its own": "<RESPONSE>\n{text}\n</RESPONSE>",
    "bold": "**{text}**",
    "boxed": "\\boxed{{{text}}}",
    "JSON": '{{"answer": {json}}}',
    "last line": "I listened to it twice.\n\n{text}",
    "a sentence after it": "{bare}. The sound at the start makes this clear.",
    "a reason after it": "{bare} because the recording points that way.",
    "答案是": "答案是：{text}",
    "letter and text": "({letter}) {text}",
    "letter, full stop, text": "{letter}. {text}",
}
BY_LETTER = {
    "letter": "{letter}",
    "letter in lower case": "{lower}",
    "letter in brackets": "({letter})",
    "full-width letter": "{wide}",
    "The answer is B.": "The answer is {letter}.",
    "<answer>B</answer>": "<answer>{letter}</answer>",
    "bold letter": "**{letter}**",
    "option B": "Option {letter}",
    "选B": "选{letter}",
    "letter, with a sentence after it": "{letter}. The sound at the start makes this clear.",
}
DENIED = {
    "X would be wrong": "{bare} would be wrong here.",
    "I doubt it": "I doubt that it is {bare}.",
    "hardly X": "Hardly {bare}.",
    "the opposite": "The answer is the opposite of {bare}.",
    "X? No.": "{bare}? No.",
    "a question": "Is it {bare}?",
    "a condition": "If it were {bare}, it would sound different.",
    "a label": "Ruled out: {bare}",
    "X - wrong": "{bare} - wrong.",
    "bold distractor": "**{bare}** is the distractor.",
    "rejected in JSON": '{{"rejected": {json}}}',
    "everything except": "Everything except {bare}",
    "a denial far away": "It is not, whatever anyone might say about the long recording that we heard, {bare}.",
}
"""The gold choice denied, doubted, asked or excluded: none may be counted correct."""
OWN = (
    ["sing", "not sing"],
    ["piano", "electric piano", "the electric piano and a bass"],
    ["one hundred and ninety", "one hundred and ninety-one", "nineteen"],
    ["first: neutral, second: frustration", "first: frustration, second: neutral"],
    ["Yes", "No"],
    ["Yes, it is the second sound.", "Yes, it is the last sound.", "No, it is not present."],
    ["valid", "invalid"],
    ["2.00 seconds", "2.00 minutes", "0.20 seconds", "20 seconds"],
    ["G", "D", "E", "C"],
    ["C:min7/1", "C:7/1", "G#:7(11,*5)/1", "C"],
    ["happy", "joyful", "sad", "not sad"],
    ["a dog", "a dog and a cat", "neither a dog nor a cat"],
    ["男", "女", "男和女", "都不是"],
    ["平静", "不平静"],
    ["A, B and C", "A and B", "B and C", "A"],
    ["the answer is unknown", "the answer is 42", "the best choice is to wait"],
    ["1", "2", "3", "4"],
    ["first speaker", "second speaker", "both speakers", "none of the speakers"],
)
"""Choices that contain, deny or look like each other."""


@dataclass
class Count:
    """What became of a form: of the gold choices, and of the wrong ones."""

    gold: int = 0
    right: int = 0
    wrong: int = 0
    counted: int = 0
    """Wrong choices that were counted correct."""
    theirs: int = 0
    """Gold choices that MMAU's own matcher counts correct, and wrong ones."""
    theirs_counted: int = 0
    examples: list[str] = field(default_factory=list)


def forms(text: str, letter: str, choices: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The name and the words of every form of a choice."""
    given = {
        "text": text, "upper": text.upper(), "bare": text.strip().rstrip("."), "json": json.dumps(text),
        "letter": letter, "lower": letter.lower(), "wide": chr(ord(letter) - ord("A") + ord("Ａ")),
    }  # fmt: skip
    for name, form in BY_TEXT.items():
        yield name, form.format(**given)
    if not any(len(key_of(choice)) == 1 and key_of(choice).isalpha() for choice in choices):
        for name, form in BY_LETTER.items():
            yield name, form.format(**given)


def count_forms(questions: Iterable[tuple[Sequence[str], str]]) -> dict[str, Count]:
    """Every form of every choice of (choices, gold answer), counted by form; MMAU's own matcher beside ours."""
    counts: dict[str, Count] = {}
    for choices, gold in questions:
        is_cased = len({choice.casefold() for choice in choices}) == len(set(choices))
        for place, choice in enumerate(choices):
            is_gold = key_of(choice) == key_of(gold)
            for name, form in forms(choice, chr(ord("A") + place), choices):
                if name == "text in capitals" and not is_cased:
                    continue
                count = counts.setdefault(name, Count())
                right = is_correct(resolve(form, choices).value, gold, choices)
                theirs = decide(form, choices, gold, "mmau").correct
                if is_gold:
                    count.gold, count.right, count.theirs = (
                        count.gold + 1,
                        count.right + bool(right),
                        count.theirs + bool(theirs),
                    )
                else:
                    count.wrong, count.counted = count.wrong + 1, count.counted + bool(right)
                    count.theirs_counted += bool(theirs)
                if right is not is_gold:
                    count.examples.append(f"{name}: {form!r} of {list(choices)!r}: {resolve(form, choices)}")
    return counts


def denied(questions: Iterable[tuple[Sequence[str], str]], show: bool) -> list[str]:
    """The gold choice in every denied form: how many there are, and how many are counted correct.

    Choices that are themselves denials or a yes or no are left out: denied, they may be another choice's text.
    """
    total, counted = 0, []
    for choices, gold in questions:
        text = next(choice for choice in choices if key_of(choice) == key_of(gold))
        if any(has_doubt(choice) or key_of(choice) in ("yes", "true", "valid") for choice in choices):
            continue
        for form in DENIED.values():
            said = form.format(bare=text.strip().rstrip("."), json=json.dumps(text))
            total += 1
            if is_correct(resolve(said, choices).value, gold, choices):
                counted.append(f"denied: {said!r} of {list(choices)!r}")
    if show:
        print(*counted, sep="\n", file=sys.stderr)
    return [
        "",
        f"The gold choice in {len(DENIED)} denied forms, {total} texts; denied: counted correct: {len(counted)}.",
    ]


def forms_table(counts: dict[str, Count], show: bool) -> list[str]:
    """Form by form, and all together."""
    lines = [
        "| form | gold: n | resolved to it | wrong: n | counted correct | MMAU's own: gold | wrong counted correct |",
        "|---|---|---|---|---|---|---|",
    ]
    total = Count()
    for name, one in counts.items():
        lines.append(_row(name, one))
        for key in ("gold", "right", "wrong", "counted", "theirs", "theirs_counted"):
            setattr(total, key, getattr(total, key) + getattr(one, key))
        if show:
            print(*one.examples, sep="\n", file=sys.stderr)
    return [*lines, _row("**all**", total)]


def _row(name: str, one: Count) -> str:
    return (
        f"| {name.replace('|', '/')} | {one.gold} | {share(one.right, one.gold, 2)} | {one.wrong} | {one.counted} "
        f"| {share(one.theirs, one.gold, 2)} | {one.theirs_counted} |"
    )


def own(show: bool) -> list[str]:
    """The forms of choice lists of our own; each choice is once the gold one."""
    questions = [(choices, gold) for choices in OWN for gold in choices]
    return [
        f"{len(OWN)} hard lists of choices, each choice once as the gold one.",
        "",
        *forms_table(count_forms(questions), show),
        *denied(questions, show),
    ]


def published(data: Path, show: bool) -> list[str]:
    """The forms of published questions."""
    rows = list(read(data / "mmau_questions.jsonl"))
    questions = [(row["choices"], row["answer"]) for row in rows]
    table = forms_table(count_forms(questions), show)
    twice = sum(sum(key_of(choice) == key_of(gold) for choice in choices) > 1 for choices, gold in questions)
    about = f"{len(rows)} questions of MMAU test-mini; {twice} list the right choice twice, and each time is counted."
    return [about, "", *table, *denied(questions, show)]


def predictions(data: Path, show: bool) -> list[str]:
    """Published predictions against a careful reader, and every difference from the published verdict."""
    labels = {row["row_hash"]: row["reads_as"] for row in read(GOLD)}
    agreed, unread, disputed = 0, 0, []
    rows = list(read(data / "mmau_predictions.jsonl"))
    for row in rows:
        canonical = json.dumps(row, sort_keys=True, ensure_ascii=False)
        name = hashlib.sha256(canonical.encode()).hexdigest()
        if name not in labels:
            unread += 1
            continue
        choices, read_as = row["choices"], labels[name]
        found = resolve(row["prediction"], choices)
        wanted = None if read_as is None else choices[read_as]
        agreed += found.value == wanted
        verdicts = {
            "reader": wanted is not None and bool(is_correct(wanted, row["reference"], choices)),
            "mgrd": bool(is_correct(found.value, row["reference"], choices)),
            "published": bool(row["string_match"]),
            "--matcher mmau": bool(decide(row["prediction"], choices, row["reference"], "mmau").correct),
        }
        if len(set(verdicts.values())) > 1 or found.value != wanted:
            said = ", ".join(f"{who} {'right' if is_right else 'wrong'}" for who, is_right in verdicts.items())
            disputed.append(f"- `{name[:16]}`: {said}; read as {read_as}, resolved: {found.why}")
            if show:
                print(name[:16], row["prediction"], choices, row["reference"], found, sep="\n  ", file=sys.stderr)
    models = len({row["model"] for row in rows})
    return [
        f"{len(rows)} predictions of {models} models; resolved as the reader reads them: {agreed} of "
        f"{len(rows) - unread}, {share(agreed, len(rows) - unread, 2)}.",
        "Rows where the reader, mgrd, the published verdict and `--matcher mmau` are not of one mind: "
        f"{len(disputed)}.",
        *(["", *disputed] if disputed else []),
    ]


def traces(data: Path, show: bool) -> list[str]:
    """The published verdicts on published traces: from the answer in their header, and from their text's last line."""
    rows = list(read(data / "taltech_traces.jsonl"))
    counts: Counter[str] = Counter()
    differing, unread = [], []
    for row in rows:
        header = resolve(row["predicted"], row["choices"]).value
        last = resolve(row["trace"].strip().splitlines()[-1], row["choices"])
        counts["header"] += is_correct(header, row["answer"], row["choices"]) is row["correct"]
        if is_correct(last.value, row["answer"], row["choices"]) is row["correct"]:
            counts["text"] += 1
        if last.value is None:
            unread.append(row["id"])
        elif last.value != header:
            differing.append(row["id"])
        if show and last.value != header:
            print(row["id"], row["predicted"], row["trace"][-200:], row["choices"], last, sep="\n  ", file=sys.stderr)
    return [
        f"{len(rows)} traces. `correct` reproduced from the answer in their header: "
        f"{share(counts['header'], len(rows), 2)}; from the last line of their text alone: "
        f"{share(counts['text'], len(rows), 2)}.",
        f"Header and last line name different choices in {len(differing)}: {_names(differing)}.",
        f"The last line names no choice in {len(unread)}: {_names(unread)}.",
    ]


def _names(ids: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in ids) or "none"


def speed() -> list[str]:
    """How long one response takes, and one of a megabyte."""
    asked = [(form, choices) for choices in OWN for gold in choices for _, form in forms(gold, "A", choices)]
    begun = time.process_time()
    for form, choices in asked:
        resolve(form, choices)
    each_us = 1e6 * (time.process_time() - begun) / len(asked)
    longest = []
    for unit in ("The answer is A or B. ", "{", "not calm, ", "(A) and "):
        begun = time.process_time()
        resolve(unit * (1_000_000 // len(unit)), ["calm", "excited"])
        longest.append(time.process_time() - begun)
    return [
        f"One response: {each_us:.0f} µs on one core. A response of a megabyte: {statistics.median(longest):.1f} s "
        f"(at most {max(longest):.1f} s of {len(longest)} kinds)."
    ]


def read(file: Path) -> Iterator[dict[str, Any]]:
    """The rows of a JSONL file."""
    with file.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def main() -> None:
    """Run the tests and print the page's sections."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=folder, help="folder with mmau_questions.jsonl, mmau_predictions.jsonl, ...")
    parser.add_argument("--show", action="store_true", help="every failure on stderr")
    parser.add_argument("--write", action="store_true", help="write the sections to docs/answers.md")
    parser.add_argument("--json", action="store_true", help="print one JSON object (docs/formats.md)")
    given = parser.parse_args()
    if given.write and not PAGE.exists():
        parser.error("--write needs a checkout: its docs/answers.md is what is written")
    if given.data is not None:
        check_data(given.data, ("mmau_questions.jsonl", "mmau_predictions.jsonl", "taltech_traces.jsonl"))
    made = {"own": own(given.show), "speed": speed()}
    if given.data is not None:
        made |= {name: test(given.data, given.show) for name, test in TESTS.items()}
    show(made, as_json=given.json)
    if given.write:
        for name, lines in made.items():
            write_section(PAGE, f"answers {name}", lines)


TESTS = {"published": published, "predictions": predictions, "traces": traces}

if __name__ == "__main__":
    main()
