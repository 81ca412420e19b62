// The main chart: reads the JSON block of its figure and draws it with uPlot in the colours of the style sheet.
// The figure's table is the accessible version; this one adds a cursor for the mouse and for the arrow keys.
//
// <figure class="chart" data-chart="ID of hidden JSON">: {days: ["2026-11-01", …], now: [number|null, …], before: [… or empty],
//   label, beforeLabel, kind: "money"|"number"|"percent", currency, digits, estimatedFrom: index or null,
//   and the texts noData and estimatedLabel}

const charts = new Map();
const dark = matchMedia("(prefers-color-scheme: dark)");
const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const language = () => document.documentElement.lang || "en";

function formatter(data, compact) {
  const digits = data.digits ?? (data.kind === "money" ? 2 : data.kind === "percent" ? 1 : 0);
  const options = compact
    ? { notation: "compact", maximumFractionDigits: 4 } // A rounded label would name another value than its line.
    : { minimumFractionDigits: digits, maximumFractionDigits: digits };
  if (data.kind === "money") Object.assign(options, { style: "currency", currency: data.currency });
  if (data.kind === "percent") Object.assign(options, { style: "percent" });
  const format = new Intl.NumberFormat(language(), options);
  return (value) => (value === null || value === undefined ? data.noData : format.format(value).replace("-", "\u2212"));
}

// Days are calendar days of the marketplace. They are drawn and written in UTC so that no zone can move one.
const dayFormat = (options) => {
  const format = new Intl.DateTimeFormat(language(), { timeZone: "UTC", ...options });
  return (seconds) => format.format(new Date(seconds * 1000));
};

function dayTicks(from, to, width) {
  const day = 86400;
  const count = Math.max(Math.round((to - from) / day), 1);
  const step = [1, 2, 7, 14, 28, 56, 91, 182].find((days) => (count / days) * 72 <= width) || 364;
  const ticks = [];
  for (let at = to; at >= from - 1; at -= step * day) ticks.unshift(at);
  return ticks;
}

function options(data, box) {
  const ink = token("--ink-2");
  const line = token("--line");
  const now = token("--chart-now");
  const before = token("--chart-before");
  const font = `12px ${token("--sans")}`;
  const short = formatter(data, true);
  const day = dayFormat({ day: "numeric", month: "short" });
  const estimated = data.estimatedFrom ?? null;
  const series = [{}, { stroke: now, width: 2, fill: token("--chart-fill"), points: { show: data.days.length < 3, size: 6 }, spanGaps: false }];
  if (estimated !== null) series.push({ stroke: now, width: 2, dash: [2, 4], fill: token("--chart-fill"), points: { show: false } });
  if (data.before.length) series.push({ stroke: before, width: 1.5, dash: [6, 4], points: { show: data.days.length < 3, size: 5 } });
  return {
    width: box.clientWidth,
    height: box.clientHeight,
    padding: [10, 24, 0, 0],
    legend: { show: false },
    cursor: { y: false, move: (plot, left, top) => (left < 0 ? [left, top] : [plot.valToPos(plot.data[0][plot.posToIdx(left)], "x"), top]), drag: { x: false, y: false }, points: { size: 8, width: 2, fill: token("--surface") } },
    scales: { x: { time: false }, y: { range: (_, low, high) => (low === null ? [0, 1] : uPlot.rangeNum(Math.min(low, 0), high || 1, { min: { pad: low < 0 ? 0.1 : 0, soft: 0, mode: 1 }, max: { pad: 0.1, soft: 0, mode: 1 } })) } },
    axes: [
      { stroke: ink, font, size: 30, gap: 6, grid: { show: false }, ticks: { stroke: line, size: 4, width: 1 }, splits: (plot) => dayTicks(plot.data[0][0], plot.data[0].at(-1), plot.bbox.width / devicePixelRatio), values: (_, splits) => splits.map(day) },
      { stroke: ink, font, gap: 6, size: (_, values) => 14 + 6.8 * Math.max(...(values || [""]).map((text) => text.length), 3), grid: { stroke: line, width: 1 }, ticks: { show: false }, splits: undefined, space: 44, values: (_, splits) => splits.map(short) },
    ],
    series,
  };
}

function columns(data) {
  const x = data.days.map((day) => Date.parse(`${day}T00:00:00Z`) / 1000);
  const from = data.estimatedFrom ?? null;
  if (from === null) return data.before.length ? [x, data.now, data.before] : [x, data.now];
  const settled = data.now.map((value, index) => (index < Math.max(from, 1) ? value : null));
  const estimated = data.now.map((value, index) => (index >= from - 1 ? value : null));
  return data.before.length ? [x, settled, estimated, data.before] : [x, settled, estimated];
}

function draw(figure) {
  const old = charts.get(figure);
  old?.plot.destroy();
  old?.watch.disconnect();
  const block = document.getElementById(figure.dataset.chart);
  const box = figure.querySelector(".plot");
  if (!block || !box || typeof uPlot === "undefined") return;
  const data = JSON.parse(block.textContent);
  if (!data.days.length) return;
  const plot = new uPlot(options(data, box), columns(data), box);
  plot.root.setAttribute("aria-hidden", "true");
  const watch = new ResizeObserver(() => plot.setSize({ width: box.clientWidth, height: box.clientHeight }));
  watch.observe(box);
  charts.set(figure, { plot, watch });
  cursor(figure, box, plot, data);
}

function cursor(figure, box, plot, data) {
  const readout = figure.querySelector(".readout");
  const voice = figure.querySelector("[aria-live]");
  const full = formatter(data, false);
  const day = dayFormat({ weekday: "short", day: "numeric", month: "short", year: "numeric" });
  const x = plot.data[0];
  let spoken = 0;

  const lines = (index) => {
    const parts = [[day(x[index]), ""], [data.label, full(data.now[index])]];
    if (data.estimatedFrom !== null && data.estimatedFrom !== undefined && index >= data.estimatedFrom) parts[1][0] += ` (${data.estimatedLabel})`;
    if (data.before.length) parts.push([data.beforeLabel, full(data.before[index])]);
    return parts;
  };
  const show = (index) => {
    if (!readout || index === null || index === undefined) return;
    readout.replaceChildren(...lines(index).map(([name, value]) => {
      const span = document.createElement("span");
      span.append(value ? `${name} ` : "", Object.assign(document.createElement("b"), { textContent: value || name }));
      return span;
    }));
  };
  const last = x.length - 1;
  show(last);
  plot.hooks.setCursor = [(at) => show(at.cursor.idx ?? last)];

  const move = (index) => {
    plot.setCursor({ left: plot.valToPos(x[index], "x"), top: 0 });
    show(index);
    clearTimeout(spoken);
    spoken = setTimeout(() => { if (voice) voice.textContent = lines(index).map((part) => part.join(" ").trim()).join(", "); }, 180);
  };
  box.onkeydown = (event) => {
    const at = plot.cursor.idx ?? last;
    const next = { ArrowLeft: at - 1, ArrowRight: at + 1, PageUp: at - 7, PageDown: at + 7, Home: 0, End: last }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    move(Math.min(Math.max(next, 0), last));
  };
  box.onfocus = () => move(plot.cursor.idx ?? last);
}

function drawAll() {
  for (const figure of charts.keys()) if (!figure.isConnected) { charts.get(figure).plot.destroy(); charts.get(figure).watch.disconnect(); charts.delete(figure); }
  document.querySelectorAll("figure[data-chart]").forEach(draw);
}

drawAll();
dark.addEventListener("change", drawAll);
document.addEventListener("htmx:afterSettle", drawAll);
