/** The kinds of tasks of the stop matrix: one that obeys, and all the ways not to. */

/** A kind of task, as the arguments of `sh -c`. */
export interface TaskKind {
  readonly name: string;
  /** The script; `$TAG` digits stand in the command line of every process it starts. */
  readonly script: (tag: string) => string;
  /** True when SIGTERM alone ends all of it. */
  readonly obeys: boolean;
}

const IGNORE = `trap "" TERM`;

/** Every kind. */
export const TASK_KINDS: readonly TaskKind[] = [
  { name: "obeys SIGTERM", obeys: true, script: (tag) => `exec sleep 600.${tag}` },
  { name: "ignores SIGTERM", obeys: false, script: (tag) => `${IGNORE}; exec sleep 600.${tag}` },
  {
    name: "leader exits, grandchild ignores SIGTERM",
    obeys: false,
    script: (tag) => `(${IGNORE}; exec sleep 600.${tag}) & sleep 600.${tag}`,
  },
  {
    name: "double fork with setsid",
    obeys: false,
    script: (tag) => `(setsid sh -c '${IGNORE}; exec sleep 600.${tag}' &) ; exec sleep 600.${tag}`,
  },
  {
    name: "double fork with setsid and an emptied environment",
    obeys: false,
    script: (tag) =>
      `(env -i /usr/bin/setsid /bin/sh -c '${IGNORE}; exec /bin/sleep 600.${tag}' &) ; ` +
      `exec sleep 600.${tag}`,
  },
  {
    name: "floods stdout",
    obeys: true,
    // About 3 MB/s each: 50 of them keep the disk busy without being only about the disk.
    script: (tag) =>
      `exec perl -e '$x = "x" x 65536; while (1) { syswrite(STDOUT, $x); ` +
      `select(undef, undef, undef, 0.02) } # .${tag}'`,
  },
  {
    name: "forks children in a loop",
    obeys: true,
    script: (tag) => `while :; do sleep 30.${tag} & sleep 0.05; done`,
  },
  {
    name: "is stopped by SIGSTOP",
    obeys: true,
    script: (tag) => `kill -STOP $$; exec sleep 600.${tag}`,
  },
  {
    name: "exits just as the stop comes",
    obeys: true,
    // Ends between 0.6 and 1.1 s after its start, so that some end in the moment of the stop.
    script: (tag) => `: .${tag}; sleep 0.5; exec sleep 0.$((IRIS_TASK_INDEX % 80 + 10))`,
  },
];
