/**
 * What a program does with the client library, the same in Deno, Node and a browser: runs jobs, maps,
 * reads, follows, stops. Returns what it saw, as JSON.
 *
 * @returns {Promise<Record<string, unknown>>}
 */
export async function scenario(library, options) {
  const { Iris, IrisError, ApiError, ConnectionError, JobError, TaskError } = library;
  const seen = {};
  const iris = await Iris.connect(options);
  seen.version = typeof iris.version;
  const sh = (script, more = {}) => ({ argv: ["sh", "-c", script], cpuMilli: 10, ...more });

  const told = [];
  const job = await iris.run(sh("echo one; echo € >&2", { name: "hello" }), {
    onLine: ({ stream, text }) => told.push(`${stream} ${text}`),
  });
  seen.lines = told.sort();
  seen.state = job.view.state;
  const pieces = await job.logs({ stream: "stderr" }).toArray();
  seen.bytes = pieces.flatMap(({ bytes }) => [...bytes]);
  seen.kinds = (await job.events().toArray()).map(({ kind }) => kind);

  const squares = iris.map([1, 2, 3], {
    argv: ["sh", "-c", 'echo $((IRIS_ENTRY * IRIS_ENTRY)) >"$IRIS_RESULT_FILE"'],
    ...{ cpuMilli: 10, batch: 2 },
  });
  seen.squares = await squares.toArray();

  // A module that nobody but this program has.
  const source =
    "export const main = ({ n }) => import('./by/three.js').then((by) => n * by.three);";
  const bundle = await iris.bundle({
    "times.js": source,
    "by/three.js": "export const three = 3;",
  });
  const module = { file: "times.js" };
  seen.sent = await iris.map([{ n: 1 }, { n: 2 }], { module, bundle, cpuMilli: 10 }).toArray();

  const bad = await iris.submit(sh("exit 7"));
  const taskError = await bad.result(0).catch((error) => error);
  seen.end = [
    taskError instanceof TaskError,
    taskError.code,
    taskError.end.cause,
    taskError.end.code,
  ];
  const jobError = await bad.success().catch((error) => error);
  seen.failed = [jobError instanceof JobError && jobError instanceof IrisError, jobError.job.state];
  const refused = await iris.submit({ argv: ["true"], replicas: 0 }).catch((error) => error);
  seen.refused = [refused instanceof ApiError, refused.code, refused.field];

  const abort = new AbortController();
  const running = iris.run(sh("echo up; exec sleep 600", { name: "long" }), {
    signal: abort.signal,
    onLine: () => abort.abort(new Error("enough")),
  });
  seen.aborted = await running.catch(({ message }) => message);
  seen.stopped = (await iris.job((await iris.jobs({ limit: 1 }))[0].name)).view.state;

  const waiting = (await iris.submit(sh("exec sleep 600", { name: "left" }))).wait();
  const left = iris.events().toArray();
  iris.close();
  seen.closed = await Promise.all([waiting, left].map((one) => one.catch(({ code }) => code)));

  const nobody = { ...options, controller: "http://127.0.0.1:9", giveUpMs: 0 };
  const lost = await Iris.connect(nobody).catch((error) => error);
  seen.nobody = [lost instanceof ConnectionError, lost.code];
  return seen;
}

/** What it must have seen. */
/** @type {Record<string, unknown>} */
export const EXPECTED = {
  version: "string",
  lines: ["stderr €", "stdout one"],
  state: "SUCCEEDED",
  bytes: [0xe2, 0x82, 0xac, 0x0a],
  kinds: ["job_submitted", "job_state", "job_state", "job_done"],
  squares: [1, 4, 9],
  sent: [3, 6],
  end: [true, "task_failed", "exit", 7],
  failed: [true, "FAILED"],
  refused: [true, "invalid", "replicas"],
  aborted: "enough",
  stopped: "KILLED",
  closed: ["closing", "closing"],
  nobody: [true, "unavailable"],
};
