"""Rules folders: what loads, what is refused before any trace is judged, and what a crash leaves behind."""

import subprocess
import sys
from pathlib import Path

import pytest

from mgrd import rulebook
from mgrd.errors import RuleError
from mgrd.rulebook import Objection, Trace, describe, example, fingerprint, judge, load

MUTE = '''
"""Object to a trace that names no sound, because that is what the rule is for.

More.
"""
from mgrd.rulebook import example

def check(trace, *, words: tuple[str, ...] = ("pitch",), least: float = 1.0):
    """Object."""
    return None if sum(word in trace.think for word in words) >= least else "names\\nno sound"

KEEP = [example("the pitch falls")]
DROP = [example("she says no")]
'''


@pytest.fixture
def own(tmp_path):
    """A user's folder of rules with the given files."""

    def own(**files):
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_suffix(".py").write_text(text, encoding="utf-8")
        return tmp_path

    return own


def trace(think="the pitch falls"):
    return Trace(id="t1", think=think, response="", completion=think)


def named(checks, *names):
    return [check for check in checks if check.name in names]


def test_the_built_in_checks_come_in_the_order_of_families_and_names():
    checks = [(check.rule, check.name) for check in load()]

    assert checks == sorted(checks, key=lambda one: (("acoustic", "logic", "correctness").index(one[0]), one[1]))
    assert {"acoustic", "logic", "correctness"} >= {rule for rule, _ in checks}
    assert ("correctness", "right_answer") in checks


def test_a_users_check_is_added_and_bound_to_its_options(own):
    checks = load([own(logic__mute=MUTE)], options={"mute": {"words": ["bark", "pitch"], "least": 2}})

    [mute] = named(checks, "mute")
    assert mute.options == {"words": ("bark", "pitch"), "least": 2.0}
    assert mute.summary == "Object to a trace that names no sound, because that is what the rule is for."
    assert mute(trace()) == "names no sound"
    assert mute(trace("the bark has no pitch")) is None


def test_all_checks_always_run_and_objections_keep_their_order(own):
    checks = named(load([own(logic__mute=MUTE, acoustic__deaf=MUTE)]), "mute", "deaf", "no_gold")

    assert judge(trace("she says no"), checks) == [
        Objection("acoustic", "deaf", "names no sound"),
        Objection("logic", "mute", "names no sound"),
        Objection("correctness", "no_gold", "the question has no gold answer (--no-gold keep accepts such traces)"),
    ]


def test_a_check_can_be_left_out():
    assert named(load(without=["no_gold"]), "no_gold") == []


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"logic__mute": MUTE.replace('"""', "'", 2)}, r"mute.py: line \d+: unterminated"),
        ({"logic__mute": MUTE.replace("KEEP =", "KEPT =")}, "mute.py: not a check, it lacks KEEP"),
        ({"logic__mute": "x = 1"}, "mute.py: not a check, it lacks a docstring, check"),
        ({"logic__mute": MUTE.replace(" = 1.0", "")}, "mute.py: check takes"),
        (
            {"logic__mute": MUTE.replace('[example("she says no")]', '["she says no"]')},
            "mute.py: KEEP and DROP hold ex",
        ),
        ({"logic__length": MUTE}, "length.py: there is already a check length"),
        ({"mute": MUTE}, "mute.py: a check lies in one of"),
        ({"manners__mute": MUTE}, "mute.py: a check lies in one of"),
    ],
)
def test_a_file_that_is_no_check_is_refused_by_name(own, broken, message):
    with pytest.raises(RuleError, match=message):
        load([own(**broken)])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"without": ["lenght"]}, "there is no check lenght; there are"),
        ({"options": {"lenght": {}}}, "there is no check lenght; there are"),
        ({"options": {"length": {"leest": 3}}}, "length.py: check has no option leest; it has least, most"),
        ({"options": {"length": {"least": "three"}}}, "length.py: option least = 'three' must be of type int"),
        ({"options": {"length": {"least": True}}}, "length.py: option least = True must be of type int"),
        ({"options": {"length": {"least": 3}}, "without": ["length"]}, "left out and given options"),
    ],
)
def test_settings_that_fit_no_check_are_errors_before_any_trace_is_judged(settings, message):
    with pytest.raises(RuleError, match=message):
        load(**settings)


def test_an_empty_folder_is_an_error_not_a_filter_that_keeps_everything(tmp_path):
    with pytest.raises(RuleError, match="no checks; they lie in"):
        load([tmp_path])


def test_a_crash_is_not_a_verdict_and_names_the_check_and_the_trace(own):
    crash = MUTE.replace("return None if", "raise KeyError('f0') if")
    [mute] = named(load([own(logic__mute=crash)]), "mute")

    with pytest.raises(KeyError) as crashed:
        mute(trace())

    assert [note.split(" (")[0] for note in crashed.value.__notes__] == ["in the check logic.mute"]
    assert crashed.value.__notes__[0].endswith("on the trace t1")
    assert crashed.traceback[-1].path == own() / "logic" / "mute.py"


def test_a_verdict_that_is_no_reason_is_a_crash(own):
    [mute] = named(load([own(logic__mute=MUTE.replace('"names\\nno sound"', "True"))]), "mute")

    with pytest.raises(TypeError, match="returned True; it must return a reason or None"):
        mute(trace("silence"))


def test_the_fingerprint_changes_with_a_check_an_option_and_a_source(own):
    folder = own(logic__mute=MUTE)
    prints = [fingerprint(load([folder])), fingerprint(load([folder], options={"mute": {"least": 2.0}}))]
    prints += [fingerprint(load([folder], without=["length"])), fingerprint(load())]
    own(logic__mute=MUTE + "\n# a comment\n")
    prints.append(fingerprint(load([folder])))
    (folder / "cues").mkdir()
    (folder / "cues" / "en.toml").write_text("")  # only the built-in vocabulary is ever read

    assert len(set(prints)) == 5
    assert fingerprint(load([folder])) == prints[-1]


def test_an_example_is_resolved_and_measured_like_a_real_trace():
    made = example("Low.", response="(B)", choices=["man", "boy"], answer="boy", clip={"f0_median_hz": 100.0}).trace()

    assert (made.predicted, made.correct, made.completion) == ("boy", True, "<think>\nLow.\n</think>\n(B)")
    assert (made.measurements[0].figures["f0_median_hz"].value, made.heard_s) == (100.0, [5.0])


def test_a_description_shows_documentation_options_and_examples(own):
    [mute] = named(load([own(logic__mute=MUTE)]), "mute")

    assert describe(mute) == (
        "logic.mute\n\n"
        "Object to a trace that names no sound, because that is what the rule is for.\n\nMore.\n\n"
        'Options:\n  words = ["pitch"]\n  least = 1.0\n\n'
        "Keeps:\n  the pitch falls\n\n"
        "Objects to:\n  she says no\n"
    )


def test_in_a_wheel_the_rules_lie_inside_the_package(monkeypatch, tmp_path):
    (tmp_path / "mgrd" / "_rules" / "acoustic").mkdir(parents=True)
    monkeypatch.setattr(rulebook, "PACKAGE", tmp_path / "mgrd")

    assert rulebook.built_in() == tmp_path / "mgrd" / "_rules"


def test_listing_the_checks_imports_nothing_heavy():
    code = "import sys; from mgrd.rulebook import load; load(); print({'numpy', 'polars', 'torch'} & {*sys.modules})"

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1]
    )

    assert done.stdout == "set()\n"
