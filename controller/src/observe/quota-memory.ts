import type { Live, StoreChange } from "@amalthea/kube";
import type { ResourceQuota } from "kubernetes-types/core/v1.js";
import { parseQuantity } from "../decide/values/quantity.ts";
import { identityOf } from "./informer-transforms.ts";

/** When ResourceQuotas last got room, by namespace. */
export class QuotaMemory {
  readonly #freedAt = new Map<string, Date>();

  /** Records a change. @returns The namespace in which there is more room now, if any. */
  changed({ previous, current }: StoreChange<ResourceQuota>, now: Date): string | undefined {
    if (previous === undefined || !hasMoreRoom(previous, current)) return undefined;
    const { namespace = "" } = previous.metadata;
    this.#freedAt.set(namespace, now);
    return namespace;
  }

  freedAt(namespace: string): Date | undefined {
    return this.#freedAt.get(namespace);
  }
}

/** Keeps of a ResourceQuota what is read. */
export function quotaContent({ metadata, status }: Live<ResourceQuota>): Live<ResourceQuota> {
  return { metadata: identityOf(metadata), status: { hard: status?.hard ?? {}, used: status?.used ?? {} } };
}

function hasMoreRoom(previous: ResourceQuota, current: ResourceQuota | undefined): boolean {
  if (current === undefined) return true;
  const names = new Set([...Object.keys(previous.status?.hard ?? {}), ...Object.keys(current.status?.hard ?? {})]);
  return [...names].some((name) => roomIn(current, name) > roomIn(previous, name));
}

/** In billionths; what is not limited has more than anything. */
function roomIn({ status }: ResourceQuota, name: string): bigint {
  const hard = parseQuantity(status?.hard?.[name]);
  return hard === undefined ? UNLIMITED : hard - (parseQuantity(status?.used?.[name]) ?? 0n);
}

const UNLIMITED = 2n ** 200n;
