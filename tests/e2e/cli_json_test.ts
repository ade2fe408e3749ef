/**
 * What `--json` prints is what programs rely on: its keys and types are kept in
 * docs/reference/json-output.json and change only on purpose. To write that file anew:
 * `IRIS_WRITE_SHAPES=1 deno test -A --no-check tests/e2e/cli_json_test.ts && deno task docs`.
 */
import { assertEquals } from "@std/assert";
import { fromFileUrl } from "../../src/base/file_url.ts";
import { COMMANDS } from "../../src/cli/commands/all.ts";
import { shown } from "../../src/cli/flags/help.ts";
import { CliCluster, runCli, until } from "../support/cli_cluster.ts";
import { startIris } from "../support/iris_process.ts";
import { type Shape, shapeOf } from "../support/json_shape.ts";

const FILE = fromFileUrl(new URL("../../docs/reference/json-output.json", import.meta.url));

/** One command as it is run, without `--json`; `{dir}` is a folder of the test's own. */
interface Example {
  /** Words of the command, which stand in front of its flags. */
  readonly of: string;
  readonly args?: readonly string[];
  /** What has to be so before. */
  readonly after?: (cluster: CliCluster) => Promise<void>;
  /** What its environment has beside the cluster's. */
  readonly env?: (cluster: CliCluster) => Record<string, string>;
  /** A key that holds a text or null, which of them this run cannot say. */
  readonly mayBeNull?: string;
  /** What else stands in the snapshot's key. */
  readonly as?: string;
}

const HOLD = [
  "sh",
  "-c",
  "cp $IRIS_TOKEN_FILE {dir}/task-token; until [ -e {dir}/over ]; do sleep 0.02; done",
];

const EXAMPLES: readonly Example[] = [
  { of: "job run", args: ["--name=a", "--secret-env=A=1", "--", "echo", "hello"] },
  { of: "job run", as: "--detach", args: ["--name=hold", "--detach", "--", ...HOLD] },
  { of: "job run", as: "failed", args: ["--name=bad", "--", "sh", "-c", "exit 3"] },
  {
    of: "job run",
    as: "outputs",
    args: ["--name=out", "--outputs=1MiB", "--", "sh", "-c", "echo >$IRIS_OUTPUT_DIR/f"],
  },
  {
    of: "job list",
    after: (cluster) =>
      until(async () => (await cluster.client.job("/ada/hold")).counts.RUNNING === 1, "it runs"),
  },
  { of: "job show", args: ["a"] },
  { of: "job logs", args: ["a"] },
  { of: "job attach", args: ["a"] },
  { of: "job wait", args: ["a", "bad"] },
  { of: "job explain", args: ["hold"] },
  { of: "job download", args: ["out", "--to={dir}/out"] },
  { of: "job hold", args: ["hold"] },
  { of: "job release", args: ["hold"] },
  { of: "job retry", args: ["bad"] },
  { of: "job signal", args: ["hold", "CONT"] },
  { of: "job schema" },
  { of: "task show", args: ["hold/0"] },
  { of: "task signal", args: ["hold/0", "CONT"] },
  {
    of: "endpoint register",
    args: ["web", "8080"],
    after: (cluster) => until(() => hasFile(`${cluster.world.dir}/task-token`), "the task began"),
    env: ({ world, client }) => ({
      ...{ IRIS_JOB: "/ada/hold", IRIS_TASK_INDEX: "0", IRIS_ATTEMPT: "0" },
      ...{ IRIS_TOKEN_FILE: `${world.dir}/task-token`, IRIS_CONTROLLER: client.url },
    }),
  },
  { of: "endpoint list", args: ["hold"] },
  { of: "endpoint wait", args: ["hold", "web"] },
  { of: "events", args: ["--limit=50"] },
  { of: "worker list" },
  { of: "worker show", args: ["cpu-0"] },
  { of: "worker drain", args: ["cpu-0", "--dry-run"], as: "--dry-run" },
  { of: "worker drain", args: ["cpu-0"] },
  { of: "worker release", args: ["cpu-0"] },
  { of: "worker clear", args: ["--state-dir={dir}/old"], after: oldWorkerFolder },
  { of: "worker clear", args: ["--state-dir={dir}/old", "--dry-run"], as: "--dry-run" },
  { of: "watch", args: ["--count=2", "--interval=100ms"] },
  { of: "tree" },
  { of: "doctor", args: ["--cluster"] },
  { of: "cluster status" },
  { of: "cluster backup", args: ["{dir}/backup.db"] },
  {
    of: "cluster restore",
    args: ["{dir}/backup.db", "--state-dir={dir}/other", "--dry-run"],
    as: "--dry-run",
  },
  { of: "cluster restore", args: ["{dir}/backup.db", "--state-dir={dir}/other"] },
  { of: "config check", args: ["{dir}/iris.yaml"], after: configFile },
  { of: "config schema" },
  { of: "config show" },
  { of: "completions", args: ["fish"] },
  { of: "man" },
  { of: "version" },
  { of: "token create", args: ["--user=eve", "--role=user"] },
  { of: "token list" },
  { of: "token rotate", args: ["worker"] },
  { of: "whoami" },
  // What it finds, and so whether there is something to do, is each machine's own affair.
  { of: "doctor", mayBeNull: "remedy" },
  { of: "vm list" },
  { of: "vm show", args: ["cpu-0"] },
  { of: "vm logs", args: ["cpu-0"] },
  { of: "vm explain", args: ["cpu"] },
  { of: "vm stop", args: ["cpu-0", "--dry-run"], as: "--dry-run" },
  { of: "vm reload", args: ["cpu-0", "--dry-run"], as: "--dry-run" },
  { of: "job stop", args: ["hold", "--dry-run"], as: "--dry-run" },
  { of: "job stop", args: ["hold"] },
  { of: "job purge", args: ["--job=a", "--dry-run"], as: "--dry-run" },
  { of: "job purge", args: ["--job=a"] },
  { of: "vm reload", args: ["cpu-0"] },
  { of: "vm stop", args: ["cpu-0"] },
  { of: "cluster stop", as: "--dry-run", args: ["--dry-run"] },
];

/** What is run by itself: it ends its process, needs what was said before, or ends the cluster. */
const BY_THEMSELVES = ["task exec", "token revoke", "cluster stop"];

function hasFile(path: string): boolean {
  try {
    return Deno.statSync(path).size > 0;
  } catch {
    return false;
  }
}

function oldWorkerFolder({ world }: CliCluster): Promise<void> {
  Deno.mkdirSync(`${world.dir}/old/workers`, { recursive: true });
  Deno.writeTextFileSync(`${world.dir}/old/marker-id`, "abcd");
  return Promise.resolve();
}

const CONFIG = `groups:
  - { name: cpu, vm: { cpu: 4, memory: 1GiB }, min: 1, max: 1, provider: { kind: process } }
`;

function configFile({ world }: CliCluster): Promise<void> {
  Deno.writeTextFileSync(`${world.dir}/iris.yaml`, CONFIG);
  return Promise.resolve();
}

/** What a command printed, as JSON; one value for each line, or one over several. */
function valuesOf(text: string, what: string): unknown[] {
  try {
    return text.trimEnd().split("\n").map((line) => JSON.parse(line));
  } catch {
    try {
      return [JSON.parse(text)];
    } catch (error) {
      throw new Error(`${what} printed no JSON: ${text}`, { cause: error });
    }
  }
}

async function shapeOfExample(cluster: CliCluster, example: Example): Promise<Shape> {
  await example.after?.(cluster);
  const words = [...example.of.split(" "), "--json", ...example.args ?? []]
    .map((word) => word.replaceAll("{dir}", cluster.world.dir));
  const env = { ...cluster.env, ...example.env?.(cluster) };
  const { out, err } = await runCli(words, { env });
  if (example.of.endsWith("schema")) return "a JSON schema";
  const values = valuesOf(out, `${words.join(" ")} (${err.trim()})`);
  const { mayBeNull } = example;
  if (mayBeNull === undefined) return shapeOf(values);
  const text = JSON.stringify(shapeOf(values));
  return JSON.parse(text.replaceAll(`"${mayBeNull}":"null"`, `"${mayBeNull}":"null|string"`));
}

async function byThemselves(cluster: CliCluster): Promise<Record<string, Shape>> {
  const { world, env } = cluster;
  const shapes: Record<string, Shape> = {};
  const [token] = await cluster.json("token", "create", "--user=bob", "--role=viewer");
  const { id } = token as { id: string };
  shapes["token revoke"] = shapeOf(await cluster.json("token", "revoke", id));
  const exec = startIris(world, ["task", "exec", "--json", "--no-stdin", "hold/0", "--", "true"], {
    env,
  });
  assertEquals((await exec.ended).code, 0, exec.output().stderr);
  shapes["task exec"] = shapeOf(valuesOf(exec.output().stderr, "task exec"));
  return shapes;
}

Deno.test("what --json prints of each command has the keys and types that are written down", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "iris-test-" });
  try {
    const config = `${folder}/iris.yaml`;
    Deno.writeTextFileSync(config, CONFIG);
    assertShapes(await shapesOfAll(config));
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

/** Runs every command. */
async function shapesOfAll(config: string): Promise<Record<string, Shape>> {
  const shapes: Record<string, Shape> = {};
  await using cluster = await CliCluster.start(`--config=${config}`);
  for (const example of EXAMPLES) {
    if (example.of === "job stop" && example.as !== undefined) {
      Object.assign(shapes, await byThemselves(cluster));
    }
    const key = example.as === undefined ? example.of : `${example.of} (${example.as})`;
    shapes[key] = await shapeOfExample(cluster, example);
  }
  shapes["cluster stop"] = "the report of the stop, as in last-stop.json";
  const stop = await cluster.cli("cluster", "stop", "--json");
  assertEquals(Object.keys(JSON.parse(stop.out)).includes("children"), true);
  return shapes;
}

function assertShapes(shapes: Record<string, Shape>): void {
  const sorted = Object.fromEntries(Object.entries(shapes).sort(([a], [b]) => a < b ? -1 : 1));
  if (Deno.env.get("IRIS_WRITE_SHAPES") === "1") {
    Deno.writeTextFileSync(FILE, `${JSON.stringify(sorted, null, 2)}\n`);
  }
  assertEquals(sorted as unknown, JSON.parse(Deno.readTextFileSync(FILE)));
}

Deno.test("no command with --json is left out of that", () => {
  const covered = new Set([...EXAMPLES.map(({ of }) => of), ...BY_THEMSELVES]);
  const names = shown(COMMANDS).map(({ path }) => path.join(" "));
  assertEquals(names.filter((name) => !covered.has(name)), [], "give it a line in EXAMPLES");
});
