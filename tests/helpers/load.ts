import { connect } from "node:net";

export interface Load {
  /** Bytes of values acknowledged so far. */
  bytes(): number;
  stop(): Promise<void>;
}

/** Writes values of 50 kB over 50 keys of the node at this rate, as fast as it is answered at most. */
export function load(
  node: { host: string; port: number; username: string; password: string },
  bytesPerSecond: number,
): Load {
  const value = "x".repeat(50_000);
  const socket = connect(node.port, node.host);
  let sent = 0;
  let answered = -1;
  const command = (...words: string[]) =>
    socket.write(
      `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`,
    );
  socket.on("error", () => null);
  socket.on("data", (chunk: Buffer) => (answered += chunk.toString().split("+OK").length - 1));
  command("AUTH", node.username, node.password);
  const started = performance.now();
  const timer = setInterval(() => {
    const due = ((performance.now() - started) / 1000) * (bytesPerSecond / value.length);
    while (sent < due && sent - answered < 40) command("SET", `load:${sent++ % 50}`, value);
  }, 5);
  return {
    bytes: () => Math.max(answered, 0) * value.length,
    stop: () => {
      clearInterval(timer);
      // A handover ends the connection before.
      if (socket.closed) return Promise.resolve();
      return new Promise((resolve) => {
        socket.once("close", () => resolve());
        socket.destroy();
      });
    },
  };
}
