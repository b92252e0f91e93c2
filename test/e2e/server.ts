import { prefixOf } from "@amalthea/api";
import { apply, cluster, fetchThroughIngress, get, kubectl, type Answer } from "./cluster.ts";

/** The parts of a JupyterServer that users and these tests look at. */
export type ServerObject = {
  readonly metadata: { readonly uid: string; readonly generation: number };
  readonly spec: Readonly<Record<string, unknown>>;
  readonly status?: {
    readonly state?: string;
    readonly url?: string;
    readonly observedGeneration?: number;
    readonly conditions?: readonly Condition[];
    readonly create_fn?: { readonly fullServerURL?: string };
    readonly mainPod?: object;
  };
};

export type Condition = {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
};

/** Image of a server whose test needs a real JupyterLab. */
export const JUPYTER_IMAGE: string = process.env["AMALTHEA_TEST_IMAGE"] ?? "jupyter/minimal-notebook:latest";

/** Where a server is reached: below a path of a host that it shares with others, or at a host of its own. */
type Address = { readonly host: string; readonly path: string; readonly scheme?: "https" };

const HOST = "e2e.localhost";

/** A server in a namespace, handled as a user would: by kubectl and HTTP. */
export class TestServer {
  readonly name: string;
  readonly namespace: string;
  readonly host: string;
  readonly path: string;
  /** Address through the ingress controller, without a slash at its end. */
  readonly url: string;

  constructor(name: string, namespace: string, address: Address = { host: HOST, path: `/${namespace}/${name}` }) {
    this.name = name;
    this.namespace = namespace;
    this.host = address.host;
    this.path = address.path;
    const ingress = new URL(cluster.ingressUrl);
    this.url = `${address.scheme ?? "http"}://${this.host}${ingress.port === "" ? "" : `:${ingress.port}`}${prefixOf(this.path)}`;
  }

  /** Applies the server; `spec` is merged over one that has what every server needs, `args` are for kubectl. */
  async apply(spec: { readonly [field: string]: object } = {}, args: readonly string[] = []): Promise<void> {
    const { jupyterServer, routing, ...rest } = spec;
    await apply(
      {
        apiVersion: "amalthea.dev/v1alpha1",
        kind: "JupyterServer",
        metadata: { name: this.name, namespace: this.namespace },
        spec: {
          jupyterServer: { image: JUPYTER_IMAGE, ...jupyterServer },
          routing: { host: this.host, path: this.path, ...routing },
          ...rest,
        },
      },
      args,
    );
  }

  read(): Promise<ServerObject> {
    return get<ServerObject>("jupyterserver", this.name, this.namespace);
  }

  async condition(type: string): Promise<Condition | undefined> {
    const { status } = await this.read();
    return status?.conditions?.find((condition) => condition.type === type);
  }

  /** Merges a change into the object, as `kubectl patch` does. */
  async patch(change: object): Promise<void> {
    await kubectl([
      "patch",
      "jupyterserver",
      this.name,
      "-n",
      this.namespace,
      "--type=merge",
      "-p",
      JSON.stringify(change),
    ]);
  }

  /** The token as a user finds it: in the server's Secret. */
  async token(): Promise<string> {
    const secret = await get<{ data: { jupyterServerAppToken: string } }>("secret", this.name, this.namespace);
    return Buffer.from(secret.data.jupyterServerAppToken, "base64").toString();
  }

  /** Asks Jupyter's API through the ingress controller. */
  async ask(
    path: string,
    token: string,
    options: { readonly method?: string; readonly body?: string } = {},
  ): Promise<Answer> {
    return fetchThroughIngress(`${this.url}${path}`, { ...options, headers: { authorization: `token ${token}` } });
  }

  async podUid(): Promise<string> {
    const pod = await get<{ metadata: { uid: string } }>("pod", `${this.name}-0`, this.namespace);
    return pod.metadata.uid;
  }
}
