#!/usr/bin/env python3
"""Makes infra/grafana/dashboards/ingestion.json out of infra/grafana/panels.toml.

    python3 scripts/make_dashboard.py            writes the file
    python3 scripts/make_dashboard.py --stdout   prints it

The TOML file has the queries, one line each; this script has their layout and style.
"""

import argparse
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "infra" / "grafana"
PANELS = FOLDER / "panels.toml"
DASHBOARD = FOLDER / "dashboards" / "ingestion.json"

_INSTANCES = 'job="ingestion", instance=~"$instance"'
_STREAMS = f'{_INSTANCES}, stream=~"$stream"'
_SOURCE = {"type": "prometheus", "uid": "prometheus"}

_GRID_WIDTH = 24
_CURVES, _NUMBER = (12, 8), (4, 4)
"""Width and height, in cells of Grafana's grid."""

Json = dict[str, object]
Panel = Mapping[str, object]


def dashboard() -> Json:
    """Return the dashboard as Grafana's JSON has it."""
    return {
        "uid": "ingestion",
        "title": "Ingestion",
        "tags": ["ingestion"],
        "timezone": "browser",
        "schemaVersion": 39,
        "refresh": "15s",
        "time": {"from": "now-3h", "to": "now"},
        "graphTooltip": 1,
        "editable": False,
        "templating": {"list": [_variable("stream"), _variable("instance")]},
        "panels": _panels(),
    }


def dashboard_text() -> str:
    """Return what the file should hold."""
    return json.dumps(dashboard(), indent=1) + "\n"


def _variable(label: str) -> Json:
    query = f'label_values(ingestion_rows_received_total{{job="ingestion"}}, {label})'
    return {
        "name": label,
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": query, "refId": label},
        "refresh": 2,
        "includeAll": True,
        "allValue": ".*",
        "multi": True,
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def _panels() -> list[Json]:
    """Lay out the rows from top to bottom, and the panels of each from left to right."""
    panels: list[Json] = []
    top = 0
    for row in tomllib.loads(PANELS.read_text())["rows"]:
        place = {"x": 0, "y": top, "w": _GRID_WIDTH, "h": 1}
        panels.append({"type": "row", "title": row["title"], "gridPos": place, "panels": []})
        top, left, height = top + 1, 0, 0
        for panel in row["panels"]:
            width, height = _NUMBER if "stat" in panel else _CURVES
            if left + width > _GRID_WIDTH:
                top, left = top + height, 0
            panels.append(_panel(panel, {"x": left, "y": top, "w": width, "h": height}))
            left += width
        top += height
    for number, drawn in enumerate(panels, 1):
        drawn["id"] = number
    return panels


def _panel(panel: Panel, place: Mapping[str, int]) -> Json:
    queries = panel["queries"]
    assert isinstance(queries, list)  # noqa: S101  TOML's types are not known to the checker
    return {
        "type": "stat" if "stat" in panel else "timeseries",
        "title": panel["title"],
        "description": panel["about"],
        "gridPos": place,
        "datasource": _SOURCE,
        "fieldConfig": {"defaults": _field(panel), "overrides": []},
        "options": _options(panel),
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "expr": query["expr"].replace("$S", _STREAMS).replace("$I", _INSTANCES),
                "legendFormat": query["legend"],
            }
            for index, query in enumerate(queries)
        ],
    }


def _field(panel: Panel) -> Json:
    field: Json = {"unit": panel["unit"], "min": 0, "thresholds": _thresholds(panel)}
    if "stat" not in panel:
        stacked = "stacked" in panel
        field["custom"] = {
            "fillOpacity": 20 if stacked else 0,
            "stacking": {"mode": "normal" if stacked else "none"},
        }
    return field


def _options(panel: Panel) -> Json:
    if "stat" in panel:
        return {
            "reduceOptions": {"calcs": ["lastNotNull"]},
            "colorMode": "background",
            "textMode": panel.get("text", "auto"),
        }
    return {
        "legend": {"displayMode": "list", "placement": "bottom"},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }


def _thresholds(panel: Panel) -> Json:
    steps: list[Json]
    if "bad_from" in panel:
        steps = [{"color": "green", "value": None}, {"color": "red", "value": panel["bad_from"]}]
    elif "bad_below" in panel:
        steps = [{"color": "red", "value": None}, {"color": "green", "value": panel["bad_below"]}]
    else:
        steps = [{"color": "text", "value": None}]
    return {"mode": "absolute", "steps": steps}


def main() -> None:
    """Write the file, or print what it would be."""
    parser = argparse.ArgumentParser(description="Makes Grafana's dashboard of the service.")
    parser.add_argument("--stdout", action="store_true", help="print instead of writing")
    if parser.parse_args().stdout:
        print(dashboard_text(), end="")
    else:
        DASHBOARD.parent.mkdir(parents=True, exist_ok=True)
        DASHBOARD.write_text(dashboard_text())


if __name__ == "__main__":
    main()
