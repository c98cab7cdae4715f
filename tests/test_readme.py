"""What the README shows of a command is what the command prints."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_the_check_that_the_readme_shows_is_what_check_prints(run, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "120")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    typed, shown = re.search(r"```\n\$ mgrd (check (?:[^\n]*\\\n)*[^\n]*)\n(.*?)```", readme, re.DOTALL).groups()
    code, out, _ = run(*shlex.split(typed.replace("\\\n", " ")))
    assert code == 0
    assert out.splitlines() == shown.splitlines()
