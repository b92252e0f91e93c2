import type { ReasonWithValues } from "@amalthea/api";
import type { ContainerStateWaiting, ContainerStatus, Pod } from "kubernetes-types/core/v1.js";
import { listOf, valueAt } from "../../values/json.ts";
import { detail } from "../text.ts";
import type { Obstacle } from "./obstacle.ts";

/** Reasons between which the kubelet alternates with every attempt to pull an image. */
const PULL_REASONS: readonly string[] = [
  "ErrImagePull",
  "ImagePullBackOff",
  "RegistryUnavailable",
  "SignatureValidationFailed",
];

/**
 * Reasons with which the kubelet reports that it has no image to start a container from.
 *
 * @see https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/images/types.go
 */
const IMAGE_REASONS: readonly string[] = [
  ...PULL_REASONS,
  ...["InvalidImageName", "ErrImageNeverPull", "ImageInspectError"],
];

/**
 * A registry does not distinguish a missing image from one that needs credentials. The words are containerd's and
 * CRI-O's.
 */
const NOT_FOUND =
  /: not found|manifest unknown|name unknown|does not exist|access (to the resource )?(is )?denied|insufficient_scope|unauthorized|authorization failed|403 forbidden|access forbidden|authentication required|: denied\b|no basic auth credentials/i;

/** The image exists, but not for the node's architecture; containerd says "not found" of that, too. */
const OTHER_PLATFORM = /no match for platform/;

/**
 * The image that a container waits for: its own, or that of a volume of its pod, in place of which the kubelet reports the
 * container.
 */
export function imageWaitedFor({ spec }: Pod, { image, state }: ContainerStatus): string {
  const words = (state?.waiting?.message ?? "").split(/[\s"']+/).map((word) => word.replace(/[:,]+$/, ""));
  const isNamed = (reference: string): boolean =>
    [reference, `${reference}:latest`].some((name) => words.some((word) => word === name || word.endsWith(`/${name}`)));
  const ofVolumes = listOf(spec?.volumes)
    .map((volume) => valueAt(volume, "image", "reference"))
    .filter((reference) => typeof reference === "string");
  return ofVolumes.find(isNamed) ?? image;
}

/** Whether a container waits because of its image. */
export function isImageReason(reason: string | undefined): boolean {
  return reason !== undefined && IMAGE_REASONS.includes(reason);
}

/** Whether the reason is one of those that alternate as long as the image cannot be pulled. */
export function isPullReason(reason: unknown): boolean {
  return typeof reason === "string" && PULL_REASONS.includes(reason);
}

/** Reasons of ours for a missing image, between which the kubelet's texts may alternate. */
export const MISSING_IMAGE_REASONS: readonly string[] = ["ImageNotFound", "ImagePullFailed"];

/**
 * The kubelet's own limit (`registryPullQPS`) put the pull off, and says nothing of the image; many servers started at
 * once.
 */
const PUT_OFF = /pull QPS exceeded/;

/** Why a container that waits for one of the image reasons does so; undefined if its pull is only put off. */
export function imageObstacle(image: string, { reason, message = "" }: ContainerStateWaiting): Obstacle | undefined {
  if (PUT_OFF.test(message)) return undefined;
  const cause = message.replace(/^Back-off pulling image "[^"]*"(: ErrImagePull)?:?\s*/, "");
  return { kind: "Failing", why: whyNoImage(image, reason ?? "", cause), vague: isBare(reason, cause) };
}

/** No cause was given: older kubelets alternate between the cause and a bare "Back-off pulling image". */
function isBare(reason: string | undefined, cause: string): boolean {
  return cause === "" && (reason === "ImagePullBackOff" || reason === "ErrImagePull");
}

function whyNoImage(image: string, reason: string, cause: string): ReasonWithValues {
  if (reason === "InvalidImageName") return { reason: "InvalidImageName", values: { image } };
  if (NOT_FOUND.test(cause) && !OTHER_PLATFORM.test(cause)) return { reason: "ImageNotFound", values: { image } };
  return { reason: "ImagePullFailed", values: { image, detail: pullDetail(reason, cause) } };
}

function pullDetail(reason: string, cause: string): string {
  if (reason === "ErrImageNeverPull") return "it is not on the node, and its pull policy is Never";
  if (cause === "") return "the node does not say why";
  // The runtime reports its steps; the last one is what went wrong.
  const request = /failed to do request: \w+ "[^"]*": (.*)$/s.exec(cause)?.[1];
  return detail(request ?? cause);
}
