"""Write the pages that are made from the code: docs/cli.md from `--help`, docs/rules.md from the checks.

`--check` changes nothing and exits 1 when a page is not what the code says.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from pathlib import Path

DOCS = Path(__file__).parent
COMMANDS = ("generate", "filter", "distill", "run", "eval", "inspect", "rules")


def help_of(*words: str) -> str:
    """What `mgrd WORDS --help` prints, 80 columns wide."""
    from mgrd.cli import main

    os.environ["COLUMNS"] = "80"  # click goes narrower in a narrow terminal
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
        main([*words, "--help"])
    return "\n".join(line.rstrip() for line in text.getvalue().strip().splitlines())


def cli_page() -> str:
    """docs/cli.md."""
    parts = ["# Commands\n\nMade by `make docs` from the program itself.\n"]
    for words in ((), *((name,) for name in COMMANDS)):
        parts.append(f"## mgrd {' '.join(words)}".rstrip() + f"\n\n```\n{help_of(*words)}\n```\n")
    return "\n".join(parts)


def rules_page() -> str:
    """docs/rules.md."""
    from mgrd import rulebook

    parts = [
        "# Checks\n\nMade by `make docs` from the files under `rules/`. A check objects to a trace with one line of "
        "evidence; a trace passes when none objects. Switch one off with `--without NAME`, tune it with "
        "`--check-option NAME.KEY=VALUE` or `[filter.checks.NAME]`.\n"
    ]
    for check in rulebook.load([]):
        parts.append(f"## {check.rule}: {check.name}\n\n```\n{rulebook.describe(check).strip()}\n```\n")
    return "\n".join(parts)


def main() -> None:
    """Write or check the pages."""
    wrong = []
    for name, text in (("cli.md", cli_page()), ("rules.md", rules_page())):
        path = DOCS / name
        if "--check" not in sys.argv:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            wrong.append(f"docs/{name}")
    if wrong:
        sys.exit(f"{' and '.join(wrong)} differ from the code: run `make docs`")


if __name__ == "__main__":
    main()
