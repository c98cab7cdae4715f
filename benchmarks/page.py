"""What benchmarks need and print, and the sections of the pages under docs/ that they write between two markers."""

from __future__ import annotations

import json
from argparse import ArgumentTypeError
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from scipy.stats import binomtest


def folder(given: str) -> Path:
    """What `--data` names, as an argument's type: without such a folder the command line is wrong."""
    if not Path(given).is_dir():
        raise ArgumentTypeError(f"{given}: no such folder")
    return Path(given)


def check_data(data: Path, names: Iterable[str]) -> None:
    """End with one line when `--data` lacks a file, or a folder of WAV files, of these names."""
    for name in names:
        path = data / name
        if path.suffix == ".jsonl":
            there, what = path.is_file(), "no such file"
        else:
            there, what = any(path.glob("*.wav")), "no such folder of WAV files"
        if not there:
            raise SystemExit(f"Error: {path}: {what}; --data names the folder that holds it")


def share(part: int, whole: int, places: int = 1) -> str:
    """A share in percent with its 95 % interval (Wilson), which has a place less."""
    if not whole:
        return "-"
    low, high = binomtest(part, whole).proportion_ci(method="wilson")
    return f"{100 * part / whole:.{places}f} % ({100 * low:.{places - 1}f} to {100 * high:.{places - 1}f})"


def show(sections: Mapping[str, Sequence[str]], *, as_json: bool) -> None:
    """Print sections as they stand, or as one object: of each, in order, its paragraphs and its tables.

    A paragraph is a text, a table a list of rows, each `{column: cell}`; cells are the page's texts.
    """
    if as_json:
        print(json.dumps({name: _parts(lines) for name, lines in sections.items()}, ensure_ascii=False))
    else:
        print("\n\n".join("\n".join(lines).rstrip("\n") for lines in sections.values()))


def _parts(lines: Sequence[str]) -> list[str | list[dict[str, str]]]:
    parts: list[str | list[dict[str, str]]] = []
    for begins, group in groupby("\n".join(lines).splitlines(), _begins):
        if begins == "|":
            head, _, *rows = ([cell.strip() for cell in line.split("|")[1:-1]] for line in group)
            parts.append([dict(zip(head, row, strict=True)) for row in rows])
        elif begins:
            parts.append("\n".join(group))
    return parts


def _begins(line: str) -> str:
    """What tells lines of a table, of a paragraph, and between them apart."""
    return "|" if line.startswith("|") else "a word" if line.strip() else ""


def write_section(page: Path, name: str, lines: Sequence[str]) -> None:
    """Replace what stands between the markers of `name`; ValueError when the page has none."""
    begin, end = f"<!-- {name}: made by a benchmark -->", f"<!-- end of {name} -->"
    text = page.read_text(encoding="utf-8")
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{page}: has no section {name}")
    page.write_text(before + begin + "\n" + "\n".join(lines) + "\n" + end + after, encoding="utf-8")
