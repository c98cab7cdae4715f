"""The acoustic checks beyond their own examples: options, and what real text-only chains look like to them."""

import json
import time
from pathlib import Path

import pytest

from mgrd.claims.extract import extract
from mgrd.rulebook import Trace, built_in, example, load

REAL = Path(__file__).parents[2] / "shared" / "real"


def checks(**options):
    return {check.name: check for check in load(options=options) if check.rule == "acoustic"}


@pytest.mark.parametrize("name", sorted(path.stem for path in (built_in() / "acoustic").glob("*.py")))
def test_an_acoustic_check_agrees_with_its_own_examples(name):
    check = checks()[name]
    assert [entry.think for entry in check.keep if check(entry.trace())] == []
    assert [entry.think for entry in check.drop if not check(entry.trace())] == []


def test_more_observations_can_be_asked_for():
    trace = example("The voice is low.").trace()
    assert checks()["cites_sound"](trace) is None
    assert checks(cites_sound={"least": 2})["cites_sound"](trace) == "1 observations of the sound, 2 needed"


def test_contradictions_can_be_tolerated_and_the_worst_is_named():
    trace = example("The voice is low. The clip is quiet.", clip={"f0_median_hz": 280.0, "loudness_lufs": -5.0}).trace()
    reason = checks()["true_to_waveform"](trace)
    assert reason == "says 'clip is quiet': claims quiet, measured -5 LUFS (quiet: at most -29) (and 1 more)"
    assert checks(true_to_waveform={"tolerate": 2})["true_to_waveform"](trace) is None


def test_a_time_beyond_what_was_heard_is_named():
    trace = example("A dog barks at 12.5 s.", clip={"duration_s": 60.0}, heard_s=[10.0]).trace()
    assert checks()["within_clip"](trace) == "says '12.5 s', 2.5 s after the end of the 10.0 s that were heard"


@pytest.mark.parametrize("unit", ["can't ", "the words, ", "“", "no audio ", "不能", "but ", "he says ", " ", "\n"])
def test_the_checks_take_time_in_proportion_to_the_text(unit):
    acoustic = checks().values()

    def seconds(characters):
        think = unit * (characters // len(unit))
        trace = Trace("a", think, think, "", question="How does it sound?", claims=extract(think))
        start = time.process_time()
        for check in acoustic:
            check(trace)
        return time.process_time() - start

    seconds(10_000)
    # up to three tries: what else the machine does only adds
    assert any(seconds(400_000) < 8 * max(seconds(100_000), 0.02) for _ in range(3))


def test_chains_of_pure_logic_do_not_pass_for_listening():
    path = REAL / "soundmind_text_only.jsonl"
    if not path.exists():
        pytest.skip(f"{path.name} is not beside this checkout")
    acoustic = checks()
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    passed = [
        row["id"]
        for row in rows
        for trace in [Trace(row["id"], row["trace"], "", "", question=row["question"], claims=extract(row["trace"]))]
        if not any(acoustic[name](trace) for name in ("cites_sound", "not_from_words", "hears_audio"))
    ]
    assert len(passed) / len(rows) <= 0.02


def test_a_minimum_of_supported_claims_is_asked_for_on_request_only():
    told = example(
        "The voice is low and sarcastic. The clip lasts 2 s.", clip={"f0_median_hz": 100.0, "duration_s": 2.0}
    ).trace()

    assert checks()["cites_sound"](told) is None
    assert checks(cites_sound={"supported": 2})["cites_sound"](told) == (
        "the waveform supports 1 of its observations, 2 needed"
    )
