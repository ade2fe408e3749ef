/** `iris doctor`: looks at this host, or at a cluster, and says what is wrong and what to do. */
import { systemClock } from "../../base/clock.ts";
import { IrisError, messageOf } from "../../base/errors.ts";
import { hostOf } from "../../host/address.ts";
import { certificateOf } from "../../host/peer_certificate.ts";
import { BUILD_KIND, singleFile } from "../../host/self_command.ts";
import { stateHome } from "../../host/state_dir.ts";
import { exists } from "../../base/there.ts";
import { connectTo, targetOf } from "../connect.ts";
import type { CliContext, TargetFlags } from "../context.ts";
import { paint } from "../output/table.ts";
import { VERSION } from "../version.ts";
import { certificate, health, judge } from "./cluster_checks.ts";
import { askCluster } from "./cluster_facts.ts";
import { fail, type Finding, ok, type Verdict, warn } from "./finding.ts";
import * as host from "./host_checks.ts";
import * as programs from "./program_checks.ts";
import { type Check, CHECK_MS, runChecks } from "./run_checks.ts";

/** What is looked at. */
export interface DoctorOptions extends TargetFlags {
  readonly cluster: boolean;
  readonly stateDir?: string | undefined;
  readonly port: number;
  readonly json: boolean;
}

const COLORS = { ok: "green", warn: "yellow", fail: "red" } as const;

/** Looks, and says what it found. @returns the exit code: 1 when something does not work */
export async function runDoctor(context: CliContext, options: DoctorOptions): Promise<number> {
  const checks = options.cluster ? clusterChecks(context, options) : hostChecks(context, options);
  const findings = await runChecks(checks, systemClock);
  const isWell = findings.every(({ verdict }) => verdict !== "fail");
  if (options.json) context.out(JSON.stringify({ ok: isWell, findings }));
  else print(context, findings);
  return isWell ? 0 : 1;
}

/** Everything about this host. */
export function hostChecks(context: CliContext, options: DoctorOptions): readonly Check[] {
  const { env } = context;
  const stateDir = options.stateDir ?? stateHome(env);
  const one = (name: string, run: () => Finding | Promise<Finding>): Check => ({
    name,
    run: async () => [await run()],
  });
  return [
    one("program", program),
    one("kernel", () => host.kernel()),
    one("hardware", () => host.hardware()),
    one("/proc", () => host.proc()),
    one("cgroups", () => host.cgroups()),
    { name: "disk", run: () => host.disk(stateDir) },
    one("holes", () => host.holes(stateDir)),
    one("secrets", () => programs.secrets(stateDir)),
    { name: "limits", run: () => host.limits() },
    one("clock", () => programs.clock(env)),
    { name: "names", run: () => programs.names(env, ["localhost", Deno.hostname()]) },
    one("port", () => programs.port(options.port)),
    one("containers", () => programs.containers(env)),
    one("user namespaces", () => programs.userNamespaces(env)),
    one("ssh", () => programs.ssh(env)),
    one("slurm", () => programs.slurm(env)),
  ];
}

function program(): Finding {
  const says = `iris ${VERSION} (${BUILD_KIND}, deno ${Deno.version.deno})`;
  const file = singleFile();
  return file === null || exists(file) ? ok("program", says) : warn("program", {
    says: `${says}: ${file}, which it was started from, is gone: no host can get a copy of it`,
    remedy: "put the file back where it was",
  });
}

/** Everything about a cluster. */
export function clusterChecks(context: CliContext, options: DoctorOptions): readonly Check[] {
  return [
    { name: "certificate", run: () => certificateCheck(context, options) },
    {
      name: "controller",
      async run() {
        const client = await connectTo(context, options, { timeoutMs: CHECK_MS });
        try {
          const facts = await askCluster(client);
          const answers = ok("controller", "answers, and takes the token");
          const own = { version: VERSION };
          return [answers, ...await healthOf(context, options), ...judge(facts, own)];
        } catch (error) {
          if (!(error instanceof IrisError)) throw error;
          return [fail("controller", { says: error.message, remedy: remedyOf(error) })];
        }
      },
    },
  ];
}

/** What the controller itself knows to be wrong: a full disk, a store that takes nothing. */
async function healthOf(context: CliContext, options: DoctorOptions): Promise<Finding[]> {
  const { url, fetch } = await targetOf(context, options);
  const answer = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(CHECK_MS) });
  return health(await answer.json());
}

async function certificateCheck(
  context: CliContext,
  options: DoctorOptions,
): Promise<readonly Finding[]> {
  const url = new URL((await targetOf(context, options)).url);
  if (url.protocol !== "https:") return [];
  const port = Number(url.port || 443);
  try {
    const times = await certificateOf({ hostname: hostOf(url.href), port }, CHECK_MS / 2);
    return [certificate({ ...times, wallMs: systemClock.wall() })];
  } catch (error) {
    return [
      fail("certificate", {
        says: `it is not shown: ${messageOf(error)}`,
        remedy: "see the next line",
      }),
    ];
  }
}

/** What helps against what keeps a command from its controller. */
function remedyOf({ code, message }: IrisError): string {
  if (code === "unauthorized" || code === "forbidden") {
    return "give the token of that cluster: --token-file or IRIS_TOKEN_FILE";
  }
  if (/certificate|TLS/.test(message)) {
    return "give the controller's certificate by --ca-file; where it was made anew, copy it again";
  }
  if (/resolve/.test(message)) return "look at the name, or give an address";
  if (/refused|answer|route/.test(message)) {
    return "is it running, and is nothing between that keeps you out? On its host: iris doctor";
  }
  return "look at the log of the controller";
}

function print(context: CliContext, findings: readonly Finding[]): void {
  const width = Math.max(...findings.map(({ check }) => check.length));
  for (const { check, verdict, says, remedy } of findings) {
    if (context.quiet === true && verdict === "ok") continue;
    const word = context.color === true
      ? paint(verdict.padEnd(4), COLORS[verdict])
      : verdict.padEnd(4);
    context.out(`${word}  ${check.padEnd(width)}  ${says}`);
    if (remedy !== "") context.out(`${" ".repeat(width + 8)}${remedy}`);
  }
  const count = (of: Verdict) => findings.filter(({ verdict }) => verdict === of).length;
  if (context.quiet === true) return;
  context.out(`${count("ok")} ok, ${count("warn")} to look at, ${count("fail")} not working`);
}
