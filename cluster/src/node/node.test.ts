import { describe, expect, it } from "vitest";
import { listensOn } from "./node.ts";

const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid
   0: 0100007F:1388 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0
   1: 0200D50A:C350 0100007F:1A85 01 00000000:00000000 00:00000000 00000000     0
`;

describe("listensOn", () => {
  it.each([
    { port: 5000, because: "a process listens there", expected: true },
    { port: 50_000, because: "the socket there is a connection", expected: false },
    { port: 6789, because: "it is the far end of a connection", expected: false },
    { port: 1388, because: "the table counts in hexadecimal", expected: false },
  ])("says $expected of port $port, since $because", ({ port, expected }) => {
    expect(listensOn(table, port)).toBe(expected);
  });
});
