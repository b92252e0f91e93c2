import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createActivityServer, type ActivitySources } from "./activity-server.ts";
import { ProviderKeys } from "./bearer/provider-keys.ts";
import { TokenOrSession } from "./bearer/token-or-session.ts";
import { TokenVerifier, type VerifierDeps } from "./bearer/token-verifier.ts";
import type { AuthorizationConfig } from "./config.ts";
import { DecisionLog, loggedUser, REPEAT_WINDOW_MS } from "./decision-log.ts";
import type { Log } from "./log.ts";
import { LoginLane } from "./login-client.ts";
import { LoginService } from "./login-service.ts";
import { Metrics } from "./metrics.ts";
import { OpenSockets } from "./open-sockets.ts";
import { PolicyFile } from "./policy-file.ts";
import { isRevoked } from "./policy.ts";
import { Provider } from "./provider.ts";
import { readinessProbe } from "./readiness.ts";
import { createAuthorizationServer } from "./server.ts";
import { Activity } from "./server-deps.ts";
import { RememberedAnswers } from "./remembered-answers.ts";
import type { KeptSession, Renewal } from "./session/kept-session.ts";
import { LoginSessions } from "./session/login-sessions.ts";
import { SessionFiles } from "./session/session-files.ts";
import { SessionStore } from "./session/session-store.ts";
import { Sessions, type SessionsDeps } from "./session/sessions.ts";

/** In case an event of the file system is lost: access must end within ten seconds. */
const POLICY_POLL_MS = 5_000;

/** People who sign in at once, and how long a provider may take to exchange a code. */
const LOGINS = { asking: 8, waiting: 32, timeoutMs: 30_000 } as const;

/** Concurrent renewals: for the few users of one server. */
const RENEWALS = { asking: 8, waiting: 64, timeoutMs: 10_000 } as const;

/** The running service. */
export type Authorization = {
  /** The port it listens on: the configured one, or the one the system chose for port 0. */
  readonly port: number;
  /** The port at which the activity is reported; undefined without a key. */
  readonly activityPort: number | undefined;
  /** Closes all WebSockets and stops. */
  readonly close: () => Promise<void>;
};

/**
 * Starts the service: reads the policy, then listens.
 *
 * @param now The wall clock, in milliseconds.
 */
export async function startAuthorization(
  config: AuthorizationConfig,
  log: Log,
  now: () => number,
): Promise<Authorization> {
  const parts = assemble(config, log, now);
  const { policyFile, store, server, sockets, sessions, activity } = parts;
  await Promise.all([policyFile.refresh(), store.load()]);
  server.listen(config.listen);
  await once(server, "listening"); // rejects when the port is taken
  const port = portOf(server);
  log.info("listening", { address: config.listen.host, port });
  const activityServer = await startActivityServer(config, { config, sockets, activity, sessions, now }, log);
  const timers = startTimers(parts, config);
  return {
    port,
    activityPort: activityServer === undefined ? undefined : portOf(activityServer),
    close: async () => {
      timers.forEach((timer) => clearInterval(timer));
      activityServer?.closeAllConnections();
      activityServer?.close();
      await close(parts);
    },
  };
}

type Parts = ReturnType<typeof assemble>;

/** Creates and connects all parts; nothing runs yet. */
function assemble(config: AuthorizationConfig, log: Log, now: () => number) {
  const sockets = new OpenSockets(
    { graceMs: config.sessionGraceSeconds * 1000, lifeMs: config.socketLifeSeconds * 1000 },
    now,
  );
  const loginService = new LoginService(config.loginService, config.basePath);
  const login = new LoginLane(config.loginService, LOGINS);
  const renewals = new LoginLane(config.loginService, RENEWALS);
  const provider = new Provider(config.provider, now);
  const metrics = new Metrics();
  const onFileProblem = (reason: string): void => log.warn("sessions cannot be kept as files", { reason });
  const store = new SessionStore(new SessionFiles(config.sessionDirectory, onFileProblem));
  const isOver = (since: number): boolean => isRevoked(since, policyFile.current, now());
  const sessions = sessionsOf(config, log, now, {
    ...{ store, metrics, provider, isRevoked: isOver },
    renewer: new LoginSessions({ lane: renewals, provider, config }),
    tokens: new RememberedAnswers(loginService, now),
    onEnd: (id) => sockets.cutSession(id, "SessionEnded"),
  });
  const tokens = tokenVerifier(config, provider, { isRevoked: isOver, now, log });
  const decisions = new DecisionLog(log, now);
  const policyFile = new PolicyFile(config.policyDirectory, (policy) => {
    if (policy.kind === "Broken") log.warn("policy invalid, nobody is authorized", { reason: policy.problem });
    else log.info("policy read", { policy: policy.kind });
    sockets.applyPolicy(policy);
    sessions.flush();
  });
  const activity = new Activity(now);
  const server = createAuthorizationServer({
    ...{ config, sessions, login, provider, sockets, metrics, decisions, activity, log },
    policy: () => policyFile.current,
    readiness: readinessProbe(config, () => store.size > 0),
    identities: new TokenOrSession(tokens, sessions),
    loginSessions: new LoginSessions({ lane: login, provider, config }),
  });
  return {
    sockets,
    loginService,
    login,
    renewals,
    metrics,
    store,
    sessions,
    tokens,
    decisions,
    policyFile,
    activity,
    server,
  };
}

type SessionDeps = Pick<SessionsDeps, "store" | "tokens" | "isRevoked" | "onEnd"> & {
  readonly renewer: LoginSessions;
  readonly provider: Provider;
  readonly metrics: Metrics;
};

function sessionsOf(
  config: AuthorizationConfig,
  log: Log,
  now: () => number,
  { renewer, provider, metrics, ...deps }: SessionDeps,
): Sessions {
  return new Sessions({
    ...deps,
    renew: (session) => renewer.renew(session),
    isProviderAnswering: () => provider.isAnswering(),
    limits: {
      lengthMs: config.sessionSeconds * 1000,
      renewMs: config.renewSeconds * 1000,
      graceMs: config.renewalGraceSeconds * 1000,
    },
    now,
    onRenewal: (renewal, session) => {
      metrics.count("amalthea_authorization_session_renewals_total", { result: renewal.kind });
      logRenewal(log, renewal, session, config.sessionSeconds);
    },
  });
}

/** Periodic tasks. */
function startTimers(
  { policyFile, sockets, sessions, tokens, decisions, metrics }: Parts,
  { sessionCheckSeconds }: AuthorizationConfig,
): readonly NodeJS.Timeout[] {
  const countCheck = (answer: string): void => metrics.count("amalthea_authorization_session_checks_total", { answer });
  const confirmed = new TokenOrSession(tokens, { ask: (credentials) => sessions.confirm(credentials) });
  const checkSockets = (): void => void sockets.check(confirmed, () => policyFile.current, countCheck);
  return [
    setInterval(() => void policyFile.refresh(), POLICY_POLL_MS),
    setInterval(checkSockets, sessionCheckSeconds * 1000),
    setInterval(() => decisions.flush(), REPEAT_WINDOW_MS),
    setInterval(() => sessions.flush(), REPEAT_WINDOW_MS),
  ];
}

async function close({ policyFile, sockets, loginService, login, renewals, server }: Parts): Promise<void> {
  policyFile.close();
  sockets.cutAll("Stopping");
  loginService.close();
  login.close();
  renewals.close();
  server.closeAllConnections();
  await new Promise<void>((resolve) => void server.close(() => resolve()));
}

/** Undefined if no tokens are accepted. */
function tokenVerifier(
  { bearer, email }: AuthorizationConfig,
  provider: Provider,
  { log, ...deps }: Pick<VerifierDeps, "isRevoked" | "now"> & { readonly log: Log },
): TokenVerifier | undefined {
  if (bearer === undefined) return undefined;
  const keys = new ProviderKeys(
    bearer,
    (url) => provider.getJson(url),
    () => performance.now(),
    (reason) => log.warn("the provider's keys cannot be read", { reason }),
  );
  return new TokenVerifier({ settings: { ...bearer, email }, findKey: keys.find, ...deps });
}

async function startActivityServer(
  { activityKey, activityPort }: AuthorizationConfig,
  sources: ActivitySources,
  log: Log,
): Promise<Server | undefined> {
  if (activityKey === undefined) return undefined;
  const server = createActivityServer(activityKey, sources);
  server.listen(activityPort); // on every address, of either family
  try {
    await once(server, "listening");
    return server;
  } catch {
    // A program of the user may occupy it. Access is not denied for that: the activity stays unknown.
    log.warn("cannot listen for requests about the activity", { port: activityPort });
    return undefined;
  }
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port; // it listens on TCP
}

/** Logs each refusal, and the first of consecutive failures; for a session that was never renewed, what that means. */
function logRenewal(log: Log, renewal: Renewal, session: KeptSession, lengthSeconds: number): void {
  const user = loggedUser(session.identity);
  if (renewal.kind === "Refused") log.info("session refused by the provider", { user });
  if (renewal.kind !== "Failed" || session.failingSince > 0) return;
  const { problem: reason } = renewal;
  if (session.isRenewable) log.info("session not renewed", { user, reason });
  else log.warn("session cannot be renewed, so it lasts its whole length", { user, reason, lengthSeconds });
}
