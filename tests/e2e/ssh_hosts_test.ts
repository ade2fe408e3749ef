/**
 * A local cluster from the one file alone, whose workers are on hosts that have an ssh server and
 * nothing of Iris: they come for a job, go when there is none, and leave nothing.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { compileIris, type CompileResult } from "../../scripts/compile.ts";
import { ROOT } from "../../scripts/lint/place.ts";
import type { StopReport } from "../../src/lifecycle/part.ts";
import type { VmView } from "../../src/wire/vms.ts";
import { type Ended, type FileCluster, fileClusterUp } from "../support/file_cluster.ts";
import { makeWorld, startIris, type World } from "../support/iris_process.ts";
import { inGate, needs } from "../support/require.ts";
import {
  canHaveSshHosts,
  makeSshHosts,
  type SshHosts,
  type SshTestHost,
  until,
} from "../support/ssh/ssh_hosts.ts";

const SSH = inGate(await needs("OpenSSH and namespaces (openssh-server)", canHaveSshHosts));
const UP_MS = 120_000;
/** Until a host that answers again is clear. */
const CLEAR_MS = 45_000;

/** The one file, made by the first test that needs it. */
let made: Promise<CompileResult> | null = null;

/** The blocks of the README's section, by language. */
function blocks(language: "sh" | "yaml"): string[] {
  const readme = Deno.readTextFileSync(`${ROOT}/README.md`);
  const [section = ""] = readme.split("\n## Hosts over ssh\n")[1]!.split("\n## ");
  const pattern = new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``, "g");
  return [...section.matchAll(pattern)].map((match) => match[1]!);
}

/** The README's `iris.yaml`, and for its hosts what a user's own configuration of ssh would say. */
function configFor(hosts: SshHosts): string {
  const aliases = hosts.hosts.map(({ address }, at) =>
    `Host node${at + 1}\n  HostName ${address}\n  User root\n`
  );
  const files = [
    `  IdentityFile ${hosts.identityFile}`,
    `  UserKnownHostsFile ${hosts.knownHostsFile}`,
  ];
  Deno.writeTextFileSync(
    `${hosts.dir}/ssh_config`,
    [...aliases, "Host *", ...files, ""].join("\n"),
  );
  const [yaml = ""] = blocks("yaml");
  return yaml.replace("idle: 10m", "idle: 3s")
    .replace("kind: ssh", `kind: ssh\n      configFile: ${hosts.dir}/ssh_config`)
    .replace("kind: ssh", `kind: ssh\n      folder: ${hosts.folder}`);
}

async function iris(world: World, ...args: string[]) {
  const process = startIris(world, args);
  const { code } = await process.ended;
  return { code, ...process.output() };
}

async function vms(world: World): Promise<VmView[]> {
  return JSON.parse((await iris(world, "vm", "list", "--json", "--gone")).stdout);
}

/** Brings a cluster to its end. */
type End = () => Promise<void>;

/** A world with hosts and a cluster; whatever happens in it must be gone with it. */
async function sshCluster(
  fn: (of: {
    world: World;
    hosts: SshHosts;
    /** Ctrl-C. */
    stop: () => Promise<void>;
    /** The cluster is killed, or ended by others, and started again once `meanwhile` is over. */
    restart: (meanwhile: (ended: Ended) => Promise<void>, end?: End) => Promise<void>;
  }) => Promise<void>,
): Promise<void> {
  made ??= compileIris({ kind: "self-extracting", out: `${ROOT}/dist/.test` });
  const { file } = await made;
  using world = makeWorld();
  await using hosts = await makeSshHosts({
    count: 3,
    sshd: ["SetEnv XDG_CACHE_HOME=@FOLDER@/cache"],
  });
  Deno.writeTextFileSync(`${world.dir}/iris.yaml`, configFor(hosts));
  Deno.symlinkSync(file, `${world.dir}/iris`);
  let cluster: FileCluster | null = await fileClusterUp(world, UP_MS);
  const end = async (signal: "SIGINT" | "SIGKILL") => {
    const ending = cluster;
    cluster = null;
    if (ending === null) return null;
    Deno.kill(ending.pid, signal);
    return await ending.ended();
  };
  const stop = async () => {
    const ended = await end("SIGINT");
    assertEquals(ended?.code ?? 0, 0, ended?.text);
  };
  try {
    const restart = async (meanwhile: (ended: Ended) => Promise<void>, by?: End) => {
      const ending = cluster!;
      if (by !== undefined) await by();
      const ended = await (by === undefined ? end("SIGKILL") : ending.ended());
      cluster = null;
      await meanwhile(ended!);
      cluster = await fileClusterUp(world, UP_MS);
    };
    await fn({ world, hosts, stop, restart });
    await stop();
    assertEquals(await hosts.stays(), []);
    assertEquals(world.survivors(), []);
  } finally {
    await end("SIGKILL");
  }
}

/** Types the commands of a block. */
async function type(world: World, block: string): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-ec", block],
    ...{ cwd: world.dir, env: world.env, clearEnv: true, stdin: "null" },
  }).output();
  const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assert(success, said);
  return said;
}

Deno.test({
  name: "the README's hosts over ssh, to the letter: a job brings them up, and they go after it",
  ...SSH,
  fn: () =>
    sshCluster(async ({ world, hosts }) => {
      const [start, commands = ""] = blocks("sh");
      assertEquals(start, "./iris --mode=local --config iris.yaml\n");
      const said = await type(world, commands);
      assertMatch(said, /succeeded: 3 of 3 tasks/);
      assertMatch(said, /lab-\d +READY/);
      assertMatch(said, /probing[^]*copying \d+ bytes[^]*starting/);
      const log = async () => (await iris(world, "vm", "logs", "lab-0")).stdout;
      await until("its worker is heard", async () => /worker lab-0 http/.test(await log()), UP_MS);
      const gone = async () => (await vms(world)).every(({ state }) => state === "TERMINATED");
      await until("the hosts go", gone, UP_MS);
      assertEquals(hosts.left(), []);
      // From nothing once more, and each task where its worker is.
      const command = "ip -4 addr show eth0; sleep 2";
      const job = await iris(world, "job", "run", "--replicas", "3", "--", "sh", "-c", command);
      assertEquals(job.code, 0, job.stdout + job.stderr);
      for (const { address } of hosts.hosts) {
        assert(job.stdout.includes(`${address}/30`), job.stdout);
      }
    }),
});

Deno.test({
  name: "Ctrl-C ends tasks on hosts with all that they started, and leaves nothing there",
  ...SSH,
  fn: () =>
    sshCluster(async ({ world, hosts, stop }) => {
      const command = "setsid sleep 3600 & trap '' TERM; echo it runs; while :; do sleep 0.1; done";
      const job = [
        "job",
        "run",
        "--replicas",
        "2",
        "--no-wait",
        "--name",
        "long",
        "--",
        "sh",
        "-c",
      ];
      assertEquals((await iris(world, ...job, command)).code, 0);
      const run = async () => {
        return (await iris(world, "job", "logs", "long")).stdout.match(/it runs/g)?.length === 2;
      };
      await until("both tasks run", run, UP_MS);
      await stop();
      assertEquals(await hosts.stays(), []);
    }),
});

Deno.test({
  name:
    "a cluster that is killed leaves workers on hosts and nothing here, and the next one has them",
  ...SSH,
  fn: () =>
    sshCluster(async ({ world, hosts, restart }) => {
      const job = ["job", "run", "--no-wait", "--name", "long", "--", "sleep", "3600"];
      assertEquals((await iris(world, ...job)).code, 0);
      const runs = async () => {
        return (await iris(world, "job", "show", "long")).stdout.includes("RUNNING");
      };
      await until("the task runs", runs, UP_MS);
      const before = hosts.left();
      await restart(async () => {
        const none = () => Promise.resolve(world.survivors().length === 0);
        await until("nothing is left here", none, UP_MS);
        assertEquals(hosts.left(), before);
      });
      const back = async () => (await vms(world)).some(({ state }) => state === "READY");
      await until("the VM is back", back, UP_MS);
      assertEquals(hosts.left(), before);
    }),
});

/**
 * What nodes of a report left over anywhere but in the process itself. What is told last has least time to
 * be proved: on a machine that is very busy its threads are still there when the budget is over, and named.
 */
function leftOver(report: StopReport): string[] {
  const own = /^isolate \S+ \(thread \d+\) still runs$|^its end was never confirmed$/;
  return [
    ...report.leftovers.filter((line) => !own.test(line)),
    ...report.children.flatMap(leftOver),
  ];
}

/** The use of a host: the VM that it has, and whether its worker, and what a task started, are there. */
function useOf(host: SshTestHost) {
  const [cluster] = [...Deno.readDirSync(`${host.folder}/vms`)];
  const folder = `${host.folder}/vms/${cluster!.name}`;
  const vm = [...Deno.readDirSync(folder)][0]!.name;
  const runs = () => {
    const commands = host.pids().map((pid) => wordsOf(pid));
    return {
      worker: commands.some((words) => words.includes(`--name=${vm}`)),
      task: commands.some(([command, time]) => command === "sleep" && time === "3600"),
    };
  };
  return {
    ...{ host, vm, runs, name: `node${host.index + 1}` },
    isClear: () => {
      const { worker, task } = runs();
      return Promise.resolve(!exists(`${folder}/${vm}`) && !worker && !task);
    },
  };
}

function wordsOf(pid: number): string[] {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/cmdline`).split("\0");
  } catch {
    return [];
  }
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

/** The report of the last stop. */
function lastStop(world: World): StopReport {
  return JSON.parse(Deno.readTextFileSync(`${world.dir}/home/state/iris/local/last-stop.json`));
}

Deno.test({
  name: "hosts that answer nothing at a stop are named as left over, and cleared by the next start",
  ...SSH,
  fn: () =>
    sshCluster(async ({ world, hosts, restart }) => {
      const job = ["job", "run", "--replicas", "2", "--no-wait", "--name", "long", "--"];
      const task = "setsid sleep 3600 & trap '' TERM; echo it runs; while :; do sleep 0.1; done";
      assertEquals((await iris(world, ...job, "sh", "-c", task)).code, 0);
      const run = async () => {
        return (await iris(world, "job", "logs", "long")).stdout.match(/it runs/g)?.length === 2;
      };
      await until("both tasks run", run, UP_MS);
      const [frozen, away] = hosts.hosts.filter((host) => host.pids().length > 0).map(useOf);
      frozen!.host.freeze();
      await away!.host.cut();

      let stopped: Awaited<ReturnType<typeof iris>>;
      await restart(async (ended) => {
        assertEquals([stopped.code, ended.code], [4, 4], ended.text);
        const report = lastStop(world);
        assert(report.tookMs <= 5_100 && report.allowedMs <= 5_000, ended.text);
        const lines = [frozen!, away!].map(({ vm, name }) =>
          `VM ${vm} (ssh ${name}) is STOPPING: its provider did not say that it is gone; ` +
          "the next start of this VM manager ends it"
        );
        assertEquals(leftOver(report).sort(), lines.sort(), ended.text);
        for (const line of lines) assert(stopped.stdout.includes(line), stopped.stdout);
        // The clients went with the process, and nothing was taken for gone that was not seen to be.
        assertEquals(world.survivors(), []);
        for (const { runs } of [frozen!, away!]) assertEquals(runs(), { worker: true, task: true });
        await away!.host.mend();
      }, async () => {
        stopped = await iris(world, "cluster", "stop", "--timeout", "5s");
      });
      await until("the host that is back is clear", () => away!.isClear(), CLEAR_MS);
      assertEquals(frozen!.runs(), { worker: true, task: true });
      frozen!.host.thaw();
      await until("the host that goes on is clear", () => frozen!.isClear(), CLEAR_MS);
    }),
});
