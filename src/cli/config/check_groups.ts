/** What a schema cannot say of scale groups: numbers that contradict each other, things used twice. */
import type { SshHost } from "../../vm/provider_config.ts";
import type { GroupConfig } from "../../vm/scale_group.ts";
import { fieldText, type Finding, type Path, type YamlFile } from "./yaml_file.ts";

/** Bits of a mode that let others than the owner at a file. */
const OTHERS = 0o077;

/** Everything that is wrong or looks wrong with the groups of a file. */
export function groupFindings(groups: readonly GroupConfig[], yaml: YamlFile): Finding[] {
  const findings: Finding[] = [];
  const say = (severity: Finding["severity"], path: Path, message: string) =>
    findings.push({ severity, ...yaml.placeOf(path), field: fieldText(path), message });
  const names = new Map<string, number>();
  const hosts = new Map<string, string>();
  groups.forEach(({ group, provider }, at) => {
    const first = names.get(group.name);
    if (first !== undefined) {
      say("error", ["groups", at, "name"], `groups[${first}] has the name ${group.name} already`);
    }
    names.set(group.name, first ?? at);
    const other = groups.find((one) => sharesNames(one.group, group));
    if (other !== undefined) {
      const of = other.group.name;
      const message = `${group.name} and a VM of a slice of ${of} would have the same name`;
      say("error", ["groups", at, "name"], message);
    }
    sizes(group, (key, message) => say("error", ["groups", at, key], message));
    if (provider.kind !== "ssh") return;
    provider.hosts.forEach((host, number) => {
      const text = hostText(host);
      const user = hosts.get(text);
      const path = ["groups", at, "provider", "hosts", number] as const;
      if (user !== undefined) {
        say("error", path, `The host ${text} is in the group ${user} already`);
      } else hosts.set(text, group.name);
    });
    const slices = Math.floor(provider.hosts.length / group.sliceVms);
    if (group.max > slices) {
      say(
        "error",
        ["groups", at, "max"],
        `${group.max} slices of ${group.sliceVms} need more hosts than the ${provider.hosts.length} ` +
          `of this group: at most ${slices}`,
      );
    }
    if (provider.identityFile !== null) {
      const path = ["groups", at, "provider", "identityFile"];
      const problem = keyProblem(provider.identityFile);
      if (problem !== null) say(problem.severity, path, problem.message);
    }
  });
  return findings;
}

/** VMs of a slice of `a` are `a-0-0`, `a-0-1` ...: a group `a-0` would have a VM of that name. */
function sharesNames(several: GroupConfig["group"], one: GroupConfig["group"]): boolean {
  const { name, sliceVms } = several;
  return sliceVms > 1 && one.name.startsWith(`${name}-`) &&
    /^\d+(-\d+)?$/.test(one.name.slice(name.length + 1));
}

function sizes(
  { min, max, buffer }: GroupConfig["group"],
  say: (key: string, message: string) => void,
): void {
  if (max === 0) say("max", "0 slices: leave the group out instead");
  if (min > max) say("min", `${min} is more than max, which is ${max}`);
  else if (buffer > max) say("buffer", `${buffer} is more than max, which is ${max}`);
}

/** What ssh itself would refuse, or not find. */
function keyProblem(file: string): Pick<Finding, "severity" | "message"> | null {
  try {
    const { isFile, mode } = Deno.statSync(file);
    if (!isFile) return { severity: "error", message: `${file} is no file` };
    if (mode === null || (mode & OTHERS) === 0) return null;
    const octal = (mode & 0o777).toString(8).padStart(4, "0");
    return {
      severity: "warning",
      message: `${file} has mode ${octal}, so ssh will not use it: chmod 600 ${file}`,
    };
  } catch (error) {
    const why = error instanceof Deno.errors.NotFound
      ? "there is no such file"
      : "it is not readable";
    return { severity: "error", message: `${file}: ${why}` };
  }
}

function hostText({ host, port }: SshHost): string {
  return port === null || port === 22 ? host : `${host}:${port}`;
}
