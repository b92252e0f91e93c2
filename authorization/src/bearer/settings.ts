import { isTextList, parseJson, type JsonRecord } from "../json.ts";
import { isWebAddress } from "../web-address.ts";

/** The provider and the audiences of tokens that give access without a session. */
export type BearerSettings = {
  readonly issuerUrl: string;
  /** A token is accepted if its `aud` has one of them. Never empty. */
  readonly audiences: readonly string[];
  /** Where the provider's keys are; without it the provider's metadata says so. */
  readonly jwksUrl: string | undefined;
  readonly groupsClaim: string;
};

const COMPLAINT =
  'has to be JSON such as {"issuerUrl": "https://login.example.org", "audiences": ["jupyter"], "groupsClaim": "groups"}';

/** Reads the variable `AMALTHEA_BEARER`. Empty: no tokens are accepted. @throws Error */
export function parseBearerSettings(text: string): BearerSettings | undefined {
  if (text === "") return undefined;
  const { issuerUrl, audiences, jwksUrl, groupsClaim } = Object(parseJson(text, COMPLAINT)) as JsonRecord;
  if (!isWebAddress(issuerUrl) || !(jwksUrl === undefined || isWebAddress(jwksUrl))) throw new Error(COMPLAINT);
  if (!isTextList(audiences) || audiences.length === 0) throw new Error(COMPLAINT);
  if (typeof groupsClaim !== "string" || groupsClaim === "") throw new Error(COMPLAINT);
  return { issuerUrl, audiences, jwksUrl, groupsClaim };
}
