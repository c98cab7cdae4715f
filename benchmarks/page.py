"""Sections of the pages under docs/ that benchmarks write: between two markers, everything else left alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def write_section(page: Path, name: str, lines: Sequence[str]) -> None:
    """Replace what stands between the markers of `name`; ValueError when the page has none."""
    begin, end = f"<!-- {name}: made by a benchmark -->", f"<!-- end of {name} -->"
    text = page.read_text(encoding="utf-8")
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{page}: has no section {name}")
    page.write_text(before + begin + "\n" + "\n".join(lines) + "\n" + end + after, encoding="utf-8")
