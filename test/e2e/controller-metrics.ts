import { Scraped } from "../integration/controller/scraped.ts";
import { namesOf } from "./cluster.ts";
import { forwardPort, type PortForward } from "./port-forward.ts";

/** Port of `metrics.port`, its default. */
const PORT = 8765;

/** The metrics of all replicas of the installed controller. */
export class ControllerMetrics implements AsyncDisposable {
  readonly #replicas: readonly PortForward[];

  private constructor(replicas: readonly PortForward[]) {
    this.#replicas = replicas;
  }

  static async open(): Promise<ControllerMetrics> {
    const [namespace = "", release = ""] = (process.env["AMALTHEA_TEST_HELM_RELEASE"] ?? "").split("/"); // set by npm test
    const selector = `app.kubernetes.io/instance=${release},app.kubernetes.io/component=controller`;
    const pods = await namesOf("pods", namespace, selector);
    const forward = (name: string): Promise<PortForward> => forwardPort(name.replace("pod/", ""), namespace, PORT);
    return new ControllerMetrics(await Promise.all(pods.map(forward)));
  }

  /** Sum of a metric over the replicas: of what is counted the leader alone has any. */
  async sum(name: string, labels: Readonly<Record<string, string>>): Promise<number> {
    const scraped = await Promise.all(this.#replicas.map(({ port }) => Scraped.from(port)));
    return scraped.reduce((sum, replica) => sum + (replica.value(name, labels) ?? 0), 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#replicas.map(({ close }) => close()));
  }
}
