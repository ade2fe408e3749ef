/** What a program in Node knows of itself as a task, handed back as its result. */
import { Iris } from "iris/client";

const me = Iris.current();
me.progress({ done: 1, total: 2, message: "half way" });
const { address } = await me.registerEndpoint("web", me.port("http"), { metadata: { by: "node" } });
const [found] = await me.waitEndpoints("web");
const iris = await Iris.connect();
const { view } = await iris.job(me.job);
iris.close();
const { job, task, index, replicas, attempt, entry, outputDir } = me;
me.result({
  ...{ job, task, index, replicas, attempt, entry, input: me.input(), outputDir },
  ...{ found: found.address === address && found.metadata.by === "node", state: view.state },
  ...{ token: me.token().startsWith("task."), worker: me.worker !== "", user: iris.user },
});
