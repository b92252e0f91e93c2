import {
  ApiError,
  type Clock,
  type ControllerOptions,
  type EventRecorder,
  isConflict,
  isFault,
  keyOf,
  type Kind,
  type KubeClient,
  type KubeObject,
  type Lane,
  type Live,
  type Logger,
  type ObjectKey,
  type ReconcileOutcome,
  type StoreChange,
  type WorkQueue,
} from "@amalthea/kube";
import type { JupyterServer, JupyterServerStatus } from "@amalthea/api";
import type { Pod, ResourceQuota } from "kubernetes-types/core/v1.js";
import type { AuditLog } from "../audit/audit-log.ts";
import { ActivityAsker } from "../activity/activity-asker.ts";
import type { ActionResult } from "../apply/action-result.ts";
import { ApplyHistory } from "../apply/apply-history.ts";
import { type ApplyDeps, applyPlan } from "../apply/apply-plan.ts";
import { recordEvents } from "../apply/record-events.ts";
import { type StatusDeps, type StatusResult, writeStatus } from "../apply/write-status.ts";
import type { ControllerConfig } from "../config/config.ts";
import type { Action, ActionOf, Decision, Plan } from "../decide/decision.ts";
import { withReadableStatus } from "../decide/effective-server.ts";
import type { Observed } from "../decide/live/observed.ts";
import { resizeResultBetween } from "../decide/live/resize-result.ts";
import { routeNeeds, tlsGraceEndsInMs } from "../decide/live/routes.ts";
import { endOf, type Milestone, milestonesBetween } from "../decide/status/milestones.ts";
import { statusOfFailure } from "../decide/status/failed-reconcile.ts";
import { findKind, SERVER_KIND } from "../kinds.ts";
import { laneOf } from "./lane.ts";
import { logResult } from "./log-result.ts";
import type { Metrics } from "../operator/metrics.ts";
import { asServer, type Caches } from "../observe/caches.ts";
import { ActivityMemory } from "../observe/activity-memory.ts";
import { FailureMemory } from "../observe/failure-memory.ts";
import { byAge, earliest } from "../decide/values/time.ts";
import { FormerPods } from "../observe/former-pods.ts";
import { observeServer, podOf } from "../observe/observe-server.ts";
import { controllerOf } from "../decide/values/controller.ts";
import { parentUids } from "../observe/owner.ts";
import { QuotaMemory } from "../observe/quota-memory.ts";
import { ResumeMemory } from "../observe/resume-memory.ts";
import { RouteIndex } from "../observe/route-index.ts";
import { SecretMemory } from "../observe/secret-memory.ts";
import { TlsSecrets } from "../observe/tls-secrets.ts";
import { TokenCheck } from "../observe/token-check.ts";
import { servedRoutesOf } from "../observe/served-route.ts";
import type { UsageTotals } from "../observe/usage-memory.ts";
import { WholeServer } from "../observe/whole-server.ts";
import { reconcile, type ReconcileDeps } from "./reconcile.ts";
import { UsageMeasuring, type UsageMeasuringOptions } from "./usage-measuring.ts";

export type ServerReconcilerOptions = {
  readonly config: ControllerConfig;
  /** Its writes throw unless this process is the leader. */
  readonly client: KubeClient;
  readonly caches: Caches;
  readonly queue: WorkQueue<ObjectKey>;
  readonly recorder: Pick<EventRecorder, "record">;
  readonly extraKinds: readonly Kind[];
  readonly metrics: Metrics;
  /** Undefined: none is written. */
  readonly audit: AuditLog | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Whether our clock is ahead of the API server's: limits would be enforced too early. */
  readonly isClockAhead: () => boolean;
} & Pick<UsageMeasuringOptions, "namespaces" | "ownNamespace" | "connectKubelet">;

/** Errors of the API server in a row, before they are told: one by itself is over at the next attempt. */
const FAILURES_BEFORE_REPORT = 3;

/** Servers that are woken when a quota has room: a thousand that wait must not all write whenever a pod comes or goes. */
const MOST_WOKEN = 10;

/** For a write that its own reconcile has no time for any more. */
const REPORT_TIMEOUT_MS = 10_000;

/**
 * Joins caches, memories, queue and the reconcile of one server. From its creation on every change in the caches puts the
 * servers it concerns into the queue, if that is open; `controllerOptions` is what works the queue.
 */
export class ServerReconciler {
  readonly #options: ServerReconcilerOptions;
  readonly #memories = {
    secrets: new SecretMemory(),
    failures: new FailureMemory(),
    routes: new RouteIndex(),
    quotas: new QuotaMemory(),
    formerPods: new FormerPods(),
    applies: new ApplyHistory(),
    activity: new ActivityMemory(),
  };
  readonly #tokens: TokenCheck;
  readonly #tlsSecrets: TlsSecrets;
  readonly #asker: ActivityAsker;
  readonly #usage: UsageMeasuring;
  readonly #resumes = new ResumeMemory();

  constructor(options: ServerReconcilerOptions) {
    this.#options = options;
    const { caches, client, clock, config, logger, metrics } = options;
    this.#tokens = new TokenCheck({ client, clock, logger, everySeconds: config.tokenCheckSeconds });
    this.#usage = new UsageMeasuring({ ...options, onNews: (server) => this.#enqueue(keyOf(server), "Low") });
    this.#tlsSecrets = new TlsSecrets({ client, clock, logger, onNews: (key) => this.#enqueue(key, "Normal") });
    this.#asker = new ActivityAsker({
      ...{ client, clock, logger },
      podOf: (key) => this.#podOf(key),
      cpuMillicoresOf: async (pod, signal) => (await this.#usage.podMetrics.presentOf(pod, signal))?.cpuMillicores,
      onAnswer: ({ key, serverUid, question }, answer) => {
        metrics.activityAsked(answer.kind);
        // Of a server that is gone nothing is remembered.
        if (caches.server(key)?.metadata.uid !== serverUid) return;
        this.#memories.activity.remember(serverUid, question.podUid, answer, clock.now());
        this.#enqueue(key, "Urgent");
      },
    });
    options.caches.subscribe((key, { initial }) => this.#enqueue(key, laneOf(options.caches.server(key), initial)));
    options.caches.servers.store.subscribe((change) => this.#serverChanged(change));
    options.caches.quotas.store.subscribe((change) => this.#quotaChanged(change));
    // Before the reconcile that the pod's news leads to.
    options.caches.pods.store.subscribe((change) => this.#podChanged(change));
    for (const { store } of options.caches.owned) {
      store.subscribe((change) => {
        this.#servedChanged(store.kind, change);
        this.#makeRoom(change);
        if (change.current === undefined) this.#memories.applies.forget(change.previous?.metadata.uid ?? "");
      });
    }
  }

  /** Puts every server into the queue, behind what is urgent. */
  enqueueAll(): void {
    for (const server of this.#options.caches.servers.store.list()) this.#enqueue(keyOf(server), "Low");
  }

  /** Asks servers about their activity, as reconciles demand it, until the signal is aborted. */
  async askAboutActivity(signal: AbortSignal): Promise<void> {
    await this.#asker.run(signal);
  }

  /** Looks for the Secrets with certificates that servers name, until the signal is aborted. */
  async lookForTlsSecrets(signal: AbortSignal): Promise<void> {
    await this.#tlsSecrets.run(signal);
  }

  /** Measures what servers use, until the signal is aborted. */
  async measureUsage(signal: AbortSignal): Promise<void> {
    await this.#usage.run(signal);
  }

  /** Sums of what is known now. */
  usageTotals(): UsageTotals {
    return this.#usage.memory.totals(this.#options.clock.monotonicMs());
  }

  controllerOptions(): ControllerOptions<ObjectKey> {
    const { config, queue, metrics, logger, clock } = this.#options;
    return {
      name: "jupyterserver",
      queue,
      workers: config.workers,
      reconcile: (key, signal) => this.#reconcile(key, signal),
      clock,
      logger,
      onResult: (result) => metrics.reconciled(result),
    };
  }

  async #reconcile(key: ObjectKey, signal: AbortSignal): Promise<ReconcileOutcome> {
    try {
      return await reconcile(key, this.#depsFor(key), signal);
    } catch (error) {
      await this.#reportFailure(key, error, signal);
      throw error;
    }
  }

  /** Says in the status of a server that its reconcile threw, and keeps throwing. */
  async #reportFailure(key: ObjectKey, error: unknown, signal: AbortSignal): Promise<void> {
    const { caches, clock, logger, queue } = this.#options;
    const detail = failureDetail(error, queue.failures(key));
    const server = caches.server(key);
    if (detail === undefined || server === undefined || isStopped(signal)) return;
    try {
      const status = statusOfFailure(server, detail, clock.now());
      await this.#writeStatus(server, status, AbortSignal.timeout(REPORT_TIMEOUT_MS));
    } catch (err) {
      logger.warn({ key, err }, "cannot write the condition of a failed reconcile");
    }
  }

  #depsFor(key: ObjectKey): ReconcileDeps {
    const { caches, client, config, extraKinds, recorder, clock, logger, isClockAhead } = this.#options;
    const memories = {
      ...this.#memories,
      ...{ tokens: this.#tokens, tlsSecrets: this.#tlsSecrets, usage: this.#usage.memory },
    };
    const sources = { caches, memories, policy: config.decision.policy };
    const startMs = clock.monotonicMs();
    const whole = new WholeServer(caches, client);
    const extraChildKinds = extraKinds.map(({ apiVersion, kind, plural }) => ({ apiVersion, kind, plural }));
    return {
      settings: { ...config.decision, extraChildKinds },
      now: () => clock.now(),
      observe: async (_key, signal) => {
        const server = await whole.read(key, signal);
        if (server === undefined) return undefined;
        await this.#tokens.look(server, podOf(server, caches), signal);
        const now = clock.now();
        const time = { nowMs: clock.monotonicMs(), now, isClockAhead: isClockAhead() };
        const observed = observeServer(server, sources, time);
        this.#tlsSecrets.look(server.metadata, routeNeeds(server, observed.children, now).tlsSecrets);
        return observed;
      },
      apply: (decision, observed, signal) => this.#apply(decision, observed, signal),
      writeStatus: (server, status, signal) => this.#writeStatus(server, status, signal),
      reportFault: ({ metadata }, err) => logger.error({ key: keyOf(metadata), err }, "deciding failed"),
      recordEvents: (server, events) => recordEvents(server, events, recorder),
      askActivity: (server, question) =>
        this.#asker.ask({ key: keyOf(server), serverUid: server.metadata.uid, question }),
      dueInMs: ({ server, children }) =>
        earliest(
          this.#memories.failures.nextRetryMs(server.metadata.uid, startMs, clock.monotonicMs()),
          this.#tokens.nextLookMs(server, podOf(server, caches)),
          this.#nextTlsLookMs(server, children),
        ),
    };
  }

  #nextTlsLookMs(server: JupyterServer, children: Observed["children"]): number | undefined {
    const now = this.#options.clock.now();
    const { tlsSecrets } = routeNeeds(server, children, now);
    return earliest(
      tlsGraceEndsInMs(server, children, now),
      this.#tlsSecrets.nextLookMs(server.metadata.namespace, tlsSecrets),
    );
  }

  async #apply(decision: Decision, observed: Observed, signal: AbortSignal): Promise<readonly ActionResult[]> {
    const { caches, client, clock, extraKinds } = this.#options;
    const subject = secretInQuestion(decision.plan);
    const deps: ApplyDeps = {
      client,
      clock,
      history: this.#memories.applies,
      findKind: (name) => findKind(name, extraKinds),
      liveVersion: (kind, manifest) => caches.find(kind, keyOf(manifest))?.metadata,
      record: (result) => this.#record(result, observed, subject),
    };
    const secretExpected = observed.server.status?.children?.["secret"] !== undefined;
    const results = await applyPlan(decision.plan, { secretExpected }, deps, signal);
    this.#forgetAbandoned(observed, results);
    return results;
  }

  #podOf(key: ObjectKey): Live<Pod> | undefined {
    const { caches } = this.#options;
    const server = caches.server(key);
    return server === undefined ? undefined : podOf(server, caches);
  }

  /** What a status says for the first time counts when it is written. */
  async #writeStatus(server: JupyterServer, status: JupyterServerStatus, signal: AbortSignal): Promise<StatusResult> {
    const { audit, caches, clock } = this.#options;
    const { uid } = server.metadata;
    await audit?.beforeStatus(server, status);
    const result = await writeStatus(server, status, this.#statusDeps(), signal);
    audit?.statusWritten(server);
    if (result === "Written") {
      const start = { pod: podOf(server, caches), isResuming: this.#resumes.has(uid) };
      this.#countMilestones(server, () => milestonesBetween(server, status, start, clock.now()));
    }
    return result;
  }

  /** A fault in counting is one line in the log, and nothing else. */
  #countMilestones(server: JupyterServer, milestones: () => readonly Milestone[]): void {
    const { logger, metrics } = this.#options;
    try {
      for (const milestone of milestones()) {
        this.#resumes.note(server.metadata.uid, milestone);
        metrics.reached(milestone, server);
      }
    } catch (err) {
      logger.error({ key: keyOf(server), err }, "counting for the metrics failed");
    }
  }

  #statusDeps(): StatusDeps {
    const { caches, client } = this.#options;
    return {
      client,
      recordWrite: (kind, object) => caches.recordWrite(kind, object),
      recordRemoval: (kind, key, uid) => caches.recordRemoval(kind, key, uid),
    };
  }

  /** Makes what an action did known at once: to the next look, to the metrics and to the log. */
  #record(result: ActionResult, observed: Observed, subject: Action | undefined): void {
    const { caches, clock } = this.#options;
    const { failures, secrets } = this.#memories;
    const { uid } = observed.server.metadata;
    switch (result.kind) {
      case "Written":
        if (result.object !== undefined) caches.recordWrite(result.at, result.object);
        break;
      case "Removed":
        caches.recordRemoval(result.at, result.key, result.uid);
        break;
      case "SecretSeen":
        if (result.action === subject) {
          secrets.remember(uid, result.secret, observed.pod?.metadata.uid, clock.monotonicMs());
        }
        break;
      case "Refused":
        this.#recordRefusal(result, observed.server);
        break;
      case "Skipped":
        break;
    }
    if (result.kind !== "Refused" && result.kind !== "Skipped") failures.forgetChild(uid, result.action.childKey);
    const isDone = result.kind === "Written" || result.kind === "Removed";
    if (isDone && result.action.kind === "Cull") this.#recordCull(result.action, observed.server);
    this.#options.metrics.acted(result);
    logResult(result, observed.server, this.#options.logger);
  }

  /** A resize that is tried again and refused again counts once. */
  #recordRefusal({ action, failure }: Extract<ActionResult, { kind: "Refused" }>, { metadata }: JupyterServer): void {
    const { clock, metrics } = this.#options;
    const isNew = this.#memories.failures.remember(metadata.uid, metadata.generation, failure, clock.monotonicMs());
    if (isNew && action.kind === "Resize") metrics.resized("Refused");
  }

  #recordCull({ cull, note }: ActionOf<"Cull">, server: JupyterServer): void {
    this.#options.metrics.culled(cull);
    recordEvents(server, [{ type: "Normal", reason: "LimitReached", note }], this.#options.recorder);
  }

  /** Refusals whose time to be tried again came, but which no plan repeats: what was refused is not wanted any more. */
  #forgetAbandoned(observed: Observed, results: readonly ActionResult[]): void {
    const tried = new Set(results.map(({ action }) => action.childKey));
    for (const { childKey, mayRetry } of observed.failures) {
      if (mayRetry === true && !tried.has(childKey)) {
        this.#memories.failures.forgetChild(observed.server.metadata.uid, childKey);
      }
    }
  }

  /** Nothing enters the queue of a replica that does not lead. */
  #enqueue(key: ObjectKey, lane: Lane): void {
    const { metrics, queue } = this.#options;
    if (queue.isOpen) metrics.queueAdded();
    queue.add(key, lane);
  }

  /** Tells those who wait for a route that another server does not serve it any more, or does. */
  #servedChanged(kind: Kind, { previous, current, initial }: StoreChange<KubeObject>): void {
    const uid = (current ?? previous)?.metadata.uid ?? "";
    const served = current === undefined ? undefined : servedRoutesOf(kind, current);
    for (const key of this.#memories.routes.updateServed(uid, served))
      this.#enqueue(key as ObjectKey, initial ? "Low" : "Urgent"); // see `#serverChanged`
  }

  /** What was left of an earlier server of the same name is gone: the present one has waited for it. */
  #makeRoom({ previous, current }: StoreChange<KubeObject>): void {
    const owner = previous === undefined ? undefined : controllerOf(previous);
    if (previous === undefined || current !== undefined || owner?.kind !== SERVER_KIND.kind) return;
    const key = `${previous.metadata.namespace}/${owner.name}` as ObjectKey;
    const server = this.#options.caches.server(key);
    if (server === undefined || server.metadata.uid === owner.uid) return;
    if (this.#memories.failures.release(server.metadata.uid)) this.#enqueue(key, "Urgent");
  }

  /** The oldest of those that wait for room in a quota try at once; the others when it is their time. */
  #quotaChanged(change: StoreChange<ResourceQuota>): void {
    const { caches, clock } = this.#options;
    const namespace = this.#memories.quotas.changed(change, clock.now());
    if (namespace === undefined) return;
    const { failures } = this.#memories;
    const waiting = caches
      .serversIn(namespace)
      .filter((server) => isOverQuota(server) || failures.isOverQuota(server.metadata.uid));
    for (const server of waiting.toSorted((left, right) => byAge(left.metadata, right.metadata)).slice(0, MOST_WOKEN)) {
      failures.release(server.metadata.uid);
      this.#enqueue(keyOf(server), "Urgent");
    }
  }

  #countResize(previous: Live<Pod>, current: Live<Pod>): void {
    const { metrics, queue } = this.#options;
    const result = resizeResultBetween(previous, current);
    if (result !== undefined && queue.isOpen) metrics.resized(result);
  }

  #podChanged({ previous, current }: StoreChange<Pod>): void {
    const { caches } = this.#options;
    if (previous !== undefined && current !== undefined) this.#countResize(previous, current);
    if (current === undefined) this.#usage.memory.forget(previous?.metadata.uid ?? "");
    for (const uid of [previous, current].flatMap((pod) => (pod === undefined ? [] : parentUids(pod)))) {
      for (const server of caches.servers.store.byIndex("uid", uid).flatMap((found) => asServer(found) ?? [])) {
        this.#memories.secrets.podSeen(uid, podOf(server, caches)?.metadata.uid);
        const isGone = previous?.metadata.namespace === server.metadata.namespace && current === undefined;
        if (isGone && controllerOf(previous)?.kind === "StatefulSet") this.#memories.formerPods.gone(uid, previous);
      }
    }
  }

  /** A server of the namespace is gone: where their number is limited, the next one has room now. */
  #admitNext(namespace: string, initial: boolean): void {
    const { caches, config } = this.#options;
    const { serversPerNamespace } = config.decision.policy;
    if (serversPerNamespace === 0) return;
    const next = caches.ages.keyAt(namespace, serversPerNamespace - 1);
    if (next !== undefined) this.#enqueue(next, initial ? "Low" : "Normal"); // a write for each child
  }

  #serverChanged({ key, previous, current, initial }: StoreChange<KubeObject>): void {
    for (const affected of this.#memories.routes.update(key, asServer(current))) {
      this.#enqueue(affected as ObjectKey, initial ? "Low" : "Urgent"); // keys went in, so keys come out
    }
    if (previous === undefined || current !== undefined) return;
    this.#admitNext(previous.metadata.namespace ?? "", initial);
    const { uid } = previous.metadata;
    this.#memories.secrets.forget(uid);
    this.#tokens.forget(uid);
    this.#memories.formerPods.forget(uid);
    this.#memories.failures.forget(uid);
    this.#memories.activity.forget(uid);
    this.#resumes.forget(uid);
    const server = asServer(previous);
    if (server !== undefined) this.#reportEnd(server);
  }

  /** To the audit log and to the metrics. */
  #reportEnd(server: JupyterServer): void {
    const { audit, queue } = this.#options;
    audit?.removed(server);
    if (queue.isOpen) this.#countMilestones(server, () => [endOf(server)]);
  }
}

/**
 * What people are told of an error: its kind, or the request that the API server refused, and nothing that an object or a
 * Secret holds. Undefined for what is over by itself: a conflict, throttling, an API server that does not answer, and
 * its errors until they have come some times in a row.
 */
function failureDetail(error: unknown, failures: number): string | undefined {
  if (isFault(error)) return `internal error (${error instanceof Error ? error.name : typeof error})`;
  const isRefused = error instanceof ApiError && error.code !== 429 && !isConflict(error);
  return isRefused && failures >= FAILURES_BEFORE_REPORT ? error.message : undefined;
}

/** Whether the server's pod was refused because of a ResourceQuota, or one of its children. */
function isOverQuota(server: JupyterServer): boolean {
  const { conditions = [] } = withReadableStatus(server).status ?? {};
  return conditions.some(({ reason }) => reason === "QuotaExceeded");
}

/** Not at its time limit, but with the whole controller. */
function isStopped({ aborted, reason }: AbortSignal): boolean {
  return aborted && !(reason instanceof DOMException && reason.name === "TimeoutError");
}

/** The action whose Secret decisions are told about: the server's own, else the last one that patches added. */
function secretInQuestion(plan: Plan): Action | undefined {
  const actions = plan.filter(({ kind }) => kind === "EnsureSecret");
  return actions.find((action) => action.childKey === "secret") ?? actions.at(-1);
}
