"""One fuzz target in a process of its own, which libFuzzer ends: started by `loadtest.fuzz`.

python -m loadtest.fuzz.child NAME [LIBFUZZER-OPTION]... CORPUS-FOLDER
"""

import sys

import atheris

with atheris.instrument_imports(include=["utility_ts_analytics"]):
    from loadtest.fuzz.catalogue import TARGETS


def main() -> None:
    """Fuzz until an option says stop, or a finding does; never returns."""
    name, *options = sys.argv[1:]
    atheris.enabled_hooks.add("RegEx")
    # What libFuzzer starts through a shell where it merges inputs.
    command = f"{sys.executable} -m loadtest.fuzz.child {name}"
    atheris.Setup([command, *options], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
