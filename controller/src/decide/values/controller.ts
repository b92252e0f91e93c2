type Owned<T> = { readonly metadata?: { readonly ownerReferences?: readonly T[] | undefined } };

/** The reference to the object's controller, or undefined if it has none. */
export function controllerOf<T extends { readonly controller?: boolean }>({ metadata }: Owned<T>): T | undefined {
  return metadata?.ownerReferences?.find(({ controller }) => controller === true);
}
