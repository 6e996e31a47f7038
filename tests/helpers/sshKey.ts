import { utils } from "ssh2";

type Options = { comment?: string } | { passphrase: string; cipher: string; rounds: number };

/** An ed25519 key pair that ssh2 itself can read: about one in two hundred of those that it makes is malformed. */
export function sshKey(options: Options = {}): { private: string; public: string } {
  const passphrase = "passphrase" in options ? options.passphrase : undefined;
  for (;;) {
    const pair = utils.generateKeyPairSync("ed25519", options);
    if (!(utils.parseKey(pair.private, passphrase) instanceof Error)) return pair;
  }
}
