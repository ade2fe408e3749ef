/** Which providers there are: a maker by kind, handed to the VM manager by whoever composes it. */
import { IrisError } from "../base/errors.ts";
import type { ProviderConfig } from "./provider_config.ts";
import type { MakeProvider, ProviderContext, VmProvider } from "./vm_provider.ts";

type ConfigOf<Kind> = Extract<ProviderConfig, { readonly kind: Kind }>;

/** A maker for each kind that can be had here. */
export type ProviderMakers = {
  readonly [Kind in ProviderConfig["kind"]]?: MakeProvider<ConfigOf<Kind>>;
};

/**
 * Makes the provider of a group.
 *
 * @throws {IrisError} `invalid` when there is none of its kind here, or what its maker says
 */
export async function makeProvider(
  makers: ProviderMakers,
  config: ProviderConfig,
  context: ProviderContext,
): Promise<VmProvider> {
  const make = makers[config.kind] as MakeProvider<ProviderConfig> | undefined;
  if (make === undefined) {
    const message = `Group ${context.group.name}: there is no provider ${config.kind} here`;
    throw new IrisError("invalid", message, { field: "provider.kind" });
  }
  return await make(config, context);
}
