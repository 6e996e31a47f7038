/** What fails without words says why all the same. */
import { createServer, AddressInfo } from "net";
import { Duplex } from "stream";
import { askSentinels } from "../../components/probe/daemons";
import { provider as hostDrift } from "../../components/providers/hostDrift";
import { openRoute } from "../../components/probe/route";
import { keyPair } from "../helpers/config";
import { startSshServer } from "../helpers/sshServer";

test("a connection that breaks is told by what broke it, not as one that is closed", async () => {
  const dial = () => {
    const stream = new Duplex({ read: () => null, write: (_chunk, _encoding, done) => done() });
    setTimeout(() => stream.destroy(new Error("unable to verify the first certificate")), 50);
    return Promise.resolve(stream);
  };
  const endpoint = { name: "app-1", address: "10.77.0.12", port: 26390 };
  const group = { masterName: "m", nodes: [], sentinels: [endpoint], operatorPassword: "p" };
  const [answer] = await askSentinels(group, { dial }, 5);
  expect(answer.error).toBe("unable to verify the first certificate");
});

test("an sshd that hangs up on too many logins is asked again", async () => {
  let logins = 0;
  const server = createServer((socket) => {
    socket.on("error", () => null);
    socket.destroy();
    if (++logins === 2) route.close();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const host = { name: "app-1", host: "127.0.0.1", port, user: "deploy", hostKey: keyPair.public };
  const route = openRoute({ hosts: [host], privateKey: keyPair.private });
  await expect(route.run("app-1", "true")).rejects.toThrow(/^app-1 \(ssh deploy@127/);
  expect(logins).toBe(2);
  server.close();
});

test("a connection that breaks in the middle of a refresh is no drift", async () => {
  const server = await startSshServer("127.0.0.1", keyPair.public);
  const hosts = [{ ...server, name: "app-1" }].map(({ name, host, port, user, hostKey }) => {
    return { name, host, port, user, hostKey };
  });
  const inputs = { hosts, privateKey: keyPair.private, nodes: [], sources: "" };
  const state = { ...inputs, drift: [], repair: {} };
  const said = jest.spyOn(console, "log").mockReturnValue();
  server.answer = () => ({ stdout: "app-1 hz: wanted 10, seen", status: "breaks" });
  const { props } = await hostDrift.read!("drift", state);
  expect(props).toMatchObject({ drift: [], unreachable: [expect.stringContaining("app-1")] });
  expect(said.mock.calls.join()).toContain(
    "app-1 was not looked at: app-1: the connection broke before what ran there had ended",
  );
  said.mockRestore();
  await server.stop();
});
