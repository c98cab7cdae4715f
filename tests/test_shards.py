"""Shards: whatever n, order and kills, every sample once; several writers in one folder; who may work where."""

import errno
import fcntl
import json
import os
import platform
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile as sf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mgrd import engines, folders, leases, locks, shards, tables
from mgrd.engines import Completion
from mgrd.errors import MgrdError, MisusedError
from mgrd.generate import generate
from mgrd.generate.parallel import devices
from mgrd.options import Generate
from mgrd.progress import Story
from mgrd.shards import Shard

ROOT = Path(__file__).resolve().parents[1]
QUESTIONS, SAMPLES = 12, 3
EVERY = sorted(f"q{q}.0.{sample}" for q in range(QUESTIONS) for sample in range(SAMPLES))


def asked(folder, questions=QUESTIONS):
    """Questions, one clip, and a folder that passes for a model where none is loaded."""
    (folder / "model").mkdir()
    (folder / "model" / "config.json").write_text("{}")
    sf.write(folder / "a.wav", 0.1 * np.sin(np.arange(1600)), 16000)
    rows = [{"id": f"q{number}", "audio": "a.wav", "question": f"Is {number} loud?"} for number in range(questions)]
    (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def ids(folder):
    """The ids of all samples; one that is there twice is there twice."""
    return sorted(pl.read_parquet(folder / "out" / "traces" / "*.parquet").get_column("trace_id"))


class Stub:
    name, sr, window_s = "stub", 16000, 30.0

    def __init__(self, budget=None):
        self.budget = budget

    def sample(self, requests, sampling):
        for request in requests:
            for sample, seed in request.seeds.items():
                if self.budget == 0:
                    raise KeyboardInterrupt
                self.budget = None if self.budget is None else self.budget - 1
                yield Completion(request.key, sample, seed, "<think>low</think>yes", "stop", heard_s=(0.1,))

    def close(self):
        pass


# The shares themselves


def test_shards_are_named_from_0_and_others_are_refused():
    assert [shards.parse(text) for text in ("0/1", "0/8", "7/8")] == [Shard(0, 1), Shard(0, 8), Shard(7, 8)]
    assert (Shard(3, 8).name, shards.named("part-0003-of-0008-000001"), shards.named("part-1")) == (
        "0003-of-0008",
        Shard(3, 8),
        None,
    )
    for text in ("8/8", "0/0", "1", "a/b", "-1/8", "1/2/3", "0/10000", ""):
        with pytest.raises(MisusedError, match="--shard"):
            shards.parse(text)
    with pytest.raises(MisusedError, match="numbered from 0: 0/8 to 7/8"):
        shards.parse("8/8")


@given(st.lists(st.text(), unique=True), st.integers(1, 20), st.integers(1, 5))
def test_shards_of_one_n_are_disjoint_and_complete_and_so_are_their_parts(names, count, parts):
    whole = [Shard(index, count) for index in range(count)]

    assert all(sum(shard.holds(name) for shard in whole) == 1 for name in names)
    for shard in whole:
        pieces = shard.split(parts)
        assert all(sum(piece.holds(name) for piece in pieces) == shard.holds(name) for name in names)


@given(st.integers(1, 12), st.integers(1, 12), st.data())
def test_shards_overlap_when_some_residue_is_in_both(one, other, data):
    a = Shard(data.draw(st.integers(0, one - 1)), one)
    b = Shard(data.draw(st.integers(0, other - 1)), other)

    assert a.overlaps(b) == any(n % one == a.index and n % other == b.index for n in range(one * other))


def test_shares_are_about_as_large_as_each_other():
    sizes = [sum(Shard(index, 8).holds(f"q{number}") for number in range(4000)) for index in range(8)]

    assert (min(sizes) > 400, max(sizes) < 600, sum(sizes)) == (True, True, 4000)


# Who may work where


HOLD = """
import sys, pathlib
from mgrd import locks, shards
from mgrd.errors import MgrdError
try:
    locks.keep(pathlib.Path(sys.argv[1]), shards.parse(sys.argv[2]) if sys.argv[2] else None)
except MgrdError as error:
    print(error, flush=True)
else:
    print("held", flush=True)
    sys.stdin.read()
"""


def held(folder, shard):
    """A process that keeps a folder, or a shard in it, until its stdin is closed; and the first that it says."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, folder, shard], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    said = child.stdout.readline().strip()
    if said != "held":
        child.communicate()
    return child, said


def let_go(*children):
    for child in children:
        child.communicate("")


def killed(*children):
    """End processes that get no chance to tidy up."""
    for child in children:
        child.kill()
        child.communicate()


def test_shards_work_at_once_and_what_overlaps_is_refused_by_host_and_process(tmp_path):
    out = tmp_path / "out"
    first, said = held(out, "0/4")
    second, also = held(out, "1/4")
    who = f"{platform.node()}, process {first.pid}"
    refused = {shard: held(out, shard)[1] for shard in ("0/4", "0/2", "2/3", "")}
    third, beside = held(out, "3/4")
    killed(first)
    again, taken_over = held(out, "0/8")
    let_go(second, third, again)

    assert [said, also, beside, taken_over] == ["held"] * 4
    assert refused["0/4"] == f"{out}: another mgrd ({who}) works on shard 0/4; wait for it or stop it"
    assert refused["0/2"] == f"{out}: another mgrd ({who}) works on shard 0/4; wait for it or stop it"
    assert "works on shard" in refused["2/3"]
    assert "works in this folder" in refused[""]
    whole, free = held(out, "")
    assert free == "held"
    assert not [*out.glob(".lock-*")]
    let_go(whole)
    assert [*out.iterdir()] == []


NO_LOCKS = """
import fcntl, errno
def none(*_):
    raise OSError(errno.ENOLCK, "No locks available")
fcntl.flock = none
"""


AT_ONCE = """
import os, pathlib, sys, time
from mgrd import leases
room = pathlib.Path(sys.argv[1] + ".room")
room.mkdir(exist_ok=True)
def all_do(what):
    (room / f"{what}-{os.getpid()}").touch()
    while len([*room.glob(f"{what}-*")]) < 4:
        time.sleep(0.01)
def after_all_have_looked(*given, made=leases._made):
    leases._made = made
    all_do("look")
    return made(*given)
leases._made = after_all_have_looked
all_do("start")
"""


def test_without_kernel_locks_of_several_starts_at_once_one_works_and_shards_do_together(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "HOLD", NO_LOCKS + AT_ONCE + HOLD)
    for shard, works in (("0/1", 1), ("", 1), ("*/4", 4)):
        out = tmp_path / f"{works}{shard.strip('/*')}".replace("/", "")
        words = [shard.replace("*", str(index)) for index in range(4)]
        with ThreadPoolExecutor(4) as pool:
            children = list(pool.map(lambda word, out=out: held(out, word), words))
        said = [text for _, text in children]
        let_go(*(child for child, text in children if text == "held"))

        assert (shard, said.count("held")) == (shard, works), said
        assert all("another mgrd (" in text for text in said if text != "held")
        assert not out.exists() or not [*out.glob(".lock~*")]


def test_without_kernel_locks_files_that_are_touched_are_the_lock_and_stale_ones_count_no_more(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "HOLD", NO_LOCKS + HOLD)
    child, said = held(tmp_path, "0/2")
    refused = [held(tmp_path, shard)[1] for shard in ("0/2", "0/4", "")]
    killed(child)
    dead, taken_over = held(tmp_path, "0/2")
    killed(dead)
    (lease,) = tmp_path.glob(".lock~.lock-0000-of-0002~x*")
    lease.write_text("elsewhere, process 1\nanother boot")
    young = held(tmp_path, "0/2")[1]
    os.utime(lease, (time.time() - 200, time.time() - 200))
    last, old = held(tmp_path, "0/2")
    let_go(last)

    assert (said, taken_over, old) == ("held", "held", "held")
    assert all(f"process {child.pid}) works" in one for one in refused)
    assert "another mgrd (elsewhere, process 1) works on shard 0/2" in young


def test_without_kernel_locks_a_holder_touches_its_file_until_it_gives_it_up(tmp_path, monkeypatch):
    quick = "from mgrd import leases\nleases.TOUCHED_EVERY_S = 0.05\n"
    monkeypatch.setattr(sys.modules[__name__], "HOLD", NO_LOCKS + quick + HOLD)
    child, said = held(tmp_path, "0/2")
    leases = [*tmp_path.glob(".lock~*")]
    for lease in leases:
        os.utime(lease, (0, 0))
    until = time.monotonic() + 10
    while any(lease.stat().st_mtime == 0 for lease in leases) and time.monotonic() < until:
        time.sleep(0.02)
    touched = [time.time() - lease.stat().st_mtime < 60 for lease in leases]
    let_go(child)

    assert (said, touched) == ("held", [True, True])  # the folder's, shared, and the shard's
    assert not [*tmp_path.glob(".lock~*")]


@pytest.mark.parametrize("kernel", [True, False])
def test_a_shared_folder_admits_shards_and_keeps_others_out(tmp_path, monkeypatch, kernel):
    if not kernel:
        monkeypatch.setattr(sys.modules[__name__], "HOLD", NO_LOCKS + HOLD)
        monkeypatch.setattr(locks.fcntl, "flock", no_flock)
    locks.keep(tmp_path)
    before = held(tmp_path, "1/2")[1] if kernel else ""  # waits for some seconds
    locks.share(tmp_path)
    child, said = held(tmp_path, "0/2")
    whole = held(tmp_path, "")[1]
    let_go(child)
    alone = held(tmp_path, "")[1]
    locks.leave(tmp_path)
    last, free = held(tmp_path, "")
    let_go(last)

    assert (said, free) == ("held", "held")
    assert all("works in this folder" in one for one in (whole, alone, *([before] if kernel else [])))


def no_flock(*_):
    raise OSError(errno.ENOLCK, "No locks available")


def test_who_only_looks_sees_who_works_and_keeps_nobody_out(tmp_path):
    assert locks.worker(tmp_path / "absent") is None
    assert not (tmp_path / "absent").exists()
    with (tmp_path / locks.LOCK).open("a+") as looking:
        fcntl.flock(looking, fcntl.LOCK_EX)
        threading.Timer(0.3, looking.close).start()
        locks.keep(tmp_path)
    assert locks.worker(tmp_path) == leases.ME
    locks.leave(tmp_path)
    (tmp_path / locks.LOCK).touch()
    assert locks.worker(tmp_path) is None


def test_a_shard_that_starts_waits_while_another_ends_and_has_the_folder_for_a_moment(tmp_path):
    moment = locks.lock(tmp_path)  # as `release` does, to see whether the folder is empty
    (tmp_path / "part").touch()
    timer = threading.Timer(1.5, lambda: locks.release(moment))
    timer.start()
    child, said = held(tmp_path, "0/2")
    timer.join()
    killed(child)

    assert said == "held"


def test_a_folder_that_another_took_while_it_was_being_shared_is_an_error_and_no_endless_wait(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "_SHARD_WAIT_S", 0.3)
    locks.keep(tmp_path)
    fcntl.flock(locks._kept[tmp_path.resolve()][0], fcntl.LOCK_UN)  # the kernel gives up before it shares
    child, said = held(tmp_path, "")
    try:
        with pytest.raises(MgrdError, match=f"process {child.pid}.* works in this folder"):
            locks.share(tmp_path)
    finally:
        killed(child)
        locks.leave(tmp_path)

    assert said == "held"


def test_writers_of_one_file_have_partial_files_of_their_own(tmp_path, monkeypatch):
    opened = []
    real = tables.atomic.__enter__
    monkeypatch.setattr(tables.atomic, "__enter__", lambda self: opened.append(self.partial.name) or real(self))
    for shard in ("0/2", "1/2"):
        folders.open_stage(tmp_path, "generate", {"seed": 1}, writer=shards.parse(shard).name)
        locks.leave(tmp_path)

    assert opened == ["manifest.json0000-of-0002.partial", "manifest.json0001-of-0002.partial"]
    assert [path.name for path in tmp_path.glob("manifest*")] == ["manifest.json"]


# Sampling


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 4), st.integers(0, 12)), max_size=8), st.integers(1, 5))
def test_any_n_any_order_any_kills_every_sample_once(tmp_path_factory, calls, last):
    folder = asked(tmp_path_factory.mktemp("job"))
    options = {"samples": SAMPLES, "engine": "transformers", "no_canary": True}

    def call(shard, budget=None):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(engines, "open_engine", lambda *_, **__: Stub(budget))
            generate(str(folder / "questions.jsonl"), folder / "out", folder / "model",
                     Generate(**options, shard=shard), story=Story(quiet=True))  # fmt: skip
        locks.leave(folder / "out")  # each call as a process of its own

    for count, index, budget in calls:
        try:
            call(f"{index % count}/{count}", budget)
        except KeyboardInterrupt:
            locks.leave(folder / "out")
    for index in range(last):
        call(f"{index}/{last}")

    assert ids(folder) == EVERY
    before = sorted(path.name for path in (folder / "out" / "traces").iterdir())
    call(None, 0)  # nothing is left: an engine would interrupt
    assert sorted(path.name for path in (folder / "out" / "traces").iterdir()) == before


JOB = """
import json, sys, time
from pathlib import Path
from mgrd import engines
from mgrd.cli import main
from mgrd.engines import Completion

pause_s = float(sys.argv.pop(1))

class Stub:
    name, sr, window_s = "stub", 16000, 30.0

    def sample(self, requests, sampling):
        for request in requests:
            for sample, seed in request.seeds.items():
                time.sleep(pause_s)
                yield Completion(request.key, sample, seed, "<think>low</think>yes", "stop", heard_s=(0.1,))

    def close(self):
        pass

engines.open_engine = lambda *_, **__: Stub()
from mgrd import tables
tables.PART_ROWS = 4
main()
"""


def command(folder, *words, pause_s=0.0):
    command = [sys.executable, "-c", JOB, pause_s, "generate", folder / "questions.jsonl", "-m", folder / "model"]
    command += [
        "-o",
        folder / "out",
        "-k",
        SAMPLES,
        "--engine",
        "transformers",
        "--quiet",
        "--json",
        "--no-canary",
        *words,
    ]
    return list(map(str, command))


ENV = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def started(folder, *words, pause_s=0.0):
    return subprocess.Popen(
        command(folder, *words, pause_s=pause_s), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENV
    )


def ended(child):
    out, err = child.communicate(timeout=60)
    return child.returncode, json.loads(out) if out else err.strip().splitlines()[-1]


def test_all_shards_at_once_killed_and_started_again_make_every_sample_once(tmp_path):
    folder = asked(tmp_path)
    rng = random.Random(0)
    first = [started(folder, "--shard", f"{index}/3", pause_s=0.1) for index in range(3)]
    while len([*folder.glob("out/traces/part-*")]) < 2:
        assert any(child.poll() is None for child in first)
        time.sleep(0.02)
    for child in first:
        time.sleep(0.3 * rng.random())
        killed(child)
    again = [started(folder, "--shard", f"{index}/3") for index in (2, 0, 1)]
    codes = [ended(child) for child in again]

    assert [code for code, _ in codes] == [0, 0, 0]
    assert sum(found["questions"] for _, found in codes) == QUESTIONS
    assert ids(folder) == EVERY
    made = [found["made"] for _, found in codes]
    assert 0 < sum(made) < len(EVERY)
    code, found = ended(started(folder))
    assert (code, found["made"], found["samples"]) == (0, 0, len(EVERY))
    manifests = sorted(path.name for path in (folder / "out" / "traces").glob("manifest-*.json"))
    assert manifests == [f"manifest-000{index}-of-0003.json" for index in range(3)]
    signed = tables.read_json(folder / "out" / "traces" / manifests[1])
    assert sorted(signed) == ["command", "host", "identity", "versions"]
    assert "--shard 1/3" in signed["command"]


ON_A_SMALL_DISK = """
mount -t tmpfs -o size=64k tmpfs "$1" || exit 99
disk=$1; shift
"$@" > first.json; echo $? > codes
cp -r "$disk" full
mount -o remount,size=16m "$disk"
"$@" > second.json; echo $? >> codes
cp -r "$disk" mended
"""


def test_a_full_disk_ends_a_job_and_with_more_room_the_same_command_makes_every_sample_once(tmp_path):
    folder = asked(tmp_path)
    (folder / "out").mkdir()
    try:  # in mounts of its own, which end with it
        done = subprocess.run(
            ["unshare", "-rm", "sh", "-c", ON_A_SMALL_DISK, "sh", folder / "out", *command(folder)],
            cwd=folder, env=ENV, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        pytest.skip("no unshare here")
    if not (folder / "codes").exists():
        pytest.skip(f"no file system can be mounted here: {done.stderr}")

    assert (folder / "codes").read_text().split() == ["1", "0"]
    (said,) = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert said.startswith(f"Error: {folder / 'out'}")
    assert "No space left on device" in said or "is the disk full?" in said
    kept = [pl.read_parquet(part).height for part in (folder / "full" / "traces").glob("part-*.parquet")]
    assert 0 < sum(kept) < len(EVERY)
    assert json.loads((folder / "second.json").read_text())["made"] == len(EVERY) - sum(kept)
    (folder / "out").rmdir()
    (folder / "mended").rename(folder / "out")
    assert ids(folder) == EVERY


def test_two_on_one_shard_are_noticed_and_the_first_goes_on(tmp_path):
    folder = asked(tmp_path)
    first = started(folder, "--shard", "0/2", "--grace", "0", pause_s=2)
    while not [*folder.glob("out/traces/manifest-*")]:
        assert first.poll() is None
        time.sleep(0.02)
    others = [started(folder, "--shard", "0/2"), started(folder)]
    refused, whole = map(ended, others)
    first.terminate()
    stopped = ended(first)

    assert (refused[0], whole[0], stopped[0]) == (1, 1, 75)
    assert f"process {first.pid}) works on shard 0/2" in refused[1]
    assert "works in this folder" in whole[1]
    assert ended(started(folder))[0] == 0
    assert ids(folder) == EVERY


def test_retry_failed_of_a_shard_leaves_the_samples_of_the_others_alone(tmp_path):
    folder = asked(tmp_path)
    good = (folder / "a.wav").read_bytes()
    (folder / "a.wav").write_bytes(b"no audio")
    assert ended(started(folder, "--max-failed", "1"))[1]["failed"] == len(EVERY)
    (folder / "a.wav").write_bytes(good)

    both = [started(folder, "--retry-failed", "--shard", f"{index}/2") for index in range(2)]
    found = [ended(child) for child in both]

    assert [(code, one["failed"]) for code, one in found] == [(0, 0), (0, 0)]
    assert sum(one["made"] for _, one in found) == len(EVERY)
    assert ids(folder) == EVERY


def test_overwrite_and_a_shard_exclude_each_other(tmp_path):
    code, said = ended(started(asked(tmp_path), "--overwrite", "--shard", "0/2"))

    assert (code, said.partition(":")[2].partition(":")[0].strip()) == (2, "--overwrite")
    assert not (tmp_path / "out").exists()


def test_a_signal_lets_what_runs_end_within_its_grace_and_admits_no_more(tmp_path):
    """The stub looks at no flag: the job itself stops asking, and gives up what is not there in time."""
    folder = asked(tmp_path)
    ends = {}
    for grace, number in (("30", signal.SIGUSR1), ("0", signal.SIGTERM)):
        child = started(folder, "--grace", grace, pause_s=0.3)
        while not [*folder.glob("out/traces/manifest-*")]:
            assert child.poll() is None
            time.sleep(0.02)
        time.sleep(0.4)  # in the middle of a question
        child.send_signal(number)
        ends[grace] = ended(child)[0], len(ids(folder))
        (folder / "out").rename(folder / f"out-{grace}")

    assert [code for code, _ in ends.values()] == [75, 75]
    assert ends["30"][1] % SAMPLES == 0
    assert ends["0"][1] < len(EVERY) / 2


# One process for each GPU


PIECE = """
import os, signal, sys, time
index = int(sys.argv[-1].partition("/")[0])
if index in {killed}:
    os.kill(os.getpid(), signal.SIGKILL)
time.sleep(0.3)
"""


@pytest.mark.parametrize(
    ("killed", "told"),
    [
        ("[1]", "shard 1/3: was ended by SIGKILL; 2 of 3 went on to the end; "),
        ("[0, 1, 2]", "was ended by SIGKILL, 3 failed, first shard "),
    ],
)
def test_what_becomes_of_the_others_when_a_child_is_killed_is_the_last_that_is_said(
    tmp_path, monkeypatch, killed, told
):
    from mgrd.generate import parallel
    from mgrd.generate.job import Job

    monkeypatch.setattr(parallel, "devices", lambda count, *_: [{}] * count)
    monkeypatch.setattr(parallel, "mgrd_command", lambda _: [sys.executable, "-c", PIECE.format(killed=killed)])
    job = Job(tmp_path / "out", tmp_path / "model", Generate(data_parallel=3), 0, tmp_path)
    with pytest.raises(MgrdError) as failed:
        parallel.sample(job, "questions.jsonl", None, only_these=False, story=Story(quiet=True))

    assert str(failed.value).endswith(f"what was sampled is saved in {job.folder}, the same command goes on")
    assert told in str(failed.value)


def test_each_child_has_gpus_of_its_own_among_those_that_were_given(monkeypatch):
    from mgrd.generate import parallel

    monkeypatch.setattr(parallel, "_amd", lambda: False)
    monkeypatch.setattr(parallel, "_present", lambda: 4)
    assert devices(2, {}) == [{"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": "1"}]
    assert devices(2, {"CUDA_VISIBLE_DEVICES": "4,6,7"}) == [
        {"CUDA_VISIBLE_DEVICES": "4"},
        {"CUDA_VISIBLE_DEVICES": "6"},
    ]
    assert devices(2, {"HIP_VISIBLE_DEVICES": "1,2,3,5"}, each=2) == [
        {"HIP_VISIBLE_DEVICES": "1,2"},
        {"HIP_VISIBLE_DEVICES": "3,5"},
    ]
    assert devices(2, {"CUDA_VISIBLE_DEVICES": ""}) == [{}, {}]
    with pytest.raises(MisusedError, match="--data-parallel 8: wants 8 GPUs, there are 4 here"):
        devices(8, {})
    monkeypatch.setattr(parallel, "_present", lambda: 0)
    assert devices(2, {}) == [{}, {}]
