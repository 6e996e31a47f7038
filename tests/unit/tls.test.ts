import { nodeFiles } from "../../components/release/manifest";
import {
  renderMembers,
  renderRedisConf,
  renderSentinelConf,
} from "../../components/release/render";
import { authority } from "../helpers/certificates";
import { problemsOf, topologyConfig } from "../helpers/config";

const own = authority("own");
const stranger = authority("stranger");
const addresses = { console: "10.77.0.11", "app-1": "10.77.0.12", "app-2": "10.77.0.13" };
const pairs = Object.entries(addresses).map(([name, address]) => ({
  name,
  ...own.issue(name, address),
}));
const byName = (part: "certificate" | "key") =>
  Object.fromEntries(pairs.map((pair) => [pair.name, pair[part]]));

const ownTls = (more = {}, keys = {}) => ({
  tls: {
    mode: "required",
    authority: own.certificate,
    certificates: { ...byName("certificate"), ...more },
  },
  tlsKeys: { ...byName("key"), ...keys },
});

const said = (more: Record<string, unknown>): string[] =>
  problemsOf(more).map(({ key, seen, expected }) => `${key} ${seen}; expected ${expected}`);

const files = (more: Record<string, unknown>) => {
  const config = topologyConfig(more);
  const [host] = config.hosts;
  return {
    node: renderRedisConf(config, host).split("\n"),
    live: nodeFiles(config, host).live.split("\n"),
    sentinel: renderSentinelConf(config, host).split("\n"),
    members: renderMembers(config, host).split("\n"),
  };
};

describe("what the hosts get", () => {
  test.each([undefined, {}, { mode: "off" }])("%j: not a word of it", (tls) => {
    expect(files({ tls })).toEqual(files({}));
    expect(Object.values(files({})).flat().join()).not.toMatch(/tls|plain-ports/);
  });

  test("both: TLS beside the plain ports, which the group goes on using", () => {
    const { node, sentinel, members } = files({ tls: { mode: "both" } });
    expect(node).toEqual(
      expect.arrayContaining(["port 6389", "tls-port 6390", "tls-replication no"]),
    );
    expect(sentinel).toEqual(
      expect.arrayContaining(["port 26389", "tls-port 26390", "tls-replication no"]),
    );
    expect(members).toEqual(files({}).members);
  });

  test("required: no plain port, and the group's own traffic by TLS", () => {
    const { node, sentinel, members } = files({ tls: { mode: "required" } });
    for (const lines of [node, sentinel]) {
      expect(lines).toEqual(
        expect.arrayContaining(["port 0", "tls-replication yes", "tls-auth-clients yes"]),
      );
    }
    expect(members).toEqual(
      expect.arrayContaining([
        "plain-ports 6389 26389",
        "node app-1 10.77.0.12 6390",
        "sentinel app-1 10.77.0.12 26390",
      ]),
    );
  });

  test("from both to required a node has only live settings to change", () => {
    const restart = (mode: string) => {
      const { node, live } = files({ tls: { mode } });
      return node.filter((line) => !live.includes(`node ${line.split(" ")[0]}`));
    };
    expect(restart("both").length).toBeGreaterThan(5);
    expect(restart("required")).toEqual(restart("both"));
  });
});

test("own ports, and clients that need no certificate", () => {
  const tls = { mode: "both", nodePort: 7000, sentinelPort: 7001, clientCertificates: "optional" };
  const { node, sentinel } = files({ tls });
  expect(node).toEqual(expect.arrayContaining(["tls-port 7000", "tls-auth-clients optional"]));
  expect(sentinel).toEqual(expect.arrayContaining(["tls-port 7001", "tls-auth-clients optional"]));
});

test.each([
  [{ mode: "on" }, 'tls.mode is "on"; expected one of off, both, required'],
  [{ mode: "both", port: 1 }, "tls.port is unknown; expected one of mode, "],
  [{ mode: "both", nodePort: 6389 }, "tls.nodePort is 6389, which is another port's"],
  [{ mode: "both", sentinelPort: 6390 }, "tls.sentinelPort is 6390, which is another port's"],
  [{ mode: "both", nodePort: 6379 }, "tls.nodePort is 6379; expected a port from 1024"],
  [{ mode: "both", renew: "soon" }, 'tls.renew is "soon"; expected an integer'],
  [{ mode: "both", clientCertificates: true }, "tls.clientCertificates is true; expected required"],
])("%j is refused", (tls, problem) => {
  expect(said({ tls })).toEqual([expect.stringContaining(problem)]);
});

test("not while a group is taken over", () => {
  const more = { tls: { mode: "both" }, adoptPassword: "foobared" };
  expect(said(more)).toEqual([
    "tls.mode is both while adoptPassword is set; expected off until the group is taken over",
  ]);
});

describe("the stack's own certificates", () => {
  const refused = (more: object, keys = {}) => said(ownTls(more, keys));
  const app1 = "tls.certificates.app-1";

  test("are taken, and nothing of their files but the certificates", () => {
    const { tls } = topologyConfig(
      ownTls({ "app-1": `==> members <==\n${byName("certificate")["app-1"]}` }),
    );
    expect(tls?.own?.certificates["app-1"]).toMatch(
      /^-----BEGIN CERTIFICATE-----\n[^=>]*={0,2}\n-----END CERTIFICATE-----\n$/,
    );
  });

  test.each<[string, () => string[], string]>([
    ["missing", () => refused({ "app-1": undefined }), `${app1} holds no certificate`],
    [
      "for another host",
      () => refused({ "app-1": byName("certificate")["app-2"] }),
      `${app1} is not of tlsKeys.app-1`,
    ],
    [
      "for another address",
      () => {
        const { certificate, key } = own.issue("app-1", "10.77.0.99");
        return refused({ "app-1": certificate }, { "app-1": key });
      },
      `${app1} is not for the address 10.77.0.12`,
    ],
    [
      "of another authority",
      () => {
        const { certificate, key } = stranger.issue("app-1", addresses["app-1"]);
        return refused({ "app-1": certificate }, { "app-1": key });
      },
      `${app1} leads to no certificate of tls.authority`,
    ],
    [
      "that has ended",
      () => {
        const { certificate, key } = own.issue("app-1", addresses["app-1"], undefined, -60);
        return refused({ "app-1": certificate }, { "app-1": key });
      },
      `${app1} ended `,
    ],
    [
      "whose authority has ended",
      () => {
        const ended = authority("ended", -60);
        const { certificate, key } = ended.issue("app-1", addresses["app-1"]);
        const { tls, tlsKeys } = ownTls({ "app-1": certificate }, { "app-1": key });
        return said({ tls: { ...tls, authority: own.certificate + ended.certificate }, tlsKeys });
      },
      `${app1} leads to no certificate of tls.authority that has not ended`,
    ],
    [
      "for servers only",
      () => {
        const { certificate, key } = own.issue("app-1", addresses["app-1"], "serverAuth");
        return refused({ "app-1": certificate }, { "app-1": key });
      },
      `${app1} is not for both serverAuth and clientAuth`,
    ],
    [
      "without a key",
      () => refused({}, { "app-1": "nonsense" }),
      "tlsKeys.app-1 is no private key",
    ],
    [
      "for an unknown host",
      () => refused({ "app-9": own.certificate }),
      "tls.certificates.app-9 is unknown",
    ],
  ])("%s: refused", (_, problems, expected) => {
    expect(problems()).toEqual([expect.stringContaining(expected)]);
    expect(problems().join()).not.toMatch(/BEGIN|nonsense/);
  });

  test("an authority is needed", () => {
    const { tls, tlsKeys } = ownTls();
    expect(said({ tls: { ...tls, authority: undefined }, tlsKeys })).toEqual([
      expect.stringContaining("tls.authority holds no certificate"),
    ]);
  });
});
