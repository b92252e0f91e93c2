import { appendFile, mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { ENVIRONMENT_IN_ROOT, installDebian } from "../debian/root.ts";
import { BuildError } from "../src/errors.ts";
import { sha256OfFile } from "../src/input-hash.ts";
import { releaseReference } from "../src/release.ts";
import { isolated } from "../src/run.ts";
import type { BuildPlace, ImageDefinition, StagedImage } from "../src/definition.ts";

/** The server as its project publishes it, 177 MB; it runs on the Java of the images' Debian. */
const DISTRIBUTION = {
  version: "26.7.3",
  sha256: "27a6535553c3cdcd083872ba40629efafb3475e3b758e0c6f691395561dd0f1f",
} as const;

/** The plugin that Maven downloads files with; without a version it would take whichever is newest. */
const MAVEN_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1";

/** Who runs Keycloak, and owns its database. */
const USER = 1000;

const HOME = "/opt/keycloak";

/** What Keycloak fixes when it is built: a database in a file and no cluster, which a test needs. */
const BUILD_OPTIONS = ["--db=dev-file", "--health-enabled=true"];

/**
 * Keycloak for the end-to-end tests; no part of a release, and not to be published: the administrator `admin` of this
 * image, whose password is the same, and the signing keys of its realm `master` are in its database.
 *
 * Code generation and the first start of a database, a minute of two cores, are done here once.
 */
export const keycloak: ImageDefinition = {
  name: "keycloak",
  references: [releaseReference("keycloak")],
  diskMegabytes: 3000,
  inputs: async () => [],
  stage,
};

async function stage(place: BuildPlace): Promise<StagedImage> {
  const root = join(place.scratch, "root");
  await installDebian(
    root,
    { title: "small Debian with Java installed", packages: ["openjdk-17-jre-headless"] },
    place.run,
  );
  await unpackKeycloak(await downloadKeycloak(place), root, place);
  await addUser(root);
  await prepareKeycloak(root, place);
  return {
    layers: [{ root, without: ["dev/*", "proc/*", "sys/*"], ownersAndModes: "AsStaged" }],
    config: {
      User: String(USER),
      WorkingDir: HOME,
      Env: [
        "PATH=/opt/keycloak/bin:/usr/local/bin:/usr/bin:/bin",
        "LANG=C.UTF-8",
        "KC_CACHE=local",
        "KC_HTTP_ENABLED=true",
        "JAVA_OPTS_KC_HEAP=-Xms64m -Xmx384m",
        "JAVA_OPTS_APPEND=-XX:TieredStopAtLevel=1", // a start with less optimization is the shorter one
      ],
      Entrypoint: [`${HOME}/bin/kc.sh`],
      Cmd: ["start", "--optimized"],
      ExposedPorts: { "8080/tcp": {} },
    },
  };
}

/** @returns The archive, whose content was checked. */
async function downloadKeycloak(place: BuildPlace): Promise<string> {
  const { version, sha256 } = DISTRIBUTION;
  const folder = join(place.scratch, "download");
  await place.run({
    title: "Keycloak downloaded",
    command: [
      "mvn",
      ...["--batch-mode", "--no-transfer-progress", "--strict-checksums", `${MAVEN_PLUGIN}:copy`],
      ...[`-Dartifact=org.keycloak:keycloak-quarkus-dist:${version}:zip`, `-DoutputDirectory=${folder}`],
    ],
    remedy: "It needs the Debian package maven, and a Maven repository that can be reached.",
  });
  const archive = join(folder, `keycloak-quarkus-dist-${version}.zip`);
  const found = await sha256OfFile(archive);
  if (found !== sha256) {
    throw new BuildError(
      `Keycloak ${version} has the checksum ${found}, not ${sha256}: remove it from ~/.m2/repository and try again`,
    );
  }
  return archive;
}

async function unpackKeycloak(archive: string, root: string, { run }: BuildPlace): Promise<void> {
  const remedy = "Make room on the disk of the cache.";
  const folder = join(root, "opt");
  await run({ title: "Keycloak unpacked", command: ["python3", "-m", "zipfile", "-e", archive, folder], remedy });
  await rename(join(folder, `keycloak-${DISTRIBUTION.version}`), join(root, HOME));
  const scripts = ["kc.sh", "kcadm.sh"].map((name) => join(root, HOME, "bin", name));
  await run({ title: "its scripts made executable", command: ["chmod", "+x", ...scripts], remedy });
}

/** kcadm keeps what it is told in the home folder of its user. */
async function addUser(root: string): Promise<void> {
  await appendFile(join(root, "etc/passwd"), `keycloak:x:${USER}:${USER}::/tmp:/bin/sh\n`);
  await appendFile(join(root, "etc/group"), `keycloak:x:${USER}:\n`);
}

async function prepareKeycloak(root: string, place: BuildPlace): Promise<void> {
  const kc = async (title: string, command: string, ...options: readonly string[]): Promise<void> =>
    place.run({
      title,
      command: withProcesses(root, ["chroot", root, `${HOME}/bin/kc.sh`, command, ...options]),
      env: { ...ENVIRONMENT_IN_ROOT, KC_CACHE: "local", PASSWORD: "admin" },
      remedy: "Its log tells why.",
    });
  await kc("Keycloak built", "build", ...BUILD_OPTIONS);
  await kc(
    "its database made",
    "bootstrap-admin",
    "user",
    "--optimized",
    "--username=admin",
    "--password:env=PASSWORD",
  );
  const data = join(root, HOME, "data");
  await mkdir(data, { recursive: true });
  await place.run({
    title: "database given to its user",
    command: ["chown", "--recursive", `${USER}:${USER}`, data],
    remedy: "It needs root.",
  });
}

/** A command without a network but loopback, in a root folder that has /proc, where Java looks for its own libraries. */
function withProcesses(root: string, command: readonly string[]): readonly [string, ...string[]] {
  const prepared = 'ip link set lo up && mount -t proc proc "$0" && exec "$@"';
  return isolated(["unshare", "--net", "sh", "-c", prepared, join(root, "proc"), ...command]);
}
