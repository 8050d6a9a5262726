-- The macros of a mapping (docs/MACROS.md has an example of each). Names and arguments are a
-- contract: mappings are written elsewhere. Names with a leading underscore are ours alone.
--
-- Nothing here depends on the session's time zone. A scalar macro gives NULL for what it cannot read,
-- because a failing cast names no row and ends the whole file; only an unknown zone, and an argument
-- that makes no sense in any row, are errors. Arguments may be texts, numbers or times: what a type
-- needs is chosen by `typeof`, which DuckDB settles before the first row.
--
-- `list_transform([x], lambda y: ...)[1]` gives a value a name, so that it is computed once.


-- Texts.

-- Blanks as files have them: also tabs, the non-breaking ones, and a byte order mark. A list of
-- characters takes three times as long as blanks alone, so it is for texts that end in another one.
CREATE MACRO _bare(s) AS list_transform([trim(s::VARCHAR)], lambda x: CASE
    WHEN ascii(x) BETWEEN 33 AND 126 AND ascii(right(x, 1)) BETWEEN 33 AND 126 THEN x
    ELSE trim(x, ' ' || chr(9) || chr(10) || chr(13) || chr(160) || chr(8199) || chr(8239) || chr(65279)) END)[1];

-- `nullif` computes its first argument twice.
CREATE MACRO txt(s) AS list_transform([_bare(s)], lambda x: CASE WHEN x <> '' THEN x END)[1];

CREATE MACRO is_blank(s, also := []) AS
    txt(s) IS NULL OR coalesce(list_contains(also, txt(s)) OR list_contains(also, s::VARCHAR), false);

CREATE MACRO _unguarded(s) AS nullif(CASE
    WHEN s LIKE '="%"' THEN _bare(s[3:-2])
    WHEN s LIKE '''_%''' THEN _bare(s[2:-2])
    WHEN s LIKE '''%' THEN _bare(s[2:])
    ELSE s END, '');

-- A 64-bit float may have lost digits of a whole number from 2^53 on, a 32-bit one from 2^24 on.
CREATE MACRO id(s) AS CASE
    WHEN typeof(s) IN ('DOUBLE', 'FLOAT') THEN list_transform([TRY_CAST(s::VARCHAR AS DOUBLE)], lambda x: CASE
        WHEN abs(x) < CASE typeof(s) WHEN 'FLOAT' THEN 16777216 ELSE 9007199254740992 END AND x = trunc(x)
        THEN x::BIGINT::VARCHAR END)[1]
    ELSE list_transform([_bare(s)], lambda x: _unguarded(x))[1] END;

-- A quoted cell may hold the separator; its doubled quotes are one.
CREATE MACRO _cells(line, sep) AS regexp_extract_all(
    line, '(?s)("(?:[^"]|"")*"|.*?)(?:' || regexp_escape(sep) || '|$)', 1);

CREATE MACRO _unquoted(s) AS
    CASE WHEN s LIKE '"%"' AND length(s) > 1 THEN replace(s[2:-2], '""', '"') ELSE s END;

CREATE MACRO cell(line, n, sep := ',') AS CASE
    -- The pattern also finds an empty cell behind the last one; so the line gets a separator more.
    WHEN contains(line, '"') THEN _unquoted(_cells(line || sep, sep)[:-2][n])
    -- An empty text is also what `split_part` gives for a cell that is not there.
    ELSE coalesce(nullif(split_part(line, sep, n), ''), string_split(line, sep)[n]) END;

-- Refused records of `M-1.json` stand in `M-1.json.ndjson`, and are those of the same meter.
CREATE MACRO name_of(path) AS regexp_replace(regexp_replace(
    regexp_extract(path, '[^/\\]*$'), '(?i)(.)\.(gz|zst|zstd|zip)$', '\1'),
    '(?i)(.)(\.(json|jsonl|ndjson|parquet|pq|arrow|feather|xml|edi|mscons|xlsx|xlsm|csv|tsv|psv|dat|txt)'
    || '\.(ndjson|csv|txt)|\.[^.]*)$', '\1');


-- Numbers.

-- Twelve decimals: two numbers can be multiplied (up to 10^14) and come out exactly. More decimals
-- are rounded, half up: that is less than a picowatthour of a kilowatthour. Before the point a number
-- has 24 digits, two less than its type: so a sum of a hundred cells, which a SELECT writes without a
-- guard, cannot overflow, which would end the file.
CREATE MACRO _decimal(s) AS CASE WHEN NOT contains(s, '_') THEN
    coalesce(TRY_CAST(s AS DECIMAL(36, 12)), TRY_CAST(_bare(s) AS DECIMAL(36, 12)))::DECIMAL(38, 12) END;

-- The first group has no zero in front: nobody can tell whether 0.250 is a quarter. The separator \x01
-- keeps the pattern valid where there are no groups: DuckDB compiles it even then.
CREATE MACRO _ungrouped(s, point, groups) AS CASE
    WHEN regexp_full_match(s, '[+-]?[1-9]\d{0,2}([\x01' || regexp_escape(groups) || ']\d{3})+('
        || regexp_escape(point) || '\d*)?')
    THEN replace(translate(s, groups, ''), point, '.')
    WHEN point = '.' OR NOT contains(s, '.') THEN replace(s, point, '.') END;

CREATE MACRO _is_whole(s) AS regexp_full_match(typeof(s), 'U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?');
CREATE MACRO _is_exact(s) AS regexp_full_match(typeof(s), 'U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DECIMAL.*');

CREATE MACRO num(s, point := '.', groups := '') AS CASE
    WHEN _is_exact(s) THEN TRY_CAST(s AS DECIMAL(36, 12))::DECIMAL(38, 12)
    WHEN (point = '.' AND groups = '') OR typeof(s) IN ('DOUBLE', 'FLOAT') THEN _decimal(s::VARCHAR)
    ELSE list_transform([_bare(s)], lambda x: list_transform([CASE
        WHEN groups <> '' THEN _ungrouped(x, point, groups)
        WHEN NOT contains(x, '.') THEN replace(x, point, '.') END], lambda y: _decimal(y))[1])[1] END;

-- Minutes from a number, its text, or an interval; below 10^9, which are 1,900 years.
CREATE MACRO _minutes(n) AS CASE
    WHEN _is_exact(n) THEN TRY_CAST(n AS DECIMAL(15, 6))
    ELSE coalesce(
        TRY_CAST(n::VARCHAR AS DECIMAL(15, 6)),
        TRY_CAST(epoch(TRY_CAST(n::VARCHAR AS INTERVAL)) / 60 AS DECIMAL(15, 6))) END;

-- x / down to 18 decimals: DuckDB divides decimals as floats, so the remainder is divided as well.
CREATE MACRO _quotient(x, down) AS list_transform(
    [{x: x, down: down, q: (x::DOUBLE / down)::DECIMAL(38, 18)}],
    lambda r: r.q + ((r.x - r.q * r.down)::DOUBLE / r.down)::DECIMAL(38, 18))[1];

-- Letters of a unit count in any case: mWh and mW are mega, as no meter counts thousandths of a Wh.
-- TRY is for the overflow of numbers that are no energy.
CREATE MACRO kwh(n, unit, minutes := NULL) AS TRY(list_transform(
    [{x: num(n), unit: upper(_bare(unit)), minutes: _minutes(minutes)}], lambda r: CASE r.unit
        WHEN 'KWH' THEN r.x::DECIMAL(38, 18)
        WHEN 'WH' THEN (r.x * 0.001)::DECIMAL(38, 18)
        WHEN 'MWH' THEN (r.x * 1000)::DECIMAL(38, 18)
        WHEN 'GWH' THEN (r.x * 1000000)::DECIMAL(38, 18)
        ELSE CASE WHEN r.minutes > 0 THEN CASE r.unit
            WHEN 'KW' THEN _quotient(r.x * r.minutes, 60)
            WHEN 'W' THEN _quotient(r.x * r.minutes, 60000)
            WHEN 'MW' THEN _quotient(r.x * r.minutes * 1000, 60) END END END)[1]);

CREATE MACRO mw(n, unit, minutes := NULL) AS TRY(list_transform(
    [{x: num(n), unit: upper(_bare(unit)), minutes: _minutes(minutes)}], lambda r: CASE r.unit
        WHEN 'MW' THEN r.x::DECIMAL(38, 18)
        WHEN 'KW' THEN (r.x * 0.001)::DECIMAL(38, 18)
        WHEN 'W' THEN (r.x * 0.000001)::DECIMAL(38, 18)
        ELSE CASE WHEN r.minutes > 0 THEN CASE r.unit
            WHEN 'KWH' THEN _quotient(r.x * 0.06, r.minutes)
            WHEN 'WH' THEN _quotient(r.x * 0.00006, r.minutes)
            WHEN 'MWH' THEN _quotient(r.x * 60, r.minutes)
            WHEN 'GWH' THEN _quotient(r.x * 60000, r.minutes) END END END)[1]);


-- Times.

-- Microseconds since 1970 of the years 1 to 9999, which every reader of a timestamp has.
CREATE MACRO _bounded(micros) AS list_transform(
    [micros], lambda w: CASE WHEN w BETWEEN -62135510400000000 AND 253402128000000000 THEN w::BIGINT END)[1];

-- A product of decimals overflows at 18 digits, unless one of them has more.
CREATE MACRO _minutes_in_micros(n) AS floor(_minutes(n)::DECIMAL(38, 6) * 60000000 + 0.5)::BIGINT;

CREATE MACRO minutes(n) AS to_microseconds(_minutes_in_micros(n));

CREATE MACRO _epoch(n, micros) AS make_timestamptz(_bounded(CASE
    WHEN _is_whole(n) THEN TRY(n::BIGINT * micros)
    WHEN typeof(n) = 'VARCHAR' AND regexp_full_match(n::VARCHAR, '\d{1,12}') THEN n::VARCHAR::BIGINT * micros
    ELSE TRY(floor(num(n) * micros + 0.5)::BIGINT) END));
CREATE MACRO epoch_s(n) AS _epoch(n, 1000000);
CREATE MACRO epoch_millis(n) AS _epoch(n, 1000);

-- A cast alone takes a time without an offset as the session's, 24:00 as the next day, and +02:75. It
-- cuts a fraction behind six digits: from half a microsecond on, one is added.
CREATE MACRO _instant(s) AS TRY_CAST(s AS TIMESTAMPTZ)
    + to_microseconds(CASE WHEN regexp_matches(s, '\.\d{6}[5-9]') THEN 1 ELSE 0 END);

CREATE MACRO instant(s) AS CASE
    WHEN regexp_full_match(s::VARCHAR,
        '\d{4}-\d\d-\d\d[T ]([01]\d|2[0-3]):\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]([01]\d|2[0-3])(:?[0-5]\d)?)')
    THEN TRY_CAST(s::VARCHAR AS TIMESTAMPTZ)
    WHEN regexp_full_match(_bare(s),
        '(?i)\d{4}-\d\d-\d\d[T ]([01]\d|2[0-3]):\d\d(:\d\d([.,]\d{1,9})?)?\s*(Z|[+-]([01]\d|2[0-3])(:?[0-5]\d)?)')
    THEN _instant(regexp_replace(replace(upper(_bare(s)), ',', '.'), '\s+([Z+-])', '\1')) END;

-- 24:00 is 00:00 of the next day. Nothing but the hour is touched, so that the format still judges.
-- With its minutes a 24 cannot be the day of a date; without them it is the last that stands alone.
CREATE MACRO _at_zero(s) AS CASE
    WHEN regexp_matches(s, '(^|[^0-9:.]|[^0-9]\d{8}|^\d{8})24([:.h]?00){1,2}([.,]0+)?($|[^0-9:.])')
    THEN regexp_replace(
        s, '(^|[^0-9:.]|[^0-9]\d{8}|^\d{8})24(([:.h]?00){1,2}([.,]0+)?)($|[^0-9:.])', '\1' || '00\2\5')
    ELSE regexp_replace(s, '^((?:.*[^0-9:.])?(?:\d{8})?)24($|[^0-9:.].*)$', '\1' || '00\2') END;

-- With %n, which takes one to nine digits, the cast rounds to microseconds, half up.
CREATE MACRO _parsed(s, format) AS try_strptime(s, format)::TIMESTAMP;

-- `try_strptime` also takes the words infinity and epoch, whatever the format.
CREATE MACRO _wall(s, format) AS CASE
    WHEN regexp_matches(format::VARCHAR, '%[zZ]')
    THEN error('wall: a format with %z or %Z reads an instant, not a local time: use instant()')
    ELSE coalesce(
        CASE WHEN NOT regexp_matches(s, '^\s*[+-]?[a-zA-Z]+\s*$') THEN _parsed(s, format) END,
        CASE WHEN regexp_matches(s, '\d') THEN coalesce(
            _parsed(_bare(s), format), _parsed(_at_zero(_bare(s)), format) + INTERVAL 1 DAY) END) END;

CREATE MACRO _is_local(t) AS
    typeof(t) IN ('DATE', 'TIMESTAMP', 'TIMESTAMP_S', 'TIMESTAMP_MS', 'TIMESTAMP_NS');

CREATE MACRO wall(s, format VARCHAR) AS
    CASE WHEN _is_local(s) THEN TRY_CAST(s AS TIMESTAMP) ELSE _wall(s::VARCHAR, replace(format, '%f', '%n')) END,
(s, format VARCHAR[]) AS
    CASE WHEN _is_local(s) THEN TRY_CAST(s AS TIMESTAMP)
    ELSE _wall(s::VARCHAR, list_transform(format, lambda f: replace(f, '%f', '%n'))) END;


-- Zones. For a local time that comes twice or never, `timezone()` picks an instant in silence. So two
-- candidates are taken, with the offsets of a good day before and after, and each is right if the
-- clock shows the time then. No zone changes twice within a week, none by more than a day (since 2000).

-- Local time and date as microseconds; a text must not have an offset, as casts ignore it.
CREATE MACRO _micros(t) AS _bounded(epoch_us(CASE
    WHEN typeof(t) LIKE '%TIME ZONE'
    THEN error('this is an instant already, not a local time: leave out the zone macro')
    WHEN typeof(t) = 'VARCHAR' AND regexp_matches(t::VARCHAR, ':\d\d.*([zZ]|[+-]\d\d(:?\d\d)?)\s*$') THEN NULL
    ELSE TRY_CAST(t AS TIMESTAMP) END));

CREATE MACRO _taken(zone, w) AS epoch_us(timezone(zone, make_timestamp(w)));
CREATE MACRO _shown(zone, micros) AS epoch_us(timezone(zone, make_timestamptz(micros)));

-- The offsets 26 hours before and after on the clock.
CREATE MACRO _offsets(zone, w) AS {
    before: w - 93600000000 - _taken(zone, w - 93600000000),
    after: w + 93600000000 - _taken(zone, w + 93600000000)};

-- The first and the second pass of a local time, equal where it comes once, NULL where it never does;
-- and whether the clock is put back a good day around it.
CREATE MACRO _passes(zone, micros) AS list_transform([micros], lambda w: list_transform([_offsets(zone, w)], lambda x: CASE
    WHEN x.before = x.after THEN {first: w - x.before, second: w - x.before, near: false}
    WHEN _shown(zone, w - x.before) <> w
    THEN CASE WHEN _shown(zone, w - x.after) = w
        THEN {first: w - x.after, second: w - x.after, near: x.before > x.after} END
    WHEN _shown(zone, w - x.after) <> w
    THEN {first: w - x.before, second: w - x.before, near: x.before > x.after}
    WHEN w IS NOT NULL THEN {first: w - x.before, second: w - x.after, near: true} END)[1])[1];

CREATE MACRO _told(passes, second) AS list_transform([passes], lambda x: CASE
    WHEN x.first = x.second THEN x.first
    WHEN second THEN x.second
    WHEN NOT second THEN x.first END)[1];

CREATE MACRO utc(zone, t) AS make_timestamptz(_told(_passes(zone, _micros(t)), NULL::BOOLEAN));
CREATE MACRO utc_first(zone, t) AS make_timestamptz(_passes(zone, _micros(t)).first);
CREATE MACRO utc_second(zone, t) AS make_timestamptz(_passes(zone, _micros(t)).second);
CREATE MACRO utc_pass(zone, t, second) AS
    make_timestamptz(_told(_passes(zone, _micros(t)), TRY_CAST(second::VARCHAR AS BOOLEAN)));
CREATE MACRO is_twice(zone, t) AS
    coalesce(list_transform([_passes(zone, _micros(t))], lambda x: x.first <> x.second)[1], false);

CREATE MACRO _shift_minutes(parts) AS
    CASE parts.sign WHEN '-' THEN -1 ELSE 1 END
    * (TRY_CAST(parts.hours AS BIGINT) * 60 + coalesce(TRY_CAST(parts.minutes AS BIGINT), 0));

CREATE MACRO _shift(shift) AS CASE
    WHEN upper(_bare(shift)) IN ('Z', 'UTC', 'GMT') THEN 0
    ELSE _shift_minutes(regexp_extract(_bare(shift),
        '^(?i:UTC|GMT)?\s*([+-]?)(\d\d?)(?::?([0-5]\d))?(?::00)?$', ['sign', 'hours', 'minutes'])) END;

CREATE MACRO utc_fixed(shift, t) AS CASE WHEN abs(_shift(shift)) <= 1080
    THEN make_timestamptz(_micros(t) - _shift(shift) * 60000000) END;

-- Without IST, which is Irish, Israeli or Indian.
CREATE MACRO utc_named(name, t) AS make_timestamptz(_micros(t) - 60000000::BIGINT * MAP {
    'UTC': 0, 'UT': 0, 'GMT': 0, 'Z': 0, 'WET': 0, 'WEZ': 0, 'BST': 60, 'WEST': 60, 'WESZ': 60, 'CET': 60, 'MEZ': 60,
    'CEST': 120, 'MESZ': 120, 'EET': 120, 'OEZ': 120, 'SAST': 120, 'EEST': 180, 'OESZ': 180, 'MSK': 180,
    'NST': -210, 'NDT': -150, 'AST': -240, 'ADT': -180, 'EST': -300, 'EDT': -240, 'CST': -360, 'CDT': -300,
    'MST': -420, 'MDT': -360, 'PST': -480, 'PDT': -420, 'AKST': -540, 'AKDT': -480, 'HST': -600, 'HDT': -540,
    'AWST': 480, 'HKT': 480, 'SGT': 480, 'JST': 540, 'KST': 540, 'ACST': 570, 'ACDT': 630, 'AEST': 600, 'AEDT': 660,
    'NZST': 720, 'NZDT': 780}[upper(_bare(name))]);

-- The first instant of a local day: where midnight is skipped, the change of the clock.
CREATE MACRO _day_start(zone, w) AS coalesce(
    _passes(zone, w).first, _taken(zone, w - 93600000000) + 93600000000);

CREATE MACRO _day(zone, day) AS list_transform([_bounded(epoch_us(date_trunc('day', make_timestamp(_micros(day)))))],
    lambda w: {first: _day_start(zone, w), last: _day_start(zone, w + 86400000000)})[1];

CREATE MACRO day_minutes(zone, day) AS
    list_transform([_day(zone, day)], lambda x: ((x.last - x.first) // 60000000)::INTEGER)[1];

CREATE MACRO utc_nth(zone, day, n, length) AS make_timestamptz(list_transform(
    [{day: _day(zone, day), n: num(n), length: _minutes(length)}], lambda x: CASE
        WHEN x.n = floor(x.n) AND x.n BETWEEN 1 AND 1000000 AND x.length > 0
        -- No day has 10,000 minutes; more of them might be more microseconds than there are.
        THEN list_transform([x.day.first
            + (least((x.n - 1)::BIGINT * x.length, 10000)::DECIMAL(38, 6) * 60000000)::BIGINT], lambda start:
            CASE WHEN start < x.day.last THEN start END)[1] END)[1]);


-- The repeated hour by the order of rows. A run is a meter's rows in one repeated hour with no other
-- of its rows in between. Read in the direction of time, its clock goes back once, or stands once
-- where the interval is as long as the hour: there the second pass begins. The direction is told by
-- the rows before and behind the run; if there are none, by the run itself, if it fits one direction
-- only, then by the file. Everything else stays NULL: one pass alone, three of them, rows that stand
-- twice. Only rows near a change are sorted.
CREATE MACRO by_order(src, zone) AS TABLE
WITH _all AS MATERIALIZED (
    SELECT *, row_number() OVER () AS _row, _passes(zone, _micros(local)) AS _found
    FROM query_table(src)
), _near AS (
    -- A table without `rec` gets it from the row in front: NULL.
    SELECT x.*
    FROM (SELECT NULL::BIGINT AS rec) AS _absent, LATERAL (
        SELECT _row, key, rec AS place, _micros(local) AS w, _found AS passes
        FROM _all
        WHERE _found.near
    ) AS x
), _steps AS (
    SELECT *, passes.second > passes.first AS twice, passes.second - passes.first AS shift,
        lag(w) OVER file_order AS before, lead(w) OVER file_order AS behind
    FROM _near
    WINDOW file_order AS (PARTITION BY key ORDER BY place, _row)
), _links AS (
    SELECT *, twice AND coalesce(lag(twice) OVER file_order AND abs(w - before) < shift, false) AS linked
    FROM _steps
    WINDOW file_order AS (PARTITION BY key ORDER BY place, _row)
), _numbered AS (
    SELECT *, count(*) FILTER (NOT linked) OVER file_order AS run,
        count(*) FILTER (linked AND w <= before) OVER file_order AS falls,
        count(*) FILTER (linked AND w >= before) OVER file_order AS rises
    FROM _links
    WINDOW file_order AS (PARTITION BY key ORDER BY place, _row ROWS UNBOUNDED PRECEDING)
), _runs AS (
    SELECT key, run,
        max(falls) - min(falls) AS falls, min(falls) AS falls_before,
        max(rises) - min(rises) AS rises, min(rises) AS rises_before,
        bool_or(linked AND w = before) AS stood,
        min(w) AS low, max(w) AS high,
        first(before ORDER BY place, _row) AS before, last(behind ORDER BY place, _row) AS behind
    FROM _numbered
    WHERE twice
    GROUP BY ALL
), _file AS (
    SELECT sum(sign(w - before)) / count(*) AS direction
    FROM _numbered
    WHERE NOT coalesce(linked, false) AND before IS NOT NULL AND w <> before
), _keys AS (
    SELECT key, count(*) FILTER (NOT linked AND w = before) > 0 AS doubled
    FROM _numbered
    GROUP BY key
), _aimed AS (
    SELECT _runs.*, doubled, CASE
        WHEN before IS NOT NULL OR behind IS NOT NULL THEN
            -- Of two that disagree, the nearer one.
            sign(coalesce(sign(low - before) / greatest(low - before, before - high), 0)
                + coalesce(sign(behind - high) / greatest(low - behind, behind - high), 0))
        WHEN falls = 1 AND rises > 1 THEN 1
        WHEN rises = 1 AND falls > 1 THEN -1
        WHEN abs(direction) > 0.9 THEN sign(direction) END AS direction
    FROM _runs, _file JOIN _keys ON _keys.key IS NOT DISTINCT FROM _runs.key
), _second AS (
    SELECT _row, CASE
        WHEN stood AND doubled THEN NULL
        WHEN direction > 0 AND _aimed.falls = 1 THEN _numbered.falls > falls_before
        WHEN direction < 0 AND _aimed.rises = 1 THEN _numbered.rises = rises_before END AS second
    FROM _numbered JOIN _aimed ON _numbered.run = _aimed.run AND _numbered.key IS NOT DISTINCT FROM _aimed.key
    WHERE twice
)
-- Counting the rows once more keeps them in order without a sort: it is done by one thread.
SELECT COLUMNS(lambda c: c NOT IN ('ts', '_row', '_found', '_again', 'second')),
    make_timestamptz(_told(_found, second)) AS ts
FROM (SELECT *, row_number() OVER () AS _again FROM _all) LEFT JOIN _second USING (_row)
WHERE _again > 0;


-- Registers.

CREATE MACRO _range(digits) AS TRY_CAST('1e' || digits AS DECIMAL(36, 12))::DECIMAL(38, 12);

-- A register that runs over has more than half of its range behind it.
CREATE MACRO _ran_over(state, before, digits) AS coalesce(
    before < _range(digits) AND before - state > 0.5 * _range(digits), false);

CREATE MACRO _why(state, ts, before, from_ts, longest, digits) AS CASE
    WHEN ts IS NULL OR state IS NULL THEN 'no state'
    WHEN from_ts IS NULL THEN 'first state'
    WHEN before IS NULL THEN 'no state'
    WHEN ts < from_ts THEN 'not sorted'
    WHEN ts = from_ts THEN 'same time'
    WHEN epoch_us(ts) - epoch_us(from_ts) > _minutes_in_micros(longest) THEN 'gap'
    WHEN state < before AND NOT _ran_over(state, before, digits) THEN 'went back' END;

CREATE MACRO _used(state, before, digits) AS
    state - before + CASE WHEN state < before THEN _range(digits) ELSE 0 END;

-- The state before is the last one that could be read.
CREATE MACRO differences(src, longest, digits := NULL) AS TABLE
WITH _states AS (
    SELECT *, num(register) AS _state, row_number() OVER () AS _row
    FROM query_table(src)
), _steps AS (
    SELECT *,
        lag(CASE WHEN _state IS NOT NULL THEN ts END IGNORE NULLS) OVER in_time AS _from,
        lag(_state IGNORE NULLS) OVER in_time AS _before
    FROM _states
    WINDOW in_time AS (PARTITION BY key, ts IS NULL ORDER BY ts, _row)
), _judged AS (
    SELECT *, _why(_state, ts, _before, _from, longest, digits) AS _reason
    FROM _steps
)
SELECT * EXCLUDE (_state, _row, _from, _before, _reason), _from AS from_ts,
    CASE WHEN _reason IS NULL THEN _used(_state, _before, digits) END AS used, _reason AS why
FROM _judged
ORDER BY _row;

-- The same for rows that are sorted by key and time: they pass as they come, nothing is kept. The
-- state before is that of the row before, so that a row without a state costs the next one too.
CREATE MACRO differences_sorted(src, longest, digits := NULL) AS TABLE
WITH _states AS (
    SELECT *, num(register) AS _state
    FROM query_table(src)
), _lagged AS (
    SELECT *, lag(key) OVER () AS _key, lag(ts) OVER () AS _ts, lag(_state) OVER () AS _before
    FROM _states
), _steps AS (
    SELECT *, CASE WHEN key = _key THEN _ts END AS _from
    FROM _lagged
), _judged AS (
    SELECT *, _why(_state, ts, _before, _from, longest, digits) AS _reason
    FROM _steps
)
SELECT * EXCLUDE (_state, _key, _ts, _from, _before, _reason), _from AS from_ts,
    CASE WHEN _reason IS NULL THEN _used(_state, _before, digits) END AS used, _reason AS why
FROM _judged;
