/** A systemd unit for each mode that stays up. */
import { MODE_FLAGS } from "../../src/cli/flags/shared.ts";
import { MODES } from "../../src/cli/modes/all.ts";

/** What systemd waits beyond the budget of a stop, in ms: the stop reports and proves until then. */
const RESERVE_MS = 5_000;

interface Unit {
  readonly mode: string;
  readonly title: string;
  readonly more: readonly string[];
}

/** Its own processes it ends by itself; should it be gone before that, systemd does: none outlives it. */
const MIXED = ["KillMode=mixed"];
/** For what starts tasks: limits need a cgroup of its own, and a task that is killed is its affair. */
const TASKS = ["Delegate=yes", "OOMPolicy=continue", "TasksMax=infinity"];
const WORKER = [
  "# Only the worker is signalled: it ends its tasks by itself. Its keeper and their tasks outlive a",
  "# worker that crashed, and with --on-stop=detach one that is stopped; the next start adopts them.",
  "KillMode=process",
  ...TASKS,
];

const MANAGER = [
  "# Only the VM manager is signalled: it ends its VMs by itself. Those of the provider process are",
  "# processes of this unit, and outlive one that crashed; the next start takes them over.",
  "KillMode=process",
  ...TASKS,
];

const UNITS: readonly Unit[] = [
  { mode: "controller", title: "controller", more: MIXED },
  { mode: "vm-manager", title: "VM manager", more: MANAGER },
  { mode: "worker", title: "worker", more: WORKER },
  { mode: "local", title: "local cluster", more: [...MIXED, ...TASKS] },
];

/** The units by their file names, of the modes that there are. */
export function systemdUnits(): ReadonlyMap<string, string> {
  const modes = new Set(MODES.map(({ summary }) => /^--mode=([a-z-]+)/.exec(summary)?.[1]));
  return new Map(
    UNITS.filter(({ mode }) => modes.has(mode)).map((unit) => [
      `iris-${unit.mode}.service`,
      textOf(unit),
    ]),
  );
}

function textOf({ mode, title, more }: Unit): string {
  const stop = MODE_FLAGS.stopTimeout;
  const seconds = Math.ceil((stop.parse(stop.default, "--stop-timeout") + RESERVE_MS) / 1000);
  return `# Flags (--controller, --host ...) go into /etc/default/iris-${mode}, as IRIS_FLAGS="...".
[Unit]
Description=Iris ${title}
After=network-online.target
Wants=network-online.target

[Service]
Type=exec
EnvironmentFile=-/etc/default/iris-${mode}
# State in /var/lib/iris. What the program unpacks goes where every user of --run-as can read it.
Environment=XDG_STATE_HOME=/var/lib XDG_CACHE_HOME=/var/cache
StateDirectory=iris
StateDirectoryMode=0711
CacheDirectory=iris
ExecStart=/usr/local/bin/iris --mode=${mode} $IRIS_FLAGS
# The default of --stop-timeout (${stop.default}) and a reserve: give both when you change one.
TimeoutStopSec=${seconds}
${more.join("\n")}
Restart=on-failure
RestartSec=2
# A mistake in the flags does not heal (2), and who asked for a stop gets one, whatever had to be forced
# in it (3) or could not be proved gone (4). What failed by itself ends with 1.
RestartPreventExitStatus=2 3 4
LimitNOFILE=1048576

[Install]
WantedBy=multi-user.target
`;
}
