/** Keys that both ways to log in can use: ssh2, and Go's x/crypto/ssh in @pulumi/command. */
import { createPrivateKey, KeyObject } from "crypto";
import { utils } from "ssh2";

export type Usable = { key: string } | { reason: string; expected: string };

const fresh = "a key that sshd takes, as ssh-keygen -t ed25519 makes it";
const openSsh = "a private key in OpenSSH's format, without a passphrase";

/**
 * The key as it is used, or why it cannot be. PKCS#8, which Go reads and ssh2 does not, becomes the older form of the
 * same key, always the same text: another one would be a change of every Command. Of PPK it is the other way round.
 */
export function usableKey(text: string): Usable {
  // Go finds the first line at the beginning of a line alone.
  const key = text.trimStart();
  if (key.startsWith("PuTTY-User-Key-File-")) {
    return {
      reason: "PuTTY's format",
      expected: `${openSsh}; convert it: puttygen KEY.ppk -O private-openssh-new -o KEY`,
    };
  }
  if (key.startsWith("-----BEGIN PRIVATE KEY-----")) return converted(key);
  const parsed = utils.parseKey(key);
  if (
    key.startsWith("-----BEGIN ENCRYPTED ") ||
    (parsed instanceof Error && /encrypted/i.test(parsed.message))
  ) {
    return {
      reason: "a passphrase",
      expected: "ssh.agent: true, or a copy without it: cp KEY COPY; ssh-keygen -p -N '' -f COPY",
    };
  }
  if (parsed instanceof Error) return { reason: parsed.message, expected: openSsh };
  if (!parsed.isPrivateKey()) return { reason: "not a private key", expected: openSsh };
  if (parsed.type === "ssh-dss") return { reason: "dsa", expected: fresh };
  return { key };
}

function converted(pkcs8: string): Usable {
  let key: KeyObject;
  try {
    key = createPrivateKey(pkcs8);
  } catch {
    return { reason: "malformed PKCS#8", expected: openSsh };
  }
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === "ed25519") return { key: ed25519Key(key) };
  if (type === "rsa") return { key: key.export({ type: "pkcs1", format: "pem" }) as string };
  const curve = details?.namedCurve;
  if (type === "ec" && ["prime256v1", "secp384r1", "secp521r1"].includes(curve ?? "")) {
    return { key: key.export({ type: "sec1", format: "pem" }) as string };
  }
  return { reason: curve ? `${type} on ${curve}` : String(type), expected: fresh };
}

/** As OpenSSH's PROTOCOL.key has it, with zeroes for the random number that is there twice. */
function ed25519Key(key: KeyObject): string {
  const { d, x } = key.export({ format: "jwk" });
  const [seed, point] = [d, x].map((part) => Buffer.from(part ?? "", "base64url"));
  const length = (bytes: number) => {
    const field = Buffer.alloc(4);
    field.writeUInt32BE(bytes);
    return field;
  };
  const field = (...parts: (Buffer | string)[]) => {
    const content = Buffer.concat(parts.map((part) => Buffer.from(part as string)));
    return Buffer.concat([length(content.length), content]);
  };
  const type = field("ssh-ed25519");
  const secret = [Buffer.alloc(8), type, field(point), field(seed, point), field("")];
  const used = Buffer.concat(secret).length % 8;
  const padding = Buffer.from([1, 2, 3, 4, 5, 6, 7].slice(0, (8 - used) % 8));
  const body = Buffer.concat([
    Buffer.from("openssh-key-v1\0"),
    field("none"),
    field("none"),
    field(""),
    length(1),
    field(type, field(point)),
    field(...secret, padding),
  ]);
  const lines = body.toString("base64").match(/.{1,70}/g) ?? [];
  return [
    "-----BEGIN OPENSSH PRIVATE KEY-----",
    ...lines,
    "-----END OPENSSH PRIVATE KEY-----",
    "",
  ].join("\n");
}
