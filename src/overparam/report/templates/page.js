"use strict";
(() => {
  const root = document.documentElement;
  const read = (node) => JSON.parse(node.textContent);
  const settings = read(document.getElementById("settings"));
  const stored = document.getElementById("stored");
  const coarse = matchMedia("(pointer: coarse)").matches;
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const say = (text) => { document.getElementById("live").textContent = text; };
  const drawings = [];
  // logLevel 1: an empty layer (single seeds, while they are off) is no warning.
  const quiet = { mode: "vega-lite", ast: true, renderer: "svg", actions: false, defaultStyle: false, logLevel: 1 };

  function apply(spec, patch) {
    for (const [path, ...value] of patch) {
      const last = path[path.length - 1];
      const place = path.slice(0, -1).reduce((at, key) => at[key], spec);
      if (value.length) place[last] = structuredClone(value[0]); else delete place[last];
    }
    return spec;
  }

  function units(spec) {
    return (spec.layer || []).flatMap((layer) => [layer, ...units(layer)]);
  }

  function setParam(spec, name, value) {
    spec.params.find((param) => param.name === name).value = value;
  }

  function download(name, href) {
    const link = document.createElement("a");
    link.href = href;
    link.download = name.replace(/[^\w.-]+/g, "-");
    document.body.append(link);
    link.click();
    link.remove();
    say(`${link.download} saved`);
  }

  function downloadText(name, type, text) {
    const url = URL.createObjectURL(new Blob([text], { type }));
    download(name, url);
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  }

  function chart(figure) {
    const parcel = read(figure.querySelector("script"));
    const plot = figure.querySelector(".plot");
    const state = { ...parcel.first, touch: String(coarse) };
    const hidden = new Set();
    let shown = null;
    let turn = 0;

    const asFile = () => {
      const spec = structuredClone(parcel.spec);
      for (const [toggle, choice] of Object.entries(state)) apply(spec, (parcel.patches[toggle] || {})[choice] || []);
      setParam(spec, "hidden", [...hidden]);
      return spec;
    };

    const shade = (hue) => `var(--hue${settings.hues.indexOf(hue)})`;
    const onScreen = () => {
      const spec = apply(asFile(), parcel.screen);
      for (const { encoding } of units(spec)) {
        const range = encoding && encoding.color && encoding.color.scale && encoding.color.scale.range;
        if (range) encoding.color.scale.range = range.map(shade);
      }
      for (const line of spec.datasets.lines) line.hue = shade(line.hue);
      const most = figure.classList.contains("hero") ? 340 : 400;
      spec.height = Math.max(270, Math.min(most, plot.clientWidth * 0.56)) * (root.dataset.size ? 1.15 : 1);
      return spec;
    };

    async function draw() {
      const mine = ++turn;
      const place = document.createElement("div");
      place.className = "drawing";
      const spec = onScreen();
      plot.append(place);
      const config = root.dataset.size ? settings.large : settings.normal;
      const made = await vegaEmbed(place, spec, {
        ...quiet, config, tooltip: { disableDefaultStyle: true },
      });
      if (mine !== turn) { made.finalize(); place.remove(); return; }
      if (shown) { shown.made.finalize(); shown.place.remove(); }
      shown = { made, place };
      legend(spec);
      notes();
      figure.dataset.drawn = String(mine);
    }

    function legend(spec) {
      const line = units(spec).find(({ encoding }) => encoding && encoding.strokeDash && encoding.strokeDash.scale).encoding;
      const box = figure.querySelector(".legend");
      const held = box.contains(document.activeElement) ? document.activeElement.dataset.line : null;
      const late = (name) => parcel.late.includes(name) && state.also !== "true";
      box.replaceChildren(...line.color.scale.domain.flatMap((name, i) => {
        if (late(name)) return [];
        const button = document.createElement("button");
        button.type = "button";
        button.dataset.line = name;
        button.setAttribute("aria-pressed", String(!hidden.has(name)));
        const dash = line.strokeDash.scale.range[i][1] ? "5 3" : "none";
        button.innerHTML = '<svg width="26" height="10" aria-hidden="true"><line x1="1" x2="25" y1="5" y2="5"/></svg>';
        const stroke = button.querySelector("line").style;
        stroke.stroke = line.color.scale.range[i];
        stroke.strokeDasharray = dash;
        button.append(name);
        button.addEventListener("click", () => {
          if (!hidden.delete(name)) hidden.add(name);
          draw();
        });
        return [button];
      }));
      if (figure.classList.contains("hero") && box.children.length > (plot.clientWidth < 600 ? 4 : 9)) plot.after(box);
      if (held !== null) [...box.children].filter((b) => b.dataset.line === held).forEach((b) => b.focus());
    }

    function notes() {
      const on = [];
      if (state.y_log === "true") on.push(parcel.notes.y, parcel.notes.fit);
      if (state.also === "true") on.push(parcel.notes.also);
      if (state.x_log === "true") on.push(parcel.notes[`x${state.x}`]);
      figure.querySelector("[data-lognote]").textContent = on.filter(Boolean).join(" ");
    }

    const strip = figure.querySelector(".frames");
    let timer = 0;

    // Only the signal changes, so that playing needs no new drawing; files and new drawings take the patch.
    async function turnTo(frame) {
      state.frame = String(frame);
      settle();
      if (shown) await shown.made.view.signal("frame", frame).runAsync();
      figure.dataset.frame = state.frame;
    }

    function pause() {
      clearTimeout(timer);
      timer = 0;
      if (strip) strip.querySelector("[data-play]").textContent = still.matches ? "Next" : "Play";
    }

    function play() {
      const last = parcel.frames.length - 1;
      const next = (Number(state.frame) + 1) % (last + 1);
      turnTo(next);
      if (next === last) pause();
      else timer = setTimeout(play, 700);
    }

    if (strip) {
      strip.hidden = false;
      pause();
      still.addEventListener("change", pause);
      strip.querySelector("[data-frame]").addEventListener("input", (event) => { pause(); turnTo(Number(event.target.value)); });
      strip.querySelector("[data-play]").addEventListener("click", (event) => {
        if (timer) { pause(); return; }
        if (still.matches) { turnTo((Number(state.frame) + 1) % parcel.frames.length); return; }
        event.target.textContent = "Pause";
        play();
      });
    }

    function settle() {
      if (strip) {
        const [slider, words] = [strip.querySelector("[data-frame]"), parcel.frames[Number(state.frame)]];
        slider.value = state.frame;
        slider.setAttribute("aria-valuetext", words);
        strip.querySelector("output").textContent = words;
      }
      for (const input of figure.querySelectorAll("[data-toggle]")) {
        const choice = state[input.dataset.toggle];
        input.checked = input.type === "radio" ? input.value === choice : choice === "true";
      }
    }

    figure.addEventListener("change", (event) => {
      const { toggle } = event.target.dataset;
      if (!toggle) return;
      state[toggle] = event.target.type === "radio" ? event.target.value : String(event.target.checked);
      if (toggle === "x") state.x_log = parcel.x_log[Number(state.x)];
      settle();
      draw();
    });

    for (const button of figure.querySelectorAll("[data-zoom]")) {
      button.addEventListener("click", async () => {
        const factor = Number(button.dataset.zoom);
        if (!factor) { await draw(); return; }
        const { view } = shown.made;
        for (const axis of ["x", "y"]) {
          const log = state[`${axis}_log`] === "true";
          const domain = view.scale(axis).domain().map((end) => (log ? Math.log(end) : end));
          const [middle, half] = [(domain[0] + domain[1]) / 2, ((domain[1] - domain[0]) / 2) * factor];
          view.signal(`grid_${axis}`, [middle - half, middle + half].map((end) => (log ? Math.exp(end) : end)));
        }
        await view.runAsync();
      });
    }

    const savers = {
      csv: async (name) => downloadText(name, "text/csv", parcel.csv),
      json: async (name) => downloadText(name, "application/json", JSON.stringify(asFile(), null, 1)),
      svg: async (name) => drawFile(async (view) => downloadText(name, "image/svg+xml", await view.toSVG())),
      png: async (name) => drawFile(async (view) => download(name, await view.toImageURL("png", 2))),
    };

    async function drawFile(use) {
      const place = document.createElement("div");
      place.className = "hidden";
      document.body.append(place);
      const made = await vegaEmbed(place, asFile(), quiet);
      try { await use(made.view); } finally { made.finalize(); place.remove(); }
    }

    for (const button of figure.querySelectorAll("[data-save]")) {
      const ending = button.dataset.save;
      button.addEventListener("click", () => savers[ending](`${figure.dataset.file}.${ending}`));
    }

    settle();
    drawings.push(draw);
    return draw();
  }

  function press(button, on) {
    button.setAttribute("aria-pressed", String(on));
  }

  const theme = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const labelTheme = () => { press(theme, isDark()); theme.textContent = isDark() ? "Light" : "Dark"; };
  theme.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; labelTheme(); });
  system.addEventListener("change", labelTheme);
  labelTheme();

  const size = document.getElementById("size");
  size.addEventListener("click", () => {
    if (root.dataset.size) delete root.dataset.size; else root.dataset.size = "large";
    press(size, Boolean(root.dataset.size));
    drawings.forEach((draw) => draw());
  });

  // Paper has one size of type: charts are drawn again in it where the button is used, else they are scaled by the styles.
  document.getElementById("print").addEventListener("click", async () => {
    const large = root.dataset.size;
    if (large) { delete root.dataset.size; await Promise.all(drawings.map((draw) => draw())); }
    window.print();
    if (large) { root.dataset.size = large; drawings.forEach((draw) => draw()); }
  });
  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details.statement:not([open])")];
    opened.forEach((details) => { details.open = true; });
  });
  window.addEventListener("afterprint", () => { opened.forEach((details) => { details.open = false; }); });

  document.getElementById("record").addEventListener("click", (event) => {
    downloadText(`${event.target.dataset.name}.json`, "application/json", JSON.stringify(read(stored), null, 1));
  });

  async function copy(text, node) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      getSelection().selectAllChildren(node);
      document.execCommand("copy");
    }
  }
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", async () => {
      const node = button.parentElement.querySelector("pre");
      await copy(node.textContent, node);
      button.textContent = "Copied";
      say("Copied");
      setTimeout(() => { button.textContent = "Copy"; }, 1600);
    });
  }

  function unfold() {
    const target = location.hash.startsWith("#verdict-") && document.getElementById(location.hash.slice(1));
    if (target) target.open = true;
  }
  window.addEventListener("hashchange", unfold);
  unfold();

  const figures = [...document.querySelectorAll("figure.chart")];
  figures.reduce((before, figure) => before.then(() => chart(figure)), Promise.resolve())
    .then(() => { root.dataset.ready = "true"; });
})();
