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
COMMANDS = (
    "generate",
    "filter",
    "distill",
    "run",
    "eval",
    "questions",
    "inspect",
    "report",
    "measure",
    "check",
    "rules",
    "bench",
    "doctor",
)


OWN_CHECK = """## A check of your own

One file, `DIR/logic/names_its_answer.py` (or `DIR/acoustic/...`, `DIR/correctness/...`), judged with `--rules DIR`:

```python
\"\"\"Object to a trace that never names the answer it gives.

What it is for, and why; `mgrd rules names_its_answer` prints this.
\"\"\"

from mgrd.rulebook import Trace, example


def check(trace: Trace, *, least: int = 1) -> str | None:
    \"\"\"Return the objection's reason, with numbers, or None.\"\"\"
    count = trace.think.lower().count((trace.predicted or "").lower()) if trace.predicted else 0
    return None if count >= least else f"names its answer {{count}} times"


KEEP = [example("It is low, so low.", response="low", choices=["low", "high"])]
DROP = [example("I hear a voice.", response="low", choices=["low", "high"])]
```

Its keyword arguments are its options, KEEP and DROP its tests. A trace has {fields}; `claims` are verified
(docs/formats.md) and `measurements[0].figure("f0_median_hz").value` is a figure of the first clip. `example(...,
clip={{"f0_median_hz": 110.0}})` gives an example its measurements.
"""


def config_page() -> str:
    """The tables of a run's TOML."""
    from mgrd import options
    from mgrd.config import TABLES

    parts = ["## The TOML of `mgrd run`\n\nEvery option of a command is a key of the table of its name.\n"]
    for name, kind in TABLES.items():
        known = ", ".join(f"`{field.name}`" for field in options.fields(kind))
        parts.append(f"- `[{name}]`: {known}")
    return "\n".join(
        [*parts, "", "`[filter.checks.NAME]` holds the options of one check. See examples/quickstart/config.toml.", ""]
    )


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
    return "\n".join([*parts, config_page()])


def rules_page() -> str:
    """docs/rules.md."""
    from mgrd import rulebook

    parts = [
        "# Checks\n\nMade by `make docs` from the files under `rules/`. A check objects to a trace with one line of "
        "evidence; a trace passes when none objects. Switch one off with `--without NAME`, tune it with "
        "`--check-option NAME.KEY=VALUE` or `[filter.checks.NAME]`.\n",
        OWN_CHECK.format(fields=", ".join(f"`{name}`" for name in rulebook.Trace.__dataclass_fields__)),
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
