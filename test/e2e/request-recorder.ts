import { kubectl, until } from "./cluster.ts";
import { JUPYTER_IMAGE, type TestServer } from "./server.ts";

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

/** A container that listens on port 9000 of the pod's loopback interface. */
export const recorder: object = {
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
};

/** A patch by which everything that would reach Jupyter reaches a recorder in the same pod, as clients put a proxy there. */
export const RECORDER_PATCH: object = {
  type: "application/json-patch+json",
  patch: [
    { op: "replace", path: `${CONTAINERS}/1/args/6`, value: `--upstream=http://127.0.0.1:${PORT}` },
    { op: "add", path: `${CONTAINERS}/-`, value: recorder },
  ],
};

/** A request as it arrived; header names in lower case. */
export type Arrival = {
  readonly method: string;
  readonly url: string;
  readonly headers: ReadonlyMap<string, string>;
};

/**
 * What has arrived at the recorder of a server, oldest first. Logs come later than answers.
 *
 * @param count How many to wait for at least.
 * @param header Name, in lower case, of a header that those in question carry; undefined: all are.
 */
export async function arrivalsAt(
  { name, namespace }: Pick<TestServer, "name" | "namespace">,
  count: number,
  header?: string,
): Promise<readonly Arrival[]> {
  const read = async (): Promise<readonly Arrival[]> => {
    const text = await kubectl(["logs", `${name}-0`, "-c", "recorder", "-n", namespace]);
    const lines = text.split("\n").filter((line) => line !== "");
    return lines.map(parseArrival).filter(({ headers }) => header === undefined || headers.has(header));
  };
  return until(read, ({ length }) => length >= count);
}

function parseArrival(line: string): Arrival {
  // written by the program above
  const { headers, ...rest } = JSON.parse(line) as Omit<Arrival, "headers"> & { headers: [string, string][] };
  return { ...rest, headers: new Map(headers.map(([name, value]) => [name.toLowerCase(), value])) };
}
