-- Shared by all questions: moments and days, the reference rows that hold for a meter or plant at a
-- time, and the readings of the period with them.
--
-- Tables are those of sql/schema. Times are TIMESTAMP in UTC and the start of an interval; a "local"
-- one is the wall clock of $zone. $from and $to bound the period; $to is not in it.
-- A reference row holds from its valid_from to that of the next row of its key, or to its own
-- valid_to if that comes first; neither end is in it.

-- 1. Lengths, shares.

CREATE MACRO minutes(n) AS to_minutes(CAST(n AS BIGINT));
-- Of so many minutes; an hour of them is more than an INTEGER holds.
CREATE MACRO microseconds(n) AS CAST(n AS BIGINT) * 60000000;
CREATE MACRO hours(span) AS epoch(span) / 3600.0;
CREATE MACRO share(n, total) AS CASE WHEN total > 0 THEN n / total END;
CREATE MACRO percent(n, total) AS CASE WHEN total > 0 THEN 100.0 * n / total END;

-- Energies are compared to a thousandth of a Wh: the order in which they were added up must not
-- matter. "+ 0.0" makes one zero of the two that there are.
CREATE MACRO comparable(kwh) AS round(kwh, 6) + 0.0;

-- One number that is larger for a higher energy, and of equal ones for the earlier: a maximum of pairs
-- takes ten times as long. Energies beyond 1e14 kWh are all the same to it.
CREATE MACRO highest_then_earliest(kwh, ts) AS
  CAST(least(greatest(kwh, -1e14), 1e14) * 1e6 AS HUGEINT) * 10000000000000000 - epoch_us(ts);

-- 2. Moments.

CREATE MACRO to_local(utc, zone) AS timezone(zone, timezone('UTC', utc));
-- Of a local time that comes twice, the first; of one that is skipped, the moment of the skip.
-- ICU takes the second: three hours before that, the offset is still the one of the first.
CREATE MACRO to_utc_second(local, zone) AS timezone('UTC', timezone(zone, local));
CREATE MACRO to_utc_before(local, zone, utc) AS local - (to_local(utc - INTERVAL 3 hours, zone) - (utc - INTERVAL 3 hours));
CREATE MACRO first_of(local, zone, utc, before) AS CASE WHEN to_local(before, zone) = local THEN least(before, utc) ELSE utc END;
CREATE MACRO to_utc(local, zone) AS first_of(local, zone, to_utc_second(local, zone),
  to_utc_before(local, zone, to_utc_second(local, zone)));

-- Every minute of a span with its local time. Joined by date_trunc('minute', ts): asking the zone
-- for each reading would cost more than all the rest.
CREATE MACRO calendar(since, until, zone) AS TABLE
  SELECT minute, to_local(minute, zone) AS local, CAST(to_local(minute, zone) AS DATE) AS local_day
  FROM (
    SELECT unnest(generate_series(
      date_trunc('minute', CAST(since AS TIMESTAMP)),
      CAST(until AS TIMESTAMP) - INTERVAL 1 microsecond,
      INTERVAL 1 minute)) AS minute
  );

-- The same with the bucket that each minute lies in. Buckets of a day and more are local days, of 23
-- and 25 hours too; shorter ones start at whole multiples of their length in UTC.
CREATE MACRO buckets(since, until, zone, every) AS TABLE
  WITH
  minutes AS (
    SELECT minute, CAST(every AS INTERVAL) >= INTERVAL 1 day AS long,
      time_bucket(CAST(every AS INTERVAL), CASE WHEN long THEN local ELSE minute END) AS start
    FROM calendar(since, until, zone)
  ),
  starts AS (
    SELECT start, CASE WHEN long THEN to_utc(start, zone) ELSE start END AS bucket,
      CASE WHEN long THEN to_utc(start + CAST(every AS INTERVAL), zone) ELSE start + CAST(every AS INTERVAL) END AS bucket_end
    FROM (SELECT DISTINCT start, long FROM minutes)
  )
  SELECT minute, bucket, bucket_end FROM minutes JOIN starts USING (start);

-- The same for questions that mean nothing for a part of an interval.
CREATE MACRO whole_intervals(since, until, zone, every) AS TABLE
  SELECT minute, bucket_end,
    CASE WHEN bucket < since OR bucket_end > until
         THEN error('the period cuts an interval of ' || every || ', which starts ' || bucket || ' UTC: take whole ones')
         ELSE bucket END AS ts
  FROM buckets(since, until, zone, every);

-- The same with the type of the local day: weekday, saturday, sunday or, by the tariff, holiday.
CREATE MACRO typed_days(since, until, zone) AS TABLE
  SELECT minute, local, local_day,
    CASE WHEN local_day IN (SELECT day FROM holidays) THEN 'holiday'
         WHEN isodow(local_day) = 7 THEN 'sunday'
         WHEN isodow(local_day) = 6 THEN 'saturday'
         ELSE 'weekday' END AS day_type
  FROM calendar(since, until, zone);

-- Intervals of $interval_minutes, counted from $from: the first is 0.
CREATE MACRO slot_of(ts) AS (epoch_us(ts) - epoch_us($from)) // microseconds($interval_minutes);
CREATE MACRO starts_slot(ts) AS (epoch_us(ts) - epoch_us($from)) % microseconds($interval_minutes) = 0;
CREATE MACRO slot_start(slot) AS $from + minutes(slot * $interval_minutes);
-- How many intervals of such a length, counted from $from, start before a moment of the period.
CREATE MACRO slots_before_of(moment, length) AS
  (epoch_us(moment) - epoch_us($from) + microseconds(length) - 1) // microseconds(length);
CREATE MACRO slots_before(moment) AS slots_before_of(moment, $interval_minutes);

-- 3. What held when.

CREATE MACRO in_service(status) AS
  coalesce(lower(status) NOT IN ('inactive', 'removed', 'retired'), true);

CREATE VIEW meter_versions AS
  SELECT *, lead(valid_from, 1, 'infinity') OVER (PARTITION BY meter_id ORDER BY valid_from) AS until
  FROM meters;
CREATE VIEW customer_versions AS
  SELECT *, lead(valid_from, 1, 'infinity') OVER (PARTITION BY customer_id ORDER BY valid_from) AS until
  FROM customers;
CREATE VIEW plant_versions AS
  SELECT *, lead(valid_from, 1, 'infinity') OVER (PARTITION BY plant_id ORDER BY valid_from) AS until
  FROM plants;
CREATE VIEW meter_feeder_versions AS
  SELECT *, least(valid_to, lead(valid_from, 1, 'infinity') OVER (PARTITION BY meter_id ORDER BY valid_from)) AS until
  FROM meter_feeder_map;
CREATE VIEW plant_feeder_versions AS
  SELECT *, least(valid_to, lead(valid_from, 1, 'infinity') OVER (PARTITION BY plant_id ORDER BY valid_from, feeder_id)) AS until
  FROM plant_feeder_map;
CREATE VIEW scale_versions AS
  SELECT *, least(valid_to, lead(valid_from, 1, 'infinity') OVER (PARTITION BY meter_id ORDER BY valid_from)) AS until
  FROM meter_scale_map;

-- All of time for each meter of a reference table, cut wherever anything about it changed.
CREATE TEMP TABLE meter_spans AS
  WITH
  mapped AS (SELECT DISTINCT meter_id FROM meter_feeder_map),
  listed AS (SELECT DISTINCT meter_id FROM meters),
  moments AS (
    SELECT meter_id, valid_from AS moment FROM meters
    UNION SELECT m.meter_id, c.valid_from FROM meters m JOIN customers c USING (customer_id)
    UNION SELECT meter_id, unnest([valid_from, until]) FROM meter_feeder_versions
    UNION SELECT meter_id, unnest([valid_from, until]) FROM scale_versions
    UNION SELECT meter_id, unnest(['-infinity'::TIMESTAMP, 'infinity'])
          FROM (FROM listed UNION FROM mapped UNION SELECT meter_id FROM meter_scale_map)
  ),
  spans AS (
    SELECT meter_id, moment AS since,
      lead(moment) OVER (PARTITION BY meter_id ORDER BY moment) AS until
    FROM moments
    WHERE meter_id IS NOT NULL
  )
  SELECT s.meter_id, s.since, s.until, m.customer_id, c.segment, c.tariff_code, f.feeder_id,
    coalesce(k.scale_factor, 1.0) AS scale_factor,
    in_service(m.status) AS in_service, m.register, m.rated_kva,
    -- Whether readings are expected: by meters, or by meter_feeder_map if meters lacks the meter.
    -- Null: neither knows the meter.
    CASE WHEN s.meter_id IN (FROM listed) THEN m.meter_id IS NOT NULL AND in_service(m.status)
         WHEN s.meter_id IN (FROM mapped) THEN f.meter_id IS NOT NULL END AS expected
  FROM spans s
  LEFT JOIN meter_versions m ON m.meter_id = s.meter_id AND s.since >= m.valid_from AND s.since < m.until
  LEFT JOIN customer_versions c ON c.customer_id = m.customer_id AND s.since >= c.valid_from AND s.since < c.until
  LEFT JOIN meter_feeder_versions f ON f.meter_id = s.meter_id AND s.since >= f.valid_from AND s.since < f.until
  LEFT JOIN scale_versions k ON k.meter_id = s.meter_id AND s.since >= k.valid_from AND s.since < k.until
  WHERE s.until IS NOT NULL;

-- The same for each plant.
CREATE TEMP TABLE plant_spans AS
  WITH
  moments AS (
    SELECT plant_id, valid_from AS moment FROM plants
    UNION SELECT plant_id, unnest([valid_from, until]) FROM plant_feeder_versions
    UNION SELECT plant_id, unnest(['-infinity'::TIMESTAMP, 'infinity'])
          FROM (SELECT plant_id FROM plants UNION SELECT plant_id FROM plant_feeder_map)
  ),
  spans AS (
    SELECT plant_id, moment AS since,
      lead(moment) OVER (PARTITION BY plant_id ORDER BY moment) AS until
    FROM moments
    WHERE plant_id IS NOT NULL
  )
  SELECT s.plant_id, s.since, s.until, f.feeder_id, p.fuel_type, p.capacity_mw, p.units,
    in_service(p.status) AS in_service
  FROM spans s
  LEFT JOIN plant_versions p ON p.plant_id = s.plant_id AND s.since >= p.valid_from AND s.since < p.until
  LEFT JOIN plant_feeder_versions f ON f.plant_id = s.plant_id AND s.since >= f.valid_from AND s.since < f.until
  WHERE s.until IS NOT NULL;

-- 4. Readings of the period.

-- Each with what held for its meter. true_kwh: kwh times the scale factor, 1 where there is none.
CREATE VIEW readings AS
  SELECT r.ts, r.meter_id, r.kwh, r.quality_flag, r.kwh * coalesce(s.scale_factor, 1.0) AS true_kwh,
    coalesce(list_contains($estimated_flags, upper(r.quality_flag)), false) AS estimated,
    s.customer_id, s.segment, s.tariff_code, s.feeder_id, coalesce(s.in_service, true) AS in_service
  FROM meter_usage r
  LEFT JOIN meter_spans s ON s.meter_id = r.meter_id AND r.ts >= s.since AND r.ts < s.until
  WHERE r.ts >= $from AND r.ts < $to;

-- Each with the $group that it is added up over, null where it belongs to none.
CREATE VIEW grouped_readings AS
  SELECT *,
    CASE $group WHEN 'system' THEN 'system' WHEN 'feeder' THEN feeder_id WHEN 'segment' THEN segment
                WHEN 'tariff' THEN tariff_code WHEN 'meter' THEN meter_id END AS group_name,
    time_bucket(minutes($interval_minutes), ts) AS interval_start
  FROM readings;

-- 5. What the head of each feeder measured. Its nodes are those that were named for it; else the one
-- node that has measured active power on it, in the period or the 31 days before.

CREATE VIEW head_measurements AS
  SELECT ts, feeder_id, node_id,
    value * CASE lower(unit) WHEN 'mw' THEN 1000.0 WHEN 'kw' THEN 1.0 WHEN 'w' THEN 0.001 END AS kw
  FROM network_measurements n
  WHERE quantity = 'active_power' AND feeder_id IS NOT NULL AND ts < $to
    AND (feeder_id NOT IN (SELECT feeder_id FROM heads)
         OR EXISTS (FROM heads h WHERE h.feeder_id = n.feeder_id AND h.node_id = n.node_id));

-- nodes: how many should have a value. unclear: several measure, and the head is not given.
CREATE VIEW feeder_heads AS
  SELECT feeder_id, count(DISTINCT node_id) AS nodes, count(DISTINCT node_id) > 1 AS unclear
  FROM head_measurements
  WHERE ts >= $from - INTERVAL 31 days AND feeder_id NOT IN (SELECT feeder_id FROM heads)
  GROUP BY feeder_id
  UNION ALL
  SELECT feeder_id, count(DISTINCT node_id), false FROM heads GROUP BY feeder_id;

-- Energy through the head in each $head_minutes; nodes: how many told it.
CREATE VIEW head_energy AS
  SELECT ts, feeder_id, sum(kw) * $head_minutes / 60.0 AS kwh, count(kw) AS nodes
  FROM (
    SELECT time_bucket(minutes($head_minutes), ts) AS ts, feeder_id, node_id, avg(kw) AS kw
    FROM head_measurements
    WHERE ts >= $from
    GROUP BY ALL
  )
  GROUP BY ALL;

-- 6. What plants generated, of each $plant_minutes. A row of the plant as a whole (no unit_id) counts
-- instead of those of its units. units_seen: how many units told it, null for the whole plant.
CREATE VIEW plant_power AS
  SELECT ts, plant_id, coalesce(whole, parts) AS mw, CASE WHEN whole IS NULL THEN units END AS units_seen
  FROM (
    SELECT ts, plant_id, sum(mw) FILTER (unit_id IS NULL) AS whole,
      sum(mw) FILTER (unit_id IS NOT NULL) AS parts, count(unit_id) AS units
    FROM (
      SELECT time_bucket(minutes($plant_minutes), ts) AS ts, plant_id, unit_id, avg(mw) AS mw
      FROM generation_output
      WHERE ts >= $from AND ts < $to AND mw IS NOT NULL
      GROUP BY ALL
    )
    GROUP BY ALL
  );

-- 7. How late a commit is, for late_arrivals.
CREATE MACRO class_of_lateness(late) AS
  CASE WHEN late IS NULL THEN 5 WHEN late < INTERVAL 15 minutes THEN 0 WHEN late < INTERVAL 1 hour THEN 1
       WHEN late < INTERVAL 1 day THEN 2 WHEN late < INTERVAL 7 days THEN 3 ELSE 4 END;
