-- Tibber (Nordic countries, Germany, Netherlands): consumption from the GraphQL API, one JSON document.
-- Stream: meter_usage. Sample: samples/tibber.json
--
-- Decided: "from" has its offset and is the start of the hour. A node whose consumption is null has not
-- been measured yet and is left out. The meter is the home's id.
WITH homes AS (
    SELECT unnest(j->'$.data.viewer.homes[*]') AS home FROM json_document($path)
), nodes AS (
    SELECT home->>'id' AS home_id, unnest(home->'$.consumption.nodes[*]') AS node FROM homes
)
SELECT instant(node->>'from') AS ts, home_id AS meter_id,
       kwh(num(node->>'consumption'), node->>'consumptionUnit') AS kwh
FROM nodes
WHERE node->>'consumption' IS NOT NULL
