"""A slip of the pen in `rules/cues/` is one line with file and key, before anything is measured."""

from __future__ import annotations

import shutil

import pytest

from mgrd.claims import by_model, layout, vocabulary
from mgrd.errors import RuleError


@pytest.fixture
def slip(tmp_path, monkeypatch):
    """`slip(file, before, after)` replaces a text once in a copy of the vocabulary, and says what checking it says."""
    folder = shutil.copytree(vocabulary.cues(), tmp_path / "cues")
    monkeypatch.setattr(vocabulary, "cues", lambda: folder)
    vocabulary.norms.cache_clear()

    def slip(file, before, after):
        text = (folder / file).read_text(encoding="utf-8")
        assert before in text
        (folder / file).write_text(text.replace(before, after, 1), encoding="utf-8")
        with pytest.raises(RuleError) as raised:
            vocabulary.check_files()
        assert "\n" not in str(raised.value)
        return str(raised.value).removeprefix(str(folder) + "/")

    yield slip
    vocabulary.norms.cache_clear()


LOW = "norms.toml: [[level]] 1 (pitch.level low)"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("against = 165", "againts = 165", f"{LOW}: unknown key againts; it knows against, asserts, at_least, "),
        ("at_most = 155", "", f"{LOW}: lacks at_least or at_most"),
        ("at_most = 155", 'at_most = "155"', f"{LOW}: at_most = '155' must be a number"),
        ("edge = 1.5", "", f"{LOW}: lacks edge"),
        ('frame = "any"', 'frame = "every"', f"{LOW}: there is no frame every; there are any, doubt, end, "),
        ('scale = "st"', 'scale = "semitones"', f"{LOW}: there is no scale semitones; there are linear, ratio, st"),
        ('"f0_median_hz"', '"f0_medain_hz"', f"{LOW}: there is no figure f0_medain_hz; there are bandlimit_hz, "),
        ('cue = "pitch.level"', 'cue = "pitch.levle"', "norms.toml: [[level]] 1 (pitch.levle low): there is no cue "),
        ("tolerance = 1.0", "tolerence = 1.0", "norms.toml: [[value]] 1 (pitch.value): unknown key tolerence; "),
        ("least = 0.35", "", "norms.toml: [[difference]] 1 (pitch.level): lacks least"),
        ('kind = "tone"\nwords', 'kind = "tone"\nword', "norms.toml: [[source]] 2 (tone): unknown key word; "),
        ("\n[[value]]", "\n[[values]]", "norms.toml: unknown table values; it knows difference, level, source, value"),
    ],
)
def test_a_slip_in_the_norms_is_named(slip, before, after, said):
    assert slip("norms.toml", before, after).startswith(said)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("[heads.", "[head.", "en.toml: unknown table head; it knows alone, around, "),
        ("\nneeds = ", "\nneed = ", ": unknown key need; it knows events, is, needs, same_as, words"),
        ('needs = "', 'needs = "the ', " must be nothing or trace or sentence"),
        ('"pitch.level ', '"pitch.levle ', "is not a cue and a value, like 'pitch.level high'"),
        ("[phrases.", "[phrases.any_", "en.toml: [phrases]: unknown table any_"),
        ("\nwords = ", '\nevents = ["nobody"]\nwords = ', ": unknown events nobody; it knows "),
    ],
)
def test_a_slip_in_a_vocabulary_is_named(slip, before, after, said):
    assert said in slip("en.toml", before, after)


def test_a_word_where_a_list_of_words_is_due_is_named(slip, tmp_path):
    (tmp_path / "cues" / "en-own.toml").write_text('[lists]\nabout = "some"\n')
    said = slip("en-own.toml", "some", "nearly")
    assert said == "en-own.toml: [lists]: about = 'nearly' must be a list of texts"


def test_a_head_that_lacks_its_words_is_named(slip, tmp_path):
    (tmp_path / "cues" / "en-own.toml").write_text('[heads.own]\nneeds = "trace"\n')
    assert slip("en-own.toml", "trace", "nothing") == "en*.toml: [heads.own]: lacks is, words"


def test_filter_ends_before_it_measures_with_one_line_and_exit_code_1(slip, run, tmp_path):
    said = slip("norms.toml", "against = 165", "againts = 165")
    (tmp_path / "traces.jsonl").write_text('{"id": "t", "audio": "a.wav", "question": "?", "completion": "low"}')
    code, out, error = run("filter", tmp_path / "traces.jsonl", "-o", tmp_path / "out")
    assert (code, out, error) == (1, "", f"Error: {tmp_path / 'cues'}/{said}\n")
    assert not (tmp_path / "out").exists()


def test_what_a_model_may_say_is_a_cue_that_the_files_may_hold():
    assert by_model.CUES.keys() <= layout.CUES
