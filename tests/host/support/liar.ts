import { AddressInfo, createServer, Server, Socket } from "node:net";

/** What a daemon answers to a command, in Redis's protocol; a function takes the connection over. */
export type Lie = string | ((socket: Socket) => void);

export interface Liar {
  port: number;
  /** Bytes that clients have taken. */
  taken(): number;
  stop(): Promise<void>;
}

/**
 * A daemon that lets everybody in and then answers as it likes.
 *
 * @param answer of the words of a command, in capitals; AUTH and the like are answered with OK
 * @param port default: a free one
 */
export async function liar(
  address: string,
  answer: (command: string) => Lie,
  port = 0,
): Promise<Liar> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => null);
    let waiting = "";
    socket.on("data", (chunk) => {
      waiting += chunk.toString();
      for (;;) {
        const count = /^\*(\d+)\r\n/.exec(waiting);
        const whole =
          count && new RegExp(`^\\*\\d+\r\n((?:\\$\\d+\r\n[^\r]*\r\n){${count[1]}})`).exec(waiting);
        if (!whole) return;
        waiting = waiting.slice(whole[0].length);
        const command = [...whole[1].matchAll(/\$\d+\r\n([^\r]*)\r\n/g)]
          .map(([, word]) => word)
          .join(" ")
          .toUpperCase();
        const lie = /^(AUTH|HELLO|CLIENT SETNAME|SELECT|COMMAND)\b/.test(command)
          ? "+OK\r\n"
          : answer(command);
        if (typeof lie === "string") socket.write(lie);
        else lie(socket);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(port, address, resolve));
  return {
    port: (server.address() as AddressInfo).port,
    taken: () => [...sockets].reduce((sum, { bytesWritten }) => sum + bytesWritten, 0),
    stop: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

export const bulk = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;

export const array = (...texts: string[]): string =>
  `*${texts.length}\r\n${texts.map(bulk).join("")}`;

/** A reply that never ends, as fast as it is taken. */
export const endless =
  (head: string): Lie =>
  (socket) => {
    const chunk = Buffer.alloc(1 << 20, "x");
    const more = () => {
      while (!socket.destroyed && socket.write(chunk));
    };
    socket.write(head);
    socket.on("drain", more);
    more();
  };

/** A reply of which a byte comes every now and then. */
export const trickle =
  (head: string): Lie =>
  (socket) => {
    socket.write(head);
    const timer = setInterval(() => socket.write("x"), 200);
    socket.on("close", () => clearInterval(timer));
  };
