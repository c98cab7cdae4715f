"""What every test may use: the command line as a shell sees it, and the real data where it is there."""

from __future__ import annotations

from pathlib import Path

import pytest
from distilling import clips, model, survivors  # noqa: F401  (fixtures of every test that trains)

from mgrd.progress import stop

REAL = Path(__file__).resolve().parents[2] / "shared" / "real"


@pytest.fixture
def run(capsys):
    """Run `mgrd` as a shell would; return its exit code, stdout and stderr."""
    from mgrd.cli import main

    def run(*args):
        with pytest.raises(SystemExit) as stopped:
            main([str(arg) for arg in args])
        return stopped.value.code or 0, *capsys.readouterr()

    return run


@pytest.fixture(autouse=True)
def no_signal(monkeypatch):
    """No test sees the signal that another one set, or since when its grace runs."""
    monkeypatch.setattr(stop, "signal_name", None)
    monkeypatch.setattr(stop, "grace_s", 0.0)
    monkeypatch.setattr(stop, "_since", None)


@pytest.fixture
def quick(monkeypatch):
    """No real waits for a server, and no key but a test's own."""
    from mgrd.engines import server

    monkeypatch.setattr(server, "FIRST_WAIT_S", 0.002)
    monkeypatch.setattr(server, "LONGEST_WAIT_S", 0.02)
    for name in ("MGRD_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def real():
    """The folder of real data; the test skips where it is absent."""
    if not REAL.is_dir():
        pytest.skip(f"no real data at {REAL}")
    return REAL
