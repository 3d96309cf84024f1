"use strict";
(() => {
  const EVERY = 2000, SLOWEST = 30000, PATIENCE = 20000, STEP = 100, NAMED = 12, COLOURS = 8, COMPARED = 30;
  const DASHES = ["", "9 4", "3 3", "12 3 3 3", "6 2", "2 5", "14 4", "5 3 1 3"];
  const SVG = "http://www.w3.org/2000/svg";
  const at = id => document.getElementById(id);
  const element = (name, text, inside, kind) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (kind) made.className = kind;
    if (inside) inside.append(made);
    return made;
  };
  const drawn = (name, facts, inside) => {
    const made = document.createElementNS(SVG, name);
    Object.entries(facts).forEach(([key, value]) => made.setAttribute(key, value));
    if (inside) inside.append(made);
    return made;
  };
  const number = value => {
    if (value === null || value === undefined) return "–";
    const size = Math.abs(value);
    if (Number.isInteger(value) && size < 1e6) return value.toLocaleString("en-US").replace("-", "−");
    return (size !== 0 && (size < 1e-3 || size >= 1e6) ? value.toExponential(2) : String(+value.toPrecision(4))).replace("-", "−");
  };
  const titled = name => { const text = name.replaceAll("_", " "); return text.charAt(0).toUpperCase() + text.slice(1); };

  // Everything that the page knows; each part is replaced as a whole, so that an open page does not grow.
  const runs = new Map(), slots = new Map();
  let revision = 0, pending = 0, matched = null, chosen = [], open = null, limit = STEP, touched = false;
  let curves = { version: "", curves: [], columns: [] }, detail = { version: "" }, failures = 0, timer = 0, asked = "";
  let charts = ["valid_loss", "train_loss"];
  const logs = new Set();

  function remember() {
    const parts = new URLSearchParams();
    if (chosen.length && chosen.length <= 50) parts.set("runs", chosen.join(","));
    if (open) parts.set("open", open);
    parts.set("charts", charts.join(","));
    if (logs.size) parts.set("log", [...logs].join(","));
    history.replaceState(null, "", "#" + parts);
  }
  function recall() {
    const parts = new URLSearchParams(location.hash.slice(1)), list = name => (parts.get(name) ?? "").split(",").filter(Boolean);
    chosen = list("runs");
    touched = chosen.length > 0;
    open = parts.get("open");
    if (parts.has("charts")) charts = list("charts").slice(0, 8);
    list("log").forEach(name => logs.add(name));
  }

  async function ask(question, parts) {
    const given = new URLSearchParams(parts), stop = new AbortController(), late = setTimeout(() => stop.abort(), PATIENCE);
    try {
      const answer = await fetch(`api/${question}?${given}`, { signal: stop.signal, cache: "no-store" });
      if (answer.status === 403) throw new Error("closed");
      if (!answer.ok) throw new Error(String(answer.status));
      return await answer.json();
    } finally {
      clearTimeout(late);
    }
  }

  // ---- the list of runs
  function slotOf(id) {
    if (!slots.has(id)) {
      const taken = new Set(slots.values());
      let free = 0;
      while (taken.has(free)) free++;
      slots.set(id, free);
    }
    return slots.get(id);
  }
  const colour = slot => `var(--path${slot % COLOURS})`;
  const dash = slot => DASHES[(slot + 3 * Math.floor(slot / COLOURS)) % DASHES.length];

  function choose(ids) {
    chosen = ids;
    touched = true;
    for (const id of slots.keys()) if (!chosen.includes(id)) slots.delete(id);
    chosen.forEach(slotOf);
    remember();
    showList();
    wake();
  }

  async function pullRuns() {
    const found = await ask("runs", { since: revision });
    if (found.whole) runs.clear();
    found.removed.forEach(id => runs.delete(id));
    found.runs.forEach(run => runs.set(run.id, run));
    const changed = found.whole || found.removed.length || found.runs.length;
    [revision, pending] = [found.revision, found.pending];
    at("folder").textContent = found.folder;
    if (!pending) {
      const left = chosen.filter(id => runs.has(id));
      if (left.length !== chosen.length) { chosen = left; for (const id of slots.keys()) if (!runs.has(id)) slots.delete(id); }
      if (!touched && !chosen.length) chosen = ordered().slice(0, 4).map(run => run.id);
    }
    chosen.forEach(slotOf);
    if (changed && at("question").value.trim()) await search();
    if (changed) showList();
    return found;
  }

  async function search() {
    const words = at("question").value.trim();
    asked = words;
    if (!words) { matched = null; return; }
    const found = await ask("search", { q: words });
    if (asked === words) matched = new Set(found.ids);
  }

  function ordered() {
    const status = at("status").value, order = at("order").value;
    const found = [...runs.values()].filter(run => (!matched || matched.has(run.id)) && (!status || run.status === status));
    const goodness = run => run.score === null ? -Infinity : run.larger_is_better ? run.score : -run.score;
    const by = {
      newest: (a, b) => (b.status === "running") - (a.status === "running") || b.written - a.written,
      score: (a, b) => a.metric.localeCompare(b.metric) || goodness(b) - goodness(a),
      name: (a, b) => a.name.localeCompare(b.name, "en", { numeric: true }),
    }[order];
    return found.sort((a, b) => by(a, b) || a.id.localeCompare(b.id));
  }

  function rowOf(run) {
    const row = document.createElement("tr");
    row.dataset.id = run.id;
    const box = element("input", undefined, element("td", undefined, row));
    box.type = "checkbox";
    box.addEventListener("change", () => choose(box.checked ? [...chosen, run.id] : chosen.filter(id => id !== run.id)));
    const name = element("th", undefined, row), button = element("button", "", name);
    name.scope = "row";
    button.type = "button";
    button.addEventListener("click", () => show(run.id));
    element("small", "", name);
    element("span", "", element("td", undefined, row), "badge");
    const score = element("td", undefined, row);
    element("span", "", score);
    element("small", "", score);
    element("td", "", row);
    return row;
  }
  function put(node, text) { if (node.textContent !== text) node.textContent = text; }
  function fill(row, run) {
    const [box, name, state, score, epochs] = row.cells, input = box.firstChild;
    input.checked = chosen.includes(run.id);
    input.setAttribute("aria-label", `Draw ${run.name}`);
    row.classList.toggle("at", run.id === open);
    put(name.firstChild, run.name);
    put(name.lastChild, [run.kind === "training" ? "" : run.kind, run.data, run.tags.join(", ")].filter(Boolean).join(" · "));
    put(state.firstChild, run.status);
    state.firstChild.className = `badge ${run.status}`;
    state.firstChild.title = run.outcome.replaceAll("_", " ");
    put(score.firstChild, number(run.score));
    const loss = run.loss === null || run.metric === "loss" ? "" : ` · loss ${number(run.loss)}`;
    const said = [run.split, run.metric].filter(Boolean).join(" ").replaceAll("_", " ");
    put(score.lastChild, run.score === null ? "" : said + loss);
    put(epochs, number(run.epochs) + (run.planned ? ` / ${number(run.planned)}` : ""));
  }
  function showList() {
    const found = ordered(), seen = found.slice(0, limit), body = at("rows");
    const held = document.activeElement, rows = new Map([...body.rows].map(row => [row.dataset.id, row]));
    let before = body.firstElementChild;
    for (const run of seen) {
      const row = rows.get(run.id) ?? rowOf(run);
      rows.delete(run.id);
      fill(row, run);
      if (row === before) before = before.nextElementSibling;
      else body.insertBefore(row, before);
    }
    rows.forEach(row => row.remove());
    if (held && held !== document.activeElement && held.isConnected) held.focus({ preventScroll: true });
    put(at("shown"), `${seen.length} of ${found.length} shown, ${chosen.length} drawn`);
    at("more").hidden = found.length <= limit;
  }
  function tell(found) {
    const counts = {};
    for (const run of runs.values()) counts[run.status] = (counts[run.status] ?? 0) + 1;
    const said = ["running", "finished", "failed", "stopped"].filter(name => counts[name]).map(name => `${counts[name]} ${name}`);
    const text = !found.there ? "The folder is not there now; the board waits for it." :
      pending ? `${runs.size} runs read, ${pending} to come…` : runs.size ? `${runs.size} ${runs.size === 1 ? "run" : "runs"}: ${said.join(", ")}` : "There are no runs yet.";
    put(at("state"), text);
    at("state").className = "over";
  }

  // ---- charts
  const stages = new Map();
  function ticks(low, high, log, most) {
    if (log) {
      const found = [], first = Math.ceil(Math.log10(low) - 1e-9), last = Math.floor(Math.log10(high) + 1e-9), step = Math.max(1, Math.ceil((last - first + 1) / most));
      for (let power = first; power <= last; power += step) found.push(10 ** power);
      if (found.length > 1) return found;
    }
    const rough = (high - low) / most, size = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map(each => each * size).find(each => each >= rough) ?? rough, found = [];
    for (let value = Math.ceil(low / step - 1e-9) * step; value <= high + 1e-9 * step && found.length < 20; value += step) found.push(+value.toPrecision(12));
    return found;
  }
  function ends(values, log) {
    let low = Infinity, high = -Infinity;
    for (const value of values) if (value !== null && (!log || value > 0)) { low = Math.min(low, value); high = Math.max(high, value); }
    if (low > high) return log ? [0.1, 1] : [0, 1];
    if (low === high) return log ? [low / 2, high * 2] : [low - (Math.abs(low) / 2 || 0.5), high + (Math.abs(high) / 2 || 0.5)];
    if (log) { const room = (high / low) ** 0.04; return [low / room, high * room]; }
    const room = 0.04 * (high - low);
    return [low >= 0 && low < 2 * room ? 0 : low - room, high + room];
  }

  /* A chart on a stage: series are {name, slot, x, y, points?}; x counts `label`. */
  function draw(stage, facts) {
    const { series, log, title, label, key } = facts, width = Math.max(240, stage.clientWidth || 480), height = 280;
    const x = ends(series.flatMap(each => each.x), false), y = ends(series.flatMap(each => each.y), log);
    const box = [62, 10, width - 12, height - 40];
    const share = (value, [low, high], isLog) => isLog ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
    const px = value => box[0] + (box[2] - box[0]) * share(value, x, false), py = value => box[3] - (box[3] - box[1]) * share(value, y, log);
    const picture = drawn("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-labelledby": `t-${key} d-${key}` });
    drawn("title", { id: `t-${key}` }, picture).textContent = title;
    const said = series.slice(0, 6).map(each => { const last = each.y.findLast(value => value !== null); return `${each.name}: last ${number(last)}`; });
    drawn("desc", { id: `d-${key}` }, picture).textContent = `${title} over ${label}, ${series.length} curves from ${number(x[0])} to ${number(x[1])}. ${said.join("; ")}.`;
    ticks(...y, log, 5).forEach(value => {
      if (value < y[0] || value > y[1]) return;
      drawn("line", { class: "grid", x1: box[0], x2: box[2], y1: py(value), y2: py(value) }, picture);
      drawn("text", { x: box[0] - 6, y: py(value) + 4, "text-anchor": "end" }, picture).textContent = number(value);
    });
    ticks(...x, false, width < 420 ? 3 : 5).forEach(value => {
      if (value < x[0] || value > x[1] || px(value) > box[2] - 14) return;
      drawn("text", { x: px(value), y: box[3] + 16, "text-anchor": "middle" }, picture).textContent = number(value);
    });
    drawn("text", { x: (box[0] + box[2]) / 2, y: height - 6, "text-anchor": "middle" }, picture).textContent = label;
    drawn("path", { class: "frame", d: `M${box[0]},${box[1]}V${box[3]}H${box[2]}` }, picture);
    series.forEach(each => {
      let path = "", pen = "M";
      const isPoints = each.points || each.y.filter(value => value !== null).length < 2;
      each.x.forEach((value, k) => {
        const own = each.y[k];
        if (own === null || (log && own <= 0)) { pen = "M"; return; }
        const place = `${px(value).toFixed(1)},${py(own).toFixed(1)}`;
        if (isPoints) { path += `M${place}h0.01`; return; }
        path += pen + place + (pen === "M" ? "h0.01" : "");
        pen = "L";
      });
      const line = drawn("path", { d: path || "M0,0", class: series.length > 30 ? "many" : "" }, picture);
      line.style.stroke = colour(each.slot);
      if (isPoints) { line.style.strokeWidth = "5"; line.style.strokeLinecap = "round"; } else line.style.strokeDasharray = dash(each.slot);
    });
    const rule = drawn("line", { class: "rule", y1: box[1], y2: box[3] }, picture);
    stage.querySelector("svg")?.remove();
    stage.prepend(picture);
    const value = stages.get(stage)?.value, isRead = !(stage.querySelector(".tip")?.hidden ?? true);
    stages.set(stage, { facts, x, box, width, rule, value });
    if (isRead) read(stage, value);
  }

  function nearest(xs, wanted) {
    let low = 0, high = xs.length - 1;
    while (high - low > 1) { const middle = (low + high) >> 1; if (xs[middle] <= wanted) low = middle; else high = middle; }
    return Math.abs(xs[low] - wanted) <= Math.abs(xs[high] - wanted) ? low : high;
  }
  function read(stage, wanted) {
    const known = stages.get(stage), tip = stage.querySelector(".tip");
    if (!known || !known.facts.series.length) return;
    const { facts, x, box, width, rule } = known, real = facts.series.filter(each => each.x.length);
    if (!real.length) return;
    const longest = real.reduce((a, b) => b.x.length > a.x.length ? b : a), value = longest.x[nearest(longest.x, wanted)];
    known.value = value;
    tip.replaceChildren();
    element("b", `${facts.label} ${number(value)}`, tip);
    real.slice(0, NAMED).forEach(each => { element("div", `${each.name}: ${number(each.y[nearest(each.x, value)])}`, tip); });
    if (real.length > NAMED) element("div", `and ${real.length - NAMED} more`, tip);
    const place = box[0] + (box[2] - box[0]) * (value - x[0]) / (x[1] - x[0]), scale = stage.clientWidth / width;
    rule.setAttribute("x1", place);
    rule.setAttribute("x2", place);
    rule.style.display = "inline";
    tip.hidden = false;
    tip.style.left = Math.max(0, Math.min(stage.clientWidth - tip.offsetWidth, place * scale > stage.clientWidth / 2 ? place * scale - tip.offsetWidth - 10 : place * scale + 10)) + "px";
    tip.style.top = "8px";
  }
  function silence(stage) {
    const known = stages.get(stage);
    stage.querySelector(".tip").hidden = true;
    if (known) known.rule.style.display = "none";
  }
  const resized = new ResizeObserver(entries => entries.forEach(({ target }) => {
    const known = stages.get(target);
    if (known && target.clientWidth && Math.abs(target.clientWidth - known.width) > 1) draw(target, known.facts);
  }));
  function stageOf(inside, name) {
    const stage = element("div", undefined, inside, "plot"), tip = element("div", undefined, stage, "tip");
    stage.tabIndex = 0;
    stage.setAttribute("role", "group");
    stage.setAttribute("aria-label", `${name}. Left and right arrow keys read values.`);
    tip.setAttribute("role", "status");
    tip.hidden = true;
    stage.addEventListener("pointermove", event => {
      const known = stages.get(stage), share = stage.getBoundingClientRect();
      if (!known) return;
      const pixel = (event.clientX - share.left) * known.width / share.width;
      read(stage, known.x[0] + (known.x[1] - known.x[0]) * (pixel - known.box[0]) / (known.box[2] - known.box[0]));
    });
    ["pointerleave", "blur"].forEach(name => stage.addEventListener(name, () => silence(stage)));
    stage.addEventListener("keydown", event => {
      const known = stages.get(stage);
      if (event.key === "Escape") silence(stage);
      const step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
      if (!step || !known) return;
      event.preventDefault();
      const longest = known.facts.series.reduce((a, b) => b.x.length > a.x.length ? b : a, { x: [] }).x;
      if (!longest.length) return;
      const place = known.value === undefined ? (step < 0 ? longest.length : -1) : nearest(longest, known.value);
      read(stage, longest[Math.max(0, Math.min(longest.length - 1, place + step))]);
    });
    resized.observe(stage);
    return stage;
  }
  function discard(card) {
    card.querySelectorAll(".plot").forEach(stage => { resized.unobserve(stage); stages.delete(stage); });
    card.remove();
  }

  function valuesOf(card, facts) {
    const details = card.querySelector("details"), inside = details.querySelector("div");
    if (!details.open) { inside.replaceChildren(); return; }
    const table = document.createElement("table"), head = element("tr", undefined, element("thead", undefined, table)), body = element("tbody", undefined, table);
    ["curve", facts.label + "s", "last", "lowest", "highest"].forEach(name => { element("th", name, head).scope = "col"; });
    facts.series.slice(0, 200).forEach(each => {
      const row = element("tr", undefined, body), held = each.y.filter(value => value !== null);
      element("th", each.name, row).scope = "row";
      [each.total, held.at(-1), Math.min(...held), Math.max(...held)].forEach(value => element("td", held.length ? number(value) : "–", row));
    });
    inside.replaceChildren(table);
  }
  function cardOf(column) {
    const card = element("figure", undefined, undefined, "card"), head = element("div", undefined, card, "chart-head");
    card.dataset.column = column;
    element("h3", titled(column), head);
    const check = element("label", undefined, head, "check"), box = element("input", undefined, check);
    box.type = "checkbox";
    box.checked = logs.has(column);
    check.append("logarithmic");
    box.addEventListener("change", () => { if (box.checked) logs.add(column); else logs.delete(column); remember(); showCharts(); });
    const gone = element("button", "Remove", head);
    gone.type = "button";
    gone.setAttribute("aria-label", `Remove the chart ${titled(column)}`);
    gone.addEventListener("click", () => { charts = charts.filter(each => each !== column); remember(); showCharts(); at("column").focus(); });
    stageOf(card, titled(column));
    const details = element("details", undefined, card, "values");
    element("summary", "Values", details);
    const inside = element("div", undefined, details, "wide");
    inside.tabIndex = 0;
    inside.setAttribute("role", "region");
    inside.setAttribute("aria-label", `Values of ${titled(column)}`);
    details.addEventListener("toggle", () => showCharts());
    return card;
  }
  function showCharts() {
    const home = at("charts"), cards = new Map([...home.children].map(card => [card.dataset.column, card]));
    at("none").hidden = chosen.length > 0;
    charts.forEach((column, place) => {
      let card = cards.get(column);
      cards.delete(column);
      if (!card) home.append(card = cardOf(column));
      const own = curves.curves.filter(each => each.column === column && runs.has(each.id) && slots.has(each.id));
      const isPolicy = own.length > 0 && own.every(each => runs.get(each.id).kind === "policy");
      const series = own.map(each => ({ name: [runs.get(each.id).name, each.lane].filter(Boolean).join(" · "), slot: slots.get(each.id), x: each.x, y: each.y, total: each.points }));
      const facts = { series, log: logs.has(column), title: titled(column), label: isPolicy ? "timestep" : "epoch", key: `c${place}` };
      draw(card.querySelector(".plot"), facts);
      valuesOf(card, facts);
    });
    cards.forEach(discard);
    const legend = at("legend");
    legend.replaceChildren();
    chosen.filter(id => runs.has(id)).slice(0, NAMED).forEach(id => {
      const item = element("li", undefined, legend), sample = drawn("svg", { viewBox: "0 0 24 12", "aria-hidden": "true" }, item);
      const line = drawn("path", { d: "M1,6H23" }, sample);
      line.style.stroke = colour(slots.get(id));
      line.style.strokeDasharray = dash(slots.get(id));
      item.append(runs.get(id).name);
    });
    if (chosen.length > NAMED) element("li", `and ${chosen.length - NAMED} more`, legend);
    const select = at("column"), names = curves.columns.filter(name => !charts.includes(name));
    if ([...select.options].map(each => each.value).join("\n") !== names.join("\n")) {
      const kept = select.value;
      select.replaceChildren(...names.map(name => { const option = element("option", titled(name)); option.value = name; return option; }));
      if (names.includes(kept)) select.value = kept;
    }
  }
  async function pullCurves() {
    const width = Math.round(at("charts").firstElementChild?.clientWidth || 600);
    const found = await ask("curves", { ids: chosen.join(","), columns: charts.join(","), width, known: curves.version });
    if (found.same) return 0;
    curves = found;
    if (!hasCharts && curves.columns.length) firstCharts();
    showCharts();
    return found.pending;
  }
  let hasCharts = false;
  function firstCharts() {
    hasCharts = true;
    if (location.hash.includes("charts=") && charts.some(name => curves.columns.includes(name))) return;
    const names = ["valid_loss", "train_loss", ...curves.columns.filter(name => /^valid_/.test(name)), "mean_return", "evaluation.best"];
    charts = [...new Set(names)].filter(name => curves.columns.includes(name)).slice(0, 3);
    if (!charts.length) charts = curves.columns.slice(0, 1);
    curves.version = "";
    wake();
  }

  // ---- runs beside each other
  let compared = "";
  async function pullBeside() {
    const ids = chosen.filter(id => runs.has(id)).slice(0, COMPARED), want = `${revision} ${ids}`;
    at("beside").hidden = ids.length < 2;
    if (ids.length < 2 || want === compared) return;
    const found = await ask("compare", { ids: ids.join(",") });
    compared = want;
    const head = document.createElement("tr");
    element("th", "field", head).scope = "col";
    found.names.forEach(name => { element("th", name, head).scope = "col"; });
    const lines = [...found.fields, ...found.metrics.map(([name, values]) => [name.replaceAll("_", " "), values.map(number)])].map(([name, values]) => {
      const row = document.createElement("tr");
      element("th", name, row).scope = "row";
      values.forEach(value => element("td", value, row));
      return row;
    });
    at("beside-head").replaceChildren(head);
    at("beside-rows").replaceChildren(...lines);
    put(at("same"), (found.fields.length === 1 ? "One field of their recipes differs." : found.fields.length ? `${found.fields.length} fields of their recipes differ.` : "Their recipes are the same.") + (chosen.length > COMPARED ? ` Of ${chosen.length} runs, the first ${COMPARED}.` : ""));
  }

  // ---- one run
  function show(id) {
    open = id;
    detail = { version: "" };
    remember();
    showList();
    wake(() => { at("one").scrollIntoView({ block: "start" }); at("one-title").focus({ preventScroll: true }); });
  }
  function tableOf(title, head, lines) {
    const card = element("div", undefined, undefined, "card"), wide = (element("h3", title, card), element("div", undefined, card, "wide tall"));
    wide.tabIndex = 0;
    wide.setAttribute("role", "region");
    wide.setAttribute("aria-label", title);
    const table = element("table", undefined, wide), row = element("tr", undefined, element("thead", undefined, table)), body = element("tbody", undefined, table);
    head.forEach(name => { element("th", name, row).scope = "col"; });
    lines.forEach(([name, ...cells]) => {
      const line = element("tr", undefined, body);
      element("th", name, line).scope = "row";
      cells.forEach(cell => element("td", cell, line));
    });
    return card;
  }
  function chartOf(home, title, facts) {
    const card = element("figure", undefined, home, "card");
    element("h3", title, card);
    const stage = stageOf(card, title);
    draw(stage, { ...facts, title });
  }
  function doctorOf(found) {
    const card = element("div", undefined, undefined, "card");
    element("h3", "The doctor", card);
    if (found.text) element("p", found.text, card);
    const list = element("ul", undefined, card, "plain");
    found.findings.forEach(each => {
      const item = element("li", undefined, list);
      element("b", titled(each.title), item);
      [each.evidence, each.cause, each.remedies.length ? `To try: ${each.remedies.join(", ").replaceAll("_", " ")}.` : "", each.advice].filter(Boolean).forEach(text => element("p", text, item));
    });
    return card;
  }
  function studyOf(study, home) {
    if (study.error) { element("p", study.error, element("div", undefined, home, "card")); return; }
    const count = Object.entries(study.counts).map(([name, value]) => `${value} ${name.replaceAll("_", " ")}`).join(", ");
    const total = Object.values(study.counts).reduce((a, b) => a + b, 0);
    const card = element("div", undefined, home, "card");
    element("h3", "Trials", card);
    element("p", `${total}${study.planned ? ` of ${study.planned}` : ""} trials${count ? `: ${count}` : ""}.`, card);
    const points = study.points.filter(each => each[1] !== null), last = Math.max(0, ...study.points.map(each => each[0]));
    const best = study.best.flatMap(([trial, score], k) => k ? [[trial, study.best[k - 1][1]], [trial, score]] : [[trial, score]]);
    if (best.length) best.push([last, best.at(-1)[1]]);
    if (points.length) {
      chartOf(home, `${titled(study.monitor)} of the trials`, { log: false, label: "trial", key: "trials", series: [
        { name: "trial", slot: 0, points: true, x: points.map(each => each[0]), y: points.map(each => each[1]) },
        { name: "best so far", slot: 1, x: best.map(each => each[0]), y: best.map(each => each[1]) },
      ] });
    }
    if (study.lanes.length) {
      chartOf(home, "Trials at their rungs", { log: false, label: "epoch", key: "rungs", series: study.lanes.map(([trial, x, y], k) => ({ name: `trial ${trial}`, slot: k, x, y })) });
    }
    const names = [...new Set(study.table.flatMap(each => Object.keys(each.values)))];
    home.append(tableOf("The best trials, then the latest", ["trial", "outcome", study.monitor, "epochs", ...names], study.table.map(each => [
      String(each.trial), each.outcome.replaceAll("_", " "), number(each.score), number(each.epochs), ...names.map(name => each.values[name] ?? "–"),
    ])));
  }
  function showOne() {
    const home = at("one-body");
    // A table or chart that is being read stays in place, and so does what was opened.
    const held = home.contains(document.activeElement) ? [...home.querySelectorAll("[tabindex], summary")].indexOf(document.activeElement) : -1;
    const places = [...home.querySelectorAll(".wide")].map(each => [each.scrollLeft, each.scrollTop]), isOpen = home.querySelector("details")?.open;
    home.querySelectorAll(".card").forEach(discard);
    home.replaceChildren();
    at("one").hidden = !open;
    if (!open) return;
    put(at("one-title"), detail.gone ? "This run is gone" : detail.name ?? "Run");
    if (detail.gone || !detail.version) return;
    const card = element("div", undefined, home, "card"), line = element("div", undefined, card, "outcome");
    element("span", detail.status, line, `badge ${detail.status}`);
    element("p", detail.sentence || (detail.status === "running" ? `${number(detail.epochs)} of ${number(detail.planned)} so far` : detail.outcome.replaceAll("_", " ")), line);
    element("p", detail.folder, card, "over");
    home.append(doctorOf(detail.doctor));
    if (detail.study) studyOf(detail.study, home);
    if (detail.metrics.length) home.append(tableOf("Metrics", ["metric", "value"], detail.metrics.map(([name, value]) => [name.replaceAll("_", " "), number(value)])));
    const recipe = element("div", undefined, home, "card"), details = element("details", undefined, recipe);
    element("summary", `Recipe: ${detail.settings.length} fields`, details);
    const list = element("dl", undefined, details, "settings");
    detail.settings.forEach(([path, value]) => { const pair = element("div", undefined, list); element("dt", path, pair); element("dd", value, pair); });
    details.open = Boolean(isOpen);
    [...home.querySelectorAll(".wide")].forEach((each, k) => { if (places[k]) [each.scrollLeft, each.scrollTop] = places[k]; });
    if (held >= 0) [...home.querySelectorAll("[tabindex], summary")][held]?.focus({ preventScroll: true });
  }
  async function pullOne() {
    if (!open) return;
    const id = open, found = await ask("run", { id, known: detail.version });
    if (found.same || id !== open || (found.gone && detail.gone)) return;
    detail = found.gone ? { version: "", gone: true } : found;
    showOne();
  }

  // ---- the clock: one question after the other, and none while nobody looks
  let busy = false, again = null;
  async function tick() {
    clearTimeout(timer);
    if (busy) return;
    busy = true;
    const then = again;
    again = null;
    let wait = EVERY;
    try {
      const found = await pullRuns();
      tell(found);
      if (await pullCurves() || found.pending) wait = 50;
      await pullBeside();
      await pullOne();
      failures = 0;
      then?.();
    } catch (error) {
      failures++;
      wait = Math.min(SLOWEST, EVERY * 2 ** Math.min(failures, 5));
      put(at("state"), error.message === "closed" ? "This address is of a board that has ended: open the address that the new one has printed." : "The board does not answer; the page tries again.");
      at("state").className = "over lost";
    }
    busy = false;
    if (again) wait = 0;
    clearTimeout(timer);
    if (!document.hidden) timer = setTimeout(tick, wait);
  }
  function wake(then = () => {}) {
    again = then;
    if (!busy) { clearTimeout(timer); timer = setTimeout(tick, 0); }
  }

  document.addEventListener("visibilitychange", () => { if (!document.hidden) wake(); });
  at("asking").addEventListener("submit", event => event.preventDefault());
  let typing = 0;
  at("question").addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(async () => { try { await search(); limit = STEP; showList(); } catch { wake(); } }, 200);
  });
  ["status", "order"].forEach(name => at(name).addEventListener("change", () => { limit = STEP; showList(); }));
  at("more").addEventListener("click", () => { limit += STEP; showList(); });
  at("choose-all").addEventListener("click", () => choose(ordered().map(run => run.id)));
  at("choose-none").addEventListener("click", () => choose([]));
  at("add").addEventListener("click", () => {
    const name = at("column").value;
    if (!name || charts.length >= 8) return;
    charts = [...charts, name];
    curves.version = "";
    remember();
    showCharts();
    wake();
  });
  recall();
  tick();
})();
