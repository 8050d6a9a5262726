#!/usr/bin/env bash
# Posts a few readings to both streams, as NDJSON and as a JSON array, and shows the answers.
# METER_USAGE_URL and GENERATION_URL say where; INGESTION_TOKEN is sent as the bearer token if set.
set -euo pipefail

meter_url=${METER_USAGE_URL:-http://localhost:7001}
generation_url=${GENERATION_URL:-http://localhost:7002}
auth=()
if [ -n "${INGESTION_TOKEN:-}" ]; then
  auth=(--header @-)
fi

post() { # url media-type; the body is on file descriptor 3
  echo "POST $1"
  # The token goes through standard input, so that it is in no process list.
  if ! printf 'Authorization: Bearer %s\n' "${INGESTION_TOKEN:-}" |
    curl --silent --show-error --fail-with-body --max-time 60 "${auth[@]}" \
      --header "Content-Type: $2" --data-binary @/dev/fd/3 "$1"; then
    echo "cannot post to $1: is the service running there (./scripts/run)?" >&2
    exit 1
  fi
}

post "$meter_url/ingest/meter_usage/ndjson" application/x-ndjson 3<<'NDJSON'
{"ts":"2024-01-01T00:00:00Z","meter_id":"m-1","kwh":1.25}
{"ts":"2024-01-01T00:15:00Z","meter_id":"m-1","kwh":1.10,"quality_flag":"VALID"}
{"ts":"2024-01-01T01:00:00+01:00","meter_id":"m-2","kwh":0.4,"kvarh":0.05,"source_system":"HES-1"}
NDJSON

post "$meter_url/ingest/meter_usage" application/json 3<<'JSON'
[{"ts":"2024-01-01T00:30:00Z","meter_id":"m-1","kwh":0.95},
 {"ts":"2024-01-01T00:30:00Z","meter_id":"m-2","kwh":0.35}]
JSON

post "$generation_url/ingest/generation_output/ndjson" application/x-ndjson 3<<'NDJSON'
{"ts":"2024-01-01T00:00:00Z","plant_id":"plant-1","mw":10.0}
{"ts":"2024-01-01T00:15:00Z","plant_id":"plant-1","unit_id":"u-1","mw":9.5,"fuel_type":"HYDRO"}
NDJSON

post "$generation_url/ingest/generation_output" application/json 3<<'JSON'
[{"ts":"2024-01-01T00:30:00Z","plant_id":"plant-1","mw":9.1,"mvar":-0.4,"status":"ONLINE"}]
JSON
