/**
 * Takes a changed `iris.yaml` into a running process: on SIGHUP it is read again, what can change at
 * once does, and the rest is said to need a new start. Runs in main.
 */
import { messageOf } from "../../base/errors.ts";
import type { GroupConfig } from "../../vm/scale_group.ts";
import { type ConfigFile, findingText, needConfig, readConfig } from "./config_file.ts";
import type { ModeFlags } from "./file_schema.ts";
import { planReload } from "./reload_plan.ts";

/** Makes other groups the ones in force. @returns why that cannot be; null when it is done */
export type TakeGroups = (groups: readonly GroupConfig[]) => Promise<string | null>;

/** See the head of this file. */
export class ConfigReload {
  readonly #path: string;
  readonly #section: string;
  readonly #modes: ModeFlags;
  readonly #say: (line: string) => void;
  #file: ConfigFile;
  #groups: readonly GroupConfig[];
  #take: TakeGroups | null = null;
  #running: Promise<void> = Promise.resolve();

  /**
   * @param path of a file that is right
   * @param of.section the mode's
   * @throws {IrisError} `usage` when it is not
   */
  constructor(
    path: string,
    of: { section: string; modes: ModeFlags; say: (line: string) => void },
  ) {
    this.#path = path;
    this.#section = of.section;
    this.#modes = of.modes;
    this.#say = of.say;
    this.#file = needConfig(path, of.modes);
    this.#groups = this.#file.groups;
  }

  /** The groups that the process began with. */
  get groups(): readonly GroupConfig[] {
    return this.#groups;
  }

  /** Sets who takes other groups in; before that they need a new start. */
  onGroups(take: TakeGroups): void {
    this.#take = take;
  }

  /** Reads the file again; one reading after the other. Never rejects. */
  run(): Promise<void> {
    this.#running = this.#running.then(() => this.#reload()).catch((error) => {
      this.#say(`${this.#path} was not taken in: ${messageOf(error)}`);
    });
    return this.#running;
  }

  async #reload(): Promise<void> {
    const { file, findings } = readConfig(this.#path, this.#modes);
    for (const finding of findings) {
      this.#say(`${finding.severity}: ${findingText(this.#path, finding)}`);
    }
    if (file === null) return this.#say(`${this.#path} is wrong: nothing changes`);
    const plan = planReload(
      { groups: this.#groups, section: this.#file.section(this.#section) },
      { groups: file.groups, section: file.section(this.#section) },
    );
    for (const line of plan.refused) this.#say(`${this.#path}: ${line}`);
    if (plan.changes.length === 0) {
      return this.#say(`${this.#path} was read again: nothing to take in`);
    }
    const problem = this.#take === null
      ? "groups take effect at the next start"
      : await this.#take(plan.groups);
    if (problem !== null) return this.#say(`${this.#path}: groups stay as they are: ${problem}`);
    this.#groups = plan.groups;
    this.#file = file;
    for (const line of plan.changes) this.#say(`${this.#path}: ${line}`);
  }
}
