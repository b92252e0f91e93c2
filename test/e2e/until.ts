/**
 * Asks until the answer is as expected, every 250 ms: for facts that nobody announces, such as an ingress controller
 * that has read a changed Ingress. A question that fails (a connection to a pod that has just gone) is asked again.
 * @throws Error with the last answer or failure after the time limit.
 */
export async function until<T>(ask: () => Promise<T>, expected: (answer: T) => boolean, seconds = 120): Promise<T> {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    const [outcome] = await Promise.allSettled([ask()]);
    if (outcome.status === "fulfilled" && expected(outcome.value)) return outcome.value;
    if (performance.now() > deadline) {
      const last = outcome.status === "fulfilled" ? `answer: ${JSON.stringify(outcome.value)}` : outcome.reason;
      throw new Error(`not within ${seconds} s; the last ${last}`, { cause: outcome });
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}
