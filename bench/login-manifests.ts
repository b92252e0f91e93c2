import { PORTS, SECRET_KEYS } from "@amalthea/api";
import { sessionCookieName } from "../controller/src/decide/children/sidecars/oauth2-proxy.ts";
import { SERVER_KIND } from "../controller/src/kinds.ts";
import type { Part } from "./login-figures.ts";
import type { RealCluster } from "./real-cluster.ts";

export const NAMESPACE = "default";

/** The container that a patch adds: 0.24's only one besides Jupyter. */
const SINGLE_PROXY: Part = "single-proxy";

/** On the loopback of the pod. */
export const SINGLE_PROXY_PORT = 4190;

/** A server behind a login, below a path of its name. */
export function aServer(
  { ingressUrl, jupyterImage }: RealCluster,
  name: string,
  oidc: object,
  patches: readonly object[],
): object {
  return {
    apiVersion: SERVER_KIND.apiVersion,
    kind: SERVER_KIND.kind,
    metadata: { name, namespace: NAMESPACE },
    spec: {
      jupyterServer: { image: jupyterImage },
      routing: { host: "localhost", path: `/${name}`, externalUrl: ingressUrl },
      auth: { oidc },
      patches,
    },
  };
}

/**
 * The patch that puts a proxy with a list of users beside our chain.
 *
 * @param client of `demoClient`
 * @param users as oauth2-proxy knows them: by the address if the ID token has it, otherwise by the subject
 */
export function withSingleProxy(
  cluster: RealCluster,
  server: string,
  client: object,
  users: readonly string[],
): object {
  const pod = "/statefulset/spec/template/spec";
  const volume = { name: VOLUME, configMap: { name: server } };
  const container = singleProxy(cluster, server, client as DemoClient);
  return {
    type: "application/json-patch+json",
    patch: [
      { op: "add", path: "/configmap/data/authorized-users.txt", value: `${users.join("\n")}\n` },
      { op: "add", path: `${pod}/volumes/-`, value: volume },
      { op: "add", path: `${pod}/containers/-`, value: container },
    ],
  };
}

type DemoClient = {
  readonly issuerUrl: string;
  readonly clientId: string;
  readonly clientSecret: { readonly secretKeyRef: { readonly name: string; readonly key: string } };
  readonly discovery: { readonly loginUrl: string; readonly redeemUrl: string; readonly jwksUrl: string };
};

const VOLUME = "authorized-users";
const DIRECTORY = "/etc/oauth2-proxy";

/** It takes the session that the chain's oauth2-proxy has made: cookie and secret are the same. */
function singleProxy(cluster: RealCluster, server: string, client: DemoClient): object {
  const secret = (name: string, key: string): object => ({ valueFrom: { secretKeyRef: { name, key } } });
  const { name, key } = client.clientSecret.secretKeyRef;
  return {
    name: SINGLE_PROXY,
    image: cluster.oauth2ProxyImage,
    args: singleProxyArgs(cluster, `/${server}`, client),
    env: [
      { name: "SERVER_UID", valueFrom: { fieldRef: { fieldPath: "metadata.labels['amalthea.dev/parent-uid']" } } },
      { name: "OAUTH2_PROXY_COOKIE_SECRET", ...secret(server, SECRET_KEYS.oauth2ProxyCookieSecret) },
      { name: "OAUTH2_PROXY_CLIENT_SECRET", ...secret(name, key) },
    ],
    volumeMounts: [{ name: VOLUME, mountPath: DIRECTORY }],
  };
}

/** 0.24's, without its log of requests, which our sidecars do not write either. */
function singleProxyArgs({ ingressUrl }: RealCluster, path: string, client: DemoClient): readonly string[] {
  return [
    "--provider=oidc",
    `--client-id=${client.clientId}`,
    `--oidc-issuer-url=${client.issuerUrl}`,
    "--skip-oidc-discovery",
    `--login-url=${client.discovery.loginUrl}`,
    `--redeem-url=${client.discovery.redeemUrl}`,
    `--oidc-jwks-url=${client.discovery.jwksUrl}`,
    "--session-cookie-minimal",
    `--http-address=127.0.0.1:${SINGLE_PROXY_PORT}`,
    "--skip-provider-button",
    `--upstream=http://127.0.0.1:${PORTS.jupyter}`,
    `--redirect-url=${ingressUrl}${path}/oauth2/callback`,
    `--cookie-name=${sessionCookieName("$(SERVER_UID)", { path })}`,
    `--cookie-path=${path}/`,
    `--proxy-prefix=${path}/oauth2`,
    `--authenticated-emails-file=${DIRECTORY}/authorized-users.txt`,
    "--request-logging=false",
  ];
}
