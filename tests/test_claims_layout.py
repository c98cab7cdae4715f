"""A slip of the pen in `rules/cues/` is one line with file and key, before anything is measured."""

from __future__ import annotations

import shutil

import pytest
from measuring import of
from sounds import sine

from mgrd.claims import by_model, layout, levels, vocabulary
from mgrd.claims.extract import extract
from mgrd.claims.verify import verify
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
        (
            'asserts = "low"',
            'asserts = "lwo"',
            "norms.toml: [[level]] 1 (pitch.level lwo): no phrase says lwo of pitch.level; ",
        ),
        ("edge = 1.5", "edge = 0.0", f"{LOW}: edge = 0.0 must be more than 0"),
        ("edge = 1.5", "edge = -1.5", f"{LOW}: edge = -1.5 must be more than 0"),
        ("at_most = 155", "at_most = nan", f"{LOW}: at_most = nan must be a number"),
        ("against = 165", "against = inf", f"{LOW}: against = inf must be a number"),
        ("at_most = 155", "at_most = -155", f"{LOW}: at_most = -155 must be more than 0"),
        ("at_most = 155", "at_most = 155\nat_least = 200", f"{LOW}: at_least = 200 is more than at_most = 155"),
        (
            "tolerance = 1.0",
            "tolerance = 0",
            "norms.toml: [[value]] 1 (pitch.value): tolerance = 0 must be more than 0",
        ),
        ("tones = 0.35", "tones = 0", "norms.toml: [[difference]] 1 (pitch.level): tones = 0 must be more than 0"),
        ("least = 0.35", "least = -1", "norms.toml: [[difference]] 1 (pitch.level): least = -1 must be at least 0"),
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


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[heads]\nnope = 3", "en-own.toml: [heads.nope] must be a table"),
        ("heads = 3", "en-own.toml: [heads] must be a table"),
        ('[heads.voice]\nis = "low"', "en-own.toml: [heads.voice]: is must be a table"),
        ("[heads.voice]\nsame_as = 3", "en-own.toml: [heads.voice]: same_as must be a text"),
        ("[phrases]\ntrace = 3", "en-own.toml: [phrases.trace] must be a table"),
        ('[numbers]\nmany = ["lots"]', "en-own.toml: [numbers]: 'many' must be a number"),
        ('[manner]\nheads = ["voyce"]', "en-own.toml: [manner]: lacks adjectives, cue, verbs"),
    ],
)
def test_a_value_where_a_table_is_due_is_named(slip, tmp_path, text, said):
    (tmp_path / "cues" / "en-own.toml").write_text("# own")
    assert slip("en-own.toml", "# own", text) == said


@pytest.mark.parametrize("key", ["heads", "verbs"])
def test_a_manner_of_a_head_that_is_not_there_is_named(slip, key):
    said = slip("en-manner.toml", f"\n{key} = [", f'\n{key} = ["voyce", ')
    assert said.startswith(f"en*.toml: [manner]: {key}: unknown head voyce; it knows ")


def test_a_claim_without_an_admissible_frame_is_unverifiable_and_no_end(monkeypatch):
    norms = {"level": [{**norm, "frame": "female"} for norm in vocabulary.norms()["level"]]}
    monkeypatch.setattr(levels, "norms", lambda: norms)
    levels._levels.cache_clear()
    try:
        (claim,) = verify(extract("The music is loud."), [of(sine(220, 1.0))])
    finally:
        levels._levels.cache_clear()
    assert (claim.verdict, claim.why) == ("unverifiable", "norms.toml has no frame of reference for it")


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
