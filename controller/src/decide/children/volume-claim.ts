import { childName } from "@amalthea/api";
import type { PersistentVolumeClaim } from "kubernetes-types/core/v1.js";
import type { ChildContext } from "./child-context.ts";

/** Size of a claim if the server's `storage.size` is "": for an emptyDir that means no limit, which a claim cannot have. */
const DEFAULT_SIZE = "100Mi";

/** The claim for the server's volume. An empty class means the cluster's default one, as in 0.24. */
export function volumeClaim({ server }: ChildContext): PersistentVolumeClaim {
  const { size, pvc } = server.spec.storage;
  const { storageClassName } = pvc;
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: childName(server) },
    spec: {
      accessModes: ["ReadWriteOnce"],
      resources: { requests: { storage: size === "" ? DEFAULT_SIZE : String(size) } },
      ...(storageClassName === undefined || storageClassName === "" ? {} : { storageClassName }),
    },
  };
}
