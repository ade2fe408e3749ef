/** `job run`: submits what flags and files say, to a running cluster or to one of its own. */
import { type CliContext, connect } from "../context.ts";
import { type JobRunInvocation, prepareJobs } from "./prepare_jobs.ts";

/** Runs `job run`. @returns the exit code */
export async function submitAndRun(
  context: CliContext,
  invocation: JobRunInvocation,
): Promise<number> {
  const { values } = invocation;
  const jobs = await prepareJobs(invocation);
  if (values.local) {
    if (jobs.some(({ request }) => request.container !== undefined)) {
      const { needEngine } = await import("../parts/runtime_facts.ts");
      await needEngine(context, values.containerEngine);
    }
    const { runLocalJob } = await import("../modes/local_job.ts");
    const { stopTimeout: stopTimeoutMs } = values;
    return await runLocalJob(context, { ...values, jobs, stopTimeoutMs });
  }
  const client = await connect(context, values);
  const { runJobs } = await import("./run_jobs.ts");
  return await runJobs(context, client, {
    ...values,
    jobs,
    wait: !values.noWait && !values.detach,
  });
}
