import { assertEquals, assertThrows } from "@std/assert";
import { IrisError } from "../../src/base/errors.ts";
import { readClientConfig } from "../../src/cli/config/client_config.ts";
import { resolveTarget, type TargetFlags } from "../../src/cli/target.ts";

const TEXT = `controller: https://top:1
token-file: top-token
context: prod
contexts:
  prod:
    controller: https://prod:1
    token-file: ~/prod-token
    caFile: /etc/prod.pem
  test: { controller: "https://test:1" }
`;

function configOf(text: string) {
  const folder = Deno.makeTempDirSync({ prefix: "iris-test-" });
  const path = `${folder}/config.yaml`;
  try {
    Deno.writeTextFileSync(path, text);
    return {
      config: readClientConfig(path, (name) => name === "HOME" ? "/people/ada" : ""),
      folder,
    };
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function found(flags: TargetFlags, env: Record<string, string> = {}, text = TEXT) {
  const { config, folder } = configOf(text);
  // As the parser does it, the environment stands where a flag was left out.
  const given = {
    controller: flags.controller ?? env.IRIS_CONTROLLER,
    tokenFile: flags.tokenFile ?? env.IRIS_TOKEN_FILE,
    caFile: flags.caFile ?? env.IRIS_CA_FILE,
    context: flags.context ?? env.IRIS_CONTEXT,
  };
  const target = resolveTarget(given, { env: (name) => env[name], config });
  return Object.fromEntries(
    Object.entries(target).map(([key, { value, from }]) => [
      key,
      `${value} by ${from}`.replaceAll(folder, "DIR"),
    ]),
  );
}

Deno.test("the file's own context is used, with the place of each value", () => {
  assertEquals(found({}), {
    controller: "https://prod:1 by DIR/config.yaml:6",
    tokenFile: "/people/ada/prod-token by DIR/config.yaml:7",
    caFile: "/etc/prod.pem by DIR/config.yaml:8",
    context: "prod by DIR/config.yaml:3",
  });
  assertEquals(found({}, {}, TEXT.replace("context: prod", "context: local")), {
    context: "local by DIR/config.yaml:3",
  });
  assertEquals(found({}, {}, "controller: http://a:1\ntokenFile: t\n"), {
    controller: "http://a:1 by DIR/config.yaml:1",
    tokenFile: "DIR/t by DIR/config.yaml:2",
  });
});

Deno.test("what is typed wins over the environment, and that over the file", () => {
  const env = { IRIS_CONTROLLER: "http://env:1", IRIS_TOKEN_FILE: "env-token" };
  assertEquals(found({}, env).controller, "http://env:1 by IRIS_CONTROLLER");
  assertEquals(found({}, env).tokenFile, "env-token by IRIS_TOKEN_FILE");
  assertEquals(found({ controller: "http://typed:1" }, env), {
    controller: "http://typed:1 by --controller",
    tokenFile: "env-token by IRIS_TOKEN_FILE",
    context: "prod by DIR/config.yaml:3",
  });
  assertEquals(found({ context: "test" }, env).controller, "https://test:1 by DIR/config.yaml:9");
  assertEquals(
    found({}, { IRIS_CONTEXT: "test" }).controller,
    "https://test:1 by DIR/config.yaml:9",
  );
});

Deno.test("a context's token goes to no controller but its own", () => {
  assertEquals(found({ controller: "http://typed:1" }).tokenFile, undefined);
  assertEquals(found({ context: "test" }).tokenFile, undefined);
  assertEquals(
    found({ controller: "https://prod:1" }).tokenFile,
    "/people/ada/prod-token by DIR/config.yaml:7",
  );
});

Deno.test("a context that does not exist is refused, and the near one suggested", () => {
  const refused = (run: () => unknown, says: string) => {
    assertEquals(assertThrows(run, IrisError, says).code, "usage");
  };
  refused(() => found({ context: "prdo" }), 'there is no context "prdo"');
  refused(() => found({ context: "prdo" }), "Did you mean prod?");
  refused(() => found({}, { IRIS_CONTEXT: "zzzzzzzz" }), "Invalid IRIS_CONTEXT");
});

Deno.test("what is wrong in the file is said with its line and column", () => {
  const wrong: [string, RegExp][] = [
    ["controler: a\n", /:1:1: controler: There is no such key\. Did you mean controller\?/],
    [
      "contexts:\n  a: { tokenFiel: x }\n",
      /:2:8: contexts\.a\.tokenFiel: .*Did you mean tokenFile/,
    ],
    ["contexts: [1]\n", /:1:1: contexts: Here stand keys/],
    ["context: a\ncontexts: { b: {} }\n", /:1:1: context: There is no context "a"/],
    ["controller: 7\n", /:1:1: controller: This is not a text/],
    ["a: b: c\n", /config\.yaml:1:/],
    ["contexts:\n  'a b': {}\n", /:2:3: contexts\.a b: A name has/],
  ];
  for (const [text, says] of wrong) {
    const error = assertThrows(() => configOf(text), IrisError);
    assertEquals(says.test(error.message), true, error.message);
    assertEquals(error.code, "usage");
  }
});
