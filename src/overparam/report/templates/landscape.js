"use strict";
(() => {
  const root = document.documentElement;
  const read = (node) => JSON.parse(node.textContent);
  const settings = read(document.getElementById("settings"));
  const quiet = { mode: "vega-lite", ast: true, renderer: "svg", actions: false, defaultStyle: false, logLevel: 1 };
  const drawn = [];

  async function draw(figure) {
    const spec = read(figure.querySelector("script"));
    const canvas = figure.querySelector(".canvas");
    const config = root.dataset.size ? settings.large : settings.normal;
    const old = drawn.findIndex((one) => one.figure === figure);
    if (old >= 0) drawn.splice(old, 1)[0].made.finalize();
    canvas.replaceChildren();
    const made = await vegaEmbed(canvas, spec, { ...quiet, config, tooltip: { disableDefaultStyle: true } });
    drawn.push({ figure, made });
    figure.dataset.drawn = "true";
  }

  const figures = [...document.querySelectorAll("figure.drawing")];
  const all = () => figures.forEach(draw);
  all();
  document.getElementById("size").addEventListener("click", () => setTimeout(all, 0));
})();
