"""What linters cannot hold: lengths, machine paths, numbered decisions, leftovers.

Every check takes a text or a list of names and returns its findings, so that the second half of
this file can show each of them failing.
"""

import ast
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "server/utility_ts_analytics"
FILE_LINES_MAX = 300
FUNCTION_LINES_MAX = 60
POSITIONAL_PARAMETERS_MAX = 5

# What writes to the terminal for a person; everything else logs.
MAY_PRINT = (f"{PACKAGE}/cli/", f"{PACKAGE}/service/demo.py")

_LEFTOVER = re.compile(r"\b(?:TODO|FIXME|XXX)\b")
_PLACES = (
    # Homes and scratch folders: no path of the machine where a file was written is a promise.
    re.compile(r"(?<![\w.~$}:/-])/(?:home|Users|root|work|tmp)/\w"),
    re.compile(r"\b[A-Za-z]:\\+Users\\"),
    # Package registries, and files fetched from them.
    re.compile(r"https?://[^\"'\s]+/(?:simple|maven2)\b"),
    re.compile(r"https?://[^\"'\s]+\.(?:whl|jar|crate)\b"),
    re.compile(r"registry = \"http|resolved \"?http|--(?:extra-)?index-url[ =]+http"),
)


def long_file(name: str, text: str) -> list[str]:
    count = len(text.splitlines())
    return [f"{name}: {count} lines, at most {FILE_LINES_MAX}"] if count > FILE_LINES_MAX else []


def long_functions(name: str, text: str) -> list[str]:
    return [
        f"{name}:{node.lineno}: {node.name} has {count} lines, at most {FUNCTION_LINES_MAX}"
        for node, _ in _functions(ast.parse(text))
        if (count := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
    ]


def crowded_signatures(name: str, text: str) -> list[str]:
    """Functions with too many positional parameters, `self` and `cls` not counted."""
    findings = []
    for node, bound in _functions(ast.parse(text)):
        count = len(node.args.posonlyargs) + len(node.args.args) - bound
        if count > POSITIONAL_PARAMETERS_MAX:
            findings.append(
                f"{name}:{node.lineno}: {node.name} takes {count} positional parameters,"
                f" at most {POSITIONAL_PARAMETERS_MAX}: make the rest keyword-only"
            )
    return findings


def leftovers(name: str, text: str) -> list[str]:
    """Notes to self anywhere; `print` everywhere but in the command line."""
    findings = [
        f"{name}:{number}: {match[0]} left over"
        for number, line in enumerate(text.splitlines(), 1)
        for match in _LEFTOVER.finditer(line)
    ]
    if not name.startswith(MAY_PRINT):
        findings += [
            f"{name}:{node.lineno}: print, use the log"
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "print"
        ]
    return findings


def foreign_places(name: str, text: str) -> list[str]:
    """Paths of one machine and addresses of package registries."""
    return [
        f"{name}:{number}: {match[0]} is a machine path or a registry address"
        for number, line in enumerate(text.splitlines(), 1)
        for pattern in (*_PLACES, re.compile(re.escape(f"{ROOT}/")))
        for match in pattern.finditer(line)
    ]


def misnumbered(names: Iterable[str]) -> list[str]:
    """File names that break the sequence `0001-title.md`, `0002-title.md`, and so on."""
    findings = []
    for number, name in enumerate(sorted(names), 1):
        if re.fullmatch(rf"{number:04}-[a-z0-9]+(?:-[a-z0-9]+)*\.md", name) is None:
            findings.append(f"docs/decisions/{name}: number {number:04} is due here")
    return findings


def _functions(
    tree: ast.AST, bound: int = 0
) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, int]]:
    """Every function, and how many of its parameters are bound (`self`, `cls`): 0 or 1."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            static = any(
                isinstance(mark, ast.Name) and mark.id == "staticmethod"
                for mark in node.decorator_list
            )
            yield node, 0 if static else bound
        yield from _functions(node, bound=int(isinstance(node, ast.ClassDef)))


def _names() -> list[str]:
    """The files of the repository, tracked or about to be, without those deleted."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout, so there is no list of its files")
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "-co", "--exclude-standard"],
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    return sorted(name for name in listed.split("\0") if name and (ROOT / name).is_file())


def _texts(*folders: str, suffix: str = "") -> Iterator[tuple[str, str]]:
    """Name and text of every text file in `folders`; of the whole repository for none."""
    for name in _names():
        if name.startswith(folders or "") and name.endswith(suffix):
            content = (ROOT / name).read_bytes()
            if b"\0" not in content:
                yield name, content.decode(errors="replace")


def _run(check: Callable[[str, str], list[str]], *folders: str, suffix: str = ".py") -> list[str]:
    return [found for name, text in _texts(*folders, suffix=suffix) for found in check(name, text)]


def test_files_are_short() -> None:
    assert _run(long_file, "server/", "tests/", "examples/", suffix=".py") == []
    assert _run(long_file, "scripts/", suffix="") == []


def test_functions_are_short() -> None:
    assert _run(long_functions, "server/", "tests/", "scripts/", "examples/") == []


def test_signatures_are_short() -> None:
    assert _run(crowded_signatures, "server/") == []


def test_nothing_is_left_over_in_the_package() -> None:
    assert _run(leftovers, f"{PACKAGE}/") == []


def test_no_file_names_a_machine_or_a_registry() -> None:
    assert _run(foreign_places, suffix="") == []


def test_decisions_are_numbered_without_gaps() -> None:
    folder = "docs/decisions/"
    assert misnumbered(n.removeprefix(folder) for n in _names() if n.startswith(folder)) == []


# The checks themselves can fail.


def test_long_file_is_found_from_the_first_line_over_the_limit() -> None:
    assert long_file("a.py", "x\n" * FILE_LINES_MAX) == []
    assert long_file("a.py", "x\n" * (FILE_LINES_MAX + 1)) == ["a.py: 301 lines, at most 300"]


@pytest.mark.parametrize("head", ["def f():", "async def f():", "class C:\n def f(self):"])
def test_long_function_is_found_wherever_it_stands(head: str) -> None:
    body = "\n  pass" * (FUNCTION_LINES_MAX - 1)
    assert long_functions("a.py", head + body) == []
    assert len(long_functions("a.py", head + body + "\n  pass")) == 1


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("def f(a, b, c, d, e): ...", 0),
        ("def f(a, b, c, d, e, *, f, g): ...", 0),
        ("def f(a, b, c, d, e, f): ...", 1),
        ("def f(a, b, c, /, d, e, f): ...", 1),
        ("class C:\n def f(self, a, b, c, d, e): ...", 0),
        ("class C:\n async def f(self, a, b, c, d, e, f): ...", 1),
        ("class C:\n @staticmethod\n def f(a, b, c, d, e, f): ...", 1),
        ("class C:\n def g(self):\n  def f(a, b, c, d, e, f): ...", 1),
    ],
)
def test_crowded_signature_is_found(source: str, count: int) -> None:
    assert len(crowded_signatures("a.py", source)) == count


@pytest.mark.parametrize("source", ["# TO" + "DO: later", '"""FIX' + 'ME"""', "print('x')"])
def test_leftover_is_found(source: str) -> None:
    assert len(leftovers(f"{PACKAGE}/a.py", source)) == 1


def test_command_line_may_print_but_not_leave_notes() -> None:
    assert leftovers(f"{PACKAGE}/cli/main.py", "print('x')") == []
    assert len(leftovers(f"{PACKAGE}/cli/main.py", "# TO" + "DO")) == 1


@pytest.mark.parametrize(
    "line",
    [
        "see /" + "home/someone/project",
        "'/" + "tmp/venv/bin/python'",
        "(/" + "work/project)",
        "C:" + "\\Users\\someone",
        "https:" + "//registry.example/simple/",
        "https:" + "//repo.example/maven2/org",
        "https:" + "//files.example/a-1.0.whl",
        "--index-url " + "http://mirror.example",
        f"{ROOT}/x",
    ],
)
def test_machine_path_or_registry_address_is_found(line: str) -> None:
    assert foreign_places("a.md", f"fine\n{line}\n") != []


@pytest.mark.parametrize(
    "line",
    [
        "https://questdb.com/docs/",
        "docs/home/x",
        "./" + "tmp/x",
        "$HOME/" + "work/x",
        "~/" + "work/x",
    ],
)
def test_other_addresses_and_paths_pass(line: str) -> None:
    assert foreign_places("a.md", line) == []


@pytest.mark.parametrize(
    "names", [["0002-b.md"], ["0001-a.md", "0003-c.md"], ["0001-a.md", "0001-b.md"], ["a.md"]]
)
def test_misnumbered_decision_is_found(names: list[str]) -> None:
    assert misnumbered(names) != []
    assert misnumbered(["0001-a.md", "0002-b-c.md"]) == []
