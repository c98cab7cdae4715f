"""What a cluster's workers have ready is written, whatever ends the job; needs no Ray."""

from types import SimpleNamespace

import pytest

from mgrd.cluster import sampling
from mgrd.errors import InputError
from mgrd.progress import Story


class Stream:
    """Rows that are ready; an error is raised when it is fetched."""

    def __init__(self, *told):
        self.told = list(told)

    def next_ready(self):
        return bool(self.told)

    def is_finished(self):
        return False

    def __next__(self):
        return self.told.pop(0)


class FakeRay:
    exceptions = SimpleNamespace(
        RayTaskError=type("RayTaskError", (Exception,), {}), RayError=type("E", (Exception,), {})
    )

    def wait(self, waited, **_):
        return waited, []

    def get(self, told):
        if isinstance(told, Exception):
            raise told
        return told


def row(sample):
    return {"question_id": "q", "sample": sample, "audio": [], "audio_sha": [], "model": "there"}


def test_rows_that_are_ready_elsewhere_when_a_worker_ends_the_job_are_collected_first():
    failed = FakeRay.exceptions.RayTaskError()
    failed.cause = InputError("a.wav: changed")
    streams = [Stream(row(0), failed), Stream(row(1), row(2)), Stream(row(3), failed)]
    workers = {
        number: sampling._Worker(number, None, None, None, stream=stream) for number, stream in enumerate(streams)
    }
    job = SimpleNamespace(model="mine")
    team = sampling._Team(FakeRay(), job, {}, (), None, workers)
    plan = SimpleNamespace(samples=9, give=lambda _: [], deliver=lambda *_: True)
    rows = []

    with pytest.raises(InputError, match=r"^a\.wav: changed$"):
        for one in sampling._collect(team, plan, {}, Story(quiet=True)):
            rows.append(one)
    assert [(one["sample"], one["model"]) for one in rows] == [(number, "mine") for number in range(4)]
