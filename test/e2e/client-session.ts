import { imageSecret, session } from "../integration/takeover/client-session.ts";
import { apply, kubectl } from "./cluster.ts";
import type { IdentityProvider } from "./identity-provider.ts";
import { JUPYTER_IMAGE, TestServer } from "./server.ts";

/** What the client's own images do, as far as anybody outside of them sees it: this cluster has Jupyter's image alone. */
const ANSWER_ALL = `
import http.server, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit()) # the first process of a container ends for nothing else
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *args):
        pass
http.server.ThreadingHTTPServer(("", int(sys.argv[1])), Answer).serve_forever()
`;

const POD = "/statefulset/spec/template/spec";

/** The commands of these images, by the place at which the client's patches put the container. */
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  "containers/2": ["python3", "-c", ANSWER_ALL, "8081"],
  "containers/3": ["python3", "-c", ANSWER_ALL, "4000"],
  "initContainers/0": ["sh", "-c", "cp $(python3 -m certifi) /etc/ssl/certs/ca-certificates.crt"],
  "initContainers/2": ["sh", "-c", "cd $GIT_CLONE_MOUNT_PATH && mkdir -p project && echo cloned >> project/log"],
};

/** The client has Jupyter started by a program that images of today do not have. */
const START = { op: "replace", path: `${POD}/containers/0/args`, value: ["jupyter", "lab"] };

/**
 * The session of a client of 0.24 as it is in the fixture, but for what belongs to a cluster: its images with their commands,
 * its provider, its port, and a platform that lets in people whose address is not verified.
 */
export class ClientSession {
  readonly server: TestServer;
  readonly #body: ReturnType<typeof session>;

  constructor(namespace: string) {
    this.#body = session();
    const { name } = this.#body.metadata;
    this.server = new TestServer(name, namespace, { host: "sessions.localhost", path: `/sessions/${name}` });
  }

  /** Makes its namespace, whose Pod Security level is that of 0.24's platforms, and creates the session. */
  async create(provider: Pick<IdentityProvider, "client">, emails: readonly string[]): Promise<void> {
    const { namespace, name } = this.server;
    const labels = { "pod-security.kubernetes.io/enforce": "baseline" };
    await apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace, labels } });
    const text = JSON.stringify(this.#body)
      .replaceAll("jupyter/minimal-notebook:latest", JUPYTER_IMAGE)
      .replaceAll('"namespace":"x"', `"namespace":"${namespace}"`)
      .replace('ALLOW_UNVERIFIED_EMAIL","value":"false"', 'ALLOW_UNVERIFIED_EMAIL","value":"true"');
    const { metadata, spec, ...head } = JSON.parse(text) as Manifest;
    const commands = Object.entries(COMMANDS).map(([place, value]) => ({
      ...{ op: "add", path: `${POD}/${place}/command`, value },
    }));
    const adapted = { type: "application/json-patch+json", patch: [START, ...commands] };
    const manifest = {
      ...head,
      metadata: { ...metadata, namespace },
      spec: {
        ...spec,
        auth: { ...spec.auth, oidc: { ...spec.auth.oidc, ...provider.client, authorizedEmails: emails } },
        routing: { ...spec.routing, externalUrl: new URL(this.server.url).origin },
        patches: [...spec.patches, imageSecret(name).patch, adapted],
      },
    };
    // As the client does: kubectl takes no nulls among labels, and `apply` would drop the others.
    const path = `/apis/amalthea.dev/v1alpha1/namespaces/${namespace}/jupyterservers`;
    await kubectl(["create", "--raw", path, "-f", "-"], JSON.stringify(manifest));
  }

  /** What the client does to resume it: fresh credentials in the children, then the session itself. */
  async resume(token: string): Promise<void> {
    const { name } = this.server;
    const path = "/spec/template/spec/containers/2/env/3";
    const fresh = [
      { op: "test", path: `${path}/name`, value: "GIT_PROXY_CLIENT_ACCESS_TOKEN" },
      { op: "replace", path: `${path}/value`, value: token },
    ];
    await this.#patch("json", ["statefulset", name], fresh);
    const data = { token: Buffer.from(token).toString("base64") };
    await this.#patch("merge", ["secret", imageSecret(name).metadata.name], { data });
    await this.#patch("merge", ["jupyterserver", name], { spec: { jupyterServer: { hibernated: false } } });
  }

  async #patch(type: string, object: readonly string[], patch: unknown): Promise<void> {
    await kubectl([
      ...["patch", ...object, "-n", this.server.namespace],
      ...[`--type=${type}`, "-p", JSON.stringify(patch)],
    ]);
  }
}

type Manifest = {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly auth: { readonly oidc: object };
    readonly routing: object;
    readonly patches: readonly unknown[];
  };
};
