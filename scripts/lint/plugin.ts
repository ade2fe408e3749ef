/** The lint plugin `iris`, loaded by `deno lint` (deno.json): the rules of the house by name. */
import { importConcrete, importRank, importSource } from "./rules/imports.ts";
import { homeOfPower, pure } from "./rules/powers.ts";
import {
  exportedJsdoc,
  fileComment,
  maxFileLines,
  maxFunctionLines,
  maxParams,
  noDefaultExport,
  noEnum,
  noNamespace,
  privateByHash,
} from "./rules/shape.ts";
import { ignoreReason, noOnly, sanitizerReason, testName } from "./rules/tests.ts";
import { fetchDeadline, ownedPromise } from "./rules/waits.ts";

const plugin: Deno.lint.Plugin = {
  name: "iris",
  rules: {
    "import-rank": importRank,
    "import-concrete": importConcrete,
    "import-source": importSource,
    "home-of-power": homeOfPower,
    "pure": pure,
    "no-default-export": noDefaultExport,
    "no-enum": noEnum,
    "no-namespace": noNamespace,
    "private-by-hash": privateByHash,
    "max-params": maxParams,
    "max-function-lines": maxFunctionLines,
    "max-file-lines": maxFileLines,
    "file-comment": fileComment,
    "exported-jsdoc": exportedJsdoc,
    "owned-promise": ownedPromise,
    "fetch-deadline": fetchDeadline,
    "test-name": testName,
    "no-only": noOnly,
    "ignore-reason": ignoreReason,
    "sanitizer-reason": sanitizerReason,
  },
};

export default plugin;
