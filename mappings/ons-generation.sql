-- ONS (Brazil): hourly generation by plant (CSV with semicolons), open data.
-- Stream: generation_output. Sample: samples/ons-generation.csv
--
-- Decided: start of the hour, local (America/Sao_Paulo), mean MW. Until 2019 clocks changed at midnight:
-- 00:00 was missing when summer time began, a row with it is refused; 23:00 came twice when it ended,
-- told by the order of the rows. Plants in other zones are given in the time of Brasilia as well.
WITH readings AS (
    SELECT *, id(id_ons) AS key, wall(din_instante, '%Y-%m-%d %H:%M:%S') AS local
    FROM csv($path, sep := ';')
    WHERE NOT is_blank(val_geracao)
)
SELECT rec, ts, din_instante AS ts_text,
       key AS plant_id, nom_tipocombustivel AS fuel_type,
       num(val_geracao) AS mw, val_geracao AS mw_text
FROM by_order(readings, 'America/Sao_Paulo')
