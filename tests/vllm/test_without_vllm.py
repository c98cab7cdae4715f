"""What `--engine vllm` says where it cannot work; needs no vLLM."""

from importlib.metadata import PackageNotFoundError
from types import SimpleNamespace

import pytest

import mgrd.engines.vllm
from mgrd.engines import Request, Sampling, open_engine
from mgrd.errors import MgrdError


def test_without_vllm_the_error_says_what_to_install(tmp_path, monkeypatch):
    def no_such(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(mgrd.engines.vllm, "version", no_such)

    with pytest.raises(
        MgrdError, match=r"not installed here; pip install 'mgrd\[vllm\]', or use --engine transformers"
    ):
        open_engine("vllm", tmp_path)


def test_a_signal_to_stop_gives_up_what_is_not_finished(monkeypatch):
    """Hundreds of admitted samples would take longer than a scheduler waits before it kills."""
    aborted = []

    def step():
        monkeypatch.setattr(mgrd.engines.vllm.stop, "signal_name", "SIGTERM")
        return [SimpleNamespace(finished=True, request_id="0"), SimpleNamespace(finished=False, request_id="1")]

    engine = object.__new__(mgrd.engines.vllm.VllmEngine)
    engine.slots = 4
    engine.llm = SimpleNamespace(llm_engine=SimpleNamespace(step=step, abort_request=aborted.extend))

    def admit(request, _sampling, running):
        running |= {str(sample): (request, sample, seed) for sample, seed in request.seeds.items()}
        yield from ()

    monkeypatch.setattr(engine, "_admit", admit, raising=False)
    monkeypatch.setattr(engine, "_completion", lambda _request, sample, _seed, _output: sample, raising=False)
    request = Request("q", "What?", [], [], {0: 7, 1: 8, 2: 9})

    assert list(engine.sample([request], Sampling(1.0, 1.0, 64))) == [0]
    assert aborted == ["1", "2"]
