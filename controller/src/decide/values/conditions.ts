type Conditioned<C> = { readonly status?: { readonly conditions?: readonly C[] } };

/** The condition of an object if both are there and it is true. */
export function trueCondition<C extends { readonly type: string; readonly status: string }>(
  object: Conditioned<C> | undefined,
  wanted: string,
): C | undefined {
  return object?.status?.conditions?.find(({ type, status: value }) => type === wanted && value === "True");
}
