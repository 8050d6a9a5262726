"""The dashboard is what its script makes, and asks only for what there is."""

import json
import re

import yaml
from tests.infra.promql import INFRA, findings

from make_dashboard import DASHBOARD, FOLDER, dashboard, dashboard_text


def panels() -> list[dict[str, object]]:
    found = json.loads(DASHBOARD.read_text())["panels"]
    assert isinstance(found, list)
    return found


def expressions() -> list[str]:
    found = []
    for panel in panels():
        targets = panel.get("targets", [])
        assert isinstance(targets, list)
        found += [str(target["expr"]) for target in targets]
    return found


def test_file_is_what_the_script_makes() -> None:
    assert DASHBOARD.read_text() == dashboard_text(), "run scripts/make_dashboard.py"


def test_only_metrics_that_exist_are_asked_for() -> None:
    asked = expressions()
    assert len(asked) > 20
    assert list(findings(asked)) == []


def test_every_metric_family_of_the_contract_is_shown() -> None:
    contract = INFRA.parent / "docs" / "METRICS.md"
    shown = " ".join(expressions())
    for name in re.findall(r"`(ingestion_\w+)`", contract.read_text()):
        if name not in {"ingestion_rows_recovered_total", "ingestion_buffer_bytes"}:
            stem = name.removesuffix("_total")
            parts = (stem, *_recorded_as(stem))
            assert any(part in shown for part in parts), f"{name} is on no panel"


def _recorded_as(stem: str) -> tuple[str, ...]:
    return {
        "ingestion_buffer_capacity_rows": ("stream:ingestion_buffer:fill",),
        "ingestion_rows_rejected": ("reason:ingestion_rows_rejected:share10m",),
    }.get(stem, ())


def test_panels_lie_within_the_grid_and_not_on_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        assert isinstance(place, dict)
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not taken & cells, panel["title"]
        assert all(x < 24 for x, _ in cells), panel["title"]
        taken |= cells


def test_panels_have_titles_explanations_and_numbers_of_their_own() -> None:
    drawn = [panel for panel in panels() if panel["type"] != "row"]
    assert all(panel["title"] and panel["description"] for panel in drawn)
    assert len({panel["id"] for panel in panels()}) == len(panels())
    assert len({panel["title"] for panel in drawn}) == len(drawn)


def test_datasource_is_the_one_that_the_dashboard_looks_for() -> None:
    sources = FOLDER / "provisioning" / "datasources" / "prometheus.yml"
    [source] = yaml.safe_load(sources.read_text())["datasources"]
    assert {str(panel["datasource"]) for panel in panels() if "datasource" in panel} == {
        str({"type": "prometheus", "uid": source["uid"]})
    }
    assert dashboard()["uid"] == "ingestion"
