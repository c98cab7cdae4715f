"""How a clip is drawn and told: pitch, level, and where a claim is about; and what is said when it cannot be."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from judged_rows import claim, trace, write
from rich.console import Console

from mgrd.audio.cache import MEASUREMENTS, to_row
from mgrd.audio.figures import Figure, Segment
from mgrd.audio.measure import EXTRACTOR, Measurements
from mgrd.tables import write_json, write_table
from mgrd.viewer import clips, drawing, page

HOP_S = 0.016


def told(row, heard, width):
    """The section about the sound, a string a line."""
    return [line for one in page.sound(row, heard, width) for line in printed(one, 80)]


def printed(piece, width):
    shown = Console(file=io.StringIO(), width=width, highlight=False, markup=False, emoji=False)
    shown.print(piece)
    return [line.rstrip() for line in shown.file.getvalue().splitlines()]


def clip(f0_hz, level_db, segments=()):
    tracks = {"f0_hz": np.float16(f0_hz), "level_db": np.float16(level_db)}
    duration_s = len(f0_hz) * HOP_S
    figures = {"f0_median_hz": Figure(200.0, 1.0), "duration_s": Figure(duration_s, 0.0)}
    return Measurements("sha", EXTRACTOR, duration_s, 16000, figures, tracks, HOP_S, list(segments))


RISING = clip(np.geomspace(100, 400, 250), [-60.0] * 125 + [-20.0] * 125)


def test_a_rising_pitch_climbs_from_the_left_below_to_the_right_above():
    lines = drawing.drawn(RISING, [], 49).plain.splitlines()
    assert [line[:8].strip() for line in lines[:6]] == ["387 Hz", "pitch", "", "103 Hz", "-20 dB", "level"]
    cells = [line[drawing.GUTTER :].ljust(40) for line in lines[:4]]
    heights = [next(n for n, row in enumerate(reversed(cells)) if row[x] != " ") for x in range(40)]
    assert heights == sorted(heights)
    assert (heights[0], heights[-1]) == (0, 3)


def test_the_level_is_drawn_by_blocks_below_it_and_time_below_that():
    lines = drawing.drawn(RISING, [], 49).plain.splitlines()
    assert lines[4][drawing.GUTTER :] == " " * 20 + "█" * 20
    assert lines[5][drawing.GUTTER :] == "▃" * 20 + "█" * 20
    assert lines[6].split() == ["0.0", "1.0", "2.0", "3.0", "4.0", "s"]
    assert lines[6].index("2.0") == drawing.GUTTER + 20


def test_no_line_is_wider_than_there_is_room():
    claims = [claim("supported", t0_s=3.99, t1_s=4.0), claim("contradicted", scope="end")]
    for width in (60, 80, 200):
        assert max(map(len, drawing.drawn(RISING, claims, width).plain.splitlines())) <= width


def test_the_stretch_of_each_claim_stands_below_it_with_its_sign_and_number():
    claims = [
        claim("supported", scope="start"),
        claim(None),
        claim("contradicted", t0_s=2.0, t1_s=4.0),
        claim("unverifiable"),
        claim("supported", t0_s=9.0, t1_s=9.5),
    ]
    lines = drawing.drawn(RISING, claims, 49).plain.splitlines()[7:]
    assert lines == [
        "    [+1] ├" + "─" * 11 + "┤",
        "    [-3] " + " " * 20 + "├" + "─" * 18 + "┤",
        "    [+5] " + " " * 39 + "│",
        "Of the whole clip, or of parts against each other: [?4]",
    ]


def test_more_claims_than_there_is_room_for_are_counted():
    lines = drawing.drawn(RISING, [claim("supported", scope="end")] * 9, 49).plain.splitlines()
    assert lines[-1] == "and 3 more claims of a part of the clip"


@pytest.mark.parametrize(
    ("given", "span"),
    [
        ({"scope": "whole"}, None),
        ({"scope": "middle"}, (1.0, 2.0)),
        ({"scope": "second_half"}, (1.5, 3.0)),
        ({"scope": "span", "t0_s": 1.0}, (1.0, 3.0)),
        ({"scope": "last"}, (2.0, 2.5)),
        ({"scope": "second"}, (2.0, 2.5)),
        ({"scope": "third"}, None),
    ],
)
def test_a_claim_is_about_the_stretch_that_its_scope_means(given, span):
    events = [Segment("event", 0.5, 1.0, None, -20.0), Segment("event", 2.0, 2.5, None, -20.0)]
    heard = Measurements("sha", EXTRACTOR, 3.0, 16000, {}, {}, HOP_S, events)
    assert drawing.span_of(claim("supported", **given), heard) == pytest.approx(span)


def test_in_words_pitch_and_level_are_ten_numbers_each():
    told = drawing.in_words(clip([np.nan] * 125 + [200.0] * 125, [-60.0] * 125 + [-20.0] * 125))
    assert told == [
        "Pitch, Hz, every 0.4 s: - - - - - 200 200 200 200 200",
        "Level, dBFS, every 0.4 s: -60 -60 -60 -60 -60 -20 -20 -20 -20 -20",
    ]


def test_silence_and_a_clip_of_one_frame_are_drawn_too():
    silent = drawing.drawn(clip([np.nan] * 9, [-120.0] * 9), [], 40).plain.splitlines()
    assert silent[0].split() == ["pitch", "no", "pitch", "was", "found", "in", "it"]
    one = drawing.drawn(clip([200.0], [-20.0]), [], 40).plain.splitlines()
    assert one[4][drawing.GUTTER :] == "█" * 31
    assert len(drawing.in_words(clip([200.0], [-20.0]))) == 2


def test_a_clip_without_tracks_is_told_and_drawn_without_them():
    bare = Measurements("sha", EXTRACTOR, 3.0, 16000, {}, {}, HOP_S, [])
    assert drawing.in_words(bare)[0] == "Pitch, Hz, every 0.3 s: - - - - - - - - - -"
    assert "no pitch was found" in drawing.drawn(bare, [], 40).plain


@pytest.fixture
def round_folder(tmp_path):
    """A round in a run, whose table of measurements has the clip of the first trace."""
    folder = tmp_path / "run" / "round-01"
    write(folder, [trace(audio_sha=["sha"]), trace("q2", audio_sha=["other"])])
    write_table([to_row(RISING)], tmp_path / "run" / "measurements.parquet", MEASUREMENTS)
    (tmp_path / "sounds" / "clips").mkdir(parents=True)
    write_json({"generate": {"audio_root": "../../sounds"}}, folder / "manifest.json")
    return folder


def test_measurements_are_taken_from_the_run_and_clips_from_where_the_manifest_says(round_folder, tmp_path):
    opened = clips.open_clips(round_folder)
    found = clips.known(opened, {"sha", "other"})
    several = trace(audio=["a.wav", "b.wav", "c.wav"], audio_sha=["sha", "other"])
    first, *others = clips.readings(several, found)
    assert (first.duration_s, others) == (RISING.duration_s, [clips.UNMEASURED, clips.UNMEASURED])
    assert clips.readings(trace(audio=None), found) == []
    where = tmp_path / "sounds" / "clips" / "a.wav"
    assert clips.file_of(opened, "clips/a.wav") == f"{where}: is not there; --audio-root names another folder"
    soundfile.write(where, np.zeros(1600), 16000)
    assert clips.file_of(opened, "clips/a.wav") == where
    assert "lies outside" in clips.file_of(opened, "../../etc/passwd")
    remote = replace(opened, base=Path("s3://bucket/sounds"))
    assert clips.file_of(remote, "clips/a.wav") == (
        "s3://bucket/sounds/clips/a.wav: lies at a URL, from which the viewer fetches nothing"
    )


def test_a_clip_that_no_table_has_is_measured_unless_it_is_another_one(round_folder, tmp_path):
    opened = clips.open_clips(round_folder)
    seconds = np.arange(16000) / 16000
    where = tmp_path / "sounds" / "clips" / "a.wav"
    soundfile.write(where, 0.5 * np.sin(2 * np.pi * 220 * seconds), 16000)
    assert clips.measured(opened, "other", "clips/a.wav") == f"{where}: is not the clip that was judged: it changed"
    assert clips.measured(opened, None, "clips/a.wav").duration_s == 1.0
    where.write_text("no sound")
    assert str(where) in clips.measured(opened, None, "clips/a.wav")


def test_the_figures_that_the_claims_are_about_are_shown_and_no_others():
    row = trace(claims=["supported"])
    assert told(row, [RISING], None)[:2] == ["Sound  4.00 s at 16000 Hz", "  f0_median_hz 200 Hz"]
    assert told(row, ["nobody knows"], None) == ["Sound  not drawn: nobody knows"]
    assert told(trace(audio=None), [], None) == ["Sound  not drawn: the trace has no clip"]


def test_each_clip_of_a_question_is_drawn_and_of_many_the_rest_is_counted():
    several = trace(audio=[f"{name}.wav" for name in "abcdef"], claims=[claim("supported", scope="start")])
    lines = told(several, [RISING, "it is gone", *[RISING] * 4], 60)
    headings = [line for line in lines if line.startswith(("Sound", "  and"))]
    assert headings == [
        "Sound 1 of 6  a.wav  4.00 s at 16000 Hz",
        "Sound 2 of 6  b.wav  not drawn: it is gone",
        "Sound 3 of 6  c.wav  4.00 s at 16000 Hz",
        "Sound 4 of 6  d.wav  4.00 s at 16000 Hz",
        "  and 2 more clips",
    ]
    assert [line.count("dB ") for line in lines if "dB " in line] == [1, 1, 1]
    assert not any("[+1]" in line for line in lines)  # of several clips the claim does not say which
    assert any("[+1]" in line for line in told(trace(claims=several["claims"]), [RISING], 60))


def test_siblings_side_by_side_are_drawn_each_with_the_stretches_of_its_own_claims():
    kept = trace(claims=[claim("supported", scope="start")], audio_sha=["sha"])
    rejected = trace(
        sample=1, claims=[claim("contradicted", scope="end")], audio_sha=["sha"], objections=["logic.length"]
    )
    rows = [kept | {"state": "kept", "not_kept": None}, rejected | {"state": "rejected", "not_kept": None}]
    lines = printed(page.side_by_side(*rows, [RISING], 80), 80)
    assert max(map(len, lines)) <= 80
    drawn = next(line for line in lines if "├" in line)
    left, right = drawn[:40], drawn[40:]
    assert (left.split()[0], right.split()[0]) == ("[+1]", "[-1]")
    assert left.index("├") < 15 < right.index("├")
    assert [line.count("dB ") for line in lines if "dB " in line] == [2]
    rows[1]["audio_sha"] = ["another"]
    lines = printed(page.side_by_side(*rows, [RISING], 80), 80)
    assert [line.count("dB ") for line in lines if "dB " in line] == [1]
    assert "not drawn: it heard another" in "\n".join(lines)
