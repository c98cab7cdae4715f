"""Worker processes: signals are the stage's to answer, and no worker is lost or left without a word."""

import contextlib
import multiprocessing.util
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from concurrent.futures import Future, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from judged_rows import trace
from test_shards import SAMPLES, asked, ids, started

import mgrd
from mgrd import progress, tables, workers
from mgrd.errors import MgrdError, RuleError, Stopped
from mgrd.generate import ahead


def nothing():
    """What these workers start with."""


def survive(number):
    os.kill(os.getpid(), number)
    return number


def be_killed():
    os.kill(os.getpid(), signal.SIGKILL)


def lose_a_worker():
    with workers.pool(1, nothing) as pool:
        pool.submit(be_killed).result()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_the_whole_group_ends_no_worker(number):
    with workers.pool(1, nothing) as pool:
        assert pool.submit(survive, number).result() == number


def test_ctrl_c_while_workers_are_importing_is_no_traceback(tmp_path):
    (tmp_path / "slow_to_import.py").write_text(
        "import os, sys, time\n"
        "if __name__ != '__main__':\n"
        "    open(f'importing-{os.getpid()}', 'w').close()\n"
        "    time.sleep(1)\n"
        "from test_workers import nothing\n"
        "from mgrd import workers\n"
        "if __name__ == '__main__':\n"
        "    try:\n"
        "        with workers.pool(2, nothing) as pool:\n"
        "            [one.result() for one in [pool.submit(os.getpid), pool.submit(os.getpid)]]\n"
        "    except KeyboardInterrupt:\n"
        "        sys.exit('Interrupted')\n"
    )
    path = os.pathsep.join([str(Path(mgrd.__file__).parents[1]), str(Path(__file__).parent)])
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # being ignored would be inherited
    try:
        running = subprocess.Popen(
            [sys.executable, "slow_to_import.py"], cwd=tmp_path, env=os.environ | {"PYTHONPATH": path},
            stderr=subprocess.PIPE, text=True, process_group=0,
        )  # fmt: skip
    finally:
        signal.signal(signal.SIGINT, before)
    wait_until(lambda: len(list(tmp_path.glob("importing-*"))) == 2)
    os.killpg(running.pid, signal.SIGINT)
    assert (running.communicate()[1], running.returncode) == ("Interrupted\n", 1)


def test_a_lost_worker_is_one_line_and_after_a_signal_to_stop_it_is_retriable(monkeypatch):
    with pytest.raises(
        MgrdError, match=r"a worker process was lost \(ended by SIGKILL\); is there enough memory"
    ) as lost:
        lose_a_worker()
    monkeypatch.setattr(progress.stop, "signal_name", "SIGTERM")
    with pytest.raises(Stopped, match="stopped by SIGTERM; what is finished is saved, the same command goes on"):
        lose_a_worker()
    assert "\n" not in str(lost.value)


def test_a_signal_is_seen_while_work_is_waited_for_and_what_is_there_is_given_anyway(monkeypatch):
    there, failed, never = Future(), Future(), Future()
    there.set_result(1)
    failed.set_exception(TimeoutError("of the work itself"))
    timer = threading.Timer(0.3, lambda: monkeypatch.setattr(progress.stop, "signal_name", "SIGTERM"))
    timer.start()
    giving_up = threading.Timer(30, never.set_result, [None])
    giving_up.start()
    try:
        with pytest.raises(Stopped, match="stopped by SIGTERM; what is finished is saved, the same command goes on"):
            workers.awaited(never)
    finally:
        giving_up.cancel()
        timer.join()
    assert workers.awaited(there) == 1
    with pytest.raises(TimeoutError, match="of the work itself"):
        workers.awaited(failed)


def test_workers_end_with_their_stage_when_it_is_killed(tmp_path):
    stage = (
        "import os, sys, time\n"
        "from test_workers import nothing\n"
        "from mgrd import workers\n"
        "if __name__ == '__main__':\n"
        "    with workers.pool(1, nothing) as pool:\n"
        "        open('worker', 'w').write(str(pool.submit(os.getpid).result()))\n"
        "        os.rename('worker', 'ready')\n"
        "        time.sleep(30)\n"
    )
    (tmp_path / "stage.py").write_text(stage)
    path = os.pathsep.join([str(Path(mgrd.__file__).parents[1]), str(Path(__file__).parent)])
    running = subprocess.Popen([sys.executable, "stage.py"], cwd=tmp_path, env=os.environ | {"PYTHONPATH": path})
    wait_until((tmp_path / "ready").exists)
    worker = int((tmp_path / "ready").read_text())
    assert is_alive(worker)
    running.kill()
    running.wait()
    wait_until(lambda: not is_alive(worker))


def die_while_answering():
    """Begin to send an answer, and be killed."""
    frame = sys._getframe()
    while "pipe" not in frame.f_locals:
        frame = frame.f_back
    os.write(frame.f_locals["pipe"].fileno(), struct.pack("!i", 1000) + b"half of it")
    be_killed()


@pytest.mark.parametrize("last_act", [be_killed, die_while_answering])
def test_when_a_worker_is_killed_the_others_are_not_waited_for(last_act):
    since = time.monotonic()
    with pytest.raises(MgrdError, match="ended by SIGKILL"), workers.pool(3, nothing) as pool:
        slow = [pool.submit(time.sleep, 60) for _ in range(2)]
        waiting = [pool.submit(last_act), pool.submit(time.sleep, 60)]
        for one in waiting:
            one.result()
    assert time.monotonic() - since < 30
    assert all(isinstance(one.exception(), BrokenProcessPool) for one in (*slow, *waiting))


def test_a_worker_that_is_killed_before_it_reads_what_it_starts_with_is_not_waited_for(tmp_path):
    (tmp_path / "big.py").write_text(
        "import os, signal\n"
        "if __name__ != '__main__':\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "from mgrd import errors, workers\n"
        "if __name__ == '__main__':\n"
        "    try:\n"
        "        with workers.pool(2, len, b'x' * 200_000) as pool:\n"
        "            pool.submit(os.getpid).result()\n"
        "    except errors.MgrdError as error:\n"
        "        print(error)\n"
    )
    there = subprocess.run(
        [sys.executable, "big.py"], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(Path(mgrd.__file__).parents[1])},
        stdout=subprocess.PIPE, text=True, timeout=30, check=True,
    )  # fmt: skip
    assert there.stdout.startswith("a worker process was lost (ended by SIGKILL); is there enough memory?")


def refuse(_):
    raise RuleError("no such check")


class MadeOfTwo(Exception):
    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


def raise_what_cannot_be_made_again():
    raise MadeOfTwo(1, 2)


def test_what_a_worker_raises_comes_back_with_its_traceback_and_what_its_start_raises_too():
    with workers.pool(1, nothing) as pool:
        failed = pool.submit(int, "seven").exception()
        unsent = pool.submit(lock_and_raise).exception()
        unmade = pool.submit(raise_what_cannot_be_made_again).exception()
        assert pool.submit(int, "7").result() == 7
    assert isinstance(failed, ValueError)
    assert "int" in str(failed.__cause__)
    assert "work(*given)" in str(failed.__cause__)
    assert "cannot be sent" in str(unsent)
    assert (type(unmade), str(unmade)) == (RuntimeError, "MadeOfTwo: 1 and 2")
    assert "raise MadeOfTwo(1, 2)" in str(unmade.__cause__)
    with workers.pool(1, refuse, b"x" * 200_000) as pool:
        refused = [pool.submit(int, "7").exception() for _ in range(3)]
    assert [(type(one), str(one)) for one in refused] == [(RuleError, "no such check")] * 3
    assert len({str(one.__cause__) for one in refused}) == 1
    assert 'raise RuleError("no such check")' in str(refused[0].__cause__)


def lock_and_raise():
    raise OSError("cannot be sent", threading.Lock())


def test_what_waits_when_the_block_ends_is_not_begun(tmp_path):
    with workers.pool(1, nothing) as pool:
        begun = pool.submit(time.sleep, 2)
        wait_until(begun.running)
        waiting = pool.submit(time.sleep, 60)
    assert (begun.result(), waiting.cancelled()) == (None, True)
    assert wait([waiting], timeout=5).done == {waiting}
    with pytest.raises(RuntimeError, match="work is submitted to processes that are ended"):
        pool.submit(os.getpid)


@pytest.mark.parametrize("is_interrupted", [True, False])
def test_what_is_begun_is_given_up_at_an_interrupt_and_when_the_time_to_stop_is_over(monkeypatch, is_interrupted):
    with contextlib.suppress(KeyboardInterrupt), workers.pool(1, nothing) as pool:
        pool.submit(os.getpid).result()
        begun = pool.submit(time.sleep, 60)
        wait_until(begun.running)
        since = time.monotonic()
        if is_interrupted:
            raise KeyboardInterrupt
        monkeypatch.setattr(progress.stop, "signal_name", "SIGTERM")
    assert time.monotonic() - since < 20
    assert str(begun.exception()) == "ended by SIGKILL"


@pytest.mark.skipif(sys.platform != "linux", reason="open files are looked up in /proc")
def test_a_worker_that_cannot_be_started_is_one_line_and_leaves_nothing_behind(monkeypatch):
    def no_more(*_):
        raise OSError("Resource temporarily unavailable")

    with pytest.raises(MgrdError, match=r"a worker process was lost \(none could be started: Resource temporarily"):  # noqa: SIM117
        with workers.pool(2, nothing) as pool:
            monkeypatch.setattr(multiprocessing.util, "spawnv_passfds", no_more)
            before = len([*Path("/proc/self/fd").iterdir()])
            with pytest.raises(BrokenProcessPool):
                pool.submit(os.getpid)
            assert len([*Path("/proc/self/fd").iterdir()]) == before
            monkeypatch.undo()
            assert len({pool.submit(os.getpid).result() for _ in range(3)}) == len(pool.processes) == 1
            monkeypatch.setattr(multiprocessing.util, "spawnv_passfds", no_more)
            pool.submit(time.sleep, 60)
            pool.submit(os.getpid)


def test_how_a_worker_ended_is_told_as_far_as_it_is_known():
    told = [str(workers.LostError(code)) for code in (None, 0, 9, -signal.SIGSEGV)]
    assert told == ["ended", "ended with exit code 0", "ended with exit code 9", "ended by SIGSEGV"]


SLOW = '''"""Object to nothing, and take long."""
import os, pathlib, re
from mgrd.rulebook import example

def check(trace):
    """Let no other thread of the process run meanwhile."""
    if trace.question == "Slow?":
        pathlib.Path(f"working-{os.getpid()}").touch()
        re.match(r"(a+)+$", "a" * 30 + "b")
    return None

KEEP = [example("a")]
DROP = [example("b")]
'''


@pytest.fixture
def filtering(tmp_path):
    """`mgrd filter --workers 2` over two parts that take forever, as a shell runs it; and what it says in the end."""
    (tmp_path / "own" / "logic").mkdir(parents=True)
    (tmp_path / "own" / "logic" / "slow.py").write_text(SLOW)
    sf.write(tmp_path / "a.wav", 0.1 * np.sin(np.arange(16000)), 16000)
    for number in range(2):
        row = trace(f"q{number}", question="Slow?", audio=["a.wav"], audio_sha=[None])
        tables.write_table([row], tmp_path / "traces" / f"part-{number:06d}.parquet", tables.TRACES)
    path = str(Path(mgrd.__file__).parents[1])
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "mgrd", "filter", ".", "-o", "out", "--workers", "2", "--rules", "own"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE, text=True,
        process_group=0,
    ) as running:  # fmt: skip
        yield running
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)


def children_of(process):
    """Its children that are workers, and not the process in which multiprocessing tracks what to clean up."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            if parent == process and b"spawn_main" in (stat.parent / "cmdline").read_bytes():
                found.append(int(stat.parent.name))
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="what the kernel of Linux does")
@pytest.mark.parametrize("busy", [False, True])
def test_no_worker_outlives_a_filter_that_is_killed(filtering, tmp_path, busy):
    def begun():
        assert filtering.poll() is None
        return len([*tmp_path.glob("working-*")] if busy else children_of(filtering.pid)) == 2

    wait_until(begun)
    orphans = children_of(filtering.pid)
    filtering.kill()
    filtering.wait()
    since = time.monotonic()
    wait_until(lambda: not any(map(is_alive, orphans)))
    # those that are only starting find out as soon as they have started
    assert (len(orphans), time.monotonic() - since < (2 if busy else 15)) == (2, True)


def test_a_filter_one_of_whose_workers_is_killed_ends_and_says_so(filtering, tmp_path):
    wait_until(lambda: filtering.poll() is not None or len([*tmp_path.glob("working-*")]) == 2)
    os.kill(int(next(tmp_path.glob("working-*")).name.partition("-")[2]), signal.SIGKILL)
    _, err = filtering.communicate(timeout=20)
    assert (filtering.returncode, err.splitlines()[-1]) == (
        1,
        "Error: a worker process was lost (ended by SIGKILL); is there enough memory? What is finished is saved: rerun "
        "with fewer --workers",
    )


@pytest.mark.skipif(sys.platform != "linux", reason="children are looked up in /proc")
def test_a_generate_that_is_killed_leaves_no_decoder_and_one_whose_decoder_is_killed_goes_on(tmp_path):
    folder = asked(tmp_path, questions=ahead.A_PROCESS)
    found = []
    for kills in ("decoder", "generate"):
        running = started(folder, pause_s=0.02)
        wait_until(lambda running=running: running.poll() is not None or children_of(running.pid))
        (decoder,) = children_of(running.pid)
        time.sleep(0.5)
        os.kill(decoder if kills == "decoder" else running.pid, signal.SIGKILL)
        since = time.monotonic()
        if kills == "decoder":
            wait_until(lambda running=running, lost=decoder: running.poll() is not None or replaced(running.pid, lost))
            found.append(running.poll() is None)
        if kills == "generate":
            wait_until(lambda decoder=decoder: not is_alive(decoder))
            found.append(time.monotonic() - since < 15)
        running.communicate(timeout=60)
        found.append(running.returncode)
        if kills == "decoder":
            wanted = (f"q{number}.0.{sample}" for number in range(ahead.A_PROCESS) for sample in range(SAMPLES))
            found.append(ids(folder) == sorted(wanted))
        (folder / "out").rename(folder / f"out-{kills}")
    assert found == [True, 0, True, True, -signal.SIGKILL]


def replaced(stage, lost):
    """What a stage has in place of a worker that was lost."""
    return [one for one in children_of(stage) if one != lost]


def is_alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat")  # one that nobody waits for is a zombie
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def wait_until(happened):
    until = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_cores_are_counted_where_no_affinity_is_known(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert workers.cores() == 3


@pytest.mark.parametrize(
    ("clips", "asked", "processes"),
    [(0, None, 1), (0, 4, 1), (3, None, 1), (3, 2, 2), (3, 8, 3), (16, None, 2), (1000, None, 4), (1000, 8, 8)],
)
def test_clips_are_measured_by_as_many_processes_as_asked_for_or_as_they_are_worth(
    monkeypatch, clips, asked, processes
):
    monkeypatch.setattr(workers, "cores", lambda: 4)
    assert workers.to_measure(clips, asked) == processes
