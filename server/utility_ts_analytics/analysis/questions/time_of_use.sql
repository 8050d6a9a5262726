-- How much energy went in each period of the tariff, by segment, tariff code, feeder or meter?
--
-- Columns, one row per group, season and period with readings, ordered by group_name and then as the
-- tariff names them:
--   group_name      by $group; null for readings that belong to none
--   season, period  of the tariff
--   kwh             sum of kWh * scale factor of the readings whose interval starts in the period
--   readings        how many those are
-- A reading counts where its interval starts by the local clock: the repeated hour of autumn counts
-- twice as such, the missing one of spring not at all. The rows add up to all energy of the period.
--
-- Parameters:
--   $group = 'segment'   system, feeder, segment, tariff or meter, as of the time of each reading
--   $zone = 'UTC'        that of the tariff
-- Reads: meter_usage, tariff

WITH rated_minutes AS (
  SELECT minute, season, period, rate
  FROM typed_days($from, $to, $zone) d
  JOIN tariff t ON t.day_type = d.day_type
    AND 60 * hour(local) + minute(local) >= start_minute AND 60 * hour(local) + minute(local) < end_minute
    AND CASE WHEN first_day <= last_day
        THEN 100 * month(local) + day(local) BETWEEN first_day AND last_day
        ELSE 100 * month(local) + day(local) >= first_day OR 100 * month(local) + day(local) <= last_day END
)
SELECT group_name, season, period, sum(true_kwh) AS kwh, count(*) AS readings
FROM grouped_readings
JOIN rated_minutes ON minute = date_trunc('minute', ts)
GROUP BY group_name, season, period, rate
ORDER BY group_name, rate
