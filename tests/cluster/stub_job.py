"""A job whose engine samples without a model and does what a question tells it; the workers import it too."""

import os
import time
from pathlib import Path

import numpy as np

from mgrd.engines import Completion
from mgrd.generate.job import Job

NODE = {"num_cpus": 1, "num_gpus": 0, "object_store_memory": 80 * 2**20}
"""What each node of the tests' cluster has."""


class Engine:
    """Echoes the seed; `die` ends the process, `die once` only the first time, `slow` is, `asleep` after a sample."""

    hears = True

    name, sr, window_s = "stub", 16000, 5.0

    def sample(self, requests, sampling):
        for request in requests:
            level = sum(float(np.abs(clip).max()) for clip in request.clips) if self.hears else 0.0
            for sample, seed in request.seeds.items():
                self.obey(request.text)
                if sample and "asleep" in request.text:
                    time.sleep(60)
                yield Completion(
                    request.key, sample, seed, f"<think>{seed}</think>yes", "stop", 5, 4, -1.5 - level, (1.0,)
                )

    def obey(self, text):
        if "die once" in text:
            flag = Path(os.environ["MGRD_TEST_FLAGS"]) / "died"
            if not flag.exists():
                flag.touch()
                os._exit(1)
        elif "die" in text:
            os._exit(1)
        if "slow" in text:
            time.sleep(0.05)
        if "bug" in text:
            raise ZeroDivisionError("a bug of the engine")

    def close(self):
        pass


class StubJob(Job):
    """A job with that engine."""

    def open_engine(self):
        return Engine()


class Deaf(Engine):
    """Nothing that it writes depends on a clip."""

    hears = False


class DeafJob(Job):
    """A job with that one."""

    def open_engine(self):
        return Deaf()


class DiesAtTheCanary(Engine):
    """Its process ends when it is asked about two clips, the first time."""

    def sample(self, requests, sampling):
        for request in requests:
            self.obey("die once" if request.key.startswith("canary") else "")
            yield from super().sample([request], sampling)


class JobThatDiesAtTheCanary(Job):
    """A job with that one."""

    def open_engine(self):
        return DiesAtTheCanary()


class BrokenJob(Job):
    """A job whose engine cannot be opened: the process ends."""

    def open_engine(self):
        os._exit(1)
