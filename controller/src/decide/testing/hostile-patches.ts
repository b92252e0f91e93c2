import type { Patch } from "@amalthea/api";

// Patches that are made to hurt: each builder does one thing as often, as long or as deep as it is told.

type HostilePatches = (size: number) => readonly Patch[];

const POD = "/statefulset/spec/template/spec";
const CONTAINER = `${POD}/containers/0`;

/** Object of this size as the API server takes it: the limit of etcd, which is 1.5 MiB. */
export const LARGEST_OBJECT = 1_500_000;

/** What every object shares: writing to it would change the controller. */
export const RESERVED: readonly string[] = ["__proto__", "constructor", "prototype"];
const INHERITED: readonly string[] = ["toString", "hasOwnProperty", "valueOf", "isPrototypeOf", "__defineGetter__"];

/** Values that code trips over which converts, walks or compares without looking. */
export const ODD_VALUES: readonly unknown[] = [
  null,
  "",
  "x",
  0,
  -1,
  1e308,
  true,
  [],
  [null],
  [[]],
  {},
  { toString: 1, valueOf: 1 },
  { length: 3 },
  { name: { a: 1 } },
  ["jupyter-server"],
  [{ name: "jupyter-server" }, { name: "jupyter-server" }],
  [{ name: null }, { name: 5 }, 5],
];

const json = (...patch: readonly unknown[]): Patch => ({ type: "application/json-patch+json", patch });
const merge = (patch: unknown): Patch => ({ type: "application/merge-patch+json", patch });
const add = (path: string, value: unknown): object => ({ op: "add", path, value });
const configMap = (more: object): object => ({ apiVersion: "v1", kind: "ConfigMap", ...more });

function times<T>(count: number, make: (index: number) => T): readonly T[] {
  return Array.from({ length: Math.max(1, Math.floor(count)) }, (_, index) => make(index));
}

/** Nested objects, or lists. */
export function nested(depth: number, wrap: (value: unknown) => unknown = (value) => ({ a: value })): unknown {
  let value: unknown = {};
  for (let level = 0; level < depth; level++) value = wrap(value);
  return value;
}

/** As the API server sends it: a key `__proto__` is then a property like any other. */
function withKey(key: string, value: unknown): unknown {
  return Object.fromEntries([[key, value]]);
}

/** Sizes are bytes, roughly, but for depths. */
export const HOSTILE: Readonly<Record<string, HostilePatches>> = {
  doublingObject: (size) => [
    merge({ notes: configMap({ data: { text: "x".repeat(size / 100) } }) }),
    json(...times(Math.min(size / 50, 4_000), (index) => ({ op: "copy", from: "/notes", path: `/notes/c${index}` }))),
  ],
  doublingList: (size) => [
    json(add("/notes", [1])),
    json(...times(Math.min(size / 50, 4_000), () => ({ op: "copy", from: "/notes", path: "/notes/-" }))),
  ],
  copyAndRemove: (size) => [
    json(add("/notes", "x".repeat(size / 2))),
    json(
      ...times(Math.min(size / 100, 2_000), () => [
        { op: "copy", from: "/notes", path: "/other" },
        { op: "remove", path: "/other" },
      ]).flat(),
    ),
  ],
  movesIntoItself: () => [json({ op: "move", from: "/statefulset", path: `${CONTAINER}/x` })],
  movesToAndFro: (size) => [
    json(
      add(
        "/notes",
        times(size / 4, (index) => index),
      ),
    ),
    json(
      ...times(Math.min(size / 100, 2_000), () => [
        { op: "move", from: "/notes", path: "/moved" },
        { op: "move", from: "/moved", path: "/notes" },
      ]).flat(),
    ),
  ],
  deepValue: (size) => [json(add("/notes", nested(Math.min(size, 9_900))))],
  deepList: (size) => [
    json(
      add(
        "/notes",
        nested(Math.min(size, 9_900), (value) => [value]),
      ),
    ),
  ],
  deepMerge: (size) => [merge(nested(Math.min(size, 9_900)))],
  deepCopies: (size) => [
    json(add("/notes", {}), ...times(Math.min(size / 60, 4_000), () => ({ op: "move", from: "/notes", path: "/a" }))),
    json(
      ...times(Math.min(size / 60, 100), () => [
        add("/b", {}),
        { op: "copy", from: "/a", path: "/b/a" },
        { op: "move", from: "/b", path: "/a" },
      ]).flat(),
    ),
  ],
  deepUnread: (size) => [
    json({ op: "remove", path: `${POD}/automountServiceAccountToken`, value: nested(Math.min(size, 9_900)) }),
  ],
  deepSkipped: (size) => [json(add(`${POD}/containers/1/x`, nested(Math.min(size, 9_900))))],
  longTests: (size) => [
    json(
      add(
        "/notes",
        times(size / 20, (index) => index),
      ),
    ),
    json(...times(10, () => ({ op: "test", path: "/notes", value: times(size / 40, (index) => index) }))),
  ],
  manyTests: (size) => [
    json(
      add("/notes", withKey("a", Object.fromEntries(times(size / 20, (index) => [`k${index}`, index] as const)))),
      ...times(Math.min(size / 60, 4_900), () => ({ op: "test", path: "/notes/a", value: { k1: 1 } })),
    ),
  ],
  frontInserts: (size) => [
    json(
      add(
        "/notes",
        times(size / 4, () => 0),
      ),
    ),
    json(...times(Math.min(size / 60, 4_900), () => add("/notes/0", 1))),
  ],
  reservedPaths: () => RESERVED.map((key) => json(add(`/${key}/statefulset`, configMap({})))),
  reservedKeys: () => RESERVED.map((key) => merge(withKey(key, { statefulset: { kind: "Job" } }))),
  reservedDeep: () => RESERVED.map((key) => json(add("/notes", configMap({ data: withKey(key, "x") })))),
  inheritedPaths: () => INHERITED.map((key) => json(add(`/${key}/call`, "boom"))),
  inheritedChildren: () => INHERITED.map((key) => merge(withKey(key, configMap({ data: withKey(key, "x") })))),
  inheritedSecretKeys: () => INHERITED.map((key) => json(add(`/secret/data/${key}`, null))),
  hugeText: (size) => [merge({ notes: configMap({ data: { text: "x".repeat(size) } }) })],
  hugePath: (size) => [json(add(`/${"a/".repeat(size / 2)}`, 1))],
  hugePointerEscapes: (size) => [json(add(`/${"~".repeat(size)}`, 1))],
  hugeKey: (size) => [merge(withKey("k".repeat(size), configMap({})))],
  hugeKind: (size) => [merge({ notes: { apiVersion: "v".repeat(size / 2), kind: "K".repeat(size / 2) } })],
  hugeName: (size) => [merge({ notes: configMap({ metadata: { name: "a-".repeat(size / 2) } }) })],
  hugeType: (size) => [{ type: "t".repeat(size) as never, patch: [] }], // the CRD refuses it; objects of 0.24 may have it
  hugeArgs: (size) => [
    json(
      ...times(Math.min(size / 300, 4_000), (index) =>
        add(`${POD}/containers/1/args/-`, `--skip-auth-route=${".".repeat(200)}${index}`),
      ),
    ),
  ],
  hugeFlag: (size) => [json(add(`${POD}/containers/1/args/-`, `--upstream=http://127.0.0.1${"/a".repeat(size / 2)}`))],
  manyUpstreams: (size) => [
    json(
      ...times(Math.min(size / 300, 4_000), (index) =>
        add(`${POD}/containers/1/args/-`, `--upstream=http://127.0.0.1:9000/${"a".repeat(200)}${index}/`),
      ),
    ),
  ],
  hugeImage: (size) => [
    json(add(`${CONTAINER}/image`, "a".repeat(size)), add(`${POD}/serviceAccountName`, "ab".repeat(size / 9))),
  ],
  hugeQuantity: (size) => [json(add(`${CONTAINER}/resources`, { limits: { cpu: "9".repeat(size) } }))],
  oddQuantity: () => [
    json(add(`${CONTAINER}/resources`, { limits: { cpu: ODD_VALUES[11], memory: [] }, requests: 5 })),
  ],
  unknownFields: (size) => [
    json(
      add(
        `${CONTAINER}/securityContext`,
        Object.fromEntries(times(Math.min(size / 12, 25_000), (index) => [`f${index}`, 1])),
      ),
    ),
  ],
  duplicates: (size) => [
    json(
      add(
        `${CONTAINER}/env`,
        times(Math.min(size / 40, 8_000), (index) => ({ name: `V${index % 100}`, value: "." })),
      ),
    ),
  ],
  manyVariables: (size) => [
    json(
      add(
        `${CONTAINER}/env`,
        times(Math.min(size / 40, 9_000), (index) => ({ name: `V${index}`, value: "." })),
      ),
    ),
  ],
  manyContainers: (size) => [
    json(
      add(
        `${POD}/initContainers`,
        times(Math.min(size / 40, 9_000), (index) => ({ name: `c${index}` })),
      ),
    ),
  ],
  manyPatches: (size) => times(size / 60, () => json()),
  manyReplicas: (size) => times(Math.min(size / 100, 499), () => json(add("/statefulset/spec/replicas", 2))),
  manyOperations: (size) => [json(...times(size / 60, () => add("/service/spec/x", 1)))],
  manySkipped: (size) => [json(...times(size / 100, () => add(`${POD}/containers/1/args/-`, "x")))],
  manyChildren: (size) => [merge(Object.fromEntries(times(size / 60, (index) => [`n${index}`, configMap({})])))],
  oddChildren: () => ODD_VALUES.map((value, index) => merge({ [`n${index}`]: value })),
  oddMetadata: () => ODD_VALUES.map((value, index) => merge({ [`n${index}`]: configMap({ metadata: value }) })),
  oddJobs: () => [
    merge(
      Object.fromEntries(
        ODD_VALUES.map((value, index) => [`j${index}`, { apiVersion: "batch/v1", kind: "Job", spec: value }]),
      ),
    ),
  ],
};
