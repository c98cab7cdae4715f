"""`generate` on a cluster: a worker opens the engine once and is fed questions; the rows that it makes come back here.

A worker sends rows, and the caller alone writes them: what a worker that was taken for lost may still do cannot make a
sample twice. Knows nothing of folders.
"""

from __future__ import annotations

import contextlib
import platform
import queue
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import mgrd
from mgrd import engines
from mgrd.cluster import cause, connected, shares
from mgrd.cluster.plan import Plan, Work
from mgrd.engines import MOST_LOSSES
from mgrd.errors import InputError, MgrdError, Stopped
from mgrd.generate import hearing
from mgrd.generate.clips import ChangedClipError, Clips
from mgrd.generate.job import Job
from mgrd.generate.rows import Wanted, failure, trace_row, trace_rows
from mgrd.options import Generate
from mgrd.progress import Story, stop

AHEAD = 512
"""Samples that a worker has at a time, for an engine that admits continuously."""
NOBODY_S = 600.0
"""How long the cluster may have no place for any worker."""
LATE_S = 2.0
"""For the rows that are under way when the time of `--grace` has passed."""


class Sampler:
    """A worker: one engine, which samples what it is given while a stream of rows is open."""

    def __init__(self, job: Job, swapped: dict[str, list[str]], expected: tuple[str, str]) -> None:
        """Take a place on a node; `expected` are the caller's mgrd and its model's identity."""
        self.job, self.swapped, self.expected = job, swapped, expected
        self.given: queue.SimpleQueue[Work] = queue.SimpleQueue()
        self.taken = 0

    def node(self) -> str:
        """Where it runs."""
        return platform.node()

    def open(self) -> str:
        """Open the engine and return its name; raises InputError when mgrd or the model is another one here."""
        version, identity = self.expected
        if mgrd.__version__ != version:
            raise InputError(f"node {self.node()} has mgrd {mgrd.__version__}, not {version}; install one everywhere")
        if engines.model_identity(self.job.options.engine, self.job.model) != identity:
            raise InputError(f"{self.job.model}: another model on node {self.node()}; put the same one on every node")
        self.engine = self.job.open_engine()
        return self.engine.name

    def probe(self, paths: list[str], shas: dict[str, str]) -> hearing.Probed | None:
        """What the engine answers about two of these clips, before it is given any work."""
        return hearing.probe(self.job, self.engine, paths, Clips(self.job, self.engine, dict(shas), self.swapped))

    def give(self, work: Work) -> None:
        """Questions for the stream that is open, or for the next."""
        self.given.put(work)

    def drain(self, grace_s: float) -> None:
        """Begin nothing more; what runs has so many seconds to end."""
        stop.grace_s = grace_s
        stop.signal_name = "SIGTERM"
        self.given.put([])

    def rows(self, shas: dict[str, str], given: int) -> Iterator[dict[str, Any]]:
        """The rows of what was given, `given` questions in all calls so far, and of what is given meanwhile."""
        yield from trace_rows(
            self.job, self.engine, self._wanted(given), Clips(self.job, self.engine, shas, self.swapped)
        )

    def _wanted(self, given: int) -> Iterator[tuple[dict[str, Any], dict[int, int]]]:
        """Ends when nothing is there: an engine that waits here for the rest of a batch would deliver nothing."""
        while not stop and (self.taken < given or not self.given.empty()):  # calls may overtake each other
            work = self.given.get()
            self.taken += len(work)
            yield from work


@dataclass
class _Worker:
    number: int
    handle: Any
    placing: Any
    """What tells of its place on a node, until it has one."""
    opening: Any
    """What tells of its engine, until that is open."""
    probing: Any = None
    """What tells of its answers about two clips, while it is the one that is asked."""
    engine: str = ""
    node: str = "(none yet)"
    stream: Any = None
    given: int = 0
    """Questions that it was given in all."""
    is_new: bool = False
    """Whether anything was given or delivered since its stream was opened."""
    lost: int = 0
    """Times in a row that this worker was lost before it made anything."""

    @property
    def waits_for(self) -> Any:
        """What it will tell next; None when it has nothing to do."""
        told = (self.placing, self.opening, self.probing, self.stream)
        return next((one for one in told if one is not None), None)


@dataclass
class _Team:
    """The workers by number, and how another one is started."""

    ray: Any
    job: Job
    resources: dict[str, float]
    given: tuple[Any, ...]
    canary: list[str] | None
    """Clips to ask a worker about; None once it is known that the model hears."""
    workers: dict[int, _Worker] = field(default_factory=dict)

    def start(self, number: int, lost: int = 0) -> None:
        remote = self.ray.remote(max_concurrency=4, max_restarts=0, **self.resources)(Sampler)
        handle = remote.remote(*self.given)
        self.workers[number] = _Worker(number, handle, handle.node.remote(), handle.open.remote(), lost=lost)


@dataclass(frozen=True)
class Cluster:
    """A connected cluster, and the workers that it has room for."""

    ray: Any
    workers: int
    resources: dict[str, float]
    """Of each worker."""

    @property
    def gpus(self) -> int:
        """How many GPUs all workers take."""
        return round(self.workers * self.resources["num_gpus"])


@contextmanager
def opened(options: Generate) -> Iterator[Cluster]:
    """The cluster at `options.ray`."""
    assert options.ray is not None
    with connected(options.ray) as ray:
        yield Cluster(ray, *shares(ray.cluster_resources(), options.ray_gpus))


def rows(
    cluster: Cluster,
    job: Job,
    wanted: Iterable[Wanted],
    shas: dict[str, str],
    swapped: dict[str, list[str]],
    story: Story,
) -> Generator[dict[str, Any]]:
    """Rows of tables.TRACES from all workers, in the order in which they are finished; clips' hashes go to `shas`.

    A question whose worker was lost MOST_LOSSES times is rows with the reason. One worker is asked
    whether the model hears before any is given work. Raises Stopped when the cluster has no place for any worker, or
    every one of them is lost MOST_LOSSES times without a sample, and MgrdError when the model does not hear.
    """
    options, ray = job.options, cluster.ray
    is_batched = (options.engine or engines.default_engine()) == "transformers"
    wanted = list(wanted)
    plan = Plan(wanted, cluster.workers, 2 * options.batch * options.samples if is_batched else AHEAD)
    expected = mgrd.__version__, engines.model_identity(options.engine, job.model)
    canary = hearing.candidates([row["audio"] for row, _ in wanted])
    team = _Team(ray, job, cluster.resources, (_anywhere(job), ray.put(swapped), expected), canary)
    count = min(cluster.workers, plan.questions)
    story.note(f"--ray {options.ray}: {count} workers, each with {_told(cluster.resources)}")
    try:
        for number in range(count):
            team.start(number)
        yield from _collect(team, plan, shas, story)
    finally:
        for worker in team.workers.values():
            ray.kill(worker.handle)


def _anywhere(job: Job) -> Job:
    """The job with absolute paths: a worker runs in another folder."""
    options = job.options
    if options.prompt not in ("plain", "grounded"):
        options = replace(options, prompt=str(Path(options.prompt).absolute()))
    if options.lora is not None:
        options = replace(options, lora=str(Path(options.lora).absolute()))
    model = job.model if options.engine == "server" else Path(job.model).absolute()
    return replace(job, out=job.out.absolute(), model=model, options=options)


def _told(resources: dict[str, float]) -> str:
    gpus = resources["num_gpus"]
    return f"{gpus:g} GPU and a core" if gpus else "a core"


def _collect(team: _Team, plan: Plan, shas: dict[str, str], story: Story) -> Iterator[dict[str, Any]]:
    nobody_since = time.monotonic()
    over_since: float | None = None
    draining = False
    while plan.samples:
        if stop and not draining:
            draining = True
            for worker in team.workers.values():
                if worker.stream is not None:
                    worker.handle.drain.remote(stop.grace_s)
        if not draining:
            _set_to_work(team, plan, shas)
        busy = [worker for worker in team.workers.values() if worker.stream is not None]
        if over_since is None and stop.is_over():
            over_since = time.monotonic()
        if draining and (not busy or (over_since is not None and time.monotonic() - over_since > LATE_S)):
            return
        if any(worker.placing is None for worker in team.workers.values()):
            nobody_since = time.monotonic()
        elif time.monotonic() - nobody_since > NOBODY_S:
            raise Stopped(
                f"--ray: the cluster had no place for a worker for {NOBODY_S:g} s; "
                "what was sampled is saved, the same command goes on"
            )
        waited = {one: worker for worker in team.workers.values() if (one := worker.waits_for) is not None}
        ready, _ = team.ray.wait(list(waited), num_returns=1, timeout=1.0, fetch_local=False)
        for one in ready:
            try:
                yield from _take(team, waited[one], plan, shas, story)
            except MgrdError:
                yield from _ready(team, waited[one], plan, shas, story)
                raise


def _ready(team: _Team, ended: _Worker, plan: Plan, shas: dict[str, str], story: Story) -> Iterator[dict[str, Any]]:
    """The rows that other workers have ready when one ends the job: they are paid for."""
    for worker in list(team.workers.values()):
        if worker is not ended and worker.stream is not None and worker.stream.next_ready():
            with contextlib.suppress(MgrdError):  # the first is told
                yield from _take(team, worker, plan, shas, story)


def _set_to_work(team: _Team, plan: Plan, shas: dict[str, str]) -> None:
    """Feed the workers whose engine is open; before that, have one of them asked whether the model hears."""
    ready = [worker for worker in team.workers.values() if worker.opening is None]
    if team.canary is not None and ready and all(worker.probing is None for worker in ready):
        if hearing.is_known(team.job, ready[0].engine):
            team.canary = None
        else:
            ready[0].probing = ready[0].handle.probe.remote(team.canary, shas)
    if team.canary is None:
        for worker in ready:
            _feed(worker, plan, shas)


def _feed(worker: _Worker, plan: Plan, shas: dict[str, str]) -> None:
    """Give a worker what it is to have, and open a stream where it has none."""
    if work := plan.give(worker.number):
        worker.handle.give.remote(work)
        worker.given += len(work)
        worker.is_new = True
    if worker.stream is None and plan.has(worker.number):
        worker.stream = worker.handle.rows.options(num_returns="streaming").remote(shas, worker.given)
        worker.is_new = False


def _take(team: _Team, worker: _Worker, plan: Plan, shas: dict[str, str], story: Story) -> Iterator[dict[str, Any]]:
    """What a worker tells: that its engine is open, whether it hears, rows, the end of its stream, or its loss."""
    ray = team.ray
    try:
        if worker.placing is not None:
            worker.node = ray.get(worker.placing)
            worker.placing = None
            return
        if worker.opening is not None:
            worker.engine = ray.get(worker.opening)
            worker.opening = None
            return
        if worker.probing is not None:
            probed = ray.get(worker.probing)
            worker.probing = None
            if probed is not None:
                hearing.tell(team.job, worker.engine, probed, story)
                team.canary = None
            return
        while worker.stream is not None and (worker.stream.next_ready() or worker.stream.is_finished()):
            reference = next(worker.stream, None)
            if reference is None:
                worker.stream = None
                if not worker.is_new:  # what its engine left out, if anything
                    yield from _given_up(team, worker, plan.lose(worker.number), shas)
                return
            row = ray.get(reference)
            worker.lost, worker.is_new = 0, True
            if plan.deliver(worker.number, row["question_id"], row["sample"]):
                _check_unchanged(row, shas)
                yield row | {"model": str(team.job.model)}  # as it was given
    except ray.exceptions.RayTaskError as error:
        raise cause(error) from None
    except ray.exceptions.RayError as error:
        what = f"worker {worker.number} on node {worker.node} ({type(error).__name__})"
        story.note(f"--ray: lost {what}; what it had not delivered is given to others")
        yield from _replace(team, worker, plan, shas)


def _replace(team: _Team, worker: _Worker, plan: Plan, shas: dict[str, str]) -> Iterator[dict[str, Any]]:
    team.ray.kill(worker.handle)  # it may only be out of reach
    yield from _given_up(team, worker, plan.lose(worker.number), shas)
    del team.workers[worker.number]
    if worker.lost + 1 < MOST_LOSSES:
        team.start(worker.number, worker.lost + 1)
    elif not team.workers:
        raise Stopped(
            f"--ray: every worker was lost {MOST_LOSSES} times before it made a sample; "
            "what was sampled is saved, the same command goes on"
        )


def _given_up(team: _Team, worker: _Worker, work: Work, shas: dict[str, str]) -> Iterator[dict[str, Any]]:
    why = f"its worker on the cluster was lost {MOST_LOSSES} times; is there enough memory?"
    for row, seeds in work:
        for sample, seed in seeds.items():
            yield trace_row(team.job, worker.engine, failure(row["id"], sample, seed, why), row, shas)


def _check_unchanged(row: dict[str, Any], shas: dict[str, str]) -> None:
    """Two workers must have heard the same clip."""
    for path, sha in zip(row["audio"], row["audio_sha"], strict=True):
        if sha and shas.setdefault(path, sha) != sha:
            raise ChangedClipError(f"{path}: is not the same clip on every node, or changed while it was sampled from")
