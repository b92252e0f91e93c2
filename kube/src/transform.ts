import type { KubeObject, Live } from "./objects.ts";

/** kubectl's copy of the whole object. */
const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

/** Removes what nobody here reads and what is a third of an object: `managedFields`, and kubectl's copy of it. */
export function withoutBookkeeping<T extends KubeObject>(object: Live<T>, keepManagedFields = false): Live<T> {
  const { managedFields, annotations, ...others } = object.metadata;
  const metadata = keepManagedFields && managedFields !== undefined ? { ...others, managedFields } : others;
  if (annotations === undefined) return { ...object, metadata };
  const { [LAST_APPLIED]: __, ...kept } = annotations;
  return { ...object, metadata: { ...metadata, annotations: kept } };
}

/** Freezes an object with all that is in it, so that changing it throws. @returns The same object. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  for (const part of Object.values(value)) deepFreeze(part);
  return Object.freeze(value);
}
