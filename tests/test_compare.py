"""Two judgements side by side: what the one keeps and the other drops, and why."""

import json

import pytest
from judged_rows import trace, write

from mgrd import cli, tables
from mgrd.compare import EXAMPLES, compare, lines
from mgrd.errors import InputError
from mgrd.options import Select
from mgrd.selection import select


@pytest.fixture
def filtered(tmp_path):
    """Folders as filter leaves them: judged, selected, with the settings in the manifest."""

    def filtered(name, rows, identity=None, options=None):
        out = tmp_path / name
        write(out, rows)
        select(out, out, options or Select())
        tables.write_json({"filter": {"identity": identity or {}}}, out / "manifest.json")
        return out

    return filtered


LOUD = ("acoustic", "true_to_waveform", "claims loud; -40 LUFS")
SHORT = ("logic", "length", "3 words; at least 5")


def test_two_settings_are_told_apart_by_what_each_keeps_alone_and_why(filtered):
    a = filtered(
        "a",
        [trace(sample=0), trace(sample=1, think="Loud.", objections=[LOUD]), trace("q2", objections=[SHORT])],
        {
            "checks": ["acoustic.true_to_waveform", "logic.length"],
            "options": {"length": {"least": 5}},
            "extractor": "4",
        },
    )
    b = filtered(
        "b",
        [trace(sample=0, objections=[SHORT, LOUD]), trace(sample=1, think="Loud."), trace("q2", objections=[SHORT])],
        {"checks": ["logic.length"], "options": {"length": {"least": 9}}, "extractor": "4"},
    )

    found = compare(a, b)

    examples = found.pop("examples")
    assert found == {
        "a": str(a),
        "b": str(b),
        "by": "kept",
        "settings": {"checks": [["acoustic.true_to_waveform"], []], "options.length.least": [5, 9]},
        "traces": {"both": 3, "only_a": 0, "only_b": 0},
        "kept": {"both": 0, "only_a": 1, "only_b": 1, "neither": 1},
        "questions": {"both": 1, "only_a": 0, "only_b": 0, "neither": 1},
        "checks": {
            "acoustic.true_to_waveform": {"a": 1, "b": 1, "only_a": 1, "only_b": 1},
            "logic.length": {"a": 1, "b": 2, "only_a": 0, "only_b": 1},
        },
    }
    assert [(one["trace_id"], one["kept_by"], one["why"]) for one in examples] == [
        ("q1.1.0", "a", ["logic.length: 3 words; at least 5", "acoustic.true_to_waveform: claims loud; -40 LUFS"]),
        ("q1.1.1", "b", ["acoustic.true_to_waveform: claims loud; -40 LUFS"]),
    ]
    assert examples[1]["think"] == "Loud."


def test_what_selection_leaves_out_is_a_difference_too(filtered):
    rows = [trace(sample=i, think=f"It falls {i} times, says {i}.") for i in range(3)]
    a, b = filtered("a", rows), filtered("b", rows, options=Select(per_question=1))

    found = compare(a, b)

    assert found["checks"] == {"selection": {"a": 0, "b": 2, "only_a": 0, "only_b": 2}}
    assert [one["why"] for one in found["examples"]] == [["selection: over the 1 of its question"]] * 2


def test_without_a_selection_in_both_what_passed_is_compared(filtered):
    rows = [trace(sample=i, think=f"It falls {i} times, says {i}.") for i in range(3)]
    a, b = filtered("a", rows), filtered("b", rows, options=Select(per_question=1))
    (a / "selection.parquet").unlink()

    found = compare(a, b)

    assert (found["by"], found["kept"]["both"], found["checks"]) == ("passed", 3, {})


def test_every_check_that_makes_a_difference_has_a_few_examples(filtered):
    rows = [trace(sample=i, think=f"It falls {i} times.") for i in range(9)]
    a = filtered("a", rows)
    b = filtered(
        "b", [row | {"objections": _named(SHORT if i < 8 else LOUD), "passed": False} for i, row in enumerate(rows)]
    )

    found = compare(a, b)

    assert [one["trace_id"] for one in found["examples"]] == [*(f"q1.1.{i}" for i in range(EXAMPLES)), "q1.1.8"]


def _named(*objections):
    return [dict(zip(("rule", "check", "reason"), one, strict=True)) for one in objections]


def test_traces_that_only_one_side_holds_are_counted(filtered):
    found = compare(filtered("a", [trace(sample=0), trace(sample=1)]), filtered("b", [trace(sample=0)]))

    assert found["traces"] == {"both": 1, "only_a": 1, "only_b": 0}


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (trace("q9"), "share no trace; compare two judgements of the same traces"),
        (trace(completion="<think>It rises.</think>up"), "q1.1.0: has another text in"),
    ],
)
def test_other_traces_are_refused(filtered, other, message):
    with pytest.raises(InputError, match=message):
        compare(filtered("a", [trace()]), filtered("b", [other]))


def test_for_people_every_difference_is_a_line_and_text_cannot_obey(filtered):
    a, b = (
        filtered("a", [trace(think="It\x1b[2J falls.")]),
        filtered("b", [trace(think="It\x1b[2J falls.", objections=[SHORT])]),
    )

    text = "\n".join(lines(compare(a, b)))

    assert "traces kept: 0 in both, 1 in A alone, 0 in B alone, 0 in neither" in text
    assert "q1.1.0: kept by A; B says:\n  logic.length: 3 words; at least 5" in text
    assert "\x1b" not in text


def test_on_the_command_line_it_takes_two_folders_and_nothing_else(filtered, capsys):
    a, b = filtered("a", [trace()]), filtered("b", [trace(objections=[SHORT])])

    def run(*words):
        with pytest.raises(SystemExit) as ended:
            cli.main(["filter", *map(str, words)])
        return ended.value.code, capsys.readouterr()

    code, said = run("--compare", a, b, "--json")
    assert (code, json.loads(said.out)) == (0, compare(a, b))
    assert run("--compare", a, b)[1].out.splitlines() == list(lines(compare(a, b)))
    for words in ((a, "--compare", a, b), ("--compare", a, b, "-o", a), ("--compare", a, "absent"), (a,), ()):
        assert run(*words)[0] == 2
