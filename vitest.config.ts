import type { ViteUserConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { findPrebuilt, prebuiltFolder } from "./cluster/src/build/prebuilt.ts";

/**
 * Programs beside kube-apiserver and etcd that integration tests need. Where prebuilt ones are used (KUBEBUILDER_ASSETS),
 * the tests whose programs are missing are left out; otherwise everything is compiled.
 */
const programsNeeded = {
  "test/integration/authorization/**": ["traefik", "oauth2-proxy"],
  "test/integration/audit/**": ["s3"],
  "test/integration/controller/audit-log.test.ts": ["kubectl", "helm", "s3"],
  "test/integration/controller/{chart,lease}.test.ts": ["kubectl", "helm"],
  "test/integration/{controller/!(apply|audit-log|chart|lease),plans/budgets}.test.ts": [
    "kubectl",
    "helm",
    "kube-controller-manager",
  ],
  "test/integration/policy/!(pod-security).test.ts": ["kubectl", "helm", "kube-controller-manager"],
  "test/integration/gitops/health.test.ts": ["gitops"],
  "test/integration/monitoring/**": ["promtool"],
  "test/integration/gitops/kustomize.test.ts": ["kubectl"],
  "test/integration/takeover/**": ["kubectl", "helm", "kube-controller-manager"],
};

function withoutTheirPrograms(): readonly string[] {
  const folder = prebuiltFolder();
  if (folder === undefined) return [];
  return Object.entries(programsNeeded).flatMap(([files, programs]) => {
    const missing = programs.filter((program) => findPrebuilt(program, folder) === undefined);
    if (missing.length === 0) return [];
    console.warn(`Left out, because ${missing.join(", ")} is missing: ${files}`);
    return [files];
  });
}

/** Unit tests need Node alone; integration tests a real kube-apiserver; e2e tests a whole cluster. */
const aloneInTheCluster = ["test/e2e/chart.test.ts"]; // takes the controller away from all other tests
/** One starts a cluster of 0.24's, one relies on our ingress controller: they tell nothing of the user's. */
const onlyInOurs = ["test/e2e/takeover.test.ts", "test/e2e/oidc-tls.test.ts"];
const isOurs = process.env["AMALTHEA_TEST_CONTEXT"] === undefined;

/** Files that wait for a minute or more, by nature: a level would end with one of them alone if it began late. */
const LONG_FILES = ["outage", "restore", "culling", "burst", "budgets", "renewal"];

class LongFilesFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification): boolean =>
      LONG_FILES.some((name) => moduleId.endsWith(`/${name}.test.ts`));
    const sorted = await super.sort(files);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

const patient = { testTimeout: 300_000, hookTimeout: 300_000 };

const config: ViteUserConfig = {
  test: {
    sequence: { sequencer: LongFilesFirst },
    projects: [
      {
        test: {
          name: "unit",
          include: [
            "*/src/**/*.test.ts",
            "controller/cases/*.test.ts",
            "test/architecture/*.test.ts",
            "scripts/**/*.test.ts",
            "bench/*.test.ts",
          ],
          testTimeout: 120_000, // some take 5 seconds of a core, of which a busy machine gives little
          maxWorkers: "100%", // by default vitest leaves one core to somebody who watches
        },
      },
      {
        test: {
          name: "integration",
          include: ["test/integration/**/*.test.ts"],
          exclude: [...withoutTheirPrograms()],
          testTimeout: 240_000,
          hookTimeout: 180_000,
          // Most of what their API servers do is to start: that takes 3.1 seconds of a core instead of 4.9, and 130 MB more.
          env: { AMALTHEA_CONTROL_PLANE_GOGC: "400" },
          maxWorkers: 4, // they wait for their API servers about as long as they work
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          exclude: [...aloneInTheCluster, ...(isOurs ? [] : onlyInOurs)],
          ...patient,
          maxWorkers: isOurs ? 2 : 1, // most of their time they wait for pods; in the user's they share a namespace
        },
      },
      {
        test: {
          name: "e2e-alone",
          include: aloneInTheCluster,
          ...patient,
          fileParallelism: false,
        },
      },
    ],
  },
};

export default config;
