"""Who samples what: hands questions to workers, counts what comes back, and hands on what a lost worker had.

A worker that dies may have been killed by one question among many (a clip that exhausts the memory), so a question that
was there at two losses is tried alone, and one that is there at a third is given up. Knows nothing of Ray, models or
tables.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from mgrd.engines import MOST_LOSSES

Work = list[tuple[dict[str, Any], dict[int, int]]]
"""Questions, each with its missing sample indices and their seeds."""


class Plan:
    """What is still to be sampled and who has it; every sample is counted once, whoever delivers it."""

    def __init__(self, wanted: Iterable[tuple[dict[str, Any], dict[int, int]]], workers: int, ahead: int) -> None:
        """Share `wanted` among `workers`; each has at most about `ahead` samples that it has not delivered."""
        self._rows: dict[str, dict[str, Any]] = {}
        self._left: dict[str, dict[int, int]] = {}
        for row, seeds in wanted:
            self._rows[row["id"]], self._left[row["id"]] = row, dict(seeds)
        self._waiting = deque(self._left)
        self._alone: deque[str] = deque()
        self._losses: dict[str, int] = {}
        self._has: dict[int, set[str]] = {}
        self._workers, self._ahead = workers, ahead
        self._samples = sum(map(len, self._left.values()))

    @property
    def samples(self) -> int:
        """How many samples are not delivered yet."""
        return self._samples

    @property
    def questions(self) -> int:
        """How many questions lack samples."""
        return len(self._left)

    def has(self, worker: int) -> bool:
        """Whether the worker has what it has not delivered."""
        return bool(self._has.get(worker))

    def is_alone(self, worker: int) -> bool:
        """Whether the worker has a question that must have no company: give it no other, and let it finish."""
        return any(self._losses.get(name, 0) >= MOST_LOSSES - 1 for name in self._has.get(worker, ()))

    def give(self, worker: int) -> Work:
        """The questions that the worker is to have now; none when it has enough, or nothing waits."""
        has = self._has.setdefault(worker, set())
        if self.is_alone(worker):
            return []
        if self._alone and not has:
            has.add(name := self._alone.popleft())
            return [self._work(name)]
        ahead = min(self._ahead, -(-self._samples // (2 * self._workers)))  # the last ones are shared out evenly
        undelivered = sum(len(self._left[name]) for name in has)
        given: Work = []
        while self._waiting and undelivered < ahead:
            has.add(name := self._waiting.popleft())
            given.append(self._work(name))
            undelivered += len(self._left[name])
        return given

    def deliver(self, worker: int, question: str, sample: int) -> bool:
        """Count a sample that came back; False when it was there already."""
        if self._left.get(question, {}).pop(sample, None) is None:
            return False
        self._samples -= 1
        if not self._left[question]:
            del self._left[question], self._rows[question]
            self._has[worker].discard(question)
        return True

    def lose(self, worker: int) -> Work:
        """Take back what a worker had not delivered when it was lost; returns what is given up."""
        given_up: Work = []
        for name in sorted(self._has.pop(worker, ())):
            self._losses[name] = self._losses.get(name, 0) + 1
            if self._losses[name] >= MOST_LOSSES:
                given_up.append(self._work(name))
                self._samples -= len(self._left.pop(name))
                del self._rows[name]
            elif self._losses[name] == MOST_LOSSES - 1:
                self._alone.append(name)
            else:
                self._waiting.append(name)
        return given_up

    def _work(self, name: str) -> tuple[dict[str, Any], dict[int, int]]:
        return self._rows[name], dict(self._left[name])
