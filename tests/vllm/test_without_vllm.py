"""What `--engine vllm` says where it cannot work; needs no vLLM."""

from importlib.metadata import PackageNotFoundError

import pytest

import mgrd.engines.vllm
from mgrd.engines import open_engine
from mgrd.errors import MgrdError


def test_without_vllm_the_error_says_what_to_install(tmp_path, monkeypatch):
    def no_such(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(mgrd.engines.vllm, "version", no_such)

    with pytest.raises(
        MgrdError, match=r"not installed here; pip install 'mgrd\[vllm\]', or use --engine transformers"
    ):
        open_engine("vllm", tmp_path)
