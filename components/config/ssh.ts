/** How the hosts are reached. */
import type { Checker } from "./checker";
import type { TopologyConfig } from "./topology";

export function readSsh(check: Checker): TopologyConfig["ssh"] | undefined {
  const ssh = check.fields(check.json("ssh"), "ssh", [
    "user",
    "port",
    "agent",
    "helper",
    "bastion",
  ]);
  if (!ssh) {
    return undefined;
  }
  const user = check.user(ssh.user, "ssh.user");
  const port = check.anyPort(ssh.port, "ssh.port", 22);
  const agent = check.flag(ssh.agent, "ssh.agent");
  const helper = check.flag(ssh.helper, "ssh.helper");
  if (ssh.bastion === undefined) {
    return { user, port, agent, helper };
  }
  const bastion = check.fields(ssh.bastion, "ssh.bastion", ["host", "port", "user", "hostKey"]);
  if (!bastion) {
    return undefined;
  }
  const host = check.machine(bastion.host, "ssh.bastion.host");
  return {
    user,
    port,
    agent,
    helper,
    bastion: {
      host,
      port: check.anyPort(bastion.port, "ssh.bastion.port", 22),
      user: check.user(bastion.user ?? ssh.user, "ssh.bastion.user"),
      hostKey: check.hostKey(bastion.hostKey, "ssh.bastion.hostKey"),
    },
  };
}
