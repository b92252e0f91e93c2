import { apply, get, leaveNamespace, waitFor } from "./cluster.ts";
import { JUPYTER_IMAGE } from "./server.ts";

type Pod = {
  readonly spec: { readonly nodeName: string };
  readonly status: { readonly containerStatuses: readonly { readonly name: string; readonly containerID: string }[] };
};

/** Stops every process of the container whose id it is given. */
const PROGRAM = `
import os, signal, sys
stopped = 0
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        with open(f"/proc/{pid}/cgroup") as groups:
            if sys.argv[1] in groups.read():
                os.kill(int(pid), signal.SIGSTOP)
                stopped += 1
    except (FileNotFoundError, ProcessLookupError):
        pass
sys.exit(0 if stopped else 1)
`;

/**
 * Makes a container hang: it keeps its ports and answers nothing. Its first process does not hear a SIGSTOP from inside
 * the pod, so a pod with the rights of the node sends it, from a namespace of its own that allows such a pod: nothing to do in a
 * cluster of the user's.
 */
export async function hang(podName: string, namespace: string, container: string): Promise<void> {
  const { spec, status } = await get<Pod>("pod", podName, namespace);
  const id = status.containerStatuses.find(({ name }) => name === container)?.containerID.replace(/^.*:\/\//, "");
  if (id === undefined) throw new Error(`the container ${container} of ${podName} does not run`);
  const privileged = `${namespace}-node`;
  const labels = { "pod-security.kubernetes.io/enforce": "privileged" };
  await apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: privileged, labels } });
  const name = `hang-${container}`;
  await apply({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: privileged },
    spec: {
      nodeName: spec.nodeName,
      hostPID: true,
      restartPolicy: "Never",
      automountServiceAccountToken: false,
      containers: [
        {
          name,
          image: JUPYTER_IMAGE,
          command: ["python3", "-c", PROGRAM, id],
          securityContext: { runAsUser: 0, privileged: true },
        },
      ],
    },
  });
  await waitFor(`pod/${name}`, privileged, "jsonpath={.status.phase}=Succeeded");
  await leaveNamespace(privileged);
}
