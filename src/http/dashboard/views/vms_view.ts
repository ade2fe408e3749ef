/** Scale groups and VMs: what there is, what is wanted and why, slice by slice. */
import { IrisError } from "../../../base/errors.ts";
import { type GroupView, VM_STATES, type VmView } from "../../../wire/vms.ts";
import {
  ago,
  bytesText,
  cores,
  count,
  counted,
  durationText,
  linkTo,
  pathOf,
  wordOf,
} from "../format.ts";
import { type Html, markup, NOTHING, when } from "../markup.ts";
import { badge, empty, factList, pager, queryLink, table } from "../parts.ts";
import { numberIn } from "../query.ts";
import { fixed, live, type ViewContext, type ViewPage } from "../view.ts";

/** VMs on a page, and squares of a group. */
const LIMIT = 50;
const MAX_SQUARES = 500;
const MAX_OFFSET = 1_000_000;
const MAX_TEXT = 200;
/** What VM managers say is no row of the store: how often it is looked at, in ms. */
const PERIOD_MS = 1_000;
/** From one square to the next, and how wide one is. */
const PITCH = 10;
const SIZE = 8;
const COLUMNS = 100;

interface Query {
  readonly text: string;
  readonly group: string | null;
  readonly state: VmView["state"] | null;
  readonly offset: number;
}

/** See the head of this file. */
export function vmsView(context: ViewContext): ViewPage {
  const query = queryOf(context.url.searchParams);
  return {
    title: "VMs",
    nav: "vms",
    periodMs: PERIOD_MS,
    blocks: [
      fixed("filters", () => filters(context, query)),
      live("groups", () => groups(context, query)),
      live("states", () => states(context, query)),
      live("list", () => list(context, query)),
    ],
  };
}

/** @throws {IrisError} `invalid` */
function queryOf(given: URLSearchParams): Query {
  const state = given.get("state") || null;
  if (state !== null && !(VM_STATES as readonly string[]).includes(state)) {
    const all = VM_STATES.join(", ");
    throw new IrisError("invalid", `state must be one of ${all}: it is "${state}"`);
  }
  return {
    text: (given.get("q") ?? "").trim().slice(0, MAX_TEXT).toLowerCase(),
    group: given.get("group") || null,
    state: state as VmView["state"] | null,
    offset: numberIn(given, "offset", MAX_OFFSET),
  };
}

function filters({ api }: ViewContext, { text, group, state }: Query): Html {
  const names = api.fleet.groups().map(({ name }) => name).sort();
  const option = (name: string) =>
    markup`<option value="${name}"${name === group ? markup` selected` : NOTHING}>${name}</option>`;
  return markup`<div class="head"><h1>VMs</h1><form class="filters" role="search" method="get" action="/vms" data-narrows><input type="search" name="q" value="${text}" placeholder="Part of a name ( / )" aria-label="Part of a name"><select name="group" aria-label="Group"><option value="">All groups</option>${
    names.map(option)
  }</select>${
    when(state !== null, () => markup`<input type="hidden" name="state" value="${state!}">`)
  }<button class="button">Search</button></form></div>`;
}

function groups(context: ViewContext, { group }: Query): Html {
  const shown = context.api.fleet.groups().filter(({ name }) => group === null || name === group);
  if (shown.length === 0) {
    const how =
      markup`Scale groups in <code>iris.yaml</code> say which there may be: <code>iris config schema</code> has all keys.`;
    return markup`<div class="panel">${empty("No scale group: no VM is made.", how)}</div>`;
  }
  const bySlice = Map.groupBy(context.api.fleet.vms({ gone: false }), (vm) => vm.group);
  return markup`${shown.map((each) => groupPanel(context, each, bySlice.get(each.name) ?? []))}`;
}

function groupPanel({ api }: ViewContext, group: GroupView, vms: readonly VmView[]): Html {
  const { name, provider, manager, availability, ready, coming, going, min, max, wanted } = group;
  const { lines } = api.fleet.explainGroup(name);
  const { state, reason, untilMs } = availability;
  const attributes = Object.entries(group.attributes).map(([key, value]) => `${key}=${value}`);
  return markup`<div class="panel" id="group-${name}"><div class="head"><h2><a href="${`/vms?group=${
    encodeURIComponent(name)
  }`}">${name}</a></h2>${
    badge(group.heard ? state : "ill", group.heard ? "" : "its VM manager is not heard")
  }<span class="dim">${provider}${manager === "local" ? "" : ` by ${manager}`}</span></div>${
    when(state !== "ok" || !group.heard, () =>
      markup`<p class="notice">${group.heard ? reason : `VM manager ${manager} is not heard`}${
        untilMs === null
          ? NOTHING
          : markup`; asked again <time datetime="${new Date(untilMs).toISOString()}" data-until>${
            new Date(untilMs).toISOString()
          }</time>`
      }</p>`)
  }${squares(vms)}${
    factList([
      [
        "slices",
        `${count(ready)} ready, ${count(coming)} coming, ${count(going)} going; ${count(min)} to ${
          count(max)
        } allowed`,
      ],
      ["wanted", wanted === null ? "not decided yet" : `${count(wanted.count)}: ${wanted.reason}`],
      ["a VM has", `${cores(group.cpuMilli)} cores, ${bytesText(group.memoryBytes)}`],
      ["a slice is", counted(group.sliceVms, "VM")],
      ["goes when idle", group.idleMs === null ? "never" : `after ${durationText(group.idleMs)}`],
      ["attributes", attributes.join(", ")],
    ])
  }${
    when(lines.length > 0, () =>
      markup`<details><summary class="dim">Why it has what it has</summary><ul>${
        lines.map((line) =>
          markup`<li>${line}</li>`
        )
      }</ul></details>`)
  }</div>`;
}

/** VMs of a group as squares, those of a slice side by side. */
function squares(vms: readonly VmView[]): Html {
  if (vms.length === 0) return NOTHING;
  const sorted = [...vms].sort((a, b) =>
    a.slice < b.slice ? -1 : a.slice > b.slice ? 1 : a.vm < b.vm ? -1 : 1
  )
    .slice(0, MAX_SQUARES);
  const paths = new Map<string, string>();
  sorted.forEach(({ state, slice }, at) => {
    const [x, y] = [(at % COLUMNS) * PITCH, Math.floor(at / COLUMNS) * PITCH];
    // Those of one slice touch each other.
    const width = sorted[at + 1]?.slice === slice && (at + 1) % COLUMNS !== 0 ? PITCH : SIZE;
    paths.set(state, `${paths.get(state) ?? ""}M${x} ${y}h${width}v${SIZE}h-${width}z`);
  });
  const counts = Map.groupBy(vms, ({ state }) => state);
  const words = [...counts].map(([state, each]) => `${count(each.length)} ${wordOf(state)}`).join(
    ", ",
  );
  const height = Math.ceil(sorted.length / COLUMNS) * PITCH;
  return markup`<svg class="vm-squares" viewBox="0 0 ${
    COLUMNS * PITCH
  } ${height}" role="img" aria-label="${words}">${
    [...paths].map(([state, d]) =>
      markup`<path class="s-${state}" d="${d}"><title>${wordOf(state)}</title></path>`
    )
  }</svg>`;
}

function states({ api, url }: ViewContext, query: Query): Html {
  const all = api.fleet.vms({ gone: true }).filter(({ group }) =>
    query.group === null || group === query.group
  );
  if (all.length === 0) return NOTHING;
  const counts = Map.groupBy(all, ({ state }) => state);
  const chip = (name: string, n: number, state: VmView["state"] | null) =>
    markup`<a class="chip" href="${queryLink(url, { state, offset: null })}"${
      state === query.state ? markup` aria-current="true"` : NOTHING
    }>${name} <span class="dim">${count(n)}</span></a>`;
  return markup`<nav class="chips" aria-label="states">${chip("all", all.length, null)}${
    VM_STATES.filter((state) => counts.has(state) || state === query.state)
      .map((state) => chip(wordOf(state), counts.get(state)?.length ?? 0, state))
  }</nav>`;
}

function list({ api, url }: ViewContext, { text, group, state, offset }: Query): Html {
  const found = api.fleet.vms({ gone: true }).filter((vm) =>
    (group === null || vm.group === group) && (state === null || vm.state === state) &&
    (text === "" || vm.vm.toLowerCase().includes(text))
  );
  if (found.length === 0) {
    return api.fleet.groups().length === 0
      ? NOTHING
      : markup`<div class="panel flush">${
        empty("No VM is like that now.", "They are made as pending jobs need them.")
      }</div>`;
  }
  const rows = found.slice(offset, offset + LIMIT).map((vm) => ({
    key: `vm-${vm.vm}-${vm.createdMs ?? "gone"}`,
    href: pathOf("/vms", vm.vm),
    ...(vm.createdMs === null ? { tone: "faint" } : {}),
    cells: [
      badge(vm.state),
      linkTo("/vms", vm.vm),
      vm.group,
      vm.slice === vm.vm ? "" : vm.slice,
      ago(vm.sinceMs),
      [vm.phase, vm.reason].filter(Boolean).join(": "),
    ],
  }));
  const columns = [
    { head: "State" },
    { head: "VM", kind: "main" as const },
    { head: "Group", kind: "wide" as const },
    { head: "Slice", kind: "wide" as const },
    { head: "Since" },
    { head: "Doing, or why", kind: "main" as const },
  ];
  return markup`<div class="panel flush">${table(columns, rows, "VMs")}${
    pager(url, { offset, limit: LIMIT, total: found.length })
  }</div>`;
}
