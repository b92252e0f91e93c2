import { type Kind, kinds, type Live } from "@amalthea/kube";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Fixture, loadFixture } from "../../e2e/legacy-controller.ts";
import { startOperator } from "../controller/operator.ts";
import { childKinds, eventually, User } from "../controller/servers.ts";
import { controllerWrites, startWorld, type World } from "../controller/world.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld(["scope.clusterWide=true"]);
});

afterAll(() => world?.stop());

/** A legacy server (0.24) in a namespace of its own. */
async function load(fixture: Fixture, namespace: string): Promise<User> {
  await world.makeNamespace(namespace);
  await loadFixture(fixture, { client: world.admin, namespace, hasStatusSubresource: true });
  return new User(world.admin, namespace);
}

/** Writes of the controller in a namespace. */
function writesIn(namespace: string): readonly string[] {
  return controllerWrites(world)
    .filter((write) => write.namespace === namespace)
    .map(({ verb, resource, subresource }) => [verb, resource, subresource].filter((part) => part !== "").join(" "));
}

/** Everything that must be the same whatever happened on the way, without times, uids and what depends on them. */
async function endState(user: User, name: string): Promise<object> {
  const server = await user.server(name);
  const children = await Promise.all(childKinds.map((kind) => user.find(kind, name)));
  const text = JSON.stringify(children.map((child, index) => shown(childKinds[index], child)));
  const { finalizers, annotations } = server.metadata;
  const { state, conditions, children: mirrored, containerStates } = server.status ?? {};
  return {
    children: JSON.parse(
      text.replaceAll(server.metadata.uid, "UID").replaceAll(user.namespace, "NAMESPACE").replace(HASHES, '"$1":""'),
    ) as object,
    annotations: Object.keys(annotations ?? {}).toSorted(),
    ...{ finalizers, state, containerStates, mirrored: Object.keys(mirrored ?? {}) },
    conditions: conditions?.map(({ type, status, reason }) => ({ type, status, reason })),
  };
}

/** Annotations whose values follow from the rest, uid and namespace included. */
const HASHES = /"(amalthea\.dev\/(?:desired-hash|started-with|content-hash))":"(?:[^"\\]|\\.)*"/g;

function shown(kind: Kind | undefined, child: Live | undefined): object | undefined {
  if (child === undefined) return undefined;
  const { metadata, spec, data } = child as Live & { readonly spec?: object; readonly data?: object };
  const { labels, annotations, ownerReferences } = metadata;
  const identity = { clusterIP: "", clusterIPs: "", volumeName: "" };
  return { kind: kind?.kind, labels, annotations, ownerReferences, data, spec: { ...spec, ...identity } };
}

/** Runs a controller until it has written so often, and ends it there without a word. */
async function dieAfter(writes: number, meanwhile: () => Promise<void> = async () => {}): Promise<void> {
  const mortal = await startOperator(world, { diesAfterWrites: writes });
  await mortal.leading;
  await meanwhile();
  await mortal.dead;
  await mortal.kill();
}

describe("a controller that dies while it takes over a running server", () => {
  /** Its marks, its network policy, its status. */
  const WRITES = 3;
  let expected: object;

  async function running(namespace: string): Promise<User> {
    const user = await load("token-volume", namespace);
    await user.makePodReady("token-volume");
    return user;
  }

  async function finish(user: User): Promise<void> {
    const operator = await startOperator(world);
    await operator.leading;
    await user.until("token-volume", ({ status }) => status?.state === "running" && status.conditions !== undefined);
    await operator.stop();
  }

  beforeAll(async () => {
    const user = await running("takeover-undisturbed");
    await finish(user);
    expected = await endState(user, "token-volume");
    expect(writesIn(user.namespace)).toHaveLength(WRITES);
  });

  it.each(Array.from({ length: WRITES }, (_, index) => index + 1))(
    "after %i writes leaves what the next one finishes, and neither touches pod or Secret",
    async (writes) => {
      const user = await running(`takeover-dies-after-${writes}`);
      const [pod, secret] = [await user.get(kinds.Pod, "token-volume-0"), await user.get(kinds.Secret, "token-volume")];
      await dieAfter(writes);
      await finish(user);
      expect(await endState(user, "token-volume")).toEqual(expected);
      expect((await user.get(kinds.Pod, "token-volume-0")).metadata.uid).toBe(pod.metadata.uid);
      expect((await user.get(kinds.Secret, "token-volume")).metadata.resourceVersion).toBe(
        secret.metadata.resourceVersion,
      );
      expect(writesIn(user.namespace)).toHaveLength(WRITES);
    },
  );
});

describe("a controller that dies while a server is migrated", () => {
  let expected: object;
  let writesOfResume: readonly string[];

  /** A server that was hibernated under 0.24 and is taken over. */
  async function asleep(namespace: string): Promise<User> {
    const user = await load("asleep", namespace);
    const operator = await startOperator(world);
    await operator.leading;
    await user.until("asleep", ({ status }) => status?.conditions?.some(({ type }) => type === "Hibernated") === true);
    await operator.stop();
    return user;
  }

  const resume = (user: User): Promise<void> =>
    user.patchServer("asleep", { spec: { jupyterServer: { hibernated: false } } });

  async function finish(user: User): Promise<void> {
    const operator = await startOperator(world);
    await operator.leading;
    await user.makePodReady("asleep");
    await user.until("asleep", ({ status }) => status?.state === "running");
    await operator.stop();
  }

  beforeAll(async () => {
    const user = await asleep("resume-undisturbed");
    const before = writesIn(user.namespace).length;
    await resume(user);
    await finish(user);
    expected = await endState(user, "asleep");
    writesOfResume = writesIn(user.namespace).slice(before);
  });

  it("is about a change that removes the old children and makes new ones, but for Secret and claim", () => {
    for (const resource of ["statefulsets", "services", "ingresses", "configmaps"]) {
      expect(writesOfResume).toContain(`delete ${resource}`);
      expect(writesOfResume).toContain(`patch ${resource}`);
    }
    expect(writesOfResume.filter((write) => /^(delete|create) (secrets|persistentvolumeclaims)/.test(write))).toEqual(
      [],
    );
  });

  it("after any of its writes leaves what the next one finishes, with the same Secret and claim", async () => {
    // The last write follows the pod, which comes when all others are made.
    for (let writes = 1; writes < writesOfResume.length - 1; writes += 1) {
      const user = await asleep(`resume-dies-after-${writes}`);
      const secret = await user.get(kinds.Secret, "asleep");
      const claim = await user.get(kinds.PersistentVolumeClaim, "asleep");
      await dieAfter(writes, () => resume(user));
      await finish(user);
      await eventually(async () => expect(await endState(user, "asleep"), `after ${writes} writes`).toEqual(expected));
      expect((await user.get(kinds.Secret, "asleep")).data).toEqual(secret.data);
      expect((await user.get(kinds.PersistentVolumeClaim, "asleep")).metadata.uid).toBe(claim.metadata.uid);
    }
  }, 300_000);
});
