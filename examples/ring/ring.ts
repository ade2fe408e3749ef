/**
 * A ring of tasks that find each other: each has a port, listens on it, waits until all of them can
 * be reached, and passes a token to its neighbour. The first task starts the token and counts the
 * rounds. Run by Iris, see README.md beside this.
 *
 * It speaks to the controller's API by nothing but `fetch`, as a program in any language would.
 */
const ROUNDS = 3;
/** How long the others may take to appear, and the token to come round, in ms. */
const PATIENCE_MS = 60_000;

interface Endpoint {
  readonly task: number;
  readonly address: string;
}

function env(name: string): string {
  const value = Deno.env.get(name);
  if (value === undefined) throw new Error(`${name} is not set: this is a task, see README.md`);
  return value;
}

/** Where every task of this job can be reached, in the order of the ring. */
async function peers(count: number): Promise<Endpoint[]> {
  const token = (await Deno.readTextFile(env("IRIS_TOKEN_FILE"))).trim();
  const job = encodeURIComponent(env("IRIS_JOB"));
  const query = `name=peer&count=${count}&waitMs=20000`;
  const until = Date.now() + PATIENCE_MS;
  for (;;) {
    const response = await fetch(
      `${env("IRIS_CONTROLLER")}/api/v1/jobs/${job}/endpoints?${query}`,
      {
        headers: { Authorization: `Bearer ${token}` },
        signal: AbortSignal.timeout(PATIENCE_MS),
      },
    );
    if (!response.ok) throw new Error(`The controller says: ${await response.text()}`);
    const found = await response.json() as Endpoint[];
    if (found.length >= count) return found.sort((a, b) => a.task - b.task);
    if (Date.now() > until) throw new Error(`${found.length} of ${count} tasks can be reached`);
  }
}

/** Sends one line. A port is an endpoint from the start: who does not listen there yet is tried again. */
async function pass(to: Endpoint, line: string): Promise<void> {
  const at = to.address.lastIndexOf(":");
  const hostname = to.address.slice(0, at).replaceAll(/[[\]]/g, "");
  const options = { hostname, port: Number(to.address.slice(at + 1)) };
  const until = Date.now() + PATIENCE_MS;
  let connected = await Deno.connect(options).catch(() => null);
  while (connected === null && Date.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    connected = await Deno.connect(options).catch(() => null);
  }
  if (connected === null) throw new Error(`Nobody listens at ${to.address}`);
  using connection = connected;
  await connection.write(new TextEncoder().encode(`${line}\n`));
}

/** The next line that somebody sends. */
async function take(listener: Deno.TcpListener): Promise<string> {
  using connection = await listener.accept();
  return (await new Response(connection.readable).text()).trim();
}

const [index, replicas] = [Number(env("IRIS_TASK_INDEX")), Number(env("IRIS_REPLICAS"))];
const listener = Deno.listen({ hostname: "0.0.0.0", port: Number(env("IRIS_PORT_PEER")) });
const ring = await peers(replicas);
const next = ring[(index + 1) % replicas]!;
if (index === 0) await pass(next, "0");
for (let round = 1; round <= ROUNDS; round++) {
  const hops = Number(await take(listener)) + 1;
  console.log(`round ${round}: ${hops} hops, on to task ${next.task} at ${next.address}`);
  // The first one keeps it in the end.
  if (index === 0 && round === ROUNDS) console.log(`the token is back after ${hops} hops`);
  else await pass(next, String(hops));
}
listener.close();
