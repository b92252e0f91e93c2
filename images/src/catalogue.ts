import { authorization } from "../authorization/image.ts";
import { controller } from "../controller/image.ts";
import { demoIdentityProvider } from "../demo-identity-provider/image.ts";
import { jupyter } from "../jupyter/image.ts";
import { keycloak } from "../keycloak/image.ts";
import { oauth2Proxy } from "../oauth2-proxy/image.ts";
import { traefik } from "../traefik/image.ts";
import type { ImageDefinition } from "./definition.ts";

/** Every image of this project. */
export const catalogue: readonly ImageDefinition[] = [
  jupyter,
  controller,
  authorization,
  traefik,
  oauth2Proxy,
  demoIdentityProvider,
  keycloak,
];
