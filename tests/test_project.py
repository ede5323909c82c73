"""The project's own promises: versions, dependencies, addresses, what is in the package."""

import ast
import fnmatch
import importlib.metadata
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import colab
import mutants
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from test_house import ROOT, imports

import damunet_lite
from book.tools.set_address import configured_address, set_address, split_address, text_files

PACKAGES = {"damunet_lite": ROOT / "damunet_lite", "damunet_book": ROOT / "book" / "damunet_book"}
MODULES = sorted(path for package in PACKAGES.values() for path in package.rglob("*.py"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DEPENDENCIES = {
    canonicalize_name(requirement.name): requirement
    for requirement in map(Requirement, PROJECT["project"]["dependencies"])
}


def module_name(path: Path) -> str:
    """`damunet_lite.losses`, `damunet_book.checks`: a module's full name."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts[parts[0] == "book" :]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


# Keras on another backend; the package names them, and does without.
OPTIONAL_IMPORTS = {"jax", "torch"}
DISTRIBUTION = {"PIL": "pillow", "skimage": "scikit-image", "IPython": "ipython"}


BOOK_PINS, COLAB_PINS = (
    colab.versions((ROOT / name).read_text(encoding="utf-8"))
    for name in ("requirements.txt", "tests/colab_constraints.txt")
)


# --- versions ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(DEPENDENCIES))
def test_book_and_colab_versions_lie_inside_the_package_bounds(name):
    accepts = DEPENDENCIES[name].specifier.contains
    assert accepts(BOOK_PINS[name])
    assert name not in COLAB_PINS or accepts(COLAB_PINS[name])


def test_colab_installs_nothing_but_the_package():
    assert not DEPENDENCIES["keras"].specifier.contains("3.14.0"), "it misroutes metrics"
    # What Colab's list does not name comes with the packages that it does name.
    assert set(DEPENDENCIES) - set(COLAB_PINS) <= {"networkx", "packaging", "tifffile"}


def test_version_is_said_once_and_repeated_rightly():
    version = damunet_lite.__version__
    assert importlib.metadata.version("damunet-lite") == version
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == version
    assert f"Version {version}" in (ROOT / "book" / "cite.md").read_text(encoding="utf-8")


def test_requirements_end_with_the_package_and_name_no_index():
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    *pinned, last = re.findall(r"^[^#\n]+", text, re.MULTILINE)
    assert last.strip() == "-e ."
    assert [line for line in pinned if not re.fullmatch(r"[\w.-]+==[\w.]+\s*", line)] == []


# --- the package ------------------------------------------------------------------------


def test_every_import_is_a_declared_dependency_and_the_other_way_round():
    imported = {name.split(".")[0] for path in MODULES for name in imports(path)}
    imported -= {*sys.stdlib_module_names, *PACKAGES, *OPTIONAL_IMPORTS}
    names = {DISTRIBUTION.get(name, name) for name in imported}
    assert names - set(DEPENDENCIES) == set()
    # TensorFlow is Keras's default backend: needed without being imported.
    assert set(DEPENDENCIES) - names <= {"tensorflow"}


def test_those_who_do_without_tensorflow_are_told_all_the_rest():
    page = (ROOT / "book" / "how_to_use.md").read_text(encoding="utf-8")
    command = re.search(r'pip install ("keras.*?)\n```', page, re.DOTALL)[1]
    told = {Requirement(word).name for word in shlex.split(command.replace("\\\n", " "))}
    assert told == set(DEPENDENCIES) - {"tensorflow"} | {"jax"}


def test_every_file_of_the_packages_is_shipped():
    shipped = PROJECT["tool"]["setuptools"]["package-data"]
    for package, folder in PACKAGES.items():
        for path in folder.rglob("*"):
            name = path.relative_to(folder).as_posix()
            if path.is_file() and path.suffix not in {".py", ".pyc"}:
                assert any(fnmatch.fnmatch(name, pattern) for pattern in shipped[package]), name


# What lies inside a subpackage is its own business (the checkers know the answers).
PUBLIC_MODULES = {
    name: path
    for path in MODULES
    if (name := module_name(path)).count(".") == 1 and not name.split(".")[1].startswith("_")
}
ARRAYS_OF_ANY_BACKEND = {"layers.py", "losses.py", "supervision.py"}


def public_functions(path: Path) -> Iterator[ast.FunctionDef]:
    """Functions and methods of a module whose name, and whose class's name, has no underscore."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if not getattr(node, "name", "_").startswith("_"):
            owned = [node, *(node.body if isinstance(node, ast.ClassDef) else [])]
            functions = (one for one in owned if isinstance(one, ast.FunctionDef))
            yield from (one for one in functions if not one.name.startswith("_"))


@pytest.mark.parametrize("path", PUBLIC_MODULES.values(), ids=module_name)
def test_public_functions_are_annotated(path):
    if path.name in ARRAYS_OF_ANY_BACKEND:
        pytest.skip("takes arrays of any backend")
    bare = []
    for function in public_functions(path):
        arguments = function.args.posonlyargs + function.args.args + function.args.kwonlyargs
        names = [a.arg for a in arguments if a.annotation is None and a.arg not in {"self", "cls"}]
        if names or function.returns is None:
            bare.append(f"{function.name}: {names or 'return value'}")
    assert bare == []


@pytest.mark.parametrize("name", PUBLIC_MODULES)
def test_public_modules_are_in_the_reference(name):
    page = (ROOT / "book" / "api.md").read_text(encoding="utf-8")
    assert f".. automodule:: {name}\n" in page


# --- the repository's address -----------------------------------------------------------

HOSTS = re.compile(
    r"(?:github\.com|colab\.research\.google\.com/github|mybinder\.org/v2/gh"
    r"|raw\.githubusercontent\.com|img\.shields\.io/github/[\w/]+?)/([\w.-]+/damunet[\w-]*)"
)
PAGES = re.compile(r"(?<![\w-])([\w-]{1,39})\.github\.io/(damunet[\w-]*)")


def addresses(root: Path) -> dict[str, set[str]]:
    """owner/name -> files that say so."""
    found: dict[str, set[str]] = {}
    for path in text_files(root):
        name = path.relative_to(root).as_posix()
        if name in {"tests/test_project.py", "CONTRIBUTING.md", "book/tools/set_address.py"}:
            continue  # they speak of addresses in general
        text = path.read_text(encoding="utf-8")
        for slug in HOSTS.findall(text):
            found.setdefault(slug.removesuffix(".git"), set()).add(name)
        for owner, repository in PAGES.findall(text):
            found.setdefault(f"{owner}/{repository}", set()).add(name)
    return found


def test_every_file_names_the_same_repository():
    slug = "/".join(split_address(configured_address()))
    found = addresses(ROOT)
    assert set(found) == {slug}, found
    assert {"_config.yml", "README.md", "CITATION.cff", "pyproject.toml"} <= found[slug]


def test_one_command_sets_the_address_everywhere(tmp_path):
    before = addresses(ROOT)
    named = set().union(*before.values())
    for name in named:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, tmp_path / name)
    new = "https://github.com/another-one/tissue"
    changed = set_address(new, tmp_path)
    assert configured_address(tmp_path) == new
    assert addresses(tmp_path) == {}  # the new name has no damunet in it: none of the old is left
    assert {path.relative_to(tmp_path).as_posix() for path in changed} == named
    assert set_address(new, tmp_path) == []
    set_address(configured_address(), tmp_path)
    assert addresses(tmp_path) == before


# --- the tree ---------------------------------------------------------------------------

LOCAL_PATH = re.compile(
    r"(?<![\w.:/-])/(?:home|Users|root|work|farm)/\w|[A-Z]:\\Users\\|\bTO" r"DO\b|\bFIX" r"ME\b"
)


def test_no_file_speaks_of_one_computer_or_of_work_left():
    for path in text_files(ROOT):
        found = LOCAL_PATH.search(path.read_text(encoding="utf-8"))
        assert found is None, f"{path.relative_to(ROOT)}: {found[0]!r}"


@pytest.mark.parametrize("then", ["jupyter-book build .", "pytest"])
def test_readme_gives_the_two_commands(then):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"python -m pip install -r requirements.txt && {then}" in readme


FIRST_IMPORTS = """
import importlib, sys, keras
for module in ("layers", "losses", "models", "supervision"):
    for name in [name for name in sys.modules if name.startswith("damunet_lite")]:
        del sys.modules[name]
    keras.saving.get_custom_objects().clear()
    importlib.import_module(f"damunet_lite.{module}")
    for name in ("CBAM", "TverskyLoss", "SegmentationNetwork"):
        assert keras.saving.get_registered_object(f"damunet_lite>{name}"), (module, name)
"""


def test_any_network_module_can_be_the_first_import():
    command = [sys.executable, "-c", FIRST_IMPORTS]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_mutants_are_programs_with_one_change():
    file = PACKAGES["damunet_lite"] / "augment.py"
    made = mutants.mutants_of(file)
    assert len(made) > 50
    for mutant in made:
        assert mutant.text != file.read_text(encoding="utf-8")
        ast.parse(mutant.text)
    assert mutants.drawn([file], 5, seed=1) == mutants.drawn([file], 5, seed=1)
    assert len(mutants.extra()) == sum(map(len, mutants.EXTRA.values()))
