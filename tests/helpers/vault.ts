import { address, masterName, on, Stack } from "./lab";
import { sshKey } from "./sshKey";

/** What encrypts the second place of the lab's backups. */
export const resticPassword = "of-the-second-place";

/** The stack's backups go to a user of the bastion, by SFTP; returns where the hosts' repositories are, and the key. */
export async function openVault({ stack }: Stack): Promise<{ repository: string; key: string }> {
  const key = sshKey();
  on("bastion", "useradd --create-home vault; install -d -o vault -m 700 /home/vault/.ssh");
  on("bastion", `tee /home/vault/.ssh/authorized_keys <<<"${key.public}" >/dev/null`);
  const repository = `sftp:vault@${address("bastion")}:/home/vault/redis`;
  const hostKey = on("bastion", "cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub");
  const set = (path: string, value: string, secret = false) =>
    stack.setConfig(`redis-cluster:${path}`, { value, secret }, true);
  await set("backup.hostKey", hostKey);
  await set("backup.repository", repository);
  await set("backupSecrets.RESTIC_PASSWORD", resticPassword, true);
  await set("backupSecrets.sshPrivateKey", key.private, true);
  return { repository: `${repository}/${masterName}`, key: key.private };
}
