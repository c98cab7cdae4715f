"""What librosa compiles is compiled by one process at a time."""

import fcntl
import threading
from importlib.util import find_spec

from mgrd.audio import compiled


def test_the_work_is_done_once_a_process(monkeypatch):
    monkeypatch.setattr(compiled, "_done", False)
    calls = []

    compiled.alone_the_first_time(lambda: calls.append(1))
    compiled.alone_the_first_time(lambda: calls.append(2))

    assert calls == [1]


def test_the_work_waits_for_another_process_that_does_it(monkeypatch):
    monkeypatch.setattr(compiled, "_done", False)
    done = threading.Event()
    with open(find_spec("librosa").origin, "rb") as other:  # noqa: PTH123  (a second open file is a second owner)
        fcntl.flock(other, fcntl.LOCK_EX)
        waiting = threading.Thread(target=compiled.alone_the_first_time, args=(done.set,))
        waiting.start()
        assert not done.wait(0.3)
        fcntl.flock(other, fcntl.LOCK_UN)
        assert done.wait(5)
    waiting.join()
