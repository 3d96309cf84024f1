const data = JSON.parse(document.getElementById("data").textContent);
const byId = id => document.getElementById(id);
const parts = Object.fromEntries([...document.querySelectorAll("[data-key]")].map(each => [each.dataset.key, each]));
const still = window.matchMedia("(prefers-reduced-motion: reduce)");
const canWalk = terrain !== null && data.rules.some(rule => rule.live);
const given = data.rules.map(rule => rule.live && rule.live.learning_rate);
const state = { start: [...data.start], rates: [...given], at: data.steps, speed: 20, playing: false };
let walks = [];

// Numbers ------------------------------------------------------------------------------------------------------------

function shown(value) {
  if (value === null || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential(2) : String(Number(value.toPrecision(4)));
}

function recorded(rule) {
  return { points: rule.points.map(p => p.map(x => x === null ? NaN : x)), values: rule.values.map(v => v === null ? NaN : v) };
}

function isGiven() {
  return state.start.every((x, i) => x === data.start[i]);
}

function computed() {
  return data.rules.map((rule, i) => {
    if (isGiven() && (!rule.live || terrain === null || state.rates[i] === given[i])) return recorded(rule);
    if (!rule.live || terrain === null) return null;
    return walk(terrain, { ...rule.live, learning_rate: state.rates[i] }, state.start, data.steps);
  });
}

const apart = (a, b) => Math.hypot(...a.map((x, i) => x - b[i]));

function measured(way) {
  const end = way.points[way.points.length - 1], value = way.values[way.values.length - 1];
  const isFinite = way.values.every(Number.isFinite) && end.every(Number.isFinite);
  let length = 0;
  for (let t = 1; t < way.points.length; t++) length += apart(way.points[t], way.points[t - 1]);
  const found = { value: isFinite ? value : NaN, length: isFinite ? length : NaN, steps: null, distance: NaN, overshoot: NaN, isFinite };
  if (!isFinite || !data.minima.length) return found;
  const goal = data.minima.map(m => m.slice(0, -1)).reduce((a, b) => apart(end, b) < apart(end, a) ? b : a);
  const far = apart(way.points[0], goal), first = way.points[0];
  const arrived = way.points.findIndex(point => apart(point, goal) <= data.tolerance * far);
  const beyond = way.points.map(p => p.reduce((sum, x, i) => sum + (x - goal[i]) * (goal[i] - first[i]), 0) / (far * far));
  return { ...found, steps: arrived < 0 ? null : arrived, distance: apart(end, goal), overshoot: far > 0 ? Math.max(0, ...beyond) : NaN };
}

// Pixels -------------------------------------------------------------------------------------------------------------

const along = (x, [low, high], a, b) => a + (b - a) * Math.min(2, Math.max(-1, (x - low) / (high - low)));

function above(point) {
  const a = data.above;
  return [along(point[0], a.x, a.left, a.right), along(point[1], a.y, a.bottom, a.top)];
}

function beside(point, value) {
  const { o, x, y, h } = data.view, { lowest, highest, scale } = data.heights;
  const u = (point[0] - data.above.x[0]) / (data.above.x[1] - data.above.x[0]);
  const v = (point[1] - data.above.y[0]) / (data.above.y[1] - data.above.y[0]);
  const share = Math.log1p(Math.max(0, value - lowest) / scale) / Math.log1p((highest - lowest) / scale);
  if (!(u >= 0 && u <= 1 && v >= 0 && v <= 1)) return [NaN, NaN];
  return [0, 1].map(i => o[i] + u * x[i] + v * y[i] + Math.min(1, share) * h[i]);
}

function loss(step, value) {
  const a = data.loss;
  const y = a.log ? Math.log10(Math.max(value - data.lowest, a.y[0])) : value;
  return [along(step, a.x, a.left, a.right), along(y, a.log ? a.y.map(Math.log10) : a.y, a.bottom, a.top)];
}

const BOX = { contour: data.above, loss: data.loss, surface: { left: -1, top: -1, right: 481, bottom: 431 } };

// The line up to the first point outside of the picture, and its last point.
function drawn(points, box) {
  let text = "", last = null;
  for (const [x, y] of points) {
    if (!Number.isFinite(x) || !Number.isFinite(y)) break;
    const at = [Math.min(Math.max(x, box.left), box.right), Math.min(Math.max(y, box.top), box.bottom)];
    text += (last ? "L" : "M") + at[0].toFixed(1) + " " + at[1].toFixed(1);
    last = at;
    if (Math.abs(at[0] - x) > 1 || Math.abs(at[1] - y) > 1) break;
  }
  return [text, last];
}

function cut(list, at) {
  const whole = Math.floor(at), share = at - whole, kept = list.slice(0, whole + 1);
  if (share > 0 && whole + 1 < list.length) {
    const a = list[whole], b = list[whole + 1];
    kept.push(Array.isArray(a) ? a.map((x, i) => x + share * (b[i] - x)) : a + share * (b - a));
  }
  return kept;
}

// The place of a name nearest to y that is a line of text away from all taken places, if there is one.
function spaced(y, taken) {
  const [low, high] = [46, 374], first = Math.min(Math.max(y, low), high);
  for (let k = 0; k < 200; k += 3) {
    for (const place of [first + k, first - k]) {
      if (place >= low && place <= high && taken.every(other => Math.abs(place - other) >= 14)) return place;
    }
  }
  return first;
}

function draw() {
  const taken = { contour: [], surface: [], loss: [] };
  walks.forEach((way, i) => {
    const points = way ? cut(way.points, state.at) : [], values = way ? cut(way.values, state.at) : [];
    const last = values.length - 1;
    const lines = {
      contour: points.map(above),
      surface: points.map((point, t) => beside(point, values[t])),
      loss: values.map((value, t) => Number.isFinite(value) ? loss(t === last ? state.at : t, value) : [NaN, NaN]),
    };
    for (const kind in lines) {
      const [text, end] = drawn(lines[kind], BOX[kind]);
      for (const part of ["edge", "path"]) parts[`${kind}-${part}-${i}`].setAttribute("d", text);
      for (const part of ["end", "name"]) parts[`${kind}-${part}-${i}`].style.display = end ? "" : "none";
      if (!end) continue;
      const dot = parts[`${kind}-end-${i}`], name = parts[`${kind}-name-${i}`];
      dot.setAttribute("cx", end[0]);
      dot.setAttribute("cy", end[1]);
      const isRight = end[0] > 376;
      const y = spaced(end[1] - 6, taken[kind]);
      taken[kind].push(y);
      name.setAttribute("x", end[0] + (isRight ? -9 : 9));
      name.setAttribute("y", y);
      name.setAttribute("text-anchor", isRight ? "end" : "start");
    }
  });
  const first = above(state.start), dot = parts["contour-start"];
  dot.setAttribute("cx", first[0]);
  dot.setAttribute("cy", first[1]);
  byId("at").value = Math.floor(state.at);
  byId("time").value = state.at;
  table();
}

// Words --------------------------------------------------------------------------------------------------------------

const HEADS = ["rule", "rate", "loss at this step", "steps to the minimum", "loss at the end", "distance at the end", "length", "overshoot"];

function table() {
  const cell = (kind, text) => { const made = document.createElement(kind); made.textContent = text; return made; };
  const row = (kind, texts) => {
    const made = document.createElement("tr");
    texts.forEach((text, i) => made.append(cell(i ? kind : "th", text)));
    return made;
  };
  const head = document.createElement("thead"), body = document.createElement("tbody");
  head.append(row("th", HEADS));
  data.rules.forEach((rule, i) => {
    const way = walks[i], rate = rule.live ? shown(state.rates[i]) : "–";
    if (!way) { body.append(row("td", [rule.label, rate, "recorded from the first start only", "", "", "", "", ""])); return; }
    const m = measured(way), now = way.values[Math.floor(state.at)] - (data.lowest ?? 0), end = m.value - (data.lowest ?? 0);
    const steps = m.isFinite ? (m.steps === null ? "–" : String(m.steps)) : "diverges";
    body.append(row("td", [rule.label, rate, shown(now), steps, shown(end), shown(m.distance), shown(m.length), shown(m.overshoot)]));
  });
  byId("numbers").replaceChildren(head, body);
}

function sentence() {
  const begins = `From (${state.start.map(x => shown(x)).join(", ")}), ${data.steps} steps.`;
  const said = data.rules.map((rule, i) => {
    if (!walks[i]) return "";
    const m = measured(walks[i]);
    if (!m.isFinite) return `${rule.label} diverges.`;
    if (m.steps !== null) return `${rule.label} reaches a minimum after ${m.steps} steps.`;
    return `${rule.label} ends at the height ${shown(m.value)}.`;
  });
  return [begins, ...said.filter(Boolean)].join(" ");
}

let waiting = 0;
function say() {
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    const text = sentence();
    byId("said").textContent = text;
    for (const name of ["contour", "surface", "loss"]) byId(name + "-text").textContent = text;
  }, 700);
}

// Changes ------------------------------------------------------------------------------------------------------------

function renew() {
  walks = computed();
  ["x", "y"].forEach((name, i) => { if (document.activeElement !== byId(name)) byId(name).value = Number(state.start[i].toPrecision(6)); });
  draw();
  say();
}

function moveTo(point) {
  if (!canWalk) return;
  state.start = point.map((x, i) => {
    const [low, high] = i ? data.above.y : data.above.x;
    return Math.min(Math.max(x, low), high);
  });
  renew();
  remember();
}

// The address holds what the reader has chosen, so that it can be shared.
function remember() {
  const words = new URLSearchParams();
  if (!isGiven()) words.set("start", state.start.join(","));
  if (state.rates.some((rate, i) => rate !== given[i])) words.set("rates", state.rates.map(rate => rate ?? "").join(","));
  try { history.replaceState(null, "", "#" + words); } catch { /* a frame may forbid it */ }
}

function recall() {
  const words = new URLSearchParams(location.hash.slice(1)), numbers = name => (words.get(name) ?? "").split(",").map(parseFloat);
  const start = numbers("start"), rates = numbers("rates"), at = parseFloat(words.get("step"));
  if (canWalk && start.length === 2 && start.every(Number.isFinite)) state.start = start;
  rates.forEach((rate, i) => { if (given[i] !== null && rate > 0) state.rates[i] = rate; });
  if (at >= 0 && at <= data.steps) state.at = at;
}

function play(on) {
  state.playing = on && !still.matches;
  byId("play").textContent = state.playing ? "Pause" : "Play";
  if (!state.playing) return;
  if (state.at >= data.steps) state.at = 0;
  let before = null;
  const frame = now => {
    if (!state.playing) return;
    if (before !== null) state.at = Math.min(data.steps, state.at + state.speed * (now - before) / 1000);
    before = now;
    draw();
    if (state.at >= data.steps) play(false);
    else requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}

function listen() {
  byId("play").onclick = () => play(!state.playing);
  byId("step").onclick = () => { play(false); state.at = state.at >= data.steps ? 0 : Math.floor(state.at) + 1; draw(); };
  byId("reset").onclick = () => { play(false); Object.assign(state, { start: [...data.start], rates: [...given], at: data.steps }); sliders(); renew(); remember(); };
  byId("time").max = data.steps;
  byId("time").oninput = event => { play(false); state.at = Number(event.target.value); draw(); };
  byId("speed").oninput = event => { state.speed = Number(event.target.value); byId("pace").value = state.speed; };
  const quiet = () => { byId("play").hidden = still.matches; if (still.matches) { play(false); state.at = data.steps; draw(); } };
  still.addEventListener("change", quiet);
  quiet();
  if (!canWalk) { byId("starts").hidden = true; byId("hint").textContent = "Crosses mark the minima."; return; }
  ["x", "y"].forEach((name, i) => { byId(name).onchange = event => {
    const value = parseFloat(event.target.value);
    if (Number.isFinite(value)) moveTo(state.start.map((x, k) => k === i ? value : x));
  }; });
  const stage = byId("stage"), picture = byId("contour");
  const under = event => {
    const place = new DOMPoint(event.clientX, event.clientY).matrixTransform(picture.getScreenCTM().inverse()), a = data.above;
    moveTo([along(place.x, [a.left, a.right], ...a.x), along(place.y, [a.bottom, a.top], ...a.y)]);
  };
  picture.onpointerdown = event => { picture.setPointerCapture(event.pointerId); under(event); };
  picture.onpointermove = event => { if (picture.hasPointerCapture(event.pointerId)) under(event); };
  stage.onkeydown = event => {
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (by) {
      const size = event.shiftKey ? 0.1 : 0.01, widths = [data.above.x, data.above.y].map(([low, high]) => high - low);
      moveTo(state.start.map((x, i) => x + by[i] * size * widths[i]));
    } else if (event.key === "Enter") play(true);
    else if (event.key === "Escape") play(false);
    else return;
    event.preventDefault();
  };
}

// A slider of the learning rate for each rule that the page can walk, on a logarithmic scale.
function sliders() {
  byId("rates").replaceChildren(...data.rules.map((rule, i) => {
    const label = document.createElement("label"), sample = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    sample.setAttribute("viewBox", "0 0 34 10");
    sample.setAttribute("aria-hidden", "true");
    const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
    const look = { d: "M0 5h34", stroke: `var(--path${i % 8})`, "stroke-width": 3, "stroke-dasharray": rule.dash.join(" ") };
    for (const name in look) if (look[name] !== "") line.setAttribute(name, look[name]);
    sample.append(line);
    const value = document.createElement("output");
    label.append(sample, rule.label + " ", value);
    if (!rule.live || !canWalk) { value.value = rule.live ? `rate ${shown(given[i])}` : "(recorded)"; return label; }
    const slider = document.createElement("input");
    Object.assign(slider, { type: "range", min: -5, max: 1.5, step: 0.01, value: Math.log10(state.rates[i]) });
    slider.setAttribute("aria-label", `learning rate of ${rule.label}`);
    const tell = () => { value.value = `rate ${shown(state.rates[i])}`; slider.setAttribute("aria-valuetext", shown(state.rates[i])); };
    slider.oninput = () => { state.rates[i] = Math.pow(10, Number(slider.value)); tell(); renew(); remember(); };
    tell();
    label.append(slider);
    return label;
  }));
}

recall();
listen();
sliders();
renew();
