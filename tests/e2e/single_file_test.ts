/**
 * The real single file. Made once, by the first test that needs it, into a folder that git ignores; the
 * README's section "Download and run" is followed to the letter with nothing but busybox around it.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { compileIris, type CompileResult } from "../../scripts/compile.ts";
import { bundleProgram, filesBelow } from "../../scripts/compile/bundle_program.ts";
import { embedProgram } from "../../scripts/compile/compiled.ts";
import { ROOT } from "../../scripts/lint/place.ts";
import { makeWorld, type World } from "../support/iris_process.ts";
import { hasCommand, inGate, needs } from "../support/require.ts";

const BARE = await needs(
  "busybox and network namespaces (root, util-linux, busybox-static)",
  async () => {
    const probe = new Deno.Command("unshare", { args: ["-n", "true"], stderr: "null" });
    return await hasCommand("busybox") && (await probe.output()).success;
  },
);
const UP_MS = 30_000;

let made: Promise<CompileResult> | null = null;

/** The file that unpacks itself. */
function singleFile(): Promise<CompileResult> {
  return made ??= compileIris({ kind: "self-extracting", out: `${ROOT}/dist/.test` });
}

/** All that must be in a single file. */
async function withProgram(run: (program: string, work: string) => Promise<void>): Promise<void> {
  const work = Deno.makeTempDirSync({ prefix: "iris-bundle-" });
  try {
    const program = await bundleProgram({ root: ROOT, work, commit: "0123" });
    const files = filesBelow(program);
    const { compile } = JSON.parse(Deno.readTextFileSync(`${ROOT}/deno.json`));
    const isolates = [...Deno.readDirSync(`${ROOT}/src/isolates`)].map(({ name }) => name);
    for (const name of isolates) {
      assert(compile.include.includes(`./src/isolates/${name}`), name);
      assert(files.includes(`src/isolates/${name.replace(/\.ts$/, ".js")}`), name);
    }
    assert(files.includes("main.js") && files.includes("deno.lock"));
    await run(program, work);
  } finally {
    Deno.removeSync(work, { recursive: true });
  }
}

Deno.test({
  name: "the compiled kind embeds every isolate, chunk and asset of the program",
  ...inGate(),
  fn: () =>
    withProgram(async (program, work) => {
      const output = `${work}/iris`;
      // The base is not to be had everywhere. Deno itself takes its place: what comes of it cannot
      // run, but has everything embedded behind it.
      Deno.env.set("DENORT_BIN", Deno.execPath());
      const embedded = await embedProgram({ program, output, target: Deno.build.target })
        .finally(() => Deno.env.delete("DENORT_BIN"));
      assertEquals(embedded.code, 0, embedded.err);
      assertMatch(embedded.err, /Embedded Files/);
      const bytes = Deno.readFileSync(output);
      const base = Deno.statSync(Deno.execPath()).size;
      const behind = new TextDecoder("latin1").decode(bytes.subarray(base - 4096));
      for (const path of filesBelow(program)) {
        const text = new TextDecoder("latin1").decode(Deno.readFileSync(`${program}/${path}`));
        assert(behind.includes(text), `${path} is not embedded`);
      }
    }),
});

Deno.test({
  name: "the self-extracting kind unpacks every isolate, chunk and asset of the program, and Deno",
  ...inGate(),
  async fn() {
    const { file } = await singleFile();
    using world = makeWorld();
    const { out } = await shell(world, `'${file}' version --json`);
    const facts = JSON.parse(out);
    assertEquals([facts.kind, facts.file, facts.deno], [
      "self-extracting",
      file,
      Deno.version.deno,
    ]);
    const [key] = [...Deno.readDirSync(`${world.dir}/home/.cache/iris`)];
    const unpacked = filesBelow(`${world.dir}/home/.cache/iris/${key?.name}`);
    await withProgram((program) => {
      // The commit is in the names of chunks.
      const known = (path: string) => !/^chunk-|-[A-Z0-9]{8}\.js$/.test(path);
      const inside = unpacked.filter((path) => path !== "deno" && path !== ".used");
      assertEquals(inside.filter(known), filesBelow(program).filter(known));
      assertEquals(inside.length, filesBelow(program).length);
      return Promise.resolve();
    });
    const own = Deno.readFileSync(Deno.execPath());
    const its = Deno.readFileSync(`${world.dir}/home/.cache/iris/${key?.name}/deno`);
    assertEquals(its.length, own.length);
  },
});

/** Runs a script in the world's folder, bare of everything but busybox's programs. */
function start(world: World, script: string): Deno.ChildProcess {
  const { DENO_DIR: _, ...env } = world.env;
  return new Deno.Command("unshare", {
    args: ["-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", "sh", "-ec", script],
    cwd: `${world.dir}/here`,
    env: { ...env, PATH: `${world.dir}/bin` },
    clearEnv: true,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

async function shell(world: World, script: string): Promise<{ out: string; err: string }> {
  prepare(world);
  const { code, stdout, stderr } = await start(world, script).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assertEquals(code, 0, `${script}: ${out}${err}`);
  return { out: out!, err: err! };
}

/** A folder to work in, and a PATH with busybox alone. */
function prepare(world: World): void {
  try {
    Deno.mkdirSync(`${world.dir}/here`);
  } catch {
    return; // It is there.
  }
  Deno.mkdirSync(`${world.dir}/bin`);
  const { stdout } = new Deno.Command("busybox", { args: ["--list"] }).outputSync();
  const { stdout: path } = new Deno.Command("sh", { args: ["-c", "command -v busybox"] })
    .outputSync();
  const decoder = new TextDecoder();
  for (const name of decoder.decode(stdout).trim().split("\n")) {
    Deno.symlinkSync(decoder.decode(path).trim(), `${world.dir}/bin/${name}`);
  }
}

/** The blocks of commands of the README's section, in order. */
function blocks(): string[] {
  const [, section = ""] = Deno.readTextFileSync(`${ROOT}/README.md`).split(
    "\n## Download and run\n",
  );
  return [...section.split("\n## ")[0]!.matchAll(/```sh\n([^]*?)```/g)].map((match) => match[1]!);
}

Deno.test({
  name: "what the README says about downloading works to the letter, without a network or Deno",
  ...inGate(BARE),
  async fn() {
    const { file, commit } = await singleFile();
    using world = makeWorld();
    prepare(world);
    Deno.copyFileSync(file, `${world.dir}/here/iris`);
    const [first, module, up, use] = blocks();
    const ran = await shell(world, first!);
    const version: string = JSON.parse(Deno.readTextFileSync(`${ROOT}/deno.json`)).version;
    const said = `iris ${version} (${commit}, self-extracting, deno ${Deno.version.deno})\n`;
    assert(ran.out.startsWith(said), ran.out);
    assertMatch(ran.out, /\/0 \| hi\n/);
    assertMatch(ran.err, /succeeded: .*iris stopped cleanly/);
    assertMatch((await shell(world, module!)).err, / = 144\n/);
    const cluster = start(world, up!);
    const reader = cluster.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const errors = new Response(cluster.stderr).text();
    const timer = setTimeout(() => cluster.kill("SIGKILL"), UP_MS);
    const { value } = await reader.read();
    clearTimeout(timer);
    assertMatch(value ?? await errors, /^http:\/\/127\.0\.0\.1:10000/);
    // The other terminal is on the same host: in the network of the first.
    const { code, stdout, stderr } = await new Deno.Command("nsenter", {
      args: [`--net=/proc/${cluster.pid}/ns/net`, "--", "sh", "-ec", use!],
      cwd: `${world.dir}/here`,
      env: { ...world.env, PATH: `${world.dir}/bin` },
      clearEnv: true,
    }).output();
    const used = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    assertEquals(code, 0, used);
    assertEquals(used.match(/\/([0-3]) \| hello from task \1$/gm)?.length, 4, used);
    while (!(await reader.read()).done);
    await errors;
    assertEquals((await cluster.status).code, 0);
    assertEquals([world.survivors(), world.tempEntries()], [[], []]);
  },
});

Deno.test({
  name: "what it starts itself again as needs neither the file nor its variables",
  ...inGate(BARE),
  async fn() {
    const { file } = await singleFile();
    using world = makeWorld();
    prepare(world);
    Deno.copyFileSync(file, `${world.dir}/here/iris`);
    // The keeper is this program again, and a module's child, which imports another file.
    Deno.writeTextFileSync(`${world.dir}/here/b.ts`, "export const two: number = 2;\n");
    Deno.writeTextFileSync(
      `${world.dir}/here/a.ts`,
      `import { two } from "./b.ts";\n` +
        `export const main = () => [two, Object.keys(Deno.env.toObject()).sort().join(" ")];\n`,
    );
    const script = "./iris version && mv iris moved && " +
      "./moved job run --local --module ./a.ts#main && ./moved job run --local -- env";
    const { out, err } = await shell(world, script);
    assertMatch(err, / = \[2,"[^"]*IRIS_TASK[^"]*"\]/);
    assert(!(out + err).includes("IRIS_SINGLE_FILE"), out + err);
    assertMatch(out, new RegExp(`\\| PATH=${world.dir}/bin$`, "m"));
    assertEquals(world.survivors(), []);
  },
});

Deno.test({
  name: "a module finds packages that were fetched before, without a network",
  ...inGate(BARE),
  async fn() {
    const { file } = await singleFile();
    using world = makeWorld();
    prepare(world);
    const config = JSON.parse(Deno.readTextFileSync(`${ROOT}/deno.json`));
    Deno.writeTextFileSync(
      `${world.dir}/here/a.ts`,
      `import { parse } from "${config.imports.yaml}";\n` +
        `export const main = (): number => parse("n: 1").n;\n`,
    );
    const env = { HOME: world.env.HOME!, DENO_DIR: world.env.DENO_DIR!, DENO_NO_UPDATE_CHECK: "1" };
    const fetched = await new Deno.Command(Deno.execPath(), {
      ...{
        args: ["run", "-A", "--no-lock", "--no-config", "./a.ts"],
        cwd: `${world.dir}/here`,
        env,
      },
    }).output();
    assert(fetched.success, new TextDecoder().decode(fetched.stderr));
    const run = `'${file}' job run --local --module ./a.ts#main`;
    const { err } = await shell(world, `DENO_DIR='${world.env.DENO_DIR}' ${run}`);
    assertMatch(err, / = 1\n/);
  },
});

Deno.test({
  name: "a module that is a task imports iris/client, and finds itself and its cluster by it",
  ...inGate(BARE),
  async fn() {
    const { file } = await singleFile();
    using world = makeWorld();
    prepare(world);
    Deno.writeTextFileSync(
      `${world.dir}/here/a.ts`,
      `import { Iris } from "iris/client";
      export async function main(): Promise<unknown> {
        const me = Iris.current();
        using iris = await Iris.connect();
        return [me.index, iris.user, (await iris.job(me.job)).view.replicas];
      }`,
    );
    const run = `IRIS_USER=ada '${file}' job run --local --module ./a.ts#main`;
    const { err } = await shell(world, run);
    assertMatch(err, / = \[0,"ada",1\]\n/);
  },
});
