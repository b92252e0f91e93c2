/** A part of a root folder that becomes a layer. */
export type Layer = {
  readonly root: string;
  /** Relative to the root; default: all of it. Parent folders keep what a lower layer says of them. */
  readonly paths?: readonly string[];
  /** Relative to the root; what is left out below `paths`. */
  readonly without?: readonly string[];
  /** `AsStaged` needs root to stage them; `Root` makes everything root's, readable to all and writable to root alone. */
  readonly ownersAndModes: "AsStaged" | "Root";
};

/**
 * Every file of an image has this time (1980-01-01, the first that a zip file can carry), so that equal content gives
 * equal layers. Python's compiled files name the time of their source, so sources get it before they are compiled.
 */
export const FILE_TIME_SECONDS = 315_532_800;

/** The command that writes a layer as a tar file, the same for the same content. */
export function layerCommand(
  { root, paths, without, ownersAndModes }: Layer,
  tar: string,
): readonly [string, ...string[]] {
  return [
    "tar",
    "--create",
    `--file=${tar}`,
    `--directory=${root}`,
    "--format=gnu",
    "--sort=name",
    "--numeric-owner",
    `--mtime=@${FILE_TIME_SECONDS}`,
    ...(ownersAndModes === "Root" ? ["--owner=0", "--group=0", "--mode=u=rwX,go=rX"] : []),
    "--anchored",
    ...(without ?? []).map((path) => `--exclude=./${path}`),
    ...(paths ?? ["."]).map((path) => (path === "." ? path : `./${path}`)),
  ];
}
