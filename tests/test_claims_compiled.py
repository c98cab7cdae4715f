"""The compiled part of a wheel of `make wheel`: which modules it is, and that it runs when it is there."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import mgrd.claims

ROOT = Path(__file__).resolve().parents[1]


def test_what_reads_a_text_is_what_a_wheel_compiles():
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    compiled = {Path(name).stem for name in build["targets"]["wheel"]["hooks"]["mypyc"]["include"]}
    script = (
        "import sys; before = set(sys.modules); import mgrd.claims.extract; "
        "print(*(name for name in set(sys.modules) - before if name.startswith('mgrd.claims.')))"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()

    about_files_and_figures = {"layout", "memo", "readings"}
    assert {name.removeprefix("mgrd.claims.") for name in loaded} - about_files_and_figures == compiled


@pytest.mark.skipif(
    "unpacked" not in Path(mgrd.claims.__file__).parts, reason="of a wheel; `make wheel` unpacks one and tests it"
)
def test_a_wheel_runs_its_compiled_modules():
    import mgrd.claims.extract as extract

    assert Path(extract.__file__).suffix == ".so"
