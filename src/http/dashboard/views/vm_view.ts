/** A VM: where it is in its life and why, what was decided about its group, and what it said. */
import { soon } from "../../soon.ts";
import type { VmView } from "../../../wire/vms.ts";
import { ago, clockTime, linkTo, pathOf } from "../format.ts";
import { withoutColours } from "../log_section.ts";
import { type Html, markup, NOTHING, when } from "../markup.ts";
import { action, badge, factList } from "../parts.ts";
import { live, type ViewContext, type ViewPage } from "../view.ts";
import { eventTable } from "./event_table.ts";

/** How often it is looked at, and its log is asked for, in ms. */
const PERIOD_MS = 1_000;
const LOG_MS = 2_000;
/** A page waits so long for the log, in ms: it comes when it was answered. */
const WAIT_MS = 150;
/** Lines of the log, and events. */
const LINES = 300;
const EVENTS = 30;

/** See the head of this file. */
export function vmView(context: ViewContext): ViewPage {
  const vm = context.api.fleet.vm(context.params.name ?? "");
  return {
    title: vm.vm,
    nav: "vms",
    periodMs: PERIOD_MS,
    blocks: [
      live("head", () => head(context, vm)),
      live("facts", () => facts(context, vm)),
      live("why", () => why(context, vm)),
      live("log-part", () => log(context, vm)),
      live("events", () => events(context, vm)),
    ],
  };
}

function head({ viewer }: ViewContext, vm: VmView): Html {
  const path = pathOf("/vms", vm.vm);
  const acts = vm.createdMs === null || !viewer.may("POST /vms/:vm/stop")
    ? NOTHING
    : markup`${
      action({
        ...{ path: `${path}/reload`, label: "Reload", back: path },
        sure: "Its worker is started anew on the same machine.",
      })
    }${
      action({
        ...{ path: `${path}/stop`, label: "Stop", back: path, tone: "danger" },
        sure: `Its whole slice (${vm.slice}) goes, whatever runs there; its tasks run elsewhere.`,
        field: { name: "why", label: "Why" },
      })
    }`;
  return markup`<p class="crumbs"><a href="/vms" data-up>VMs</a> › <a href="${`/vms?group=${
    encodeURIComponent(vm.group)
  }`}">${vm.group}</a></p><div class="head"><h1>${vm.vm}</h1>${
    badge(vm.state)
  }<div class="acts">${acts}</div></div>`;
}

function facts({ api }: ViewContext, vm: VmView): Html {
  const worker = api.workers().find(({ name }) => name === vm.vm);
  return markup`<div class="panel">${
    when(vm.reason !== "", () => markup`<p class="notice">${vm.reason}</p>`)
  }${
    factList([
      ["since", ago(vm.sinceMs)],
      ["doing", vm.phase],
      ["created", vm.createdMs === null ? "gone" : ago(vm.createdMs)],
      ["slice", vm.slice],
      ["provider", vm.provider],
      ["VM manager", vm.manager],
      ["known there as", vm.externalId],
      ["worker", worker === undefined ? "not registered" : linkTo("/workers", vm.vm)],
    ])
  }</div>`;
}

function why({ api }: ViewContext, { group }: VmView): Html {
  try {
    const { lines } = api.fleet.explainGroup(group);
    return when(
      lines.length > 0,
      () =>
        markup`<div class="panel"><h2>What was decided about its group</h2><ul>${
          lines.map((line) => markup`<li>${line}</li>`)
        }</ul></div>`,
    );
  } catch {
    return markup`<div class="panel dim">Its group is no more.</div>`;
  }
}

async function log({ api, recent, viewer }: ViewContext, { vm }: VmView): Promise<Html> {
  // What a VM said while it came up may be more than users are to know.
  if (!viewer.may("GET /api/v1/vms/:vm/logs")) return NOTHING;
  const asked = recent.get(`vm log ${vm}`, LOG_MS, () => api.fleet.vmLogs(vm, { tail: LINES }));
  const answer = await soon(asked.catch(() => null), WAIT_MS);
  const lines = answer?.lines ?? [];
  return markup`<div class="panel"><h2>What it said</h2><div class="log" id="vm-log" tabindex="0" role="log" aria-live="off" aria-label="Log of the VM">${
    lines.map(({ atMs, text }, at) =>
      markup`<div data-key="${`${atMs}-${at}`}"><span class="dim">${clockTime(atMs)}</span> ${
        withoutColours(text)
      }</div>`
    )
  }</div></div>`;
}

function events({ api, viewer: { user } }: ViewContext, { vm }: VmView): Html {
  const found = api.board.events({
    before: null,
    kinds: [],
    job: null,
    worker: vm,
    user,
    limit: EVENTS,
  });
  return when(
    found.length > 0,
    () =>
      markup`<div class="panel flush"><h2>What happened to it</h2>${
        eventTable(found, "Events of this VM")
      }</div>`,
  );
}
