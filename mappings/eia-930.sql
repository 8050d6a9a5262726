-- EIA form 930 (United States): hourly net generation of balancing authorities (CSV).
-- Stream: generation_output. Sample: samples/eia-930.csv
--
-- Decided: the UTC column counts, not the local one; it is the end of the hour. Commas part thousands.
-- An hour without a figure is left out. Some authorities report negative values: allow_negative = true.
SELECT rec, utc_fixed('+00:00', wall("UTC Time at End of Hour", '%m/%d/%Y %I:%M:%S %p')) - minutes(60) AS ts,
       "UTC Time at End of Hour" AS ts_text,
       id("Balancing Authority") AS plant_id,
       num("Net Generation (MW)", groups := ',') AS mw, "Net Generation (MW)" AS mw_text
FROM csv($path)
WHERE NOT is_blank("Net Generation (MW)")
