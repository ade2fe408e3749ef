/**
 * What `.gitignore` and `.irisignore` files leave out of a bundle, as git reads them: those of a
 * folder hold below it, a deeper one has the last word, and what lies in a folder that is left out
 * is left out. `.irisignore` comes after `.gitignore`, so it can take back what that leaves out.
 */
import ignore, { type Ignore } from "ignore";
import { IrisError, messageOf } from "../base/errors.ts";

/** Files with rules, the later ones above the earlier. */
const RULE_FILES = [".gitignore", ".irisignore"] as const;
/** The largest file with rules, in bytes. */
const MAX_RULES_BYTES = 1024 * 1024;

interface Level {
  /** The folder whose rules these are, relative to the first; `""` or with a `/` at its end. */
  readonly base: string;
  readonly rules: Ignore;
}

/** The rules that hold in one folder. */
export class IgnoreRules {
  readonly #levels: readonly Level[];
  /** Where the folder lies below the first one that has rules; `""` or with a `/` at its end. */
  readonly #base: string;

  private constructor(levels: readonly Level[], base: string) {
    this.#levels = levels;
    this.#base = base;
  }

  /**
   * The rules of a folder, and of those above it up to the root of its git repository.
   *
   * @param folder a real, absolute path
   */
  static of(folder: string): IgnoreRules {
    const top = repositoryOf(folder) ?? folder;
    let rules = new IgnoreRules([], "").#with(top);
    const names = folder.slice(top.length).split("/").filter((name) => name !== "");
    let at = top;
    for (const name of names) {
      at = `${at}/${name}`;
      rules = rules.below(name, at);
    }
    return rules;
  }

  /** The rules in a folder of this one. @param path where its own rules are read */
  below(name: string, path: string): IgnoreRules {
    return new IgnoreRules(this.#levels, `${this.#base}${name}/`).#with(path);
  }

  /** Whether something in this folder is left out. */
  leavesOut(name: string, isFolder: boolean): boolean {
    const path = `${this.#base}${name}${isFolder ? "/" : ""}`;
    let out = false;
    for (const { base, rules } of this.#levels) {
      const { ignored, unignored } = rules.test(path.slice(base.length));
      if (ignored) out = true;
      else if (unignored) out = false;
    }
    return out;
  }

  #with(path: string): IgnoreRules {
    const texts = RULE_FILES.map((name) => readRules(`${path}/${name}`)).filter((text) =>
      text !== ""
    );
    if (texts.length === 0) return this;
    const rules = ignore().add(texts.join("\n"));
    return new IgnoreRules([...this.#levels, { base: this.#base, rules }], this.#base);
  }
}

function readRules(file: string): string {
  try {
    const { isFile, size } = Deno.lstatSync(file);
    if (!isFile) return "";
    if (size > MAX_RULES_BYTES) {
      throw new IrisError("usage", `${file} is larger than ${MAX_RULES_BYTES} bytes`);
    }
    return Deno.readTextFileSync(file);
  } catch (error) {
    if (error instanceof IrisError) throw error;
    if (error instanceof Deno.errors.NotFound) return "";
    throw new IrisError("usage", `${file} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

/** The folder at or above this one that holds a git repository. */
function repositoryOf(folder: string): string | null {
  for (let at = folder; at !== ""; at = at.slice(0, at.lastIndexOf("/"))) {
    try {
      Deno.lstatSync(`${at}/.git`);
      return at;
    } catch {
      // Not here.
    }
  }
  return null;
}
