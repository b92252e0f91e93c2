import type { KubeClient, WriteOptions } from "@amalthea/kube";
import { FakeClock } from "@amalthea/kube/testing";
import { describe, expect, it } from "vitest";
import { KubeletToken } from "./kubelet-token.ts";

const forever = new AbortController().signal;

describe("the token for kubelets", () => {
  it("is one of the service account for them, and is replaced before it expires", async () => {
    const clock = new FakeClock();
    const requests: object[] = [];
    const create = async (_kind: unknown, manifest: object, options: WriteOptions): Promise<object> => {
      requests.push({ ...manifest, ...options });
      return { status: { token: `token ${requests.length}` } };
    };
    const client = { create } as unknown as Pick<KubeClient, "create">;
    const serviceAccount = { namespace: "amalthea", name: "kubelet-stats" };
    const token = new KubeletToken({ client, serviceAccount, clock });
    expect(await token.read(forever)).toBe("token 1");
    await clock.advance(479_999);
    expect(await token.read(forever)).toBe("token 1");
    await clock.advance(1);
    expect(await token.read(forever)).toBe("token 2");
    expect(requests[0]).toMatchObject({
      kind: "TokenRequest",
      metadata: serviceAccount,
      spec: { expirationSeconds: 600 },
      subresource: "token",
    });
  });
});
