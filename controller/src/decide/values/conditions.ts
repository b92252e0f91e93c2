type Conditioned<C> = { readonly status?: { readonly conditions?: readonly C[] } };

/** The condition of an object if it is true. */
export function trueCondition<C extends { readonly type: string; readonly status: string }>(
  { status }: Conditioned<C>,
  wanted: string,
): C | undefined {
  return status?.conditions?.find(({ type, status: value }) => type === wanted && value === "True");
}
