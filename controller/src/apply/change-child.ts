import { FIELD_MANAGERS } from "@amalthea/api";
import { isConflict, isInvalid, isNotFound, type Kind, type KubeClient, type Live } from "@amalthea/kube";
import type { Manifest } from "../decide/decision.ts";

/**
 * Applies a child that is there. Where somebody else added an entry to a list that we have entries in, ours beside it may
 * be invalid, two ports of one name for instance: then our lists take the place of what is there.
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
    // If the manifest itself is invalid, this is refused as well, and that is the refusal to tell.
    const patched = await client.patch(at, manifest.metadata, { kind: "Merge", body: manifest }, options, signal);
    await forgetUpdate(patched, at, client, signal);
    return await client.apply(at, manifest, {}, signal);
  }
}

/** How often to look again because somebody else wrote in between. */
const FORGET_ATTEMPTS = 3;

/**
 * Takes what a patch set out of the record of who set which field. Beside such an entry of ours, by `Update`, an apply
 * that leaves a field out would not take it away any more.
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
