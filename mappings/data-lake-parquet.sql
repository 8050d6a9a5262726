-- Parquet of a data lake: epochs in milliseconds, whole numbers as ids, both directions in one file.
-- Stream: meter_usage. Sample: samples/data-lake.parquet
--
-- Decided: rows of direction export are left out, others than import are refused. Wh become kWh, VA become kVA.
-- Ids are written as text: whole numbers only, as a floating-point number has lost digits.
SELECT rec, epoch_millis(interval_start_ms) AS ts,
       CASE direction WHEN 'import' THEN device_id::VARCHAR END AS meter_id, direction AS meter_id_text, site_id AS premise_id,
       kwh(active_import_wh, 'Wh') AS kwh,
       max_va::DOUBLE / 1000 AS kva_demand
FROM parquet($path)
WHERE direction IS DISTINCT FROM 'export'
