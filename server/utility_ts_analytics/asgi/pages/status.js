"use strict";
// The status page: asks for status.json once a second and shows it. Data goes into text only.
// Above the line stand pure functions: figures in, words and shapes out.

const POLL_MS = 1000, HIDDEN_POLL_MS = 10000, TIMEOUT_MS = 4000, LOST_MS = 3500;
const CURVE_S = 300, STUCK_S = 20;
// The thresholds of infra/prometheus/rules/alerts.yml.
const FILL_MAX = 0.9, REFUSED_SHARE_MAX = 0.05, WAL_LAG_MAX = 100, P99_MS_MAX = 10000, LOG_LAG_S_MAX = 900,
  LOSS_S_MAX = 86400;
const LEVELS = ["ok", "note", "bad"];
const STATUSES = {
  200: "stored", 202: "kept on disk", 400: "refused", 401: "no valid token", 403: "foreign origin", 404: "no such path", 405: "wrong method",
  408: "upload too slow", 413: "too large", 415: "wrong media type", 422: "nothing acceptable", 429: "overloaded",
  500: "our fault", 503: "not storing",
};

const whole = new Intl.NumberFormat("en");
const count = (n) => n === null || n === undefined ? "–" : whole.format(Math.round(n));
const plural = (n, one, many = one + "s") => `${count(n)} ${n === 1 ? one : many}`;
const sum = (numbers) => numbers.reduce((total, n) => total + n, 0);
const worst = (levels) => LEVELS[Math.max(0, ...levels.map((level) => LEVELS.indexOf(level)))];

function percent(share) {
  if (share === null || share === undefined) return "–";
  if (share > 0 && share < 0.001) return "< 0.1 %";
  return `${(share * 100).toFixed(share < 0.1 && share > 0 ? 1 : 0)} %`;
}

function milliseconds(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms >= 1000) return `${(ms / 1000).toFixed(ms < 10000 ? 1 : 0)} s`;
  return `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
}

const pair = (p50, p99) => p50 === null || p50 === undefined ? "–" : `${milliseconds(p50)} / ${milliseconds(p99)}`;
const mebibytes = (bytes) => bytes ? `${(bytes / 1048576).toFixed(bytes < 10485760 ? 1 : 0)} MiB` : "–";

function duration(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 120) return `${s} s`;
  if (s < 7200) return `${Math.floor(s / 60)} min`;
  if (s < 172800) return `${Math.floor(s / 3600)} h ${Math.floor(s % 3600 / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor(s % 86400 / 3600)} h`;
}

function clock(seconds, now) {
  const at = new Date(seconds * 1000);
  const time = at.toLocaleTimeString("en-GB");
  return now - seconds < 43200 ? time : `${at.toLocaleDateString("sv")} ${time}`;
}

// A round number that no value is above.
function ceiling(values) {
  const most = Math.max(10, ...values), power = 10 ** Math.floor(Math.log10(most));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((step) => step * power).find((step) => step >= most);
}

// A path in a box of 300 x 100, the last value at its right edge.
function curve(values, top, stepS, closed) {
  if (values.length < 2) return "";
  const x = (i) => (CURVE_S - (values.length - 1 - i) * stepS).toFixed(1);
  const points = values.map((value, i) => `${x(i)} ${(100 - value / top * 100).toFixed(1)}`);
  return `M${points.join("L")}` + (closed ? `L${x(values.length - 1)} 100L${x(0)} 100Z` : "");
}

const busiest = (counts) => Object.entries(counts).sort((a, b) => b[1] - a[1]);
const named = (counts) => busiest(counts).map(([name, n]) => `${count(n)} ${name}`).join(", ");
const status = (code) => STATUSES[code] ? `${code} ${STATUSES[code]}` : code;

function merged(all) {
  const total = {};
  for (const counts of all) for (const [name, n] of Object.entries(counts)) total[name] = (total[name] || 0) + n;
  return total;
}

// Rows of the last minute that were not stored although nothing was wrong with them.
const givenBack = (stream) => Object.fromEntries(Object.entries(stream.last_minute.refused_by_reason || {})
  .filter(([reason]) => reason in stream.failed_by_reason));
const refusedAnswers = (stream) => Object.fromEntries(Object.entries(stream.last_minute.requests_by_code || {})
  .filter(([code]) => code !== "200" && code !== "202"));

// Whether rows are taken and none is stored or put on disk: a flush may be slow, but not that slow.
function stuck(stream) {
  const last = (name) => sum((stream.history[name] || []).slice(-STUCK_S));
  const taken = last("received_rows_per_s") - last("refused_rows_per_s");
  return taken > 0 && last("stored_rows_per_s") === 0 && stream.held_rows > 0
    && stream.history.stored_rows_per_s.length >= STUCK_S;
}

// Whether the workers take nothing because QuestDB, or Kafka, cannot take their rows.
const refusing = (stream) => stream.workers.some((worker) => worker.state === "refusing");

// The facts above say why, so that the list of troubles need not.
function turnedAway(stream) {
  if (stream.log) return "nothing is read, see QuestDB";
  return `requests are turned away, see ${stream.delivery.first === "kafka" ? "Kafka" : "QuestDB"}`;
}

function streamTroubles(stream) {
  const found = [], minute = stream.last_minute, buffer = stream.buffer, back = givenBack(stream), log = stream.log;
  const add = (level, text) => found.push({ level, text });
  if (refusing(stream)) add("bad", turnedAway(stream));
  else if (!stream.workers.some((worker) => worker.state === "serving")) add("bad", "no worker is serving");
  if (stuck(stream)) add("bad", `rows are taken but none was stored for ${STUCK_S} s`);
  if (sum(Object.values(back))) add("bad", `rows given back unstored in the last minute: ${named(back)}`);
  if (minute.refused_share > REFUSED_SHARE_MAX) {
    add("note", `${percent(minute.refused_share)} of the rows of the last minute were refused`);
  }
  if (minute.request_p99_ms > P99_MS_MAX) add("note", `requests take up to ${milliseconds(minute.request_p99_ms)} (p99)`);
  if (buffer.held_rows > FILL_MAX * buffer.capacity_rows) add("note", "the queue is nearly full");
  if (stream.fallback_lanes) add("note", `${plural(stream.fallback_lanes, "lane")} on the fallback (${stream.delivery.fallback})`);
  if (stream.spooled_rows) {
    add("note", `${plural(stream.spooled_rows, "row")} on disk, waiting for ${stream.delivery.first === "kafka" ? "Kafka" : "QuestDB"}`);
  }
  if (log && log.lag_s > LOG_LAG_S_MAX) add("note", `readings wait in Kafka for ${duration(log.lag_s)}`);
  return found;
}

function tableState(table) {
  if (!table.exists) return { level: "bad", text: "missing" };
  if (table.suspended) return { level: "bad", text: "suspended" };
  if (!table.dedup) return { level: "bad", text: "no DEDUP" };
  if (table.wal_lag_transactions > WAL_LAG_MAX) return { level: "note", text: "lagging" };
  return { level: "ok", text: "writable" };
}

function topicState(topic) {
  if (topic.reason) return { level: "bad", text: "cannot be used" };
  if (!topic.partitions) return { level: "", text: "not known" };
  if (topic.under_replicated) return { level: "note", text: `${plural(topic.under_replicated, "partition")} not on all brokers` };
  return { level: "ok", text: "usable" };
}

const waitingRows = (log) => log.lag_rows_estimate === null ? "rows not known" : `about ${plural(log.lag_rows_estimate, "row")}`;

function lag(log) {
  if (!log.lag_messages) return { level: "", text: "nothing" };
  const level = log.lag_s > LOG_LAG_S_MAX ? "note" : "";
  return { level, text: `${plural(log.lag_messages, "message")}, ${waitingRows(log)}, for ${duration(log.lag_s)}` };
}

function lost(log, now) {
  if (!log.lost_messages) return { level: "", text: "nothing" };
  const age = now - log.last_lost_at;
  return { level: age < LOSS_S_MAX ? "bad" : "", text: `${plural(log.lost_messages, "message")}, the last ${duration(age)} ago` };
}

function partitions(log) {
  const paused = log.paused_partitions ? `, ${count(log.paused_partitions)} paused` : "";
  return `${count(log.assigned_partitions)} of ${count(log.partitions)} here${paused}; ${plural(log.rebalances, "rebalance")}`;
}

function letters(stream) {
  const waiting = stream.log.letters_waiting, rows = sum(Object.values(waiting));
  const kept = `${count(stream.dead_letters)} kept`;
  return rows ? { level: "bad", text: `${kept}, ${count(rows)} wait: ${Object.keys(waiting).join(", ")}` } : { level: "", text: kept };
}

function troubles(facts) {
  const found = facts.reasons.map((text) => ({ level: "bad", text }));
  found.push(...facts.warnings.map((text) => ({ level: "note", text })));
  for (const [name, stream] of Object.entries(facts.streams)) {
    for (const { level, text } of streamTroubles(stream)) {
      if (text !== turnedAway(stream) || facts.ready) found.push({ level, text: `${name}: ${text}` }); // the reasons say why
    }
  }
  for (const [name, topic] of Object.entries(facts.kafka ? facts.kafka.topics : {})) {
    const { level, text } = topicState(topic);
    if (level === "note") found.push({ level, text: `topic ${name}: ${text}` });
  }
  return found;
}

const total = (facts, name) => sum(Object.values(facts.streams).map((stream) => stream.now[name] || 0));

function verdict(facts) {
  const found = troubles(facts), level = worst(found.map((one) => one.level));
  const stored = total(facts, "stored_rows_per_s");
  let text = stored ? "All is well: data arrives and is stored" : "All is well: ready, waiting for data";
  if (level === "note") text = stored ? "Storing, but something needs a look" : "Ready, but something needs a look";
  if (level === "bad") text = "Something is wrong";
  if (!facts.ready) text = stored ? "Not ready: something is wrong, though rows are being stored" : "Not ready: readings are not being stored";
  return { level, text, troubles: found };
}

function arriving(facts) {
  const rate = total(facts, "received_rows_per_s"), requests = total(facts, "requests_per_s");
  const minute = sum(Object.values(facts.streams).map((stream) => stream.last_minute.requests || 0));
  let answer = rate ? "Yes" : "Nothing just now";
  if (!rate && requests) answer = "Requests, but no rows taken";
  return { level: rate ? "ok" : "", answer, figure: rate, detail: `${count(requests)} requests/s, ${count(minute)} in the last minute` };
}

function stored(facts) {
  const rate = total(facts, "stored_rows_per_s"), streams = Object.values(facts.streams);
  const last = Math.max(0, ...streams.map((stream) => stream.last_stored_at || 0));
  const detail = last ? `last stored ${duration(facts.now - last)} ago` : "nothing stored since the start";
  const away = Object.entries(facts.streams).filter(([, stream]) => refusing(stream)).map(([name]) => name);
  if (rate && away.length) return { level: "bad", answer: `Not all: no rows of ${away.join(", ")}`, figure: rate, detail };
  if (rate) {
    const fallback = streams.some((stream) => stream.fallback_lanes);
    return { level: fallback || !facts.ready ? "note" : "ok", answer: fallback ? "Yes, by the fallback" : "Yes", figure: rate, detail };
  }
  if (!facts.ready || streams.some(stuck)) return { level: "bad", answer: "No", figure: rate, detail };
  return { level: "", answer: "Nothing to store", figure: rate, detail };
}

function refused(facts) {
  const streams = Object.values(facts.streams);
  const reasons = merged(streams.map((stream) => stream.last_minute.refused_by_reason || {}));
  const answers = merged(streams.map(refusedAnswers));
  const rows = sum(Object.values(reasons)), requests = sum(Object.values(answers));
  const received = sum(streams.map((stream) => stream.last_minute.received_rows || 0));
  const share = received ? rows / received : null;
  const what = [];
  if (rows) what.push(`rows: ${named(reasons)}`);
  if (requests) what.push(`requests: ${busiest(answers).map(([code, n]) => `${count(n)} × ${status(code)}`).join(", ")}`);
  let level = "note";
  if (streams.some((stream) => sum(Object.values(givenBack(stream)))) || answers[503] || answers[500]) level = "bad";
  else if (!answers[429] && !(share > REFUSED_SHARE_MAX)) level = rows || requests ? "" : "ok";
  const some = rows ? plural(rows, "row") : plural(requests, "request");
  const answer = rows || requests ? `Yes, ${some} in the last minute` : "No, nothing in the last minute";
  const came = streams.some((stream) => stream.last_minute.requests);
  return { level, answer, figure: percent(share), detail: what.join("; ") || (came ? "every request and every row was taken" : "nothing came") };
}

function spoken(stream, top) {
  const part = (word, name) => {
    const values = stream.history[name];
    return values.length ? `${word} between ${count(Math.min(...values))} and ${count(Math.max(...values))}, now ${count(stream.now[name])}` : `${word} not known yet`;
  };
  const parts = [part("received", "received_rows_per_s"), part("stored", "stored_rows_per_s"), part("refused", "refused_rows_per_s")];
  return `Rows per second over ${duration(stream.history.stored_rows_per_s.length * stream.history.step_s)}, scale up to ${count(top)}: ${parts.join("; ")}.`;
}

// ---------------------------------------------------------------------------------- the document

const SVG = "http://www.w3.org/2000/svg";
const at = (id) => document.getElementById(id);

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function set(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

function icon(level) {
  const svg = document.createElementNS(SVG, "svg"), use = document.createElementNS(SVG, "use");
  set(svg, "class", "icon");
  set(svg, "aria-hidden", "true");
  set(use, "href", `#${level}`);
  svg.append(use);
  return svg;
}

// Text with the sign of its level before it; touched only where it changes.
function say(element, level, text) {
  if (element.dataset.level === level && element.lastChild && element.lastChild.textContent === text) return;
  element.dataset.level = level;
  element.replaceChildren(...(level ? [icon(level)] : []), text);
}

// Rows of cells, each a text, a number or {level, text}. Cells are reused: selections and reading positions stay.
function fill(body, rows, nothing) {
  const width = body.parentElement.querySelectorAll("thead th").length;
  const wanted = rows.length ? rows : [[nothing]];
  while (body.rows.length > wanted.length) body.deleteRow(-1);
  wanted.forEach((cells, i) => {
    const row = body.rows[i] || body.insertRow();
    if (row.cells.length !== cells.length) {
      row.replaceChildren(...cells.map((_, j) => document.createElement(j || !rows.length ? "td" : "th")));
    }
    cells.forEach((content, j) => {
      const cell = row.cells[j];
      if (cell.tagName === "TH") set(cell, "scope", "row");
      cell.colSpan = rows.length ? 1 : width;
      cell.className = rows.length ? typeof content === "number" ? "number" : "" : "empty";
      if (content && typeof content === "object") say(cell, content.level, content.text);
      else put(cell, typeof content === "number" ? count(content) : content === null ? "–" : content);
      if (rows.length && body.parentElement.tHead.rows[0].cells[j].className) cell.className = "number";
    });
  });
}

function card(id, shown, unit) {
  const element = at(id);
  element.dataset.level = shown.level;
  say(element.querySelector(".answer"), shown.level, shown.answer);
  const figure = element.querySelector(".figure");
  const text = typeof shown.figure === "number" ? count(shown.figure) : shown.figure;
  if (figure.dataset.text !== text) {
    const small = document.createElement("small");
    small.textContent = ` ${unit}`;
    figure.dataset.text = text;
    figure.replaceChildren(text, small);
  }
  put(element.querySelector(".detail"), shown.detail);
}

function streamCard(name) {
  const id = `stream-${name}`;
  const found = at(id);
  if (found) return found;
  const element = at("stream").content.firstElementChild.cloneNode(true);
  element.id = id;
  const title = element.querySelector("h2");
  title.id = `${id}-title`;
  title.textContent = name;
  set(element, "aria-labelledby", title.id);
  for (const what of ["reasons", "answers", "workers"]) {
    set(element.querySelector(`[data-is=${what}-region]`), "aria-label", `${name}: ${what}`);
  }
  at("streams").append(element);
  return element;
}

function showChart(part, stream) {
  const history = stream.history, step = history.step_s;
  const [received, storedRows, refusedRows] = ["received", "stored", "refused"].map((name) => history[`${name}_rows_per_s`]);
  const top = ceiling([...received, ...storedRows, ...refusedRows]);
  part("none").hidden = [...received, ...storedRows, ...refusedRows].some(Boolean);
  put(part("top"), count(top));
  set(part("area"), "d", curve(storedRows, top, step, true));
  set(part("stored-line"), "d", curve(storedRows, top, step));
  set(part("received-line"), "d", curve(received, top, step));
  set(part("refused-line"), "d", curve(refusedRows, top, step));
  set(part("chart"), "aria-label", spoken(stream, top));
  for (const word of ["received", "stored", "refused"]) put(part(word), count(stream.now[`${word}_rows_per_s`]));
}

function wayOf(stream) {
  const { first, fallback } = stream.delivery;
  if (stream.fallback_lanes) {
    return { level: "note", text: `${fallback} (fallback); breaker of ${first} open on ${plural(stream.fallback_lanes, "lane")}` };
  }
  return { level: "", text: `${first}; ${fallback ? `fallback ${fallback}, breaker closed` : "no fallback"}` };
}

function showStream(name, stream, now) {
  const element = streamCard(name), part = (what) => element.querySelector(`[data-is=${what}]`);
  const found = streamTroubles(stream), minute = stream.last_minute, buffer = stream.buffer;
  const level = worst(found.map((one) => one.level));
  say(part("chip"), level, found.length ? found[0].text : stream.now.stored_rows_per_s ? "storing" : "waiting for data");
  showChart(part, stream);
  const share = buffer.capacity_rows ? buffer.held_rows / buffer.capacity_rows : 0;
  part("fill").style.width = `${Math.min(100, share * 100)}%`;
  say(part("request"), minute.request_p99_ms > P99_MS_MAX ? "note" : "", pair(minute.request_p50_ms, minute.request_p99_ms));
  say(part("flush"), "", pair(minute.flush_p50_ms, minute.flush_p99_ms));
  say(part("flush-rows"), "", count(minute.flush_rows_mean));
  say(part("queue"), share > FILL_MAX ? "note" : "", `${percent(share)}, ${count(buffer.held_rows)} of ${count(buffer.capacity_rows)} rows`);
  say(part("spooled"), stream.spooled_rows ? "note" : "", plural(stream.spooled_rows, "row"));
  const way = wayOf(stream);
  say(part("way"), way.level, way.text);
  say(part("retries"), "", plural(stream.retries, "time"));
  say(part("last-stored"), "", stream.last_stored_at ? `${duration(now - stream.last_stored_at)} ago` : "never");
  say(part("stored-rows"), "", `${count(stream.stored_rows)} of ${count(stream.received_rows)}`);
  showLog(element, part, stream, now);
  showTables(part, stream);
}

function showLog(element, part, stream, now) {
  for (const fact of element.querySelectorAll("[data-is=log]")) fact.hidden = !stream.log;
  if (!stream.log) return;
  const waits = lag(stream.log), gone = lost(stream.log, now), kept = letters(stream);
  say(part("lag"), waits.level, waits.text);
  say(part("lost"), gone.level, gone.text);
  say(part("partitions"), "", partitions(stream.log));
  say(part("letters"), kept.level, kept.text);
}

function showTables(part, stream) {
  const minute = stream.last_minute;
  const lately = minute.refused_by_reason || {}, codes = minute.requests_by_code || {};
  const reasons = { ...stream.rejected_by_reason, ...stream.failed_by_reason };
  fill(part("reasons"), busiest(reasons).map(([reason, n]) => [
    reason, lately[reason] || 0, n, percent(stream.received_rows ? n / stream.received_rows : null),
  ]), "nothing refused since the start");
  fill(part("answers"), Object.entries(stream.requests_by_code).map(([code, n]) => [
    status(code), codes[code] || 0, n,
  ]), "no requests since the start");
  const restarts = stream.restarts ? `, ${plural(stream.restarts, "restart")} since the start` : ", no restarts";
  put(part("restarts"), restarts);
  fill(part("workers"), stream.workers.map((worker) => [
    String(worker.pid), { level: worker.state === "serving" ? "ok" : "note", text: worker.state },
    mebibytes(worker.memory_bytes), worker.stored_rows, worker.held_rows,
  ]), "no workers");
}

function showQuestDB(questdb) {
  at("questdb").hidden = !questdb;
  if (!questdb) return;
  const tables = Object.entries(questdb.tables), states = tables.map(([, table]) => tableState(table));
  const level = questdb.up ? worst(states.map((state) => state.level)) : "bad";
  const words = { ok: "up", note: "up, lagging", bad: "up, but see its tables" };
  say(at("questdb-state"), level, questdb.up ? words[level] : "does not answer");
  at("questdb-reason").hidden = questdb.up;
  put(at("questdb-reason"), questdb.reason);
  fill(at("tables"), tables.map(([name, table], i) => [
    name, states[i], table.wal_lag_transactions, table.exists ? table.dedup ? "on" : "off" : null,
  ]), questdb.up ? "no tables are watched" : "not known while QuestDB does not answer");
}

function showShards(shards) {
  at("shards-region").hidden = !shards;
  fill(at("shards"), Object.entries(shards || {}).map(([name, up]) => [
    name, up ? { level: "ok", text: "up" } : { level: "bad", text: "does not answer" },
  ]), "none");
}

function showKafka(kafka, streams, now) {
  at("kafka").hidden = !kafka;
  if (!kafka) return;
  const topics = Object.entries(kafka.topics), states = topics.map(([, topic]) => topicState(topic));
  const level = kafka.up ? worst(states.map((state) => state.level)) : "bad";
  say(at("kafka-state"), level, !kafka.up ? "cannot be used" : level === "ok" ? "up" : "up, but see its topics");
  at("kafka-reason").hidden = kafka.up;
  put(at("kafka-reason"), kafka.reason);
  const missing = kafka.brokers_in_sync < kafka.brokers;
  say(at("kafka-brokers"), missing ? "note" : "", kafka.brokers ? `${count(kafka.brokers_in_sync)} of ${count(kafka.brokers)}` : "–");
  const last = kafka.last_error;
  say(at("kafka-error"), "", last ? `${clock(last.at, now)} ${last.reason}` : "none since the start");
  fill(at("topics"), topics.map(([name, topic], i) => {
    const stream = streams[topic.stream], known = topic.partitions > 0;
    return [
      name, states[i], known ? topic.partitions : null, known ? `${count(topic.in_sync_min)} of ${count(topic.replicas)}` : null,
      stream.log ? stream.log.messages_read : stream.messages_written,
    ];
  }), "no topics are used");
}

function showVerdict(level, text, found) {
  at("overall").dataset.level = level;
  set(at("overall").querySelector("use"), "href", `#${level}`);
  put(at("state"), text);
  const list = at("troubles");
  list.hidden = !found.length;
  while (list.children.length > found.length) list.lastChild.remove();
  while (list.children.length < found.length) list.append(document.createElement("li"));
  found.forEach((one, i) => say(list.children[i], one.level, one.text));
  const short = { ok: "OK", note: "Look", bad: "WRONG", wait: "…" };
  document.title = `${short[level]} · Ingestion status`;
}

function show(facts) {
  const { level, text, troubles: found } = verdict(facts);
  showVerdict(level, text, found);
  put(at("version"), facts.version);
  put(at("uptime"), duration(facts.uptime_s));
  card("arriving", arriving(facts), "rows/s");
  card("stored", stored(facts), "rows/s");
  card("refused", refused(facts), "of rows");
  const streams = Object.entries(facts.streams), known = new Set(streams.map(([name]) => `stream-${name}`));
  for (const element of [...at("streams").children]) if (!known.has(element.id)) element.remove();
  for (const [name, stream] of streams) showStream(name, stream, facts.now);
  showQuestDB(facts.questdb);
  showShards(facts.questdb && facts.questdb.shards);
  showKafka(facts.kafka, facts.streams, facts.now);
  fill(at("errors"), facts.errors.map((error) => [
    clock(error.at, facts.now), error.stream, error.code, error.line, error.field,
  ]), "none since the start");
  at("figures").hidden = false;
}

// Only what overflows takes part in the order of Tab.
function reach() {
  for (const box of document.querySelectorAll(".scroll")) {
    const over = box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight;
    if (over) set(box, "tabindex", "0");
    else box.removeAttribute("tabindex");
  }
}

// -------------------------------------------------------------------------------------- the loop

const contact = { heardMs: 0, figuresS: 0, problem: "", lost: false, refused: false };
let timer = 0, asking = false;

function showContact() {
  const sinceMs = performance.now() - contact.heardMs, known = contact.figuresS > 0;
  const lost = contact.refused || sinceMs > LOST_MS;
  const time = known ? clock(contact.figuresS, contact.figuresS) : "";
  put(at("age"), known ? lost ? `${time}, ${duration(sinceMs / 1000)} old` : time : "…");
  if (!lost) {
    at("lost").hidden = true;
    document.body.classList.remove("stale");
    return;
  }
  document.body.classList.add("stale");
  showVerdict("bad", contact.refused ? "The service asks for a token: reload this page" : "Lost contact with the service", []);
  at("lost").hidden = false;
  const old = known ? `Everything below is ${duration(sinceMs / 1000)} old, from ${time}.` : "No figures have come yet.";
  put(at("lost"), `${old} ${contact.problem} Trying again every second.`);
}

async function ask() {
  // Without the name and password that the page's own address may have: fetch refuses those.
  const url = new URL("status.json", location.origin + location.pathname);
  // With this header a missing token is said here, and the browser raises no dialogue each second.
  const headers = { "X-Requested-With": "status page" };
  const answer = await fetch(url, { headers, cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
  contact.refused = answer.status === 401;
  if (!answer.ok) throw new Error(`It answers ${answer.status}.`);
  return answer.json();
}

async function poll() {
  if (asking) return;
  asking = true;
  clearTimeout(timer);
  try {
    const facts = await ask();
    show(facts);
    contact.heardMs = performance.now();
    contact.figuresS = facts.now;
  } catch (error) {
    contact.problem = error.message.startsWith("It answers") ? error.message
      : error instanceof TypeError || error.name === "TimeoutError" ? "It does not answer." : `Its answer cannot be shown: ${error.message}.`;
  }
  asking = false;
  showContact();
  reach();
  timer = setTimeout(poll, document.hidden ? HIDDEN_POLL_MS : POLL_MS);
}

setInterval(showContact, POLL_MS);
document.addEventListener("visibilitychange", () => { if (!document.hidden) poll(); });
addEventListener("resize", reach);
poll();
