import type { AuditSettings } from "../audit/audit-log.ts";
import type { EnvironmentReader } from "./environment.ts";

const MEBIBYTE = 1_048_576;

/** Annotations that contain whole objects, and so tokens of the legacy version (0.24). */
const HOLDS_OBJECTS = /^(kopf\.zalando\.org\/|kubectl\.kubernetes\.io\/last-applied-configuration$)/;

/** Reads whether and where the audit log is written; undefined if it is not. */
export function readAuditLog(reader: EnvironmentReader): AuditSettings | undefined {
  const isEnabled = reader.flag("AUDITLOG_ENABLED", false);
  const settings = { extraLabels: readExtraLabels(reader), folder: readFolder(reader), s3: readS3(reader) };
  if (settings.s3 !== undefined && settings.folder === undefined) {
    reader.problems.push("AUDITLOG_S3__ENDPOINT needs AUDITLOG_FOLDER: files wait there until they are uploaded");
  }
  return isEnabled ? settings : undefined;
}

function readExtraLabels(reader: EnvironmentReader): readonly string[] {
  const names = reader.structured("AUDITLOG_EXTRA_LABELS", "a JSON list of names of labels", asTexts, []);
  for (const name of names) {
    if (!HOLDS_OBJECTS.test(name)) continue;
    reader.problems.push(`AUDITLOG_EXTRA_LABELS contains "${name}", which contains whole objects and their secrets`);
  }
  return names;
}

function readFolder(reader: EnvironmentReader): AuditSettings["folder"] {
  const path = reader.text("AUDITLOG_FOLDER");
  const rotateSeconds = reader.integer("AUDITLOG_S3__ROTATION_PERIOD_SECONDS", 86_400, { min: 10 });
  const rotateMiB = reader.integer("AUDITLOG_ROTATION_MEBIBYTES", 16, { min: 1, max: 64 });
  const mostMiB = reader.integer("AUDITLOG_MAX_MEBIBYTES", 256, { min: 2 });
  if (mostMiB < 2 * rotateMiB) {
    reader.problems.push("AUDITLOG_MAX_MEBIBYTES must be at least twice AUDITLOG_ROTATION_MEBIBYTES");
  }
  if (path === undefined) return undefined;
  return { path, rotateSeconds, rotateBytes: rotateMiB * MEBIBYTE, mostBytes: mostMiB * MEBIBYTE };
}

function readS3(reader: EnvironmentReader): AuditSettings["s3"] {
  const names = ["ENDPOINT", "BUCKET", "CREDENTIALS"].map((name) => `AUDITLOG_S3__${name}`);
  const [endpoint, bucket, credentialsFolder] = names.map((name) => reader.text(name));
  const region = reader.text("AUDITLOG_S3__REGION");
  const caFile = reader.text("AUDITLOG_S3__CA_FILE");
  const pathPrefix = (reader.text("AUDITLOG_S3__PATH_PREFIX") ?? "").replaceAll(/^\/+|\/+$/g, "");
  if (endpoint === undefined && bucket === undefined && credentialsFolder === undefined) return undefined;
  if (endpoint === undefined || bucket === undefined || credentialsFolder === undefined) {
    reader.problems.push(`${names.join(", ")} must be set together: one of them is missing`);
    return undefined;
  }
  if (!isAddress(endpoint)) reader.problems.push("AUDITLOG_S3__ENDPOINT must be an http or https URL without a user");
  return { endpoint, bucket, credentialsFolder, pathPrefix, region, caFile };
}

function isAddress(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username } = new URL(text);
  return /^https?:$/.test(protocol) && username === "";
}

function asTexts(value: unknown): readonly string[] | undefined {
  return Array.isArray(value) && value.every((one) => typeof one === "string") ? value : undefined;
}
