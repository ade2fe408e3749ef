import { type KeeperBench, testKeeperLink } from "../../contracts/keeper_link.ts";
import { FakeKeeper } from "../../fakes/fake_keeper.ts";
import { KeeperWorld, shellSpec } from "../../support/keeper_world.ts";

/** Waits until its own file says with which code to end. */
const WAITS = 'while [ ! -s "$GO/$IRIS_TASK_INDEX" ]; do sleep 0.01; done; ' +
  'exit $(cat "$GO/$IRIS_TASK_INDEX")';

async function realKeeper(): Promise<KeeperBench> {
  const world = new KeeperWorld();
  await world.start();
  const go = `${world.world.dir}/go`;
  Deno.mkdirSync(go);
  return {
    connect: () => world.connect(),
    spec: () => shellSpec(WAITS, { env: { PATH: "/usr/bin:/bin", GO: go } }),
    finish(index, code) {
      Deno.writeTextFileSync(`${go}/.${index}`, String(code));
      Deno.renameSync(`${go}/.${index}`, `${go}/${index}`);
    },
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  };
}

function fakeKeeper(): KeeperBench {
  const keeper = new FakeKeeper();
  const codes = new Map<number, number>();
  // A task that is not there yet ends as soon as it is, as the real one does.
  const endSome = () => {
    for (const [index, code] of codes) {
      const uid = keeper.running.find((one) => one.startsWith(`1.${index}.`));
      if (uid === undefined) continue;
      codes.delete(index);
      keeper.finish(uid, { code });
      return endSome();
    }
  };
  return {
    connect: () => {
      endSome();
      return Promise.resolve(keeper.connect());
    },
    spec: () => shellSpec("exit 0"),
    finish(index, code) {
      codes.set(index, code);
      endSome();
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

testKeeperLink("the real keeper", realKeeper);
testKeeperLink("the fake keeper", fakeKeeper);
