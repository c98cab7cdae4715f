"""Whatever form questions come in, the same table comes out, or one line that says what is wrong and where."""

import csv
import hashlib
import json
import os
import platform
import shutil
from pathlib import Path

import datasets
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mgrd.errors import InputError, MgrdError, MisusedError
from mgrd.questions import audio_base, fingerprint, read_questions, resolve_audio
from mgrd.tables import QUESTIONS

REAL = Path(__file__).parents[2] / "shared" / "real"
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt "
ASKED = {"id": "q1", "audio": "a.wav", "question": "Calm or excited?", "choices": ["calm", "excited"], "answer": "calm"}


@pytest.fixture
def folder(tmp_path):
    """A folder with the clips a.wav and sub/b.wav; nothing here ever decodes them."""
    (tmp_path / "a.wav").write_bytes(WAV)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.wav").write_bytes(WAV)
    return tmp_path


@pytest.fixture(autouse=True)
def no_hub(monkeypatch, tmp_path):
    """Keep `datasets` off the network and its cache in the test's folder."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def jsonl(folder, *rows, name="q.jsonl"):
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def error_of(source, **options):
    with pytest.raises(MgrdError) as caught:
        read_questions(source, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 1500
    return message


# Forms that mean the same


def test_a_row_keeps_its_words_and_absent_columns_are_null(folder):
    table = read_questions(jsonl(folder, ASKED))

    assert table.schema == QUESTIONS
    assert table.rows(named=True) == [ASKED | {"audio": ["a.wav"], "task": None, "language": None}]


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(lambda text: text.strip())
questions = st.fixed_dictionaries(
    {
        "audio": st.lists(st.sampled_from(["a.wav", "sub/b.wav", "./a.wav"]), min_size=1, max_size=3),
        "question": texts,
        "choices": st.none() | st.lists(texts, min_size=1, max_size=5),
        "task": st.none() | texts,
        "language": st.none() | st.sampled_from(["en", "zh"]),
    }
).flatmap(
    lambda row: st.sampled_from([None, *(row["choices"] or ["7", "a dog"])]).map(
        lambda answer: row | {"answer": answer}
    )
)


@given(st.lists(questions, min_size=1, max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_jsonl_json_csv_and_parquet_give_the_same_questions(folder, rows):
    rows = [row | {"id": f"q{place}"} for place, row in enumerate(rows)]
    wanted = pl.DataFrame(rows, schema=QUESTIONS)
    jsonl(folder, *rows)
    (folder / "q.json").write_text(json.dumps({"data": rows}), encoding="utf-8")
    wanted.write_parquet(folder / "q.parquet")
    with (folder / "q.csv").open("w", newline="", encoding="utf-8-sig") as handle:
        writer = csv.DictWriter(handle, list(QUESTIONS))
        writer.writeheader()
        for row in rows:
            lists = {name: row[name] and json.dumps(row[name]) for name in ("audio", "choices")}
            writer.writerow(row | lists)

    for name in ("q.jsonl", "q.json", "q.csv", "q.parquet"):
        table = read_questions(str(folder / name))
        assert table.equals(wanted), name
        assert fingerprint(table) == fingerprint(wanted)


@given(st.lists(texts.filter(lambda text: "|" not in text).map(str.strip), min_size=2, max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
def test_choices_of_a_csv_may_stand_between_bars(folder, choices):
    if choices[0].startswith("["):
        return
    with (folder / "q.csv").open("w", newline="", encoding="utf-8") as handle:
        csv.writer(handle).writerows([["audio", "question", "choices"], ["a.wav", "Which?", " | ".join(choices)]])

    assert read_questions(str(folder / "q.csv"))["choices"].to_list() == [choices]


@pytest.mark.parametrize(
    ("answer", "choices", "gold"),
    [
        ("calm", ["calm", "excited"], "calm"),
        (" Calm ", ["calm", "excited"], "calm"),
        ("B", ["calm", "excited"], "excited"),
        ("(b)", ["calm", "excited"], "excited"),
        ("B.", ["calm", "excited"], "excited"),
        ("(B) excited", ["calm", "excited"], "excited"),
        ("excited", ["(A) calm", "(B) excited"], "(B) excited"),
        ("B) Excited", ["(A) calm", "(B) excited"], "(B) excited"),
        ("A", ["B", "A"], "A"),  # the text of a choice before a letter
        ("A", ["(A) B", "(B) A"], "(A) B"),  # unless the choices carry letters themselves
        (3, ["2", "3"], "3"),
        (2.0, ["1", "2"], "2"),
        (0, ["calm", "excited"], "calm"),  # 0 is no letter, no text, and no count from 1
        (2, ["calm", "excited"], "excited"),  # 2 of two can only be counted from 1
        ("Cafe\u0301", ["Caf\u00e9", "Bar"], "Caf\u00e9"),
        (42, None, "42"),
        (0.5, None, "0.5"),
        ("a siren", None, "a siren"),
    ],
)
def test_the_gold_answer_becomes_the_text_of_its_choice(folder, answer, choices, gold):
    table = read_questions(jsonl(folder, ASKED | {"answer": answer, "choices": choices}))

    assert table["answer"].to_list() == [gold]


def test_an_index_is_believed_only_where_all_answers_show_how_they_count(folder):
    three = {"choices": ["low", "mid", "high"]}
    rows = [ASKED | three | {"id": str(place), "answer": place} for place in range(3)]

    assert read_questions(jsonl(folder, *rows))["answer"].to_list() == ["low", "mid", "high"]
    assert "line 1: answer '1' is none of its choices" in error_of(jsonl(folder, rows[1]))
    assert "line 2: answer '0' is none of" in error_of(jsonl(folder, ASKED, rows[0]))  # the other answer is text
    both = [rows[0], rows[1] | {"answer": 3}]
    assert "line 1: answer '0'" in error_of(jsonl(folder, *both))


def test_an_id_is_made_of_clips_question_and_choices_alone(folder):
    bare = {name: ASKED[name] for name in ("audio", "question", "choices")}
    (first,) = read_questions(jsonl(folder, bare))["id"]
    (second,) = read_questions(jsonl(folder, bare | {"answer": "calm", "task": "mood"}, name="other.jsonl"))["id"]
    (third,) = read_questions(jsonl(folder, bare | {"audio": "sub/b.wav"}))["id"]

    assert (
        first
        == second
        == "q-"
        + hashlib.blake2b(
            json.dumps([["a.wav"], bare["question"], bare["choices"]]).encode(), digest_size=8
        ).hexdigest()
    )
    assert third != first


def test_map_names_the_files_own_column(folder):
    source = jsonl(folder, {"clip": {"path": "a.wav"}, "prompt": "Which?"})

    table = read_questions(source, mapping={"question": "prompt", "audio": "clip"})

    assert table.select("audio", "question").rows() == [(["a.wav"], "Which?")]
    with pytest.raises(MisusedError, match=r"--map prompt=\.\.\.: there is no such column; there are id, audio"):
        read_questions(source, mapping={"prompt": "question"})


def test_limit_reads_no_further(folder):
    source = jsonl(folder, ASKED, ASKED | {"id": "q2"}, {"id": "broken"})

    assert read_questions(source, limit=2)["id"].to_list() == ["q1", "q2"]


# Clips


def test_embedded_clips_are_written_once_still_encoded(folder):
    out = folder / "out" / "audio"
    clips = [WAV, b"fLaC....", b"OggS", b"ID3\x04", b"\xff\xfb\x90", b"\xff\xf1\x50", b"....ftypM4A ", b"noise", WAV]
    pl.DataFrame(
        {
            "audio": [[{"bytes": clip, "path": "../../evil.sh"}] for clip in clips],
            "question": [f"{place}?" for place in range(len(clips))],
        }
    ).write_parquet(folder / "q.parquet")

    table = read_questions(str(folder / "q.parquet"), audio_out=out)

    names = [name for (name,) in table["audio"]]
    extensions = ["wav", "flac", "ogg", "mp3", "mp3", "aac", "m4a", "bin", "wav"]
    wanted = [f"audio/{hashlib.sha256(clip).hexdigest()}.{ext}" for clip, ext in zip(clips, extensions, strict=True)]
    assert names == wanted
    assert [resolve_audio(name, folder, out).read_bytes() for name in names] == clips
    assert len(list(out.iterdir())) == len(set(clips))
    before = [path.stat().st_ino for path in sorted(out.iterdir())]
    assert read_questions(str(folder / "q.parquet"), audio_out=out).equals(table)
    assert [path.stat().st_ino for path in sorted(out.iterdir())] == before
    assert "row 1: audio is embedded, and there is no folder to write it to" in error_of(str(folder / "q.parquet"))


def test_a_table_with_embedded_clips_can_be_read_again_beside_them(folder):
    pl.DataFrame({"audio": [WAV], "question": ["Which?"]}).write_parquet(folder / "q.parquet")
    table = read_questions(str(folder / "q.parquet"), audio_out=folder / "run" / "audio")
    table.write_parquet(folder / "run" / "questions.parquet")

    again = read_questions(str(folder / "run" / "questions.parquet"), audio_out=folder / "other" / "audio")

    assert again.equals(table)


def test_a_full_disk_is_told_with_the_file_that_did_not_fit(folder):
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    (folder / "out").mkdir()
    name = f"{hashlib.sha256(WAV).hexdigest()}.wav"
    (folder / "out" / f"{name}.{platform.node()}-{os.getpid()}.partial").symlink_to("/dev/full")
    pl.DataFrame({"audio": [WAV], "question": ["Which?"]}).write_parquet(folder / "q.parquet")

    assert f"{name}: cannot be written (No space left" in error_of(str(folder / "q.parquet"), audio_out=folder / "out")


@pytest.mark.parametrize("name", ["../a.wav", "sub/../../a.wav", "..", ".", "a.wav\0", "sub/../.."])
def test_a_path_that_leaves_its_folder_is_refused(folder, name):
    (folder.parent / "a.wav").write_bytes(WAV)

    assert "line 1: audio " in error_of(jsonl(folder, ASKED | {"audio": name}))
    with pytest.raises(InputError, match=r"lies outside .*; give an --audio-root that contains it"):
        resolve_audio(name, folder)


def test_an_absolute_path_is_taken_only_under_a_given_audio_root(folder):
    source = jsonl(folder, ASKED | {"audio": str(folder / "a.wav")})

    assert "is an absolute path; give an --audio-root" in error_of(source)
    assert "lies outside" in error_of(source, audio_root=folder / "sub")
    table = read_questions(source, audio_root=folder)
    assert table["audio"].to_list() == [[str(folder / "a.wav")]]  # as given
    assert resolve_audio(str(folder / "a.wav"), folder) == folder / "a.wav"


def test_a_link_is_followed_and_an_audio_root_may_be_named_through_one(folder):
    (folder / "data").mkdir()
    (folder / "data" / "a.wav").symlink_to(folder / "a.wav")
    (folder / "link").symlink_to(folder / "data")

    assert resolve_audio("a.wav", folder / "link").read_bytes() == WAV
    for top in ("data", "link"):
        assert resolve_audio(str(folder / top / "a.wav"), folder / "link").read_bytes() == WAV
    with pytest.raises(InputError, match="lies outside"):  # `..` is text: it never goes through a link's target
        resolve_audio("../link/../a.wav", folder / "link")


def test_audio_paths_are_relative_to_the_audio_root_or_the_questions_folder(folder):
    source = jsonl(folder / "sub", ASKED)

    assert "1 clip is not there: 'a.wav' (line 1)" in error_of(source)
    assert read_questions(source, audio_root=folder).height == 1
    assert audio_base(source) == folder / "sub"
    assert audio_base(str(folder)) == folder
    assert audio_base(source, folder) == folder
    assert audio_base("someone/data@en:test") == Path()


# Data sets


def test_data_set_folders_give_the_same_questions_as_files(folder):
    out = folder / "out"
    rows = {
        "audio": [{"bytes": WAV, "path": "a.wav"}, {"bytes": WAV + b"2", "path": "b.wav"}],
        "question": ["Low?", "High?"],
        "choices": [["no", "yes"]] * 2,  # not the order of the labels
        "answer": [1, 0],
    }
    made = datasets.Dataset.from_dict(rows).cast_column("audio", datasets.Audio())
    made = made.cast_column("answer", datasets.ClassLabel(names=["yes", "no"]))
    pl.DataFrame(rows | {"answer": ["no", "yes"]}).write_parquet(folder / "q.parquet")
    wanted = read_questions(str(folder / "q.parquet"), audio_out=out)
    made.save_to_disk(folder / "saved")
    datasets.DatasetDict({"train": made, "test": made.select([1])}).save_to_disk(folder / "splits")
    (folder / "files").mkdir()
    made.to_parquet(folder / "files" / "test.parquet")

    assert read_questions(str(folder / "saved"), audio_out=out).equals(wanted)
    assert read_questions(f"{folder}/splits:train", audio_out=out).equals(wanted)
    assert read_questions(f"{folder}/splits:test", audio_out=out).equals(wanted[1:])
    assert read_questions(f"{folder}/files", audio_out=out).equals(wanted)
    assert read_questions(f"{folder}/files@default:test", audio_out=out).equals(wanted)
    assert "has the splits train, test; name one, e.g. " in error_of(f"{folder}/splits", audio_out=out)
    assert "has no split dev; it has train, test" in error_of(f"{folder}/splits:dev", audio_out=out)
    assert "is a single split" in error_of(f"{folder}/saved:dev", audio_out=out)
    assert "BuilderConfig 'zh' not found" in error_of(f"{folder}/files@zh", audio_out=out)


def test_an_audiofolder_is_read_through_its_metadata(folder):
    (folder / "metadata.csv").write_text("file_name,question\nsub/b.wav,Which?\n", encoding="utf-8")

    table = read_questions(str(folder))

    assert table.select("audio", "question").rows() == [(["sub/b.wav"], "Which?")]


def test_folders_that_hold_no_questions_say_what_a_folder_must_be(folder):
    (folder / "empty").mkdir()
    (folder / "broken").mkdir()
    (folder / "broken" / "x.parquet").write_bytes(b"PAR1 and then nothing")

    for name in ("empty", "broken", "sub"):
        assert "a folder must be one that was saved with save_to_disk" in error_of(str(folder / name))
    assert "is no data set that can be read" in error_of("nobody/nothing-of-this-name")
    assert error_of("missing.jsonl") == "missing.jsonl: no such file or folder"
    assert error_of("../no/where") == "../no/where: no such file or folder"


def test_a_folder_of_questions_beside_their_clips_says_what_to_give(folder, monkeypatch):
    (folder / "q.jsonl").write_text('{"audio": "sub/b.wav", "question": "Which?"}\n')
    expected = f"or give the file of questions itself: {folder}/q.jsonl"

    assert error_of(str(folder)).endswith(expected)
    monkeypatch.chdir(folder)
    assert error_of(".").endswith("give the file of questions itself: q.jsonl")
    assert read_questions(str(folder / "q.jsonl")).height == 1


# What is wrong is told, with its row


BAD_ROWS = [
    ({"question": None}, "line 2: has no question"),
    ({"question": "  \t"}, "line 2: has no question"),
    ({"question": ["Which?"]}, "line 2: question is a list, not text"),
    ({"question": 3}, "line 2: question is a int, not text"),
    ({"question": "\ud800"}, "line 2: question holds half of a character"),
    ({"audio": None}, "line 2: has no audio"),
    ({"audio": []}, "line 2: has no audio"),
    ({"audio": ["a.wav", ""]}, "line 2: has no audio"),
    ({"audio": {"path": None, "bytes": None}}, "line 2: has no audio"),
    ({"audio": 7}, "line 2: audio is a int, not a path"),
    ({"audio": {"array": [0.0], "sampling_rate": 16000}}, "line 2: audio holds decoded samples"),
    ({"audio": {"bytes": "UklGRg=="}}, "1 clip is not there: 'UklGRg==' (line 2)"),
    ({"audio": "sub"}, "1 clip is not there: 'sub' (line 2)"),
    ({"audio": "x" * 5000}, "1 clip is not there: 'xxx"),
    ({"answer": "sad"}, "line 2: answer 'sad' is none of its choices 'calm | excited'; give a choice's text or letter"),
    ({"answer": "C"}, "line 2: answer 'C' is none of its choices"),
    ({"answer": "(A) excited"}, "line 2: answer '(A) excited' is none of its choices"),
    ({"answer": "new\nline"}, "line 2: answer 'new\\nline' is none of"),
    ({"answer": True}, "line 2: answer is true or false, not text or a number"),
    ({"answer": float("nan")}, "line 2: answer is no finite number"),
    ({"choices": []}, "line 2: choices is an empty list; leave it out"),
    ({"choices": ["calm", " "]}, "line 2: choice 2 is empty"),
    ({"choices": ["calm", None]}, "line 2: choice 2 is empty"),
    ({"choices": ["calm", ["x"]]}, "line 2: choice 2 is a list"),
    ({"choices": {"A": "calm"}}, "line 2: choices is an object: write a list"),
    ({"choices": "calm"}, "line 2: choices is one text: write a list"),
    ({"id": {"a": 1}}, "line 2: id is an object"),
    ({"id": "q1"}, "line 2: repeats the id 'q1' of line 1, the same question"),
    ({"id": "q1", "question": "Loud?"}, "line 2: repeats the id 'q1' of line 1, another question"),
]


@pytest.mark.parametrize(("change", "told"), BAD_ROWS, ids=[told[:60] for _, told in BAD_ROWS])
def test_a_bad_row_is_told_by_its_line(folder, change, told):
    assert told in error_of(jsonl(folder, ASKED, ASKED | {"id": "q2"} | change))


def test_two_rows_without_id_that_ask_the_same_are_named(folder):
    bare = {"audio": "a.wav", "question": "Which?"}

    assert "line 2: repeats the id 'q-" in error_of(jsonl(folder, bare, bare | {"answer": "this"}))


def test_the_first_problems_are_told_and_the_others_counted(folder):
    rows = [ASKED | {"id": str(place), "question": None} for place in range(9)]
    rows += [ASKED | {"id": f"m{place}", "audio": f"missing-{place}.wav"} for place in (1, 2, 3, 4, 4)]
    source = jsonl(folder, *rows[:-1], rows[-1] | {"id": "again"})

    assert error_of(source) == (
        f"{source}: line 1: has no question; line 2: has no question; line 3: has no question; and 6 more rows; "
        "4 clips are not there: 'missing-1.wav' (line 10), 'missing-2.wav' (line 11), 'missing-3.wav' (line 12) "
        f"and 1 more; looked in {folder}; --audio-root DIR names another folder"
    )


LINE = json.dumps(ASKED)
BAD_FILES = [
    ("q.jsonl", b"", "q.jsonl: is empty"),
    ("q.jsonl", b"\n\n", "q.jsonl: holds no questions"),
    ("q.jsonl", f"{LINE}\n{LINE[:40]}".encode(), "line 2: is not JSON ("),
    ("q.jsonl", f"{LINE}\n[1]\n".encode(), "line 2: is not an object with the columns as keys"),
    ("q.jsonl", f"{LINE}\n".encode() + b'{"id": "\xff"}', "line 2: is not UTF-8 (byte 9 is 0xff)"),
    ("q.jsonl", b"[" * 100_000, "line 1: is not JSON that can be read (RecursionError)"),
    ("q.jsonl", b'{"id": ' + b"9" * 10_000 + b"}", "line 1: is not JSON that can be read (ValueError)"),
    ("q.jsonl", b'{"id": "' + b"x" * (17 * 2**20), "line 1: is longer than 16 MiB, so reading stopped here"),
    ("q.jsonl", LINE.encode("utf-16"), "q.jsonl: is UTF-16; save it as UTF-8"),
    ("q.jsonl", b'{"prompt": "Which?", "wav": "a"}', "has no column audio, question; it has 'prompt, wav'; name"),
    ("q.json", b"[]", "q.json: holds no questions"),
    ("q.json", b"[1]", "row 1: is not an object"),
    ("q.json", f"[{LINE}, ".encode(), "q.json: line 1: is not JSON (Expecting value"),
    ("q.json", f"{LINE}\n{LINE}".encode(), "one object a line belongs in a .jsonl file"),
    ("q.json", b'{"rows": []}', 'must be a list of questions, or {"data": [...]}'),
    ("q.json", b"\xff", "q.json: is not UTF-8"),
    ("q.json", b"[" * 100_000, "is not JSON that can be read (RecursionError)"),
    ("q.csv", b"audio,question\n", "q.csv: holds no questions"),
    ("q.csv", b"audio;question\na.wav;Which?\n", "has no column audio, question; it has 'audio;question'; name"),
    ("q.csv", b"audio,audio,question\n", "line 1: the header repeats 'audio'"),
    ("q.csv", b'audio,question\na.wav,"Which\none?"\na.wav\n', "line 4: has 1 cells where the header has 2"),
    ("q.csv", b'audio,question\na.wav,"Which?\n', "line 2: is not CSV (unexpected end of data)"),
    ("q.csv", b"audio,question\na.wav,Caf\xe9?\n", "line 2: is not UTF-8; save it as 'CSV UTF-8'"),
    ("q.csv", b"audio,question\na.wav," + b"x" * 200_000, "line 2: is not CSV (field larger than field limit"),
    ("q.csv", b"audio,question\na.wav," + b"x" * (17 * 2**20), "line 2: is longer than 16 MiB"),
    ("q.parquet", b"PAR1", "q.parquet: cannot be read as Parquet ("),
    ("q.txt", b"Which?", "questions are read from .jsonl, .json, .csv, .parquet"),
]


@pytest.mark.parametrize(("name", "content", "told"), BAD_FILES, ids=[told[:60] for _, _, told in BAD_FILES])
def test_a_bad_file_is_told_by_its_name(folder, name, content, told):
    (folder / name).write_bytes(content)

    assert told in error_of(str(folder / name))


def test_rows_of_parquet_are_counted_from_1_through_all_batches(folder):
    pl.DataFrame(
        {"audio": ["a.wav"] * 600, "question": [f"{place}?" if place % 300 else None for place in range(600)]}
    ).write_parquet(folder / "q.parquet")

    assert error_of(str(folder / "q.parquet")).endswith("q.parquet: row 1: has no question; row 301: has no question")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_parquet_file_is_an_error(folder, share):
    whole = folder / "q.parquet"
    pl.DataFrame([ASKED | {"id": str(place)} for place in range(100)]).write_parquet(whole)
    content = whole.read_bytes()
    whole.write_bytes(content[: int(len(content) * share)])

    assert "cannot be read as Parquet" in error_of(str(whole))


def test_a_byte_order_mark_is_no_part_of_the_first_line(folder):
    for name, text in (("q.jsonl", LINE), ("q.json", f"[{LINE}]"), ("q.csv", "audio,question\na.wav,Which?\n")):
        (folder / name).write_text(text, encoding="utf-8-sig")
        assert read_questions(str(folder / name)).height == 1


@given(st.binary(max_size=200), st.sampled_from(["q.jsonl", "q.json", "q.csv", "q.parquet"]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
def test_no_bytes_at_all_escape_as_another_error(folder, content, name):
    (folder / name).write_bytes(content)

    assert name in error_of(str(folder / name))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["path", "bytes", "x"]), inner),
    max_leaves=5,
)


@given(st.lists(st.dictionaries(st.sampled_from(list(QUESTIONS)), json_values, min_size=1), min_size=1, max_size=3))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
def test_no_values_escape_as_another_error(folder, rows):
    path = jsonl(folder, *rows)

    assert path in error_of(path)


def test_a_fingerprint_changes_with_any_word_and_with_the_order(folder):
    table = read_questions(jsonl(folder, ASKED, ASKED | {"id": "q2"}))
    other = table.with_columns(pl.lit("mood").alias("task"))

    assert len({fingerprint(table), fingerprint(other), fingerprint(table.reverse())}) == 3
    assert fingerprint(table) == fingerprint(table.select(reversed(table.columns)))


def test_the_real_benchmark_files_are_read_with_map(folder):
    source = REAL / "mmau_questions.jsonl"
    if not source.exists():
        pytest.skip("shared/real/mmau_questions.jsonl is not here")
    rows = [json.loads(line) for line in source.read_text(encoding="utf-8").splitlines()]
    (folder / "test-mini-audios").mkdir()
    for row in rows:
        shutil.copy(folder / "a.wav", folder / row["audio_id"])

    table = read_questions(str(source), audio_root=folder, mapping={"audio": "audio_id"})

    assert table.select("id", "question", "choices", "answer").rows() == [
        (row["id"], row["question"], row["choices"], row["answer"]) for row in rows
    ]
