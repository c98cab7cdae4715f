"""A model that extracts: what it lists counts only where the text bears it out; whatever else it writes is counted."""

import json
import shutil
import time
from collections import Counter
from itertools import product
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st

from mgrd import asking, extractor, prompts, tables
from mgrd.asking import text_sha
from mgrd.claims import Claim
from mgrd.claims.by_model import CUES, LINES, MODALITIES, SCOPES, extraction, lines
from mgrd.claims.extract import extract
from mgrd.claims.verify import verify
from mgrd.engines import Completion
from mgrd.errors import InputError, MgrdError, MisusedError, SettingsError, Stopped
from mgrd.filter import filter_traces
from mgrd.options import Filter
from mgrd.progress import Story

QUICKSTART = Path(__file__).resolve().parents[1] / "examples" / "quickstart" / "model"
SR = 16000
QUIET = Story(quiet=True)

THINK = "The pitch is low. Hmm, the singing sits near 110 Hz, all sort of gravelly, and the blorp below never lets up."


def line(quote, cue, asserts, **given):
    fields = {"modality": "asserted", "negated": False, "value": None, "unit": None, "scope": "whole"}
    return json.dumps({"quote": quote, "cue": cue, "asserts": asserts} | fields | given, ensure_ascii=False)


HUM = line("the blorp below", "source.presence", "present")
LOW = line("pitch is low", "pitch.level", "low")
GRAVEL = line("sort of gravelly", "voice.quality", "gravelly", modality="hedged")


def read(answer, think=THINK):
    """Claims as (text, cue, asserts), and the reasons of the other lines."""
    found = list(lines(think, answer))
    claims = [(one.text, one.cue, one.asserts) for one in found if isinstance(one, Claim)]
    return claims, [one for one in found if isinstance(one, str)]


HUM_CLAIM = ("the blorp below", "source.presence", "present")
LOW_CLAIM = ("pitch is low", "pitch.level", "low")


def test_a_line_becomes_a_claim_with_the_place_of_its_quote():
    (claim,) = lines(THINK, line("near 110 Hz", "pitch.value", "value", value=110, unit="Hz", negated=True))

    assert claim == Claim(
        start=THINK.index("near 110"),
        end=THINK.index(", all"),
        text="near 110 Hz",
        cue="pitch.value",
        kind="value",
        scope="whole",
        polarity=-1,
        modality="asserted",
        asserts="value",
        claimed="about 110 Hz",
        claimed_value=110.0,
        unit="Hz",
    )


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"quote": "the pitch rises"}, "quote not in the text"),
        ({"quote": "Pitch is low"}, "quote not in the text"),
        ({"quote": "itch is low"}, "quote not in the text"),
        ({"quote": "  "}, "no quote"),
        ({"quote": None}, "no quote"),
        ({"quote": "x" * 201}, "quote too long"),
        ({"cue": "pitch.height"}, "unknown cue"),
        ({"cue": ["pitch.level"]}, "unknown cue"),
        ({"asserts": "deep"}, "unknown value"),
        ({"asserts": ["low"]}, "unknown value"),
        ({"asserts": "value", "value": 110, "unit": "Hz"}, "unknown unit"),
        ({"cue": "pitch.value", "asserts": "value", "value": 110, "unit": "Hz"}, "value not in the quote"),
        ({"cue": "pitch.value", "asserts": "value", "value": None, "unit": "Hz"}, "value is no number"),
        ({"cue": "pitch.value", "asserts": "value", "value": True, "unit": "Hz"}, "value is no number"),
        ({"cue": "pitch.value", "asserts": "value", "value": float("nan"), "unit": "Hz"}, "value is no number"),
        ({"cue": "pitch.value", "asserts": "value", "value": 10**400, "unit": "Hz"}, "value is no number"),
        ({"cue": "pitch.value", "asserts": "value", "value": 1, "unit": {"a": 1}}, "unknown unit"),
        ({"cue": "voice.quality", "asserts": "hoarse"}, "unknown value"),
        ({"cue": "music.key", "asserts": "H major"}, "unknown value"),
        ({"modality": "certain"}, "unknown modality"),
        ({"modality": None}, "unknown modality"),
        ({"negated": "false"}, "negated is neither true nor false"),
        ({"scope": "everywhere"}, "unknown scope"),
        ({"scope": "first_vs_second"}, "unknown value"),
    ],
)
def test_a_line_with_anything_wrong_is_dropped_by_its_reason(wrong, reason):
    fields = json.loads(LOW) | wrong
    if fields["modality"] is None:
        del fields["modality"]

    assert read(json.dumps(fields)) == ([], [reason])


def test_a_field_that_no_list_can_hold_is_dropped_too():
    assert read(json.dumps(json.loads(LOW) | {"modality": ["asserted"]})) == ([], ["unknown modality"])


@pytest.mark.parametrize(
    "answer",
    [
        f"{LOW}\n{HUM}",
        f"```json\n{LOW}\n{HUM}\n```",
        f"[{LOW},\n{HUM}]",
        f"[\n{LOW},\n{HUM},\n]\n",
        f"- {LOW}\n- {HUM}",
        f"{LOW} {HUM}",
        json.dumps([json.loads(LOW), json.loads(HUM)], indent=2),
        f"<think>\nI see {GRAVEL}\n</think>\n{LOW}\n{HUM}",
    ],
)
def test_however_the_lines_are_wrapped_they_are_read(answer):
    assert read(answer) == ([LOW_CLAIM, HUM_CLAIM], [])


def test_prose_and_broken_json_are_counted_and_what_stands_beside_them_is_read():
    answer = f"Here they are:\n{LOW}\n{{'quote': 'the blorp below'}}\n{HUM}\n{GRAVEL[:50]}"

    assert read(answer) == ([LOW_CLAIM, HUM_CLAIM], ["no JSON"] * 3)
    assert read("<think>\nStill thinking " + LOW) == ([], [])


def test_a_quote_is_whole_words_and_its_next_place_once_the_first_is_taken():
    think = "The slow, low tone. Then it is low again, 音调很低。"
    low = line("low", "pitch.level", "low")
    found = [one if isinstance(one, str) else one.start for one in lines(think, "\n".join([low] * 3))]

    assert found == [think.index("low tone"), think.index("low again"), "said twice"]
    assert read(line("低", "pitch.level", "low"), think)[0] == [("低", "pitch.level", "low")]
    both = line("low tone", "pitch.level", "low") + line("low tone", "timbre.brightness", "dark")
    assert len(read(both, think)[0]) == 2


@pytest.mark.parametrize(
    ("quote", "cue", "asserts", "value", "unit", "said"),
    [
        ("2 kHz", "timbre.brightness", "value", 2, "kHz", ("value", "about 2000 Hz", 2000.0, "Hz")),
        ("at least 60 dB", "loudness.level", "at_least", 60, "dB", ("at_least", "at least 60 dB", 60.0, "dB")),
        ("three beeps", "event.count", "value", 3, "tones", ("3", "3 tones", 3.0, "events")),
        ("three knocks", "event.count", "value", 3, "others", ("3", "3 others", 3.0, "others")),
        ("at 0:04", "time.position", "value", 4, "s", ("value", "at 4 s", 4.0, "s")),
        ("600 ms", "pause.duration", "value", 600, "ms", ("value", "about 0.6 s", 0.6, "s")),
        ("1,200 Hz", "pitch.value", "value", 1200, "Hz", ("value", "about 1200 Hz", 1200.0, "Hz")),
    ],
)
def test_a_number_is_the_one_that_the_quote_holds(quote, cue, asserts, value, unit, said):
    (claim,) = lines(f"I hear {quote} here.", line(quote, cue, asserts, value=value, unit=unit))

    assert (claim.asserts, claim.claimed, pytest.approx(claim.claimed_value), claim.unit) == said


def test_what_the_model_adds_never_replaces_what_the_rules_found():
    found = extract(THINK)
    disagreeing = line("The pitch is low", "pitch.level", "high")

    claims, outcomes = extraction(THINK, found, f"{disagreeing}\n{HUM}\n{line('hum', 'source.absence', 'present')}")

    assert [one for one in claims if one.text != "the blorp below"] == found
    assert outcomes == Counter({"the rules found it": 1, "added": 1, "unknown cue": 1})
    assert extraction(THINK, found, "") == (found, Counter())


def test_an_answer_of_a_megabyte_or_built_to_be_slow_is_read_in_bounded_time():
    hostile = [
        LOW + "\n" + "x" * 1_000_000,
        (HUM + "\n") * 8_000,
        "{" * 1_000_000,
        '{"a":' * 200_000,
        '{"a":[\n' * 150_000,
        '{"a": "' * 150_000,
        "[" * 1_000_000,
        "```" * 300_000,
        '{"quote": ' + "9" * 1_000_000 + "}",
        "- " * 500_000,
    ]
    since = time.perf_counter()
    found = [read(answer, THINK * 100) for answer in hostile]

    assert time.perf_counter() - since < 20
    assert found[0] == ([LOW_CLAIM], ["no JSON"])
    assert len(found[1][0]) == 100
    assert Counter(found[1][1]) == {"said twice": LINES - 100, f"beyond {LINES} lines": 8_000 - LINES}
    assert all(not claims for claims, _ in found[2:])


@given(st.text(alphabet='{}[]",:`\n abclow09', max_size=200), st.text(alphabet=' low{"}\n', max_size=60))
@settings(max_examples=300, deadline=None)
def test_whatever_a_model_writes_a_claim_is_a_span_of_the_text(answer, think):
    for one in lines(think, answer + "\n" + LOW):
        assert isinstance(one, str) or think[one.start : one.end] == one.text


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """A folder with a low tone of one second, and a table that measures it only once for all tests."""
    folder = tmp_path_factory.mktemp("clips")
    seconds = np.arange(SR) / SR
    sf.write(folder / "low.wav", 0.2 * sum(np.sin(2 * np.pi * 110 * k * seconds) / k for k in range(1, 6)), SR)
    return folder


def test_no_claim_that_a_line_can_make_breaks_the_verdict(clips):
    from mgrd.audio.load import survey
    from mgrd.audio.measure import measure_file

    clip = measure_file(clips / "low.wav", survey(clips / "low.wav"))
    made = 0
    for cue, scope, negated in product(CUES, sorted(SCOPES), (False, True)):
        words = {*CUES[cue].words, "value", "at_least", "at_most", "first", "second", "tone", "A minor"}
        told = [{"value": value, "unit": unit} for value, unit in product((0, 3), CUES[cue].units)]
        for asserts, number in product(sorted(words), [{}, *told]):
            answer = line("0 tone 3", cue, asserts, scope=scope, negated=negated, **number)
            found = [one for one in lines("0 tone 3", answer) if isinstance(one, Claim)]
            made += len(found)
            for one in verify(found, [clip]):
                assert one.verdict in ("supported", "contradicted", "unverifiable")
    assert made > 500
    assert {cue for cue in CUES if f"{cue} " in prompts.EXTRACT} == set(CUES)


def test_the_instruction_names_every_value_that_a_line_may_have():
    said = prompts.EXTRACT
    words = {word for cue in CUES.values() for word in (*cue.words, *cue.units)}
    assert [word for word in sorted({*words, *MODALITIES, *SCOPES, "at_least", "at_most"}) if word not in said] == []


class Scripted:
    """An engine that answers what a function says of a prompt; what it answers `None` to it cannot take."""

    name, sr, window_s = "scripted", SR, 30.0

    def __init__(self, script):
        self.script = script
        self.asked = []

    def sample(self, requests, sampling):
        assert sampling.temperature == 0
        for request in requests:
            self.asked.append(request.text.removeprefix(prompts.EXTRACT))
            assert (request.clips, request.clip_ids, list(request.seeds)) == ([], [], [0])
            answer = self.script(self.asked[-1])
            if answer is None:
                error = f"{request.key}: a prompt of 9 tokens; lower --max-tokens"
                yield Completion(request.key, 0, 0, text="", finish_reason="error", error=error)
            else:
                yield Completion(request.key, 0, 0, text=answer, finish_reason="stop", completion_tokens=7)

    def close(self):
        self.script = None


@pytest.fixture
def engine(monkeypatch):
    """Have `filter` open a scripted engine; the list of all engines that were opened."""
    opened = []

    def engine(script):
        def open_engine(_name, _model, **_options):
            opened.append(Scripted(script))
            return opened[-1]

        monkeypatch.setattr("mgrd.engines.open_engine", open_engine)
        return opened

    return engine


@pytest.fixture
def model(tmp_path):
    """A folder that only looks like a model, for engines that load none."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    return tmp_path / "model"


def trace(n, think=THINK, **given):
    row = dict.fromkeys(tables.TRACES) | {
        "trace_id": f"q{n}.0", "question_id": f"q{n}", "round": 0, "sample": 0, "audio": ["low.wav"],
        "question": "Low?", "choices": ["low", "high"], "answer": "low", "finish_reason": "stop", "heard_s": [1.0],
        "completion": f"<think>\n{think}\n</think>\nlow",
    }  # fmt: skip
    return row | given


@pytest.fixture
def folder(clips, tmp_path):
    """Three parts: two traces of one text, an empty text and a failed sample, and one of another text."""
    folder = tmp_path / "run"
    shutil.copytree(clips, folder)
    parts = [
        [trace(0), trace(1)],
        [trace(2, ""), trace(3, error="no clip", completion=None)],
        [trace(4, "It glorps, then.")],
    ]
    for number, rows in enumerate(parts):
        tables.write_table(rows, folder / "traces" / f"part-{number:06d}.parquet", tables.TRACES)
    return folder


def judge(folder, clips, model, **given):
    options = Filter(**({"workers": 1, "extractor": "llm", "extractor_model": str(model)} | given))
    return filter_traces(folder, folder, options, measurements=clips / "measurements.parquet", story=QUIET)


def claims(folder):
    rows = tables.read_table(folder / "judged", tables.JUDGED).to_dicts()
    return {row["trace_id"]: {(one["text"], one["verdict"]) for one in row["claims"]} for row in rows}


def answer(text):
    return f"{HUM}\n{LOW}\nnonsense"


@pytest.mark.parametrize("workers", [1, 2])
def test_the_filter_judges_what_the_model_adds_and_counts_what_it_drops(folder, clips, model, engine, workers):
    opened = engine(answer)

    result = judge(folder, clips, model, workers=workers)

    assert opened[0].asked == [THINK, "It glorps, then."]
    assert result["extracted"] == {
        "added": 2,
        "dropped": {"no JSON": 3, "quote not in the text": 2, "the rules found it": 2},
    }
    assert ("the blorp below", "unverifiable") in claims(folder)["q0.0"]
    assert ("pitch is low", "supported") in claims(folder)["q1.0"]
    told = tables.read_table(folder / "extracted" / "lines", extractor.LINES)
    assert told.group_by("trace_id").agg(pl.col("lines").sum()).sort("trace_id").rows() == [
        ("q0.0", 3),
        ("q1.0", 3),
        ("q4.0", 3),
    ]


def test_a_rerun_and_a_recheck_ask_nothing_again_and_give_the_same(folder, clips, model, engine):
    opened = engine(answer)
    first = judge(folder, clips, model)
    before = claims(folder)

    again = judge(folder, clips, model)
    rechecked = judge(folder, clips, model, without=["cites_sound"], recheck=True)

    assert len(opened) == 1
    assert again == first | {"judged": 0}
    assert rechecked["extracted"] == first["extracted"]
    assert rechecked["judged"] == 5
    assert claims(folder) == before


def test_another_model_and_other_tokens_are_other_settings_and_are_asked_anew(folder, clips, model, engine):
    opened = engine(answer)
    judge(folder, clips, model)

    with pytest.raises(SettingsError, match="extractor_tokens 2048 -> 64"):
        judge(folder, clips, model, extractor_tokens=64)
    (model / "config.json").write_text("{ }")
    with pytest.raises(SettingsError, match="extractor_fingerprint"):
        judge(folder, clips, model)
    judge(folder, clips, model, recheck=True)

    assert [len(one.asked) for one in opened] == [2, 2]


def test_the_rules_alone_leave_no_word_of_an_extractor(folder, clips, model):
    result = judge(folder, clips, None, extractor="rules", extractor_model=None)

    assert "extracted" not in result
    assert not (folder / "extracted").exists()
    identity = json.loads((folder / "manifest.json").read_text())["filter"]["identity"]
    assert not {"claims", "extractor_fingerprint"} & identity.keys()


def test_a_text_that_the_model_cannot_take_is_judged_by_the_rules_and_named(folder, clips, model, engine):
    engine(lambda text: None if text == THINK else answer(text))

    result = judge(folder, clips, model)

    why = "no answer: a prompt of 9 tokens; lower --extractor-tokens"
    assert result["extracted"]["dropped"][why] == 2
    assert claims(folder)["q0.0"] == {(one.text, one.verdict) for one in verify_low(clips)}


def verify_low(clips):
    from mgrd.audio.load import survey
    from mgrd.audio.measure import measure_file

    return verify(extract(THINK), [measure_file(clips / "low.wav", survey(clips / "low.wav"))])


def test_a_model_that_answers_nothing_is_an_error_and_nothing_is_judged(folder, clips, model, engine):
    engine(lambda _: None)

    with pytest.raises(MgrdError, match=r"none of 2 texts was answered \(a prompt of 9 tokens; lower --extractor"):
        judge(folder, clips, model)
    assert not (folder / "judged").exists()


def test_what_was_answered_before_a_stop_is_not_asked_again(folder, clips, model, engine, monkeypatch):
    from mgrd.progress import stop

    def script(text):
        monkeypatch.setattr(stop, "signal_name", "SIGTERM")
        return answer(text)

    opened = engine(script)
    with pytest.raises(Stopped, match="the answers are saved"):
        judge(folder, clips, model)
    monkeypatch.undo()
    monkeypatch.setattr("mgrd.engines.open_engine", lambda *_, **__: opened.append(Scripted(answer)) or opened[-1])

    judge(folder, clips, model)

    assert [one.asked for one in opened] == [[THINK], ["It glorps, then."]]
    assert text_sha(THINK) in tables.read_table(folder / "extracted" / "answers", asking.ANSWERS)["text_sha"].to_list()


def test_a_recheck_asks_an_extractor_again_for_what_it_did_not_answer(folder, clips, model, engine):
    opened = engine(lambda text: None if text == THINK else answer(text))
    judge(folder, clips, model)
    engine(answer)

    result = judge(folder, clips, model, recheck=True)

    assert [len(one.asked) for one in opened] == [2, 1]
    assert [why for why in result["extracted"]["dropped"] if why.startswith("no answer")] == []


def test_answers_are_read_from_the_parts_that_hold_them_and_no_other(tmp_path, model, monkeypatch):
    mine = extractor.chosen(Filter(extractor="llm", extractor_model=str(model)))
    parts = [[("a", mine.sha, "1"), ("b", "another", "2")], [("c", mine.sha, "3")], [("d", mine.sha, "4")]]
    for number, rows in enumerate(parts):
        table = [dict(zip(asking.ANSWERS, (*row, "stop", 1), strict=True)) for row in rows]
        tables.write_table(table, tmp_path / "answers" / f"part-{number:06d}.parquet", asking.ANSWERS)
    places = asking.lie_in(tmp_path / "answers", mine)
    (tmp_path / "answers" / "part-000001.parquet").unlink()

    assert places.paths_of(["a", "b", "d"]) == [
        tmp_path / "answers" / "part-000000.parquet", tmp_path / "answers" / "part-000002.parquet",
    ]  # fmt: skip
    assert len(places) == 3
    assert asking.answers(places, mine, {"a", "b", "d", "e"}) == {"a": "1", "d": "4"}
    assert len(asking.lie_in(tmp_path / "none", mine)) == 0


def test_a_real_model_that_cannot_extract_adds_nothing_and_every_line_is_counted(folder, clips):
    pytest.importorskip("torch", reason="needs mgrd[train]")

    result = judge(folder, clips, QUICKSTART, extractor_tokens=32)

    assert result["extracted"]["added"] == 0
    assert sum(result["extracted"]["dropped"].values()) >= 3
    assert [why for why in result["extracted"]["dropped"] if why.startswith("no answer")] == []
    kept = tables.read_table(folder / "extracted" / "answers", asking.ANSWERS)
    assert kept["finish_reason"].is_in(["stop", "length"]).all()
    again = judge(folder, clips, QUICKSTART, extractor_tokens=32)
    assert again == result | {"judged": 0}


def test_an_extractor_without_a_model_and_a_model_without_one_are_misuse(folder, clips, tmp_path):
    with pytest.raises(MisusedError, match="--extractor llm: name the model that extracts"):
        judge(folder, clips, None, extractor_model=None)
    with pytest.raises(MisusedError, match="goes with --extractor llm"):
        judge(folder, clips, "m", extractor="rules")
    with pytest.raises(InputError, match="no such model folder"):
        judge(folder, clips, tmp_path / "gone")
