/** The man page, made from the declarations, in the macros of man(7). Pure. */
import type { Command } from "../flags/command.ts";
import { ENVIRONMENT, EXIT_CODES } from "../exit_codes.ts";
import type { Flags } from "../flags/flag.ts";
import { ctrlCOf, flagGroups, flagText, flagWords, shown, usageOf } from "../flags/help.ts";

/** What the page is made of. */
export interface Manual<Context> {
  readonly version: string;
  readonly commands: readonly Command<Context>[];
  readonly modes: readonly Command<Context>[];
}

/** The page, `iris.1`. */
export function manPage<Context>({ version, commands, modes }: Manual<Context>): string {
  const visible = shown(commands);
  return [
    `.TH IRIS 1 "" "iris ${text(version)}" "Iris"`,
    ".SH NAME",
    "iris \\- runs jobs on a cluster, and ends cleanly",
    ".SH SYNOPSIS",
    ".B iris",
    "COMMAND [FLAGS]",
    ".br",
    ".B iris",
    "\\-\\-mode=MODE [FLAGS]",
    ".SH DESCRIPTION",
    "A job becomes tasks, tasks run on workers, workers live on VMs. One program holds every role:",
    "controller, VM manager, worker, and the command line. Durations are written 500ms, 10s, 5m, 2h,",
    "3d; sizes 512MB, 2GiB.",
    ".SH COMMANDS",
    ...visible.flatMap((command) => section(command)),
    ".SH MODES",
    ...modes.flatMap((mode) => section(mode)),
    ".SH ENVIRONMENT",
    ...environmentOf([...visible, ...modes]).flatMap(([name, means]) => item(name, means)),
    ".SH FILES",
    ...item("$XDG_CONFIG_HOME/iris/config.yaml", "which clusters commands talk to, by name"),
    ...item("$XDG_STATE_HOME/iris", "the state of clusters and workers of this user"),
    ".SH EXIT STATUS",
    ...EXIT_CODES.flatMap(({ of, codes }) => [
      `.SS ${quoted(`Of ${of}`)}`,
      ...codes.flatMap(({ code, means }) => item(code, means)),
    ]),
    "",
  ].join("\n");
}

function section<Context>(command: Command<Context>): string[] {
  return [
    `.SS ${quoted(usageOf(command))}`,
    text(command.summary),
    ...flagGroups(command.flags).flatMap(({ title, flags }) => [
      ".PP",
      `.I ${quoted(`${title}:`)}`,
      ...flags.flatMap(([name, flag]) => item(flagWords(name, flag), flagText(flag))),
    ]),
    ".PP",
    `Example: ${text(command.example)}`,
    ".PP",
    `Ctrl\\-C ${text(ctrlCOf(command))}`,
  ];
}

function item(term: string, means: string): string[] {
  return [".TP", `.B ${quoted(term)}`, text(means)];
}

/** Every variable that a flag looks at, and the others. */
export function environmentOf(
  of: readonly { readonly flags: Flags }[],
): (readonly [name: string, means: string])[] {
  const found = new Map<string, string>();
  for (const { flags } of of) {
    for (const flag of Object.values(flags)) {
      if (flag.env !== undefined && !found.has(flag.env)) found.set(flag.env, flag.help);
    }
  }
  return [...found, ...ENVIRONMENT].sort(([a], [b]) => a < b ? -1 : 1);
}

/** Text as roff takes it: a hyphen is a minus, and no line begins with a control character. */
function text(plain: string): string {
  const escaped = plain.replaceAll("\\", "\\(rs").replaceAll("-", "\\-").replaceAll("~", "\\(ti")
    .replaceAll("^", "\\(ha").replaceAll("`", "\\(ga").replaceAll("'", "\\(aq");
  return escaped.replace(/^\./, "\\&.");
}

/** The one argument of a macro. */
function quoted(plain: string): string {
  return `"${text(plain).replaceAll('"', "\\(dq")}"`;
}
