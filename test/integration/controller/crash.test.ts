import { kinds } from "@amalthea/kube";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startOperator } from "./operator.ts";
import { childKinds, eventually, User } from "./servers.ts";
import { controllerWrites, startWorld, type World } from "./world.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld(["scope.clusterWide=true"]);
});

afterAll(() => world?.stop());

/** Annotations whose values follow from the rest, uid and namespace included. */
const HASHES = /"(amalthea\.dev\/(?:desired-hash|started-with))":"(?:[^"\\]|\\.)*"/g;

/** What a creation ends in, without what differs from one server to the next. */
async function endState(user: User): Promise<readonly object[]> {
  const server = await user.server("alice");
  const children = await Promise.all(childKinds.map((kind) => user.get(kind, "alice")));
  const text = JSON.stringify(
    children.map((child, index) => ({ ...withoutIdentity(child), kind: childKinds[index]?.kind })),
  );
  const conditions = server.status?.conditions?.map(({ type, status, reason }) => ({ type, status, reason }));
  return [
    ...(JSON.parse(
      text.replaceAll(server.metadata.uid, "UID").replaceAll(user.namespace, "NAMESPACE").replace(HASHES, '"$1":""'),
    ) as readonly object[]),
    { state: server.status?.state, conditions, children: Object.keys(server.status?.children ?? {}).toSorted() },
  ];
}

function withoutIdentity(child: object): object {
  const { metadata, spec, data, type } = child as {
    metadata: { labels?: object; annotations?: object; ownerReferences?: object };
    spec?: object;
    data?: object;
    type?: string;
  };
  const { labels, annotations, ownerReferences } = metadata;
  return {
    ...{ labels, annotations, ownerReferences, type },
    ...(type === "Opaque" ? { keys: Object.keys(data ?? {}).toSorted() } : { data }),
    ...(spec === undefined ? {} : { spec: { ...spec, clusterIP: "", clusterIPs: "" } }),
  };
}

async function finishCreation(user: User): Promise<void> {
  await user.makePodReady("alice");
  await user.until("alice", ({ status }) => status?.state === "running");
}

/** The writes of a creation: its children, its first status, and the status that says that it runs. */
const WRITES = childKinds.length + 2;

let expected: readonly object[];

describe("a controller that dies during a creation", () => {
  beforeAll(async () => {
    const user = new User(world.admin, await world.makeNamespace("undisturbed"));
    const operator = await startOperator(world);
    await operator.leading;
    await user.create("alice");
    await finishCreation(user);
    expected = await endState(user);
    await operator.stop();
  });

  it.each(Array.from({ length: WRITES }, (_, index) => index + 1))(
    "after %i writes leaves what the next one finishes, with nothing doubled and nothing lost",
    async (writes) => {
      const user = new User(world.admin, await world.makeNamespace(`dies-after-${writes}`));
      const mortal = await startOperator(world, { diesAfterWrites: writes });
      await mortal.leading;
      await user.create("alice");
      if (writes === WRITES) {
        await user.until("alice", ({ status }) => status?.state === "starting");
        await user.makePodReady("alice");
      }
      await mortal.dead;
      await mortal.kill();
      const secret = await user.get(kinds.Secret, "alice");

      const next = await startOperator(world);
      await next.leading;
      await finishCreation(user);
      await eventually(async () => expect(await endState(user)).toEqual(expected));
      expect((await user.get(kinds.Secret, "alice")).data).toEqual(secret.data);
      const ofChildren = controllerWrites(world).filter(
        ({ namespace, subresource }) => namespace === user.namespace && subresource === "",
      );
      expect(ofChildren.map(({ resource }) => resource).toSorted()).toEqual(
        childKinds.map(({ plural }) => plural).toSorted(),
      );
      await next.stop();
    },
  );
});
