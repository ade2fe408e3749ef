/** What other programs of a host Iris works with, and what stands in the way of a start. */
import { systemClock } from "../../base/clock.ts";
import { exists } from "../../base/there.ts";
import { engineProblem, engineVersion, findEngine } from "../../host/container_engine.ts";
import { isPortFree, listenersOn } from "../../host/ports.ts";
import { resolveCommand } from "../../host/resolve_command.ts";
import { type CommandEnd, runCommand } from "../../host/run_command.ts";
import { fail, type Finding, ok, warn } from "./finding.ts";

/** How long another program may take to answer, in ms. */
const ANSWER_MS = 4_000;
/** Before this the clock was never right: the first of January 2025. */
const LEAST_WALL_MS = 1_735_689_600_000;

/** The environment of the process that looks. */
export type Environment = (name: string) => string | undefined;

/** What runs containers. */
export async function containers(env: Environment): Promise<Finding> {
  const engine = findEngine("auto", env);
  if (engine === null) {
    return warn("containers", {
      says: "neither podman nor docker: jobs with --image do not run here",
      remedy: "install podman, or leave it",
    });
  }
  const [version, problem] = await Promise.all([engineVersion(engine), engineProblem(engine)]);
  return problem === null ? ok("containers", version) : warn("containers", {
    says: `${version} is of no use: ${problem}`,
    remedy: "start its daemon, or use podman",
  });
}

/** Whether this user may make user namespaces, which podman needs of who is not root. */
export async function userNamespaces(env: Environment, uid = Deno.uid()): Promise<Finding> {
  if (uid === 0) return ok("user namespaces", "not needed: this is root");
  const unshare = find("unshare", env);
  if (unshare === null) {
    return warn("user namespaces", { says: "unshare is missing", remedy: "install util-linux" });
  }
  const { code } = await ask([unshare, "--user", "true"], env);
  return code === 0
    ? ok("user namespaces", "this user can make them: podman works without root")
    : warn("user namespaces", {
      says: "this user cannot make them: podman does not work without root",
      remedy: "sysctl kernel.unprivileged_userns_clone=1, or user.max_user_namespaces above 0",
    });
}

/** What the provider ssh needs here. */
export async function ssh(env: Environment): Promise<Finding> {
  const path = find("ssh", env);
  if (path === null) {
    const says = "no client: the provider ssh does not work from here";
    return warn("ssh", { says, remedy: "install openssh-client, or leave it" });
  }
  const { stderr } = await ask([path, "-V"], env);
  return ok("ssh", stderr.trim().split("\n")[0]?.slice(0, 100) || path);
}

/** What the provider slurm needs here. */
export async function slurm(env: Environment): Promise<Finding> {
  const missing = ["sbatch", "squeue", "scancel", "sinfo"].filter((one) => find(one, env) === null);
  if (missing.length === 4) return ok("slurm", "not here; only the provider slurm needs it");
  if (missing.length > 0) {
    const says = `without ${missing.join(", ")}: the provider slurm does not work`;
    return warn("slurm", { says, remedy: "install slurm-client whole" });
  }
  const { code, stderr, stdout } = await ask([find("sinfo", env)!, "--noheader"], env);
  if (code === 0) return ok("slurm", `answers: ${stdout.trim().split("\n").length} partitions`);
  const said = stderr.trim().split("\n")[0]?.slice(0, 200) || "it does not answer";
  return warn("slurm", {
    says: `its controller cannot be asked: ${said}`,
    remedy: "start slurmctld, look at munge",
  });
}

/** Whether others can find this host by its name, and this one others. */
export async function names(env: Environment, hosts: readonly string[]): Promise<Finding[]> {
  const getent = find("getent", env);
  if (getent === null) {
    return [warn("names", { says: "getent is missing", remedy: "install libc-bin" })];
  }
  return await Promise.all(hosts.map(async (host) => {
    const { code, stdout } = await ask([getent, "ahosts", host], env);
    const address = stdout.split(/\s/)[0] ?? "";
    return code === 0 && address !== "" ? ok("names", `${host} is ${address}`) : warn("names", {
      says: `${host} does not resolve: others cannot reach it by this name`,
      remedy: "put it into DNS or /etc/hosts, or tell an address by --advertise",
    });
  }));
}

/** Whether a cluster could listen there. */
export function port(number: number): Finding {
  if (number === 0 || isPortFree("127.0.0.1", number)) {
    return ok("port", number === 0 ? "any free one" : `${number} is free`);
  }
  const who = listenersOn(number)?.map(({ local }) => local).length ?? 0;
  return warn("port", {
    says: `${number} is in use${who > 0 ? "" : " or not to be used"}: a cluster cannot start there`,
    remedy:
      "stop what listens there (if it is a cluster of yours: iris cluster status), or give --port",
  });
}

/** Whether the clock is one that others would agree with. */
export async function clock(env: Environment, wallMs = systemClock.wall()): Promise<Finding> {
  const time = new Date(wallMs).toISOString();
  if (wallMs < LEAST_WALL_MS) {
    return fail("clock", {
      says: `it says ${time}: certificates are not valid yet`,
      remedy: "set it",
    });
  }
  const timedatectl = find("timedatectl", env);
  if (timedatectl === null) return ok("clock", `${time}; who sets it cannot be told here`);
  const { code, stdout } = await ask(
    [timedatectl, "show", "--property=NTPSynchronized", "--value"],
    env,
  );
  if (code !== 0) return ok("clock", `${time}; who sets it cannot be told here`);
  return stdout.trim() === "yes" ? ok("clock", `${time}, kept by the network`) : warn("clock", {
    says: `${time}, and nobody keeps it: times of hosts drift apart`,
    remedy: "timedatectl set-ntp true, or install chrony",
  });
}

/** Whether the tokens of clusters, in the state folder or right below it, are for their owner alone. */
export function secrets(stateDir: string): Finding {
  const below = exists(stateDir) ? [...Deno.readDirSync(stateDir)] : [];
  const tokens = ["", ...below.map(({ name }) => `/${name}`)]
    .map((folder) => `${stateDir}${folder}/token`).filter(exists);
  const open = tokens.filter((token) => ((Deno.statSync(token).mode ?? 0) & 0o077) !== 0);
  if (open.length > 0) {
    return fail("secrets", {
      says: `${open.join(", ")} can be read by others: they may do everything`,
      remedy: `chmod 600 ${open.join(" ")}, and rotate the token if somebody may have read it`,
    });
  }
  return ok("secrets", `${stateDir}: tokens of ${tokens.length} clusters, for their owner alone`);
}

/** Where a command is; null for nowhere. */
export function find(name: string, env: Environment): string | null {
  try {
    return resolveCommand(name, { path: env("PATH") ?? "/usr/bin:/bin", cwd: "/" });
  } catch {
    return null;
  }
}

function ask(argv: readonly string[], env: Environment): Promise<CommandEnd> {
  return runCommand(argv, {
    env: { PATH: env("PATH") ?? "/usr/bin:/bin", HOME: env("HOME") ?? "/", LC_ALL: "C" },
    clock: systemClock,
    timeoutMs: ANSWER_MS,
    apart: true,
  });
}
