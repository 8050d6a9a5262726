-- Only Biomass is asked for; the unpivoted form is mappings/entsoe-generation.sql.
SELECT rec, utc_fixed('+00:00', wall(split_part(MTU, ' - ', 1), '%d.%m.%Y %H:%M')) AS ts, MTU AS ts_text,
       Area AS plant_id, 'Biomass' AS unit_id, "Biomass  - Actual Aggregated [MW]" AS mw
FROM csv($path)
WHERE NOT is_blank("Biomass  - Actual Aggregated [MW]", ['n/e'])
