-- Mappings of meters and plants onto the network, events, and results.
--
-- A mapping holds from valid_from (inclusive) to valid_to (exclusive), both UTC; valid_to NULL means
-- that it still holds. To end one, insert the same key again with valid_to set: DEDUP replaces it.

CREATE TABLE IF NOT EXISTS meter_feeder_map (
  valid_from TIMESTAMP,   -- since when, UTC
  meter_id SYMBOL,        -- never NULL
  feeder_id SYMBOL,       -- never NULL
  substation_id SYMBOL,   -- never NULL
  transformer_id SYMBOL,  -- distribution transformer; NULL = not known
  valid_to TIMESTAMP      -- until when (exclusive), UTC; NULL = still holds
) TIMESTAMP(valid_from) PARTITION BY YEAR WAL
DEDUP UPSERT KEYS(valid_from, meter_id);

CREATE TABLE IF NOT EXISTS plant_feeder_map (
  valid_from TIMESTAMP,   -- since when, UTC
  plant_id SYMBOL,        -- never NULL
  feeder_id SYMBOL,       -- never NULL
  substation_id SYMBOL,   -- never NULL
  valid_to TIMESTAMP      -- until when (exclusive), UTC; NULL = still holds
) TIMESTAMP(valid_from) PARTITION BY YEAR WAL
DEDUP UPSERT KEYS(valid_from, plant_id, feeder_id);

CREATE TABLE IF NOT EXISTS meter_scale_map (
  valid_from TIMESTAMP,   -- since when, UTC
  meter_id SYMBOL,        -- never NULL
  scale_factor DOUBLE,    -- stored energy times this is true energy; -1 for exports; no row means 1
  reason SYMBOL,          -- for instance 'ct_ratio'
  valid_to TIMESTAMP      -- until when (exclusive), UTC; NULL = still holds
) TIMESTAMP(valid_from) PARTITION BY YEAR WAL
DEDUP UPSERT KEYS(valid_from, meter_id);

CREATE TABLE IF NOT EXISTS topology_events (
  ts TIMESTAMP,           -- when it happened, UTC
  event_id UUID,          -- version of this event
  element_id SYMBOL,      -- switch, feeder or transformer concerned; never NULL
  element_type SYMBOL,    -- for instance 'switch'
  event_type SYMBOL,      -- for instance 'opened'; never NULL
  from_feeder_id SYMBOL,  -- feeder before; NULL = none
  to_feeder_id SYMBOL,    -- feeder after; NULL = none
  detail VARCHAR          -- free text; NULL = none
) TIMESTAMP(ts) PARTITION BY MONTH WAL
DEDUP UPSERT KEYS(ts, element_id, event_type);

CREATE TABLE IF NOT EXISTS meter_events (
  ts TIMESTAMP,           -- when it happened, UTC
  event_id UUID,          -- version of this event
  meter_id SYMBOL,        -- never NULL
  event_type SYMBOL,      -- for instance 'tamper' or 'power_outage'; never NULL
  severity SYMBOL,        -- for instance 'info', 'warning', 'alarm'
  detail VARCHAR          -- free text; NULL = none
) TIMESTAMP(ts) PARTITION BY MONTH WAL
DEDUP UPSERT KEYS(ts, meter_id, event_type);

CREATE TABLE IF NOT EXISTS feeder_energy_balance (
  ts TIMESTAMP,           -- start of the interval the balance covers, UTC
  feeder_id SYMBOL,       -- never NULL
  interval_minutes INT,   -- length of the interval, minutes
  generation_kwh DOUBLE,  -- energy fed in by plants on the feeder, kWh
  supplied_kwh DOUBLE,    -- energy that entered at the head of the feeder, kWh
  demand_kwh DOUBLE,      -- energy the meters on the feeder took, kWh
  loss_kwh DOUBLE,        -- supplied + generation - demand, kWh; may be below 0 when data is missing
  loss_pct DOUBLE,        -- loss as a share of supplied + generation, percent; NULL = nothing supplied
  coverage_pct DOUBLE,    -- share of expected meter readings that were there, 0..100
  quality_score DOUBLE,   -- 0 (worthless) to 1 (complete and of good quality)
  cause_hint SYMBOL,      -- likely cause of an odd loss; NULL = nothing odd
  alert SYMBOL,           -- level of the alert raised; NULL = none
  computed_at TIMESTAMP   -- when the row was computed, UTC
) TIMESTAMP(ts) PARTITION BY MONTH WAL
DEDUP UPSERT KEYS(ts, feeder_id);
