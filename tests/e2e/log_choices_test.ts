/** `job logs` in all combinations, against what was written. */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "../../src/base/file_url.ts";
import type { IrisClient } from "../../src/client/iris_client.ts";
import type { LogsRequest } from "../../src/client/log_stream.ts";
import { clientOf, makeWorld, startIris, type World } from "../support/iris_process.ts";
import { inGate } from "../support/require.ts";
import { within } from "../support/until.ts";

const LIMIT_MS = 30_000;
const MAIN = fromFileUrl(new URL("../../main.ts", import.meta.url));
const STREAMS = ["stdout", "stderr"] as const;
type Found = Record<string, string>;

const until = within(LIMIT_MS);

async function onCluster(
  test: (of: { world: World; client: IrisClient; url: string }) => Promise<void>,
): Promise<void> {
  using world = makeWorld();
  const cluster = startIris(world, ["--mode=local", "--port=0", `--state-dir=${world.stateDir}`]);
  const client = await clientOf(world, cluster);
  const [url] = await cluster.printed(/http:\/\/127\.0\.0\.1:\d+/, 1_000);
  await test({ world, client, url });
  Deno.kill(cluster.pid, "SIGTERM");
  await cluster.ended;
  assertEquals(world.survivors(), []);
}

/** What came, by `task.stream`; filled while the promise is under way. */
function read(client: IrisClient, name: string, request: LogsRequest) {
  const found: Found = {};
  const ended = (async () => {
    for await (const { task, stream, data } of client.logs(name, request)) {
      const key = `${task}.${stream}`;
      found[key] = (found[key] ?? "") + atob(data);
    }
    return found;
  })();
  return { found, ended };
}

/** What of phases A, B and C a request must show: B began after the time it may name, C after it. */
function expected({ task, stream, sinceMs, tail, follow }: LogsRequest): Found {
  const found: Found = {};
  for (const index of [0, 1]) {
    for (const name of STREAMS) {
      if ((task ?? index) !== index || (stream ?? name) !== name) continue;
      const phase = (letter: string, count: number) =>
        Array.from({ length: count }, (_, n) => `${letter}${n + 1} ${name} ${index}\n`);
      const before = [...sinceMs === undefined ? phase("A", 5) : [], ...phase("B", 4)];
      const shown = tail === undefined ? before : tail === 0 ? [] : before.slice(-tail);
      const text = [...shown, ...follow ? phase("C", 3) : []].join("");
      if (text !== "") found[`${index}.${name}`] = text;
    }
  }
  return found;
}

function* requests(sinceMs: number): Generator<LogsRequest> {
  for (const follow of [true, false]) {
    // Those that show nothing at first come first: when others show something, they are under way.
    for (const tail of [0, 1, 3, 100, undefined]) {
      for (const since of [undefined, sinceMs]) {
        for (const more of [{}, { task: 1 }, { stream: "stderr" }, { task: 0, stream: "stdout" }]) {
          yield {
            follow,
            ...(tail === undefined ? {} : { tail }),
            ...(since === undefined ? {} : { sinceMs: since }),
            ...more as LogsRequest,
          };
        }
      }
    }
  }
}

Deno.test(
  "since, tail, task, stream and follow together show what they say, in all combinations",
  inGate(),
  () =>
    onCluster(async ({ world, client }) => {
      const gate = (n: number) => `${world.dir}/gate${n}`;
      const phase = (letter: string, count: number) =>
        `for n in $(seq ${count}); do echo ${letter}$n stdout $IRIS_TASK_INDEX; ` +
        `echo ${letter}$n stderr $IRIS_TASK_INDEX >&2; done`;
      const wait = (n: number) => `while [ ! -e ${gate(n)} ]; do sleep 0.05; done`;
      const script = [phase("A", 5), wait(1), phase("B", 4), wait(2), phase("C", 3)].join("\n");
      const { name } = await client.submit({
        ...{ name: "phases", argv: ["/bin/sh", "-c", script], replicas: 2, cpuMilli: 100 },
      });
      const shown = async (text: string) => {
        const found = Object.values(await read(client, name, {}).ended);
        return found.filter((one) => one.includes(text)).length === 4;
      };
      await until(() => shown("A5"));
      // Times are known to a tenth of a second.
      const sinceMs = Date.now() + 300;
      await until(() => Date.now() > sinceMs + 300);
      Deno.writeTextFileSync(gate(1), "");
      await until(() => shown("B4"));
      const all = [...requests(sinceMs)];
      const followers = all.filter(({ follow }) => follow)
        .map((request) => ({ request, ...read(client, name, request) }));
      const now = all.filter(({ follow }) => !follow)
        .map((request) => ({ request, ...read(client, name, request) }));
      for (const { request, ended } of now) {
        assertEquals(await ended, expected(request), JSON.stringify(request));
      }
      for (const { request, found } of followers) {
        const first = expected({ ...request, follow: false });
        await until(() => Object.entries(first).every(([key, text]) => found[key] === text));
      }
      // Nothing shows of those without a tail that they are under way: they had as long as all others.
      const quietUntilMs = Date.now() + 2_000;
      await until(() => Date.now() > quietUntilMs);
      Deno.writeTextFileSync(gate(2), "");
      for (const { request, ended } of followers) {
        assertEquals(await ended, expected(request), JSON.stringify(request));
      }
      await client.wait(name);
    }),
);

const ALL_BYTES = Uint8Array.from({ length: 1024 }, (_, n) => n % 256);
const encode = (text: string) => new TextEncoder().encode(text);

/** What a task writes, by the name of its job; what stands at a pause is written apart. */
const CONTENTS: Record<string, Uint8Array[]> = {
  binary: [ALL_BYTES, encode("\n"), ALL_BYTES],
  long: [new Uint8Array(10_000_000).fill(0x78), encode("\nafter\n")],
  // Two and four bytes of one character come apart, others are of none.
  split: [
    ...[[0x61, 0xc3], [0xa9, 0x0a, 0xf0, 0x9f], [0x98, 0x80, 0xff, 0x0a, 0xc3]],
  ].map((bytes) => Uint8Array.from(bytes)),
  progress: ["10%\r", "20%\r", "\x1b[2K100%\rdone"].map(encode),
  empty: [encode("\n\n\nlast\n\n")],
};

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

/** The lines of bytes with a prefix, each with a newline at its end; the last `tail` of them. */
function printed(bytes: Uint8Array, prefix: string, tail = Infinity): Uint8Array {
  const lines: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf(0x0a, at);
    lines.push(bytes.subarray(at, end < 0 ? bytes.length : end));
    at = end < 0 ? bytes.length : end + 1;
  }
  const shown = lines.slice(Math.max(0, lines.length - tail));
  return concat(shown.flatMap((line) => [encode(prefix), line, encode("\n")]));
}

async function logsOf(of: { world: World; url: string }, ...args: string[]): Promise<Uint8Array> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", MAIN, "job", "logs", `--controller=${of.url}`, ...args],
    env: { ...of.world.env, IRIS_TOKEN_FILE: `${of.world.stateDir}/token` },
    clearEnv: true,
  }).output();
  assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
  return stdout;
}

function assertBytes(found: Uint8Array, expected: Uint8Array, what: string): void {
  const at = expected.findIndex((byte, n) => byte !== found[n]);
  assert(
    found.length === expected.length && at < 0,
    `${what}: ${found.length} bytes for ${expected.length}, another one at ${at}`,
  );
}

Deno.test(
  "whatever bytes a task writes are printed as they are",
  inGate(),
  () =>
    onCluster(async ({ world, client, url }) => {
      const followers: [string, Promise<Uint8Array>][] = [];
      for (const [name, parts] of Object.entries(CONTENTS)) {
        const files = parts.map((part, n) => {
          const path = `${world.dir}/${name}${n}`;
          Deno.writeFileSync(path, part);
          return `cat ${path}`;
        });
        await client.submit({
          ...{ name: `/local/${name}`, argv: ["/bin/sh", "-c", files.join("; sleep 0.3; ")] },
          cpuMilli: 100,
        });
        followers.push([name, logsOf({ world, url }, `/local/${name}`, "--follow")]);
      }
      for (const [name, output] of followers) {
        const bytes = concat(CONTENTS[name]!);
        const prefix = `${name}/0 | `;
        assertBytes(await output, printed(bytes, prefix), `${name}, followed`);
        const later = (...args: string[]) => logsOf({ world, url }, `/local/${name}`, ...args);
        assertBytes(await later("--raw", "--task=0"), bytes, `${name}, raw`);
        for (const tail of [0, 1, 2]) {
          assertBytes(
            await later(`--tail=${tail}`),
            printed(bytes, prefix, tail),
            `${name}, the last ${tail}`,
          );
        }
      }
    }),
);
