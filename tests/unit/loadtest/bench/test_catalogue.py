"""The list of the benches."""

from pathlib import Path

import pytest
from loadtest.bench import questions
from loadtest.bench.catalogue import BENCHES


def test_every_question_is_in_the_catalogue() -> None:
    folder = Path(next(iter(questions.__path__)))
    assert {path.stem for path in folder.glob("*.py")} == set(BENCHES)


@pytest.mark.parametrize("name", BENCHES)
def test_bench_has_a_question_and_what_answers_it(name: str) -> None:
    bench = BENCHES[name]
    assert bench.question.endswith("?")
    assert callable(bench.measure)
    assert bench.quick.rows < bench.full.rows
    assert len(set(bench.cases)) == len(bench.cases) > 0
    assert 0 < bench.tolerance < 1
