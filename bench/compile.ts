/** The single file against `deno run` of the same sources: its size, and starts in turn. */
import { compileIris } from "../scripts/compile.ts";
import { ROOT } from "../scripts/lint/place.ts";
import { makeWorld, type World } from "../tests/support/iris_process.ts";
import { type Figure, figure } from "./figure.ts";

const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  "version": ["version"],
  "job run --local -- true": ["job", "run", "--local", "--", "true"],
};

/** Makes the file that unpacks itself and starts it as often as its sources. */
export async function benchCompile(runs: number): Promise<Figure[]> {
  const folder = `${ROOT}/dist/.bench`;
  const { file, bytes } = await compileIris({ kind: "self-extracting", out: folder });
  const size = { name: "the single file", unit: "MB", target: "" };
  const figures = [figure(size, [bytes / 1e6]), await firstStart(file, runs)];
  for (const [name, args] of Object.entries(COMMANDS)) {
    figures.push(...await inTurn(name, { args, file, runs }));
  }
  return figures;
}

/** The first start of a version, which unpacks it. */
async function firstStart(file: string, runs: number): Promise<Figure> {
  const samples: number[] = [];
  for (let run = 0; run < runs; run++) {
    using world = makeWorld();
    samples.push(await timed([file, "version"], world));
  }
  return figure({ name: "its first start (version)", unit: "ms", target: "" }, samples);
}

async function inTurn(
  name: string,
  { args, file, runs }: { args: readonly string[]; file: string; runs: number },
): Promise<Figure[]> {
  using world = makeWorld();
  const source = [Deno.execPath(), "run", "-A", "--quiet", "--no-check", `${ROOT}/main.ts`];
  const [single, sources, beyond]: [number[], number[], number[]] = [[], [], []];
  for (let run = 0; run <= runs; run++) {
    const fromSources = await timed([...source, ...args], world);
    const fromFile = await timed([file, ...args], world);
    // The first pair warms the caches of code and files, and unpacks.
    if (run === 0) continue;
    sources.push(fromSources);
    single.push(fromFile);
    beyond.push(fromFile - fromSources);
  }
  return [
    figure({ name: `${name}, single file`, unit: "ms", target: "" }, single),
    figure({ name: `${name}, deno run`, unit: "ms", target: "" }, sources),
    figure({ name: `${name}, difference in pairs`, unit: "ms", target: "<= 60" }, beyond),
  ];
}

async function timed(argv: readonly string[], world: World): Promise<number> {
  const [command = "", ...args] = argv;
  const from = performance.now();
  const { code, stderr } = await new Deno.Command(command, {
    ...{ args, env: world.env, clearEnv: true, cwd: world.dir },
    ...{ stdin: "null", stdout: "null", stderr: "piped" },
  }).output();
  if (code !== 0) throw new Error(`exit code ${code}: ${new TextDecoder().decode(stderr)}`);
  return performance.now() - from;
}
