import { connect, createServer } from "node:net";

/**
 * A program of its own: forwards every connection to PORT of this machine's loopback interface.
 * Arguments: PORT TARGET_ADDRESS TARGET_PORT
 */
const [port, targetAddress, targetPort] = process.argv.slice(2);

const server = createServer({ allowHalfOpen: true }, (client) => {
  const target = connect({ host: targetAddress ?? "", port: Number(targetPort), allowHalfOpen: true });
  client.on("error", () => target.destroy());
  target.on("error", () => client.destroy());
  client.pipe(target);
  target.pipe(client);
});

// An error, such as a port in use, ends the program and is written to its log.
server.listen({ host: "127.0.0.1", port: Number(port) });
