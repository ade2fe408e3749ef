/** What every page begins with; what only some pages need is loaded there. */
// deno-lint-ignore-file iris/home-of-power -- this runs in a browser, which has no clock of ours
import { keys } from "./keys.js";
import { follow, onChange } from "./live.js";
import { tellTimes } from "./times.js";

const SECOND_MS = 1000;
/** Which program made the page: the folder that this module is in. */
const here = import.meta.url;
const build = here.split("/").at(-2);

tellTimes();
setInterval(tellTimes, SECOND_MS);
keys();

// A field that narrows a list does so while it is written in, and the address says what is shown.
for (const form of document.querySelectorAll("form[data-narrows]")) {
  const narrow = () => {
    const query = new URLSearchParams(new FormData(form));
    for (const [name, value] of [...query]) if (value === "") query.delete(name);
    location.assign(`${form.getAttribute("action")}?${query}`);
  };
  form.addEventListener("change", (event) => {
    if (event.target.type !== "search") narrow();
  });
}

// What was opened to act on is closed by a click elsewhere.
document.addEventListener("click", ({ target }) => {
  for (const details of document.querySelectorAll("details.act[open]")) {
    if (!details.contains(target)) details.open = false;
  }
});

async function charts() {
  if (document.querySelector("[data-chart]") === null) return;
  const { draw } = await import("./chart.js");
  draw(document);
}
onChange(charts);
// owner: the page, for as long as it is open.
charts();

const grid = document.querySelector("#grid");
if (grid !== null) {
  grid.addEventListener("click", ({ target, clientX, clientY }) => {
    const svg = target.closest?.("svg[data-cells]");
    if (svg === null || svg === undefined) return;
    const box = svg.getBoundingClientRect();
    const { cells, columns, size, path } = svg.dataset;
    const scale = svg.viewBox.baseVal.width / box.width;
    const column = Math.floor(((clientX - box.left) * scale) / 10);
    const row = Math.floor(((clientY - box.top) * scale) / 10);
    const cell = row * Number(columns) + column;
    if (cell >= Number(cells)) return;
    location.assign(`${path}?offset=${Math.floor(cell * Number(size))}#tasks`);
  });
}

const log = document.querySelector("#log");
// owner: the page.
if (log !== null) import("./log.js").then(({ showLog }) => showLog(log));
const terminal = document.querySelector("#terminal");
// owner: the page.
if (terminal !== null) import("./term.js").then(({ offerTerminal }) => offerTerminal(terminal));

const { live } = document.body.dataset;
// owner: the page, for as long as it is open.
if (live !== undefined) follow(live, build);
