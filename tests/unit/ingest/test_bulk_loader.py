"""COPY statements: their text. What a real QuestDB does with them is in the file beside this."""

import re
from dataclasses import replace
from pathlib import PurePosixPath

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from utility_ts_analytics.ingest.bulk_loader import CopyJob, build_copy_sql, map_jobs


def test_plain_job_names_table_file_header_and_timestamp() -> None:
    sql = build_copy_sql(CopyJob("meter_usage", "2026/week 1.csv"))

    assert sql == "COPY meter_usage FROM '2026/week 1.csv' WITH header true timestamp ts;"


def test_every_option_stands_in_the_statement() -> None:
    job = CopyJob(
        table="meters",
        path=PurePosixPath("in", "meters.csv"),
        timestamp="valid_from",
        timestamp_format="dd/MM/yyyy HH:mm Z",
        header=False,
        delimiter=";",
        partition_by="YEAR",
        on_error="abort",
    )

    assert build_copy_sql(job) == (
        "COPY meters FROM 'in/meters.csv' WITH header false timestamp valid_from"
        " format 'dd/MM/yyyy HH:mm Z' delimiter ';' partition by YEAR on error abort;"
    )


def test_jobs_become_statements_in_their_order() -> None:
    jobs = [CopyJob("b", "2.csv"), CopyJob("a", "1.csv")]

    assert map_jobs(iter(jobs)) == (build_copy_sql(jobs[0]), build_copy_sql(jobs[1]))
    assert map_jobs([]) == ()


def test_one_bad_job_gives_no_statement_at_all() -> None:
    with pytest.raises(ValueError, match="as a name"):
        map_jobs([CopyJob("good", "1.csv"), CopyJob("not good", "2.csv")])


def test_transform_makes_a_list_and_leaves_the_jobs_alone() -> None:
    jobs = [CopyJob("b", "2.csv", extra_options={"delimiter": ";"}), CopyJob("a", "1.csv")]
    kept = [replace(job) for job in jobs]

    def moved(job: CopyJob) -> CopyJob:
        if isinstance(job.extra_options, dict):
            job.extra_options.clear()
        return replace(job, table=f"{job.table}_2023")

    assert map_jobs(moved, iter(jobs)) == [
        CopyJob("b_2023", "2.csv", True, {}),
        CopyJob("a_2023", "1.csv"),
    ]
    assert jobs == kept
    assert map_jobs(moved, []) == []
    assert map_jobs(build_copy_sql, jobs) == list(map_jobs(jobs=jobs))
    with pytest.raises(TypeError, match="needs jobs"):
        map_jobs(build_copy_sql)  # type: ignore[call-overload]  # the case


def test_job_takes_its_places_by_position_and_by_either_name() -> None:
    job = CopyJob("t", "a.csv", False, {"DELIMITER": ";"})

    assert (job.table, job.csv_path, job.has_header) == ("t", "a.csv", False)
    assert job.extra_options == {"DELIMITER": ";"}
    assert job == CopyJob(
        table="t", csv_path="a.csv", has_header=False, extra_options=job.extra_options
    )
    assert CopyJob(table="t", path="a.csv", header=False) == CopyJob("t", "a.csv", False)
    assert (job.path, job.header) == ("a.csv", False)
    assert CopyJob("t", "a.csv").has_header
    assert hash(job) == hash(replace(job))


def test_path_and_header_are_given_once() -> None:
    with pytest.raises(ValueError, match="csv_path is missing"):
        CopyJob("t")
    with pytest.raises(ValueError, match="both csv_path or path"):
        CopyJob("t", "a.csv", path="b.csv")
    with pytest.raises(ValueError, match="both has_header or header"):
        CopyJob("t", "a.csv", True, header=True)


def test_job_keeps_the_options_that_it_was_made_with() -> None:
    options = {"delimiter": ";"}
    job = CopyJob("t", "a.csv", extra_options=options)
    options["delimiter"] = "|"

    assert "delimiter ';'" in build_copy_sql(job)


@pytest.mark.parametrize(
    "extra",
    [
        {"DELIMITER": ";", "ON ERROR": "ABORT", "partition_by": "year", "Format": "yyyy-MM-dd"},
        {"delimiter": "';'", "on_error": "abort", "PARTITION BY": "YEAR", "format": "'yyyy-MM-dd'"},
        "DELIMITER ';' ON ERROR ABORT PARTITION BY YEAR FORMAT 'yyyy-MM-dd'",
        " format 'yyyy-MM-dd'\npartition_by year  on  error abort delimiter ';' ",
    ],
)
def test_extra_options_stand_in_the_statement(extra: dict[str, object] | str) -> None:
    assert build_copy_sql(CopyJob("t", "a.csv", True, extra)) == (
        "COPY t FROM 'a.csv' WITH header true timestamp ts format 'yyyy-MM-dd' delimiter ';'"
        " partition by YEAR on error abort;"
    )


def test_extra_option_may_name_the_timestamp() -> None:
    assert "timestamp valid_from" in build_copy_sql(
        CopyJob("t", "a.csv", True, "TIMESTAMP valid_from")
    )
    assert build_copy_sql(CopyJob("t", "a.csv", True, "")) == build_copy_sql(CopyJob("t", "a.csv"))


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"quote": "x"}, "the extra option 'quote'"),
        ({"header": True}, "has_header says it"),
        ("header false", "has_header says it"),
        ({"delimiter": ";", "DELIMITER": ";"}, "it is said twice"),
        ("on error abort on_error abort", "it is said twice"),
        ({"timestamp": "valid_from"}, "it is said twice"),
        ({"delimiter": "; DROP TABLE x"}, "delimiter"),
        ({"on error": "abort; DROP TABLE x"}, "use one of abort"),
        ({"partition by": "NONE"}, "use one of HOUR"),
        ({"format": "y' on error skip_row --"}, "timestamp_format"),
        ({"format": None}, None),
        ("delimiter", "write them as"),
        ("delimiter ';'; DROP TABLE x", "write them as"),
        ("delimiter ';' --", "write them as"),
        ("delimiter ';',format 'y'", "write them as"),
        ("delimiter ';''", "write them as"),
        ("x", "write them as"),
    ],
)
def test_extra_option_of_another_form_is_refused(
    extra: dict[str, object] | str, message: str | None
) -> None:
    job = CopyJob("t", "a.csv", True, extra, timestamp="ts")

    if message is None:
        assert build_copy_sql(job) == build_copy_sql(CopyJob("t", "a.csv"))
        return
    with pytest.raises(ValueError, match=message):
        build_copy_sql(job)


@given(st.text() | st.dictionaries(st.sampled_from(["delimiter", "format", "x"]), st.text()))
def test_no_extra_options_end_the_statement(extra: dict[str, object] | str) -> None:
    try:
        sql = build_copy_sql(CopyJob("t", "a.csv", True, extra))
    except ValueError:
        return
    bare = re.sub(r"'[^']*'", "?", sql)
    assert re.fullmatch(r"COPY t FROM \? WITH header true timestamp \w+[a-zA-Z_ ?]*;", bare)


@given(st.text())
def test_no_path_changes_the_statement(path: str) -> None:
    assume("'" not in path and ".." not in path and path.isprintable() and path)

    sql = build_copy_sql(CopyJob("meter_usage", path))

    match = re.fullmatch(r"COPY meter_usage FROM '([^']*)' WITH header true timestamp ts;", sql)
    assert match is not None
    assert match[1] == path


@pytest.mark.parametrize("name", ["", "a b", "a;b", 'a"', "a'", "x; DROP TABLE y", "1a", "ts\n"])
def test_name_of_another_form_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="as a name"):
        build_copy_sql(CopyJob(name, "a.csv"))
    with pytest.raises(ValueError, match="as a name"):
        build_copy_sql(CopyJob("meter_usage", "a.csv", timestamp=name))


@pytest.mark.parametrize("path", ["it's.csv", "a'; DROP TABLE meter_usage; --", "a\x00", "a\n.csv"])
def test_path_that_copy_cannot_express_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="cannot copy with path"):
        build_copy_sql(CopyJob("meter_usage", path))


@pytest.mark.parametrize("path", ["", "../a.csv", "a/../../b.csv"])
def test_empty_path_and_way_out_of_the_folder_are_refused(path: str) -> None:
    with pytest.raises(ValueError, match="cannot copy from"):
        build_copy_sql(CopyJob("meter_usage", path))


@pytest.mark.parametrize("pattern", ["yyyy-MM-dd'T'HH:mm", "y' on error skip_row --", "\x00"])
def test_format_that_copy_cannot_express_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="cannot copy with timestamp_format"):
        build_copy_sql(CopyJob("meter_usage", "a.csv", timestamp_format=pattern))


@pytest.mark.parametrize("delimiter", ["", "'", '"', ";;", "a", "\n", "ä", "\x00"])
def test_delimiter_out_of_the_list_is_refused(delimiter: str) -> None:
    with pytest.raises(ValueError, match="cannot copy with delimiter"):
        build_copy_sql(CopyJob("meter_usage", "a.csv", delimiter=delimiter))


@pytest.mark.parametrize("unit", ["NONE", "day", "DAY; DROP TABLE x", ""])
def test_partition_unit_out_of_the_list_is_refused(unit: str) -> None:
    job = CopyJob("meter_usage", "a.csv", partition_by=unit)  # type: ignore[arg-type]  # the case

    with pytest.raises(ValueError, match="use one of HOUR, DAY, WEEK, MONTH, YEAR"):
        build_copy_sql(job)


@pytest.mark.parametrize("choice", ["ABORT", "abort; DROP TABLE x", ""])
def test_error_choice_out_of_the_list_is_refused(choice: str) -> None:
    job = CopyJob("meter_usage", "a.csv", on_error=choice)  # type: ignore[arg-type]  # the case

    with pytest.raises(ValueError, match="use one of abort, skip_row, skip_column"):
        build_copy_sql(job)
