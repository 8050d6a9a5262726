-- Core time series: what the ingestion service writes.
--
-- Every ts is the START of the interval the reading covers, in UTC, in whole microseconds.
-- A NULL means "not sent"; it never stands for zero. An upsert replaces the whole row: columns that
-- a later reading for the same key leaves out become NULL.
-- The DEDUP keys make it safe to send any row again, any number of times; the last one sent stays.
-- CAPACITY makes room for so many distinct values at once. Without it QuestDB doubles the room again
-- and again as they come, and a QuestDB 9.3.4 that is killed in such a moment may come back without
-- the table, or with a damaged one (docs/FAULTS.md).
-- event_id names one version of a reading. It is a UUID and not a SYMBOL, since a SYMBOL that is
-- unique per row grows a dictionary as long as the table.

CREATE TABLE IF NOT EXISTS meter_usage (
  ts TIMESTAMP,           -- start of the metering interval, UTC
  event_id UUID,          -- version of this reading; never NULL when written by the service
  meter_id SYMBOL CAPACITY 262144, -- never NULL
  premise_id VARCHAR,     -- NULL = not sent
  kwh DOUBLE,             -- active energy over the interval, kWh; never NULL; below 0 = net export
  kvarh DOUBLE,           -- reactive energy over the interval, kvarh; NULL = not measured
  kva_demand DOUBLE,      -- highest apparent power within the interval, kVA; NULL = not measured
  quality_flag SYMBOL,    -- as sent, for instance 'VALID' or 'ESTIMATED'; NULL = not sent
  source_system SYMBOL    -- head-end or MDM that sent it; NULL = not sent
) TIMESTAMP(ts) PARTITION BY DAY WAL
DEDUP UPSERT KEYS(ts, meter_id);

CREATE TABLE IF NOT EXISTS generation_output (
  ts TIMESTAMP,           -- start of the interval, UTC
  event_id UUID,          -- version of this reading; never NULL when written by the service
  plant_id SYMBOL,        -- never NULL
  unit_id SYMBOL,         -- generating unit within the plant; NULL = the plant as a whole
  mw DOUBLE,              -- mean active power over the interval, MW; never NULL; below 0 = charging
  mvar DOUBLE,            -- mean reactive power over the interval, Mvar; NULL = not measured
  status SYMBOL,          -- as sent, for instance 'RUNNING'; NULL = not sent
  fuel_type SYMBOL        -- as sent, for instance 'SOLAR'; NULL = not sent
) TIMESTAMP(ts) PARTITION BY DAY WAL
DEDUP UPSERT KEYS(ts, plant_id, unit_id);

CREATE TABLE IF NOT EXISTS network_measurements (
  ts TIMESTAMP,           -- start of the interval the value is the mean of, UTC
  node_id SYMBOL CAPACITY 16384, -- measuring point, for instance the head of a feeder; never NULL
  feeder_id SYMBOL,       -- feeder the node feeds or lies on; NULL = none (a busbar)
  quantity SYMBOL,        -- what is measured, for instance 'active_power'; never NULL
  value DOUBLE,           -- mean over the interval, in `unit`; never NULL
  unit SYMBOL,            -- unit of `value`, for instance 'MW'; never NULL
  quality_flag SYMBOL     -- as sent; NULL = not sent
) TIMESTAMP(ts) PARTITION BY DAY WAL
DEDUP UPSERT KEYS(ts, node_id, quantity);
