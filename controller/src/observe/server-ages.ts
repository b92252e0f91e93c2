import type { KubeObject, ObjectKey, StoreChange } from "@amalthea/kube";
import { ageOf } from "../decide/values/time.ts";
import { SortedTexts } from "./sorted-texts.ts";

type Born = { readonly creationTimestamp: string; readonly uid: string };

/** The servers of each namespace by age: where their number is limited, the oldest count. */
export class ServerAges {
  readonly #byNamespace = new Map<string, SortedTexts>();
  readonly #keyByUid = new Map<string, ObjectKey>();

  update({ key, previous, current }: Pick<StoreChange<KubeObject>, "key" | "previous" | "current">): void {
    if (previous !== undefined && previous.metadata.uid !== current?.metadata.uid) this.#drop(previous.metadata);
    if (current === undefined) return;
    const { namespace = "" } = current.metadata;
    const ages = this.#byNamespace.get(namespace) ?? new SortedTexts();
    ages.add(ageOf(current.metadata));
    this.#byNamespace.set(namespace, ages);
    this.#keyByUid.set(current.metadata.uid, key);
  }

  /** How many servers of its namespace are older. */
  olderThan({ namespace, ...born }: Born & { readonly namespace: string }): number {
    return this.#byNamespace.get(namespace)?.countBefore(ageOf(born)) ?? 0;
  }

  /** Key of the server that so many of its namespace are older than. */
  keyAt(namespace: string, older: number): ObjectKey | undefined {
    const age = this.#byNamespace.get(namespace)?.at(older);
    return age === undefined ? undefined : this.#keyByUid.get(age.slice(age.indexOf(" ") + 1));
  }

  #drop(metadata: Born & { readonly namespace?: string | undefined }): void {
    const { namespace = "", uid } = metadata;
    this.#keyByUid.delete(uid);
    const ages = this.#byNamespace.get(namespace);
    ages?.delete(ageOf(metadata));
    if (ages?.size === 0) this.#byNamespace.delete(namespace);
  }
}
