"""Exports: read back by `datasets`, and by what each trainer does with a row as its released code has it."""

import base64
import hashlib
import io
import json
import shutil
import threading
import traceback
import typing
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
import soundfile
from judged_rows import claim, trace

from mgrd import progress, tables
from mgrd.distill import pairs
from mgrd.distill.survivors import read
from mgrd.errors import InputError, MgrdError, MisusedError, SettingsError
from mgrd.exports import card, export, parquet
from mgrd.exports.forms import FORMS
from mgrd.exports.preferences import PAIR_FORMS
from mgrd.options import Distill, Export
from mgrd.settings import fields

QUIET = progress.Story(quiet=True)
SR = 16_000
NASTY = "调子\u2028升高 \x00\x1b[31m\x85 | `x` </td>"


@pytest.fixture
def clips(tmp_path):
    folder = tmp_path / "clips"
    folder.mkdir()
    for hz in (220, 440):
        tone = 0.3 * np.sin(2 * np.pi * hz * np.arange(SR // 2) / SR)
        soundfile.write(folder / f"{hz}.wav", tone.astype(np.float32), SR)
    return folder


ROWS = (
    trace("q1", audio=["220.wav"], model="/models/tiny", claims=["supported"], language="en", task="pitch"),
    trace("q1", 1, audio=["220.wav"], model="/models/tiny", think="It goes down.", language="en", task="pitch"),
    trace("q2", audio=["440.wav"], choices=None, answer=None, question="调子怎么样？", think=NASTY, language="zh"),
)
SEVERAL = trace("q3", audio=["440.wav", "220.wav", "440.wav"], question="Which is lower?")


@pytest.fixture
def survivors(tmp_path, clips):
    """Write traces as a filtered folder that knows where its audio is."""

    def write(*rows, name="round-01", rejected=()):
        folder = tmp_path / name
        tables.write_table(list(rows), folder / "survivors.parquet", tables.JUDGED)
        tables.write_table([*rows, *rejected], folder / "judged" / "part-000000.parquet", tables.JUDGED)
        made = {"model": "f00d", "temperature": 1.0, "prompt": "grounded"}
        rules = {"checks": ["acoustic.cites_sound"], "options": {"cites_sound": {"least": 2}}, "rulebook": "beef"}
        judged = {"identity": rules, "check_sha256": {"acoustic.cites_sound": "ab" * 32}}
        tables.write_json(
            {"generate": {"audio_root": str(clips), "identity": made}, "filter": judged}, folder / "manifest.json"
        )
        return folder

    return write


def run_export(folder, out, to="ms-swift", licence="unknown", training=Distill(), **more):  # noqa: B008
    return export([folder], out, Export(export=to, license=licence), training, story=QUIET, **more)


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def loaded(folder):
    """What `datasets.load_dataset` makes of a folder, clips as their bytes."""
    import datasets

    data = datasets.load_dataset(str(folder), split="train", cache_dir=str(folder.parent / "cache"))
    plain = datasets.Audio(decode=False)
    if "audio" in data.features:
        several = isinstance(data.features["audio"], datasets.List)
        assert (data.features["audio"].feature if several else data.features["audio"]) == datasets.Audio()
        data = data.cast_column("audio", datasets.List(plain) if several else plain)
    return list(data)


def contents(folder):
    """Every file of an export but its manifest, by name."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in ("manifest.json", ".lock")
    }


PLAIN = "Which way?\n(A) up\n(B) down\nThink inside <think> </think>, then give the answer."


@pytest.mark.parametrize("to", ["ms-swift", "llama-factory"])
def test_a_row_of_a_trainer_has_its_turns_one_placeholder_a_clip_and_one_think_block(survivors, tmp_path, to):
    out = tmp_path / "out"
    figures = run_export(survivors(*ROWS, SEVERAL), out, to)

    assert figures == {"format": to, "traces": 4, "left_out": 0, "clips": 2}
    rows = lines(out / "train.jsonl")
    assert [row["id"] for row in rows] == ["q1.1.0", "q1.1.1", "q2.1.0", "q3.1.0"]
    assert rows[0]["messages"] == [
        {"role": "user", "content": f"<audio>{PLAIN}"},
        {"role": "assistant", "content": "<think>\nIt falls.\n</think>\ndown"},
    ]
    assert rows[2]["messages"][1]["content"] == f"<think>\n{NASTY}\n</think>\ndown"
    for row in rows:
        words = "".join(turn["content"] for turn in row["messages"])
        assert words.count("<audio>") == len(row["audios"])
        answer = row["messages"][1]["content"]
        assert (answer.count("<think>"), answer.count("</think>")) == (1, 1)
        assert all((out / path).is_file() for path in row["audios"])
    assert rows[3]["audios"] == [rows[2]["audios"][0], rows[0]["audios"][0], rows[2]["audios"][0]]


def test_clips_are_copies_named_by_their_content_so_that_the_folder_can_be_moved(survivors, clips, tmp_path):
    run_export(survivors(*ROWS), tmp_path / "out")
    before = {path.name: path.read_bytes() for path in clips.iterdir()}
    shutil.rmtree(clips)
    moved = (tmp_path / "out").rename(tmp_path / "elsewhere")

    copies = sorted((moved / "audio").iterdir())
    assert [path.name for path in copies] == sorted(
        f"{hashlib.sha256(encoded).hexdigest()}.wav" for encoded in before.values()
    )
    assert {path.read_bytes() for path in copies} == set(before.values())
    assert not any(path.is_symlink() for path in copies)
    assert str(tmp_path) not in (moved / "README.md").read_text() + (moved / "train.jsonl").read_text()


@pytest.mark.parametrize("to", FORMS)
def test_datasets_loads_every_export(survivors, tmp_path, to):
    run_export(survivors(*ROWS), tmp_path / "out", to)

    rows = loaded(tmp_path / "out")

    assert len(rows) == (1 if to == "verl" else 3)
    if FORMS[to].table == "train.jsonl":
        assert rows == lines(tmp_path / "out" / "train.jsonl")
        assert rows[2]["messages"][1]["content"] == f"<think>\n{NASTY}\n</think>\ndown"


@pytest.mark.parametrize("to", ["hf", "trl"])
def test_clips_of_an_embedding_export_decode_to_the_samples_of_their_sources(survivors, clips, tmp_path, to):
    run_export(survivors(*ROWS), tmp_path / "out", to)

    rows = loaded(tmp_path / "out")

    for row, name in zip(rows, ("220.wav", "220.wav", "440.wav"), strict=True):
        samples, rate = soundfile.read(io.BytesIO(row["audio"]["bytes"]))
        expected, _ = soundfile.read(clips / name)
        assert rate == SR
        assert np.array_equal(samples, expected)


def test_the_hf_export_has_words_and_claims_to_the_letter(survivors, tmp_path):
    run_export(survivors(*ROWS), tmp_path / "out", "hf")

    first, _, third = loaded(tmp_path / "out")

    assert first.pop("audio")["path"].endswith(".wav")
    assert first == {
        "trace_id": "q1.1.0",
        "question_id": "q1",
        "question": "Which way?",
        "choices": ["up", "down"],
        "answer": "down",
        "task": "pitch",
        "language": "en",
        "prompt": PLAIN,
        "think": "It falls.",
        "response": "down",
        "predicted": "down",
        "model": "tiny",
        "claims": [{name: claim("supported")[name] for name in first["claims"][0]}],
    }
    assert (third["think"], third["choices"], third["answer"]) == (NASTY, None, None)


def test_a_trl_row_is_a_conversation_with_a_part_for_each_clip(survivors, tmp_path):
    run_export(survivors(SEVERAL), tmp_path / "out", "trl")

    (row,) = loaded(tmp_path / "out")

    heard = {"type": "audio", "text": None}
    words = {"type": "text", "text": PLAIN.replace("Which way?", "Which is lower?")}
    assert row["prompt"] == [{"role": "user", "content": [heard, heard, heard, words]}]
    answer = [{"type": "text", "text": "<think>\nIt falls.\n</think>\ndown"}]
    assert row["completion"] == [{"role": "assistant", "content": answer}]
    assert [len(clip["bytes"]) for clip in row["audio"]] == [16044] * 3


def test_verl_asks_each_question_with_an_answer_once_and_its_row_is_what_the_reward_reads(survivors, tmp_path):
    from mgrd.rewards import compute_score

    figures = run_export(survivors(*ROWS, SEVERAL), tmp_path / "out", "verl")

    assert figures == {"format": "verl", "questions": 2, "left_out": 1, "clips": 2}
    rows = loaded(tmp_path / "out")
    assert [row["extra_info"]["id"] for row in rows] == ["q1", "q3"]
    assert rows[0]["prompt"] == [{"role": "user", "content": f"<audio>{PLAIN}"}]
    assert rows[1]["prompt"][0]["content"].count("<audio>") == len(rows[1]["audios"]) == 3
    gold = rows[0]["reward_model"]["ground_truth"]
    scored = compute_score(rows[0]["data_source"], "<think>It falls.</think>down", gold, rows[0]["extra_info"])
    assert scored["score"] == 1.0


def test_llama_factory_finds_its_table_described(survivors, tmp_path):
    run_export(survivors(*ROWS), tmp_path / "out", "llama-factory")

    described = json.loads((tmp_path / "out" / "dataset_info.json").read_text())["mgrd"]
    row = lines(tmp_path / "out" / described["file_name"])[0]
    assert {row[described["columns"][name]] is not None for name in ("messages", "audios")} == {True}
    tags = described["tags"]
    assert [turn[tags["role_tag"]] for turn in row["messages"]] == [tags["user_tag"], tags["assistant_tag"]]


@pytest.mark.parametrize("to", FORMS)
def test_the_same_survivors_give_the_same_bytes_and_a_finished_export_is_left_alone(survivors, tmp_path, to):
    folder = survivors(*ROWS, SEVERAL)
    figures = run_export(folder, tmp_path / "one", to)
    run_export(folder, tmp_path / "two", to)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")

    (tmp_path / "one" / "README.md").write_text("mine")
    assert run_export(folder, tmp_path / "one", to) == figures
    assert (tmp_path / "one" / "README.md").read_text() == "mine"

    (tmp_path / "one" / "README.md").unlink()  # as if it had been killed
    run_export(folder, tmp_path / "one", to)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_the_card_says_source_model_rules_counts_objections_and_licence(survivors, tmp_path):
    import yaml

    rejected = trace("q1", 2, objections=["acoustic.cites_sound", "logic.own|`check`"])
    run_export(survivors(*ROWS, rejected=[rejected]), tmp_path / "out", licence="cc-by-4.0")

    text = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    _, front, body = text.split("---\n", 2)
    assert yaml.safe_load(front) == {
        "license": "cc-by-4.0",
        "language": ["en", "zh"],
        "task_categories": ["audio-text-to-text"],
        "tags": ["audio", "reasoning", "mgrd"],
        "size_categories": ["n<1K"],
        "configs": [{"config_name": "default", "data_files": [{"split": "train", "path": "train.jsonl"}]}],
    }
    for said in (
        "| rows | 3 traces, each with one think block |",
        "| questions | 2 |",
        "Model that wrote them: `tiny`.",
        "The licence of the clips is given as `cc-by-4.0`.",
        "## round-01",
        "| sampled with | temperature `1.0`, prompt `grounded` |",
        "| traces judged | 4 |",
        f"| `acoustic.cites_sound` | 1 | `{{'least': 2}}` | `{'ab' * 32}` |".replace("'least'", '"least"'),
        "| `logic.own/'check'` | 1 |  | not recorded |",
    ):
        assert said in body


def test_a_card_of_survivors_alone_says_that_the_rest_is_not_recorded(survivors, clips, tmp_path):
    folder = survivors(*ROWS)
    shutil.rmtree(folder / "judged")
    (folder / "manifest.json").unlink()

    run_export(folder, tmp_path / "out", audio_root=clips)

    assert "| rules' fingerprint | not recorded |" in (tmp_path / "out" / "README.md").read_text()


def test_words_that_a_trainer_takes_for_a_placeholder_leave_a_trace_out_by_name(survivors, tmp_path, capsys):
    marked = trace("q4", audio=["220.wav"], think="An <audio> tag.")
    boxed = trace("q5", audio=["220.wav"], think="A <bbox> tag.")
    folder = survivors(ROWS[0], marked, boxed)

    figures = export([folder], tmp_path / "swift", Export(export="ms-swift"), Distill())
    assert (figures["traces"], figures["left_out"]) == (1, 2)
    told = capsys.readouterr().err
    assert "trace q4.1.0 is left out: its words hold <audio>, which ms-swift 4.6 takes for a placeholder" in told
    assert "trace q5.1.0 is left out: its words hold <bbox>" in told
    assert run_export(folder, tmp_path / "llama", "llama-factory")["left_out"] == 1
    assert run_export(folder, tmp_path / "hf", "hf")["left_out"] == 0
    with pytest.raises(MgrdError, match=r"no survivors to export: all 1 are left out, e\.g\. its words hold <audio>"):
        run_export(survivors(marked, name="marked"), tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_what_is_wrong_is_said_in_one_line_and_nothing_is_written(survivors, clips, tmp_path, run):
    out = tmp_path / "out"
    missing = survivors(ROWS[0], trace("q6", audio=["gone.wav"]), name="missing")
    changed = survivors(trace("q7", audio=["220.wav"], audio_sha=["0" * 32]), name="changed")
    broken = survivors(trace("q8", audio=["220.wav"], think="<think>twice</think>"), name="broken")
    for folder, said in (
        (survivors(name="empty"), "no survivors"),
        (missing, f"1 of 2 clips are not there, e.g. gone.wav at {clips / 'gone.wav'}; name their folder with"),
        (broken, "has think tags inside"),
        (changed, "the clip has changed since the trace was sampled"),
    ):
        code, answer, told = run("distill", folder, "--export", "hf", "-o", out, "--quiet")
        assert (code, answer, told.count("\n")) == (1, "", 1)
        assert said in told
    assert not (out / "README.md").exists()


def test_options_that_do_not_fit_are_misused(survivors, tmp_path, run):
    folder, out = survivors(*ROWS), tmp_path / "out"
    for options, said in (
        (("--export", "hf", "-m", folder), "--export: trains nothing; leave out -m"),
        (("--export", "hf", "--lora", "8"), "--lora: says how to train, and --export trains nothing"),
        (("--export", "hf", "--license", "My Own"), "--license My Own: write an identifier"),
        (("--export", "hf", "--push-to-hub", "a/b/c"), "--push-to-hub a/b/c:"),
        (("--push-to-hub", "me/data", "-m", folder), "--push-to-hub and --license: only with --export"),
        (("--export", "csv"), "'csv' is not one of"),
        ((), "give -m MODEL to train, or --export FORMAT"),
    ):
        code, answer, told = run("distill", folder, "-o", out, *options)
        assert (code, answer) == (2, "")
        assert said in told
    assert not out.exists()


def test_the_command_answers_with_figures_and_other_settings_are_refused(survivors, tmp_path, run):
    folder, out = survivors(*ROWS), tmp_path / "out"

    code, answer, _ = run("distill", folder, "--export", "trl", "-o", out, "--json")
    assert (code, json.loads(answer)) == (0, {"format": "trl", "traces": 3, "left_out": 0, "clips": 2})
    code, _, told = run("distill", folder, "--export", "hf", "-o", out, "--quiet")
    assert code == 1
    assert "export trl -> hf" in told
    code, _, told = run("distill", folder, "--export", "hf", "-o", out, "--overwrite")
    assert code == 0
    assert "Set aside" in told
    assert (out / "data.old-1").is_dir()


def test_an_export_takes_no_folder_that_holds_something_else(survivors, tmp_path):
    folder = survivors(*ROWS)
    before = sorted(path.name for path in folder.iterdir())

    with pytest.raises(SettingsError, match=r"holds judged, which is not of an export; give a folder of its own"):
        run_export(folder, folder, overwrite=True)
    assert sorted(path.name for path in folder.iterdir()) == before


def test_the_prompt_that_was_sampled_with_is_exported_when_asked_for(survivors, tmp_path):
    same = Distill(train_prompt="same")
    run_export(survivors(trace("q1", audio=["220.wav"], prompt="Listen.")), tmp_path / "out", training=same)

    assert lines(tmp_path / "out" / "train.jsonl")[0]["messages"][0]["content"] == "<audio>Listen."
    with pytest.raises(InputError, match="does not say what it was sampled with"):
        run_export(survivors(*ROWS, name="other"), tmp_path / "other-out", training=same)


def test_a_clip_of_a_format_that_no_name_tells_is_refused_where_names_matter(survivors, clips, tmp_path):
    soundfile.write(clips / "a.voc", np.zeros(SR), SR, format="VOC")
    folder = survivors(trace("q1", audio=["a.voc"]))

    with pytest.raises(InputError, match="convert it to WAV or FLAC"):
        run_export(folder, tmp_path / "out")


def test_a_large_export_is_split_and_a_clip_of_several_traces_is_stored_once(survivors, clips, tmp_path, monkeypatch):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 40 * SR)  # longer than what zstd looks back
    soundfile.write(clips / "noise.wav", noise, SR)
    folder = survivors(*(trace("q1", n, audio=["noise.wav"]) for n in range(10)))

    run_export(folder, tmp_path / "one", "hf")
    (table,) = (tmp_path / "one" / "data").iterdir()
    assert table.stat().st_size < 2 * (clips / "noise.wav").stat().st_size

    monkeypatch.setattr(parquet, "GROUP_ROWS", 4)
    monkeypatch.setattr(parquet, "FILE_BYTES", 1)
    run_export(folder, tmp_path / "three", "hf")
    assert [path.name for path in sorted((tmp_path / "three" / "data").iterdir())] == [
        f"train-0000{n}.parquet" for n in range(3)
    ]
    assert loaded(tmp_path / "three") == loaded(tmp_path / "one")


TOKEN = "hf_of_this_user_alone"


class Hub(BaseHTTPRequestHandler):
    """A hub of the Hugging Face hub's API, as far as an upload of small files needs it; it knows one user."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, self.headers["Authorization"]))
        if self.headers["Authorization"] != f"Bearer {self.server.knows}":
            self.answer(401, {}, ("X-Error-Message", f"Nobody has the token {self.headers['Authorization']}"))
        elif self.path == "/api/repos/create":
            self.server.created.append(json.loads(body))
            self.answer(200, {"url": f"{self.server.address}/datasets/me/d"})
        elif self.path == "/api/validate-yaml":
            wrong = [{"message": '"license" must be one of [...]'}] * ('license: "mine"' in json.loads(body)["content"])
            self.answer(400 if wrong else 200, {"errors": wrong, "warnings": []})
        elif self.path == "/api/datasets/me/d/preupload/main":
            files = json.loads(body)["files"]
            made = [{"path": one["path"], "uploadMode": "regular", "shouldIgnore": False} for one in files]
            self.answer(200, {"files": made})
        elif self.path == "/api/datasets/me/d/commit/main":
            operations = [json.loads(line) for line in body.splitlines()]
            added = [one["value"] for one in operations if one["key"] == "file"]
            self.server.files |= {one["path"]: base64.b64decode(one["content"]) for one in added}
            self.answer(200, {"commitUrl": f"{self.server.address}/datasets/me/d/commit/abc", "commitOid": "abc"})
        else:
            self.answer(404, {})

    def answer(self, status, content, *headers):
        encoded = json.dumps(content).encode()
        self.send_response(status)
        for header in (*headers, ("Content-Length", str(len(encoded)))):
            self.send_header(*header)
        self.end_headers()
        self.wfile.write(encoded)

    def log_message(self, *_):
        pass


@pytest.fixture
def hub(monkeypatch):
    """A hub of this machine; its address is the one that huggingface_hub uses, its user the one whose token is set."""
    import huggingface_hub.constants

    server = HTTPServer(("127.0.0.1", 0), Hub)
    server.address = f"http://127.0.0.1:{server.server_port}"
    server.knows, server.asked, server.created, server.files = TOKEN, [], [], {}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", server.address)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    yield server
    server.shutdown()
    server.server_close()


def push(run, folder, out, *options):
    return run("distill", folder, "--export", "hf", "-o", out, "--push-to-hub", "me/d", *options)


def test_an_export_is_uploaded_whole_with_the_users_own_token_which_stands_nowhere(
    survivors, tmp_path, run, hub, caplog
):
    caplog.set_level("DEBUG")
    out = tmp_path / "out"

    code, answer, told = push(run, survivors(*ROWS), out, "--json")

    assert code == 0, told
    assert json.loads(answer)["pushed_to"] == f"{hub.address}/datasets/me/d"
    assert hub.created == [{"name": "d", "organization": "me", "type": "dataset", "visibility": "private"}]
    assert {name: hashlib.sha256(encoded).hexdigest() for name, encoded in hub.files.items()} == contents(out)
    assert {who for _, who in hub.asked} == {f"Bearer {TOKEN}"}
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in files if TOKEN.encode() in path.read_bytes()]
    assert TOKEN not in answer + told + caplog.text


def test_a_hub_that_refuses_is_said_in_one_line_without_the_token_and_the_export_is_whole(
    survivors, tmp_path, run, hub
):
    hub.knows = "another"
    out = tmp_path / "out"
    code, answer, told = push(run, survivors(*ROWS), out, "--quiet")

    assert (code, answer, told.count("\n")) == (1, "", 1)
    assert told.startswith("Error: me/d: cannot be pushed (")
    assert "401" in told
    assert TOKEN not in told
    assert len(loaded(out)) == 3


@pytest.mark.parametrize("says", [f"Nobody has {TOKEN}", "No such data set"])
def test_what_a_hub_says_of_the_token_is_in_no_traceback_either(tmp_path, monkeypatch, says):
    import huggingface_hub

    from mgrd.exports import hub

    class Api:
        def create_repo(self, *_, **__):
            try:
                raise OSError(says)
            except OSError as error:
                raise ValueError("it answered oddly") from error

    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    with pytest.raises(MgrdError) as error:
        hub.push(tmp_path, "me/d", QUIET)

    told = "".join(traceback.format_exception(error.value))
    assert TOKEN not in told
    assert (says in told) == (TOKEN not in says)  # else it says what went wrong


def test_a_card_that_the_hub_does_not_take_is_said_in_one_line(survivors, tmp_path, run, hub):
    code, answer, told = push(run, survivors(*ROWS), tmp_path / "out", "--quiet", "--license", "mine")

    assert (code, answer, told.count("\n")) == (1, "", 1)
    assert 'Invalid metadata in README.md. - "license" must be one of [...]' in told
    assert hub.files == {}


def test_the_token_is_cut_out_of_what_a_hub_says_of_it():
    from mgrd.exports import hub

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_TOKEN", TOKEN)
        assert hub._said(OSError(f"\n no {TOKEN} here \n nor there")) == "no *** here"
        patch.delenv("HF_TOKEN")
        patch.setenv("HF_TOKEN_PATH", "nowhere")
        assert hub._said(OSError("")) == "OSError"


def test_a_hub_that_cannot_be_reached_is_said_in_one_line(survivors, tmp_path, run, hub, monkeypatch):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    code, _, told = run(
        "distill", survivors(*ROWS), "--export", "hf", "-o", tmp_path / "out", "--push-to-hub", "me/d", "--quiet"
    )

    assert (code, told.count("\n")) == (1, 1)
    assert "cannot be pushed" in told


def test_what_is_uploaded_is_the_export_without_its_manifest(survivors, tmp_path, monkeypatch):
    import huggingface_hub
    from huggingface_hub.utils import filter_repo_objects

    from mgrd.exports import hub

    run_export(survivors(*ROWS), tmp_path / "out")
    for name in ("train.jsonl.partial", "data.old-1/train-00000.parquet"):
        (tmp_path / "out" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "out" / name).touch()
    names = [str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()]
    sent = set(filter_repo_objects(names, ignore_patterns=list(hub.LEFT_HERE)))
    assert set(names) - sent == {"manifest.json", ".lock", "train.jsonl.partial", "data.old-1/train-00000.parquet"}
    calls = []

    class Api:
        def create_repo(self, repo, **how):
            calls.append((repo, how))
            return huggingface_hub.RepoUrl("https://huggingface.co/datasets/me/d")

        def upload_folder(self, **how):
            calls.append(how)

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    assert hub.push(tmp_path / "out", "me/d", QUIET) == "https://huggingface.co/datasets/me/d"
    assert calls[0] == ("me/d", {"repo_type": "dataset", "private": True, "exist_ok": True})
    assert Path(calls[1]["folder_path"]) == tmp_path / "out"
    assert calls[1]["ignore_patterns"] == list(hub.LEFT_HERE)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("/home/jane/pool.jsonl", "pool.jsonl"),
        ("../data/pool.csv", "pool.csv"),
        ("owner/name@config:train", "owner/name@config:train"),
        ("~/clips", "clips"),
        ("a/b/c", "c"),
    ],
)
def test_a_card_names_questions_without_a_path_of_the_machine(given, name):
    assert card.source_name(given) == name


def test_a_card_of_a_round_names_the_runs_questions_and_models(survivors, tmp_path):
    folder = survivors(trace("q1", audio=["220.wav"], model="/home/jane/run/round-00/model"))
    (tmp_path / "config.toml").write_text('[run]\nmodel = "/models/tiny"\nquestions = "../pool.jsonl"\n')

    run_export(folder, tmp_path / "out")

    text = (tmp_path / "out" / "README.md").read_text()
    assert "| questions | `pool.jsonl` |" in text
    assert "| first model of the run | `tiny` |" in text
    assert "Model that wrote them: `round-00/model`." in text
    assert "jane" not in text


def test_the_command_line_offers_every_form():
    (offered,) = [field.type for field in fields(Export) if field.name == "export"]
    assert typing.get_args(typing.get_args(offered)[0]) == tuple(FORMS)


DENIES = "acoustic.hears_audio"
REJECTED = (
    trace("q1", 2, audio=["220.wav"], think="I cannot hear it.", objections=[DENIES], language="en", task="pitch"),
    trace("q1", 3, audio=["220.wav"], response="up", objections=["correctness.right_answer"], language="en"),
    trace(
        "q2", 2, audio=["440.wav"], choices=None, question="调子怎么样？", think="No\u2028sound", objections=[DENIES]
    ),
)
DPO = Distill(objective="dpo")


@pytest.fixture
def judged(survivors):
    return survivors(*ROWS, rejected=REJECTED)


@pytest.mark.parametrize("to", PAIR_FORMS)
def test_datasets_loads_every_export_of_pairs_which_has_the_same_bytes_again(judged, tmp_path, to):
    figures = run_export(judged, tmp_path / "one", to, training=DPO)
    run_export(judged, tmp_path / "two", to, training=DPO)

    counts = {"pairs": 3, "denial": 2, "contradicted": 0, "wrong": 1, "questions": 2}
    counts |= {"no_survivor": 0, "nothing_rejected": 0, "unusable": 0, "beyond": 0}
    assert figures == {"format": to, **counts, "left_out": 0, "clips": 2}
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    rows = loaded(tmp_path / "one")
    assert {(row["reason"], row["rejected_id"]) for row in rows} == {
        ("denial", "q1.1.2"),
        ("wrong", "q1.1.3"),
        ("denial", "q2.1.2"),
    }
    if PAIR_FORMS[to].table == "train.jsonl":
        assert rows == lines(tmp_path / "one" / "train.jsonl")


def one_pair(judged, tmp_path, to):
    """The row of q2, whose words are the nastier ones, and where it lies."""
    run_export(judged, tmp_path / "out", to, training=replace(DPO, rejected_for="denial"))
    (row,) = [row for row in loaded(tmp_path / "out") if row["rejected_id"] == "q2.1.2"]
    assert row["chosen_id"] == "q2.1.0"
    return row


ASKED = "调子怎么样？\nThink inside <think> </think>, then give the answer."
CHOSEN = f"<think>\n{NASTY}\n</think>\ndown"
NOT_CHOSEN = "<think>\nNo\u2028sound\n</think>\ndown"


def test_a_pair_for_ms_swift_ends_with_the_chosen_answer_and_names_the_rejected_response(judged, tmp_path):
    row = one_pair(judged, tmp_path, "ms-swift")

    assert row["messages"] == [
        {"role": "user", "content": f"<audio>{ASKED}"},
        {"role": "assistant", "content": CHOSEN},
    ]
    assert row["rejected_response"] == NOT_CHOSEN
    assert [(tmp_path / "out" / path).is_file() for path in row["audios"]] == [True]


def test_a_pair_for_llama_factory_is_what_its_description_of_a_ranking_says(judged, tmp_path):
    row = one_pair(judged, tmp_path, "llama-factory")

    described = json.loads((tmp_path / "out" / "dataset_info.json").read_text())["mgrd"]
    assert described["ranking"] is True
    columns = {ours: row[theirs] for ours, theirs in described["columns"].items()}
    assert columns["messages"] == [{"role": "user", "content": f"<audio>{ASKED}"}]  # it skips rows that end otherwise
    assert columns["chosen"] == {"role": described["tags"]["assistant_tag"], "content": CHOSEN}
    assert columns["rejected"] == {"role": described["tags"]["assistant_tag"], "content": NOT_CHOSEN}
    assert len(columns["audios"]) == 1


def test_a_pair_for_trl_has_an_explicit_prompt_and_two_answers(judged, tmp_path):
    row = one_pair(judged, tmp_path, "trl")

    heard = {"type": "audio", "text": None}
    assert row["prompt"] == [{"role": "user", "content": [heard, {"type": "text", "text": ASKED}]}]
    assert row["chosen"] == [{"role": "assistant", "content": [{"type": "text", "text": CHOSEN}]}]
    assert row["rejected"] == [{"role": "assistant", "content": [{"type": "text", "text": NOT_CHOSEN}]}]
    assert len(row["audio"]["bytes"]) == 16044


def test_the_hf_export_of_pairs_says_why_each_trace_is_rejected(judged, tmp_path):
    row = one_pair(judged, tmp_path, "hf")

    assert row.pop("audio")["path"].endswith(".wav")
    assert row == {
        "chosen_id": "q2.1.0",
        "rejected_id": "q2.1.2",
        "reason": "denial",
        "why": "because",
        "question_id": "q2",
        "question": "调子怎么样？",
        "choices": None,
        "answer": None,
        "task": None,
        "language": "zh",
        "prompt": ASKED,
        "chosen_think": NASTY,
        "chosen_response": "down",
        "rejected_think": "No\u2028sound",
        "rejected_response": "down",
        "model": None,
    }


def test_the_pairs_that_are_exported_are_those_that_would_be_trained_on(judged, clips, tmp_path):
    training = replace(DPO, rejected_for="wrong, denial", pairs_per_question=1, seed=3)
    run_export(judged, tmp_path / "out", training=training)

    made = pairs.make([judged], read([judged], None, ("question_id",)), training)
    assert [
        (row["chosen_id"], row["rejected_id"], row["reason"]) for row in lines(tmp_path / "out" / "train.jsonl")
    ] == [(pair.chosen.lesson_id, pair.rejected.lesson_id, pair.reason) for pair in made.pairs]
    assert made.counts["beyond"] == 1


def test_the_card_of_pairs_says_what_they_were_rejected_for(judged, tmp_path):
    run_export(judged, tmp_path / "out", training=DPO)

    text = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    for said in (
        'tags: ["audio", "reasoning", "mgrd", "preference"]',
        "each beside one that they reject",
        "| rows | 3 pairs: a trace that passed, and one of the same question that a rule rejects |",
        "| left out | 0 pairs that ms-swift 4.6 cannot be given |",
        "| rejected for | `denial` 2, `wrong` 1 |",
        "swift rlhf --rlhf_type dpo",
    ):
        assert said in text


def test_a_pair_whose_rejected_trace_holds_a_placeholder_is_left_out_by_name(survivors, tmp_path, capsys):
    marked = trace("q1", 4, audio=["220.wav"], think="An <audio> tag.", objections=[DENIES])
    folder = survivors(*ROWS, rejected=[*REJECTED, marked])

    figures = export([folder], tmp_path / "out", Export(export="ms-swift"), DPO)

    assert (figures["pairs"], figures["left_out"]) == (4, 1)
    assert "the pair of trace q1.1.4 is left out: its words hold <audio>" in capsys.readouterr().err
    assert len(lines(tmp_path / "out" / "train.jsonl")) == 3


def test_options_that_say_which_pairs_there_are_go_with_pairs_alone(judged, tmp_path, run):
    dpo = ("--objective", "dpo")
    for options, said in (
        (("--export", "verl", *dpo), "--export verl: it learns from rewards and reads no pairs; give ms-swift, llama"),
        (("--export", "trl", *dpo, "--beta", "1"), "--beta: says how to train, and --export trains nothing"),
        (("--export", "trl", *dpo, "--rejected-for", "rude"), "--rejected-for 'rude': name some of denial,"),
        (("--export", "trl", "--rejected-for", "denial"), "--rejected-for: says how to train"),
        (("--export", "trl", "--objective", "grpo"), "--objective: says how to train"),
    ):
        code, answer, told = run("distill", judged, "-o", tmp_path / "out", *options)
        assert (code, answer) == (2, "")
        assert said in told
    assert not (tmp_path / "out").exists()

    code, answer, _ = run("distill", judged, "-o", tmp_path / "out", "--export", "trl", *dpo, "--json")
    assert (code, json.loads(answer)["pairs"]) == (0, 3)
    code, _, told = run("distill", judged, "-o", tmp_path / "out", "--export", "trl", "--quiet")
    assert code == 1
    assert "pairs" in told


def test_misuse_of_a_licence_needs_no_survivors(tmp_path):
    with pytest.raises(MisusedError, match="--license"):
        run_export(tmp_path, tmp_path / "out", licence="")
