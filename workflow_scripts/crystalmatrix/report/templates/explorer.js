// The explorer: a parity plot that names its crystals, and where the errors sit. Draws what `payload` holds.

(() => {
  const data = JSON.parse(document.getElementById("payload").textContent);
  const ids = data.ids.split("\n");
  const formulas = data.formulas.split("\n");
  const $ = (id) => document.getElementById(id);
  const canvas = $("parity");
  const state = { property: null, model: null, points: [], current: -1, tapped: -1 };

  // three bytes a number, little-endian; for floats the upper 24 bits of a float32
  function decode(text, asFloat) {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const whole = new Uint32Array(bytes.length / 3);
    for (let i = 0; i < whole.length; i++) whole[i] = bytes[3 * i] | (bytes[3 * i + 1] << 8) | (bytes[3 * i + 2] << 16);
    if (!asFloat) return whole;
    for (let i = 0; i < whole.length; i++) whole[i] <<= 8;
    return new Float32Array(whole.buffer);
  }

  function open3(property) {
    if (property.target) return;
    property.target = decode(property.targets, true);
    property.row = decode(property.crystals, false);
    for (const model of property.models) {
      model.prediction = decode(model.values, true);
      model.error = model.prediction.map((value, i) => Math.abs(value - property.target[i]));
      model.mae = mean(model.error);
    }
  }

  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const probe = document.createElement("i");
  probe.hidden = true;
  document.body.append(probe);

  // a canvas needs colours resolved, for the theme of the moment
  function colour(name) {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  }

  const idOf = (i) => data.prefix + ids[state.property.row[i]];
  const formulaOf = (i) => formulas[state.property.row[i]];
  const withUnit = (text) => (state.property.unit === "1" ? text : `${text} ${state.property.unit}`);

  function format(value) {
    if (value === 0) return "0";
    const places = Math.max(0, Math.min(6, 2 - Math.floor(Math.log10(Math.abs(value)))));
    return value.toLocaleString("en-US", { minimumFractionDigits: places, maximumFractionDigits: places }).replace("-", "\u2212");
  }

  function link(id) {
    return id.startsWith("JVASP-") ? `https://www.ctcms.nist.gov/~knc6/static/JARVIS-DFT/${id}.xml` : null;
  }

  function element(name, attributes = {}, ...children) {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  }

  // parity

  function stretch() {
    if (!$("stretch").checked) return (value) => value;
    const sorted = Float32Array.from(state.property.target, Math.abs).sort();
    const unit = sorted[Math.floor(sorted.length / 2)] || sorted[sorted.length - 1] / 100 || 1;
    return (value) => Math.asinh(value / unit);
  }

  function tickValues(low, high) {
    if ($("stretch").checked) {
      const values = [0];
      for (let power = -3; power <= 5; power++) for (const m of [1, 3]) values.push(m * 10 ** power, -m * 10 ** power);
      return values.filter((value) => value >= low && value <= high).sort((a, b) => a - b);
    }
    const raw = (high - low) / 5;
    const base = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((m) => m * base).find((value) => value >= raw * 0.999);
    const values = [];
    for (let i = Math.ceil(low / step); i * step <= high; i++) values.push(i * step);
    return values;
  }

  function drawParity() {
    const { property, model } = state;
    const size = canvas.clientWidth;
    if (!size) return;
    const ratio = devicePixelRatio || 1;
    canvas.width = canvas.height = size * ratio;
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const left = 52, right = size - 8, top = 8, bottom = size - 38;
    const scale = stretch();
    let low = Infinity, high = -Infinity;
    for (const values of [property.target, model.prediction]) for (const v of values) { if (v < low) low = v; if (v > high) high = v; }
    const a = scale(low), span = (scale(high) - a || 1) * 1.04, start = a - span * 0.02;
    const x = (value) => left + ((scale(value) - start) / span) * (right - left);
    const y = (value) => bottom - ((scale(value) - start) / span) * (bottom - top);

    pen.font = "11px " + getComputedStyle(document.body).fontFamily;
    pen.strokeStyle = colour("--grid");
    pen.fillStyle = colour("--soft");
    let lastX = -Infinity, lastY = Infinity;
    for (const value of tickValues(low, high)) {
      const label = Number(value.toPrecision(6)).toLocaleString("en-US").replace("-", "\u2212");
      line(pen, x(value), top, x(value), bottom);
      line(pen, left, y(value), right, y(value));
      pen.textAlign = "center";
      const width = pen.measureText(label).width;
      if (x(value) - width / 2 > lastX + 6) { pen.fillText(label, x(value), bottom + 14); lastX = x(value) + width / 2; }
      pen.textAlign = "right";
      if (y(value) < lastY - 13) { pen.fillText(label, left - 5, y(value) + 4); lastY = y(value); }
    }
    pen.textAlign = "center";
    pen.fillText(withUnit("DFT,").replace(/,$/, ""), (left + right) / 2, size - 6);
    pen.save();
    pen.translate(11, (top + bottom) / 2);
    pen.rotate(-Math.PI / 2);
    pen.fillText(withUnit(`${model.label},`).replace(/,$/, ""), 0, 0);
    pen.restore();
    pen.strokeStyle = colour("--neutral");
    line(pen, x(low), y(low), x(high), y(high));

    pen.fillStyle = colour(model.ours ? "--ours" : "--published");
    const many = property.target.length > 1500;
    pen.globalAlpha = many ? 0.35 : 0.5;
    state.points = [];
    for (let i = 0; i < property.target.length; i++) {
      const px = x(property.target[i]), py = y(model.prediction[i]);
      state.points.push([px, py]);
      pen.beginPath();
      pen.arc(px, py, many ? 2.1 : 2.8, 0, 2 * Math.PI);
      pen.fill();
    }
    pen.globalAlpha = 1;
    const found = wantedCrystals();
    for (const i of found) ring(pen, state.points[i], 5);
    sayFound(found.length);
    if (state.current >= 0) ring(pen, state.points[state.current], 6);
    $("parity-title").textContent = `${property.label}, ${model.label}: MAE ${withUnit(format(model.mae))}, n = ${property.target.length.toLocaleString("en-US")}`;
  }

  function line(pen, x1, y1, x2, y2) {
    pen.beginPath();
    pen.moveTo(x1, y1);
    pen.lineTo(x2, y2);
    pen.stroke();
  }

  function ring(pen, [x, y], radius) {
    pen.strokeStyle = colour("--ink");
    pen.lineWidth = 1.6;
    pen.beginPath();
    pen.arc(x, y, radius, 0, 2 * Math.PI);
    pen.stroke();
  }

  function wantedCrystals() {
    const wanted = $("find").value.trim();
    return wanted ? [...state.property.row.keys()].filter(finder(wanted)) : [];
  }

  // only where it says something else: a screen reader reads every change
  function sayFound(n) {
    const wanted = $("find").value.trim();
    const text = !wanted ? "" : `${n || "no"} test crystal${n === 1 ? "" : "s"} of this property`;
    if ($("found").textContent !== text) $("found").textContent = text;
  }

  // atoms in alphabetical order, in lowest terms, whatever the order and brackets of the text; null for no formula
  function composition(text) {
    const sums = [{}];
    for (const [all, symbol, n, open, close, times] of text.matchAll(/([A-Z][a-z]?)(\d*)|(\()|(\))(\d*)|./g)) {
      if (symbol) sums.at(-1)[symbol] = (sums.at(-1)[symbol] ?? 0) + Number(n || 1);
      else if (open) sums.push({});
      else if (close && sums.length > 1) {
        for (const [name, count] of Object.entries(sums.pop())) sums.at(-1)[name] = (sums.at(-1)[name] ?? 0) + count * Number(times || 1);
      } else return null;
    }
    const counts = Object.entries(sums[0]).sort(([a], [b]) => (a < b ? -1 : 1));
    if (sums.length > 1 || !counts.length) return null;
    const common = counts.map(([, n]) => n).reduce(function gcd(a, b) { return b ? gcd(b, a % b) : a; });
    return counts.map(([symbol, n]) => symbol + (n > common ? n / common : "")).join("");
  }

  const compositions = formulas.map(composition);

  // SrTiO3, O3SrTi, srtio3 and o3srti all name the same crystals
  function finder(text) {
    const wanted = text.toLowerCase(), atoms = composition(text);
    return (i) => {
      const row = state.property.row[i];
      return [formulas[row], compositions[row], ids[row], data.prefix + ids[row]].some((name) => name.toLowerCase() === wanted) || (atoms !== null && compositions[row] === atoms);
    };
  }

  function nearestPoint(event) {
    const box = canvas.getBoundingClientRect();
    const px = event.clientX - box.left, py = event.clientY - box.top;
    let best = -1, distance = 14 * 14;
    state.points.forEach(([x, y], i) => {
      const d = (x - px) ** 2 + (y - py) ** 2;
      if (d < distance) { distance = d; best = i; }
    });
    return best;
  }

  function select(i) {
    if (i === state.current) return;
    state.current = i;
    drawParity();
    canvas.style.cursor = i >= 0 ? "pointer" : "crosshair";
    if (i < 0) return hideTip();
    const box = canvas.getBoundingClientRect();
    const [x, y] = state.points[i];
    const { property, model } = state;
    showTip([
      `${idOf(i)}  ${formulaOf(i)}`,
      `DFT ${withUnit(format(property.target[i]))}`,
      `predicted ${withUnit(format(model.prediction[i]))}`,
      `error ${withUnit(format(model.error[i]))}`,
    ], box.left + x, box.top + y);
  }

  function openCrystal(i) {
    const target = i >= 0 && link(idOf(i));
    if (target) open(target, "_blank", "noopener");
  }

  canvas.addEventListener("pointermove", (event) => select(nearestPoint(event)));
  canvas.addEventListener("pointerleave", (event) => {
    if (event.pointerType !== "touch") select(-1); // a finger leaves at once; what it named stays
  });
  canvas.addEventListener("click", (event) => {
    const i = nearestPoint(event);
    const first = event.pointerType === "touch" && i !== state.tapped;
    state.tapped = i;
    if (first) select(i);
    else openCrystal(i);
  });
  canvas.addEventListener("blur", () => select(-1));
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (event.key === "Enter") return openCrystal(state.current);
    if (event.key === "Escape") return select(-1);
    if (!step) return;
    event.preventDefault();
    const order = worstFirst();
    const place = state.current < 0 ? (step > 0 ? 0 : order.length - 1) : order.indexOf(state.current) + step;
    select(order[(place + order.length) % order.length]);
  });

  function worstFirst() {
    return [...state.model.error.keys()].sort((i, j) => state.model.error[j] - state.model.error[i]);
  }

  // distribution, groups, elements, worst crystals

  function drawCumulative() {
    const { property } = state;
    const width = 460, height = 190, left = 34, bottom = 26;
    const sorted = property.models.map((model) => Float32Array.from(model.error).sort());
    const all = sorted.flatMap((errors) => [errors[Math.floor(errors.length * 0.05)], errors[errors.length - 1]]).filter((v) => v > 0);
    if (!all.length) return $("cumulative").replaceChildren();
    const low = Math.max(Math.min(...all), Math.max(...all) / 1e5), high = Math.max(...all);
    const x = (value) => left + (Math.log(Math.max(value, low) / low) / Math.log(high / low || 2)) * (width - left - 8);
    const y = (share) => height - bottom - share * (height - bottom - 8);
    const parts = [];
    for (const share of [0, 0.25, 0.5, 0.75, 1]) parts.push(`<line class="grid" x1="${left}" x2="${width - 8}" y1="${y(share)}" y2="${y(share)}"/><text class="tick" text-anchor="end" x="${left - 4}" y="${y(share) + 3}">${100 * share}%</text>`);
    for (let power = Math.ceil(Math.log10(low)); power <= Math.log10(high); power++) parts.push(`<line class="grid" x1="${x(10 ** power)}" x2="${x(10 ** power)}" y1="8" y2="${height - bottom}"/><text class="tick" text-anchor="middle" x="${x(10 ** power)}" y="${height - bottom + 12}">${Number((10 ** power).toPrecision(2)).toLocaleString("en-US", { maximumFractionDigits: 6 })}</text>`);
    property.models.forEach((model, m) => {
      const errors = sorted[m];
      const steps = [];
      for (let k = 0; k <= 60; k++) {
        const i = Math.min(errors.length - 1, Math.round((k / 60) * (errors.length - 1)));
        steps.push(`${x(errors[i]).toFixed(1)} ${y((i + 1) / errors.length).toFixed(1)}`);
      }
      const current = model === state.model;
      parts.push(`<path class="line" d="M${steps.join("L")}" style="stroke:var(${model.ours ? "--ours" : "--published"});stroke-width:${current ? 2.6 : 1};opacity:${current ? 1 : 0.4}"><title>${model.label}</title></path>`);
    });
    parts.push(`<text class="tick" text-anchor="middle" x="${(left + width) / 2}" y="${height - 2}">${withUnit("absolute error,").replace(/,$/, "")}</text>`);
    $("cumulative").innerHTML = `<svg class="chart" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="Cumulative distribution of the absolute error">${parts.join("")}</svg>`;
    const key = [["--ours", 2.6, state.model.label], ["--ours", 1, "our other models"]];
    if (!state.model.ours) key[0][0] = "--published";
    if (property.models.some((model) => !model.ours)) key.push(["--published", 1, "published"]);
    $("cumulative-key").innerHTML = key.map(([name, weight]) => `<li><svg width="26" height="12" aria-hidden="true"><line x1="2" x2="24" y1="6" y2="6" style="stroke:var(${name});stroke-width:${weight}"/></svg><span></span></li>`).join("");
    [...$("cumulative-key").querySelectorAll("span")].forEach((span, i) => { span.textContent = key[i][2]; });
  }

  function drawBars(target, groups) {
    const top = Math.max(...groups.map(([, mae]) => mae), state.model.mae) || 1;
    const bars = element("div", { class: "bars" });
    for (const [name, mae, n] of groups) {
      const track = element("div", { class: "track" }, element("div", { class: "fill", style: `width:${(100 * mae) / top}%` }), element("div", { class: "mean", style: `left:${(100 * state.model.mae) / top}%`, title: "all crystals" }));
      bars.append(element("div", {}, name), track, element("div", { class: "num" }, `${format(mae)} (${n})`));
    }
    target.replaceChildren(bars);
  }

  function drawElements() {
    const found = new Map(state.model.elements.map(([z, mae, n]) => [z, [mae, n]]));
    $("elements").replaceChildren(...data.elements.map(([symbol, row, column], index) => {
      const place = `grid-area:${row} / ${column}`;
      if (!found.has(index + 1)) return element("div", { class: "none", style: place, role: "listitem", title: `${symbol}: no test crystal` }, symbol);
      const [mae, n] = found.get(index + 1);
      const t = Math.max(-1, Math.min(1, Math.log2(mae / state.model.mae || 1) / 2));
      return element("div", { class: n < 3 ? "few" : "", style: `${place};--t:${t.toFixed(3)}`, role: "listitem", title: `${symbol}: ${withUnit(format(mae))}, ${n} crystal${n === 1 ? "" : "s"}` }, symbol, element("small", {}, format(mae)));
    }));
  }

  function drawWorst() {
    const { property, model } = state;
    const total = model.mae * model.error.length || 1;
    $("worst").tBodies[0].replaceChildren(...worstFirst().slice(0, 10).map((i) => {
      const id = idOf(i);
      const name = link(id) ? element("a", { href: link(id), target: "_blank", rel: "noopener" }, id) : id;
      const numbers = [property.target[i], model.prediction[i], model.error[i]].map((v) => element("td", { class: "num", "data-value": v }, format(v)));
      return element("tr", {}, element("td", { "data-value": id }, name), element("td", {}, formulaOf(i)), ...numbers, element("td", { class: "num", "data-value": model.error[i] / total }, `${((100 * model.error[i]) / total).toFixed(1)} %`));
    }));
  }

  function draw() {
    state.current = state.tapped = -1;
    hideTip();
    drawParity();
    drawCumulative();
    drawBars($("systems"), state.model.systems);
    drawBars($("kinds"), state.model.kinds);
    drawElements();
    drawWorst();
  }

  function choose(name, key) {
    const property = data.properties.find((row) => row.name === name);
    const changed = property !== state.property;
    state.property = property;
    open3(property);
    state.model = property.models.find((model) => model.key === key) ?? property.models.find((model) => model.key === property.recommended);
    if (changed) $("stretch").checked = property.tailed;
    $("pick-model").replaceChildren(...property.models.map((model) => element("option", { value: model.key }, model.label)));
    $("pick-model").value = state.model.key;
    draw();
  }

  if (!data.properties.length) return;
  $("explorer-controls").hidden = $("explorer").hidden = false;
  $("pick-property").append(...data.properties.map((row) => element("option", { value: row.name }, row.label)));
  $("pick-property").addEventListener("change", (event) => choose(event.target.value));
  $("pick-model").addEventListener("change", (event) => choose(state.property.name, event.target.value));
  $("stretch").addEventListener("change", draw);
  $("find").addEventListener("input", drawParity);
  document.addEventListener("theme", () => state.model && drawParity());
  new ResizeObserver(() => { if (canvas.clientWidth !== state.width) { state.width = canvas.clientWidth; drawParity(); } }).observe(canvas);

  // #band_gap in the address: the explorer opens there, and the browser scrolls to its row of the answer
  function follow() {
    const name = location.hash.slice(1);
    if (data.properties.some((row) => row.name === name)) {
      $("pick-property").value = name;
      choose(name);
    }
    const target = name && document.getElementById(name);
    const folded = target && target.closest("details");
    if (folded && !folded.open) {
      folded.open = true;
      target.scrollIntoView();
    }
  }
  choose(data.properties[0].name);
  addEventListener("hashchange", follow);
  follow();
})();
