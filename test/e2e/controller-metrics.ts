import { Scraped } from "../integration/controller/scraped.ts";
import { namesOf } from "./cluster.ts";
import { forwardPort } from "./port-forward.ts";

/** Port of `metrics.port`, its default. */
const PORT = 8765;

/**
 * Sum of a metric over all replicas of the installed controller: of what is counted the leader alone has any. The ports are forwarded
 * for each reading, because kubectl gives up with the first connection that is lost, and a replica may have been replaced.
 */
export async function sumOfMetric(name: string, labels: Readonly<Record<string, string>>): Promise<number> {
  const [namespace = "", release = ""] = (process.env["AMALTHEA_TEST_HELM_RELEASE"] ?? "").split("/"); // set by npm test
  const selector = `app.kubernetes.io/instance=${release},app.kubernetes.io/component=controller`;
  const pods = await namesOf("pods", namespace, selector);
  const replicas = await Promise.all(pods.map((pod) => scrape(pod.replace("pod/", ""), namespace)));
  return replicas.reduce((sum, replica) => sum + (replica.value(name, labels) ?? 0), 0);
}

async function scrape(pod: string, namespace: string): Promise<Scraped> {
  const { port, close } = await forwardPort(pod, namespace, PORT);
  try {
    return await Scraped.from(port);
  } finally {
    await close();
  }
}
