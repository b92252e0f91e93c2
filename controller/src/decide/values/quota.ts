/** Whether a refusal of the API server, or an Event about one, is about a ResourceQuota. */
export function isOfQuota(message: string): boolean {
  return quotaIn(message) !== undefined;
}

/** The quota and its numbers in a refusal; undefined when it was refused for another reason. */
export function quotaIn(message: string): string | undefined {
  return /exceeded quota: .*$/s.exec(message)?.[0];
}
