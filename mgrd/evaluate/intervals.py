"""How sure a share is: intervals over questions, since the samples of one question are not independent draws.

Knows arrays of counts, one row a question; nothing of traces. The same counts give the same interval.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

RESAMPLES = 1000
LEVEL = 0.95
FEW = 10
"""With fewer questions than this a bootstrap is much too sure."""
_Z = 1.959963984540054
"""Of the normal distribution, for LEVEL."""
_DRAWS = 2_000_000
"""Numbers that are held at once while resampling."""

Counts = NDArray[np.float64]


def interval(rows: pl.DataFrame, hits: str, of: str, *, share: bool = True) -> list[float] | None:
    """The 95 % interval of sum(hits) / sum(of) over questions; columns: question_id and two that count.

    A bootstrap over questions (Efron 1979, percentiles, a fixed seed), or Wilson's score interval (1927) with a
    question as a draw (`is_wilson`). A mean that is no `share` (words a trace), whatever its values, has no other than
    the bootstrap. None where nothing counts, and for such a mean of fewer than FEW questions.
    """
    counts = by_question(rows, hits, of)
    if not len(counts):
        return None
    if share and is_wilson(counts):
        hit, of_all = counts.sum(axis=0)
        return wilson(float(hit / of_all) * len(counts), len(counts))
    return bootstrap(counts, _ratio) if len(counts) >= FEW else None


def by_question(rows: pl.DataFrame, hits: str, of: str) -> Counts:
    """The sums of two columns, a row a question that counts at all."""
    summed = rows.group_by("question_id").agg(pl.col(hits).sum(), pl.col(of).sum()).sort("question_id")
    counts: Counts = summed.select(hits, of).cast(pl.Float64).to_numpy()
    return counts[counts[:, 1] > 0]


def is_wilson(counts: Counts) -> bool:
    """Whether Wilson's interval is meant: every question is one draw, or a bootstrap has nothing to tell from.

    That is with fewer than FEW questions, and where all have the same share. Of questions with several samples it is
    wider than need be: no spread of shares with this mean is larger than that of draws.
    """
    shares = counts[:, 0] / counts[:, 1]
    single = (counts[:, 1] == 1).all() and np.isin(counts[:, 0], (0, 1)).all()
    return bool(single or len(counts) < FEW or (shares == shares[0]).all())


def wilson(hits: float, n: int) -> list[float]:
    """Wilson's score interval of hits out of n > 0 independent draws."""
    share, z2 = hits / n, _Z**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z / (1 + z2 / n) * float(np.sqrt(share * (1 - share) / n + z2 / (4 * n * n)))
    low = 0.0 if hits == 0 else max(0.0, centre - half)
    return [low, 1.0 if hits == n else min(1.0, centre + half)]


def bootstrap(counts: Counts, statistic: Callable[[Counts], Counts]) -> list[float]:
    """The percentiles of `statistic(sums over resampled rows)`, sums of shape (draws, columns).

    Rows that are alike are drawn together, by the multinomial distribution that resampling is: the time depends on how
    many different rows there are, and the order of the rows does not matter.
    """
    rows, times = np.unique(counts, axis=0, return_counts=True)
    rng, found = np.random.default_rng(0), list[Any]()
    left = RESAMPLES
    while left:
        draws = min(left, max(1, _DRAWS // len(rows)))
        found.append(statistic(rng.multinomial(len(counts), times / len(counts), size=draws) @ rows))
        left -= draws
    low, high = np.quantile(np.concatenate(found), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return [float(low), float(high)]


def paired(a: pl.DataFrame, b: pl.DataFrame, hits: str, of: str) -> dict[str, Any] | None:
    """Both shares and their difference, a - b, over the questions that count in both; None where there is none.

    Keys: n_questions, a, b, difference, and its interval, a bootstrap that resamples questions with both their sides,
    so what makes a question easy for both cancels out; null with fewer than FEW questions.
    """
    sides = [
        side.group_by("question_id").agg(pl.col(hits).sum().alias("hits"), pl.col(of).sum().alias("of"))
        for side in (a, b)
    ]
    both = sides[0].join(sides[1], on="question_id", how="inner", suffix="_b").sort("question_id")
    both = both.filter((pl.col("of") > 0) & (pl.col("of_b") > 0))
    if not both.height:
        return None
    counts: Counts = both.select("hits", "of", "hits_b", "of_b").cast(pl.Float64).to_numpy()
    one, two = (float(counts[:, i].sum() / counts[:, i + 1].sum()) for i in (0, 2))
    return {
        "n_questions": both.height,
        "a": one,
        "b": two,
        "difference": one - two,
        "interval": bootstrap(counts, _difference) if both.height >= FEW else None,
    }


def _ratio(sums: Counts) -> Counts:
    return sums[:, 0] / sums[:, 1]


def _difference(sums: Counts) -> Counts:
    return sums[:, 0] / sums[:, 1] - sums[:, 2] / sums[:, 3]
