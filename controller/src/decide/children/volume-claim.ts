import { childName, type VolumeClaim } from "@amalthea/api";
import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from "kubernetes-types/core/v1.js";
import { copyOf } from "../values/json.ts";
import type { ChildContext } from "./child-context.ts";

/** Size of a claim if the server's `storage.size` is "": for an emptyDir that means no limit, which a claim cannot have. */
const DEFAULT_SIZE = "100Mi";

/** The claim for the server's volume. An empty class means the cluster's default one, as in 0.24, unless it is static. */
export function volumeClaim({ server }: ChildContext): PersistentVolumeClaim {
  const { size, pvc } = server.spec.storage;
  const { accessModes, volumeName, selector } = pvc;
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: childName(server) },
    spec: {
      accessModes: [...(accessModes ?? ["ReadWriteOnce"])],
      resources: { requests: { storage: size === "" ? DEFAULT_SIZE : String(size) } },
      ...classOf(pvc),
      ...(volumeName === undefined ? {} : { volumeName }),
      ...(selector === undefined ? {} : { selector: copyOf(selector) }),
    },
  };
}

/** An empty class means "none" only where a volume is asked for that somebody else has made. */
function classOf({ storageClassName, volumeName, selector }: VolumeClaim): PersistentVolumeClaimSpec {
  const isStatic = volumeName !== undefined || selector !== undefined;
  return storageClassName === undefined || (storageClassName === "" && !isStatic) ? {} : { storageClassName };
}
