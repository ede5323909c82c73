"""Tell every file where the repository lives.

    python -m book.tools.set_address https://github.com/YOU/damunet-lite

The address that counts is `repository: url:` in `_config.yml`. This command replaces it, and the
same owner and name in every other file that names them: README, badges, install cells of the
chapters, CITATION.cff, pyproject.toml.
"""

import argparse
import os
import re
from collections.abc import Iterator
from pathlib import Path

from book.tools.build import ROOT

SUFFIXES = {".cff", ".cfg", ".css", ".html", ".ipynb", ".js", ".json", ".md", ".py", ".toml"}
SUFFIXES |= {".txt", ".yml", ".yaml"}
SKIPPED = {"_build", "build", "dist", "node_modules", "runs", "__pycache__"}
READ_BY_HOSTS = {".github", ".devcontainer"}
ADDRESS = re.compile(r"https://github\.com/([\w.-]+)/([\w.-]+?)(?:\.git)?/?$")
CONFIGURED = re.compile(r"^\s*url:\s*(https://github\.com/\S+)\s*$", re.MULTILINE)


def text_files(root: Path) -> Iterator[Path]:
    """Every file that may name the repository; hidden folders only where a host reads them."""
    for folder, folders, names in os.walk(root):
        kept = [name for name in folders if name.lstrip(".") == name or name in READ_BY_HOSTS]
        folders[:] = sorted(n for n in kept if n not in SKIPPED and not n.endswith(".egg-info"))
        paths = (Path(folder, name) for name in sorted(names))
        yield from (path for path in paths if path.suffix in SUFFIXES)


def split_address(address: str) -> tuple[str, str]:
    """Owner and name of a repository.

    Examples
    --------
    >>> split_address("https://github.com/someone/membranes.git")
    ('someone', 'membranes')
    >>> split_address("https://example.org/someone/membranes")
    Traceback (most recent call last):
        ...
    ValueError: address is 'https://example.org/someone/membranes', wanted \
https://github.com/OWNER/NAME, as for Colab
    """
    match = ADDRESS.match(address)
    if match is None:
        raise ValueError(
            f"address is {address!r}, wanted https://github.com/OWNER/NAME, as for Colab"
        )
    return match[1], match[2]


def configured_address(root: Path = ROOT) -> str:
    """The address that `_config.yml` gives."""
    return CONFIGURED.search((root / "_config.yml").read_text(encoding="utf-8"))[1]


def set_address(address: str, root: Path = ROOT) -> list[Path]:
    """Replace the configured address in every file; return the files that changed."""
    old_owner, old_name = split_address(configured_address(root))
    owner, name = split_address(address)
    replacements = [
        (rf"(?<![\w.-]){re.escape(old_owner)}/{re.escape(old_name)}(?![\w-])", f"{owner}/{name}"),
        (rf"{re.escape(old_owner)}\.github\.io/{re.escape(old_name)}", f"{owner}.github.io/{name}"),
    ]
    changed = []
    for path in text_files(root):
        old = new = path.read_bytes().decode("utf-8")
        if old_name not in old:
            continue  # notebooks are megabytes of pictures, slow to search with a pattern
        for pattern, replacement in replacements:
            new = re.sub(pattern, replacement, new)
        if new != old:
            path.write_bytes(new.encode("utf-8"))
            changed.append(path)
    return changed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("address", help="https://github.com/OWNER/NAME")
    try:
        changed = set_address(parser.parse_args().address)
    except ValueError as error:
        parser.error(str(error))
    print(*(path.relative_to(ROOT) for path in changed), sep="\n")


if __name__ == "__main__":
    main()
