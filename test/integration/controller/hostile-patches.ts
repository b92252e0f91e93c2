/** A JSON patch as `spec.patches` has it. */
export function json(...patch: readonly unknown[]): object {
  return { type: "application/json-patch+json", patch };
}

/** A merge patch as `spec.patches` has it. */
export function merge(patch: unknown): object {
  return { type: "application/merge-patch+json", patch };
}

const notes = { notes: { apiVersion: "v1", kind: "ConfigMap", data: { text: "x" } } };
const doubling = Array.from({ length: 26 }, (_, index) => ({ op: "copy", from: "/notes", path: `/notes/c${index}` }));
const numbers = (from: number): readonly number[] => Array.from({ length: 2_000 }, (_, index) => index + from);
const listed = merge({ notes: { ...notes.notes, list: numbers(0) } });
const inherited = JSON.parse(
  '{"statefulset":null,"__proto__":{"statefulset":{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"other"}}}}',
) as unknown;
const manyChildren = Object.fromEntries(Array.from({ length: 3_000 }, (_, index) => [`n${index}`, notes.notes]));

type HostilePatches = { readonly what: string; readonly patches: readonly object[]; readonly reason: string };

/** Patches that are made to hurt, and the reason that they are refused with. */
export const HOSTILE_PATCHES: readonly HostilePatches[] = [
  { what: "doubling", patches: [merge(notes), json(...doubling)], reason: "InvalidPatch" },
  {
    what: "built-in-function",
    patches: [json({ op: "add", path: "/hasOwnProperty/call", value: "boom" })],
    reason: "InvalidPatch",
  },
  {
    what: "built-in-method",
    patches: [json({ op: "add", path: "/statefulset/spec/template/spec/containers/map/x", value: "boom" })],
    reason: "InvalidPatch",
  },
  {
    what: "long-test",
    patches: [listed, json({ op: "test", path: "/notes/list", value: numbers(1) })],
    reason: "InvalidPatch",
  },
  { what: "inherited", patches: [merge(inherited)], reason: "InvalidPatch" },
  { what: "many-patches", patches: Array.from({ length: 2_000 }, () => json()), reason: "InvalidPatch" },
  { what: "many-children", patches: [merge(manyChildren)], reason: "InvalidPatch" },
  { what: "no-jupyter", patches: [merge(containers([{ name: "x", image: "x" }]))], reason: "InvalidChild" },
  {
    what: "finalizer",
    patches: [merge({ service: { metadata: { finalizers: ["a.example.org/b"] } } })],
    reason: "InvalidChild",
  },
];

function containers(list: readonly object[]): object {
  return { statefulset: { spec: { template: { spec: { containers: list } } } } };
}
