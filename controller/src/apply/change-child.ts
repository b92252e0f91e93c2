import { FIELD_MANAGERS } from "@amalthea/api";
import { isConflict, isInvalid, isNotFound, type Kind, type KubeClient, type Live } from "@amalthea/kube";
import type { Manifest } from "../decide/decision.ts";

/**
 * Applies an existing child. If somebody else added an entry to a list in which we have entries, both together may be
 * invalid, for instance two ports of one name: then our lists replace the live ones.
 *
 * @param resourceVersion The only version that may be changed; undefined: any.
 * @throws ApiError 400 or 422 if the manifest itself is invalid.
 */
export async function changeChild(
  manifest: Manifest,
  at: Kind,
  client: KubeClient,
  signal: AbortSignal,
  resourceVersion?: string,
): Promise<Live> {
  try {
    return await client.apply(at, manifest, { resourceVersion }, signal);
  } catch (error) {
    if (!isInvalid(error)) throw error;
    const options = { fieldManager: FIELD_MANAGERS.children };
    // If the manifest itself is invalid, this is refused as well, and that refusal is reported.
    const patched = await client.patch(at, manifest.metadata, { kind: "Merge", body: manifest }, options, signal);
    await forgetUpdate(patched, at, client, signal);
    return await client.apply(at, manifest, {}, signal);
  }
}

/** How often to read again because somebody else wrote in between. */
const FORGET_ATTEMPTS = 3;

/**
 * Removes from `managedFields` what a patch of ours set. With such an entry of ours, by `Update`, an apply that omits a
 * field would no longer remove it.
 */
async function forgetUpdate(patched: Live, at: Kind, client: KubeClient, signal: AbortSignal): Promise<void> {
  let live: Live | undefined = patched;
  for (let attempt = 1; live !== undefined && attempt <= FORGET_ATTEMPTS; attempt++) {
    const index = (live.metadata.managedFields ?? []).findIndex(
      ({ manager, operation, subresource = "" }) =>
        manager === FIELD_MANAGERS.children && operation === "Update" && subresource === "",
    );
    if (index < 0) return;
    const operations = [
      { op: "test", path: "/metadata/resourceVersion", value: live.metadata.resourceVersion },
      { op: "remove", path: `/metadata/managedFields/${index}` },
    ];
    try {
      await client.patch(at, live.metadata, { kind: "Json", operations }, {}, signal);
      return;
    } catch (error) {
      if (!isInvalid(error) && !isConflict(error) && !isNotFound(error)) throw error;
      live = await client.find(at, live.metadata, signal); // it may have been deleted meanwhile
    }
  }
}
