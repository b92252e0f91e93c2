import { appendFile, chown, copyFile, chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { compilePython, ENVIRONMENT_IN_ROOT } from "../debian/root.ts";
import { isolated } from "../src/run.ts";
import { downloadWheels } from "../src/wheels.ts";
import type { BuildPlace, ImageDefinition, StagedImage } from "../src/definition.ts";

const FOLDER = import.meta.dirname;

/** Who the Jupyter server runs as, as in the Jupyter Docker Stacks. */
const JOVYAN = { uid: 1000, gid: 100 };

/** The virtual environment; jovyan owns it, so that `%pip install` works in a notebook. */
const ENVIRONMENT = "opt/jupyter";

/** JupyterLab behind the same name, user, folders and entry point as the image of the Jupyter Docker Stacks. */
export const jupyter: ImageDefinition = {
  name: "jupyter",
  references: ["jupyter/minimal-notebook:latest", "jupyter/minimal-notebook:v1"],
  diskMegabytes: 3000,
  inputs: async () => [],
  stage,
};

async function stage(place: BuildPlace): Promise<StagedImage> {
  const debianRoot = await place.debianRoot();
  const root = join(place.scratch, "root");
  await place.run({
    title: "small Debian copied",
    command: ["cp", "--archive", "--reflink=auto", debianRoot, root],
    remedy: "Make room on the disk of the cache.",
  });
  await installJupyter(root, place);
  await addUser(root);
  await addStartFiles(root);
  return {
    layers: [
      { root: debianRoot, without: ["dev/*", "proc/*", "sys/*"], ownersAndModes: "AsStaged" },
      {
        root,
        paths: ["etc/jupyter", "etc/passwd", "home/jovyan", ENVIRONMENT, "usr/local/bin/start-notebook.sh"],
        ownersAndModes: "AsStaged",
      },
    ],
    config: {
      User: String(JOVYAN.uid),
      WorkingDir: "/home/jovyan",
      Env: [
        `PATH=/${ENVIRONMENT}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
        "HOME=/home/jovyan",
        "SHELL=/bin/bash",
        "LANG=C.UTF-8",
        "LC_ALL=C.UTF-8",
        "NB_USER=jovyan",
        `NB_UID=${JOVYAN.uid}`,
        `NB_GID=${JOVYAN.gid}`,
        "JUPYTER_PORT=8888",
      ],
      Entrypoint: ["tini", "-g", "--"],
      Cmd: ["start-notebook.sh"],
      ExposedPorts: { "8888/tcp": {} },
    },
  };
}

async function installJupyter(root: string, place: BuildPlace): Promise<void> {
  const lockFile = join(FOLDER, "requirements.txt");
  await downloadWheels(lockFile, join(root, "tmp/wheels"), place);
  await copyFile(lockFile, join(root, "tmp/requirements.txt"));
  const inRoot = async (title: string, ...command: readonly string[]): Promise<void> =>
    place.run({
      title,
      command: isolated(["chroot", root, ...command]),
      env: ENVIRONMENT_IN_ROOT,
      remedy: "Make room on the disk of the cache; else remove the small Debian from the cache and try again.",
    });
  await inRoot("virtual environment made", "python3", "-m", "venv", `/${ENVIRONMENT}`);
  // A root folder has neither the settings of this machine's network nor its certificates: pip sees only the wheels.
  const offline = ["--no-index", "--no-deps", "--require-hashes", "--find-links=/tmp/wheels", "--no-cache-dir"];
  await inRoot(
    "JupyterLab installed",
    `/${ENVIRONMENT}/bin/pip`,
    "install",
    "--quiet",
    "--no-compile",
    ...offline,
    "--requirement=/tmp/requirements.txt",
  );
  await compilePython(root, `/${ENVIRONMENT}/lib`, place.run);
  await inRoot("virtual environment given to jovyan", "chown", "-R", `${JOVYAN.uid}:${JOVYAN.gid}`, `/${ENVIRONMENT}`);
}

async function addUser(root: string): Promise<void> {
  await appendFile(join(root, "etc/passwd"), `jovyan:x:${JOVYAN.uid}:${JOVYAN.gid}::/home/jovyan:/bin/bash\n`);
  for (const folder of ["home/jovyan", "home/jovyan/work"]) {
    await mkdir(join(root, folder), { recursive: true });
    await chown(join(root, folder), JOVYAN.uid, JOVYAN.gid);
  }
}

async function addStartFiles(root: string): Promise<void> {
  await mkdir(join(root, "etc/jupyter"), { recursive: true });
  const files = join(FOLDER, "files");
  await copyFile(join(files, "jupyter_server_config.json"), join(root, "etc/jupyter/jupyter_server_config.json"));
  await chmod(join(root, "etc/jupyter/jupyter_server_config.json"), 0o644);
  await copyFile(join(files, "start-notebook.sh"), join(root, "usr/local/bin/start-notebook.sh"));
  await chmod(join(root, "usr/local/bin/start-notebook.sh"), 0o755);
}
