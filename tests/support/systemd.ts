/**
 * A systemd that really runs: as the first process of namespaces of its own (processes, mounts, cgroups,
 * network, names), over this machine's files, with no units but those that a test gives it. Everything that
 * it writes lies in a folder of the test. Needs root, and cgroups of version 2, be it without controllers.
 */
import { hasCommand } from "./require.ts";
import { until } from "./ssh/ssh_hosts.ts";

const SYSTEMD = "/lib/systemd/systemd";
const UP_MS = 20_000;
/** What every service needs, empty: nothing else of this machine is started. */
const TARGETS = ["sysinit", "basic", "shutdown", "network-online", "multi-user"];
const DEVICES = ["null", "zero", "full", "random", "urandom", "tty"];

/** What of its folder lies where. */
const PLACES = {
  units: "/etc/systemd/system",
  default: "/etc/default",
  bin: "/usr/local/bin",
  lib: "/var/lib",
  cache: "/var/cache",
} as const;

/** A running one. */
export interface Systemd extends AsyncDisposable {
  /** Where a folder that it sees lies. */
  folder(place: keyof typeof PLACES): string;
  /** Runs a command inside. */
  run(...command: readonly string[]): Promise<{ code: number; out: string; err: string }>;
  /** Processes of a unit, as pids out here. */
  pids(unit: string): number[];
  /** What systemd knows of a unit under a name. */
  property(unit: string, name: string): Promise<string>;
}

/** Whether this machine can have one. */
export async function canRunSystemd(): Promise<boolean> {
  for (const command of ["unshare", "nsenter", "ip", "systemctl"]) {
    if (!await hasCommand(command)) return false;
  }
  const dir = await Deno.makeTempDir({ prefix: "iris-systemd-" });
  try {
    await using systemd = await startSystemd(dir);
    return (await systemd.run("true")).code === 0;
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** Starts one. @param dir a folder, where the mounts are made from */
export async function startSystemd(dir: string): Promise<Systemd> {
  for (const place of Object.keys(PLACES)) Deno.mkdirSync(`${dir}/${place}`, { recursive: true });
  for (const name of TARGETS) {
    const text = `[Unit]\nDescription=${name}\nDefaultDependencies=no\n`;
    Deno.writeTextFileSync(`${dir}/units/${name}.target`, text);
  }
  Deno.writeTextFileSync(`${dir}/begin`, scriptFor(dir));
  const cgroup = `${version2()}/iris-systemd-${dir.slice(-8).replaceAll(/\W/g, "x")}`;
  Deno.mkdirSync(cgroup);
  const namespaces = ["--cgroup", "--mount", "--pid", "--net", "--ipc", "--uts"];
  const child = new Deno.Command("sh", {
    args: [
      ...["-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', cgroup, "unshare", ...namespaces],
      ...["--fork", "--mount-proc", "--kill-child", "sh", "-e", `${dir}/begin`],
    ],
    // Whose stdin is a terminal's or a log's own file must not become a console.
    ...{
      stdin: "null",
      stdout: "null",
      stderr: "inherit",
      clearEnv: true,
      env: { PATH: SEARCHED },
    },
  }).spawn();
  const end = async () => {
    child.kill("SIGKILL");
    await child.status;
    await until("its cgroups are empty", () => Promise.resolve(removeBelow(cgroup)));
  };
  const first = () => membersOf(`${cgroup}/init.scope`)[0];
  const enter = (command: readonly string[]) => {
    const args = ["-t", String(first()), "-m", "-p", "-n", "-i", "-u", "-C", "--", ...command];
    return output("nsenter", args);
  };
  try {
    await until("systemd is up", async () => {
      if (first() === undefined) return false;
      return (await enter(["systemctl", "is-active", "multi-user.target"])).code === 0;
    }, UP_MS);
  } catch (error) {
    await end();
    throw error;
  }
  return {
    folder: (place) => `${dir}/${place}`,
    run: (...command) => enter(command),
    pids: (unit) => membersBelow(`${cgroup}/system.slice/${unit}.service`),
    property: async (unit, name) => {
      const asked = await enter(["systemctl", "show", "--value", "-p", name, unit]);
      return asked.out.trim();
    },
    [Symbol.asyncDispose]: end,
  };
}

const SEARCHED = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";

/** What runs before systemd, in its namespaces. Nothing of it reaches this machine's own places. */
function scriptFor(dir: string): string {
  const devices = DEVICES.map((name) =>
    `: >${dir}/dev/${name}; mount --bind /dev/${name} ${dir}/dev/${name}`
  );
  return `ip link set lo up
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount --bind /proc/sys /proc/sys && mount -o remount,ro,bind /proc/sys
mkdir ${dir}/dev && mount -t tmpfs tmpfs ${dir}/dev
${devices.join("\n")}
mkdir ${dir}/dev/pts ${dir}/dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts ${dir}/dev/pts
ln -s pts/ptmx ${dir}/dev/ptmx; ln -s /proc/self/fd ${dir}/dev/fd
mount --move ${dir}/dev /dev
mount -t tmpfs tmpfs /run
${Object.entries(PLACES).map(([from, to]) => `mount --bind ${dir}/${from} ${to}`).join("\n")}
exec env -i container=other PATH=${SEARCHED} SYSTEMD_UNIT_PATH=${PLACES.units} \\
  ${SYSTEMD} --unit=multi-user.target --log-target=null --show-status=no
`;
}

/** Where cgroups of version 2 are, alone or beside those of version 1. */
function version2(): string {
  for (const line of Deno.readTextFileSync("/proc/mounts").split("\n")) {
    const [, place = "", kind] = line.split(" ");
    if (kind === "cgroup2") return place;
  }
  throw new Error("there are no cgroups of version 2");
}

function membersOf(cgroup: string): number[] {
  try {
    return Deno.readTextFileSync(`${cgroup}/cgroup.procs`).trim().split("\n")
      .filter((line) => line !== "").map(Number);
  } catch {
    return [];
  }
}

function foldersIn(cgroup: string): string[] {
  try {
    return [...Deno.readDirSync(cgroup)].filter(({ isDirectory }) => isDirectory)
      .map(({ name }) => `${cgroup}/${name}`);
  } catch {
    return [];
  }
}

function membersBelow(cgroup: string): number[] {
  return [...membersOf(cgroup), ...foldersIn(cgroup).flatMap(membersBelow)];
}

/** @returns false while there is something in it */
function removeBelow(cgroup: string): boolean {
  for (const folder of foldersIn(cgroup)) removeBelow(folder);
  try {
    Deno.removeSync(cgroup);
    return true;
  } catch (error) {
    return error instanceof Deno.errors.NotFound;
  }
}

async function output(command: string, args: readonly string[]) {
  const child = new Deno.Command(command, {
    ...{ args: [...args], stdin: "null", clearEnv: true, env: { PATH: SEARCHED, NO_COLOR: "1" } },
  });
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}
