"""What the site adds to the pages as they lie in docs/: mkdocs calls these functions (mkdocs.yml, hooks).

The pages stay readable without the site. Here the examples' own pages and the changelog join them, links that leave
docs/ stay inside the site, a page that is mentioned becomes a link, and a check's page ends with the check itself.
Knows nothing of mgrd.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
JOIN = {
    "changelog.md": "CHANGELOG.md",
    **{
        path.relative_to(ROOT).as_posix(): path.relative_to(ROOT).as_posix()
        for folder in ("quickstart", "rewards", "slurm")
        for path in sorted((ROOT / "examples" / folder).iterdir())
        if path.suffix in (".md", ".py", ".sh", ".sbatch", ".toml")
    },
}
"""Pages of the site that lie elsewhere, and where; code beside them is there to be linked."""
_CODE = re.compile(r"(^ {0,3}(`{3,})[^\n]*\n.*?^ {0,3}\2[ ]*$|`[^`\n]+`)", re.DOTALL | re.MULTILINE)
_MENTIONED = re.compile(r"(?<!\]\()(?<![\w/\[])(?:docs/)?([a-z][a-z0-9-]*)\.md(?![\w\]])")


def on_config(config: Any) -> Any:
    """A folder in the nav stands for its pages: its index, then in the index's order, then the others."""
    config.nav = _expanded(config.nav)
    return config


def _expanded(entry: Any) -> Any:
    if isinstance(entry, list):
        return [_expanded(one) for one in entry]
    if isinstance(entry, dict):
        return {name: _expanded(one) for name, one in entry.items()}
    if not entry.endswith("/"):
        return entry
    folder = ROOT / "docs" / entry
    listed = re.findall(r"\]\(([\w-]+\.md)\)", (folder / "index.md").read_text(encoding="utf-8"))
    names = dict.fromkeys(["index.md", *listed, *sorted(path.name for path in folder.glob("*.md"))])
    return [entry + name for name in names]


def on_files(files: Files, *, config: Any) -> Files:
    """The examples and the changelog join the pages."""
    for name, path in JOIN.items():
        files.append(File.generated(config, name, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Files) -> str:
    """Links as they are in the site; a mentioned page as a link; a check's own file at the end of its page."""
    name = page.file.src_uri
    up = "../" * name.count("/")
    text = markdown.replace(
        "](../../docs/" if name in JOIN else "](../examples/", f"]({up}{'' if name in JOIN else 'examples/'}"
    )
    pieces = _CODE.split(text)
    del pieces[2::3]  # the fences' own marks, a group of the pattern
    pieces[::2] = [_MENTIONED.sub(lambda found: _link(found, up, name, files), piece) for piece in pieces[::2]]
    text = "".join(pieces)
    if (path := _check_file(name)) is not None:
        code = textwrap.indent(f"```python\n{path.read_text(encoding='utf-8')}```", "    ")
        text += f'\n\n??? quote "{path.relative_to(ROOT).as_posix()}"\n\n{code}\n'
    return text


def _link(found: re.Match[str], up: str, name: str, files: Files) -> str:
    page = f"{found[1]}.md"
    known = files.get_file_from_path(page) is not None and page != name
    return f"[{page}]({up}{page})" if known else found[0]


def _check_file(name: str) -> Path | None:
    if not name.startswith("checks/"):
        return None
    return next((ROOT / "rules").glob(f"*/{Path(name).stem}.py"), None)
