-- Materialized views for the daily questions: optional, applied by
-- `ingestion-service schema apply --views [--zone ZONE]`, which puts the zone in the place of 'UTC' and
-- the configured table's name in the place of "meter_usage". docs/VIEWS.md says what they cost and
-- answer, docs/decisions/0022-materialized-views.md why they are as they are.
--
-- Every ts is the START of the hour or day, in UTC. Sums are of stored values: scale factors and
-- feeders are joined when a question is asked, since a view does not follow changes in tables that
-- it joins. A bucket without readings has no row. Each is grouped by DEDUP keys of its table, so
-- that a correction changes the row that it belongs to.
-- Dropping a view loses nothing: it is built again from its table.

CREATE MATERIALIZED VIEW IF NOT EXISTS "meter_usage_hourly" -- hours of UTC, whatever the zone
REFRESH EVERY 15m AS (
  SELECT ts, meter_id,
    sum(kwh) AS kwh,           -- active energy of the intervals that are there, kWh, as stored
    count(kwh) AS intervals    -- how many those are: 4 where all of an hour's 15 minutes are there
  FROM "meter_usage"
  SAMPLE BY 1h ALIGN TO CALENDAR
) PARTITION BY DAY;

CREATE MATERIALIZED VIEW IF NOT EXISTS "meter_usage_daily" -- whole days of the zone, once they end
REFRESH EVERY 15m PERIOD (LENGTH 1d TIME ZONE 'UTC' DELAY 1h) AS (
  SELECT ts, meter_id,
    sum(kwh) AS kwh,           -- as above
    count(kwh) AS intervals    -- 96 where all are there, 92 and 100 on the days the clock changes
  FROM "meter_usage"
  SAMPLE BY 1d ALIGN TO CALENDAR TIME ZONE 'UTC'
) PARTITION BY MONTH;

CREATE MATERIALIZED VIEW IF NOT EXISTS "network_measurements_daily" -- whole days of the zone
REFRESH EVERY 15m PERIOD (LENGTH 1d TIME ZONE 'UTC' DELAY 1h) AS (
  SELECT ts, node_id,
    last(feeder_id) AS feeder_id, -- of the node's last interval of the day; NULL = none
    sum(value) AS mw_sum,      -- mean MW of the intervals, added: kWh = mw_sum * 1000 * hours of one
    count(value) AS intervals  -- how many those are
  FROM "network_measurements"
  WHERE quantity = 'active_power' AND unit = 'MW'
  SAMPLE BY 1d ALIGN TO CALENDAR TIME ZONE 'UTC'
) PARTITION BY YEAR;
