import { join } from "node:path";
import type { BuildPlace } from "./definition.ts";
import type { Input } from "./input-hash.ts";

/** What decides the bundle of some workspaces: their sources, and the packages they and the bundler come from. */
export function nodeSourcesInputs(workspaces: readonly string[], { repository }: BuildPlace): readonly Input[] {
  const folders = workspaces.flatMap((workspace) => [
    join(repository, workspace, "package.json"),
    join(repository, workspace, "src"),
  ]);
  return [join(repository, "package-lock.json"), ...folders].map((path) => ({ kind: "Files", path }));
}
