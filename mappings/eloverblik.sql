-- Eloverblik (Denmark): answer of the API for metering data, saved as one JSON document.
-- Stream: meter_usage. Sample: samples/eloverblik.json
--
-- Decided: a period says its start in UTC and its resolution (PT15M, PT1H); point n is its n-th interval,
-- whether all points before it are there or not. Business type A01 is production, stored with -EXPORT
-- behind the metering point's number. Quality A04 is VALID, A03 is ESTIMATED.
WITH series AS (
    SELECT unnest(j->'$.result[*].MyEnergyData_MarketDocument.TimeSeries[*]') AS s FROM json_document($path)
), periods AS (
    SELECT (s->>'mRID') || CASE s->>'businessType' WHEN 'A01' THEN '-EXPORT' ELSE '' END AS meter,
           s->>'$."measurement_Unit.name"' AS unit,
           unnest(s->'$.Period[*]') AS p
    FROM series
), points AS (
    SELECT meter, unit, instant(p->>'$.timeInterval.start') AS period_start,
           CASE p->>'resolution' WHEN 'PT15M' THEN 15 WHEN 'PT1H' THEN 60 END AS length,
           unnest(p->'$.Point[*]') AS point
    FROM periods
)
SELECT period_start + minutes((num(point->>'position') - 1) * length) AS ts,
       meter AS meter_id,
       kwh(num(point->>'$."out_Quantity.quantity"'), unit) AS kwh,
       CASE point->>'$."out_Quantity.quality"' WHEN 'A04' THEN 'VALID' WHEN 'A03' THEN 'ESTIMATED'
           ELSE point->>'$."out_Quantity.quality"' END AS quality_flag
FROM points
