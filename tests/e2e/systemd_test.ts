/** The units of `deno task compile` under a real systemd, with the one file that they start. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { compileIris } from "../../scripts/compile.ts";
import { ROOT } from "../../scripts/lint/place.ts";
import { makeWorld } from "../support/iris_process.ts";
import { inGate, needs } from "../support/require.ts";
import { until } from "../support/ssh/ssh_hosts.ts";
import { canRunSystemd, startSystemd, type Systemd } from "../support/systemd.ts";

const SYSTEMD = inGate(
  await needs("a systemd in namespaces (root, systemd, util-linux, cgroup2)", canRunSystemd),
);
const UP_MS = 30_000;
const URL = "http://127.0.0.1:10000";
const WORKER_FLAGS = `--controller=${URL} --token-file=/var/lib/iris/controller/worker-token`;

/** What is typed on that machine. */
async function iris(systemd: Systemd, ...args: string[]): Promise<string> {
  const env = ["env", "XDG_STATE_HOME=/var/lib", "XDG_CACHE_HOME=/var/cache", "HOME=/root"];
  const { code, out, err } = await systemd.run(...env, "iris", ...args);
  assertEquals(code, 0, `${args.join(" ")}: ${out}${err}`);
  return out + err;
}

async function systemctl(systemd: Systemd, ...args: string[]): Promise<void> {
  const { code, out, err } = await systemd.run("systemctl", ...args);
  assertEquals(code, 0, `${args.join(" ")}: ${out}${err}`);
}

/** Stops a unit, which must have needed neither a SIGKILL nor its time. */
async function stopped(systemd: Systemd, unit: string): Promise<void> {
  const from = performance.now();
  await systemctl(systemd, "stop", unit);
  const limitUs = await systemd.property(unit, "TimeoutStopUSec");
  assertEquals(limitUs, "15s");
  assert(performance.now() - from < 15_000);
  const facts = ["ActiveState", "Result", "ExecMainStatus", "NRestarts"];
  const said = await Promise.all(facts.map((name) => systemd.property(unit, name)));
  assertEquals(said.slice(0, 3), ["inactive", "success", "0"], unit);
}

/** The flags of a mode, for its next start. */
function flags(systemd: Systemd, mode: string, text: string): void {
  Deno.writeTextFileSync(`${systemd.folder("default")}/iris-${mode}`, `IRIS_FLAGS="${text}"\n`);
}

/** What a unit's processes said. */
function logOf(systemd: Systemd, mode: string): string {
  try {
    return Deno.readTextFileSync(`${systemd.folder("lib")}/${mode}.log`);
  } catch {
    return "";
  }
}

/** Puts the file and its units where the README says. */
async function install(systemd: Systemd): Promise<void> {
  const { file } = await compileIris({ kind: "self-extracting", out: `${ROOT}/dist/.test` });
  Deno.copyFileSync(file, `${systemd.folder("bin")}/iris`);
  for (const mode of ["controller", "worker", "vm-manager", "local"]) {
    const unit = `iris-${mode}.service`;
    const units = systemd.folder("units");
    Deno.copyFileSync(`${ROOT}/dist/.test/${unit}`, `${units}/${unit}`);
    // There is no journal in these namespaces.
    Deno.mkdirSync(`${units}/${unit}.d`);
    const output = `[Service]\nStandardOutput=append:/var/lib/${mode}.log\nStandardError=inherit\n`;
    Deno.writeTextFileSync(`${units}/${unit}.d/log.conf`, output);
  }
  await systemctl(systemd, "daemon-reload");
}

/** Pids of a world's task, by the tag on its command line. */
function tasksOf(systemd: Systemd, tag: string, unit = "iris-worker"): number[] {
  return systemd.pids(unit).filter((pid) => {
    const [command, time = ""] = wordsOf(pid);
    return command === "sleep" && time.endsWith(`.${tag}`);
  });
}

function wordsOf(pid: number): string[] {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/cmdline`).split("\0");
  } catch {
    return [];
  }
}

/** Kills the main process of a unit, and waits until systemd has another one that is up. */
async function crashed(systemd: Systemd, unit: string, isUp: () => boolean): Promise<void> {
  const main = () => systemd.property(unit, "MainPID");
  const before = await main();
  await systemctl(systemd, "kill", "--kill-whom=main", "--signal=SIGKILL", unit);
  const isBack = async () => !["0", before].includes(await main()) && isUp();
  await until(`${unit} is back`, isBack, UP_MS);
  assertEquals(await systemd.property(unit, "NRestarts"), "1");
}

/** How often a unit said a line. */
function times(systemd: Systemd, mode: string, line: RegExp): number {
  return logOf(systemd, mode).match(line)?.length ?? 0;
}

Deno.test({
  name: "under systemd a worker's tasks outlive its crash and its detach, and end with its stop",
  ...SYSTEMD,
  async fn() {
    using world = makeWorld();
    await using systemd = await startSystemd(`${world.dir}/systemd`);
    await install(systemd);
    flags(systemd, "worker", `${WORKER_FLAGS} --on-stop=detach`);
    await systemctl(systemd, "enable", "--now", "iris-controller");
    const job = ["job", "run", "--no-wait", "--name", "long", "--", "sleep", `3600.${world.tag}`];
    const answers = () => Promise.resolve(logOf(systemd, "controller").includes(URL));
    await until("the controller is up", answers, UP_MS);
    await systemctl(systemd, "enable", "--now", "iris-worker");
    await iris(systemd, ...job);
    const runs = () => Promise.resolve(tasksOf(systemd, world.tag).length === 1);
    await until("the task runs", runs, UP_MS).catch((error) => {
      throw new Error(`${error.message}: ${logOf(systemd, "worker")}`);
    });
    const task = tasksOf(systemd, world.tag);

    // A crash: systemd starts it again, and what runs goes on.
    const ups = () => times(systemd, "worker", /^worker \S+ http/gm);
    await crashed(systemd, "iris-worker", () => ups() === 2);
    assertEquals(tasksOf(systemd, world.tag), task);

    // A detach: the same with the unit stopped.
    await stopped(systemd, "iris-worker");
    assertMatch(logOf(systemd, "worker"), /\(detach\); keeper \d+ goes on/);
    assertEquals(tasksOf(systemd, world.tag), task);
    flags(systemd, "worker", WORKER_FLAGS);
    await systemctl(systemd, "start", "iris-worker");
    await until("the worker has it again", () => Promise.resolve(ups() === 3), UP_MS);
    assertEquals(tasksOf(systemd, world.tag), task);
    assertMatch(await iris(systemd, "job", "show", "long"), /RUNNING/);

    // Its own stop ends it, and nothing is left for systemd to kill.
    await stopped(systemd, "iris-worker");
    assertEquals(systemd.pids("iris-worker"), []);
    await stopped(systemd, "iris-controller");
    assertEquals(systemd.pids("iris-controller"), []);
    assertMatch(logOf(systemd, "controller"), /iris stopped cleanly/);
  },
});

const GROUPS = `groups:
  - name: cpu
    vm: { cpu: 1, memory: 256MiB }
    max: 1
    provider: { kind: process }
`;

Deno.test({
  name: "under systemd VMs of this host outlive a VM manager's crash, and end with its stop",
  ...SYSTEMD,
  async fn() {
    using world = makeWorld();
    await using systemd = await startSystemd(`${world.dir}/systemd`);
    await install(systemd);
    Deno.writeTextFileSync(`${systemd.folder("lib")}/iris.yaml`, GROUPS);
    flags(systemd, "vm-manager", `${WORKER_FLAGS} --config=/var/lib/iris.yaml`);
    await systemctl(systemd, "start", "iris-controller");
    const answers = () => Promise.resolve(logOf(systemd, "controller").includes(URL));
    await until("the controller is up", answers, UP_MS);
    await systemctl(systemd, "start", "iris-vm-manager");
    const ups = () => times(systemd, "vm-manager", /^vm-manager \S+ for http/gm);
    await until("the VM manager is up", () => Promise.resolve(ups() === 1), UP_MS);
    const job = ["job", "run", "--no-wait", "--name", "long", "--", "sleep", `3600.${world.tag}`];
    await iris(systemd, ...job);
    const tasks = () => tasksOf(systemd, world.tag, "iris-vm-manager");
    await until("the task runs", () => Promise.resolve(tasks().length === 1), UP_MS);
    const task = tasks();
    await crashed(systemd, "iris-vm-manager", () => ups() === 2);
    assertEquals(tasks(), task);
    const ready = async () => /cpu-0 +READY/.test(await iris(systemd, "vm", "list"));
    await until("the VM is known as ready", ready, UP_MS);
    await stopped(systemd, "iris-vm-manager");
    assertEquals(systemd.pids("iris-vm-manager"), []);
    await stopped(systemd, "iris-controller");
  },
});

Deno.test({
  name: "under systemd a local cluster is back after a crash, and its stop ends all of it",
  ...SYSTEMD,
  async fn() {
    using world = makeWorld();
    await using systemd = await startSystemd(`${world.dir}/systemd`);
    await install(systemd);
    await systemctl(systemd, "start", "iris-local");
    const ups = () => times(systemd, "local", /^http:/gm);
    await until("it is up", () => Promise.resolve(ups() === 1), UP_MS);
    const job = ["job", "run", "--no-wait", "--name", "long", "--", "sleep", `3600.${world.tag}`];
    await iris(systemd, ...job);
    const tasks = () => tasksOf(systemd, world.tag, "iris-local");
    const runs = () => Promise.resolve(tasks().length === 1);
    await until("the task runs", runs, UP_MS);
    const [before] = tasks();
    await crashed(systemd, "iris-local", () => ups() === 2);
    await until("the task runs again", async () => await runs() && tasks()[0] !== before, UP_MS);
    await stopped(systemd, "iris-local");
    assertEquals(systemd.pids("iris-local"), []);

    // Asked to stop by its user it stays down, also when something of it had to be forced.
    await systemctl(systemd, "start", "iris-local");
    await until("it is up again", () => Promise.resolve(ups() === 3), UP_MS);
    const stubborn = `trap '' TERM; sleep 3600.${world.tag} & wait; wait; wait`;
    await iris(systemd, "job", "run", "--no-wait", "--", "sh", "-c", stubborn);
    await until("what does not obey runs", () => Promise.resolve(tasks().length > 0), UP_MS);
    const env = ["env", "XDG_STATE_HOME=/var/lib", "XDG_CACHE_HOME=/var/cache", "HOME=/root"];
    const stop = await systemd.run(...env, "iris", "cluster", "stop", "--timeout", "2s");
    assertEquals(stop.code, 3, stop.out + stop.err);
    const state = () => systemd.property("iris-local", "ActiveState");
    await until("systemd knows", async () => ["failed", "inactive"].includes(await state()), UP_MS);
    assertEquals(await systemd.property("iris-local", "ExecMainStatus"), "3");
    assertEquals(await systemd.property("iris-local", "SubState"), "failed");
  },
});
