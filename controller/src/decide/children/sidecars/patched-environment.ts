import { isPathWithin, normalizePath } from "@amalthea/api";
import type { VolumeMount } from "kubernetes-types/core/v1.js";
import { listOf, valueAt, type JsonObject } from "../../values/json.ts";
import { isFlag, valuesOf } from "./flags.ts";

/**
 * Flags of oauth2-proxy that clients of 0.24 also give as environment variables, by the variable, as far as they are about
 * what the authorization service does now. Where a flag is given as an argument, its variable says nothing.
 *
 * @see https://oauth2-proxy.github.io/oauth2-proxy/configuration/overview#environment-variables
 */
const FLAGS: Readonly<Record<string, string>> = {
  OAUTH2_PROXY_INSECURE_OIDC_ALLOW_UNVERIFIED_EMAIL: "--insecure-oidc-allow-unverified-email",
  OAUTH2_PROXY_SKIP_JWT_BEARER_TOKENS: "--skip-jwt-bearer-tokens",
  OAUTH2_PROXY_OIDC_EXTRA_AUDIENCES: "--oidc-extra-audience",
  OAUTH2_PROXY_EXTRA_JWT_ISSUERS: "--extra-jwt-issuers",
  OAUTH2_PROXY_SKIP_AUTH_ROUTES: "--skip-auth-route",
  OAUTH2_PROXY_SKIP_AUTH_REGEX: "--skip-auth-regex",
  OAUTH2_PROXY_TRUSTED_IPS: "--trusted-ip",
  OAUTH2_PROXY_PROVIDER_CA_FILES: "--provider-ca-file",
};

/** The arguments and the environment of oauth2-proxy after patches, with what both can say among the arguments alone. */
export function withFlagsAsArgs(
  args: readonly string[],
  environment: readonly unknown[],
): { readonly args: readonly string[]; readonly env: readonly unknown[] } {
  const said = Object.entries(FLAGS).flatMap(([variable, flag]) => {
    const value = valueOf(environment, variable);
    return value === undefined || value === "" || args.some((arg) => isFlag(arg, flag)) ? [] : [`${flag}=${value}`];
  });
  const isMoved = (variable: unknown): boolean =>
    typeof valueAt(variable, "value") === "string" && Object.hasOwn(FLAGS, String(valueAt(variable, "name")));
  return { args: [...args, ...said], env: environment.filter((variable) => !isMoved(variable)) };
}

/** Of two variables of one name the last counts. Undefined if it is not written in the pod itself. */
function valueOf(environment: readonly unknown[], name: string): string | undefined {
  const value = valueAt(
    environment.findLast((variable) => valueAt(variable, "name") === name),
    "value",
  );
  return typeof value === "string" ? value : undefined;
}

/** Certificate authorities of the provider that the spec or patches give oauth2-proxy, for another container of the pod. */
export type Authorities = {
  /** Paths of PEM files in that container. */
  readonly files: readonly string[];
  readonly mounts: readonly VolumeMount[];
  /** Paths in oauth2-proxy of files whose place on their volume follows from its environment, which the other does not have. */
  readonly unshared: readonly string[];
};

/** Names a file with certificate authorities of the provider. */
export const CA_FLAG = "--provider-ca-file=";

/**
 * Those that are on volumes: in the images of the two containers there may be other files. They are mounted at a place of their
 * own, so that whoever mounts something for oauth2-proxy hides nothing of the other container.
 *
 * @param args Of oauth2-proxy, each with its value in one argument.
 * @param directory Where to mount them, each in a folder.
 */
export function authoritiesOf(args: readonly string[], oauth2Proxy: JsonObject, directory: string): Authorities {
  const mounts = listOf(oauth2Proxy["volumeMounts"]).filter(isMount);
  const found = valuesOf(args, CA_FLAG)
    .map((file) => ({ file: normalizePath(file), mount: mountOf(file, mounts) }))
    .filter((one): one is { file: string; mount: VolumeMount } => one.mount !== undefined);
  const moved = found
    .filter(({ mount }) => !needsEnvironment(mount))
    .map(({ file, mount }, index) => {
      const mountPath = `${directory}/${index}`;
      const below = file.slice(normalizePath(mount.mountPath).length);
      return { file: `${mountPath}${below}`, mount: movedTo(mountPath, mount) };
    });
  return {
    files: moved.map(({ file }) => file),
    mounts: moved.map(({ mount }) => mount),
    unshared: found.filter(({ mount }) => needsEnvironment(mount)).map(({ file }) => file),
  };
}

function needsEnvironment({ subPathExpr }: VolumeMount): boolean {
  return subPathExpr !== undefined && subPathExpr !== "";
}

/** Without `mountPropagation`, part of which privileged containers alone may have, and the `recursiveReadOnly` that excludes it. */
function movedTo(mountPath: string, { name, subPath }: VolumeMount): VolumeMount {
  return { name, mountPath, ...(subPath === undefined ? {} : { subPath }), readOnly: true };
}

/** The mount that a file is on: of several, one within the other, the inner one. */
function mountOf(file: string, mounts: readonly VolumeMount[]): VolumeMount | undefined {
  return mounts
    .filter(({ mountPath }) => isPathWithin(file, mountPath))
    .toSorted((a, b) => normalizePath(b.mountPath).length - normalizePath(a.mountPath).length)[0];
}

function isMount(mount: unknown): mount is VolumeMount {
  return typeof valueAt(mount, "mountPath") === "string" && typeof valueAt(mount, "name") === "string";
}
