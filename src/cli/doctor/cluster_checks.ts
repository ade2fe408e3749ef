/** What is wrong with a cluster, from what it said of itself. Pure. */
import { plainLine } from "../../base/errors.ts";
import type { TreeNode } from "../../lifecycle/part.ts";
import type { ClusterFacts, PendingJob, WorkerFacts } from "./cluster_facts.ts";
import { fail, type Finding, ok, warn } from "./finding.ts";
import { gib } from "./host_checks.ts";

/** A job that waits longer than this is worth a line, in ms. */
export const LONG_MS = 5 * 60_000;
/** Clocks that are so far apart confuse times, and certificates, in ms. */
const SKEW_WARN_MS = 2_000;
const SKEW_FAIL_MS = 60_000;
/** A disk that is fuller than this share is almost full, and full. */
const ALMOST_FULL = 0.9;
const FULL = 0.97;
/** A certificate that ends within this is to be renewed, in ms. */
const SOON_MS = 14 * 24 * 3_600_000;
/** So many of one kind are named, the rest is counted. */
const MAX_NAMED = 5;
const DAY_MS = 24 * 3_600_000;

/** Everything that can be said of a cluster. */
export function judge(facts: ClusterFacts, own: { readonly version: string }): Finding[] {
  return [
    ...versions(facts, own.version),
    loops(facts.tree),
    ...workers(facts.workers),
    ...clocks(facts.workers),
    ...disks(facts.workers),
    ...groups(facts),
    ...pending(facts),
  ];
}

/** Whether the controller's and the workers' versions go together, and with this one. */
function versions({ version, workers }: ClusterFacts, own: string): Finding[] {
  const others = [...new Set(workers.map(({ worker }) => worker.version))]
    .filter((one) => one !== version);
  return [
    version === own
      ? ok("version", `the controller is of this version, ${version}`)
      : warn("version", {
        says: `the controller is ${version}, this is ${own}`,
        remedy: "use one version",
      }),
    others.length === 0
      ? ok("worker versions", "workers are of the controller's version")
      : warn("worker versions", {
        says: `beside ${version} there are ${others.join(", ")}`,
        remedy: "one minor version apart works; update these workers",
      }),
  ];
}

/** Loops that are down or silent. */
function loops(tree: TreeNode): Finding {
  const silent: string[] = [];
  const visit = (node: TreeNode, path: string) => {
    if (node.stalled === true) {
      silent.push(`${path} (${Math.round((node.lastTickMs ?? 0) / 1_000)} s)`);
    }
    for (const child of node.children) visit(child, `${path}/${child.name}`);
  };
  visit(tree, tree.name);
  return silent.length === 0 ? ok("loops", "every one gives signs of life") : fail("loops", {
    says: `no sign of life of ${named(silent)}`,
    remedy: "look at the log; if it stays so, restart that process: nothing is lost by that",
  });
}

/** Workers that do not work. */
function workers(all: readonly WorkerFacts[]): Finding[] {
  if (all.length === 0) {
    return [
      warn("workers", {
        says: "there is none: nothing runs",
        remedy: "start one: iris --mode=worker",
      }),
    ];
  }
  const found: Finding[] = [];
  for (const [state, some] of Map.groupBy(all, ({ worker }) => worker.state)) {
    if (state === "alive") continue;
    const names = some.map(({ worker }) => `${worker.name} (${worker.reason ?? "no reason"})`);
    const says = `${state}: ${named(names)}`;
    found.push(
      state === "lost"
        ? fail("workers", {
          says,
          remedy: "look at their hosts; what ran there runs elsewhere by now",
        })
        : warn("workers", { says, remedy: "iris worker show WORKER says more" }),
    );
  }
  const idle = all.filter(({ worker }) => worker.state === "alive" && worker.reason !== null);
  if (idle.length > 0) {
    const names = idle.map(({ worker }) => `${worker.name} (${worker.reason})`);
    found.push(
      warn("workers", {
        says: `nothing new for ${named(names)}`,
        remedy: "iris worker release WORKER, or mend it",
      }),
    );
  }
  const mute = all.filter(({ worker, host }) =>
    worker.state === "alive" && typeof host === "string"
  );
  if (mute.length > 0) {
    const names = mute.map(({ worker, host }) => `${worker.name} (${host})`);
    found.push(
      warn("workers", {
        says: `their hosts cannot be asked: ${named(names)}`,
        remedy: "try again",
      }),
    );
  }
  const well = all.filter(({ worker }) => worker.state === "alive").length - idle.length;
  return [ok("workers", `${well} of ${all.length} take tasks`), ...found];
}

/** How far the clocks of workers are from this one. */
function clocks(all: readonly WorkerFacts[]): Finding[] {
  const known = all.filter(({ aheadMs }) => aheadMs !== null);
  const off = known.filter(({ aheadMs }) => Math.abs(aheadMs!) > SKEW_WARN_MS);
  if (off.length === 0) {
    return known.length === 0 ? [] : [ok("clocks", `of ${known.length} workers: as this one`)];
  }
  const worst = Math.max(...off.map(({ aheadMs }) => Math.abs(aheadMs!)));
  const says = named(off.map(({ worker, aheadMs }) => {
    const seconds = (Math.abs(aheadMs!) / 1_000).toFixed(1);
    return `${worker.name} is ${seconds} s ${aheadMs! > 0 ? "ahead" : "behind"}`;
  }));
  const remedy = "let the network keep them: timedatectl set-ntp true, or chrony";
  return [
    worst > SKEW_FAIL_MS
      ? fail("clocks", { says: `${says}: times mean nothing, certificates may be refused`, remedy })
      : warn("clocks", { says: `${says}: times of tasks are off by that`, remedy }),
  ];
}

/** Full disks of workers. */
function disks(all: readonly WorkerFacts[]): Finding[] {
  const known = all.flatMap(({ worker, host }) =>
    typeof host === "string" || host.diskTotalBytes === 0
      ? []
      : [{ name: worker.name, host, share: host.diskBytes / host.diskTotalBytes }]
  );
  const text = ({ name, host, share }: typeof known[number]) =>
    `${name} ${Math.round(share * 100)} % of ${gib(host.diskTotalBytes)}`;
  const full = known.filter(({ share }) => share > FULL);
  const almost = known.filter(({ share }) => share > ALMOST_FULL && share <= FULL);
  const remedy = "make room there: logs and outputs go as jobs are forgotten (iris job purge)";
  return [
    ...(full.length > 0 ? [fail("disks", { says: `full: ${named(full.map(text))}`, remedy })] : []),
    ...(almost.length > 0
      ? [warn("disks", { says: `almost full: ${named(almost.map(text))}`, remedy })]
      : []),
    ...(full.length + almost.length === 0 && known.length > 0
      ? [ok("disks", `of ${known.length} workers: room enough`)]
      : []),
  ];
}

/** Scale groups that cannot get more, or of which nobody is heard. */
function groups({ groups: all }: ClusterFacts): Finding[] {
  const found = all.flatMap(({ name, heard, manager, availability: { state, reason } }) => {
    if (!heard) {
      const says = `${name}: its VM manager ${manager} is not heard`;
      return [fail("groups", { says, remedy: "start it again: iris --mode=vm-manager" })];
    }
    const remedy = `iris vm explain ${name} says more`;
    return state === "ok" ? [] : [warn("groups", { says: `${name}: ${state}: ${reason}`, remedy })];
  });
  if (found.length > 0) return found;
  return all.length === 0 ? [] : [ok("groups", `${all.length}, each can be asked for more`)];
}

/** Jobs that wait for long, and why. */
function pending({ pending: all, wallMs }: ClusterFacts): Finding[] {
  const long = all.filter(({ job, explanation }) =>
    wallMs - job.submittedAtMs > LONG_MS && !job.held && (explanation?.waitsFor.length ?? 0) === 0
  );
  if (long.length === 0) return [ok("pending", "no job waits for long")];
  return long.slice(0, MAX_NAMED).map((one) => {
    const says = `${one.job.name} waits for ${minutes(wallMs - one.job.submittedAtMs)}: ${
      why(one)
    }`;
    return warn("pending", {
      says,
      remedy: `iris job explain ${one.job.name} says what would help`,
    });
  });
}

function why({ job, explanation }: PendingJob): string {
  return explanation?.reason ?? job.reason ?? "nobody knows why";
}

/** What `/healthz` told. */
export function health(told: {
  readonly problems?: readonly string[];
  readonly closing?: boolean;
}): Finding[] {
  const { problems = [], closing = false } = told;
  const remedy = "look at the log of the controller, and at the disk of its state folder";
  return [
    ...problems.map((says) => fail("health", { says: plainLine(says), remedy })),
    ...(closing
      ? [warn("health", { says: "the controller is stopping", remedy: "wait, or start it again" })]
      : []),
    ...(problems.length === 0 && !closing ? [ok("health", "the controller is well")] : []),
  ];
}

/** Until when the certificate of a controller is good. Times are wall time in ms. */
export function certificate(
  of: { readonly fromMs: number; readonly untilMs: number; readonly wallMs: number },
): Finding {
  const { fromMs, untilMs, wallMs } = of;
  const remedy = "make a new one: remove tls-cert.pem of the state folder, or renew --tls-cert; " +
    "then restart the controller";
  const day = new Date(untilMs).toISOString().slice(0, 10);
  if (wallMs < fromMs) {
    const says = `is not good before ${new Date(fromMs).toISOString()}: a clock is wrong`;
    return fail("certificate", { says, remedy: "set the clocks" });
  }
  if (wallMs > untilMs) {
    return fail("certificate", { says: `ended on ${day}: nobody trusts it`, remedy });
  }
  const days = Math.floor((untilMs - wallMs) / DAY_MS);
  return untilMs - wallMs < SOON_MS
    ? warn("certificate", { says: `ends on ${day}, in ${days} days`, remedy })
    : ok("certificate", `good until ${day}`);
}

function named(names: readonly string[]): string {
  const more = names.length - MAX_NAMED;
  return names.slice(0, MAX_NAMED).join(", ") + (more > 0 ? `, and ${more} more` : "");
}

function minutes(ms: number): string {
  const whole = Math.floor(ms / 60_000);
  return whole < 120 ? `${whole} min` : `${Math.floor(whole / 60)} h`;
}
