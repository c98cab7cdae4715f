"""What the transformers engine does when its memory does not hold what it was given."""

from types import SimpleNamespace

import numpy as np
import pytest

from mgrd.engines import Request, Sampling
from mgrd.engines.transformers import TransformersEngine

pytest.importorskip("torch")


@pytest.fixture
def engine():
    """An engine that answers with its seed, a group at a time; `engine.most` samples are too many for its memory."""
    made = object.__new__(TransformersEngine)
    made.batch, made.sr, made.device, made.stops, made.hears_padding, made.most = 4, 16_000, "cpu", {0}, False, 99
    made.processor = SimpleNamespace(tokenizer=SimpleNamespace(decode=lambda tokens, **_: str(tokens)))
    made._prefill = lambda group, _sampling: ({"attention_mask": np.ones((len(group), 3))}, None)

    def continued(_inputs, _cache, wanted, _sampling):
        if len(wanted) >= made.most:
            raise RuntimeError("CUDA out of memory. Tried to allocate 14.00 GiB")
        draw = SimpleNamespace(logprob=[0.0] * len(wanted), forced=[False] * len(wanted))
        return [[seed, 0] for *_, seed in wanted], draw

    made._continued = continued
    return made


def asked(questions=3, samples=4):
    return [Request(f"q{i}", "", [], [], {n: 10 * i + n + 1 for n in range(samples)}) for i in range(questions)]


def made(engine):
    return [(one.key, one.sample, one.text, one.error) for one in engine.sample(asked(), Sampling(max_tokens=9))]


def test_what_the_memory_does_not_hold_is_sampled_in_halves_the_same(engine):
    whole = made(engine)
    engine.most = 2

    assert made(engine) == whole
    assert [text for *_, text, _ in whole] == [f"[{10 * i + n + 1}]" for i in range(3) for n in range(4)]


def test_a_sample_that_the_memory_does_not_hold_alone_is_failed_with_its_reason(engine):
    engine.most = 1

    assert {error for *_, error in made(engine)} == {
        f"q{i}: CUDA out of memory. Tried to allocate 14.00 GiB" for i in range(3)
    }


def test_another_error_of_the_model_is_a_bug_and_keeps_its_traceback(engine):
    def broken(*_):
        raise RuntimeError("shapes do not fit")

    engine._continued = broken

    with pytest.raises(RuntimeError, match="shapes do not fit"):
        made(engine)
