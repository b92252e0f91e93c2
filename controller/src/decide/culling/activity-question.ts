/** How to poll a server for its activity, and with which credential. */
export type ActivityQuestion = {
  readonly podUid: string;
  /** IP address of the pod. */
  readonly address: string;
  readonly port: number;
  /** `Jupyter`: its API below `basePath`. `Report`: the authorization service, which asks Jupyter inside the pod. */
  readonly whom: "Jupyter" | "Report";
  readonly basePath: string;
  /** Secret in the server's namespace, and its key; undefined if none is required. */
  readonly credential: { readonly name: string; readonly key: string } | undefined;
  /** Whether the metrics API is asked for the pod's CPU use, too. */
  readonly withCpu: boolean;
  /** Whether Jupyter is asked for its latest request, too; the authorization service always tells it. */
  readonly withRequests: boolean;
};
