/** The VM manager's isolate, with all providers; each is loaded when a group asks for it. */
/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
import { WITH_LOG } from "../base/log.ts";
import { systemRandom } from "../base/random.ts";
import { ownEnvironment, selfCommand, selfEnvironment, singleFile } from "../host/self_command.ts";
import { serveIsolate } from "../lifecycle/isolate_body.ts";
import { LAUNCH_CHANNEL, MainLink } from "../vm/launch_channel.ts";
import { LOCAL_CHANNEL } from "../vm/local/local_messages.ts";
import { localProviders } from "../vm/local/local_provider.ts";
import type { GroupConfig } from "../vm/scale_group.ts";
import { vmManagerLoop } from "../vm/vm_manager_loop.ts";

serveIsolate(
  vmManagerLoop({
    makers: (context) => ({
      ...(context.config.hasLocal && { local: localProviders(context.channel(LOCAL_CHANNEL)) }),
      process: async (config, to) =>
        await (await import("../vm/process/process_provider.ts")).makeProcessProvider(config, to),
      slurm: async (config, to) => {
        const { slurmProvider } = await import("../vm/slurm/slurm_provider.ts");
        const otherwise = { command: selfCommand(), env: selfEnvironment() };
        const program = { singleFile: singleFile(), otherwise };
        return await slurmProvider({ program, env: ownEnvironment() })(config, to);
      },
      ssh: async (config, to) => {
        const { sshProvider } = await import("../vm/ssh/ssh_provider.ts");
        const { ownProgram } = await import("../vm/ssh/own_program.ts");
        return await sshProvider({ programFor: ownProgram })(config, to);
      },
      fake: async (config, to) =>
        await (await import("../vm/fake/fake_provider.ts")).fakeProvider()(config, to),
    }),
    random: systemRandom,
    // A local cluster without other groups needs no database: it starts without loading one.
    journal: async (folder) =>
      (await import("../store/vm_store.ts")).openVmStore<GroupConfig>(folder),
    hasJournal: (folder) => Deno.stat(`${folder}/vms.db`).then(() => true, () => false),
    main: (context) => new MainLink(context.channel(LAUNCH_CHANNEL)),
  }),
  WITH_LOG,
);
