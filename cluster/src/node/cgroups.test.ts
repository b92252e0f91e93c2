import { describe, expect, it } from "vitest";
import { hierarchiesOf, ownGroup, podHierarchies } from "./cgroups.ts";

const mixed = `25 24 0:22 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755
26 25 0:23 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:5 - cgroup cgroup rw,cpu,cpuacct
27 25 0:24 /docker/1f /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
28 25 0:25 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
`;
const unified = "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";

describe("hierarchiesOf", () => {
  it("finds the hierarchies of both versions with their controllers and roots", () => {
    expect(hierarchiesOf(mixed)).toEqual([
      { version: 1, mountPoint: "/sys/fs/cgroup/cpu,cpuacct", root: "/", controllers: ["rw", "cpu", "cpuacct"] },
      { version: 1, mountPoint: "/sys/fs/cgroup/memory", root: "/docker/1f", controllers: ["rw", "memory"] },
      { version: 2, mountPoint: "/sys/fs/cgroup/unified", root: "/", controllers: [] },
    ]);
  });
});

describe("podHierarchies", () => {
  it("leaves out version 2 where version 1 is mounted beside it", () => {
    expect(podHierarchies(hierarchiesOf(mixed)).map(({ version }) => version)).toEqual([1, 1]);
  });

  it("takes version 2 where it is alone", () => {
    expect(podHierarchies(hierarchiesOf(unified))).toMatchObject([{ version: 2, mountPoint: "/sys/fs/cgroup" }]);
  });
});

describe("ownGroup", () => {
  const file = "5:cpu,cpuacct:/a\n4:memory:/b/c\n1:name=systemd:/user.slice\n0::/d\n";

  it.each([
    ["memory", "/b/c"],
    ["cpuacct", "/a"],
    ["pids", "/"],
  ])("of the controller %s is %s", (controller, group) => {
    expect(ownGroup(file, controller)).toBe(group);
  });

  it("keeps colons in the name of a group", () => {
    expect(ownGroup("4:memory:/a:b\n", "memory")).toBe("/a:b");
  });
});
