/** Draws numbers over time with uPlot, in the colours of the page, and again as they change. */
/** Beside this module only where it is served. */
const HERE = import.meta.url;
const LIBRARY = "./uplot.js";
const { default: uPlot } = await import(LIBRARY);

const HEIGHT = 150;
/** A chart is of no less than this, in seconds. */
const SHORT_S = 60;
/** Drawn charts, by their figures. */
const drawn = new WeakMap();

let style = null;
function withStyle() {
  if (style !== null) return;
  style = document.createElement("link");
  style.rel = "stylesheet";
  style.href = new URL("./uplot.css", HERE).pathname;
  document.head.append(style);
}

const SIZES = ["B", "KiB", "MiB", "GiB", "TiB"];

function bytes(value) {
  let at = 0;
  while (value >= 1024 && at < SIZES.length - 1) [value, at] = [value / 1024, at + 1];
  return `${value >= 10 || at === 0 ? Math.round(value) : value.toFixed(1)} ${SIZES[at]}`;
}

/** Steps of an axis of bytes. */
const POWERS = Array.from({ length: 50 }, (_, at) => 2 ** at);

const UNITS = {
  bytes,
  count: (value) => String(Math.round(value * 100) / 100),
  cores: (value) => String(Number(value.toPrecision(2))),
  rate: (value) => `${Math.round(value * 100) / 100}/s`,
};

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function options({ unit, series }, width) {
  const text = UNITS[unit] ?? UNITS.count;
  const axis = {
    stroke: colour("--dim"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
  };
  return {
    width,
    height: HEIGHT,
    padding: [8, 24, 0, 0],
    cursor: { y: false, points: { size: 6 } },
    legend: { live: true },
    scales: {
      x: { range: (_, min, max) => (max - min < SHORT_S ? [max - SHORT_S, max] : [min, max]) },
      y: {
        range: (_, __, max) => [0, max > 0 ? Math.max(max * 1.1, unit === "cores" ? 0.1 : 0) : 1],
      },
    },
    axes: [
      {
        ...axis,
        size: 28,
        space: 80,
        values: [[60, "{HH}:{mm}", null, null, null, null, null, null, 1], [
          1,
          "{HH}:{mm}:{ss}",
          null,
          null,
          null,
          null,
          null,
          null,
          1,
        ]],
      },
      {
        ...axis,
        size: 64,
        values: (_, ticks) => ticks.map(text),
        ...(unit === "bytes" ? { incrs: POWERS } : {}),
      },
    ],
    series: [
      { label: "at", value: "{HH}:{mm}:{ss}" },
      ...series.map(({ name, state }, at) => ({
        label: name,
        stroke: colour(`--s-${state ?? ["RUNNING", "PENDING", "SUCCEEDED"][at % 3]}`),
        fill: at === 0 ? colour("--area") : undefined,
        width: 1.5,
        points: { show: false },
        value: (_, value) => (value === null || value === undefined ? "–" : text(value)),
      })),
    ],
  };
}

function drawOne(figure) {
  const given = figure.dataset.chart;
  const known = drawn.get(figure);
  if (known?.given === given) return;
  const what = JSON.parse(given);
  const box = figure.querySelector(".plot");
  if (known !== undefined && known.series === JSON.stringify(what.series)) {
    known.given = given;
    known.plot.setData(what.data);
    return;
  }
  known?.plot.destroy();
  const plot = new uPlot(options(what, box.clientWidth), what.data, box);
  drawn.set(figure, { plot, given, series: JSON.stringify(what.series) });
  if (known !== undefined) return;
  new ResizeObserver(() => {
    const { plot } = drawn.get(figure);
    if (box.clientWidth > 0 && plot.width !== box.clientWidth) {
      plot.setSize({ width: box.clientWidth, height: HEIGHT });
    }
  }).observe(box);
}

/** Draws all charts that are new or changed. */
export function draw(within) {
  withStyle();
  for (const figure of within.querySelectorAll("[data-chart]")) drawOne(figure);
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const figure of document.querySelectorAll("[data-chart]")) {
    drawn.get(figure)?.plot.destroy();
    drawn.delete(figure);
    drawOne(figure);
  }
});
