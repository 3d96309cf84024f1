"use strict";
(() => {
  const page = JSON.parse(document.getElementById("figures").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const touch = window.matchMedia("(pointer: coarse)").matches;
  const config = { responsive: true, displayModeBar: false, displaylogo: false };

  function drawAll() {
    const theme = dark.matches ? "dark" : "light";
    page.figures.forEach((figure, place) => {
      const colours = figure.colours[theme];
      const data = figure.data.map((trace, i) => ({ ...trace, line: { ...trace.line, color: colours[i] } }));
      const layout = { ...figure.layout, template: page.themes[theme], autosize: true };
      if (touch) {
        layout.dragmode = false;
        layout.xaxis = { ...layout.xaxis, fixedrange: true };
        layout.yaxis = { ...layout.yaxis, fixedrange: true };
      }
      Plotly.react(document.getElementById("figure-" + place), data, layout, config);
    });
  }

  drawAll();
  dark.addEventListener("change", drawAll);
})();
