"""What is worked out from a clip alone, kept while one text is judged.

A long text asks the same thing of a clip thousands of times. `verify` judges a copy of the measurements with an empty
`memo`; measurements without one keep nothing, so nothing outlives a call and no change to them goes unseen.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

if TYPE_CHECKING:
    from mgrd.audio.measure import Measurements

P = ParamSpec("P")
R = TypeVar("R")


def once(find: Callable[Concatenate[Measurements, P], R]) -> Callable[Concatenate[Measurements, P], R]:
    """`find` run once for each of its arguments after the clip, which are hashable; no caller changes the answer."""

    @wraps(find)
    def kept(clip: Measurements, /, *args: P.args, **named: P.kwargs) -> R:
        if clip.memo is None:
            return find(clip, *args, **named)
        key: tuple[Any, ...] = (find.__module__, find.__qualname__, args, *sorted(named.items()))
        if key not in clip.memo:
            clip.memo[key] = find(clip, *args, **named)
        found: R = clip.memo[key]
        return found

    return kept
