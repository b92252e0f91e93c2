import { API_VERSION, KIND, PLURAL } from "@amalthea/api";
import { defineKind, type Kind, kindOf } from "@amalthea/kube";
import { OWN_KINDS } from "./decide/live/child.ts";
import type { ResourceQuota } from "kubernetes-types/core/v1.js";

/** The resource itself, for the client. */
export const SERVER_KIND: Kind = defineKind({ apiVersion: API_VERSION, kind: KIND, plural: PLURAL });

/** Kinds of our children that are watched. Secrets are left out on purpose: they are read by name only. */
export const CHILD_KINDS: readonly Kind[] = OWN_KINDS.filter(({ kind }) => kind !== "Secret").map((name) =>
  findKind(name, []),
);

/** Read only: it shows when a refused pod may be possible. */
export const QUOTA_KIND: Kind<ResourceQuota> = defineKind({
  apiVersion: "v1",
  kind: "ResourceQuota",
  plural: "resourcequotas",
});

/** The kind of a manifest or a target. */
export type KindName = { readonly apiVersion: string; readonly kind: string };

/**
 * The place of a kind in the API: ours, a built-in one, or one that the administrator allows patches to add.
 * @throws TypeError for any other: decisions let none through.
 */
export function findKind(name: KindName, extraKinds: readonly Kind[]): Kind {
  const isNamed = (kind: Kind): boolean => kind.apiVersion === name.apiVersion && kind.kind === name.kind;
  const kind = [SERVER_KIND, ...extraKinds].find(isNamed) ?? kindOf(name);
  if (kind === undefined) throw new TypeError(`there is no kind ${name.kind} of ${name.apiVersion} to write`);
  return kind;
}
