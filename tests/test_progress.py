"""Progress: the story goes to stderr, plainly where there is no terminal; signals only set a flag."""

import os
import signal
import subprocess
import sys

import pytest

from mgrd import progress
from mgrd.progress import StopFlag, Story


@pytest.fixture
def clock(monkeypatch):
    """A clock that tests move by hand."""

    class Clock:
        now = 100.0

    monkeypatch.setattr(progress.time, "monotonic", lambda: Clock.now)
    return Clock


def test_a_note_is_one_plain_line_on_stderr_whatever_brackets_it_holds(capsys):
    Story().note("clips/[bold]a.wav: " + "long " * 60)
    out, err = capsys.readouterr()
    assert (out, err) == ("", "clips/[bold]a.wav: " + "long " * 60 + "\n")


def test_a_quiet_story_says_nothing(capsys, clock):
    story = Story(quiet=True)
    story.note("x")
    with story.steps("Sampling", 100) as done:
        clock.now += 1000
        done()
    assert capsys.readouterr() == ("", "")


def test_without_a_terminal_there_is_one_line_at_most_every_30_s(capsys, clock):
    with Story().steps("Sampling", 3000, "samples") as done:
        for _ in range(100):
            clock.now += 1.0
            done(20)
    assert capsys.readouterr() == (
        "",
        "Sampling: 600 of 3,000, 20.0 samples/s\n"
        "Sampling: 1,200 of 3,000, 20.0 samples/s\n"
        "Sampling: 1,800 of 3,000, 20.0 samples/s\n",
    )


def test_a_rate_without_a_unit_is_per_second(capsys, clock):
    with Story().steps("Judging", 100) as done:
        clock.now += 30
        done(60)
    assert capsys.readouterr().err == "Judging: 60 of 100, 2.0/s\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_sets_the_flag_with_its_name_and_says_so(number, capfd):
    before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGUSR1)}
    flag = StopFlag()
    assert not flag
    try:
        flag.listen()
        os.kill(os.getpid(), number)
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
    assert flag
    assert flag.signal_name == number.name
    assert capfd.readouterr().err == f"{number.name}: saving what is done, then stopping\n"


def test_a_reader_of_stderr_that_died_stops_no_work():
    """As when `mgrd run` is killed: its stage gets SIGTERM, and has to live to save what it did."""
    work = (
        "import os, signal, sys\n"
        "from mgrd.progress import Story, stop\n"
        "stop.listen()\n"
        "sys.stdin.read()\n"  # until the reader of stderr is gone
        "if sys.argv[1] == 'signal':\n    os.kill(os.getpid(), signal.SIGTERM)\n"
        "Story().note('x')\n"
        "with Story().steps('Training', 2) as done:\n    done(1)\n"
        "print('written by a library', file=sys.stderr, flush=True)\n"
        "print('saved', bool(stop))\n"
    )
    for first, terminal in (("signal", "0"), ("note", "0"), ("signal", "1"), ("note", "1")):
        running = subprocess.Popen(
            [sys.executable, "-c", work, first],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {"TTY_COMPATIBLE": terminal},
        )
        running.stderr.close()
        running.stdin.close()
        with running.stdout as answer:
            assert (answer.read(), running.wait()) == (f"saved {first == 'signal'}\n".encode(), 0)


def test_where_ctrl_c_asks_to_stop_a_second_one_interrupts(capfd):
    flag = StopFlag()
    before = signal.getsignal(signal.SIGINT)
    with flag.interruptible():
        os.kill(os.getpid(), signal.SIGINT)
        assert flag.signal_name == "SIGINT"
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) == before
    assert capfd.readouterr().err == "SIGINT: saving what is done, then stopping\n"
