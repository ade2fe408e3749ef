/** `iris doctor` of hosts and clusters with something really wrong. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Finding } from "../../src/cli/doctor/finding.ts";
import { fromFileUrl } from "../../src/base/file_url.ts";
import { IrisClient } from "../../src/client/iris_client.ts";
import { selfSigned } from "../../src/host/self_signed.ts";
import { type IrisProcess, makeWorld, startIris, type World } from "../support/iris_process.ts";
import { inGate, needs } from "../support/require.ts";
import { canMount } from "../support/mounts.ts";

const MAIN = fromFileUrl(new URL("../../main.ts", import.meta.url));
const UP_MS = 30_000;

interface Told {
  readonly code: number;
  readonly ok: boolean;
  readonly findings: readonly Finding[];
}

async function doctor(world: World, ...flags: string[]): Promise<Told> {
  const process = startIris(world, ["doctor", "--json", ...flags]);
  const { code } = await process.ended;
  const { stdout, stderr } = process.output();
  assertEquals(stderr, "");
  return { code, ...JSON.parse(stdout) };
}

function of(told: Told, check: string): string[] {
  return told.findings.filter((one) => one.check === check)
    .map(({ verdict, says }) => `${verdict}: ${says}`);
}

async function end(process: IrisProcess): Promise<void> {
  Deno.kill(process.pid, "SIGTERM");
  await process.ended;
}

/** The doctor, where the state folder is on a disk of its own that something was done to. */
async function onDisk(world: World, of: { options: string; spoil: string }): Promise<Told> {
  const script = `mount -t tmpfs -o ${of.options} small "$1" && cd "$1" && ${of.spoil}\n` +
    'shift && exec "$@"';
  const { code, stdout } = await new Deno.Command("unshare", {
    args: [
      ...["-m", "sh", "-c", script, "sh", world.stateDir],
      ...[Deno.execPath(), "run", "-A", "--quiet", MAIN, "doctor", "--json"],
      `--state-dir=${world.stateDir}`,
    ],
    env: world.env,
    clearEnv: true,
    stderr: "null",
  }).output();
  return { code, ...JSON.parse(new TextDecoder().decode(stdout)) };
}

Deno.test({
  name: "a full disk and one without inodes make the doctor fail, and say what to do",
  ...await needs("mount namespaces (root)", canMount),
  fn: async () => {
    using world = makeWorld();
    const [full, crowded] = await Promise.all([
      onDisk(world, { options: "size=4m", spoil: "head -c 4128768 /dev/zero >much;" }),
      onDisk(world, { options: "size=4m,nr_inodes=60", spoil: "seq 57 | xargs touch;" }),
    ]);
    assertEquals([full.code, full.ok], [1, false]);
    assertMatch(of(full, "disk")[0] ?? "", /^fail: the disk of .* is full/);
    assertEquals(crowded.code, 1);
    assertMatch(of(crowded, "disk")[0] ?? "", /^fail: .* no inodes left/);
  },
});

Deno.test("the doctor of a host gives a line for each thing, and leaves nothing behind", async () => {
  using world = makeWorld();
  const process = startIris(world, ["doctor", `--state-dir=${world.stateDir}`, "--port=0"]);
  const { code } = await process.ended;
  const { stdout } = process.output();
  assertEquals(code, 0, stdout);
  for (const check of ["program", "kernel", "cgroups", "disk", "open files", "clock"]) {
    assertMatch(stdout, new RegExp(`^(ok|warn)  +${check} `, "m"));
  }
  assertMatch(stdout, /\d+ ok, \d+ to look at, 0 not working\n$/);
  assertEquals([...Deno.readDirSync(world.stateDir)], []);
});

Deno.test("without a cluster the doctor of clusters says so, and how to come by one", async () => {
  using world = makeWorld();
  const { code, findings } = await doctor(world, "--cluster");
  assertEquals(code, 1);
  assertMatch(findings.map(({ says }) => says).join("\n"), /No cluster of yours is running/);
});

Deno.test("a wrong certificate, a wrong token and a controller that is gone are told apart", async () => {
  using world = makeWorld();
  const controller = startIris(world, [
    ...["--mode=controller", "--port=0", "--tls-self-signed", `--state-dir=${world.stateDir}`],
  ]);
  const [, url = ""] = await controller.printed(/(https:\S+)/, UP_MS);
  const other = `${world.dir}/other.pem`;
  await Deno.writeTextFile(other, (await selfSigned(["127.0.0.1"], Date.now())).cert);
  await Deno.writeTextFile(`${world.dir}/wrong`, "w".repeat(64));
  const at = ["--cluster", "--controller", url];
  const token = ["--token-file", `${world.stateDir}/token`];
  const ca = ["--ca-file", `${world.stateDir}/tls-cert.pem`];
  const [well, wrongCa, wrongToken] = await Promise.all([
    doctor(world, ...at, ...token, ...ca),
    doctor(world, ...at, ...token, "--ca-file", other),
    doctor(world, ...at, ...ca, "--token-file", `${world.dir}/wrong`),
  ]);
  assertEquals([well.code, well.ok], [0, true], JSON.stringify(well.findings));
  assertMatch(of(well, "certificate")[0] ?? "", /^ok: good until 20\d\d-/);
  assertMatch(of(well, "workers")[0] ?? "", /^warn: there is none/);
  assertEquals([wrongCa.code, wrongToken.code], [1, 1]);
  assertMatch(of(wrongCa, "controller")[0] ?? "", /^fail: .*certificate/);
  assertMatch(wrongCa.findings.at(-1)?.remedy ?? "", /--ca-file/);
  assertMatch(of(wrongToken, "controller")[0] ?? "", /^fail: .*token/i);
  assertMatch(wrongToken.findings.at(-1)?.remedy ?? "", /--token-file/);
  await end(controller);
  const gone = await doctor(world, ...at, ...token, ...ca);
  assertEquals(gone.code, 1);
  assertMatch(of(gone, "controller")[0] ?? "", /^fail: .*refused/);
});

Deno.test(
  "a worker that stands still is seen from outside, and that it is back",
  inGate(),
  async () => {
    using world = makeWorld();
    const controller = startIris(world, [
      ...["--mode=controller", "--port=0", `--state-dir=${world.stateDir}`],
    ]);
    const [, url = ""] = await controller.printed(/(http:\S+)/, UP_MS);
    const worker = startIris(world, [
      ...["--mode=worker", "--controller", url, "--name", "still"],
      ...["--token-file", `${world.stateDir}/worker-token`, `--state-dir=${world.dir}/still`],
    ]);
    await worker.printed(/worker still http/, UP_MS);
    const giveUp = performance.now() + 60_000;
    const until = async (what: RegExp) => {
      for (;;) {
        const told = await doctor(world, "--cluster");
        const said = of(told, "workers").join("\n");
        if (what.test(said)) return told;
        assert(performance.now() < giveUp, said);
      }
    };
    const well = await until(/^ok: 1 of 1 take tasks$/);
    assertEquals(well.code, 0, JSON.stringify(well.findings));
    assertMatch(of(well, "clocks")[0] ?? "", /^ok/);
    Deno.kill(worker.pid, "SIGSTOP");
    await until(/(suspect|lost): still/);
    Deno.kill(worker.pid, "SIGCONT");
    await until(/^ok: 1 of 1 take tasks$/);
    await end(worker);
    await end(controller);
  },
);

Deno.test({
  name: "a controller whose disk takes no more says so to the doctor",
  ...inGate(await needs("mount namespaces (root)", canMount)),
  fn: async () => {
    using world = makeWorld();
    const script = 'mount -t tmpfs -o size=3m small "$1" && shift && exec "$@"';
    const controller = new Deno.Command("unshare", {
      args: [
        ...["-m", "sh", "-c", script, "sh", world.stateDir],
        ...[Deno.execPath(), "run", "-A", "--quiet", MAIN, "--mode=controller", "--port=0"],
        ...[`--state-dir=${world.stateDir}/state`],
      ],
      env: world.env,
      clearEnv: true,
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const reader = controller.stdout.getReader();
    const url = new TextDecoder().decode((await reader.read()).value).trim();
    // What is mounted there is seen from here through the process.
    const seen = `/proc/${controller.pid}/root${world.stateDir}`;
    const at = ["--cluster", "--controller", url, "--token-file", `${seen}/state/token`];
    assertEquals(of(await doctor(world, ...at), "health"), ["ok: the controller is well"]);
    const { success } = await new Deno.Command("sh", {
      args: ["-c", `cat /dev/zero > ${seen}/much`],
      stderr: "null",
    }).output();
    assertEquals(success, false, "the disk is full");
    const token = Deno.readTextFileSync(`${seen}/state/token`).trim();
    const client = new IrisClient({ url, token, timeoutMs: 500 });
    const giveUp = performance.now() + UP_MS;
    let told = await doctor(world, ...at);
    while (of(told, "health").some((line) => line.startsWith("ok"))) {
      assert(performance.now() < giveUp, "it notices");
      // Each is more than there is room for, sooner or later.
      const env = { FILL: "x".repeat(100_000) };
      await client.submit({ argv: ["true"], env }).catch(() => {});
      told = await doctor(world, ...at);
    }
    assertEquals(told.code, 1);
    assertMatch(of(told, "health")[0] ?? "", /^fail: .*(disk|full)/i);
    controller.kill("SIGTERM");
    await reader.cancel();
    await controller.status;
  },
});
