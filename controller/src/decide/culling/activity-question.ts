/** Whom to ask about the activity of a server, and with which credential. */
export type ActivityQuestion = {
  readonly podUid: string;
  /** IP address of the pod. */
  readonly address: string;
  readonly port: number;
  /** `Jupyter`: its API below `basePath`. `Report`: the authorization service, which asks Jupyter inside the pod. */
  readonly whom: "Jupyter" | "Report";
  readonly basePath: string;
  /** Secret in the server's namespace, and its key; undefined where none is asked for. */
  readonly credential: { readonly name: string; readonly key: string } | undefined;
  /** Whether the metrics API is asked for the pod's CPU use, too. */
  readonly withCpu: boolean;
  /** Whether Jupyter is asked for its latest request, too; the authorization service always tells it. */
  readonly withRequests: boolean;
};
