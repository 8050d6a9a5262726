-- CSV as PostgreSQL and TimescaleDB write it (COPY ... TO): offsets of hours only, such as +02.
-- Stream: meter_usage. Sample: samples/postgres-copy.csv
--
-- Decided: instant() reads offsets as +02, +0200 and +02:00; the offset says which pass of the repeated
-- hour a row belongs to.
SELECT rec, instant(time) AS ts, time AS ts_text, meter_id, kwh
FROM csv($path)
