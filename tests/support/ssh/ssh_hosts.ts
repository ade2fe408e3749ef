/**
 * Hosts with a real OpenSSH server each: a network namespace with an address of its own, a pid
 * namespace, so that a reboot ends everything there at once, and a folder that lies at the same place
 * on each of them. Needs root, `ip`, `unshare`, and OpenSSH.
 */
import { dirname } from "node:path";
import type { SshHost, SshProviderConfig } from "../../../src/vm/provider_config.ts";
import { hasCommand } from "../require.ts";
import { within } from "../until.ts";

/** Where the user lives as whom hosts are reached. */
const ROOT_HOME = "/root";
const SSHD = "/usr/sbin/sshd";
const BOOT_ID = "/proc/sys/kernel/random/boot_id";
const UP_MS = 10_000;
const SUBNETS = 256;
/** A user that only hosts have. */
const USER = { name: "iris-guest", id: 47_110 };
const SETTLE_MS = 5_000;

/** One host. */
export interface SshTestHost {
  readonly index: number;
  readonly address: string;
  readonly host: SshHost;
  /** What its folder is from here. */
  readonly folder: string;
  /** Processes that run there, beside its servers. */
  pids(): number[];
  /** Its servers' processes for single connections. */
  sessions(): number[];
  /** The file that says how its server is set up; to be read at the next boot. */
  readonly sshdConfig: string;
  /** Everything that runs there ends. */
  crash(): Promise<void>;
  /** It is up again. */
  boot(): Promise<void>;
  /** Its servers stand still, connections stay; and go on. */
  freeze(): void;
  thaw(): void;
  /** Packets to and from it are lost; and are not. */
  cut(): Promise<void>;
  mend(): Promise<void>;
}

/** Hosts, and what a client needs for them. */
export interface SshHosts extends AsyncDisposable {
  readonly dir: string;
  readonly hosts: readonly SshTestHost[];
  /** The folder as hosts see it. */
  readonly folder: string;
  readonly identityFile: string;
  readonly knownHostsFile: string;
  /** What a provider is told of them. */
  config(more?: Partial<SshProviderConfig>): SshProviderConfig;
  /** What is on hosts of VMs now: processes that bear their folder, and the folders. */
  left(): string[];
  /** Everything on hosts but their servers, once it had a moment to go. */
  stays(): Promise<string[]>;
}

/** How hosts are made. */
export interface SshHostsOptions {
  readonly count: number;
  /** The size of a file system of its own for each host's folder, for instance `4m`. */
  readonly tmpfs?: string;
  /** Lines for the server's configuration; `@FOLDER@` is the host's folder. */
  readonly sshd?: readonly string[];
  /** The first of 256 networks that is tried, when not any: each is one world's at a time. */
  readonly subnet?: number;
  /** Hosts are reached as a user who is not root, whose home is the host's folder. */
  readonly asUser?: boolean;
  /** Commands of hosts that are others there: shell scripts by path; null for one that is missing. */
  readonly commands?: Readonly<Record<string, string | null>>;
}

/** Whether this machine can have such hosts. */
export async function canHaveSshHosts(): Promise<boolean> {
  for (const command of ["ip", "unshare", "nsenter", "ssh", "ssh-keygen"]) {
    if (!await hasCommand(command)) return false;
  }
  await Deno.stat(SSHD);
  await using hosts = await makeSshHosts({ count: 1 });
  return hosts.hosts.length === 1;
}

/** Makes hosts, all up. */
export async function makeSshHosts(options: SshHostsOptions): Promise<SshHosts> {
  const dir = await Deno.makeTempDir({ prefix: "iris-ssh-" });
  const stack = new AsyncDisposableStack();
  stack.defer(() => Deno.remove(dir, { recursive: true }));
  try {
    // Left by no package where no service manager made it.
    await Deno.mkdir("/run/sshd", { recursive: true });
    await Deno.mkdir(`${dir}/host`);
    await Deno.writeTextFile(`${dir}/ssh_config`, "");
    await run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", `${dir}/key`);
    const subnet = await claimSubnet(
      options.subnet ?? crypto.getRandomValues(new Uint8Array(1))[0]!,
    );
    stack.defer(() => run("ip", "link", "del", linkOf(subnet, 0)).catch(() => {}));
    const hosts: Host[] = [];
    for (let index = 0; index < options.count; index++) {
      const host = new Host({ dir, subnet, index, options });
      stack.defer(() => host.end());
      await host.make();
      hosts.push(host);
    }
    await Promise.all(hosts.map((host) => host.boot()));
    return {
      dir,
      hosts,
      folder: `${dir}/host`,
      identityFile: `${dir}/key`,
      knownHostsFile: `${dir}/known_hosts`,
      config: (more = {}) => ({
        kind: "ssh",
        hosts: hosts.map(({ host }) => host),
        identityFile: `${dir}/key`,
        knownHostsFile: `${dir}/known_hosts`,
        hostKeys: "accept-new",
        configFile: `${dir}/ssh_config`,
        folder: `${dir}/host`,
        connectTimeoutMs: 5_000,
        ...more,
      }),
      left: () => hosts.flatMap((host) => host.left().filter((line) => line.includes(dir))),
      stays: () => settled(() => hosts.flatMap((host) => host.left())),
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

/**
 * Takes a network that nobody has: tests of other processes of this machine make hosts as well. The link
 * of the first host is the claim, since the kernel makes no two of one name.
 */
async function claimSubnet(first: number): Promise<number> {
  for (let tried = 0; tried < SUBNETS; tried++) {
    const subnet = (first + tried) % SUBNETS;
    try {
      await run(...linkCommand(linkOf(subnet, 0)));
      return subnet;
    } catch (error) {
      if (!String(error).includes("File exists")) throw error;
    }
  }
  throw new Error(`all ${SUBNETS} networks for hosts are taken (ip link)`);
}

function linkOf(subnet: number, index: number): string {
  return `i${subnet}x${index}`;
}

function peerOf(link: string): string {
  return `${link}p`;
}

function linkCommand(link: string): [string, ...string[]] {
  return ["ip", "link", "add", link, "type", "veth", "peer", "name", peerOf(link)];
}

class Host implements SshTestHost {
  readonly index: number;
  readonly address: string;
  readonly folder: string;
  readonly sshdConfig: string;
  readonly #name: string;
  readonly #link: string;
  readonly #near: string;
  readonly #at: string;
  readonly #dir: string;
  readonly #options: SshHostsOptions;
  #child: Deno.ChildProcess | null = null;

  constructor(of: { dir: string; subnet: number; index: number; options: SshHostsOptions }) {
    const { dir, subnet, index, options } = of;
    this.index = index;
    this.#dir = dir;
    this.#options = options;
    this.#name = `iris-${dir.slice(-8).replaceAll(/\W/g, "x")}-${index}`;
    this.#link = linkOf(subnet, index);
    this.#near = `10.78.${subnet}.${index * 4 + 1}`;
    this.address = `10.78.${subnet}.${index * 4 + 2}`;
    this.folder = `${dir}/h${index}`;
    this.#at = `${dir}/host`;
    this.sshdConfig = `${dir}/sshd_config.${index}`;
  }

  get host(): SshHost {
    return {
      ...{ host: this.address, port: null },
      user: this.#options.asUser ? USER.name : "root",
    };
  }

  async make(): Promise<void> {
    const { index } = this;
    await Deno.mkdir(this.folder);
    if (this.#options.asUser) {
      await Deno.chown(this.folder, USER.id, USER.id);
      // On the way to its home, and to the key that is let in; the folder of all lets everybody pass.
      for (const folder of [this.#dir, dirname(this.#dir)]) {
        if (folder !== "/tmp") await Deno.chmod(folder, 0o711);
      }
    }
    await run(
      "ssh-keygen",
      "-q",
      "-t",
      "ed25519",
      "-N",
      "",
      "-f",
      `${this.#dir}/host_key.${index}`,
    );
    await Deno.writeTextFile(
      this.sshdConfig,
      [
        `ListenAddress ${this.address}`,
        `HostKey ${this.#dir}/host_key.${index}`,
        `AuthorizedKeysFile ${this.#dir}/key.pub`,
        ...["StrictModes no", "UsePAM no", "PermitRootLogin yes", "PidFile none"],
        ...["MaxStartups 100", ...this.#options.sshd ?? []],
        "",
      ].join("\n").replaceAll("@FOLDER@", this.#at),
    );
    await run("ip", "netns", "add", this.#name);
    // That of the first host was the claim on the network.
    if (index > 0) await run(...linkCommand(this.#link));
    await run("ip", "link", "set", peerOf(this.#link), "netns", this.#name, "name", "eth0");
    await run("ip", "addr", "add", `${this.#near}/30`, "dev", this.#link);
    await run("ip", "-n", this.#name, "addr", "add", `${this.address}/30`, "dev", "eth0");
    await run("ip", "-n", this.#name, "link", "set", "lo", "up");
    await this.mend();
  }

  async boot(): Promise<void> {
    const { tmpfs } = this.#options;
    const log = `${this.#dir}/sshd.${this.index}.log`;
    await Deno.writeTextFile(log, "");
    const mount = tmpfs === undefined
      ? `mount --bind '${this.folder}' '${this.#at}'`
      : `mount -t tmpfs -o size=${tmpfs} iris '${this.#at}'`;
    const others = [await this.#bootId(), ...await this.#users(), ...await this.#commands()];
    const mounts = [mount, ...others].join(" && ");
    const [command = "", ...args] = [
      ...["nsenter", `--net=/var/run/netns/${this.#name}`, "--"],
      ...["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"],
      ...["sh", "-c", `${mounts} && exec ${SSHD} -D -E '${log}' -f '${this.sshdConfig}'`],
    ];
    this.#child = new Deno.Command(command, {
      ...{ args, stdin: "null", stdout: "null", stderr: "inherit", clearEnv: true },
      env: { PATH: Deno.env.get("PATH") ?? "/usr/bin:/bin", HOME: ROOT_HOME },
    }).spawn();
    await until(`${this.#name} is up`, async () => {
      return (await Deno.readTextFile(log)).includes("Server listening");
    });
  }

  /** What makes this boot another one than that before. */
  async #bootId(): Promise<string> {
    const file = `${this.#dir}/boot_id.${this.index}`;
    await Deno.writeTextFile(file, `${crypto.randomUUID()}\n`);
    return `mount --bind '${file}' ${BOOT_ID}`;
  }

  /** What adds the user to those that this machine has. */
  async #users(): Promise<string[]> {
    if (!this.#options.asUser) return [];
    const { name, id } = USER;
    const file = `${this.#dir}/passwd`;
    const line = `${name}:*:${id}:${id}::${this.#at}:/bin/sh\n`;
    await Deno.writeTextFile(file, `${await Deno.readTextFile("/etc/passwd")}${line}`);
    return [`mount --bind '${file}' /etc/passwd`];
  }

  /** What puts other commands in the place of the machine's, on this host alone. */
  async #commands(): Promise<string[]> {
    // What a login shell of this machine's user does is not the host's; the server goes by the home
    // in the list of users, not by the HOME of whoever runs the tests.
    const startup = [`${ROOT_HOME}/.bashrc`].filter((path) => isFile(path));
    await Deno.writeTextFile(`${this.#dir}/startup`, "");
    const mounts = startup.map((path) => `mount --bind '${this.#dir}/startup' '${path}'`);
    for (const [path, script] of Object.entries(this.#options.commands ?? {})) {
      const file = `${this.#dir}/command.${path.replaceAll("/", ".")}`;
      await Deno.writeTextFile(file, script === null ? "" : `#!/bin/sh\n${script}\n`);
      await Deno.chmod(file, script === null ? 0o644 : 0o755);
      mounts.push(`mount --bind '${file}' '${await Deno.realPath(path)}'`);
    }
    return mounts;
  }

  async crash(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null) return;
    child.kill("SIGKILL");
    await child.status;
    await until(`${this.#name} is down`, () => Promise.resolve(this.#all().length === 0));
  }

  freeze(): void {
    for (const pid of this.#servers()) Deno.kill(pid, "SIGSTOP");
  }

  thaw(): void {
    for (const pid of this.#servers()) Deno.kill(pid, "SIGCONT");
  }

  cut(): Promise<void> {
    return run("ip", "-n", this.#name, "link", "set", "eth0", "down");
  }

  async mend(): Promise<void> {
    await run("ip", "link", "set", this.#link, "up");
    await run("ip", "-n", this.#name, "link", "set", "eth0", "up");
  }

  pids(): number[] {
    const servers = new Set(this.#servers());
    return this.#all().filter((pid) => !servers.has(pid));
  }

  sessions(): number[] {
    return this.#servers().filter((pid) => read(`/proc/${pid}/cmdline`).includes("@"));
  }

  left(): string[] {
    const name = `host ${this.index}`;
    const processes = this.pids().map((pid) => `${name}: process ${pid} ${commandOf(pid)}`);
    const folders: string[] = [];
    // The second is where they are when nothing is said of it.
    for (const vms of [`${this.folder}/vms`, `${this.folder}/.iris/vms`]) {
      for (const cluster of list(vms)) {
        for (const vm of list(`${vms}/${cluster}`)) {
          folders.push(`${name}: folder ${vms}/${cluster}/${vm}`);
        }
      }
    }
    return [...processes, ...folders];
  }

  async end(): Promise<void> {
    await this.crash();
    await run("ip", "link", "del", this.#link).catch(() => {});
    await run("ip", "netns", "del", this.#name).catch(() => {});
  }

  #servers(): number[] {
    return this.#all().filter((pid) => /^(sshd|unshare)/.test(read(`/proc/${pid}/comm`)));
  }

  #all(): number[] {
    let inode: number | null;
    try {
      inode = Deno.statSync(`/var/run/netns/${this.#name}`).ino;
    } catch {
      return [];
    }
    return list("/proc").filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
      try {
        if (Deno.readLinkSync(`/proc/${pid}/ns/net`) !== `net:[${inode}]`) return false;
        return !/\) Z /.test(read(`/proc/${pid}/stat`));
      } catch {
        return false;
      }
    });
  }
}

/** A file that is this checkout's program for any host that shares its file system. */
export async function standInProgram(dir: string): Promise<string> {
  const path = `${dir}/iris-${crypto.randomUUID().slice(0, 8)}`;
  const main = new URL("../../../main.ts", import.meta.url).pathname;
  const cache = Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`;
  const text = `#!/bin/sh
export DENO_DIR='${cache}' DENO_NO_UPDATE_CHECK=1 NO_COLOR=1
exec '${Deno.execPath()}' run -A --quiet --no-check '${main}' "$@"
`;
  await Deno.mkdir(dirname(path), { recursive: true });
  await Deno.writeTextFile(path, text, { mode: 0o755 });
  return path;
}

/** Waits until something holds. */
export function until(what: string, holds: () => Promise<boolean>, ms = UP_MS): Promise<void> {
  return within(ms)(holds, what);
}

async function settled(look: () => string[]): Promise<string[]> {
  const giveUp = performance.now() + SETTLE_MS;
  for (;;) {
    const left = look();
    if (left.length === 0 || performance.now() > giveUp) return left;
    await new Promise((done) => setTimeout(done, 20));
  }
}

function commandOf(pid: number): string {
  return read(`/proc/${pid}/cmdline`).replaceAll("\0", " ").slice(0, 200);
}

function read(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

function list(path: string): string[] {
  try {
    return [...Deno.readDirSync(path)].map(({ name }) => name);
  } catch {
    return [];
  }
}

async function run(command: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, { args, stdout: "null" }).output();
  if (success) return;
  throw new Error(`${command} ${args.join(" ")}: ${new TextDecoder().decode(stderr).trim()}`);
}
