"""Options: tables of a config are checked, by name, before anything runs."""

import dataclasses
import math

import pytest

from mgrd.errors import MisusedError
from mgrd.options import Distill, Eval, Export, Filter, Generate, Run, Select
from mgrd.settings import check_ranges, fields, from_table, identity, mapping, share

ALL = (Generate, Filter, Select, Distill, Export, Run, Eval)


def test_an_empty_table_gives_the_defaults():
    assert from_table(Generate, {}, "[generate]") == Generate()
    assert from_table(Filter, {}, "[filter]").without == []


def test_every_option_has_a_help_and_a_default_within_its_own_range():
    for options in ALL:
        for field in fields(options):
            assert field.opt.help.endswith((".", "?")), field.name
            if field.default is not dataclasses.MISSING and isinstance(field.default, int | float):
                assert field.opt.min is None or field.default >= field.opt.min, field.name


def test_no_switch_is_on_by_default_because_a_command_line_could_not_switch_it_off():
    assert [field.name for options in ALL for field in fields(options) if field.default is True] == []


def test_a_table_is_converted_to_the_types_of_its_options():
    made = from_table(Select, {"pass_rate": [0, 1], "per_question": 2}, "[select]")
    assert made == Select(pass_rate=(0.0, 1.0), per_question=2)
    assert from_table(Select, {"pass_rate": ["3/8", 0.75]}, "[select]") == Select(pass_rate=(3 / 8, 6 / 8))
    assert isinstance(from_table(Generate, {"temperature": 1}, "x").temperature, float)


@pytest.mark.parametrize(
    ("options", "table", "message"),
    [
        (Generate, {"temprature": 1.0}, "c [generate]: unknown key temprature; it knows samples, temperature"),
        (Generate, {"samples": 0}, "c [generate] samples 0: must be at least 1"),
        (Generate, {"samples": True}, "c [generate] samples = True: must be a whole number"),
        (Generate, {"samples": 8.0}, "c [generate] samples = 8.0: must be a whole number"),
        (Generate, {"temperature": "hot"}, "c [generate] temperature = 'hot': must be a number"),
        (Generate, {"temperature": 6}, "c [generate] temperature 6: must be from 0 to 5"),
        (Generate, {"temperature": math.nan}, "c [generate] temperature nan: must be from 0 to 5"),
        (Generate, {"control": "mute"}, "c [generate] control = 'mute': must be silence or swap or noise"),
        (Generate, {"control": ["mute"]}, "c [generate] control = ['mute']: must be silence or swap or noise"),
        (Generate, {"retry_failed": 1}, "c [generate] retry_failed = 1: must be true or false"),
        (Filter, {"without": "cites_sound"}, "c [generate] without = 'cites_sound': must be a list of texts"),
        (Select, {"pass_rate": [0.1]}, "c [generate] pass_rate = [0.1]: must be a list of 2 numbers"),
        (Select, {"pass_rate": ["a", "b"]}, "c [generate] pass_rate = ['a', 'b']: must be a list of 2 numbers"),
        (Select, {"pass_rate": ["1/0", "1"]}, "c [generate] pass_rate = ['1/0', '1']: must be a list of 2 numbers"),
        (Select, {"pass_rate": ["6/8", "9/8"]}, "c [generate] pass_rate 1.125: must be from 0 to 1"),
        (Select, {"pass_rate": [0.9, 0.1]}, "c [generate] pass_rate 0.9 0.1: the lower bound comes first"),
        (Select, {"pass_rate": [0.1, 1.1]}, "c [generate] pass_rate 1.1: must be from 0 to 1"),
        (Distill, {"seed": 2**32}, "c [generate] seed 4294967296: must be from 0 to 4294967295"),
        (Distill, {"lr": 0}, "c [generate] lr 0: must be from 1e-09 to 1"),
        (Distill, {"epochs": math.inf}, "c [generate] epochs inf: must be at least 0.01"),
        (Run, {"questions": "q"}, "c [generate]: model is missing (The model that round 1 samples from.)"),
    ],
)
def test_what_is_wrong_in_a_table_is_said_by_name(options, table, message):
    with pytest.raises(MisusedError) as raised:
        from_table(options, table, "c [generate]")
    assert str(raised.value).startswith(message)


def test_a_command_line_is_held_to_the_same_ranges():
    check_ranges(Generate())
    with pytest.raises(MisusedError, match="--max-failed 2: must be from 0 to 1"):
        check_ranges(Generate(max_failed=2.0))
    with pytest.raises(MisusedError, match=r"--pass-rate 0.9 0.1: the lower bound comes first"):
        check_ranges(Select(pass_rate=(0.9, 0.1)))


def test_the_identity_is_what_was_asked_and_not_how_it_ran():
    assert identity(Generate(samples=3, batch=4, engine="vllm")) == identity(Generate())
    assert set(identity(Generate())) == {
        "temperature", "top_p", "max_tokens", "think_budget", "seed", "prompt", "control", "long_clips", "dtype",
    }  # fmt: skip


def test_columns_are_mapped_by_pairs_and_a_pair_that_is_none_is_named():
    assert mapping(["question=prompt", "audio=a=b"]) == {"question": "prompt", "audio": "a=b"}
    for pairs, message in (
        (["question"], "--map question: write OURS=THEIRS"),
        (["=prompt"], "--map =prompt: write OURS=THEIRS"),
        (["question=a", "question=b"], "--map question=b: question is a already"),
    ):
        with pytest.raises(MisusedError, match=message):
            mapping(pairs)


def test_shares_are_written_as_numbers_or_as_fractions_and_are_the_same_numbers():
    assert [share(text) for text in ("3/8", "0.375", "1", "1/3", "a", "", "1/0", "nan")] == [
        3 / 8,
        0.375,
        1.0,
        1 / 3,
        None,
        None,
        None,
        None,
    ]
