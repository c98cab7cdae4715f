"""Worker processes: signals are the stage's to answer, and no worker is lost or left without a word."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import mgrd
from mgrd import progress, workers
from mgrd.errors import MgrdError, Stopped


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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT])
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
    with pytest.raises(MgrdError, match="a worker process was lost; is there enough memory") as lost:
        lose_a_worker()
    monkeypatch.setattr(progress.stop, "signal_name", "SIGTERM")
    with pytest.raises(Stopped, match="stopped by SIGTERM; what is finished is saved, the same command goes on"):
        lose_a_worker()
    assert "\n" not in str(lost.value)


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


def is_alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat")  # one that nobody waits for is a zombie
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def wait_until(happened):
    until = time.monotonic() + 20
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
