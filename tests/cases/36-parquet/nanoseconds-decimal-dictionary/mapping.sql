-- The file's times have no zone: the mapping says that they are UTC.
SELECT rec, utc_fixed('+00:00', ts) AS ts, id AS meter_id, v AS kwh
FROM parquet($path)
