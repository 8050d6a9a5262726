-- What did each meter send last?
--
-- Result columns, one row per meter that ever sent one, ordered by `ts`, `meter_id`: `ts` (start
-- of the interval, UTC), `meter_id`, `premise_id`, `kwh` (not scaled), `kvarh`, `kva_demand`,
-- `quality_flag`, `source_system`, `event_id`, as they are stored; null where nothing was sent.

SELECT ts, meter_id, premise_id, kwh, kvarh, kva_demand, quality_flag, source_system, event_id FROM meter_usage LATEST ON ts PARTITION BY meter_id ORDER BY ts, meter_id;
