"""One job on several GPUs of one machine: its shard cut once more, a child process for each piece.

A child is `mgrd generate --shard i/n` with a GPU of its own; this process holds the folder for all of them, hands
signals on and waits. Knows nothing of what a child does beyond its exit code and its last words.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from mgrd.children import mgrd_command
from mgrd.config import flags
from mgrd.errors import EXIT_RETRIABLE, MgrdError, MisusedError, Stopped
from mgrd.generate.job import Job
from mgrd.progress import Story, signal_name, stop
from mgrd.shards import Shard

_STOPPED = (EXIT_RETRIABLE, -signal.SIGTERM, -signal.SIGUSR1)
"""How a child ends that was told to stop; by the signal itself when it came before the child listened."""
_LOOK_S = 0.1


class _Child:
    """A running piece; its words are passed on line by line, each with the piece's name."""

    def __init__(self, shard: Shard, command: list[str], environment: dict[str, str]) -> None:
        self.name, self.last_words = f"{shard.index}/{shard.count}", ""
        self.process = subprocess.Popen(
            [*command, "--shard", self.name],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            process_group=0,  # Ctrl-C in a terminal comes from here alone
            text=True,
            encoding="utf-8",
            errors="replace",
            env=os.environ | {"MGRD_PARENT": f"{os.getpid()}:{signal.SIGKILL:d}"} | environment,
        )
        self._words = threading.Thread(target=self._pass_on, daemon=True)
        self._words.start()

    def _pass_on(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as lines:
            for line in lines:
                self.last_words = line.strip() or self.last_words
                with contextlib.suppress(OSError):  # nobody reads ours: the child is read on, or it would wait for us
                    sys.stderr.write(f"[{self.name}] {line}")

    def ended(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        code = self.process.poll()
        if code is not None:
            self._words.join(timeout=5)
        return code


def sample(job: Job, questions: str, audio_root: Path | None, *, only_these: bool, story: Story) -> None:
    """Sample what the job lacks with `data_parallel` children, and wait for all of them.

    A child that fails does not end the others. Raises Stopped when any was stopped, else MgrdError naming the first
    that failed.
    """
    count = job.options.data_parallel
    visible = devices(count, os.environ, job.options.tensor_parallel)
    one = dataclasses.replace(job.options, data_parallel=1, retry_failed=False, shard=None, max_failed=1.0)
    words = ["generate", questions, "-m", job.model, "-o", job.out, "--round", job.round_number, *flags(one)]
    words += ["--audio-root", audio_root] if audio_root else []
    words += [*(["--only-these"] if only_these else []), *(["--quiet"] if story.quiet else [])]
    command = [*mgrd_command(sys.executable), *map(str, words)]
    running = [_Child(*each) for each in zip(job.shard.split(count), [command] * count, visible, strict=True)]
    failed: list[str] = []
    stopped = 0
    told = False
    try:
        while running:
            if stop and not told:
                _signal(running, signal.Signals[stop.signal_name or "SIGTERM"])
                told = True
            time.sleep(_LOOK_S)
            for child in [child for child in running if child.ended() is not None]:
                running.remove(child)
                code = child.ended()
                if code in _STOPPED:
                    stopped += 1
                elif code:
                    failed.append(f"shard {child.name}: {_reason(child, code)}")
                    story.note(f"{failed[-1]}; {len(running)} others go on")
    finally:  # Ctrl-C, or a bug here
        _signal(running, signal.SIGINT)
        for child in running:
            child.process.wait()
    why = f", {len(failed)} failed, first {failed[0]}" if failed else ""
    if stopped:
        raise Stopped(
            f"{stopped} of {count} processes stopped{why}; what was sampled is saved in {job.folder}, "
            "the same command goes on"
        )
    if failed:
        more = why if len(failed) > 1 else ""
        others = f"; {count - len(failed)} of {count} went on to the end" if len(failed) < count else ""
        raise MgrdError(
            f"{failed[0]}{more}{others}; what was sampled is saved in {job.folder}, the same command goes on"
        )


def devices(count: int, environ: Mapping[str, str], each: int = 1) -> list[dict[str, str]]:
    """The GPUs that each of `count` processes sees, `each` of them, as its environment; nothing where there are none.

    Of the devices that this process may use: a scheduler's choice is kept.
    """
    name = "HIP_VISIBLE_DEVICES" if _amd() or "HIP_VISIBLE_DEVICES" in environ else "CUDA_VISIBLE_DEVICES"
    if name in environ:
        listed = [one for one in environ[name].split(",") if one]
    else:
        listed = [str(number) for number in range(_present())]
    if not listed:
        return [{} for _ in range(count)]
    if len(listed) < count * each:
        raise MisusedError(f"--data-parallel {count}: wants {count * each} GPUs, there are {len(listed)} here")
    return [{name: ",".join(listed[start * each : (start + 1) * each])} for start in range(count)]


def _amd() -> bool:
    return Path("/dev/kfd").exists() and not Path("/dev/nvidiactl").exists()


def _present() -> int:
    """GPUs of this machine, as its device files tell."""
    return len([*Path("/dev/dri").glob("renderD*")] if _amd() else [*Path("/dev").glob("nvidia[0-9]*")])


def _signal(running: list[_Child], number: signal.Signals) -> None:
    for child in running:
        child.process.send_signal(number)


def _reason(child: _Child, code: int) -> str:
    if code < 0:
        return f"was ended by {signal_name(-code)}"
    return child.last_words.removeprefix("Error: ") or f"ended with exit code {code} and said nothing"
