import { kubectl } from "./cluster.ts";
import { JUPYTER_IMAGE } from "./server.ts";

const PORT = 9000;

/** Answers every request with 200 and writes its method, target and headers as one line of JSON. */
const PROGRAM = `
import http.server, json
class Recorder(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def handle_one_request(self):
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        self.rfile.read(int(self.headers.get("content-length", 0)))
        print(json.dumps({"method": self.command, "url": self.path, "headers": self.headers.items()}), flush=True)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *args):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", ${PORT}), Recorder).serve_forever()
`;

const CONTAINERS = "/statefulset/spec/template/spec/containers";

/** A patch by which everything that would reach Jupyter reaches a recorder in the same pod, as clients put a proxy there. */
export const RECORDER_PATCH: object = {
  type: "application/json-patch+json",
  patch: [
    { op: "replace", path: `${CONTAINERS}/1/args/6`, value: `--upstream=http://127.0.0.1:${PORT}` },
    {
      op: "add",
      path: `${CONTAINERS}/-`,
      value: {
        name: "recorder",
        image: JUPYTER_IMAGE,
        command: ["python3", "-c", PROGRAM],
        securityContext: {
          runAsUser: 1000,
          runAsNonRoot: true,
          allowPrivilegeEscalation: false,
          capabilities: { drop: ["ALL"] },
          seccompProfile: { type: "RuntimeDefault" },
        },
      },
    },
  ],
};

/** A request as it arrived; header names in lower case. */
export type Arrival = {
  readonly method: string;
  readonly url: string;
  readonly headers: ReadonlyMap<string, string>;
};

/** Everything that has arrived at the recorder of a server, oldest first. */
export async function arrivalsAt(serverName: string, namespace: string): Promise<readonly Arrival[]> {
  const text = await kubectl(["logs", `${serverName}-0`, "-c", "recorder", "-n", namespace]);
  return text.split("\n").flatMap((line) => {
    if (line === "") return [];
    // written by the program above
    const { headers, ...rest } = JSON.parse(line) as Omit<Arrival, "headers"> & { headers: [string, string][] };
    return [{ ...rest, headers: new Map(headers.map(([name, value]) => [name.toLowerCase(), value])) }];
  });
}
