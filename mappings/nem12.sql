-- NEM12, the interval meter data of the Australian market.
-- Stream: meter_usage. Sample: samples/nem12.csv
--
-- Decided: each active channel is a meter, NMI and suffix; the reactive channel of the same direction is
-- its kvarh; values of quality N (null data) are left out. This is also what is read without a mapping.
-- Change: serial || '-' || suffix for the meter's own number; method instead of quality for flags such
-- as S14; leave kvarh out; a constant as source_system.
SELECT rec, ts, nmi || '-' || suffix AS meter_id, kwh, kvarh,
       nmi AS premise_id, quality AS quality_flag, participant AS source_system
FROM nem12($path)
WHERE quality IS DISTINCT FROM 'N'
