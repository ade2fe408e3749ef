/** Limits and choices that the command line names in its help, apart from what checks them. */

/** The most tasks a job may have. */
export const MAX_REPLICAS = 10_000_000;

/** The most retries of a task, for each of its budgets. */
export const MAX_RETRIES = 1_000_000;

/** Signals that a task can ask for as a warning. */
export const WARN_SIGNALS = [
  "SIGHUP",
  "SIGINT",
  "SIGQUIT",
  "SIGUSR1",
  "SIGUSR2",
  "SIGTERM",
] as const;

/** See {@linkcode WARN_SIGNALS}. */
export type WarnSignal = (typeof WARN_SIGNALS)[number];
