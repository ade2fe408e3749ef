/** The client library as a package: in Node 20, in a browser, and for TypeScript. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { buildClientPackage } from "../../scripts/client_package.ts";
import { fromFileUrl } from "../../src/base/file_url.ts";
import * as library from "../../src/client/mod.ts";
import { Chromium, hasChromium } from "../support/chromium.ts";
import { withIris } from "../support/client_world.ts";
import { makeWorld, startIris } from "../support/iris_process.ts";
import { hasCommand, inGate, needs } from "../support/require.ts";
import { EXPECTED, scenario } from "./programs/scenario.js";

const PROGRAMS = fromFileUrl(new URL("./programs/", import.meta.url));
/** TypeScript's own compiler, of the version in deno.json. */
const TSC = `${
  JSON.parse(Deno.readTextFileSync(new URL("../../deno.json", import.meta.url))).imports.typescript
}/tsc`;
const UP_MS = 30_000;
const RUN_MS = 60_000;

/** A folder with the package, as `npm install` leaves it, and the programs of this folder. */
async function withPackage(types: boolean, body: (folder: string) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync({ prefix: "iris-package-" });
  try {
    await buildClientPackage(`${folder}/node_modules/iris`, { types });
    for (const { name } of Deno.readDirSync(PROGRAMS)) {
      Deno.copyFileSync(`${PROGRAMS}/${name}`, `${folder}/${name}`);
    }
    await body(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

async function run(argv: string[], env: Record<string, string>, cwd: string) {
  const [command = "", ...args] = argv;
  const { code, stdout, stderr } = await new Deno.Command(command, {
    ...{ args, env, cwd, clearEnv: true, signal: AbortSignal.timeout(RUN_MS) },
    ...{ stdout: "piped", stderr: "piped" },
  }).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

const node20 = await needs("Node 20 or later (nodejs)", async () => {
  if (!await hasCommand("node")) return false;
  const { out } = await run(["node", "--version"], Deno.env.toObject(), "/");
  return Number(/^v(\d+)/.exec(out)?.[1]) >= 20;
});
const PATH = Deno.env.get("PATH") ?? "/usr/bin:/bin";

Deno.test("what a program does with the client works in Deno", () =>
  withIris(async ({ url, token }) => {
    assertEquals(await scenario(library, { controller: url, token, user: "ada" }), EXPECTED);
  }));

Deno.test({
  name: "the same works in Node, which ends by itself when the connection is closed",
  ...node20,
  fn: () =>
    withIris(({ url, token, world }) =>
      withPackage(false, async (folder) => {
        Deno.writeTextFileSync(`${world.dir}/token`, token);
        const env = { PATH, IRIS_CONTROLLER: url, IRIS_TOKEN_FILE: `${world.dir}/token` };
        const { code, out, err } = await run(["node", "node_program.mjs"], env, folder);
        assertEquals([code, err], [0, ""]);
        const { seen, open } = JSON.parse(out);
        assertEquals([seen, open], [EXPECTED, []]);
      })
    ),
});

Deno.test({
  name: "a program in Node that is a task knows who it is, and hands back what it found",
  ...inGate(node20),
  fn: () =>
    withIris(({ iris }) =>
      withPackage(false, async (folder) => {
        const job = await iris.run({
          ...{ argv: ["node", `${folder}/in_task.mjs`], name: "in-node", cpuMilli: 10 },
          ...{ entries: ['{"n":1}'], ports: ["http"], result: true },
        });
        assertEquals(await job.result(0), {
          ...{ job: "/ada/in-node", task: "/ada/in-node/0", index: 0, replicas: 1, attempt: 0 },
          ...{ entry: '{"n":1}', input: { n: 1 }, outputDir: null, found: true, state: "RUNNING" },
          ...{ token: true, worker: true, user: "ada" },
        });
        assertEquals((await job.task(0)).progress?.message, "half way");
      })
    ),
});

Deno.test({
  name: "a certificate of one's own is trusted by caFile, in Deno and in Node, and nothing else is",
  ...inGate(node20),
  async fn() {
    using world = makeWorld();
    const controller = startIris(world, [
      ...["--mode=controller", "--port=0", "--tls-self-signed", `--state-dir=${world.stateDir}`],
    ]);
    const [, url = ""] = await controller.printed(/^(https:\S+)$/m, UP_MS);
    const caFile = `${world.stateDir}/tls-cert.pem`;
    const tokenFile = `${world.stateDir}/token`;
    const iris = await library.Iris.connect({ controller: url, tokenFile, caFile });
    assertEquals((await iris.jobs()).length, 0);
    iris.close();
    await withPackage(false, async (folder) => {
      const env = { PATH, IRIS_CONTROLLER: url, IRIS_TOKEN_FILE: tokenFile };
      const { code, out, err } = await run(["node", "tls_program.mjs", caFile], env, folder);
      assertEquals([code, err], [0, ""]);
      const { refused, events, state } = JSON.parse(out);
      assertEquals(refused[0], "unavailable");
      assertMatch(refused[1], /signed by nobody this program trusts/);
      assertEquals([events.at(-1), state], ["job_done", "KILLED"]);
    });
    Deno.kill(controller.pid, "SIGTERM");
    await controller.ended;
  },
});

/** Serves a page with the package, and, for a page of the controller's own origin, the API behind it. */
function serve(folder: string, behind: string | null) {
  const options = {
    ...{ hostname: "127.0.0.1", port: 0, onListen: () => {} },
    // A page that goes away breaks off what it followed.
    onError: () => new Response(null, { status: 502 }),
  };
  return Deno.serve(options, (request) => {
    const { pathname, search } = new URL(request.url);
    if (behind !== null && pathname.startsWith("/api/")) {
      return fetch(new Request(`${behind}${pathname}${search}`, request), { redirect: "manual" });
    }
    const scripts: Record<string, string> = {
      "/client.js": `${folder}/node_modules/iris/client.js`,
      "/scenario.js": `${folder}/scenario.js`,
    };
    const file = scripts[pathname];
    return file === undefined
      ? new Response("<!doctype html>", { headers: { "Content-Type": "text/html" } })
      : new Response(Deno.readTextFileSync(file), {
        headers: { "Content-Type": "text/javascript" },
      });
  });
}

/** Runs an expression in a page, with the library and the scenario at hand. */
function inPage(expression: string): string {
  return `(async () => {
    const library = await import("/client.js");
    const { scenario } = await import("/scenario.js");
    return await (${expression});
  })()`;
}

Deno.test({
  name:
    "the same works in a browser: in a page of the API's origin, and in one whose origin is named",
  ...inGate(await needs("a browser (chromium)", hasChromium)),
  fn: () =>
    withPackage(false, async (folder) => {
      await using browser = await Chromium.start();
      await using other = serve(folder, null);
      const origin = `http://127.0.0.1:${other.addr.port}`;
      await withIris(async ({ url, token }) => {
        await using own = serve(folder, url);
        const page = await browser.open(`http://127.0.0.1:${own.addr.port}/`);
        const options = { token, user: "ada" };
        const seen = await page.evaluate(
          inPage(`scenario(library, ${JSON.stringify(options)})`),
        );
        // The controller that a page came from is the one that is meant when none is said.
        assertEquals(seen, EXPECTED);
      });
      await withIris(async ({ url, token }) => {
        const page = await browser.open(origin);
        const options = JSON.stringify({ controller: url, token, user: "ada" });
        assertEquals(await page.evaluate(inPage(`scenario(library, ${options})`)), EXPECTED);
      }, [`--allow-origin=${origin}`]);
      await withIris(async ({ url, token }) => {
        const page = await browser.open(origin);
        const options = JSON.stringify({ controller: url, token, giveUpMs: 0 });
        const [code, message] = await page.evaluate<[string, string]>(
          inPage(`library.Iris.connect(${options}).catch(({ code, message }) => [code, message])`),
        );
        assertEquals(code, "unavailable");
        assertMatch(message, /this page's origin is not one of its --allow-origin/);
      });
    }),
});

const CONSUMER = `
import { endOf, Iris, type JobRequest, type TaskContext, TaskError, type TaskView } from "iris/client";
const request: JobRequest = { argv: ["true"], after: [{ job: "a" }], constraints: [{ key: "zone", op: "exists" }] };
export async function main(signal: AbortSignal): Promise<number[]> {
  using iris = await Iris.connect({ controller: "http://127.0.0.1:10000", token: "t", signal });
  const job = await iris.run(request, { signal, onLine: ({ text }) => text.length });
  for await (const task of job.tasks()) describe(task);
  return await iris.map<number>([{ n: 1 }], { module: { file: "/a.ts" }, cpuMilli: 100 }).toArray();
}
function describe(task: TaskView): string {
  const end = endOf(task);
  if (end === null) return "not yet";
  switch (end.cause) {
    case "exit": return String(end.code satisfies number);
    case "signal": return end.signal satisfies string;
    default: return end.text;
  }
}
export const isTaskError = (error: unknown): boolean => error instanceof TaskError && error.end !== null;
export const task = (args: { n: number }, context: TaskContext): number => args.n + context.index;
// @ts-expect-error: there is no such field
export const wrong: JobRequest = { argv: ["true"], replica: 3 };
`;

Deno.test({
  name: "its types are right for TypeScript in a project for Node and in one for browsers",
  ...inGate(),
  fn: () =>
    withPackage(true, async (folder) => {
      Deno.writeTextFileSync(`${folder}/consumer.ts`, CONSUMER);
      const files = [...Deno.readDirSync(`${folder}/node_modules/iris`)].map(({ name }) => name);
      assertEquals(files.sort(), ["README.md", "client.d.ts", "client.js", "package.json"]);
      for (
        const [module, moduleResolution] of [["nodenext", "nodenext"], ["esnext", "bundler"]]
      ) {
        const compilerOptions = {
          ...{ strict: true, noEmit: true, skipLibCheck: false, exactOptionalPropertyTypes: true },
          ...{ target: "es2022", lib: ["es2022", "dom", "dom.iterable"], types: [] },
          ...{ module, moduleResolution },
        };
        Deno.writeTextFileSync(
          `${folder}/tsconfig.json`,
          JSON.stringify({ compilerOptions, files: ["consumer.ts"] }),
        );
        const argv = [Deno.execPath(), "run", "-A", "--no-lock", TSC, "-p", folder];
        const { code, out, err } = await run(argv, Deno.env.toObject(), folder);
        assertEquals([code, out], [0, ""], err);
      }
      const types = Deno.readTextFileSync(`${folder}/node_modules/iris/client.d.ts`);
      assert(!/valibot|\bDeno\b|from "/.test(types.replaceAll(/\/\*[^]*?\*\//g, "")), "its own");
    }),
});
