-- Which meters hang on a feeder now, whose are they, and what are their readings worth?
--
-- One row per meter, by name:
--   meter_id, transformer_id
--   customer_id, status  of the meter's latest version; null: not known
--   segment, tariff_code  of the customer's latest version
--   scale_factor         1 without one

SELECT f.meter_id, f.transformer_id, m.customer_id, m.status, c.segment, c.tariff_code,
  coalesce(k.scale_factor, 1.0) AS scale_factor
FROM (meter_feeder_map LATEST ON valid_from PARTITION BY meter_id) f
LEFT JOIN (meters LATEST ON valid_from PARTITION BY meter_id) m ON m.meter_id = f.meter_id
LEFT JOIN (customers LATEST ON valid_from PARTITION BY customer_id) c ON c.customer_id = m.customer_id
LEFT JOIN (SELECT * FROM (meter_scale_map LATEST ON valid_from PARTITION BY meter_id)
           WHERE valid_to IS NULL OR valid_to > now()) k ON k.meter_id = f.meter_id
WHERE f.feeder_id = 'F1' AND (f.valid_to IS NULL OR f.valid_to > now())
ORDER BY meter_id;
