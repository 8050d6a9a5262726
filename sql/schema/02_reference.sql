-- Reference data: what meters, customers and plants are.
--
-- valid_from is since when a row holds (UTC). A later row for the same id replaces the earlier one
-- from its own valid_from on, so history stays: "as of t" is the last row with valid_from <= t.
-- A NULL means "not known".

CREATE TABLE IF NOT EXISTS meters (
  valid_from TIMESTAMP,   -- since when this row holds, UTC
  meter_id SYMBOL,        -- never NULL
  premise_id VARCHAR,     -- where it is installed; NULL = not known
  customer_id SYMBOL,     -- whose it is; NULL = nobody's (vacant)
  meter_type SYMBOL,      -- for instance 'household', 'commercial', 'net_metering'
  register SYMBOL,        -- what `kwh` of its readings counts, for instance 'import' or 'net'
  phase SYMBOL,           -- 'A', 'B', 'C' or 'ABC'
  rated_kva DOUBLE,       -- rated apparent power, kVA
  status SYMBOL           -- for instance 'active' or 'removed'
) TIMESTAMP(valid_from) PARTITION BY YEAR WAL
DEDUP UPSERT KEYS(valid_from, meter_id);

CREATE TABLE IF NOT EXISTS customers (
  valid_from TIMESTAMP,   -- since when this row holds, UTC
  customer_id SYMBOL,     -- never NULL
  premise_id VARCHAR,     -- where the customer is supplied; NULL = not known
  segment SYMBOL,         -- for instance 'residential' or 'commercial'
  tariff_code SYMBOL,     -- tariff in force; NULL = none agreed
  region SYMBOL           -- supply region
) TIMESTAMP(valid_from) PARTITION BY YEAR WAL
DEDUP UPSERT KEYS(valid_from, customer_id);

CREATE TABLE IF NOT EXISTS plants (
  valid_from TIMESTAMP,   -- since when this row holds, UTC
  plant_id SYMBOL,        -- never NULL
  name VARCHAR,           -- for people; NULL = same as plant_id
  fuel_type SYMBOL,       -- for instance 'SOLAR'
  capacity_mw DOUBLE,     -- rated active power of the whole plant, MW
  units INT,              -- number of generating units, >= 1; NULL = not known
  status SYMBOL           -- for instance 'active' or 'retired'
) TIMESTAMP(valid_from) PARTITION BY YEAR WAL
DEDUP UPSERT KEYS(valid_from, plant_id);
