"""A corpus's own percentiles as a frame of reference: how they are taken, kept and read, and what they change."""

import json
import math
import random

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mgrd import readout, tables
from mgrd.audio import measure
from mgrd.audio.cache import MEASUREMENTS, read_figures, to_row
from mgrd.audio.figures import Segment
from mgrd.audio.measure import EXTRACTOR, Figure, Measurements
from mgrd.claims import Claim, calibration
from mgrd.claims.calibration import FILE, LEAST, PERCENTILES, calibrate, corpus_norm, find, read
from mgrd.claims.extract import extract
from mgrd.claims.verify import verify
from mgrd.claims.vocabulary import norms
from mgrd.errors import InputError, MisusedError, SettingsError
from mgrd.filter import filter_traces
from mgrd.options import Filter
from mgrd.progress import Story

QUIET = Story(quiet=True)
SIGMA = {"f0_median_hz": 2.0, "syllable_rate_hz": 0.3, "loudness_lufs": 0.2, "f0_sd_st": 0.2, "snr_db": 2.0}


def clip(name="a", *, f0_hz=None, **figures):
    """A voice of 4 s; a figure of None was not measured."""
    given = figures | ({} if f0_hz is None else {"f0_median_hz": f0_hz})
    made = {
        key: Figure(None, None, "absent") if value is None else Figure(value, SIGMA.get(key, 0.5))
        for key, value in given.items()
    }
    return Measurements(name, EXTRACTOR, 4.0, 16000, made, {}, 0.016, [])


def children(n=400, median_hz=280.0, spread_st=2.0, seed=1):
    """Voices of children: normally distributed in semitones."""
    drawn = np.random.default_rng(seed).standard_normal(n)
    return [clip(f"c{i}", f0_hz=float(median_hz * 2 ** (x * spread_st / 12))) for i, x in enumerate(drawn)]


def write(folder, clips, languages=None):
    tables.write_json(calibrate(clips, languages), folder / FILE)
    return folder / FILE


@pytest.fixture
def corpus_of(tmp_path):
    """The frame that clips make, by way of the file."""

    def corpus_of(clips, languages=None, language=None):
        return read(write(tmp_path, clips, languages)).of(language)

    return corpus_of


def verdict(think, heard, corpus=None):
    (claim,) = [one for one in verify(extract(think), [heard], corpus) if one.cue.endswith(".level")]
    return claim.verdict


def why(think, heard, corpus=None):
    (claim,) = [one for one in verify(extract(think), [heard], corpus) if one.cue.endswith(".level")]
    return claim.why


# --- percentiles


def test_percentiles_are_values_of_clips_and_shares_of_them_lie_at_or_under():
    hundreds = [clip(f"c{i}", loudness_lufs=-float(i)) for i in range(1, 401)]
    (group,) = calibrate(hundreds)["groups"]
    found = group["figures"]["loudness_lufs"]
    assert (group["content"], group["language"], group["n"], found["n"]) == ("voice", "any", 400, 400)
    assert found["percentiles"] == {str(p): -400.0 + 4 * p - 1 for p in PERCENTILES}


def test_the_error_of_an_edge_is_that_of_its_bootstrap():
    rng = np.random.default_rng(3)
    levels = rng.normal(-25.0, 4.0, 300)
    found = calibrate([clip(f"c{i}", loudness_lufs=float(x)) for i, x in enumerate(levels)])["groups"][0]["figures"]
    for percent in (33, 50, 67):
        k = math.ceil(percent * 3)
        drawn = np.sort(rng.choice(levels, (4000, 300)), axis=1)[:, k - 1]
        assert found["loudness_lufs"]["errors"][str(percent)] == pytest.approx(drawn.std(), rel=0.06)


def test_errors_are_on_the_scale_of_the_norm():
    found = calibrate(children(median_hz=280.0))["groups"][0]["figures"]["f0_median_hz"]
    higher = calibrate(children(median_hz=560.0))["groups"][0]["figures"]["f0_median_hz"]
    assert found["scale"] == "st"
    assert found["errors"]["50"] == pytest.approx(1.25 * 2.0 / math.sqrt(400), rel=0.3)  # semitones, not hertz
    assert higher["errors"] == pytest.approx(found["errors"], rel=1e-3)


def test_the_order_of_clips_and_repeated_sounds_change_nothing():
    clips = children(250)
    mixed = clips + clips[:100]
    random.Random(0).shuffle(mixed)
    languages = {one.audio_sha: {"en", "zh"} for one in clips}
    shuffled = {sha: ["zh", "en"] for sha in languages}
    assert json.dumps(calibrate(mixed, shuffled)) == json.dumps(calibrate(clips, languages))


def test_a_group_of_too_few_clips_is_listed_and_not_used(corpus_of):
    clips = [*children(199), *(clip(f"x{i}", f0_hz=None, syllable_rate_hz=None) for i in range(300))]
    (group,) = calibrate(clips)["groups"]
    assert group["n"] == 499
    assert group["figures"]["f0_median_hz"] == {"n": 199, "scale": "st", "why": "too few: 199 of 200"}
    assert corpus_of(clips) == {"voice": {}}
    assert corpus_of(children(200))["voice"].keys() == {"f0_median_hz"}


def test_figures_that_are_no_number_on_their_scale_are_not_counted():
    odd = [clip("n", f0_hz=math.nan), clip("z", f0_hz=0.0), clip("i", f0_hz=math.inf), clip("m", f0_hz=None)]
    (group,) = calibrate([*children(200), *odd])["groups"]
    assert (group["n"], group["figures"]["f0_median_hz"]["n"]) == (204, 200)


def test_groups_are_by_content_and_by_language():
    tone = Measurements("t", EXTRACTOR, 4.0, 16000,
                        {"speech_s": Figure(0.0, 0.1), "voiced_s": Figure(4.0, 0.1)}, {}, 0.016,
                        [Segment("event", 0.0, 4.0, 440.0, -20.0)])  # fmt: skip
    made = calibrate([clip("a"), clip("b"), tone], {"a": {"en"}, "b": {"zh", "en"}})
    sizes = {(group["content"], group["language"]): group["n"] for group in made["groups"]}
    assert sizes == {("tones", "any"): 1, ("voice", "any"): 2, ("voice", "en"): 2, ("voice", "zh"): 1}
    assert made["clips"] == 3


def test_a_calibration_of_nothing_is_a_calibration_of_nothing(tmp_path):
    assert read(write(tmp_path, [])).of("en") == {}


def test_tracks_are_not_read_to_calibrate(tmp_path):
    clips = [Measurements(**{f: getattr(one, f) for f in one.__slots__} | {"tracks": {"f0_hz": np.zeros(9, "<f2")}})
             for one in children(3)]  # fmt: skip
    table = tmp_path / "measurements.parquet"
    tables.write_table([to_row(one) for one in clips], table, MEASUREMENTS)
    assert list(read_figures(table, {"c0", "c2", "other"})) == [children(3)[0], children(3)[2]]


# --- languages


def test_a_language_has_its_own_frame_where_languages_are_known(corpus_of):
    slow = [clip(f"s{i}", syllable_rate_hz=3.0 + 0.005 * i) for i in range(200)]
    fast = [clip(f"f{i}", syllable_rate_hz=6.0 + 0.005 * i) for i in range(200)]
    few = [clip(f"x{i}", syllable_rate_hz=9.0) for i in range(5)]
    languages = {**{one.audio_sha: {"slow"} for one in slow}, **{one.audio_sha: {"fast"} for one in fast},
                 **{one.audio_sha: {"few"} for one in few}}  # fmt: skip

    def edge(language, named=languages):
        found = corpus_of([*slow, *fast, *few], named, language)["voice"].get("syllable_rate_hz")
        return None if found is None else (found.n, found.percentiles[33])

    assert edge("slow") == (200, 3.325)
    assert edge("fast") == (200, 6.325)
    assert edge("few") is None  # too few, and the rest speak otherwise
    assert edge("unheard") is None
    assert edge(None) == (405, 3.665)
    assert edge("slow", None) == (405, 3.665)  # nobody said which clip is in which language


# --- what the frame changes


def test_a_low_child_is_contradicted_by_the_norms_and_not_by_children(corpus_of):
    low_child = clip(f0_hz=255.0)
    assert verdict("The voice is low.", low_child) == "contradicted"
    assert verdict("The voice is low.", low_child, corpus_of(children())) == "unverifiable"
    assert verdict("His voice is low.", clip(f0_hz=230.0)) == "contradicted"
    assert verdict("His voice is low.", clip(f0_hz=230.0), corpus_of(children())) == "unverifiable"


def test_a_high_child_is_high_and_not_low_in_every_frame(corpus_of):
    high_child = clip(f0_hz=350.0)
    assert verdict("The voice is low.", high_child, corpus_of(children())) == "contradicted"
    assert verdict("The voice is high.", high_child, corpus_of(children())) == "supported"


def test_the_corpus_supports_what_no_norm_settles(corpus_of):
    men = corpus_of(children(412, median_hz=165.0))
    assert verdict("The voice is low.", clip(f0_hz=152.0)) == "unverifiable"
    assert verdict("The voice is low.", clip(f0_hz=152.0), men) == "supported"
    edge = men["voice"]["f0_median_hz"].percentiles[33]
    assert why("The voice is low.", clip(f0_hz=152.0), men) == (
        f"claims low, measured 152 Hz (in this corpus low is at most {edge:.0f} Hz, the 33rd percentile of 412 clips)"
    )


def test_the_corpus_contradicts_only_past_its_middle_and_dead_band(corpus_of):
    frame = corpus_of(children(4000, median_hz=280.0))
    edges = frame["voice"]["f0_median_hz"]
    between = (edges.percentiles[50] + edges.percentiles[57]) / 2
    assert edges.percentiles[50] < between < edges.percentiles[57]
    assert verdict("The voice is low.", clip(f0_hz=between), frame) == "unverifiable"
    assert verdict("The voice is low.", clip(f0_hz=edges.percentiles[57] * 1.1), frame) == "contradicted"


def test_a_normalised_corpus_supports_nothing_by_tenths_of_a_decibel(corpus_of):
    level = [clip(f"c{i}", loudness_lufs=-26.0 + 0.001 * i) for i in range(300)]
    varied = [clip(f"c{i}", loudness_lufs=-50.0 + 0.1 * i) for i in range(300)]
    assert verdict("The recording is loud.", clip(loudness_lufs=-25.0)) == "unverifiable"
    assert verdict("The recording is loud.", clip(loudness_lufs=-25.0), corpus_of(level)) == "unverifiable"
    assert verdict("The recording is loud.", clip(loudness_lufs=-25.0), corpus_of(varied)) == "supported"


def test_a_claim_about_a_part_or_of_two_voices_has_no_corpus_frame(corpus_of):
    frame = corpus_of(children(median_hz=165.0))
    for think in ("At the end the voice is low.", "A male voice and a female voice. The voice is low."):
        claims = extract(think)
        assert verify(claims, [clip(f0_hz=150.0)], frame) == verify(claims, [clip(f0_hz=150.0)])


def test_clips_of_another_kind_have_no_say(corpus_of):
    tone = {"speech_s": 0.0, "voiced_s": 4.0}
    frame = corpus_of(children())
    assert verify(extract("The tone is low."), [clip(f0_hz=300.0, **tone)], frame) == verify(
        extract("The tone is low."), [clip(f0_hz=300.0, **tone)]
    )


SENTENCES = (
    "The voice is low.", "The voice is high.", "The voice is not low.", "His voice is high.", "Her voice is low.",
    "The speaker talks fast.", "The pace of the voice is slow.", "The recording is loud.", "The recording is quiet.",
    "The recording is not quiet.",
    "The voice is monotone.", "The voice is lively.", "The recording is noisy.", "The recording is clean.",
    "The music has a fast tempo.", "The music has a slow tempo.", "The voice is near 110 Hz.", "A male voice is heard.",
)  # fmt: skip
FIGURES = {
    "f0_median_hz": (60.0, 500.0), "syllable_rate_hz": (1.0, 9.0), "loudness_lufs": (-60.0, -5.0),
    "f0_sd_st": (0.1, 8.0), "snr_db": (-5.0, 60.0), "tempo_bpm": (40.0, 220.0),
}  # fmt: skip


def shares(count):
    return st.lists(st.floats(0, 1), min_size=count, max_size=count)


@settings(max_examples=150, deadline=None)
@given(shares(len(FIGURES)), shares(len(FIGURES)), shares(len(FIGURES)))
def test_a_calibration_never_makes_a_contradiction(tmp_path_factory, heard, middles, widths):
    def at(name, share):
        low, high = FIGURES[name]
        return low + (high - low) * share

    measured = clip(**{name: at(name, share) for name, share in zip(FIGURES, heard, strict=True)})
    clips = []
    for i in range(LEAST):
        around = {
            name: at(name, min(1.0, max(0.0, middle + width * (i / LEAST - 0.5))))
            for name, middle, width in zip(FIGURES, middles, widths, strict=True)
        }
        clips.append(clip(f"c{i}", **around))
    corpus = read(write(tmp_path_factory.mktemp("c"), clips)).of(None)
    assert corpus["voice"].keys() >= FIGURES.keys()
    for sentence in SENTENCES:
        claims = extract(sentence)
        for before, after in zip(verify(claims, [measured]), verify(claims, [measured], corpus), strict=True):
            if after.verdict == "contradicted":
                assert before.verdict == "contradicted", (sentence, before, after)


def test_low_words_end_with_the_first_third_and_high_words_begin_with_the_last(corpus_of):
    stand_for = {(norm["cue"], norm["asserts"]): norm["figure"] for norm in norms()["level"]}
    frame = corpus_of([clip(f"c{i}", **dict.fromkeys(stand_for.values(), 10.0 + i)) for i in range(200)])
    edges = {10.0 + k - 1: percent for percent, k in {33: 66, 43: 86, 57: 114, 67: 134}.items()}
    found = {}
    for cue, asserts in stand_for:
        claim = Claim(0, 1, "x", cue, "level", "whole", 1, "asserted", asserts, asserts)
        norm = corpus_norm(claim, clip(), frame)
        if norm is not None:
            side = "at_most" if "at_most" in norm else "at_least"
            found[f"{cue} {asserts}"] = (side, edges[norm[side]], edges[norm["against"]])
    low, high = ("at_most", 33, 57), ("at_least", 67, 43)
    assert found.items() >= {
        "pitch.level low": low, "pitch.level high": high, "rate.level slow": low, "rate.level fast": high,
        "loudness.level quiet": low, "loudness.level loud": high, "tempo.level slow": low, "tempo.level fast": high,
        "pitch.range narrow": low, "pitch.range wide": high, "noise.level noisy": low, "noise.level clean": high,
    }.items()  # fmt: skip
    without = {"loudness.level soft", "pitch.level middle", "voice.sex male", "pitch.contour rising"}
    assert found.keys().isdisjoint(without)
    for kind, scope in (("level", "end"), ("level", "first"), ("comparison", "whole")):
        claim = Claim(0, 1, "x", "pitch.level", kind, scope, 1, "asserted", "low", "low")
        assert corpus_norm(claim, clip(), frame) is None


# --- the file


def test_a_folder_a_file_or_the_first_place_that_has_one(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    made = write(there, children(3))
    assert find(None, [here, there]) == made
    assert find(None, [here]) is None
    assert find(str(there), []) == find(str(made), [here]) == made
    with pytest.raises(MisusedError, match=r"--calibration .*here: no such file; make one with mgrd measure"):
        find(str(here), [there])


def broken():
    good = calibrate(children(200))
    figure = good["groups"][0]["figures"]["f0_median_hz"]
    edges = figure["percentiles"]
    for changed in (
        {"percentiles": {"33": 1.0}},
        {"percentiles": edges | {"33": 9999.0}},
        {"percentiles": edges | {"33": "low"}},
        {"percentiles": edges | {"33": None}},
        {"percentiles": edges | {"74": math.inf}},
        {"errors": figure["errors"] | {"50": -1.0}},
        {"n": 5},
        {"n": "many"},
        {"scale": "mel"},
    ):
        group = good["groups"][0] | {"figures": {"f0_median_hz": figure | changed}}
        yield good | {"groups": [group]}
    yield from ([], {}, "text", {"extractor": EXTRACTOR}, {"extractor": EXTRACTOR, "groups": [{"content": "voice"}]})
    yield good | {"groups": [good["groups"][0] | {"figures": [1]}]}


@pytest.mark.parametrize("content", list(broken()))
def test_what_is_no_calibration_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / FILE
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"calibration\.json: is not a calibration; make it again with") as refused:
        read(path)
    assert "\n" not in str(refused.value)


def test_a_calibration_of_another_extractor_is_refused_in_one_line(tmp_path):
    path = tmp_path / FILE
    path.write_text(json.dumps(calibrate(children(200)) | {"extractor": "0", "groups": "as they were then"}))
    made = f"was made by extractor 0, and this is {EXTRACTOR}; make it again with mgrd measure --calibrate"
    with pytest.raises(InputError, match=rf"calibration\.json: {made}$"):
        read(path)


# --- filter


@pytest.fixture
def traces(tmp_path):
    """A clip that is measured as a low child, and traces that call it low, in two languages."""
    import soundfile as sf

    from mgrd.audio.load import survey

    folder = tmp_path / "run"
    folder.mkdir()
    sf.write(folder / "child.wav", np.sin(np.arange(16000)), 16000)
    heard = clip(survey(folder / "child.wav").sha, f0_hz=255.0)
    tables.write_table([to_row(heard)], folder / "measurements.parquet", MEASUREMENTS)
    rows = [
        {"id": f"t{k}", "audio": "child.wav", "question": "What is it like?", "answer": "low", "language": language,
         "completion": "<think>The voice is low.</think>low"}
        for k, language in enumerate((None, "en", "zh"))
    ]  # fmt: skip
    (folder / "traces.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def judged(traces, **options):
    counts = filter_traces(traces / "traces.jsonl", traces, Filter(workers=1, **options), story=QUIET)
    verdicts = tables.read_table(traces / "judged", tables.JUDGED)["claims"].to_list()
    return counts["judged"], [[claim["verdict"] for claim in claims] for claims in verdicts]


def test_filter_judges_by_the_calibration_it_is_given_and_keeps_a_copy(traces, tmp_path):
    given = write(tmp_path / "elsewhere", children())
    assert judged(traces, calibration=str(given.parent)) == (3, [["unverifiable"]] * 3)
    assert (traces / FILE).read_bytes() == given.read_bytes()
    identity = json.loads((traces / "manifest.json").read_text())["filter"]["identity"]
    assert identity["calibration"] == read(given).sha
    given.unlink()
    assert judged(traces) == (0, [["unverifiable"]] * 3)  # by its copy


def test_check_judges_a_text_by_a_calibration_as_filter_does(run, traces, tmp_path, monkeypatch):
    monkeypatch.setattr(measure, "measure_file", lambda *_: clip("child", f0_hz=255.0))
    given = write(tmp_path / "elsewhere", children())
    words = "check", "--audio", traces / "child.wav", "--text", "The voice is low.", "--json"

    def verdicts(*more):
        code, out, _ = run(*words, *more)
        return code, [claim["verdict"] for claim in json.loads(out)["claims"] if claim["cue"] == "pitch.level"]

    assert verdicts() == (0, ["contradicted"])
    assert verdicts("--calibration", given) == verdicts("--calibration", given.parent) == (0, ["unverifiable"])
    code, out, error = run(*words, "--calibration", tmp_path / "absent")
    assert (code, out, "absent: no such file; make one with mgrd measure" in error) == (2, "", True)


def test_filter_finds_the_calibration_of_its_own_run(traces):
    write(traces, children())
    (traces / "round-01").mkdir()
    options = Filter(workers=1)
    filter_traces(traces / "traces.jsonl", traces / "round-01", options, audio_root=traces, story=QUIET)
    assert (traces / "round-01" / FILE).read_bytes() == (traces / FILE).read_bytes()


def test_without_a_calibration_nothing_tells_of_one(traces):
    assert judged(traces) == (3, [["contradicted"]] * 3)
    assert "calibration" not in json.loads((traces / "manifest.json").read_text())["filter"]["identity"]
    assert not (traces / FILE).exists()


def test_another_calibration_is_another_identity(traces, tmp_path):
    first, second = write(tmp_path / "a", children()), write(tmp_path / "b", children(seed=2))
    judged(traces, calibration=str(first))
    with pytest.raises(SettingsError, match=f"calibration {read(first).sha} -> {read(second).sha}"):
        judged(traces, calibration=str(second))
    assert (traces / FILE).read_bytes() == first.read_bytes()
    assert judged(traces, calibration=str(second), recheck=True)[0] == 3
    assert (traces / FILE).read_bytes() == second.read_bytes()
    assert (traces / f"{FILE}.old-1").read_bytes() == first.read_bytes()


def test_each_trace_is_held_against_its_language(traces, tmp_path):
    clips = [*children(200), *(clip(f"m{i}", f0_hz=float(100 + 0.1 * i)) for i in range(300))]
    languages = {one.audio_sha: {"en" if one.audio_sha.startswith("c") else "zh"} for one in clips}
    given = write(tmp_path / "elsewhere", clips, languages)
    assert judged(traces, calibration=str(given)) == (3, [["contradicted"], ["unverifiable"], ["contradicted"]])


def test_workers_judge_by_the_same_calibration(traces, tmp_path):
    given = write(tmp_path / "elsewhere", children())
    lines = (traces / "traces.jsonl").read_text().splitlines()
    many = [json.dumps(json.loads(lines[0]) | {"id": f"t{k}"}) for k in range(600)]  # three parts
    (traces / "traces.jsonl").write_text("\n".join(many))
    alone, together = traces / "alone", traces / "together"
    for out, workers in ((alone, 1), (together, 2)):
        options = Filter(workers=workers, calibration=str(given))
        measured = traces / "measurements.parquet"
        filter_traces(traces / "traces.jsonl", out, options, measurements=measured, story=QUIET)
    frames = [pl.concat(tables.iter_parts(out / "judged", tables.JUDGED)) for out in (alone, together)]
    assert frames[0].equals(frames[1])
    assert {claim["verdict"] for claims in frames[1]["claims"].to_list() for claim in claims} == {"unverifiable"}


# --- measure


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """Questions about eight buzzes of rising pitch, half of them in German; four clips are enough here."""
    import soundfile as sf
    from sounds import SR, buzz

    monkeypatch.setattr(calibration, "LEAST", 4)
    rows = []
    for k in range(8):
        sf.write(tmp_path / f"{k}.wav", buzz(100.0 + 20 * k, 1.0), SR)
        rows.append({"id": f"q{k}", "audio": f"{k}.wav", "question": "?", "language": "de" if k < 4 else None})
    rows.append({"id": "again", "audio": "0.wav", "question": "Again?", "language": "nl"})
    (tmp_path / "asked.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return tmp_path / "asked.jsonl"


@pytest.mark.parametrize("stored", [".jsonl", ".parquet"])
def test_measure_calibrates_from_clips_and_the_languages_of_their_questions(run, asked, tmp_path, stored):
    pl.read_ndjson(asked).write_parquet(asked.with_suffix(".parquet"))
    asked = asked.with_suffix(stored)
    code, _, story = run("measure", asked, "-o", tmp_path / "out", "--calibrate", "--workers", 1)
    made = json.loads((tmp_path / "out" / FILE).read_text())
    sizes = {}
    for group in made["groups"]:
        sizes[group["language"]] = sizes.get(group["language"], 0) + group["n"]
    assert (code, made["clips"], sizes) == (0, 8, {"any": 8, "de": 4, "nl": 1})
    (content,) = {group["content"] for group in made["groups"]}
    pitch = {group["language"]: group["figures"]["f0_median_hz"] for group in made["groups"]}
    assert pitch["nl"]["why"] == "too few: 1 of 4"
    assert [pitch["any"]["percentiles"][p] for p in ("33", "67")] == pytest.approx([140.0, 200.0], rel=0.01)
    assert f"{content}, de: 4 clips" in story
    assert "f0_median_hz: 140 Hz to 200 Hz (of 8)" in story
    assert read(tmp_path / "out" / FILE).of("de")[content]["f0_median_hz"].n == 4


def test_a_calibration_of_too_few_clips_says_that_it_changes_nothing(run, asked, tmp_path, monkeypatch):
    said = "This calibration changes no verdict: no figure has the {} clips of one content that it takes\n"
    assert said.format(4) not in run("measure", asked, "-o", tmp_path / "out", "--calibrate", "--workers", 1)[2]
    for module in (calibration, readout):
        monkeypatch.setattr(module, "LEAST", 9)
    code, _, story = run("measure", asked, "-o", tmp_path / "out", "--calibrate", "--workers", 1)
    assert (code, story.count(said.format(9))) == (0, 1)
    assert not any(read(tmp_path / "out" / FILE).groups.values())


def test_the_same_clips_give_the_same_bytes(run, asked, tmp_path):
    for out in ("one", "two"):
        assert run("measure", asked, "-o", tmp_path / out, "--calibrate", "--workers", 1, "--quiet")[0] == 0
    first = (tmp_path / "one" / FILE).read_bytes()
    assert run("measure", asked, "-o", tmp_path / "one", "--calibrate", "--json", "--workers", 1)[0] == 0
    assert (tmp_path / "two" / FILE).read_bytes() == first == (tmp_path / "one" / FILE).read_bytes()


@pytest.mark.parametrize("given", [["--calibrate"], ["--calibrate", "-o", "out", "--to", "1"]])
def test_a_calibration_is_of_whole_clips_and_goes_to_a_folder(run, asked, tmp_path, monkeypatch, given):
    monkeypatch.chdir(tmp_path)
    code, out, error = run("measure", asked, *given)
    said = "--calibrate is of whole clips and needs a folder: give -o DIR, and neither --from nor --to"
    assert (code, out, said in error, (tmp_path / "out").exists()) == (2, "", True, False)


def test_measure_keeps_no_calibration_that_nobody_asked_for(run, asked, tmp_path):
    assert run("measure", asked, "-o", tmp_path / "out", "--workers", 1)[0] == 0
    assert not (tmp_path / "out" / FILE).exists()
