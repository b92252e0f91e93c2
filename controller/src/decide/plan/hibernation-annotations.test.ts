import { describe, expect, it } from "vitest";
import { hibernationAnnotations } from "./hibernation-annotations.ts";
import { aServer, NOW, someSettings, timeAgo } from "../testing/builders.ts";

const date = "2026-03-01T12:00:00+00:00";
const summary = `{"branch":"","commit":"","dirty":"","synchronized":"","date":"${date}"}`;
const blank = {
  "renku.io/hibernation": "",
  "renku.io/hibernationBranch": "",
  "renku.io/hibernationCommitSha": "",
  "renku.io/hibernationDate": "",
  "renku.io/hibernationDirty": "",
  "renku.io/hibernationSynchronized": "",
};
const filled = { ...blank, "renku.io/hibernation": summary, "renku.io/hibernationDate": date };
const byClient = {
  ...filled,
  "renku.io/hibernationBranch": "main",
  "renku.io/hibernationDate": "2026-02-01T00:00:00+00:00",
};

describe("hibernationAnnotations", () => {
  it.each([
    { server: "that was never hibernated", hibernated: false, annotations: {}, changes: undefined },
    { server: "that was hibernated by hand", hibernated: true, annotations: {}, changes: filled },
    {
      server: "that was resumed before",
      hibernated: true,
      annotations: blank,
      changes: { "renku.io/hibernation": summary, "renku.io/hibernationDate": date },
    },
    { server: "whose client wrote the annotations", hibernated: true, annotations: byClient, changes: undefined },
    {
      server: "whose client wrote nothing but the date",
      hibernated: true,
      annotations: { "renku.io/hibernationDate": "2026-02-01T00:00:00+00:00" },
      changes: undefined,
    },
    {
      server: "whose client wrote no date",
      hibernated: true,
      annotations: { "renku.io/hibernation": "{}", "renku.io/hibernationBranch": "main" },
      changes: {
        "renku.io/hibernationCommitSha": "",
        "renku.io/hibernationDate": date,
        "renku.io/hibernationDirty": "",
        "renku.io/hibernationSynchronized": "",
      },
    },
    { server: "that has been hibernated", hibernated: true, annotations: filled, changes: undefined },
    { server: "that is awake with blank annotations", hibernated: false, annotations: blank, changes: undefined },
    {
      server: "that was resumed",
      hibernated: false,
      annotations: filled,
      changes: { "renku.io/hibernation": "", "renku.io/hibernationDate": "" },
    },
  ])("a server $server → $changes", ({ hibernated, annotations, changes }) => {
    const server = aServer({ metadata: { annotations }, jupyterServer: { hibernated } });
    expect(hibernationAnnotations(server, someSettings(), NOW)).toEqual(changes);
  });

  it("uses the configured prefix", () => {
    const server = aServer({ jupyterServer: { hibernated: true } });
    const changes = hibernationAnnotations(server, { annotationPrefix: "example.org" }, NOW);
    expect(changes?.["example.org/hibernationDate"]).toBe(date);
  });

  it("leaves a server that is being deleted alone", () => {
    const server = aServer({ metadata: { deletionTimestamp: timeAgo(1) }, jupyterServer: { hibernated: true } });
    expect(hibernationAnnotations(server, someSettings(), NOW)).toBeUndefined();
  });
});
