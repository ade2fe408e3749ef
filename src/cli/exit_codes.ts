/** What exit codes mean, as data: the man page and the reference are made from it. Pure. */

/** One code of one kind of command. */
export interface ExitCode {
  /** As it is written: a number, or `any`. */
  readonly code: string;
  readonly means: string;
}

/** Commands of one kind, and the codes they can end with. */
export interface ExitCodes {
  readonly of: string;
  readonly codes: readonly ExitCode[];
}

const USAGE: ExitCode = { code: "2", means: "a mistake in what was typed, or in a file it names" };

/** See the head of this file. */
export const EXIT_CODES: readonly ExitCodes[] = [
  {
    of: "every command",
    codes: [
      { code: "0", means: "done" },
      { code: "1", means: "it could not be done: one line on stderr says why" },
      USAGE,
      { code: "130", means: "Ctrl-C ended it" },
    ],
  },
  {
    of: "job run, job attach, job wait",
    codes: [
      { code: "0", means: "the job succeeded, or goes on after a detach" },
      { code: "1", means: "the job failed (more than one task, or one without a code)" },
      USAGE,
      { code: "3", means: "with --local, when the job succeeded: something had to be forced" },
      { code: "4", means: "with --local, likewise: the end of something could not be proved" },
      { code: "130", means: "Ctrl-C stopped the job, or ended the waiting" },
      { code: "any", means: "a failed job of one task: that task's own code" },
    ],
  },
  {
    of: "task exec",
    codes: [
      { code: "127", means: "the command could not be started" },
      { code: "any", means: "the command's own code; 128 + the number for a signal" },
    ],
  },
  {
    of: "a mode that stays up (--mode=...), cluster stop",
    codes: [
      { code: "0", means: "everything stopped clean" },
      { code: "1", means: "something failed" },
      USAGE,
      { code: "3", means: "something had to be forced" },
      { code: "4", means: "the end of something could not be proved" },
    ],
  },
];

/** Variables of the environment that are no flag's. */
export const ENVIRONMENT: readonly (readonly [name: string, means: string])[] = [
  ["IRIS_USER", "whose jobs short names mean; the login name when not set"],
  ["NO_COLOR", "when set to anything: no colours"],
  ["CLICOLOR_FORCE", "when set and not 0: colours also where there is no terminal"],
  ["CLICOLOR", "when 0: no colours"],
  ["XDG_CONFIG_HOME", "where iris/config.yaml lies; ~/.config when not set"],
  ["XDG_STATE_HOME", "where the state of clusters lies, in iris; ~/.local/state when not set"],
];
