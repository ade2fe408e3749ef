/** A local cluster and a client of it, for as long as a test takes. */
import { assertEquals } from "@std/assert";
import { type ConnectOptions, Iris } from "../../src/client/mod.ts";
import { makeWorld, startIris, type World } from "./iris_process.ts";

const UP_MS = 30_000;

/** What a test of the client has. */
export interface ClientWorld {
  readonly world: World;
  readonly url: string;
  readonly token: string;
  /** Closed at the end. */
  readonly iris: Iris;
  /** Another connection, closed at the end as well. */
  connect(options?: ConnectOptions): Promise<Iris>;
}

/** Runs a test with a cluster of its own, and sees that nothing is left. */
export async function withIris(
  body: (of: ClientWorld) => Promise<void>,
  flags: readonly string[] = [],
): Promise<void> {
  using world = makeWorld();
  const cluster = startIris(world, ["--mode=local", "--port=0", ...flags], {
    // Commands that a test puts there are known to tasks as well.
    env: { PATH: `${world.dir}/bin:${world.env.PATH}` },
  });
  const open: Iris[] = [];
  try {
    const [url = ""] = await cluster.printed(/^http\S+$/m, UP_MS);
    const token = Deno.readTextFileSync(`${world.dir}/home/state/iris/local/token`).trim();
    const connect = async (options: ConnectOptions = {}) => {
      const made = await Iris.connect({ controller: url, token, user: "ada", ...options });
      open.push(made);
      return made;
    };
    await body({ world, url, token, iris: await connect(), connect });
  } finally {
    for (const one of open) one.close();
    Deno.kill(cluster.pid, "SIGTERM");
    const { code } = await cluster.ended;
    assertEquals(code, 0, cluster.output().stderr);
  }
  assertEquals(world.survivors(), []);
  assertEquals(world.tempEntries(), []);
}
