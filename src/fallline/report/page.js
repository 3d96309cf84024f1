"use strict";
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const phone = window.matchMedia("(max-width: 620px)");

  const number = value => {
    if (value === null || value === undefined) return "–";
    const size = Math.abs(value);
    if (Number.isInteger(value) && size < 1e6) return value.toLocaleString("en-US");
    return (size !== 0 && (size < 1e-3 || size >= 1e6) ? value.toExponential(3) : String(+value.toPrecision(5))).replace("-", "−");
  };
  const shown = (figure, value) =>
    figure.percent && value !== null && value !== undefined ? number(+(100 * value).toPrecision(4)) + " %" : number(value);
  const named = (figure, x) => figure.names[String(x)] ?? number(x);
  const xs = (figure, series) => series.x ?? figure.x;
  const element = (name, text, inside) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (inside) inside.append(made);
    return made;
  };

  // Numbers to pixels of the picture, as the drawing has them.
  function place(figure, x, y) {
    const [left, top, right, bottom] = figure.box, [x0, x1, y0, y1] = figure.ends;
    const share = (value, low, high, log) =>
      log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
    return [left + (right - left) * share(x, x0, x1, figure.log[0]), bottom - (bottom - top) * share(y, y0, y1, figure.log[1])];
  }

  function every(figure) {
    const found = [];
    figure.series.forEach((series, i) => xs(figure, series).forEach((x, k) => {
      const y = series.y[k];
      if (y !== null && !(figure.log[1] && y <= 0) && !(figure.log[0] && x <= 0)) found.push({ i, k, x, y, at: place(figure, x, y) });
    }));
    return found.sort((a, b) => a.at[0] - b.at[0]);
  }

  document.querySelectorAll(".plot").forEach(stage => {
    const figure = figures[stage.dataset.figure], svg = stage.querySelector("svg");
    const tip = element("div", undefined, stage), rule = document.createElementNS("http://www.w3.org/2000/svg", "line");
    const scattered = figure.series.some(series => series.text);
    let points = null, chosen = -1;
    tip.className = "tip";
    tip.setAttribute("role", "status");
    tip.hidden = true;
    rule.setAttribute("class", "rule");
    svg.append(rule);

    function show(k) {
      points ??= every(figure);
      if (!points.length) return;
      chosen = Math.max(0, Math.min(points.length - 1, k));
      const here = points[chosen], [left, top, right, bottom] = figure.box;
      tip.replaceChildren();
      if (scattered) {
        const series = figure.series[here.i];
        element("div", series.text ? series.text[here.k] : series.name + ": " + shown(figure, here.y), tip);
      } else {
        element("b", (figure.label ? figure.label + " " : "") + named(figure, here.x), tip);
        figure.series.forEach(series => {
          const k = xs(figure, series).indexOf(here.x);
          if (k >= 0 && series.y[k] !== null) element("div", series.name + ": " + shown(figure, series.y[k]), tip);
        });
      }
      const box = svg.getBoundingClientRect(), scale = box.width / svg.viewBox.baseVal.width;
      tip.hidden = false;
      const x = here.at[0] * scale, room = stage.clientWidth;
      tip.style.left = Math.max(0, Math.min(room - tip.offsetWidth, x > room / 2 ? x - tip.offsetWidth - 10 : x + 10)) + "px";
      tip.style.top = Math.max(0, (scattered ? here.at[1] : top) * scale - (scattered ? tip.offsetHeight + 8 : 0)) + "px";
      const ends = { x1: here.at[0], x2: here.at[0], y1: scattered ? here.at[1] - 6 : top, y2: scattered ? here.at[1] + 6 : bottom };
      Object.entries(ends).forEach(([name, value]) => rule.setAttribute(name, value.toFixed(1)));
      rule.style.display = "inline";
    }

    function hide() {
      tip.hidden = true;
      rule.style.display = "none";
    }

    stage.addEventListener("pointermove", event => {
      const box = svg.getBoundingClientRect(), scale = svg.viewBox.baseVal.width / box.width;
      const x = (event.clientX - box.left) * scale, y = (event.clientY - box.top) * scale;
      points ??= every(figure);
      let best = -1, least = Infinity;
      points.forEach((point, k) => {
        const distance = Math.abs(point.at[0] - x) + (scattered ? Math.abs(point.at[1] - y) : 0);
        if (distance < least) [best, least] = [k, distance];
      });
      if (best >= 0) show(best);
    });
    stage.addEventListener("pointerleave", hide);
    stage.addEventListener("blur", hide);
    stage.addEventListener("keydown", event => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (event.key === "Escape") hide();
      if (!step && event.key !== "Home" && event.key !== "End") return;
      event.preventDefault();
      points ??= every(figure);
      if (event.key === "Home") return show(0);
      if (event.key === "End") return show(points.length - 1);
      let next = chosen < 0 ? (step > 0 ? 0 : points.length - 1) : chosen + step;
      // Of curves, the next place is wanted, not the next curve at the same place.
      while (!scattered && chosen >= 0 && points[next] && points[next].x === points[chosen].x) next += step;
      show(next);
    });
  });

  document.querySelectorAll("details.values").forEach(details => details.addEventListener("toggle", () => {
    const inside = details.querySelector("div"), figure = figures[details.dataset.figure];
    if (inside.childElementCount) return;
    const table = element("table", undefined, inside), head = element("tr", undefined, element("thead", undefined, table));
    inside.tabIndex = 0;
    const body = element("tbody", undefined, table);
    if (figure.x) {
      [figure.label || "", ...figure.series.map(series => series.name)].forEach(name => { element("th", name, head).scope = "col"; });
      figure.x.forEach((x, k) => {
        const row = element("tr", undefined, body);
        element("th", named(figure, x), row).scope = "row";
        figure.series.forEach(series => element("td", shown(figure, series.y[k]), row));
      });
    } else {
      ["curve", figure.label || "place", "value"].forEach(name => { element("th", name, head).scope = "col"; });
      figure.series.forEach(series => series.x.forEach((x, k) => {
        if (series.y[k] === null) return;
        const row = element("tr", undefined, body);
        element("th", series.name, row).scope = "row";
        element("td", named(figure, x), row);
        element("td", series.text ? series.text[k] : shown(figure, series.y[k]), row);
      }));
    }
  }));

  // On a phone a picture is drawn smaller, so its letters are made larger.
  const fit = () => document.documentElement.classList.toggle("phone", phone.matches);
  phone.addEventListener("change", fit);
  fit();
})();
