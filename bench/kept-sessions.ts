import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "@amalthea/cluster";
import type { KeptSession } from "../authorization/src/session/kept-session.ts";
import { newTicket, ticketId } from "../authorization/src/session/ticket.ts";
import { authorizationService } from "../images/authorization/program.ts";
import { memoryOf } from "./container-usage.ts";
import type { Measurement } from "./report.ts";

const REPOSITORY = fileURLToPath(import.meta.resolve("../"));

/** As many as 8 MiB hold, and some that have to go. */
const MORE_THAN_FIT = 1_500;

/** Characters of oauth2-proxy's cookie with the tokens of Keycloak. */
const COOKIE_LENGTH = 5_500;

/** Requests with each session: the figure is that of a service in use. */
const REQUESTS = 3;

/** MiB that 200 sessions may add to the private memory of the authorization service. */
const ADDED_AT_MOST = 6;

/** What kept sessions add to the private memory of the authorization service, run as its image runs it. */
export async function keptSessions(signal: AbortSignal): Promise<readonly Measurement[]> {
  const folder = await mkdtemp(join(tmpdir(), "amalthea-sessions-"));
  try {
    const program = join(folder, authorizationService.file);
    await authorizationService.bundle(REPOSITORY, program);
    const without = await memoryWith(1, program, folder, signal);
    const some = await memoryWith(200, program, folder, signal);
    const full = await memoryWith(MORE_THAN_FIT, program, folder, signal);
    return [
      { what: "private memory of the authorization service with one session", measured: without, unit: "MiB" },
      { what: "added by 199 more", measured: some - without, unit: "MiB", atMost: ADDED_AT_MOST },
      { what: "added when the store is full (8 MiB)", measured: full - without, unit: "MiB" },
    ];
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** MiB, after each session was used. */
async function memoryWith(count: number, program: string, folder: string, signal: AbortSignal): Promise<number> {
  const sessions = join(folder, `sessions-${count}`);
  const policy = join(folder, "policy");
  await Promise.all([mkdir(sessions), mkdir(policy, { recursive: true })]);
  await writeFile(join(policy, "policy.json"), JSON.stringify({ allowAnyUser: true }));
  const tickets = await writeSessions(sessions, count);
  const port = await freePort();
  const service = spawn(process.execPath, [...(authorizationService.flags ?? []), program], {
    env: {
      NODE_ENV: "production",
      AMALTHEA_SERVER_NAME: "bench",
      AMALTHEA_COOKIE_NAME: "session",
      AMALTHEA_LISTEN: `127.0.0.1:${port}`,
      AMALTHEA_POLICY_DIRECTORY: policy,
      AMALTHEA_SESSION_DIRECTORY: sessions,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    await untilListening(service, signal);
    let served = 0;
    for (let round = 0; round < REQUESTS; round += 1) {
      for (const ticket of tickets) served += (await isLetIn(port, ticket, signal)) ? 1 : 0;
    }
    const fitting = served / REQUESTS;
    if (fitting < Math.min(count, 1_000)) throw new Error(`${fitting} of ${count} sessions were let in`);
    return memoryOf(readFileSync(`/proc/${service.pid}/smaps_rollup`, "utf8")).private;
  } finally {
    const ended = once(service, "exit");
    service.kill();
    await ended;
  }
}

/** @returns The tickets, in the order of the sign-ins. */
async function writeSessions(folder: string, count: number): Promise<readonly string[]> {
  const now = Date.now();
  const tickets = Array.from({ length: count }, newTicket);
  for (const [index, ticket] of tickets.entries()) {
    const session: KeptSession = {
      id: ticketId(ticket),
      cookie: `session=${randomBytes(COOKIE_LENGTH).toString("base64url").slice(0, COOKIE_LENGTH)}`,
      identity: {
        ...{ userId: `user-${index}`, email: `user-${index}@example.org`, name: `User ${index}` },
        groups: ["/physics", "/physics/lab", "/staff"],
      },
      ...{ signedInAt: now - count + index, confirmedAt: now, isRenewable: true, triedAt: now, failingSince: 0 },
    };
    await writeFile(join(folder, `${session.id}.json`), JSON.stringify(session));
  }
  return tickets;
}

/** Its output is read to the end, and thrown away. */
async function untilListening(service: ChildProcess, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  service.stdout?.on("data", (text: Buffer) => text.includes('"message":"listening"') && resolve());
  service.once("exit", () => reject(new Error("the authorization service has ended")));
  signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  await promise;
}

async function isLetIn(port: number, ticket: string, signal: AbortSignal): Promise<boolean> {
  const headers = {
    Cookie: `session=${ticket}`,
    "X-Forwarded-Method": "GET",
    "X-Forwarded-Host": "hub.example.org",
    "X-Forwarded-Uri": "/api/sessions",
  };
  const { status, body } = await fetch(`http://127.0.0.1:${port}/authorize`, { headers, signal });
  await body?.cancel();
  return status === 200;
}
