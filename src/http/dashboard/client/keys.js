/** The keyboard: search, rows, places. Off while somebody writes. */

const GO = { o: "/", j: "/jobs", w: "/workers", v: "/vms", t: "/tree", e: "/events" };
/** After `g` the next key must come so soon, in ms. */
const CHORD_MS = 1500;

let chordAt = -Infinity;

function writes(target) {
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.nodeName) ||
    target.closest?.(".xterm") !== null && target.closest?.(".xterm") !== undefined;
}

function rows() {
  return [...document.querySelectorAll("main tr[data-href]")];
}

/** Marks the next or previous row, and brings it into view. */
function step(by) {
  const all = rows();
  if (all.length === 0) return;
  const at = all.findIndex((row) => "at" in row.dataset);
  const next = at < 0
    ? (by > 0 ? 0 : all.length - 1)
    : Math.min(all.length - 1, Math.max(0, at + by));
  for (const row of all) delete row.dataset.at;
  all[next].dataset.at = "";
  all[next].querySelector("a")?.focus({ preventScroll: true });
  all[next].scrollIntoView({ block: "nearest" });
}

function go(path) {
  location.assign(path);
}

function pressed(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  const { key, target } = event;
  if (key === "Escape" && writes(target) && target.closest(".xterm") === null) return target.blur();
  if (writes(target)) return;
  const chord = event.timeStamp - chordAt < CHORD_MS;
  chordAt = -Infinity;
  if (chord && key in GO) return event.preventDefault(), go(GO[key]);
  if (key === "g") chordAt = event.timeStamp;
  else if (key === "j") step(1);
  else if (key === "k") step(-1);
  else if (key === "u") {
    const up = document.querySelector("[data-up]");
    if (up !== null) go(up.href);
  } else if (key === "Enter" && target === document.body) {
    const row = rows().find((one) => "at" in one.dataset);
    if (row !== undefined) go(row.dataset.href);
  } else if (key === "?") help();
  else if (key === "/") {
    const search = document.querySelector("main input[type=search]");
    if (search === null) return;
    event.preventDefault();
    search.focus();
    search.select();
  }
}

/** A click anywhere in a row opens what it is about, unless something in it was meant, or text marked. */
function clicked(event) {
  const row = event.target.closest?.("tr[data-href]");
  if (row === null || row === undefined || event.button !== 0) return;
  if (event.target.closest("a, button, input, summary, form") !== null) return;
  if (String(getSelection()) !== "") return;
  if (event.ctrlKey || event.metaKey) open(row.dataset.href);
  else go(row.dataset.href);
}

function help() {
  const dialog = document.querySelector("#help");
  if (dialog.open) dialog.close();
  else dialog.showModal();
}

/** Listens from now on. */
export function keys() {
  const button = document.querySelector("#help-button");
  button.hidden = false;
  button.addEventListener("click", help);
  document.addEventListener("keydown", pressed);
  document.addEventListener("click", clicked);
}
