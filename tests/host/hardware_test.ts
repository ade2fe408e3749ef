import { assert, assertEquals } from "@std/assert";
import { parseCgroups, readHardware } from "../../src/host/hardware.ts";

/** A root folder with these files in it. */
function rootWith(files: Record<string, string>, test: (root: string) => void): void {
  const root = Deno.makeTempDirSync({ prefix: "iris-root-" });
  try {
    for (const [path, text] of Object.entries(files)) {
      const full = `${root}${path}`;
      Deno.mkdirSync(full.slice(0, full.lastIndexOf("/")), { recursive: true });
      Deno.writeTextFileSync(full, text);
    }
    test(root);
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
}

const meminfo = { "/proc/meminfo": "MemTotal:        8388608 kB\nMemFree: 1 kB\n" };

Deno.test("this machine has something to give", () => {
  const { cpuMilli, memoryBytes, hostname } = readHardware();
  assert(cpuMilli >= 1 && cpuMilli <= navigator.hardwareConcurrency * 1000);
  assert(memoryBytes > 1e6 && hostname.length > 0);
});

Deno.test("the tightest version 2 limit above a process counts", () => {
  rootWith({
    ...meminfo,
    "/proc/self/cgroup": "0::/a/b\n",
    "/sys/fs/cgroup/a/memory.max": "1073741824\n",
    "/sys/fs/cgroup/a/b/memory.max": "max\n",
    "/sys/fs/cgroup/a/b/cpu.max": "50000 100000\n",
    "/sys/fs/cgroup/a/cpu.max": "max 100000\n",
  }, (root) => {
    const { cpuMilli, memoryBytes } = readHardware(root);
    assertEquals([cpuMilli, memoryBytes], [500, 2 ** 30]);
  });
});

Deno.test("version 1 limits count, its number for none does not", () => {
  rootWith({
    ...meminfo,
    "/proc/self/cgroup": "5:cpu,cpuacct:/x\n4:memory:/x\n",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
    "/sys/fs/cgroup/memory/x/memory.limit_in_bytes": "2147483648\n",
    "/sys/fs/cgroup/cpu/x/cpu.cfs_quota_us": "25000\n",
    "/sys/fs/cgroup/cpu/x/cpu.cfs_period_us": "100000\n",
    "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
  }, (root) => {
    const { cpuMilli, memoryBytes } = readHardware(root);
    assertEquals([cpuMilli, memoryBytes], [250, 2 ** 31]);
  });
});

Deno.test("without limits it is what the machine has", () => {
  rootWith(meminfo, (root) => assertEquals(readHardware(root).memoryBytes, 8 * 2 ** 30));
});

Deno.test("controllers of one line share a path", () => {
  assertEquals(
    parseCgroups("3:cpu,cpuacct:/a\n0::/b\nnonsense\n"),
    new Map([
      ["cpu", "/a"],
      ["cpuacct", "/a"],
      ["", "/b"],
    ]),
  );
});
