"""Write the pages that are made from the code: one for each command (docs/commands) and each check (docs/checks).

`--check` changes nothing and exits 1 when a page is not what the code says, or is of something that is gone.
Knows nothing of the other pages, nor of how the site looks (mkdocs.yml).
"""

from __future__ import annotations

import inspect
import json
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

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
MORE = {
    "generate": ("generate.md", "vllm.md", "servers.md", "ray.md"),
    "filter": ("filter.md", "rejections.md", "calibrate.md", "checks/index.md"),
    "distill": ("distill.md", "models.md", "preference.md"),
    "run": ("commands/config.md", "start.md", "gpu.md"),
    "eval": ("evaluation.md", "metrics.md", "answers.md"),
    "questions": ("evaluation.md",),
    "inspect": ("inspect.md", "rejections.md"),
    "report": ("report.md",),
    "measure": ("calibrate.md", "formats.md"),
    "check": ("start.md", "grounding.md"),
    "rules": ("checks/index.md", "own-check.md"),
    "bench": ("grounding.md", "logic.md", "benchmarks.md", "results.md"),
    "doctor": ("gpu.md", "troubleshooting.md"),
}
"""Pages to read next, by command; their own headings are their names."""
RULE_SAYS = {
    "acoustic": "The reasoning cites the sound, and what it says of the sound is true.",
    "logic": "The reasoning is whole, follows, and ends in the answer that is given.",
    "correctness": "The answer is right, where anybody knows what is right.",
}
LONGEST = 320
"""Characters of an example that are shown."""


def linked(text: str, up: str = "../") -> str:
    """Markdown in which a mentioned page of docs/ is a link to it."""
    return re.sub(r"(?<![\w/`])docs/([\w-]+)\.md", rf"[\1]({up}\1.md)", text)


def title_of(page: str, made: Mapping[str, str]) -> str:
    """The heading of a page of docs/, a made one or another."""
    text = made[page] if page in made else (DOCS / page).read_text(encoding="utf-8")
    return text.split("\n", 1)[0].removeprefix("# ")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; a pipe in a cell would end it."""
    lines = ["| " + " | ".join(row) + " |" for row in ((cell.replace("|", "\\|") for cell in row) for row in rows)]
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *lines])


# Commands


def command_page(name: str, made: Mapping[str, str]) -> str:
    """docs/commands/NAME.md: what the command does, an example, its arguments and options."""
    import typer

    from mgrd.cli import app

    command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    about, example = re.split(r"\n+Example: ", inspect.cleandoc(command.help or ""))
    given = [record for one in command.params if (record := _parameter(one)) is not None]
    parts = [f"# mgrd {name}", linked(about), f"```\n{example}\n```"]
    for title, rows in (
        ("Arguments", [row for is_option, *row in given if not is_option]),
        ("Options", [row for is_option, *row in given if is_option]),
    ):
        if rows:
            parts.append(f"## {title}\n\n" + table(["", "value", "what", "default"], rows))
    parts += [_tables_of(name)] if _tables_of(name) else []
    if name == "bench":
        from mgrd import bench

        rows = [[f"`{one}`", summary] for one, summary in bench.listed().items()]
        parts.append("## Benchmarks\n\n" + table(["name", "what it reruns"], rows))
    read_on = [f"[{title_of(page, made)}](../{page})" for page in MORE[name]]
    parts.append("## More\n\n" + " · ".join([*read_on, *_FORMATS]))
    return "\n\n".join(parts) + "\n"


_FORMATS = ("[keys of `--json`](../formats.md#--json)", "[exit codes](../formats.md#exit-codes)")


def _parameter(one: Any) -> tuple[bool, str, str, str, str] | None:
    """Whether it is an option; its name, value, help and default. None when --help does not list it."""
    if getattr(one, "hidden", False) or (record := one.get_help_record(_context())) is None:
        return None
    is_option = one.param_type_name == "option"
    left, said = record
    flags = ", ".join(f"`{flag}`" for flag in one.opts) if is_option else f"`{(one.name or '').upper()}`"
    value = re.search(r"[<\[](.*)[>\]]$", left)
    shown = "" if value is None or one.opts[0] in ("--help",) else _value(value[1])
    metavar = getattr(one, "metavar", None)
    if metavar and not metavar.startswith("["):
        shown = "" if not is_option else metavar
    said, default = re.subn(r"\s*\[(?:default: |required|x>=).*\]$", "", said)[0], _default(one, said)
    return is_option, flags, shown, linked(" ".join(said.split())), default


def _context() -> Any:
    import typer

    from mgrd.cli import app

    return typer.main.get_command(app).make_context("mgrd", ["rules"])


_KINDS = {"str": "text", "int": "whole number", "float": "number", "path": "path", "int range": "whole number"}


def _value(kind: str) -> str:
    """What a value looks like, as --help has it: a type, or the words there are."""
    kind = kind.removeprefix("list[").removesuffix("]")
    words = kind.split("|")
    return _KINDS.get(kind, kind) if len(words) == 1 else ", ".join(f"`{word}`" for word in words)


def _default(one: Any, said: str) -> str:
    found = re.search(r"\[(?:default: ([^\];]*)|(required))", said)
    return "" if found is None else f"`{found[1]}`" if found[1] else "required"


def _tables_of(name: str) -> str:
    """Which tables of a run's TOML have the command's options as keys."""
    tables = {"filter": ("filter", "select")}.get(name, (name,) if name in ("generate", "distill", "eval") else ())
    if not tables:
        return ""
    listed = " and ".join(f"`[{one}]`" for one in tables)
    return f"In a run's TOML its options are keys of {listed}, with underscores ([config](config.md))."


def commands_page() -> str:
    """docs/commands/index.md: all commands, a line each."""
    import typer

    from mgrd.cli import app

    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    rows = [
        [f"[`mgrd {name}`]({name}.md)", inspect.cleandoc(known[name].help or "").split("\n\n", maxsplit=1)[0]]
        for name in COMMANDS
    ]
    return (
        "\n\n".join(
            [
                "# Commands",
                "Made by `make docs` from the program itself; `mgrd COMMAND --help` says the same.",
                table(["command", "what it does"], rows),
                "stdout carries the answer, stderr the story: progress on a terminal, else a plain line every 30 s. "
                "`--json` prints one object instead, `--quiet` tells no story, `-v` says where an error arose. "
                "A command that was stopped goes on when it is given again.",
                "[The TOML of `mgrd run`](config.md) has every option of a stage as a key.",
            ]
        )
        + "\n"
    )


def config_page() -> str:
    """docs/commands/config.md: the tables of a run's TOML, with every key."""
    from mgrd import settings
    from mgrd.config import HOW_IT_RUNS, TABLES

    parts = [
        "# The TOML of `mgrd run`",
        "Every option of a stage is a key of the stage's table. Unknown keys, wrong types and values out of range end "
        "the command before any work. Paths are relative to the file. A run is continued only under the settings it "
        "was begun with; keys marked * may change on the way.",
        "```toml\n"
        + (DOCS.parent / "examples" / "quickstart" / "config.toml").read_text(encoding="utf-8").strip()
        + "\n```",
    ]
    for name, kind in TABLES.items():
        rows = [
            [
                f"`{one.name}`{' *' if one.name in HOW_IT_RUNS else ''}",
                linked(one.opt.help),
                _toml(one.default),
            ]
            for one in settings.fields(kind)
        ]
        parts.append(f"## [{name}]\n\n" + table(["key", "what", "default"], rows))
    parts += [
        "## Beside them",
        '- `python = "..."` in `[generate]`, `[filter]`, `[distill]` or `[eval]`: the interpreter of that stage, since '
        "vLLM and trainers pin different stacks.\n"
        "- `[filter.checks.NAME]`: the options of one check ([checks](../checks/index.md)).\n"
        "- `[vllm]`: engine arguments of vLLM, for generate and eval alike ([vLLM](../vllm.md)).",
    ]
    return "\n\n".join(parts) + "\n"


def _toml(value: Any) -> str:
    if value is None or value == []:
        return ""
    required = type(value).__name__ in ("_MISSING_TYPE", "type", "ellipsis")
    return "required" if required else f"`{json.dumps(value)}`"


# Checks


def check_page(check: Any) -> str:
    """docs/checks/NAME.md: what a check objects to and why, its options, its examples with the reasons it gives."""
    says = inspect.getdoc(check.function)
    rows = [[f"`{name}`", f"`{json.dumps(value, default=list)}`"] for name, value in check.options.items()]
    parts = [
        f"# {check.name}",
        f"Rule: **{check.rule}**. {RULE_SAYS[check.rule]}",
        linked(check.doc),
        "## When it objects",
        " ".join(says.split()) if says else "",
        *([table(["option", "default"], rows)] if rows else ["It has no options."]),
        *(_HEARD if check.name == "true_to_waveform" else ()),
        "## Objects to",
        "\n".join(_dropped(check, one) for one in check.drop),
        "## Keeps",
        "\n".join(f"- {_example(one)}" for one in check.keep),
        "## If it is wrong",
        _argue(check),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


_HEARD = (
    "What a word such as `low` or `fast` stands for, with sources: [thresholds](thresholds.md). How often verdicts are "
    "right, misses included: [How well claims are found and judged](../grounding.md).",
)


def _dropped(check: Any, one: Any) -> str:
    reason = check(one.trace())
    return f"- {_example(one)}  \n  *{check.name}*: {_plain(reason or 'nothing')}"


def _example(one: Any) -> str:
    """The text of an example, what it answers, and what was measured or known."""
    said = one.fields.get("completion") or one.think
    told = [f"`{name}` {value:g}" for name, value in (one.clip or {}).items()]
    told += [f"{key}: {_plain(str(one.fields[key]))}" for key in ("question", "answer") if one.fields.get(key)]
    if one.fields.get("choices"):
        told.append(f"choices: {_plain(', '.join(one.fields['choices']))}")
    told += [f"{key}: {one.fields[key]}" for key in ("finish_reason", "heard_s", "task") if key in one.fields]
    told += [f"the model said: {_said(verdict)}" for verdict in one.fields.get("verdicts", {}).values()]
    answers = f" **→** {_plain(one.response)}" if one.response else ""
    return _plain(said) + answers + (f" ({'; '.join(told)})" if told else "")


def _said(verdict: Any) -> str:
    """What a model that was asked said of an example: its votes, its answer, or why there is none."""
    votes = " ".join(f"{vote:g}" for vote in verdict.votes or [])
    return votes or _plain(verdict.value or verdict.why or "nothing")


def _plain(text: str) -> str:
    """One line of text that Markdown shows as it is, cut where it is long."""
    line = " ".join(text.split())
    line = line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
    return re.sub(r"([\\`*_<>\[\]|#~$&])", r"\\\1", line).replace("\\&", "&amp;") if line else "(nothing)"


def _argue(check: Any) -> str:
    option, key = next(iter(check.options), None), f"`[filter.checks.{check.name}]`"
    steps = [
        f"Read what it said of your traces: `mgrd inspect RUN --check {check.name}`. Mark what is wrong (`w`); "
        "`mgrd report RUN` then has its precision and recall on your data ([rejections](../rejections.md)).",
        *(
            []
            if option is None
            else [f"Tune it: `--check-option {check.name}.{option}=VALUE`, or {key} in a run's TOML."]
        ),
        f"Leave it out: `--without {check.name}`. `mgrd filter --compare A B` says which traces that lets in.",
        f"Mend it: `rules/{check.rule}/{check.name}.py` holds the words and thresholds it goes by. Put the text "
        "that it judged wrongly into `KEEP` or `DROP` there, and `python -m pytest tests/test_rulebook.py` runs it.",
    ]
    return "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))


def checks_page(checks: Sequence[Any]) -> str:
    """docs/checks/index.md: all checks, by rule."""
    parts = [
        "# Checks",
        "Made by `make docs` from the files under `rules/`. A check objects to a trace with one line of evidence. "
        "Every check is put to every trace; a trace passes when none objects. `mgrd rules` lists them, `mgrd rules "
        "NAME` explains one, `--without NAME` leaves one out, `--check-option NAME.KEY=VALUE` or "
        "`[filter.checks.NAME]` tunes one, `--rules DIR` adds [one of your own](../own-check.md).",
    ]
    for rule, says in RULE_SAYS.items():
        rows = [
            [f"[{one.name}]({one.name}.md)", linked(one.summary.removeprefix("Object "))]
            for one in checks
            if one.rule == rule
        ]
        parts.append(f"## {rule}\n\n{says}\n\n" + table(["check", "objects"], rows))
    return "\n\n".join(parts) + "\n"


def thresholds_page() -> str:
    """docs/checks/thresholds.md: the words that stand for figures, from rules/cues/norms.toml with its comments."""
    text = (DOCS.parent / "rules" / "cues" / "norms.toml").read_text(encoding="utf-8")
    head, rest = text.split("\n\n", 1)
    parts = [
        "# Thresholds: what a word stands for",
        "Made by `make docs` from `rules/cues/norms.toml`, comments included. Your own clips move these thresholds: "
        "[calibrate](../calibrate.md).",
        *(_comment(part) for part in head.split("\n#\n")),
    ]
    for said, entries in _groups(rest):
        rows = [
            [
                entry["cue"],
                entry["asserts"],
                entry["frame"],
                f"`{entry['figure']}`",
                _interval(entry),
                str(entry.get("against", "")),
                f"{entry['edge']:g}",
            ]
            for entry in entries
        ]
        parts.append(said)
        parts.append(table(["cue", "says", "frame", "figure", "right", "wrong past", "edge"], rows))
    return "\n\n".join(part for part in parts if part) + "\n"


def _groups(text: str) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    """Comments and the [[level]] entries that follow each."""
    said, entries = "", []
    for block in text.split("\n\n"):
        lines = block.splitlines()
        comment = "\n".join(line for line in lines if line.startswith("#"))
        found = tomllib.loads(block).get("level", [])
        if comment and entries:
            yield said, entries
            said, entries = "", []
        if comment:
            said = _comment(comment)
        entries += found
    if entries:
        yield said, entries


def _comment(lines: str) -> str:
    return " ".join(line.removeprefix("#").strip() for line in lines.splitlines())


def _interval(entry: Mapping[str, Any]) -> str:
    low, high = entry.get("at_least"), entry.get("at_most")
    if low is not None and high is not None:
        return f"{low:g} to {high:g}"
    return f"at least {low:g}" if low is not None else f"at most {high:g}"


def pages() -> dict[str, str]:
    """Every generated page, by its path under docs/."""
    from mgrd import rulebook

    checks = rulebook.load([])
    made = {
        "commands/index.md": commands_page(),
        "commands/config.md": config_page(),
        "checks/index.md": checks_page(checks),
        "checks/thresholds.md": thresholds_page(),
        **{f"checks/{one.name}.md": check_page(one) for one in checks},
    }
    return made | {f"commands/{name}.md": command_page(name, made) for name in COMMANDS}


def main() -> None:
    """Write or check the pages."""
    made = pages()
    there = {
        path.relative_to(DOCS).as_posix() for folder in ("commands", "checks") for path in (DOCS / folder).glob("*.md")
    }
    wrong = sorted(there - made.keys())
    if "--check" not in sys.argv:
        for name in wrong:
            (DOCS / name).unlink()
        for name, text in made.items():
            (DOCS / name).write_text(text, encoding="utf-8")
        return
    wrong += [name for name, text in made.items() if name not in there or (DOCS / name).read_text("utf-8") != text]
    if wrong:
        sys.exit(f"{', '.join(f'docs/{name}' for name in wrong)}: not what the code says; run `make docs`")


if __name__ == "__main__":
    main()
