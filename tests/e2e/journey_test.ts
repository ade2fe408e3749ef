/**
 * A newcomer's first quarter of an hour, with the one file, a browser and a second host: install, a
 * first job, seen in the browser, broken, understood, mended there, more hosts, stop.
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { compileIris } from "../../scripts/compile.ts";
import { ROOT } from "../../scripts/lint/place.ts";
import { Chromium, hasChromium } from "../support/chromium.ts";
import { fileClusterUp } from "../support/file_cluster.ts";
import { makeWorld, type World } from "../support/iris_process.ts";
import { inGate, needs } from "../support/require.ts";
import { canHaveSshHosts, makeSshHosts, type SshHosts } from "../support/ssh/ssh_hosts.ts";

const UP_MS = 60_000;

/** One machine, to begin with. */
const HERE = `groups:
  - name: here
    vm: { cpu: 2, memory: 1GiB }
    min: 1
    max: 1
    provider: { kind: local }
`;

/** And a host that ssh reaches. */
function more({ hosts, dir, folder, ...files }: SshHosts): string {
  Deno.writeTextFileSync(
    `${dir}/ssh_config`,
    `Host node1
  HostName ${hosts[0]!.address}
  User root
  IdentityFile ${files.identityFile}
  UserKnownHostsFile ${files.knownHostsFile}
`,
  );
  return `  - name: lab
    vm: { cpu: 1, memory: 1GiB }
    max: 1
    provider:
      kind: ssh
      hosts: [{ host: node1 }]
      hostKeys: accept-new
      configFile: ${dir}/ssh_config
      folder: ${folder}
`;
}

/** What a line typed in the folder says; it has to end with this code. */
async function type(world: World, line: string, code = 0): Promise<string> {
  const said = await new Deno.Command("timeout", {
    args: [`${UP_MS / 1_000}`, "sh", "-c", line],
    ...{ cwd: world.dir, env: world.env, clearEnv: true, stdin: "null" },
  }).output();
  const text = new TextDecoder().decode(said.stdout) + new TextDecoder().decode(said.stderr);
  assertEquals(said.code, code, `${line}: ${text}`);
  return text;
}

const sees = (text: string) =>
  `document.body?.innerText.toLowerCase().includes(${JSON.stringify(text.toLowerCase())}) === true`;

Deno.test({
  name: "a newcomer installs, runs, looks, breaks, understands, mends, grows and stops",
  ...inGate(
    await needs(
      "a browser (chromium), OpenSSH and namespaces",
      async () => await hasChromium() && await canHaveSshHosts(),
    ),
  ),
  async fn() {
    // Install: one file in an empty folder.
    const { file } = await compileIris({ kind: "self-extracting", out: `${ROOT}/dist/.test` });
    using world = makeWorld();
    await using hosts = await makeSshHosts({
      count: 1,
      sshd: ["SetEnv XDG_CACHE_HOME=@FOLDER@/cache"],
    });
    Deno.symlinkSync(file, `${world.dir}/iris`);
    assertMatch(await type(world, "./iris version"), /^iris \d/);
    Deno.writeTextFileSync(`${world.dir}/iris.yaml`, HERE);
    await type(world, "./iris config check iris.yaml");
    // In another terminal.
    const cluster = await fileClusterUp(world, UP_MS);
    let ended: number | null = null;
    try {
      // The first job.
      assertMatch(
        await type(world, "./iris job run --name first -- echo hello"),
        /first\/0 \| hello/,
      );

      // Seen in the browser.
      const status = await type(world, "./iris cluster status");
      const [login = ""] = /http:\/\/127\S+login\S+/.exec(status) ?? [];
      await using browser = await Chromium.start();
      const page = await browser.open(login);
      await page.until(sees("Overview"), UP_MS);
      const [job] = JSON.parse(await type(world, "./iris job list --json"));
      const user = job.name.split("/")[1];
      const pageOf = (name: string) =>
        `${cluster.url}/jobs/${encodeURIComponent(`/${user}/${name}`)}`;
      await page.go(pageOf("first"));
      await page.until(sees("succeeded"), UP_MS);
      await page.until(sees("hello"), UP_MS);

      // Broken: what it reads is not there.
      const data = `${world.dir}/data.txt`;
      await type(world, `./iris job run --name train -- cat ${data}`, 1);

      // Why: on the overview, in the log of its page, and at the command line.
      await page.go(cluster.url);
      await page.until(sees("what is wrong now"), UP_MS);
      await page.until(sees(`/${user}/train`), UP_MS);
      await page.go(pageOf("train"));
      await page.until(sees("No such file or directory"), UP_MS);
      assertStringIncludes(await type(world, "./iris job explain train"), "exited with 1");
      assertStringIncludes(await type(world, "./iris job logs train"), data);

      // Mended, and run again by the button of the page.
      Deno.writeTextFileSync(data, "all that it takes\n");
      await page.evaluate(`(() => {
        const form = [...document.forms].find(({ action }) => action.endsWith("/retry"));
        form.closest("details")?.setAttribute("open", "");
        form.querySelector("button").click();
        return null;
      })()`);
      await type(world, "./iris job wait train");
      await page.until(sees("succeeded"), UP_MS);
      await page.until(sees("all that it takes"), UP_MS);

      // A second host: written into the file, which is read again.
      Deno.writeTextFileSync(`${world.dir}/iris.yaml`, `${HERE}${more(hosts)}`);
      Deno.kill(cluster.pid, "SIGHUP");
      const where = `./iris job run --constraint 'group in lab' -- sh -c 'ip -4 addr show eth0'`;
      assertStringIncludes(await type(world, where), hosts.hosts[0]!.address);
      await page.go(`${cluster.url}/vms`);
      await page.until(sees("lab-0"), UP_MS);

      // Stop: everything, and the truth about it.
      assertMatch(await type(world, "./iris cluster stop"), /stopped cleanly/);
      ({ code: ended } = await cluster.ended());
      assertEquals(ended, 0, cluster.text);
      assertEquals(await hosts.stays(), []);
      assertEquals(world.survivors(), []);
      assert(!cluster.text.includes("error"), cluster.text);
    } finally {
      if (ended === null) {
        Deno.kill(cluster.pid, "SIGKILL");
        await cluster.ended();
      }
    }
  },
});
