import { createPublicKey, generateKeyPairSync, KeyObject, verify } from "crypto";
import { utils } from "ssh2";
import { usableKey } from "../../components/config/privateKey";
import { keyPair, problemsOf, rawConfig } from "../helpers/config";
import { parseConfig } from "../../components/config/load";

const pem = (key: KeyObject, type: "pkcs1" | "pkcs8" | "sec1", passphrase?: string): string =>
  key.export({
    type,
    format: "pem",
    ...(passphrase && { cipher: "aes-256-cbc", passphrase }),
  } as never) as unknown as string;

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
const ec = (namedCurve: string) => generateKeyPairSync("ec", { namedCurve }).privateKey;
const ed25519 = generateKeyPairSync("ed25519").privateKey;
const dsa = generateKeyPairSync("dsa", { modulusLength: 2048, divisorLength: 256 }).privateKey;

/** What both ways to log in read: ssh2, and Go's x/crypto/ssh in the Commands (ParseRawPrivateKey). */
function readByBoth(text: string, key: KeyObject): void {
  expect(text).toMatch(/^-----BEGIN (OPENSSH|RSA|EC) PRIVATE KEY-----\n/);
  const parsed = utils.parseKey(text);
  if (parsed instanceof Error) throw parsed;
  if (key.asymmetricKeyType !== "ec") {
    const hash = key.asymmetricKeyType === "rsa" ? "sha256" : undefined;
    const signature = parsed.sign(Buffer.from("data"), hash);
    expect(verify(hash, Buffer.from("data"), createPublicKey(key), signature)).toBe(true);
  }
  const own = createPublicKey(key).export({ type: "spki", format: "pem" }) as string;
  expect(parsed.getPublicPEM().replace(/\s/g, "")).toBe(own.replace(/\s/g, ""));
}

test.each<[string, string, KeyObject]>([
  ["RSA as PKCS#1", pem(rsa, "pkcs1"), rsa],
  ["RSA as PKCS#8", pem(rsa, "pkcs8"), rsa],
  ["ed25519 as PKCS#8", pem(ed25519, "pkcs8"), ed25519],
  ["ed25519 with CRLF", pem(ed25519, "pkcs8").replaceAll("\n", "\r\n"), ed25519],
  ["ed25519 after spaces", `\n  ${pem(ed25519, "pkcs8")}`, ed25519],
  ...["prime256v1", "secp384r1", "secp521r1"].flatMap((curve): [string, string, KeyObject][] => {
    const key = ec(curve);
    return [
      [`${curve} as SEC1`, pem(key, "sec1"), key],
      [`${curve} as PKCS#8`, pem(key, "pkcs8"), key],
    ];
  }),
])("%s is used", (_, text, key) => {
  const usable = usableKey(text);
  if (!("key" in usable)) throw new Error(usable.reason);
  readByBoth(usable.key, key);
  expect(usableKey(text)).toEqual(usable);
});

test("what both read already is used as it is, and a converted key goes to both ways to log in", () => {
  expect(usableKey(keyPair.private)).toEqual({ key: keyPair.private });
  const { config } = parseConfig(
    "dev",
    rawConfig({ sshPrivateKey: pem(ed25519, "pkcs8") }),
    () => true,
  );
  readByBoth(config!.secrets.sshPrivateKey!, ed25519);
});

const ppk = (version: number) =>
  [
    `PuTTY-User-Key-File-${version}: ssh-ed25519`,
    "Encryption: none",
    "Comment: mine",
    "Public-Lines: 2",
    "AAAAC3NzaC1lZDI1NTE5AAAAIGVsvLE9QOHAHgMLNXWIfePKhZSFtSGcRDLhv9DX",
    "q8cO",
    "Private-Lines: 1",
    "AAAAIBr0r8Fq3uHUyj6qYVb9QuXn3wRnh7iN0FsfXQ2+cwAX",
    "Private-MAC: 0000000000000000000000000000000000000000",
    "",
  ].join("\r\n");

test.each<[string, string, RegExp, RegExp]>([
  ["PPK 2", ppk(2), /^PuTTY's format$/, /: puttygen KEY.ppk -O private-openssh-new -o KEY;/],
  ["PPK 3", ppk(3), /^PuTTY's format$/, /: puttygen KEY.ppk -O private-openssh-new -o KEY;/],
  [
    "encrypted PKCS#8",
    pem(ed25519, "pkcs8", "x"),
    /^a passphrase$/,
    /ssh.agent: true, or .* ssh-keygen -p -N '' -f COPY;/,
  ],
  ["encrypted PKCS#1", pem(rsa, "pkcs1", "x"), /^a passphrase$/, /ssh-keygen -p -N '' -f COPY;/],
  ["DSA as PKCS#8", pem(dsa, "pkcs8"), /^dsa$/, /ssh-keygen -t ed25519/],
  ["another curve", pem(ec("secp256k1"), "pkcs8"), /^ec on secp256k1$/, /ssh-keygen -t ed25519/],
  ["X25519", pem(generateKeyPairSync("x25519").privateKey, "pkcs8"), /^x25519$/, /ed25519/],
  [
    "PKCS#8 that is none",
    "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    /./,
    /./,
  ],
  [
    "OpenSSH's that is none",
    "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----",
    /Malformed/,
    /OpenSSH's format/,
  ],
])("%s is refused, with what to do", (_, text, reason, expected) => {
  const [problem, ...others] = problemsOf({ sshPrivateKey: text });
  expect(others).toEqual([]);
  expect(problem.key).toBe("sshPrivateKey");
  expect(problem.seen).toMatch(/^is no usable key \((.*)\)$/);
  expect(/\((.*)\)$/.exec(problem.seen)![1]).toMatch(reason);
  expect(problem.expected).toMatch(expected);
  expect(problem.expected).toMatch(
    /set it: pulumi config set --stack dev --secret sshPrivateKey < /,
  );
});
