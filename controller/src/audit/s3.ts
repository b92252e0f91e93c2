import { X509Certificate } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import aws4 from "aws4";
import { type Dispatcher, Pool } from "undici";
import { hasCode } from "./file-errors.ts";
import type { Digest } from "./log-content.ts";
import type { RotatedFile } from "./log-folder.ts";

export type S3Target = {
  /** Address of the service, without the bucket. */
  readonly endpoint: string;
  readonly bucket: string;
  /** Of the objects' keys; without slashes at its ends. Empty: none. */
  readonly pathPrefix: string;
  /** Undefined: what the endpoint's name says, else us-east-1. */
  readonly region: string | undefined;
  /** Folder of the mounted Secret: read for each file, because its content may change. */
  readonly credentialsFolder: string;
  /** PEM of the authorities of its certificate, read for each file; undefined: those that Node knows. */
  readonly caFile: string | undefined;
};

/** The service refused, or is not an object store. Its message contains no credentials. */
export class S3Error extends Error {
  override readonly name = "S3Error";
}

/** Time limit of a file, plus time for its size. */
const TIMEOUT_MS = 30_000;
const LEAST_BYTES_PER_MS = 100;

/** Characters of a response that are read to find the reason for a refusal. */
const MOST_OF_ANSWER = 4_096;

/**
 * Stores a rotated file under its own name, which contains its hash, so this is idempotent. The service compares the
 * content with the hash that is signed.
 * @throws S3Error; whatever the network or the file system says.
 */
export async function putFile(
  file: RotatedFile & Pick<Digest, "sha256">,
  target: S3Target,
  signal: AbortSignal,
): Promise<void> {
  const { origin, pathname, host } = new URL(target.endpoint);
  const key = [target.pathPrefix, file.name].filter((part) => part !== "").join("/");
  const path = `${pathname.replace(/\/+$/, "")}/${encoded(target.bucket)}/${encoded(key)}`;
  const headers = {
    "content-type": "text/plain; charset=utf-8",
    "content-length": String(file.bytes),
    "x-amz-content-sha256": file.sha256,
  };
  const region = target.region === undefined ? {} : { region: target.region };
  const unsigned = { service: "s3", method: "PUT", host, path, headers, ...region };
  const signed = aws4.sign(unsigned, await readCredentials(target.credentialsFolder));
  const timeout = AbortSignal.timeout(TIMEOUT_MS + Math.ceil(file.bytes / LEAST_BYTES_PER_MS));
  const connections = new Pool(origin, { connections: 1, connect: await authorities(target) });
  try {
    const put = {
      method: "PUT",
      path,
      headers: signed.headers as Record<string, string>, // every one of them has a value
      body: createReadStream(file.path),
      signal: AbortSignal.any([signal, timeout]),
    } as const;
    await requireStored(await connections.request(put));
  } catch (error) {
    throw hasCode(error, ...UNKNOWN_AUTHORITY) ? new S3Error(ADVICE_ON_AUTHORITY, { cause: error }) : error;
  } finally {
    await connections.destroy();
  }
}

/** What Node says of a certificate of an authority that it does not know. */
const UNKNOWN_AUTHORITY = [
  ...["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"],
  ...["SELF_SIGNED_CERT_IN_CHAIN", "DEPTH_ZERO_SELF_SIGNED_CERT"],
];
const ADVICE_ON_AUTHORITY =
  "no known authority has signed the object store's certificate: name yours in auditLog.s3.caConfigMap";

async function authorities({ caFile }: S3Target): Promise<{ readonly ca?: string }> {
  if (caFile === undefined) return {};
  const ca = await readFile(caFile, "utf8").catch(() => "");
  if (hasCertificate(ca)) return { ca };
  throw new S3Error(`${caFile} has no PEM certificate: check the ConfigMap that auditLog.s3.caConfigMap names`);
}

function hasCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== undefined;
  } catch {
    return false;
  }
}

async function requireStored({ statusCode, headers, body }: Dispatcher.ResponseData): Promise<void> {
  const answer = await firstOf(body);
  if (statusCode !== 200) throw new S3Error(`the object store responds with ${statusCode}${reasonIn(answer)}`);
  // The file is deleted after this: anything else that returns 200 has stored nothing.
  if (headers["etag"] === undefined) throw new S3Error("the endpoint is not an object store: its response has no ETag");
}

function encoded(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}

async function readCredentials(folder: string): Promise<{ accessKeyId: string; secretAccessKey: string }> {
  const read = async (key: string): Promise<string> => {
    const text = await readFile(join(folder, key), "utf8").catch(() => "");
    if (text.trim() === "") throw new S3Error(`the Secret with the credentials has no value for ${key}`);
    return text.trim();
  };
  return { accessKeyId: await read("accessKeyId"), secretAccessKey: await read("secretAccessKey") };
}

async function firstOf(body: AsyncIterable<Buffer>): Promise<string> {
  let text = "";
  for await (const chunk of body) {
    text += chunk.toString("utf8");
    if (text.length > MOST_OF_ANSWER) break;
  }
  return text;
}

/** The code of the error, which is a word; the rest of an answer may repeat what was signed. */
function reasonIn(answer: string): string {
  const code = /<Code>([A-Za-z]{1,64})<\/Code>/.exec(answer)?.[1];
  return code === undefined ? "" : `: ${code}`;
}
