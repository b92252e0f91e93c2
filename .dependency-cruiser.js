/**
 * Who may import whom: the table of ARCHITECTURE.md. test/architecture proves that each rule fires.
 *
 * @type {import("dependency-cruiser").IConfiguration}
 */
const ours = "^(api|kube|controller|authorization|cluster|images|test|bench|scripts)/";

/** A rule that lets the files under `from` import only what `allowed` matches. */
const mayImportOnly = (name, comment, from, allowed) => ({
  name,
  severity: "error",
  comment,
  from: { path: from, pathNot: "[.]test[.]ts$|/testing/" },
  to: { pathNot: allowed },
});

export default {
  forbidden: [
    mayImportOnly(
      "api-is-vocabulary",
      "api imports nothing, not even a schema library (ADR 7)",
      "^api/src/",
      "^api/src/",
    ),
    mayImportOnly(
      "kube-knows-no-jupyter",
      "kube is a runtime for any controller: Node, undici, yaml and the types of Kubernetes",
      "^kube/src/",
      "^kube/src/|^node:|node_modules/(undici|yaml|kubernetes-types)/|^(async_hooks|buffer|crypto|events|fs|fs/promises|net|os|path|perf_hooks|stream|timers|timers/promises|tls|url|util)$",
    ),
    mayImportOnly(
      "decide-is-pure",
      "decisions know the API, themselves and the types of Kubernetes; one file reads certificates by Node's parser",
      "^controller/src/decide/(?!values/certificate[.]ts$)",
      "^controller/src/decide/|^api/src/|node_modules/kubernetes-types/",
    ),
    {
      name: "status-knows-no-plan",
      severity: "error",
      comment: "status reports what is observed and what planning found out (facts.ts), not how it was planned",
      from: { path: "^controller/src/decide/status/", pathNot: "[.]test[.]ts$" },
      to: { path: "^controller/src/decide/(plan|children|takeover)/" },
    },
    {
      name: "only-plan-migrates",
      severity: "error",
      comment: "takeover/ can be deleted one day: only plan/ uses it",
      from: { path: "^controller/src/(?!decide/(plan|takeover)/)", pathNot: "[.]test[.]ts$" },
      to: { path: "^controller/src/decide/takeover/" },
    },
    {
      name: "children-know-no-plan",
      severity: "error",
      comment: "the desired children do not depend on how they are reached",
      from: { path: "^controller/src/decide/(children|live|policy|values)/", pathNot: "[.]test[.]ts$" },
      to: { path: "^controller/src/decide/(plan|status|takeover)/" },
    },
    {
      name: "live-knows-no-children",
      severity: "error",
      comment: "what is observed does not depend on what is desired",
      from: { path: "^controller/src/decide/(live|values)/", pathNot: "[.]test[.]ts$" },
      to: { path: "^controller/src/decide/children/" },
    },
    {
      name: "policy-knows-no-children",
      severity: "error",
      comment: "what is allowed is judged by what a child is, not by how it is built",
      from: { path: "^controller/src/decide/policy/", pathNot: "[.]test[.]ts$" },
      to: { path: "^controller/src/decide/children/" },
    },
    {
      name: "culling-knows-no-plan",
      severity: "error",
      comment: "limits are judged by times and activity alone; plan/ and status/ use the verdict",
      from: { path: "^controller/src/decide/culling/", pathNot: "[.]test[.]ts$" },
      to: { path: "^controller/src/decide/(plan|status|children|takeover|policy)/" },
    },
    {
      name: "activity-stands-alone",
      severity: "error",
      comment: "pods are asked beside the reconciles: activity/ knows neither them nor the caches",
      from: { path: "^controller/src/activity/", pathNot: "[.]test[.]ts$" },
      to: { path: "^controller/src/(observe|apply|reconcile|operator|config)/" },
    },
    {
      name: "usage-stands-alone",
      severity: "error",
      comment: "usage is measured beside the reconciles: usage/ knows neither them nor the caches",
      from: { path: "^controller/src/usage/", pathNot: "[.]test[.]ts$" },
      to: { path: "^controller/src/(observe|apply|activity|reconcile|operator|config)/" },
    },
    {
      name: "audit-stands-alone",
      severity: "error",
      comment: "the audit log is told what happens: audit/ knows decide/ and neither the caches nor the reconciles",
      from: { path: "^controller/src/audit/", pathNot: "[.]test[.]ts$" },
      to: { path: "^controller/src/(activity|observe|apply|reconcile|operator|config)/" },
    },
    {
      name: "observe-and-apply-are-strangers",
      severity: "error",
      comment: "observe/ and apply/ know decide/ but neither each other nor the reconciler",
      from: { path: "^controller/src/(observe|apply)/", pathNot: "[.]test[.]ts$" },
      to: { path: "^controller/src/(reconcile/|operator/|main[.]ts$)" },
    },
    {
      name: "observe-does-not-apply",
      severity: "error",
      comment: "observing has no side effects",
      from: { path: "^controller/src/observe/", pathNot: "[.]test[.]ts$" },
      to: { path: "^controller/src/apply/" },
    },
    {
      name: "apply-does-not-observe",
      severity: "error",
      comment: "applying follows the plan and observes nothing",
      from: { path: "^controller/src/apply/", pathNot: "[.]test[.]ts$" },
      to: { path: "^controller/src/observe/" },
    },
    {
      name: "nobody-imports-main",
      severity: "error",
      comment: "main.ts is a composition root",
      from: {},
      to: { path: "^[a-z]+/src/main[.]ts$" },
    },
    mayImportOnly(
      "authorization-stands-alone",
      "it guards every server, so it depends on Node, on names and on jose (docs/adr/0014-tokens-of-programs.md) only",
      "^authorization/src/",
      "^authorization/src/|^api/src/|^node:|node_modules/jose/|^(async_hooks|buffer|crypto|events|fs|fs/promises|http|https|net|os|path|perf_hooks|process|stream|timers|timers/promises|tls|url|util)$",
    ),
    {
      name: "product-does-not-import-tooling",
      severity: "error",
      comment: "what ships never depends on the cluster, the image builds or the tests",
      from: { path: "^(api|kube|controller|authorization)/src/", pathNot: "[.]test[.]ts$" },
      to: { path: "^(cluster|images|test|bench|scripts)/" },
    },
    {
      name: "control-plane-needs-no-node",
      severity: "error",
      comment: "a control plane runs anywhere; a node needs root and Linux",
      from: { path: "^cluster/src/(build|control-plane)/" },
      to: { path: "^cluster/src/node/" },
    },
    {
      name: "testing-only-in-tests",
      severity: "error",
      comment: "fakes stay in tests",
      from: { path: ours, pathNot: "[.]test[.]ts$|/testing/|^controller/cases/|^test/|^bench/" },
      to: { path: "/testing/" },
    },
    {
      name: "no-cycles",
      severity: "error",
      comment: "a cycle is one file in two pieces",
      from: {},
      to: { circular: true },
    },
    {
      name: "resolvable",
      severity: "error",
      comment: "an import that resolves to nothing is a checker that checks nothing",
      from: { path: ours },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "test/architecture/fixtures" },
    tsPreCompilationDeps: true,
    parser: "swc",
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "default", "types"],
      extensions: [".ts", ".js", ".d.ts"],
    },
  },
};
