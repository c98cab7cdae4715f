"""Clips at a URL: found, read and noted as those of a folder are, and no password ever written."""

import json
from pathlib import Path

import fsspec
import numpy as np
import pytest
import soundfile as sf
from hypothesis import given
from hypothesis import strategies as st

from mgrd import tables, urls
from mgrd.audio.load import load
from mgrd.errors import InputError, MgrdError, MisusedError
from mgrd.questions.clips import is_clip, resolve_audio
from mgrd.sources import audio_notes, noted_audio


@pytest.fixture
def clips(tmp_path):
    """A clip in a file, and the same at a URL of this process's memory."""
    sf.write(tmp_path / "a.wav", 0.3 * np.sin(np.arange(16000) / 10), 16000)
    fsspec.filesystem("memory").pipe_file("/clips/sub/a.wav", (tmp_path / "a.wav").read_bytes())
    urls._files.cache_clear()
    urls.read.cache_clear()
    return Path("memory://clips")


def test_a_clip_at_a_url_is_the_clip_of_the_file(clips, tmp_path):
    there = resolve_audio("sub/a.wav", clips)

    assert (is_clip(there), is_clip(clips / "sub" / "b.wav"), is_clip(clips / "none" / "a.wav")) == (True, False, False)
    assert load(there, "a").sha == load(tmp_path / "a.wav", "a").sha
    with pytest.raises(InputError, match=r"^memory://clips/b\.wav: no such file$"):
        load(clips / "b.wav")


@pytest.mark.parametrize("given", ["../other/a.wav", "/etc/passwd", "sub/../../x", "s3://other/a.wav/../../../.."])
def test_a_name_that_leaves_the_url_is_refused(given):
    with pytest.raises(InputError, match="lies outside"):
        resolve_audio(given, Path("s3://bucket/clips"))


@given(
    st.sampled_from(["s3", "gs", "hdfs", "file", "memory"]),
    st.lists(st.from_regex(r"[a-z0-9_-]+", fullmatch=True), min_size=1),
)
def test_a_url_survives_being_a_path(scheme, names):
    url = f"{scheme}://{'/' if scheme == 'file' else ''}{'/'.join(names)}"

    assert urls.is_url(Path(url))
    assert urls.text(Path(url)) == url


def test_a_local_path_is_no_url():
    assert [urls.is_url(Path(one)) for one in ("a/b", "/a", "", "C:/a", "a:b/c", "../s3:/x")] == [False] * 6


def test_the_manifest_notes_the_url(tmp_path):
    noted = audio_notes(tmp_path, Path("s3://bucket/clips"), tmp_path / "audio")

    assert noted == {"audio_root": "s3://bucket/clips", "audio_out": "audio"}
    assert noted_audio(tmp_path, noted)[0] == Path("s3://bucket/clips")


def test_a_password_in_a_url_is_refused_and_not_repeated(run, tmp_path):
    code, out, err = run(
        "generate", "q.jsonl", "-m", tmp_path, "-o", tmp_path / "out", "--audio-root", "s3://me:secret@b/c"
    )

    assert (code, "secret" in out + err) == (2, False)
    with pytest.raises(MisusedError, match="put the key in the environment"):
        urls.check(Path("s3://me:secret@b/c"), "--audio-root")
    urls.check(Path("memory://user@host:80/c"), "--audio-root")


@pytest.mark.parametrize(
    "url", ["memory://me:se/cret@b/c", "memory://b/me:secret@c", "memory://h/p?sig=secret", "memory://h/p#secret"]
)
def test_a_key_anywhere_in_a_url_is_refused_and_not_repeated(url):
    with pytest.raises(MisusedError, match="ends up in manifests") as refused:
        urls.check(Path(url), "--audio-root")
    assert "cret" not in str(refused.value)


def test_what_is_no_folder_here_is_one_line(run, tmp_path):
    code, _, err = run("generate", "q.jsonl", "-m", tmp_path, "-o", "s3://bucket/run")
    assert (code, err) == (
        2,
        "Error: -o: must be a folder here, not a URL; clips may lie at one, --audio-root s3://...\n",
    )
    with pytest.raises(MgrdError, match=r"^nosuch://: Protocol not known: nosuch"):
        urls.check(Path("nosuch://x"), "--audio-root")


def test_filter_judges_traces_of_clips_at_a_url(clips, tmp_path):
    from mgrd.filter import filter_traces
    from mgrd.options import Filter
    from mgrd.progress import Story

    row = {
        "id": "t",
        "audio": "sub/a.wav",
        "question": "High?",
        "answer": "yes",
        "completion": "<think>Low.</think>yes",
    }
    (tmp_path / "t.jsonl").write_text(json.dumps(row))

    counts = filter_traces(
        tmp_path / "t.jsonl", tmp_path / "out", Filter(workers=1), audio_root=clips, story=Story(quiet=True)
    )

    assert (counts["traces"], counts["unreadable"]) == (1, 0)
    assert tables.read_table(tmp_path / "out" / "judged", tables.JUDGED)["audio_sha"].to_list() == [
        [load(tmp_path / "a.wav", "a").sha]
    ]


@pytest.fixture
def bucket(tmp_path, monkeypatch):
    """A clip in a bucket of an S3 server on this machine."""
    server = pytest.importorskip("moto.server", reason="no local S3 server: pip install 'moto[server]' s3fs")
    pytest.importorskip("s3fs")
    running = server.ThreadedMotoServer(port=0)
    running.start()
    host, port = running.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    sf.write(tmp_path / "a.wav", 0.3 * np.sin(np.arange(16000) / 10), 16000)
    s3 = fsspec.filesystem("s3")
    s3.mkdir("clips")
    s3.put_file(str(tmp_path / "a.wav"), "clips/sub/a.wav")
    yield Path("s3://clips")
    running.stop()


@pytest.mark.filterwarnings("ignore")
def test_a_clip_in_a_bucket_is_the_clip_of_the_file(bucket, tmp_path):
    there = resolve_audio("sub/a.wav", bucket)

    assert (is_clip(there), is_clip(bucket / "b.wav"), is_clip(Path("s3://nowhere/a.wav"))) == (True, False, False)
    assert load(there, "a").sha == load(tmp_path / "a.wav", "a").sha
