import { describe, expect, it } from "vitest";
import { originRefusal, parseOrigin, type OriginFacts } from "./same-origin.ts";

const post: OriginFacts = {
  method: "POST",
  isUpgrade: false,
  host: "a.example",
  origin: undefined,
  fetchSite: undefined,
};
const get: OriginFacts = { ...post, method: "GET" };
const upgrade: OriginFacts = { ...get, isUpgrade: true };

describe("originRefusal, measured by the request's own host", () => {
  it.each([
    { facts: { ...get, origin: "https://evil.example", fetchSite: "cross-site" }, refused: undefined },
    { facts: { ...get, method: "HEAD", origin: "null" }, refused: undefined },
    { facts: post, refused: undefined },
    { facts: { ...post, origin: "https://a.example" }, refused: undefined },
    { facts: { ...post, origin: "http://a.example" }, refused: undefined },
    { facts: { ...post, origin: "https://a.example", host: "A.Example:443" }, refused: undefined },
    { facts: { ...post, origin: "http://localhost:8080", host: "localhost:8080" }, refused: undefined },
    { facts: { ...post, fetchSite: "same-origin" }, refused: undefined },
    { facts: { ...post, fetchSite: "none" }, refused: undefined },
    { facts: { ...post, fetchSite: "same-site" }, refused: "CrossSite" },
    { facts: { ...post, fetchSite: "cross-site" }, refused: "CrossSite" },
    { facts: { ...post, fetchSite: "Same-Origin" }, refused: "CrossSite" },
    { facts: { ...post, origin: "https://b.example" }, refused: "OriginNotAllowed" },
    { facts: { ...post, origin: "https://x.a.example" }, refused: "OriginNotAllowed" },
    { facts: { ...post, origin: "https://a.example.evil.example" }, refused: "OriginNotAllowed" },
    { facts: { ...post, origin: "https://a.example:8443" }, refused: "OriginNotAllowed" },
    { facts: { ...post, origin: "https://a.example@evil.example" }, refused: "OriginNotAllowed" },
    { facts: { ...post, origin: "https://a.example/" }, refused: "OriginNotAllowed" },
    { facts: { ...post, origin: "null" }, refused: "OriginNotAllowed" },
    { facts: { ...post, origin: "file://" }, refused: "OriginNotAllowed" },
    { facts: { ...post, origin: "" }, refused: "OriginNotAllowed" },
    { facts: { ...post, origin: "https://a.example, https://b.example" }, refused: "OriginNotAllowed" },
    { facts: { ...post, origin: "https://evil.example", host: "x@evil.example" }, refused: "OriginNotAllowed" },
    { facts: { ...post, method: "get", origin: "https://b.example" }, refused: "OriginNotAllowed" },
    { facts: upgrade, refused: undefined },
    { facts: { ...upgrade, origin: "https://a.example" }, refused: undefined },
    { facts: { ...upgrade, origin: "https://b.example" }, refused: "OriginNotAllowed" },
    { facts: { ...upgrade, fetchSite: "cross-site" }, refused: "CrossSite" },
  ])("$facts → $refused", ({ facts, refused }) => {
    expect(originRefusal(facts, [])).toBe(refused);
  });
});

describe("originRefusal, measured by the configured addresses", () => {
  const origins = ["https://a.example", "http://localhost:8080"];

  it.each([
    { facts: get, refused: undefined },
    { facts: { ...get, host: "localhost:8080" }, refused: undefined },
    { facts: { ...get, host: "b.example" }, refused: "HostNotAllowed" },
    { facts: { ...get, host: "localhost:8081" }, refused: "HostNotAllowed" },
    { facts: { ...get, host: "a.example, b.example" }, refused: "HostNotAllowed" },
    { facts: { ...get, host: "a.example/" }, refused: "HostNotAllowed" },
    { facts: { ...post, origin: "https://a.example" }, refused: undefined },
    { facts: { ...post, origin: "http://a.example" }, refused: "OriginNotAllowed" },
    { facts: { ...post, origin: "http://localhost:8080" }, refused: undefined },
  ])("$facts → $refused", ({ facts, refused }) => {
    expect(originRefusal(facts, origins)).toBe(refused);
  });
});

describe("parseOrigin", () => {
  it.each(["https://a.example", "http://localhost:8080", "http://[::1]:8080"])("%s is an origin", (text) => {
    expect(parseOrigin(text)?.origin).toBe(text);
  });
  it.each([
    "null",
    "",
    "https://a.example/",
    "https://A.example",
    "https://a.example:443",
    "ftp://a.example",
    "a.example",
  ])("%s is none", (text) => {
    expect(parseOrigin(text)).toBeUndefined();
  });
});
