/** Submitting a job from the command line. */
import type { IrisClient, SubmitRequest } from "../../client/iris_client.ts";
import type { SubmittedJob } from "../../wire/api.ts";
import type { CliContext } from "../context.ts";
import { inTermsOfFlags } from "./flag_names.ts";

/** The exit code after Ctrl-C: 128 + SIGINT. */
export const INTERRUPTED = 130;

/** Submits what flags said: warnings are printed, and what is refused is said of its flag. */
export async function submitJob(
  context: CliContext,
  client: IrisClient,
  request: SubmitRequest,
): Promise<SubmittedJob> {
  let job: SubmittedJob;
  try {
    job = await client.submit(request);
  } catch (error) {
    throw inTermsOfFlags(error);
  }
  for (const warning of job.warnings) context.err(`warning: ${warning}`);
  return job;
}
