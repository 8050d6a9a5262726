"""One fuzz target in a process of its own, started by `python -m loadtest fuzz`.

python -m loadtest.fuzz.child NAME [LIBFUZZER-OPTION]... CORPUS-FOLDER
"""

import sys

import atheris

with atheris.instrument_imports(include=["utility_ts_analytics"]):
    from loadtest.fuzz.targets import TARGETS


def main() -> None:
    """Fuzz until an option or a finding ends it; never returns."""
    name, *options = sys.argv[1:]
    atheris.enabled_hooks.add("RegEx")
    # libFuzzer starts this through a shell to merge inputs.
    command = f"{sys.executable} -m loadtest.fuzz.child {name}"
    atheris.Setup([command, *options], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
