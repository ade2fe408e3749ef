import { assert, assertEquals, assertMatch } from "@std/assert";
import { inGate, needs } from "../../support/require.ts";
import { canHaveSshHosts, standInProgram, until } from "../../support/ssh/ssh_hosts.ts";
import {
  makeSshWorld,
  type SshProviderWorld,
  SshStage,
  workersOn,
} from "../../support/ssh/ssh_world.ts";

const need = inGate(await needs("OpenSSH and namespaces (openssh-server)", canHaveSshHosts));
const LONG_MS = 30_000;

/** What listens on loopback here, as a controller of a local cluster would. */
class LoopbackController implements AsyncDisposable {
  readonly bodies: string[] = [];
  readonly #server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (one) => {
    this.bodies.push(await one.text());
    return new Response("later", { status: 503 });
  });

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  /** Waits until a worker calls, from now on; where it says that it is. */
  async called(): Promise<string> {
    const from = this.bodies.length;
    const find = () => /127\.0\.0\.1:3\d{4}/.exec(this.bodies.slice(from).join("\n"))?.[0];
    await until("a worker calls", () => Promise.resolve(find() !== undefined), LONG_MS);
    return find()!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

async function tunnelTest(
  fn: (of: { stage: SshStage; world: SshProviderWorld; here: LoopbackController }) => Promise<void>,
): Promise<void> {
  await using here = new LoopbackController();
  const world = await makeSshWorld({
    count: 1,
    launch: { isLoopback: true, controllerUrls: [here.url] },
    timing: { phaseMs: 1_500, tries: 50 },
    config: { connectTimeoutMs: 1_000 },
  });
  const stage = new SshStage(world);
  try {
    world.program = await standInProgram(`${world.hosts.dir}/programs`);
    await fn({ stage, world, here });
    assertEquals(await world.hosts.stays(), []);
  } finally {
    await stage.leave();
    await world.end();
  }
}

/** Asks the worker something, from here. */
async function answers(address: string): Promise<boolean> {
  try {
    const response = await fetch(`http://${address}/healthz`, {
      signal: AbortSignal.timeout(2_000),
    });
    await response.body?.cancel();
    return true;
  } catch {
    return false;
  }
}

Deno.test({
  name:
    "a controller on loopback and a worker on a host reach each other, over lost connections too",
  ignore: need.ignore,
  fn: () =>
    tunnelTest(async ({ stage, world, here }) => {
      const [host] = world.hosts.hosts;
      const provider = await stage.provider();
      const vm = await stage.create(provider);
      const address = await here.called();
      assert(await answers(address));
      const before = workersOn(world.hosts, vm);
      // The server on the host keeps its end, and the ports with it: nobody tells it.
      for (const pid of host!.sessions()) Deno.kill(pid, "SIGSTOP");
      await stage.said(/no answer within/);
      assertEquals(await here.called(), address);
      await until("the worker answers", () => answers(address), LONG_MS);
      assertEquals(workersOn(world.hosts, vm), before);
      await stage.delete(provider, vm);
      assertEquals(await answers(address), false);
    }),
});

Deno.test({
  name: "the next VM manager takes over a tunnel with its ports",
  ignore: need.ignore,
  fn: () =>
    tunnelTest(async ({ stage, world, here }) => {
      await stage.create(await stage.provider());
      const address = await here.called();
      await stage.leave();
      assertEquals(await answers(address), false);
      const second = new SshStage(world);
      const next = await second.provider();
      const [found] = await next.existing(AbortSignal.timeout(LONG_MS));
      assertEquals(await here.called(), address);
      assert(await answers(address));
      next.delete({ ...found!, stopMs: 5_000, reason: "test" });
      assertMatch(await second.gone("g-0"), /^gone test/);
      await second.leave();
    }),
});

Deno.test({
  name: "a port of the host that somebody else has is not used",
  ignore: need.ignore,
  fn: () =>
    tunnelTest(async ({ stage, world, here }) => {
      const [host] = world.hosts.hosts;
      const provider = await stage.provider();
      const vm = await stage.create(provider);
      const address = await here.called();
      const noted = () => JSON.parse(Deno.readTextFileSync(`${world.folder}/ssh-hosts.json`));
      const [port] = noted()[0].ports.controllers;
      // While the connection is away, another program takes the port.
      await host!.cut();
      await stage.said(/no answer within/);
      const [worker] = workersOn(world.hosts, vm);
      const inside = ["nsenter", "-t", String(worker), "-n", "-m", "--"];
      const listen = `Deno.serve({ hostname: "127.0.0.1", port: ${port} }, () => new Response(""))`;
      for (const pid of host!.sessions()) Deno.kill(pid, "SIGKILL");
      const other = new Deno.Command(inside[0]!, {
        args: [...inside.slice(1), Deno.execPath(), "eval", listen],
        ...{ stdout: "null", stderr: "piped" },
      }).spawn();
      const listening = other.stderr.getReader();
      await listening.read();
      await host!.mend();
      const moved = await here.called();
      assert(noted()[0].ports.controllers[0] !== port);
      assert(await answers(moved), `${address} ${moved}`);
      other.kill("SIGKILL");
      await Promise.all([other.status, listening.cancel()]);
      await stage.delete(provider, vm);
    }),
});
