/** Every program of docs/client.md is run against a real cluster, and prints what stands below it. */
import { assert, assertEquals } from "@std/assert";
import { buildClientPackage } from "../../scripts/client_package.ts";
import { fromFileUrl } from "../../src/base/file_url.ts";
import { Chromium, hasChromium } from "../support/chromium.ts";
import { withIris } from "../support/client_world.ts";
import { hasCommand, inGate, needs } from "../support/require.ts";

const DOCUMENT = fromFileUrl(new URL("../../docs/client.md", import.meta.url));
const CONFIG = fromFileUrl(new URL("../../deno.json", import.meta.url));
const RUN_MS = 60_000;

/** A block of code, and the text block that follows it: what it prints. */
interface Block {
  readonly language: string;
  readonly code: string;
  readonly prints: string | null;
  /** A file that other programs use; null for a program that is run. */
  readonly file: string | null;
}

function blocks(): Block[] {
  const found: { language: string; code: string; prints: string | null; file: string | null }[] =
    [];
  const text = Deno.readTextFileSync(DOCUMENT);
  for (const [, language = "", code = ""] of text.matchAll(/^```(\w+)\n([^]*?)^```$/gm)) {
    const file = /^\/\/ (\w+\.ts)\n/.exec(code)?.[1] ?? null;
    if (language === "text") found.at(-1)!.prints = code;
    else found.push({ language, code, prints: null, file });
  }
  return found;
}

async function run(command: string, args: string[], of: Deno.CommandOptions): Promise<string> {
  const signal = AbortSignal.timeout(RUN_MS);
  const options = {
    ...of,
    args,
    signal,
    stdout: "piped",
    stderr: "piped",
    clearEnv: true,
  } as const;
  const { code, stdout, stderr } = await new Deno.Command(command, options).output();
  const text = new TextDecoder().decode(stdout);
  assertEquals(code, 0, `${text}${new TextDecoder().decode(stderr)}`);
  return text;
}

Deno.test(
  "every TypeScript program of the client's page prints what stands below it",
  inGate(),
  () =>
    withIris(async ({ world }) => {
      const all = blocks().filter(({ language }) => language === "ts");
      for (const { file, code } of all) {
        if (file !== null) Deno.writeTextFileSync(`${world.dir}/${file}`, code);
      }
      const programs = all.filter(({ file }) => file === null);
      assert(programs.length >= 8, `only ${programs.length} programs were found`);
      for (const [i, { code, prints }] of programs.entries()) {
        const path = `${world.dir}/program_${i}.ts`;
        Deno.writeTextFileSync(path, code);
        const args = ["run", "-A", "-q", "--no-check", `--config=${CONFIG}`, path];
        const printed = await run(Deno.execPath(), args, { env: world.env, cwd: world.dir });
        assertEquals(printed, prints, code);
      }
    }),
);

Deno.test({
  name: "the program for Node prints what stands below it",
  ...inGate(await needs("Node (nodejs)", () => hasCommand("node"))),
  fn: () =>
    withIris(async ({ world }) => {
      await buildClientPackage(`${world.dir}/node_modules/iris`, { types: false });
      const programs = blocks().filter(({ language }) => language === "js");
      assertEquals(programs.length, 1);
      for (const { code, prints } of programs) {
        Deno.writeTextFileSync(`${world.dir}/program.mjs`, code);
        const printed = await run("node", ["program.mjs"], { env: world.env, cwd: world.dir });
        assertEquals(printed, prints);
      }
    }),
});

Deno.test({
  name: "the page for a browser shows what its job wrote",
  ...inGate(await needs("a browser (chromium)", hasChromium)),
  fn: () =>
    withIris(async ({ world, url, token }) => {
      await buildClientPackage(`${world.dir}/package`, { types: false });
      const [page] = blocks().filter(({ language }) => language === "html");
      const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
      await using server = Deno.serve(options, (request) => {
        const { pathname, search } = new URL(request.url);
        if (pathname.startsWith("/api/")) {
          return fetch(new Request(`${url}${pathname}${search}`, request));
        }
        const [type, body] = pathname === "/client.js"
          ? ["text/javascript", Deno.readTextFileSync(`${world.dir}/package/client.js`)]
          : ["text/html", pathname === "/page" ? page!.code : "<!doctype html>"];
        return new Response(body, { headers: { "Content-Type": type! } });
      });
      const origin = `http://127.0.0.1:${server.addr.port}`;
      await using browser = await Chromium.start();
      const tab = await browser.open(`${origin}/`);
      await tab.evaluate(`sessionStorage.setItem("token", ${JSON.stringify(token)})`);
      await tab.go(`${origin}/page`);
      await tab.until(`document.querySelector("#out").textContent === "hello"`, RUN_MS);
    }),
});
