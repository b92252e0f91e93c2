// What `--help` prints, by the name that scripts/run.js knows a program by; `cluster` and `images` have commands, and
// tell of them by themselves.

const cluster = `  --context NAME       use the cluster of this context of your kubeconfig
  --kubeconfig FILE    that kubeconfig; by default KUBECONFIG, or ~/.kube/config
  --registry PATH      where that cluster pulls images from, which are pushed there; not needed with kind
  --ingress-url URL    address of its ingress controller; by default http://localhost`;

export const usage = {
  start: `Usage: npm start [-- OPTIONS]

Starts a Kubernetes on this machine, Amalthea on it, and sample servers, and prints their URLs. Ctrl-C ends and removes it.

  --detach             return when the servers answer; "npm stop" ends and removes the cluster
${cluster}`,
  stop: `Usage: npm stop

Ends the cluster of "npm start" and removes its data. What was built stays in the cache.`,
  test: `Usage: npm test [-- LEVEL… OPTIONS]

Runs the tests of all levels, or of those named: check, unit, integration, e2e.

  --only PATH          of the tests, those in files whose path contains this
  --image NAME         Jupyter image of the end-to-end tests; by default ours
${cluster}; the end-to-end tests run there`,
  check: `Usage: npm run check

Checks types, lint, import rules, unused code and formatting. "npm run format" fixes the last.`,
  generate: `Usage: npm run generate

Writes the CRD, the reference pages and the chart's values from their sources, and prints the names of the files.`,
  controller: `Usage: npm run controller

Runs the controller from source against the cluster of the current context of your kubeconfig. Its settings are
environment variables: docs/reference/environment.md.`,
  sbom: `Usage: npm run sbom [-- --to FOLDER]

Writes what the images of a release hold, as CycloneDX, and under which licences. The folder defaults to dist/sbom.`,
  vulnerabilities: `Usage: npm run vulnerabilities

Compares the locked versions with OSV. AMALTHEA_OSV_URL names another server that speaks its API.`,
  bench: `Usage: npm run bench [-- BENCH…]

Measures all figures of docs/reference/numbers.md, or those of the benches named there. Any other name lists them.`,
};
