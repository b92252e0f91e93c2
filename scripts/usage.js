// What `--help` prints, by the name that scripts/run.js uses for a program; `cluster` and `images` have subcommands, and
// list them themselves.

const cluster = `  --context NAME       use the cluster of this context of your kubeconfig
  --kubeconfig FILE    that kubeconfig; by default KUBECONFIG, or ~/.kube/config
  --registry PATH      where that cluster pulls images from, which are pushed there; not needed with kind
  --ingress-url URL    address of its ingress controller; by default http://localhost`;

export const usage = {
  start: `Usage: npm start [-- OPTIONS]

Starts a Kubernetes on this machine, Amalthea on it, and sample servers, and prints their URLs. Ctrl-C stops and removes it.

  --detach             return when the servers respond; "npm stop" stops and removes the cluster
${cluster}`,
  stop: `Usage: npm stop

Stops the cluster of "npm start" and removes its data. What was built stays in the cache.`,
  test: `Usage: npm test [-- LEVEL… OPTIONS]

Runs the tests of the given levels; by default of check, unit, integration and e2e. A further level, versions, runs the integration tests on other versions of Kubernetes, and compiles these first.

  --only PATH          only tests in files whose path contains this; repeatable
  --image NAME         Jupyter image of the end-to-end tests; by default ours
${cluster}; the end-to-end tests run there`,
  check: `Usage: npm run check

Checks types, lint, import rules, unused code and formatting. "npm run format" fixes the formatting.`,
  generate: `Usage: npm run generate

Writes the CRD, the reference pages and the chart's values from their sources, and prints the names of the files.`,
  controller: `Usage: npm run controller

Runs the controller from source against the cluster of the current context of your kubeconfig. Its settings are
environment variables: docs/reference/environment.md.`,
  sbom: `Usage: npm run sbom [-- --to FOLDER]

Writes what the images of a release contain, as CycloneDX, and its licences. The folder defaults to dist/sbom.`,
  vulnerabilities: `Usage: npm run vulnerabilities

Compares the locked versions with OSV. AMALTHEA_OSV_URL names another server with the same API.`,
  bench: `Usage: npm run bench [-- BENCH…]

Measures all figures in docs/reference/numbers.md, or those of the given benches. Any other name lists the benches.`,
};
