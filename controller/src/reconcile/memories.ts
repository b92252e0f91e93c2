import { ApplyHistory } from "../apply/apply-history.ts";
import { ActivityMemory } from "../observe/activity-memory.ts";
import { FailureMemory } from "../observe/failure-memory.ts";
import { FormerPods } from "../observe/former-pods.ts";
import { QuotaMemory } from "../observe/quota-memory.ts";
import { RouteIndex } from "../observe/route-index.ts";
import { SecretMemory } from "../observe/secret-memory.ts";
import type { TlsSecrets } from "../observe/tls-secrets.ts";
import type { CredentialCheck } from "../observe/credential-check.ts";
import type { UsageMemory } from "../observe/usage-memory.ts";

/** What is read from elsewhere than the caches, outside of the reconciles. */
export type Readings = {
  readonly credentials: CredentialCheck;
  readonly tlsSecrets: TlsSecrets;
  readonly usage: UsageMemory;
};

/** What is known besides the caches; all of it is rebuilt after a restart. */
export class Memories implements Readings {
  readonly secrets: SecretMemory = new SecretMemory();
  readonly failures: FailureMemory = new FailureMemory();
  readonly routes: RouteIndex = new RouteIndex();
  readonly quotas: QuotaMemory = new QuotaMemory();
  readonly formerPods: FormerPods = new FormerPods();
  readonly applies: ApplyHistory = new ApplyHistory();
  readonly activity: ActivityMemory = new ActivityMemory();
  readonly credentials: CredentialCheck;
  readonly tlsSecrets: TlsSecrets;
  readonly usage: UsageMemory;

  constructor({ credentials, tlsSecrets, usage }: Readings) {
    this.credentials = credentials;
    this.tlsSecrets = tlsSecrets;
    this.usage = usage;
  }

  /** The server is gone. Its routes are forgotten where its changes are followed. */
  forget(serverUid: string): void {
    const { secrets, failures, formerPods, activity, credentials } = this;
    for (const memory of [secrets, failures, formerPods, activity, credentials]) memory.forget(serverUid);
  }
}
