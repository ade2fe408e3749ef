import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { checkConfig, findingText, needConfig } from "../../../src/cli/config/config_file.ts";
import { jsonSchema } from "../../../src/cli/config/file_schema.ts";
import { sections } from "../../../src/cli/modes/all.ts";
import { IrisError } from "../../../src/base/errors.ts";

function check(text: string) {
  return checkConfig("iris.yaml", { text, modes: sections() });
}

function lines(text: string): string[] {
  return check(text).findings.map((finding) => findingText("iris.yaml", finding));
}

/** A group that is right, after what is given; on lines of its own. */
const REST = "    vm: { cpu: 4, memory: 8GiB }\n    max: 3\n";

const WRONG: readonly (readonly [name: string, text: string, says: string])[] = [
  ["a tab", "groups:\n\t- name: a\n", "iris.yaml:2:1: A tab: YAML is indented with spaces"],
  ["a key twice", "groups: []\ngroups: []\n", "2:1: This key stands here twice: keep one of them"],
  [
    "an unknown section",
    "groupes: []\n",
    "1:1: groupes: There is no such key. Did you mean groups?",
  ],
  [
    "an unknown flag of a mode",
    "controller:\n  prot: 1\n",
    "2:3: controller.prot: There is no such key. Did you mean port?",
  ],
  [
    "a value that its flag refuses",
    "controller:\n  retention: 3 days\n",
    '2:14: controller.retention: "3 days" is not a duration (examples: 500ms, 10s, 5m, 2h)',
  ],
  [
    "an unknown key of a group",
    `groups:\n  - name: a\n    provider: { kind: process }\n    mim: 1\n${REST}`,
    "4:5: groups[0].mim: There is no such key. Did you mean min?",
  ],
  [
    "an unknown key of a provider",
    `groups:\n  - name: a\n    provider: { kind: ssh, hosts: [a], identity: k }\n${REST}`,
    "3:40: groups[0].provider.identity: There is no such key; there are kind, hosts, identityFile,",
  ],
  [
    "an unknown provider",
    `groups:\n  - name: a\n    provider: { kind: aws }\n${REST}`,
    '3:23: groups[0].provider.kind: "aws" is not one of local, process, ssh, slurm, fake',
  ],
  [
    "VMs of two groups with the same names",
    `groups:\n  - name: a\n    sliceVms: 2\n    provider: { kind: process }\n${REST}` +
    `  - name: a-1\n    provider: { kind: process }\n${REST}`,
    "7:11: groups[1].name: a-1 and a VM of a slice of a would have the same name",
  ],
  [
    "a missing key",
    `groups:\n  - name: a\n    provider: { kind: ssh }\n${REST}`,
    "3:15: groups[0].provider.hosts: It is missing",
  ],
  [
    "a group without a size",
    "groups:\n  - name: a\n    provider: { kind: process }\n    max: 1\n",
    "2:5: groups[0].vm: It is missing",
  ],
  [
    "no size at all",
    "groups:\n  - name: a\n    provider: { kind: process }\n    vm: { cpu: 0, memory: 1GiB }\n    max: 1\n",
    '4:16: groups[0].vm.cpu: "0" is not a number of cores above 0',
  ],
  [
    "a negative number",
    `groups:\n  - name: a\n    provider: { kind: process }\n    min: -1\n${REST}`,
    "4:10: groups[0].min: -1 is not a whole number from 0 to 10000",
  ],
  [
    "min above max",
    `groups:\n  - name: a\n    provider: { kind: process }\n    min: 4\n${REST}`,
    "4:10: groups[0].min: 4 is more than max, which is 3",
  ],
  [
    "two groups of one name",
    `groups:\n  - name: a\n    provider: { kind: process }\n${REST}` +
    `  - name: a\n    provider: { kind: process }\n${REST}`,
    "6:11: groups[1].name: groups[0] has the name a already",
  ],
  [
    "two groups with one host",
    `groups:\n  - name: a\n    provider: { kind: ssh, hosts: [h, i, j] }\n${REST}` +
    `  - name: b\n    provider: { kind: ssh, hosts: [k, me@h, l] }\n${REST}`,
    "7:39: groups[1].provider.hosts[1]: The host h is in the group a already",
  ],
  [
    "more slices than hosts",
    `groups:\n  - name: a\n    provider: { kind: ssh, hosts: [h, i] }\n${REST}`,
    "5:10: groups[0].max: 3 slices of 1 need more hosts than the 2 of this group: at most 2",
  ],
  [
    "a key file that is not there",
    "groups:\n  - name: a\n    provider: { kind: ssh, hosts: [h], identityFile: /nowhere/key }\n" +
    "    vm: { cpu: 1, memory: 1GiB }\n    max: 1\n",
    "3:54: groups[0].provider.identityFile: /nowhere/key: there is no such file",
  ],
  [
    "a host that is none",
    `groups:\n  - name: a\n    provider: { kind: ssh, hosts: ["a b"] }\n${REST}`,
    '3:36: groups[0].provider.hosts[0]: "a b" is not a host (examples: node1, me@node1',
  ],
  ["a list where keys belong", "- a\n", "iris.yaml:1:1: Here stand keys: local, controller"],
];

for (const [name, text, says] of WRONG) {
  Deno.test(`a configuration with ${name} is refused at its line and column`, () => {
    const { file, findings } = check(text);
    assertEquals(file, null);
    assertStringIncludes(findingText("iris.yaml", findings[0]!), says);
  });
}

Deno.test("many aliases of a small file do not become a large one", () => {
  const text = Array.from(
    { length: 20 },
    (_, at) => at === 0 ? "a0: &a0 [x, x]" : `a${at}: &a${at} [*a${at - 1}, *a${at - 1}]`,
  ).join("\n");
  assertStringIncludes(lines(text)[0] ?? "", "More than 100 aliases");
});

Deno.test("control characters of a file do not reach the terminal", () => {
  const [line = ""] = lines('"gro\\eups": []\n');
  assert(!line.includes("\x1b"), JSON.stringify(line));
});

Deno.test("a key file that others may read is warned of, and the file is right all the same", () => {
  const key = Deno.makeTempFileSync();
  try {
    Deno.chmodSync(key, 0o644);
    const text =
      `groups:\n  - name: a\n    provider: { kind: ssh, hosts: [h], identityFile: ${key} }\n` +
      "    vm: { cpu: 1, memory: 1GiB }\n    max: 1\n";
    const { file, findings } = check(text);
    assertEquals([file?.groups.length, findings.length], [1, 1]);
    assertStringIncludes(findings[0]!.message, `so ssh will not use it: chmod 600 ${key}`);
  } finally {
    Deno.removeSync(key);
  }
});

Deno.test("a group becomes what the VM manager is configured with, with its defaults", () => {
  const { file } = check(`
groups:
  - name: gpu
    provider: { kind: ssh, hosts: [a, "me@[::1]:2222", { host: c, user: u }] }
    vm:
      cpu: 1500m
      memory: 8GiB
      disk: 1GB
      gpu: 2
      resources: { licence: 0.5 }
      attributes: { zone: a, fast: true }
    max: 2
    quota: { pool: p, rank: 1 }
    pace: { bootTimeout: 3m }
`);
  assertEquals(file?.groups, [{
    group: {
      ...{ name: "gpu", sliceVms: 1, min: 0, max: 2, buffer: 0, priority: 0 },
      ...{ cpuMilli: 1_500, memoryBytes: 8 * 2 ** 30 },
      resources: { licence: 500, gpu: 2_000, disk: 1e9 },
      attributes: { zone: "a", fast: "true" },
      ...{ idleMs: 300_000, quotaPool: "p", quotaRank: 1 },
    },
    pace: {
      ...{ createsPerMinute: 16, deletesPerMinute: 32, bootTimeoutMs: 180_000 },
      ...{ unhealthyMs: 60_000, stopMs: 30_000 },
    },
    provider: {
      kind: "ssh",
      hosts: [
        { host: "a", port: null, user: null },
        { host: "::1", port: 2_222, user: "me" },
        { host: "c", port: null, user: "u" },
      ],
      ...{ identityFile: null, knownHostsFile: null, hostKeys: "strict", configFile: null },
      ...{ folder: null, connectTimeoutMs: 10_000 },
    },
  }]);
});

Deno.test("a mode's section says its flags as they would be typed", () => {
  const { file } = check(
    "worker:\n  attr: { zone: a }\n  resource: [gpu=2]\ncontroller:\n  tlsSelfSigned: true\n  port: 0\n",
  );
  assertEquals([
    file?.typed("worker", "attr"),
    file?.typed("worker", "resource"),
    file?.typed("controller", "tlsSelfSigned"),
    file?.typed("controller", "port"),
    file?.typed("controller", "host"),
  ], [["zone=a"], ["gpu=2"], ["true"], ["0"], undefined]);
});

Deno.test("an empty file is right, and a file that is not there one line", () => {
  assertEquals(check("").file?.groups, []);
  assertThrows(
    () => needConfig("/nowhere/iris.yaml", sections()),
    IrisError,
    "Invalid --config: /nowhere/iris.yaml cannot be read: No such file",
  );
});

Deno.test("the schema for editors in the repository is the one of this program", () => {
  const shipped = Deno.readTextFileSync(
    new URL("../../../docs/iris.schema.json", import.meta.url),
  );
  assertEquals(JSON.parse(shipped), JSON.parse(JSON.stringify(jsonSchema(sections()))));
});
